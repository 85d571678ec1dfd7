package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"sphera/internal/audit"
)

// eventsOf are the outcomes of the events that one request left, by its id.
func (h *harness) eventsOf(r reply) (verbs []string) {
	h.t.Helper()
	rows, err := h.db.Read().QueryContext(h.t.Context(), "SELECT verb, outcome FROM audit_events WHERE request_id = $1 ORDER BY seq", r.header.Get("X-Request-Id"))
	if err != nil {
		h.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var verb, outcome string
		if err := rows.Scan(&verb, &outcome); err != nil {
			h.t.Fatal(err)
		}
		verbs = append(verbs, outcome+" "+verb)
	}
	if err := rows.Err(); err != nil {
		h.t.Fatal(err)
	}
	return verbs
}

// TestS56_OneEventOnDenial: every route that changes something leaves exactly
// one event, of outcome denied, with the rule, for whoever may not.
func TestS56_OneEventOnDenial(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		id := h.fixtures()
		n := 0
		for key, rt := range h.api.mux.entries {
			if rt.audit != domain || rt.verb == anyone || rt.verb == signedIn || strings.HasSuffix(rt.verb, ".read") || rt.path == "/git/" {
				continue
			}
			got := h.call("viewer", rt.method, concrete(rt.path, id), nil)
			if got.status != http.StatusForbidden {
				continue // what a viewer may, or what is not there
			}
			n++
			if events := h.eventsOf(got); len(events) != 1 || !strings.HasPrefix(events[0], audit.Denied+" ") {
				t.Errorf("%s: %q", key, events)
			}
		}
		if n < 60 {
			t.Errorf("only %d routes were refused", n)
		}
		events, _, err := h.api.audit.List(t.Context(), h.db, audit.Filter{Outcomes: []string{audit.Denied}, Limit: 200})
		if err != nil || len(events) < n {
			t.Fatalf("%d events, %v", len(events), err)
		}
		for _, e := range events {
			if e.Rule == "" || e.Address == "" || e.Via != "token" {
				t.Errorf("a refusal without rule, address or via: %+v", e)
			}
		}
	})
}

// changing is one request that changes something, and the route it is of.
type changing struct {
	route, path string
	body        any
	role        string
}

func changes(id string) []changing {
	const entities = "/v1/blueprints/Component/entities"
	blueprint := func(name string) map[string]any {
		return map[string]any{
			"identifier": name, "title": name, "relations": map[string]any{},
			"schema": map[string]any{"properties": map[string]any{"note": map[string]any{"type": "string"}}, "required": []string{}},
		}
	}
	return []changing{
		{"POST /v1/blueprints", "/v1/blueprints", blueprint("Extra"), ""},
		{"PUT /v1/blueprints/{bp}", "/v1/blueprints/Extra", withTitle(blueprint("Extra"), "Other"), ""},
		{"DELETE /v1/blueprints/{bp}", "/v1/blueprints/Extra", nil, ""},
		{"POST /v1/blueprints/{bp}/entities", entities, map[string]any{"identifier": "b", "title": "B", "team": []string{"checkout"}, "properties": map[string]any{}}, "developer"},
		{"PATCH /v1/blueprints/{bp}/entities/{id}", entities + "/b", map[string]any{"properties": map[string]any{"note": "x"}}, "developer"},
		{"PUT /v1/blueprints/{bp}/entities/{id}", entities + "/b", map[string]any{"identifier": "b", "title": "C", "team": []string{"checkout"}, "properties": map[string]any{}}, ""},
		{"DELETE /v1/blueprints/{bp}/entities/{id}", entities + "/b", nil, ""},
		{"POST /v1/blueprints/{bp}/entities/bulk", entities + "/bulk", map[string]any{"entities": []any{map[string]any{"identifier": "k", "title": "K", "team": []string{"checkout"}}}}, ""},
		{"POST /v1/blueprints/{bp}/bulk-edit", "/v1/blueprints/Component/bulk-edit", map[string]any{"identifiers": []string{"k"}, "set": map[string]any{"properties": map[string]any{"note": "n"}}}, ""},
		{"POST /v1/repositories/{repo}/pull-requests/{n}/comments", "/v1/repositories/group%2Fr/pull-requests/1/comments", map[string]any{"body": "Nice."}, "developer"},
		{"POST /v1/repositories/{repo}/pull-requests/{n}/reviews", "/v1/repositories/group%2Fr/pull-requests/1/reviews", map[string]any{"verdict": "approve"}, "developer"},
		{"POST /v1/repositories/{repo}/pull-requests/{n}/close", "/v1/repositories/group%2Fr/pull-requests/1/close", nil, ""},
		{"POST /v1/runs/{id}/cancel", "/v1/runs/" + id + "/cancel", nil, "developer"},
		{"POST /v1/actions/{action}/runs", "plan", nil, "developer"},
		{"POST /v1/teams", "/v1/teams", map[string]any{"name": "extra"}, ""},
		{"PATCH /v1/teams/{name}", "/v1/teams/extra", map[string]any{"description": "x"}, ""},
		{"DELETE /v1/teams/{name}", "/v1/teams/extra", nil, ""},
		{"POST /v1/users/invite", "/v1/users/invite", map[string]any{"invitee": map[string]any{"email": "new@example.com", "roles": []string{"Member"}, "teams": []string{}}}, ""},
		{"DELETE /v1/users/{email}", "/v1/users/new@example.com", nil, ""},
		{"POST /v1/organization/secrets", "/v1/organization/secrets", map[string]any{"secretName": "A", "secretValue": "v"}, ""},
		{"PATCH /v1/organization/secrets/{name}", "/v1/organization/secrets/A", map[string]any{"secretValue": "w"}, ""},
		{"DELETE /v1/organization/secrets/{name}", "/v1/organization/secrets/A", nil, ""},
		{"POST /v1/organization/signing-key", "/v1/organization/signing-key", nil, ""},
		{"PATCH /v1/organization", "/v1/organization", map[string]any{"name": "Green"}, ""},
		{"POST /v1/views", "/v1/views", map[string]any{"name": "Mine", "blueprint": "Component", "state": "?q=x"}, "developer"},
		{"PUT /v1/sources/{id}", "/v1/sources/none", map[string]any{"brakeMin": 5}, ""},
		{"POST /v1/webhooks", "/v1/webhooks", map[string]any{"identifier": "hook", "title": "Hook", "mappings": []any{}}, ""},
		{"DELETE /v1/webhooks/{id}", "/v1/webhooks/hook", nil, ""},
		{"POST /v1/pages", "/v1/pages", map[string]any{"identifier": "p", "title": "P", "type": "dashboard", "widgets": []any{}}, ""},
		{"POST /v1/audit/export", "/v1/audit/export", nil, ""},
		{"POST /v1/auth/login", "/v1/auth/login", map[string]any{"email": "developer@example.com", "password": "wrong"}, "nobody"},
	}
}

func withTitle(b map[string]any, title string) map[string]any {
	b["title"] = title
	return b
}

// TestS56_OneEventOnSuccess makes changes over the routes, each of which leaves
// exactly one event. The log of the test names the routes that no change is
// listed for.
func TestS56_OneEventOnSuccess(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		id := h.fixtures()
		done := map[string]bool{}
		for _, c := range changes(id) {
			method, _, _ := strings.Cut(c.route, " ")
			role := c.role
			switch role {
			case "":
				role = "administrator"
			case "nobody":
				role = ""
			}
			if c.path == "plan" {
				plan := h.must(role, "POST", "/v1/actions/wait_here/plans", map[string]any{"input": map[string]any{"lines": 0}})
				c.path, c.body = "/v1/actions/wait_here/runs", map[string]any{"planId": plan.field("plan.id")}
			}
			rt, known := h.api.mux.entries[c.route]
			if !known {
				t.Errorf("%s: there is no such route", c.route)
				continue
			}
			if rt.audit != domain {
				t.Errorf("%s: is not one that changes something", c.route)
			}
			done[c.route] = true
			got := h.call(role, method, c.path, c.body)
			if got.status >= 300 && c.role != "nobody" {
				if got.status != http.StatusNotFound {
					t.Errorf("%s: %d %.300s", c.route, got.status, got.text)
				}
				continue
			}
			// A blueprint comes and goes with its two catalog pages, and a run that is
			// cancelled before it began has ended.
			events := slices.DeleteFunc(h.eventsOf(got), func(e string) bool {
				return strings.Contains(c.route, "blueprints") && strings.HasPrefix(e, "success page.") || strings.HasSuffix(c.route, "/cancel") && e == "success run.end" ||
					c.route == "POST /v1/teams" && e == "success team.update" // its members
			})
			if len(events) != 1 {
				t.Errorf("%s: %d events: %q", c.route, len(events), events)
			}
		}
		var missing []string
		for key, rt := range h.api.mux.entries {
			if rt.audit == domain && !done[key] {
				missing = append(missing, key)
			}
		}
		slices.Sort(missing)
		t.Logf("%d routes are counted; for these no change is listed in changes():\n%s", len(done), strings.Join(missing, "\n"))
	})
}

// TestS49_NoRecordNoChange: when the log cannot be written nothing is changed,
// over every route that a change is listed for.
func TestS49_NoRecordNoChange(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		id := h.fixtures()
		plan := h.must("developer", "POST", "/v1/actions/wait_here/plans", map[string]any{"input": map[string]any{"lines": 0}})
		h.breakAudit()
		before := h.state()
		for _, c := range changes(id) {
			method, _, _ := strings.Cut(c.route, " ")
			role := c.role
			switch role {
			case "":
				role = "administrator"
			case "nobody":
				role = ""
			}
			if c.path == "plan" {
				c.path, c.body = "/v1/actions/wait_here/runs", map[string]any{"planId": plan.field("plan.id")}
			}
			got := h.call(role, method, c.path, c.body)
			if got.status < 400 && !strings.HasSuffix(c.route, "bulk-edit") { // there is nothing to edit: what it would edit was not made
				t.Errorf("%s: %d without a record", c.route, got.status)
			}
			if after := h.state(); after != before {
				t.Errorf("%s: changed something without a record:\n%s\nwas\n%s", c.route, after, before)
				before = after
			}
		}
	})
}

// breakAudit makes every append to the log fail, as a full disk would.
func (h *harness) breakAudit() {
	h.t.Helper()
	statement := "CREATE TRIGGER broken BEFORE INSERT ON audit_events BEGIN SELECT RAISE(ABORT, 'no room'); END"
	if h.db.Dialect == "postgres" {
		statement = "CREATE TRIGGER broken BEFORE INSERT ON audit_events FOR EACH STATEMENT EXECUTE FUNCTION audit_events_keep()"
	}
	err := h.db.Tx(h.t.Context(), func(tx *tx) error {
		_, err := tx.ExecContext(h.t.Context(), statement)
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

// state is what the tables that changes are about hold.
func (h *harness) state() string {
	h.t.Helper()
	out := map[string]string{}
	for name, query := range map[string]string{
		"blueprints": "SELECT COUNT(*), COALESCE(MAX(updated_at), 0) FROM blueprints", "entities": "SELECT COUNT(*), COALESCE(MAX(updated_at), 0) FROM entities",
		"users": "SELECT COUNT(*), 0 FROM auth_users", "teams": "SELECT COUNT(*), 0 FROM auth_teams", "tokens": "SELECT COUNT(*), 0 FROM auth_tokens",
		"apps": "SELECT COUNT(*), 0 FROM auth_apps", "runs": "SELECT COUNT(*), SUM(cancel_requested) FROM runs", "pulls": "SELECT COUNT(*), COALESCE(MAX(updated_at), 0) FROM forge_pulls",
		"reviews": "SELECT COUNT(*), 0 FROM forge_reviews", "resources": "SELECT COUNT(*), COALESCE(MAX(updated_at), 0) FROM resources",
		"views": "SELECT COUNT(*), 0 FROM views", "open": "SELECT COUNT(*), 0 FROM forge_pulls WHERE state = 'open'",
	} {
		var n, at int64
		if err := h.db.Read().QueryRowContext(h.t.Context(), query).Scan(&n, &at); err != nil {
			h.t.Fatalf("%s: %v", name, err)
		}
		out[name] = fmt.Sprint(n, " ", at)
	}
	raw, err := json.MarshalIndent(out, "", " ")
	if err != nil {
		h.t.Fatal(err)
	}
	return string(raw)
}
