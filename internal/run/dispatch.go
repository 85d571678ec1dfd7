package run

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"sphera/internal/store"
)

const (
	// sweepEvery heals what a lost note left undone.
	sweepEvery = 5 * time.Second
	// forgetEvery is how often what has expired is deleted.
	forgetEvery = 10 * time.Minute
	// workerLife is how long the lease of a killed process is kept; an idle one
	// that lives just takes a new lease.
	workerLife = 24 * time.Hour
	// stopGrace is how long giving runs back may take when Work ends.
	stopGrace = 5 * time.Second
	// retryDispatch is the pause after the database failed.
	retryDispatch = time.Second
	// contended is the pause when due runs are just being claimed elsewhere.
	contended = 20 * time.Millisecond
)

// Work works on due runs until ctx ends. Then it cancels the steps that are
// under way, gives their runs back for others, and returns.
func (e *Engine) Work(ctx context.Context) error {
	var tasks sync.WaitGroup
	var last error
	for ctx.Err() == nil {
		s, err := e.open(ctx)
		if err != nil {
			e.log.ErrorContext(ctx, "cannot work on runs; trying again", "error", err)
			pause(ctx, retryDispatch)
			continue
		}
		e.serve(ctx, s, &tasks)
		if ctx.Err() == nil {
			e.log.WarnContext(ctx, "lease lost; starting a new session", "worker", s.id)
			s.deadline.Stop()
			continue
		}
		s.cancel(errStopping)
		tasks.Wait()
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopGrace)
		last = e.close(closing, s)
		cancel()
	}
	tasks.Wait()
	return last
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// serve works until ctx ends or the session's lease is lost.
func (e *Engine) serve(ctx context.Context, s *session, tasks *sync.WaitGroup) {
	var tending sync.WaitGroup
	defer tending.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	tending.Go(func() { e.tend(ctx, s) })
	notes, stop := e.db.Subscribe(dueTopic)
	defer stop()
	free := make(chan struct{}, e.o.Workers)
	for range e.o.Workers {
		free <- struct{}{}
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Reset(e.dispatch(ctx, s, free, tasks))
		select {
		case <-ctx.Done():
			return
		case <-s.ctx.Done():
			return
		case <-e.wake:
		case <-notes:
			drain(notes)
		case <-timer.C:
		}
	}
}

func drain(notes <-chan string) {
	for {
		select {
		case <-notes:
		default:
			return
		}
	}
}

// dispatch claims due runs as long as workers are free, and returns for how
// long nothing more is to be done unless somebody wakes it.
func (e *Engine) dispatch(ctx context.Context, s *session, free chan struct{}, tasks *sync.WaitGroup) time.Duration {
	for {
		n := len(free)
		if n == 0 {
			return sweepEvery // a worker that becomes free wakes the dispatcher
		}
		at, any, err := e.nextDue(ctx)
		if err != nil {
			return e.dispatchFailed(ctx, err)
		}
		if !any {
			return sweepEvery
		}
		if wait := at.Sub(e.now()); wait > 0 {
			return min(wait+time.Millisecond, sweepEvery)
		}
		seen, err := e.take(ctx, s, n, free, tasks)
		if err != nil {
			return e.dispatchFailed(ctx, err)
		}
		if seen == 0 {
			return contended
		}
	}
}

func (e *Engine) dispatchFailed(ctx context.Context, err error) time.Duration {
	if ctx.Err() == nil && !errors.Is(err, errLost) {
		e.log.ErrorContext(ctx, "cannot claim runs; trying again", "error", err)
	}
	return retryDispatch
}

// take claims up to n runs and starts a worker for each. It returns how many
// due runs it dealt with.
func (e *Engine) take(ctx context.Context, s *session, n int, free chan struct{}, tasks *sync.WaitGroup) (int, error) {
	s.hold(n)
	if s.beating(e.now(), e.o.Heartbeat, true) {
		if err := e.beat(ctx, s); err != nil {
			s.hold(-n)
			return 0, err
		}
	}
	if err := e.disown(ctx, s); err != nil {
		s.hold(-n)
		return 0, err
	}
	now := e.now()
	runs, seen, err := e.claim(ctx, s, n)
	if err != nil {
		s.hold(-n)
		s.unsure = true
		return 0, err
	}
	s.hold(len(runs) - n)
	for _, r := range runs {
		e.metrics.claimed(now.Sub(store.Time(r.dueAt.Int64)))
		<-free
		t := e.newTask(s, r)
		tasks.Go(func() {
			defer func() {
				s.hold(-1)
				free <- struct{}{}
				e.poke()
			}()
			e.work(t)
		})
	}
	return seen, nil
}

// disown gives back, after a claim whose answer was lost, the runs that the
// database has as this session's and that nobody here works on. Their steps
// were never called.
func (e *Engine) disown(ctx context.Context, s *session) error {
	if !s.unsure {
		return nil
	}
	rows, err := e.db.Read().QueryContext(ctx, "SELECT id, step FROM runs WHERE worker = $1 AND worker <> ''", s.id)
	type claimed struct {
		id   string
		step int
	}
	all, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (claimed, error) {
		var c claimed
		return c, row.Scan(&c.id, &c.step)
	})
	if err != nil {
		return fmt.Errorf("look for runs claimed without an answer: %w", err)
	}
	for _, c := range all {
		if _, ok := e.live.Load(c.id); ok {
			continue
		}
		err := e.commits.tx(ctx, func(tx *store.Tx) error {
			res, err := tx.ExecContext(ctx, "UPDATE runs SET worker = '', fence = fence + 1, due_at = $1 WHERE id = $2 AND worker = $3", e.millis(), c.id, s.id)
			if err := one(res, err); errors.Is(err, errStale) {
				return nil
			} else if err != nil {
				return err
			}
			_, err = tx.ExecContext(ctx, "UPDATE run_steps SET state = 'pending' WHERE run_id = $1 AND idx = $2", c.id, c.step)
			return err
		})
		if err != nil {
			return fmt.Errorf("give back run %s, claimed without an answer: %w", c.id, err)
		}
	}
	s.unsure = false
	return nil
}

// tend keeps the session's lease, watches the leases of others, passes on
// cancellations and sweeps, until ctx or the session ends.
func (e *Engine) tend(ctx context.Context, s *session) {
	cancels, stop := e.db.Subscribe(cancelTopic)
	defer stop()
	seen := map[string]sighting{}
	sweep, forget := e.now(), e.now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.ctx.Done():
			return
		case id := <-cancels:
			if id == "" {
				e.tried(ctx, e.cancelRequested(ctx, s))
			}
			e.cancelLive(id)
			continue
		case <-timer.C:
		}
		timer.Reset(e.tick(ctx, s, seen))
		if now := e.now(); now.Sub(sweep) >= sweepEvery {
			sweep = now
			e.tried(ctx, e.sweep(ctx))
		}
		if now := e.now(); now.Sub(forget) >= forgetEvery {
			forget = now
			e.tried(ctx, e.forget(ctx))
		}
	}
}

// tick does what is done at least twice a heartbeat and returns when the next
// is due.
func (e *Engine) tick(ctx context.Context, s *session, seen map[string]sighting) time.Duration {
	wait := e.o.Heartbeat / 2
	if s.beating(e.now(), e.o.Heartbeat-e.o.Heartbeat/8, false) {
		e.tried(ctx, e.beat(ctx, s))
	}
	if s.working() {
		e.tried(ctx, e.cancelRequested(ctx, s))
	}
	if e.o.Exclusive {
		return wait
	}
	next, err := e.watch(ctx, s, seen)
	if err != nil {
		e.tried(ctx, err)
		return wait
	}
	return min(wait, next)
}

func (e *Engine) tried(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil && !errors.Is(err, errLost) {
		e.log.WarnContext(ctx, "keeping runs in order failed; trying again", "error", err)
	}
}

func (s *session) working() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held > 0
}

// cancelRequested stops the runs of this session that somebody cancelled.
func (e *Engine) cancelRequested(ctx context.Context, s *session) error {
	rows, err := e.db.Read().QueryContext(ctx, "SELECT id FROM runs WHERE worker = $1 AND worker <> '' AND cancel_requested = 1", s.id)
	ids, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (string, error) {
		var id string
		return id, row.Scan(&id)
	})
	for _, id := range ids {
		e.cancelLive(id)
	}
	return err
}

// cancelLive cancels the step of a run if this process works on it.
func (e *Engine) cancelLive(id string) {
	if t, ok := e.live.Load(id); ok {
		t.(*task).cancel(errCancelled)
	}
}

// sweep makes blocked runs due whose key nobody holds.
func (e *Engine) sweep(ctx context.Context) error {
	var stuck int
	err := e.db.Read().QueryRowContext(ctx, `SELECT COUNT(*) FROM runs WHERE blocked_key <> '' AND due_at IS NULL AND worker = ''
		AND NOT EXISTS (SELECT 1 FROM run_locks l WHERE l.key = runs.blocked_key)`).Scan(&stuck)
	if err != nil || stuck == 0 {
		return err
	}
	return e.commits.tx(ctx, func(tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE runs SET due_at = $1 WHERE blocked_key <> '' AND due_at IS NULL AND worker = ''
			AND NOT EXISTS (SELECT 1 FROM run_locks l WHERE l.key = runs.blocked_key)`, e.millis())
		e.due(tx)
		return err
	})
}

// forget deletes plans that expired without being applied, and the leases of
// processes that are gone.
func (e *Engine) forget(ctx context.Context) error {
	now := e.now()
	err := e.commits.tx(ctx, func(tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM run_plans WHERE id IN
			(SELECT id FROM run_plans WHERE run_id = '' AND expires_at < $1 ORDER BY expires_at LIMIT 1000) AND run_id = ''`, store.Millis(now))
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM run_workers WHERE at < $1 AND NOT EXISTS
			(SELECT 1 FROM runs r WHERE r.worker = run_workers.id AND r.worker <> '')`, store.Millis(now.Add(-workerLife)))
		return err
	})
	if err != nil {
		return fmt.Errorf("delete what has expired: %w", err)
	}
	return nil
}
