package eval_test

import (
	"encoding/json"
	"testing"

	"sphera/internal/flag/eval"
)

// FuzzDefinition: no definition brings the compiler or an evaluation down, and
// every answer is one of those that the contract has.
func FuzzDefinition(f *testing.F) {
	f.Add([]byte(`{"flags":{"f":{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off","targeting":` + `{"if":[{"$ref":"a"},"on"]}}},"$evaluators":{"a":{"==":[1,1]}},"metadata":{"v":1}}`))
	f.Add([]byte(`{"flags":{"f":{"state":"DISABLED","variants":{}}}}`))
	f.Fuzz(func(t *testing.T, definition []byte) {
		for _, generation := range []int{eval.V1, eval.V2, eval.V3} {
			s, problems := eval.Compile(definition, eval.Options{Bucketing: generation, MaxNodes: 2000, MaxSteps: 2000})
			if s == nil {
				if len(problems) == 0 {
					t.Fatal("no set and no problem")
				}
				return
			}
			if !json.Valid(definition) {
				t.Fatal("what is not JSON was compiled")
			}
			about := eval.NewContext(map[string]any{"targetingKey": "u", "a": 1, "b": []any{1, "x"}})
			for _, key := range s.Keys() {
				check(t, s.Evaluate(key, about, 1))
				check(t, s.Evaluate(key, nil, 0))
				s.Explain(key, about, 1)
			}
		}
	})
}

func check(t *testing.T, r eval.Result) {
	t.Helper()
	switch r.Reason {
	case eval.Static, eval.TargetingMatch:
		if r.Variant == nil {
			t.Fatalf("%s without a variant", r.Reason)
		}
	case eval.Default:
	case eval.Disabled:
		if r.Variant != nil {
			t.Fatal("a disabled flag has a variant")
		}
	case eval.Error:
		if r.ErrorCode == "" || r.Variant != nil {
			t.Fatalf("error %+v", r)
		}
	default:
		t.Fatalf("reason %s", r.Reason)
	}
	if r.Variant != nil && !json.Valid(r.Variant.Raw) {
		t.Fatalf("the value of %s is not JSON: %s", r.Variant.Name, r.Variant.Raw)
	}
}

// FuzzRule: a rule and a context, whatever they are, end in an answer.
func FuzzRule(f *testing.F) {
	for _, rule := range []string{
		`{"if":[{"==":[{"var":"a"},1]},"on","off"]}`, `{"fractional":[{"var":"a"},["on",1],["off",{"var":"n"}]]}`, `{"sem_ver":[{"var":"v"},"^","1.2.3"]}`,
		`{"reduce":[{"var":"l"},{"+":[{"var":"current"},{"var":"accumulator"}]},0]}`, `{"cat":["a",{"substr":["abc",-2,1]}]}`, `{"missing_some":[1,["a","b"]]}`,
	} {
		f.Add(rule, `{"a":1,"n":5,"v":"1.2.9","l":[1,2,3],"targetingKey":"u"}`)
	}
	f.Fuzz(func(t *testing.T, rule, context string) {
		if !json.Valid([]byte(rule)) {
			return
		}
		s, _ := eval.Compile([]byte(`{"flags":{"f":{`+anyVariants+`,"targeting":`+rule+`}}}`), eval.Options{MaxNodes: 2000, MaxSteps: 2000})
		if s == nil {
			return
		}
		c, err := eval.ParseContext([]byte(context), eval.Limits{})
		if err != nil {
			return
		}
		first := s.Evaluate("f", c, 5)
		check(t, first)
		if again := s.Evaluate("f", c, 5); again.Variant != first.Variant || again.Reason != first.Reason {
			t.Fatalf("%+v, then %+v", first, again)
		}
		if !s.ReadsClockOf("f") {
			if later := s.Evaluate("f", c, 5_000_000_000); later.Variant != first.Variant || later.Reason != first.Reason {
				t.Fatal("the answer changes with time, and the set does not say so")
			}
		}
	})
}

// FuzzContext: what is read as a context is what encoding/json reads.
func FuzzContext(f *testing.F) {
	f.Add(`{"a":1,"b":"é\u00e9\ud83d\ude00","c":[true,null,{"x":-1.5e3}]}`)
	f.Add(`{"a":1,"a":2}`)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := eval.ParseContext([]byte(text), eval.Limits{})
		var want map[string]any
		wanted := json.Unmarshal([]byte(text), &want)
		if err == nil && wanted != nil {
			t.Fatalf("not JSON: %q %v", text, wanted)
		}
		if err != nil || want == nil || len(want) > 60 {
			return
		}
		if got, expected := c.Hash(), eval.NewContext(want).Hash(); got != expected {
			t.Fatalf("%q is read as %v, not %v", text, c.Values(), want)
		}
	})
}
