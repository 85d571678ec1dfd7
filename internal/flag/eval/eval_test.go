package eval_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"sphera/internal/flag/eval"
)

// variants lets a rule answer yes, no or a name.
const anyVariants = `"state":"ENABLED","variants":{"true":1,"false":0,"on":2,"off":3,"a":4,"b":5},"defaultVariant":"off"`

// asked evaluates a rule that gives the name of a variant.
func asked(t *testing.T, rule, context string) eval.Result {
	t.Helper()
	s, problems := eval.Compile([]byte(`{"flags":{"f":{`+anyVariants+`,"targeting":`+rule+`}}}`), eval.Options{})
	if s == nil {
		t.Fatalf("%s: %v", rule, problems)
	}
	c, err := eval.ParseContext([]byte(context), eval.Limits{})
	if err != nil {
		t.Fatalf("%s: %v", context, err)
	}
	return s.Evaluate("f", c, 1_700_000_000)
}

func variant(r eval.Result) string {
	if r.Variant == nil {
		return r.Reason + ":" + r.ErrorCode
	}
	return r.Variant.Name
}

func TestOperators(t *testing.T) {
	const ada = `{"targetingKey":"ada","n":5,"s":"5","t":"text","yes":true,"no":false,"nothing":null,"list":[1,2,3],"o":{"x":{"y":"z"}},"tags":["a","b"],"v":"1.10.2","a.b":"dot","empty":"","zero":0}`
	for rule, want := range map[string]string{
		`{"==":[{"var":"n"},"5"]}`:                                        "true",
		`{"===":[{"var":"n"},"5"]}`:                                       "false",
		`{"==":[{"var":"t"},5]}`:                                          "false",
		`{"!=":[{"var":"t"},5]}`:                                          "true",
		`{"==":[{"var":"nothing"},false]}`:                                "false",
		`{"==":["",0]}`:                                                   "true",
		`{"==":[{"var":"absent"},null]}`:                                  "true",
		`{"===":[{"var":"o.x.y"},"z"]}`:                                   "true",
		`{"===":[{"var":"list.1"},2]}`:                                    "true",
		`{"===":[{"var":"a\\.b"},"dot"]}`:                                 "true",
		`{"===":[{"var":["absent","d"]},"d"]}`:                            "true",
		`{"===":[{"var":["nothing","d"]},"d"]}`:                           "true",
		`{"<":[1,{"var":"n"},9]}`:                                         "true",
		`{"<":[1,{"var":"n"},4]}`:                                         "false",
		`{">":[{"var":"t"},1]}`:                                           "false",
		`{"<=":["a","b"]}`:                                                "true",
		`{"in":["a",{"var":"tags"}]}`:                                     "true",
		`{"in":["ex",{"var":"t"}]}`:                                       "true",
		`{"in":[{"var":"n"},["5",5]]}`:                                    "true",
		`{"in":[{"var":"s"},[5]]}`:                                        "false",
		`{"in":["a",{"var":"absent"}]}`:                                   "false",
		`{"!":[{"var":"empty"}]}`:                                         "true",
		`{"!!":[{"var":"zero"}]}`:                                         "false",
		`{"!!":[[]]}`:                                                     "false",
		`{"!":{"var":"absent"}}`:                                          "true",
		`{"===":[{"+":[1,"2",true]},4]}`:                                  "true",
		`{"===":[{"-":[3]},-3]}`:                                          "true",
		`{"===":[{"%":[7,4]},3]}`:                                         "true",
		`{"===":[{"*":[]},1]}`:                                            "true",
		`{"===":[{"max":[1,{"var":"n"}]},5]}`:                             "true",
		`{"===":[{"cat":["a",1,true,{"var":"absent"},1.5]},"a1true1.5"]}`: "true",
		`{"===":[{"cat":[1e21]},"1e+21"]}`:                                "true",
		`{"===":[{"cat":[12345678901234567890]},"12345678901234567000"]}`: "true",
		`{"===":[{"cat":[0.0000001]},"1e-7"]}`:                            "true",
		`{"===":[{"substr":["jsonlogic",-5]},"logic"]}`:                   "true",
		`{"===":[{"substr":["jsonlogic",1,3]},"son"]}`:                    "true",
		`{"===":[{"substr":["jsonlogic",4,-2]},"log"]}`:                   "true",
		`{"===":[{"substr":["jsonlogic",20]},""]}`:                        "true",
		`{"===":[{"var":{"cat":["o",".x.y"]}},"z"]}`:                      "true",
		`{"in":[3,{"merge":[1,[2,3]]}]}`:                                  "true",
		`{"===":[{"reduce":[{"var":"list"},{"+":[{"var":"accumulator"},{"var":"current"}]},0]},6]}`: "true",
		`{"===":[{"cat":{"map":[{"var":"list"},{"*":[{"var":""},2]}]}},"2,4,6"]}`:                   "true",
		`{"===":[{"cat":{"filter":[{"var":"list"},{">":[{"var":""},1]}]}},"2,3"]}`:                  "true",
		`{"all":[{"var":"list"},{">":[{"var":""},0]}]}`:                                             "true",
		`{"all":[[],true]}`: "false",
		`{"none":[{"var":"list"},{"===":[{"var":""},9]}]}`:                                  "true",
		`{"some":[{"var":"tags"},{"===":[{"var":""},"b"]}]}`:                                "true",
		`{"===":[{"cat":{"missing":["n","absent"]}},"absent"]}`:                             "true",
		`{"!":[{"missing_some":[1,["n","absent"]]}]}`:                                       "true",
		`{"===":[{"cat":{"missing_some":[2,["n","absent"]]}},"absent"]}`:                    "true",
		`{"starts_with":[{"var":"t"},"te"]}`:                                                "true",
		`{"ends_with":[{"var":"t"},"xt"]}`:                                                  "true",
		`{"starts_with":[{"var":"n"},"5"]}`:                                                 "off",
		`{"sem_ver":[{"var":"v"},">","1.9"]}`:                                               "true",
		`{"sem_ver":["v1.2.3+build","=","1.2.3"]}`:                                          "true",
		`{"sem_ver":["1.2.3-rc.1","<","1.2.3"]}`:                                            "true",
		`{"sem_ver":["1.2.3-rc.2","<","1.2.3-rc.10"]}`:                                      "true",
		`{"sem_ver":["1.9.0","^","1.2.0"]}`:                                                 "true",
		`{"sem_ver":["1.9.0","~","1.2.0"]}`:                                                 "false",
		`{"sem_ver":[{"var":"n"},">=","5.0.0"]}`:                                            "true",
		`{"sem_ver":["2.0.0.0","=","2.0.0"]}`:                                               "off",
		`{"sem_ver":["junk","=","2.0.0"]}`:                                                  "off",
		`{"sem_ver":["1.2.3","is","1.2.3"]}`:                                                "off",
		`{"if":[false,"a",true,"b","on"]}`:                                                  "b",
		`{"if":[false,"a",false,"b"]}`:                                                      "off",
		`{"?:":[true,"a","b"]}`:                                                             "a",
		`{"and":[true,"a"]}`:                                                                "a",
		`{"or":[false,"","b"]}`:                                                             "b",
		`{"if":[{"===":[{"var":"$flagd.flagKey"},"f"]},"a","b"]}`:                           "a",
		`{"if":[{">=":[{"var":"$flagd.timestamp"},1700000000]},"a","b"]}`:                   "a",
		`{"if":[{"===":[{"var":"targetingKey"},"ada"]},"a","b"]}`:                           "a",
		`{"fractional":[{"var":"absent"},["on",1]]}`:                                        "off",
		`{"fractional":[{"var":"n"},["on",1]]}`:                                             "off",
		`{"fractional":["x",["on",0],["off",0]]}`:                                           "off",
		`{"fractional":["x",["on",-5],["a",1]]}`:                                            "a",
		`{"fractional":["x",["on"]]}`:                                                       "on",
		`{"fractional":["x",[null,1]]}`:                                                     "off",
		`{"fractional":["x",[true,1]]}`:                                                     "true",
		`{"fractional":["x",["on",1.5]]}`:                                                   "off",
		`{"fractional":["x",["on",2147483647],["a",1]]}`:                                    "off",
		`{"fractional":["x",[{"if":[true,"a","b"]},{"-":[{"var":"$flagd.timestamp"},1]}]]}`: "a",
	} {
		if got := variant(asked(t, rule, ada)); got != want {
			t.Errorf("%s: %s, not %s", rule, got, want)
		}
	}
}

func TestOrderOfEvaluation(t *testing.T) {
	const variants = `"variants":{"on":true,"off":false}`
	for _, c := range []struct{ flag, variant, reason, code string }{
		{`"state":"ENABLED",` + variants + `,"defaultVariant":"on"`, "on", eval.Static, ""},
		{`"state":"ENABLED",` + variants + `,"defaultVariant":"on","targeting":{}`, "on", eval.Static, ""},
		{`"state":"ENABLED",` + variants, "", eval.Default, ""},
		{`"state":"ENABLED",` + variants + `,"defaultVariant":null`, "", eval.Default, ""},
		{`"state":"DISABLED",` + variants + `,"defaultVariant":"on"`, "", eval.Disabled, ""},
		{`"state":"DISABLED",` + variants + `,"targeting":{"if":[true,"on"]}`, "", eval.Disabled, ""},
		{`"state":"ENABLED",` + variants + `,"defaultVariant":"off","targeting":{"if":[true,"on"]}`, "on", eval.TargetingMatch, ""},
		{`"state":"ENABLED",` + variants + `,"defaultVariant":"off","targeting":{"if":[false,"on"]}`, "off", eval.Default, ""},
		{`"state":"ENABLED",` + variants + `,"targeting":{"if":[false,"on"]}`, "", eval.Default, ""},
		{`"state":"ENABLED",` + variants + `,"defaultVariant":"off","targeting":{"if":[true,"blue"]}`, "", eval.Error, eval.General},
		{`"state":"ENABLED",` + variants + `,"defaultVariant":"off","targeting":{"if":[true,5]}`, "", eval.Error, eval.General},
		{`"state":"ENABLED",` + variants + `,"defaultVariant":"off","targeting":{"nope":[1]}`, "", eval.Error, eval.ParseError},
		{`"state":"ENABLED",` + variants + `,"defaultVariant":"off","targeting":{"$ref":"nope"}`, "", eval.Error, eval.ParseError},
		{`"state":"ENABLED",` + variants + `,"defaultVariant":"off","targeting":{"if":[{"$ref":"staff"},"on"]}`, "on", eval.TargetingMatch, ""},
		{`"state":"ENABLED",` + variants + `,"defaultVariant":"off","targeting":{"if":[{"$ref":"nested"},"on"]}`, "", eval.Error, eval.ParseError},
		{`"state":"ENABLED",` + variants + `,"defaultVariant":"off","targeting":{"/":[1,{"var":"x"}]}`, "", eval.Error, eval.ParseError},
		{`"state":"ENABLED","variants":{"true":"yes","false":"no"},"defaultVariant":"false","targeting":{"===":[1,1]}`, "true", eval.TargetingMatch, ""},
	} {
		s, problems := eval.Compile([]byte(`{"metadata":{"set":"s"},"$evaluators":{"staff":{"in":["@x.com",{"var":"email"}]},"nested":{"$ref":"staff"}},"flags":{"f":{`+c.flag+`}}}`), eval.Options{})
		if s == nil {
			t.Errorf("%s: %v", c.flag, problems)
			continue
		}
		r := s.Evaluate("f", eval.NewContext(map[string]any{"email": "ada@x.com"}), 0)
		name := ""
		if !r.Missing() {
			name = r.Variant.Name
		}
		if name != c.variant || r.Reason != c.reason || r.ErrorCode != c.code {
			t.Errorf("%s: %s %s %s (%s)", c.flag, name, r.Reason, r.ErrorCode, r.ErrorDetails)
		}
	}
}

func TestMetadata(t *testing.T) {
	s, _ := eval.Compile([]byte(`{"metadata":{"set":"s","v":1,"list":[1]},"flags":{
		"own":{"state":"ENABLED","variants":{"on":true},"metadata":{"v":2,"x":true}},"bare":{"state":"ENABLED","variants":{"on":true}}}}`), eval.Options{})
	for key, want := range map[string]string{"own": `{"set":"s","v":2,"x":true}`, "bare": `{"set":"s","v":1}`, "absent": `{"set":"s","v":1}`} {
		if r := s.Evaluate(key, nil, 0); r.Metadata == nil || string(r.Metadata.Raw) != want {
			t.Errorf("%s: %+v", key, r.Metadata)
		}
	}
	if r := s.Evaluate("absent", nil, 0); r.ErrorCode != eval.FlagNotFound {
		t.Errorf("absent: %+v", r)
	}
}

func TestDefinitionsThatCannotBeRead(t *testing.T) {
	deep := strings.Repeat(`{"!":`, 100) + "1" + strings.Repeat("}", 100)
	for name, c := range map[string]struct {
		definition string
		fatal      bool
	}{
		"not JSON":         {`{"flags":`, true},
		"after the end":    {`{"flags":{}} x`, true},
		"a list":           {`[]`, true},
		"flags as a list":  {`{"flags":[]}`, true},
		"no state":         {`{"flags":{"f":{"variants":{"on":true}}}}`, true},
		"unknown default":  {`{"flags":{"f":{"state":"ENABLED","variants":{"on":true},"defaultVariant":"off"}}}`, true},
		"no variants":      {`{"flags":{"f":{"state":"ENABLED"}}}`, true},
		"mixed types":      {`{"flags":{"f":{"state":"ENABLED","variants":{"on":true,"off":"no"}}}}`, false},
		"a key twice":      {`{"flags":{"f":{"state":"ENABLED","variants":{"on":true}},"f":{"state":"DISABLED","variants":{"on":true}}}}`, false},
		"unknown operator": {`{"flags":{"f":{"state":"ENABLED","variants":{"on":true},"targeting":{"nope":[]}}}}`, false},
		"too deep":         {`{"flags":{"f":{"state":"ENABLED","variants":{"on":true},"targeting":` + deep + `}}}`, true},
		"loose with null":  {`{"flags":{"f":{"state":"ENABLED","variants":{"on":true},"targeting":{"==":[{"var":"x"},false]}}}}`, false},
		"a zero divisor":   {`{"flags":{"f":{"state":"ENABLED","variants":{"on":true},"targeting":{"/":[{"var":"x"},0]}}}}`, false},
	} {
		s, problems := eval.Compile([]byte(c.definition), eval.Options{})
		if (s == nil) != c.fatal || len(problems) == 0 || problems[len(problems)-1].Fatal != c.fatal {
			t.Errorf("%s: %v %v", name, s == nil, problems)
		}
		for _, p := range problems {
			if p.Problem == "" || p.Expected == "" && p.Path != "" {
				t.Errorf("%s: %+v does not say what is wrong and what would be right", name, p)
			}
		}
	}
}

func TestWorkIsBounded(t *testing.T) {
	numbers := make([]string, 400)
	for i := range numbers {
		numbers[i] = fmt.Sprint(i)
	}
	list := "[" + strings.Join(numbers, ",") + "]"
	for name, rule := range map[string]string{
		"nested loops": `{"map":[` + list + `,{"map":[` + list + `,{"map":[` + list + `,1]}]}]}`,
		"doubling":     `{"reduce":[` + list + `,{"cat":[{"var":"accumulator"},{"var":"accumulator"},"x"]},"x"]}`,
		"merging":      `{"reduce":[` + list + `,{"merge":[{"var":"accumulator"},{"var":"accumulator"},1]},[1]]}`,
	} {
		if r := asked(t, rule, `{}`); r.ErrorCode != eval.ParseError {
			t.Errorf("%s: %+v", name, r)
		}
	}
	var b strings.Builder
	b.WriteString(`{"or":[`)
	for range 20_001 {
		b.WriteString(`{"var":"x"},`)
	}
	b.WriteString(`1]}`)
	if r := asked(t, b.String(), `{}`); r.ErrorCode != eval.ParseError {
		t.Errorf("many parts: %+v", r)
	}
}

func TestContexts(t *testing.T) {
	for _, text := range []string{``, `[]`, `"x"`, `{"a":}`, `{"a":1,}`, `{"a":01}`, `{"a":1e999}`, `{"a":"` + "\x01" + `"}`, `{} {}`, `{"a":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, `{"a":"` + strings.Repeat("x", 70_000) + `"}`} {
		if _, err := eval.ParseContext([]byte(text), eval.Limits{}); err == nil {
			t.Errorf("%.40q is a context", text)
		}
	}
	hash := func(text string) uint64 {
		c, err := eval.ParseContext([]byte(text), eval.Limits{})
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return c.Hash()
	}
	if hash(`{"a":1,"b":{"x":[1,"2"],"y":null}}`) != hash(` { "b" : {"y":null,"x":[1.0,"2"]}, "a":1 } `) {
		t.Error("the order of keys changes the hash")
	}
	seen := map[uint64]string{}
	for _, text := range []string{`{}`, `{"a":1}`, `{"a":"1"}`, `{"a":true}`, `{"a":null}`, `{"a":[1]}`, `{"a":[[1]]}`, `{"a":{"b":1}}`, `{"ab":1}`, `{"a":1,"b":1}`, `{"a":[1,2]}`, `{"a":[12]}`} {
		if other, twice := seen[hash(text)]; twice {
			t.Errorf("%s and %s have one hash", text, other)
		}
		seen[hash(text)] = text
	}
	var decoded map[string]any
	const all = `{"t":"é😀","n":-1.5e3,"b":false,"z":null,"l":[1,[2]],"o":{"k":"v"}}`
	if err := json.Unmarshal([]byte(all), &decoded); err != nil {
		t.Fatal(err)
	}
	if eval.NewContext(decoded).Hash() != hash(all) {
		t.Error("a context of a map is another than one of its JSON")
	}
}

// TestHashing has vectors computed by hand from the published rules.
func TestHashing(t *testing.T) {
	for _, c := range []struct {
		generation int
		flag, rule string
		context    string
		want       string
	}{
		// murmur3("hello") is 0x248bfa47: 0.1427 of all.
		{eval.V2, "f", `{"fractional":["hello",["a",14],["b",86]]}`, `{}`, "b"},
		{eval.V2, "f", `{"fractional":["hello",["a",15],["b",85]]}`, `{}`, "a"},
		// By default the flag's key and the targeting key: "hel" + "lo".
		{eval.V2, "hel", `{"fractional":[["a",15],["b",85]]}`, `{"targetingKey":"lo"}`, "a"},
		{eval.V2, "hel", `{"fractional":[["a",14],["b",86]]}`, `{"targetingKey":"lo"}`, "b"},
		{eval.V2, "hel", `{"fractional":[["a",15],["b",85]]}`, `{}`, "off"},
		{eval.V2, "hel", `{"fractional":[["a",15],["b",85]]}`, `{"targetingKey":""}`, "off"},
		{eval.V2, "hel", `{"fractional":[{"cat":[{"var":"$flagd.flagKey"},{"var":"account"}]},["a",15],["b",85]]}`, `{"account":"lo"}`, "a"},
		// 0x2e4ff723 is 0.18090 of all.
		{eval.V2, "f", `{"fractional":["The quick brown fox jumps over the lazy dog",["a",18],["b",82]]}`, `{}`, "b"},
		{eval.V2, "f", `{"fractional":["The quick brown fox jumps over the lazy dog",["a",19],["b",81]]}`, `{}`, "a"},
		// Generation 1: 0x248bfa47 is 28.55 % of the positive numbers.
		{eval.V1, "f", `{"fractional":["hello",["a",28],["b",72]]}`, `{}`, "b"},
		{eval.V1, "f", `{"fractional":["hello",["a",29],["b",71]]}`, `{}`, "a"},
	} {
		s, problems := eval.Compile([]byte(`{"flags":{"`+c.flag+`":{`+anyVariants+`,"targeting":`+c.rule+`}}}`), eval.Options{Bucketing: c.generation})
		if s == nil {
			t.Fatal(problems)
		}
		ctx, err := eval.ParseContext([]byte(c.context), eval.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if got := variant(s.Evaluate(c.flag, ctx, 0)); got != c.want {
			t.Errorf("generation %d %s %s: %s, not %s", c.generation, c.rule, c.context, got, c.want)
		}
	}
}

// TestRolloutIsAccurateStickyAndMonotone over 100,000 accounts.
func TestRolloutIsAccurateStickyAndMonotone(t *testing.T) {
	const keys = 100_000
	before := make([]bool, keys)
	for _, share := range []int{0, 1, 100, 1000, 10_000, 30_000, 50_000, 99_900, 100_000} {
		s := compile(t, fmt.Sprintf(`"f":{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off","targeting":{"fractional":[{"cat":["salt",{"var":"accountId"}]},["on",%d],["off",%d]]}}`, share, 100_000-share))
		on := 0
		for i := range keys {
			c := eval.NewContext(map[string]any{"accountId": fmt.Sprintf("account-%d", i)})
			r := s.Evaluate("f", c, 0)
			got := r.Variant.Name == "on"
			if i%1000 == 0 && s.Evaluate("f", c, 1).Variant != r.Variant {
				t.Fatalf("account-%d is not sticky", i)
			}
			if before[i] && !got {
				t.Fatalf("account-%d lost it when the share was raised to %d", i, share)
			}
			if before[i] = got; got {
				on++
			}
		}
		if off := math.Abs(float64(on)/keys - float64(share)/100_000); off > 0.005 {
			t.Errorf("%d thousandths: %d of %d, off by %.4f", share, on, keys, off)
		}
	}
}

func TestEvaluatingAllocatesLittle(t *testing.T) {
	s := compile(t, rolloutFlag("new-cart"))
	attributes := map[string]any{"targetingKey": "user-4711", "accountId": "acme-42", "plan": "free"}
	ready := eval.NewContext(attributes)
	if n := testing.AllocsPerRun(200, func() { s.Evaluate("new-cart", ready, 1) }); n > 1 {
		t.Errorf("%v allocations with the context at hand", n)
	}
	if n := testing.AllocsPerRun(200, func() { s.Evaluate("new-cart", eval.NewContext(attributes), 1) }); n > 2 {
		t.Errorf("%v allocations with the context made", n)
	}
}

func TestExplain(t *testing.T) {
	s := compile(t, rolloutFlag("new-cart"))
	x := s.Explain("new-cart", eval.NewContext(map[string]any{"accountId": "acme-42", "plan": "free"}), 1)
	var said []string
	for _, step := range x.Steps {
		said = append(said, step.Text+" -> "+step.Outcome)
	}
	path := strings.Join(said, "\n")
	for _, want := range []string{`plan is "team" (plan is "free") -> false`, `accountId is there (accountId is "acme-42") -> true`, `rollout by "checkout.new-cartacme-42"`} {
		if !strings.Contains(path, want) {
			t.Errorf("the path lacks %s:\n%s", want, path)
		}
	}
	if last := x.Steps[len(x.Steps)-1]; last.Of != 100_000 || (last.Bucket < 30_000) != (x.Result.Variant.Name == "on") {
		t.Errorf("bucket: %+v %s", last, x.Result.Variant.Name)
	}
}
