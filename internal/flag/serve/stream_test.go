package serve_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"sphera/internal/flag/serve"
)

// events reads an event stream line by line.
type events struct {
	t      testing.TB
	lines  chan string
	cancel context.CancelFunc
	status int
	header http.Header
}

func (f *fixture) follow(path string, headers ...string) *events {
	f.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.http.URL+path, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := f.http.Client().Do(req) //nolint:bodyclose // the goroutine below closes it
	if err != nil {
		f.t.Fatal(err)
	}
	e := &events{t: f.t, lines: make(chan string, 1000), cancel: cancel, status: res.StatusCode, header: res.Header}
	f.t.Cleanup(cancel)
	go func() {
		defer res.Body.Close()
		defer close(e.lines)
		scan := bufio.NewScanner(res.Body)
		for scan.Scan() {
			e.lines <- scan.Text()
		}
	}()
	return e
}

// next returns the data of the next event with its id; ok is false when the
// stream has ended.
func (e *events) next() (id string, data map[string]any, ok bool) {
	e.t.Helper()
	limit := time.After(10 * time.Second)
	for {
		select {
		case line, open := <-e.lines:
			if !open {
				return "", nil, false
			}
			if text, found := strings.CutPrefix(line, "id: "); found {
				id = text
			}
			if text, found := strings.CutPrefix(line, "data: "); found {
				if err := json.Unmarshal([]byte(text), &data); err != nil {
					e.t.Fatal(err)
				}
				return id, data, true
			}
		case <-limit:
			e.t.Fatal("no event within 10 s")
		}
	}
}

// opened waits until the stream is followed.
func (e *events) opened() {
	e.t.Helper()
	if line := <-e.lines; !strings.HasPrefix(line, "retry: ") {
		e.t.Fatalf("%d: %q", e.status, line)
	}
	<-e.lines
}

// streamPath is where a bulk answer says changes are told.
func (f *fixture) streamPath(key string) string {
	f.t.Helper()
	var out struct {
		EventStreams []struct {
			Endpoint struct {
				RequestURI string `json:"requestUri"`
			}
		}
	}
	a := f.ask("POST", bulkPath, key, `{"context":{}}`)
	if err := json.Unmarshal([]byte(a.body), &out); err != nil || len(out.EventStreams) != 1 {
		f.t.Fatalf("%d %s", a.status, a.body)
	}
	return out.EventStreams[0].Endpoint.RequestURI
}

func TestStreamTellsOfChanges(t *testing.T) {
	f := start(t)
	path := f.streamPath(clientKey)
	if strings.Contains(path, clientKey) {
		t.Error("the address of the stream holds the key")
	}
	s := f.follow(path, "Origin", "https://shop.example")
	if s.status != 200 || s.header.Get("Content-Type") != "text/event-stream" || s.header.Get("Access-Control-Allow-Origin") != "https://shop.example" {
		t.Fatalf("%d %v", s.status, s.header)
	}
	s.opened()
	f.s.Put(snapshot(t, 2, strings.Replace(definition, "#f00", "#e00", 1), "banner", "color"))
	id, data, _ := s.next()
	if id != "2" || data["type"] != "refetchEvaluation" || !strings.HasPrefix(data["etag"].(string), "v2-") {
		t.Errorf("%s %v", id, data)
	}
	// Who was away learns at once that there is something new.
	if id, _, _ := f.follow(path, "Origin", "https://shop.example").next(); id != "2" {
		t.Errorf("since the bulk answer: %s", id)
	}
	if id, _, _ := f.follow(path, "Last-Event-ID", "1").next(); id != "2" {
		t.Errorf("since the last event: %s", id)
	}
	quiet := f.follow(path, "Last-Event-ID", "2")
	quiet.opened()
	f.s.Put(snapshot(t, 3, definition, "banner"))
	if id, _, _ := quiet.next(); id != "3" {
		t.Errorf("who is up to date heard of %s", id)
	}
	// Many changes at once are one event with the newest.
	slow := f.follow(path, "Last-Event-ID", "3")
	slow.opened()
	for v := int64(4); v < 50; v++ {
		f.s.Put(snapshot(t, v, definition, "banner"))
	}
	for {
		if id, _, ok := slow.next(); !ok || id == "49" {
			break
		}
	}
}

func TestStreamTokens(t *testing.T) {
	f := start(t)
	path := f.streamPath(clientKey)
	status := func(path string) int {
		e := f.follow(path)
		defer e.cancel()
		return e.status
	}
	if got := status(path[:len(path)-len("&since=1")-1] + "x&since=1"); got != 401 {
		t.Errorf("a forged token: %d", got)
	}
	if got := status(strings.Replace(path, "/dev/", "/production/", 1)); got != 401 {
		t.Errorf("a token of another environment: %d", got)
	}
	if a := f.ask("POST", bulkPath, strings.TrimPrefix(path[strings.Index(path, "token=")+6:], ""), `{"context":{}}`); a.status != 401 {
		t.Errorf("the token of a stream evaluates: %d", a.status)
	}
	open := f.follow(path)
	open.opened()
	// A token is good for 15 to 30 minutes: until the next quarter of an hour
	// has ended, whatever the time is now.
	f.clock.add(14 * time.Minute)
	if got := status(path); got != 200 {
		t.Errorf("within its life: %d", got)
	}
	f.clock.add(17 * time.Minute)
	if got := status(path); got != 401 {
		t.Errorf("after its life: %d", got)
	}
	if got := status(f.streamPath(clientKey)); got != 200 {
		t.Errorf("a new one: %d", got)
	}
	// A revoked key ends its streams.
	f.s.SetKeys(keys()[:1])
	if _, _, ok := open.next(); ok {
		t.Error("the stream of a revoked key goes on")
	}
}

func TestStreamsEndWhenTheServerStops(t *testing.T) {
	f := start(t)
	s := f.follow("/flags/dev/ofrep/v1/sse", "Authorization", "Bearer "+serverKey)
	s.opened()
	f.s.Stop()
	if _, _, ok := s.next(); ok {
		t.Error("the stream goes on")
	}
}

func TestTooManyStreams(t *testing.T) {
	f := start(t, func(o *serve.Options) { o.MaxStreams = 2 })
	for range 2 {
		f.follow("/flags/dev/ofrep/v1/sse", "Authorization", "Bearer "+serverKey).opened()
	}
	if s := f.follow("/flags/dev/ofrep/v1/sse", "Authorization", "Bearer "+serverKey); s.status != 503 || s.header.Get("Retry-After") == "" {
		t.Errorf("%d", s.status)
	}
	if a := f.ask("POST", bulkPath, serverKey, `{"context":{}}`); strings.Contains(a.body, "eventStreams") {
		t.Error("a stream is offered that cannot be opened")
	}
}

// Pages whose flags change with time alone look again now and then.
func TestClockWakesPages(t *testing.T) {
	f := start(t, func(o *serve.Options) { o.ClockEvery = 20 * time.Millisecond })
	f.s.Put(snapshot(t, 2, `{"flags":{"late":{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off","targeting":{"if":[{">":[{"var":"$flagd.timestamp"},4000000000]},"on",null]}}}}`, "late"))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.s.Work(ctx) }()
	s := f.follow("/flags/dev/ofrep/v1/sse", "Authorization", "Bearer "+serverKey)
	s.opened()
	if id, _, _ := s.next(); id != "2" {
		t.Errorf("%s", id)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A client has heard of a version from another replica: this one catches up
// before it answers.
func TestCatchUp(t *testing.T) {
	var f *fixture
	f = start(t, func(o *serve.Options) {
		o.CatchUp = func(project, environment string) {
			if project == "checkout" && environment == "dev" {
				go f.s.Put(snapshot(t, 7, strings.Replace(definition, "#f00", "#e00", 1)))
			}
		}
	})
	if a := f.ask("POST", bulkPath+"?flagConfigEtag=v1-abc", serverKey, `{"context":{}}`); a.status != 200 || !strings.Contains(a.body, "#f00") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := f.ask("POST", bulkPath+"?flagConfigEtag=v7-abc&flagConfigLastModified=1", serverKey, `{"context":{}}`); a.status != 200 || !strings.Contains(a.body, "#e00") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := f.ask("POST", bulkPath+"?flagConfigEtag=nonsense", serverKey, `{"context":{}}`); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
}
