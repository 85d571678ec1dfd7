package run

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"sphera/internal/store"

	"github.com/google/uuid"
)

var (
	// errLost is the cause of a cancelled step whose process may no longer
	// hold its lease.
	errLost = errors.New("this process lost its lease")
	// errStopping is the cause when Work ends.
	errStopping = errors.New("the server is stopping")
	// errCancelled is the cause when somebody cancelled the run.
	errCancelled = errors.New("the run was cancelled")
)

// session is one lease of this process, from when it starts to work until it
// stops or loses the lease; then a new one with another id follows.
type session struct {
	id     string
	ctx    context.Context
	cancel context.CancelCauseFunc

	// unsure is set by the dispatcher when the answer to a claim was lost.
	unsure bool

	mu   sync.Mutex
	held int // runs held or about to be claimed
	// good is when the last heartbeat that succeeded began. Others count from
	// when they saw it, which is later.
	good     time.Time
	deadline *time.Timer
}

// open starts a session. An exclusive engine frees at once what earlier
// processes held and needs no heartbeat.
func (e *Engine) open(ctx context.Context) (*session, error) {
	s := &session{id: e.o.Instance + "-" + uuid.NewString()[:8]}
	began := e.now()
	err := e.commits.tx(ctx, func(tx *store.Tx) error {
		if !e.o.Exclusive {
			_, err := tx.ExecContext(ctx, "INSERT INTO run_workers (id, beat, at) VALUES ($1, 0, $2)", s.id, e.millis())
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM run_workers"); err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, "UPDATE runs SET worker = '', fence = fence + 1, due_at = $1 WHERE worker <> ''", e.millis())
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		tx.AfterCommit(func() { e.tookOver(ctx, "an earlier process", n) })
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open a working session: %w", err)
	}
	s.ctx, s.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	if !e.o.Exclusive {
		s.deadline = time.AfterFunc(time.Hour, func() { s.overdue() })
		s.trust(e, began)
	}
	return s, nil
}

// close gives the lease up; all runs have been given back before.
func (e *Engine) close(ctx context.Context, s *session) error {
	s.cancel(errStopping)
	if s.deadline == nil {
		return nil
	}
	s.deadline.Stop()
	err := e.commits.tx(ctx, func(tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM run_workers WHERE id = $1", s.id)
		return err
	})
	if err != nil {
		return fmt.Errorf("close the working session: %w", err)
	}
	return nil
}

// trust extends the lease after a heartbeat that began at began.
func (s *session) trust(e *Engine, began time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.good = began
	s.deadline.Reset(e.o.Lease - e.o.Lease/8 - e.now().Sub(began))
}

// overdue is called when no heartbeat has succeeded for most of a lease: stop
// before others may start.
func (s *session) overdue() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held > 0 {
		s.cancel(errLost)
	}
}

// hold counts the runs held; n may be negative.
func (s *session) hold(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held += n
}

// beating reports whether a heartbeat is due.
func (s *session) beating(now time.Time, every time.Duration, idle bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.deadline != nil && (s.held > 0 || idle) && now.Sub(s.good) >= every
}

// beat shows the others that this process lives. When they have given it up,
// the session ends.
func (e *Engine) beat(ctx context.Context, s *session) error {
	ctx, cancel := context.WithTimeout(ctx, e.o.Lease/2)
	defer cancel()
	began := e.now()
	err := e.commits.tx(ctx, func(tx *store.Tx) error {
		res, err := tx.ExecContext(ctx, "UPDATE run_workers SET beat = beat + 1, at = $1 WHERE id = $2", store.Millis(began), s.id)
		return one(res, err)
	})
	if errors.Is(err, errStale) {
		s.cancel(errLost)
		return errLost
	}
	if err != nil {
		return fmt.Errorf("heartbeat: %w", err)
	}
	s.trust(e, began)
	return nil
}

// sighting is what this process saw of the lease of another, and since when
// it has not changed.
type sighting struct {
	beat  int64
	since time.Time
}

// watch looks at the other processes that hold runs and frees the runs of
// those that were still for the length of a lease. It returns when to look
// again at the latest.
func (e *Engine) watch(ctx context.Context, s *session, seen map[string]sighting) (time.Duration, error) {
	began := e.now()
	rows, err := e.db.Read().QueryContext(ctx, `SELECT r.worker, COALESCE(w.beat, -1) FROM (SELECT DISTINCT worker FROM runs WHERE worker <> '') r
		LEFT JOIN run_workers w ON w.id = r.worker WHERE r.worker <> $1`, s.id)
	type other struct {
		id   string
		beat int64
	}
	others, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (other, error) {
		var o other
		return o, row.Scan(&o.id, &o.beat)
	})
	if err != nil {
		return 0, fmt.Errorf("look at the other workers: %w", err)
	}
	wait, now := e.o.Heartbeat/2, e.now()
	present := map[string]bool{}
	for _, o := range others {
		present[o.id] = true
		last, ok := seen[o.id]
		if !ok || last.beat != o.beat {
			seen[o.id] = sighting{o.beat, now}
			continue
		}
		if still := began.Sub(last.since); still < e.o.Lease {
			wait = min(wait, e.o.Lease-still+time.Millisecond)
			continue
		}
		if err := e.free(ctx, o.id, o.beat); err != nil {
			return 0, err
		}
		delete(seen, o.id)
	}
	for id := range seen {
		if !present[id] {
			delete(seen, id)
		}
	}
	return wait, nil
}

// free takes the runs away from a process whose beat stood still. Its next
// heartbeat finds no row and ends its session; its writes meet a higher fence.
func (e *Engine) free(ctx context.Context, worker string, beat int64) error {
	err := e.commits.tx(ctx, func(tx *store.Tx) error {
		if beat >= 0 {
			res, err := tx.ExecContext(ctx, "DELETE FROM run_workers WHERE id = $1 AND beat = $2", worker, beat)
			if err := one(res, err); errors.Is(err, errStale) {
				return nil // it came back, or another replica was faster
			} else if err != nil {
				return err
			}
		}
		res, err := tx.ExecContext(ctx, "UPDATE runs SET worker = '', fence = fence + 1, due_at = $1 WHERE worker = $2 AND worker <> ''", e.millis(), worker)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if n > 0 {
			e.due(tx)
		}
		tx.AfterCommit(func() { e.tookOver(ctx, worker, n) })
		return err
	})
	if err != nil {
		return fmt.Errorf("free the runs of %s: %w", worker, err)
	}
	return nil
}

func (e *Engine) tookOver(ctx context.Context, from string, runs int64) {
	if runs > 0 {
		e.metrics.taken.Add(float64(runs))
		e.log.WarnContext(ctx, "runs freed from a process that stopped or went silent", "from", from, "runs", runs)
	}
}
