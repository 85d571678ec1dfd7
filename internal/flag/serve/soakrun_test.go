package serve_test

import (
	"net"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"
)

// soak is a server and its clients, each a process of its own.
type soak struct {
	t               testing.TB
	address, dir    string
	clients         int
	floor           bool
	server, crowded *child
}

func newSoak(t testing.TB, clients, deaf int, floor bool) *soak {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") // to know a free port
	if err != nil {
		t.Fatal(err)
	}
	s := &soak{t: t, address: listener.Addr().String(), dir: t.TempDir(), clients: clients, floor: floor}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	s.startServer()
	s.crowded = spawn(t, "TestSoakClients", "SOAK_ADDRESS="+s.address, "SOAK_CLIENTS="+strconv.Itoa(clients), "SOAK_DEAF="+strconv.Itoa(deaf))
	t.Cleanup(func() {
		s.crowded.kill()
		s.server.kill()
	})
	s.wait(clients, clients, 3*time.Minute)
	return s
}

func (s *soak) startServer() {
	s.t.Helper()
	s.server = spawn(s.t, "TestSoakServer", "SOAK_LISTEN="+s.address, "SOAK_DIR="+s.dir, "SOAK_FLOOR="+strconv.FormatBool(s.floor))
	s.state("")
}

func (s *soak) state(command string) state {
	s.t.Helper()
	var out state
	s.server.say(command, &out)
	return out
}

func (s *soak) report() report {
	s.t.Helper()
	var out report
	s.crowded.say("report", &out)
	return out
}

// wait waits until so many clients follow.
func (s *soak) wait(from, to int, limit time.Duration) {
	s.t.Helper()
	until := time.Now().Add(limit)
	for {
		n := s.state("").Subscribers
		if from <= n && n <= to {
			return
		}
		if time.Now().After(until) {
			s.t.Fatalf("%d clients are there, not from %d to %d", n, from, to)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// changes makes n changes with a pause after each, and returns what clients
// needed for them.
func (s *soak) changes(n int, pause time.Duration) (told, seen []times) {
	s.t.Helper()
	s.report()
	versions := []int64{}
	for range n {
		versions = append(versions, s.state("change").Version)
		<-time.After(pause)
	}
	r := s.report()
	for _, v := range versions {
		told, seen = append(told, r.Told[v]), append(seen, r.Seen[v])
	}
	return told, seen
}

// typical is the median of the changes' figures, and worst the worst of them.
func typical(of []times, figure func(times) float64) float64 {
	var list []float64
	for _, t := range of {
		list = append(list, figure(t))
	}
	return median(list)
}

func worst(of []times, figure func(times) float64) float64 {
	var list []float64
	for _, t := range of {
		list = append(list, figure(t))
	}
	return slices.Max(list)
}

func p50(t times) float64     { return t.P50 }
func p99(t times) float64     { return t.P99 }
func longest(t times) float64 { return t.Max }

func missed(of []times, clients int) float64 {
	n := 0
	for _, t := range of {
		n += clients - t.N
	}
	return float64(n)
}

func soakClients(t testing.TB) int {
	t.Helper()
	clients := 10_000
	if text := os.Getenv("SPHERA_SOAK_CLIENTS"); text != "" {
		var err error
		if clients, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	return clients
}

// BenchmarkTenThousandClients is L19: 10,000 streams of another process on the
// same cores; how long from a change until clients have heard of it, and until
// each has fetched all flags for its own context. The floor is the same with a
// handler that answers fetches with the same bytes and does nothing for them.
// Versions are times, so the clients know when the change was made.
// SPHERA_SOAK_CLIENTS changes the number.
func BenchmarkTenThousandClients(b *testing.B) {
	clients := soakClients(b)
	for _, c := range []struct {
		name         string
		fetch, floor bool
		changes      int
		pause        time.Duration
	}{{"told", false, false, 20, 2 * time.Second}, {"fetched", true, false, 15, 4 * time.Second}, {"floor", true, true, 15, 4 * time.Second}} {
		b.Run(c.name, func(b *testing.B) {
			began := time.Now()
			s := newSoak(b, clients, 0, c.floor)
			b.ReportMetric(time.Since(began).Seconds(), "s-to-connect")
			if c.fetch {
				s.crowded.say("fetch", &report{})
			}
			s.changes(1, c.pause) // connections to fetch over are made
			mine, theirs := s.server.processor(), s.crowded.processor()
			told, seen := s.changes(c.changes, c.pause)
			mine, theirs = s.server.processor()-mine, s.crowded.processor()-theirs
			if c.fetch {
				b.ReportMetric(typical(told, p99), "ms-told-p99")
				told = seen
			}
			b.ReportMetric(typical(told, p50), "ms-p50")
			b.ReportMetric(typical(told, p99), "ms-p99")
			b.ReportMetric(worst(told, p99), "ms-worst-p99")
			b.ReportMetric(worst(told, longest), "ms-max")
			b.ReportMetric(missed(told, clients), "missed")
			each := float64(clients * c.changes)
			b.ReportMetric(float64(mine.Microseconds())/each, "us-server")
			b.ReportMetric(float64(theirs.Microseconds())/each, "us-clients")
			b.ReportMetric(s.server.memory(), "MiB")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// TestSoak keeps 10,000 clients on a server for as long as SPHERA_SOAK says,
// e.g. 10m: one in twenty never reads and is cut (L18); the server is killed
// and everybody comes back (L19); then a change every few seconds is fetched by
// all, and memory, goroutines and files stay what they are (L27).
func TestSoak(t *testing.T) {
	duration, err := time.ParseDuration(os.Getenv("SPHERA_SOAK"))
	if err != nil {
		t.Skip("it takes as long as SPHERA_SOAK says, e.g. 10m")
	}
	clients := soakClients(t)
	deaf := clients / 20
	s := newSoak(t, clients, deaf, false)
	t.Logf("%d clients are there; the server has %.0f MiB, %d goroutines, %d files", clients, s.server.memory(), s.state("").Goroutines, s.server.files())

	// L18: changes until the buffers of the deaf are full, then none.
	began := time.Now()
	for s.state("").Subscribers == clients && time.Since(began) < 5*time.Minute {
		for range 100 {
			s.state("change")
		}
	}
	peak := s.server.memory()
	full := time.Now()
	s.wait(clients-deaf, clients-deaf, 30*time.Second)
	t.Logf("the first of %d who never read was cut after %.0f s of changes, the last %.1f s later; the server had %.0f MiB", deaf, full.Sub(began).Seconds(), time.Since(full).Seconds(), peak)
	clients -= deaf
	s.crowded.say("fetch", &report{})
	s.everybodyHasTheNewest(clients)

	// L19: it is killed twice.
	for range 2 {
		s.server.kill()
		down := time.Now()
		<-time.After(5 * time.Second)
		s.startServer()
		up := time.Now()
		s.wait(clients, clients, time.Minute)
		t.Logf("killed for %.1f s; all %d were back %.1f s after it listened again", up.Sub(down).Seconds(), clients, time.Since(up).Seconds())
		if r := s.report(); len(r.Told) != 0 {
			t.Errorf("the restart looked like %d changes", len(r.Told))
		}
	}

	// L19 and L27: a change every four seconds.
	s.changes(10, 4*time.Second)
	var all []times
	var hours, memory []float64
	began = time.Now()
	first := s.server.memory()
	for time.Since(began) < duration {
		_, seen := s.changes(5, 4*time.Second)
		all = append(all, seen...)
		s.everybodyHasTheNewest(clients)
		hours, memory = append(hours, time.Since(began).Hours()), append(memory, s.server.memory())
	}
	end := s.state("collect")
	t.Logf("%d changes fetched by %d clients each (%.1f %% of the steps left out), a change until all flags are fetched: typically p50 %.0f ms, p99 %.0f ms, worst p99 %.0f ms, longest %.0f ms",
		len(all), clients, 100*missed(all, clients)/float64(len(all)*clients), typical(all, p50), typical(all, p99), worst(all, p99), worst(all, longest))
	t.Logf("memory from %.0f to %.0f MiB (at most %.0f), slope %+.1f MiB an hour; %d goroutines, %d files", first, memory[len(memory)-1], slices.Max(memory), slope(hours, memory), end.Goroutines, s.server.files())
	if end.Goroutines > 3*clients {
		t.Errorf("there are %d goroutines", end.Goroutines)
	}
}

// everybodyHasTheNewest makes a change and waits until every client has fetched
// it. Steps before it may be left out by who is slow, the newest never.
func (s *soak) everybodyHasTheNewest(clients int) {
	s.t.Helper()
	version := s.state("change").Version
	for n, until := 0, time.Now().Add(2*time.Minute); n < clients; {
		if time.Now().After(until) {
			s.t.Fatalf("%d of %d clients have the newest flags", n, clients)
		}
		<-time.After(500 * time.Millisecond)
		n += s.report().Seen[version].N
	}
}

// slope is that of the line through the points.
func slope(x, y []float64) float64 {
	var mx, my, xy, xx float64
	n := float64(len(x))
	for i := range x {
		mx, my = mx+x[i]/n, my+y[i]/n
	}
	for i := range x {
		xy, xx = xy+(x[i]-mx)*(y[i]-my), xx+(x[i]-mx)*(x[i]-mx)
	}
	if xx == 0 {
		return 0
	}
	return xy / xx
}
