// Package access makes the rights hold below the API: it is what the catalog
// and the other stores ask before they read or change anything. It joins the
// policies (package policy), the permissions that were set for a blueprint and
// the rule of protected properties; docs/access-enforcement.md says in words
// what it decides.
package access

import (
	"context"
	"errors"
	"slices"
	"strings"

	"sphera/internal/auth"
	"sphera/internal/catalog"
	"sphera/internal/catalog/query"
	"sphera/internal/fault"
	"sphera/internal/policy"
)

// Access decides for the stores.
type Access struct {
	auth     *auth.Service
	policies *policy.Engine
	// caller is what rules about a person are compared with.
	caller func(ctx context.Context, email string, teams []string) (query.Env, error)
}

// New returns the decisions of the policies. caller is the catalog's SearchEnv.
func New(a *auth.Service, policies *policy.Engine, caller func(ctx context.Context, email string, teams []string) (query.Env, error)) *Access {
	return &Access{auth: a, policies: policies, caller: caller}
}

// Catalog is what the catalog asks.
func (a *Access) Catalog() catalog.Access {
	return catalog.Access{May: a.may, See: a.see, Free: free, Change: a.change}
}

// Ingest is the work of programs that write what they were sent from outside.
// It may change all entities but people and teams, which come from sign-in.
const Ingest = "ingest"

// who is the principal of a context. Without one nothing is done: somebody
// forgot to say who acts.
func who(ctx context.Context) (auth.Principal, error) {
	p, ok := auth.From(ctx)
	if !ok || p.ID == "" {
		return p, fault.New(fault.Unauthorized, "Sign in to go on.").Wrap(errors.New("nobody acts in this context"))
	}
	return p, nil
}

func free(ctx context.Context) bool {
	p, ok := auth.From(ctx)
	return ok && p.IsSystem() && p.Via != Ingest
}

func (a *Access) may(ctx context.Context, verb, blueprint string) error {
	p, err := who(ctx)
	switch {
	case err != nil || p.IsSystem():
		return err
	case p.Status != auth.Active:
		return fault.Refuse("suspended", "Your account is suspended.", "Ask an administrator why.", "role administrator")
	case verb == catalog.VerbKnown:
		return nil
	case verb == catalog.VerbMaintain:
		return fault.Refuse("portal-maintains-itself", "Only the portal itself does this.", "Nothing has to be done: it is done by itself.", "role infrastructure")
	}
	o := auth.Object{}
	if blueprint != "" {
		o = auth.Object{Kind: "blueprint", ID: blueprint}
	}
	if verb == catalog.VerbRead {
		// Which entities of it may be read is decided in see.
		if s := a.policies.Scope(ctx, p.Subject(), verb, blueprint); !s.Nothing() {
			return nil
		}
	}
	return a.decide(ctx, p, verb, o)
}

// see joins what the policies say about reading with the blueprint's own
// permissions. Where it can, it says so as a query; what policies ask of each
// entity is decided entity by entity.
func (a *Access) see(ctx context.Context, b catalog.Blueprint) (catalog.View, error) {
	p, err := who(ctx)
	if err != nil || p.IsSystem() {
		return catalog.View{}, err
	}
	s := a.policies.Scope(ctx, p.Subject(), catalog.VerbRead, b.Identifier)
	if s.Nothing() {
		return catalog.View{None: true}, unavailable(a.decide(ctx, p, catalog.VerbRead, auth.Object{Kind: "blueprint", ID: b.Identifier}))
	}
	var v catalog.View
	var parts []query.Node
	if !s.Everything {
		ways := []query.Node{ofTeams(s.Teams)}
		if s.Unowned {
			ways = append(ways, query.Rule{Property: "$team", Operator: "isEmpty"})
		}
		parts = append(parts, query.Or(ways...))
	}
	if !s.Exact {
		v.Keep = a.keeper(p)
	}
	grant, set := b.Rights.Blocks["read"]
	if set && !p.HasRole(auth.Infrastructure, auth.Administrator) {
		part, err := a.granted(ctx, p, b, grant)
		if err != nil {
			return v, err
		}
		if part != nil {
			parts = append(parts, part)
		}
	}
	if len(parts) > 0 {
		v.Where = query.And(parts...)
	}
	return v, nil
}

// decide asks the policies.
func (a *Access) decide(ctx context.Context, p auth.Principal, verb string, o auth.Object) error {
	if p.IsSystem() {
		return nil
	}
	r := a.auth.Question(p, verb, o)
	d := a.policies.Decide(ctx, r)
	a.policies.Record(r, d)
	return auth.RefusalOf(d, verb, o)
}

// unavailable is what of a refusal says that nothing can be decided now.
func unavailable(err error) error {
	if fault.Is(err, fault.Unavailable) {
		return err
	}
	return nil
}

func ofTeams(teams []string) query.Node {
	if len(teams) == 0 {
		return query.Never()
	}
	list := make([]any, len(teams))
	for i, t := range teams {
		list[i] = t
	}
	return query.Rule{Property: "$team", Operator: "containsAny", Value: list}
}

// granted is the condition of a read permission; nil where all may be read.
// With a policy the policy decides, and users, roles and teams do not.
func (a *Access) granted(ctx context.Context, p auth.Principal, b catalog.Blueprint, g catalog.Grant) (query.Node, error) {
	var ways []query.Node
	if g.OwnedByTeam {
		ways = append(ways, ofTeams(p.Teams))
	}
	where := g.Where()
	if where == nil {
		env, err := a.env(ctx, p, slices.ContainsFunc(g.Roles, moderators))
		if err != nil || named(p, b, g, env, anyRole) {
			return nil, err
		}
	} else {
		env, err := a.env(ctx, p, strings.Contains(string(g.Policy), `"context"`))
		if err != nil {
			return nil, err
		}
		ways = append(ways, where.As(env))
	}
	if len(ways) == 0 {
		return query.Never(), nil
	}
	return query.Or(ways...), nil
}

// env is what rules about the caller mean. The caller's own entities are only
// read where a rule asks for them.
func (a *Access) env(ctx context.Context, p auth.Principal, entities bool) (query.Env, error) {
	email := p.Email
	if p.Via == auth.ViaApp || p.Machine() {
		email = "" // a machine is nobody's colleague
	}
	if !entities {
		return query.Env{User: email, UserTeams: p.Teams}, nil
	}
	return a.caller(auth.WithPrincipal(ctx, auth.System("access")), email, p.Teams)
}

// keeper decides on each entity.
func (a *Access) keeper(p auth.Principal) func(ctx context.Context, list []catalog.Entity) ([]bool, error) {
	return Keeper(a.policies, p)
}

// Keeper asks the policies about each entity of a list.
func Keeper(policies *policy.Engine, p auth.Principal) func(ctx context.Context, list []catalog.Entity) ([]bool, error) {
	subject := p.Subject()
	return func(ctx context.Context, list []catalog.Entity) ([]bool, error) {
		resources := make([]policy.Resource, len(list))
		for i, e := range list {
			resources[i] = policy.Resource{Type: policy.TypeEntity, Blueprint: e.Blueprint, ID: e.Identifier, Teams: e.Team, Properties: e.Properties}
		}
		return policies.Filter(ctx, subject, catalog.VerbRead, resources), nil
	}
}

// anyRole is which of our roles Port's "Member" stands for where one reads;
// writers where one writes.
func anyRole() []string { return auth.Roles() }

func writers() []string {
	return []string{auth.Developer, auth.Maintainer, auth.Infrastructure, auth.Administrator}
}

const moderatorOf = "-moderator"

func moderators(role string) bool { return strings.HasSuffix(role, moderatorOf) }

// named tells whether a permission names the person, a role or a team of theirs.
func named(p auth.Principal, b catalog.Blueprint, g catalog.Grant, env query.Env, members func() []string) bool {
	if p.Email != "" && slices.ContainsFunc(g.Users, func(u string) bool { return strings.EqualFold(u, p.Email) }) {
		return true
	}
	if slices.ContainsFunc(g.Teams, func(t string) bool { return slices.Contains(p.Teams, t) }) {
		return true
	}
	return slices.ContainsFunc(g.Roles, func(role string) bool {
		switch {
		case strings.EqualFold(role, "Admin"):
			return p.HasRole(auth.Infrastructure, auth.Administrator)
		case strings.EqualFold(role, "Member"):
			return p.HasRole(members()...)
		case strings.EqualFold(role, b.Identifier+moderatorOf):
			return moderates(env, b.Identifier)
		default:
			return p.HasRole(strings.ToLower(role))
		}
	})
}

func moderates(env query.Env, blueprint string) bool {
	properties, _ := env.UserEntity["properties"].(map[string]any)
	list, _ := properties["moderated_blueprints"].([]any)
	return slices.Contains(list, any(blueprint))
}
