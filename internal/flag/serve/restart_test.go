package serve_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	syncv1 "buf.build/gen/go/open-feature/flagd/protocolbuffers/go/flagd/sync/v1"
	"sphera/internal/flag/eval"
	"sphera/internal/flag/serve"

	"connectrpc.com/connect"
)

// serving is a server at an address of its own that can end as in a crash and
// come back with what is on disk.
type serving struct {
	t             *testing.T
	address, sync string
	dir           string
	s             *serve.Server
	servers       []*http.Server
	cancel        context.CancelFunc
	ended         chan error
}

func (v *serving) start() {
	v.t.Helper()
	v.s = serve.New(serve.Options{Now: time.Now, Log: slog.New(slog.DiscardHandler), Dir: v.dir})
	v.servers = []*http.Server{{Handler: v.s, ConnContext: serve.ConnContext, ReadHeaderTimeout: time.Minute}, serve.SyncServer(v.s.Sync())}
	for i, at := range []*string{&v.address, &v.sync} {
		if *at == "" {
			*at = "127.0.0.1:0"
		}
		listener, err := net.Listen("tcp", *at)
		if err != nil {
			v.t.Fatal(err)
		}
		*at = listener.Addr().String()
		go func() { _ = v.servers[i].Serve(listener) }()
	}
	var ctx context.Context
	ctx, v.cancel = context.WithCancel(context.Background())
	v.ended = make(chan error, 1)
	go func() { v.ended <- v.s.Work(ctx) }()
}

// crash cuts every connection; nobody is told anything.
func (v *serving) crash() {
	v.t.Helper()
	for _, server := range v.servers {
		_ = server.Close()
	}
	v.cancel()
	if err := <-v.ended; err != nil {
		v.t.Error(err)
	}
}

// TestL19_ARestartLosesNobody: after a crash every page comes back by itself,
// spread over seconds; what clients evaluate in their process never changes
// meanwhile, nor by the restart, which serves from disk.
func TestL19_ARestartLosesNobody(t *testing.T) {
	const pages = 300
	v := &serving{t: t, dir: t.TempDir()}
	v.start()
	v.s.SetKeys(keys())
	v.s.Put(snapshot(t, 1, definition))
	var pauses sync.Map
	var back atomic.Int64
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	defer func() {
		cancel()
		v.crash()
		group.Wait()
	}()
	for range pages {
		group.Go(func() { page(ctx, v.address, func(pause time.Duration) { pauses.Store(pause, true); back.Add(1) }) })
	}
	inProcess := newHeld(t, v.sync)
	group.Go(func() { inProcess.follow(ctx) })
	eventually(t, "all are there", func() bool { return v.s.Subscribers("checkout", "dev") == pages+1 && inProcess.set.Load() != nil })
	before := inProcess.answers()

	v.crash()
	for range 20 {
		if got := inProcess.answers(); got != before {
			t.Fatal("an evaluation changed while the server was down")
		}
	}
	back.Store(0)
	v.start()
	if !v.s.Ready() {
		t.Fatal("the flags are not served from disk")
	}
	eventually(t, "all come back", func() bool { return v.s.Subscribers("checkout", "dev") == pages+1 })
	eventually(t, "all are greeted", func() bool { return back.Load() >= pages })
	if n := back.Load(); n != pages {
		t.Errorf("%d pages came back %d times", pages, n)
	}
	if got := inProcess.answers(); got != before {
		t.Error("the restart changed an evaluation")
	}
	// They do not come all at once: the pauses that were named are spread over
	// seconds, and none is longer than what all have to be back within.
	few, shortest, longest := 0, time.Hour, time.Duration(0)
	pauses.Range(func(k, _ any) bool {
		pause, _ := k.(time.Duration)
		few, shortest, longest = few+1, min(shortest, pause), max(longest, pause)
		return true
	})
	if few < pages/2 || longest-shortest < 2*time.Second || longest > 60*time.Second {
		t.Errorf("%d different pauses from %s to %s", few, shortest, longest)
	}
	v.s.Put(snapshot(t, 2, `{"flags":{}}`))
	eventually(t, "a change arrives in the process", func() bool { return inProcess.answers() != before })
}

// page follows a stream and comes back after the pause that was named, a
// hundred times faster than it is.
func page(ctx context.Context, address string, here func(pause time.Duration)) {
	pause := time.Second
	for ctx.Err() == nil {
		if conn, err := net.Dial("tcp", address); err == nil {
			stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
			_, _ = fmt.Fprintf(conn, "GET /flags/dev/ofrep/v1/sse HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", serverKey)
			lines := bufio.NewScanner(conn)
			for lines.Scan() {
				if text, ok := bytes.CutPrefix(lines.Bytes(), []byte("retry: ")); ok {
					if ms, err := strconv.Atoi(string(text)); err == nil {
						pause = time.Duration(ms) * time.Millisecond
						here(pause)
					}
				}
			}
			stop()
			_ = conn.Close()
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause / 100):
		}
	}
}

// held is a client that evaluates in its process: it keeps the definition that
// it was sent last.
type held struct {
	t       *testing.T
	address string
	set     atomic.Pointer[eval.Set]
}

func newHeld(t *testing.T, address string) *held { return &held{t: t, address: address} }

func (h *held) follow(ctx context.Context) {
	for ctx.Err() == nil {
		ask := connect.NewRequest(&syncv1.SyncFlagsRequest{})
		ask.Header().Set("Authorization", "Bearer "+serverKey)
		if stream, err := syncClient(h.address).SyncFlags(ctx, ask); err == nil {
			for stream.Receive() {
				set, problems := eval.Compile([]byte(stream.Msg().GetFlagConfiguration()), eval.Options{})
				if set == nil {
					h.t.Error(problems)
					return
				}
				h.set.Store(set)
			}
			_ = stream.Close()
		}
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// answers are the results of all flags for a hundred users.
func (h *held) answers() string {
	set := h.set.Load()
	var out bytes.Buffer
	for i := range 100 {
		about := eval.NewContext(map[string]any{"targetingKey": fmt.Sprint("user-", i), "plan": []string{"pro", "free"}[i%2]})
		for _, key := range set.Keys() {
			if r := set.Evaluate(key, about, 0); r.Variant != nil {
				fmt.Fprintln(&out, i, key, r.Variant.Name)
			}
		}
	}
	return out.String()
}
