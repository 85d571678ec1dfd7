package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"sphera/internal/fault"
)

// KeyFile is the name of the key in the data folder. It is not in the database
// and must not be in its backup: who has both has the secrets.
const KeyFile = "secret.key"

const keySize = 32

// Sealer encrypts values with AES-256-GCM under one key.
type Sealer struct {
	id   string
	aead cipher.AEAD
}

// OpenSealer uses the key given as text (base64 of 32 bytes), or the one in the
// folder, which is made when it is not there.
func OpenSealer(dir, text string) (*Sealer, error) {
	if text != "" {
		return NewSealer(text)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the folder of the secret key: %w", err)
	}
	defer root.Close()
	raw, err := root.ReadFile(KeyFile)
	if errors.Is(err, fs.ErrNotExist) {
		raw, err = makeKey(root)
	}
	if err != nil {
		return nil, fmt.Errorf("read the secret key: %w", err)
	}
	info, err := root.Stat(KeyFile)
	if err != nil {
		return nil, fmt.Errorf("inspect the secret key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("the secret key %s/%s can be read by others (mode %04o); run: chmod 600 %s/%s", dir, KeyFile, info.Mode().Perm(), dir, KeyFile)
	}
	return NewSealer(string(raw))
}

// makeKey writes a new key under another name and links it into place, so that
// two processes which start together end with one and the same key.
func makeKey(root *os.Root) ([]byte, error) {
	key := make([]byte, keySize)
	rand.Read(key) // never fails: the program stops instead
	temp := fmt.Sprintf("%s.%d", KeyFile, os.Getpid())
	if err := root.WriteFile(temp, []byte(base64.StdEncoding.EncodeToString(key)+"\n"), 0o600); err != nil {
		return nil, err
	}
	if err := root.Link(temp, KeyFile); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, errors.Join(err, root.Remove(temp))
	}
	if err := root.Remove(temp); err != nil {
		return nil, err
	}
	return root.ReadFile(KeyFile)
}

// NewSealer uses a key given as base64 of 32 bytes.
func NewSealer(text string) (*Sealer, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(key) != keySize {
		return nil, fmt.Errorf("the secret key is not base64 of %d bytes; make one with: head -c %d /dev/urandom | base64", keySize, keySize)
	}
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
