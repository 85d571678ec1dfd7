package runtime

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// limits of a service's process and of a build's.
type limits struct {
	Files      uint64 `json:"files"`
	FileSize   uint64 `json:"fileSize"`
	Data       uint64 `json:"data"`
	CPUSeconds uint64 `json:"cpuSeconds"`
}

// Limits of a service, for people.
const Limits = "2 GiB of memory, 4,096 open files, files up to 256 MiB, no core dumps, no folder but its own"

func serviceLimits() limits { return limits{Files: 4096, FileSize: 256 << 20, Data: 2 << 30} }

func buildLimits() limits { return limits{Files: 8192, FileSize: 512 << 20, CPUSeconds: 600} }

// processGroup puts a child into its own group, so that its descendants are
// stopped with it, and lets it die with the thread that started it.
func processGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// limit sets the limits of a process that has just been started.
func limit(pid int, l limits) error {
	set := func(resource int, value uint64) error {
		if value == 0 && resource != unix.RLIMIT_CORE {
			return nil
		}
		return unix.Prlimit(pid, resource, &unix.Rlimit{Cur: value, Max: value}, nil)
	}
	err := errors.Join(
		set(unix.RLIMIT_CORE, 0), set(unix.RLIMIT_NOFILE, l.Files), set(unix.RLIMIT_FSIZE, l.FileSize),
		set(unix.RLIMIT_DATA, l.Data), set(unix.RLIMIT_CPU, l.CPUSeconds))
	if err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("set the limits of process %d: %w", pid, err)
	}
	return nil
}

// signalGroup signals a process group; one that is gone is no error.
func signalGroup(pid int, s syscall.Signal) error {
	if pid <= 1 {
		return nil
	}
	if err := syscall.Kill(-pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("signal process group %d: %w", pid, err)
	}
	return nil
}

// hostID names this machine, this boot and this PID name space: processes with
// the same hostID can see each other.
func hostID() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "unknown"
	}
	space, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(boot)) + "+" + space
}

// processStart is the start time of a process in ticks since boot, which tells
// it from a later one with the same number; empty when there is none.
func processStart(pid int) string {
	fields := processStat(pid)
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return ""
	}
	return fields[19]
}

// processStat returns the fields of /proc/PID/stat after the command's name:
// state, parent, group, ...
func processStat(pid int) []string {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	_, rest, _ := strings.Cut(string(raw), ") ")
	if i := strings.LastIndex(string(raw), ") "); i >= 0 {
		rest = string(raw)[i+2:]
	}
	return strings.Fields(rest)
}

// groupMembers lists the processes of a process group.
func groupMembers(group int) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var members []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if f := processStat(pid); len(f) > 2 && f[2] == strconv.Itoa(group) {
			members = append(members, pid)
		}
	}
	return members
}

// killLeftovers kills what is left of a dead supervisor's process group. A
// group is only believed to be ours when a member carries the variables of the
// instance, since numbers are used again.
func killLeftovers(group int, k place) error {
	if group <= 1 {
		return nil
	}
	for _, pid := range groupMembers(group) {
		env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if err != nil {
			continue
		}
		if bytes.Contains(env, []byte("SERVICE_NAME="+k.service+"\x00")) && bytes.Contains(env, []byte("SPHERA_ENVIRONMENT="+k.environment+"\x00")) {
			return signalGroup(group, syscall.SIGKILL)
		}
	}
	return nil
}

// listens reports whether a process of the group listens on the port, so that
// the answer of a stranger who took the port is not mistaken for the service's.
func listens(group, port int) bool {
	inodes := listeners(port)
	if len(inodes) == 0 {
		return false
	}
	for _, pid := range groupMembers(group) {
		fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		if err != nil {
			continue
		}
		for _, fd := range fds {
			target, err := os.Readlink(fd)
			if err == nil && inodes[target] {
				return true
			}
		}
	}
	return false
}

// listeners returns the sockets that listen on a port, as "socket:[INODE]".
func listeners(port int) map[string]bool {
	const stateListen = "0A"
	suffix := fmt.Sprintf(":%04X", port)
	found := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		raw, err := os.ReadFile(table)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(raw)) {
			f := strings.Fields(line)
			if len(f) > 9 && f[3] == stateListen && strings.HasSuffix(f[1], suffix) {
				found["socket:["+f[9]+"]"] = true
			}
		}
	}
	return found
}

// preferAsVictim lets the kernel end the service before the portal when memory
// runs out.
func preferAsVictim(pid int) error {
	err := os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid), []byte("500"), 0o600)
	if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("set the memory priority of process %d: %w", pid, err)
	}
	return nil
}
