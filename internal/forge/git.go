package forge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"sphera/internal/fault"
)

// Limits of one git process.
const (
	gitTimeout   = 60 * time.Second
	gitMaxOutput = 80 << 20
	gitMaxStderr = 16 << 10
	gitKillDelay = 2 * time.Second
)

// errOutputLimit ends a process that says more than was asked for.
var errOutputLimit = errors.New("git printed more than allowed")

// git runs the git program; nothing else in Sphera does. Arguments are always
// a list, never a command line, and every value of a user was checked by
// names.go and stands behind "--end-of-options" or "--" or on standard input.
type git struct {
	bin   string
	env   []string
	slots chan struct{}
	// observe, when set by tests, sees each argument list.
	observe func(args []string)
}

// newGit finds git and fixes an environment that has none of the portal's
// variables, no configuration but ours, and no way to run hooks or helpers or
// to reach another host.
func newGit(home string) (*git, error) {
	bin, err := exec.LookPath("git")
	if err != nil {
		return nil, fmt.Errorf("find git, which the built-in forge needs (install git 2.38 or newer): %w", err)
	}
	env := []string{
		"PATH=" + filepath.Dir(bin) + ":/usr/bin:/bin",
		"HOME=" + home, "XDG_CONFIG_HOME=" + home,
		"LC_ALL=C", "TZ=UTC",
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_ATTR_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=/bin/false", "SSH_ASKPASS=/bin/false",
		"GIT_ALLOW_PROTOCOL=none", "GIT_PROTOCOL_FROM_USER=0",
		"GIT_NO_REPLACE_OBJECTS=1", "GIT_NO_LAZY_FETCH=1", "GIT_OPTIONAL_LOCKS=0",
		"GIT_LITERAL_PATHSPECS=1", "GIT_PAGER=cat", "GIT_EDITOR=/bin/false",
		"GIT_AUTHOR_NAME=Sphera", "GIT_AUTHOR_EMAIL=" + portalEmail,
		"GIT_COMMITTER_NAME=Sphera", "GIT_COMMITTER_EMAIL=" + portalEmail,
	}
	env = append(env, configEnv()...)
	return &git{bin: bin, env: env, slots: make(chan struct{}, 4*max(2, runtime.NumCPU()))}, nil
}

// configEnv is our whole configuration, as environment, so that child
// processes of git have it too.
func configEnv() []string {
	settings := [][2]string{
		{"core.hooksPath", "/dev/null"}, {"core.symlinks", "false"}, {"core.fsmonitor", "false"},
		{"core.protectHFS", "true"}, {"core.protectNTFS", "true"},
		{"core.logAllRefUpdates", "false"}, {"core.fsync", "committed,loose-object"}, {"core.fsyncMethod", "batch"},
		{"core.bigFileThreshold", "8m"}, {"core.packedGitLimit", "256m"}, {"core.deltaBaseCacheLimit", "32m"},
		{"protocol.allow", "never"}, {"credential.helper", ""},
		{"submodule.recurse", "false"}, {"diff.renameLimit", "1000"}, {"merge.renameLimit", "1000"},
		{"gc.auto", "0"}, {"gc.autoDetach", "false"}, {"maintenance.auto", "false"}, {"receive.autogc", "false"},
		{"pack.threads", "1"}, {"pack.windowMemory", "64m"},
		{"fastimport.unpackLimit", "1"}, {"transfer.unpackLimit", "1"},
		{"transfer.fsckObjects", "true"}, {"receive.fsckObjects", "true"},
		{"receive.maxInputSize", fmt.Sprint(maxPush)}, {"receive.advertisePushOptions", "false"},
		{"receive.shallowUpdate", "false"}, {"receive.denyDeleteCurrent", "refuse"},
		{"receive.hideRefs", "refs/pull"}, {"uploadpack.allowFilter", "false"}, {"uploadpack.allowAnySHA1InWant", "false"},
		{"advice.detachedHead", "false"}, {"safe.bareRepository", "all"},
	}
	env := []string{fmt.Sprintf("GIT_CONFIG_COUNT=%d", len(settings))}
	for i, s := range settings {
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, s[0]), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, s[1]))
	}
	return env
}

// call is one git process.
type call struct {
	dir   string
	args  []string
	stdin io.Reader
	env   []string
	// stdout takes the output; nil collects it up to limit bytes.
	stdout io.Writer
	limit  int64
	// timeout is gitTimeout when zero.
	timeout time.Duration
	// lock is inherited, so that the repository stays locked as long as the
	// process lives, even when the portal is killed.
	lock *os.File
}

// gitError is a git that ended with an error.
type gitError struct {
	args   []string
	code   int
	stderr string
}

func (e *gitError) Error() string {
	return fmt.Sprintf("git %s ended with %d: %s", e.args[0], e.code, strings.TrimSpace(e.stderr))
}

// run runs git in a bare repository and returns what it printed.
func (g *git) run(ctx context.Context, c call) ([]byte, error) {
	select {
	case g.slots <- struct{}{}:
		defer func() { <-g.slots }()
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a free git process: %w", ctx.Err())
	}
	timeout := c.timeout
	if timeout == 0 {
		timeout = gitTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var collected bytes.Buffer
	out := c.stdout
	limit := c.limit
	if limit == 0 {
		limit = gitMaxOutput
	}
	if out == nil {
		out = &collected
	}
	limited := &limitWriter{w: out, left: limit, over: cancel}
	stderr := &limitWriter{w: &bytes.Buffer{}, left: gitMaxStderr, swallow: true}
	err := g.start(ctx, c, limited, stderr)
	switch {
	case limited.hit:
		return collected.Bytes(), errOutputLimit
	case err == nil:
		return collected.Bytes(), nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("git %s was stopped: %w", c.args[0], ctx.Err())
	}
	return collected.Bytes(), g.explain(c, err, stderr.w.(*bytes.Buffer).String())
}

func (g *git) start(ctx context.Context, c call, stdout, stderr io.Writer) error {
	if g.observe != nil {
		g.observe(c.args)
	}
	args := append([]string{"--git-dir=" + c.dir}, c.args...)
	cmd := exec.CommandContext(ctx, g.bin, args...)
	cmd.Dir = c.dir
	cmd.Env = append(append([]string{}, g.env...), c.env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.stdin, stdout, stderr
	if c.lock != nil {
		cmd.ExtraFiles = []*os.File{c.lock}
	}
	// An own process group, so that cancelling reaches what git started.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = gitKillDelay
	return cmd.Run()
}

func (g *git) explain(c call, err error, stderr string) error {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return fmt.Errorf("run git %s: %w", c.args[0], err)
	}
	failed := &gitError{args: c.args, code: exit.ExitCode(), stderr: stderr}
	if strings.Contains(stderr, "No space left on device") {
		return fault.New(fault.StorageFull, "The disk with the git repositories is full, so nothing was saved. Free some space on the machine that runs Sphera and try again.").Wrap(failed)
	}
	return failed
}

// exitCode returns the exit code inside err, or -1.
func exitCode(err error) int {
	if e, ok := errors.AsType[*gitError](err); ok {
		return e.code
	}
	return -1
}

// limitWriter passes on at most left bytes. Past that it either swallows the
// rest or stops the process.
type limitWriter struct {
	w       io.Writer
	left    int64
	swallow bool
	hit     bool
	over    func()
}

func (l *limitWriter) Write(p []byte) (int, error) {
	if int64(len(p)) <= l.left {
		n, err := l.w.Write(p)
		l.left -= int64(n)
		return n, err
	}
	n, err := l.w.Write(p[:l.left])
	l.left -= int64(n)
	if err != nil {
		return n, err
	}
	if l.swallow {
		return len(p), nil
	}
	l.hit = true
	l.over()
	return n, errOutputLimit
}
