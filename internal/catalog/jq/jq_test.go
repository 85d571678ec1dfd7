package jq

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/itchyny/gojq"
)

func decode(t testing.TB, s string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		t.Fatalf("decode %s: %v", s, err)
	}
	return v
}

const entity = `{"identifier":"cart","title":"Cart","team":["shop"],"icon":null,"blueprint":"svc",
 "properties":{"lang":"go","systemTier":null,"a-b":3,"list":[3,1,2],"tags":{"x":"1"},"at":"2026-01-02T03:04:05Z"},
 "relations":{"system":"checkout","uses":["a","b"]},"createdAt":"2026-01-02T03:04:05.678Z"}`

func TestExpressions(t *testing.T) {
	tests := []struct{ expr, want string }{
		{`.title`, `"Cart"`},
		{`.properties.lang + '/' + (.properties.systemTier // 'none')`, `"go/none"`},
		{`.properties.'a-b'`, `3`},
		{`.properties["a-b"] + 1`, `4`},
		{`'it\'s "fine"'`, `"it's \"fine\""`},
		{`"a'b"`, `"a'b"`},
		{`'x\(.title + 'y')z'`, `"xCartyz"`},
		{`.title # it's a comment`, `"Cart"`},
		{`"\(.identifier):\(.properties.list)"`, `"cart:[3,1,2]"`},
		{`@base64 "x\(.title)"`, `"xQ2FydA=="`},
		{`.properties.list | sort`, `[1,2,3]`},
		{`.properties.list | sort_by(-.)`, `[3,2,1]`},
		{`.properties.list | add`, `6`},
		{`[.properties.list[] | . * 2]`, `[6,2,4]`},
		{`.properties.list | map(select(. > 1))`, `[3,2]`},
		{`.relations.uses | join(",")`, `"a,b"`},
		{`.relations.uses | length`, `2`},
		{`.properties | to_entries | map(.key) | sort | first`, `"a-b"`},
		{`.properties.tags | with_entries(.value |= tonumber)`, `{"x":1}`},
		{`.properties.list |= map(. + 1) | .properties.list`, `[4,2,3]`},
		{`.properties.n = 5 | .properties.n += 2 | .properties.n`, `7`},
		{`.properties.list[1:]`, `[1,2]`},
		{`.title[0:2]`, `"Ca"`},
		{`.properties.list - [1]`, `[3,2]`},
		{`[(1,2) - (10,20)]`, `[-9,-8,-19,-18]`},
		{`"ab" * 3`, `"ababab"`},
		{`"a,b" / ","`, `["a","b"]`},
		{`{a:1} * {b:{c:2}}`, `{"a":1,"b":{"c":2}}`},
		{`.title | test("^c"; "i")`, `true`},
		{`.title | test(["^c", "i"])`, `true`},
		{`"a1b22" | [scan("[0-9]+")]`, `["1","22"]`},
		{`"a1b22" | [match("([a-z])([0-9]+)"; "g") | .captures[1].string]`, `["1","22"]`},
		{`"äb" | match("b").offset`, `1`},
		{`"v1.2" | capture("v(?<major>[0-9]+)") | .major`, `"1"`},
		{`"a-b-c" | gsub("-"; "+")`, `"a+b+c"`},
		{`"a-b-c" | sub("-"; "+")`, `"a+b-c"`},
		{`"v1" | sub("v(?<n>.)"; "\(.n)!")`, `"1!"`},
		{`"a b  c" | split(" +"; null)`, `["a","b","c"]`},
		{`"a,b" | split(",")`, `["a","b"]`},
		{`.properties.at | fromdate | todate`, `"2026-01-02T03:04:05Z"`},
		{`.properties.at | sub("\\..*Z"; "Z") | fromdateiso8601`, `1767323045`},
		{`[limit(3; repeat(1))]`, `[1,1,1]`},
		{`reduce range(5) as $i (0; . + $i)`, `10`},
		{`[foreach range(3) as $i (0; . + $i)]`, `[0,1,3]`},
		{`def double: . * 2; .properties."a-b" | double`, `6`},
		{`. as {title: $t} | $t`, `"Cart"`},
		{`[paths] | length > 5`, `true`},
		{`getpath(["properties","lang"])`, `"go"`},
		{`setpath(["x"]; 1) | .x`, `1`},
		{`del(.properties, .relations) | keys`, `["blueprint","createdAt","icon","identifier","team","title"]`},
		{`pick(.properties.lang)`, `{"properties":{"lang":"go"}}`},
		{`path(.properties.lang)`, `["properties","lang"]`},
		{`.properties.lang | IN("go","rust")`, `true`},
		{`try error("x") catch .`, `"x"`},
		{`.nothing.at.all`, `null`},
		{`empty`, `null`},
		{`nan`, `null`},
		{`infinite`, `1.7976931348623157e308`},
		{`[.[]?] | length`, `8`},
		{`.properties.list | tojson | fromjson`, `[3,1,2]`},
		{`"abc" | contains("b")`, `true`},
		{`{a:[1,2]} | contains({a:[1]})`, `true`},
		{`"a" | ascii_upcase | ltrimstr("x")`, `"A"`},
		{`if .title == "Cart" then 1 else 2 end`, `1`},
		{`any(.properties.list[]; . == 3)`, `true`},
		{`label $out | 1, break $out`, `1`},
		{`[.properties.list, [9]] | transpose`, `[[3,9],[1,null],[2,null]]`},
		{`[group_by(.)[]?]`, `[]`},
		{`.properties.list | [min, max]`, `[1,3]`},
		{`walk(if type == "number" then . + 1 else . end) | .properties.list`, `[4,2,3]`},
	}
	input := decode(t, entity)
	for _, test := range tests {
		p, err := Compile(test.expr)
		if err != nil {
			t.Errorf("%s: %v", test.expr, err)
			continue
		}
		got, err := p.First(t.Context(), input, Limits{Time: 5 * time.Second})
		if strings.HasPrefix(test.expr, "[group_by") {
			var e *Error
			if !errors.As(err, &e) || e.Kind != KindValue {
				t.Errorf("%s: got %v, %v; want a value error", test.expr, got, err)
			}
			continue
		}
		if want := decode(t, test.want); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %#v, %v; want %#v", test.expr, got, err, want)
		}
	}
	if !reflect.DeepEqual(input, decode(t, entity)) {
		t.Error("an expression changed its input")
	}
}

// Expressions that build something large, or never end. None may take much
// memory or time, whatever it catches.
func hostile() []string {
	return []string{
		`"a" * 1e9`, `"a" * 1e308`, `1e9 * "a"`, `[range(1e9)]`, `[limit(1e9; repeat(1))]`, `last(range(1e9))`,
		`[recurse(.)]`, `[recurse([.])]`, `def f: f; f`, `def f: [f]; f`, `def f: f + 1; f`,
		`reduce range(60) as $i ("a"; . + .)`, `reduce range(60) as $i ([1]; . + .)`, `reduce range(60) as $i ("ab"; . * 2)`,
		`reduce range(60) as $i ("a"; "\(.)\(.)")`, `reduce range(60) as $i ("a"; [., .] | add)`, `reduce range(60) as $i ("a"; [., .] | join(""))`,
		`reduce range(60) as $i ([1]; [., .]) | tojson`, `reduce range(60) as $i ([1]; [., .])`, `reduce range(60) as $i ([1]; [., .]) | . == .`,
		`reduce range(60) as $i ([1]; [., .]) | [., .] | sort`, `reduce range(60) as $i ([1]; [., .]) | flatten`, `reduce range(60) as $i ([1]; [., .]) | error`,
		`reduce range(60) as $i ([1]; [., .]) | [., .] | unique_by(.)`, `reduce range(60) as $i ([1]; [., .]) | contains(.)`, `reduce range(60) as $i ([1]; [., .]) | index(.)`,
		`reduce range(60) as $i ([1]; [., .]) | [., .] - [.]`, `reduce range(60) as $i ([1]; [., .]) | @json`, `reduce range(60) as $i ([1]; [., .]) | "\(.)"`,
		`reduce range(60) as $i ({}; {a: ., b: .}) | . * .`, `reduce range(60) as $i ([1]; [., .]) | [..]`, `reduce range(60) as $i ([1]; [., .]) | IN(.)`,
		`reduce range(60) as $i ([1]; [., .]) | [., .] | min_by(.)`, `reduce range(60) as $i ([1]; [., .]) | bsearch(.)`, `reduce range(60) as $i ([1]; [., .]) | del(.[0])`,
		`reduce range(60) as $i ([1]; [., .]) | walk(.)`, `reduce range(60) as $i ([1]; [., .]) | getpath([0,0]) = 1`, `reduce range(60) as $i ([1]; [., .]) | [paths]`,
		`reduce range(30) as $i (10; . * .)`, `reduce range(1e9) as $i (0; . + 1)`, `[foreach range(1e9) as $i ([]; . + [$i])]`,
		`reduce range(200000) as $i (0; [.]) | tojson`, `reduce range(200000) as $i (0; [.]) | [paths]`, `reduce range(200000) as $i (0; [.]) | . == .`, `reduce range(200000) as $i (0; [.])`,
		`[] | .[500000000] = 1`, `[range(100000) | ([] | .[255] = 1)]`, `[range(100000) | ([] | .[9000] = 1)]`, `setpath([500000000]; 1)`, `null | getpath([500000000]) = 1`, `[][500000000] |= 1`, `pick(.[500000000])`,
		`[range(1e5) as $i | ([] | .[64] += 1)]`, `null | [range(100) * 1e6] as $p | [$p[] as $i | (.[$i] = 1)]`, `def f: .[500000000]; null | f = 1`, `null | .["a"][500000000] = 1`,
		`"a" * 100000 | explode | [range(1e5) as $i | implode]`, `"a" * 1000000 | [range(1e5) as $i | .[0:900000]]`, `"a" * 1000000 | [range(1e5) as $i | ascii_upcase]`,
		`"a" * 1000000 | [range(1e5) as $i | split("")]`, `"a" * 1000000 | . / ""`, `"a" * 1000000 | [range(1e5) as $i | @base64]`, `"a" * 1000000 | [range(1e5) as $i | @uri]`,
		`"a" * 1000000 | [match(""; "g")]`, `"a" * 1000000 | gsub(""; "a" * 1000000)`, `"a" * 1000000 | gsub("a"; "bb")`, `"a" * 100000 | test("(a*)*b")`, `"a" * 100000 | test("((a{1,100}){1,10})*b")`,
		`"a" * 4000000 | test("(a|aa)+$")`, `"a" * 100000 | [scan("a")]`, `"a" * 500000 | split("a"; null)`, `test("x" * 1001)`, `"a" * 4000000 | indices("a" * 100000)`, `"a" * 1000000 | index("a" * 500000 + "b")`,
		`[range(100000)] | [range(1e5) as $i | reverse]`, `[range(100000)] | [range(1e5) as $i | sort]`, `[range(100000)] | . - .`, `[range(50000)] | contains(.)`, `[range(100000)] | [range(1e5) as $i | keys]`,
		`("a" * 1000000) as $s | [range(65000) | $s] | join($s)`, `("a" * 1000000) as $s | [range(65000) | $s] | add`, `("a" * 1000000) as $s | [range(65000) | $s] | @csv`, `("a" * 1000000) as $s | [range(65000) | $s] | join("")`,
		`("a" * 1000000) as $s | [range(65000) | $s]`, `[[range(100000)], (range(100000) | [])] | transpose`, `"[" * 100000 | fromjson`, `("9" * 1000000) | tonumber`, `("9" * 1000000) | fromjson`, `"[" * 100 + "1" + "]" * 100 | [range(1e6) as $i | fromjson]`,
		`now | strftime("%1000d" * 50)`, `[range(1e6) | now | todate]`, `[range(1e6) | {a: ., b: ., c: ., d: ., e: ., f: ., g: .}]`, `try ("a" * 1e9) catch "caught" | repeat(.)`, `[.[]?, repeat(try error("x") catch .)]`,
		`while(true; .)`, `until(false; .)`, `[repeat("a" * 1000)]`, `input`, `inputs`, `$ENV`, `env`, `env.HOME`, `debug`, `halt`, `combinations`, `$__loc__`, `_match("a"; null; false)`, `__deep`, `__s`, `import "a" as a; 1`, `include "a"; 1`, `modulemeta`, `builtins`,
		`def sort: 1; sort`, `def f(sort): sort; f(1)`, `def _x: 1; _x`, `1 as $__1 | $__1`, `getpath(["a"]; 1)`, `"a" | test("("; "q")`, `tostream`, `splits(1)`, `jn(1e9; 1)`, `@base32`,
		`[range(3000)] | map([range(1000)]) | flatten`, `[limit(100000; repeat([1,2,3]))] | group_by(.)`, `reduce range(100000) as $i ({}; .["k\($i)"] = $i)`,
		`reduce range(60) as $i ([1]; [., .]) | INDEX(.[]; .)`, `reduce range(60) as $i ([1]; [., .]) | {(tojson): 1}`, `reduce range(60) as $i ([1]; [., .]) | tostring`, `reduce range(60) as $i ([1]; [., .]) | . < .`,
		`reduce range(60) as $i ([1]; [., .]) | delpaths([.])`, `reduce range(60) as $i ([1]; [., .]) | inside(.)`, `reduce range(60) as $i ([1]; [., .]) | [.,.] | max`, `reduce range(60) as $i ([1]; [., .]) | ascii_downcase`,
		`reduce range(60) as $i ([1]; [., .]) | ltrimstr(.)`, `reduce range(60) as $i ([1]; [., .]) | has(.)`, `reduce range(60) as $i ([1]; [., .]) | splits(.)`, `reduce range(60) as $i ([1]; [., .]) | sub(.; .)`, `reduce range(60) as $i ([1]; [., .]) | tonumber`, `reduce range(60) as $i ([1]; [., .]) as [$a] | $a`,
		`reduce range(60) as $i ([1]; [., .]) | implode`, `reduce range(60) as $i ([1]; [., .]) | join(",")`, `reduce range(60) as $i ([1]; [., .]) | to_entries`, `reduce range(60) as $i ([1]; [., .]) | from_entries`, `reduce range(60) as $i ([1]; [., .]) | -.`, `reduce range(60) as $i ([1]; [., .]) | . / .`, `reduce range(60) as $i ([1]; [., .]) | . % .`, `reduce range(60) as $i ([1]; [., .]) | pick(.[0])`, `reduce range(60) as $i ([1]; [., .]) | transpose`,
		strings.Repeat("(", 5000) + "1" + strings.Repeat(")", 5000) + "|range(1e9)|empty", strings.Repeat("[", 4990) + strings.Repeat("]", 4990), strings.Repeat("-", 9000) + "1", strings.Repeat(".a", 4999) + "=1", strings.Repeat(`"\(`, 2000),
	}
}

// A hostile expression ends soon and takes little memory.
func TestHostileExpressionsAreBounded(t *testing.T) {
	input := decode(t, entity)
	for _, expr := range hostile() {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		p, err := Compile(expr)
		if err == nil {
			_, err = p.All(t.Context(), input, Limits{})
		}
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		name := expr[:min(len(expr), 100)]
		if allocated := int(after.TotalAlloc-before.TotalAlloc) >> 20; allocated > 150 {
			t.Errorf("%s: allocated %d MiB", name, allocated)
		}
		if took > 2*time.Second {
			t.Errorf("%s: took %s", name, took)
		}
		var e *Error
		if err != nil && !errors.As(err, &e) {
			t.Errorf("%s: %T %v is no *Error", name, err, err)
		}
		if testing.Verbose() {
			t.Logf("%-60s %6d MiB %8s %v", name, int(after.TotalAlloc-before.TotalAlloc)>>20, took.Round(time.Millisecond), err)
		}
	}
}

// Every function of gojq is either available, and then known to be harmless or
// guarded, or refused with a reason.
func TestEveryFunctionIsDecidedUpon(t *testing.T) {
	q, err := gojq.Parse("builtins[]")
	if err != nil {
		t.Fatal(err)
	}
	iter := q.Run(nil)
	n := 0
	for v, ok := iter.Next(); ok; v, ok = iter.Next() {
		key, _ := v.(string)
		name, _, _ := strings.Cut(key, "/")
		_, left := line(notHere, name)
		if n++; !allowed(key) && !left {
			t.Errorf("%s is neither allowed nor refused", key)
		}
	}
	if n < 100 {
		t.Errorf("gojq names %d functions", n)
	}
	known := strings.Fields(plain)
	for text := range strings.Lines(rewrites) {
		if fields := strings.Fields(text); len(fields) > 0 {
			known = append(known, fields[0])
		}
	}
	for _, key := range known {
		name, arity, _ := strings.Cut(key, "/")
		args := strings.Repeat("; .", int(arity[0]-'0'))
		if args != "" {
			name += "(" + args[2:] + ")"
		}
		if _, err := Compile(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestErrorsSayWhatIsWrong(t *testing.T) {
	tests := []struct{ expr, kind, contains string }{
		{"", KindCompile, "empty"},
		{".a +", KindCompile, "ends too early"},
		{".a ] b", KindCompile, `"]" at character 4`},
		{"foo", KindCompile, "foo"},
		{"input", KindCompile, "only one input"},
		{"env", KindCompile, "environment"},
		{"'abc", KindCompile, "never closed"},
		{"$x", KindCompile, "$x"},
		{strings.Repeat("a", MaxExpression+1), KindCompile, "at most"},
		{"range(1e9)|empty", KindTime, "steps"},
		{"[range(200000)|\"aaaaaaaaaaaaaaaaaaaaaaa\"]", KindSize, "result"},
		{"range(2000)", KindSize, "1000 results"},
		{".title.x", KindValue, "expected an object"},
		{"error(\"own words\")", KindValue, "own words"},
	}
	for _, test := range tests {
		p, err := Compile(test.expr)
		if err == nil {
			_, err = p.All(t.Context(), decode(t, entity), Limits{Time: 100 * time.Millisecond})
		}
		var e *Error
		if !errors.As(err, &e) || e.Kind != test.kind || !strings.Contains(e.Message, test.contains) {
			t.Errorf("%.40s: got %v; want %s with %q", test.expr, err, test.kind, test.contains)
		}
	}
}

func TestEndedContextEndsARun(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p, err := Compile("[range(100000)] | length")
	if err != nil {
		t.Fatal(err)
	}
	var e *Error
	if _, err := p.First(ctx, nil, Limits{Time: time.Hour}); !errors.As(err, &e) || e.Kind != KindTime {
		t.Errorf("got %v", err)
	}
}

func TestValuesThatJSONDoesNotHave(t *testing.T) {
	p, err := Compile(".x == .y")
	if err != nil {
		t.Fatal(err)
	}
	var e *Error
	if _, err := p.First(t.Context(), map[string]any{"x": int32(1), "y": struct{}{}}, Limits{}); err != nil && !errors.As(err, &e) {
		t.Errorf("got %v", err)
	}
	if got, err := p.First(t.Context(), map[string]any{"x": 1, "y": 1.0}, Limits{}); got != true || err != nil {
		t.Errorf("after it: got %v, %v", got, err)
	}
}

func TestManyAtOnce(t *testing.T) {
	p, err := Compile(`.properties.list | map(. * 2) | add | tostring + 'x'`)
	if err != nil {
		t.Fatal(err)
	}
	input := decode(t, entity)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				if got, err := p.First(t.Context(), input, Limits{Time: 10 * time.Second}); got != "12x" || err != nil {
					t.Errorf("got %v, %v", got, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestReads(t *testing.T) {
	tests := []struct {
		expr string
		want Reads
	}{
		{`.properties.lang + '/' + (.properties.tier // 'none')`, Reads{Properties: []string{"lang", "tier"}}},
		{`.properties."a-b"`, Reads{Properties: []string{"a-b"}}},
		{`.properties["x"] | length`, Reads{Properties: []string{"x"}}},
		{`.title, .team`, Reads{Meta: []string{"team", "title"}}},
		{`.relations.system == null`, Reads{Relations: []string{"system"}}},
		{`.properties | .a + .b`, Reads{Properties: []string{"a", "b"}}},
		{`.properties | keys`, Reads{AllProperties: true}},
		{`.properties[.title]`, Reads{AllProperties: true, Meta: []string{"title"}}},
		{`. as $e | $e.properties.x`, Reads{Properties: []string{"x"}}},
		{`.properties as $p | [1,2] | map($p.x)`, Reads{Properties: []string{"x"}}},
		{`keys`, Reads{All: true}},
		{`.`, Reads{All: true}},
		{`[.[]]`, Reads{All: true}},
		{`if .properties.a then .properties.b else null end`, Reads{Properties: []string{"a", "b"}}},
		{`if .properties.a then 1 end`, Reads{All: true, Properties: []string{"a"}}},
		{`select(.properties.a) | .title`, Reads{Properties: []string{"a"}, Meta: []string{"title"}}},
		{`now - (.createdAt | fromdate)`, Reads{Now: true, Meta: []string{"createdAt"}}},
		{`"\(.title)-\(.properties.x)"`, Reads{Meta: []string{"title"}, Properties: []string{"x"}}},
		{`{title, x: .properties.x}`, Reads{Meta: []string{"title"}, Properties: []string{"x"}}},
		{`def f: .properties.x; f`, Reads{All: true}},
		{`.properties.list | map(.x) | add`, Reads{Properties: []string{"list"}}},
		{`try .properties.x catch "none"`, Reads{Properties: []string{"x"}}},
		{`reduce .properties.list[] as $x (0; . + $x)`, Reads{Properties: []string{"list"}}},
		{`reduce .properties.list[] as $x (0; . + $x) | . as $sum | $sum`, Reads{Properties: []string{"list"}}},
		{`.properties.x |= 1`, Reads{All: true, Properties: []string{"x"}}},
		{`tojson`, Reads{All: true}},
		{`.properties.a // .title`, Reads{Properties: []string{"a"}, Meta: []string{"title"}}},
		{`1`, Reads{}},
		{`.scorecards.ready.level`, Reads{Meta: []string{"scorecards"}}},
	}
	for _, test := range tests {
		p, err := Compile(test.expr)
		if err != nil {
			t.Fatalf("%s: %v", test.expr, err)
		}
		if got := p.Reads(); !reflect.DeepEqual(normal(got), normal(test.want)) {
			t.Errorf("%s: got %+v, want %+v", test.expr, got, test.want)
		}
	}
}

func normal(r Reads) Reads {
	for _, list := range []*[]string{&r.Properties, &r.Relations, &r.Meta} {
		if len(*list) == 0 {
			*list = nil
		}
	}
	return r
}

func FuzzExpression(f *testing.F) {
	for _, expr := range hostile() {
		f.Add(expr, entity)
	}
	f.Add(`.properties.'a' + 'b'`, `{"properties":{"a":"x"}}`)
	f.Fuzz(func(t *testing.T, expr, input string) {
		var v any
		if json.Unmarshal([]byte(input), &v) != nil {
			return
		}
		p, err := Compile(expr)
		if err == nil {
			_ = p.Reads()
			_, err = p.All(context.Background(), v, Limits{Time: 5 * time.Millisecond, Output: 1 << 16})
		}
		var e *Error
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("%T %v is no *Error", err, err)
		}
	})
}

func benchmark(b *testing.B, expr string) {
	input := decode(b, entity)
	p, err := Compile(expr)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.First(b.Context(), input, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSmallCalculation(b *testing.B) {
	benchmark(b, `.properties.lang + '/' + (.properties.systemTier // 'none')`)
}

func BenchmarkListCalculation(b *testing.B) {
	benchmark(b, `.properties.list | map(select(. > 1)) | length`)
}

func BenchmarkRegex(b *testing.B) {
	benchmark(b, `.identifier | test("^[a-z]+$")`)
}

func BenchmarkCompile(b *testing.B) {
	for b.Loop() {
		if _, err := Compile(`.properties.lang + '/' + (.properties.systemTier // 'none')`); err != nil {
			b.Fatal(err)
		}
	}
}
