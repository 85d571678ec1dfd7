package runtime_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/runtime"
	"sphera/internal/runtime/runtimetest"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

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
	if o.Backoff == 0 {
		o.Backoff = 50 * time.Millisecond
	}
	return runtime.NewProcess(db, audit.New(time.Now), slog.New(slog.NewTextHandler(t.Output(), nil)), dir, o)
}

func TestProcessIsARuntime(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		t.Parallel()
		runtimetest.Run(t, func(t *testing.T) runtime.Runtime {
			// Each its own database: the suite uses the same names everywhere.
			if t.Name() != "" && len(url) > 8 && url[:8] == "postgres" {
				url = storetest.Postgres(t)
			} else {
				url = storetest.SQLite(t)
			}
			return supervised(t, storetest.Open(t, url), t.TempDir(), runtime.ProcessOptions{})
		})
	})
}
