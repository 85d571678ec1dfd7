package importer_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/catalog"
	"sphera/internal/catalog/catalogtest"
	"sphera/internal/importer"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

// BenchmarkL25_Import imports a table of 100,000 entities (BENCH_ROWS changes
// that) while somebody else reads and writes, and measures both: s/import, the
// worst and the 99th percentile of the other requests in ms, and the memory the
// process had at most in MiB.
func BenchmarkL25_Import(b *testing.B) {
	n := 100_000
	if text := os.Getenv("BENCH_ROWS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	run := func(b *testing.B, db *store.DB) {
		b.Helper()
		for b.Loop() {
			c := catalog.New(db, audit.New(time.Now), time.Now).Guard(catalogtest.Anybody())
			f := &fixture{Catalog: c, Importer: importer.New(c), db: db, t: b}
			f.model()
			file := table(n, nil)
			other := newOther(c)
			start := time.Now()
			report, err := f.Import(context.Background(), []catalog.ImportFile{file}, importer.Options{By: "dana"})
			took := time.Since(start)
			other.stop()
			if err != nil || !report.Applied {
				b.Fatalf("%v %s", err, report.Summary)
			}
			b.ReportMetric(took.Seconds(), "s/import")
			b.ReportMetric(float64(n)/took.Seconds(), "entities/s")
			other.report(b)
			b.ReportMetric(peakMiB(b), "MiB-peak")
		}
	}
	b.Run("sqlite", func(b *testing.B) { run(b, storetest.Open(b, storetest.SQLite(b))) })
	b.Run("postgres", func(b *testing.B) { run(b, storetest.Open(b, storetest.Postgres(b))) })
}

// other is somebody who works while an import goes on.
type other struct {
	quit  chan struct{}
	done  sync.WaitGroup
	mu    sync.Mutex
	took  []time.Duration
	write []time.Duration
	err   error
}

func newOther(c *catalog.Catalog) *other {
	o := &other{quit: make(chan struct{})}
	o.loop(20*time.Millisecond, &o.took, func(int) error {
		_, err := c.Entity(context.Background(), "System", "shop")
		return err
	})
	o.loop(50*time.Millisecond, &o.write, func(i int) error {
		_, _, err := c.PutEntity(context.Background(), "System", catalog.NewEntity{Identifier: "other", Title: fmt.Sprint("Other ", i)}, catalog.Write{Upsert: true, By: "noa"})
		return err
	})
	return o
}

func (o *other) loop(every time.Duration, took *[]time.Duration, f func(i int) error) {
	o.done.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-o.quit:
				return
			case <-tick.C:
			}
			start := time.Now()
			err := f(i)
			o.mu.Lock()
			*took = append(*took, time.Since(start))
			if err != nil {
				o.err = err
			}
			o.mu.Unlock()
		}
	})
}

func (o *other) stop() {
	close(o.quit)
	o.done.Wait()
}

func (o *other) report(b *testing.B) {
	b.Helper()
	if o.err != nil {
		b.Fatal(o.err)
	}
	for name, took := range map[string][]time.Duration{"read": o.took, "write": o.write} {
		slices.Sort(took)
		if len(took) == 0 {
			b.Fatalf("nobody could %s", name)
		}
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, name+"-p99-ms")
		b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, name+"-worst-ms")
	}
}

// peakMiB is the most memory the process had.
func peakMiB(b *testing.B) float64 {
	b.Helper()
	raw, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Skip(err)
	}
	for line := range strings.Lines(string(raw)) {
		if text, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(text), "kB")), 64)
			if err != nil {
				b.Fatal(err)
			}
			return kb / 1024
		}
	}
	return 0
}
