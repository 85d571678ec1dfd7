package run_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sphera/action"
	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/run"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

func TestRunExecutesStepsInOrderAndRecordsThem(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		j := &journal{}
		chain := action.NewStepType("chain", action.ByKey, func(_ context.Context, x *action.Exec, _ string) (string, error) {
			before, err := action.Result[string](x, "one")
			j.add("chain %s %s %s", before, x.Key, x.Entity)
			return before + "!", err
		})
		e := newEngine(t, db, run.Options{}, noting(j), chain.Type)
		r := start(t, db, e, run.NewRun{
			Title: "A run", Entity: "checkout", Entities: []string{"Component/checkout"}, Input: json.RawMessage(`{"b":1,"a":2}`),
			Steps: []action.Step{step(t, "one", "note", "first"), step(t, "two", "chain", "")},
		})
		if r.State != run.Pending || !r.Can.Cancel || r.StepsTotal != 2 {
			t.Fatalf("started run: %s", describe(r))
		}
		work(t, e)
		r = awaitState(t, db, e, r.ID, run.Succeeded)
		want := []string{"do one", "chain made first " + r.ID + "/two checkout"}
		if got := j.all(); !reflect.DeepEqual(got, want) {
			t.Errorf("did %q, want %q", got, want)
		}
		if r.StepsDone != 2 || r.StartedAt.IsZero() || r.EndedAt.IsZero() || string(r.Input) != `{"b":1,"a":2}` || r.Can != (run.Can{Undo: true}) {
			t.Errorf("ended run: %s", describe(r))
		}
		if string(r.Steps[1].Result) != `"made first!"` || r.Steps[1].State != run.Succeeded || r.Steps[1].Attempt != 1 {
			t.Errorf("second step: %+v", r.Steps[1])
		}
		if len(r.Changes) != 1 || r.Changes[0].Step != "one" || r.Changes[0].Title != "one" {
			t.Errorf("changes: %+v", r.Changes)
		}
		lines, err := e.Logs(context.Background(), r.ID, 0, 10)
		if err != nil || len(lines) != 1 || lines[0].Text != "did one" || lines[0].Step != "one" || lines[0].Seq != 1 {
			t.Errorf("log: %+v %v", lines, err)
		}
		assertAudit(t, db, r.ID, "run.start", "run.step", "run.step", "run.end")
	})
}

// assertAudit checks the verbs of the events of a run, oldest first.
func assertAudit(t *testing.T, db *store.DB, id string, want ...string) {
	t.Helper()
	events, _, err := audit.New(time.Now).List(context.Background(), db, audit.Filter{RunID: id, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range slices.Backward(events) {
		got = append(got, e.Verb)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("audit %q, want %q", got, want)
	}
}

func TestRetriesWithBackoffUntilItWorks(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		var calls atomic.Int32
		e := newEngine(t, db, run.Options{}, scripted("flaky", action.ByName, func(_ context.Context, x *action.Exec) error {
			if n := calls.Add(1); n < 4 || int(n) != x.Attempt {
				return errFlaky
			}
			return nil
		}))
		work(t, e)
		r := start(t, db, e, run.NewRun{Steps: []action.Step{step(t, "a", "flaky", "")}})
		r = awaitState(t, db, e, r.ID, run.Succeeded)
		if r.Steps[0].Attempt != 4 || r.Steps[0].Error != "" {
			t.Errorf("step: %+v", r.Steps[0])
		}
		lines, err := e.Logs(context.Background(), r.ID, 0, 0)
		if err != nil || len(lines) != 3 || !strings.Contains(lines[0].Text, "Attempt 1 failed: the forge does not answer. Trying again in") {
			t.Errorf("log: %+v %v", lines, err)
		}
	})
}

func TestFailures(t *testing.T) {
	cases := []struct {
		name     string
		kind     action.StepType
		attempts int
		message  string
	}{
		{"attempts used up", scripted("s", action.ByName, func(context.Context, *action.Exec) error { return errFlaky }), 5, "the forge does not answer"},
		{"permanent", scripted("s", action.ByName, func(context.Context, *action.Exec) error { return action.Permanent(errors.New("name taken")) }), 1, "name taken"},
		{"fault for people", scripted("s", action.ByName, func(context.Context, *action.Exec) error {
			return action.Permanent(fault.New(fault.Taken, "There is a repository of that name.").Wrap(errors.New("secret detail")))
		}), 1, "There is a repository of that name."},
		{"panic", scripted("s", action.ByName, func(context.Context, *action.Exec) error { panic("nil map") }), 1, "the step has a fault: nil map"},
		{"goroutine ends itself", scripted("s", action.ByName, func(context.Context, *action.Exec) error { runtime.Goexit(); return nil }), 1, "the step has a fault: <nil>"},
		{"manual is not repeated", scripted("s", action.Manual, func(context.Context, *action.Exec) error { return errFlaky }), 1, "the forge does not answer"},
		{"timeout", limited(scripted("s", action.ByName, func(ctx context.Context, _ *action.Exec) error { <-ctx.Done(); return ctx.Err() }), 10*time.Millisecond, 2), 2, "it took longer than 10ms and was stopped"},
		{"manual timeout", limited(scripted("s", action.Manual, func(ctx context.Context, _ *action.Exec) error { <-ctx.Done(); return ctx.Err() }), 10*time.Millisecond, 3), 1, "The outcome of the step \"Do a\" is unknown"},
		{"result is not JSON", action.StepType{Name: "s", Safety: action.ByName, Do: func(context.Context, *action.Exec, json.RawMessage) (json.RawMessage, error) {
			return json.RawMessage("{"), nil
		}}, 1, "the step returned a result that is not JSON"},
	}
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				e := newEngine(t, db, run.Options{}, c.kind)
				stop := work(t, e)
				r := start(t, db, e, run.NewRun{Steps: []action.Step{step(t, "a", "s", ""), step(t, "b", "s", "")}})
				r = awaitState(t, db, e, r.ID, run.Failed)
				if !strings.HasPrefix(r.Error, c.message) || r.Steps[0].Attempt != c.attempts || r.Steps[0].State != run.Failed || r.Steps[1].State != run.Pending {
					t.Errorf("want %d attempts and %q: %s", c.attempts, c.message, describe(r))
				}
				if !r.Can.Retry || r.Can.Cancel {
					t.Errorf("can: %+v", r.Can)
				}
				stop()
			})
		}
	})
}

func limited(kind action.StepType, timeout time.Duration, attempts int) action.StepType {
	kind.Timeout, kind.Attempts = timeout, attempts
	return kind
}

func TestStartChecksSteps(t *testing.T) {
	db := storetest.Open(t, storetest.SQLite(t))
	e := newEngine(t, db, run.Options{}, noting(&journal{}))
	for name, steps := range map[string][]action.Step{
		"none":    nil,
		"unknown": {step(t, "a", "nothing", "")},
		"twice":   {step(t, "a", "note", ""), step(t, "a", "note", "")},
		"unnamed": {step(t, "", "note", "")},
	} {
		err := db.Tx(context.Background(), func(tx *store.Tx) error {
			_, err := e.Start(context.Background(), tx, run.NewRun{Action: "x", Actor: alice, Steps: steps})
			return err
		})
		if err == nil {
			t.Errorf("%s: started", name)
		}
	}
	runs, _, err := e.List(context.Background(), run.Filter{})
	if err != nil || len(runs) != 0 {
		t.Errorf("runs: %v %v", runs, err)
	}
}

func TestRegisterRefusesUnsafeStepTypes(t *testing.T) {
	db := storetest.Open(t, storetest.SQLite(t))
	nothing := func(context.Context, *action.Exec) error { return nil }
	e := newEngine(t, db, run.Options{}, scripted("known", action.ByName, nothing))
	for name, kind := range map[string]action.StepType{
		"no name":                  scripted("", action.ByName, nothing),
		"no safety":                scripted("a", "", nothing),
		"no do":                    {Name: "a", Safety: action.ByName},
		"undoable without undo":    {Name: "a", Safety: action.ByName, Undoable: true, Do: scripted("a", "", nothing).Do},
		"compensated without undo": scripted("a", action.Compensated, nothing),
		"other limits than before": limited(scripted("known", action.ByName, nothing), time.Second, 1),
	} {
		if err := e.RegisterSteps(kind); err == nil {
			t.Errorf("%s: registered", name)
		}
	}
	if err := e.RegisterSteps(scripted("known", action.ByName, nothing)); err != nil {
		t.Errorf("the same type again, shared by two actions: %v", err)
	}
}

func TestUnknownStepTypeIsTriedAgainForAnotherReplica(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		j := &journal{}
		newer := newEngine(t, db, run.Options{}, noting(j))
		older := newEngine(t, db, run.Options{Backoff: 20 * time.Millisecond})
		r := start(t, db, newer, run.NewRun{Steps: []action.Step{step(t, "a", "note", "")}})
		stop := work(t, older)
		await(t, db, older, r.ID, "refused once", func(r run.Run) bool { return strings.Contains(r.Steps[0].Error, "does not know the step type") })
		stop()
		work(t, newer)
		awaitState(t, db, newer, r.ID, run.Succeeded)
	})
}

func TestManyRunsAllEndOnceAndFairly(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		var calls atomic.Int64
		e := newEngine(t, db, run.Options{}, scripted("count", action.ByName, func(context.Context, *action.Exec) error { calls.Add(1); return nil }))
		const runs = 300
		ids := make([]string, runs)
		for i := range ids {
			ids[i] = start(t, db, e, run.NewRun{Title: fmt.Sprint(i), Steps: []action.Step{step(t, "a", "count", ""), step(t, "b", "count", "")}}).ID
		}
		work(t, e)
		for _, id := range ids {
			awaitState(t, db, e, id, run.Succeeded)
		}
		if calls.Load() != 2*runs {
			t.Errorf("%d calls of %d", calls.Load(), 2*runs)
		}
	})
}

func TestL20_WorkGivesRunsBackWhenItStops(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := newHolding()
		first := newEngine(t, db, run.Options{Instance: "first"}, h.kind("hold", action.ByName), h.kind("manual", action.Manual))
		stop := work(t, first)
		r := start(t, db, first, run.NewRun{Locks: []string{"service:a"}, Steps: []action.Step{step(t, "a", "hold", "")}})
		m := start(t, db, first, run.NewRun{Steps: []action.Step{step(t, "a", "manual", "")}})
		h.awaitStart(t)
		h.awaitStart(t)
		began := time.Now()
		stop()
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("stopping took %s", took)
		}
		r = awaitState(t, db, first, r.ID, run.Pending)
		if r.Steps[0].State != run.Pending {
			t.Errorf("given back: %s", describe(r))
		}
		m = awaitState(t, db, first, m.ID, run.Failed)
		if !strings.Contains(m.Error, "unknown") {
			t.Errorf("a manual step that was cut off: %q", m.Error)
		}
		close(h.release)
		second := newEngine(t, db, run.Options{Instance: "second"}, h.kind("hold", action.ByName), h.kind("manual", action.Manual))
		work(t, second)
		r = awaitState(t, db, second, r.ID, run.Succeeded)
		if r.Steps[0].Attempt != 2 {
			t.Errorf("attempts: %+v", r.Steps[0])
		}
	})
}
