package hook

import (
	"crypto/hmac"
	"crypto/sha1" // senders use it
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/catalog"
	"sphera/internal/catalog/catalogtest"
	"sphera/internal/fault"
	"sphera/internal/resource"
	"sphera/internal/secret"
	"sphera/internal/source"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

type rig struct {
	*Hooks
	t   *testing.T
	now time.Time
}

func each(t *testing.T, test func(r *rig)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) { test(newRig(t, db)) })
}

func newRig(t *testing.T, db *store.DB) *rig {
	t.Helper()
	r := &rig{t: t, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return r.now }
	log := audit.New(clock)
	sealer, err := secret.OpenSealer(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	c := catalog.New(db, log, clock).Guard(catalogtest.Anybody())
	r.Hooks = New(Deps{
		DB: db, Catalog: c, Sources: source.New(db, c, log, clock), Resources: resource.New(log, clock), Vault: secret.NewVault(db, log, clock, sealer),
		Log: slog.New(slog.DiscardHandler), Now: clock, Instance: "a",
	})
	for _, raw := range []string{
		`{"identifier":"svc","title":"Service","schema":{"properties":{"lang":{"type":"string"},"count":{"type":"number"}},"required":[]},"relations":{"uses":{"target":"svc","many":true,"required":false,"title":"Uses"}}}`,
	} {
		var b catalog.Blueprint
		if err := json.Unmarshal([]byte(raw), &b); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.PutBlueprint(t.Context(), b, "test"); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// webhook sets one up; its key is its name.
func (r *rig) webhook(key, doc, hookSecret string) {
	r.t.Helper()
	d, err := resource.Parse(json.RawMessage(doc))
	if err != nil {
		r.t.Fatal(err)
	}
	err = r.DB.Tx(r.t.Context(), func(tx *store.Tx) error {
		if hookSecret != "" {
			if err := r.Vault.Put(r.t.Context(), tx, secret.Webhook, key, secret.NewValue(hookSecret), "test"); err != nil {
				return err
			}
		}
		if _, err := r.Resources.Create(r.t.Context(), tx, Kind(), "", key, d, resource.Actor{ID: "test"}); err != nil {
			return err
		}
		return r.SetKey(r.t.Context(), tx, key, key)
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) send(key, body string, headers ...string) (Receipt, error) {
	r.t.Helper()
	h := http.Header{}
	for i := 0; i+1 < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	return r.Ingest(r.t.Context(), Request{Key: key, Header: h, Query: url.Values{}, Body: []byte(body)})
}

func (r *rig) mustSend(key, body string, headers ...string) Receipt {
	r.t.Helper()
	got, err := r.send(key, body, headers...)
	if err != nil {
		r.t.Fatal(err)
	}
	return got
}

// drain works on all that is due.
func (r *rig) drain(key string) {
	r.t.Helper()
	for {
		more, err := r.next(r.t.Context(), key)
		if err != nil {
			r.t.Fatal(err)
		}
		if !more {
			return
		}
	}
}

func (r *rig) events(key string) []Event {
	r.t.Helper()
	list, _, err := r.Events(r.t.Context(), key, 0, 100)
	if err != nil {
		r.t.Fatal(err)
	}
	return list
}

func (r *rig) entity(id string) (catalog.Entity, bool) {
	r.t.Helper()
	e, err := r.Catalog.Entity(r.t.Context(), "svc", id)
	if fault.Is(err, fault.NotFound) {
		return e, false
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return e, true
}

const plainMapping = `{"mappings":[{"blueprint":"svc","filter":".body.kind == 'put'","entity":{"identifier":".body.id","title":".body.title","properties":{"lang":".body.lang","count":".body.count"}}},
	{"blueprint":"svc","operation":"delete","filter":".body.kind == 'drop'","entity":{"identifier":".body.id"}}],"security":{"requestIdentifierPath":".headers.\"x-id\""}}`

func sign(key, body string, sum string) string {
	mac := hmac.New(sha256.New, []byte(key))
	if sum == "sha1" {
		mac = hmac.New(sha1.New, []byte(key))
	}
	mac.Write([]byte(body))
	return hex.EncodeToString(mac.Sum(nil))
}

func TestS22_SignatureComesFirst(t *testing.T) {
	each(t, func(r *rig) {
		const body, key = `{"kind":"put","id":"a"}`, "the secret of the sender"
		security := func(algorithm, prefix string) string {
			return fmt.Sprintf(`{"security":{"secret":"********","signatureHeaderName":"X-Sig","signatureAlgorithm":%q,"signaturePrefix":%q}}`, algorithm, prefix)
		}
		r.webhook("sha256", security("sha256", "sha256="), key)
		r.webhook("sha1", security("sha1", ""), key)
		r.webhook("plain", security("plain", "Bearer "), key)
		r.webhook("lost", security("sha256", ""), "")
		r.webhook("half", `{"security":{"signatureAlgorithm":"sha256"}}`, "")
		for _, c := range []struct {
			hook, body, header string
			good               bool
		}{
			{"sha256", body, "sha256=" + sign(key, body, "sha256"), true},
			{"sha256", body, sign(key, body, "sha256"), false},
			{"sha256", body, "sha256=" + sign("other", body, "sha256"), false},
			{"sha256", body + " ", "sha256=" + sign(key, body, "sha256"), false},
			{"sha256", body, "sha256=" + sign(key, body, "sha256")[:62], false},
			{"sha256", body, "sha256=", false},
			{"sha256", body, "", false},
			{"sha256", body, "sha256=zz", false},
			{"sha256", body, "sha256=" + sign(key, body, "sha1"), false},
			{"sha1", body, sign(key, body, "sha1"), true},
			{"sha1", body, sign(key, body, "sha256"), false},
			{"plain", body, "Bearer " + key, true},
			{"plain", body, key, false},
			{"plain", body, "Bearer " + key + "x", false},
			{"lost", body, sign("", body, "sha256"), false},
			{"half", body, sign("", body, "sha256"), false},
			// Not JSON, not UTF-8, nested like mad: with a bad signature nobody looks.
			{"sha256", "{", "sha256=00", false},
			{"sha256", "\xff", "sha256=00", false},
			{"sha256", strings.Repeat("[", 100_000), "sha256=00", false},
		} {
			_, err := r.send(c.hook, c.body, "X-Sig", c.header)
			if c.good != (err == nil) || err != nil && !fault.Is(err, fault.Unauthorized) {
				r.t.Errorf("%s, %.40q signed %q: %v", c.hook, c.body, c.header, err)
			}
		}
		if n := len(r.events("sha256")) + len(r.events("sha1")) + len(r.events("plain")) + len(r.events("lost")) + len(r.events("half")); n != 3 {
			r.t.Errorf("%d events are kept, want the 3 good ones", n)
		}
		var kept int
		if err := r.DB.Read().QueryRowContext(r.t.Context(), "SELECT COUNT(*) FROM webhook_events WHERE headers LIKE '%' || $1 || '%'", key).Scan(&kept); err != nil || kept != 0 {
			r.t.Errorf("the secret is kept in %d events, %v", kept, err)
		}
		// Signed well, and still no JSON.
		for _, bad := range []string{"{", "\xff", strings.Repeat("[", 65) + strings.Repeat("]", 65)} {
			if _, err := r.send("sha256", bad, "X-Sig", "sha256="+sign(key, bad, "sha256")); !fault.Is(err, fault.Unprocessable) {
				r.t.Errorf("%.20q: %v", bad, err)
			}
		}
		if _, refused, err := r.Events(r.t.Context(), "lost", 0, 1); err != nil || refused == nil || !strings.Contains(refused.Reason, "no secret") {
			r.t.Errorf("the reason: %+v, %v", refused, err)
		}
	})
}

func TestEventsAreMappedInOrder(t *testing.T) {
	each(t, func(r *rig) {
		r.webhook("k", plainMapping, "")
		for i, body := range []string{
			`{"kind":"put","id":"a","title":"A","lang":"go","count":12345678901}`,
			`{"kind":"put","id":"b","lang":"go"}`, `{"kind":"other"}`, `{"kind":"drop","id":"b"}`, `{"kind":"drop","id":"b"}`,
			`{"kind":"put","id":"a","lang":"rust","count":1}`, `{"kind":"put","id":"a","lang":"rust","count":1}`, `{"kind":"put","lang":"x"}`, `{"kind":"put","id":"c","count":"many"}`,
		} {
			r.mustSend("k", body, "X-Id", fmt.Sprint(i))
		}
		if _, ok := r.entity("a"); ok {
			r.t.Fatal("an event was worked on before it was answered")
		}
		r.drain("k")
		a, _ := r.entity("a")
		if a.Title != "A" || a.Properties["lang"] != "rust" || a.Properties["count"] != 1.0 || a.UpdatedBy != "webhook/k" {
			r.t.Errorf("a is %+v", a)
		}
		if _, ok := r.entity("b"); ok {
			r.t.Error("b is there still: events were not in order")
		}
		want := []string{"failed 0/1 f1", "failed 1/0 f1", "done 1/1 n1", "done 1/1 u1", "done 1/1 n1", "done 1/1 d1", "done 0/0", "done 1/1 c1", "done 1/1 c1"}
		for i, e := range r.events("k") {
			got := fmt.Sprintf("%s %d/%d", e.Status, e.Result.Matched, e.Result.Mapped)
			for letter, n := range map[string]int{" c": e.Result.Created, " u": e.Result.Updated, " n": e.Result.Unchanged, " d": e.Result.Deleted, " f": e.Result.Failed} {
				if n > 0 {
					got += letter + fmt.Sprint(n)
				}
			}
			if got != want[i] && (i > 1 || e.Status != "failed") {
				r.t.Errorf("event %d: %s, want %s (%+v)", i, got, want[i], e.Result.Problems)
			}
		}
		if p := r.events("k")[0].Result.Problems; len(p) != 1 || p[0].Identifier != "c" || p[0].Field != "/properties/count" {
			r.t.Errorf("why c failed: %+v", p)
		}
		if p := r.events("k")[1].Result.Problems; len(p) != 1 || p[0].Field != "identifier" {
			r.t.Errorf("why the one without a name failed: %+v", p)
		}
	})
}

func TestSameNameIsTakenOnceADay(t *testing.T) {
	each(t, func(r *rig) {
		r.webhook("k", plainMapping, "")
		r.webhook("other", plainMapping, "")
		first := r.mustSend("k", `{"kind":"put","id":"a"}`, "X-Id", "d-1")
		again := r.mustSend("k", `{"kind":"put","id":"b"}`, "X-Id", "d-1")
		if first.Duplicate || !again.Duplicate || again.ID != first.ID {
			r.t.Errorf("%+v, then %+v", first, again)
		}
		if r.mustSend("other", `{}`, "X-Id", "d-1").Duplicate || r.mustSend("k", `{}`).Duplicate || r.mustSend("k", `{}`).Duplicate {
			r.t.Error("another webhook, or no name, is a duplicate")
		}
		r.drain("k")
		if !r.mustSend("k", `{}`, "X-Id", "d-1").Duplicate {
			r.t.Error("forgotten once it was done")
		}
		r.now = r.now.Add(23 * time.Hour)
		if err := r.tidy(r.t.Context()); err != nil {
			r.t.Fatal(err)
		}
		if !r.mustSend("k", `{}`, "X-Id", "d-1").Duplicate {
			r.t.Error("forgotten after 23 hours")
		}
		r.now = r.now.Add(2 * time.Hour)
		if err := r.tidy(r.t.Context()); err != nil {
			r.t.Fatal(err)
		}
		if r.mustSend("k", `{}`, "X-Id", "d-1").Duplicate {
			r.t.Error("remembered after 25 hours")
		}
		if _, ok := r.entity("b"); ok {
			r.t.Error("the duplicate was worked on")
		}
	})
}

// A process that ends between two steps leaves an event that is taken up again,
// and doing it twice is the same as once.
func TestEventSurvivesAKilledWorker(t *testing.T) {
	each(t, func(r *rig) {
		r.webhook("k", plainMapping, "")
		r.mustSend("k", `{"kind":"put","id":"a","lang":"go"}`)
		e, err := r.claim(r.t.Context(), "k")
		if err != nil || e == nil {
			r.t.Fatal(e, err)
		}
		hook, err := r.load(r.t.Context(), "k")
		if err != nil {
			r.t.Fatal(err)
		}
		if _, err := r.process(r.t.Context(), hook, e); err != nil {
			r.t.Fatal(err)
		}
		// Killed here: written, but not finished. Another process goes on.
		next := New(r.Deps)
		if more, err := next.next(r.t.Context(), "k"); err != nil || !more {
			r.t.Fatal(more, err)
		}
		got := r.events("k")[0]
		if got.Status != "done" || got.Result.Unchanged != 1 || got.Attempts != 2 {
			r.t.Errorf("%+v %+v", got, got.Result)
		}
		// One that ends the process each time is given up.
		r.mustSend("k", `{"kind":"put","id":"b"}`)
		for range maxAttempts {
			if _, err := r.claim(r.t.Context(), "k"); err != nil {
				r.t.Fatal(err)
			}
		}
		r.drain("k")
		if got := r.events("k")[0]; got.Status != "failed" || !strings.Contains(got.Result.Problems[0].Problem, "gave up") {
			r.t.Errorf("%+v %+v", got, got.Result)
		}
	})
}

func TestFailedEventCanBeRetried(t *testing.T) {
	each(t, func(r *rig) {
		r.webhook("k", `{"mappings":[{"blueprint":"later","entity":{"identifier":".body.id"}}]}`, "")
		id := r.mustSend("k", `{"id":"x"}`).ID
		r.drain("k")
		if got := r.events("k")[0]; got.Status != "failed" || got.Result.Failed != 1 {
			r.t.Fatalf("%+v", got)
		}
		if _, _, err := r.Catalog.PutBlueprint(r.t.Context(), catalog.Blueprint{Identifier: "later", Title: "Later"}, "test"); err != nil {
			r.t.Fatal(err)
		}
		retry := func() error {
			return r.DB.Tx(r.t.Context(), func(tx *store.Tx) error { return r.Retry(r.t.Context(), tx, "k", id) })
		}
		if err := retry(); err != nil {
			r.t.Fatal(err)
		}
		r.drain("k")
		if got := r.events("k")[0]; got.Status != "done" || got.Result.Created != 1 {
			r.t.Errorf("%+v %+v", got, got.Result)
		}
		if err := retry(); !fault.Is(err, fault.NotFound) {
			r.t.Errorf("one that did not fail: %v", err)
		}
	})
}

func TestItemsAndRelations(t *testing.T) {
	each(t, func(r *rig) {
		r.webhook("k", `{"mappings":[{"blueprint":"svc","itemsToParse":".body.list","filter":".body.list != null","entity":{"identifier":".item.id | tostring","title":"null","properties":{"count":".item.n","bad":".item | error"},
			"relations":{"uses":".item.uses"}}},{"blueprint":"svc","filter":".body.big != null","entity":{"identifier":".body.big | tostring"}}]}`, "")
		r.mustSend("k", `{"list":[{"id":1,"n":1},{"id":2,"n":2,"uses":["1"]}],"big":9007199254740993}`)
		r.drain("k")
		e, ok := r.entity("2")
		if uses := fmt.Sprint(e.Relations["uses"]); !ok || uses != "[1]" || e.Title != "2" {
			r.t.Errorf("%+v", e)
		}
		if _, ok := r.entity("9007199254740993"); !ok {
			r.t.Errorf("a large number lost digits: %+v", r.events("k")[0].Result)
		}
		big := `{"list":[` + strings.TrimSuffix(strings.Repeat(`{"id":"x"},`, maxItems+1), ",") + `]}`
		r.mustSend("k", big)
		r.mustSend("k", `{"list":{"id":"x"}}`)
		r.drain("k")
		list := r.events("k")
		if list[0].Status != "failed" || !strings.Contains(list[0].Result.Problems[0].Problem, "list") ||
			list[1].Status != "failed" || !strings.Contains(list[1].Result.Problems[0].Problem, "501 items") {
			r.t.Errorf("%+v, %+v", list[0].Result, list[1].Result)
		}
	})
}

func TestS15_RateAndRoom(t *testing.T) {
	each(t, func(r *rig) {
		r.webhook("k", plainMapping, "")
		r.webhook("other", plainMapping, "")
		refused := 0
		for range burst + 10 {
			if _, err := r.send("k", `{}`); fault.Is(err, fault.RateLimited) {
				refused++
			}
		}
		if refused != 10 {
			r.t.Errorf("%d refused, want 10", refused)
		}
		if _, err := r.send("other", `{}`); err != nil {
			r.t.Errorf("another webhook: %v", err)
		}
		r.now = r.now.Add(time.Second)
		if _, err := r.send("k", `{}`); err != nil {
			r.t.Errorf("a second later: %v", err)
		}
		large := `"` + strings.Repeat("x", MaxBody-2) + `"`
		if _, err := r.send("other", large+" "); !fault.Is(err, fault.TooLarge) {
			r.t.Errorf("too large: %v", err)
		}
		for range maxWaitingBytes / MaxBody {
			if _, err := r.send("other", large); err != nil {
				r.t.Fatal(err)
			}
		}
		if _, err := r.send("other", `{}`); !fault.Is(err, fault.RateLimited) {
			r.t.Errorf("a full queue: %v", err)
		}
	})
}

func TestHostileMappingsAreBounded(t *testing.T) {
	r := newRig(t, storetest.Open(t, storetest.SQLite(t)))
	r.webhook("k", `{"mappings":[{"blueprint":"svc","filter":"[range(1e9)] | length > 0","entity":{"identifier":"'a'"}},
		{"blueprint":"svc","filter":"def f: f; f","entity":{"identifier":"'a'"}},
		{"blueprint":"svc","entity":{"identifier":"'a' * 1e9"}},
		{"blueprint":"svc","filter":"a && b","entity":{"identifier":"'a'"}},
		{"blueprint":"svc","entity":{"identifier":"'good'","properties":{"lang":"'a' * 1e9"}}}]}`, "")
	r.mustSend("k", `{}`)
	r.drain("k")
	got := r.events("k")[0]
	if got.Status != "failed" || got.Result.Failed != 4 || got.Result.Created != 1 || len(got.Result.Problems) != 5 {
		t.Errorf("%+v", got.Result)
	}
}

func TestWorkerIsWokenAndStops(t *testing.T) {
	each(t, func(r *rig) {
		r.webhook("k", plainMapping, "")
		done, stop := r.DB.Subscribe("webhook-event")
		defer stop()
		ended := make(chan error, 1)
		ctx, cancel := contextOf(r.t)
		go func() { ended <- r.Work(ctx) }()
		r.mustSend("k", `{"kind":"put","id":"a"}`)
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			r.t.Fatal("nothing was worked on")
		}
		cancel()
		if err := <-ended; err != nil {
			r.t.Error(err)
		}
		if _, ok := r.entity("a"); !ok {
			r.t.Error("not written")
		}
	})
}

// A mapping that deletes by mistake, or a sender that lost everything, takes a
// few entities at most; those come back and the rest is never deleted.
func TestMassDeletesOfAMappingAreHeld(t *testing.T) {
	each(t, func(r *rig) {
		r.webhook("k", plainMapping, "")
		count := func() (n int) {
			for i := range 30 {
				if _, ok := r.entity(fmt.Sprintf("e%d", i)); ok {
					n++
				}
			}
			return n
		}
		all := func(kind string) {
			for i := range 30 {
				r.mustSend("k", fmt.Sprintf(`{"kind":%q,"id":"e%d"}`, kind, i))
			}
			r.drain("k")
		}
		all("put")
		r.mustSend("k", `{"kind":"drop","id":"e7"}`)
		r.drain("k")
		if got := r.events("k")[0]; count() != 29 || got.Result.Deleted != 1 || got.Result.Held != 0 {
			r.t.Fatalf("one delete: %d are left, %+v", count(), got.Result)
		}
		r.mustSend("k", `{"kind":"put","id":"e7"}`)
		r.now = r.now.Add(time.Hour)
		all("drop")
		if err := r.Sources.Tick(r.t.Context()); err != nil {
			r.t.Fatal(err)
		}
		held, err := r.Sources.Held(r.t.Context())
		if err != nil || len(held) != 1 || held[0].Source != "webhook/k" {
			r.t.Fatalf("held: %+v %v", held, err)
		}
		if got := r.events("k")[0]; count() != 30 || got.Status != "done" || got.Result.Held != 1 || got.Result.Deleted != 0 {
			r.t.Errorf("%d are left, the last event %+v %+v", count(), got, got.Result)
		}
		// The sender was wrong and tells so: nothing is left to decide.
		all("put")
		r.now = r.now.Add(time.Minute)
		if err := r.Sources.Tick(r.t.Context()); err != nil {
			r.t.Fatal(err)
		}
		if held, err = r.Sources.Held(r.t.Context()); err != nil || len(held) != 0 || count() != 30 {
			r.t.Errorf("after it reported them again: %+v %v", held, err)
		}
	})
}
