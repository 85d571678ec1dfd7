package automation_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"sphera/internal/automation"
	"sphera/internal/fault"
	"sphera/internal/run"
	"sphera/internal/store/storetest"
)

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
