package runtime_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/runtime"
	"sphera/internal/runtime/runtimetest"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

// TestMain lets the test's program be its own launcher, as the portal's is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == runtime.LaunchCommand {
		fmt.Fprintln(os.Stderr, runtime.Launch(os.Args[2:], os.Environ()))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// supervised returns a process runtime with a running supervisor, which is
// stopped at the end of the test.
func supervised(t *testing.T, db *store.DB, dir string, o runtime.ProcessOptions) *runtime.Process {
	t.Helper()
	p := newProcess(t, db, dir, o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Supervise(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("supervise: %v", err)
			}
		case <-time.After(30 * time.Second):
			t.Error("the supervisor does not stop")
		}
	})
	return p
}

func newProcess(t *testing.T, db *store.DB, dir string, o runtime.ProcessOptions) *runtime.Process {
	t.Helper()
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Backoff == 0 {
		o.Backoff = 50 * time.Millisecond
	}
	o.Launcher = []string{"/proc/self/exe", runtime.LaunchCommand}
	return runtime.NewProcess(db, audit.New(time.Now), slog.New(slog.NewTextHandler(t.Output(), nil)), dir, o)
}

func TestProcessIsARuntime(t *testing.T) {
	for engine, open := range map[string]func(testing.TB) string{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			runtimetest.Run(t, func(t *testing.T) runtime.Runtime {
				// Each its own database: the suite uses the same names everywhere.
				return supervised(t, storetest.Open(t, open(t)), t.TempDir(), runtime.ProcessOptions{})
			})
		})
	}
}
