package api

import (
	"net/http"
	"strings"
	"testing"
)

// One body holds Port's query and the portal's own text, order and facets.
func TestSearchEntities(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		h.must("administrator", "POST", "/v1/blueprints", map[string]any{"identifier": "svc", "title": "S", "schema": map[string]any{
			"properties": map[string]any{"tier": map[string]any{"type": "string", "enum": []string{"gold", "silver"}}, "score": map[string]any{"type": "number"}}, "required": []string{},
		}})
		for id, properties := range map[string]map[string]any{"a": {"tier": "gold", "score": 1}, "b": {"tier": "gold", "score": 2}, "c": {"tier": "silver"}} {
			h.must("administrator", "POST", "/v1/blueprints/svc/entities", map[string]any{"identifier": id, "properties": properties})
		}
		const path = "/v1/blueprints/svc/entities/search"
		rule := map[string]any{"property": "tier", "operator": "=", "value": "gold"}
		got := h.must("viewer", "POST", path, map[string]any{
			"query": map[string]any{"combinator": "and", "rules": []any{rule}}, "include": []string{"identifier", "properties.score"}, "sort": "score", "desc": true, "facets": []string{"tier"}, "limit": 1,
		})
		if !strings.Contains(got.text, `"entities":[{"identifier":"b","properties":{"score":2}}]`) || !strings.Contains(got.text, `"facets":{"tier":[{"value":"gold","count":2}]}`) || !strings.Contains(got.text, `"total":2`) || got.field("next") == "" {
			t.Errorf("%s", got.text)
		}
		got = h.must("viewer", "POST", path, map[string]any{"query": map[string]any{"rules": []any{map[string]any{"property": "nowhere", "operator": "=", "value": 1}}}})
		if !strings.Contains(got.text, `"total":0`) {
			t.Errorf("a property that there is not, in Port's language: %s", got.text)
		}
		for field, body := range map[string]map[string]any{
			"query/rules/0/operator": {"query": map[string]any{"rules": []any{map[string]any{"property": "tier", "operator": "~"}}}},
			"rules/0/property":       {"rules": []any{map[string]any{"property": "nowhere", "operator": "=", "value": 1}}},
			"facets/0":               {"facets": []string{"score"}},
		} {
			if got := h.call("viewer", "POST", path, body); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.text, `"field":"`+field+`"`) {
				t.Errorf("%s: %d %s", field, got.status, got.text)
			}
		}
	})
}
