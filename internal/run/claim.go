package run

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"sphera/action"
	"sphera/internal/store"
)

// maxCrashes bounds how often a step that takes the process down with it is
// started again.
const maxCrashes = 20

const (
	outcomeUnknown = "The outcome of the step %q is unknown: the server stopped while it was working, and it cannot be repeated safely. A person has to look at what happened, and then retry or undo the run."
	tooManyCrashes = "The server stopped %d times while the step %q was working, so it is not tried again."
)

// candidate is a due run with the state of its current step.
type candidate struct {
	record
	step    stepRow
	stepIdx int
}

// nextDue returns when the first run is due; false when none ever is.
func (e *Engine) nextDue(ctx context.Context) (time.Time, bool, error) {
	var at int64
	err := e.db.Read().QueryRowContext(ctx, "SELECT due_at FROM runs WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1").Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, false, nil
	}
	if err != nil {
		return time.Time{}, false, fmt.Errorf("look for due runs: %w", err)
	}
	return store.Time(at), true, nil
}

// claim takes up to n due runs, the longest due first, with their concurrency
// keys, and records that their current steps are started. seen counts the runs
// it looked at: some may be blocked, or end at once.
func (e *Engine) claim(ctx context.Context, s *session, n int) (runs []record, seen int, err error) {
	err = e.commits.tx(ctx, func(tx *store.Tx) error {
		runs, seen = nil, 0
		if err := e.stillHere(ctx, tx, s); err != nil {
			return err
		}
		due, err := candidates(ctx, tx, e.millis(), n)
		if err != nil {
			return err
		}
		for _, c := range due {
			// On PostgreSQL two replicas that each take keys for several runs
			// could wait for each other, so such runs go one by one.
			if tx.Dialect == store.Postgres && len(c.locks) > 0 && seen > 0 {
				break
			}
			seen++
			ok, err := e.claimOne(ctx, tx, s, &c)
			if err != nil {
				return fmt.Errorf("claim run %s: %w", c.ID, err)
			}
			if ok {
				runs = append(runs, c.record)
			}
		}
		return nil
	})
	return runs, seen, err
}

// stillHere ends a session that others have given up, so that it claims nothing.
func (e *Engine) stillHere(ctx context.Context, tx *store.Tx, s *session) error {
	if e.o.Exclusive {
		return nil
	}
	var one int
	err := tx.QueryRowContext(ctx, "SELECT 1 FROM run_workers WHERE id = $1", s.id).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		s.cancel(errLost)
		return errLost
	}
	if err != nil {
		return fmt.Errorf("check the lease: %w", err)
	}
	return nil
}

func candidates(ctx context.Context, tx *store.Tx, now int64, n int) ([]candidate, error) {
	lock := ""
	if tx.Dialect == store.Postgres {
		lock = " FOR UPDATE OF r SKIP LOCKED"
	}
	rows, err := tx.QueryContext(ctx, "SELECT "+runColumns+`, s.state, s.safety, s.crashes, s.title FROM runs r
		JOIN run_steps s ON s.run_id = r.id AND s.idx = r.step
		WHERE r.due_at IS NOT NULL AND r.due_at <= $1 AND r.worker = '' ORDER BY r.due_at, r.id LIMIT $2`+lock, now, n)
	due, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (candidate, error) {
		var c candidate
		var err error
		c.record, err = scanRun(row, &c.step.State, &c.step.Safety, &c.step.crashes, &c.step.Title)
		c.stepIdx = c.record.step
		return c, err
	})
	if err != nil {
		return nil, fmt.Errorf("select due runs: %w", err)
	}
	return due, nil
}

// claimOne decides what becomes of a due run; true when it is to be worked on.
func (e *Engine) claimOne(ctx context.Context, tx *store.Tx, s *session, c *candidate) (bool, error) {
	now := e.millis()
	if c.CancelRequested { // asked of a worker that died meanwhile
		if err := stopStep(ctx, tx, c.ID, c.stepIdx, Cancelled, "", now); err != nil {
			return false, err
		}
		return false, e.end(ctx, tx, &c.record, Cancelled, "")
	}
	if blocked, err := e.block(ctx, tx, c); err != nil || blocked {
		return false, err
	}
	crashed := c.step.State == Running
	if crashed {
		if text := c.afterCrash(); text != "" {
			if err := stopStep(ctx, tx, c.ID, c.stepIdx, Failed, text, now); err != nil {
				return false, err
			}
			return false, e.end(ctx, tx, &c.record, Failed, text)
		}
	}
	if !c.Undoing {
		wait, err := e.admit(ctx, tx, c.ID, c.stepIdx)
		if text, no := refused(err); no {
			if err := stopStep(ctx, tx, c.ID, c.stepIdx, Failed, text, now); err != nil {
				return false, err
			}
			return false, e.end(ctx, tx, &c.record, Failed, text)
		}
		if err != nil {
			return false, err
		}
		if wait != nil {
			return false, e.park(ctx, tx, c.ID, wait)
		}
	}
	res, err := tx.ExecContext(ctx, `UPDATE runs SET state = 'running', worker = $1, fence = fence + 1, due_at = NULL, signalled = 0, blocked_key = '',
		started_at = CASE WHEN started_at = 0 THEN $2 ELSE started_at END
		WHERE id = $3 AND fence = $4 AND due_at IS NOT NULL AND worker = ''`, s.id, now, c.ID, c.fence)
	if err := one(res, err); err != nil {
		return false, err
	}
	attempts := 1
	if c.step.State == Waiting {
		attempts = 0 // looking again is not another attempt
	}
	if err := startStep(ctx, tx, c.ID, c.stepIdx, c.Undoing, attempts, flag(crashed), now); err != nil {
		return false, err
	}
	c.fence++
	c.State, c.worker = Running, s.id
	tx.Notify(Topic, c.ID)
	return true, nil
}

// park makes a run wait before a step that it may not start yet.
func (e *Engine) park(ctx context.Context, tx *store.Tx, id string, w *action.Wait) error {
	var due any
	if !w.Until.IsZero() {
		due = store.Millis(w.Until)
	}
	_, err := tx.ExecContext(ctx, `UPDATE runs SET state = 'waiting', worker = '', fence = fence + 1, due_at = $1, wait_kind = $2, wait_key = $3, wait_reason = $4,
		wait_url = $5, wait_until = $6, signalled = 0 WHERE id = $7`, due, string(w.Kind), w.Key, cleanText(w.Reason), cleanText(w.URL), store.Millis(w.Until), id)
	if err != nil {
		return fmt.Errorf("park run %s: %w", id, err)
	}
	if due != nil {
		e.due(tx)
	}
	tx.Notify(Topic, id)
	return nil
}

// afterCrash says why a step that was cut off is not started again.
func (c *candidate) afterCrash() string {
	switch {
	case c.step.Safety == action.Manual:
		return fmt.Sprintf(outcomeUnknown, c.step.Title)
	case c.step.crashes+1 >= maxCrashes:
		return fmt.Sprintf(tooManyCrashes, c.step.crashes+1, c.step.Title)
	default:
		return ""
	}
}

// block takes the run's keys; true when another run holds one.
func (e *Engine) block(ctx context.Context, tx *store.Tx, c *candidate) (bool, error) {
	if len(c.locks) == 0 {
		return false, nil
	}
	key, err := e.acquire(ctx, tx, &c.record)
	if err != nil || key == "" {
		return false, err
	}
	res, err := tx.ExecContext(ctx, "UPDATE runs SET blocked_key = $1, due_at = NULL, fence = fence + 1 WHERE id = $2 AND fence = $3", key, c.ID, c.fence)
	if err := one(res, err); err != nil {
		return false, err
	}
	tx.Notify(Topic, c.ID)
	if c.blockedKey != "" && c.blockedKey != key { // its turn for that key goes to the next
		return true, e.wakeNext(ctx, tx, c.blockedKey, c.ID)
	}
	return true, nil
}

// startStep records that an attempt of a step starts.
func startStep(ctx context.Context, tx *store.Tx, id string, step int, undoing bool, attempts, crashes int, now int64) error {
	column := "attempt"
	if undoing {
		column = "undo_attempt"
	}
	_, err := tx.ExecContext(ctx, `UPDATE run_steps SET state = 'running', `+column+` = `+column+` + $1, crashes = crashes + $2, error = '', retry_at = 0,
		started_at = CASE WHEN started_at = 0 OR ended_at > 0 THEN $3 ELSE started_at END, ended_at = 0 WHERE run_id = $4 AND idx = $5`,
		attempts, crashes, now, id, step)
	if err != nil {
		return fmt.Errorf("start step %d of run %s: %w", step, id, err)
	}
	return nil
}
