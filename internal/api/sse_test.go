package api

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"sphera/internal/auth"
	"sphera/internal/catalog"
	"sphera/internal/catalog/catalogtest"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

type event struct{ name, id, data string }

// reader reads one event stream.
type reader struct {
	t      *testing.T
	events chan event
	close  context.CancelFunc
	status int
}

// follow opens a stream as role, going on after last when it is not empty.
func (h *harness) follow(role, path, last string) *reader {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, h.server.URL+path, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+h.tokens[role])
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	res, err := http.DefaultTransport.RoundTrip(r) //nolint:bodyclose // closed by the reader below
	if err != nil {
		h.t.Fatal(err)
	}
	c := &reader{t: h.t, events: make(chan event, 1000), close: cancel, status: res.StatusCode}
	h.t.Cleanup(cancel)
	go func() {
		defer close(c.events)
		defer res.Body.Close()
		var e event
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			name, value, _ := strings.Cut(lines.Text(), ": ")
			switch name {
			case "event":
				e.name = value
			case "id":
				e.id = value
			case "data":
				e.data = value
			case "":
				if lines.Text() == "" && e.name != "" {
					c.events <- e
				}
				e = event{}
			}
		}
	}()
	return c
}

// next waits for the next event of that name.
func (c *reader) next(name string) event {
	c.t.Helper()
	for {
		select {
		case e, ok := <-c.events:
			if !ok {
				c.t.Fatalf("the stream ended before an event %q came", name)
			}
			if e.name == name {
				return e
			}
		case <-time.After(20 * time.Second):
			c.t.Fatalf("no event %q came", name)
		}
	}
}

// ends waits until the stream is over.
func (c *reader) ends() {
	c.t.Helper()
	for {
		select {
		case _, ok := <-c.events:
			if !ok {
				return
			}
		case <-time.After(20 * time.Second):
			c.t.Fatal("the stream did not end")
		}
	}
}

// TestRunEventsResume breaks the stream after each line and goes on after the
// last id: no line is lost and none comes twice.
func TestRunEventsResume(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		h.work()
		const lines = 6
		path := "/v1/runs/" + h.startRun("developer", lines) + "/events"
		last, seen := "", []string{}
		for i := range lines {
			h.gate <- struct{}{}
			c := h.follow("viewer", path, last)
			c.next("run")
			c.close()
			c.ends()
			again := h.follow("viewer", path, last)
			e := again.next("log")
			last = e.id
			seen = append(seen, e.data)
			again.close()
			if want := fmt.Sprintf("line %d", i+1); !strings.Contains(e.data, want) {
				t.Fatalf("after %d lines came %s", i, e.data)
			}
		}
		c := h.follow("viewer", path, "")
		for i := range lines {
			if e := c.next("log"); e.data != seen[i] {
				t.Errorf("from the beginning line %d is %s, was %s", i+1, e.data, seen[i])
			}
		}
		c.next("end")
		c.ends()
		text := h.call("viewer", "GET", strings.TrimSuffix(path, "/events")+"/logs?format=text", nil)
		if strings.Count(text.text, "\n") != lines || !strings.Contains(text.text, "wait line 6") || !strings.HasPrefix(text.header.Get("Content-Type"), "text/plain") {
			t.Errorf("the log as text: %q", text.text)
		}
		page := h.must("viewer", "GET", strings.TrimSuffix(path, "/events")+"/logs?limit=4", nil)
		if got := len(page.json["lines"].([]any)); got != 4 || page.json["next"] == nil {
			t.Errorf("a page of the log: %s", page.text)
		}
	})
}

func TestEventsHintAtChanges(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		c := h.follow("viewer", "/v1/events", "")
		h.fixtures()
		want := map[string]bool{
			`{"topic":"entity","id":"Component/my/api"}`: true, `{"topic":"pull_request","id":"group/r/1"}`: true,
		}
		for len(want) > 0 {
			delete(want, c.next("hint").data)
		}
	})
}

// TestStreamsEndWithTheSession: signing out, suspending and revoking end what
// is open at once.
func TestStreamsEndWithTheSession(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		c := h.follow("developer", "/v1/events", "")
		if c.status != http.StatusOK {
			t.Fatalf("status %d", c.status)
		}
		suspended := auth.Suspended
		if _, err := h.auth.UpdateUser(t.Context(), h.users["developer"].ID, auth.UserChange{Status: &suspended}, "system"); err != nil {
			t.Fatal(err)
		}
		c.ends()
		if got := h.follow("developer", "/v1/events", ""); got.status != http.StatusUnauthorized {
			t.Errorf("afterwards: %d", got.status)
		}
	})
}

func TestStreamsEndWithTheServer(t *testing.T) {
	h := sqlite(t, Options{})
	c := h.follow("viewer", "/v1/events", "")
	h.api.StopStreams()
	c.ends()
}

func TestStreamsGiveSignsOfLife(t *testing.T) {
	h := sqlite(t, Options{Heartbeat: 10 * time.Millisecond})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.server.URL+"/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+h.tokens["viewer"])
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), ":") {
			return
		}
	}
	t.Error("the stream ended without a sign of life")
}

// TestTwoServersOneDatabase: a change made through one server reaches who
// follows the other within a second.
func TestTwoServersOneDatabase(t *testing.T) {
	url := storetest.Postgres(t)
	first := start(t, storetest.Open(t, url), Options{})
	db, err := store.Open(t.Context(), url, first.api.log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	second := &harness{t: t, db: db, log: first.log, tokens: first.tokens, users: first.users}
	deps := Deps{
		DB: db, Audit: first.api.audit, Auth: auth.New(db, first.api.audit, time.Now),
		Catalog: catalog.New(db, first.api.audit, time.Now).Guard(catalogtest.Anybody()), Insights: first.api.insights,
		Log: first.api.log, Now: time.Now, Sinks: first.api.sinks, AuditKey: first.api.auditKey,
	}
	first.raw.guard(&deps)
	if second.api, err = New(deps, Options{Version: "test"}); err != nil {
		t.Fatal(err)
	}
	second.server = newServer(t, second.api)
	c := second.follow("viewer", "/v1/events", "")
	first.fixtures()
	for c.next("hint").data != `{"topic":"entity","id":"Component/my/api"}` {
		continue // hints of what the fixtures make before
	}
	began := time.Now()
	first.must("administrator", "PATCH", "/v1/blueprints/Component/entities/my%2Fapi", map[string]any{"title": "Other"})
	for c.next("hint").data != `{"topic":"entity","id":"Component/my/api"}` {
		continue // hints of the audit log
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("it took %s", took)
	}
	if got := second.must("viewer", "GET", "/v1/blueprints/Component/entities/my%2Fapi", nil); got.field("entity.title") != "Other" {
		t.Errorf("the second server shows %s", got.text)
	}
}
