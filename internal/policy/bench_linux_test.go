package policy

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// cpu is the processor time of this thread: a busy machine does not change it.
func cpu(b *testing.B) time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		b.Fatal(err)
	}
	return time.Duration(t.Nano())
}

// manyPolicies is an engine with 200 policies: the built-in ones and others as
// administrators write them, spread over the actions.
func manyPolicies(tb testing.TB, total int) *Engine {
	tb.Helper()
	e := New()
	verbs := Verbs()
	var text strings.Builder
	for i := range total - len(e.builtin) {
		fmt.Fprintf(&text, `@id("own-%d") @advice("Ask.") forbid (principal, action == Action::%q, resource)
when { resource has environment && resource.environment == "production-%d" }
unless { principal in resource.teams };
`, i, verbs[i%len(verbs)].ID, i)
	}
	rules, problems := parse("own", text.String(), e.builtin)
	if len(problems) > 0 {
		tb.Fatal(problems)
	}
	e.current.Store(newSet(e.builtin, rules))
	return e
}

// BenchmarkDecision reports the 99th percentile of one decision, the making of
// its input included.
func BenchmarkDecision(b *testing.B) {
	for _, total := range []int{len(New().builtin), 200, 1000} {
		b.Run(fmt.Sprintf("%d policies", total), func(b *testing.B) {
			e := manyPolicies(b, total)
			r := rand.New(rand.NewPCG(1, 1))
			var asked []Request
			for range 1000 {
				who := randomSubject(r)
				who.Status = "active"
				asked = append(asked, Request{Subject: who, Action: pick(r, "catalog.read", "catalog.write", "action.run", "run.approve"), Resource: randomEntity(r, "Service")})
			}
			took := make([]time.Duration, 0, 1<<16)
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			for i := 0; b.Loop(); i++ {
				begin := cpu(b)
				e.Decide(b.Context(), asked[i%len(asked)])
				took = append(took, cpu(b)-begin)
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds())/1000, "p99-cpu-µs")
			b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1000, "p50-cpu-µs")
		})
	}
}

// BenchmarkPage is an entity page: 30 decisions of one person.
func BenchmarkPage(b *testing.B) {
	e := manyPolicies(b, 200)
	who := Subject{ID: "me", Status: "active", Roles: []string{"developer"}, Teams: []string{"payments", "orders"}}
	verbs := Verbs()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	begin := cpu(b)
	for b.Loop() {
		for i := range 30 {
			e.Decide(b.Context(), Request{Subject: who, Action: verbs[i%len(verbs)].ID, Resource: Resource{Type: TypeEntity, Blueprint: "Service", ID: "x", Teams: []string{"payments"}}})
		}
	}
	b.ReportMetric(float64((cpu(b)-begin).Microseconds())/float64(b.N)/1000, "cpu-ms/op")
}

// BenchmarkFilter is what a list page of 100 entities adds.
func BenchmarkFilter(b *testing.B) {
	e := manyPolicies(b, 200)
	r := rand.New(rand.NewPCG(2, 2))
	who := Subject{ID: "me", Status: "active", Roles: []string{"developer"}, Teams: []string{"payments"}}
	var rows []Resource
	for range 100 {
		rows = append(rows, randomEntity(r, "Service"))
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	begin := cpu(b)
	for b.Loop() {
		e.Filter(b.Context(), who, "catalog.read", rows)
	}
	b.ReportMetric(float64((cpu(b)-begin).Microseconds())/float64(b.N)/1000, "cpu-ms/op")
}
