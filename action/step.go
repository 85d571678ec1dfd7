package action

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"
)

// Safety says how a step type is made safe to repeat after a crash, since a
// process can die between an effect and its record.
type Safety string

// The four ways. A step type must name one.
const (
	// ByKey: the other side remembers Exec.Key and does the work once.
	ByKey Safety = "idempotent-key"
	// ByName: the effect has a deterministic name; the step looks first.
	ByName Safety = "find-by-name"
	// Compensated: repeating is harmless because undo removes all of it.
	Compensated Safety = "compensatable"
	// Manual: nobody can tell; after a crash the run stops and a person decides.
	Manual Safety = "manual"
)

// Step is one entry of a run: a step type with its arguments.
type Step struct {
	// Name is unique within the run, e.g. "create-repository".
	Name string `json:"name"`
	// Title is for people, e.g. "Create the repository".
	Title string          `json:"title"`
	Type  string          `json:"type"`
	Args  json.RawMessage `json:"args"`
	// Note says that the step only takes note of the run and has no effect on
	// anything else: approvals are waited for after it.
	Note bool `json:"-"`
}

// StepType is one kind of effect on the world, registered with the run engine.
// Make it with NewStepType.
type StepType struct {
	Name   string
	Safety Safety
	// Timeout bounds one attempt; zero means one minute.
	Timeout time.Duration
	// Attempts bounds retries of errors that are not Permanent; zero means 5.
	Attempts int
	// Undoable is false for types whose effect needs no undo.
	Undoable bool
	// Boundaries are the names the step passes to Exec.Boundary; crash tests
	// kill the process at each of them.
	Boundaries []string

	Do   func(ctx context.Context, x *Exec, args json.RawMessage) (json.RawMessage, error)
	Undo func(ctx context.Context, x *Exec, args, result json.RawMessage) error
}

// StepKind makes steps of one type from typed arguments.
type StepKind[A, R any] struct{ Type StepType }

// NewStepType defines a step type with arguments A and recorded result R, both
// kept as JSON.
func NewStepType[A, R any](name string, safety Safety, do func(ctx context.Context, x *Exec, args A) (R, error)) StepKind[A, R] {
	return StepKind[A, R]{Type: StepType{
		Name: name, Safety: safety,
		Do: func(ctx context.Context, x *Exec, raw json.RawMessage) (json.RawMessage, error) {
			var args A
			if err := json.Unmarshal(raw, &args); err != nil {
				return nil, Permanent(fmt.Errorf("read the arguments of step type %s: %w", name, err))
			}
			result, err := do(ctx, x, args)
			if err != nil {
				return nil, err
			}
			return json.Marshal(result)
		},
	}}
}

// WithUndo adds the undo. It must succeed when there is nothing (left) to undo
// and when do was cut off half way; result is then the zero value.
func (k StepKind[A, R]) WithUndo(undo func(ctx context.Context, x *Exec, args A, result R) error) StepKind[A, R] {
	k.Type.Undoable = true
	k.Type.Undo = func(ctx context.Context, x *Exec, rawArgs, rawResult json.RawMessage) error {
		var args A
		var result R
		if err := json.Unmarshal(rawArgs, &args); err != nil {
			return Permanent(fmt.Errorf("read the arguments of step type %s: %w", k.Type.Name, err))
		}
		if len(rawResult) > 0 && string(rawResult) != "null" {
			if err := json.Unmarshal(rawResult, &result); err != nil {
				return Permanent(fmt.Errorf("read the result of step type %s: %w", k.Type.Name, err))
			}
		}
		return undo(ctx, x, args, result)
	}
	return k
}

// WithLimits sets the timeout of one attempt and the number of attempts.
func (k StepKind[A, R]) WithLimits(timeout time.Duration, attempts int) StepKind[A, R] {
	k.Type.Timeout, k.Type.Attempts = timeout, attempts
	return k
}

// WithBoundaries declares the points inside the step at which a crash test
// kills the process.
func (k StepKind[A, R]) WithBoundaries(names ...string) StepKind[A, R] {
	k.Type.Boundaries = names
	return k
}

// Step makes one step of the kind.
func (k StepKind[A, R]) Step(name, title string, args A) (Step, error) {
	raw, err := json.Marshal(args)
	if err != nil {
		return Step{}, fmt.Errorf("write the arguments of step %s: %w", name, err)
	}
	return Step{Name: name, Title: title, Type: k.Type.Name, Args: raw}, nil
}

// Exec is what a step sees of its run. It is made by the run engine.
type Exec struct {
	RunID   string
	Action  string
	Actor   Actor
	Entity  string
	Step    string
	Attempt int
	// RunStarted is when the run was asked for: the moment of the click.
	RunStarted time.Time
	// Key is the idempotency key: the same over attempts, restarts and
	// replicas, and different for every step of every run.
	Key string

	// Took has the duration of every step that is done, in milliseconds, and
	// of this step so far.
	Took func() map[string]int64

	// Set by the engine.
	Output     io.Writer
	Results    func(step string) (json.RawMessage, bool)
	OnChange   func(Change)
	AtBoundary func(name string)
}

// Logf writes one line to the log of the run.
func (x *Exec) Logf(format string, args ...any) {
	if x.Output != nil {
		fmt.Fprintf(x.Output, format+"\n", args...)
	}
}

// Changed records one thing the step made or altered; all of them together are
// the change set of the run.
func (x *Exec) Changed(c Change) {
	if x.OnChange != nil {
		x.OnChange(c)
	}
}

// Boundary names a point between two effects. It does nothing in a shipped
// binary; crash tests stop the process there.
func (x *Exec) Boundary(name string) {
	if x.AtBoundary != nil {
		x.AtBoundary(name)
	}
}

// Result reads what an earlier step of the run recorded.
func Result[R any](x *Exec, step string) (R, error) {
	var r R
	raw, ok := x.Results(step)
	if !ok {
		return r, Permanent(fmt.Errorf("step %s has no result yet", step))
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return r, Permanent(fmt.Errorf("read the result of step %s: %w", step, err))
	}
	return r, nil
}

// Change is one item of a change set.
type Change struct {
	// Kind is one of repository, commit, pull_request, entity, process, file,
	// secret_slot, flag_project.
	Kind string `json:"kind"`
	// Verb is what happened: created, updated, merged, started, removed ...
	Verb  string `json:"verb"`
	Title string `json:"title"`
	// URL is a path inside the portal or an absolute address.
	URL string `json:"url,omitempty"`
}

// WaitKind says what a waiting step waits for.
type WaitKind string

// What a step can wait for.
const (
	WaitApproval WaitKind = "approval"
	WaitTimer    WaitKind = "timer"
	WaitExternal WaitKind = "external"
)

// Wait is returned as the error of a step that has to wait. The run costs
// nothing meanwhile; the step is called again when Key is signalled or Until
// has come, and looks again.
type Wait struct {
	Kind WaitKind
	// Key is what the engine is told when the thing happened, e.g.
	// "pull-request:ci-config/12".
	Key string
	// Until is when to look again without a signal; zero means never.
	Until time.Time
	// Reason is for people: what is waited for and who can help.
	Reason string
	// URL is where to go to end the waiting.
	URL string
}

func (w *Wait) Error() string { return "waiting: " + w.Reason }

type permanentError struct{ err error }

func (e *permanentError) Error() string { return e.err.Error() }
func (e *permanentError) Unwrap() error { return e.err }

// Permanent marks an error that trying again cannot mend.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanentError{err: err}
}

// IsPermanent reports whether err was marked by Permanent.
func IsPermanent(err error) bool {
	var p *permanentError
	return errors.As(err, &p)
}

var stepNamePattern = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)

func checkSteps(steps []Step) error {
	if len(steps) == 0 {
		return errors.New("an action needs at least one step")
	}
	seen := map[string]bool{}
	for _, s := range steps {
		switch {
		case !stepNamePattern.MatchString(s.Name):
			return fmt.Errorf("step %q: name must match %s", s.Name, stepNamePattern)
		case seen[s.Name]:
			return fmt.Errorf("step %s: the name is used twice", s.Name)
		case s.Type == "" || s.Title == "":
			return fmt.Errorf("step %s: type and title are required", s.Name)
		}
		seen[s.Name] = true
	}
	return nil
}
