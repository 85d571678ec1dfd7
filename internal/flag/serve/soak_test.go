package serve_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sphera/internal/flag/serve"
)

// TestL18_ClientsThatNeverReadAreCut: they are cut soon after their buffers are
// full, and the others hear of every newest state.
func TestL18_ClientsThatNeverReadAreCut(t *testing.T) {
	const readers, deaf = 40, 3
	f := start(t, func(o *serve.Options) { o.Now, o.WriteTimeout = time.Now, 300*time.Millisecond })
	address := f.http.Listener.Addr().String()
	for range deaf {
		conn := openStream(t, address)
		defer conn.Close()
		if err := conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
			t.Fatal(err)
		}
	}
	var newest [readers]atomic.Int64
	for i := range readers {
		conn := openStream(t, address)
		defer conn.Close()
		go readVersions(conn, func(v int64) { newest[i].Store(v) })
	}
	eventually(t, "all are there", func() bool { return f.s.Subscribers("checkout", "dev") == readers+deaf })
	version := int64(1)
	eventually(t, "who never reads is cut", func() bool {
		for range 200 {
			version++
			f.s.Put(snapshot(t, version, `{"flags":{}}`))
		}
		return f.s.Subscribers("checkout", "dev") == readers
	})
	for i := range newest {
		eventually(t, "a reader has the newest", func() bool { return newest[i].Load() == version })
	}
}

func openStream(t testing.TB, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "GET /flags/dev/ofrep/v1/sse HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", serverKey); err != nil {
		t.Fatal(err)
	}
	return conn
}

// readVersions reads the ids of events until the stream ends.
func readVersions(r io.Reader, saw func(v int64)) {
	lines := bufio.NewReaderSize(r, 512)
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil {
			return
		}
		if id, ok := bytes.CutPrefix(line, []byte("id: ")); ok {
			if v, err := strconv.ParseInt(string(bytes.TrimSpace(id)), 10, 64); err == nil {
				saw(v)
			}
		}
	}
}

// BenchmarkTenThousandClients is L19: 10,000 streams are open from another
// process on the same cores; how long from a change until they have heard of
// it, and until they have fetched the new values. Versions are times, so the
// clients know when the change was made. SPHERA_SOAK_CLIENTS changes the number.
func BenchmarkTenThousandClients(b *testing.B) {
	clients := 10_000
	if text := os.Getenv("SPHERA_SOAK_CLIENTS"); text != "" {
		var err error
		if clients, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	f := start(b, func(o *serve.Options) { o.Now = time.Now })
	change := func() {
		b.Helper()
		f.s.Put(snapshot(b, time.Now().UnixMicro(), hundredFlags()))
	}
	change()
	for _, c := range []struct {
		name    string
		fetch   bool
		changes int
		pause   time.Duration
	}{{"told", false, 20, 2 * time.Second}, {"fetched", true, 6, 10 * time.Second}} {
		b.Run(c.name, func(b *testing.B) {
			child := exec.CommandContext(b.Context(), os.Args[0], "-test.run=^TestSoakClients$", "-test.v")
			child.Env = append(os.Environ(), "SOAK_ADDRESS="+f.http.Listener.Addr().String(), "SOAK_CLIENTS="+strconv.Itoa(clients), "SOAK_FETCH="+strconv.FormatBool(c.fetch))
			out, err := child.StdoutPipe()
			if err != nil {
				b.Fatal(err)
			}
			in, err := child.StdinPipe()
			if err != nil {
				b.Fatal(err)
			}
			child.Stderr = os.Stderr
			began := time.Now()
			if err := child.Start(); err != nil {
				b.Fatal(err)
			}
			limit := time.Now().Add(3 * time.Minute)
			for f.s.Subscribers("checkout", "dev") < clients {
				if time.Now().After(limit) {
					b.Fatalf("only %d clients came", f.s.Subscribers("checkout", "dev"))
				}
				<-time.After(20 * time.Millisecond)
			}
			connected := time.Since(began)
			for range c.changes {
				change()
				<-time.After(c.pause)
			}
			memory := resident(b)
			if err := in.Close(); err != nil {
				b.Fatal(err)
			}
			raw, err := io.ReadAll(out)
			if err != nil {
				b.Fatal(err)
			}
			_ = child.Wait()
			var got soaked
			found := regexp.MustCompile(`SOAKED (\{.*\})`).FindSubmatch(raw)
			if found == nil || json.Unmarshal(found[1], &got) != nil {
				b.Fatalf("the clients said nothing: %s", raw)
			}
			b.ReportMetric(connected.Seconds(), "s-to-connect")
			b.ReportMetric(got.P50, "ms-p50")
			b.ReportMetric(got.P99, "ms-p99")
			b.ReportMetric(got.Max, "ms-max")
			b.ReportMetric(float64(clients*c.changes-got.Seen), "missed")
			b.ReportMetric(memory, "MiB")
			b.ReportMetric(0, "ns/op")
		})
		for f.s.Subscribers("checkout", "dev") > 0 {
			<-time.After(50 * time.Millisecond)
			change() // who is gone is noticed when something is written
		}
	}
}

type soaked struct {
	Seen          int
	P50, P99, Max float64
}

// TestSoakClients is the other process of the benchmark.
func TestSoakClients(t *testing.T) {
	address := os.Getenv("SOAK_ADDRESS")
	if address == "" {
		t.Skip("the benchmark of ten thousand clients runs this")
	}
	clients, err := strconv.Atoi(os.Getenv("SOAK_CLIENTS"))
	if err != nil {
		t.Fatal(err)
	}
	fetch := os.Getenv("SOAK_FETCH") == "true"
	pool := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 64, MaxIdleConnsPerHost: 64}}
	var mu sync.Mutex
	var took []float64
	saw := func(v int64) {
		if fetch {
			req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://"+address+bulkPath, strings.NewReader(`{"context":{"targetingKey":"u1","plan":"pro"}}`))
			if err != nil {
				return
			}
			req.Header.Set("Authorization", "Bearer "+serverKey)
			res, err := pool.Do(req)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
		}
		ms := float64(time.Now().UnixMicro()-v) / 1000
		mu.Lock()
		defer mu.Unlock()
		took = append(took, ms)
	}
	gate := make(chan struct{}, 100)
	var conns sync.Map
	for i := range clients {
		gate <- struct{}{}
		go func() {
			conn := openStream(t, address)
			conns.Store(i, conn)
			<-gate
			readVersions(conn, saw)
		}()
	}
	_, _ = io.Copy(io.Discard, os.Stdin) // until the benchmark is done
	mu.Lock()
	slices.Sort(took)
	out := soaked{Seen: len(took)}
	if n := len(took); n > 0 {
		out.P50, out.P99, out.Max = took[n/2], took[n*99/100], took[n-1]
	}
	raw, err := json.Marshal(out)
	mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("SOAKED %s\n", raw)
	conns.Range(func(_, c any) bool { return c.(net.Conn).Close() == nil })
}

// resident is the memory of this process, the server's.
func resident(b *testing.B) float64 {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Skipf("the memory of a process is read from /proc: %v", err)
	}
	found := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(status)
	if found == nil {
		b.Fatal("no VmRSS")
	}
	kib, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		b.Fatal(err)
	}
	return kib / 1024
}
