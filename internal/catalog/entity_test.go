package catalog_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"sphera/internal/catalog"
	"sphera/internal/fault"
)

func TestPutEntity_ListsEverythingWrong(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		c.blueprint(systemBlueprint)
		c.blueprint(serviceBlueprint)
		_, _, err := c.put("svc", `{"identifier":"a b","title":"x","team":[1],"properties":{"coverage":101,"links":["https://ok.example","no"],"a'b":1,"$x":2},
			"relations":{"system":"nowhere","uses":["svc1",3],"owner":"x"}}`, catalog.Write{})
		if !fault.Is(err, fault.Unprocessable) {
			t.Fatalf("got %v", err)
		}
		var got []string
		for _, d := range details(err) {
			if d.Problem == "" || d.Expected == "" {
				t.Errorf("%s lacks problem or expected: %+v", d.Field, d)
			}
			got = append(got, d.Field)
		}
		want := []string{
			"/identifier", "/team", "/properties/$x", "/properties/a'b", "/properties/coverage", "/properties/links/1",
			"/relations/owner", "/relations/uses", "/properties/lang", "/relations/system",
		}
		if !slices.Equal(got, want) {
			t.Errorf("fields\n got %q\nwant %q", got, want)
		}
	})
}

func TestPutEntity_Codes(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		c.blueprint(systemBlueprint)
		c.blueprint(serviceBlueprint)
		c.must("system", `{"identifier":"s"}`)
		for _, test := range []struct {
			name, blueprint, body string
			write                 catalog.Write
			code                  fault.Code
		}{
			{"taken", "system", `{"identifier":"s"}`, catalog.Write{}, fault.Taken},
			{"unknown blueprint", "nope", `{"identifier":"s"}`, catalog.Write{}, fault.NotFound},
			{"other blueprint in the body", "system", `{"identifier":"x","blueprint":"svc"}`, catalog.Write{}, fault.Unprocessable},
			{"missing required", "svc", `{"identifier":"x"}`, catalog.Write{}, fault.Unprocessable},
			{"null for required", "svc", `{"identifier":"x","properties":{"lang":null}}`, catalog.Write{Upsert: true, Merge: true}, fault.Unprocessable},
			{"NUL", "svc", `{"identifier":"x","properties":{"lang":"a\u0000b"}}`, catalog.Write{}, fault.Unprocessable},
			{"too large", "svc", `{"identifier":"x","properties":{"lang":"` + strings.Repeat("x", 1<<20) + `"}}`, catalog.Write{}, fault.TooLarge},
			{"dots", "system", `{"identifier":".."}`, catalog.Write{}, fault.Unprocessable},
		} {
			if _, _, err := c.put(test.blueprint, test.body, test.write); !fault.Is(err, test.code) {
				t.Errorf("%s: got %v, want %s", test.name, err, test.code)
			}
		}
		if _, err := c.PatchEntity(context.Background(), "system", "none", catalog.NewEntity{}, catalog.Write{By: "dana"}); !fault.Is(err, fault.NotFound) {
			t.Errorf("patch of nothing: %v", err)
		}
		e, created, err := c.put("system", `{"title":"Made by a program"}`, catalog.Write{})
		if err != nil || !created || len(e.Identifier) != 36 {
			t.Errorf("no identifier sent: %+v %v %v", e, created, err)
		}
		if _, _, err := c.put("system", `{"identifier":"v"}`, catalog.Write{ValidationOnly: true}); err != nil {
			t.Error(err)
		}
		if _, err := c.Entity(context.Background(), "system", "v"); !fault.Is(err, fault.NotFound) {
			t.Errorf("validation only saved: %v", err)
		}
	})
}

// What a Go caller passes is taken as its JSON would be.
func TestPutEntity_GoValues(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		c.blueprint(systemBlueprint)
		c.blueprint(serviceBlueprint)
		e, _, err := c.PutEntity(context.Background(), "svc", catalog.NewEntity{
			Identifier: "x", Properties: map[string]any{"lang": "go", "coverage": 7, "links": []string{"https://a.example"}}, Relations: map[string]any{"uses": []string{"x"}},
		}, catalog.Write{By: "run"})
		if err != nil {
			t.Fatalf("%v %+v", err, details(err))
		}
		read, err := c.Entity(context.Background(), "svc", "x")
		if err != nil || compact(t, e) != compact(t, read) || compact(t, read.Relations["uses"]) != `["x"]` {
			t.Errorf("answered %s, read %s (%v)", compact(t, e), compact(t, read), err)
		}
	})
}

func TestPutEntity_DefaultsFillOnCreationOnly(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		c.blueprint(`{"identifier":"d","title":"D","schema":{"properties":{"p":{"type":"string","default":"x"},"f":{"type":"boolean","default":false},"q":{"type":"string","default":"y"}},"required":["p"]}}`)
		e := c.must("d", `{"identifier":"a","properties":{"q":null}}`)
		if got := compact(t, e.Properties); got != `{"f":false,"p":"x","q":null}` {
			t.Errorf("created %s", got)
		}
		e = c.must("d", `{"identifier":"a","properties":{"p":"z"}}`)
		if got := compact(t, e.Properties); got != `{"f":null,"p":"z","q":null}` {
			t.Errorf("replaced %s", got)
		}
	})
}

// An unchanged write leaves no trace; a changed one tells before and after of
// what changed, in the transaction of the change.
func TestN8_AuditTellsWhatChanged(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		ctx := context.Background()
		c.blueprint(systemBlueprint)
		c.blueprint(serviceBlueprint)
		c.must("system", `{"identifier":"s"}`)
		notes, stop := c.db.Subscribe(catalog.Topic)
		defer stop()
		c.must("svc", `{"identifier":"a","properties":{"lang":"go","coverage":1}}`)
		before := c.must("svc", `{"identifier":"a","properties":{"lang":"go","coverage":1}}`)
		if n := len(c.events("svc/a")); n != 1 {
			t.Fatalf("%d events after a write that changed nothing, want 1", n)
		}
		if _, _, err := c.put("svc", `{"identifier":"a","properties":{"coverage":2},"relations":{"system":"s"},"team":"shop"}`, catalog.Write{Upsert: true, Merge: true, By: "ido", RunID: "r1"}); err != nil {
			t.Fatal(err)
		}
		event := c.events("svc/a")[0]
		if event.Verb != "entity.update" || event.Actor != "ido" || event.RunID != "r1" {
			t.Errorf("event %+v", event)
		}
		var got any
		if err := json.Unmarshal(event.Detail, &got); err != nil {
			t.Fatal(err)
		}
		want := `{"changes":{"properties.coverage":{"after":2,"before":1},"relations.system":{"after":["s"],"before":null},"team":{"after":["shop"],"before":null}}}`
		if compact(t, got) != want {
			t.Errorf("detail\n got %s\nwant %s", compact(t, got), want)
		}
		after, err := c.Entity(ctx, "svc", "a")
		if err != nil || !after.UpdatedAt.After(before.UpdatedAt) || !after.CreatedAt.Equal(before.CreatedAt) || after.CreatedBy != "dana" || after.UpdatedBy != "ido" {
			t.Errorf("meta %+v (%v)", after, err)
		}
		// On PostgreSQL hints of what came before may arrive first.
		for note := range notes {
			if note == "svc/a" {
				break
			}
		}
		// A value too large for the record is shown by size and digest.
		c.must("svc", `{"identifier":"big","properties":{"lang":"`+strings.Repeat("x", 100_000)+`"}}`)
		if detail := string(c.events("svc/big")[0].Detail); len(detail) > 2000 || !strings.Contains(detail, "sha256") {
			t.Errorf("detail of %d bytes: %.200s", len(detail), detail)
		}
	})
}

func TestReplaceEntity_RenameCarriesRelations(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		ctx := context.Background()
		c.blueprint(systemBlueprint)
		c.blueprint(serviceBlueprint)
		c.must("system", `{"identifier":"s"}`)
		c.must("system", `{"identifier":"other"}`)
		c.must("svc", `{"identifier":"a","properties":{"lang":"go"},"relations":{"system":"s"}}`)
		if _, err := c.ReplaceEntity(ctx, "system", "s", catalog.NewEntity{Identifier: "t"}, catalog.Write{By: "dana"}); err != nil {
			t.Fatal(err)
		}
		e, err := c.Entity(ctx, "svc", "a")
		if err != nil || e.Relations["system"] != "t" {
			t.Errorf("relation %v (%v)", e.Relations["system"], err)
		}
		if _, err := c.ReplaceEntity(ctx, "system", "t", catalog.NewEntity{Identifier: "other"}, catalog.Write{By: "dana"}); !fault.Is(err, fault.Taken) {
			t.Errorf("rename to a taken one: %v", err)
		}
	})
}

func TestDeleteEntity_Dependents(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		ctx := context.Background()
		c.load(modelFiles(t))
		hits, err := c.Dependents(ctx, "System", "Cart")
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, h := range hits {
			got = append(got, h.Relation+" of "+h.Title)
		}
		if want := "system of Cart Service, system of Core Kafka Library, system of Core Payment Library"; strings.Join(got, ", ") != want {
			t.Errorf("dependents of Cart: %q", got)
		}

		err = c.DeleteEntity(ctx, "Domain", "Orders", "dana", "", false)
		if !fault.Is(err, fault.HasDependents) || !strings.Contains(err.Error(), "System Cart, System Products") || !strings.Contains(err.Error(), "has_dependents") {
			t.Errorf("delete of a required domain: %v", err)
		}
		if err := c.DeleteEntity(ctx, "System", "Cart", "dana", "r9", false); err != nil {
			t.Fatalf("delete with optional relations: %v", err)
		}
		service, err := c.Entity(ctx, "Component", "CartService")
		if err != nil || service.Relations["system"] != nil {
			t.Errorf("relation after the delete: %v (%v)", service.Relations["system"], err)
		}
		if e := c.events("Component/CartService")[0]; e.Verb != "entity.update" || e.RunID != "r9" || !strings.Contains(string(e.Detail), "relations.system") {
			t.Errorf("the emptied relation left no event: %+v", e)
		}
		// With dependents: what points at it goes, and what requires those.
		if err := c.DeleteEntity(ctx, "Resource", "cart-sql-sb", "dana", "", true); err != nil {
			t.Fatal(err)
		}
		for _, gone := range [][2]string{{"Resource", "cart-sql-sb"}, {"Component", "CartService"}, {"API", "CartAPI"}} {
			if _, err := c.Entity(ctx, gone[0], gone[1]); !fault.Is(err, fault.NotFound) {
				t.Errorf("%v is still there (%v)", gone, err)
			}
			if e := c.events(catalog.Ref(gone[0], gone[1])); e[0].Verb != "entity.delete" {
				t.Errorf("%v: last event %+v", gone, e[0])
			}
		}
		products, err := c.Entity(ctx, "Component", "ProductsService")
		if err != nil || compact(t, products.Relations["consumesApi"]) != "[]" {
			t.Errorf("Products service: %s (%v)", compact(t, products.Relations), err)
		}
		if err := c.DeleteEntity(ctx, "API", "CartAPI", "dana", "", false); !fault.Is(err, fault.NotFound) {
			t.Errorf("second delete: %v", err)
		}
		// After one of many is gone, the others keep their order and can be changed.
		c.must("Component", `{"identifier":"x","properties":{},"relations":{"components":["CorePaymentLibrary","ProductsService","CoreKafkaLibrary"]}}`)
		if err := c.DeleteEntity(ctx, "Component", "CorePaymentLibrary", "dana", "", false); err != nil {
			t.Fatal(err)
		}
		x := c.must("Component", `{"identifier":"x","properties":{},"relations":{"components":["ProductsService","CoreKafkaLibrary","x"]}}`)
		if compact(t, x.Relations["components"]) != `["ProductsService","CoreKafkaLibrary","x"]` {
			t.Errorf("components %s", compact(t, x.Relations))
		}
	})
}

func TestGraph_ProductsToCart(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		ctx := context.Background()
		c.load(modelFiles(t))
		g, err := c.Graph(ctx, "System", "Products", catalog.GraphOptions{Depth: 4, Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		var nodes, edges []string
		for _, n := range g.Nodes {
			nodes = append(nodes, fmt.Sprintf("%d %s", n.Depth, n.ID))
		}
		for _, e := range g.Edges {
			edges = append(edges, e.From+" "+e.Relation+" "+e.To)
		}
		slices.Sort(edges)
		wantNodes := []string{
			"0 System/Products", "1 Domain/Orders", "1 Component/ProductsService", "2 System/Cart", "2 API/CartAPI",
			"3 Component/CartService", "3 Component/CoreKafkaLibrary", "3 Component/CorePaymentLibrary", "4 Resource/cart-sql-sb",
		}
		wantEdges := []string{
			"API/CartAPI provider Component/CartService",
			"Component/CartService components Component/CoreKafkaLibrary",
			"Component/CartService components Component/CorePaymentLibrary",
			"Component/CartService resources Resource/cart-sql-sb",
			"Component/CartService system System/Cart",
			"Component/CoreKafkaLibrary system System/Cart",
			"Component/CorePaymentLibrary system System/Cart",
			"Component/ProductsService consumesApi API/CartAPI",
			"Component/ProductsService system System/Products",
			"System/Cart domain Domain/Orders",
			"System/Products domain Domain/Orders",
		}
		if !slices.Equal(nodes, wantNodes) {
			t.Errorf("nodes\n got %q\nwant %q", nodes, wantNodes)
		}
		if !slices.Equal(edges, wantEdges) {
			t.Errorf("edges\n got %q\nwant %q", edges, wantEdges)
		}
		if len(g.More) != 0 {
			t.Errorf("more %v in a complete graph", g.More)
		}

		near, err := c.Graph(ctx, "System", "Products", catalog.GraphOptions{Depth: 1, Limit: 100})
		if err != nil || len(near.Nodes) != 3 || near.More["Component/ProductsService"] != 1 || near.More["Domain/Orders"] != 1 {
			t.Errorf("one step: %+v (%v)", near, err)
		}
		few, err := c.Graph(ctx, "Component", "CartService", catalog.GraphOptions{Depth: 2, Limit: 3})
		if err != nil || len(few.Nodes) != 3 || few.More["Component/CartService"] != 3 {
			t.Errorf("three nodes: %+v (%v)", few, err)
		}
		if _, err := c.Graph(ctx, "System", "none", catalog.GraphOptions{Depth: 1, Limit: 1}); !fault.Is(err, fault.NotFound) {
			t.Errorf("graph of nothing: %v", err)
		}
	})
}

func TestGraph_HubIsBounded(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		c.blueprint(systemBlueprint)
		c.blueprint(serviceBlueprint)
		c.must("system", `{"identifier":"hub"}`)
		for i := range 300 {
			c.must("svc", fmt.Sprintf(`{"identifier":"s%03d","properties":{"lang":"go"},"relations":{"system":"hub"}}`, i))
		}
		g, err := c.Graph(context.Background(), "system", "hub", catalog.GraphOptions{Depth: 5, Limit: 30})
		if err != nil || len(g.Nodes) != 30 || len(g.Edges) != 29 || g.More["system/hub"] != 271 {
			t.Errorf("%d nodes, %d edges, more %v (%v)", len(g.Nodes), len(g.Edges), g.More, err)
		}
	})
}

func TestBlueprint_ChangesAndRefusals(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		ctx := context.Background()
		c.blueprint(systemBlueprint)
		c.blueprint(serviceBlueprint)
		c.must("system", `{"identifier":"s"}`)
		c.must("svc", `{"identifier":"a","properties":{"lang":"go","coverage":5},"relations":{"system":"s","uses":["a"]}}`)
		put := func(doc string) error {
			var b catalog.Blueprint
			if err := json.Unmarshal([]byte(doc), &b); err != nil {
				t.Fatal(err)
			}
			_, _, err := c.PutBlueprint(ctx, b, "dana")
			return err
		}
		// What was just read can be put back, and that changes nothing.
		read, err := c.Blueprint(ctx, "svc")
		if err != nil {
			t.Fatal(err)
		}
		if _, created, err := c.PutBlueprint(ctx, read, "ido"); err != nil || created {
			t.Errorf("put back: %v %v", created, err)
		}
		if again, err := c.Blueprint(ctx, "svc"); err != nil || again.UpdatedBy != "dana" || len(c.events("svc")) != 1 {
			t.Errorf("an unchanged put left a trace: %+v (%v)", again, err)
		}
		for name, doc := range map[string]string{
			"type of a used property":   `{"identifier":"svc","title":"S","schema":{"properties":{"lang":{"type":"number"}}}}`,
			"target of a used relation": `{"identifier":"svc","title":"S","schema":{"properties":{"lang":{"type":"string"}}},"relations":{"system":{"target":"svc"}}}`,
			"required of nothing":       `{"identifier":"z","title":"Z","schema":{"properties":{},"required":["x"]}}`,
			"bad identifier":            `{"identifier":"a=b","title":"Z","schema":{"properties":{}}}`,
			"no title":                  `{"identifier":"z","schema":{"properties":{}}}`,
			"bad colour":                `{"identifier":"z","title":"Z","schema":{"properties":{"p":{"type":"string","enum":["a"],"enumColors":{"a":"mauve"}}}}}`,
		} {
			if err := put(doc); !fault.Is(err, fault.Unprocessable) || len(details(err)) == 0 {
				t.Errorf("%s: %v", name, err)
			}
		}
		// Dropping a property and a relation drops their values for good.
		if err := put(`{"identifier":"svc","title":"S","schema":{"properties":{"lang":{"type":"string"}}},"relations":{"system":{"target":"system"}}}`); err != nil {
			t.Fatal(err)
		}
		if err := put(`{"identifier":"svc","title":"S","schema":{"properties":{"lang":{"type":"string"},"coverage":{"type":"string"}}},"relations":{"system":{"target":"system"},"uses":{"target":"system"}}}`); err != nil {
			t.Fatal(err)
		}
		e, err := c.Entity(ctx, "svc", "a")
		if err != nil || compact(t, e.Properties) != `{"coverage":null,"lang":"go"}` || compact(t, e.Relations) != `{"system":"s","uses":null}` {
			t.Errorf("after the change: %s %s (%v)", compact(t, e.Properties), compact(t, e.Relations), err)
		}
		if err := c.DeleteBlueprint(ctx, "svc", "dana"); !fault.Is(err, fault.HasDependents) {
			t.Errorf("delete with entities: %v", err)
		}
		if err := c.DeleteEntity(ctx, "svc", "a", "dana", "", false); err != nil {
			t.Fatal(err)
		}
		if err := c.DeleteEntity(ctx, "system", "s", "dana", "", false); err != nil {
			t.Fatal(err)
		}
		if err := c.DeleteBlueprint(ctx, "system", "dana"); !fault.Is(err, fault.HasDependents) {
			t.Errorf("delete with a relation to it: %v", err)
		}
		for _, id := range []string{"svc", "system"} {
			if err := c.DeleteBlueprint(ctx, id, "dana"); err != nil {
				t.Errorf("delete %s: %v", id, err)
			}
		}
		if err := c.DeleteBlueprint(ctx, "svc", "dana"); !fault.Is(err, fault.NotFound) {
			t.Errorf("second delete: %v", err)
		}
	})
}

// Unknown keys and empty values come back as they were sent.
func TestBlueprint_EchoesWhatItWasSent(t *testing.T) {
	const sent = `{"aggregationProperties":{},"calculationProperties":{},"description":"","formulaProperties":{},"icon":"I","identifier":"e","mirrorProperties":{"m":{"path":"r.$title"}},
		"ownership":{"type":"Direct"},"relations":{"r":{"description":"","many":false,"required":false,"target":"e","title":"R","x":1}},
		"schema":{"properties":{"p":{"dateFormat":"x","items":{"type":"string","weird":[1]},"title":"","type":"array"}},"required":[]},"title":"E"}`
	each(t, func(t *testing.T, c *fixture) {
		saved := c.blueprint(sent)
		var got, want map[string]any
		if err := json.Unmarshal([]byte(compact(t, saved)), &got); err != nil {
			t.Fatal(err)
		}
		for _, meta := range []string{"createdAt", "updatedAt", "createdBy", "updatedBy", "entityCount"} {
			if _, ok := got[meta]; !ok {
				t.Errorf("%s is missing", meta)
			}
			delete(got, meta)
		}
		if err := json.Unmarshal([]byte(sent), &want); err != nil {
			t.Fatal(err)
		}
		if compact(t, got) != compact(t, want) {
			t.Errorf("\n got %s\nwant %s", compact(t, got), compact(t, want))
		}
	})
}

// Many writers of the same entities at once: none is lost, none fails.
func TestPutEntity_Concurrently(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		ctx := context.Background()
		c.blueprint(`{"identifier":"n","title":"N","schema":{"properties":{"p0":{"type":"number"},"p1":{"type":"number"},"p2":{"type":"number"},"p3":{"type":"number"}}},"relations":{"r":{"target":"n","many":true}}}`)
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				for i := range 25 {
					n := catalog.NewEntity{Identifier: fmt.Sprintf("e%d", i%5), Properties: map[string]any{fmt.Sprintf("p%d", w): i}}
					if _, _, err := c.PutEntity(ctx, "n", n, catalog.Write{Upsert: true, Merge: true, By: fmt.Sprint(w)}); err != nil {
						t.Errorf("writer %d: %v", w, err)
					}
				}
			})
		}
		wg.Wait()
		for i := range 5 {
			e, err := c.Entity(ctx, "n", fmt.Sprintf("e%d", i))
			last := float64(20 + i)
			if err != nil || e.Properties["p0"] != last || e.Properties["p1"] != last || e.Properties["p2"] != last || e.Properties["p3"] != last {
				t.Errorf("e%d: %v (%v)", i, e.Properties, err)
			}
		}
	})
}

// Calculations under their older name are kept as calculations.
func TestBlueprint_ReadsFormulaProperties(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		saved := c.blueprint(`{"identifier":"e","title":"E","schema":{"properties":{}},"formulaProperties":{"x":{"formula":".title","a":1}},"calculationProperties":{"y":{"calculation":"1","type":"number"}}}`)
		want := `{"x":{"a":1,"calculation":".title","type":"string"},"y":{"calculation":"1","type":"number"}}`
		if got := compact(t, saved.CalculationProperties); got != want {
			t.Errorf("%s", got)
		}
		if _, kept := saved.Extra["formulaProperties"]; kept {
			t.Error("the older name is kept beside the newer")
		}
	})
}
