package serve_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"sphera/internal/flag"
	"sphera/internal/flag/serve"
)

// eventually waits for what another goroutine does.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	limit := time.After(10 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-limit:
			t.Fatal("not within 10 s: " + what)
		case <-tick.C:
		}
	}
}

// relayOf starts a relay of f. stop ends it with its last write to disk.
func relayOf(t testing.TB, f *fixture, dir string) (r *fixture, stop func()) {
	t.Helper()
	r = &fixture{t: t, clock: f.clock}
	r.s = serve.New(serve.Options{Now: f.clock.now, Log: slog.New(slog.DiscardHandler), Dir: dir, Relay: true, ClientRate: 1e6, FailureRate: 1e6})
	r.http = httptest.NewServer(r.s)
	ctx, cancel := context.WithCancel(context.Background())
	up := serve.Upstream{URL: f.http.URL, Key: relayKey, Client: serve.NewClient(), MinBackoff: 5 * time.Millisecond, MaxBackoff: 20 * time.Millisecond}
	done := make(chan error, 2)
	go func() { done <- up.Follow(ctx, r.s) }()
	go func() { done <- r.s.Work(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		r.s.Stop()
		r.http.CloseClientConnections()
		r.http.Close()
	}
	t.Cleanup(stop)
	return r, stop
}

func color(f *fixture) string {
	f.t.Helper()
	a := f.single("color", "{}")
	if a.status != 200 {
		return a.body
	}
	value, _ := a.json(f.t)["value"].(string)
	return value
}

// A relay follows every change, serves on when the portal is gone, and over a
// restart of its own while it is.
func TestRelay(t *testing.T) {
	f := start(t)
	dir := filepath.Join(t.TempDir(), "flags")
	r, stop := relayOf(t, f, dir)
	eventually(t, "the relay has the flags", r.s.Ready)
	if got := color(r); got != "#f00" {
		t.Fatal(got)
	}
	f.s.Put(snapshot(t, 2, strings.Replace(definition, "#f00", "#e00", 1), "banner"))
	eventually(t, "a change arrives", func() bool { return color(r) == "#e00" })
	f.s.Put(snapshotOf(t, "cart", "dev", 1, `{"flags":{}}`))
	f.s.Remove("cart", "dev")
	if a := r.ask("POST", singlePath+"share", clientKey, `{"context":{}}`); a.status != 404 {
		t.Errorf("a relay shows a hidden flag to a client key: %d", a.status)
	}
	f.s.SetKeys(keys()[1:])
	eventually(t, "a revoked key ends at the relay", func() bool { return r.ask("POST", bulkPath, serverKey, `{"context":{}}`).status == 401 })
	f.s.SetKeys(keys())
	eventually(t, "a new key works at the relay", func() bool { return r.ask("POST", bulkPath, serverKey, `{"context":{}}`).status == 200 })

	// The portal goes.
	f.s.Stop()
	f.http.CloseClientConnections()
	f.http.Close()
	if got := color(r); got != "#e00" {
		t.Fatal(got)
	}
	eventually(t, "everything is on disk", func() bool { files, err := os.ReadDir(dir); return err == nil && len(files) == 2 })
	stop()
	again := serve.New(serve.Options{Now: f.clock.now, Log: slog.New(slog.DiscardHandler), Dir: dir})
	r = &fixture{t: t, s: again, clock: f.clock, http: httptest.NewServer(again)}
	defer r.http.Close()
	if got := color(r); got != "#e00" || !again.Ready() {
		t.Errorf("after a restart without the portal: %s", got)
	}
}

// After an interruption only what changed is sent, and what was removed
// meanwhile goes.
func TestRelayComesBack(t *testing.T) {
	f := start(t)
	f.s.Put(snapshotOf(t, "cart", "dev", 1, `{"flags":{}}`))
	r, _ := relayOf(t, f, "")
	eventually(t, "the relay has the flags", func() bool { return r.s.Ready() && r.s.Subscribers("cart", "dev") == 0 && color(r) == "#f00" })
	f.http.CloseClientConnections()
	f.s.Put(snapshot(t, 2, strings.Replace(definition, "#f00", "#e00", 1)))
	f.s.Remove("cart", "dev")
	eventually(t, "the change arrives", func() bool { return color(r) == "#e00" })
	eventually(t, "the removal arrives", func() bool {
		for _, k := range r.s.Sets() {
			if k[0] == "cart" {
				return false
			}
		}
		return true
	})
}

// Counts of a relay reach the portal once each.
func TestRelayCounts(t *testing.T) {
	f := start(t)
	r, _ := relayOf(t, f, "")
	eventually(t, "the relay has the flags", r.s.Ready)
	for range 3 {
		color(r)
	}
	r.single("gone", "{}")
	up := serve.Upstream{URL: f.http.URL, Key: relayKey, Client: serve.NewClient()}
	for range 2 { // the second time there is nothing
		if rest, err := up.Send(t.Context(), r.s.Collect()); err != nil || !rest.Empty() {
			t.Fatal(err, rest)
		}
	}
	color(r)
	if _, err := up.Send(t.Context(), r.s.Collect()); err != nil {
		t.Fatal(err)
	}
	b := f.s.Collect()
	if len(b.Rows) != 1 || b.Rows[0].Client != "cart" || b.Rows[0].Counts["color"]["red|STATIC"] != 4 {
		t.Errorf("%+v", b.Rows)
	}
	if len(b.Unknown) != 1 || b.Unknown[0].Flag != "gone" || b.Unknown[0].Asked != 1 {
		t.Errorf("%+v", b.Unknown)
	}
	if a := f.ask("POST", "/flag-feed/v1/usage", serverKey, `{}`); a.status != 403 {
		t.Errorf("a server key sends a relay's counts: %d", a.status)
	}
}

func TestCounts(t *testing.T) {
	f := start(t)
	for range 3 {
		f.single("banner", `{"plan":"pro"}`)
	}
	f.single("off", `{}`)
	f.single("broken", `{}`)
	f.single("typo", `{}`)
	f.ask("POST", bulkPath, clientKey, `{"context":{"plan":"pro"}}`)
	f.ask("POST", "/flags/dev/usage/v1/counts", serverKey, `{"client":"sidecar","counts":[{"flag":"color","variant":"red","reason":"STATIC","count":40},{"flag":"gone","variant":"x","reason":"STATIC","count":1},{"flag":"color","variant":"red","reason":"STATIC","count":-5}],"unknown":["old","color"]}`)
	f.s.Put(snapshot(t, 2, definition)) // a change loses no counts
	got := map[string]int64{}
	b := f.s.Collect()
	for _, row := range b.Rows {
		for name, outcomes := range row.Counts {
			for o, n := range outcomes {
				got[row.Client+" "+name+" "+o] += n
			}
		}
	}
	want := map[string]int64{
		"cart banner on|TARGETING_MATCH": 3, "cart off |DISABLED": 1, "cart broken |ERROR": 1, "shop banner on|TARGETING_MATCH": 1, "shop color red|STATIC": 1,
		"sidecar color red|STATIC": 40,
	}
	for name, n := range want {
		if got[name] != n {
			t.Errorf("%s: %d, want %d", name, got[name], n)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%v", got)
	}
	if len(b.Unknown) != 2 {
		t.Errorf("%+v", b.Unknown)
	}
	if again := f.s.Collect(); !again.Empty() {
		t.Errorf("counted twice: %+v", again)
	}
}

// A client that gets 304 for ever still uses its flags.
func TestConfirmedFlagsAreInUse(t *testing.T) {
	f := start(t)
	tag := f.ask("POST", bulkPath, clientKey, `{"context":{}}`).header.Get("ETag")
	f.s.Collect()
	f.clock.add(10 * time.Minute)
	if a := f.ask("POST", bulkPath, clientKey, `{"context":{}}`, "If-None-Match", tag); a.status != 304 && a.status != 200 {
		t.Fatal(a.status)
	}
	b := f.s.Collect()
	if len(b.Seen) != 2 {
		t.Errorf("%+v", b.Seen)
	}
}

// What cannot be read is left out, and nobody else may read the files.
func TestDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "flags")
	f := start(t, func(o *serve.Options) { o.Dir = dir })
	f.s.Put(snapshotOf(t, "../../etc", "x/y", 1, definition))
	save(t, f.s)
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 3 {
		t.Fatalf("%v %v", files, err)
	}
	for _, file := range files {
		info, err := file.Info()
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", file.Name(), info.Mode(), err)
		}
		raw, err := os.ReadFile(filepath.Join(dir, file.Name()))
		if err != nil || strings.Contains(string(raw), serverKey) {
			t.Errorf("%s holds a plain key, %v", file.Name(), err)
		}
	}
	for name, content := range map[string]string{"0123.set.json": `{"project":`, "4567.set.json": `{"project":"p","environment":"e","definition":{"flags":5}}`, ".new-1": "half"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	again := serve.New(serve.Options{Now: f.clock.now, Log: slog.New(slog.DiscardHandler), Dir: dir})
	if got := len(again.Sets()); got != 2 || !again.Ready() {
		t.Errorf("%d sets", got)
	}
	if _, err := os.Stat(filepath.Join(dir, ".new-1")); err == nil {
		t.Error("half a file is left")
	}
	// A set that was removed is gone after a restart.
	again.Replace([]*flag.Snapshot{snapshot(t, 2, definition)})
	save(t, again)
	third := serve.New(serve.Options{Now: f.clock.now, Log: slog.New(slog.DiscardHandler), Dir: dir})
	for _, k := range third.Sets() {
		if k[0] != "checkout" && k[0] != "p" {
			t.Errorf("%v is back", k)
		}
	}
}

// save lets the server write what it has.
func save(t testing.TB, s *serve.Server) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Work(ctx); err != nil {
		t.Fatal(err)
	}
}

// Sets that were replaced before their counts were taken do not pile up, and
// what was counted on them is not lost.
func TestReplacedSetsDoNotPileUp(t *testing.T) {
	f := start(t)
	color(f)
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	const changes = 500
	for i := range changes {
		f.s.Put(snapshot(t, int64(2+i), hundredFlags()))
	}
	if grown := heap() - before; grown > 40<<20 {
		t.Errorf("%d changes left %d MiB", changes, grown>>20)
	}
	for _, row := range f.s.Collect().Rows {
		if row.Counts["color"]["red|STATIC"] == 1 {
			return
		}
	}
	t.Error("the evaluation of a replaced set was not counted")
}
