package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"sphera/internal/fault"
	"sphera/internal/keyfile"
)

// KeyFile is the name of the key in the data folder. It is not in the database
// and must not be in its backup: who has both has the secrets.
const KeyFile = "secret.key"

// Sealer encrypts values with AES-256-GCM under one key.
type Sealer struct {
	id   string
	aead cipher.AEAD
}

// OpenSealer uses the key given as text (base64 of 32 bytes), or the one in the
// folder, which is made when it is not there.
func OpenSealer(dir, text string) (*Sealer, error) {
	key, err := keyfile.Open(dir, KeyFile, "the secret key", text)
	if err != nil {
		return nil, err
	}
	return sealer(key)
}

// NewSealer uses a key given as base64 of 32 bytes.
func NewSealer(text string) (*Sealer, error) {
	key, err := keyfile.Parse("the secret key", text)
	if err != nil {
		return nil, err
	}
	return sealer(key)
}

func sealer(key []byte) (*Sealer, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("use the secret key: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("use the secret key: %w", err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("sphera: name of this key"))
	return &Sealer{id: hex.EncodeToString(mac.Sum(nil)[:4]), aead: aead}, nil
}

// Seal encrypts a value and binds it to its place: it does not open anywhere
// else.
func (s *Sealer) Seal(v Value, place string) string {
	nonce := make([]byte, s.aead.NonceSize())
	rand.Read(nonce) // never fails: the program stops instead
	return "1." + s.id + "." + base64.RawStdEncoding.EncodeToString(s.aead.Seal(nonce, nonce, v.plain(), []byte(place)))
}

// Open decrypts what Seal made for the same place.
func (s *Sealer) Open(sealed, place string) (Value, error) {
	version, rest, _ := strings.Cut(sealed, ".")
	id, text, _ := strings.Cut(rest, ".")
	raw, err := base64.RawStdEncoding.Strict().DecodeString(text)
	if version != "1" || err != nil || len(raw) < s.aead.NonceSize() {
		return Value{}, fault.New(fault.Unavailable, "A stored secret is damaged. Set it again.")
	}
	if id != s.id {
		return Value{}, fault.New(fault.Unavailable, "The secret was sealed with another key (%s, this server has %s). Start the server with that key, or set the secret again.", id, s.id)
	}
	n := s.aead.NonceSize()
	plain, err := s.aead.Open(nil, raw[:n], raw[n:], []byte(place))
	if err != nil {
		return Value{}, fault.New(fault.Unavailable, "A stored secret does not belong where it is, or was changed. Set it again.")
	}
	return valueOf(plain), nil
}
