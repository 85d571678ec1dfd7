package api

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestNamesMayHoldSlashes(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		h.fixtures()
		got := h.must("viewer", "GET", "/v1/blueprints/Component/entities/my%2Fapi", nil)
		if got.field("entity.identifier") != "my/api" {
			t.Errorf("entity: %s", got.text)
		}
		got = h.must("viewer", "GET", "/v1/repositories/group%2Fr/pull-requests/1", nil)
		if got.field("pullRequest.title") != "Change a" {
			t.Errorf("pull request: %s", got.text)
		}
		if got := h.call("viewer", "GET", "/v1/blueprints/Component/entities/my/api", nil); got.status != http.StatusNotFound {
			t.Errorf("an unescaped slash: %d", got.status)
		}
	})
}

func TestMistakesAreExplained(t *testing.T) {
	h := sqlite(t, Options{})
	h.fixtures()
	cases := []struct {
		method, path string
		body         any
		status       int
		code, field  string
	}{
		{"GET", "/v1/nothing", nil, 404, "not_found", ""},
		{"PUT", "/v1/me", nil, 405, "invalid_request", ""},
		{"GET", "/v1/runs?limit=many", nil, 422, "validation_error", "limit"},
		{"GET", "/v1/runs?state=odd", nil, 422, "validation_error", "state"},
		{"GET", "/v1/runs/nope", nil, 404, "not_found", ""},
		{"POST", "/v1/actions/wait_here/plans", map[string]any{"input": map[string]any{"lines": 1000}}, 422, "validation_error", "lines"},
		{"POST", "/v1/actions/wait_here/plans", map[string]any{"input": map[string]any{"other": 1}}, 422, "validation_error", "other"},
		{"POST", "/v1/actions/nope/plans", map[string]any{}, 404, "not_found", ""},
		{"POST", "/v1/tokens", map[string]any{}, 422, "validation_error", "name"},
		{"POST", "/v1/tokens", nil, 400, "invalid_request", ""},
		{"POST", "/v1/blueprints", map[string]any{"identifier": "Component", "title": "x", "schema": map[string]any{"properties": map[string]any{}, "required": []string{}}}, 409, "identifier_taken", ""},
		{"POST", "/v1/repositories/group%2Fr/pull-requests/1/reviews", map[string]any{"verdict": "maybe"}, 422, "validation_error", "verdict"},
	}
	for _, c := range cases {
		got := h.call("administrator", c.method, c.path, c.body)
		if got.status != c.status || got.json["error"] != c.code || got.json["message"] == "" || got.json["requestId"] != got.header.Get("X-Request-Id") {
			t.Errorf("%s %s: %d %s", c.method, c.path, got.status, got.text)
			continue
		}
		if c.field == "" {
			continue
		}
		details, _ := got.json["details"].([]any)
		if len(details) == 0 || details[0].(map[string]any)["field"] != c.field {
			t.Errorf("%s %s: details %v, want field %s", c.method, c.path, details, c.field)
		}
	}
}

func TestListsAreNeverNull(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		for _, path := range []string{"/v1/home", "/v1/runs", "/v1/tokens", "/v1/repositories", "/v1/pull-requests", "/v1/search?q=x", "/v1/services/x/instances", "/v1/audit", "/v1/insights/first-answer"} {
			got := h.must("administrator", "GET", path, nil)
			if strings.Contains(got.text, ":null") {
				t.Errorf("%s: %s", path, got.text)
			}
		}
	})
}

func TestPlanApplyAndConflict(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		plan := h.must("developer", "POST", "/v1/actions/wait_here/plans", map[string]any{"input": map[string]any{}})
		if plan.status != http.StatusCreated {
			t.Errorf("plan: %d", plan.status)
		}
		id := plan.field("plan.id")
		if got := h.must("developer", "GET", fmt.Sprintf("/v1/plans/%v", id), nil); got.field("plan.digest") != plan.field("plan.digest") {
			t.Errorf("plan: %s", got.text)
		}
		first := h.must("developer", "POST", "/v1/actions/wait_here/runs", map[string]any{"planId": id})
		again := h.must("developer", "POST", "/v1/actions/wait_here/runs", map[string]any{"planId": id})
		if first.status != http.StatusAccepted || first.field("run.id") != again.field("run.id") {
			t.Errorf("applying twice: %d %v and %v", first.status, first.field("run.id"), again.field("run.id"))
		}
		if got := h.must("developer", "GET", "/v1/runs?actor=me", nil); !strings.Contains(got.text, fmt.Sprint(first.field("run.id"))) {
			t.Errorf("my runs: %s", got.text)
		}
		cancelled := h.must("developer", "POST", fmt.Sprintf("/v1/runs/%v/cancel", first.field("run.id")), nil)
		if cancelled.field("run.state") != "cancelled" {
			t.Errorf("cancel: %s", cancelled.text)
		}
	})
}

func TestEntityOwnersDecide(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		h.fixtures()
		add := func(role, id string, team any) reply {
			return h.call(role, "POST", "/v1/blueprints/Component/entities", map[string]any{"identifier": id, "team": team})
		}
		if got := add("developer", "mine", "checkout"); got.status != http.StatusCreated {
			t.Errorf("for the own team: %d %s", got.status, got.text)
		}
		if got := add("developer", "theirs", []string{"platform"}); got.status != http.StatusForbidden {
			t.Errorf("for another team: %d %s", got.status, got.text)
		}
		got := h.call("developer", "PATCH", "/v1/blueprints/Component/entities/mine", map[string]any{"properties": map[string]any{"language": "node"}, "title": nil})
		if got.status != http.StatusOK || got.field("entity.properties.language") != "node" {
			t.Errorf("patch: %d %s", got.status, got.text)
		}
		denied := h.must("administrator", "GET", "/v1/audit?verb=catalog.write", nil)
		if !strings.Contains(denied.text, `"outcome":"denied"`) {
			t.Errorf("the refusal is not in the audit log: %s", denied.text)
		}
	})
}

func TestCSVHasTheRowsAndNoFormulas(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		h.fixtures()
		for i, note := range []string{"=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "plain, with \"quotes\""} {
			h.must("administrator", "POST", "/v1/blueprints/Component/entities", map[string]any{
				"identifier": fmt.Sprintf("e%d", i), "properties": map[string]any{"note": note, "language": "csv"},
			})
		}
		got := h.call("viewer", "GET", `/v1/blueprints/Component/entities.csv?columns=$identifier,note&sort=$identifier&rules=`+
			`%5B%7B%22property%22%3A%22language%22%2C%22operator%22%3A%22%3D%22%2C%22value%22%3A%22csv%22%7D%5D`, nil)
		rows, err := csv.NewReader(strings.NewReader(got.text)).ReadAll()
		if err != nil || len(rows) != 8 || got.header.Get("Content-Type") != "text/csv; charset=utf-8" {
			t.Fatalf("%v: %d rows in %s", err, len(rows), got.text)
		}
		for _, row := range rows[1:] {
			if strings.ContainsAny(row[1][:1], "=+-@\t\r") {
				t.Errorf("a spreadsheet would compute %q", row[1])
			}
		}
		if rows[7][1] != `plain, with "quotes"` {
			t.Errorf("%q", rows[7][1])
		}
	})
}

func TestPagesAndAssets(t *testing.T) {
	h := sqlite(t, Options{})
	for path, want := range map[string]int{
		"/": 200, "/runs/abc": 200, "/create/create_service": 200, "/assets/gone.js": 404, "/v1": 404, "/v1/": 404, "/v1/x/y": 404, "/run/x": 404,
	} {
		if got := h.call("", "GET", path, nil); got.status != want {
			t.Errorf("%s: %d, want %d", path, got.status, want)
		}
	}
	if got := h.call("", "POST", "/runs/abc", nil); got.status != http.StatusNotFound {
		t.Errorf("POST to a page: %d", got.status)
	}
}

func TestReadiness(t *testing.T) {
	starting := true
	h := sqlite(t, Options{Ready: func() error {
		if starting {
			return fmt.Errorf("starting")
		}
		return nil
	}})
	check := func(when, path string, want int) {
		t.Helper()
		if got := h.call("", "GET", path, nil); got.status != want {
			t.Errorf("%s %s: %d, want %d", when, path, got.status, want)
		}
	}
	check("starting", "/livez", 200)
	check("starting", "/readyz", 503)
	starting = false
	check("started", "/readyz", 200)
	h.api.Drain()
	check("stopping", "/readyz", 503)
	check("stopping", "/livez", 200)
}

func TestL30_DatabaseDown(t *testing.T) {
	h := sqlite(t, Options{})
	if err := h.db.Close(); err != nil {
		t.Fatal(err)
	}
	if got := h.call("", "GET", "/livez", nil); got.status != http.StatusOK {
		t.Errorf("livez: %d", got.status)
	}
	got := h.call("", "GET", "/readyz", nil)
	if got.status != http.StatusServiceUnavailable || strings.Contains(got.text, "sql") {
		t.Errorf("readyz: %d %s", got.status, got.text)
	}
}
