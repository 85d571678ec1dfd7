package portal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sphera/internal/runtime"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	// The portal starts its own program again to confine what it runs; here
	// that is this test binary.
	if len(os.Args) > 1 && os.Args[1] == runtime.LaunchCommand {
		os.Exit(program())
	}
	testscript.Main(m, map[string]func(){"sphera": func() { os.Exit(program()) }, "clicker": func() { os.Exit(clicker()) }})
}

func program() int {
	return Main(context.Background(), os.Args, os.Environ(), os.Stdin, os.Stdout, os.Stderr)
}

const rootPassword = "correct horse battery"

// TestScripts runs the scripts of testdata/script, each against a real server of
// its own. Scripts named demo_* get the demo organisation and its people as
// $ADMINISTRATOR, $DEVELOPER, $MAINTAINER and $INFRASTRUCTURE; the others an empty
// portal with the administrator root@example.com. Besides testscript's own
// commands there are "code N COMMAND", "signin PERSON", and "first VIEW", which
// leaves the id of the first request of approvals in $REQUEST.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			address, err := startServer(t, env)
			if err != nil {
				return err
			}
			env.Setenv("SPHERA_SERVER", address)
			env.Setenv("HOST", strings.TrimPrefix(address, "http://"))
			env.Setenv("XDG_CONFIG_HOME", env.WorkDir+"/config")
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){"code": exitCodeIs, "signin": signIn, "first": firstRequest, "until": untilFile},
	})
}

// untilFile runs a command again and again until the file that it was given last
// has a text.
func untilFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: until TEXT COMMAND... FILE")
	}
	for range 300 {
		ts.Check(ts.Exec(args[1], args[2:]...))
		if raw, err := os.ReadFile(ts.MkAbs(args[len(args)-1])); err == nil && strings.Contains(string(raw), args[0]) {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	ts.Fatalf("%s does not get %s", args[len(args)-1], args[0])
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

func firstRequest(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: first VIEW")
	}
	ts.Check(ts.Exec("sphera", "approvals", "list", "--view", args[0], "-o", "json"))
	var list []struct {
		ID string `json:"id"`
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &list))
	if len(list) == 0 {
		ts.Fatalf("there are no requests in %s", args[0])
	}
	ts.Setenv("REQUEST", list[0].ID)
}

// signIn signs in as a person of the demo, with the password that the demo made,
// and leaves the API token in $TOKEN for git.
func signIn(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: signin PERSON")
	}
	state, err := readDemo(ts.MkAbs("data/" + demoFile))
	ts.Check(err)
	for _, person := range state.People {
		if person.Email == args[0] {
			ts.Check(os.RemoveAll(ts.MkAbs("config")))
			login := exec.Command("sphera", "login", "--email", person.Email)
			login.Env = []string{"PATH=" + ts.Getenv("PATH"), "SPHERA_SERVER=" + ts.Getenv("SPHERA_SERVER"), "XDG_CONFIG_HOME=" + ts.Getenv("XDG_CONFIG_HOME")}
			login.Stdin = strings.NewReader(person.Password + "\n")
			if out, err := login.CombinedOutput(); err != nil {
				ts.Fatalf("sign in as %s: %v: %s", args[0], err, out)
			}
			var saved credentials
			ts.Check(json.Unmarshal([]byte(ts.ReadFile("config/sphera/credentials.json")), &saved))
			ts.Setenv("TOKEN", saved.Portals[saved.Server].Token)
			return
		}
	}
	ts.Fatalf("the demo has no %s", args[0])
}

// startServer starts a portal on a free port and an empty folder and stops it at
// the end of the script. On an empty portal it makes the administrator through
// the setup link that is printed.
func startServer(t *testing.T, env *testscript.Env) (string, error) {
	t.Helper()
	name, ready := "server", setupLink
	if strings.Contains(filepath.Base(env.WorkDir), "demo_") {
		name, ready = "demo", demoReady
	}
	printed := &lines{ready: ready, found: make(chan []string, 1)}
	// A process of its own, as in life: it starts itself again to confine what
	// it runs.
	server := exec.Command("sphera", name, "--listen", "127.0.0.1:0", "--data-dir", filepath.Join(env.WorkDir, "data"), "--stop-delay", "0s")
	server.Stdout, server.Stderr = printed, printed
	if err := server.Start(); err != nil {
		return "", err
	}
	env.Defer(func() {
		if err := errors.Join(server.Process.Signal(os.Interrupt), server.Wait()); err != nil {
			t.Errorf("the server ended with %v: %s", err, printed)
		}
	})
	select {
	case found := <-printed.found:
		if name == "demo" {
			return found[1], people(env)
		}
		return found[1], setUp(found[1], found[2])
	case <-time.After(30 * time.Second):
		return "", fmt.Errorf("the server did not start: %s", printed)
	}
}

var (
	setupLink = regexp.MustCompile(`(http://[^/\s]+)/setup\?token=(\S+)\n`)
	demoReady = regexp.MustCompile(`Sphera is at (http://\S+)\n[^$]*Ctrl-C`)
)

// lines keeps what the server prints and tells when it is ready.
type lines struct {
	ready *regexp.Regexp
	mu    sync.Mutex
	text  bytes.Buffer
	once  sync.Once
	found chan []string
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(p)
	if found := l.ready.FindStringSubmatch(l.text.String()); found != nil {
		l.once.Do(func() { l.found <- found })
	}
	return len(p), nil
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// people names the first person of each role for the scripts.
func people(env *testscript.Env) error {
	state, err := readDemo(filepath.Join(env.WorkDir, "data", demoFile))
	if err != nil {
		return err
	}
	for _, person := range state.People {
		if name := strings.ToUpper(person.Roles[0]); env.Getenv(name) == "" {
			env.Setenv(name, person.Email)
		}
	}
	return nil
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
