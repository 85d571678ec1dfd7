package eval_test

import (
	"strings"
	"testing"

	"sphera/internal/flag/eval"
)

// A packed set answers, explains and gives its definition as before, whatever
// becomes of the text that it was compiled from.
func TestPack(t *testing.T) {
	const text = `{"flags":{
		"a":{"state":"ENABLED","variants":{"on":"yes","off":"no"},"defaultVariant":"off","targeting":{"if":[{"==":[{"var":"plan"},"pro"]},"on",null]}},
		"b":{"state":"ENABLED","variants":{"on":"yes","off":"no"},"defaultVariant":"on","metadata":{"owner":"x\u0041"}},
		"c":{"state":"ENABLED","variants":{"on":1,"off":"no"},"defaultVariant":"on"},
		"d":{"state":"ENABLED","variants":{"on":1,"off":"no"},"defaultVariant":"off","targeting":{"fractional":[{"var":"plan"},["on",1],["off",0]]}}}}`
	raw := []byte(text)
	set, problems := eval.Compile(raw, eval.Options{})
	if set == nil || len(problems) != 2 {
		t.Fatalf("what is wrong with alike variants is said of each flag: %+v", problems)
	}
	pro := eval.NewContext(map[string]any{"plan": "pro"})
	all := func() string {
		var out strings.Builder
		for _, key := range set.Keys() {
			r := set.Explain(key, pro, 0)
			out.WriteString(key + " " + r.Result.Reason + " " + r.Result.Variant.Name + " " + string(r.Result.Variant.Raw))
			if r.Result.Metadata != nil {
				out.Write(r.Result.Metadata.Raw)
			}
			for _, s := range r.Steps {
				out.WriteString(s.Text)
			}
		}
		return out.String()
	}
	before := all()
	set.Pack()
	for i := range raw {
		raw[i] = '#'
	}
	if got := all(); got != before {
		t.Errorf("%s\n%s", before, got)
	}
	if got := string(set.Definition()); got != text || string(set.Definition()) != text {
		t.Errorf("%s", got)
	}
}
