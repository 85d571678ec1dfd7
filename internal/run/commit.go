package run

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"sphera/internal/audit"
	"sphera/internal/store"
)

// commit is the transaction that records an outcome.
type commit struct {
	e   *Engine
	t   *task
	tx  *store.Tx
	out *outcome
	j   judgement
	now int64
	p   progress
}

// run checks the fence first: what follows is written only while the run is
// this worker's, and the row stays locked until the end.
func (c *commit) run(ctx context.Context) error {
	if c.j.verdict == waits && c.j.wait.Key != "" {
		if err := lockKey(ctx, c.tx, c.j.wait.Key); err != nil {
			return err
		}
	}
	cancel, signalled, err := c.touch(ctx)
	if err != nil {
		return err
	}
	if len(c.j.lines) > 0 {
		if err := insertLines(ctx, c.tx, c.t.ID, c.t.logSeq, c.j.lines); err != nil {
			return err
		}
	}
	if err := c.saveChanges(ctx); err != nil {
		return err
	}
	switch c.j.verdict {
	case done:
		return c.done(ctx, cancel)
	case waits:
		return c.wait(ctx, cancel, signalled)
	case retries:
		if cancel {
			return c.stop(ctx, Cancelled, "")
		}
		return c.retry(ctx)
	case failed:
		return c.stop(ctx, Failed, c.j.text)
	case cancelled:
		return c.stop(ctx, Cancelled, c.j.text)
	case givenBack:
		if cancel {
			return c.stop(ctx, Cancelled, "")
		}
		return c.giveBack(ctx)
	default:
		return fmt.Errorf("no verdict %q", c.j.verdict)
	}
}

// touch checks and raises the fence, and moves on to the next step if this one
// is done.
func (c *commit) touch(ctx context.Context) (cancel, signalled bool, err error) {
	c.next()
	var requested, signals int64
	err = c.tx.QueryRowContext(ctx, `UPDATE runs SET fence = fence + 1, log_seq = log_seq + $1, step = $2, steps_done = $3
		WHERE id = $4 AND fence = $5 AND worker = $6 RETURNING cancel_requested, signalled`,
		len(c.j.lines), c.p.step, countDone(c.p.steps), c.t.ID, c.t.fence, c.t.s.id).Scan(&requested, &signals)
	if errors.Is(err, sql.ErrNoRows) {
		err = errStale
	}
	return requested != 0, signals != 0, err
}

// next works out which step follows; done steps only.
func (c *commit) next() {
	if c.j.verdict != done {
		return
	}
	at := c.t.record.step
	if c.t.Undoing {
		c.p.steps[at].State = Undone
		for i := at - 1; i >= 0; i-- {
			if c.p.steps[i].toUndo() {
				c.p.step, c.p.goOn = i, true
				return
			}
		}
		return
	}
	s := &c.p.steps[at]
	s.State, s.Result, s.tries = Succeeded, c.out.result, 0
	if at+1 < len(c.p.steps) {
		c.p.step, c.p.goOn = at+1, true
	}
}

// done records the step's result and starts the next one, or ends the run.
func (c *commit) done(ctx context.Context, cancel bool) error {
	at, id := c.t.record.step, c.t.ID
	result := string(c.p.steps[at].Result)
	c.p.steps[at].EndedAt = store.Time(c.now)
	_, err := c.tx.ExecContext(ctx, `UPDATE run_steps SET state = $1, result = $2, error = '', retry_at = 0, tries = 0, ended_at = $3 WHERE run_id = $4 AND idx = $5`,
		string(c.p.steps[at].State), result, c.now, id, at)
	if err != nil {
		return err
	}
	if err := c.stepEvent(ctx, audit.Success); err != nil {
		return err
	}
	switch {
	case !c.p.goOn && c.t.Undoing:
		return c.end(ctx, Undone, "")
	case !c.p.goOn:
		return c.end(ctx, Succeeded, "")
	case cancel:
		return c.end(ctx, Cancelled, "")
	}
	if c.t.waitKey != "" || c.t.waitKind != "" {
		if err := c.clearWait(ctx); err != nil {
			return err
		}
	}
	if !c.t.Undoing {
		if stopped, err := c.admit(ctx); err != nil || stopped {
			return err
		}
	}
	next := &c.p.steps[c.p.step]
	if c.t.Undoing {
		next.undoAttempt++
		next.tries = 0
	} else {
		next.Attempt++
	}
	next.State, next.StartedAt = Running, store.Time(c.now)
	if c.t.Undoing {
		if err := freshStep(ctx, c.tx, id, c.p.step); err != nil {
			return err
		}
	}
	c.tx.Notify(Topic, id)
	return startStep(ctx, c.tx, id, c.p.step, c.t.Undoing, 1, 0, c.now)
}

func (c *commit) clearWait(ctx context.Context) error {
	c.p.wait = ""
	_, err := c.tx.ExecContext(ctx, "UPDATE runs SET wait_kind = '', wait_key = '', wait_reason = '', wait_url = '', wait_until = 0, signalled = 0 WHERE id = $1", c.t.ID)
	return err
}

// wait parks the run. The first time a step names a key, the key is only
// recorded and the step looks again at once; see lockKey.
func (c *commit) wait(ctx context.Context, cancel, signalled bool) error {
	if cancel {
		return c.stop(ctx, Cancelled, "")
	}
	w := c.j.wait
	id, at := c.t.ID, c.t.record.step
	c.p.goOn = w.Key != "" && (w.Key != c.t.waitKey || signalled)
	state, worker := Waiting, ""
	var due any
	if c.p.goOn {
		state, worker = Running, c.t.s.id
	} else if !w.Until.IsZero() {
		due = store.Millis(w.Until)
	}
	c.p.wait = w.Key
	_, err := c.tx.ExecContext(ctx, `UPDATE runs SET state = $1, worker = $2, due_at = $3, wait_kind = $4, wait_key = $5, wait_reason = $6, wait_url = $7, wait_until = $8, signalled = 0
		WHERE id = $9`, string(state), worker, due, string(w.Kind), w.Key, cleanText(w.Reason), cleanText(w.URL), store.Millis(w.Until), id)
	if err != nil || c.p.goOn {
		return err
	}
	if due != nil {
		c.e.due(c.tx)
	}
	c.tx.Notify(Topic, id)
	_, err = c.tx.ExecContext(ctx, "UPDATE run_steps SET state = 'waiting' WHERE run_id = $1 AND idx = $2", id, at)
	return err
}

// admit asks the gate about the next step; true when it is not started now.
func (c *commit) admit(ctx context.Context) (bool, error) {
	w, err := c.e.admit(ctx, c.tx, c.t.ID, c.p.step)
	if text, no := refused(err); no {
		return true, c.end(ctx, Failed, text)
	}
	if err != nil || w == nil {
		return false, err
	}
	c.p.goOn = false
	return true, c.e.park(ctx, c.tx, c.t.ID, w)
}

// retry plans another attempt; until then the run has no worker.
func (c *commit) retry(ctx context.Context) error {
	at := c.now + c.j.retryIn.Milliseconds()
	_, err := c.tx.ExecContext(ctx, "UPDATE run_steps SET state = 'pending', tries = tries + 1, error = $1, retry_at = $2 WHERE run_id = $3 AND idx = $4",
		c.j.text, at, c.t.ID, c.t.record.step)
	if err != nil {
		return err
	}
	return c.letGo(ctx, Running, at)
}

// giveBack lets others go on; an attempt cut short this way does not count.
func (c *commit) giveBack(ctx context.Context) error {
	_, err := c.tx.ExecContext(ctx, "UPDATE run_steps SET state = 'pending' WHERE run_id = $1 AND idx = $2", c.t.ID, c.t.record.step)
	if err != nil {
		return err
	}
	return c.letGo(ctx, Pending, c.now)
}

func (c *commit) letGo(ctx context.Context, state State, due int64) error {
	_, err := c.tx.ExecContext(ctx, "UPDATE runs SET state = $1, worker = '', due_at = $2 WHERE id = $3", string(state), due, c.t.ID)
	if err != nil {
		return err
	}
	c.tx.Notify(Topic, c.t.ID)
	c.e.due(c.tx)
	return nil
}

// stop ends the run without success at this step.
func (c *commit) stop(ctx context.Context, state State, text string) error {
	if err := stopStep(ctx, c.tx, c.t.ID, c.t.record.step, state, text, c.now); err != nil {
		return err
	}
	if state == Failed {
		if err := c.stepEvent(ctx, audit.Failure); err != nil {
			return err
		}
	}
	return c.end(ctx, state, text)
}

func (c *commit) end(ctx context.Context, state State, text string) error {
	r := c.t.record
	r.fence, r.StepsDone = c.p.fence, countDone(c.p.steps)
	c.p.goOn = false
	return c.e.end(ctx, c.tx, &r, state, text)
}

func (c *commit) stepEvent(ctx context.Context, outcome string) error {
	s := c.t.step()
	detail := map[string]any{"step": s.Name, "type": s.Type, "attempt": s.Attempt, "undo": c.t.Undoing}
	return c.e.record(ctx, c.tx, &c.t.Run, c.t.Actor, "run.step", outcome, detail)
}

// saveChanges adds to the change set what the step reported; a repeated
// attempt reports the same again, which is kept once.
func (c *commit) saveChanges(ctx context.Context) error {
	for i, x := range c.out.changes {
		n := c.now*int64(maxChanges) + int64(i)
		_, err := c.tx.ExecContext(ctx, `INSERT INTO run_changes (run_id, idx, n, kind, verb, title, url) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
			c.t.ID, c.t.record.step, n, x.Kind, x.Verb, clip(x.Title, 500), clip(x.URL, 1000))
		if err != nil {
			return fmt.Errorf("record a change: %w", err)
		}
	}
	return nil
}

func clip(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return cleanText(s)
}
