package run

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"sphera/action"
	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/store"
)

// verdict is what an attempt means for the run.
type verdict string

const (
	done      verdict = "done"
	waits     verdict = "wait"
	retries   verdict = "retry"
	failed    verdict = "failed"
	cancelled verdict = "cancelled"
	givenBack verdict = "given back"
)

// judgement is the verdict with what is recorded about it.
type judgement struct {
	verdict verdict
	text    string // the error, for people
	wait    *action.Wait
	retryIn time.Duration
	lines   []LogLine
}

func (e *Engine) judge(t *task, out *outcome) judgement {
	j := judgement{}
	var note string
	waiting := errors.As(out.err, &j.wait)
	if out.manual && out.cause != nil && !waiting {
		j.text = fmt.Sprintf(outcomeUnknown, t.step().Title)
	}
	switch {
	case out.err == nil:
		j.verdict = done
	case errors.Is(out.cause, errCancelled):
		j.verdict, note = cancelled, "Cancelled."
	case waiting:
		j.verdict = waits
	case j.text != "":
		j.verdict, note = failed, "Failed: "+j.text
	case errors.Is(out.cause, errStopping), errors.Is(out.cause, errLost):
		j.verdict, note = givenBack, "Interrupted because the server stops; the step is started again."
	case action.IsPermanent(out.err) || t.step().tries+1 >= out.limit:
		j.verdict, j.text = failed, errorText(out.err)
		note = "Failed: " + j.text
	default:
		j.verdict, j.text = retries, errorText(out.err)
		j.retryIn = e.backoff(t.step().tries)
		note = fmt.Sprintf("Attempt %d failed: %s. Trying again in %s.", t.step().tries+1, j.text, j.retryIn.Round(time.Millisecond))
	}
	j.lines = out.log.finish(note)
	return j
}

// backoff is exponential with full jitter.
func (e *Engine) backoff(tries int) time.Duration {
	longest := min(time.Minute, e.o.Backoff<<min(tries, 20))
	return time.Duration(rand.Int64N(int64(longest) + 1)) //nolint:gosec // jitter needs no secrecy
}

const maxError = 4000

// errorText is what people see of a step's error.
func errorText(err error) string {
	text := err.Error()
	if f, ok := fault.As(err); ok {
		text = f.Message
	}
	if len(text) > maxError {
		text = text[:maxError] + " ..."
	}
	return cleanText(text)
}

// settle records the outcome of an attempt and reports whether this worker
// goes on with the run. The effect has happened, so it does not give up when
// the database fails: only when the lease is lost, or Work has ended and its
// grace is over. Then whoever goes on repeats the step, as its Safety says.
func (e *Engine) settle(t *task, out outcome) bool {
	j := e.judge(t, &out)
	e.metrics.steps.WithLabelValues(string(j.verdict)).Inc()
	var stopBy time.Time
	for failures := 0; ; failures++ {
		after, err := e.commitOutcome(t, &out, j)
		if err == nil {
			e.failpoint(t, "after-commit")
			return t.adopt(after)
		}
		if errors.Is(err, errStale) {
			if failures > 0 {
				return e.resync(t)
			}
			e.metrics.refused.Inc()
			e.log.WarnContext(t.ctx, "a write was refused: the run has another worker by now", "run", t.ID, "step", t.step().Name)
			return false
		}
		e.log.WarnContext(t.ctx, "the outcome of a step is not recorded yet; trying again", "run", t.ID, "step", t.step().Name, "error", err)
		if cause := context.Cause(t.s.ctx); cause != nil {
			if stopBy.IsZero() {
				stopBy = e.now().Add(stopGrace)
			}
			if errors.Is(cause, errLost) || e.now().After(stopBy) {
				return false
			}
		}
		pause(context.WithoutCancel(t.ctx), min(2*time.Second, 50*time.Millisecond<<min(failures, 6)))
	}
}

// progress is the state of a run after a committed outcome.
type progress struct {
	goOn   bool
	fence  int64
	step   int
	logSeq int64
	steps  []stepRow
	wait   string
}

func (t *task) adopt(p *progress) bool {
	t.fence, t.record.step, t.logSeq, t.steps, t.waitKey = p.fence, p.step, p.logSeq, p.steps, p.wait
	t.StepsDone = countDone(p.steps)
	return p.goOn
}

func countDone(steps []stepRow) int {
	n := 0
	for i := range steps {
		if steps[i].State == Succeeded {
			n++
		}
	}
	return n
}

// commitOutcome records one outcome in one transaction.
func (e *Engine) commitOutcome(t *task, out *outcome, j judgement) (*progress, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), 10*time.Second)
	defer cancel()
	var p *progress
	err := e.commits.tx(ctx, func(tx *store.Tx) error {
		c := &commit{e: e, t: t, tx: tx, out: out, j: j, now: e.millis()}
		c.p = progress{step: t.record.step, fence: t.fence + 1, logSeq: t.logSeq + int64(len(j.lines)), steps: append([]stepRow(nil), t.steps...), wait: t.waitKey}
		if err := c.run(ctx); err != nil {
			return fmt.Errorf("record that step %s of run %s is %s: %w", t.step().Name, t.ID, j.verdict, err)
		}
		p = &c.p
		e.failpoint(t, "before-commit")
		return nil
	})
	return p, err
}

// resync finds out, after a commit whose answer was lost, whether it was made:
// then the fence is one higher and the run is still this worker's.
func (e *Engine) resync(t *task) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), 10*time.Second)
	defer cancel()
	r, err := scanRun(e.db.Read().QueryRowContext(ctx, "SELECT "+runColumns+" FROM runs r WHERE r.id = $1", t.ID))
	if err != nil || r.worker != t.s.id || r.fence != t.fence+1 || r.State != Running {
		return false
	}
	t.record = r
	return e.load(t)
}

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
	next := &c.p.steps[c.p.step]
	if c.t.Undoing {
		next.undoAttempt++
		next.tries = 0
	} else {
		next.Attempt++
	}
	next.State = Running
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
