package builtin_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"sphera/action"
	"sphera/internal/audit"
	"sphera/internal/builtin"
	"sphera/internal/catalog"
	"sphera/internal/catalog/catalogtest"
	"sphera/internal/flag"
	"sphera/internal/forge"
	"sphera/internal/golden"
	"sphera/internal/insight"
	"sphera/internal/run"
	"sphera/internal/runtime"
	"sphera/internal/secret"
	"sphera/internal/store"

	"golang.org/x/sync/errgroup"
)

// patience bounds how long a test waits for something that should come soon.
const patience = 60 * time.Second

var (
	dana = action.Actor{ID: "dana", Name: "Dana", Email: "dana@example.com", Roles: []string{"developer"}, Teams: []string{"checkout"}}
	ido  = forge.Person{ID: "ido", Name: "Ido", Email: "ido@example.com", Roles: []string{"infrastructure"}, Teams: []string{"platform"}}
)

// world is everything the built-in actions work on, real and small.
type world struct {
	t         *testing.T
	db        *store.DB
	catalog   *catalog.Catalog
	forge     *forge.Builtin
	runtime   *runtime.Process
	runs      *run.Engine
	flags     *flag.Projects
	flagStore *flag.Flags
	secrets   *secret.Slots
	insights  *insight.Insights
	contracts *golden.Contracts
}

func newWorld(t *testing.T, db *store.DB) *world {
	t.Helper()
	now, log, quiet := time.Now, audit.New(time.Now), slog.New(slog.DiscardHandler)
	w := &world{t: t, db: db, catalog: catalog.New(db, log, now).Guard(catalogtest.Anybody()), flags: flag.New(db, log, now), secrets: secret.New(db, log, now), insights: insight.New(db, now)}
	w.runs = run.New(db, log, quiet, run.Options{Now: now, Backoff: time.Millisecond, Exclusive: db.Dialect == store.SQLite})
	dir := t.TempDir()
	var err error
	w.forge, err = forge.NewBuiltin(db, log, filepath.Join(dir, "git"), forge.BuiltinOptions{
		Now: now, Logger: quiet, PublicURL: func() string { return "http://portal.test" },
		OnEvent: func(ctx context.Context, tx *store.Tx, e forge.Event) error {
			if e.PullRequest == nil {
				return nil
			}
			return w.runs.Signal(ctx, tx, fmt.Sprintf("pull-request:%s/%d", e.Repository, e.PullRequest.Number))
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.forge.Close(); err != nil {
			t.Errorf("close the forge: %v", err)
		}
	})
	w.runtime = runtime.NewProcess(db, log, quiet, filepath.Join(dir, "runtime"), runtime.ProcessOptions{
		Now: now, Environments: func(context.Context) ([]string, error) { return []string{"dev-a"}, nil },
	})
	environments := func(context.Context) ([]golden.Environment, error) {
		return []golden.Environment{{ID: "dev-a", Kind: golden.Dev, Region: "a"}, {ID: "production-a", Kind: golden.Production, Region: "a"}}, nil
	}
	w.contracts = golden.Contract(golden.Deps{Forge: w.forge, Catalog: w.catalog, Runtime: w.runtime, Flags: w.flags, Secrets: w.secrets, Environments: environments})
	w.flagStore = flag.Open(flag.Deps{
		DB: db, Audit: log, Catalog: w.catalog, Log: quiet, Now: now,
		Environments: func(context.Context) ([]flag.EnvironmentInfo, error) {
			return []flag.EnvironmentInfo{{ID: "dev-a", Kind: golden.Dev}}, nil
		},
	})
	actions, err := builtin.All(builtin.Deps{
		FlagStore: w.flagStore,
		Forge:     w.forge, Catalog: w.catalog, Runtime: w.runtime, Flags: w.flags, Secrets: w.secrets, Contracts: w.contracts, Insights: w.insights,
		Environments: environments, Now: now, PublicURL: func() string { return "http://portal.test" },
		Teams:        func(context.Context) ([]string, error) { return []string{"checkout", "platform"}, nil },
		CIRepository: "ci-config", GitOpsRepository: "gitops",
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range actions {
		if err := w.runs.Register(a); err != nil {
			t.Fatal(err)
		}
	}
	w.fill()
	w.start()
	return w
}

// fill makes the blueprints and the repositories that every service has a
// place in.
func (w *world) fill() {
	ctx := context.Background()
	text := catalog.Property{Type: "string"}
	for _, bp := range []catalog.Blueprint{
		{Identifier: "System", Title: "System"},
		{Identifier: "Environment", Title: "Environment"},
		{Identifier: "Repository", Title: "Repository"},
		{Identifier: "API", Title: "API"},
		{
			Identifier: "Component", Title: "Component",
			Schema: catalog.BlueprintSchema{Properties: map[string]catalog.Property{"type": text, "version": text}},
			Relations: map[string]catalog.Relation{
				"system": {Target: "System"}, "environments": {Target: "Environment", Many: true},
				"providesApi": {Target: "API"}, "repository": {Target: "Repository"},
			},
		},
		{Identifier: "API", Title: "API", Relations: map[string]catalog.Relation{"provider": {Target: "Component", Required: true}}},
	} {
		if _, _, err := w.catalog.PutBlueprint(ctx, bp, "test"); err != nil {
			w.t.Fatalf("blueprint %s: %v", bp.Identifier, err)
		}
	}
	for _, e := range [][2]string{{"System", "Shop"}, {"Environment", "dev-a"}, {"Environment", "production-a"}} {
		if _, _, err := w.catalog.PutEntity(ctx, e[0], catalog.NewEntity{Identifier: e[1]}, catalog.Write{Upsert: true, By: "test"}); err != nil {
			w.t.Fatal(err)
		}
	}
	for _, repo := range []string{"ci-config", "gitops"} {
		if _, err := w.forge.CreateRepository(ctx, forge.NewRepository{Name: repo, Owner: "platform", Key: repo}); err != nil {
			w.t.Fatal(err)
		}
		if _, err := w.forge.Commit(ctx, repo, forge.NewCommit{Branch: "main", Message: "start", Author: ido, Time: time.Now(), Bypass: true, Files: []forge.File{{Path: "README.md", Content: []byte("# " + repo + "\n")}}}); err != nil {
			w.t.Fatal(err)
		}
		w.rule(repo, true)
	}
}

// rule says whether changes by the portal need a review of the platform team.
func (w *world) rule(repo string, auto bool) {
	w.t.Helper()
	rule := forge.ReviewRule{Name: "made by the portal", Paths: []string{"**"}, Auto: auto, Reviewers: []string{"platform"}}
	if err := w.forge.SetRules(context.Background(), repo, []forge.ReviewRule{rule}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) start() {
	ctx, cancel := context.WithCancel(context.Background())
	var g errgroup.Group
	g.Go(func() error { return w.runs.Work(ctx) })
	g.Go(func() error { return w.runtime.Supervise(ctx) })
	w.t.Cleanup(func() {
		cancel()
		if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
			w.t.Errorf("work: %v", err)
		}
	})
}

func createInput(name string) json.RawMessage {
	return json.RawMessage(`{"name":"` + name + `","team":"checkout","system":"Shop","template":"node-http","description":"Counts things."}`)
}

// apply plans and applies, and returns the run.
func (w *world) apply(id, entity string, input json.RawMessage) run.Run {
	w.t.Helper()
	plan, err := w.runs.Plan(context.Background(), dana, id, entity, input)
	if err != nil {
		w.t.Fatalf("plan %s: %v", id, err)
	}
	r, err := w.runs.Apply(context.Background(), dana, plan.ID)
	if err != nil {
		w.t.Fatalf("apply %s: %v", id, err)
	}
	return r
}

// until waits for the run to be in one of the states.
func (w *world) until(id string, states ...run.State) run.Run {
	w.t.Helper()
	hints, end := w.db.Subscribe(run.Topic)
	defer end()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		r, err := w.runs.Get(context.Background(), id)
		if err != nil {
			w.t.Fatal(err)
		}
		if slices.Contains(states, r.State) {
			return r
		}
		if r.State == run.Failed {
			w.t.Fatalf("the run failed: %s", r.Error)
		}
		select {
		case <-hints:
		case <-deadline.C:
			w.t.Fatalf("the run is %s, not %v, after %s", r.State, states, patience)
		}
	}
}

// undo undoes a run and waits for the states.
func (w *world) undo(id string, states ...run.State) run.Run {
	w.t.Helper()
	plan, err := w.runs.UndoPlan(context.Background(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.runs.Undo(context.Background(), dana, id, plan.Plan.Digest); err != nil {
		w.t.Fatal(err)
	}
	return w.until(id, states...)
}

// answer is the status of the service's address.
func (w *world) answer(service string) int {
	rec := httptest.NewRecorder()
	w.runtime.Proxy(service, "dev-a").ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/run/dev-a/"+service+"/", nil))
	return rec.Code
}

// runsVersion asserts which version serves.
func (w *world) runsVersion(version string) {
	w.t.Helper()
	i, err := w.runtime.Instance(context.Background(), "moving", "dev-a")
	if err != nil || i.Version != version || i.State != "ready" {
		w.t.Fatalf("runs %s (%s), not %s: %v", i.Version, i.State, version, err)
	}
}

// fails waits until the run has failed.
func (w *world) fails(id string) {
	w.t.Helper()
	hints, end := w.db.Subscribe(run.Topic)
	defer end()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		r, err := w.runs.Get(context.Background(), id)
		if err != nil {
			w.t.Fatal(err)
		}
		if r.State == run.Failed {
			return
		}
		select {
		case <-hints:
		case <-deadline.C:
			w.t.Fatalf("the run is %s, not failed", r.State)
		}
	}
}
