package run_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"sphera/action"
	"sphera/internal/run"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

// eachBench runs a benchmark per engine.
func eachBench(b *testing.B, bench func(b *testing.B, db *store.DB)) {
	b.Helper()
	b.Run("sqlite", func(b *testing.B) { bench(b, storetest.Open(b, storetest.SQLite(b))) })
	b.Run("postgres", func(b *testing.B) { bench(b, storetest.Open(b, storetest.Postgres(b))) })
}

var noEffect = scripted("nothing", action.ByName, func(context.Context, *action.Exec) error { return nil })

// startMany starts runs, 50 in a transaction, so that what is measured is the
// work on them and not how fast one caller can ask.
func startMany(b *testing.B, db *store.DB, e *run.Engine, n, steps int) {
	b.Helper()
	ctx := context.Background()
	var list []action.Step
	for i := range steps {
		list = append(list, action.Step{Name: fmt.Sprint("s", i), Title: "Step", Type: "nothing", Args: []byte("null")})
	}
	for n > 0 {
		batch := min(n, 50)
		err := db.Tx(ctx, func(tx *store.Tx) error {
			for range batch {
				if _, err := e.Start(ctx, tx, run.NewRun{Action: "bench", Actor: alice, Steps: list}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		n -= batch
	}
}

func benchThroughput(b *testing.B, steps int) {
	eachBench(b, func(b *testing.B, db *store.DB) {
		e := newEngine(b, db, run.Options{Exclusive: db.Dialect == store.SQLite}, noEffect)
		stop := work(b, e)
		defer stop()
		b.ResetTimer()
		startMany(b, db, e, b.N, steps)
		eventually(b, "all succeeded", func() bool {
			return count(b, db, "SELECT COUNT(*) FROM runs WHERE state = 'succeeded'") >= b.N
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "runs/s")
	})
}

func BenchmarkOneStepRuns(b *testing.B)  { benchThroughput(b, 1) }
func BenchmarkFiveStepRuns(b *testing.B) { benchThroughput(b, 5) }

// BenchmarkStartToDone is the time from asking for a one-step run on an idle
// system, each in its own transaction, until it is recorded as succeeded.
func BenchmarkStartToDone(b *testing.B) {
	eachBench(b, func(b *testing.B, db *store.DB) {
		e := newEngine(b, db, run.Options{Exclusive: db.Dialect == store.SQLite}, noEffect)
		stop := work(b, e)
		defer stop()
		notes, end := db.Subscribe(run.Topic)
		defer end()
		var took []time.Duration
		b.ResetTimer()
		for range b.N {
			began := time.Now()
			startMany(b, db, e, 1, 1)
			for range notes {
				if count(b, db, "SELECT COUNT(*) FROM runs WHERE ended_at = 0") == 0 {
					break
				}
			}
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
	})
}

// BenchmarkThousandWaiting measures what 1,000 waiting runs cost this process
// while nothing happens: CPU in thousandths of a core, and memory.
func BenchmarkThousandWaiting(b *testing.B) {
	eachBench(b, func(b *testing.B, db *store.DB) {
		e := newEngine(b, db, run.Options{Exclusive: db.Dialect == store.SQLite}, scripted("nothing", action.ByName, func(_ context.Context, x *action.Exec) error {
			return &action.Wait{Kind: action.WaitExternal, Key: "bench:" + x.RunID, Reason: "Waiting."}
		}))
		stop := work(b, e)
		defer stop()
		memory := heap()
		startMany(b, db, e, 1000, 1)
		eventually(b, "all wait", func() bool { return count(b, db, "SELECT COUNT(*) FROM runs WHERE state = 'waiting'") == 1000 })
		grown := heap() - memory
		b.ResetTimer()
		const watch = 3 * time.Second
		before := cpu(b)
		time.Sleep(watch) // the measurement: nothing happens
		used := cpu(b) - before
		b.ReportMetric(float64(used)/float64(watch)*1000, "millicores")
		b.ReportMetric(float64(grown)/1024, "heap-KiB")
		b.ReportMetric(float64(resident(b))/1024, "RSS-MiB")
	})
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// resident is the process's memory in KiB.
func resident(b *testing.B) int {
	b.Helper()
	raw, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Skip("no /proc here")
	}
	for line := range strings.Lines(string(raw)) {
		var kib int
		if _, err := fmt.Sscanf(line, "VmRSS: %d kB", &kib); err == nil {
			return kib
		}
	}
	return 0
}
