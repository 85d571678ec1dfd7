package query_test

import (
	"encoding/json"
	"testing"
	"time"

	"sphera/internal/catalog/query"
)

const cart = `{"identifier":"cart","title":"Cart ÄPI","icon":null,"blueprint":"svc","team":["shop","core"],"datasource":"port-k8s-exporter/^0.3.4 (statekey/S1)",
	"properties":{"lang":"Go","coverage":81.5,"live":true,"tags":["a","b"],"ports":[80],"seen":"2026-01-02T05:04:05+02:00","ends":"2026-01-01T00:00:00Z","meta":{"k":1},"empty":"","none":[],"unset":null},
	"relations":{"system":"checkout","uses":["mail"],"owner":null},
	"scorecards":{"ready":{"level":"Gold","rules":[{"identifier":"r1","status":"SUCCESS","level":"Gold"}]}},
	"createdAt":"2026-01-01T00:00:00.000Z","updatedAt":"2026-03-01T00:00:00.000Z","createdBy":"dana","updatedBy":"dana"}`

func env() query.Env {
	return query.Env{
		Now: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC), User: "dana@example.com", UserTeams: []string{"shop"},
		UserEntity:   map[string]any{"identifier": "dana@example.com", "properties": map[string]any{"language": "Go"}},
		TeamEntities: []map[string]any{{"identifier": "shop", "title": "Shop"}},
		Graph: &query.Graph{Vertices: map[query.Ref]query.Vertex{
			{"svc", "cart"}:        {Title: "Cart", Relations: map[string][]query.Ref{"system": {{"system", "checkout"}}, "uses": {{"svc", "mail"}}}},
			{"svc", "mail"}:        {Title: "Mail", Relations: map[string][]query.Ref{"uses": {{"svc", "smtp"}}}},
			{"svc", "smtp"}:        {Title: "SMTP"},
			{"svc", "front"}:       {Title: "Front", Relations: map[string][]query.Ref{"uses": {{"svc", "cart"}}}},
			{"system", "checkout"}: {Title: "Checkout", Relations: map[string][]query.Ref{"domain": {{"domain", "sales"}}}},
			{"domain", "sales"}:    {Title: "Sales"},
		}},
	}
}

// What Port's documents say about each operator, and what is decided where
// they are silent: docs/query.md.
func TestMatch(t *testing.T) {
	var subject map[string]any
	if err := json.Unmarshal([]byte(cart), &subject); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		rule string
		want bool
	}{
		{`"property":"lang","operator":"=","value":"Go"`, true},
		{`"property":"lang","operator":"=","value":"go"`, false},
		{`"property":"lang","operator":"!=","value":"go"`, true},
		{`"property":"unset","operator":"!=","value":"go"`, true},
		{`"property":"nowhere","operator":"notIn","value":["go"]`, true},
		{`"property":"unset","operator":"doesNotContains","value":"go"`, true},
		{`"property":"unset","operator":"=","value":null`, true},
		{`"property":"lang","operator":"!=","value":null`, true},
		{`"property":"unset","operator":"isEmpty"`, true},
		{`"property":"empty","operator":"isEmpty"`, false},
		{`"property":"none","operator":"isEmpty"`, false},
		{`"property":"lang","operator":"contains","value":"GO"`, true},
		{`"property":"lang","operator":"beginsWith","value":"g"`, true},
		{`"property":"lang","operator":"endsWith","value":"o"`, true},
		{`"property":"lang","operator":"in","value":["x","Go"]`, true},
		{`"property":"lang","operator":"in","value":[]`, false},
		{`"property":"lang","operator":">","value":"Fz"`, true},
		{`"property":"coverage","operator":">=","value":81.5`, true},
		{`"property":"coverage","operator":">","value":"9"`, false},
		{`"property":"coverage","operator":"=","value":"81.5"`, false},
		{`"property":"coverage","operator":"in","value":[1,81.5]`, true},
		{`"property":"live","operator":"=","value":true`, true},
		{`"property":"live","operator":"=","value":"true"`, true},
		{`"property":"live","operator":"!=","value":false`, true},
		{`"property":"tags","operator":"contains","value":"a"`, true},
		{`"property":"tags","operator":"=","value":"a"`, true},
		{`"property":"tags","operator":"containsAny","value":["x","b"]`, true},
		{`"property":"tags","operator":"containsAny","value":["x"]`, false},
		{`"property":"ports","operator":"contains","value":80`, true},
		{`"property":"seen","operator":"=","value":"2026-01-02T03:04:05Z"`, true},
		{`"property":"seen","operator":"<","value":"2026-01-02T03:04:06Z"`, true},
		{`"property":"seen","operator":"between","value":{"from":"2026-01-02","to":"2026-01-03"}`, true},
		{`"property":"seen","operator":"notBetween","value":{"from":"2026-01-02","to":"2026-01-03"}`, false},
		{`"property":"seen","operator":"=","value":{"preset":"last3Months"}`, true},
		{`"property":"seen","operator":"=","value":{"preset":"lastMonth"}`, false},
		{`"property":"$updatedAt","operator":"between","value":{"preset":"lastWeek"}`, true},
		{`"property":"$updatedAt","operator":"between","value":{"preset":"today"}`, false},
		{`"property":"ends","operator":"isExpired"`, true},
		{`"property":"ends","operator":"isNotExpired"`, false},
		{`"property":"unset","operator":"isExpired"`, false},
		{`"property":"$title","operator":"contains","value":"äpi"`, true},
		{`"property":"$team","operator":"=","value":"core"`, true},
		{`"property":"$team","operator":"in","value":["My Teams"]`, true},
		{`"property":"$team","operator":"notIn","value":["{{getUserTeams()}}"]`, false},
		{`"property":"$owned_by_team","operator":"=","value":"true"`, true},
		{`"property":"$icon","operator":"isEmpty"`, true},
		{`"property":"$datasource","operator":"contains","value":"(statekey/S1)"`, true},
		{`"property":"$datasource","operator":"contains","value":"(statekey/s1)"`, false},
		{`"property":"system","operator":"=","value":"checkout"`, true},
		{`"property":"owner","operator":"isEmpty"`, true},
		{`"relation":"system","operator":"beginsWith","value":"check"`, true},
		{`"relation":"owner","operator":"isEmpty"`, true},
		{`"scorecard":"ready","operator":"=","value":"Gold"`, true},
		{`"scorecard":"other","operator":"!=","value":"Gold"`, true},
		{`"scorecard":"ready","scorecardRule":"r1","operator":"=","value":"Passed"`, true},
		{`"propertySchema":{"type":"string"},"operator":"contains","value":"go"`, true},
		{`"propertySchema":{"type":"number"},"operator":"!=","value":81.5`, false},
		{`"property":"lang","operator":"=","value":{"context":"user","property":"language"}`, true},
		{`"property":{"context":"userTeams","property":"$identifier"},"operator":"=","value":"shop"`, true},
		{`"property":{"context":"userTeams","property":"$identifier"},"operator":"isEmpty"`, false},
		{`"operator":"relatedTo","blueprint":"system","value":"checkout","direction":"downstream"`, true},
		{`"operator":"relatedTo","blueprint":"system","value":"checkout","direction":"upstream"`, false},
		{`"operator":"relatedTo","blueprint":"domain","value":["sales"],"direction":"downstream"`, true},
		{`"operator":"relatedTo","blueprint":"svc","value":"smtp"`, true},
		{`"operator":"relatedTo","blueprint":"svc","value":"front","direction":"upstream"`, true},
		{`"operator":"matchAny","property":"lang","value":["Go"]`, true},
		{`"operator":"matchAny","property":{"path":["system","domain"]},"value":"sales"`, true},
		{`"operator":"matchAny","property":{"path":["uses"]},"value":"smtp"`, false},
		{`"operator":"matchAny","property":{"path":[{"relation":"uses","maxHops":2}]},"value":"smtp"`, true},
		{`"operator":"matchAny","property":{"path":["uses"],"fromBlueprint":"svc"},"value":"front"`, true},
	} {
		q, problems := query.Parse(json.RawMessage("{" + `"combinator":"and","rules":[{` + test.rule + "}]}"))
		if len(problems) > 0 {
			t.Errorf("%s: %v", test.rule, problems)
			continue
		}
		got, err := q.Match(subject, env())
		if err != nil || got != test.want {
			t.Errorf("%s: got %v (%v), want %v", test.rule, got, err, test.want)
		}
	}
}

// A program that calls has no user: rules about one fit nothing.
func TestMatch_WithoutUser(t *testing.T) {
	for _, operator := range []string{"=", "!="} {
		q := query.And(query.Rule{Property: "lang", Operator: operator, Value: query.Context{Context: "user", Property: "language"}})
		if got, err := q.Match(map[string]any{}, query.Env{}); got || err != nil {
			t.Errorf("%s: %v %v", operator, got, err)
		}
	}
}

func TestMatch_Combinators(t *testing.T) {
	yes, no := query.Rule{Property: "a", Operator: "isEmpty"}, query.Rule{Property: "a", Operator: "isNotEmpty"}
	for _, test := range []struct {
		q    *query.Query
		want bool
	}{
		{nil, true}, {query.And(), true}, {query.Or(), true},
		{query.And(yes, no), false}, {query.Or(yes, no), true}, {query.Or(no, query.And(yes, query.Or(no, yes))), true}, {query.And(yes, query.Or(no)), false},
	} {
		if got, err := test.q.Match(map[string]any{}, query.Env{}); got != test.want || err != nil {
			t.Errorf("%+v: %v %v", test.q, got, err)
		}
	}
}
