//go:build !failpoint

package run

// failpoint does nothing in a shipped binary; see failpoint.go.
func failpoint(string, string) {}
