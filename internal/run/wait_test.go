package run_test

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sphera/action"
	"sphera/internal/run"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

func signal(t testing.TB, db *store.DB, e *run.Engine, key string) {
	t.Helper()
	if err := db.Tx(context.Background(), func(tx *store.Tx) error { return e.Signal(context.Background(), tx, key) }); err != nil {
		t.Fatal(err)
	}
}

func TestWaitIsParkedUntilItsSignal(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		var merged atomic.Bool
		var looks atomic.Int32
		e := newEngine(t, db, run.Options{}, scripted("pr", action.ByName, func(_ context.Context, x *action.Exec) error {
			looks.Add(1)
			if merged.Load() {
				return nil
			}
			return &action.Wait{Kind: action.WaitExternal, Key: "pull-request:ci-config/12", Reason: "Waiting for the review.", URL: "/forge/ci-config/pulls/12"}
		}))
		work(t, e)
		r := start(t, db, e, run.NewRun{Steps: []action.Step{step(t, "a", "pr", ""), step(t, "b", "pr", "")}})
		r = awaitState(t, db, e, r.ID, run.Waiting)
		want := run.WaitingFor{Kind: action.WaitExternal, Key: "pull-request:ci-config/12", Reason: "Waiting for the review.", URL: "/forge/ci-config/pulls/12"}
		if r.Waiting == nil || *r.Waiting != want || r.Steps[0].State != run.Waiting {
			t.Errorf("waiting: %s", describe(r))
		}
		if looks.Load() != 2 {
			t.Errorf("looked %d times before it was parked, want 2: once more after the key was recorded", looks.Load())
		}
		signal(t, db, e, "pull-request:ci-config/13")
		signal(t, db, e, "pull-request:ci-config/12")
		eventually(t, "look again", func() bool { return looks.Load() >= 3 })
		r = awaitState(t, db, e, r.ID, run.Waiting)
		merged.Store(true)
		signal(t, db, e, "pull-request:ci-config/12")
		r = awaitState(t, db, e, r.ID, run.Succeeded)
		if r.Steps[0].Attempt != 1 || looks.Load() != 5 || r.Waiting != nil {
			t.Errorf("%d looks: %s", looks.Load(), describe(r))
		}
		signal(t, db, e, "pull-request:ci-config/12") // nobody waits any more
	})
}

func TestWaitEndsAtItsDate(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		until := time.Now().Add(150 * time.Millisecond)
		e := newEngine(t, db, run.Options{}, scripted("timer", action.ByName, func(context.Context, *action.Exec) error {
			if time.Now().Before(until) {
				return &action.Wait{Kind: action.WaitTimer, Until: until, Reason: "Later."}
			}
			return nil
		}))
		work(t, e)
		r := start(t, db, e, run.NewRun{Steps: []action.Step{step(t, "a", "timer", "")}})
		awaitState(t, db, e, r.ID, run.Waiting)
		r = awaitState(t, db, e, r.ID, run.Succeeded)
		if r.EndedAt.Before(until.Truncate(time.Millisecond)) {
			t.Errorf("ended %s before %s", r.EndedAt, until)
		}
	})
}

// TestSignalIsNeverLost changes the world and signals at every moment around
// the step's look and its parking; each run has one signal only.
func TestSignalIsNeverLost(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		const runs = 150
		ctx := context.Background()
		err := db.Tx(ctx, func(tx *store.Tx) error {
			_, err := tx.ExecContext(ctx, "CREATE TABLE world (id TEXT PRIMARY KEY)")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		looking := make(chan string, runs*10)
		e := newEngine(t, db, run.Options{}, scripted("look", action.ByName, func(ctx context.Context, x *action.Exec) error {
			looking <- x.RunID
			var n int
			if err := db.Read().QueryRowContext(ctx, "SELECT COUNT(*) FROM world WHERE id = $1", x.RunID).Scan(&n); err != nil {
				return err
			}
			if n > 0 {
				return nil
			}
			return &action.Wait{Kind: action.WaitExternal, Key: "world:" + x.RunID, Reason: "the world"}
		}))
		work(t, e)
		ids := make([]string, runs)
		for i := range ids {
			ids[i] = start(t, db, e, run.NewRun{Steps: []action.Step{step(t, "a", "look", "")}}).ID
		}
		var signals sync.WaitGroup
		told := map[string]bool{}
		for len(told) < runs {
			id := <-looking
			if told[id] {
				continue
			}
			told[id] = true
			signals.Go(func() {
				err := db.Tx(ctx, func(tx *store.Tx) error {
					if _, err := tx.ExecContext(ctx, "INSERT INTO world (id) VALUES ($1)", id); err != nil {
						return err
					}
					return e.Signal(ctx, tx, "world:"+id)
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		signals.Wait()
		for _, id := range ids {
			awaitState(t, db, e, id, run.Succeeded)
		}
	})
}

func TestWaitingRunsCostNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		var looks atomic.Int32
		e := newEngine(t, db, run.Options{}, scripted("wait", action.ByName, func(_ context.Context, x *action.Exec) error {
			looks.Add(1)
			return &action.Wait{Kind: action.WaitExternal, Key: "k:" + x.RunID, Reason: "x"}
		}))
		work(t, e)
		before := runtime.NumGoroutine()
		const runs = 200
		for range runs {
			start(t, db, e, run.NewRun{Steps: []action.Step{step(t, "a", "wait", "")}})
		}
		eventually(t, "all wait", func() bool { return count(t, db, "SELECT COUNT(*) FROM runs WHERE state = 'waiting'") == runs })
		if n := count(t, db, "SELECT COUNT(*) FROM runs WHERE due_at IS NOT NULL OR worker <> ''"); n != 0 {
			t.Errorf("%d waiting runs are due or have a worker", n)
		}
		eventually(t, "workers end", func() bool { return runtime.NumGoroutine() <= before+2 })
		if looks.Load() != 2*runs {
			t.Errorf("looked %d times", looks.Load())
		}
	})
}

func count(t testing.TB, db *store.DB, query string) int {
	t.Helper()
	var n int
	if err := db.Read().QueryRowContext(context.Background(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
