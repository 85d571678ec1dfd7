package scorecard

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return t
}

var now = at("2026-03-15T12:00:00Z")

func entity(t testing.TB) map[string]any {
	t.Helper()
	var e map[string]any
	err := json.Unmarshal([]byte(`{"identifier":"cart","title":"Cart","team":["shop"],"icon":null,"createdAt":"2026-03-14T12:00:00.000Z",
	 "properties":{"lang":"go","coverage":80,"readme":"","tags":["a","b"],"none":null,"obj":{},"flag":true,"list":[],
	   "at":"2026-03-10T00:00:00Z","sameAt":"2026-03-10T01:00:00+01:00","next":"2026-03-16T08:00:00Z","day":"2026-03-15","old":"2020-01-01T00:00:00Z"},
	 "relations":{"system":"checkout","uses":["x","y"],"owner":null}}`), &e)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func one(t testing.TB, condition string) *Scorecard {
	t.Helper()
	s, problems := Parse(json.RawMessage(`{"identifier":"s","title":"S","rules":[{"identifier":"r","title":"R","level":"Bronze","query":{"combinator":"and","conditions":[` + condition + `]}}]}`))
	if len(problems) > 0 {
		t.Fatalf("%s: %v", condition, problems)
	}
	return s
}

func TestConditions(t *testing.T) {
	tests := []struct {
		condition string
		want      bool
	}{
		{`{"property":"lang","operator":"=","value":"go"}`, true},
		{`{"property":"lang","operator":"=","value":"Go"}`, false},
		{`{"property":"lang","operator":"!=","value":"go"}`, false},
		{`{"property":"none","operator":"!=","value":"go"}`, true},
		{`{"property":"unknown","operator":"=","value":null}`, true},
		{`{"property":"flag","operator":"=","value":true}`, true},
		{`{"property":"coverage","operator":"=","value":80}`, true},
		{`{"property":"coverage","operator":"=","value":"80"}`, false},
		{`{"property":"sameAt","operator":"=","value":"2026-03-10T00:00:00.000Z"}`, true},
		{`{"property":"coverage","operator":">","value":79.5}`, true},
		{`{"property":"coverage","operator":">=","value":80}`, true},
		{`{"property":"coverage","operator":"<","value":80}`, false},
		{`{"property":"coverage","operator":"<=","value":80}`, true},
		{`{"property":"none","operator":"<","value":80}`, false},
		{`{"property":"lang","operator":"<","value":80}`, false},
		{`{"property":"at","operator":"<","value":"2026-03-11"}`, true},
		{`{"property":"$createdAt","operator":">","value":"2026-03-14T11:59:59Z"}`, true},
		{`{"property":"lang","operator":"contains","value":"g"}`, true},
		{`{"property":"tags","operator":"contains","value":"a"}`, true},
		{`{"property":"tags","operator":"contains","value":"c"}`, false},
		{`{"property":"none","operator":"doesNotContains","value":"c"}`, true},
		{`{"property":"lang","operator":"beginsWith","value":"g"}`, true},
		{`{"property":"lang","operator":"doesNotBeginsWith","value":"g"}`, false},
		{`{"property":"none","operator":"doesNotBeginsWith","value":"g"}`, true},
		{`{"property":"lang","operator":"endsWith","value":"o"}`, true},
		{`{"property":"lang","operator":"endsWith","value":"g"}`, false},
		{`{"property":"lang","operator":"doesNotEndsWith","value":"g"}`, true},
		{`{"property":"tags","operator":"containsAny","value":["c","b"]}`, true},
		{`{"property":"tags","operator":"containsAny","value":["c"]}`, false},
		{`{"property":"lang","operator":"in","value":["rust","go"]}`, true},
		{`{"property":"none","operator":"in","value":["rust",null]}`, false},
		{`{"property":"lang","operator":"notIn","value":["rust"]}`, true},
		{`{"property":"none","operator":"isEmpty"}`, true},
		{`{"property":"readme","operator":"isEmpty"}`, true},
		{`{"property":"list","operator":"isEmpty"}`, true},
		{`{"property":"obj","operator":"isEmpty"}`, true},
		{`{"property":"flag","operator":"isEmpty"}`, false},
		{`{"property":"readme","operator":"isEmpty","not":true}`, false},
		{`{"property":"lang","operator":"isNotEmpty"}`, true},
		{`{"property":"$icon","operator":"isEmpty"}`, true},
		{`{"property":"$team","operator":"contains","value":"shop"}`, true},
		{`{"property":"$identifier","operator":"=","value":"cart"}`, true},
		{`{"relation":"system","operator":"=","value":"checkout"}`, true},
		{`{"relation":"uses","operator":"contains","value":"y"}`, true},
		{`{"relation":"owner","operator":"isEmpty"}`, true},
		{`{"property":"at","operator":"between","value":{"from":"2026-03-01","to":"2026-03-10T00:00:00Z"}}`, true},
		{`{"property":"at","operator":"between","value":{"from":"2026-03-11"}}`, false},
		{`{"property":"at","operator":"notBetween","value":{"to":"2026-03-11"}}`, false},
		{`{"property":"none","operator":"notBetween","value":{"preset":"lastWeek"}}`, true},
		{`{"property":"at","operator":"=","value":{"preset":"lastWeek"}}`, true},
		{`{"property":"at","operator":"between","value":{"preset":"lastDay"}}`, false},
		{`{"property":"$createdAt","operator":"between","value":{"preset":"lastDay"}}`, true},
		{`{"property":"$createdAt","operator":"between","value":{"preset":"yesterday"}}`, true},
		{`{"property":"day","operator":"between","value":{"preset":"today"}}`, true},
		{`{"property":"next","operator":"between","value":{"preset":"tomorrow"}}`, true},
		{`{"property":"next","operator":"between","value":{"preset":"nextWeek"}}`, true},
		{`{"property":"old","operator":"between","value":{"preset":"last12Months"}}`, false},
		{`{"property":"old","operator":"isExpired"}`, true},
		{`{"property":"next","operator":"isExpired"}`, false},
		{`{"property":"next","operator":"isNotExpired"}`, true},
		{`{"property":"none","operator":"isNotExpired"}`, false},
	}
	for _, test := range tests {
		result, ok := one(t, test.condition).Evaluate(entity(t), now)
		if !ok || (result.Rules[0].Status == Success) != test.want {
			t.Errorf("%s: got %+v, want %v", test.condition, result, test.want)
		}
	}
}

// The example of the contract (7.5): all rules of a level and of those below
// must pass; an empty top level is not reached.
func TestLevels(t *testing.T) {
	card := func(r1, r2, r3 bool) *Scorecard {
		rule := func(id, level string, pass bool) string {
			operator := "isNotEmpty"
			if !pass {
				operator = "isEmpty"
			}
			return fmt.Sprintf(`{"identifier":%q,"title":%q,"level":%q,"query":{"combinator":"and","conditions":[{"property":"lang","operator":%q}]}}`, id, id, level, operator)
		}
		s, problems := Parse(json.RawMessage(`{"identifier":"ready","title":"Ready","rules":[` + rule("r1", "Bronze", r1) + "," + rule("r2", "Bronze", r2) + "," + rule("r3", "Silver", r3) + `]}`))
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		return s
	}
	tests := []struct {
		r1, r2, r3 bool
		want       string
	}{
		{true, false, true, "Basic"}, {true, true, true, "Silver"}, {true, true, false, "Bronze"}, {false, false, false, "Basic"},
	}
	for _, test := range tests {
		if got, _ := card(test.r1, test.r2, test.r3).Evaluate(entity(t), now); got.Level != test.want {
			t.Errorf("%+v: got %s", test, got.Level)
		}
	}
}

func TestFilterLeavesOut(t *testing.T) {
	s, problems := Parse(json.RawMessage(`{"identifier":"s","title":"S","filter":{"combinator":"or","conditions":[{"property":"lang","operator":"=","value":"rust"},{"property":"coverage","operator":">","value":90}]},"rules":[]}`))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if _, ok := s.Evaluate(entity(t), now); ok {
		t.Error("the filter let it pass")
	}
	e := entity(t)
	e["properties"].(map[string]any)["lang"] = "rust"
	if got, ok := s.Evaluate(e, now); !ok || got.Level != "Basic" || got.Rules == nil {
		t.Errorf("got %+v, %v", got, ok)
	}
}

func TestEvidence(t *testing.T) {
	s, problems := Parse(json.RawMessage(`{"identifier":"s","title":"S","rules":[{"identifier":"r","title":"R","level":"Bronze","query":{"combinator":"or","conditions":[
	  {"property":"coverage","operator":">","value":90},{"relation":"system","operator":"isEmpty","not":true},{"property":"long","operator":"isEmpty"}]}}]}`))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	e := entity(t)
	e["properties"].(map[string]any)["long"] = strings.Repeat("ä", 500)
	got, _ := s.Evaluate(e, now)
	want := []Evidence{
		{Property: "coverage", Operator: ">", Expected: 90.0, Actual: 80.0},
		{Property: "system", Operator: "isNotEmpty", Actual: "checkout", Passed: true},
	}
	evidence := got.Rules[0].Evidence
	if got.Rules[0].Status != Success || !reflect.DeepEqual(evidence[:2], want) {
		t.Errorf("got %+v", got)
	}
	if text, _ := evidence[2].Actual.(string); len(text) > 210 || !strings.HasSuffix(text, "...") {
		t.Errorf("long evidence: %v", evidence[2].Actual)
	}
}

func TestNextChange(t *testing.T) {
	tests := []struct{ condition, want string }{
		{`{"property":"at","operator":"between","value":{"preset":"lastWeek"}}`, "2026-03-17T00:00:00.001Z"},
		{`{"property":"next","operator":"between","value":{"preset":"lastWeek"}}`, "2026-03-16T08:00:00Z"},
		{`{"property":"next","operator":"between","value":{"preset":"nextDay"}}`, "2026-03-16T08:00:00.001Z"},
		{`{"property":"day","operator":"=","value":{"preset":"today"}}`, "2026-03-16T00:00:00Z"},
		{`{"property":"day","operator":"=","value":{"preset":"yesterday"}}`, "2026-03-16T00:00:00Z"},
		{`{"property":"next","operator":"=","value":{"preset":"tomorrow"}}`, "2026-03-16T00:00:00Z"},
		{`{"property":"next","operator":"isExpired"}`, "2026-03-16T08:00:00Z"},
		{`{"property":"old","operator":"isExpired"}`, ""},
		{`{"property":"at","operator":"between","value":{"from":"2026-03-01"}}`, ""},
		{`{"property":"lang","operator":"=","value":"go"}`, ""},
		{`{"property":"none","operator":"between","value":{"preset":"lastWeek"}}`, ""},
	}
	for _, test := range tests {
		s := one(t, test.condition)
		got := s.NextChange(entity(t), now)
		if test.want == "" {
			if !got.IsZero() {
				t.Errorf("%s: got %s, want never", test.condition, got)
			}
			continue
		}
		if !got.Equal(at(test.want)) {
			t.Errorf("%s: got %s, want %s", test.condition, got, test.want)
			continue
		}
		before, _ := s.Evaluate(entity(t), got.Add(-time.Millisecond))
		after, _ := s.Evaluate(entity(t), got)
		earlier, _ := s.Evaluate(entity(t), now)
		if before.Rules[0].Status == after.Rules[0].Status || earlier.Rules[0].Status != before.Rules[0].Status {
			t.Errorf("%s: the verdict does not turn at %s", test.condition, got)
		}
	}
}

func TestParseKeepsWhatItDoesNotKnow(t *testing.T) {
	raw := `{"identifier":"s","title":"S","blueprint":"svc","createdAt":"x","properties":{"a":{"type":"string"}},"own":1,"rules":[{"identifier":"r","title":"R","level":"Gold","extra":true,"query":{"combinator":"and","conditions":[{"property":"a","operator":"isEmpty"}]}}]}`
	s, problems := Parse(json.RawMessage(raw))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	out, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var got, want map[string]any
	_ = json.Unmarshal(out, &got)
	_ = json.Unmarshal([]byte(raw), &want)
	delete(want, "blueprint")
	delete(want, "createdAt")
	want["levels"] = []any{
		map[string]any{"title": "Basic", "color": "paleBlue"}, map[string]any{"title": "Bronze", "color": "bronze"},
		map[string]any{"title": "Silver", "color": "silver"}, map[string]any{"title": "Gold", "color": "gold"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	if properties, relations := s.Reads(); !reflect.DeepEqual(properties, []string{"a"}) || len(relations) != 0 {
		t.Errorf("reads %v %v", properties, relations)
	}
}

func TestParseSaysWhatIsWrong(t *testing.T) {
	rule := func(query string) string {
		return `{"identifier":"s","title":"S","rules":[{"identifier":"r","title":"R","level":"Bronze","query":` + query + `}]}`
	}
	condition := func(c string) string { return rule(`{"combinator":"and","conditions":[` + c + `]}`) }
	tests := []struct{ raw, path string }{
		{`[]`, ""}, {`null`, ""}, {`{`, ""},
		{`{"title":"S","rules":[]}`, "/identifier"},
		{`{"identifier":"a b","title":"S","rules":[]}`, "/identifier"},
		{`{"identifier":"..","title":"S","rules":[]}`, "/identifier"},
		{`{"identifier":"s","rules":[]}`, "/title"},
		{`{"identifier":"s","title":"S"}`, "/rules"},
		{`{"identifier":"s","title":"S","rules":{}}`, "/rules"},
		{`{"identifier":"s","title":"S","levels":[{"title":"A","color":"red"},{"title":"A","color":"red"}],"rules":[]}`, "/levels/1/title"},
		{`{"identifier":"s","title":"S","filter":{"combinator":"and","conditions":[]},"rules":[]}`, "/filter/conditions"},
		{`{"identifier":"s","title":"S","rules":[{"identifier":"r","title":"R","level":"Platinum","query":{"combinator":"and","conditions":[{"property":"a","operator":"isEmpty"}]}}]}`, "/rules/0/level"},
		{rule(`null`), "/rules/0/query"},
		{rule(`{"combinator":"xor","conditions":[{}]}`), "/rules/0/query/combinator"},
		{rule(`{"combinator":"and","conditions":[]}`), "/rules/0/query/conditions"},
		{condition(`{"property":"a","operator":"like","value":1}`), "/rules/0/query/conditions/0/operator"},
		{condition(`{"operator":"isEmpty"}`), "/rules/0/query/conditions/0"},
		{condition(`{"property":"a","relation":"b","operator":"isEmpty"}`), "/rules/0/query/conditions/0"},
		{condition(`{"combinator":"and","conditions":[]}`), "/rules/0/query/conditions/0"},
		{condition(`{"property":"a","operator":"<","value":"abc"}`), "/rules/0/query/conditions/0/value"},
		{condition(`{"property":"a","operator":"between","value":{"preset":"lastCentury"}}`), "/rules/0/query/conditions/0/value"},
		{condition(`{"property":"a","operator":"between","value":{}}`), "/rules/0/query/conditions/0/value"},
		{condition(`{"property":"a","operator":"in","value":"x"}`), "/rules/0/query/conditions/0/value"},
		{condition(`7`), "/rules/0/query/conditions/0"},
	}
	for _, test := range tests {
		s, problems := Parse(json.RawMessage(test.raw))
		if s != nil || len(problems) == 0 || problems[0].Path != test.path || problems[0].Problem == "" || problems[0].Want == "" {
			t.Errorf("%s: got %v, want a problem at %s", test.raw, problems, test.path)
		}
	}
	if _, problems := Parse(json.RawMessage(`{"identifier":"` + strings.Repeat("a", 2<<20) + `"}`)); len(problems) == 0 {
		t.Error("two MiB are read")
	}
}

func FuzzScorecard(f *testing.F) {
	f.Add(`{"identifier":"s","title":"S","filter":{"combinator":"or","conditions":[{"property":"a","operator":"=","value":{"preset":"today"}}]},"rules":[{"identifier":"r","title":"R","level":"Gold","query":{"combinator":"and","conditions":[{"property":"a","operator":"isEmpty"}]}}]}`, `{"properties":{"a":"2026-01-01"}}`)
	f.Add(`{"identifier":"s","title":"S","rules":[{"identifier":"r","title":"R","level":"Gold","query":{"combinator":"and","conditions":[{"relation":"a","operator":"between","value":{"from":"2026-01-01"}}]}}]}`, `{"relations":{"a":["2026-01-01"]}}`)
	f.Fuzz(func(t *testing.T, raw, subject string) {
		s, problems := Parse(json.RawMessage(raw))
		if (s == nil) == (len(problems) == 0) {
			t.Fatalf("%v with %v", s, problems)
		}
		var e map[string]any
		if s == nil || json.Unmarshal([]byte(subject), &e) != nil {
			return
		}
		if result, ok := s.Evaluate(e, now); ok && len(s.Levels) > 0 && !s.has(result.Level) {
			t.Fatalf("level %q is none of the scorecard", result.Level)
		}
		if next := s.NextChange(e, now); !next.IsZero() && !next.After(now) {
			t.Fatalf("changes at %s, before now", next)
		}
		if _, err := json.Marshal(s); err != nil {
			t.Fatal(err)
		}
	})
}

func BenchmarkEvaluate(b *testing.B) {
	s := one(b, `{"property":"lang","operator":"=","value":"go"},{"property":"coverage","operator":">=","value":80},{"property":"at","operator":"between","value":{"preset":"lastWeek"}}`)
	e := entity(b)
	b.ReportAllocs()
	for b.Loop() {
		s.Evaluate(e, now)
	}
}
