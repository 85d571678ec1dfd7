package run_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"sphera/action"
	"sphera/internal/audit"
	"sphera/internal/run"
	"sphera/internal/store"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		os.Exit(childMain())
	}
	goleak.VerifyTestMain(m)
}

var (
	alice = action.Actor{ID: "alice", Name: "Alice", Roles: []string{"developer"}}
	bob   = action.Actor{ID: "bob", Name: "Bob", Roles: []string{"infrastructure"}}
)

// patience bounds how long a test waits for something that should come at once.
const patience = 30 * time.Second

func quiet() *slog.Logger {
	if os.Getenv("SPHERA_TEST_LOG") != "" {
		return slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	return slog.New(slog.DiscardHandler)
}

// newEngine makes an engine whose retries do not take long.
func newEngine(t testing.TB, db *store.DB, o run.Options, types ...action.StepType) *run.Engine {
	t.Helper()
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Backoff == 0 {
		o.Backoff = time.Millisecond
	}
	e := run.New(db, audit.New(o.Now), quiet(), o)
	if err := e.RegisterSteps(types...); err != nil {
		t.Fatal(err)
	}
	return e
}

// work runs e.Work until the test ends or stop is called.
func work(t testing.TB, e *run.Engine) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Work(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			select {
			case err := <-done:
				if err != nil {
					t.Errorf("work: %v", err)
				}
			case <-time.After(patience):
				t.Error("work did not return")
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

func start(t testing.TB, db *store.DB, e *run.Engine, n run.NewRun) run.Run {
	t.Helper()
	if n.Action == "" {
		n.Action = "test"
	}
	if n.Actor.ID == "" {
		n.Actor = alice
	}
	var r run.Run
	err := db.Tx(context.Background(), func(tx *store.Tx) error {
		var err error
		r, err = e.Start(context.Background(), tx, n)
		return err
	})
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	return r
}

// await returns the run once ok holds, looking at every change of it.
func await(t testing.TB, db *store.DB, e *run.Engine, id, what string, ok func(run.Run) bool) run.Run {
	t.Helper()
	notes, stop := db.Subscribe(run.Topic)
	defer stop()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	again := time.NewTicker(25 * time.Millisecond) // other processes on SQLite send no notes
	defer again.Stop()
	for {
		r, err := e.Get(context.Background(), id)
		if err != nil {
			t.Fatalf("get: %v", err)
		}
		if ok(r) {
			return r
		}
		select {
		case <-notes:
		case <-again.C:
		case <-timeout.C:
			t.Fatalf("run is not %s: %s", what, describe(r))
		}
	}
}

func awaitState(t testing.TB, db *store.DB, e *run.Engine, id string, want run.State) run.Run {
	t.Helper()
	return await(t, db, e, id, string(want), func(r run.Run) bool { return r.State == want })
}

func describe(r run.Run) string {
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

// eventually waits for a condition that has no event.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("did not come: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// step makes a step of a type from any arguments.
func step(t testing.TB, name, kind string, args any) action.Step {
	t.Helper()
	raw, err := json.Marshal(args)
	if err != nil {
		t.Fatal(err)
	}
	return action.Step{Name: name, Title: "Do " + name, Type: kind, Args: raw}
}

// journal records in order what steps did.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}

func (j *journal) all() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]string(nil), j.lines...)
}

// noting is a step type that writes its name to the journal, and again when undone.
func noting(j *journal) action.StepType {
	return action.NewStepType("note", action.ByName, func(_ context.Context, x *action.Exec, arg string) (string, error) {
		j.add("do %s", x.Step)
		x.Logf("did %s", x.Step)
		x.Changed(action.Change{Kind: "file", Verb: "created", Title: x.Step})
		return "made " + arg, nil
	}).WithUndo(func(_ context.Context, x *action.Exec, _, result string) error {
		j.add("undo %s %q", x.Step, result)
		return nil
	}).Type
}

// scripted is a step type whose behaviour is a function.
func scripted(name string, safety action.Safety, do func(ctx context.Context, x *action.Exec) error) action.StepType {
	return action.StepType{Name: name, Safety: safety, Do: func(ctx context.Context, x *action.Exec, _ json.RawMessage) (json.RawMessage, error) {
		return json.RawMessage(`"ok"`), do(ctx, x)
	}}
}

// holding is a step type that says it started and then waits for go or for the
// end of its context.
type holding struct {
	started chan string
	release chan struct{}
}

func newHolding() *holding {
	return &holding{started: make(chan string, 100), release: make(chan struct{})}
}

func (h *holding) kind(name string, safety action.Safety) action.StepType {
	return scripted(name, safety, func(ctx context.Context, x *action.Exec) error {
		h.started <- x.RunID
		select {
		case <-h.release:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

func (h *holding) awaitStart(t testing.TB) string {
	t.Helper()
	select {
	case id := <-h.started:
		return id
	case <-time.After(patience):
		t.Fatal("the step did not start")
		return ""
	}
}

var errFlaky = errors.New("the forge does not answer")
