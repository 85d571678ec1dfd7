package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestN8_HistoryOverHTTP(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		h.fixtures()
		const entity = "/v1/blueprints/Component/entities/my%2Fapi"
		h.must("developer", "PATCH", entity, map[string]any{"properties": map[string]any{"note": "n", "language": "node"}})
		got := h.must("viewer", "GET", entity+"/history?limit=1", nil)
		if got.field("next") == nil || !strings.Contains(got.text, `"properties.note":{"before":null,"after":"n"}`) {
			t.Errorf("history: %s", got.text)
		}
		got = h.must("viewer", "GET", entity+"/history?from="+fmt.Sprint(got.field("next")), nil)
		if !strings.Contains(got.text, `"verb":"create"`) || got.field("next") != nil {
			t.Errorf("second page: %s", got.text)
		}
		got = h.must("viewer", "GET", entity+"/at?time=1", nil)
		if got.field("entity.properties.language") != "go" || got.field("version.version") != 1.0 {
			t.Errorf("at: %s", got.text)
		}
		long := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
		if got := h.call("viewer", "GET", entity+"/at?time="+long, nil); got.status != http.StatusNotFound {
			t.Errorf("before it was there: %d %s", got.status, got.text)
		}
		got = h.must("viewer", "GET", entity+"/compare?from=2&to=1", nil)
		if got.field("changes") == nil || !strings.Contains(got.text, `"properties.language":{"before":"node","after":"go"}`) {
			t.Errorf("compare: %s", got.text)
		}
		if got := h.call("viewer", "POST", entity+"/history/2/undo", nil); got.status != http.StatusForbidden {
			t.Errorf("undo by a viewer: %d", got.status)
		}
		if got := h.must("developer", "POST", entity+"/history/2/undo", nil); got.field("entity.properties.language") != "go" || got.field("entity.properties.note") != nil {
			t.Errorf("undo: %s", got.text)
		}
		h.must("viewer", "GET", entity+"/provenance", nil)
	})
}

func TestPain9_RestoreOverHTTP(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		h.fixtures()
		h.must("developer", "DELETE", "/v1/blueprints/Component/entities/my%2Fapi", nil)
		list := h.must("viewer", "GET", "/v1/deleted?blueprint=Component", nil)
		deleted, _ := list.json["deleted"].([]any)
		if len(deleted) != 1 {
			t.Fatalf("deleted: %s", list.text)
		}
		restore := fmt.Sprintf("/v1/deleted/%v/restore", deleted[0].(map[string]any)["versionId"])
		if got := h.call("viewer", "POST", restore, nil); got.status != http.StatusForbidden {
			t.Errorf("by a viewer: %d", got.status)
		}
		got := h.must("developer", "POST", restore, nil) // team checkout owned it
		if got.field("entity.identifier") != "my/api" || strings.Contains(got.text, ":null,\"left\"") {
			t.Errorf("restore: %s", got.text)
		}
		if got := h.call("developer", "POST", restore, nil); got.status != http.StatusConflict {
			t.Errorf("twice: %d %s", got.status, got.text)
		}
		if got := h.call("administrator", "POST", "/v1/deleted/999999/restore", nil); got.status != http.StatusNotFound {
			t.Errorf("nothing: %d %s", got.status, got.text)
		}
		if got := h.call("administrator", "POST", "/v1/deleted/x/restore", nil); got.status != http.StatusUnprocessableEntity {
			t.Errorf("no number: %d %s", got.status, got.text)
		}
	})
}

func TestPain15_BlueprintsComeBackOverHTTP(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		h.fixtures()
		h.must("administrator", "DELETE", "/v1/blueprints/Component/entities/my%2Fapi", nil)
		h.must("administrator", "DELETE", "/v1/blueprints/Component", nil)
		if got := h.must("viewer", "GET", "/v1/deleted/blueprints", nil); !strings.Contains(got.text, `"identifier":"Component"`) {
			t.Errorf("deleted: %s", got.text)
		}
		if got := h.call("developer", "POST", "/v1/deleted/blueprints/Component/restore", nil); got.status != http.StatusForbidden {
			t.Errorf("by a developer: %d", got.status)
		}
		if got := h.must("administrator", "POST", "/v1/deleted/blueprints/Component/restore", nil); got.field("blueprint.schema.properties.language") == nil {
			t.Errorf("restored: %s", got.text)
		}
		if got := h.must("viewer", "GET", "/v1/blueprints/Component/history", nil); strings.Count(got.text, `"verb"`) != 3 {
			t.Errorf("history: %s", got.text)
		}
	})
}
