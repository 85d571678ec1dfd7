package run_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"sync"
	"testing"
	"time"

	"sphera/action"
	"sphera/internal/fault"
	"sphera/internal/run"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

type createInput struct {
	Name string `json:"name" title:"Name" pattern:"^[a-z]+$"`
}

// creating is an action that notes what it does; world is a fact of its plan.
func creating(t testing.TB, j *journal, world *string, mu *sync.Mutex, roles ...string) *action.Action {
	t.Helper()
	a, err := action.New(action.Definition[createInput]{
		Identifier: "create", Title: "Create a thing", Group: "Things", Roles: roles,
		Plan: func(_ context.Context, _ action.Request, in createInput) (*action.Plan, error) {
			mu.Lock()
			defer mu.Unlock()
			if in.Name == "taken" {
				return nil, action.Invalid("name", "is taken", "another name")
			}
			return &action.Plan{
				Summary: "Create " + in.Name, Facts: map[string]string{"main": *world}, Locks: []string{"thing:" + in.Name},
				Entities: []string{"Thing/" + in.Name}, Steps: []action.PlannedStep{{Name: "a", Title: "Do a", Undo: "Remove " + in.Name}},
			}, nil
		},
		Apply: func(_ context.Context, req action.Request, in createInput) ([]action.Step, error) {
			if req.RunID == "" {
				return nil, errors.New("no run id")
			}
			return []action.Step{step(t, "a", "note", in.Name)}, nil
		},
		StepTypes: []action.StepType{noting(j)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestPlanIsShownThenApplied(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		j, world, mu := &journal{}, "1", &sync.Mutex{}
		e := newEngine(t, db, run.Options{})
		a := creating(t, j, &world, mu)
		if err := e.Register(a); err != nil {
			t.Fatal(err)
		}
		if err := e.Register(a); err == nil {
			t.Error("registered twice")
		}
		work(t, e)
		plan, err := e.Plan(ctx, alice, "create", "", json.RawMessage(`{"name":"checkout"}`))
		if err != nil {
			t.Fatal(err)
		}
		kept, err := e.SavedPlan(ctx, plan.ID)
		if err != nil || kept.Plan.Digest != plan.Plan.Digest || !kept.CreatedAt.Equal(plan.CreatedAt) || plan.Plan.Digest == "" {
			t.Errorf("kept plan %+v, made %+v: %v", kept, plan, err)
		}
		if len(j.all()) != 0 {
			t.Errorf("planning did %q", j.all())
		}
		r, err := e.Apply(ctx, alice, plan.ID)
		if err != nil {
			t.Fatal(err)
		}
		if r.Title != "Create a thing: checkout" || r.PlanID != plan.ID || !reflect.DeepEqual(r.Entities, []string{"Thing/checkout"}) {
			t.Errorf("run: %s", describe(r))
		}
		awaitState(t, db, e, r.ID, run.Succeeded)
		mu.Lock()
		world = "2" // a second click, after the world has changed by the first
		mu.Unlock()
		again, err := e.Apply(ctx, alice, plan.ID)
		if err != nil || again.ID != r.ID {
			t.Errorf("applied twice: %s %v", again.ID, err)
		}
		undo, err := e.UndoPlan(ctx, r.ID)
		if err != nil || undo.Plan.Steps[0].Undo != "Remove checkout" {
			t.Errorf("undo plan: %+v %v", undo.Plan, err)
		}
	})
}

func TestPlanAppliedAtOnceByManyIsOneRun(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		world, mu := "1", &sync.Mutex{}
		e := newEngine(t, db, run.Options{})
		if err := e.Register(creating(t, &journal{}, &world, mu)); err != nil {
			t.Fatal(err)
		}
		plan, err := e.Plan(ctx, alice, "create", "", json.RawMessage(`{"name":"checkout"}`))
		if err != nil {
			t.Fatal(err)
		}
		ids := make([]string, 8)
		var clicks sync.WaitGroup
		for i := range ids {
			clicks.Go(func() {
				r, err := e.Apply(ctx, alice, plan.ID)
				if err != nil {
					t.Error(err)
				}
				ids[i] = r.ID
			})
		}
		clicks.Wait()
		for _, id := range ids {
			if id != ids[0] || id == "" {
				t.Errorf("runs %q", ids)
			}
		}
		if n := count(t, db, "SELECT COUNT(*) FROM runs"); n != 1 {
			t.Errorf("%d runs", n)
		}
	})
}

func TestPlanThatNoLongerFitsIsRefusedWithTheNewOne(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		j, world, mu := &journal{}, "1", &sync.Mutex{}
		clock := newClock()
		e := newEngine(t, db, run.Options{Now: clock.now})
		if err := e.Register(creating(t, j, &world, mu)); err != nil {
			t.Fatal(err)
		}
		plan, err := e.Plan(ctx, alice, "create", "", json.RawMessage(`{"name":"checkout"}`))
		if err != nil {
			t.Fatal(err)
		}
		world = "2"
		_, err = e.Apply(ctx, alice, plan.ID)
		f, ok := fault.As(err)
		if !ok || f.Code != fault.PlanChanged {
			t.Fatalf("apply: %v", err)
		}
		data := f.Data.(run.PlanDifference)
		want := []action.Difference{{Section: "facts", Name: "main", Before: "1", After: "2"}}
		if !reflect.DeepEqual(data.Differences, want) || data.Plan.ID == plan.ID {
			t.Errorf("differences %+v", data)
		}
		clock.advance(25 * time.Hour)
		_, err = e.Apply(ctx, alice, data.Plan.ID)
		f, ok = fault.As(err)
		if !ok || f.Code != fault.PlanChanged || f.Data.(run.PlanDifference).Differences[0].After != "expired" {
			t.Fatalf("apply a plan of yesterday: %v", err)
		}
		if _, err := e.Apply(ctx, alice, f.Data.(run.PlanDifference).Plan.ID); err != nil {
			t.Errorf("apply the new plan: %v", err)
		}
	})
}

func TestPlanIsRefused(t *testing.T) {
	db := storetest.Open(t, storetest.SQLite(t))
	ctx := context.Background()
	world, mu := "1", &sync.Mutex{}
	e := newEngine(t, db, run.Options{})
	if err := e.Register(creating(t, &journal{}, &world, mu, "developer")); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Plan(ctx, bob, "create", "", json.RawMessage(`{"name":"checkout"}`)); !fault.Is(err, fault.Forbidden) {
		t.Errorf("without the role: %v", err)
	}
	var wrong *action.InputError
	for _, input := range []string{`{"name":"Not right"}`, `{}`, `{"name":"x","more":1}`, `{"name":"taken"}`} {
		if _, err := e.Plan(ctx, alice, "create", "", json.RawMessage(input)); !errors.As(err, &wrong) {
			t.Errorf("%s: %v", input, err)
		}
	}
	plan, err := e.Plan(ctx, alice, "create", "", json.RawMessage(`{"name":"checkout"}`))
	if err != nil {
		t.Fatal(err)
	}
	dave := action.Actor{ID: "dave", Roles: []string{"developer"}}
	if _, err := e.Apply(ctx, dave, plan.ID); !fault.Is(err, fault.Forbidden) {
		t.Errorf("applied by another: %v", err)
	}
}

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}
