package approval_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sphera/action"
	"sphera/internal/approval"
	"sphera/internal/audit"
	"sphera/internal/auth"
	"sphera/internal/catalog"
	"sphera/internal/catalog/catalogtest"
	"sphera/internal/notify"
	"sphera/internal/run"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

const patience = 30 * time.Second

// world is approvals over a real database and a real engine.
type world struct {
	*approval.Service
	t       testing.TB
	db      *store.DB
	auth    *auth.Service
	catalog *catalog.Catalog
	engine  *run.Engine
	users   map[string]auth.User
	effects atomic.Int64
	breaks  atomic.Bool // the effect fails for good

	mu         sync.Mutex
	skip       time.Duration
	committers []string
	owners     map[string][]string
	cost       *action.Cost
	ask        *action.Approval
}

type deployInput struct {
	Service     string `json:"service"`
	Environment string `json:"environment" entity:"Environment" optional:"true"`
	Size        int    `json:"size" default:"1"`
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.skip)
}

// pass lets time go by, and wakes the engine, whose timers run by the wall clock.
func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	w.skip += d
	w.mu.Unlock()
	err := w.db.Tx(context.Background(), func(tx *store.Tx) error {
		tx.Notify("run-due", "")
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func each(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel() // each has a database of its own, and mostly waits for it
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		w.work()
		test(t, w)
	})
}

func newWorld(t testing.TB, db *store.DB) *world {
	t.Helper()
	w := &world{t: t, db: db, users: map[string]auth.User{}, owners: map[string][]string{}}
	log := audit.New(w.now)
	quiet := slog.New(slog.DiscardHandler)
	w.auth = auth.New(db, log, w.now)
	w.catalog = catalog.New(db, log, w.now).Guard(catalogtest.Anybody())
	w.engine = run.New(db, log, quiet, run.Options{Now: w.now, Backoff: time.Millisecond, Exclusive: db.Dialect == store.SQLite})
	var err error
	w.Service, err = approval.New(approval.Deps{
		DB: db, Audit: log, Auth: w.auth, Catalog: w.catalog, Runs: w.engine, Notices: notify.New(db, w.now), Now: w.now, Log: quiet,
		Committers: func(context.Context, run.Wish) ([]string, error) { return w.committers, nil },
		Owners:     func(_ context.Context, _ store.Querier, id string) ([]string, error) { return w.owners[id], nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, team := range []string{"shop", "pay"} {
		if _, err := w.auth.CreateTeam(t.Context(), auth.Team{Name: team}, "system"); err != nil {
			t.Fatal(err)
		}
	}
	for name, as := range map[string][2]string{
		"ada": {auth.Developer, "shop"}, "bea": {auth.Developer, "shop"}, "cem": {auth.Developer, "pay"}, "dan": {auth.Infrastructure, ""},
		"eva": {auth.Infrastructure, ""}, "fay": {auth.Administrator, ""}, "gil": {auth.Administrator, ""}, "hao": {auth.Viewer, ""},
	} {
		w.user(name, as[0], as[1])
	}
	for _, doc := range []string{
		`{"identifier":"Environment","title":"Environment","schema":{"properties":{"kind":{"type":"string"}},"required":[]}}`,
		`{"identifier":"Component","title":"Component","schema":{"properties":{"oncall":{"type":"string"},"tier":{"type":"string"}},"required":[]}}`,
	} {
		var b catalog.Blueprint
		if err := json.Unmarshal([]byte(doc), &b); err != nil {
			t.Fatal(err)
		}
		if _, _, err := w.catalog.PutBlueprint(t.Context(), b, "system"); err != nil {
			t.Fatal(err)
		}
	}
	w.entity("Environment", `{"identifier":"prod","title":"Production","properties":{"kind":"production"}}`)
	w.entity("Environment", `{"identifier":"dev","title":"Dev","properties":{"kind":"dev"}}`)
	w.entity("Component", `{"identifier":"cart","title":"Cart","team":["shop"],"properties":{"oncall":"cem@example.com","tier":"1"}}`)
	effect := action.NewStepType("test.effect", action.ByKey, func(context.Context, *action.Exec, string) (string, error) {
		if w.breaks.Load() {
			return "", action.Permanent(errors.New("it broke"))
		}
		w.effects.Add(1)
		return "done", nil
	})
	deploy, err := action.New(action.Definition[deployInput]{
		Identifier: "deploy", Title: "Deploy", Group: "Test", StepTypes: []action.StepType{effect.Type},
		Plan: func(_ context.Context, _ action.Request, in deployInput) (*action.Plan, error) {
			p := &action.Plan{Summary: fmt.Sprintf("Deploy %s with size %d to %s.", in.Service, in.Size, in.Environment), Entities: []string{"Component/" + in.Service}, Cost: w.cost}
			if w.ask != nil {
				p.Approvals = append(p.Approvals, *w.ask)
			}
			return p, nil
		},
		Apply: func(_ context.Context, _ action.Request, in deployInput) ([]action.Step, error) {
			one, err := effect.Step("deploy", "Deploy", in.Service)
			if err != nil {
				return nil, err
			}
			two, err := effect.Step("check", "Check", in.Service)
			return []action.Step{one, two}, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.engine.Register(deploy); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) work() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.engine.Work(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				w.t.Errorf("work: %v", err)
			}
		})
	}
	w.t.Cleanup(stop)
	return stop
}

// workAgain works as a process that was started anew.
func (w *world) workAgain() (stop func()) { return w.work() }

func (w *world) user(name, role, team string) {
	w.t.Helper()
	n := auth.NewUser{Email: name + "@example.com", Name: name, Roles: []string{role}}
	if team != "" {
		n.Teams = []string{team}
	}
	u, err := w.auth.CreateUser(w.t.Context(), n, "system")
	if err != nil {
		w.t.Fatal(err)
	}
	w.users[name] = u
}

func (w *world) entity(blueprint, doc string) {
	w.t.Helper()
	var e catalog.NewEntity
	if err := json.Unmarshal([]byte(doc), &e); err != nil {
		w.t.Fatal(err)
	}
	if _, _, err := w.catalog.PutEntity(w.t.Context(), blueprint, e, catalog.Write{Upsert: true, By: "system"}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) actor(name string) action.Actor {
	return auth.Principal{User: w.users[name]}.Actor()
}

// rule adds a rule; body is JSON of approval.RuleBody without what is usual.
func (w *world) rule(body string) approval.Rule {
	w.t.Helper()
	r := approval.RuleBody{Enabled: true, Effect: approval.AskPeople}
	if err := json.Unmarshal([]byte(body), &r); err != nil {
		w.t.Fatal(err)
	}
	out, err := w.AddRule(w.t.Context(), r, w.users["fay"])
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w *world) plan(by, input string) run.SavedPlan {
	w.t.Helper()
	p, err := w.engine.Plan(w.t.Context(), w.actor(by), "deploy", "", json.RawMessage(input))
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// started starts a deployment and waits until it stands still.
func (w *world) started(by, input string) run.Run {
	w.t.Helper()
	r, err := w.engine.Apply(w.t.Context(), w.actor(by), w.plan(by, input).ID)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.still(r.ID)
}

func (w *world) decide(id, by string, approve bool) error {
	_, err := w.Decide(w.t.Context(), w.actor(by), id, approval.Word{Approve: approve})
	return err
}

// still waits until a run has ended or is parked.
func (w *world) still(id string) run.Run {
	w.t.Helper()
	return w.until(id, func(r run.Run) bool {
		return r.State == run.Waiting && w.parked(id) || r.State == run.Succeeded || r.State == run.Failed || r.State == run.Cancelled
	})
}

// parked: it waits, and nothing is going to look at the run by itself now.
func (w *world) parked(id string) bool {
	var n int
	err := w.db.Read().QueryRowContext(context.Background(), "SELECT COUNT(*) FROM runs WHERE id = $1 AND state = 'waiting' AND worker = '' AND signalled = 0 AND (due_at IS NULL OR due_at > $2)", id, store.Millis(w.now())).Scan(&n)
	return err == nil && n == 1
}

func (w *world) until(id string, ok func(run.Run) bool) run.Run {
	w.t.Helper()
	notes, stop := w.db.Subscribe(run.Topic)
	defer stop()
	end := time.NewTimer(patience)
	defer end.Stop()
	for {
		r, err := w.engine.Get(context.Background(), id)
		if err != nil {
			w.t.Fatal(err)
		}
		if ok(r) {
			return r
		}
		tick := time.NewTimer(20 * time.Millisecond)
		select {
		case <-notes:
		case <-tick.C:
		case <-end.C:
			w.t.Fatalf("run %s is %s: %s", id, r.State, r.Error)
		}
		tick.Stop()
	}
}

func (w *world) one(query string, args ...any) string {
	w.t.Helper()
	var out string
	if err := w.db.Read().QueryRowContext(context.Background(), query, args...).Scan(&out); err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
	return out
}

func (w *world) exec(query string, args ...any) {
	w.t.Helper()
	err := w.db.Tx(context.Background(), func(tx *store.Tx) error {
		_, err := tx.ExecContext(context.Background(), query, args...)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}
