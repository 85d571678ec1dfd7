package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

const exporterAgent = "port-k8s-exporter/0.5.1 (statekey/prod)"

// TestPain10_ExporterWhoseClusterIsUnreachable plays what Port's exporter sends:
// bulk upserts, then, its cluster gone, the list of what is its own and one
// DELETE for each, answered as it expects.
func TestPain10_ExporterWhoseClusterIsUnreachable(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		h.fixtures()
		exporter := func(method, path string, body any) reply {
			t.Helper()
			got := h.call("administrator", method, path, body, "User-Agent", exporterAgent)
			if got.status != http.StatusOK || got.json["ok"] != true {
				t.Fatalf("%s %s: %d %s", method, path, got.status, got.text)
			}
			return got
		}
		const entities = "/v1/blueprints/Component/entities"
		upsert := func() {
			t.Helper()
			for page := range 2 {
				var list []any
				for i := range 20 {
					list = append(list, map[string]any{"identifier": fmt.Sprintf("w%02d", page*20+i), "blueprint": "Component", "properties": map[string]any{"language": "go"}})
				}
				exporter("POST", entities+"/bulk?upsert=true&merge=true", map[string]any{"entities": list})
			}
		}
		count := func(when string, want int) {
			t.Helper()
			if got := h.must("viewer", "GET", entities+"-count", nil); got.field("count") != float64(want) {
				t.Errorf("%s: %s, want %d", when, got.text, want)
			}
		}
		upsert()
		for i := range 40 {
			exporter("DELETE", fmt.Sprintf("%s/w%02d?delete_dependents=false", entities, i), nil)
		}
		count("everything asked to be deleted", 41)
		held := h.must("viewer", "GET", "/v1/sweeps/held", nil)
		list, _ := held.json["sweeps"].([]any)
		if len(list) != 1 {
			t.Fatalf("held: %s", held.text)
		}
		sweep := fmt.Sprintf("/v1/sweeps/%v", list[0].(map[string]any)["id"])
		if got := h.must("viewer", "GET", sweep, nil); strings.Count(got.text, `"state":"held"`) != 41 {
			t.Errorf("the diff: %s", got.text)
		}
		got := h.must("viewer", "GET", "/v1/sources/port-k8s-exporter%2Fprod", nil)
		if got.field("source.entities") != 40.0 || got.field("source.last.state") != "held" {
			t.Errorf("source: %s", got.text)
		}
		approve := map[string]any{"decision": "approve"}
		if got := h.call("developer", "POST", sweep+"/decision", approve); got.status != http.StatusForbidden {
			t.Errorf("a developer decides: %d %s", got.status, got.text)
		}
		// The exporter runs with a token of the administrator.
		if got := h.call("administrator", "POST", sweep+"/decision", approve); got.status != http.StatusForbidden || got.json["rule"] != "a-person-decides-sweeps" {
			t.Errorf("the source decides: %d %s", got.status, got.text)
		}
		// It is back and reports everything: nothing is left to decide.
		upsert()
		if err := h.api.sources.Tick(portal(t.Context())); err != nil {
			t.Fatal(err)
		}
		if got := h.must("viewer", "GET", sweep, nil); got.field("sweep.state") != "withdrawn" {
			t.Errorf("it is back: %s", got.text)
		}
		count("it is back", 41)
	})
}

func TestReportOverHTTP(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		h.fixtures()
		begun := h.must("administrator", "POST", "/v1/sources/inventory/sweeps", nil)
		sweep := fmt.Sprintf("/v1/sweeps/%v", begun.field("sweep.id"))
		page := h.must("administrator", "POST", sweep+"/pages", map[string]any{"page": 1, "entities": []any{
			map[string]any{"blueprint": "Component", "identifier": "a"}, map[string]any{"blueprint": "Component", "identifier": "b b"},
		}})
		if page.field("written") != 1.0 || !strings.Contains(page.text, `"identifier":"b b"`) {
			t.Errorf("page: %s", page.text)
		}
		if got := h.must("administrator", "POST", sweep+"/complete", map[string]any{"pages": 1}); got.field("sweep.state") != "done" {
			t.Errorf("complete: %s", got.text)
		}
		if got := h.must("viewer", "GET", "/v1/sources/inventory/sweeps", nil); !strings.Contains(got.text, `"kind":"report"`) {
			t.Errorf("sweeps: %s", got.text)
		}
		if got := h.must("viewer", "GET", "/v1/sources", nil); !strings.Contains(got.text, `"id":"inventory"`) {
			t.Errorf("sources: %s", got.text)
		}
		if got := h.must("administrator", "PUT", "/v1/sources/inventory", map[string]any{"brakeMin": 3}); got.field("source.brakeMin") != 3.0 || got.field("source.brakePercent") != 5.0 {
			t.Errorf("settings: %s", got.text)
		}
		if got := h.call("developer", "POST", "/v1/sources/inventory/sweeps", nil); got.status != http.StatusForbidden {
			t.Errorf("a developer reports: %d", got.status)
		}
		if got := h.must("viewer", "GET", "/v1/blueprints/Component/entities/a/provenance", nil); !strings.Contains(got.text, `"source":"inventory"`) {
			t.Errorf("provenance: %s", got.text)
		}
	})
}
