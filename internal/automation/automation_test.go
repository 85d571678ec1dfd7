package automation_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"sphera/action"
	"sphera/internal/audit"
	"sphera/internal/automation"
	"sphera/internal/catalog"
	"sphera/internal/catalog/query"
	"sphera/internal/fault"
	"sphera/internal/outgoing"
	"sphera/internal/resource"
	"sphera/internal/run"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

const patience = 20 * time.Second

var (
	ada   = action.Actor{ID: "ada", Name: "Ada L", Email: "ada@example.com", Roles: []string{"developer"}, Teams: []string{"shop"}}
	boss  = action.Actor{ID: "boss", Name: "Boss", Email: "boss@example.com", Roles: []string{"administrator"}}
	admin = resource.Actor{ID: "boss", Name: "Boss"}
)

const signingKey = "0123456789abcdef0123456789abcdef-and-more"

// world is the service over a real database and engine, with a server that
// plays all the others.
type world struct {
	*automation.Service
	t       *testing.T
	db      *store.DB
	catalog *catalog.Catalog
	engine  *run.Engine
	server  *httptest.Server

	mu    sync.Mutex
	calls []call
	reply func(r *http.Request, body string) (int, string)
	now   func() time.Time
	skip  time.Duration
}

type call struct {
	method, path string
	header       http.Header
	body         string
}

func each(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) { test(t, newWorld(t, db, true)) })
}

func newWorld(t *testing.T, db *store.DB, allowPrivate bool) *world {
	t.Helper()
	w := &world{t: t, db: db, reply: func(*http.Request, string) (int, string) { return 200, `{"fine":true}` }}
	w.now = func() time.Time {
		w.mu.Lock()
		defer w.mu.Unlock()
		return time.Now().Add(w.skip)
	}
	w.server = httptest.NewServer(http.HandlerFunc(w.serve))
	t.Cleanup(w.server.Close)
	log := audit.New(w.now)
	quiet := slog.New(slog.DiscardHandler)
	w.catalog = catalog.New(db, log, w.now)
	w.engine = run.New(db, log, quiet, run.Options{Now: w.now, Backoff: time.Millisecond})
	var err error
	w.Service, err = automation.New(automation.Deps{
		DB: db, Audit: log, Catalog: w.catalog, Runs: w.engine, Outgoing: outgoing.New(allowPrivate), Now: w.now, Log: quiet,
		Secrets: func(context.Context, func(string) bool) (map[string]string, error) {
			return map[string]string{"API_KEY": "s3cret", "GITHUB_TOKEN": "gh-token", "GITLAB_TOKEN": "gl-token"}, nil
		},
		SigningKey:   func(context.Context) (string, error) { return signingKey, nil },
		Organization: func(context.Context) (string, error) { return "org_1", nil },
		Find: func(ctx context.Context, q *query.Query, env query.Env, limit int) ([]catalog.Entity, error) {
			page, err := w.catalog.Search(ctx, catalog.Query{Blueprint: "svc", Limit: limit})
			return page.Entities, err
		},
		GitHub: w.server.URL + "/github", GitLab: w.server.URL + "/gitlab",
	})
	if err != nil {
		t.Fatal(err)
	}
	w.background(w.engine.Work)
	for _, doc := range []string{
		`{"identifier":"svc","title":"Service","schema":{"properties":{"lang":{"type":"string"},"ttl":{"type":"string","format":"timer"},"restarts":{"type":"number"}},"required":[]}}`,
	} {
		var b catalog.Blueprint
		if err := json.Unmarshal([]byte(doc), &b); err != nil {
			t.Fatal(err)
		}
		if _, _, err := w.catalog.PutBlueprint(context.Background(), b, "boss"); err != nil {
			t.Fatal(err)
		}
	}
	w.entity(`{"identifier":"cart","title":"Cart","team":["shop"],"properties":{"lang":"go"}}`)
	return w
}

func (w *world) background(work func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- work(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("work: %v", err)
		}
	})
}

func (w *world) serve(rw http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.mu.Lock()
	w.calls = append(w.calls, call{r.Method, r.URL.RequestURI(), r.Header.Clone(), string(body)})
	reply := w.reply
	w.mu.Unlock()
	status, text := reply(r, string(body))
	rw.WriteHeader(status)
	io.WriteString(rw, text)
}

func (w *world) called() []call {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]call(nil), w.calls...)
}

func (w *world) entity(doc string) {
	w.t.Helper()
	var n catalog.NewEntity
	if err := json.Unmarshal([]byte(doc), &n); err != nil {
		w.t.Fatal(err)
	}
	if _, _, err := w.catalog.PutEntity(context.Background(), "svc", n, catalog.Write{Upsert: true, Merge: true, By: "ada"}); err != nil {
		w.t.Fatal(err)
	}
}

// action creates an action; URL stands for the server's address.
func (w *world) action(doc string) automation.Action {
	w.t.Helper()
	a, err := w.Create(context.Background(), json.RawMessage(strings.ReplaceAll(doc, "URL", w.server.URL)), admin)
	if err != nil {
		w.t.Fatalf("create %s: %v", doc, err)
	}
	return a
}

func (w *world) start(id string, ask automation.Ask) automation.Run {
	w.t.Helper()
	ask.Action, ask.Source = id, automation.FromAPI
	if ask.By.ID == "" {
		ask.By = ada
	}
	r, err := w.Start(context.Background(), ask)
	if err != nil {
		w.t.Fatalf("start %s: %v %+v", id, err, details(err))
	}
	return r
}

func details(err error) []fault.Detail {
	if f, ok := fault.As(err); ok {
		return f.Details
	}
	return nil
}

// await returns the run once it has one of the states.
func (w *world) await(id any, states ...string) automation.Run {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		r, err := w.Run(context.Background(), fmt.Sprint(id))
		if err != nil {
			w.t.Fatal(err)
		}
		for _, state := range states {
			if r["status"] == state {
				return r
			}
		}
		if time.Now().After(deadline) {
			raw, _ := json.Marshal(r)
			w.t.Fatalf("the run does not come to %v: %s", states, raw)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func selfService(id, more, invocation string) string {
	if more != "" {
		more = "," + more
	}
	return `{"identifier":"` + id + `","trigger":{"type":"self-service","operation":"CREATE","userInputs":{"properties":{},"required":[]}` + more + `},"invocationMethod":` + invocation + `}`
}

func TestDocumentsComeBackAsTheyWere(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		doc := `{"identifier":"a.b:c","trigger":{"type":"self-service","operation":"DAY-2","blueprintIdentifier":"svc","userInputs":{"properties":{"n":{"type":"number","default":{"jqQuery":"1.50"}}},"required":[],"order":["n"]},"condition":{"type":"SEARCH","combinator":"and","rules":[]}},
		  "invocationMethod":{"type":"KAFKA","payload":{"x":1.50,"big":12345678901234567890}},"own":null,"publish":false}`
		a := w.action(doc)
		raw, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		var got, want map[string]json.RawMessage
		_ = json.Unmarshal(raw, &got)
		_ = json.Unmarshal([]byte(doc), &want)
		for key, value := range want {
			var x, y strings.Builder
			_ = compactTo(&x, value)
			_ = compactTo(&y, got[key])
			if x.String() != y.String() {
				t.Errorf("%s: got %s, want %s", key, y.String(), x.String())
			}
			delete(got, key)
		}
		for key := range got {
			if !strings.HasPrefix(key, "created") && !strings.HasPrefix(key, "updated") {
				t.Errorf("the answer has the key %s, which was not sent", key)
			}
		}
		if _, err := w.Create(t.Context(), json.RawMessage(doc), admin); !fault.Is(err, fault.Taken) {
			t.Errorf("a second one: %v", err)
		}
		if _, err := w.SetPermissions(t.Context(), "a.b:c", json.RawMessage(`{"execute":{"users":[],"roles":["Admin"],"teams":[],"ownedByTeam":null,"policy":null}}`), admin); err != nil {
			t.Fatal(err)
		}
		renamed, err := w.Put(t.Context(), "a.b:c", json.RawMessage(strings.Replace(doc, "a.b:c", "new", 1)), admin)
		if err != nil || renamed.Identifier != "new" {
			t.Fatalf("rename: %v %v", renamed.Identifier, err)
		}
		p, err := w.Permissions(t.Context(), "new")
		if err != nil || string(p["execute"]) != `{"users":[],"roles":["Admin"],"teams":[],"ownedByTeam":null,"policy":null}` || !strings.Contains(string(p["approve"]), "Admin") {
			t.Errorf("permissions: %s, %v", p, err)
		}
		if err := w.Delete(t.Context(), "new", admin); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Action(t.Context(), "new"); !fault.Is(err, fault.NotFound) {
			t.Errorf("deleted: %v", err)
		}
	})
}

func compactTo(b *strings.Builder, raw json.RawMessage) error {
	var v any
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return err
	}
	return json.NewEncoder(b).Encode(v)
}

func TestWrongDocumentsAreRefused(t *testing.T) {
	w := newWorld(t, storetest.Open(t, storetest.SQLite(t)), true)
	const hook = `{"type":"WEBHOOK","url":"https://x"}`
	for _, test := range []struct{ doc, field string }{
		{`{"identifier":"a b","trigger":{"type":"automation"},"invocationMethod":` + hook + `}`, "/identifier"},
		{`{"trigger":{"type":"automation"},"invocationMethod":` + hook + `}`, "/identifier"},
		{`{"identifier":"a","invocationMethod":` + hook + `}`, "/trigger/type"},
		{`{"identifier":"a","trigger":{"type":"self-service","operation":"READ"},"invocationMethod":` + hook + `}`, "/trigger/operation"},
		{`{"identifier":"a","trigger":{"type":"self-service","operation":"DELETE","userInputs":{"properties":{}}},"invocationMethod":` + hook + `}`, "/trigger/blueprintIdentifier"},
		{`{"identifier":"a","trigger":{"type":"self-service","operation":"CREATE","userInputs":{"properties":{"x":{"type":"text"}}}},"invocationMethod":` + hook + `}`, "/trigger/userInputs/properties/x/type"},
		{`{"identifier":"a","trigger":{"type":"automation","event":{"type":"ENTITY_CREATED"}},"invocationMethod":` + hook + `}`, "/trigger/event/blueprintIdentifier"},
		{`{"identifier":"a","trigger":{"type":"automation","event":{"type":"X"}},"invocationMethod":` + hook + `}`, "/trigger/event/type"},
		{selfService("a", "", `{"type":"CARRIER_PIGEON"}`), "/invocationMethod/type"},
		{selfService("a", "", `{"type":"WEBHOOK"}`), "/invocationMethod/url"},
	} {
		_, err := w.Create(t.Context(), json.RawMessage(test.doc), admin)
		if !fault.Is(err, fault.Unprocessable) || len(details(err)) == 0 || details(err)[0].Field != test.field {
			t.Errorf("%s: got %v %+v, want %s", test.doc, err, details(err), test.field)
		}
	}
}

func TestInputsAreChecked(t *testing.T) {
	w := newWorld(t, storetest.Open(t, storetest.SQLite(t)), true)
	w.action(`{"identifier":"in","trigger":{"type":"self-service","operation":"DAY-2","blueprintIdentifier":"svc","userInputs":{"properties":{
	  "reason":{"type":"string","minLength":3},"size":{"type":"string","enum":{"jqQuery":"if .form.big then ['xl'] else ['s','m'] end"}},"big":{"type":"boolean"},
	  "why":{"type":"string","visible":{"jqQuery":".form.big == true"}},"lang":{"type":"string","pattern":{"jqQuery":"'^' + .entity.properties.lang + '$'"}},
	  "tags":{"type":"array","items":{"type":"string","format":"url"},"maxItems":{"jqQuery":"1"}},"mail":{"type":"string","format":"email"},"svc":{"type":"string","format":"entity","blueprint":"svc"}},
	  "required":{"jqQuery":"if .form.big then ['reason','why'] else ['reason'] end"}}},"invocationMethod":{"type":"WEBHOOK","url":"URL","synchronized":true}}`)
	for _, test := range []struct{ properties, field string }{
		{`{"reason":"oom"}`, ""},
		{`{}`, "/properties/reason"},
		{`{"reason":"no"}`, "/properties/reason"},
		{`{"reason":"oom","other":1}`, "/properties/other"},
		{`{"reason":"oom","size":"xl"}`, "/properties/size"},
		{`{"reason":"oom","size":"m"}`, ""},
		{`{"reason":"oom","size":"xl","big":true,"why":"x"}`, ""},
		{`{"reason":"oom","big":true}`, "/properties/why"},
		{`{"reason":"oom","lang":"rust"}`, "/properties/lang"},
		{`{"reason":"oom","lang":"go"}`, ""},
		{`{"reason":"oom","tags":["https://a.example","https://b.example"]}`, "/properties/tags"},
		{`{"reason":"oom","tags":["x"]}`, "/properties/tags/0"},
		{`{"reason":"oom","mail":"x"}`, "/properties/mail"},
		{`{"reason":7}`, "/properties/reason"},
	} {
		var properties map[string]any
		if err := json.Unmarshal([]byte(test.properties), &properties); err != nil {
			t.Fatal(err)
		}
		_, err := w.Start(t.Context(), automation.Ask{Action: "in", Entity: "cart", Properties: properties, By: ada, Source: automation.FromAPI})
		if test.field == "" {
			if err != nil {
				t.Errorf("%s: %v %+v", test.properties, err, details(err))
			}
			continue
		}
		if !fault.Is(err, fault.Unprocessable) || len(details(err)) == 0 || details(err)[0].Field != test.field {
			t.Errorf("%s: got %v %+v, want %s", test.properties, err, details(err), test.field)
		}
	}
	if _, err := w.Start(t.Context(), automation.Ask{Action: "in", By: ada}); len(details(err)) == 0 || details(err)[0].Field != "/entity" {
		t.Errorf("without an entity: %v", err)
	}
	if _, err := w.Start(t.Context(), automation.Ask{Action: "in", Entity: "nope", By: ada}); !fault.Is(err, fault.NotFound) {
		t.Errorf("with an unknown entity: %v", err)
	}
}

func TestConditionSaysWhichEntitiesOffer(t *testing.T) {
	w := newWorld(t, storetest.Open(t, storetest.SQLite(t)), true)
	w.entity(`{"identifier":"old","properties":{"lang":"cobol"}}`)
	w.action(`{"identifier":"a","trigger":{"type":"self-service","operation":"DAY-2","blueprintIdentifier":"svc","userInputs":{"properties":{}},"condition":{"type":"SEARCH","combinator":"and","rules":[{"property":"lang","operator":"=","value":"go"}]}},"invocationMethod":{"type":"WEBHOOK","url":"URL","synchronized":true}}`)
	w.start("a", automation.Ask{Entity: "cart"})
	if _, err := w.Start(t.Context(), automation.Ask{Action: "a", Entity: "old", By: ada}); !fault.Is(err, fault.Unprocessable) {
		t.Errorf("got %v", err)
	}
}

func TestSynchronousWebhook(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.action(`{"identifier":"hook","trigger":{"type":"self-service","operation":"DAY-2","blueprintIdentifier":"svc","userInputs":{"properties":{"reason":{"type":"string"}}}},
		  "invocationMethod":{"type":"WEBHOOK","url":"URL/{{ .entity.identifier }}?token={{ .secrets.API_KEY }}","method":"PUT","synchronized":"{{ .inputs.reason == 'oom' }}",
		  "headers":{"X-Run":"{{ .run.id }}","Authorization":"Bearer {{ .secrets.API_KEY }}","Host":"evil.example"},
		  "body":{"{{ spreadValue() }}":"{{ .inputs }}","team":"{{ .entity.team }}","by":"{{ .trigger.by.user.email }}","n":1,"{{ null }}":"gone"}}}`)
		r := w.start("hook", automation.Ask{Entity: "cart", Properties: map[string]any{"reason": "oom"}})
		got := w.await(r["id"], automation.Success, automation.Failure)
		calls := w.called()
		if got["status"] != automation.Success || len(calls) != 1 {
			t.Fatalf("run %v, calls %+v", got, calls)
		}
		c := calls[0]
		if c.method != "PUT" || c.path != "/cart?token=s3cret" || c.header.Get("X-Run") != r["id"] || c.header.Get("Authorization") != "Bearer s3cret" || c.body != `{"by":"ada@example.com","n":1,"reason":"oom","team":["shop"]}` {
			t.Errorf("called with %+v", c)
		}
		if want := automation.Sign(signingKey, c.header.Get("X-Port-Timestamp"), []byte(c.body)); c.header.Get("X-Port-Signature") != want {
			t.Errorf("signature %q, want %q", c.header.Get("X-Port-Signature"), want)
		}
		raw, _ := json.Marshal(got)
		if strings.Contains(string(raw), "s3cret") || !strings.Contains(string(raw), "[secret API_KEY]") || !strings.Contains(string(raw), `"fine":true`) {
			t.Errorf("the run shows %s", raw)
		}
		one, err := w.engine.Get(t.Context(), strings.TrimPrefix(fmt.Sprint(r["id"]), "r_"))
		if err != nil || one.Title != "hook: cart" || len(one.Entities) != 1 || one.Entities[0] != "svc/cart" {
			t.Errorf("the engine's run: %+v %v", one, err)
		}
	})
}

func TestWebhookFailures(t *testing.T) {
	w := newWorld(t, storetest.Open(t, storetest.SQLite(t)), true)
	w.reply = func(*http.Request, string) (int, string) { return 503, "busy" }
	w.action(selfService("down", "", `{"type":"WEBHOOK","url":"URL","synchronized":true}`))
	got := w.await(w.start("down", automation.Ask{})["id"], automation.Failure)
	if !strings.Contains(fmt.Sprint(got["summary"]), "503") {
		t.Errorf("summary: %v", got["summary"])
	}
	w.action(selfService("broken", "", `{"type":"WEBHOOK","url":"URL/{{ .inputs | error(\"own words\") }}"}`))
	got = w.await(w.start("broken", automation.Ask{})["id"], automation.Failure)
	if !strings.Contains(fmt.Sprint(got["summary"]), "own words") {
		t.Errorf("summary: %v", got["summary"])
	}
	if n := len(w.called()); n != 1 {
		t.Errorf("called %d times", n)
	}
	for id, invocation := range map[string]string{"kafka": `{"type":"KAFKA"}`, "azure": `{"type":"AZURE_DEVOPS","org":"o","webhook":"w"}`} {
		w.action(selfService(id, "", invocation))
		if _, err := w.Start(t.Context(), automation.Ask{Action: id, By: ada}); !fault.Is(err, fault.Unprocessable) || !strings.Contains(err.Error(), "Use WEBHOOK") {
			t.Errorf("%s: %v", id, err)
		}
	}
}

// An action must not reach what only this machine reaches.
func TestOutgoingCallsStayOutside(t *testing.T) {
	w := newWorld(t, storetest.Open(t, storetest.SQLite(t)), false)
	for i, address := range []string{"URL/x", "http://169.254.169.254/latest/meta-data", "http://localhost:1/", "http://[::1]:1/", "file:///etc/passwd", "http://10.0.0.1/"} {
		id := fmt.Sprintf("out%d", i)
		w.action(selfService(id, "", `{"type":"WEBHOOK","url":"`+address+`","synchronized":true}`))
		w.await(w.start(id, automation.Ask{})["id"], automation.Failure)
	}
	if calls := w.called(); len(calls) != 0 {
		t.Errorf("called: %+v", calls)
	}
}

func TestReportFromOutside(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.action(selfService("later", "", `{"type":"WEBHOOK","url":"URL"}`))
		id := fmt.Sprint(w.start("later", automation.Ask{})["id"])
		label, summary := "Deploying", "done"
		if _, err := w.Update(t.Context(), id, automation.Report{StatusLabel: &label, Link: json.RawMessage(`["http://ci/1"]`)}, "ci"); err != nil {
			t.Fatal(err)
		}
		if _, err := w.AddLog(t.Context(), id, "half way", "", "", "ci"); err != nil {
			t.Fatal(err)
		}
		got, err := w.Update(t.Context(), id, automation.Report{Status: "SUCCESS", Summary: &summary}, "ci")
		if err != nil || got["status"] != "SUCCESS" || got["summary"] != "done" || got["statusLabel"] != "Deploying" || string(got["link"].(json.RawMessage)) != `["http://ci/1"]` || got["endedAt"] == nil {
			t.Fatalf("got %v, %v", got, err)
		}
		if _, err := w.Update(t.Context(), id, automation.Report{Status: "FAILURE"}, "ci"); !fault.Is(err, fault.Conflict) {
			t.Errorf("a second end: %v", err)
		}
		logs, err := w.Logs(t.Context(), id, 0, 0)
		if err != nil || len(logs) != 1 || logs[0].Message != "half way" {
			t.Errorf("logs %+v %v", logs, err)
		}
		w.engineState(id, run.Succeeded)

		other := fmt.Sprint(w.start("later", automation.Ask{})["id"])
		if _, err := w.AddLog(t.Context(), other, "gave up", "FAILURE", "Gave up", "ci"); err != nil {
			t.Fatal(err)
		}
		w.engineState(other, run.Failed)
		list, err := w.List(t.Context(), automation.RunFilter{Action: "later", UserEmail: "ada@example.com"})
		if err != nil || len(list) != 2 || list[0]["id"] != other || list[0]["status"] != "FAILURE" {
			t.Errorf("list %v %v", list, err)
		}
	})
}

func (w *world) engineState(id string, want run.State) {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		r, err := w.engine.Get(context.Background(), strings.TrimPrefix(id, "r_"))
		if err == nil && r.State == want {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("the engine's run is %s (%v), not %s", r.State, err, want)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// The worked example 7.6 of Port's contract, with an agent that polls as the
// real one does.
func TestPollingAgent(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		w.action(`{"identifier":"restart","trigger":{"type":"self-service","operation":"DAY-2","blueprintIdentifier":"svc","userInputs":{"properties":{"reason":{"type":"string"}},"required":["reason"]}},
		  "requiredApproval":true,"invocationMethod":{"type":"WEBHOOK","url":"http://in.house/restart","agent":true,"synchronized":false,"method":"POST","headers":{},"body":{"svc":"{{ .entity.identifier }}","run":"{{ .run.id }}","key":"{{ .secrets.API_KEY }}"}}}`)
		r := w.start("restart", automation.Ask{Entity: "cart", Properties: map[string]any{"reason": "oom"}})
		id := fmt.Sprint(r["id"])
		w.await(id, automation.WaitingFor)
		if got, err := w.Claim(ctx, "_PORT_EXEC_AGENT", "WEBHOOK", 5); err != nil || len(got) != 0 {
			t.Fatalf("claimed before the approval: %v %v", got, err)
		}
		if _, err := w.Update(ctx, id, automation.Report{Status: "SUCCESS"}, "x"); !fault.Is(err, fault.Conflict) {
			t.Errorf("reported before the approval: %v", err)
		}
		if _, err := w.Decide(ctx, id, ada, "APPROVE", ""); !fault.Is(err, fault.Forbidden) {
			t.Errorf("approved by who asked: %v", err)
		}
		if got, err := w.Decide(ctx, id, boss, "APPROVE", "go"); err != nil || got["status"] != "IN_PROGRESS" {
			t.Fatalf("approve: %v %v", got["status"], err)
		}
		claimed := w.claim(1)
		want := `{"agent":true,"body":{"key":"s3cret","run":"` + id + `","svc":"cart"},"headers":{},"method":"POST","synchronized":false,"type":"WEBHOOK","url":"http://in.house/restart"}`
		if raw, _ := json.Marshal(claimed[0].Payload); claimed[0].ID != id || string(raw) != want {
			t.Errorf("claimed %s, want %s", raw, want)
		}
		if again, err := w.Claim(ctx, "_PORT_EXEC_AGENT", "WEBHOOK", 5); err != nil || len(again) != 0 {
			t.Errorf("claimed twice: %v %v", again, err)
		}
		w.mu.Lock()
		w.skip = 2 * time.Minute // the agent died before it acknowledged
		w.mu.Unlock()
		if again := w.claim(1); again[0].ID != id {
			t.Errorf("claimed again: %v", again)
		}
		if n, err := w.Acknowledge(ctx, []string{id}, "agent"); err != nil || n != 1 {
			t.Errorf("acknowledged %d, %v", n, err)
		}
		if n, err := w.Acknowledge(ctx, []string{id}, "agent"); err != nil || n != 0 {
			t.Errorf("acknowledged twice: %d, %v", n, err)
		}
		if line, err := w.AddLog(ctx, id, "restarting", "", "", "agent"); err != nil || line.RunID != id {
			t.Errorf("log: %+v %v", line, err)
		}
		if _, err := w.Respond(ctx, id, json.RawMessage(`{"status":200}`), "agent"); err != nil {
			t.Error(err)
		}
		summary := "done"
		got, err := w.Update(ctx, id, automation.Report{Status: "SUCCESS", Link: json.RawMessage(`["http://ci/1"]`), Summary: &summary}, "agent")
		if err != nil || got["status"] != "SUCCESS" {
			t.Fatalf("report: %v %v", got, err)
		}
		if _, err := w.Update(ctx, id, automation.Report{Status: "SUCCESS"}, "agent"); !fault.Is(err, fault.Conflict) {
			t.Errorf("a second end: %v", err)
		}
		w.engineState(id, run.Succeeded)
		raw, _ := json.Marshal(got)
		if strings.Contains(string(raw), "s3cret") {
			t.Errorf("the run shows the secret: %s", raw)
		}
	})
}

func (w *world) claim(n int) []automation.Claimed {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		got, err := w.Claim(context.Background(), "_PORT_EXEC_AGENT", "WEBHOOK", 5)
		if err != nil {
			w.t.Fatal(err)
		}
		if len(got) == n {
			return got
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("claimed %v", got)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestDeclinedRun(t *testing.T) {
	w := newWorld(t, storetest.Open(t, storetest.SQLite(t)), true)
	w.action(selfService("ask", "", `{"type":"WEBHOOK","url":"URL","synchronized":true}`)[:1] + `"requiredApproval":{"type":"ANY"},` + selfService("ask", "", `{"type":"WEBHOOK","url":"URL","synchronized":true}`)[1:])
	id := w.start("ask", automation.Ask{})["id"]
	w.await(id, automation.WaitingFor)
	if _, err := w.Decide(t.Context(), fmt.Sprint(id), boss, "DECLINE", "not now"); err != nil {
		t.Fatal(err)
	}
	got := w.await(id, automation.Declined)
	if a, _ := got["approval"].(map[string]any); a["description"] != "not now" || a["state"] != "DECLINED" {
		t.Errorf("approval %v", got["approval"])
	}
	if len(w.called()) != 0 {
		t.Error("it was called all the same")
	}
}

func TestUpsertEntity(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.action(`{"identifier":"up","trigger":{"type":"self-service","operation":"CREATE","userInputs":{"properties":{"name":{"type":"string"},"n":{"type":"number"}}}},
		  "invocationMethod":{"type":"UPSERT_ENTITY","blueprintIdentifier":"svc","mapping":{"identifier":"{{ .inputs.name | ascii_downcase }}","title":"{{ .inputs.name }}","team":["shop"],"properties":{"restarts":"{{ .inputs.n }}","lang":"go"}}}}`)
		got := w.await(w.start("up", automation.Ask{Properties: map[string]any{"name": "Basket", "n": 3.0}})["id"], automation.Success, automation.Failure)
		e, err := w.catalog.Entity(t.Context(), "svc", "basket")
		if err != nil || got["status"] != automation.Success || e.Title != "Basket" || e.Properties["restarts"] != 3.0 {
			t.Errorf("run %v, entity %+v, %v", got["summary"], e, err)
		}
		got = w.await(w.start("up", automation.Ask{Properties: map[string]any{"name": "a b"}})["id"], automation.Success, automation.Failure)
		if got["status"] != automation.Failure || !strings.Contains(fmt.Sprint(got["summary"]), "identifier") {
			t.Errorf("a wrong entity: %v %v", got["status"], got["summary"])
		}
	})
}

// The protocols are those of GitHub's and GitLab's REST documentation, played
// by a fake; the real ones were not reached.
func TestGitHubWorkflow(t *testing.T) {
	w := newWorld(t, storetest.Open(t, storetest.SQLite(t)), true)
	w.reply = func(r *http.Request, body string) (int, string) {
		at := w.now().UTC().Format(time.RFC3339)
		switch {
		case r.Header.Get("Authorization") != "Bearer gh-token":
			return 401, `{"message":"Bad credentials"}`
		case r.Method == "POST":
			return 204, ""
		case strings.HasSuffix(r.URL.Path, "/actions/runs/77"):
			return 200, `{"id":77,"status":"completed","conclusion":"success","html_url":"https://github.example/77","created_at":"` + at + `"}`
		}
		return 200, `{"workflow_runs":[{"id":77,"status":"completed","conclusion":"success","html_url":"https://github.example/77","created_at":"` + at + `"}]}`
	}
	w.action(selfService("gh", "", `{"type":"GITHUB","org":"acme","repo":"shop","workflow":"deploy.yml","workflowInputs":{"ref":"release","who":"{{ .trigger.by.user.email }}","opts":{"a":1}}}`))
	got := w.await(w.start("gh", automation.Ask{})["id"], automation.Success, automation.Failure)
	first := w.called()[0]
	if got["status"] != automation.Success || first.path != "/github/repos/acme/shop/actions/workflows/deploy.yml/dispatches" || first.body != `{"inputs":{"opts":"{\"a\":1}","who":"ada@example.com"},"ref":"release"}` {
		t.Errorf("run %v %v, call %+v", got["status"], got["summary"], first)
	}
	if got["externalRunId"] != "77" {
		t.Errorf("external id %v", got["externalRunId"])
	}
}

func TestGitLabPipeline(t *testing.T) {
	w := newWorld(t, storetest.Open(t, storetest.SQLite(t)), true)
	w.reply = func(r *http.Request, body string) (int, string) {
		if r.Method == "POST" {
			return 201, `{"id":5,"status":"created","web_url":"https://gitlab.example/5"}`
		}
		return 200, `{"id":5,"status":"failed","web_url":"https://gitlab.example/5"}`
	}
	w.action(selfService("gl", "", `{"type":"GITLAB","groupName":"acme/team","projectName":"shop","defaultRef":"trunk","pipelineVariables":{"N":3}}`))
	got := w.await(w.start("gl", automation.Ask{})["id"], automation.Success, automation.Failure)
	first := w.called()[0]
	if got["status"] != automation.Failure || first.path != "/gitlab/api/v4/projects/acme%2Fteam%2Fshop/pipeline" || first.body != `{"ref":"trunk","variables":[{"key":"N","value":"3"}]}` || first.header.Get("Private-Token") != "gl-token" {
		t.Errorf("run %v %v, call %+v", got["status"], got["summary"], first)
	}
}

func TestPolicies(t *testing.T) {
	w := newWorld(t, storetest.Open(t, storetest.SQLite(t)), true)
	doc := selfService("p", "", `{"type":"WEBHOOK","url":"URL","synchronized":true}`)
	w.action(`{"requiredApproval":true,` + doc[1:])
	set := func(execute, approve string) {
		t.Helper()
		body := `{"execute":{"users":[],"roles":["Admin"],"teams":[],"ownedByTeam":null,"policy":` + execute + `},"approve":{"users":[],"roles":["Admin"],"teams":[],"policy":` + approve + `}}`
		if _, err := w.SetPermissions(t.Context(), "p", json.RawMessage(body), admin); err != nil {
			t.Fatal(err)
		}
	}
	const query = `{"all":{"combinator":"and","rules":[{"property":"$blueprint","operator":"=","value":"svc"}]}}`
	set(`{"queries":`+query+`,"conditions":["(.results.all.entities | length) > 99", ".user.email == 'bob@example.com'"]}`, `null`)
	if _, err := w.Start(t.Context(), automation.Ask{Action: "p", By: ada}); !fault.Is(err, fault.Forbidden) {
		t.Errorf("a policy that says no: %v", err)
	}
	set(`{"queries":`+query+`,"conditions":["broken ]", ".results.all.entities | map(.identifier) | contains(['cart'])"]}`, `{"queries":{},"conditions":["[.trigger.user.email, 'eve@example.com']"]}`)
	id := fmt.Sprint(w.start("p", automation.Ask{})["id"])
	w.await(id, automation.WaitingFor)
	list, err := w.Approvers(t.Context(), id, true)
	if err != nil || len(list) != 2 || list[1].UserID != "eve@example.com" {
		t.Errorf("approvers %+v %v", list, err)
	}
	if _, err := w.Decide(t.Context(), id, boss, "APPROVE", ""); !fault.Is(err, fault.Forbidden) {
		t.Errorf("approved by somebody the policy does not name: %v", err)
	}
	if _, err := w.Decide(t.Context(), id, action.Actor{ID: "eve", Email: "eve@example.com"}, "APPROVE", ""); err != nil {
		t.Errorf("approved by whom the policy names: %v", err)
	}
	w.await(id, automation.Success)
	if _, err := w.SetPermissions(t.Context(), "p", json.RawMessage(`{"execute":[]}`), admin); !fault.Is(err, fault.Unprocessable) {
		t.Errorf("a block that is a list: %v", err)
	}
}

func TestEncryptedInputs(t *testing.T) {
	w := newWorld(t, storetest.Open(t, storetest.SQLite(t)), true)
	w.action(`{"identifier":"enc","trigger":{"type":"self-service","operation":"CREATE","userInputs":{"properties":{"password":{"type":"string","encryption":"aes256-gcm"}}}},
	  "invocationMethod":{"type":"WEBHOOK","url":"URL","synchronized":true,"body":{"p":"{{ .inputs.password }}","names":"{{ .action.encryptedProperties }}"}}}`)
	w.await(w.start("enc", automation.Ask{Properties: map[string]any{"password": "open sesame"}})["id"], automation.Success)
	var body struct {
		P     string
		Names []string
	}
	if err := json.Unmarshal([]byte(w.called()[0].body), &body); err != nil || len(body.Names) != 1 {
		t.Fatal(err, body)
	}
	sealed, err := base64.StdEncoding.DecodeString(body.P)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := aes.NewCipher([]byte(signingKey)[:32])
	aead, _ := cipher.NewGCMWithNonceSize(block, 16)
	if plain, err := aead.Open(nil, sealed[:16], sealed[16:], nil); err != nil || string(plain) != "open sesame" {
		t.Errorf("decrypted %q, %v", plain, err)
	}
}

func TestAutomations(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		event := func(id, kind, condition string) {
			more := ""
			if condition != "" {
				more = `,"condition":{"type":"JQ","expressions":["` + condition + `"],"combinator":"and"}`
			}
			w.action(`{"identifier":"` + id + `","trigger":{"type":"automation","event":` + kind + more + `},"invocationMethod":{"type":"WEBHOOK","url":"URL/` + id + `","synchronized":true,"body":{"before":"{{ .event.diff.before.properties.lang }}","after":"{{ .event.diff.after.properties.lang }}","id":"{{ .event.context.entityIdentifier }}"}}}`)
		}
		event("created", `{"type":"ENTITY_CREATED","blueprintIdentifier":"svc"}`, "")
		event("torust", `{"type":"ENTITY_UPDATED","blueprintIdentifier":"svc"}`, ".diff.after.properties.lang == 'rust'")
		event("deleted", `{"type":"ENTITY_DELETED","blueprintIdentifier":"svc"}`, "")
		event("runs", `{"type":"RUN_UPDATED","actionIdentifier":"created"}`, ".diff.after.status == 'SUCCESS'")
		event("brokencond", `{"type":"ANY_ENTITY_CHANGE","blueprintIdentifier":"svc"}`, "broken ]")
		w.background(w.Work)
		w.entity(`{"identifier":"new","properties":{"lang":"go"}}`)
		w.entity(`{"identifier":"new","properties":{"lang":"java"}}`)
		w.entity(`{"identifier":"new","properties":{"lang":"rust"}}`)
		if err := w.catalog.DeleteEntity(context.Background(), "svc", "new", "ada", "", false); err != nil {
			t.Fatal(err)
		}
		want := map[string]string{
			"/created": `{"after":"go","before":null,"id":"new"}`, "/torust": `{"after":"rust","before":"java","id":"new"}`,
			"/deleted": `{"after":null,"before":"rust","id":"new"}`, "/runs": `{"after":null,"before":null,"id":""}`,
		}
		deadline := time.Now().Add(patience)
		for len(w.called()) < len(want) {
			if time.Now().After(deadline) {
				t.Fatalf("called %+v", w.called())
			}
			time.Sleep(5 * time.Millisecond)
		}
		for _, c := range w.called() {
			if want[c.path] != c.body && c.path != "/runs" {
				t.Errorf("%s with %s, want %s", c.path, c.body, want[c.path])
			}
		}
		list, err := w.List(t.Context(), automation.RunFilter{Sources: []string{"AUTOMATION"}})
		if err != nil || len(list) != len(want) {
			t.Errorf("%d runs, %v", len(list), err)
		}
	})
}

func TestExpiredTimer(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.entity(`{"identifier":"cart","properties":{"ttl":"` + w.now().Add(time.Hour).UTC().Format(time.RFC3339) + `"}}`)
		w.action(`{"identifier":"ttl","trigger":{"type":"automation","event":{"type":"TIMER_PROPERTY_EXPIRED","blueprintIdentifier":"svc","propertyIdentifier":"ttl"}},"invocationMethod":{"type":"WEBHOOK","url":"URL/ttl","synchronized":true,"body":{"p":"{{ .event.context.propertyIdentifier }}"}}}`)
		next, err := w.Tick(t.Context())
		if err != nil || next.IsZero() || len(w.called()) != 0 {
			t.Fatalf("next %s, %v, called %v", next, err, w.called())
		}
		w.mu.Lock()
		w.skip = 61 * time.Minute
		w.mu.Unlock()
		for range 2 {
			if next, err = w.Tick(t.Context()); err != nil || !next.IsZero() {
				t.Fatalf("next %s, %v", next, err)
			}
		}
		deadline := time.Now().Add(patience)
		for len(w.called()) == 0 && time.Now().Before(deadline) {
			time.Sleep(5 * time.Millisecond)
		}
		if calls := w.called(); len(calls) != 1 || calls[0].body != `{"p":"ttl"}` {
			t.Errorf("called %+v", calls)
		}
	})
}

// An automation that changes what it watches ends after a few rounds.
func TestAutomationsDoNotGoOnForEver(t *testing.T) {
	w := newWorld(t, storetest.Open(t, storetest.SQLite(t)), true)
	w.action(`{"identifier":"loop","trigger":{"type":"automation","event":{"type":"ANY_ENTITY_CHANGE","blueprintIdentifier":"svc"}},"invocationMethod":{"type":"UPSERT_ENTITY","blueprintIdentifier":"svc","mapping":{"identifier":"cart","properties":{"restarts":"{{ (.event.diff.after.properties.restarts // 0) + 1 }}"}}}}`)
	w.background(w.Work)
	w.entity(`{"identifier":"cart","properties":{"lang":"c"}}`)
	deadline := time.Now().Add(patience)
	for {
		e, err := w.catalog.Entity(t.Context(), "svc", "cart")
		if err == nil && e.Properties["restarts"] == 11.0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("restarts %v, %v", e.Properties["restarts"], err)
		}
		time.Sleep(5 * time.Millisecond)
	}
	if _, err := w.Tick(t.Context()); err != nil {
		t.Fatal(err)
	}
	list, err := w.List(t.Context(), automation.RunFilter{Action: "loop"})
	if err != nil || len(list) != 11 {
		t.Errorf("%d runs, %v", len(list), err)
	}
}

// What is data is planned and applied like what is Go.
func TestPlanAndApply(t *testing.T) {
	w := newWorld(t, storetest.Open(t, storetest.SQLite(t)), true)
	w.action(`{"identifier":"My-Action","title":"Mine","trigger":{"type":"self-service","operation":"CREATE","userInputs":{"properties":{"name":{"type":"string","minLength":2},"n":{"type":"number","default":4}},"required":["name"],"order":["name","n"]}},
	  "invocationMethod":{"type":"WEBHOOK","url":"URL/{{ .inputs.n }}","synchronized":true,"body":{"n":"{{ .inputs.n }}"}}}`)
	a, err := w.engine.Find(t.Context(), "My-Action")
	if err != nil {
		t.Fatal(err)
	}
	schema, _ := json.Marshal(a.Input)
	if want := `{"type":"object","additionalProperties":false,"properties":{"name":{"type":"string","title":"name","minLength":2},"n":{"type":"number","title":"n","default":4}},"required":["name"],"x-order":["name","n"]}`; string(schema) != want {
		t.Errorf("schema %s", schema)
	}
	_, err = w.engine.Plan(t.Context(), ada, "My-Action", "", json.RawMessage(`{"name":"x"}`))
	if err == nil || !strings.Contains(err.Error(), "name") {
		t.Errorf("a wrong input: %v", err)
	}
	plan, err := w.engine.Plan(t.Context(), ada, "My-Action", "", json.RawMessage(`{"name":"abc"}`))
	if err != nil || plan.Plan.Summary == "" || len(plan.Plan.Calls) != 1 || len(plan.Plan.Steps) != 2 {
		t.Fatalf("plan %+v, %v", plan.Plan, err)
	}
	r, err := w.engine.Apply(t.Context(), ada, plan.ID)
	if err != nil {
		t.Fatal(err)
	}
	w.engineState(r.ID, run.Succeeded)
	got := w.await(automation.PortID(r.ID), automation.Success)
	if got["source"] != "UI" || w.called()[0].body != `{"n":4}` {
		t.Errorf("run %v, called %+v", got["source"], w.called())
	}
}
