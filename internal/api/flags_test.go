package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// flagsOf makes a project of a service that a team owns, and flags in it.
func (h *harness) flagsOf(team, project string, keys ...string) {
	h.t.Helper()
	h.must("administrator", "POST", "/v1/blueprints/Component/entities", map[string]any{"identifier": project, "team": []string{team}, "properties": map[string]any{}})
	h.must("administrator", "POST", "/v1/flag-projects", map[string]any{"key": project, "service": project})
	for _, key := range keys {
		h.must("administrator", "POST", "/v1/flag-projects/"+project+"/flags", map[string]any{
			"key": key, "type": "boolean", "kind": "release", "permanent": false, "clientVisible": false,
			"variations": []any{map[string]any{"name": "on", "value": true}, map[string]any{"name": "off", "value": false}},
		})
	}
}

func (h *harness) flagState(project, key, environment string) string {
	h.t.Helper()
	one := h.must("administrator", "GET", "/v1/flag-projects/"+project+"/flags/"+key, nil)
	if one.field("flag.archivedAt") != nil {
		return "archived"
	}
	environments, _ := one.field("flag.environments").([]any)
	for _, e := range environments {
		if e, _ := e.(map[string]any); e["environment"] == environment {
			return fmt.Sprint(e["on"])
		}
	}
	return "absent"
}

// TestManyFlagsAtOnce: each is changed by itself, with the rights and the
// version of its own.
func TestManyFlagsAtOnce(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		h.fixtures()
		h.flagsOf("checkout", "mine", "a", "b", "c")
		h.flagsOf("payments", "theirs", "d")
		named := func(project, key string, version int) map[string]any {
			return map[string]any{"project": project, "key": key, "version": version}
		}
		bulk := func(do, environment string, flags ...any) reply {
			return h.call("developer", "POST", "/v1/flags/bulk", map[string]any{"do": do, "environment": environment, "reason": "a test", "flags": flags})
		}
		got := bulk("on", "dev", named("mine", "a", 0), named("mine", "b", 7), named("theirs", "d", 0), named("mine", "absent", 0), named("nowhere", "x", 0))
		results, _ := got.field("results").([]any)
		if got.status != http.StatusOK || len(results) != 5 {
			t.Fatalf("%d %s", got.status, got.text)
		}
		for i, want := range []string{"", "conflict", "forbidden", "not_found", "not_found"} {
			r, _ := results[i].(map[string]any)
			if r["ok"] != (want == "") || want != "" && (r["error"] != want || r["message"] == "") {
				t.Errorf("%d: %v, want %q", i, r, want)
			}
		}
		for _, c := range [][3]string{{"mine", "a", "true"}, {"mine", "b", "false"}, {"theirs", "d", "false"}} {
			if is := h.flagState(c[0], c[1], "dev"); is != c[2] {
				t.Errorf("%s/%s is %s", c[0], c[1], is)
			}
		}
		if is := h.flagState("mine", "a", "staging"); is != "false" {
			t.Errorf("in another environment: %s", is)
		}
		if got := bulk("off", "", named("mine", "a", 2)); got.status != http.StatusUnprocessableEntity {
			t.Errorf("no environment: %d %s", got.status, got.text)
		}
		bulk("archive", "", named("mine", "b", 1), named("mine", "c", 1))
		if b, c := h.flagState("mine", "b", "dev"), h.flagState("mine", "c", "dev"); b != "archived" || c != "archived" {
			t.Errorf("archived: %s, %s", b, c)
		}
	})
}

// TestAnUnknownFlagProjectIsNotThere: a project that is not there is missing for
// everybody, whatever they might do with it.
func TestAnUnknownFlagProjectIsNotThere(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		h.fixtures()
		for role, status := range map[string]int{"developer": http.StatusNotFound, "administrator": http.StatusNotFound, "viewer": http.StatusNotFound} {
			for path, body := range map[string]any{
				"/v1/flag-projects/nowhere/flags":    map[string]any{"key": "x", "type": "boolean", "kind": "release"},
				"/v1/flag-projects/nowhere/segments": map[string]any{"key": "x", "conditions": []any{map[string]any{"attribute": "a", "operator": "exists"}}},
				"/v1/flag-projects/nowhere/keys":     map[string]any{"kind": "server", "name": "x", "environment": "dev"},
			} {
				got := h.call(role, "POST", path, body)
				if got.status != status || status == http.StatusNotFound && (!strings.Contains(got.text, `"project"`) || !strings.Contains(got.text, "There is no flag project nowhere")) {
					t.Errorf("%s POST %s: %d %s", role, path, got.status, got.text)
				}
			}
		}
	})
}
