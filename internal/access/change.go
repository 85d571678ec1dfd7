package access

import (
	"context"
	"slices"
	"strings"

	"sphera/internal/audit"
	"sphera/internal/auth"
	"sphera/internal/catalog"
	"sphera/internal/catalog/query"
	"sphera/internal/fault"
)

const (
	// verbWrite is asked for a change of an entity.
	verbWrite = "catalog.write"
	// verbPeople is asked for a change of who is in which team.
	verbPeople = "user.write"
)

// mappedKey marks work that a mapping decides which somebody with the right to
// shape the catalog wrote: an action that is data.
type mappedKey struct{}

// Mapped returns a context for writing what an action's mapping says. Who runs
// the action may then change what the mapping changes, but for who owns a thing
// and what is protected: for those it takes the right itself.
func Mapped(ctx context.Context) context.Context { return context.WithValue(ctx, mappedKey{}, true) }

func (a *Access) change(ctx context.Context, list []catalog.Touch) []error {
	out := make([]error, len(list))
	p, err := who(ctx)
	c := &changing{a: a, p: p, mapped: ctx.Value(mappedKey{}) == true}
	for i, t := range list {
		if out[i] = err; err == nil {
			out[i] = c.decide(ctx, t)
			tell(ctx, t, out[i])
		}
	}
	return out
}

// tell notes a refusal for the audit log.
func tell(ctx context.Context, t catalog.Touch, err error) {
	f, ok := fault.As(err)
	if !ok || f.Code != fault.Forbidden {
		return
	}
	name := t.Blueprint.Identifier + "/" + t.Identifier
	r := audit.Refusal{Verb: f.Right, Object: name, Rule: f.Rule, Entity: name}
	if r.Verb == "" {
		r.Verb = verbWrite
	}
	audit.Refused(ctx, r)
}

// changing decides the changes of one write.
type changing struct {
	a      *Access
	p      auth.Principal
	mapped bool
	// env is read once, where a permission asks for it.
	env *query.Env
}

func (c *changing) decide(ctx context.Context, t catalog.Touch) error {
	if people(t.Blueprint.Identifier) {
		return c.may(ctx, t, verbPeople, nil)
	}
	if c.p.IsSystem() {
		return nil
	}
	switch t.Verb {
	case catalog.Register:
		return c.register(ctx, t)
	case catalog.Unregister:
		return c.op(ctx, t, t.Before.Team)
	default:
		return c.update(ctx, t)
	}
}

// people tells whether the entities of a blueprint say who is in which team.
func people(blueprint string) bool { return blueprint == "_user" || blueprint == "_team" }

func (c *changing) may(ctx context.Context, t catalog.Touch, verb string, teams []string) error {
	if c.p.IsSystem() && c.p.Via == Ingest {
		return fault.Refuse("people-come-from-sign-in", "People and teams are kept by sign-in and cannot be written from outside.", "Add the person or team in the portal, or by SCIM.", "role administrator")
	}
	return c.a.decide(ctx, c.p, verb, object(t, teams))
}

func object(t catalog.Touch, teams []string) auth.Object {
	o := auth.Object{Kind: t.Blueprint.Identifier, Blueprint: t.Blueprint.Identifier, ID: t.Identifier, Teams: teams}
	if state := t.Before; state != nil {
		o.Properties = state.Properties
	} else if t.After != nil {
		o.Properties = t.After.Properties
	}
	return o
}

// register decides on something new: by the permission to register, or by who
// is to own it. Nobody makes another team the owner.
func (c *changing) register(ctx context.Context, t catalog.Touch) error {
	if c.mapped {
		return c.notForbidden(ctx, t, t.After.Team)
	}
	if err := c.op(ctx, t, t.After.Team); err != nil {
		return err
	}
	if _, set := t.Blueprint.Rights.Blocks[catalog.Register]; set && len(t.After.Team) > 0 {
		return c.owner(ctx, t, t.After.Team)
	}
	for _, o := range t.Owned {
		if err := c.owner(ctx, t, o.After); err != nil && len(o.After) > 0 {
			return err
		}
	}
	return nil
}

// update decides field by field: one that has a permission of its own by that,
// the others together.
func (c *changing) update(ctx context.Context, t catalog.Touch) error {
	rest := false
	for _, field := range t.Fields {
		grant, set := t.Blueprint.Rights.Of(field)
		if !set {
			rest = rest || !c.mapped || c.kept(t, field)
			continue
		}
		if err := c.grant(ctx, t, grant, t.Before.Team, "update "+field); err != nil {
			return err
		}
	}
	if rest {
		if err := c.op(ctx, t, t.Before.Team); err != nil {
			return err
		}
	} else if err := c.notForbidden(ctx, t, t.Before.Team); err != nil {
		return err
	}
	return c.kepts(ctx, t)
}

// kept tells whether a field is one for which a mapping is not enough.
func (c *changing) kept(t catalog.Touch, field string) bool {
	return field == "team" || protected(t.Blueprint, field) || slices.ContainsFunc(t.Owned, func(o catalog.Owning) bool { return o.Field == field })
}

// kepts decides on who owns it, which takes the right on what was and on what
// is to be, and on protected properties.
func (c *changing) kepts(ctx context.Context, t catalog.Touch) error {
	if slices.Contains(t.Fields, "team") || !slices.Equal(t.Before.Team, t.After.Team) {
		if err := c.owner(ctx, t, t.Before.Team); err != nil {
			return err
		}
		if err := c.owner(ctx, t, t.After.Team); err != nil {
			return err
		}
	}
	for _, o := range t.Owned {
		for _, teams := range [][]string{o.Before, o.After} {
			if err := c.owner(ctx, t, teams); err != nil && len(teams) > 0 {
				return err
			}
		}
	}
	for _, field := range t.Fields {
		if !protected(t.Blueprint, field) {
			continue
		}
		if grant, set := t.Blueprint.Rights.Of(field); set && c.grant(ctx, t, grant, t.Before.Team, "") == nil {
			continue
		}
		if err := c.owner(ctx, t, t.Before.Team); err != nil {
			return err
		}
		if !c.p.HasRole(auth.Maintainer, auth.Infrastructure, auth.Administrator) {
			_, name, _ := strings.Cut(field, ".")
			return fault.Refuse("leads-change-protected", "The property "+name+" is protected: readiness and rights depend on it.",
				"Ask a maintainer of the owning team to change it.", "role maintainer")
		}
	}
	return nil
}

// protected tells whether the blueprint marks a property so.
func protected(b catalog.Blueprint, field string) bool {
	name, ok := strings.CutPrefix(field, "properties.")
	return ok && b.Schema.Properties[name].Protected()
}

// owner asks for the right to write what a team owns. A permission does not
// stand in for it.
func (c *changing) owner(ctx context.Context, t catalog.Touch, teams []string) error {
	return c.a.decide(ctx, c.p, verbWrite, object(t, teams))
}

// op decides on the change as a whole: by the permission of the blueprint where
// it was set, else by the policies.
func (c *changing) op(ctx context.Context, t catalog.Touch, teams []string) error {
	grant, set := t.Blueprint.Rights.Blocks[t.Verb]
	if !set {
		return c.owner(ctx, t, teams)
	}
	return c.grant(ctx, t, grant, teams, t.Verb)
}

// grant decides by a permission of the blueprint. What a policy forbids it does
// not allow; who may change the permissions is not held by them.
func (c *changing) grant(ctx context.Context, t catalog.Touch, g catalog.Grant, teams []string, what string) error {
	if err := c.notForbidden(ctx, t, teams); err != nil {
		return err
	}
	if c.p.HasRole(auth.Infrastructure, auth.Administrator) {
		return nil
	}
	if g.OwnedByTeam && slices.ContainsFunc(teams, func(team string) bool { return slices.Contains(c.p.Teams, team) }) && c.p.HasRole(writers()...) {
		return nil
	}
	env, err := c.caller(ctx, g)
	if err != nil {
		return err
	}
	if named(c.p, t.Blueprint, g, env, writers) {
		return nil
	}
	return fault.Refuse("blueprint-permissions", "The permissions of "+t.Blueprint.Identifier+" do not let you "+strings.TrimSpace(what)+".",
		"Ask somebody who is named in the permissions of "+t.Blueprint.Identifier+".", "role infrastructure")
}

func (c *changing) caller(ctx context.Context, g catalog.Grant) (query.Env, error) {
	if !slices.ContainsFunc(g.Roles, moderators) {
		return query.Env{}, nil
	}
	if c.env == nil {
		env, err := c.a.env(ctx, c.p, true)
		if err != nil {
			return env, err
		}
		c.env = &env
	}
	return *c.env, nil
}

// notForbidden asks whether a policy forbids what something else permits.
func (c *changing) notForbidden(ctx context.Context, t catalog.Touch, teams []string) error {
	return auth.Refusal(c.a.policies.Forbids(ctx, c.a.auth.Question(c.p, verbWrite, object(t, teams))))
}
