package catalog_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sphera/internal/catalog"
	"sphera/internal/fault"
)

// searchable has values that the engines would treat differently if they were
// not asked carefully: numbers as text, other scripts, quotes, times in zones.
func searchable(c *fixture) {
	c.blueprint(`{"identifier":"team-x","title":"X","schema":{"properties":{}}}`)
	c.blueprint(`{"identifier":"svc","title":"Service","schema":{"properties":{
		"lang":{"type":"string"},"na-me=@1":{"type":"string"},"0":{"type":"string"},"score":{"type":"number"},"live":{"type":"boolean"},
		"tags":{"type":"array","items":{"type":"string"}},"ports":{"type":"array","items":{"type":"number"}},"seen":{"type":"string","format":"date-time"},"meta":{"type":"object"}}},
		"relations":{"owner":{"target":"team-x"},"uses":{"target":"svc","many":true}}}`)
	c.must("team-x", `{"identifier":"blue","title":"Team Blue"}`)
	c.must("team-x", `{"identifier":"red"}`)
	for _, doc := range []string{
		`{"identifier":"a","title":"Alpha","team":["shop"],"properties":{"lang":"go","score":9,"live":true,"tags":["x","y"],"ports":[80],"seen":"2026-01-02T03:04:05Z","na-me=@1":"o'hara","0":"zero"},"relations":{"owner":"blue"}}`,
		`{"identifier":"b","title":"beta","team":["shop","core"],"properties":{"lang":"Go","score":10,"live":false,"tags":["y"],"ports":[8080],"seen":"2026-01-02T05:04:05+02:00","na-me=@1":"100%_x"},"relations":{"owner":"red"}}`,
		`{"identifier":"c","title":"Gamma","properties":{"lang":"rust","score":-1.5,"tags":[],"seen":"2026-01-02T03:04:05.5Z","meta":{"k":"v"}},"relations":{"uses":["a","b"]}}`,
		`{"identifier":"d","title":"Ärger","properties":{"score":100,"live":true}}`,
		`{"identifier":"e","title":"=cmd|' /C calc'!A0","properties":{"lang":"$x"}}`,
	} {
		c.must("svc", doc)
	}
}

func TestSearch_Operators(t *testing.T) {
	rule := func(property, operator string, value any) catalog.Rule {
		return catalog.Rule{Property: property, Operator: operator, Value: value}
	}
	cases := []struct {
		rule catalog.Rule
		want string
	}{
		{rule("lang", "=", "go"), "a"},
		{rule("lang", "!=", "go"), "b c d e"},
		{rule("lang", "=", nil), "d"},
		{rule("lang", "contains", "GO"), "a b"},
		{rule("lang", "doesNotContains", "go"), "c d e"},
		{rule("lang", "beginsWith", "r"), "c"},
		{rule("lang", "endsWith", "ust"), "c"},
		{rule("lang", "in", []any{"go", "rust"}), "a c"},
		{rule("lang", "notIn", []any{"go", "rust"}), "b d e"},
		{rule("lang", "in", []any{}), ""},
		{rule("lang", "isEmpty", nil), "d"},
		{rule("lang", "isNotEmpty", nil), "a b c e"},
		{rule("lang", "=", "$x"), "e"},
		{rule("lang", "=", "' OR 1=1 --"), ""},
		{rule("na-me=@1", "=", "o'hara"), "a"},
		{rule("na-me=@1", "contains", "%_"), "b"},
		{rule("na-me=@1", "contains", "_"), "b"},
		{rule("0", "=", "zero"), "a"},
		{rule("score", ">", 9.0), "b d"},
		{rule("score", ">=", 9.0), "a b d"},
		{rule("score", "<", 0.0), "c"},
		{rule("score", "=", 10.0), "b"},
		{rule("score", "!=", 10.0), "a c d e"},
		{rule("score", "in", []any{9.0, 100.0}), "a d"},
		{rule("score", "isEmpty", nil), "e"},
		{rule("live", "=", true), "a d"},
		{rule("live", "=", false), "b"},
		{rule("live", "!=", true), "b c e"},
		{rule("live", "=", nil), "c e"},
		{rule("tags", "contains", "y"), "a b"},
		{rule("tags", "doesNotContains", "y"), "c d e"},
		{rule("tags", "containsAny", []any{"x", "z"}), "a"},
		{rule("ports", "contains", 80.0), "a"},
		{rule("tags", "isEmpty", nil), "d e"},
		{rule("meta", "isNotEmpty", nil), "c"},
		{rule("seen", "=", "2026-01-02T03:04:05Z"), "a b"},
		{rule("seen", ">", "2026-01-02T04:04:05+01:00"), "c"},
		{rule("seen", "<=", "2026-01-02T03:04:05.500Z"), "a b c"},
		{rule("owner", "=", "blue"), "a"},
		{rule("owner", "!=", "blue"), "b c d e"},
		{rule("owner", "in", []any{"blue", "red"}), "a b"},
		{rule("owner", "contains", "team b"), "a"},
		{rule("owner", "isEmpty", nil), "c d e"},
		{rule("uses", "=", "b"), "c"},
		{rule("uses", "isNotEmpty", nil), "c"},
		{rule("$team", "=", "core"), "b"},
		{rule("$team", "in", []any{"core", "shop"}), "a b"},
		{rule("$team", "isEmpty", nil), "c d e"},
		{rule("$identifier", "in", []any{"a", "e"}), "a e"},
		{rule("$title", "contains", "äRG"), "d"},
		{rule("$title", "beginsWith", "=CMD"), "e"},
		{rule("$title", ">", "a"), "b d"},
		{rule("$updatedBy", "=", "dana"), "a b c d e"},
		{rule("$icon", "isEmpty", nil), "a b c d e"},
		{rule("$createdAt", "<", "2026-01-01T00:00:00Z"), ""},
		{rule("$createdAt", ">", "2026-01-01T00:00:00Z"), "a b c d e"},
	}
	each(t, func(t *testing.T, c *fixture) {
		searchable(c)
		for _, test := range cases {
			page, err := c.Search(context.Background(), catalog.Query{Blueprint: "svc", Sort: "$identifier", Rules: []catalog.Rule{test.rule}})
			if err != nil {
				t.Errorf("%+v: %v", test.rule, err)
				continue
			}
			if got := ids(page.Entities); got != test.want || page.Total != len(page.Entities) {
				t.Errorf("%s %s %v: got %q (total %d), want %q", test.rule.Property, test.rule.Operator, test.rule.Value, got, page.Total, test.want)
			}
		}
	})
}

func ids(entities []catalog.Entity) string {
	var out []string
	for _, e := range entities {
		out = append(out, e.Identifier)
	}
	return strings.Join(out, " ")
}

func TestSearch_TextAndSort(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		searchable(c)
		for _, test := range []struct {
			query catalog.Query
			want  string
		}{
			{catalog.Query{Text: "ÄRG"}, "d"},
			{catalog.Query{Text: "o'hara"}, "a"},
			{catalog.Query{Text: "100%"}, "b"},
			{catalog.Query{Text: "rust gam"}, "c"},
			{catalog.Query{Text: "nothing like it"}, ""},
			{catalog.Query{}, "e a b c d"},
			{catalog.Query{Desc: true}, "d c b a e"},
			{catalog.Query{Sort: "score"}, "c a b d e"},
			{catalog.Query{Sort: "score", Desc: true}, "d b a c e"},
			{catalog.Query{Sort: "lang"}, "e b a c d"},
			{catalog.Query{Sort: "live"}, "b a d c e"},
			{catalog.Query{Sort: "$createdAt", Desc: true}, "e d c b a"},
		} {
			test.query.Blueprint = "svc"
			page, err := c.Search(context.Background(), test.query)
			if err != nil {
				t.Errorf("%+v: %v", test.query, err)
				continue
			}
			if got := ids(page.Entities); got != test.want {
				t.Errorf("%+v: got %q, want %q", test.query, got, test.want)
			}
			// Paging one by one must give the same list, whatever the order.
			var paged []catalog.Entity
			query := test.query
			query.Limit = 1
			for {
				page, err := c.Search(context.Background(), query)
				if err != nil {
					t.Fatalf("%+v: %v", query, err)
				}
				paged = append(paged, page.Entities...)
				if query.From = page.Next; page.Next == "" {
					break
				}
			}
			if got := ids(paged); got != test.want {
				t.Errorf("%+v paged: got %q, want %q", test.query, got, test.want)
			}
		}
	})
}

func TestSearch_Refusals(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		searchable(c)
		many := slices.Repeat([]any{"x"}, 1001)
		for _, test := range []struct {
			query catalog.Query
			code  fault.Code
			field string
		}{
			{catalog.Query{Blueprint: "nope"}, fault.NotFound, ""},
			{catalog.Query{Sort: "a'b"}, fault.Unprocessable, "sort"},
			{catalog.Query{Sort: "tags"}, fault.Unprocessable, "sort"},
			{catalog.Query{Rules: []catalog.Rule{{Property: "x' OR '1'='1", Operator: "="}}}, fault.Unprocessable, "rules/0/property"},
			{catalog.Query{Rules: []catalog.Rule{{Property: "$x", Operator: "="}}}, fault.Unprocessable, "rules/0/property"},
			{catalog.Query{Rules: []catalog.Rule{{Property: "lang", Operator: "= 1 OR"}}}, fault.Unprocessable, "rules/0/operator"},
			{catalog.Query{Rules: []catalog.Rule{{Property: "lang", Operator: "isEmpty"}, {Property: "score", Operator: "=", Value: "9"}}}, fault.Unprocessable, "rules/1/value"},
			{catalog.Query{Rules: []catalog.Rule{{Property: "score", Operator: "contains", Value: "9"}}}, fault.Unprocessable, "rules/0/operator"},
			{catalog.Query{Rules: []catalog.Rule{{Property: "live", Operator: ">", Value: true}}}, fault.Unprocessable, "rules/0/value"},
			{catalog.Query{Rules: []catalog.Rule{{Property: "seen", Operator: ">", Value: "yesterday"}}}, fault.Unprocessable, "rules/0/value"},
			{catalog.Query{Rules: []catalog.Rule{{Property: "lang", Operator: "in", Value: many}}}, fault.Unprocessable, "rules/0/value"},
			{catalog.Query{Rules: []catalog.Rule{{Property: "lang", Operator: "=", Value: "a\x00b"}}}, fault.Unprocessable, "rules/0/value"},
			{catalog.Query{Rules: slices.Repeat([]catalog.Rule{{Property: "lang", Operator: "isEmpty"}}, 51)}, fault.Unprocessable, "rules"},
			{catalog.Query{Text: strings.Repeat("x", 201)}, fault.Unprocessable, "text"},
			{catalog.Query{From: "rubbish"}, fault.Invalid, "from"},
			{catalog.Query{From: "eyJ2IjoxLCJpIjoyLCJjIjoieCJ9"}, fault.Invalid, "from"},
		} {
			if test.query.Blueprint == "" {
				test.query.Blueprint = "svc"
			}
			_, err := c.Search(context.Background(), test.query)
			if !fault.Is(err, test.code) {
				t.Errorf("%+v: got %v, want %s", test.query, err, test.code)
				continue
			}
			if got := details(err); test.field != "" && (len(got) == 0 || got[0].Field != test.field) {
				t.Errorf("%+v: details %+v, want field %s", test.query, got, test.field)
			}
		}
	})
}

// A cursor belongs to its query: with another one it is refused, and an entity
// that appears or goes in between neither hides nor doubles others.
func TestSearch_CursorIsBoundAndStable(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		ctx := context.Background()
		c.blueprint(systemBlueprint)
		for i := range 9 {
			c.must("system", fmt.Sprintf(`{"identifier":"s%d"}`, i))
		}
		first, err := c.Search(ctx, catalog.Query{Blueprint: "system", Limit: 3})
		if err != nil || first.Next == "" || first.Total != 9 {
			t.Fatalf("first page %+v (%v)", first, err)
		}
		for name, q := range map[string]catalog.Query{
			"other order": {Blueprint: "system", Desc: true, From: first.Next},
			"other sort":  {Blueprint: "system", Sort: "tier", From: first.Next},
			"other rules": {Blueprint: "system", Rules: []catalog.Rule{{Property: "tier", Operator: "isEmpty"}}, From: first.Next},
			"changed":     {Blueprint: "system", From: "A" + first.Next[1:]},
			"cut":         {Blueprint: "system", From: first.Next[:len(first.Next)-2]},
		} {
			if _, err := c.Search(ctx, q); !fault.Is(err, fault.Invalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
		c.must("system", `{"identifier":"a-new-one"}`)
		if err := c.DeleteEntity(ctx, "system", "s2", "dana", "", false); err != nil {
			t.Fatal(err)
		}
		second, err := c.Search(ctx, catalog.Query{Blueprint: "system", Limit: 200, From: first.Next})
		if err != nil || ids(second.Entities) != "s3 s4 s5 s6 s7 s8" {
			t.Errorf("second page %q (%v)", ids(second.Entities), err)
		}
	})
}

func TestFind_Ranking(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		ctx := context.Background()
		c.load(modelFiles(t))
		c.must("Component", `{"identifier":"shopping-cart","title":"Shopping cart","properties":{}}`)
		for _, test := range []struct{ text, want string }{
			{"cart", "System/Cart API/CartAPI Component/CartService Resource/cart-sql-sb Component/shopping-cart"},
			{"Cart Service", "Component/CartService"},
			{"serv", "Component/CartService Component/ProductsService"},
			{"cs", "Component/CartService Resource/cart-sql-sb"},
			{"ckl", "Component/CoreKafkaLibrary"},
			{"library core", "Component/CoreKafkaLibrary Component/CorePaymentLibrary"},
			{"afk", "Component/CoreKafkaLibrary"},
			{"_", ""},
			{"' OR 1=1 --", ""},
			{"   ", ""},
		} {
			hits, err := c.Find(ctx, test.text, catalog.FindOptions{Limit: 10})
			if err != nil {
				t.Errorf("%q: %v", test.text, err)
				continue
			}
			var got []string
			for _, h := range hits {
				got = append(got, catalog.Ref(h.Blueprint, h.Identifier))
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("%q: got %q, want %q", test.text, strings.Join(got, " "), test.want)
			}
		}
	})
}

// Values that are dangerous in a table calculation, in HTML or in SQL come
// back exactly as they were sent.
func TestL1_HostileValuesComeBackUnchanged(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		c.blueprint(systemBlueprint)
		c.blueprint(serviceBlueprint)
		for i, value := range []string{
			`=HYPERLINK("http://evil","x")`, "+1+1", "-2", "@SUM(A1)", "\tx", "a\r\nb", `"; DROP TABLE entities; --`, "<script>alert(1)</script>",
			"a'b", "$x", "{{.}}", "%s%n", "\u202egnp.exe", "שלום", "🎉", strings.Repeat("long ", 5000), "\\", `\u0000`,
		} {
			id := fmt.Sprintf("h%d", i)
			raw, err := json.Marshal(map[string]any{"identifier": id, "properties": map[string]any{"lang": value}})
			if err != nil {
				t.Fatal(err)
			}
			c.must("svc", string(raw))
			read, err := c.Entity(context.Background(), "svc", id)
			if err != nil || read.Properties["lang"] != value {
				t.Errorf("%q came back as %q (%v)", value, read.Properties["lang"], err)
			}
		}
	})
}
