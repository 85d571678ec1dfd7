package policy

import (
	"context"
	"slices"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
	"github.com/cedar-policy/cedar-go/x/exp/eval"
)

// Scope says for which entities of a blueprint a subject may do something, as
// far as that can be said without looking at them: it has at least all that are
// allowed. A query narrows by it, and then asks Filter about each row unless
// Exact is set.
type Scope struct {
	// Everything is allowed, or may be.
	Everything bool
	// Teams are those whose entities may be allowed, Unowned says that those of
	// no team may. They count when Everything is not set.
	Teams   []string
	Unowned bool
	// Exact says that all that the scope has is allowed.
	Exact bool
}

// Nothing reports that no entity is allowed.
func (s Scope) Nothing() bool { return !s.Everything && len(s.Teams) == 0 && !s.Unowned }

// Scope finds out for which entities of the blueprint who may do action.
func (e *Engine) Scope(ctx context.Context, who Subject, action, blueprint string) Scope {
	return e.scope(ctx, who, action, Resource{Type: TypeEntity, Blueprint: blueprint, ID: "any"})
}

// ScopeOf is Scope for what is no entity: for which resources of a type.
func (e *Engine) ScopeOf(ctx context.Context, who Subject, action, resource string) Scope {
	return e.scope(ctx, who, action, Resource{Type: resource, ID: "any"})
}

func (e *Engine) scope(_ context.Context, who Subject, action string, any Resource) Scope {
	nothing := Scope{Exact: true}
	s := e.current.Load()
	b := s.of(action)
	if b == nil {
		return nothing
	}
	given, err := contextOf(b, nil)
	if err != nil {
		return nothing
	}
	q := s.question(b, who, given)
	if q.about(any) != nil {
		return nothing
	}
	r := reach{q: q, teams: who.Teams}
	out := nothing
	for _, one := range b.rules {
		if !one.forbid {
			out = union(out, r.permit(one))
		}
	}
	for _, one := range b.rules {
		if one.forbid {
			out = intersect(out, r.forbid(one))
		}
	}
	return out
}

// reach works out scopes of parts of policies.
type reach struct {
	q     *question
	teams []string
}

// permit is what a permit allows: where all of its clauses hold.
func (r reach) permit(one *rule) Scope {
	out := Scope{Everything: true, Exact: true}
	for _, c := range one.clauses {
		if c.unless {
			out = intersect(out, r.not(c.body))
			continue
		}
		out = intersect(out, r.where(c.body))
	}
	return out
}

// forbid is what a forbid leaves: where one of its clauses does not hold.
func (r reach) forbid(one *rule) Scope {
	out := Scope{Exact: true}
	for _, c := range one.clauses {
		if c.unless {
			out = union(out, r.where(c.body))
			continue
		}
		out = union(out, r.not(c.body))
	}
	return out
}

// where is where an expression holds.
func (r reach) where(n ast.IsNode) Scope {
	if ways := disjuncts(n); len(ways) > 1 {
		out := Scope{Exact: true}
		for _, way := range ways {
			out = union(out, r.where(way))
		}
		return out
	}
	if parts := conjuncts(n); len(parts) > 1 {
		out := Scope{Everything: true, Exact: true}
		for _, part := range parts {
			out = intersect(out, r.where(part))
		}
		return out
	}
	switch {
	case isOwned(n):
		return Scope{Teams: r.teams, Exact: true}
	case isUnowned(n):
		return Scope{Unowned: true, Exact: true}
	case ofTheRow(n):
		return Scope{Everything: true}
	default:
		return Scope{Everything: r.holds(n), Exact: true}
	}
}

// not is where an expression does not hold. What it holds for is left out only
// when that is everything.
func (r reach) not(n ast.IsNode) Scope {
	if ofTheRow(n) {
		return Scope{Everything: true}
	}
	return Scope{Everything: !r.holds(n), Exact: true}
}

func (r reach) holds(n ast.IsNode) bool {
	v, err := eval.Eval(n, eval.Env{
		Principal: r.q.request.Principal, Action: r.q.request.Action, Resource: r.q.request.Resource, Context: r.q.request.Context, Entities: &r.q.world,
	})
	return err == nil && v == types.True
}

func isOwned(n ast.IsNode) bool {
	in, ok := n.(ast.NodeTypeIn)
	return ok && isVariable(in.Left, "principal") && isTeams(in.Right)
}

func isUnowned(n ast.IsNode) bool {
	empty, ok := n.(ast.NodeTypeIsEmpty)
	return ok && isTeams(empty.Arg)
}

// ofTheRow reports whether an expression depends on which entity of the
// blueprint it is, or on what a list does not know.
func ofTheRow(n ast.IsNode) bool {
	same := func(name types.String) bool { return name == "blueprint" || name == "id" }
	found := false
	ast.Inspect(ast.NewNode(n), func(n ast.IsNode) bool {
		switch n := n.(type) {
		case ast.NodeTypeHas:
			return !isVariable(n.Arg, "resource") || !same(n.Value)
		case ast.NodeTypeAccess:
			return !isVariable(n.Arg, "resource") || n.Value != "blueprint"
		case ast.NodeTypeIs:
			return !isVariable(n.Left, "resource")
		case ast.NodeTypeIn:
			if isVariable(n.Left, "resource") {
				found = found || ofTheRow(n.Right)
				return false
			}
		case ast.NodeTypeContainsAny:
			if isContextScopes(n.Right) {
				found = found || ofTheRow(n.Left)
				return false
			}
		case ast.NodeTypeVariable:
			found = found || n.Name == "resource" || n.Name == "context"
		}
		return true
	})
	return found
}

// isContextScopes is "context.scopes", which is known for every action.
func isContextScopes(n ast.IsNode) bool {
	access, ok := n.(ast.NodeTypeAccess)
	return ok && access.Value == "scopes" && isVariable(access.Arg, "context")
}

func union(a, b Scope) Scope {
	switch {
	case a.Everything && a.Exact || b.Nothing():
		return a
	case b.Everything && b.Exact || a.Nothing():
		return b
	}
	out := Scope{Everything: a.Everything || b.Everything, Unowned: a.Unowned || b.Unowned, Exact: a.Exact && b.Exact}
	if out.Everything {
		return Scope{Everything: true}
	}
	out.Teams = slices.Concat(a.Teams, b.Teams)
	slices.Sort(out.Teams)
	out.Teams = slices.Compact(out.Teams)
	return out
}

func intersect(a, b Scope) Scope {
	switch {
	case a.Everything:
		b.Exact = b.Exact && a.Exact || b.Nothing()
		return b
	case b.Everything:
		a.Exact = a.Exact && b.Exact || a.Nothing()
		return a
	}
	// Something owned by two teams is in the scope of both.
	both := Scope{Unowned: a.Unowned && b.Unowned, Exact: a.Exact && b.Exact && slices.Equal(a.Teams, b.Teams)}
	if len(b.Teams) > 0 {
		both.Teams = a.Teams
	}
	return both
}
