package api

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestListsAndExportsHaveTheSameQuery(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		h.fixtures()
		for id, team := range map[string]string{"one": "checkout", "two": "platform", "three": "platform"} {
			h.must("administrator", "POST", "/v1/blueprints/Component/entities", map[string]any{
				"identifier": id, "team": team, "properties": map[string]any{"language": "list", "note": id},
			})
		}
		query := map[string]any{"combinator": "and", "rules": []any{
			map[string]any{"property": "language", "operator": "=", "value": "list"},
			map[string]any{"combinator": "or", "rules": []any{
				map[string]any{"property": "$identifier", "operator": "=", "value": "one"},
				map[string]any{"property": "note", "operator": "beginsWith", "value": "th"},
			}},
		}}
		got := h.must("viewer", "POST", "/v1/blueprints/Component/entities/search", map[string]any{"query": query, "facets": []string{"$team"}, "sort": "$identifier"})
		if !strings.Contains(got.text, `"identifier":"one"`) || !strings.Contains(got.text, `"identifier":"three"`) || !strings.Contains(got.text, `"total":2`) {
			t.Errorf("search: %s", got.text)
		}
		if !strings.Contains(got.text, `"facets":{"$team":[`) {
			t.Errorf("facets: %s", got.text)
		}
		raw, err := json.Marshal(query)
		if err != nil {
			t.Fatal(err)
		}
		tail := "?sort=$identifier&columns=$identifier&query=" + url.QueryEscape(string(raw))
		if got := h.must("viewer", "GET", "/v1/blueprints/Component/entities.csv"+tail, nil); got.text != "identifier\none\nthree\n" {
			t.Errorf("csv: %q", got.text)
		}
		got = h.must("viewer", "GET", "/v1/blueprints/Component/entities.json"+tail, nil)
		var file struct{ Entities []struct{ Identifier string } }
		if err := json.Unmarshal([]byte(got.text), &file); err != nil || len(file.Entities) != 2 || file.Entities[1].Identifier != "three" {
			t.Errorf("json: %v %s", err, got.text)
		}
		none := h.must("viewer", "GET", "/v1/blueprints/Component/entities.json?q=nothinglikethis", nil)
		if err := json.Unmarshal([]byte(none.text), &file); err != nil || len(file.Entities) != 0 {
			t.Errorf("empty json: %v %q", err, none.text)
		}
	})
}

func TestAQueryThatIsWrongNamesItsPlace(t *testing.T) {
	h := sqlite(t, Options{})
	h.fixtures()
	query := map[string]any{"combinator": "and", "rules": []any{map[string]any{"property": "language", "operator": "like", "value": "x"}}}
	got := h.call("viewer", "POST", "/v1/blueprints/Component/entities/search", map[string]any{"query": query})
	if got.status != http.StatusUnprocessableEntity || !strings.Contains(got.text, `"field":"query/rules/0/operator"`) {
		t.Errorf("%d %s", got.status, got.text)
	}
	for _, format := range []string{"csv", "json"} {
		if got := h.call("viewer", "GET", "/v1/blueprints/Component/entities."+format+"?query=%7B", nil); got.status < 400 || got.status > 499 {
			t.Errorf("%s: %d %s", format, got.status, got.text)
		}
	}
}

func TestSavedViewsOverHTTP(t *testing.T) {
	h := sqlite(t, Options{})
	h.fixtures()
	view := map[string]any{"name": "Tier 1", "blueprint": "Component", "state": "sort=tier"}
	made := h.must("viewer", "POST", "/v1/views", view)
	path := "/v1/views/" + made.field("view.id").(string)
	if got := h.must("developer", "GET", "/v1/views?blueprint=Component", nil); strings.Contains(got.text, "Tier 1") {
		t.Errorf("somebody else sees a private view: %s", got.text)
	}
	view["shared"] = true
	h.must("viewer", "PUT", path, view)
	if got := h.must("developer", "GET", "/v1/views?blueprint=Component", nil); !strings.Contains(got.text, `"name":"Tier 1"`) || !strings.Contains(got.text, `"mine":false`) {
		t.Errorf("a shared view: %s", got.text)
	}
	if got := h.call("developer", "DELETE", path, nil); got.status != http.StatusForbidden {
		t.Errorf("somebody else deletes it: %d %s", got.status, got.text)
	}
	h.must("viewer", "DELETE", path, nil)
}
