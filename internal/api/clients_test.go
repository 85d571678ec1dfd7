package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"testing"
)

// TestPort_ReadAndWriteBackChangesNothing does what Port's Terraform provider
// does between two plans: it reads a resource, sends back what it read, and
// must then see no difference, or it would never stop planning changes.
func TestPort_ReadAndWriteBackChangesNothing(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		h.asPort(t)
		const agent = "terraform-provider-port-labs/2.0"
		send := func(method, path string, body any) map[string]any {
			t.Helper()
			got := h.call("app", method, path, body, "User-Agent", agent)
			if got.status >= 300 || got.json["ok"] != true {
				t.Fatalf("%s %s: %d %s", method, path, got.status, got.text)
			}
			return got.json
		}
		send("POST", "/v1/blueprints?create_catalog_page=true", map[string]any{
			"identifier": "env", "title": "Environment", "icon": "", "schema": map[string]any{"properties": map[string]any{}, "required": []string{}},
		})
		blueprint := map[string]any{
			"identifier": "svc", "title": "Service", "icon": "Service", "description": "What we run",
			"schema": map[string]any{"properties": map[string]any{
				"lang": map[string]any{"type": "string", "title": "Language", "enum": []string{"go", "c"}, "enumColors": map[string]string{"go": "blue", "c": "red"}, "x-kept": []int{1}},
				"size": map[string]any{"type": "number", "minimum": 0, "default": 1}, "on": map[string]any{"type": "boolean", "default": true},
				"raw": map[string]any{"type": "object", "spec": "open-api"}, "links": map[string]any{"type": "array", "items": map[string]any{"type": "string", "format": "url"}, "minItems": 0},
			}, "required": []string{}},
			"relations":             map[string]any{"env": map[string]any{"target": "env", "title": "Env", "required": false, "many": false}},
			"mirrorProperties":      map[string]any{"envTitle": map[string]any{"path": "env.$title", "title": "Env title"}},
			"calculationProperties": map[string]any{"shout": map[string]any{"calculation": ".identifier | ascii_upcase", "type": "string", "title": "Shout"}},
			"ownership":             map[string]any{"type": "Direct"},
		}
		send("POST", "/v1/blueprints", blueprint)
		read := send("GET", "/v1/blueprints/svc?exclude_calculated_properties=true", nil)["blueprint"].(map[string]any)

		// The resource of aggregations writes into the blueprint of another
		// resource, which re-sends them with its own.
		withAggregation := maps.Clone(read)
		withAggregation["aggregationProperties"] = map[string]any{"n": map[string]any{"title": "N", "target": "svc", "calculationSpec": map[string]any{"calculationBy": "entities", "func": "count"}}}
		send("PUT", "/v1/blueprints/svc", withAggregation)
		read = send("GET", "/v1/blueprints/svc", nil)["blueprint"].(map[string]any)
		for range 2 {
			send("PUT", "/v1/blueprints/svc", read)
			again := send("GET", "/v1/blueprints/svc", nil)["blueprint"].(map[string]any)
			same(t, "blueprint", read, again)
		}

		send("POST", "/v1/blueprints/svc/entities?upsert=true&run_id=", map[string]any{"identifier": "cart", "title": "Cart", "blueprint": "svc", "team": []string{}, "properties": map[string]any{"lang": "go", "raw": map[string]any{"a": nil}}, "relations": map[string]any{"env": nil}})
		entity := send("GET", "/v1/blueprints/svc/entities/cart?exclude_calculated_properties=true", nil)["entity"].(map[string]any)
		if _, there := entity["properties"].(map[string]any)["size"]; !there {
			t.Errorf("a property that was not sent is not there: %v", entity)
		}
		for range 2 {
			send("PUT", "/v1/blueprints/svc/entities/cart", map[string]any{
				"identifier": entity["identifier"], "title": entity["title"], "icon": entity["icon"], "blueprint": "svc", "team": entity["team"],
				"properties": entity["properties"], "relations": entity["relations"],
			})
			again := send("GET", "/v1/blueprints/svc/entities/cart?exclude_calculated_properties=true", nil)["entity"].(map[string]any)
			same(t, "entity", entity, again)
		}

		permissions := send("GET", "/v1/blueprints/svc/permissions", nil)["permissions"]
		same(t, "permissions", permissions, send("PATCH", "/v1/blueprints/svc/permissions", permissions)["permissions"])

		card := map[string]any{"identifier": "ready", "title": "Ready", "rules": []any{map[string]any{
			"identifier": "r", "title": "R", "level": "Gold", "query": map[string]any{"combinator": "and", "conditions": []any{map[string]any{"property": "lang", "operator": "isNotEmpty"}}},
		}}}
		first := send("POST", "/v1/blueprints/svc/scorecards", card)["scorecard"].(map[string]any)
		again := send("PUT", "/v1/blueprints/svc/scorecards/ready", first)["scorecard"].(map[string]any)
		delete(first, "updatedAt")
		delete(again, "updatedAt")
		same(t, "scorecard", first, again)

		// Destroy, in the order of dependencies; every answer has a body with ok.
		send("DELETE", "/v1/blueprints/svc/scorecards/ready", nil)
		send("DELETE", "/v1/blueprints/svc/entities/cart", nil)
		send("DELETE", "/v1/blueprints/svc", nil)
		send("DELETE", "/v1/blueprints/env", nil)
		for _, path := range []string{"/v1/blueprints/svc", "/v1/blueprints/svc/entities/cart", "/v1/blueprints/svc/permissions", "/v1/blueprints/svc/scorecards/ready"} {
			if got := h.call("app", "GET", path, nil); got.status != http.StatusNotFound || got.json["error"] != "not_found" {
				t.Errorf("%s after it was destroyed: %d %s", path, got.status, got.text)
			}
		}
	})
}

func same(t *testing.T, what string, want, got any) {
	t.Helper()
	if !reflect.DeepEqual(want, got) {
		a, _ := json.Marshal(want)
		b, _ := json.Marshal(got)
		t.Errorf("the %s differs: a plan would never be empty\nread  %s\nagain %s", what, a, b)
	}
}

// TestPort_ExporterResync does what Port's exporter for Kubernetes does in a
// resync: several clients with tokens of their own upsert in groups of twenty,
// then one lists what has the cluster's datasource and deletes what was not
// produced this time. Stubs and what others wrote stay.
func TestPort_ExporterResync(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		h.asPort(t)
		const agent = "port-k8s-exporter/^0.3.4 (statekey/cluster-1)"
		token := func() string {
			got := h.must("", "POST", "/v1/auth/access_token", map[string]any{"clientId": h.app.ID, "clientSecret": h.appSecret})
			return fmt.Sprint(got.field("accessToken"))
		}
		send := func(token, method, path string, body any) reply {
			t.Helper()
			got := h.call("", method, path, body, "User-Agent", agent, "Authorization", "Bearer "+token)
			if got.status >= 300 {
				t.Fatalf("%s %s: %d %s", method, path, got.status, got.text)
			}
			return got
		}
		one, two := token(), token()
		properties := map[string]any{"properties": map[string]any{"replicas": map[string]any{"type": "number"}}}
		send(one, "POST", "/v1/blueprints?create_catalog_page=false", map[string]any{"identifier": "namespace", "title": "Namespace", "schema": properties})
		send(one, "POST", "/v1/blueprints", map[string]any{
			"identifier": "workload", "title": "Workload", "schema": properties, "relations": map[string]any{"ns": map[string]any{"target": "namespace"}},
		})
		h.must("administrator", "POST", "/v1/blueprints/workload/entities", map[string]any{"identifier": "by-hand"})

		resync := func(token string, from, to int) map[string]bool {
			live := map[string]bool{}
			for at := from; at < to; at += 20 {
				var group []any
				for i := at; i < min(at+20, to); i++ {
					group = append(group, map[string]any{
						"identifier": fmt.Sprintf("apps/deploy=%d", i), "title": fmt.Sprintf("deploy %d", i), "blueprint": "workload",
						"properties": map[string]any{"replicas": i}, "relations": map[string]any{"ns": "default"},
					})
				}
				got := send(token, "POST", "/v1/blueprints/workload/entities/bulk?upsert=true&merge=true&create_missing_related_entities=true&validation_only=false", map[string]any{"entities": group})
				if got.status != http.StatusOK {
					t.Fatalf("bulk: %d %s", got.status, got.text)
				}
				for _, item := range got.json["entities"].([]any) {
					live["workload/"+fmt.Sprint(item.(map[string]any)["identifier"])] = true
				}
			}
			return live
		}
		resync(one, 0, 50)
		live := resync(two, 5, 50) // five are gone from the cluster

		listing := send(one, "POST", "/v1/blueprints/entities/datasource-entities", map[string]any{"datasource_prefix": "port-k8s-exporter", "datasource_suffix": "(statekey/cluster-1)"})
		found := listing.json["entities"].([]any)
		if len(found) != 50 {
			t.Fatalf("the listing has %d entities, want the 50 of this cluster and no stub: %s", len(found), listing.text)
		}
		deleted := 0
		for _, item := range found {
			e := item.(map[string]any)
			blueprint, id := fmt.Sprint(e["blueprint"]), fmt.Sprint(e["identifier"])
			if live[blueprint+"/"+id] {
				continue
			}
			deleted++
			if got := send(one, "DELETE", "/v1/blueprints/"+blueprint+"/entities/"+url.PathEscape(id)+"?delete_dependents=false", nil); got.json["ok"] != true {
				t.Errorf("delete: %s", got.text)
			}
		}
		if deleted != 5 {
			t.Errorf("%d deletes, want 5", deleted)
		}
		for _, id := range []string{"by-hand", url.PathEscape("apps/deploy=5"), url.PathEscape("apps/deploy=49")} {
			h.must("viewer", "GET", "/v1/blueprints/workload/entities/"+id, nil)
		}
		h.must("viewer", "GET", "/v1/blueprints/namespace/entities/default", nil) // the stub
	})
}
