package portal

import (
	"context"

	"sphera/internal/catalog"
	"sphera/internal/policy"
	"sphera/internal/store"
)

// openPolicies puts the policies of administrators beside the built-in ones. A
// change of blueprints that they do not fit is refused.
func (p *parts) openPolicies() *policy.Policies {
	policies := policy.Open(policy.Deps{
		DB: p.db, Audit: p.audit, Engine: p.auth.Policies(), Now: p.now, Log: p.log, Shapes: p.shapes, Administrators: p.auth.Administrators,
		MayConfirm: p.mayConfirmPolicies, Proposed: p.policiesProposed,
	})
	p.catalog.GuardBlueprints(policies.GuardBlueprints)
	return policies
}

// shapes are the blueprints as policies know them.
func (p *parts) shapes(ctx context.Context, q store.Querier) ([]policy.Shape, error) {
	list, err := p.catalog.BlueprintsIn(as(ctx, "policy"), q)
	out := make([]policy.Shape, 0, len(list))
	for _, b := range list {
		out = append(out, shapeOf(b))
	}
	return out, err
}

func shapeOf(b catalog.Blueprint) policy.Shape {
	s := policy.Shape{Blueprint: b.Identifier}
	add := func(name, kind string, items map[string]any) {
		of, _ := items["type"].(string)
		s.Properties = append(s.Properties, policy.Property{Name: name, Type: kind, Items: of})
	}
	for name, one := range b.Schema.Properties {
		add(name, one.Type, one.Items)
	}
	for name, one := range b.CalculationProperties {
		add(name, one.Type, one.Items)
	}
	for name := range b.AggregationProperties {
		add(name, "number", nil)
	}
	return s
}
