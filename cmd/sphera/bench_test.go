package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"sphera/internal/catalog/catalogtest"
)

// The benchmarks here measure the built program from outside, as people meet
// it. They say the median of nine, whatever b.N is.
const (
	builtBinary = "../../bin/sphera"
	samples     = 9
)

// BenchmarkColdStart measures from exec to the first 200 of /readyz, on SQLite
// with the demo organisation in it.
func BenchmarkColdStart(b *testing.B) {
	data := demoData(b)
	took := make([]time.Duration, 0, samples)
	for range samples {
		s := start(b, data)
		took = append(took, s.ready)
		s.stop(b)
	}
	report(b, took, "ready")
}

// BenchmarkIdleMemory reads what is resident ten seconds after the last
// request, with the demo organisation, once signed in and looked at.
func BenchmarkIdleMemory(b *testing.B) {
	s := start(b, demoData(b))
	defer s.stop(b)
	c := s.signIn(b)
	for _, path := range []string{"/", "/v1/home", "/v1/actions", "/v1/runs", "/v1/blueprints"} {
		c.get(b, path)
	}
	<-time.After(10 * time.Second) // what is measured is a portal that nothing happens in
	b.ReportMetric(s.resident(b), "MB-resident")
	b.ReportMetric(0, "ns/op")
}

// resident is the memory of the server, in MB.
func (s *served) resident(b *testing.B) float64 {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.process.Process.Pid))
	if err != nil {
		b.Skipf("the memory of a process is read from /proc: %v", err)
	}
	found := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(status)
	if found == nil {
		b.Fatalf("no VmRSS in %s", status)
	}
	kib, err := strconv.Atoi(string(found[1]))
	if err != nil {
		b.Fatal(err)
	}
	return float64(kib) * 1024 / 1e6
}

// BenchmarkLargeCatalog starts a server whose database holds a large catalog:
// how long until it is ready, and how much memory it needs once lists, search
// and graphs were looked at.
func BenchmarkLargeCatalog(b *testing.B) {
	for _, n := range catalogtest.Sizes() {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			w := catalogtest.Open(b, "sqlite", n)
			data := filepath.Join(b.TempDir(), "data")
			if err := os.MkdirAll(data, 0o700); err != nil {
				b.Fatal(err)
			}
			if err := w.CopyTo(b.Context(), filepath.Join(data, "sphera.db")); err != nil {
				b.Fatal(err)
			}
			start(b, data).stop(b) // the demo organisation, for someone to sign in
			took := make([]time.Duration, 0, samples)
			memory := 0.0
			for range samples {
				s := start(b, data)
				took = append(took, s.ready)
				c := s.signIn(b)
				for _, path := range []string{"/v1/home", "/v1/blueprints", "/v1/search?q=payment", "/v1/search?q=paymnet", "/v1/blueprints/service/entities/" + w.Data.Name("service", 7) + "/graph?depth=3&limit=200"} {
					c.get(b, path)
				}
				c.post(b, "/v1/blueprints/service/entities/search", map[string]any{"rules": []any{}, "limit": 50}, nil)
				memory = max(memory, s.resident(b))
				s.stop(b)
			}
			report(b, took, "ready")
			b.ReportMetric(memory, "MB-resident")
			b.ReportMetric(catalogtest.Load(), "load")
		})
	}
}

// BenchmarkFirstAnswer measures from the click (the request that applies a
// shown plan) to the first 200 of the new go-http service at its address. The
// first service fills the build cache and is told apart.
func BenchmarkFirstAnswer(b *testing.B) {
	s := start(b, demoData(b))
	defer s.stop(b)
	c := s.signIn(b)
	cold := c.firstAnswer(b, "bench-cold")
	took := make([]time.Duration, 0, samples)
	for i := range samples {
		took = append(took, c.firstAnswer(b, fmt.Sprintf("bench-%d", i+1)))
	}
	b.ReportMetric(float64(cold.Milliseconds()), "ms-empty-cache")
	report(b, took, "answer")
}

func report(b *testing.B, took []time.Duration, what string) {
	b.Helper()
	slices.Sort(took)
	b.Logf("%s: %v", what, took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-to-"+what)
	b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "ms-worst")
	b.ReportMetric(0, "ns/op") // one operation has no meaning here
}

// demoData makes a data folder with the demo organisation.
func demoData(b *testing.B) string {
	b.Helper()
	if _, err := os.Stat(builtBinary); err != nil {
		b.Skip("bin/sphera is not built; make bench builds it")
	}
	data := filepath.Join(b.TempDir(), "data")
	start(b, data).stop(b)
	return data
}

type served struct {
	process *exec.Cmd
	address string
	data    string
	output  *bytes.Buffer
	// ready is the time from exec to the first 200 of /readyz.
	ready time.Duration
}

func start(b *testing.B, data string) *served {
	b.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		b.Fatal(err)
	}
	s := &served{address: "http://" + address, data: data, output: new(bytes.Buffer)}
	s.process = exec.Command(builtBinary, "demo", "--data-dir", data, "--listen", address)
	s.process.Stdout, s.process.Stderr = s.output, s.output
	began := time.Now()
	if err := s.process.Start(); err != nil {
		b.Fatal(err)
	}
	if !answers(http.DefaultClient, s.address+"/readyz", 2*time.Millisecond) {
		s.stop(b)
		b.Fatalf("the server did not get ready: %s", s.output)
	}
	s.ready = time.Since(began)
	return s
}

func (s *served) stop(b *testing.B) {
	b.Helper()
	http.DefaultClient.CloseIdleConnections()
	if err := errors.Join(s.process.Process.Signal(os.Interrupt), s.process.Wait()); err != nil {
		b.Errorf("the server ended with %v: %s", err, s.output)
	}
}

// answers asks until the answer is 200, for at most two minutes.
func answers(client *http.Client, address string, every time.Duration) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody); err == nil {
			if response, err := client.Do(request); err == nil {
				response.Body.Close()
				if response.StatusCode == http.StatusOK {
					return true
				}
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
}

type caller struct {
	http    *http.Client
	address string
	team    string
}

func (s *served) signIn(b *testing.B) *caller {
	b.Helper()
	raw, err := os.ReadFile(filepath.Join(s.data, "demo.json"))
	if err != nil {
		b.Fatal(err)
	}
	var state struct {
		People []struct {
			Email, Password string
			Roles, Teams    []string
		}
	}
	if err := json.Unmarshal(raw, &state); err != nil {
		b.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		b.Fatal(err)
	}
	for _, p := range state.People {
		if slices.Contains(p.Roles, "developer") && len(p.Teams) > 0 {
			c := &caller{http: &http.Client{Jar: jar}, address: s.address, team: p.Teams[0]}
			c.post(b, "/v1/auth/login", map[string]any{"email": p.Email, "password": p.Password}, nil)
			return c
		}
	}
	b.Fatal("the demo has no developer in a team")
	return nil
}

func (c *caller) firstAnswer(b *testing.B, name string) time.Duration {
	b.Helper()
	var planned struct{ Plan struct{ ID string } }
	c.post(b, "/v1/actions/create_service/plans", map[string]any{"input": map[string]any{
		"name": name, "team": c.team, "system": "Cart", "template": "go-http", "description": "Measures the time to the first answer.",
	}}, &planned)
	began := time.Now()
	c.post(b, "/v1/actions/create_service/runs", map[string]any{"planId": planned.Plan.ID}, nil)
	if !answers(c.http, c.address+"/run/dev-eu-west-1/"+name+"/", 10*time.Millisecond) {
		b.Fatalf("%s did not answer", name)
	}
	return time.Since(began)
}

func (c *caller) get(b *testing.B, path string) {
	b.Helper()
	response, err := c.http.Get(c.address + path)
	if err != nil {
		b.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusOK {
		b.Fatalf("GET %s: %s, %v", path, response.Status, err)
	}
}

func (c *caller) post(b *testing.B, path string, in, out any) {
	b.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		b.Fatal(err)
	}
	response, err := c.http.Post(c.address+path, "application/json", bytes.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode >= 300 {
		b.Fatalf("POST %s: %s, %v: %s", path, response.Status, err, answer)
	}
	if out != nil {
		if err := json.Unmarshal(answer, out); err != nil {
			b.Fatal(err)
		}
	}
}
