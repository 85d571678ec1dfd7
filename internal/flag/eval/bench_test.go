package eval_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"sphera/internal/flag/eval"
)

const rolloutRule = `{"if":[{"===":[{"var":"plan"},"team"]},"on",{"if":[{"!!":[{"var":"accountId"}]},{"fractional":[{"cat":["checkout.%[1]s",{"var":"accountId"}]},["on",30000],["off",70000]]},null]}]}`

func rolloutFlag(name string) string {
	return fmt.Sprintf(`%q:{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off","targeting":`+rolloutRule+`,"metadata":{"version":3}}`, name, name)
}

func compile(t testing.TB, flags ...string) *eval.Set {
	t.Helper()
	s, problems := eval.Compile([]byte(`{"metadata":{"flagSetId":"checkout","version":"v7"},"flags":{`+strings.Join(flags, ",")+`}}`), eval.Options{})
	if s == nil || len(problems) > 0 {
		t.Fatalf("compile: %v", problems)
	}
	return s
}

// BenchmarkEvaluate is a 30 % rollout by account behind one equality rule: at
// most 500 ns and 2 allocations.
func BenchmarkEvaluate(b *testing.B) {
	s := compile(b, rolloutFlag("new-cart"))
	attributes := map[string]any{"targetingKey": "user-4711", "accountId": "acme-42", "plan": "free"}
	ready := eval.NewContext(attributes)
	raw, err := json.Marshal(attributes)
	if err != nil {
		b.Fatal(err)
	}
	one := func(b *testing.B, context func() *eval.Context) {
		b.ReportAllocs()
		for b.Loop() {
			if r := s.Evaluate("new-cart", context(), 1_700_000_000); r.Variant == nil {
				b.Fatal(r)
			}
		}
	}
	b.Run("context at hand", func(b *testing.B) { one(b, func() *eval.Context { return ready }) })
	b.Run("context of a map", func(b *testing.B) { one(b, func() *eval.Context { return eval.NewContext(attributes) }) })
	b.Run("context of JSON", func(b *testing.B) {
		one(b, func() *eval.Context {
			c, err := eval.ParseContext(raw, eval.Limits{})
			if err != nil {
				b.Fatal(err)
			}
			return c
		})
	})
}

// BenchmarkCompile is one set of 100 flags, as after a change.
func BenchmarkCompile(b *testing.B) {
	var flags []string
	for i := range 100 {
		flags = append(flags, rolloutFlag(fmt.Sprintf("flag-%03d", i)))
	}
	def := []byte(`{"flags":{` + strings.Join(flags, ",") + `}}`)
	b.ReportAllocs()
	b.SetBytes(int64(len(def)))
	for b.Loop() {
		if s, problems := eval.Compile(def, eval.Options{}); s == nil {
			b.Fatal(problems)
		}
	}
}
