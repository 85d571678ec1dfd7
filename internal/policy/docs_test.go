package policy

import (
	"os"
	"regexp"
	"testing"
)

// TestTheExamplesOfTheDocsHold keeps docs/access.md right.
func TestTheExamplesOfTheDocsHold(t *testing.T) {
	raw, err := os.ReadFile("../../docs/access.md")
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string) (out string) {
		for _, m := range regexp.MustCompile("(?s)```"+kind+"\n(.*?)```").FindAllStringSubmatch(string(raw), -1) {
			out += m[1]
		}
		return out
	}
	text := block("cedar")
	rules, problems := parse("docs", text, loadBuiltin())
	if len(problems) > 0 || len(rules) < 4 {
		t.Fatalf("%d policies, %v", len(rules), problems)
	}
	for _, p := range schemaFor(t, shapes()).check(rules, text) {
		t.Error(p)
	}
	cases, problems := parseCases(block("tests"))
	if len(problems) > 0 || len(cases) < 4 {
		t.Fatalf("%d cases, %v", len(cases), problems)
	}
	for _, f := range newSet(loadBuiltin(), rules).run(t.Context(), cases) {
		t.Errorf("%s: %s by %s", f.Case, f.Got, f.Rule)
	}
}
