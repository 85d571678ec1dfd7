package run

import (
	"context"
	"errors"
	"fmt"

	"sphera/action"
	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/store"
)

// errStale means that the run belongs to another worker by now.
var errStale = errors.New("the run was taken over by another worker")

// Cancel stops a run. One that is not being worked on stops at once; otherwise
// the context of its step is cancelled, wherever that runs, and the run stops
// when the step has returned.
func (e *Engine) Cancel(ctx context.Context, actor action.Actor, id string) (Run, error) {
	err := e.db.Tx(ctx, func(tx *store.Tx) error {
		r, err := lockRun(ctx, tx, id)
		if err != nil {
			return err
		}
		if r.State.ended() {
			return fault.New(fault.Conflict, "The run has already ended (%s), so there is nothing to cancel.", r.State)
		}
		if r.CancelRequested {
			return nil
		}
		if err := e.record(ctx, tx, &r.Run, actor, "run.cancel", audit.Success, map[string]any{"state": r.State}); err != nil {
			return err
		}
		if r.worker != "" {
			if _, err := tx.ExecContext(ctx, "UPDATE runs SET cancel_requested = 1 WHERE id = $1", id); err != nil {
				return fmt.Errorf("request the cancellation of run %s: %w", id, err)
			}
			tx.Notify(Topic, id)
			tx.Notify(cancelTopic, id)
			tx.AfterCommit(func() { e.cancelLive(id) })
			return nil
		}
		if err := stopStep(ctx, tx, id, r.step, Cancelled, "", e.millis()); err != nil {
			return err
		}
		return e.end(ctx, tx, &r, Cancelled, "")
	})
	if err != nil {
		return Run{}, err
	}
	return e.Get(ctx, id)
}

// Retry goes on with a failed or cancelled run from the step it stopped at;
// when it stopped while it was being undone, the undo goes on.
func (e *Engine) Retry(ctx context.Context, actor action.Actor, id string) (Run, error) {
	err := e.db.Tx(ctx, func(tx *store.Tx) error {
		r, err := lockRun(ctx, tx, id)
		if err != nil {
			return err
		}
		if !r.can().Retry {
			return fault.New(fault.Conflict, "Only a failed or cancelled run can be retried; this one is %s.", r.State)
		}
		step := r.step
		if !r.Undoing {
			if step, err = e.stepBack(ctx, tx, id, step); err != nil {
				return err
			}
		}
		for i := step; i <= r.step; i++ {
			if err := freshStep(ctx, tx, id, i); err != nil {
				return err
			}
		}
		if err := e.again(ctx, tx, &r, step, r.Undoing); err != nil {
			return err
		}
		return e.record(ctx, tx, &r.Run, actor, "run.retry", audit.Success, map[string]any{"step": step, "undoing": r.Undoing})
	})
	if err != nil {
		return Run{}, err
	}
	return e.Get(ctx, id)
}

// freshStep gives a step a new budget of attempts.
func freshStep(ctx context.Context, tx *store.Tx, id string, step int) error {
	_, err := tx.ExecContext(ctx, `UPDATE run_steps SET state = 'pending', tries = 0, crashes = 0, error = '', retry_at = 0, started_at = 0, ended_at = 0
		WHERE run_id = $1 AND idx = $2`, id, step)
	if err != nil {
		return fmt.Errorf("prepare step %d of run %s: %w", step, id, err)
	}
	return nil
}

// again makes an ended run pending at step.
func (e *Engine) again(ctx context.Context, tx *store.Tx, r *record, step int, undoing bool) error {
	_, err := tx.ExecContext(ctx, `UPDATE runs SET state = 'pending', undoing = $1, step = $2, error = '', ended_at = 0, cancel_requested = 0,
		fence = fence + 1, due_at = $3 WHERE id = $4`, flag(undoing), step, e.millis(), r.ID)
	if err != nil {
		return fmt.Errorf("start run %s again: %w", r.ID, err)
	}
	tx.Notify(Topic, r.ID)
	e.due(tx)
	return nil
}

// stopStep ends a step that was under way without success; a step that was
// never started stays as it is.
func stopStep(ctx context.Context, tx *store.Tx, id string, step int, state State, text string, now int64) error {
	_, err := tx.ExecContext(ctx, `UPDATE run_steps SET state = $1, error = $2, retry_at = 0, ended_at = $3
		WHERE run_id = $4 AND idx = $5 AND attempt + undo_attempt > 0`, string(state), text, now, id, step)
	if err != nil {
		return fmt.Errorf("stop step %d of run %s: %w", step, id, err)
	}
	return nil
}

// end ends a run in tx, frees its keys and says so. The fence of r is checked:
// errStale when the run has changed hands.
func (e *Engine) end(ctx context.Context, tx *store.Tx, r *record, state State, text string) error {
	res, err := tx.ExecContext(ctx, `UPDATE runs SET state = $1, error = $2, ended_at = $3, worker = '', fence = fence + 1, due_at = NULL, cancel_requested = 0,
		wait_kind = '', wait_key = '', wait_reason = '', wait_url = '', wait_until = 0, signalled = 0, blocked_key = '', steps_done = $4
		WHERE id = $5 AND fence = $6`, string(state), text, e.millis(), r.StepsDone, r.ID, r.fence)
	if err := one(res, err); err != nil {
		return fmt.Errorf("end run %s: %w", r.ID, err)
	}
	if len(r.locks) > 0 {
		if err := e.release(ctx, tx, r.ID); err != nil {
			return err
		}
	}
	if r.blockedKey != "" { // its turn for the key goes to the next
		if err := e.wakeNext(ctx, tx, r.blockedKey, r.ID); err != nil {
			return err
		}
	}
	outcome := audit.Success
	if state == Failed {
		outcome = audit.Failure
	}
	detail := map[string]any{"state": state, "action": r.Action}
	if text != "" {
		detail["error"] = text
	}
	if err := e.record(ctx, tx, &r.Run, r.Actor, "run.end", outcome, detail); err != nil {
		return err
	}
	if g := e.guard(); g.Ended != nil {
		ended := r.Run
		ended.State, ended.Error = state, text
		if err := g.Ended(ctx, tx, ended); err != nil {
			return err
		}
	}
	tx.Notify(Topic, r.ID)
	tx.AfterCommit(e.metrics.finished.WithLabelValues(string(state)).Inc)
	return nil
}

func (e *Engine) millis() int64 { return store.Millis(e.now()) }
