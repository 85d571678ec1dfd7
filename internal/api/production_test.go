package api

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sphera/internal/audit/sink"
	"sphera/internal/outgoing"
)

// hangs makes the required sink one that never answers.
func (h *harness) hangs() {
	h.t.Helper()
	hang := make(chan struct{})
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	h.t.Cleanup(receiver.Close)
	h.t.Cleanup(func() { close(hang) })
	spec, err := sink.Parse(receiver.URL + "/?required=true")
	if err != nil {
		h.t.Fatal(err)
	}
	h.api.sinks, err = sink.New(sink.Deps{
		DB: h.db, Key: h.api.auditKey, Client: outgoing.New(true), Log: slog.New(slog.DiscardHandler), Now: time.Now, Instance: "test", Patience: 50 * time.Millisecond,
	}, []sink.Spec{spec})
	if err != nil {
		h.t.Fatal(err)
	}
	h.background(h.api.sinks.Work)
}

// TestS59_EveryPathToProductionWaits: while the required sink hangs nothing that
// reaches production is done, by whichever route, and the answer says why.
func TestS59_EveryPathToProductionWaits(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		h.fixtures()
		h.must("administrator", "POST", "/v1/blueprints", map[string]any{
			"identifier": "Environment", "title": "Environment", "relations": map[string]any{},
			"schema": map[string]any{"properties": map[string]any{"kind": map[string]any{"type": "string"}}, "required": []string{}},
		})
		for id, kind := range map[string]string{"production": "production", "dev": "dev"} {
			h.must("administrator", "POST", "/v1/blueprints/Environment/entities", map[string]any{"identifier": id, "title": id, "properties": map[string]any{"kind": kind}})
		}
		plan := h.must("developer", "POST", "/v1/actions/wait_here/plans", map[string]any{"input": map[string]any{"lines": 0, "environment": "production"}})
		run := fmt.Sprint(h.must("developer", "POST", "/v1/actions/wait_here/runs", map[string]any{"planId": plan.field("plan.id")}).field("run.id"))
		later := h.must("developer", "POST", "/v1/actions/wait_here/plans", map[string]any{"input": map[string]any{"lines": 0, "environment": "production"}})
		h.must("developer", "POST", "/v1/flag-projects", map[string]any{"key": "shop", "service": "my/api"})
		h.must("developer", "POST", "/v1/flag-projects/shop/flags", map[string]any{
			"key": "one", "title": "One", "kind": "release", "type": "boolean", "variations": []any{map[string]any{"name": "on", "value": true}, map[string]any{"name": "off", "value": false}},
		})
		version := func(environment string) int64 {
			f, err := h.api.flags.Get(portal(t.Context()), "shop", "one")
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range f.Environments {
				if e.Environment == environment {
					return e.Version
				}
			}
			return f.Version
		}
		on := func(environment string) map[string]any {
			return map[string]any{"on": true, "version": version(environment)}
		}
		proposed := on("production")
		proposed["propose"], proposed["reason"] = true, "try"
		const flag = "/v1/flag-projects/shop/flags/one"
		proposal := fmt.Sprint(h.must("developer", "PUT", flag+"/environments/production", proposed).field("proposal.id"))
		h.hangs()
		for _, c := range []struct {
			role, method, path string
			body               any
		}{
			{"developer", "POST", "/v1/actions/wait_here/runs", map[string]any{"planId": later.field("plan.id")}},
			{"administrator", "POST", "/v1/runs/" + run + "/approval", map[string]any{"approve": true}},
			{"administrator", "POST", "/v1/runs/" + run + "/retry", nil},
			{"administrator", "POST", "/v1/runs/" + run + "/undo", map[string]any{"digest": "x"}},
			{"administrator", "PUT", flag + "/environments/production", on("production")},
			{"administrator", "POST", flag + "/promote", map[string]any{"from": "dev", "to": "production", "version": version("production")}},
			{"administrator", "POST", flag + "/revert", map[string]any{"version": 1, "current": 1}},
			{"administrator", "POST", flag + "/archive", map[string]any{"version": version("")}},
			{"administrator", "DELETE", flag, nil},
			{"administrator", "POST", "/v1/flags/bulk", map[string]any{"do": "on", "environment": "production", "flags": []any{map[string]any{"project": "shop", "key": "one", "version": version("production")}}}},
			{"administrator", "POST", "/v1/flag-projects/shop/import", map[string]any{"environment": "production", "definition": "{}"}},
			{"administrator", "POST", "/v1/flag-projects/shop/segments", map[string]any{"key": "staff", "title": "S", "conditions": []any{}}},
			{"administrator", "POST", "/v1/flag-projects/shop/proposals/" + proposal + "/decision", map[string]any{"approve": true}},
			{"administrator", "PATCH", "/v1/blueprints/Environment/entities/production", map[string]any{"title": "x"}},
			{"administrator", "DELETE", "/v1/blueprints/Environment/entities/production", nil},
		} {
			got := h.call(c.role, c.method, c.path, c.body)
			if !strings.Contains(got.text, "did not take it within") || got.status != http.StatusForbidden && !strings.Contains(got.text, `"ok":false`) {
				t.Errorf("%s %s: %d %.300s", c.method, c.path, got.status, got.text)
			}
			if events := h.eventsOf(got); len(events) != 1 || !strings.HasPrefix(events[0], "denied ") {
				t.Errorf("%s %s: events %q", c.method, c.path, events)
			}
		}
		// Elsewhere it goes on.
		h.must("administrator", "PUT", flag+"/environments/dev", on("dev"))
		h.must("administrator", "PATCH", "/v1/blueprints/Environment/entities/dev", map[string]any{"title": "x"})
	})
}
