package run_test

import (
	"context"
	"testing"
	"time"

	"sphera/action"
	"sphera/internal/run"
	"sphera/internal/store"
	"sphera/internal/store/storetest"

	"github.com/prometheus/client_golang/prometheus"
)

func TestL1_ExclusiveEngineGoesOnAtOnceAfterARestart(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := newHolding()
		kind := h.kind("hold", action.ByKey)
		r := crashed(t, db, kind, h)
		close(h.release)
		e := newEngine(t, db, run.Options{Exclusive: true}, kind)
		began := time.Now()
		work(t, e)
		r = awaitState(t, db, e, r.ID, run.Succeeded)
		if took := time.Since(began); took > time.Second || r.Steps[0].Attempt != 2 {
			t.Errorf("resumed after %s, attempt %d", took, r.Steps[0].Attempt)
		}
	})
}

func TestL1_AnotherProcessTakesOverAfterTheLease(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := newHolding()
		kind := h.kind("hold", action.ByKey)
		r := crashed(t, db, kind, h)
		close(h.release)
		const lease = 400 * time.Millisecond
		e := newEngine(t, db, run.Options{Lease: lease}, kind)
		began := time.Now()
		work(t, e)
		awaitState(t, db, e, r.ID, run.Succeeded)
		if took := time.Since(began); took < lease || took > 2*lease+time.Second {
			t.Errorf("taken over after %s with a lease of %s", took, lease)
		}
	})
}

func TestLeaseIsKeptByHeartbeatsWhileAStepWorks(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		const lease = 300 * time.Millisecond
		h := newHolding()
		kind := h.kind("hold", action.ByKey)
		a := newEngine(t, db, run.Options{Lease: lease, Instance: "a"}, kind)
		stop := work(t, a)
		r := start(t, db, a, run.NewRun{Steps: []action.Step{step(t, "a", "hold", "")}})
		h.awaitStart(t)
		b := newEngine(t, db, run.Options{Lease: lease, Instance: "b"}, kind)
		work(t, b)
		// Several leases pass: the heartbeat says that it lives.
		first := beats(t, db, "a-%")
		eventually(t, "heartbeats", func() bool { return beats(t, db, "a-%") >= first+16 })
		close(h.release)
		r = awaitState(t, db, a, r.ID, run.Succeeded)
		if r.Steps[0].Attempt != 1 {
			t.Errorf("attempts: %d", r.Steps[0].Attempt)
		}
		idle := beats(t, db, "a-%")
		eventually(t, "two leases", elapsed(2*lease))
		if now := beats(t, db, "a-%"); now > idle+1 {
			t.Errorf("an idle process wrote %d heartbeats", now-idle)
		}
		stop()
		if n := count(t, db, "SELECT COUNT(*) FROM run_workers WHERE id LIKE 'a-%'"); n != 0 {
			t.Error("the lease is still there after a stop")
		}
	})
}

func elapsed(d time.Duration) func() bool {
	end := time.Now().Add(d)
	return func() bool { return time.Now().After(end) }
}

func beats(t *testing.T, db *store.DB, like string) int {
	t.Helper()
	return count(t, db, "SELECT COALESCE(MAX(beat), 0) FROM run_workers WHERE id LIKE '"+like+"'")
}

// TestL5_WritesOfAStaleWorkerAreRefused freezes a worker by taking its lease
// away while its step, deaf to its context, is at work.
func TestL5_WritesOfAStaleWorkerAreRefused(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		started, release := make(chan struct{}, 1), make(chan struct{})
		deaf := action.NewStepType("s", action.ByKey, func(_ context.Context, x *action.Exec, _ string) (string, error) {
			started <- struct{}{}
			<-release
			x.Logf("written by the stale worker")
			x.Changed(action.Change{Kind: "file", Verb: "created", Title: "stale"})
			return "stale", nil
		})
		registry := prometheus.NewRegistry()
		stale := newEngine(t, db, run.Options{Lease: time.Hour, Workers: 1, Instance: "stale", Metrics: registry}, deaf.Type)
		stop := work(t, stale)
		r := start(t, db, stale, run.NewRun{Steps: []action.Step{step(t, "a", "s", ""), step(t, "b", "s", "")}})
		<-started
		fresh := newEngine(t, db, run.Options{Lease: 300 * time.Millisecond, Instance: "fresh"},
			action.NewStepType("s", action.ByKey, func(context.Context, *action.Exec, string) (string, error) { return "fresh", nil }).Type)
		work(t, fresh)
		r = awaitState(t, db, fresh, r.ID, run.Succeeded)
		close(release)
		eventually(t, "refused", func() bool { return metric(t, registry, "sphera_run_writes_refused_total") == 1 })
		stop()
		after, err := fresh.Get(context.Background(), r.ID)
		if err != nil || describe(after) != describe(r) || string(after.Steps[0].Result) != `"fresh"` || len(after.Changes) != 0 {
			t.Errorf("the stale worker changed the run: %s %v", describe(after), err)
		}
		lines, err := fresh.Logs(context.Background(), r.ID, 0, 0)
		if err != nil || len(lines) != 0 {
			t.Errorf("the stale worker wrote to the log: %+v %v", lines, err)
		}
	})
}

// TestL5_AWorkerStopsBeforeItsLeaseEnds cuts a worker off from its heartbeats:
// its step is cancelled before another process may take the run.
func TestL5_AWorkerStopsBeforeItsLeaseEnds(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		const lease = 600 * time.Millisecond
		stopped := make(chan time.Time, 10)
		started := make(chan struct{}, 10)
		kind := scripted("s", action.ByKey, func(ctx context.Context, x *action.Exec) error {
			if x.Attempt > 1 {
				return nil
			}
			started <- struct{}{}
			<-ctx.Done()
			stopped <- time.Now()
			return ctx.Err()
		})
		// A heartbeat as long as the lease never comes in time.
		cut := newEngine(t, db, run.Options{Lease: lease, Heartbeat: 10 * lease, Instance: "cut"}, kind)
		work(t, cut)
		began := time.Now()
		r := start(t, db, cut, run.NewRun{Steps: []action.Step{step(t, "a", "s", "")}})
		<-started
		select {
		case at := <-stopped:
			if took := at.Sub(began); took >= lease {
				t.Errorf("stopped after %s, the lease is %s", took, lease)
			}
		case <-time.After(patience):
			t.Fatal("the step went on after the lease")
		}
		// Nobody else took it, so it is given back and goes on in a new session.
		awaitState(t, db, cut, r.ID, run.Succeeded)
	})
}

// TestL5_AProcessThatWasGivenUpNotices takes the lease of a process that is
// slow, not dead: its next heartbeat ends its steps.
func TestL5_AProcessThatWasGivenUpNotices(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		// Each has its own list of starts: on a busy machine the slow one may
		// give its lease up and take the run again before the other sees it.
		mine, theirs := newHolding(), newHolding()
		theirs.release = mine.release
		slow := newEngine(t, db, run.Options{Lease: 2 * time.Second, Heartbeat: 1500 * time.Millisecond, Instance: "slow"}, mine.kind("s", action.ByKey))
		work(t, slow)
		r := start(t, db, slow, run.NewRun{Steps: []action.Step{step(t, "a", "s", "")}})
		mine.awaitStart(t)
		other := newEngine(t, db, run.Options{Lease: 200 * time.Millisecond, Instance: "other"}, theirs.kind("s", action.ByKey))
		stop := work(t, other)
		theirs.awaitStart(t) // the other has taken it
		stop()               // and gives it back
		mine.awaitStart(t)   // the slow one, in a new session, has it again
		close(mine.release)
		r = awaitState(t, db, slow, r.ID, run.Succeeded)
		if r.Steps[0].Attempt < 3 {
			t.Errorf("attempts: %d", r.Steps[0].Attempt)
		}
	})
}

func metric(t *testing.T, registry *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	return 0
}

// TestConnectionsThatBreakLoseAndDoubleNothing ends all connections to
// PostgreSQL again and again, so that answers to commits are lost.
func TestConnectionsThatBreakLoseAndDoubleNothing(t *testing.T) {
	db := storetest.Open(t, storetest.Postgres(t))
	j := &journal{}
	e := newEngine(t, db, run.Options{}, noting(j))
	var ids []string
	for range 60 {
		ids = append(ids, start(t, db, e, run.NewRun{Steps: []action.Step{step(t, "a", "note", ""), step(t, "b", "note", ""), step(t, "c", "note", "")}}).ID)
	}
	work(t, e)
	for range 15 {
		before := len(j.all())
		eventually(t, "progress", func() bool { return len(j.all()) > before || len(j.all()) == 180 })
		_, err := db.Read().ExecContext(context.Background(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
		if err != nil {
			t.Log(err) // it may have ended itself
		}
	}
	for _, id := range ids {
		eventually(t, "success", func() bool {
			r, err := e.Get(context.Background(), id)
			return err == nil && r.State == run.Succeeded
		})
	}
	if n := len(j.all()); n != 180 {
		t.Errorf("%d calls of 180 steps", n)
	}
	if n := count(t, db, "SELECT COUNT(*) FROM runs WHERE worker <> '' OR due_at IS NOT NULL"); n != 0 {
		t.Errorf("%d runs are left over", n)
	}
}
