package api

import (
	"net/http"
	"strings"
	"testing"

	"sphera/internal/forge"
)

// TestCleanUpOpensAPullRequestAndNothingElse takes a flag out of the service's
// code: first as a question, then as a pull request; the flag itself stays.
func TestCleanUpOpensAPullRequestAndNothingElse(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		h.fixtures()
		h.must("administrator", "POST", "/v1/blueprints/Component/entities", map[string]any{"identifier": "done", "team": []string{"checkout"}, "properties": map[string]any{}})
		author := forge.Person{ID: "system", Name: "Portal", Email: "portal@example.test"}
		source := "package main\n\nfunc on() bool { return flags.Boolean(ctx, \"new-cart\", false, e) }\n\nconst name = \"new-cart\"\n"
		if _, err := h.api.forge.CreateRepository(t.Context(), forge.NewRepository{Name: "done", Owner: "checkout", Key: "k2"}); err != nil {
			t.Fatal(err)
		}
		if _, err := h.api.forge.Commit(t.Context(), "done", forge.NewCommit{
			Branch: "main", Message: "First", Author: author, Time: h.api.now(), Bypass: true, Files: []forge.File{{Path: "main.go", Content: []byte(source)}},
		}); err != nil {
			t.Fatal(err)
		}
		h.must("administrator", "POST", "/v1/flag-projects", map[string]any{"key": "done", "service": "done"})
		const flag = "/v1/flag-projects/done/flags/new-cart"
		h.must("administrator", "POST", "/v1/flag-projects/done/flags", map[string]any{
			"key": "new-cart", "type": "boolean", "kind": "release", "permanent": false, "clientVisible": false,
			"variations": []any{map[string]any{"name": "on", "value": true}, map[string]any{"name": "off", "value": false}},
		})

		asked := h.must("administrator", "POST", flag+"/clean-up", map[string]any{"keep": "on", "dryRun": true})
		if !strings.Contains(asked.text, `"replaced":[{"path":"main.go","line":3`) || !strings.Contains(asked.text, `"left":[{"path":"main.go","line":5`) || strings.Contains(asked.text, "number") {
			t.Errorf("asked: %s", asked.text)
		}
		for range 2 { // the second finds the first's
			got := h.must("administrator", "POST", flag+"/clean-up", map[string]any{"keep": "on"})
			if !strings.Contains(got.text, `"number":1`) {
				t.Fatalf("%s", got.text)
			}
		}
		diff := h.must("administrator", "GET", "/v1/repositories/done/pull-requests/1/diff", nil)
		if !strings.Contains(diff.text, "return true }") {
			t.Errorf("%s", diff.text)
		}
		if body := h.must("administrator", "GET", "/v1/repositories/done/pull-requests/1", nil).text; !strings.Contains(body, "main.go:5") {
			t.Errorf("the text does not name what is left: %s", body)
		}
		if got := h.must("administrator", "GET", flag, nil); strings.Contains(got.text, "archivedAt") {
			t.Errorf("it was archived: %s", got.text)
		}
		if got := h.call("viewer", "POST", flag+"/clean-up", map[string]any{"keep": "on"}); got.status != http.StatusForbidden {
			t.Errorf("a viewer: %d %s", got.status, got.text)
		}
		if got := h.call("administrator", "POST", flag+"/clean-up", map[string]any{"keep": "maybe"}); got.status != http.StatusUnprocessableEntity {
			t.Errorf("no variation: %d %s", got.status, got.text)
		}
	})
}
