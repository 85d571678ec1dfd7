package cleanup_test

import (
	"encoding/json"
	"testing"

	"sphera/internal/flag/cleanup"
)

func TestCallsBecomeTheValueThatStays(t *testing.T) {
	for name, c := range map[string]struct{ file, before, value, after string }{
		"go":                 {"a.go", `if flags.Boolean(ctx, "new-cart", false, evaluation(r)) {`, `true`, `if true {`},
		"go with an error":   {"a.go", "\ton, err := s.client.BooleanValue(ctx, \"new-cart\", false, of.NewEvaluationContext(id, nil))\n", `true`, "\ton, err := true, error(nil)\n"},
		"go through a call":  {"a.go", `limit := s.flags().Int(ctx, "new-cart", 1, e)`, `25`, `limit := 25`},
		"node":               {"a.ts", `const on = await client.getBooleanValue('new-cart', false, { targetingKey: id });`, `true`, `const on = true;`},
		"react":              {"a.tsx", `const { x } = y; const on = useBooleanFlagValue("new-cart", false);`, `false`, `const { x } = y; const on = false;`},
		"over several lines": {"a.js", "f(client.getStringValue(\n  'new-cart',\n  'old (1)',\n));", `"new"`, `f("new");`},
		"python":             {"a.py", `on = self.client.get_boolean_value("new-cart", False, ctx)`, `true`, `on = True`},
		"java":               {"A.java", `if (client.getBooleanValue("new-cart", false)) {`, `true`, `if (true) {`},
		"c#":                 {"A.cs", `var on = await client.GetBooleanValueAsync("new-cart", false);`, `true`, `var on = true;`},
		"a condition of two": {"a.ts", `if (a && client.getBooleanValue('new-cart', b(c)) || d) {`, `true`, `if (a && true || d) {`},
		"twice in one line":  {"a.go", `x(f.Boolean(ctx, "new-cart", false, e), f.Boolean(ctx, "new-cart", true, e))`, `true`, `x(true, true)`},
	} {
		t.Run(name, func(t *testing.T) {
			got := cleanup.Remove(c.file, c.before, "new-cart", json.RawMessage(c.value))
			if got.Content != c.after || len(got.Left) != 0 || len(got.Replaced) == 0 {
				t.Errorf("got  %s\nwant %s\n%+v", got.Content, c.after, got)
			}
		})
	}
}

func TestWhatIsNotUnderstoodIsLeftAndNamed(t *testing.T) {
	for name, c := range map[string]struct{ file, before, value string }{
		"another call":    {"a.go", `log.Print("new-cart")`, `true`},
		"a list of names": {"a.ts", `const flags = ['new-cart', 'other'];`, `true`},
		"a constant":      {"a.go", `const key = "new-cart"`, `true`},
		"an object":       {"a.ts", `client.getNumberValue('new-cart', {}, ctx)`, `{"limit": 1}`},
		"never closed":    {"a.go", `flags.Boolean(ctx, "new-cart", `, `true`},
	} {
		t.Run(name, func(t *testing.T) {
			got := cleanup.Remove(c.file, c.before, "new-cart", json.RawMessage(c.value))
			if got.Content != c.before || len(got.Replaced) != 0 || len(got.Left) != 1 || got.Left[0].Line != 1 {
				t.Errorf("%+v", got)
			}
		})
	}
	got := cleanup.Remove("a.go", "\n\n f.Boolean(ctx, \"new-cart-2\", false, e)\n", "new-cart", json.RawMessage("true"))
	if len(got.Left)+len(got.Replaced) != 0 {
		t.Errorf("a longer key: %+v", got)
	}
}

func FuzzRemove(f *testing.F) {
	f.Add(`on, err := c.BooleanValue(ctx, "k", false, e)`, "k")
	f.Add(`await x?.y(")").getStringValue('k', "a\\")`, "k")
	f.Fuzz(func(t *testing.T, source, key string) {
		if key == "" {
			return
		}
		got := cleanup.Remove("a.go", source, key, json.RawMessage("true"))
		if len(got.Replaced) == 0 && got.Content != source {
			t.Errorf("changed without saying so: %q", got.Content)
		}
	})
}
