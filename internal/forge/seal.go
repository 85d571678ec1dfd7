package forge

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// sealer keeps the secrets of webhooks unreadable in the database. Its key is a
// file beside the repositories, readable by the owner only.
type sealer struct{ aead cipher.AEAD }

const sealKeyName = "webhook.key"

func openSealer(root *os.Root) (*sealer, error) {
	key, err := root.ReadFile(sealKeyName)
	if errors.Is(err, fs.ErrNotExist) {
		key, err = makeSealKey(root)
	}
	if err != nil {
		return nil, fmt.Errorf("read the key of webhook secrets: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("use the key of webhook secrets: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("use the key of webhook secrets: %w", err)
	}
	return &sealer{aead}, nil
}

// makeSealKey writes a new key under another name and links it into place, so
// that two processes which start together end with one and the same key.
func makeSealKey(root *os.Root) ([]byte, error) {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	temp := fmt.Sprintf("%s.%d", sealKeyName, os.Getpid())
	if err := root.WriteFile(temp, key, 0o600); err != nil {
		return nil, err
	}
	if err := root.Link(temp, sealKeyName); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	if err := root.Remove(temp); err != nil {
		return nil, err
	}
	return root.ReadFile(sealKeyName)
}

// seal binds the secret to its place: it does not open anywhere else.
func (s *sealer) seal(secret, place string) (string, error) {
	nonce := make([]byte, s.aead.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return "", fmt.Errorf("seal a secret: %w", err)
	}
	return base64.StdEncoding.EncodeToString(s.aead.Seal(nonce, nonce, []byte(secret), []byte(place))), nil
}

func (s *sealer) open(sealed, place string) (string, error) {
	raw, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil || len(raw) < s.aead.NonceSize() {
		return "", errors.New("open a webhook's secret: it is damaged")
	}
	n := s.aead.NonceSize()
	secret, err := s.aead.Open(nil, raw[:n], raw[n:], []byte(place))
	if err != nil {
		return "", errors.New("open a webhook's secret: it belongs to another key or place; set the webhook again")
	}
	return string(secret), nil
}
