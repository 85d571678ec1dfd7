package run_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sphera/action"
	"sphera/internal/fault"
	"sphera/internal/run"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

func TestCancelStopsARunningStep(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := newHolding()
		e := newEngine(t, db, run.Options{}, h.kind("hold", action.ByName))
		work(t, e)
		r := start(t, db, e, run.NewRun{Steps: []action.Step{step(t, "a", "hold", ""), step(t, "b", "hold", "")}})
		h.awaitStart(t)
		began := time.Now()
		if r, err := e.Cancel(context.Background(), bob, r.ID); err != nil || r.State == run.Running && !r.CancelRequested {
			t.Fatalf("cancel: %s %v", describe(r), err)
		}
		r = awaitState(t, db, e, r.ID, run.Cancelled)
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("cancelling took %s", took)
		}
		if r.Steps[0].State != run.Cancelled || r.Steps[1].State != run.Pending || r.CancelRequested || !r.Can.Retry || r.Can.Cancel {
			t.Errorf("cancelled: %s", describe(r))
		}
		if _, err := e.Cancel(context.Background(), bob, r.ID); !fault.Is(err, fault.Conflict) {
			t.Errorf("cancel twice: %v", err)
		}
		assertAudit(t, db, r.ID, "run.start", "run.cancel", "run.end")

		close(h.release)
		if _, err := e.Retry(context.Background(), bob, r.ID); err != nil {
			t.Fatal(err)
		}
		awaitState(t, db, e, r.ID, run.Succeeded)
	})
}

func TestCancelReachesAnotherReplica(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := newHolding()
		worker := newEngine(t, db, run.Options{}, h.kind("hold", action.ByName))
		asked := newEngine(t, db, run.Options{}, h.kind("hold", action.ByName))
		work(t, worker)
		r := start(t, db, asked, run.NewRun{Steps: []action.Step{step(t, "a", "hold", "")}})
		h.awaitStart(t)
		if _, err := asked.Cancel(context.Background(), bob, r.ID); err != nil {
			t.Fatal(err)
		}
		awaitState(t, db, asked, r.ID, run.Cancelled)
	})
}

func TestCancelOfRunsThatAreNotWorkedOnIsImmediate(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		wait := scripted("wait", action.ByName, func(context.Context, *action.Exec) error {
			return &action.Wait{Kind: action.WaitExternal, Key: "never", Reason: "nothing"}
		})
		flaky := scripted("flaky", action.ByName, func(context.Context, *action.Exec) error { return errFlaky })
		idle := newEngine(t, db, run.Options{}, wait, flaky)
		pending := start(t, db, idle, run.NewRun{Steps: []action.Step{step(t, "a", "wait", "")}})
		got, err := idle.Cancel(context.Background(), alice, pending.ID)
		if err != nil || got.State != run.Cancelled || got.Steps[0].State != run.Pending {
			t.Errorf("pending: %s %v", describe(got), err)
		}
		e := newEngine(t, db, run.Options{Backoff: time.Hour}, wait, flaky)
		work(t, e)
		waiting := start(t, db, e, run.NewRun{Steps: []action.Step{step(t, "a", "wait", "")}})
		awaitState(t, db, e, waiting.ID, run.Waiting)
		got, err = e.Cancel(context.Background(), alice, waiting.ID)
		if err != nil || got.State != run.Cancelled || got.Waiting != nil || got.Steps[0].State != run.Cancelled {
			t.Errorf("waiting: %s %v", describe(got), err)
		}
		backoff := start(t, db, e, run.NewRun{Steps: []action.Step{step(t, "a", "flaky", "")}})
		await(t, db, e, backoff.ID, "backing off", func(r run.Run) bool { return !r.Steps[0].RetryAt.IsZero() })
		got, err = e.Cancel(context.Background(), alice, backoff.ID)
		if err != nil || got.State != run.Cancelled || got.Steps[0].State != run.Cancelled {
			t.Errorf("backing off: %s %v", describe(got), err)
		}
	})
}

func TestCancelLetsAFinishedStepBeDone(t *testing.T) {
	db := storetest.Open(t, storetest.SQLite(t))
	started := make(chan struct{}, 1)
	deaf := scripted("deaf", action.ByName, func(ctx context.Context, _ *action.Exec) error {
		started <- struct{}{}
		<-ctx.Done() // sees the end, and finishes all the same
		return nil
	})
	e := newEngine(t, db, run.Options{}, deaf)
	work(t, e)
	r := start(t, db, e, run.NewRun{Steps: []action.Step{step(t, "a", "deaf", ""), step(t, "b", "deaf", "")}})
	<-started
	if _, err := e.Cancel(context.Background(), alice, r.ID); err != nil {
		t.Fatal(err)
	}
	r = awaitState(t, db, e, r.ID, run.Cancelled)
	if r.Steps[0].State != run.Succeeded || r.Steps[1].State != run.Pending {
		t.Errorf("steps: %s", describe(r))
	}
}

func TestRetryGoesOnFromTheFailedStep(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		j := &journal{}
		var mended atomic.Bool
		e := newEngine(t, db, run.Options{}, noting(j), scripted("broken", action.ByName, func(_ context.Context, x *action.Exec) error {
			j.add("try %s", x.Key)
			if mended.Load() {
				return nil
			}
			return action.Permanent(errFlaky)
		}))
		work(t, e)
		r := start(t, db, e, run.NewRun{Steps: []action.Step{step(t, "a", "note", "x"), step(t, "b", "broken", ""), step(t, "c", "note", "y")}})
		awaitState(t, db, e, r.ID, run.Failed)
		mended.Store(true)
		if _, err := e.Retry(context.Background(), alice, r.ID); err != nil {
			t.Fatal(err)
		}
		r = awaitState(t, db, e, r.ID, run.Succeeded)
		want := []string{"do a", "try " + r.ID + "/b", "try " + r.ID + "/b", "do c"}
		if got := j.all(); !reflect.DeepEqual(got, want) || r.Error != "" {
			t.Errorf("did %q, want %q; error %q", got, want, r.Error)
		}
		if _, err := e.Retry(context.Background(), alice, r.ID); !fault.Is(err, fault.Conflict) {
			t.Errorf("retry of a succeeded run: %v", err)
		}
	})
}

func TestUndoGoesBackwardsOverEveryStartedStep(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		j := &journal{}
		half := action.NewStepType("half", action.ByName, func(_ context.Context, x *action.Exec, _ string) (string, error) {
			x.Changed(action.Change{Kind: "repository", Verb: "created", Title: "checkout"})
			return "", action.Permanent(errFlaky)
		}).WithUndo(func(_ context.Context, x *action.Exec, _, result string) error {
			j.add("undo %s %q", x.Step, result)
			return nil
		})
		mail := scripted("mail", action.ByName, func(context.Context, *action.Exec) error { return nil })
		e := newEngine(t, db, run.Options{}, noting(j), half.Type, mail)
		work(t, e)
		r := start(t, db, e, run.NewRun{Title: "Create checkout", Steps: []action.Step{
			step(t, "a", "note", "x"), step(t, "b", "mail", ""), step(t, "c", "note", "y"), step(t, "d", "half", ""), step(t, "e", "note", "z"),
		}})
		r = awaitState(t, db, e, r.ID, run.Failed)
		if len(r.Changes) != 3 {
			t.Errorf("changes, also of the failed step: %+v", r.Changes)
		}
		plan, err := e.UndoPlan(context.Background(), r.ID)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, s := range plan.Plan.Steps {
			names = append(names, s.Name+": "+s.Undo)
		}
		want := []string{"d: Take back: checkout (created)", "c: Take back: c (created)", "a: Take back: a (created)"}
		if !reflect.DeepEqual(names, want) || len(plan.Plan.Warnings) != 1 || plan.Plan.Digest == "" {
			t.Errorf("undo plan %q, warnings %q", names, plan.Plan.Warnings)
		}
		if _, err := e.Undo(context.Background(), bob, r.ID, "old"); !fault.Is(err, fault.PlanChanged) {
			t.Errorf("undo with another digest: %v", err)
		}
		if _, err := e.Undo(context.Background(), bob, r.ID, plan.Plan.Digest); err != nil {
			t.Fatal(err)
		}
		r = awaitState(t, db, e, r.ID, run.Undone)
		did := []string{"do a", "do c", `undo d ""`, `undo c "made y"`, `undo a "made x"`}
		if got := j.all(); !reflect.DeepEqual(got, did) {
			t.Errorf("did %q, want %q", got, did)
		}
		states := ""
		for _, s := range r.Steps {
			states += string(s.State) + " "
		}
		if states != "undone succeeded undone undone pending " || !r.Undoing || r.Can != (run.Can{}) {
			t.Errorf("steps %s: %s", states, describe(r))
		}
		if _, err := e.UndoPlan(context.Background(), r.ID); !fault.Is(err, fault.Conflict) {
			t.Errorf("undo twice: %v", err)
		}
		var events int
		if err := db.Read().QueryRowContext(t.Context(), "SELECT COUNT(*) FROM audit_events WHERE verb = 'run.undo' AND run_id = $1", r.ID).Scan(&events); err != nil || events != 1 {
			t.Errorf("%d events of it, %v", events, err)
		}
	})
}

func TestFailedUndoCanBeRetried(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		j := &journal{}
		var broken atomic.Bool
		broken.Store(true)
		kind := action.NewStepType("k", action.ByName, func(context.Context, *action.Exec, string) (string, error) { return "r", nil }).
			WithUndo(func(_ context.Context, x *action.Exec, _, _ string) error {
				if x.Step == "b" && broken.Load() {
					return action.Permanent(errors.New("somebody works in it"))
				}
				j.add("undo %s %d", x.Step, x.Attempt)
				return nil
			})
		e := newEngine(t, db, run.Options{}, kind.Type)
		work(t, e)
		r := start(t, db, e, run.NewRun{Steps: []action.Step{step(t, "a", "k", ""), step(t, "b", "k", ""), step(t, "c", "k", "")}})
		awaitState(t, db, e, r.ID, run.Succeeded)
		undo(t, e, r.ID)
		r = awaitState(t, db, e, r.ID, run.Failed)
		if !r.Undoing || r.Error != "somebody works in it" || !r.Can.Retry || !r.Can.Undo {
			t.Errorf("failed undo: %s", describe(r))
		}
		broken.Store(false)
		if _, err := e.Retry(context.Background(), alice, r.ID); err != nil {
			t.Fatal(err)
		}
		r = awaitState(t, db, e, r.ID, run.Undone)
		if got, want := j.all(), []string{"undo c 1", "undo b 2", "undo a 1"}; !reflect.DeepEqual(got, want) || r.StepsDone != 0 {
			t.Errorf("did %q, want %q", got, want)
		}
	})
}

func undo(t testing.TB, e *run.Engine, id string) {
	t.Helper()
	plan, err := e.UndoPlan(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Undo(context.Background(), alice, id, plan.Plan.Digest); err != nil {
		t.Fatal(err)
	}
}

func TestUndoIsRefusedWhileTheRunGoesOn(t *testing.T) {
	db := storetest.Open(t, storetest.SQLite(t))
	h := newHolding()
	e := newEngine(t, db, run.Options{}, h.kind("hold", action.ByName))
	work(t, e)
	r := start(t, db, e, run.NewRun{Steps: []action.Step{step(t, "a", "hold", "")}})
	h.awaitStart(t)
	if _, err := e.UndoPlan(context.Background(), r.ID); !fault.Is(err, fault.Conflict) {
		t.Errorf("undo plan of a running run: %v", err)
	}
	if _, err := e.Retry(context.Background(), alice, r.ID); !fault.Is(err, fault.Conflict) {
		t.Errorf("retry of a running run: %v", err)
	}
}

func TestUnknownRunIsNotFound(t *testing.T) {
	db := storetest.Open(t, storetest.SQLite(t))
	e := newEngine(t, db, run.Options{})
	ctx := context.Background()
	for name, call := range map[string]func() error{
		"get":       func() error { _, err := e.Get(ctx, "x"); return err },
		"cancel":    func() error { _, err := e.Cancel(ctx, alice, "x"); return err },
		"retry":     func() error { _, err := e.Retry(ctx, alice, "x"); return err },
		"undo plan": func() error { _, err := e.UndoPlan(ctx, "x"); return err },
		"undo":      func() error { _, err := e.Undo(ctx, alice, "x", ""); return err },
		"apply":     func() error { _, err := e.Apply(ctx, alice, "x"); return err },
		"plan":      func() error { _, err := e.Plan(ctx, alice, "x", "", nil); return err },
	} {
		if err := call(); !fault.Is(err, fault.NotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLocksTwoRunsNeverHoldTheSameKey(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		var inside, most, total atomic.Int32
		kind := scripted("k", action.ByName, func(context.Context, *action.Exec) error {
			n := inside.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			total.Add(1)
			inside.Add(-1)
			return nil
		})
		a := newEngine(t, db, run.Options{Workers: 8}, kind)
		b := newEngine(t, db, run.Options{Workers: 8}, kind)
		work(t, a)
		work(t, b)
		var ids []string
		for i := range 40 {
			// All need x, some need others too, named in any order.
			locks := []string{"x", fmt.Sprint("k", i%3), fmt.Sprint("k", (i+1)%3)}
			ids = append(ids, start(t, db, a, run.NewRun{Locks: locks, Steps: []action.Step{step(t, "a", "k", ""), step(t, "b", "k", "")}}).ID)
		}
		for _, id := range ids {
			awaitState(t, db, a, id, run.Succeeded)
		}
		if most.Load() != 1 || total.Load() != 80 {
			t.Errorf("%d at once, %d in all", most.Load(), total.Load())
		}
	})
}

func TestLocksBlockedRunNamesItsHolderAndIsWoken(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := newHolding()
		e := newEngine(t, db, run.Options{}, h.kind("hold", action.ByName), scripted("fail", action.ByName, func(context.Context, *action.Exec) error { return action.Permanent(errFlaky) }))
		work(t, e)
		first := start(t, db, e, run.NewRun{Locks: []string{"service:a"}, Steps: []action.Step{step(t, "a", "hold", "")}})
		h.awaitStart(t)
		second := start(t, db, e, run.NewRun{Locks: []string{"service:b", "service:a"}, Steps: []action.Step{step(t, "a", "fail", "")}})
		third := start(t, db, e, run.NewRun{Locks: []string{"service:a"}, Steps: []action.Step{step(t, "a", "hold", "")}})
		for _, id := range []string{second.ID, third.ID} {
			await(t, db, e, id, "blocked", func(r run.Run) bool { return r.State == run.Pending && r.BlockedBy == first.ID })
		}
		listed, _, err := e.List(context.Background(), run.Filter{})
		if err != nil || listed[0].BlockedBy != first.ID || listed[2].BlockedBy != "" {
			t.Errorf("listed: %+v %v", listed, err)
		}
		// The second is next in the queue; when it is cancelled the third is.
		if _, err := e.Cancel(context.Background(), alice, second.ID); err != nil {
			t.Fatal(err)
		}
		close(h.release)
		awaitState(t, db, e, first.ID, run.Succeeded)
		third = awaitState(t, db, e, third.ID, run.Succeeded)
		if third.BlockedBy != "" {
			t.Errorf("blocked by %s", third.BlockedBy)
		}
		// A failed run keeps no keys.
		if _, err := e.Retry(context.Background(), alice, second.ID); err != nil {
			t.Fatal(err)
		}
		awaitState(t, db, e, second.ID, run.Failed)
		last := start(t, db, e, run.NewRun{Locks: []string{"service:a", "service:b"}, Steps: []action.Step{step(t, "a", "hold", "")}})
		awaitState(t, db, e, last.ID, run.Succeeded)
	})
}

func TestAStepThatCrashedManuallyIsAPersonsDecision(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := newHolding()
		kind := h.kind("manual", action.Manual)
		r := crashed(t, db, kind, h)
		e := newEngine(t, db, run.Options{Exclusive: true}, kind)
		work(t, e)
		r = awaitState(t, db, e, r.ID, run.Failed)
		if !strings.Contains(r.Error, "A person has to look") || r.Steps[0].State != run.Failed || !r.Can.Retry {
			t.Errorf("after the crash: %s", describe(r))
		}
		close(h.release)
		if _, err := e.Retry(context.Background(), alice, r.ID); err != nil {
			t.Fatal(err)
		}
		awaitState(t, db, e, r.ID, run.Succeeded)
	})
}

// crashed leaves a run behind as a killed process does: claimed, its step
// started, and nobody working on it. The step is let go when the test ends.
func crashed(t *testing.T, db *store.DB, kind action.StepType, h *holding) run.Run {
	t.Helper()
	dead := newEngine(t, db, run.Options{Instance: "dead"}, kind)
	gone := newHolding()
	dying := newEngine(t, db, run.Options{Instance: "dead"}, gone.kind(kind.Name, kind.Safety))
	stop := work(t, dying)
	r := start(t, db, dead, run.NewRun{Steps: []action.Step{{Name: "a", Title: "Do a", Type: kind.Name, Args: json.RawMessage("null")}}})
	gone.awaitStart(t)
	before := rowsOf(t, db, r.ID)
	close(gone.release)
	awaitState(t, db, dead, r.ID, run.Succeeded)
	stop()
	restore(t, db, r.ID, before)
	return r
}

// rowsOf and restore put a run back to what was committed at an earlier moment.
func rowsOf(t *testing.T, db *store.DB, id string) [3]string {
	t.Helper()
	var state [3]string
	err := db.Read().QueryRowContext(context.Background(), `SELECT r.state, r.worker, s.state FROM runs r JOIN run_steps s ON s.run_id = r.id AND s.idx = r.step WHERE r.id = $1`, id).
		Scan(&state[0], &state[1], &state[2])
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func restore(t *testing.T, db *store.DB, id string, state [3]string) {
	t.Helper()
	err := db.Tx(context.Background(), func(tx *store.Tx) error {
		_, err := tx.ExecContext(context.Background(), "UPDATE runs SET state = $1, worker = $2, ended_at = 0, due_at = NULL WHERE id = $3", state[0], state[1], id)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(context.Background(), "UPDATE run_steps SET state = $1, result = '', ended_at = 0 WHERE run_id = $2", state[2], id)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
