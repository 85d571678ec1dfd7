package catalogtest

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Times are how long each of many like things took.
type Times struct {
	all  []time.Duration
	what []string
	// cpu is what the program computed before and until now.
	cpu, until time.Duration
}

// Do takes the time of f; what names it, for the list of the slowest.
func (t *Times) Do(b testing.TB, what string, f func() error) {
	b.Helper()
	if t.all == nil {
		t.cpu = computed()
	}
	began := time.Now()
	if err := f(); err != nil {
		b.Fatalf("%s: %v", what, err)
	}
	t.all, t.what = append(t.all, time.Since(began)), append(t.what, what)
	t.until = computed()
}

// Report says the percentiles, and the slowest with -v.
func (t *Times) Report(b *testing.B) {
	b.Helper()
	order := make([]int, len(t.all))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, k int) int { return int(t.all[i] - t.all[k]) })
	at := func(part float64) float64 {
		return float64(t.all[order[int(part*float64(len(order)-1))]].Microseconds()) / 1000
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(at(0.5), "ms-p50")
	b.ReportMetric(at(0.95), "ms-p95")
	b.ReportMetric(at(0.99), "ms-p99")
	// What a machine of its own would need, however busy this one is; without
	// what PostgreSQL computes.
	b.ReportMetric(float64((t.until-t.cpu).Microseconds())/1000/float64(len(t.all)), "cpu-ms")
	b.ReportMetric(Load(), "load")
	for _, i := range order[max(0, len(order)-3):] {
		b.Logf("slow: %v %s", t.all[i], t.what[i])
	}
}

func computed() time.Duration {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		return 0
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// Load is how many processes of the machine want to run, without which a time
// means little; 0 where that is not known.
func Load() float64 {
	raw, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	var load float64
	if _, err := fmt.Sscan(strings.Fields(string(raw))[0], &load); err != nil {
		return 0
	}
	return load
}
