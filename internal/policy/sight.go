package policy

import (
	"context"
	"slices"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
	"github.com/cedar-policy/cedar-go/x/exp/eval"
)

// Sight says how far decisions about one action depend on which entity of a
// blueprint they are about. Lists ask it once instead of about each entity.
type Sight struct {
	// Denied is set where nothing is allowed, whichever entity it is.
	Denied bool
	// Unavailable is set, besides Denied, while there are no policies.
	Unavailable bool
	// Depends are the policies that look at the entity; without any, all
	// entities are decided on alike.
	Depends []string
}

// Sight works out the policies as far as that goes without an entity. With an
// empty blueprint it is about entities of any.
func (e *Engine) Sight(who Subject, action, blueprint string) Sight {
	s := e.current.Load()
	b := s.of(action)
	if b == nil {
		return Sight{Denied: true, Unavailable: s == nil}
	}
	given, err := contextOf(b, nil)
	if err != nil {
		return Sight{Denied: true}
	}
	q := s.question(b, who, given)
	env := eval.Env{Entities: &q.world, Principal: q.request.Principal, Action: b.action, Resource: eval.Variable("resource"), Context: given}
	permitted, mayPermit := false, []string(nil)
	out := Sight{}
	for _, r := range b.rules {
		depends, applies := r.partly(env, blueprint)
		switch {
		case depends && r.forbid:
			out.Depends = append(out.Depends, r.id)
		case depends:
			mayPermit = append(mayPermit, r.id)
		case applies && r.forbid:
			return Sight{Denied: true}
		case applies:
			permitted = true
		}
	}
	if permitted {
		return out
	}
	out.Depends = append(out.Depends, mayPermit...)
	out.Denied = len(mayPermit) == 0
	return out
}

// partly tells whether a policy applies, or whether that depends on the entity.
func (r *rule) partly(env eval.Env, blueprint string) (depends, applies bool) {
	p := (*ast.Policy)(r.policy.AST())
	if blueprint != "" && !scopeHas(p.Resource, Resource{Type: TypeEntity, Blueprint: blueprint}.uid().Type) {
		return false, false
	}
	rest, kept := eval.PartialPolicy(env, p)
	if !kept {
		return false, false
	}
	_, all := rest.Resource.(ast.ScopeTypeAll)
	if is, ok := rest.Resource.(ast.ScopeTypeIs); ok && blueprint != "" {
		all = is.Type == Resource{Type: TypeEntity, Blueprint: blueprint}.uid().Type
	}
	if all && len(rest.Conditions) == 0 {
		return false, true
	}
	return true, true
}

// scopeHas tells whether a scope can have resources of a type.
func scopeHas(scope ast.IsResourceScopeNode, kind types.EntityType) bool {
	switch scope := scope.(type) {
	case ast.ScopeTypeIs:
		return scope.Type == kind
	case ast.ScopeTypeIsIn:
		return scope.Type == kind
	case ast.ScopeTypeEq:
		return scope.Entity.Type == kind
	default:
		return true
	}
}

// Forbids answers a question as if something permitted it: it denies what a
// policy forbids, what cannot be decided and what is no action.
func (e *Engine) Forbids(ctx context.Context, r Request) Decision {
	d := e.Decide(ctx, r)
	if d.Allowed || len(d.Errors) > 0 || d.Rule == Unavailable {
		return d
	}
	s := e.current.Load()
	if b := s.of(r.Action); b != nil && !slices.ContainsFunc(b.rules, func(one *rule) bool { return one.forbid && one.id == d.Rule }) {
		return Decision{Allowed: true, Rule: DefaultDeny}
	}
	return d
}
