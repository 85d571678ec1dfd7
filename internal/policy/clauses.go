package policy

import (
	"bytes"
	"strings"

	"github.com/cedar-policy/cedar-go"
	publicast "github.com/cedar-policy/cedar-go/ast"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
	"github.com/cedar-policy/cedar-go/x/exp/eval"
)

// cedar-go's experimental packages (syntax trees, evaluation of one expression,
// schemas) are known to this package only; see internal/rules. The decision
// itself is the stable authoriser's.

// clause is one part of a policy that has to hold.
type clause struct {
	body ast.IsNode
	// unless is set where the body must not hold.
	unless bool
	// text is the clause in Cedar.
	text string
	// roles are those it asks for, when that is all it asks.
	roles []string
	// owners is set when it asks for a team that owns the resource, alone or as
	// one of several ways.
	owners bool
}

// clausesOf takes a policy apart: what the scope asks of principal and
// resource, and each part of its conditions that is joined by &&. The action is
// no clause: policies are looked at for one action.
func clausesOf(p *ast.Policy) []clause {
	var out []clause
	add := func(n ast.IsNode, unless bool) { out = append(out, newClause(n, unless)) }
	for _, n := range []ast.IsNode{scopeNode(ast.Principal(), p.Principal), scopeNode(ast.Resource(), p.Resource)} {
		if n != nil {
			add(n, false)
		}
	}
	for _, c := range p.Conditions {
		if c.Condition == ast.ConditionUnless {
			add(c.Body, true)
			continue
		}
		for _, n := range conjuncts(c.Body) {
			add(n, false)
		}
	}
	return out
}

func conjuncts(n ast.IsNode) []ast.IsNode {
	if and, ok := n.(ast.NodeTypeAnd); ok {
		return append(conjuncts(and.Left), conjuncts(and.Right)...)
	}
	return []ast.IsNode{n}
}

func disjuncts(n ast.IsNode) []ast.IsNode {
	if or, ok := n.(ast.NodeTypeOr); ok {
		return append(disjuncts(or.Left), disjuncts(or.Right)...)
	}
	return []ast.IsNode{n}
}

// scopeNode is a scope as an expression; nil when it asks for nothing.
func scopeNode(variable ast.Node, scope ast.IsScopeNode) ast.IsNode {
	switch s := scope.(type) {
	case ast.ScopeTypeEq:
		return variable.Equal(ast.Value(s.Entity)).AsIsNode()
	case ast.ScopeTypeIn:
		return variable.In(ast.Value(s.Entity)).AsIsNode()
	case ast.ScopeTypeIs:
		return variable.Is(s.Type).AsIsNode()
	case ast.ScopeTypeIsIn:
		return variable.IsIn(s.Type, ast.Value(s.Entity)).AsIsNode()
	default:
		return nil
	}
}

func newClause(n ast.IsNode, unless bool) clause {
	c := clause{body: n, unless: unless, text: textOf(n)}
	if unless {
		c.text = "unless " + c.text
		return c
	}
	c.roles = rolesIn(n)
	for _, way := range disjuncts(n) {
		if in, ok := way.(ast.NodeTypeIn); ok && isVariable(in.Left, "principal") && isTeams(in.Right) {
			c.owners = true
		}
	}
	return c
}

// textOf writes an expression in Cedar.
func textOf(n ast.IsNode) string {
	p := cedar.NewPolicyFromAST((*publicast.Policy)(ast.Permit().When(ast.NewNode(n))))
	text := string(bytes.TrimSpace(p.MarshalCedar()))
	_, text, _ = strings.Cut(text, "when {")
	text = strings.TrimSuffix(strings.TrimSpace(text), ";")
	text = strings.TrimSuffix(strings.TrimSpace(text), "}")
	return strings.Join(strings.Fields(text), " ")
}

func isVariable(n ast.IsNode, name types.String) bool {
	v, ok := n.(ast.NodeTypeVariable)
	return ok && v.Name == name
}

// isTeams is "resource.teams".
func isTeams(n ast.IsNode) bool {
	access, ok := n.(ast.NodeTypeAccess)
	return ok && access.Value == "teams" && isVariable(access.Arg, "resource")
}

// rolesIn are the roles that "principal in Role::..." asks for.
func rolesIn(n ast.IsNode) []string {
	in, ok := n.(ast.NodeTypeIn)
	if !ok || !isVariable(in.Left, "principal") {
		return nil
	}
	var out []string
	take := func(n ast.IsNode) bool {
		v, ok := n.(ast.NodeValue)
		if !ok {
			return false
		}
		e, ok := v.Value.(types.EntityUID)
		if !ok || e.Type != roleType {
			return false
		}
		out = append(out, string(e.ID))
		return true
	}
	if set, ok := in.Right.(ast.NodeTypeSet); ok {
		for _, one := range set.Elements {
			if !take(one) {
				return nil
			}
		}
		return out
	}
	if !take(in.Right) {
		return nil
	}
	return out
}

// needsOf finds out what of a resource a policy looks at.
func needsOf(p *ast.Policy) needs {
	var need needs
	for _, c := range p.Conditions {
		ast.Inspect(ast.NewNode(c.Body), func(n ast.IsNode) bool {
			switch n := n.(type) {
			case ast.NodeTypeAccess:
				need.properties = need.properties || n.Value == "properties"
			case ast.NodeTypeHas:
				need.properties = need.properties || n.Value == "properties"
			case ast.NodeTypeHasTag, ast.NodeTypeGetTag:
				need.tags = true
			}
			return true
		})
	}
	return need
}

// holds evaluates one clause. What cannot be evaluated does not hold.
func (c clause) holds(w *world, request types.Request) bool {
	v, err := eval.Eval(c.body, eval.Env{
		Principal: request.Principal, Action: request.Action, Resource: request.Resource, Context: request.Context, Entities: w,
	})
	if err != nil {
		return false
	}
	return (v == types.True) != c.unless
}
