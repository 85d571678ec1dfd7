// Package keyfile keeps keys of the portal in files of the data folder, which
// only their owner can read.
package keyfile

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// Size is that of every key, in bytes.
const Size = 32

// Open returns the key given as text (base64 of Size bytes) or, when the text
// is empty, the one in the file of that name in the folder, which is made when
// it is not there. A file that others can read is refused. What the key is for,
// "the audit key", is said in errors.
func Open(dir, name, what, text string) ([]byte, error) {
	if text == "" {
		var err error
		if text, err = read(dir, name, what); err != nil {
			return nil, err
		}
	}
	return Parse(what, text)
}

// Parse reads a key given as base64 of Size bytes.
func Parse(what, text string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(key) != Size {
		return nil, fmt.Errorf("%s is not base64 of %d bytes; make one with: head -c %d /dev/urandom | base64", what, Size, Size)
	}
	return key, nil
}

func read(dir, name, what string) (string, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", fmt.Errorf("open the folder of %s: %w", what, err)
	}
	defer root.Close()
	raw, err := root.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		raw, err = create(root, name)
	}
	if err != nil {
		return "", fmt.Errorf("read %s: %w", what, err)
	}
	info, err := root.Stat(name)
	if err != nil {
		return "", fmt.Errorf("inspect %s: %w", what, err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("%s %s/%s can be read by others (mode %04o); run: chmod 600 %s/%s", what, dir, name, info.Mode().Perm(), dir, name)
	}
	return string(raw), nil
}

// create writes a new key under another name and links it into place, so that
// two processes which start together end with one and the same key.
func create(root *os.Root, name string) ([]byte, error) {
	key := make([]byte, Size)
	rand.Read(key) // never fails: the program stops instead
	temp := fmt.Sprintf("%s.%d", name, os.Getpid())
	if err := root.WriteFile(temp, []byte(base64.StdEncoding.EncodeToString(key)+"\n"), 0o600); err != nil {
		return nil, err
	}
	if err := root.Link(temp, name); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, errors.Join(err, root.Remove(temp))
	}
	if err := root.Remove(temp); err != nil {
		return nil, err
	}
	return root.ReadFile(name)
}
