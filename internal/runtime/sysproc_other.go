//go:build !linux

package runtime

import (
	"errors"
	"fmt"
	"syscall"
)

// Off Linux services run without limits, and outlive a killed portal; it is
// for trying Sphera out on a developer's machine only.

type limits struct{}

// Limits of a service, for people.
const Limits = "none on this operating system"

func serviceLimits() limits { return limits{} }

func buildLimits() limits { return limits{} }

func processGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func limit(int, limits) error { return nil }

func signalGroup(pid int, s syscall.Signal) error {
	if pid <= 1 {
		return nil
	}
	if err := syscall.Kill(-pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("signal process group %d: %w", pid, err)
	}
	return nil
}

func hostID() string { return "unknown" }

func processStart(int) string { return "" }

func killLeftovers(int, place) error { return nil }

func listens(int, int) bool { return true }

func preferAsVictim(int) error { return nil }

type reach struct {
	Read  []string `json:"read"`
	Write []string `json:"write"`
}

func confinement() bool { return false }

func become(_ limits, _ reach, argv, env []string) error {
	return fmt.Errorf("exec %s: %w", argv[0], syscall.Exec(argv[0], argv, env))
}
