package runtime_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/runtime"
	"sphera/internal/runtime/runtimetest"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

const env = runtimetest.Env

func alive(pid int) bool {
	state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(state), ") Z ")
}

// eventually waits until the condition holds.
func eventually(t *testing.T, what string, within time.Duration, holds func() bool) {
	t.Helper()
	end := time.After(within)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-end:
			t.Fatalf("not within %s: %s", within, what)
		case <-tick.C:
		}
	}
}

// TestSupervisorChild is not a test: it is the program that
// TestL1_KilledSupervisorIsReplaced starts and kills.
func TestSupervisorChild(t *testing.T) {
	url, dir := os.Getenv("SUPERVISOR_CHILD_DB"), os.Getenv("SUPERVISOR_CHILD_DIR")
	if url == "" {
		t.Skip("started by another test only")
	}
	db, err := store.Open(context.Background(), url, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	p := runtime.NewProcess(db, audit.New(time.Now), slog.New(slog.DiscardHandler), dir, runtime.ProcessOptions{Now: time.Now})
	if err := p.Supervise(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func TestL1_KilledSupervisorIsReplaced(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		t.Parallel()
		db, dir := storetest.Open(t, url), t.TempDir()
		child := exec.Command(os.Args[0], "-test.run", "^TestSupervisorChild$")
		child.Env = append(os.Environ(), "SUPERVISOR_CHILD_DB="+url, "SUPERVISOR_CHILD_DIR="+dir)
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = child.Process.Kill() })
		s := runtimetest.Suite{Runtime: newProcess(t, db, dir, runtime.ProcessOptions{})}
		first := s.Deploy(t, "sample", "v1", runtimetest.Source("one", `require("node:child_process").spawn("sleep", ["600"]);`))
		descendants := groupOf(t, first.PID)
		if len(descendants) != 2 {
			t.Fatalf("the service and its child: %v", descendants)
		}
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		killed := time.Now()
		if err := child.Wait(); err == nil {
			t.Fatal("it was not killed")
		}
		eventually(t, "the service died with its supervisor", 5*time.Second, func() bool { return !alive(first.PID) })
		supervised(t, db, dir, runtime.ProcessOptions{})
		after := s.Until(t, "sample", "ready again", func(i runtime.Instance) bool { return i.State == runtime.Ready && i.PID != first.PID })
		t.Logf("answers again %s after kill -9", after.ReadyAt.Sub(killed).Round(time.Millisecond))
		if took := after.ReadyAt.Sub(killed); took > 8*time.Second {
			t.Errorf("taken over after %s", took)
		}
		for _, pid := range descendants {
			eventually(t, "what the service had started is gone", 5*time.Second, func() bool { return !alive(pid) })
		}
		if w := s.Get("sample", "/"); w.Body.String() != "one" {
			t.Errorf("after the takeover: %d %q", w.Code, w.Body)
		}
	})
}

func groupOf(t *testing.T, pid int) []int {
	t.Helper()
	out, err := exec.Command("ps", "-e", "-o", "pid=,pgid=").Output()
	if err != nil {
		t.Fatal(err)
	}
	var members []int
	for line := range strings.Lines(string(out)) {
		var member, group int
		if _, err := fmt.Sscan(line, &member, &group); err == nil && group == pid {
			members = append(members, member)
		}
	}
	return members
}

func TestTwoReplicasShareTheInstances(t *testing.T) {
	db := storetest.Open(t, storetest.Postgres(t))
	dir := t.TempDir()
	a := newProcess(t, db, dir, runtime.ProcessOptions{Instance: "a"})
	ctx, stopA := context.WithCancel(context.Background())
	doneA := make(chan error, 1)
	go func() { doneA <- a.Supervise(ctx) }()
	b := supervised(t, db, dir, runtime.ProcessOptions{Instance: "b"})
	sa, sb := runtimetest.Suite{Runtime: a}, runtimetest.Suite{Runtime: b}
	var before []runtime.Instance
	for _, name := range []string{"one", "two", "three"} {
		before = append(before, sa.Deploy(t, name, "v1", runtimetest.Source(name, "")))
		for _, s := range []runtimetest.Suite{sa, sb} {
			if w := s.Get(name, "/"); w.Body.String() != name {
				t.Errorf("%s through a replica: %d %q", name, w.Code, w.Body)
			}
		}
	}
	stopA()
	if err := <-doneA; err != nil {
		t.Fatal(err)
	}
	for _, i := range before {
		after := sb.Until(t, i.Service, "ready at the other replica", func(i runtime.Instance) bool { return i.State == runtime.Ready })
		if after.PID != i.PID && alive(i.PID) {
			t.Errorf("%s runs twice", i.Service)
		}
		if w := sb.Get(i.Service, "/"); w.Body.String() != i.Service {
			t.Errorf("%s after the takeover: %d %q", i.Service, w.Code, w.Body)
		}
	}
}

// A supervisor that gives no sign of life loses its instances when its lease
// ends, and stops its processes when it learns of it.
func TestLostLease(t *testing.T) {
	db, dir := storetest.Open(t, storetest.SQLite(t)), t.TempDir()
	silent := runtime.ProcessOptions{Instance: "silent", Lease: 700 * time.Millisecond, Heartbeat: time.Hour}
	s := runtimetest.Suite{Runtime: supervised(t, db, dir, silent)}
	first := s.Deploy(t, "sample", "v1", runtimetest.Source("one", ""))
	supervised(t, db, dir, runtime.ProcessOptions{Instance: "lively"})
	s.Until(t, "sample", "taken over", func(i runtime.Instance) bool { return i.State == runtime.Ready && i.PID != first.PID })
	eventually(t, "the former process ended", 10*time.Second, func() bool { return !alive(first.PID) })
}

func TestComesBackWithThePortal(t *testing.T) {
	db, dir := storetest.Open(t, storetest.SQLite(t)), t.TempDir()
	// v2 never gets ready; the portal stops while it is being tried.
	var before runtime.Instance
	t.Run("before", func(t *testing.T) {
		s := runtimetest.Suite{Runtime: supervised(t, db, dir, runtime.ProcessOptions{})}
		before = s.Deploy(t, "sample", "v1", runtimetest.Source("one", ""))
		s.Ask(t, "sample", "v2", "", runtimetest.Source("two", "ready = false;"))
	})
	if alive(before.PID) {
		t.Error("the service outlived the portal")
	}
	p := newProcess(t, db, dir, runtime.ProcessOptions{})
	if i, err := p.Instance(context.Background(), "sample", env); err != nil || i.State != runtime.Starting || i.Port != 0 {
		t.Errorf("while nobody supervises: %+v %v", i, err)
	}
	s := runtimetest.Suite{Runtime: supervised(t, db, dir, runtime.ProcessOptions{StartTimeout: 300 * time.Millisecond})}
	s.Until(t, "sample", "ready", func(i runtime.Instance) bool { return i.State == runtime.Ready && i.Version == "v1" })
	if w := s.Get("sample", "/"); w.Body.String() != "one" {
		t.Errorf("the old version does not serve: %d %q", w.Code, w.Body)
	}
	_, err := s.Runtime.WaitReady(t.Context(), "sample", env, "v2", nil)
	if !fault.Is(err, fault.Unprocessable) || !strings.Contains(err.Error(), "503") {
		t.Errorf("the version that never gets ready: %v", err)
	}
	s.Until(t, "sample", "back at v1", func(i runtime.Instance) bool { return i.Desired == "v1" })
}

func TestPortTaken(t *testing.T) {
	stranger, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("stranger")) })}
	go func() { _ = srv.Serve(stranger) }()
	t.Cleanup(func() { _ = srv.Close() })
	taken := stranger.Addr().(*net.TCPAddr).Port

	t.Run("another port is tried", func(t *testing.T) {
		var asked atomic.Int32
		o := runtime.ProcessOptions{FreePort: func() (int, error) {
			if asked.Add(1) <= 2 {
				return taken, nil
			}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return 0, err
			}
			return l.Addr().(*net.TCPAddr).Port, l.Close()
		}}
		s := runtimetest.Suite{Runtime: supervised(t, storetest.Open(t, storetest.SQLite(t)), t.TempDir(), o)}
		i := s.Deploy(t, "sample", "v1", runtimetest.Source("mine", ""))
		if w := s.Get("sample", "/"); w.Body.String() != "mine" || i.Restarts != 0 {
			t.Errorf("%q, restarts %d", w.Body, i.Restarts)
		}
	})
	t.Run("a stranger's answer is not taken for the service's", func(t *testing.T) {
		o := runtime.ProcessOptions{FreePort: func() (int, error) { return taken, nil }, StartTimeout: 200 * time.Millisecond}
		s := runtimetest.Suite{Runtime: supervised(t, storetest.Open(t, storetest.SQLite(t)), t.TempDir(), o)}
		s.Ask(t, "sample", "v1", "", runtimetest.Source("mine", "process.env.PORT = 0;"))
		_, err := s.Runtime.WaitReady(t.Context(), "sample", env, "v1", nil)
		if err == nil || !strings.Contains(err.Error(), "another process answers on port") {
			t.Errorf("wait: %v", err)
		}
	})
}

func TestStubbornProcessIsKilled(t *testing.T) {
	o := runtime.ProcessOptions{StopTimeout: 200 * time.Millisecond}
	s := runtimetest.Suite{Runtime: supervised(t, storetest.Open(t, storetest.SQLite(t)), t.TempDir(), o)}
	i := s.Deploy(t, "sample", "v1", runtimetest.Source("one", `process.removeAllListeners("SIGTERM"); process.on("SIGTERM", () => console.log("no"));
require("node:child_process").spawn("sleep", ["600"]);`))
	members := groupOf(t, i.PID)
	if err := s.Runtime.Stop(t.Context(), "sample", env); err != nil {
		t.Fatal(err)
	}
	for _, pid := range members {
		eventually(t, "the whole group ended", time.Second, func() bool { return !alive(pid) })
	}
}

func TestServiceGetsNothingOfThePortal(t *testing.T) {
	t.Setenv("SPHERA_MASTER_KEY", "canary-of-the-portal")
	o := runtime.ProcessOptions{ServiceEnv: func(service, environment string) map[string]string {
		return map[string]string{"OFREP_ENDPOINT": "http://portal/flags/" + environment, "PORT": "1", "HOME": "/root"}
	}}
	dir := t.TempDir()
	s := runtimetest.Suite{Runtime: supervised(t, storetest.Open(t, storetest.SQLite(t)), dir, o)}
	i := s.Deploy(t, "sample", "v1", runtimetest.Source("one", ""))
	var got map[string]string
	if err := json.Unmarshal(s.Get("sample", "/env").Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	for name, value := range got {
		if strings.Contains(value, "canary") {
			t.Errorf("%s=%s reached the service", name, value)
		}
	}
	for name, want := range map[string]string{
		"PORT": fmt.Sprint(i.Port), "SERVICE_NAME": "sample", "SERVICE_VERSION": "v1", "SPHERA_ENVIRONMENT": env, "EXTRA": "1",
		"OFREP_ENDPOINT": "http://portal/flags/" + env, "BASE_PATH": "/run/" + env + "/sample",
	} {
		if got[name] != want {
			t.Errorf("%s=%q, want %q", name, got[name], want)
		}
	}
	if !strings.HasPrefix(got["HOME"], dir) {
		t.Errorf("HOME=%s is not the service's own", got["HOME"])
	}
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", i.PID))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Max core file size        0                    0", "Max open files            4096                 4096", "Max file size             268435456            268435456", "Max data size             2147483648           2147483648"} {
		if !bytes.Contains(limits, []byte(want)) {
			t.Errorf("the limits lack %q:\n%s", want, limits)
		}
	}
}

func TestLogRing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		t.Parallel()
		p := supervised(t, db, t.TempDir(), runtime.ProcessOptions{})
		s := runtimetest.Suite{Runtime: p}
		hints, end := p.Follow("sample", env)
		defer end()
		s.Deploy(t, "sample", "v1", runtimetest.Source("one", `
process.stderr.write(Buffer.from([0x61, 0, 0xff, 0x62, 10]));
process.stdout.write("x".repeat(20000) + "\n");
for (let i = 1; i <= 5000; i++) console.log("line " + i);
console.log("the last line");`))
		var lines []runtime.LogLine
		last := func() bool {
			var err error
			if lines, err = p.Logs(t.Context(), "sample", env, 0, 0); err != nil {
				t.Fatal(err)
			}
			return slices.ContainsFunc(lines, func(l runtime.LogLine) bool { return l.Text == "listening v1" })
		}
		eventually(t, "the last line is kept", 20*time.Second, last)
		select {
		case <-hints:
		default:
			t.Error("nobody was told of new lines")
		}
		if len(lines) > runtime.MaxLogLines {
			t.Errorf("%d lines are kept", len(lines))
		}
		for i, l := range lines {
			if i > 0 && l.Seq != lines[i-1].Seq+1 {
				t.Fatalf("line %d follows %d", l.Seq, lines[i-1].Seq)
			}
			if len(l.Text) > 8<<10 {
				t.Errorf("a line has %d bytes", len(l.Text))
			}
		}
		newer, err := p.Logs(t.Context(), "sample", env, lines[len(lines)-3].Seq, 10)
		if err != nil || len(newer) != 2 {
			t.Errorf("what came after: %v %v", newer, err)
		}
	})
}

func TestUnknownEnvironment(t *testing.T) {
	o := runtime.ProcessOptions{Environments: func(context.Context) ([]string, error) { return []string{"dev-two"}, nil }}
	p := newProcess(t, storetest.Open(t, storetest.SQLite(t)), t.TempDir(), o)
	_, err := p.Deploy(t.Context(), runtime.DeployRequest{Service: "sample", Environment: env, Version: "v1"})
	if !fault.Is(err, fault.Unprocessable) || !strings.Contains(err.Error(), "environment") {
		t.Errorf("deploy: %v", err)
	}
}

// Services are other people's code that runs as the portal's user: what the
// portal keeps must be out of their reach.
func TestS31_ServiceIsConfinedToItsFolder(t *testing.T) {
	t.Setenv("SPHERA_MASTER_KEY", "canary-of-the-portal")
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/sphera.db", []byte("canary"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := runtimetest.Suite{Runtime: supervised(t, storetest.Open(t, storetest.SQLite(t)), dir, runtime.ProcessOptions{})}
	s.Deploy(t, "neighbour", "v1", runtimetest.Source("neighbour", ""))
	s.Deploy(t, "sample", "v1", runtimetest.Source("one", `
const fs = require("node:fs"), cp = require("node:child_process");
const plain = handle;
const attempt = (f) => { try { return String(f()); } catch (e) { return e.code || String(e); } };
server.removeAllListeners("request");
server.on("request", (req, res) => {
  const url = new URL(req.url, "http://x"), path = url.searchParams.get("path");
  if (url.pathname === "/read") return res.end(attempt(() => fs.readFileSync(path)));
  if (url.pathname === "/shell") return res.end(attempt(() => cp.execFileSync("cat", [path], { stdio: ["ignore", "pipe", "ignore"] })));
  if (url.pathname === "/write") return res.end(attempt(() => { fs.writeFileSync(path, "x"); return "written"; }));
  if (url.pathname === "/kill") return res.end(attempt(() => process.kill(Number(path), 0)));
  plain(req, res);
});`))
	ask := func(what, path string) string { return s.Get("sample", "/"+what+"?path="+path).Body.String() }
	self := fmt.Sprint(os.Getpid())
	if v, err := os.ReadFile("/sys/kernel/security/lsm"); err == nil && !bytes.Contains(v, []byte("landlock")) {
		t.Skip("this kernel has no Landlock")
	}
	for _, path := range []string{dir + "/sphera.db", dir + "/artifacts/neighbour/v1/files/main.js", dir + "/artifacts/sample/v1/artifact.json", "/etc/shadow", "/proc/" + self + "/environ"} {
		if got := ask("read", path); got != "EACCES" {
			t.Errorf("read %s: %.80s", path, got)
		}
		if got := ask("shell", path); strings.Contains(got, "canary") || strings.Contains(got, "node:http") || strings.Contains(got, "root:") {
			t.Errorf("a program it starts reads %s: %.80s", path, got)
		}
	}
	for path, want := range map[string]string{
		dir + "/artifacts/sample/v1/files/main.js": "EACCES", dir + "/sphera.db": "EACCES", "/tmp/x": "EACCES",
		"own.txt": "written", dir + "/run/" + env + "/sample/tmp/x": "written",
	} {
		if got := ask("write", path); got != want {
			t.Errorf("write %s: %s, want %s", path, got, want)
		}
	}
	if got := ask("kill", self); got != "EPERM" {
		t.Errorf("signal the portal: %s", got)
	}
}
