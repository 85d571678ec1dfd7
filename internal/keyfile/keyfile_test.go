package keyfile_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sphera/internal/keyfile"
)

func TestS51_AKeyIsMadeOnceAndReadableByItsOwnerOnly(t *testing.T) {
	dir := t.TempDir()
	first, err := keyfile.Open(dir, "a.key", "the key", "")
	if err != nil || len(first) != keyfile.Size {
		t.Fatalf("%d bytes, %v", len(first), err)
	}
	again, err := keyfile.Open(dir, "a.key", "the key", "")
	if err != nil || !bytes.Equal(first, again) {
		t.Errorf("the second start has another key, %v", err)
	}
	other, err := keyfile.Open(dir, "b.key", "the key", "")
	if err != nil || bytes.Equal(first, other) {
		t.Errorf("two keys are the same, %v", err)
	}
	path := filepath.Join(dir, "a.key")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "a.key.*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := keyfile.Open(dir, "a.key", "the key", ""); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key that others can read: %v", err)
	}
}

func TestMistakesInAKeyAreNotRepeated(t *testing.T) {
	for _, text := range []string{"c2hvcnQ=", "not base64!", strings.Repeat("A", 100)} {
		if _, err := keyfile.Open(t.TempDir(), "a.key", "the key", text); err == nil || strings.Contains(err.Error(), text) {
			t.Errorf("%v", err)
		}
	}
}
