package serve_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"sphera/internal/flag"
	"sphera/internal/flag/serve"
	"sphera/internal/flag/usage"
)

// TestSoakServer is the process of the server, so that it can be killed and its
// cost is counted apart. It takes commands and answers them, a line each.
func TestSoakServer(t *testing.T) {
	address := os.Getenv("SOAK_LISTEN")
	if address == "" {
		t.Skip("the benchmark of ten thousand clients runs this")
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	s := serve.New(serve.Options{Now: time.Now, Log: slog.New(slog.DiscardHandler), Dir: os.Getenv("SOAK_DIR")})
	s.SetKeys(keys())
	if !s.Ready() { // the first time
		s.Replace([]*flag.Snapshot{snapshot(t, time.Now().UnixMicro(), hundredFlags())})
	}
	go func() { _ = s.Work(t.Context()) }()
	go func() { // counts are taken as the portal takes them
		_ = s.Flush(t.Context(), func(context.Context, usage.Batch) (usage.Batch, error) { return usage.Batch{}, nil })
	}()
	var handler http.Handler = s
	if os.Getenv("SOAK_FLOOR") == "true" {
		handler = floorOf(t, s)
	}
	server := &http.Server{Handler: handler, ConnContext: serve.ConnContext, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }()
	commands := bufio.NewScanner(os.Stdin)
	for commands.Scan() {
		var out state
		switch commands.Text() {
		case "change":
			out.Version = time.Now().UnixMicro()
			s.Put(snapshot(t, out.Version, hundredFlags()))
		case "collect":
			runtime.GC()
		}
		out.Subscribers, out.Goroutines = s.Subscribers("checkout", "dev"), runtime.NumGoroutine()
		raw, err := json.Marshal(out)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("SOAK %s\n", raw)
	}
}

// state is what the server says of itself.
type state struct {
	Version                 int64
	Subscribers, Goroutines int
}

// floorOf answers fetches with the same bytes and does nothing for them.
func floorOf(t *testing.T, s *serve.Server) http.Handler {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, bulkPath, strings.NewReader(`{"context":{"targetingKey":"user-1","accountId":"account-1","plan":"pro"}}`))
	r.Header.Set("Authorization", "Bearer "+serverKey)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	answer := w.Body.String()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != bulkPath {
			s.ServeHTTP(w, r)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		constant(w, http.StatusOK, answer)
	})
}

// child is one of the processes.
type child struct {
	t   testing.TB
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

func spawn(t testing.TB, test string, env ...string) *child {
	t.Helper()
	c := &child{t: t, cmd: exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+test+"$", "-test.v", "-test.timeout=0")}
	c.cmd.Env = append(os.Environ(), env...)
	c.cmd.Stderr = os.Stderr
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c.out = bufio.NewScanner(out)
	c.out.Buffer(nil, 1<<20)
	return c
}

// kill ends a process as a crash does.
func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
}

func (c *child) say(command string, into any) {
	c.t.Helper()
	if _, err := io.WriteString(c.in, command+"\n"); err != nil {
		c.t.Fatal(err)
	}
	for into != nil && c.out.Scan() {
		if text, ok := strings.CutPrefix(c.out.Text(), "SOAK "); ok {
			if err := json.Unmarshal([]byte(text), into); err != nil {
				c.t.Fatal(err)
			}
			return
		} else if strings.Contains(c.out.Text(), "FAIL") {
			c.t.Fatal(c.out.Text())
		}
	}
	if into != nil {
		c.t.Fatal("the process ended")
	}
}

// processor is the time that a process has used.
func (c *child) processor() time.Duration {
	c.t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.cmd.Process.Pid))
	if err != nil {
		c.t.Skipf("the time of a process is read from /proc: %v", err)
	}
	fields := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:]))
	var ticks int64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			c.t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// memory is what a process has resident, in MiB.
func (c *child) memory() float64 {
	c.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	if err != nil {
		c.t.Skipf("the memory of a process is read from /proc: %v", err)
	}
	found := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(status)
	if found == nil {
		c.t.Fatal("no VmRSS")
	}
	kib, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		c.t.Fatal(err)
	}
	return kib / 1024
}

func (c *child) files() int {
	c.t.Helper()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", c.cmd.Process.Pid))
	if err != nil {
		c.t.Skipf("the open files of a process are read from /proc: %v", err)
	}
	return len(list)
}
