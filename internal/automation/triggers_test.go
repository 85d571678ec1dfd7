package automation_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"sphera/action"
	"sphera/internal/automation"
	"sphera/internal/fault"
	"sphera/internal/run"
	"sphera/internal/store/storetest"
)

// The protocols are those of GitHub's and GitLab's REST documentation, played
// by a fake; the real ones were not reached.
func TestGitHubWorkflow(t *testing.T) {
	w := newWorld(t, storetest.Open(t, storetest.SQLite(t)), true)
	w.reply = func(r *http.Request, body string) (int, string) {
		at := w.now().UTC().Format(time.RFC3339)
		switch {
		case r.Header.Get("Authorization") != "Bearer gh-token":
			return 401, `{"message":"Bad credentials"}`
		case r.Method == http.MethodPost:
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
		if r.Method == http.MethodPost {
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
	if err != nil || len(list) != 1 || list[0].UserID != "eve@example.com" {
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
