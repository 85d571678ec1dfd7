package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sort"
	"sync"
	"time"

	"sphera/action"
	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/store"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
)

// The topics on which the engine tells of changes.
const (
	// Topic carries the id of a run whose state or steps changed.
	Topic = "run"
	// LogTopic plus a run's id tells of new log lines.
	LogTopic = "run-log:"

	dueTopic    = "run-due"
	cancelTopic = "run-cancel"
)

// Options tune an engine; zero values have good defaults.
type Options struct {
	// Now is the clock; required.
	Now func() time.Time
	// Workers is how many runs this process works on at once; default 16.
	Workers int
	// Lease is how long a process may be silent before others take its runs;
	// default 6 s. Heartbeat is how often it shows that it lives; default 1.5 s.
	Lease, Heartbeat time.Duration
	// Instance names this process in run_workers and in logs. A random part is
	// added, so that two starts never share a lease.
	Instance string
	// Exclusive says that no other process works on this database, as on
	// SQLite: what earlier processes left is taken over at once, and no
	// heartbeats are written.
	Exclusive bool
	// Backoff is the pause before the second attempt of a step; it doubles up
	// to a minute. Default 500 ms.
	Backoff time.Duration
	// Metrics receives the engine's metrics; nil for none.
	Metrics prometheus.Registerer
}

// Engine plans, starts and works on runs. Its methods may be called by many
// goroutines; Work is called once.
type Engine struct {
	db      *store.DB
	audit   *audit.Log
	log     *slog.Logger
	now     func() time.Time
	o       Options
	commits group
	metrics *metrics
	figures figures

	mu      sync.RWMutex
	actions map[string]*action.Action
	steps   map[string]action.StepType
	further func(ctx context.Context, id string) (*action.Action, error)
	gate    Gate

	wake chan struct{}
	// live are the runs this process works on.
	live sync.Map // run id -> *task
}

// New makes an engine. It works on runs only while Work is running.
func New(db *store.DB, log *audit.Log, logger *slog.Logger, o Options) *Engine {
	if o.Workers <= 0 {
		o.Workers = 16
	}
	if o.Lease <= 0 {
		o.Lease = 6 * time.Second
	}
	if o.Heartbeat <= 0 {
		o.Heartbeat = o.Lease / 4
	}
	if o.Backoff <= 0 {
		o.Backoff = 500 * time.Millisecond
	}
	if o.Instance == "" {
		o.Instance = "sphera"
	}
	e := &Engine{
		db: db, audit: log, log: logger, now: o.Now, o: o,
		commits: group{db: db},
		metrics: newMetrics(o.Metrics),
		actions: map[string]*action.Action{},
		steps:   map[string]action.StepType{},
		wake:    make(chan struct{}, 1),
	}
	e.figures.now = o.Now
	return e
}

// Register adds an action and its step types. A second action with the same
// identifier is refused; a step type may be shared by actions when it is the
// same one.
func (e *Engine) Register(a *action.Action) error {
	if a == nil {
		return errors.New("register an action: it is nil")
	}
	if err := e.RegisterSteps(a.StepTypes...); err != nil {
		return fmt.Errorf("register action %s: %w", a.Identifier, err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, ok := e.actions[a.Identifier]; ok {
		return fmt.Errorf("register action %s: the identifier is already used", a.Identifier)
	}
	e.actions[a.Identifier] = a
	return nil
}

// RegisterSteps adds step types that belong to no action.
func (e *Engine) RegisterSteps(types ...action.StepType) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, t := range types {
		if err := checkStepType(t); err != nil {
			return err
		}
		if known, ok := e.steps[t.Name]; ok {
			if !sameStepType(known, t) {
				return fmt.Errorf("step type %s: registered twice with different limits or safety", t.Name)
			}
			continue
		}
		e.steps[t.Name] = t
	}
	return nil
}

func checkStepType(t action.StepType) error {
	switch {
	case t.Name == "":
		return errors.New("step type: name is missing")
	case t.Do == nil:
		return fmt.Errorf("step type %s: do is missing", t.Name)
	case t.Undoable && t.Undo == nil:
		return fmt.Errorf("step type %s: undo is missing", t.Name)
	}
	switch t.Safety {
	case action.ByKey, action.ByName, action.Manual:
	case action.Compensated:
		if !t.Undoable {
			return fmt.Errorf("step type %s: a compensatable step needs an undo", t.Name)
		}
	default:
		return fmt.Errorf("step type %s: safety %q must say how it is made safe to repeat", t.Name, t.Safety)
	}
	return nil
}

func sameStepType(a, b action.StepType) bool {
	return a.Safety == b.Safety && a.Timeout == b.Timeout && a.Attempts == b.Attempts && a.Undoable == b.Undoable
}

// Actions lists the registered actions by group and title.
func (e *Engine) Actions() []*action.Action {
	e.mu.RLock()
	defer e.mu.RUnlock()
	out := make([]*action.Action, 0, len(e.actions))
	for _, a := range e.actions {
		out = append(out, a)
	}
	sort.Slice(out, func(i, j int) bool {
		if out[i].Group != out[j].Group {
			return out[i].Group < out[j].Group
		}
		return out[i].Title < out[j].Title
	})
	return out
}

// Action returns one action.
func (e *Engine) Action(id string) (*action.Action, error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	a, ok := e.actions[id]
	if !ok {
		return nil, fault.New(fault.NotFound, "There is no action %q.", id)
	}
	return a, nil
}

// Further says where actions are found that are not registered, because they
// are data. Their step types are registered.
func (e *Engine) Further(find func(ctx context.Context, id string) (*action.Action, error)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.further = find
}

// Find returns an action, registered or kept as data.
func (e *Engine) Find(ctx context.Context, id string) (*action.Action, error) {
	a, err := e.Action(id)
	e.mu.RLock()
	further := e.further
	e.mu.RUnlock()
	if err == nil || further == nil {
		return a, err
	}
	return further(ctx, id)
}

// StepTypes lists the registered step types by name; crash tests go through
// their boundaries.
func (e *Engine) StepTypes() []action.StepType {
	e.mu.RLock()
	defer e.mu.RUnlock()
	out := make([]action.StepType, 0, len(e.steps))
	for _, t := range e.steps {
		out = append(out, t)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

func (e *Engine) stepType(name string) (action.StepType, bool) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	t, ok := e.steps[name]
	return t, ok
}

// newID returns a UUID that sorts by time of creation.
func newID() (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("make an id: %w", err)
	}
	return id.String(), nil
}

// poke makes the dispatcher of this process look now.
func (e *Engine) poke() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// due tells all dispatchers, after tx is committed, that a run became due.
func (e *Engine) due(tx *store.Tx) {
	tx.AfterCommit(e.poke)
	if tx.Dialect == store.Postgres {
		tx.Notify(dueTopic, "")
	}
}

// record appends the audit event of something that happened to a run.
func (e *Engine) record(ctx context.Context, tx *store.Tx, r *Run, by action.Actor, verb, outcome string, detail map[string]any) error {
	raw, err := json.Marshal(detail)
	if err != nil {
		return fmt.Errorf("write audit detail: %w", err)
	}
	id, name := by.ID, by.Name
	if id == "" {
		id = "system"
	}
	return e.audit.Append(ctx, tx, audit.Event{
		Actor: id, ActorName: name, Verb: verb, Object: "run/" + r.ID, Outcome: outcome, RunID: r.ID, Entity: about(r), Detail: raw,
	})
}

// about is the entity whose timeline a run is on: the first it works on.
func about(r *Run) string {
	if len(r.Entities) == 0 {
		return ""
	}
	return r.Entities[0]
}
