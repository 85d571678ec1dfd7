package catalog_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"

	"sphera/internal/catalog"
	"sphera/internal/fault"
)

func renameFixture(c *fixture) {
	c.blueprint(`{"identifier":"system","title":"System","schema":{"properties":{"tier":{"type":"string","enum":["1","2"]},"cost":{"type":"number"}},"required":["tier"]},
		"calculationProperties":{"label":{"type":"string","calculation":"'t' + .properties.tier + (.properties.tiers // '')"},"any":{"type":"string","calculation":"[.properties | to_entries[] | select(.key == 'tier') | .value] | tostring"}}}`)
	c.blueprint(`{"identifier":"svc","title":"S","schema":{"properties":{"lang":{"type":"string"}}},"relations":{"system":{"target":"system"},"peers":{"target":"svc","many":true}},
		"mirrorProperties":{"tier":{"path":"system.tier"},"far":{"path":"peers.system.tier"}},"calculationProperties":{"of":{"type":"string","calculation":".relations.system"}},
		"aggregationProperties":{"spent":{"target":"system","calculationSpec":{"calculationBy":"property","func":"sum","property":"cost"},"pathFilter":[{"path":["system"]}],"query":{"combinator":"and","rules":[{"property":"cost","operator":">","value":1}]}}},
		"ownership":{"type":"Inherited","path":"system"}}`)
	c.must("system", `{"identifier":"s","team":"shop","properties":{"tier":"1","cost":5}}`)
	c.must("svc", `{"identifier":"v","properties":{"lang":"go"},"relations":{"system":"s","peers":["v"]}}`)
}

func TestR46_RenamePropertyCarriesEverything(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		ctx := context.Background()
		renameFixture(c)
		r, err := c.RenameProperty(ctx, "system", "tier", "class", "dana")
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(r.Left, "system/calculationProperties/any") || slices.Contains(r.Left, "system/calculationProperties/label") {
			t.Errorf("left: %v", r.Left)
		}
		if got := r.Blueprint.CalculationProperties["label"].Calculation; got != "'t' + .properties.class + (.properties.tiers // '')" {
			t.Errorf("calculation: %s", got)
		}
		if compact(t, r.Blueprint.Schema.Required) != `["class"]` {
			t.Errorf("required: %v", r.Blueprint.Schema.Required)
		}
		if _, err := c.RenameProperty(ctx, "system", "cost", "price", "dana"); err != nil {
			t.Fatal(err)
		}
		c.derives("system", "s", "class", `"1"`)
		c.derives("system", "s", "label", `"t1"`)
		c.must("system", `{"identifier":"s","team":"shop","properties":{"class":"2","price":7}}`)
		c.derives("svc", "v", "tier", `"2"`)
		c.derives("svc", "v", "far", `["2"]`)
		c.derives("svc", "v", "spent", "7")
		page, err := c.Search(ctx, catalog.Query{Blueprint: "system", Rules: []catalog.Rule{{Property: "class", Operator: "=", Value: "2"}}, Sort: "price"})
		if err != nil || len(page.Entities) != 1 {
			t.Errorf("by the new name: %+v %v", page, err)
		}
		for _, bad := range []struct{ old, name, code string }{{"none", "x", "not_found"}, {"class", "label", "identifier_taken"}, {"class", "a b", "validation_error"}} {
			_, err := c.RenameProperty(ctx, "system", bad.old, bad.name, "dana")
			if f, ok := fault.As(err); !ok || string(f.Code) != bad.code {
				t.Errorf("%v: %v", bad, err)
			}
		}
	})
}

func TestR46_RenameRelationCarriesEverything(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		ctx := context.Background()
		renameFixture(c)
		_, err := c.RenameRelation(ctx, "svc", "system", "part of", "dana")
		if !fault.Is(err, fault.Unprocessable) {
			t.Fatalf("a name with a space: %v", err)
		}
		r, err := c.RenameRelation(ctx, "svc", "system", "partOf", "dana")
		if err != nil {
			t.Fatal(err)
		}
		b := r.Blueprint
		if b.MirrorProperties["tier"].Path != "partOf.tier" || b.MirrorProperties["far"].Path != "peers.partOf.tier" || b.Ownership.Path != "partOf" ||
			b.CalculationProperties["of"].Calculation != ".relations.partOf" || b.AggregationProperties["spent"].PathFilter[0].Path[0] != "partOf" {
			t.Errorf("%s", compact(t, b))
		}
		e := c.read("svc", "v")
		if e.Relations["partOf"] != "s" || compact(t, e.Team) != `["shop"]` || e.Properties["of"] != "s" {
			t.Errorf("%s", compact(t, e))
		}
		c.must("system", `{"identifier":"s","team":"core","properties":{"tier":"2","cost":9}}`)
		if got := compact(t, c.read("svc", "v").Properties); got != `{"far":["2"],"lang":"go","of":"s","spent":9,"tier":"2"}` {
			t.Errorf("%s", got)
		}
	})
}

func TestR46_RenameMirrorAndBlueprint(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		ctx := context.Background()
		renameFixture(c)
		r, err := c.RenameMirror(ctx, "svc", "tier", "systemTier", "dana")
		if err != nil || r.Blueprint.MirrorProperties["systemTier"].Path != "system.tier" {
			t.Fatalf("%+v %v", r, err)
		}
		c.derives("svc", "v", "systemTier", `"1"`)
		b, err := c.Blueprint(ctx, "system")
		if err != nil {
			t.Fatal(err)
		}
		b.Identifier = "platform"
		if _, _, err := c.SaveBlueprint(ctx, "system", b, catalog.BlueprintWrite{By: "dana"}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Blueprint(ctx, "system"); !fault.Is(err, fault.NotFound) {
			t.Errorf("the old name: %v", err)
		}
		svc, err := c.Blueprint(ctx, "svc")
		if err != nil || svc.Relations["system"].Target != "platform" || svc.AggregationProperties["spent"].Target != "platform" {
			t.Errorf("%s %v", compact(t, svc), err)
		}
		c.must("platform", `{"identifier":"s","properties":{"tier":"2","cost":3}}`)
		c.derives("svc", "v", "systemTier", `"2"`)
		c.derives("svc", "v", "spent", "3")
		if list, err := c.Blueprints(ctx); err != nil || len(list) != 2 || list[0].EntityCount != 1 || list[0].Identifier != "platform" {
			t.Errorf("%s %v", compact(t, list), err)
		}
	})
}

func TestR46_TypeChangeConverts(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		ctx := context.Background()
		c.blueprint(`{"identifier":"x","title":"X","schema":{"properties":{"n":{"type":"string"}}},"calculationProperties":{"twice":{"type":"number","calculation":".properties.n * 2"}}}`)
		c.must("x", `{"identifier":"a","properties":{"n":"12"}}`)
		c.must("x", `{"identifier":"b","properties":{"n":"many"}}`)
		c.must("x", `{"identifier":"c"}`)
		var b catalog.Blueprint
		if err := json.Unmarshal([]byte(`{"identifier":"x","title":"X","schema":{"properties":{"n":{"type":"number"}}},"calculationProperties":{"twice":{"type":"number","calculation":".properties.n * 2"}}}`), &b); err != nil {
			t.Fatal(err)
		}
		preview, err := c.PreviewBlueprint(ctx, b, []string{"a", "b"})
		if err != nil || len(preview.TypeChanges) != 1 || preview.TypeChanges[0].Convert != 1 || preview.TypeChanges[0].Fail != 1 || preview.TypeChanges[0].Failures[0].Identifier != "b" {
			t.Fatalf("preview: %s %v", compact(t, preview), err)
		}
		if len(preview.Samples) != 2 || compact(t, preview.Samples[0].Properties) != `{"n":12,"twice":24}` || compact(t, preview.Samples[1].Properties) != `{"n":null,"twice":null}` {
			t.Errorf("samples %s", compact(t, preview.Samples))
		}
		_, _, err = c.PutBlueprint(ctx, b, "dana")
		if !fault.Is(err, fault.Unprocessable) || len(details(err)) != 1 || details(err)[0].Field != "/schema/properties/n/type" {
			t.Fatalf("%v %+v", err, details(err))
		}
		c.derives("x", "a", "n", `"12"`)
		if _, _, err := c.SaveBlueprint(ctx, "x", b, catalog.BlueprintWrite{By: "dana", DropUnfit: true}); err != nil {
			t.Fatal(err)
		}
		c.derives("x", "a", "n", "12")
		c.derives("x", "a", "twice", "24")
		c.derives("x", "b", "n", "null")
	})
}

// What lists count and narrow by follows a rename, too.
func TestR46_RenamesKeepFiltersAndCounts(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		ctx := context.Background()
		renameFixture(c)
		if _, err := c.RenameProperty(ctx, "system", "tier", "class", "dana"); err != nil {
			t.Fatal(err)
		}
		look := func(blueprint string) {
			t.Helper()
			page, err := c.Search(ctx, catalog.Query{Blueprint: blueprint, Facets: []string{"class", "$team"}, Rules: []catalog.Rule{
				{Property: "class", Operator: "=", Value: "1"}, {Property: "$team", Operator: "=", Value: "shop"},
			}})
			if err != nil || len(page.Entities) != 1 || page.Total != 1 {
				t.Errorf("%s: %+v %v", blueprint, page, err)
			}
			for name, value := range map[string]string{"class": "1", "$team": "shop"} {
				if f := page.Facets[name]; len(f) != 1 || f[0].Count != 1 || compact(t, f[0].Value) != `"`+value+`"` {
					t.Errorf("%s by %s: %+v", blueprint, name, f)
				}
			}
		}
		look("system")
		b, err := c.Blueprint(ctx, "system")
		if err != nil {
			t.Fatal(err)
		}
		b.Identifier = "platform"
		if _, _, err := c.SaveBlueprint(ctx, "system", b, catalog.BlueprintWrite{By: "dana"}); err != nil {
			t.Fatal(err)
		}
		look("platform")
	})
}
