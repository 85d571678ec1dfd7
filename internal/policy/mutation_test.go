package policy

import (
	"fmt"
	"path"
	"strings"
	"testing"

	"github.com/cedar-policy/cedar-go"
	publicast "github.com/cedar-policy/cedar-go/ast"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
)

// builtinCases are the tests beside the built-in policies.
func builtinCases(t *testing.T) []testCase {
	t.Helper()
	entries, err := builtinFiles.ReadDir("builtin")
	if err != nil {
		t.Fatal(err)
	}
	var out []testCase
	for _, e := range entries {
		if path.Ext(e.Name()) != ".cases" {
			continue
		}
		text, err := builtinFiles.ReadFile("builtin/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		cases, problems := parseCases(string(text))
		for _, p := range problems {
			t.Errorf("%s:%s", e.Name(), p)
		}
		out = append(out, cases...)
	}
	return out
}

func TestTheBuiltInPoliciesPassTheirCases(t *testing.T) {
	cases := builtinCases(t)
	for _, f := range newSet(loadBuiltin(), nil).run(t.Context(), cases) {
		t.Errorf("line %d: %s: %s by %s: %s", f.Line, f.Case, f.Got, f.Rule, f.Reason)
	}
	t.Logf("%d cases", len(cases))
}

// mutant is the built-in set with one thing taken out.
type mutant struct {
	what string
	// policy replaces the one at index; nil takes it out.
	policy *ast.Policy
	index  int
}

// TestMutationEveryPartOfTheBuiltInPoliciesIsTested takes out each policy, each
// clause, each alternative, each role and each action in turn: some case must
// notice.
func TestMutationEveryPartOfTheBuiltInPoliciesIsTested(t *testing.T) {
	rules, cases := loadBuiltin(), builtinCases(t)
	mutants, survivors := 0, 0
	for i, r := range rules {
		for _, m := range mutantsOf(i, r) {
			mutants++
			changed := append([]rule{}, rules...)
			if m.policy == nil {
				changed = append(changed[:i:i], changed[i+1:]...)
			} else {
				changed[i].policy = cedar.NewPolicyFromAST((*publicast.Policy)(m.policy))
			}
			if len(newSet(changed, nil).run(t.Context(), cases)) == 0 {
				survivors++
				t.Errorf("%s: no case notices that %s is gone", r.id, m.what)
			}
		}
	}
	t.Logf("%d mutants, %d survivors", mutants, survivors)
	if mutants < 100 {
		t.Errorf("only %d mutants were made: the test checks little", mutants)
	}
}

func mutantsOf(index int, r rule) []mutant {
	tree := (*ast.Policy)(r.policy.AST())
	out := []mutant{{what: "the policy", index: index}}
	with := func(what string, change func(p *ast.Policy)) {
		p := *tree
		p.Conditions = append([]ast.ConditionType{}, tree.Conditions...)
		change(&p)
		out = append(out, mutant{what: what, policy: &p, index: index})
	}
	if _, all := tree.Principal.(ast.ScopeTypeAll); !all {
		with("the principal", func(p *ast.Policy) { p.Principal = ast.Scope{}.All() })
	}
	if set, ok := tree.Action.(ast.ScopeTypeInSet); ok {
		for i, e := range set.Entities {
			with("the action "+string(e.ID), func(p *ast.Policy) { p.Action = ast.Scope{}.InSet(without(set.Entities, i)) })
		}
	}
	for i, c := range tree.Conditions {
		with(fmt.Sprintf("condition %d", i+1), func(p *ast.Policy) { p.Conditions = without(tree.Conditions, i) })
		for _, n := range smaller(c.Body) {
			with("a part of condition "+textOf(c.Body)+", leaving "+textOf(n)+",", func(p *ast.Policy) { p.Conditions[i].Body = n })
		}
	}
	return out
}

// smaller are the forms of an expression with one part taken out.
func smaller(n ast.IsNode) []ast.IsNode {
	var out []ast.IsNode
	switch n := n.(type) {
	case ast.NodeTypeAnd:
		out = append(out, n.Left, n.Right)
		for _, l := range smaller(n.Left) {
			out = append(out, ast.NewNode(l).And(ast.NewNode(n.Right)).AsIsNode())
		}
		for _, r := range smaller(n.Right) {
			out = append(out, ast.NewNode(n.Left).And(ast.NewNode(r)).AsIsNode())
		}
	case ast.NodeTypeOr:
		out = append(out, n.Left, n.Right)
		for _, l := range smaller(n.Left) {
			out = append(out, ast.NewNode(l).Or(ast.NewNode(n.Right)).AsIsNode())
		}
		for _, r := range smaller(n.Right) {
			out = append(out, ast.NewNode(n.Left).Or(ast.NewNode(r)).AsIsNode())
		}
	case ast.NodeTypeIn:
		for _, set := range smallerSets(n.Right) {
			out = append(out, ast.NewNode(n.Left).In(set).AsIsNode())
		}
	case ast.NodeTypeIfThenElse:
		out = append(out, n.Then, n.Else)
	}
	return out
}

func smallerSets(n ast.IsNode) []ast.Node {
	var out []ast.Node
	if set, ok := n.(ast.NodeTypeSet); ok {
		for i := range set.Elements {
			var rest []ast.Node
			for _, e := range without(set.Elements, i) {
				rest = append(rest, ast.NewNode(e))
			}
			out = append(out, ast.Set(rest...))
		}
	}
	return out
}

func without[T any](list []T, i int) []T {
	return append(append([]T{}, list[:i]...), list[i+1:]...)
}

func TestEveryPolicySaysWhatToDoInstead(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range loadBuiltin() {
		if r.advice == "" || r.who == "" || r.forbid && r.reason == "" {
			t.Errorf("%s: has advice %q, who %q, reason %q", r.id, r.advice, r.who, r.reason)
		}
		if seen[r.id] {
			t.Errorf("%s is there twice", r.id)
		}
		seen[r.id] = true
	}
	for _, v := range Verbs() {
		b := newSet(loadBuiltin(), nil).verbs[v.ID]
		permits := 0
		for _, r := range b.rules {
			if !r.forbid {
				permits++
			}
		}
		if permits == 0 || v.Words == "" || len(v.Types) == 0 {
			t.Errorf("%s: %d policies permit it, words %q, types %v", v.ID, permits, v.Words, v.Types)
		}
	}
}

// TestFailClosed holds the engine to deny when a policy cannot be evaluated:
// Cedar itself would skip it, a forbid too.
func TestFailClosed(t *testing.T) {
	builtin := loadBuiltin()
	for name, text := range map[string]string{
		"a forbid":          `@id("broken") @advice("x") forbid (principal, action, resource) when { resource.nothing == 1 };`,
		"a permit":          `@id("broken") @advice("x") permit (principal, action, resource) when { resource.nothing == 1 };`,
		"a wrong type":      `@id("broken") @advice("x") forbid (principal, action, resource) when { principal.status < 3 };`,
		"an overflow":       `@id("broken") @advice("x") forbid (principal, action, resource) when { 9223372036854775807 + 1 == 0 };`,
		"a bad extension":   `@id("broken") @advice("x") forbid (principal, action, resource) when { decimal(principal.status).lessThan(decimal("1.0")) };`,
		"a broken unless":   `@id("broken") @advice("x") forbid (principal, action, resource) unless { context.nothing };`,
		"not a truth value": `@id("broken") @advice("x") forbid (principal, action, resource) when { principal.status };`,
	} {
		own, problems := parse("own", text, builtin)
		if len(problems) > 0 {
			t.Fatalf("%s: %v", name, problems)
		}
		e := &Engine{builtin: builtin}
		e.current.Store(newSet(builtin, own))
		admin := Subject{ID: "me", Status: "active", Roles: []string{"administrator"}}
		d := e.Decide(t.Context(), Request{Subject: admin, Action: "catalog.read", Resource: Resource{Type: TypeEntity, Blueprint: "S", ID: "x"}})
		if d.Allowed || d.Rule != PolicyError || len(d.Rules) != 1 || d.Rules[0] != "broken" || len(d.Errors) == 0 || !strings.Contains(d.Reason, "broken") || d.Alternative == "" || d.Who == "" {
			t.Errorf("%s: %+v", name, d)
		}
		if e.Filter(t.Context(), admin, "catalog.read", []Resource{{Type: TypeEntity, Blueprint: "S", ID: "x"}})[0] {
			t.Errorf("%s: Filter allows", name)
		}
	}
	if d := (&Engine{}).Decide(t.Context(), Request{}); d.Allowed || d.Rule != Unavailable {
		t.Errorf("without policies: %+v", d)
	}
	odd := Request{Subject: Subject{ID: "me", Status: "active", Roles: []string{"administrator"}}, Action: "catalog.read", Context: map[string]any{"x": struct{}{}}}
	if d := New().Decide(t.Context(), odd); d.Allowed || d.Rule != PolicyError {
		t.Errorf("a context that is no value: %+v", d)
	}
}

// TestTheIndexLosesNothing asks with and without the index by action.
func TestTheIndexLosesNothing(t *testing.T) {
	s := newSet(loadBuiltin(), nil)
	whole := cedar.PolicyMap{}
	for _, r := range s.rules {
		whole[types.PolicyID(r.id)] = r.policy
	}
	for _, c := range builtinCases(t) {
		given, err := contextOf(s.verbs[c.request.Action], c.request.Context)
		if err != nil {
			t.Fatal(err)
		}
		q := s.question(s.verbs[c.request.Action], c.request.Subject, given)
		if err := q.about(c.request.Resource); err != nil {
			t.Fatal(err)
		}
		decision, _ := cedar.Authorize(whole, &q.world, q.request)
		if (decision == cedar.Allow) != q.allowed() {
			t.Errorf("%s: %v without the index", c.text, decision)
		}
	}
}
