package auth

import (
	"context"
	"maps"
	"strings"
	"time"

	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/policy"
)

// Object is what somebody wants to act on.
type Object struct {
	// Kind is "run", "repository", "pull-request", "action"..., see kindType; a
	// blueprint for an entity; empty for the whole portal.
	Kind string
	// Blueprint says that it is an entity, whatever Kind is.
	Blueprint string
	ID        string
	// Teams own it; empty when nobody does, or when it does not exist yet.
	Teams           []string
	Environment     string
	EnvironmentKind string
	// Author is the id of the user who made or asked for it.
	Author string
	// Properties are those of an entity, for policies that look at them.
	Properties map[string]any
	// Context is what else is known about the act, see policy.ContextFields.
	Context map[string]any
}

// kindType is the type of what is no entity.
func kindType(kind string) (string, bool) {
	switch kind {
	case "", "catalog":
		return policy.TypePortal, true
	case "action":
		return policy.TypeSelfService, true
	case "audit":
		return policy.TypeAudit, true
	case "blueprint":
		return policy.TypeModel, true
	case "flag":
		return policy.TypeFlag, true
	case "integration":
		return policy.TypeIntegration, true
	case "page":
		return policy.TypePage, true
	case "policy":
		return policy.TypePolicy, true
	case "pull-request":
		return policy.TypePullRequest, true
	case "repository":
		return policy.TypeRepository, true
	case "run":
		return policy.TypeRun, true
	case "secret":
		return policy.TypeSecret, true
	case "source":
		return policy.TypeSource, true
	case "user":
		return policy.TypeAccount, true
	case "workflow":
		return policy.TypeWorkflow, true
	default:
		return "", false
	}
}

// Resource is the object as policies know it.
func (o Object) Resource() policy.Resource {
	r := policy.Resource{
		Type: policy.TypeEntity, Blueprint: o.Blueprint, ID: o.ID, Teams: o.Teams, Environment: o.Environment, EnvironmentKind: o.EnvironmentKind,
		Author: o.Author, Properties: o.Properties,
	}
	if r.Blueprint != "" {
		return r
	}
	if kind, ok := kindType(o.Kind); ok {
		r.Type = kind
		return r
	}
	r.Blueprint = o.Kind
	return r
}

// Subject is the principal as policies know it.
func (p Principal) Subject() policy.Subject {
	limits := func(kind string) (of []string) {
		for _, l := range p.Limits {
			if name, ok := strings.CutPrefix(l, kind); ok {
				of = append(of, name)
			}
		}
		return of
	}
	s := policy.Subject{
		ID: p.ID, Name: p.Name, Kind: p.Kind, Roles: p.Roles, Teams: p.Teams, Status: p.Status, Contractor: p.Contractor, Via: p.Via,
		Scopes: p.Scopes, Blueprints: limits("blueprint:"), Environments: limits("environment:"), ReadOnly: p.ViewAs != "", OnBehalfOf: p.OnBehalfOf, AuthAt: p.AuthAt,
	}
	if s.Kind == "" {
		s.Kind = policy.User
		if p.Via == ViaApp {
			s.Kind = policy.Service
		}
	}
	return s
}

// May decides whether p may do verb on o: nil, or a refusal that names the
// policy, the reason, what to do instead and who can help. Everything that no
// policy permits is refused. What the portal does by itself it may.
func (s *Service) May(ctx context.Context, p Principal, verb string, o Object) error {
	if p.system {
		return nil
	}
	if p.ID == "" {
		return errCredential()
	}
	q := s.Question(p, verb, o)
	d := s.policies.Decide(ctx, q)
	s.policies.Record(q, d)
	return RefusalOf(d, verb, o)
}

// Could answers May without anybody trying to do it: it shows which buttons
// there are, and nothing of it is recorded.
func (s *Service) Could(ctx context.Context, p Principal, verb string, o Object) error {
	if p.system {
		return nil
	}
	if p.ID == "" {
		return errCredential()
	}
	return Refusal(s.policies.Decide(ctx, s.Question(p, verb, o)))
}

// Question is what May asks.
func (s *Service) Question(p Principal, verb string, o Object) policy.Request {
	given := o.Context
	if !p.AuthAt.IsZero() {
		given = make(map[string]any, len(o.Context)+1)
		maps.Copy(given, o.Context)
		given["authAge"] = int64(s.now().Sub(p.AuthAt) / time.Second)
	}
	return policy.Request{Subject: p.Subject(), Action: verb, Resource: o.Resource(), Context: given}
}

// MayEach answers May for many objects at once; what they have for a context
// is not looked at.
func (s *Service) MayEach(ctx context.Context, p Principal, verb string, list []Object) []bool {
	out := make([]bool, len(list))
	if p.system {
		for i := range out {
			out[i] = true
		}
		return out
	}
	if p.ID == "" {
		return out
	}
	resources := make([]policy.Resource, len(list))
	for i, o := range list {
		resources[i] = o.Resource()
	}
	return s.policies.Filter(ctx, p.Subject(), verb, resources)
}

// Refusal is a denial as an error; nil for what is allowed. While policies
// cannot be read nothing is allowed, and it is worth trying again.
func Refusal(d policy.Decision) error {
	if d.Allowed {
		return nil
	}
	f := fault.Refuse(d.Rule, d.Reason, d.Alternative, d.Who)
	if d.Rule == policy.Unavailable {
		f.Code = fault.Unavailable
	}
	return f
}

// RefusalOf is Refusal with what was refused, for the audit log.
func RefusalOf(d policy.Decision, verb string, o Object) error {
	err := Refusal(d)
	if f, ok := fault.As(err); ok {
		f.Right, f.On = verb, o.Name()
	}
	return err
}

// Name is the object as the audit log calls it, "Component/checkout", or its
// kind where it is none in particular.
func (o Object) Name() string {
	if o.ID == "" {
		return o.Kind
	}
	return o.Kind + "/" + o.ID
}

type principalKey struct{}

// WithPrincipal returns a context in which p acts.
func WithPrincipal(ctx context.Context, p Principal) context.Context {
	return context.WithValue(audit.WithActing(ctx, p.Via, p.OnBehalfOf), principalKey{}, p)
}

// From returns who acts in ctx; false when nobody was named, which stores
// refuse.
func From(ctx context.Context) (Principal, bool) {
	p, ok := ctx.Value(principalKey{}).(Principal)
	return p, ok
}

// System is the portal itself doing the work that is named, e.g. "derive".
func System(work string) Principal {
	return Principal{
		User: User{ID: audit.System, Name: "Sphera (" + work + ")", Roles: []string{}, Teams: []string{}, Status: Active},
		Via:  work, Kind: audit.System, system: true,
	}
}

// IsSystem reports whether it is the portal itself that acts.
func (p Principal) IsSystem() bool { return p.system }
