package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"sphera": main})
}

const rootPassword = "correct horse battery"

// TestScripts runs the scripts of testdata/script against a real server. Each
// script has a server of its own, an administrator root@example.com, and
// "code N COMMAND" besides testscript's own commands.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			address, err := startServer(t, env)
			if err != nil {
				return err
			}
			env.Setenv("SPHERA_SERVER", address)
			env.Setenv("XDG_CONFIG_HOME", env.WorkDir+"/config")
			env.Setenv("PASSWORD", rootPassword)
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){"code": exitCodeIs},
	})
}

func exitCodeIs(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// startServer starts `sphera server` on a free port and an empty folder, makes
// the administrator through the setup link that it prints, and stops it at the
// end of the script.
func startServer(t *testing.T, env *testscript.Env) (string, error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	printed := &lines{found: make(chan []string, 1)}
	done := make(chan int, 1)
	args := []string{"sphera", "server", "--listen", "127.0.0.1:0", "--data-dir", env.WorkDir + "/data", "--stop-delay", "0s"}
	environ := []string{"HOME=" + env.WorkDir, "PATH=" + env.Getenv("PATH")}
	go func() { done <- runProgram(ctx, args, environ, strings.NewReader(""), printed, printed) }()
	env.Defer(func() {
		cancel()
		if code := <-done; code != exitOK {
			t.Errorf("the server ended with %d: %s", code, printed)
		}
	})
	select {
	case link := <-printed.found:
		return link[1], setUp(link[1], link[2])
	case <-time.After(30 * time.Second):
		return "", fmt.Errorf("the server printed no setup link: %s", printed)
	}
}

var setupLink = regexp.MustCompile(`(http://[^/\s]+)/setup\?token=(\S+)`)

// lines keeps what the server prints and tells when the setup link is there.
type lines struct {
	mu    sync.Mutex
	text  bytes.Buffer
	once  sync.Once
	found chan []string
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(p)
	if link := setupLink.FindStringSubmatch(l.text.String()); link != nil && strings.HasSuffix(l.text.String(), "\n") {
		l.once.Do(func() { l.found <- link })
	}
	return len(p), nil
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func setUp(address, token string) error {
	body, err := json.Marshal(map[string]string{"token": token, "email": "root@example.com", "name": "Root", "password": rootPassword})
	if err != nil {
		return err
	}
	response, err := http.Post(address+"/v1/setup", "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode >= 300 {
		answer, err := io.ReadAll(response.Body)
		return errors.Join(fmt.Errorf("setup answered %s: %s", response.Status, answer), err)
	}
	return nil
}
