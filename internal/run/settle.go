package run

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"sphera/action"
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
