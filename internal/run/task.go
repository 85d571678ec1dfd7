package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"sphera/action"
	"sphera/internal/audit"
)

// Defaults and bounds of one attempt.
const (
	defaultTimeout  = time.Minute
	defaultAttempts = 5
	maxResult       = 1 << 20
	// slowStop is when a step that ignores its cancelled context is logged.
	slowStop = 10 * time.Second
)

// task is a run this process works on.
type task struct {
	record
	e      *Engine
	s      *session
	ctx    context.Context
	cancel context.CancelCauseFunc
	steps  []stepRow
}

func (e *Engine) newTask(s *session, r record) *task {
	t := &task{record: r, e: e, s: s}
	t.ctx, t.cancel = context.WithCancelCause(s.ctx)
	e.live.Store(r.ID, t)
	e.metrics.active.Inc()
	return t
}

// step is the one the run is at.
func (t *task) step() *stepRow { return &t.steps[t.record.step] }

// work executes steps until the run ends, waits, or is given back.
func (e *Engine) work(t *task) {
	defer func() {
		e.live.CompareAndDelete(t.ID, t)
		t.cancel(nil)
		e.metrics.active.Dec()
	}()
	if !e.load(t) {
		return
	}
	for {
		out := e.attempt(t)
		if !e.settle(t, out) {
			return
		}
	}
}

// load reads the steps; it tries until the session ends.
func (e *Engine) load(t *task) bool {
	for {
		steps, err := readSteps(t.ctx, e.db.Read(), t.ID)
		if err == nil {
			t.steps = steps
			return true
		}
		if t.ctx.Err() != nil {
			return e.loadLast(t)
		}
		e.log.WarnContext(t.ctx, "cannot read a claimed run; trying again", "run", t.ID, "error", err)
		pause(t.ctx, retryDispatch)
	}
}

// loadLast reads the steps once more after the run was stopped, so that it can
// be given back in order. If that fails, the end of the lease frees it.
func (e *Engine) loadLast(t *task) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), stopGrace)
	defer cancel()
	steps, err := readSteps(ctx, e.db.Read(), t.ID)
	t.steps = steps
	return err == nil
}

// outcome is what one attempt of a step came to.
type outcome struct {
	result  json.RawMessage
	err     error
	cause   error // why the attempt was cut short, if it was
	limit   int   // how many attempts the step has
	manual  bool
	changes []action.Change
	log     *logWriter
}

// attempt calls the step's Do, or Undo, once.
func (e *Engine) attempt(t *task) outcome {
	step := t.step()
	out := outcome{limit: defaultAttempts, manual: step.Safety == action.Manual, log: e.newLog(t)}
	if cause := context.Cause(t.ctx); cause != nil {
		out.err, out.cause, out.manual = cause, cause, false // nothing was tried
		return out
	}
	kind, ok := e.stepType(step.Type)
	if !ok {
		out.err = fmt.Errorf("this server does not know the step type %q; it may come from another version", step.Type)
		return out
	}
	switch {
	case kind.Attempts > 0:
		out.limit = kind.Attempts
	case kind.Safety == action.Manual:
		out.limit = 1
	}
	timeout := kind.Timeout
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	took := fmt.Errorf("it took longer than %s and was stopped", timeout)
	ctx, cancel := context.WithTimeoutCause(t.ctx, timeout, took)
	defer cancel()
	var changes changeSet
	exec := e.exec(t, out.log, &changes)
	e.failpoint(t, "before-effect")
	out.result, out.err = e.call(ctx, t, kind, exec)
	e.failpoint(t, "after-effect")
	if out.err != nil {
		out.cause = context.Cause(ctx)
		if errors.Is(out.cause, took) {
			out.err = took
		}
	}
	out.changes = changes.list()
	return out
}

func (e *Engine) exec(t *task, log *logWriter, changes *changeSet) *action.Exec {
	step := t.step()
	attempt := step.Attempt
	if t.Undoing {
		attempt = step.undoAttempt
	}
	results := map[string]json.RawMessage{}
	for i := range t.steps {
		if s := &t.steps[i]; len(s.Result) > 0 {
			results[s.Name] = s.Result
		}
	}
	return &action.Exec{
		RunID: t.ID, Action: t.Action, Actor: t.Actor, Entity: t.entity, Step: step.Name, Attempt: attempt,
		RunStarted: t.CreatedAt, Key: t.ID + "/" + step.Name, Output: log,
		Results:    func(name string) (json.RawMessage, bool) { r, ok := results[name]; return r, ok },
		Took:       func() map[string]int64 { return t.took(e.now()) },
		OnChange:   changes.add,
		AtBoundary: func(name string) { e.failpoint(t, name) },
	}
}

// took is how long each step took that has started, in milliseconds.
func (t *task) took(now time.Time) map[string]int64 {
	out := map[string]int64{}
	for _, s := range t.steps {
		end := s.EndedAt
		if end.IsZero() {
			end = now
		}
		if !s.StartedAt.IsZero() {
			out[s.Name] = end.Sub(s.StartedAt).Milliseconds()
		}
	}
	return out
}

// failpoint is where crash tests kill the process.
func (e *Engine) failpoint(t *task, name string) {
	if t.Undoing {
		name = "undo-" + name
	}
	failpoint(t.step().Type, name)
}

// call runs the step in its own goroutine: a panic, or a goroutine that
// ends itself, fails the step and not the server.
func (e *Engine) call(ctx context.Context, t *task, kind action.StepType, x *action.Exec) (result json.RawMessage, err error) {
	step := t.step()
	ctx = audit.WithEntity(ctx, about(&t.Run))
	done := make(chan struct{})
	go func() {
		finished := false
		defer close(done)
		defer func() {
			if p := recover(); p != nil || !finished {
				e.log.ErrorContext(ctx, "a step panicked", "run", t.ID, "step", step.Name, "type", kind.Name, "panic", p, "stack", string(debug.Stack()))
				result, err = nil, action.Permanent(fmt.Errorf("the step has a fault: %v", p))
			}
		}()
		if t.Undoing {
			if kind.Undo != nil {
				err = kind.Undo(ctx, x, step.Args, step.Result)
			}
		} else {
			result, err = kind.Do(ctx, x, step.Args)
		}
		finished = true
	}()
	select {
	case <-done:
	case <-ctx.Done():
		e.awaitStop(ctx, t, done)
	}
	if err == nil {
		err = checkResult(result)
	}
	return result, err
}

// awaitStop waits for a step whose context was cancelled. It is not abandoned:
// to say that it stopped while it goes on would be a lie, and would free its
// concurrency keys.
func (e *Engine) awaitStop(ctx context.Context, t *task, done <-chan struct{}) {
	timer := time.NewTimer(slowStop)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		e.log.WarnContext(ctx, "a step does not stop although its context was cancelled", "run", t.ID, "step", t.step().Name, "type", t.step().Type)
		<-done
	}
}

func checkResult(result json.RawMessage) error {
	if len(result) > 0 && !json.Valid(result) {
		return action.Permanent(errors.New("the step returned a result that is not JSON"))
	}
	if len(result) > maxResult {
		return action.Permanent(fmt.Errorf("the step returned a result of %d bytes; the limit is %d", len(result), maxResult))
	}
	return nil
}

// changeSet collects what a step says it changed.
type changeSet struct {
	mu    sync.Mutex
	items []action.Change
}

func (c *changeSet) add(x action.Change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.items) < maxChanges {
		c.items = append(c.items, x)
	}
}

func (c *changeSet) list() []action.Change {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.items
}
