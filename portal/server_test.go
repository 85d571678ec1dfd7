package portal

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sphera/internal/store/storetest"

	"github.com/spf13/pflag"
)

// running is a server inside the test, started by its command.
type running struct {
	t         *testing.T
	address   string
	dir       string
	interrupt chan os.Signal
	done      chan error
	out, log  *syncBuffer
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func command(t *testing.T, env map[string]string, interrupt chan os.Signal, out, log io.Writer, args ...string) func(context.Context) error {
	t.Helper()
	lookup := func(name string) string { return env[name] }
	a := &app{env: lookup, stdout: out, stderr: log, now: time.Now, interrupt: interrupt}
	root := rootCommand(a, console{in: strings.NewReader(""), out: out, err: log, env: lookup})
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(log)
	return root.ExecuteContext
}

var addressPattern = regexp.MustCompile(`Sphera is at (http://\S+)`)

// startRunning starts "sphera args..." in dir and waits until it says where it is.
func startRunning(t *testing.T, dir string, args ...string) *running {
	t.Helper()
	r := &running{t: t, dir: dir, interrupt: make(chan os.Signal, 2), done: make(chan error, 1), out: &syncBuffer{}, log: &syncBuffer{}}
	args = append(args, "--data-dir", dir, "--listen", "127.0.0.1:0")
	execute := command(t, nil, r.interrupt, r.out, r.log, args...)
	go func() { r.done <- execute(context.Background()) }()
	t.Cleanup(func() {
		select {
		case r.interrupt <- syscall.SIGTERM:
		default:
		}
		select {
		case <-r.done:
		case <-time.After(20 * time.Second):
			t.Errorf("the server does not stop: %s", r.log.String())
		}
	})
	until(t, "the server says where it is", func() bool {
		select {
		case err := <-r.done:
			r.done <- err
			t.Fatalf("the server ended: %v\n%s", err, r.log.String())
		default:
		}
		found := addressPattern.FindStringSubmatch(r.out.String())
		if found != nil {
			r.address = found[1]
		}
		return found != nil
	})
	return r
}

// until waits for a condition that another goroutine makes true.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(60 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("not in time: %s", what)
		case <-tick.C:
		}
	}
}

func (r *running) get(path, token string) (int, string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, r.address+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Cookie", token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return res.StatusCode, err.Error()
	}
	return res.StatusCode, string(raw)
}

// people reads the accounts the demo wrote down.
func (r *running) people() []demoUser {
	r.t.Helper()
	state, err := readDemo(filepath.Join(r.dir, demoFile))
	if err != nil || len(state.People) == 0 {
		r.t.Fatalf("no people: %v", err)
	}
	return state.People
}

// login signs a person of the demo in and returns the cookie.
func (r *running) login(u demoUser) string {
	r.t.Helper()
	raw, err := json.Marshal(map[string]string{"email": u.Email, "password": u.Password})
	if err != nil {
		r.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, r.address+"/v1/auth/login", bytes.NewReader(raw))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		r.t.Fatalf("sign in as %s: %d", u.Email, res.StatusCode)
	}
	return strings.Split(res.Header.Get("Set-Cookie"), ";")[0]
}

func newDir(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "data")
}

func TestL20_GracefulStop(t *testing.T) {
	r := startRunning(t, newDir(t), "demo", "--stop-delay", "400ms")
	cookie := r.login(r.people()[0])
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.address+"/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Cookie", cookie)
	stream, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	if status, text := r.get("/readyz", ""); status != http.StatusOK {
		t.Fatalf("before: %d %s", status, text)
	}
	r.interrupt <- syscall.SIGTERM
	until(t, "not ready while it still answers", func() bool {
		status, _ := r.get("/readyz", "")
		return status == http.StatusServiceUnavailable
	})
	if status, text := r.get("/v1/me", cookie); status != http.StatusOK {
		t.Errorf("a request while it stops: %d %s", status, text)
	}
	told := false
	for lines := bufio.NewScanner(stream.Body); lines.Scan(); {
		told = told || lines.Text() == "retry: 500"
	}
	if !told {
		t.Error("the stream was not told to come back")
	}
	select {
	case err := <-r.done:
		r.done <- nil
		if err != nil {
			t.Errorf("it ended with %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("it did not end within 30 s")
	}
	if status, _ := r.get("/livez", ""); status != 0 {
		t.Error("it still listens")
	}
}

func TestL20_SecondSignalStopsAtOnce(t *testing.T) {
	r := startRunning(t, newDir(t), "server", "--stop-delay", "1h", "--log-level", "error")
	r.interrupt <- syscall.SIGTERM
	until(t, "it begins to stop", func() bool {
		status, _ := r.get("/readyz", "")
		return status == http.StatusServiceUnavailable
	})
	r.interrupt <- syscall.SIGTERM
	select {
	case err := <-r.done:
		r.done <- nil
		if !errors.Is(err, errHardStop) {
			t.Errorf("it ended with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it did not end")
	}
}

// TestDemo starts the demo, starts it again on the same data, and signs in with
// the same passwords; on PostgreSQL too.
func TestDemo(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		var args []string
		if strings.HasPrefix(url, "postgres") {
			args = []string{"--database-url", url}
		}
		dir := newDir(t)
		first := startRunning(t, dir, append([]string{"demo"}, args...)...)
		people := first.people()
		roles := map[string]bool{}
		for _, u := range people {
			first.checkPrinted(u)
			for _, role := range u.Roles {
				roles[role] = true
			}
		}
		for _, role := range []string{"developer", "infrastructure", "maintainer"} {
			if !roles[role] {
				t.Errorf("nobody of the demo is %s", role)
			}
		}
		cookie := first.login(people[0])
		for path, want := range map[string]string{
			"/v1/blueprints":              `"Component"`,
			"/v1/repositories/ci-config":  `"Entries of services made by the portal"`,
			"/v1/repositories/gitops":     `"platform"`,
			"/v1/actions":                 `"create_service"`,
			"/v1/status":                  people[0].Email,
			"/v1/teams":                   `"checkout"`,
			"/v1/search?q=production":     `"production-eu-west-1"`,
			"/v1/openapi.json":            `"planCreateService"`,
			"/metrics":                    "sphera_runs_started_total",
			"/v1/blueprints/Region":       `"Region"`,
			"/v1/services/none/instances": `"instances":[]`,
		} {
			if status, text := first.get(path, cookie); status != http.StatusOK || !strings.Contains(text, want) {
				t.Errorf("%s: %d without %s: %.300s", path, status, want, text)
			}
		}
		if _, text := first.get("/v1/status", ""); strings.Contains(text, people[0].Password) {
			t.Error("a password is shown to everybody")
		}
		_, before := first.get("/v1/export", cookie)
		first.interrupt <- syscall.SIGTERM
		if err := <-first.done; err != nil {
			t.Fatal(err)
		}
		first.done <- nil
		second := startRunning(t, dir, append([]string{"demo"}, args...)...)
		cookie = second.login(people[0])
		if _, after := second.get("/v1/export", cookie); after != before {
			t.Error("starting again changed the catalog")
		}
		if info, err := os.Stat(filepath.Join(dir, demoFile)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the file with the passwords: %v %v", info, err)
		}
	})
}

func (r *running) checkPrinted(u demoUser) {
	r.t.Helper()
	if out := r.out.String(); !strings.Contains(out, u.Email) || !strings.Contains(out, u.Password) {
		r.t.Errorf("%s or the password is not printed:\n%s", u.Email, out)
	}
}

// TestS21_NoDefaultCredential: a new server has no account, and the link to make
// the first one works once.
func TestS21_NoDefaultCredential(t *testing.T) {
	r := startRunning(t, newDir(t), "server", "--log-level", "error", "--stop-delay", "0s")
	if _, text := r.get("/v1/status", ""); !strings.Contains(text, `"setupNeeded":true`) || strings.Contains(text, "demoUsers") {
		t.Errorf("status: %s", text)
	}
	until(t, "the link to set it up is printed", func() bool { return strings.Contains(r.out.String(), r.address+"/setup?token=") })
}

func TestS51_DataFolder(t *testing.T) {
	dir := newDir(t)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	execute := command(t, nil, nil, io.Discard, io.Discard, "server", "--data-dir", dir)
	if err := execute(t.Context()); err == nil || !strings.Contains(err.Error(), "chmod 700") {
		t.Errorf("a folder others can enter: %v", err)
	}
	r := startRunning(t, newDir(t), "server", "--log-level", "error", "--stop-delay", "0s")
	execute = command(t, nil, nil, io.Discard, io.Discard, "server", "--data-dir", r.dir, "--listen", "127.0.0.1:0")
	if err := execute(t.Context()); err == nil || !strings.Contains(err.Error(), "another sphera server") {
		t.Errorf("two servers on one folder: %v", err)
	}
	err := filepath.WalkDir(r.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %04o", path, info.Mode().Perm())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestConfiguration(t *testing.T) {
	dir := t.TempDir()
	file := func(text string) string {
		path := filepath.Join(dir, fmt.Sprintf("%x.yaml", len(text)))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	load := func(env map[string]string, args ...string) (*config, error) {
		c := &config{}
		a := &app{env: func(name string) string { return env[name] }}
		cmd := a.serverCommand()
		cmd.ResetFlags()
		c.flags(cmd.Flags())
		if err := cmd.ParseFlags(args); err != nil {
			return nil, err
		}
		env["HOME"] = dir
		return c, c.load(cmd, a.env)
	}
	t.Run("flags before variables before the file", func(t *testing.T) {
		path := file("listen: file:1\nworkers: 3\nlog-level: debug\ntrusted-proxy: [10.0.0.0/8, 192.0.2.1]\n")
		c, err := load(map[string]string{"SPHERA_LISTEN": "env:1", "SPHERA_WORKERS": "4", "SPHERA_CONFIG": path}, "--listen", "flag:1")
		if err != nil {
			t.Fatal(err)
		}
		if c.listen != "flag:1" || c.workers != 4 || c.logLevel != "debug" || len(c.trustedProxies) != 2 || c.dataDir != filepath.Join(dir, ".local/share/sphera") {
			t.Errorf("%+v", c)
		}
	})
	t.Run("the database URL in a file", func(t *testing.T) {
		c, err := load(map[string]string{}, "--database-url-file", file("postgres://secret@db/x\n"))
		if err != nil || c.database() != "postgres://secret@db/x" {
			t.Errorf("%v %s", err, c.database())
		}
	})
	for name, args := range map[string][]string{
		"unknown option":      {"--config", file("listne: x")},
		"key twice":           {"--config", file("listen: x\nlisten: yy")},
		"two documents":       {"--config", file("listen: x\n---\nlisten: xyz")},
		"no such file":        {"--config", filepath.Join(dir, "none")},
		"not PostgreSQL":      {"--database-url", "mysql://x"},
		"both database URLs":  {"--database-url", "postgres://x", "--database-url-file", file("postgres://xxxx")},
		"level":               {"--log-level", "loud"},
		"proxy":               {"--trusted-proxy", "nonsense"},
		"public URL":          {"--public-url", "sphera.example.com"},
		"public URL and path": {"--public-url", "https://example.com/sphera"},
		"no workers":          {"--workers", "0"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(map[string]string{}, args...)
			if _, ok := errors.AsType[*usageError](err); !ok {
				t.Errorf("accepted, or not a mistake of usage: %v", err)
			}
		})
	}
}

// TestConfigurationIsDocumented: every option of the server is in the page.
func TestConfigurationIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	a := &app{env: func(string) string { return "" }}
	a.serverCommand().Flags().VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" && !strings.Contains(string(page), "| `--"+f.Name+"` |") {
			t.Errorf("--%s is not in docs/configuration.md", f.Name)
		}
	})
}

// TestTwoServersWorkTogether on one PostgreSQL and one data folder: who signed
// in at one is signed in at the other, and what one writes the other shows.
func TestTwoServersWorkTogether(t *testing.T) {
	url, dir := storetest.Postgres(t), newDir(t)
	first := startRunning(t, dir, "demo", "--database-url", url)
	second := startRunning(t, dir, "server", "--database-url", url, "--stop-delay", "0s", "--log-level", "error")
	cookie := second.login(first.people()[0])
	for _, path := range []string{"/v1/me", "/v1/repositories/gitops/tree", "/v1/export"} {
		firstStatus, one := first.get(path, cookie)
		secondStatus, other := second.get(path, cookie)
		if firstStatus != http.StatusOK || secondStatus != http.StatusOK {
			t.Errorf("%s: %d and %d", path, firstStatus, secondStatus)
		}
		if path != "/v1/me" && one != other {
			t.Errorf("%s: the servers differ: %s", path, firstDifference(one, other))
		}
	}
}

// firstDifference shows where two texts part.
func firstDifference(one, other string) string {
	at := 0
	for at < min(len(one), len(other)) && one[at] == other[at] {
		at++
	}
	around := func(s string) string { return s[max(0, at-200):min(len(s), at+100)] }
	return fmt.Sprintf("at %d of %d and %d:\n%s\n%s", at, len(one), len(other), around(one), around(other))
}
