package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"sphera/action"
	"sphera/internal/access"
	"sphera/internal/approval"
	"sphera/internal/audit"
	"sphera/internal/audit/seal"
	"sphera/internal/audit/sink"
	"sphera/internal/auth"
	"sphera/internal/automation"
	"sphera/internal/catalog"
	"sphera/internal/change"
	"sphera/internal/flag"
	"sphera/internal/flag/key"
	"sphera/internal/flag/usage"
	"sphera/internal/forge"
	"sphera/internal/golden"
	"sphera/internal/guarded"
	"sphera/internal/hook"
	"sphera/internal/insight"
	"sphera/internal/migration"
	"sphera/internal/notify"
	"sphera/internal/oidc"
	"sphera/internal/outgoing"
	"sphera/internal/policy"
	"sphera/internal/resource"
	"sphera/internal/run"
	"sphera/internal/runtime"
	"sphera/internal/scim"
	"sphera/internal/secret"
	"sphera/internal/source"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
	"sphera/internal/view"

	"github.com/prometheus/client_golang/prometheus"
)

const password = "a long password"

// harness is the API over a real database and real services.
type harness struct {
	t      *testing.T
	db     *store.DB
	api    *API
	server *httptest.Server
	log    *lockedBuffer
	auth   *auth.Service
	raw    rawStores
	// proposal is the id of the change of a flag that waits.
	proposal string
	// app is a machine with credentials, for tests that call asPort.
	app       auth.App
	appSecret string
	// migrations are worked on by those tests that start it.
	migrations *migration.Migrations
	tokens     map[string]string // by role
	users      map[string]auth.User
	// gate lets the step of the action "wait_here" go on.
	gate chan struct{}
}

// rawStores are the stores without anybody who asks.
type rawStores struct {
	runs       *run.Engine
	forge      *forge.Builtin
	flags      *flag.Flags
	flagKeys   *key.Keys
	flagUsage  *usage.Store
	vault      *secret.Vault
	views      *view.Views
	approvals  *approval.Service
	automation *automation.Service
	runtime    *runtime.Process
	contracts  *golden.Contracts
}

// guard puts the stores behind those that ask.
func (s rawStores) guard(d *Deps) {
	d.Guard = guarded.New(d.Auth, d.Catalog)
	d.Runs, d.Forge, d.Flags, d.Vault, d.Views = d.Guard.Runs(s.runs), d.Guard.Forge(s.forge), d.Guard.Flags(s.flags), d.Guard.Vault(s.vault), d.Guard.Views(s.views)
	d.Approvals, d.Automation, d.Services = d.Guard.Approvals(s.approvals, d.Runs, d.Flags), d.Guard.Automation(s.automation, d.Runs), d.Guard.Services(s.runtime, s.contracts)
	d.FlagKeys, d.FlagUsage = d.Guard.FlagKeys(s.flagKeys, d.Flags), d.Guard.FlagUsage(s.flagUsage, d.Flags)
	d.Things = d.Guard.Things(d.Runs, d.Forge, d.Flags, d.Approvals, d.Services)
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func each(t *testing.T, test func(t *testing.T, h *harness)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) { test(t, start(t, db, Options{})) })
}

func start(t *testing.T, db *store.DB, o Options, providers ...oidc.Config) *harness {
	t.Helper()
	h := &harness{t: t, db: db, log: &lockedBuffer{}, tokens: map[string]string{}, users: map[string]auth.User{}, gate: make(chan struct{}, 100)}
	log := slog.New(slog.NewJSONHandler(h.log, nil))
	events := audit.New(time.Now)
	h.auth = auth.New(db, events, time.Now)
	kept := catalog.New(db, events, time.Now)
	kept.Guard(access.New(h.auth, h.auth.Policies(), kept.SearchEnv).Catalog())
	d := Deps{
		DB: db, Audit: events, Auth: h.auth, Catalog: kept, Insights: insight.New(db, time.Now),
		Log: log, Now: time.Now, Metrics: prometheus.NewRegistry(), PublicURL: func() string { return "http://portal.example" },
	}
	d.Policies = policy.Open(policy.Deps{
		DB: db, Audit: events, Engine: h.auth.Policies(), Now: time.Now, Log: log, Administrators: h.auth.Administrators,
		Shapes: func(context.Context, store.Querier) ([]policy.Shape, error) {
			return []policy.Shape{{Blueprint: "Component", Properties: []policy.Property{{Name: "tier", Type: "string"}}}}, nil
		},
	})
	s := &h.raw
	s.views, s.flagKeys, s.flagUsage = view.Open(db, events, time.Now), key.New(db, events, time.Now), usage.Open(db, time.Now, "test")
	d.AuditKey, d.Sinks = auditParts(t, db, log)
	sealer, err := secret.OpenSealer(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	s.vault = secret.NewVault(db, events, time.Now, sealer)
	d.SignIn, err = oidc.New(oidc.Deps{
		DB: db, Auth: h.auth, Audit: events, Sealer: sealer, Client: outgoing.New(true).HTTP(), Guarded: outgoing.New(true).HTTP(),
		PublicURL: d.PublicURL, Log: log, Now: time.Now,
	}, providers...)
	if err != nil {
		t.Fatal(err)
	}
	d.Directories = scim.New(scim.Deps{DB: db, Auth: h.auth, Audit: events, PublicURL: d.PublicURL, Log: log, Now: time.Now})
	d.Sources = source.New(db, d.Catalog, events, time.Now)
	d.Hooks = hook.New(hook.Deps{DB: db, Catalog: d.Catalog, Sources: d.Sources, Resources: resource.New(events, time.Now), Vault: s.vault, Log: log, Now: time.Now, Instance: "test"})
	d.Changes = change.New(change.Deps{
		DB: db, Catalog: d.Catalog, Resources: resource.New(events, time.Now), Vault: s.vault, Outgoing: outgoing.New(false), Log: log, Now: time.Now, Instance: "test",
	})
	d.Migrations = migration.NewMigrations(db, d.Catalog, events, log, time.Now)
	h.migrations = d.Migrations
	s.runs = run.New(db, events, log, run.Options{Now: time.Now, Exclusive: db.Dialect == store.SQLite})
	d.Notices = notify.New(db, time.Now)
	d.Courier = notify.NewCourier(notify.Deps{
		DB: db, Audit: events, Vault: s.vault, Outgoing: outgoing.New(false), PublicURL: d.PublicURL, Now: time.Now, Log: log, Instance: "test",
	})
	s.approvals, err = approval.New(approval.Deps{DB: db, Audit: events, Auth: h.auth, Catalog: d.Catalog, Runs: s.runs, Notices: d.Notices, Now: time.Now, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	s.automation, err = automation.New(automation.Deps{
		DB: db, Audit: events, Catalog: d.Catalog, Runs: s.runs, Approvals: s.approvals, Outgoing: outgoing.New(true), Now: time.Now, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.runtime = runtime.NewProcess(db, events, log, filepath.Join(t.TempDir(), "runtime"), runtime.ProcessOptions{Now: time.Now})
	s.forge, err = forge.NewBuiltin(db, events, filepath.Join(t.TempDir(), "git"), forge.BuiltinOptions{
		Now: time.Now, Logger: log, PublicURL: func() string { return "http://localhost" },
		OnEvent: func(context.Context, *store.Tx, forge.Event) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.forge.Close(); err != nil {
			t.Error(err)
		}
	})
	s.flags = flag.Open(flag.Deps{
		DB: db, Audit: events, Catalog: d.Catalog, Log: log, Now: time.Now,
		Environments: func(context.Context) ([]flag.EnvironmentInfo, error) {
			return []flag.EnvironmentInfo{{ID: "dev", Kind: "dev"}, {ID: "staging", Kind: "staging"}, {ID: "production", Kind: "production"}}, nil
		},
	})
	s.contracts = golden.Contract(golden.Deps{
		Forge: s.forge, Catalog: d.Catalog, Runtime: s.runtime, Flags: s.flags.Projects, Secrets: secret.New(db, events, time.Now),
		Environments: func(context.Context) ([]golden.Environment, error) { return nil, nil },
	})
	if err := s.runs.Register(h.waitHere(t)); err != nil {
		t.Fatal(err)
	}
	s.guard(&d)
	o.Version = "test"
	if h.api, err = New(d, o); err != nil {
		t.Fatal(err)
	}
	h.server = httptest.NewUnstartedServer(h.api)
	h.server.Config.MaxHeaderBytes = 16 << 10
	h.server.Start()
	h.background(h.api.Watch)
	t.Cleanup(func() {
		h.api.StopStreams()
		h.server.Close()
	})
	h.people()
	return h
}

// auditParts are the key and the sinks of a log without sinks.
func auditParts(t *testing.T, db *store.DB, log *slog.Logger) (*seal.Key, *sink.Sinks) {
	t.Helper()
	k, err := seal.OpenKey(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	s, err := sink.New(sink.Deps{DB: db, Key: k, Client: outgoing.New(true), Log: log, Now: time.Now, Instance: "test"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return k, s
}

type waitInput struct {
	Lines int    `json:"lines" title:"Lines" default:"1" minimum:"0" maximum:"100"`
	Note  string `json:"note" title:"Note" optional:"true"`
	// Environment is where it waits.
	Environment string `json:"environment" title:"Environment" optional:"true"`
}

// waitHere is an action with one step that writes lines, each after the gate
// was opened once.
func (h *harness) waitHere(t *testing.T) *action.Action {
	t.Helper()
	kind := action.NewStepType("wait_here", action.ByKey, func(ctx context.Context, x *action.Exec, in waitInput) (struct{}, error) {
		for i := range in.Lines {
			select {
			case <-h.gate:
			case <-ctx.Done():
				return struct{}{}, ctx.Err()
			}
			x.Logf("line %d", i+1)
		}
		if in.Note == "fail" {
			return struct{}{}, action.Permanent(errors.New("it was told to fail"))
		}
		return struct{}{}, nil
	})
	a, err := action.New(action.Definition[waitInput]{
		Identifier: "wait_here", Title: "Wait here", Description: "Waits.", Group: "Tests", StepTypes: []action.StepType{kind.Type},
		Plan: func(context.Context, action.Request, waitInput) (*action.Plan, error) {
			return &action.Plan{Summary: "Wait.", Steps: []action.PlannedStep{{Name: "wait", Title: "Wait"}}}, nil
		},
		Apply: func(_ context.Context, _ action.Request, in waitInput) ([]action.Step, error) {
			s, err := kind.Step("wait", "Wait", in)
			return []action.Step{s}, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// work runs the engine until the test ends.
func (h *harness) work() { h.background(h.raw.runs.Work) }

// portal is a context in which the portal itself works.
func portal(ctx context.Context) context.Context { return auth.WithPrincipal(ctx, auth.System("test")) }

func (h *harness) background(work func(ctx context.Context) error) {
	ctx, cancel := context.WithCancel(portal(context.Background()))
	done := make(chan error, 1)
	go func() { done <- work(ctx) }()
	h.t.Cleanup(func() {
		cancel()
		<-done
	})
}

func (h *harness) people() {
	h.t.Helper()
	ctx := context.Background()
	for _, team := range []string{"checkout", "platform"} {
		if _, err := h.auth.CreateTeam(ctx, auth.Team{Name: team, Title: team}, "system"); err != nil {
			h.t.Fatal(err)
		}
	}
	for role, team := range map[string]string{"viewer": "", "developer": "checkout", "administrator": "platform"} {
		n := auth.NewUser{Email: role + "@example.com", Name: role, Roles: []string{role}}
		if team != "" {
			n.Teams = []string{team}
		}
		u, err := h.auth.CreateUser(ctx, n, "system")
		if err != nil {
			h.t.Fatal(err)
		}
		token, _, err := h.auth.CreateToken(ctx, auth.Principal{User: u, Via: auth.ViaSession}, "test", 0)
		if err != nil {
			h.t.Fatal(err)
		}
		h.users[role], h.tokens[role] = u, token
	}
}

// person makes somebody with a token, called by name.
func (h *harness) person(name, role string, teams ...string) {
	h.t.Helper()
	u, err := h.auth.CreateUser(context.Background(), auth.NewUser{Email: name + "@example.com", Name: name, Roles: []string{role}, Teams: teams}, "system")
	if err != nil {
		h.t.Fatal(err)
	}
	token, _, err := h.auth.CreateToken(context.Background(), auth.Principal{User: u, Via: auth.ViaSession}, "test", 0)
	if err != nil {
		h.t.Fatal(err)
	}
	h.users[name], h.tokens[name] = u, token
}

type reply struct {
	status int
	header http.Header
	text   string
	json   map[string]any
}

// call sends a request as role ("" is nobody). A body that is no string is
// sent as JSON.
func (h *harness) call(role, method, path string, body any, header ...string) reply {
	h.t.Helper()
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			h.t.Fatal(err)
		}
		reader = bytes.NewReader(raw)
	}
	r, err := http.NewRequestWithContext(context.Background(), method, h.server.URL+path, reader)
	if err != nil {
		h.t.Fatal(err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if role != "" {
		r.Header.Set("Authorization", "Bearer "+h.tokens[role])
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return h.send(r)
}

func (h *harness) send(r *http.Request) reply {
	h.t.Helper()
	client := &http.Client{Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(r)
	if err != nil {
		h.t.Fatalf("%s %s: %v", r.Method, r.URL.Path, err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatalf("%s %s: %v", r.Method, r.URL.Path, err)
	}
	out := reply{status: res.StatusCode, header: res.Header, text: string(raw)}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(raw, &out.json); err != nil {
			h.t.Fatalf("%s %s: %v in %s", r.Method, r.URL.Path, err, raw)
		}
	}
	return out
}

// must is call for requests that have to work.
func (h *harness) must(role, method, path string, body any) reply {
	h.t.Helper()
	r := h.call(role, method, path, body)
	if r.status >= 300 || r.json != nil && r.json["ok"] != true {
		h.t.Fatalf("%s %s: %d %s", method, path, r.status, r.text)
	}
	return r
}

// field reads "a.b" from the answer.
func (r reply) field(path string) any {
	var v any = r.json
	for name := range strings.SplitSeq(path, ".") {
		if list, ok := v.([]any); ok && name == "0" && len(list) > 0 {
			v = list[0]
			continue
		}
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[name]
	}
	return v
}

// fixtures makes one of everything the routes are about: the blueprint
// Component with an entity "my/api" of team checkout, a repository group/r with
// a pull request 1, the flag dark in the project fixture, and a run.
func (h *harness) fixtures() (runID string) {
	h.t.Helper()
	ctx := context.Background()
	h.must("administrator", "POST", "/v1/blueprints", map[string]any{
		"identifier": "Component", "title": "Component", "relations": map[string]any{},
		"schema": map[string]any{"properties": map[string]any{"language": map[string]any{"type": "string"}, "note": map[string]any{"type": "string"}}, "required": []string{}},
	})
	h.must("administrator", "POST", "/v1/blueprints/Component/entities", map[string]any{
		"identifier": "my/api", "title": "My API", "team": []string{"checkout"}, "properties": map[string]any{"language": "go"},
	})
	ada := forge.Person{ID: "ada", Name: "Ada", Email: "ada@example.com"}
	if _, err := h.raw.forge.CreateRepository(ctx, forge.NewRepository{Name: "group/r", Owner: "checkout", Key: "k"}); err != nil {
		h.t.Fatal(err)
	}
	for _, c := range []forge.NewCommit{
		{Branch: "main", Message: "Begin", Files: []forge.File{{Path: "a.txt", Content: []byte("a\n")}}, Bypass: true, Key: "1"},
		{Branch: "change", Base: "main", Message: "Change", Files: []forge.File{{Path: "a.txt", Content: []byte("b\n")}}, Key: "2"},
	} {
		c.Author, c.Time = ada, time.Now()
		if _, err := h.raw.forge.Commit(ctx, "group/r", c); err != nil {
			h.t.Fatal(err)
		}
	}
	if _, err := h.raw.forge.OpenPullRequest(ctx, "group/r", forge.NewPullRequest{Title: "Change a", Head: "change", Base: "main", Author: ada}); err != nil {
		h.t.Fatal(err)
	}
	h.hasFlags("fixture", "my/api")
	return h.startRun("developer", 1)
}

// hasFlags makes a flag project with the flag dark and the segment group.
func (h *harness) hasFlags(project, service string) {
	h.t.Helper()
	ctx := portal(context.Background())
	if _, err := h.raw.flags.Projects.Ensure(ctx, project, service, "system", ""); err != nil {
		h.t.Fatal(err)
	}
	if _, err := h.raw.flags.Create(ctx, project, flag.NewFlag{Key: "dark"}, flag.Who{ID: "system"}); err != nil {
		h.t.Fatal(err)
	}
	if _, err := h.raw.flags.PutSegment(ctx, project, flag.NewSegment{Key: "group", Conditions: []flag.Condition{{Attribute: "plan", Operator: flag.OpExists}}}, flag.Who{ID: "system"}); err != nil {
		h.t.Fatal(err)
	}
	if _, err := h.raw.flags.SetProjectSettings(ctx, project, flag.ProjectSettings{MaxStep: 25_000}, flag.Who{ID: "system"}); err != nil {
		h.t.Fatal(err)
	}
	on := true
	edited, err := h.raw.flags.Edit(ctx, project, "dark", "production", flag.Edit{Patch: flag.Patch{On: &on}, Propose: true, Reason: "Try it"}, flag.Who{ID: "ada"})
	if err != nil || edited.Proposal == nil {
		h.t.Fatal(err, edited)
	}
	h.proposal = edited.Proposal.ID
}

func (h *harness) startRun(role string, lines int) string {
	h.t.Helper()
	plan := h.must(role, "POST", "/v1/actions/wait_here/plans", map[string]any{"input": map[string]any{"lines": lines}})
	started := h.must(role, "POST", "/v1/actions/wait_here/runs", map[string]any{"planId": plan.field("plan.id")})
	return fmt.Sprint(started.field("run.id"))
}

// concrete fills the {names} of a route.
func (h *harness) concrete(path, runID string) string {
	return concrete(strings.Replace(path, "/proposals/{id}", "/proposals/"+h.proposal, 1), runID)
}

func concrete(path, runID string) string {
	path = strings.NewReplacer(
		"/entities/{id}", "/entities/my%2Fapi", "{project}", "fixture", "/segments/{key}", "/segments/group", "{key}", "dark", "{bp}", "Component", "{id}", runID, "{repo}", "group%2Fr", "{n}", "1", "{sha}", "main", "{action}", "wait_here",
		"{name}", "svc", "{sweep}", "1", "{version}", "1", "{versionId}", "1", "{env}", "dev", "{service}", "svc",
	).Replace(path)
	return wildcard.ReplaceAllString(path, "x")
}

var wildcard = regexp.MustCompile(`\{[^}]*\}`)

func userPassword(text string) auth.UserChange { return auth.UserChange{Password: &text} }

func newServer(t *testing.T, a *API) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(a)
	t.Cleanup(func() {
		a.StopStreams()
		s.Close()
	})
	return s
}
