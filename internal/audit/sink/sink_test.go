package sink

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/audit/seal"
	"sphera/internal/fault"
	"sphera/internal/outgoing"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

type world struct {
	t      *testing.T
	db     *store.DB
	log    *audit.Log
	key    *seal.Key
	sealer *seal.Sealer
}

func newWorld(t *testing.T, db *store.DB) *world {
	t.Helper()
	key, err := seal.OpenKey(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	return &world{t: t, db: db, log: audit.New(time.Now), key: key, sealer: seal.New(db, key, slog.New(slog.DiscardHandler), time.Now, "a")}
}

// add appends and seals n events, and signs the end.
func (w *world) add(n int) {
	w.t.Helper()
	err := w.db.Tx(w.t.Context(), func(tx *store.Tx) error {
		for range n {
			if err := w.log.Append(w.t.Context(), tx, audit.Event{Actor: "ada", Verb: "run.cancel", Object: "run/1", Detail: audit.Detail("state", "a\r\nb\x1b[31m")}); err != nil {
				return err
			}
		}
		return nil
	})
	for err == nil {
		var sealed int
		if sealed, err = w.sealer.Seal(w.t.Context()); sealed == 0 {
			break
		}
	}
	if err == nil {
		_, err = w.sealer.Checkpoint(w.t.Context())
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) sinks(specs ...string) *Sinks {
	w.t.Helper()
	var parsed []Spec
	for _, text := range specs {
		s, err := Parse(text)
		if err != nil {
			w.t.Fatal(err)
		}
		parsed = append(parsed, s)
	}
	out, err := New(Deps{
		DB: w.db, Key: w.key, Client: outgoing.New(true), Log: slog.New(slog.DiscardHandler), Now: time.Now, Instance: "a", Host: "host", Patience: 300 * time.Millisecond,
	}, parsed)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// run works until the returned function is called.
func (w *world) run(s *Sinks) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Work(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
	}
}

// until waits for a sink to stand as ok says.
func (w *world) until(s *Sinks, what string, ok func(Standing) bool) {
	w.t.Helper()
	notes, stop := w.db.Subscribe(Topic)
	defer stop()
	deadline := time.After(30 * time.Second)
	for {
		list, err := s.List(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		if ok(list[0]) {
			return
		}
		select {
		case <-notes:
		case <-deadline:
			w.t.Fatalf("%s: %+v", what, list[0])
		}
	}
}

func (w *world) verified(r io.Reader, entries int64) {
	w.t.Helper()
	report, err := seal.VerifyFile(r, seal.Options{Keys: []string{w.key.Public()}})
	if err != nil || !report.OK() || report.Entries != entries || report.Checkpoints == 0 {
		w.t.Fatalf("%v %+v", err, report)
	}
}

func TestS57_FileSink(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		path := filepath.Join(t.TempDir(), "log", "audit.jsonl")
		s := w.sinks("file:" + path)
		w.add(3)
		stop := w.run(s)
		w.until(s, "three", func(at Standing) bool { return at.Position == 3 })
		w.add(450)
		w.until(s, "all", func(at Standing) bool { return at.Position == 453 })
		stop()
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Fatalf("%v %v", info, err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		w.verified(f, 453)
	})
}

// TestS58_ConsumerKilledAtRandom: a receiver that breaks off at random, before
// or after it took the lines, has every entry at the end.
func TestS58_ConsumerKilledAtRandom(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		var mu sync.Mutex
		var got bytes.Buffer
		server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			kind := rand.IntN(3)
			if kind == 0 {
				panic(http.ErrAbortHandler) // killed before it read
			}
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return
			}
			if r.Header.Get("Authorization") != "Bearer hush" || !strings.HasPrefix(r.Header.Get("Webhook-Signature"), "v1a,") {
				t.Errorf("headers %v", r.Header)
			}
			got.Write(body)
			if kind == 1 {
				panic(http.ErrAbortHandler) // killed after it kept them: they come again
			}
		}))
		defer server.Close()
		token := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(token, []byte("hush\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		s := w.sinks(server.URL + "/in?token-file=" + token)
		to := s.open(s.specs[0])
		var last int64
		for round := range 200 {
			if round < 40 {
				w.add(5)
			}
			if _, err := s.once(t.Context(), s.specs[0], to); err != nil {
				continue
			}
			at, err := s.state(t.Context(), s.specs[0])
			if err != nil {
				t.Fatal(err)
			}
			if last = at.position; last == 200 {
				break
			}
		}
		if last != 200 {
			t.Fatalf("the sink stands at %d", last)
		}
		mu.Lock()
		defer mu.Unlock()
		w.verified(&got, 200)
	})
}

func TestS57_SyslogSink(t *testing.T) {
	w := newWorld(t, storetest.Open(t, storetest.SQLite(t)))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	messages := make(chan string, 100)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		in := bufio.NewReader(conn)
		for {
			var n int
			digits, err := in.ReadString(' ')
			if err != nil {
				return
			}
			if err := json.Unmarshal([]byte(strings.TrimSpace(digits)), &n); err != nil {
				t.Error(err)
				return
			}
			text := make([]byte, n)
			if _, err := io.ReadFull(in, text); err != nil {
				return
			}
			messages <- string(text)
		}
	}()
	w.add(2)
	s := w.sinks("syslog+tcp://" + listener.Addr().String() + "?format=ocsf")
	stop := w.run(s)
	defer stop()
	for i := range 3 {
		m := <-messages
		if !strings.HasPrefix(m, "<109>1 ") || !strings.Contains(m, " host sphera ") || strings.ContainsAny(m, "\r\n\x1b") {
			t.Errorf("message %q", m)
		}
		if i < 2 && !strings.Contains(m, `"class_uid":6003`) || i == 2 && !strings.Contains(m, `"type":"checkpoint"`) {
			t.Errorf("message %d: %q", i, m)
		}
	}
}

// TestS59_RequiredSink: when the required sink hangs, nobody gets a
// confirmation, and the refusal says why; when it works again they do.
func TestS59_RequiredSink(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		var mu sync.Mutex
		broken := true
		server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			if broken {
				rw.WriteHeader(http.StatusServiceUnavailable)
			}
		}))
		defer server.Close()
		s := w.sinks(server.URL+"/?required=true", "file:"+filepath.Join(t.TempDir(), "a"))
		if err := s.Confirm(t.Context()); err == nil {
			t.Error("confirmed before the sink was ever reached")
		}
		stop := w.run(s)
		defer stop()
		w.add(1)
		err := s.Confirm(t.Context())
		f, ok := fault.As(err)
		if !ok || f.Code != fault.Forbidden || f.Rule != "audit-sink-required" || !strings.Contains(f.Reason, "did not take it within") {
			t.Fatalf("while the sink fails: %v", err)
		}
		w.until(s, "the failure is shown", func(at Standing) bool { return at.Error != "" && !at.FailingSince.IsZero() })
		mu.Lock()
		broken = false
		mu.Unlock()
		w.until(s, "the sink works again", func(at Standing) bool { return at.Error == "" && at.Position == 1 })
		if err := s.Confirm(t.Context()); err != nil {
			t.Fatalf("when the sink works: %v", err)
		}
		if err := w.sinks().Confirm(t.Context()); err != nil {
			t.Fatalf("without sinks: %v", err)
		}
	})
}

func TestSpecs(t *testing.T) {
	for _, text := range []string{
		"", "audit.jsonl", "file:audit.jsonl", "file://host/x", "syslog+udp://host:514?required=true", "syslog+tcp://host", "syslog://host/x", "https://user:pw@host/",
		"ftp://host/x", "file:/x?format=xml", "file:/x?color=red", "https://host/?required=maybe", "https://host/?token-file=/does/not/exist",
	} {
		if s, err := Parse(text); err == nil {
			t.Errorf("%q was read as %+v", text, s)
		} else if strings.Contains(err.Error(), ":pw@") {
			t.Errorf("the error repeats a password: %v", err)
		}
	}
	s, err := Parse("https://host/in?format=ocsf&index=main&required=true")
	if err != nil || s.URL != "https://host/in?index=main" || s.Format != OCSF || !s.Required || s.Name != "https://host/in" {
		t.Errorf("%+v %v", s, err)
	}
	if _, err := New(Deps{}, []Spec{{Name: "a", Required: true}, {Name: "b", Required: true}}); err == nil {
		t.Error("two required sinks were taken")
	}
}
