package runtime

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// LaunchCommand is the subcommand of the portal's own program that starts a
// service or a build tool; see Launch.
const LaunchCommand = "launch-service"

// launchSpec is what the launcher is told.
type launchSpec struct {
	Limits limits `json:"limits"`
	Reach  reach  `json:"reach"`
}

// Launch is the whole of the subcommand LaunchCommand: it limits and confines
// its own process and then becomes the program in args, which is the spec and
// the program's arguments. Services and builds are other people's code that
// runs as the portal's user; started this way they cannot read the portal's
// database, its keys or each other's files. It returns only on failure.
func Launch(args, env []string) error {
	if len(args) < 2 {
		return errors.New("launch: wants a specification and a program; it is started by the portal only")
	}
	var s launchSpec
	if err := json.Unmarshal([]byte(args[0]), &s); err != nil {
		return fmt.Errorf("launch: read the specification: %w", err)
	}
	if err := become(s.Limits, s.Reach, args[1:], env); err != nil {
		return fmt.Errorf("launch: %w", err)
	}
	return nil
}

// throughLauncher makes cmd start by way of the launcher; without one it stays
// as it is.
func (p *Process) throughLauncher(cmd *exec.Cmd, l limits, r reach) error {
	if len(p.o.Launcher) == 0 {
		return nil
	}
	r.Read = append(r.Read, systemReadable()...)
	r.Write = append(r.Write, systemWritable()...)
	spec, err := json.Marshal(launchSpec{Limits: l, Reach: r})
	if err != nil {
		return fmt.Errorf("describe the launch: %w", err)
	}
	argv := append([]string{cmd.Path}, cmd.Args[1:]...)
	cmd.Path = p.o.Launcher[0]
	cmd.Args = append(append([]string{}, p.o.Launcher...), string(spec))
	cmd.Args = append(cmd.Args, argv...)
	return nil
}

// systemReadable is what programs need of the system: libraries, certificates,
// names. Nothing of any user is in it.
func systemReadable() []string {
	return []string{
		"/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/proc", "/sys", "/nix/store",
		"/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/etc/ca-certificates.conf", "/etc/alternatives", "/etc/localtime",
		"/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/nsswitch.conf", "/etc/services", "/etc/protocols", "/etc/passwd", "/etc/group",
		"/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/mime.types",
		"/run/systemd/resolve",
	}
}

func systemWritable() []string {
	return []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"}
}

// installation is the folder a tool is installed in: for ".../bin/node", links
// followed, what contains bin. A tool right under / has none.
func installation(tool string) []string {
	real, err := filepath.EvalSymlinks(tool)
	if err != nil {
		return nil
	}
	dir := filepath.Dir(real)
	if filepath.Base(dir) == "bin" {
		dir = filepath.Dir(dir)
	}
	if strings.Count(dir, "/") < 2 {
		return []string{real}
	}
	return []string{dir}
}
