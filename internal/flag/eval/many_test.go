package eval_test

import (
	"reflect"
	"testing"

	"sphera/internal/flag/eval"
)

// One evaluator for many flags answers as one for each does, also after a
// failure.
func TestEvaluatorAnswersAsTheSet(t *testing.T) {
	set, problems := eval.Compile([]byte(`{"metadata":{"flagSetId":"x"},"flags":{
		"rule":{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off","targeting":{"if":[{"==":[{"var":"plan"},"pro"]},"on",null]}},
		"share":{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off","targeting":{"fractional":[["on",30],["off",70]]}},
		"broken":{"state":"ENABLED","variants":{"on":true},"defaultVariant":"on","targeting":{"if":[true,"none"]}},
		"failing":{"state":"ENABLED","variants":{"on":true},"defaultVariant":"on","targeting":{"$ref":"nothing"}},
		"off":{"state":"DISABLED","variants":{"on":true},"defaultVariant":"on"},
		"fixed":{"state":"ENABLED","variants":{"on":true},"defaultVariant":"on"}}}`), eval.Options{})
	if set == nil {
		t.Fatal(problems)
	}
	for _, values := range []map[string]any{{}, {"plan": "pro", "targetingKey": "u1"}, {"targetingKey": "u2"}} {
		c := eval.NewContext(values)
		many := set.For(c, 100)
		for range 2 {
			for _, key := range append(set.Keys(), "unknown") {
				if got, want := many.Evaluate(key), set.Evaluate(key, c, 100); !reflect.DeepEqual(got, want) {
					t.Errorf("%s for %v: %+v, want %+v", key, values, got, want)
				}
			}
		}
	}
}
