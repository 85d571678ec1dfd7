package portal

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sphera/action"
	runs "sphera/internal/run"
)

// fakePortal answers as the API does, with a plan and a run that the test sets, and
// keeps what was asked.
type fakePortal struct {
	*httptest.Server
	asked   []string
	inputs  []string
	changed bool
	states  []runs.Run
}

func newFakePortal(t *testing.T) *fakePortal {
	t.Helper()
	p := &fakePortal{}
	plan := runs.SavedPlan{ID: "p1", Action: "create_service", Plan: &action.Plan{
		Summary: "Create the service checkout.", Digest: "d1",
		Repositories: []action.RepositoryChange{{Repository: "checkout", Created: true, Files: []action.FileChange{{Path: "main.go", Verb: "add", Added: 7}}}},
		Objects:      []action.ObjectChange{{Verb: "create", Kind: "Deployment", Name: "checkout", Environment: "production-eu", Held: true}, {Verb: "create", Kind: "Service", Name: "checkout", Environment: "production-eu", Held: true}},
	}}
	answer := func(w http.ResponseWriter, status int, v any) {
		w.WriteHeader(status)
		if err := json.NewEncoder(w).Encode(v); err != nil {
			t.Error(err)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/actions/create_service", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"ok":true,"action":{"input":{"properties":{"replicas":{"type":"integer"}},"x-order":["replicas"]}}}`)
	})
	mux.HandleFunc("POST /v1/actions/create_service/plans", func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Input json.RawMessage }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		p.inputs = append(p.inputs, string(body.Input))
		answer(w, http.StatusCreated, map[string]any{"ok": true, "plan": plan})
	})
	mux.HandleFunc("POST /v1/actions/create_service/runs", func(w http.ResponseWriter, _ *http.Request) {
		if p.changed {
			answer(w, http.StatusConflict, map[string]any{"ok": false, "error": "plan_changed", "message": "The plan has changed.", "data": runs.PlanDifference{
				Differences: []action.Difference{{Section: "facts", Name: "ci-config main", Before: "aaa", After: "bbb"}}, Plan: plan,
			}})
			return
		}
		answer(w, http.StatusAccepted, map[string]any{"ok": true, "run": runs.Run{ID: "r1", State: runs.Pending}})
	})
	mux.HandleFunc("GET /v1/runs/r1/events", func(w http.ResponseWriter, _ *http.Request) {
		for _, state := range p.states {
			raw, err := json.Marshal(state)
			if err != nil {
				t.Error(err)
			}
			fmt.Fprintf(w, "event: run\ndata: %s\n\n", raw)
		}
		fmt.Fprint(w, "event: log\nid: 1\ndata: {\"seq\":1,\"step\":\"create\",\"text\":\"made \\u001b[2J it\"}\n\nevent: end\ndata: {}\n\n")
	})
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.asked = append(p.asked, r.Method+" "+r.URL.Path)
		if r.Header.Get("Authorization") != "Bearer spu_test" {
			answer(w, http.StatusUnauthorized, map[string]any{"ok": false, "error": "unauthorized", "message": "Sign in to go on."})
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(p.Close)
	p.states = []runs.Run{state(runs.Running, runs.Running), state(runs.Succeeded, runs.Succeeded)}
	return p
}

func state(run, step runs.State) runs.Run {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	v := runs.Run{ID: "r1", Title: "Create checkout", State: run, CreatedAt: at, Steps: []runs.StepRun{{Name: "create", Title: "Create the repository", State: step, StartedAt: at, EndedAt: at.Add(1200 * time.Millisecond)}}}
	if run == runs.Succeeded {
		v.EndedAt = at.Add(2 * time.Second)
		v.Changes = []runs.ChangeEntry{{Change: action.Change{Kind: "repository", Verb: "created", Title: "checkout", URL: "/forge/checkout"}}}
	}
	if run == runs.Failed {
		v.Error, v.Can.Retry = "the disk is full", true
	}
	return v
}

// sphera runs one command line and returns its exit code and what it wrote.
func (p *fakePortal) sphera(args ...string) (code int, out, errs string) {
	c, stdout, stderr := consoleOf(map[string]string{"SPHERA_SERVER": p.URL, "SPHERA_TOKEN": "spu_test"})
	for _, command := range clientCommands(c) {
		if command.Name() == args[0] {
			command.SetArgs(args[1:])
			command.SetOut(stdout)
			command.SetErr(stderr)
			code = exitCode(command.ExecuteContext(context.Background()))
		}
	}
	return code, stdout.String(), stderr.String()
}

func createArgs(more ...string) []string {
	return append([]string{"create", "service", "checkout", "--team", "payments"}, more...)
}

func TestCreateShowsThePlanAndFollowsTheRun(t *testing.T) {
	p := newFakePortal(t)
	code, out, errs := p.sphera(createArgs("--yes", "--wait", "--input", "replicas=3")...)
	if code != exitOK {
		t.Fatalf("exit %d: %s", code, errs)
	}
	for _, want := range []string{"Create the service checkout.", "Repository checkout (new)", "+ main.go (+7 -0)", "+ production-eu (held): Deployment/checkout, Service/checkout", "✓ Create checkout: succeeded in 2.0 s", p.URL + "/forge/checkout"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in %s", want, out)
		}
	}
	if errs != "• Create the repository\n✓ Create the repository  1.2 s\n" {
		t.Errorf("progress %q", errs)
	}
	if len(p.inputs) != 1 || p.inputs[0] != `{"name":"checkout","replicas":3,"team":"payments"}` {
		t.Errorf("sent %v", p.inputs)
	}
}

func TestNothingIsAppliedWithoutConsent(t *testing.T) {
	p := newFakePortal(t)
	if code, _, errs := p.sphera(createArgs()...); code != exitUsage || !strings.Contains(errs, "--yes") || len(p.asked) != 0 {
		t.Errorf("without a terminal: exit %d, asked %v: %s", code, p.asked, errs)
	}
	code, out, _ := p.sphera(createArgs("--plan", "-o", "json")...)
	var plan runs.SavedPlan
	if err := json.Unmarshal([]byte(out), &plan); err != nil || code != exitOK || plan.Plan.Digest != "d1" {
		t.Errorf("--plan -o json: exit %d, %v: %s", code, err, out)
	}
	if got := strings.Join(p.asked, " "); got != "POST /v1/actions/create_service/plans" {
		t.Errorf("asked for %s", got)
	}
}

func TestAPlanThatChangedIsNotAppliedByYes(t *testing.T) {
	p := newFakePortal(t)
	p.changed = true
	code, _, errs := p.sphera(createArgs("--yes")...)
	if code != exitFailed || !strings.Contains(errs, "facts ci-config main") || !strings.Contains(errs, "bbb") {
		t.Errorf("exit %d: %s", code, errs)
	}
	if n := len(p.asked); n != 2 {
		t.Errorf("asked %v", p.asked)
	}
}

func TestAFailedRunFailsTheCommand(t *testing.T) {
	p := newFakePortal(t)
	p.states = []runs.Run{state(runs.Running, runs.Running), state(runs.Failed, runs.Failed)}
	code, out, errs := p.sphera("run", "wait", "r1")
	if code != exitFailed || !strings.Contains(errs, "the disk is full") || !strings.Contains(out, "sphera run retry r1") {
		t.Errorf("exit %d: %s %s", code, out, errs)
	}
	code, out, _ = p.sphera("run", "wait", "r1", "-o", "json")
	var v runs.Run
	if err := json.Unmarshal([]byte(out), &v); err != nil || code != exitFailed || v.State != runs.Failed {
		t.Errorf("as JSON: exit %d, %v: %s", code, err, out)
	}
}

func TestLogsAreFollowedToTheEnd(t *testing.T) {
	p := newFakePortal(t)
	code, out, errs := p.sphera("run", "logs", "r1", "-f")
	if code != exitOK || !strings.Contains(out, "create made [2J it\n") {
		t.Errorf("exit %d: %q %s", code, out, errs)
	}
}

func TestMistakesAndMissingSignIn(t *testing.T) {
	p := newFakePortal(t)
	cases := []struct {
		args []string
		want int
	}{
		{[]string{"create", "service"}, exitUsage},
		{[]string{"create", "nonsense"}, exitUsage},
		{[]string{"run", "show", "--bogus"}, exitUsage},
		{[]string{"run", "list", "-o", "xml"}, exitUsage},
		{createArgs("--yes", "--input", "replicas=many"), exitUsage},
		{createArgs("--yes", "--input", "bogus=1"), exitUsage},
		{[]string{"whoami", "--server", "http://127.0.0.1:1"}, exitUnreachable},
		{[]string{"run", "show", "absent"}, exitNotFound},
	}
	for _, c := range cases {
		if code, _, errs := p.sphera(c.args...); code != c.want || strings.Count(errs, "Error:") != 1 {
			t.Errorf("%v: exit %d, want %d: %s", c.args, code, c.want, errs)
		}
	}
	c, _, _ := consoleOf(map[string]string{"SPHERA_SERVER": p.URL, "SPHERA_TOKEN": "spu_wrong"})
	if r, err := (&cli{console: c}).connect(); err != nil || exitCode(r.get(t.Context(), apiPath("v1", "me"), nil, nil)) != exitSignIn {
		t.Errorf("a wrong token: %v", err)
	}
}

func TestExportStaysInsideItsFolder(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"ok":true,"files":[{"name":"entities/a.json","content":"{}"},{"name":"../../evil.json","content":"x"}]}`)
	}))
	defer server.Close()
	dir := filepath.Join(t.TempDir(), "deep", "export")
	c, _, _ := testCLI(t, map[string]string{"SPHERA_SERVER": server.URL, "SPHERA_TOKEN": "x"})
	if err := c.exportFiles(t.Context(), dir); err == nil {
		t.Error("a name that leaves the folder was accepted")
	}
	if _, err := os.Stat(filepath.Join(dir, "..", "..", "evil.json")); err == nil {
		t.Error("a file was written outside")
	}
	if content, err := os.ReadFile(filepath.Join(dir, "entities", "a.json")); err != nil || string(content) != "{}" {
		t.Errorf("the good file: %q, %v", content, err)
	}
}
