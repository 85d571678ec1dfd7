// Package runtimetest is the conformance suite of runtime.Runtime. It is
// imported by tests only.
package runtimetest

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sphera/internal/fault"
	"sphera/internal/forge"
	"sphera/internal/runtime"
)

// patience bounds every wait; a busy machine needs it, a quick one does not.
const patience = 60 * time.Second

// Env is the environment the suite deploys to.
const Env = "dev-one"

// Source returns a small node service. code runs before it listens; say is
// what it answers under /.
func Source(say, code string) []forge.File {
	return []forge.File{
		{Path: "package.json", Content: []byte(`{"name":"sample","main":"main.js"}`)},
		{Path: "main.js", Content: fmt.Appendf(nil, `
const http = require("node:http");
let ready = true;
const handle = (req, res) => {
  if (req.url === "/readyz") { res.statusCode = ready ? 200 : 503; return res.end("readiness"); }
  if (req.url === "/crash") { console.error("about to crash"); process.exit(3); }
  if (req.url === "/unready") { ready = false; return res.end(); }
  if (req.url === "/env") return res.end(JSON.stringify(process.env));
  if (req.url === "/headers") return res.end(JSON.stringify(req.headers));
  res.end(%q);
};
const server = http.createServer((req, res) => handle(req, res));
process.on("SIGTERM", () => { console.log("stopping in order"); server.close(() => process.exit(0)); server.closeAllConnections(); });
%s
server.listen(Number(process.env.PORT), "127.0.0.1", () => console.log("listening", process.env.SERVICE_VERSION));
`, say, code)},
	}
}

// Suite is one runtime under test.
type Suite struct {
	Runtime runtime.Runtime
}

// Run runs the suite; start returns a supervised runtime that knows Env.
func Run(t *testing.T, start func(t *testing.T) runtime.Runtime) {
	for name, test := range map[string]func(*testing.T, Suite){
		"builds once and reuses":                       testBuild,
		"refuses hostile input":                        testHostile,
		"says why a build failed":                      testBuildFails,
		"deploys, answers, logs":                       testDeploy,
		"repeats a deployment without effect":          testIdempotent,
		"a failed deployment leaves the old one":       testFailedDeploy,
		"a first deployment that fails can be retried": testRetry,
		"restarts what crashed":                        testCrash,
		"restart starts anew":                          testRestart,
		"stops, and stopping twice is no error":        testStop,
		"what is not there is not found":               testNotFound,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, Suite{start(t)})
		})
	}
}

// Deploy builds and deploys a version and waits until it is ready.
func (s Suite) Deploy(t *testing.T, service, version string, files []forge.File) runtime.Instance {
	t.Helper()
	s.Ask(t, service, version, "", files)
	var log bytes.Buffer
	i, err := s.Runtime.WaitReady(deadline(t), service, Env, version, &log)
	if err != nil {
		t.Fatalf("wait for %s %s: %v\n%s", service, version, err, log.String())
	}
	return i
}

// Ask builds and deploys a version and does not wait.
func (s Suite) Ask(t *testing.T, service, version, run string, files []forge.File) runtime.Instance {
	t.Helper()
	var log bytes.Buffer
	if _, err := s.Runtime.Build(deadline(t), runtime.BuildRequest{Service: service, Language: runtime.Node, Version: version, Files: files}, &log); err != nil {
		t.Fatalf("build %s %s: %v\n%s", service, version, err, log.String())
	}
	i, err := s.Runtime.Deploy(deadline(t), runtime.DeployRequest{Service: service, Environment: Env, Version: version, Language: runtime.Node, RunID: run, By: "ada", Env: map[string]string{"EXTRA": "1"}})
	if err != nil {
		t.Fatalf("deploy %s %s: %v", service, version, err)
	}
	return i
}

// Get asks the service through the proxy.
func (s Suite) Get(service, path string, edit ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/run/"+Env+"/"+service+path, nil)
	for _, e := range edit {
		e(r)
	}
	w := httptest.NewRecorder()
	s.Runtime.Proxy(service, Env).ServeHTTP(w, r)
	return w
}

// Until waits until the instance fulfils the condition.
func (s Suite) Until(t *testing.T, service, what string, holds func(runtime.Instance) bool) runtime.Instance {
	t.Helper()
	ctx := deadline(t)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		i, err := s.Runtime.Instance(ctx, service, Env)
		if err == nil && holds(i) {
			return i
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s did not become %s: %+v %v", service, what, i, err)
		case <-tick.C:
		}
	}
}

func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func testBuild(t *testing.T, s Suite) {
	in := runtime.BuildRequest{Service: "sample", Language: runtime.Node, Version: "v1", Files: Source("one", "")}
	var log bytes.Buffer
	a, err := s.Runtime.Build(deadline(t), in, &log)
	if err != nil || a.Reused || a.Language != runtime.Node {
		t.Fatalf("first build: %+v %v", a, err)
	}
	if log.Len() == 0 {
		t.Error("the build wrote no log")
	}
	in.Language, in.Files = "", nil
	if a, err := s.Runtime.Build(deadline(t), in, nil); err != nil || !a.Reused || a.Language != runtime.Node {
		t.Errorf("second build: %+v %v", a, err)
	}
}

func testHostile(t *testing.T, s Suite) {
	for name, in := range map[string]runtime.BuildRequest{
		"service outside":  {Service: "../x", Version: "v1", Files: Source("", "")},
		"version outside":  {Service: "x", Version: "..", Files: Source("", "")},
		"empty version":    {Service: "x", Version: "", Files: Source("", "")},
		"file outside":     {Service: "x", Version: "v1", Files: append(Source("", ""), forge.File{Path: "../evil"})},
		"file deep out":    {Service: "x", Version: "v1", Files: append(Source("", ""), forge.File{Path: "a/../../evil"})},
		"absolute file":    {Service: "x", Version: "v1", Files: append(Source("", ""), forge.File{Path: "/tmp/evil"})},
		"NUL":              {Service: "x", Version: "v1", Files: append(Source("", ""), forge.File{Path: "a\x00b"})},
		"main outside":     {Service: "x", Version: "v1", Files: []forge.File{{Path: "package.json", Content: []byte(`{"main":"../../x.js"}`)}}},
		"unknown language": {Service: "x", Version: "v1", Files: []forge.File{{Path: "README"}}},
	} {
		if _, err := s.Runtime.Build(deadline(t), in, nil); !fault.Is(err, fault.Unprocessable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func testBuildFails(t *testing.T, s Suite) {
	_, err := s.Runtime.Build(deadline(t), runtime.BuildRequest{Service: "sample", Language: runtime.Node, Version: "v1", Files: Source("", "this is not javascript")}, nil)
	if !fault.Is(err, fault.Unprocessable) || !strings.Contains(err.Error(), "SyntaxError") {
		t.Errorf("a broken program: %v", err)
	}
	_, err = s.Runtime.Deploy(deadline(t), runtime.DeployRequest{Service: "sample", Environment: Env, Version: "v1"})
	if !fault.Is(err, fault.NotFound) {
		t.Errorf("deploy what was not built: %v", err)
	}
}

func testDeploy(t *testing.T, s Suite) {
	i := s.Deploy(t, "sample", "v1", Source("hello from one", `console.error("a warning");`))
	if i.State != runtime.Ready || i.Version != "v1" || i.Port == 0 || i.PID == 0 || i.Address != "/run/"+Env+"/sample/" {
		t.Errorf("instance: %+v", i)
	}
	if i.FirstAnswerAt.IsZero() || i.ReadyAt.IsZero() || i.FirstAnswerAt.Before(i.StartedAt) {
		t.Errorf("times: %+v", i)
	}
	if w := s.Get("sample", "/"); w.Code != http.StatusOK || w.Body.String() != "hello from one" {
		t.Errorf("through the proxy: %d %q", w.Code, w.Body)
	}
	s.untilLog(t, "sample", "listening v1", "a warning")
	list, err := s.Runtime.Instances(deadline(t), "sample")
	if err != nil || len(list) != 1 {
		t.Errorf("instances: %v %v", list, err)
	}
	s.Deploy(t, "sample", "v2", Source("hello from two", ""))
	if w := s.Get("sample", "/"); w.Body.String() != "hello from two" {
		t.Errorf("after the second deployment: %q", w.Body)
	}
	history, err := s.Runtime.Deployments(deadline(t), "sample", 10)
	if err != nil || len(history) != 2 || history[0].State != "active" || history[0].Version != "v2" || history[1].State != "replaced" || history[1].By != "ada" {
		t.Errorf("history: %+v %v", history, err)
	}
}

func (s Suite) untilLog(t *testing.T, service string, want ...string) []runtime.LogLine {
	t.Helper()
	ctx := deadline(t)
	hints, end := s.Runtime.Follow(service, Env)
	defer end()
	for {
		lines, err := s.Runtime.Logs(ctx, service, Env, 0, 0)
		if err != nil {
			t.Fatalf("logs: %v", err)
		}
		var text strings.Builder
		for _, l := range lines {
			text.WriteString(l.Text + "\n")
		}
		all := text.String()
		found := 0
		for _, w := range want {
			if strings.Contains(all, w) {
				found++
			}
		}
		if found == len(want) {
			return lines
		}
		select {
		case <-hints:
		case <-ctx.Done():
			t.Fatalf("the log lacks %q:\n%s", want, all)
		}
	}
}

func testIdempotent(t *testing.T, s Suite) {
	s.Ask(t, "sample", "v1", "run-1", Source("one", ""))
	first, err := s.Runtime.WaitReady(deadline(t), "sample", Env, "v1", nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if i := s.Ask(t, "sample", "v1", "run-1", nil); i.PID != first.PID {
			t.Errorf("a repeated deployment started another process: %+v", i)
		}
	}
	history, err := s.Runtime.Deployments(deadline(t), "sample", 10)
	if err != nil || len(history) != 1 {
		t.Errorf("history: %+v %v", history, err)
	}
	s.Ask(t, "sample", "v2", "run-2", Source("two", ""))
	if _, err := s.Runtime.WaitReady(deadline(t), "sample", Env, "v2", nil); err != nil {
		t.Fatal(err)
	}
	// A late repeat of the first run must not bring its version back.
	s.Ask(t, "sample", "v1", "run-1", nil)
	if w := s.Get("sample", "/"); w.Body.String() != "two" {
		t.Errorf("after a late repeat: %q", w.Body)
	}
	if _, err := s.Runtime.WaitReady(deadline(t), "sample", Env, "v1", nil); !fault.Is(err, fault.Conflict) {
		t.Errorf("wait for a replaced version: %v", err)
	}
}

func testFailedDeploy(t *testing.T, s Suite) {
	before := s.Deploy(t, "sample", "v1", Source("one", ""))
	s.Ask(t, "sample", "v2", "", Source("two", `console.error("no database"); process.exit(4);`))
	var log bytes.Buffer
	_, err := s.Runtime.WaitReady(deadline(t), "sample", Env, "v2", &log)
	if !fault.Is(err, fault.Unprocessable) || !strings.Contains(err.Error(), "no database") || !strings.Contains(err.Error(), "status 4") {
		t.Errorf("wait for the broken version: %v", err)
	}
	if w := s.Get("sample", "/"); w.Body.String() != "one" {
		t.Errorf("the old version does not serve: %d %q", w.Code, w.Body)
	}
	after := s.Until(t, "sample", "back at the old version", func(i runtime.Instance) bool { return i.Desired == "v1" && i.State == runtime.Ready })
	if after.PID != before.PID {
		t.Error("the old process was touched")
	}
	history, err := s.Runtime.Deployments(deadline(t), "sample", 10)
	if err != nil || history[0].State != "failed" || history[1].State != "active" {
		t.Errorf("history: %+v %v", history, err)
	}
}

func testRetry(t *testing.T, s Suite) {
	// It runs only once a file is there: what it needs comes later.
	code := `if (!require("node:fs").existsSync("needed")) { console.error("needed is missing"); process.exit(5); }`
	s.Ask(t, "sample", "v1", "run-1", Source("one", code))
	if _, err := s.Runtime.WaitReady(deadline(t), "sample", Env, "v1", nil); err == nil || !strings.Contains(err.Error(), "needed is missing") {
		t.Fatalf("first try: %v", err)
	}
	i := s.Until(t, "sample", "crashed", func(i runtime.Instance) bool { return i.State == runtime.Crashed })
	if !strings.Contains(i.LastError, "needed is missing") {
		t.Errorf("last error: %q", i.LastError)
	}
	if w := s.Get("sample", "/"); w.Code != http.StatusBadGateway {
		t.Errorf("a crashed service answers %d", w.Code)
	}
	s.Ask(t, "sample", "v1", "run-1", nil)
	history, err := s.Runtime.Deployments(deadline(t), "sample", 10)
	if err != nil || len(history) != 1 || history[0].State != "starting" {
		t.Errorf("after the retry: %+v %v", history, err)
	}
	if _, err := s.Runtime.WaitReady(deadline(t), "sample", Env, "v1", nil); err == nil {
		t.Error("the second try cannot succeed either")
	}
	if err := s.Runtime.Stop(deadline(t), "sample", Env); err != nil {
		t.Error(err)
	}
}

func testCrash(t *testing.T, s Suite) {
	before := s.Deploy(t, "sample", "v1", Source("one", ""))
	s.Get("sample", "/crash")
	after := s.Until(t, "sample", "ready again", func(i runtime.Instance) bool { return i.State == runtime.Ready && i.PID != before.PID })
	if after.Restarts != 1 || after.Version != "v1" {
		t.Errorf("after the crash: %+v", after)
	}
	if w := s.Get("sample", "/"); w.Code != http.StatusOK {
		t.Errorf("after the crash it answers %d", w.Code)
	}
	s.untilLog(t, "sample", "about to crash", "ended with status 3")
	s.Get("sample", "/unready")
	s.Until(t, "sample", "unready", func(i runtime.Instance) bool { return i.State == runtime.Unready })
}

func testRestart(t *testing.T, s Suite) {
	before := s.Deploy(t, "sample", "v1", Source("one", ""))
	if err := s.Runtime.Restart(deadline(t), "sample", Env); err != nil {
		t.Fatal(err)
	}
	after := s.Until(t, "sample", "restarted", func(i runtime.Instance) bool { return i.State == runtime.Ready && i.PID != before.PID })
	if after.Version != "v1" {
		t.Errorf("after the restart: %+v", after)
	}
	s.untilLog(t, "sample", "stopping in order")
}

func testStop(t *testing.T, s Suite) {
	s.Deploy(t, "sample", "v1", Source("one", ""))
	for range 2 {
		if err := s.Runtime.Stop(deadline(t), "sample", Env); err != nil {
			t.Fatal(err)
		}
	}
	i, err := s.Runtime.Instance(deadline(t), "sample", Env)
	if err != nil || i.State != runtime.Stopped || i.Port != 0 {
		t.Errorf("after stop: %+v %v", i, err)
	}
	if w := s.Get("sample", "/"); w.Code != http.StatusNotFound {
		t.Errorf("a stopped service answers %d", w.Code)
	}
	if err := s.Runtime.Restart(deadline(t), "sample", Env); !fault.Is(err, fault.NotFound) {
		t.Errorf("restart what was stopped: %v", err)
	}
	s.Deploy(t, "sample", "v2", Source("two", ""))
	if w := s.Get("sample", "/"); w.Body.String() != "two" {
		t.Errorf("after a new deployment: %q", w.Body)
	}
}

func testNotFound(t *testing.T, s Suite) {
	if _, err := s.Runtime.Instance(deadline(t), "nothing", Env); !fault.Is(err, fault.NotFound) {
		t.Errorf("instance: %v", err)
	}
	if _, err := s.Runtime.WaitReady(deadline(t), "nothing", Env, "v1", nil); !fault.Is(err, fault.NotFound) {
		t.Errorf("wait: %v", err)
	}
	if err := s.Runtime.Stop(deadline(t), "nothing", Env); err != nil {
		t.Errorf("stop: %v", err)
	}
	if lines, err := s.Runtime.Logs(deadline(t), "nothing", Env, 0, 10); err != nil || len(lines) != 0 {
		t.Errorf("logs: %v %v", lines, err)
	}
	if w := s.Get("nothing", "/"); w.Code != http.StatusNotFound {
		t.Errorf("proxy: %d", w.Code)
	}
}
