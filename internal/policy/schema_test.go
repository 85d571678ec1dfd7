package policy

import (
	"strings"
	"testing"
)

func shapes() []Shape {
	return []Shape{
		{"Service", []Property{{"tier", "string", ""}, {"cost", "number", ""}, {"public", "boolean", ""}, {"tags", "array", "string"}, {"config", "object", ""}}},
		{"_my-service.v2", []Property{{"tier", "number", ""}}},
		{"Team", nil}, {"in", nil}, {"User", nil}, {"String", nil}, {"2fa", nil},
	}
}

func schemaFor(t *testing.T, shapes []Shape) *Schema {
	t.Helper()
	s, err := NewSchema(shapes)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTheBuiltInPoliciesFitTheSchema(t *testing.T) {
	for name, list := range map[string][]Shape{"no blueprint": nil, "several": shapes()} {
		for _, p := range schemaFor(t, list).check(loadBuiltin(), "") {
			t.Errorf("%s: %s", name, p)
		}
	}
	text, err := schemaFor(t, shapes()).Text()
	if err != nil || !strings.Contains(text, "Service") {
		t.Errorf("%v: %s", err, text)
	}
}

func TestMistakesAreFoundWhenSaving(t *testing.T) {
	s := schemaFor(t, shapes())
	head := "@id(\"mine\")\n@advice(\"Ask.\")\n"
	for name, c := range map[string]struct {
		text, want string
		line       int
	}{
		"an unknown attribute":  {head + "forbid (principal, action, resource)\nwhen { principal.sttus == \"x\" };", "sttus", 4},
		"an unknown property":   {head + "forbid (principal, action == Action::\"catalog.read\", resource is Catalog::Service)\nwhen { resource.properties has teir &&\n  resource.properties.teir == \"gold\" };", "teir", 0},
		"an unguarded optional": {head + "forbid (principal, action == Action::\"catalog.read\", resource is Catalog::Service)\nwhen {\n  resource.properties.tier == \"gold\" };", "tier", 5},
		"a wrong type":          {head + "forbid (principal, action == Action::\"catalog.read\", resource is Catalog::Service)\nwhen { resource.properties has cost && resource.properties.cost == \"gold\" };", "", 0},
		"an unknown action":     {head + "permit (principal, action == Action::\"catalog.raed\", resource);", "catalog.raed", 3},
		"an unknown blueprint":  {head + "permit (principal, action, resource in Blueprint::\"Servce\");", "Servce", 3},
		"an unknown type":       {head + "permit (principal, action, resource is Catalog::Servce);", "Servce", 3},
		"an unknown role":       {head + "permit (principal in Role::\"develper\", action, resource);", "develper", 3},
		"an impossible scope":   {head + "permit (principal, action == Action::\"run.approve\", resource is Catalog::Service);", "", 1},
		"an object":             {head + "forbid (principal, action == Action::\"catalog.read\", resource is Catalog::Service)\nwhen { resource.properties.config == \"x\" };", "config", 4},
	} {
		rules, problems := parse("own", c.text, loadBuiltin())
		if len(problems) > 0 {
			t.Errorf("%s: %v", name, problems)
			continue
		}
		problems = s.check(rules, c.text)
		if len(problems) == 0 {
			t.Errorf("%s: was not found", name)
			continue
		}
		p := problems[0]
		if p.Policy != "mine" || !strings.Contains(p.Message, c.want) || c.line != 0 && p.Line != c.line {
			t.Errorf("%s: %s", name, p)
		}
		t.Log(name, p)
	}
	good := head + `forbid (principal, action == Action::"catalog.write", resource in Blueprint::"Service")
when { resource.properties has tier && resource.properties.tier == "gold" }
when { context has changed && context.changed.contains("tier") }
unless { principal in Team::"payments" || resource.hasTag("tier") && resource.getTag("tier") == "silver" };`
	rules, problems := parse("own", good, loadBuiltin())
	if problems = append(problems, s.check(rules, good)...); len(problems) > 0 {
		t.Error(problems)
	}
}

func TestSyntaxErrorsSayWhere(t *testing.T) {
	for text, want := range map[string]string{
		"permit (principal, action, resource)\nwhen { 1 + };":                                             "2:13: This is not Cedar: ",
		"permit (principal, action, resource)\nwhen { principal.x = 3 };":                                 "2:22: This is not Cedar: ",
		"permit (principal, action, resource);":                                                           "1:1: The policy has no name",
		"@id(\"Bad Name\") permit (principal, action, resource);":                                         "1:1 Bad Name: The name in @id",
		"@id(\"suspended\") @advice(\"x\") permit (principal, action, resource);":                         "1:1 suspended: There is another policy of this name.",
		"@id(\"a\") permit (principal, action, resource);":                                                "1:1 a: The policy does not say what to do instead",
		"@id(\"a\") @advice(\"x\") permit (principal, action, resource) when {" + strings.Repeat("(", 70): "1:",
	} {
		_, problems := parse("own", text, loadBuiltin())
		if len(problems) == 0 || !strings.HasPrefix(problems[0].String(), want) {
			t.Errorf("%.60s: %v", text, problems)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("permit (principal, action, resource);")
	f.Add(`@id("a") @advice("b") forbid (principal, action, resource) when { resource.properties has x && -(-1) == 1 };`)
	f.Fuzz(func(_ *testing.T, text string) {
		rules, problems := parse("own", text, nil)
		if len(problems) == 0 {
			newSet(nil, rules)
		}
	})
}

func FuzzCases(f *testing.F) {
	f.Add("allow: roles={a,b} | catalog.read | Service/x properties.a=1 | changed=a | b")
	f.Fuzz(func(t *testing.T, text string) {
		if cases, problems := parseCases(text); len(problems) == 0 && len(cases) < 50 {
			New().current.Load().run(t.Context(), cases)
		}
	})
}

func TestTypeNamesAreDistinctAndLegal(t *testing.T) {
	seen := map[string]string{}
	for _, blueprint := range []string{"a-b", "a_b", "a.b", "a_x2d_b", "a b", "2a", "a2", "in", "_team", "Team", "Team_x_", "", "é", "x", "_x", "__"} {
		name := TypeName(blueprint)
		if other, twice := seen[name]; twice {
			t.Errorf("%q and %q are both %s", blueprint, other, name)
		}
		seen[name] = blueprint
		text := `@id("a") @advice("b") permit (principal, action, resource is ` + name + `);`
		if _, problems := parse("own", text, nil); len(problems) > 0 {
			t.Errorf("%q: %v", blueprint, problems)
		}
	}
}
