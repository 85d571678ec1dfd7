package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
)

// known finds what Cedar's validator lets pass: a policy that asks for a role,
// a blueprint or a property that is not there is right in form, and never
// holds.
type known struct {
	shapes []Shape
}

func (k known) check(r rule) []string {
	tree := (*ast.Policy)(r.policy.AST())
	var out []string
	add := func(message string) {
		if message != "" && !slices.Contains(out, message) {
			out = append(out, message)
		}
	}
	within := k.shapes
	for _, n := range []ast.IsNode{scopeNode(ast.Principal(), tree.Principal), scopeNode(ast.Resource(), tree.Resource)} {
		k.walk(n, nil, add)
	}
	if one, ok := blueprintOf(tree.Resource); ok {
		within = slices.DeleteFunc(slices.Clone(k.shapes), func(s Shape) bool { return s.Blueprint != one && TypeName(s.Blueprint) != one })
	}
	for _, c := range tree.Conditions {
		k.walk(c.Body, within, add)
	}
	return out
}

// blueprintOf is the blueprint, or its type, that a scope is about.
func blueprintOf(scope ast.IsResourceScopeNode) (string, bool) {
	switch s := scope.(type) {
	case ast.ScopeTypeIn:
		return string(s.Entity.ID), s.Entity.Type == blueprintType
	case ast.ScopeTypeIs:
		return string(s.Type), strings.HasPrefix(string(s.Type), catalogSpace+"::")
	case ast.ScopeTypeIsIn:
		return string(s.Type), strings.HasPrefix(string(s.Type), catalogSpace+"::")
	case ast.ScopeTypeEq:
		return string(s.Entity.Type), strings.HasPrefix(string(s.Entity.Type), catalogSpace+"::")
	default:
		return "", false
	}
}

func (k known) walk(n ast.IsNode, within []Shape, add func(string)) {
	if n == nil {
		return
	}
	ast.Inspect(ast.NewNode(n), func(n ast.IsNode) bool {
		switch n := n.(type) {
		case ast.NodeValue:
			k.value(n.Value, add)
		case ast.NodeTypeHas:
			add(k.attribute(n, within))
		case ast.NodeTypeHasTag:
			if name, ok := n.Right.(ast.NodeValue); ok {
				if text, ok := name.Value.(types.String); ok && !hasProperty(within, string(text)) {
					add(fmt.Sprintf("No blueprint that the policy is about has the property `%s`.", text))
				}
			}
		}
		return true
	})
}

func (k known) value(v types.Value, add func(string)) {
	switch v := v.(type) {
	case types.EntityUID:
		switch {
		case v.Type == roleType && !slices.Contains(roles(), v.ID):
			add(fmt.Sprintf("There is no role `%s`.", v.ID))
		case v.Type == blueprintType && !slices.ContainsFunc(k.shapes, func(s Shape) bool { return s.Blueprint == string(v.ID) }):
			add(fmt.Sprintf("There is no blueprint `%s`.", v.ID))
		}
	case types.Set:
		for one := range v.All() {
			k.value(one, add)
		}
	}
}

// attribute finds "has" questions whose answer is always no.
func (k known) attribute(n ast.NodeTypeHas, within []Shape) string {
	name := string(n.Value)
	if access, ok := n.Arg.(ast.NodeTypeAccess); ok && access.Value == "properties" && isVariable(access.Arg, "resource") {
		if hasProperty(within, name) {
			return ""
		}
		return "No blueprint that the policy is about has the property `" + name + "`."
	}
	variable, ok := n.Arg.(ast.NodeTypeVariable)
	if !ok {
		return ""
	}
	var fields []string
	switch variable.Name {
	case "principal":
		for field := range subjectShape() {
			fields = append(fields, string(field))
		}
	case "resource":
		for field := range entityShape(Shape{}) {
			fields = append(fields, string(field))
		}
	case "context":
		for _, f := range ContextFields() {
			fields = append(fields, f.Name)
		}
	}
	if slices.Contains(fields, name) || len(fields) == 0 {
		return ""
	}
	slices.Sort(fields)
	return "No " + string(variable.Name) + " has " + "`" + name + "`; it may have " + strings.Join(fields, ", ") + "."
}

func hasProperty(shapes []Shape, name string) bool {
	return slices.ContainsFunc(shapes, func(s Shape) bool {
		return slices.ContainsFunc(s.Properties, func(p Property) bool { return p.Name == name && typeOf(p) != nil })
	})
}

// narrowed is the policy as the validator is to see it: "in Blueprint" is the
// type of that blueprint's entities.
func narrowed(p *ast.Policy) *ast.Policy {
	if in, ok := p.Resource.(ast.ScopeTypeIn); ok && in.Entity.Type == blueprintType {
		out := *p
		out.Resource = ast.Scope{}.Is(types.EntityType(TypeName(string(in.Entity.ID))))
		return &out
	}
	return p
}

// aboutBlueprints reports whether the policy depends on what blueprints there
// are and what they have.
func (r rule) aboutBlueprints() bool {
	if r.needs.properties || r.needs.tags {
		return true
	}
	text := string(r.policy.MarshalCedar())
	return strings.Contains(text, catalogSpace+"::") || strings.Contains(text, blueprintType+`::"`)
}
