package code_test

import (
	"encoding/json"
	"go/parser"
	"go/token"
	"strings"
	"testing"

	"sphera/internal/flag/code"
	"sphera/internal/forge"
)

func source(name, text string) []forge.File {
	return []forge.File{{Path: name, Content: []byte(text), Size: int64(len(text))}}
}

// inGo makes a file that parses of lines inside a function.
func inGo(lines string) string { return "package a\n\nfunc f() {\n\t" + lines + "\n}\n" }

func TestCallsBecomeTheValueThatStays(t *testing.T) {
	for name, c := range map[string]struct{ file, before, value, after string }{
		"go":                  {"a.go", inGo(`if !flags.Boolean(ctx, "new-cart", false, evaluation(r)) { x() }`), `true`, inGo(`if !true { x() }`)},
		"go with an error":    {"a.go", inGo(`on, err := s.client.BooleanValue(ctx, "new-cart", false, of.NewEvaluationContext(id, nil))`), `true`, inGo(`on, err := true, error(nil)`)},
		"go through a call":   {"a.go", inGo(`limit := s.flags().Int(ctx, "new-cart", 1, e)`), `25`, inGo(`limit := 25`)},
		"go, twice in a line": {"a.go", inGo(`x(f.Boolean(ctx, "new-cart", false, e), f.Boolean(ctx, "new-cart", true, e))`), `true`, inGo(`x(true, true)`)},
		"go, put together":    {"a.go", inGo(`word := s.flags.text(ctx, serviceName+".cart", "Hello (you)", nil)`), `"a \"b\""`, inGo(`word := "a \"b\""`)},
		"node":                {"a.ts", `const on = await client.getBooleanValue('new-cart', false, { targetingKey: id });`, `true`, `const on = true;`},
		"node, put together":  {"a.js", "const word = (key) =>\n  flags.text(`${name}.cart`, \"Hello\", { targetingKey: key });", `"x"`, "const word = (key) =>\n  \"x\";"},
		"node, an object":     {"a.ts", `f(client?.getNumberValue('new-cart', {}, ctx));`, `{"limit":1}`, `f(({"limit":1}));`},
		"node, no braces":     {"a.ts", `if (x)flags.on('new-cart', false);`, `true`, `if (x)true;`},
		"node, a ternary":     {"a.ts", `a ?flags.on('new-cart', false):c`, `true`, `a ?true:c`},
		"react":               {"a.tsx", `const { x } = y; const on = useBooleanFlagValue("new-cart", false);`, `false`, `const { x } = y; const on = false;`},
		"over several lines":  {"a.js", "f(client.getStringValue(\n  'new-cart',\n  'old (1)',\n));", `"new"`, `f("new");`},
		"python":              {"a.py", `on = self.client.get_boolean_value("new-cart", False, ctx)`, `true`, `on = True`},
		"python, named":       {"a.py", `on = client.get_boolean_value(flag_key="new-cart", default_value=False)`, `false`, `on = False`},
		"java":                {"A.java", `if (client.getBooleanValue("new-cart", false)) {`, `true`, `if (true) {`},
		"c#":                  {"A.cs", `var on = await client.GetBooleanValueAsync("new-cart", false);`, `true`, `var on = true;`},
		"a condition of two":  {"a.ts", `if (a && client.getBooleanValue('new-cart', b(c)) || d) {`, `true`, `if (a && true || d) {`},
	} {
		t.Run(name, func(t *testing.T) {
			key := "new-cart"
			if strings.Contains(name, "put together") {
				key = "shop.cart"
			}
			got := code.Remove(source(c.file, c.before), "shop", key, json.RawMessage(c.value))
			if len(got) != 1 || string(got[0].Content) != c.after || got[0].Size != int64(len(c.after)) {
				t.Errorf("got  %v\nwant %s", got, c.after)
			}
		})
	}
}

func TestWhatIsNotUnderstoodIsLeft(t *testing.T) {
	for name, c := range map[string]struct{ file, before, value string }{
		"another call":              {"a.go", inGo(`log.Print("new-cart")`), `true`},
		"a list of names":           {"a.ts", `const flags = ['new-cart', 'other'];`, `true`},
		"a constant":                {"a.go", "package a\n\nconst key = \"new-cart\"\n", `true`},
		"another flag":              {"a.go", inGo(`flags.Boolean(ctx, "new-cart-2", false, e)`), `true`},
		"a part of a key":           {"a.ts", `client.getBooleanValue(prefix + 'new-cart', false)`, `true`},
		"a comment":                 {"a.ts", `// client.getBooleanValue('new-cart', false)`, `true`},
		"a comment inside":          {"a.ts", `client.getBooleanValue('new-cart' /* why */, false)`, `true`},
		"an object in Go":           {"a.go", inGo(`f(c.ObjectValue(ctx, "new-cart", nil, e))`), `{"limit": 1}`},
		"a text that PHP reads":     {"a.php", `$x = $c->getStringValue('new-cart', '');`, `"$a"`},
		"never closed":              {"a.ts", `flags.Boolean(ctx, "new-cart", `, `true`},
		"Go that no longer parses":  {"a.go", inGo(`go flags.Boolean(ctx, "new-cart", false, e)`), `true`},
		"what others wrote":         {"node_modules/x/a.js", `flags.on('new-cart', false)`, `true`},
		"another language's ending": {"a.txt", `flags.on('new-cart', false)`, `true`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := code.Remove(source(c.file, c.before), "shop", "new-cart", json.RawMessage(c.value)); len(got) != 0 {
				t.Errorf("became %s", got[0].Content)
			}
		})
	}
}

func FuzzRemove(f *testing.F) {
	f.Add("package a\nvar on, err = c.BooleanValue(ctx, \"k\", false, e)", "a.go", "k")
	f.Add(`await x?.y(")").getStringValue('k', "a\\")`, "a.ts", "k")
	f.Add("f(flags.on(`${name}.k`, 1))", "a.js", "shop.k")
	f.Fuzz(func(t *testing.T, text, name, key string) {
		got := code.Remove(source(name, text), "shop", key, json.RawMessage("true"))
		if len(got) > 1 || len(got) == 1 && string(got[0].Content) == text {
			t.Fatalf("%d files, or one that did not change", len(got))
		}
		if len(got) == 1 && strings.HasSuffix(name, ".go") {
			if _, err := parser.ParseFile(token.NewFileSet(), name, got[0].Content, parser.SkipObjectResolution); err != nil {
				t.Fatalf("does not parse: %v", err)
			}
		}
	})
}
