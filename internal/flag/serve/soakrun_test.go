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
	s.wait(clients, 3*time.Minute)
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
func (s *soak) wait(clients int, limit time.Duration) {
	s.t.Helper()
	until := time.Now().Add(limit)
	for s.state("").Subscribers < clients {
		if time.Now().After(until) {
			s.t.Fatalf("%d clients are there, not %d", s.state("").Subscribers, clients)
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
				s.crowded.say("fetch", nil)
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
