package run_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sphera/action"
	"sphera/internal/audit"
	"sphera/internal/run"
	"sphera/internal/store"
)

// The crash tests start the test binary again as a process that works on runs
// and gets killed. childEnv tells it so and holds the database's address.
const (
	childEnv       = "SPHERA_RUN_CHILD"
	childDirEnv    = "SPHERA_RUN_CHILD_DIR"
	childLeaseEnv  = "SPHERA_RUN_CHILD_LEASE"
	childReadyLine = "ready"
)

func childMain() int {
	ctx := context.Background()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	db, err := store.Open(ctx, os.Getenv(childEnv), log)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	o := run.Options{Now: time.Now, Backoff: time.Millisecond, Instance: "child", Exclusive: true}
	if text := os.Getenv(childLeaseEnv); text != "" {
		if o.Lease, err = time.ParseDuration(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		o.Exclusive = false
	}
	e := run.New(db, audit.New(time.Now), log, o)
	if err := e.RegisterSteps(crashKit(os.Getenv(childDirEnv))...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(childReadyLine)
	if err := e.Work(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return 0
}

// crashKit are step types with effects in files below dir, one per safety. An
// effect appends a byte to a file named by run and step, so that the size of
// the file is how often it happened.
func crashKit(dir string) []action.StepType {
	kinds := []action.StepType{}
	for _, k := range []struct {
		name   string
		safety action.Safety
	}{{"by-key", action.ByKey}, {"by-name", action.ByName}, {"compensated", action.Compensated}, {"by-hand", action.Manual}} {
		kind := action.NewStepType(k.name, k.safety, func(ctx context.Context, x *action.Exec, before string) (string, error) {
			note(dir, "call %s %s", x.RunID, x.Step)
			x.Logf("at work")
			if err := dawdle(ctx, filepath.Join(dir, "hold")); err != nil {
				return "", err
			}
			// A kill between opening and writing leaves an empty file: no effect yet.
			if info, err := os.Stat(effect(dir, x)); err != nil || info.Size() == 0 {
				x.Boundary("looked")
				touch(effect(dir, x))
				x.Boundary("made")
			}
			x.Changed(action.Change{Kind: "file", Verb: "created", Title: x.Step})
			if before != "" {
				var err error
				if before, err = action.Result[string](x, before); err != nil {
					return "", err
				}
			}
			return chain(before, x.Step), nil
		}).WithUndo(func(_ context.Context, x *action.Exec, _, result string) error {
			note(dir, "undo %s %s", x.RunID, x.Step)
			x.Boundary("looked")
			if err := os.Remove(effect(dir, x)); err != nil && !os.IsNotExist(err) {
				return err
			}
			x.Boundary("made")
			return nil
		}).WithBoundaries("looked", "made")
		kinds = append(kinds, kind.Type)
	}
	pause := action.NewStepType("pause", action.ByName, func(_ context.Context, x *action.Exec, _ string) (string, error) {
		if time.Since(x.RunStarted) < 30*time.Millisecond {
			return "", &action.Wait{Kind: action.WaitTimer, Until: x.RunStarted.Add(30 * time.Millisecond), Reason: "A pause."}
		}
		return "paused", nil
	})
	return append(kinds, pause.Type)
}

// dawdle makes a step take a moment, so that kills meet it, and as long as the
// file hold exists.
func dawdle(ctx context.Context, hold string) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(rand.N(3 * time.Millisecond)):
		}
		if !exists(hold) {
			return nil
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func chain(before, name string) string {
	sum := sha256.Sum256([]byte(before + name))
	return hex.EncodeToString(sum[:8])
}

func effect(dir string, x *action.Exec) string { return effectPath(dir, x.RunID, x.Step) }

func effectPath(dir, id, step string) string {
	return filepath.Join(dir, "effects", id+"-"+step)
}

func touch(path string) { appendTo(path, "x") }

// note adds a line to the journal; one write, so that it is whole or absent.
func note(dir, format string, args ...any) {
	appendTo(filepath.Join(dir, "journal"), fmt.Sprintf(format, args...)+"\n")
}

func appendTo(path, text string) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	if _, err := f.WriteString(text); err != nil {
		panic(err)
	}
	if err := f.Close(); err != nil {
		panic(err)
	}
}

// child is a process that works on runs.
type child struct {
	cmd  *exec.Cmd
	errs chan string // lines of its log
}

// spawn starts the binary as a child and waits until it works.
func spawn(t *testing.T, binary, url, dir, lease string, env ...string) *child {
	t.Helper()
	cmd := exec.Command(binary)
	cmd.Env = append(os.Environ(), append(env, childEnv+"="+url, childDirEnv+"="+dir, childLeaseEnv+"="+lease)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &child{cmd: cmd, errs: make(chan string, 1000)}
	go func() {
		defer close(c.errs)
		lines := bufio.NewScanner(log)
		for lines.Scan() {
			if os.Getenv("SPHERA_TEST_LOG") != "" {
				fmt.Fprintln(os.Stderr, "child:", lines.Text())
			}
			select {
			case c.errs <- lines.Text():
			default:
			}
		}
	}()
	t.Cleanup(c.kill)
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || strings.TrimSpace(line) != childReadyLine {
		t.Fatalf("child says %q: %v", line, err)
	}
	go io.Copy(io.Discard, out) // ends with the child
	return c
}

// stopped says whether every thread stands still after SIGSTOP (state T in
// proc(5)).
func (c *child) stopped(t testing.TB) bool {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", c.cmd.Process.Pid))
	if err != nil || len(threads) == 0 {
		t.Fatalf("the threads of the process cannot be listed: %v", err)
	}
	for _, path := range threads {
		raw, err := os.ReadFile(path)
		if err != nil {
			return false // it ended meanwhile: look again
		}
		_, state, found := strings.Cut(string(raw), ") ")
		if !found || !strings.HasPrefix(state, "T") {
			return false
		}
	}
	return true
}

func (c *child) signal(sig syscall.Signal) error { return syscall.Kill(c.cmd.Process.Pid, sig) }

// kill ends the child as kill -9 does; a second time does nothing.
func (c *child) kill() {
	if c.cmd.ProcessState != nil {
		return
	}
	_ = c.signal(syscall.SIGKILL)
	_ = c.cmd.Wait()
}

// awaitDeath waits until the child was killed by itself.
func (c *child) awaitDeath(t *testing.T) {
	t.Helper()
	dead := make(chan struct{})
	go func() { _ = c.cmd.Wait(); close(dead) }()
	select {
	case <-dead:
	case <-time.After(patience):
		t.Fatal("the child was not killed at the boundary")
	}
}
