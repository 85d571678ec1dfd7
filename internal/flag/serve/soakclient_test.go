package serve_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestSoakClients is the process of the clients: event streams that come back
// as those of browsers do, and fetch what they are told of. It takes commands
// and answers them, a line each.
func TestSoakClients(t *testing.T) {
	if os.Getenv("SOAK_CLIENTS") == "" {
		t.Skip("the benchmark of ten thousand clients runs this")
	}
	number := func(name string) int {
		n, err := strconv.Atoi(os.Getenv(name))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	c := &crowd{address: os.Getenv("SOAK_ADDRESS"), jobs: make(chan job, 4*number("SOAK_CLIENTS"))}
	for range 64 { // connections to fetch over, as a proxy in front has them
		go c.fetcher()
	}
	gate := make(chan struct{}, 100)
	deaf := number("SOAK_DEAF")
	for i := range number("SOAK_CLIENTS") {
		gate <- struct{}{}
		opened := sync.OnceFunc(func() { <-gate })
		if i < deaf {
			go c.neverRead(opened)
		} else {
			go c.follow(i, opened)
		}
	}
	commands := bufio.NewScanner(os.Stdin)
	for commands.Scan() {
		switch commands.Text() {
		case "fetch":
			c.fetch.Store(true)
			fmt.Println("SOAK {}")
		case "report":
			raw, err := json.Marshal(c.report())
			if err != nil {
				t.Fatal(err)
			}
			fmt.Printf("SOAK %s\n", raw)
		}
	}
}

// crowd are the clients together.
type crowd struct {
	address string
	fetch   atomic.Bool
	jobs    chan job
	open    atomic.Int64
	deaf    sync.Map // of connections, so that they stay
	mu      sync.Mutex
	told    map[int64][]float64
	seen    map[int64][]float64
	failed  int
}

type job struct {
	client  int
	version int64
}

// times are of one change: milliseconds until clients had heard of it, or had
// its values.
type times struct {
	N             int
	P50, P99, Max float64
}

// report is what happened since the one before.
type report struct {
	Open       int64
	Failed     int
	Told, Seen map[int64]times
}

func (c *crowd) report() report {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := report{Open: c.open.Load(), Failed: c.failed, Told: sums(c.told), Seen: sums(c.seen)}
	c.told, c.seen, c.failed = nil, nil, 0
	return out
}

func sums(of map[int64][]float64) map[int64]times {
	out := map[int64]times{}
	for version, took := range of {
		slices.Sort(took)
		n := len(took)
		out[version] = times{n, took[n/2], took[n*99/100], took[n-1]}
	}
	return out
}

// note keeps how long it took until now. Versions are times.
func (c *crowd) note(into *map[int64][]float64, version int64) {
	ms := float64(time.Now().UnixMicro()-version) / 1000
	c.mu.Lock()
	defer c.mu.Unlock()
	if *into == nil {
		*into = map[int64][]float64{}
	}
	(*into)[version] = append((*into)[version], ms)
}

// follow keeps a stream open. When it ends it comes back after the pause that
// the server named last, as the standard wants it.
func (c *crowd) follow(client int, opened func()) {
	retry, last, first := 3*time.Second, "", true
	for {
		conn, err := net.Dial("tcp", c.address)
		if err == nil {
			lines := bufio.NewReaderSize(conn, 512)
			_, err = fmt.Fprintf(conn, "GET /flags/dev/ofrep/v1/sse HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nLast-Event-ID: %s\r\n\r\n", serverKey, last)
			here := false
			for err == nil {
				var line []byte
				if line, err = lines.ReadSlice('\n'); err != nil {
					break
				}
				if text, ok := bytes.CutPrefix(line, []byte("retry: ")); ok {
					if ms, err := strconv.Atoi(string(bytes.TrimSpace(text))); err == nil {
						retry = time.Duration(ms) * time.Millisecond
					}
					if !here {
						here = true
						c.open.Add(1)
						opened()
						if !first && c.fetch.Load() { // who was away asks without being told
							c.jobs <- job{client, 0}
						}
						first = false
					}
				} else if text, ok := bytes.CutPrefix(line, []byte("id: ")); ok {
					last = string(bytes.TrimSpace(text))
					version, err := strconv.ParseInt(last, 10, 64)
					if err != nil {
						continue
					}
					c.note(&c.told, version)
					if c.fetch.Load() {
						c.jobs <- job{client, version}
					}
				}
			}
			if here {
				c.open.Add(-1)
			}
			_ = conn.Close()
		}
		opened()
		<-time.After(retry)
	}
}

// neverRead opens a stream and leaves it to fill.
func (c *crowd) neverRead(opened func()) {
	defer opened()
	conn, err := net.Dial("tcp", c.address)
	if err != nil {
		return
	}
	c.deaf.Store(conn, true)
	_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	_, _ = fmt.Fprintf(conn, "GET /flags/dev/ofrep/v1/sse HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", serverKey)
}

// fetcher fetches all flags for one client after the other, each with a context
// of its own.
func (c *crowd) fetcher() {
	var conn net.Conn
	var r *bufio.Reader
	for j := range c.jobs {
		if conn == nil {
			var err error
			if conn, err = net.Dial("tcp", c.address); err != nil {
				c.fail()
				continue
			}
			r = bufio.NewReaderSize(conn, 32<<10)
		}
		body := fmt.Sprintf(`{"context":{"targetingKey":"user-%d","accountId":"account-%d","plan":"pro","country":"CH","version":"2.14.0","beta":true}}`, j.client, j.client/10)
		query := ""
		if j.version > 0 {
			query = fmt.Sprintf("?flagConfigEtag=v%d-x", j.version)
		}
		_, err := fmt.Fprintf(conn, "POST %s%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", bulkPath, query, serverKey, len(body), body)
		if err == nil {
			err = readAnswer(r, "200")
		}
		if err != nil {
			_ = conn.Close()
			conn = nil
			c.fail()
			continue
		}
		if j.version > 0 {
			c.note(&c.seen, j.version)
		}
	}
}

func (c *crowd) fail() {
	c.mu.Lock()
	c.failed++
	c.mu.Unlock()
}
