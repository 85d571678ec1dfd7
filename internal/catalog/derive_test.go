package catalog_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"sphera/internal/catalog"
	"sphera/internal/fault"
)

const (
	// The blueprints of the worked example 7.1 of Port's contract.
	derivedSystem  = `{"identifier":"system","title":"System","schema":{"properties":{"tier":{"type":"string","enum":["1","2"],"enumColors":{"1":"red","2":"blue"}}},"required":[]}}`
	derivedService = `{"identifier":"svc","title":"Service","icon":"Service",
  "schema":{"properties":{"lang":{"type":"string"},"coverage":{"type":"number","minimum":0,"maximum":100},"links":{"type":"array","items":{"type":"string","format":"url"}}},"required":["lang"]},
  "relations":{"system":{"target":"system","required":false,"many":false},"uses":{"target":"svc","many":true}},
  "mirrorProperties":{"systemTier":{"path":"system.tier"},"systemTitle":{"path":"system.$title"}},
  "calculationProperties":{"badge":{"type":"string","calculation":".properties.lang + '/' + (.properties.systemTier // 'none')"}},
  "aggregationProperties":{"dependents":{"title":"Dependents","target":"svc","calculationSpec":{"calculationBy":"entities","func":"count"},
     "pathFilter":[{"fromBlueprint":"svc","path":["uses"]}]}},
  "ownership":{"type":"Direct"}}`
)

func (f *fixture) read(blueprint, id string) catalog.Entity {
	f.t.Helper()
	e, err := f.Entity(context.Background(), blueprint, id)
	if err != nil {
		f.t.Fatalf("read %s: %v", id, err)
	}
	return e
}

func (f *fixture) derives(blueprint, id, name, want string) {
	f.t.Helper()
	if got := compact(f.t, f.read(blueprint, id).Properties[name]); got != want {
		f.t.Errorf("%s.%s of %s is %s, want %s", blueprint, name, id, got, want)
	}
}

// The worked example 7.1 of Port's contract.
func TestR46_DerivedValuesAreInTheAnswerOfTheWrite(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		c.blueprint(derivedSystem)
		c.blueprint(derivedService)
		e, created, err := c.put("svc", `{"identifier":"cart","team":"shop","properties":{"lang":"go"},"relations":{"system":"checkout"}}`,
			catalog.Write{Upsert: true, CreateMissing: true, Datasource: "port-k8s-exporter/1 (statekey/x)"})
		if err != nil || !created {
			t.Fatalf("%v %v", created, details(err))
		}
		want := `{"identifier":"cart","title":"cart","icon":"","blueprint":"svc","team":["shop"],"properties":{"badge":"go/none","coverage":null,"dependents":0,"lang":"go","links":null,"systemTier":null,"systemTitle":"checkout"},"relations":{"system":"checkout","uses":[]},"scorecards":{}}`
		if got := shape(t, e); got != want {
			t.Errorf("\n got %s\nwant %s", got, want)
		}
		if got := shape(t, c.read("svc", "cart")); got != want {
			t.Errorf("read back\n got %s\nwant %s", got, want)
		}
		stub := c.read("system", "checkout")
		if stub.Title != "checkout" || stub.Properties["tier"] != nil || stub.Datasource != "port-auto-k8s-exporter/1 (statekey/x)" {
			t.Errorf("stub: %+v", stub)
		}
		// What the system becomes shows in the service at once, without a
		// change of its updatedAt.
		before := c.read("svc", "cart").UpdatedAt
		c.must("system", `{"identifier":"checkout","title":"Checkout","properties":{"tier":"1"}}`)
		c.derives("svc", "cart", "badge", `"go/1"`)
		c.derives("svc", "cart", "systemTitle", `"Checkout"`)
		if at := c.read("svc", "cart").UpdatedAt; !at.Equal(before) {
			t.Errorf("a derived change counts as an update: %v, %v", before, at)
		}
		c.must("svc", `{"identifier":"web","properties":{"lang":"ts"},"relations":{"uses":["cart"]}}`)
		c.derives("svc", "cart", "dependents", "1")
		if _, err := c.PatchEntity(context.Background(), "svc", "web", catalog.NewEntity{Relations: map[string]any{"uses": nil}}, catalog.Write{By: "dana"}); err != nil {
			t.Fatal(err)
		}
		c.derives("svc", "cart", "dependents", "0")
	})
}

func shape(t *testing.T, e catalog.Entity) string {
	t.Helper()
	type plain catalog.Entity // without what answers add
	var doc map[string]json.RawMessage
	if err := json.Unmarshal([]byte(compact(t, plain(e))), &doc); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`{"identifier":%s,"title":%s,"icon":%s,"blueprint":%s,"team":%s,"properties":%s,"relations":%s,"scorecards":%s}`,
		doc["identifier"], doc["title"], compact(t, e.Icon), doc["blueprint"], doc["team"], doc["properties"], doc["relations"], doc["scorecards"])
}

func TestR46_Aggregations(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		c.blueprint(`{"identifier":"repo","title":"R","schema":{"properties":{}}}`)
		c.blueprint(`{"identifier":"change","title":"C","schema":{"properties":{"lines":{"type":"number"},"at":{"type":"string","format":"date-time"}}},"relations":{"repo":{"target":"repo"}}}`)
		aggregation := func(spec, more string) string {
			return `{"target":"change","calculationSpec":` + spec + more + `}`
		}
		back := `,"pathFilter":[{"fromBlueprint":"change","path":["repo"]}]`
		c.blueprint(`{"identifier":"repo","title":"R","schema":{"properties":{}},"aggregationProperties":{
			"n":` + aggregation(`{"calculationBy":"entities","func":"count"}`, back) + `,
			"all":` + aggregation(`{"calculationBy":"entities","func":"count"}`, "") + `,
			"perHour":` + aggregation(`{"calculationBy":"entities","func":"average","averageOf":"hour","measureTimeBy":"at"}`, back) + `,
			"sum":` + aggregation(`{"calculationBy":"property","func":"sum","property":"lines"}`, back) + `,
			"min":` + aggregation(`{"calculationBy":"property","func":"min","property":"lines"}`, back) + `,
			"max":` + aggregation(`{"calculationBy":"property","func":"max","property":"lines"}`, back) + `,
			"median":` + aggregation(`{"calculationBy":"property","func":"median","property":"lines"}`, back) + `,
			"mean":` + aggregation(`{"calculationBy":"property","func":"average","averageOf":"total","property":"lines"}`, back) + `,
			"linesPerDay":` + aggregation(`{"calculationBy":"property","func":"average","averageOf":"day","property":"lines","measureTimeBy":"at"}`, back) + `,
			"big":` + aggregation(`{"calculationBy":"entities","func":"count"}`, back+`,"query":{"combinator":"and","rules":[{"property":"lines","operator":">","value":15}]}`) + `}}`)
		c.must("repo", `{"identifier":"r"}`)
		for name, want := range map[string]string{"n": "0", "sum": "0", "min": "null", "mean": "null", "perHour": "null", "big": "0"} {
			c.derives("repo", "r", name, want)
		}
		for i, lines := range []string{"10", "20", "60", "null"} {
			// 2 hours and 20 minutes from the first to the last.
			at := []string{"2026-01-01T10:00:00Z", "2026-01-01T11:00:00Z", "2026-01-01T12:20:00Z", "2026-01-01T10:30:00Z"}[i]
			c.must("change", fmt.Sprintf(`{"identifier":"c%d","properties":{"lines":%s,"at":%q},"relations":{"repo":"r"}}`, i, lines, at))
		}
		want := map[string]string{
			"n": "4", "all": "4", "perHour": "1.3333333333333333", "sum": "90", "min": "10", "max": "60", "median": "20", "mean": "30", "linesPerDay": "90", "big": "2",
		}
		for name, value := range want {
			c.derives("repo", "r", name, value)
		}
		if err := c.DeleteEntity(context.Background(), "change", "c2", "dana", "", false); err != nil {
			t.Fatal(err)
		}
		for name, value := range map[string]string{"n": "3", "all": "3", "sum": "30", "max": "20", "median": "15", "big": "1"} {
			c.derives("repo", "r", name, value)
		}
	})
}

func TestR46_MirrorsOverManyAndPaths(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		c.blueprint(`{"identifier":"a","title":"A","schema":{"properties":{"x":{"type":"number"}}},"calculationProperties":{"twice":{"type":"number","calculation":".properties.x * 2"},"wrong":{"type":"number","calculation":".title"}}}`)
		c.blueprint(`{"identifier":"b","title":"B","schema":{"properties":{}},"relations":{"a":{"target":"a"},"as":{"target":"a","many":true}},"mirrorProperties":{"one":{"path":"a.twice"},"list":{"path":"as.twice"},"nothing":{"path":"a.no_such"},"wrong":{"path":"a.wrong"}}}`)
		c.blueprint(`{"identifier":"c","title":"C","schema":{"properties":{}},"relations":{"b":{"target":"b"}},"mirrorProperties":{"far":{"path":"b.a.twice"},"of":{"path":"b.one"},"who":{"path":"b.$identifier"}},"calculationProperties":{"sum":{"type":"number","calculation":".properties.far + .properties.of"}}}`)
		c.must("a", `{"identifier":"1","properties":{"x":1}}`)
		c.must("a", `{"identifier":"2","properties":{"x":2}}`)
		c.must("b", `{"identifier":"b","relations":{"a":"1","as":["2","1"]}}`)
		c.must("c", `{"identifier":"c","relations":{"b":"b"}}`)
		c.derives("b", "b", "list", "[4,2]")
		c.derives("b", "b", "nothing", "null")
		c.derives("b", "b", "wrong", "null")
		c.derives("c", "c", "sum", "4")
		c.must("a", `{"identifier":"1","properties":{"x":5}}`)
		c.derives("b", "b", "list", "[4,10]")
		c.derives("c", "c", "sum", "20")
		if _, err := c.PatchEntity(context.Background(), "b", "b", catalog.NewEntity{Identifier: "renamed", Relations: map[string]any{"a": nil}}, catalog.Write{By: "dana"}); err != nil {
			t.Fatal(err)
		}
		c.derives("c", "c", "far", "null")
		c.derives("c", "c", "who", `"renamed"`)
		c.derives("c", "c", "sum", "null")
	})
}

func TestR46_InheritedOwnership(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		c.blueprint(`{"identifier":"domain","title":"D","schema":{"properties":{}},"ownership":{"type":"Direct"}}`)
		c.blueprint(`{"identifier":"system","title":"S","schema":{"properties":{}},"relations":{"domain":{"target":"domain"}},"ownership":{"type":"Inherited","path":"domain"}}`)
		c.blueprint(`{"identifier":"svc","title":"V","schema":{"properties":{}},"relations":{"system":{"target":"system"}},"teamInheritance":{"path":"system"}}`)
		c.must("domain", `{"identifier":"d","team":["shop"]}`)
		c.must("system", `{"identifier":"s","team":["ignored"],"relations":{"domain":"d"}}`)
		c.must("svc", `{"identifier":"v","relations":{"system":"s"}}`)
		if got := c.read("svc", "v").Team; compact(t, got) != `["shop"]` {
			t.Errorf("team %v", got)
		}
		c.must("domain", `{"identifier":"d","team":["core","shop"]}`)
		page, err := c.Search(context.Background(), catalog.Query{Blueprint: "svc", Rules: []catalog.Rule{{Property: "$team", Operator: "=", Value: "core"}}})
		if err != nil || len(page.Entities) != 1 || compact(t, page.Entities[0].Team) != `["core","shop"]` {
			t.Errorf("of core: %+v, %v", page.Entities, err)
		}
		files, err := c.Export(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if own := f.Name == "entities/domain/d.json"; strings.HasPrefix(f.Name, "entities/") && own != strings.Contains(string(f.Content), `"team"`) {
				t.Errorf("exported with what is worked out, or without its own: %s %s", f.Name, f.Content)
			}
		}
	})
}

func TestBlueprint_RefusesCalculationsInACircle(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		var b catalog.Blueprint
		doc := `{"identifier":"x","title":"X","schema":{"properties":{}},"calculationProperties":{
			"a":{"type":"number","calculation":".properties.b + 1"},"b":{"type":"number","calculation":".properties.c"},"c":{"type":"number","calculation":".properties.a"},"d":{"type":"number","calculation":".properties.a"}}}`
		if err := json.Unmarshal([]byte(doc), &b); err != nil {
			t.Fatal(err)
		}
		_, _, err := c.PutBlueprint(context.Background(), b, "dana")
		if !fault.Is(err, fault.Unprocessable) || len(details(err)) != 1 || details(err)[0].Problem != "stands on itself: a -> b -> c -> a" {
			t.Errorf("%v %+v", err, details(err))
		}
	})
}

// A change of the blueprint shows in what is there already.
func TestBlueprint_ChangesDeriveAgain(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		c.blueprint(derivedSystem)
		c.blueprint(derivedService)
		c.must("system", `{"identifier":"s","properties":{"tier":"2"}}`)
		c.must("svc", `{"identifier":"v","properties":{"lang":"go"},"relations":{"system":"s"}}`)
		c.blueprint(`{"identifier":"svc","title":"S","schema":{"properties":{"lang":{"type":"string"}}},"relations":{"system":{"target":"system"}},
			"mirrorProperties":{"t":{"path":"system.tier"},"k":{"path":"system.kind"}},"calculationProperties":{"len":{"type":"number","calculation":".properties.lang|length"}}}`)
		if got := compact(t, c.read("svc", "v").Properties); got != `{"k":null,"lang":"go","len":2,"t":"2"}` {
			t.Errorf("%s", got)
		}
		// The blueprint a mirror leads to gets the property only later.
		c.blueprint(`{"identifier":"system","title":"System","schema":{"properties":{"tier":{"type":"string"}}},"calculationProperties":{"kind":{"type":"string","calculation":"'tier ' + .properties.tier"}}}`)
		c.derives("svc", "v", "k", `"tier 2"`)
	})
}

// 7.3: one wrong entity does not keep the other from being saved.
func TestPutMany_TellsWhatFailed(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		c.blueprint(derivedSystem)
		c.blueprint(derivedService)
		items, err := c.PutMany(context.Background(), "svc", []catalog.NewEntity{
			{Identifier: "a", Properties: map[string]any{"lang": "go"}},
			{Identifier: "b", Properties: map[string]any{"coverage": "high"}},
			{Identifier: "c", Properties: map[string]any{"lang": "go"}, Relations: map[string]any{"uses": []any{"a", "d"}}},
			{Identifier: "d", Properties: map[string]any{"lang": "go"}, Relations: map[string]any{"uses": []any{"c", "d"}}},
			{Identifier: "e", Properties: map[string]any{"lang": "go"}, Relations: map[string]any{"uses": []any{"b"}}},
			{Identifier: "a", Properties: map[string]any{"coverage": 5}},
		}, catalog.Write{Upsert: true, Merge: true, By: "dana"})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, item := range items {
			got += fmt.Sprintf("%s %d %v %v %v\n", item.Identifier, item.Index, item.Created, item.Changed, fault.Is(item.Err, fault.Unprocessable))
		}
		want := "a 0 true true false\nb 1 false false true\nc 2 true true false\nd 3 true true false\ne 4 false false true\na 5 false true false\n"
		if got != want {
			t.Errorf("\n%s\nwant\n%s", got, want)
		}
		c.derives("svc", "a", "coverage", "5")
		c.derives("svc", "a", "dependents", "1")
		// The same again changes nothing: no version, no event.
		before := len(c.events("svc"))
		again, err := c.PutMany(context.Background(), "svc", []catalog.NewEntity{{Identifier: "c", Properties: map[string]any{"lang": "go"}, Relations: map[string]any{"uses": []any{"a", "d"}}}}, catalog.Write{Upsert: true, Merge: true, By: "dana"})
		if err != nil || again[0].Created || again[0].Changed || again[0].Err != nil || len(c.events("svc")) != before {
			t.Errorf("again: %+v, %v", again, err)
		}
	})
}

func TestExplain_SaysWhereValuesComeFrom(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		ctx := context.Background()
		c.blueprint(derivedSystem)
		c.blueprint(derivedService)
		c.must("system", `{"identifier":"s","title":"Shop","properties":{"tier":"1"}}`)
		c.must("svc", `{"identifier":"a","properties":{"lang":"go"},"relations":{"system":"s"}}`)
		c.must("svc", `{"identifier":"b","properties":{"lang":"go"},"relations":{"uses":["a"]}}`)
		for property, want := range map[string]string{
			"systemTier": `{"property":"systemTier","kind":"mirror","value":"1","now":"1","definition":"system.tier","inputs":{},"hops":[{"relation":"system","entities":[{"blueprint":"system","identifier":"s","title":"Shop"}]}],"contributing":[{"blueprint":"system","identifier":"s","title":"Shop","value":"1"}],"count":1}`,
			"badge":      `{"property":"badge","kind":"calculation","value":"go/1","now":"go/1","definition":".properties.lang + '/' + (.properties.systemTier // 'none')","inputs":{"properties.lang":"go","properties.systemTier":"1"},"hops":[],"contributing":[],"count":0}`,
			"dependents": `{"property":"dependents","kind":"aggregation","value":1,"now":1,"definition":{"title":"Dependents","target":"svc","calculationSpec":{"calculationBy":"entities","func":"count"},"pathFilter":[{"fromBlueprint":"svc","path":["uses"]}]},"inputs":{},"hops":[],"contributing":[{"blueprint":"svc","identifier":"b","title":"b","value":null}],"count":1}`,
		} {
			e, err := c.Explain(ctx, "svc", "a", property)
			if err != nil || compact(t, e) != want {
				t.Errorf("%v\n got %s\nwant %s", err, compact(t, e), want)
			}
		}
		if e, err := c.Explain(ctx, "svc", "b", "systemTier"); err != nil || e.Error != "The relation system leads nowhere." {
			t.Errorf("%+v %v", e, err)
		}
		if _, err := c.Explain(ctx, "svc", "b", "none"); !fault.Is(err, fault.NotFound) {
			t.Errorf("%v", err)
		}
		done, err := c.EditMany(ctx, "svc", catalog.BulkEdit{Query: map[string]any{"combinator": "and", "rules": []any{map[string]any{"property": "lang", "operator": "=", "value": "go"}}},
			Set: catalog.BulkSet{Properties: map[string]any{"coverage": 7.0}}, DryRun: true}, catalog.Write{By: "dana"})
		if err != nil || len(done.Changes) != 2 || done.Changes[0].After["properties.coverage"] != 7.0 || len(done.Failures) != 0 {
			t.Errorf("dry run: %+v %v", done, err)
		}
		c.derives("svc", "a", "coverage", "null")
		done, err = c.EditMany(ctx, "svc", catalog.BulkEdit{Identifiers: []string{"a", "none"}, Set: catalog.BulkSet{Properties: map[string]any{"coverage": 7.0}}}, catalog.Write{By: "dana"})
		if err != nil || len(done.Changes) != 1 || len(done.Failures) != 1 {
			t.Errorf("%+v %v", done, err)
		}
		c.derives("svc", "a", "coverage", "7")
	})
}

// What more than 1,000 others read is worked out for 1,000 at once and for the
// rest by Recompute.
func TestFanOut_LeavesTheRestToTheQueue(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		ctx := context.Background()
		c.blueprint(derivedSystem)
		c.blueprint(derivedService)
		c.must("system", `{"identifier":"s","properties":{"tier":"1"}}`)
		for at := 0; at < 1500; at += 500 {
			var list []catalog.NewEntity
			for i := at; i < at+500; i++ {
				list = append(list, catalog.NewEntity{Identifier: fmt.Sprintf("v%d", i), Properties: map[string]any{"lang": "go"}, Relations: map[string]any{"system": "s"}})
			}
			if _, err := c.PutMany(ctx, "svc", list, catalog.Write{Upsert: true, By: "dana"}); err != nil {
				t.Fatal(err)
			}
		}
		c.must("system", `{"identifier":"s","properties":{"tier":"2"}}`)
		c.derives("svc", "v0", "badge", `"go/2"`)
		if n, err := c.DeriveBacklog(ctx); err != nil || n != 500 {
			t.Errorf("%d left, %v", n, err)
		}
		if done, left, err := c.Recompute(ctx, 10_000); err != nil || done != 500 || left != 0 {
			t.Errorf("%d done, %d left, %v", done, left, err)
		}
		c.derives("svc", "v1499", "badge", `"go/2"`)
	})
}
