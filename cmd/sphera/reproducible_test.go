package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestS55_TwoFoldersGiveTheSameBytes builds the server from the same sources in
// two folders. scripts/reproducible.sh does it with empty caches, too.
func TestS55_TwoFoldersGiveTheSameBytes(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the server twice; not with -short")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	listed, err := run(t, root, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "*.go", "*.sql", "*.cedar", "go.mod", "go.sum", "demo", "internal", "portal")
	if err != nil {
		t.Skip("there is no git repository around the sources")
	}
	var sums [2][32]byte
	for i := range sums {
		folder := filepath.Join(t.TempDir(), "sources")
		for name := range bytes.SplitSeq(bytes.Trim(listed, "\x00"), []byte{0}) {
			copyFile(t, filepath.Join(root, string(name)), filepath.Join(folder, string(name)))
		}
		out := filepath.Join(t.TempDir(), "sphera")
		if text, err := run(t, folder, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", out, "./cmd/sphera"); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		made, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(made, []byte(folder)) {
			t.Errorf("the program names the folder it was built in")
		}
		sums[i] = sha256.Sum256(made)
	}
	if sums[0] != sums[1] {
		t.Errorf("two builds differ: %x and %x", sums[0], sums[1])
	}
}

func run(t *testing.T, folder, name string, args ...string) ([]byte, error) {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), name, args...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	return cmd.Output()
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	raw, err := os.ReadFile(from)
	if os.IsNotExist(err) {
		return // deleted and not committed yet
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, raw, 0o600); err != nil {
		t.Fatal(err)
	}
}
