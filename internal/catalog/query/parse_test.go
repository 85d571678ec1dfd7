package query_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"sphera/internal/catalog/query"
)

// What cannot be understood is refused with its place, and with what would do.
func TestParse_Problems(t *testing.T) {
	deep := strings.Repeat(`{"combinator":"and","rules":[`, 12) + strings.Repeat(`]}`, 12)
	many := `{"rules":[` + strings.Repeat(`{"property":"a","operator":"isEmpty"},`, query.MaxRules) + `{"property":"a","operator":"isEmpty"}]}`
	values, err := json.Marshal(make([]int, query.MaxValues+1))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ doc, path string }{
		{`[]`, ""},
		{`{"rules":`, ""},
		{`{"combinator":"xor","rules":[]}`, "/combinator"},
		{`{"combinator":"and","rules":{}}`, "/rules"},
		{`{"rules":["x"]}`, "/rules/0"},
		{`{"rules":[{"property":"a"}]}`, "/rules/0/operator"},
		{`{"rules":[{"property":"a","operator":"~"}]}`, "/rules/0/operator"},
		{`{"rules":[{"operator":"=","value":1}]}`, "/rules/0/property"},
		{`{"rules":[{"property":5,"operator":"=","value":1}]}`, "/rules/0/property"},
		{`{"rules":[{"property":"a\u0000","operator":"=","value":1}]}`, "/rules/0/property"},
		{`{"rules":[{"property":"a","operator":"=","value":[1]}]}`, "/rules/0/value"},
		{`{"rules":[{"property":"a","operator":"=","value":{}}]}`, "/rules/0/value"},
		{`{"rules":[{"property":"a","operator":">","value":true}]}`, "/rules/0/value"},
		{`{"rules":[{"property":"a","operator":"beginsWith","value":1}]}`, "/rules/0/value"},
		{`{"rules":[{"property":"a","operator":"in"}]}`, "/rules/0/value"},
		{`{"rules":[{"property":"a","operator":"in","value":[{}]}]}`, "/rules/0/value/0"},
		{`{"rules":[{"property":"a","operator":"in","value":` + string(values) + `}]}`, "/rules/0/value"},
		{`{"rules":[{"property":"a","operator":"between","value":1}]}`, "/rules/0/value"},
		{`{"rules":[{"property":"a","operator":"between","value":{"from":"soon"}}]}`, "/rules/0/value/from"},
		{`{"rules":[{"property":"a","operator":"between","value":{"preset":"lastCentury"}}]}`, "/rules/0/value/preset"},
		{`{"rules":[{"combinator":"or","rules":[{"property":"a","operator":"="},{"property":"a","operator":"nope"}]}]}`, "/rules/0/rules/1/operator"},
		{`{"rules":[{"operator":"relatedTo","value":"x"}]}`, "/rules/0/blueprint"},
		{`{"rules":[{"operator":"relatedTo","blueprint":"b","value":"x","direction":"sideways"}]}`, "/rules/0/direction"},
		{`{"rules":[{"operator":"relatedTo","blueprint":"b","value":"x","required":"yes"}]}`, "/rules/0/required"},
		{`{"rules":[{"operator":"matchAny","property":{"path":[]},"value":"x"}]}`, "/rules/0/property/path"},
		{`{"rules":[{"operator":"matchAny","property":{"path":[{"relation":"a","maxHops":16}]},"value":"x"}]}`, "/rules/0/property/path/0/maxHops"},
		{`{"rules":[{"operator":"matchAny","property":{"path":[{"relation":"a","maxHops":2},{"relation":"a","maxHops":2}]},"value":"x"}]}`, "/rules/0/property/path"},
		{`{"rules":[{"property":{"context":"everyone","property":"x"},"operator":"=","value":"x"}]}`, "/rules/0/property/context"},
		{`{"rules":[{"propertySchema":{},"operator":"=","value":"x"}]}`, "/rules/0/propertySchema/type"},
		{`{"rules":[{"relation":"r","targetProperty":"$icon","operator":"=","value":"x"}]}`, "/rules/0/targetProperty"},
		{deep, ""},
		{many, "/rules"},
		{`{"x":"` + strings.Repeat("x", query.MaxBytes) + `"}`, ""},
	} {
		_, problems := query.Parse(json.RawMessage(test.doc))
		if len(problems) == 0 {
			t.Errorf("%.100s: no problem, want one at %q", test.doc, test.path)
			continue
		}
		if got := problems[0]; !strings.HasSuffix(got.Path, test.path) || got.Problem == "" || got.Want == "" {
			t.Errorf("%.100s: got %+v, want one at %q", test.doc, got, test.path)
		}
	}
}

// Whatever is sent, Parse answers, and what it accepts can be matched.
func FuzzParse(f *testing.F) {
	for _, doc := range []string{
		`{"combinator":"and","rules":[{"property":"$blueprint","operator":"=","value":"svc"},{"combinator":"or","rules":[{"property":"coverage","operator":"<","value":50},{"property":"coverage","operator":"isEmpty"}]},
			{"property":"$updatedAt","operator":"between","value":{"preset":"lastWeek"}},{"operator":"relatedTo","blueprint":"system","value":"checkout","direction":"downstream"}]}`,
		`{"rules":[{"operator":"matchAny","property":{"path":["a",{"relation":"b","maxHops":3}],"fromBlueprint":"x"},"value":{"context":"userTeams","property":"$identifier"}}]}`,
		`{"rules":[{"propertySchema":{"type":"array","items":{"type":"string"}},"operator":"contains","value":"x"}]}`,
		`{"rules":[{"scorecard":"s","scorecardRule":"r","operator":"=","value":"Passed"},{"relation":"r","targetProperty":"$title","operator":"contains","value":"x"}]}`,
		`{"property":"$team","operator":"in","value":["My Teams"]}`, `null`, `{}`, `[]`, `{"rules":null}`,
	} {
		f.Add(doc)
	}
	f.Fuzz(func(t *testing.T, doc string) {
		q, problems := query.Parse(json.RawMessage(doc))
		if (q == nil) == (len(problems) == 0) {
			t.Fatalf("query %v, problems %v", q, problems)
		}
		if q == nil {
			return
		}
		if _, err := q.Match(map[string]any{"properties": map[string]any{"a": "b"}}, query.Env{Graph: &query.Graph{}}); err != nil {
			t.Fatal(err)
		}
		if _, err := json.Marshal(q); err != nil {
			t.Fatal(fmt.Errorf("%q: %w", doc, err))
		}
	})
}
