// Package guarded is the stores as requests reach them: runs, approvals,
// repositories, flags, secrets, views and what runs of services. Every method
// asks with who acts in the context before the store below does anything. What
// may not be read is answered as what is not there, lists leave it out, and a
// change takes its permission here once more, whatever was asked above.
//
// The portal's own work (the engine, golden paths, workers) uses the stores
// themselves; package api has no other way to them than this one.
package guarded

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"sphera/internal/auth"
	"sphera/internal/catalog"
	"sphera/internal/fault"
	"sphera/internal/policy"
)

// Guard decides for all of them.
type Guard struct {
	auth    *auth.Service
	catalog *catalog.Catalog
	// denied is told of refused changes; nil for nobody.
	denied func(ctx context.Context, p auth.Principal, verb string, o auth.Object, refusal error)
}

// New returns what asks the policies; owners come from the catalog.
func New(a *auth.Service, c *catalog.Catalog) *Guard { return &Guard{auth: a, catalog: c} }

// Denied has refused changes told to f, which keeps them.
func (g *Guard) Denied(f func(ctx context.Context, p auth.Principal, verb string, o auth.Object, refusal error)) {
	g.denied = f
}

// who acts. Without anybody nothing is done: somebody forgot to say who acts.
func who(ctx context.Context) (auth.Principal, error) {
	p, ok := auth.From(ctx)
	if !ok || p.ID == "" {
		return p, fault.New(fault.Unauthorized, "Sign in to go on.").Wrap(errors.New("nobody acts in this context"))
	}
	return p, nil
}

// known asks only that somebody acts who may act at all.
func known(ctx context.Context) error {
	p, err := who(ctx)
	if err == nil && p.Status != auth.Active {
		return fault.Refuse("suspended", "Your account is suspended.", "Ask an administrator why.", "role administrator")
	}
	return err
}

// own asks that it is who acts whose things are asked for.
func own(ctx context.Context, id string) error {
	if err := known(ctx); err != nil {
		return err
	}
	if p, _ := auth.From(ctx); p.ID != id && !p.IsSystem() {
		return fault.Refuse("own-things-only", "This belongs to somebody else.", "Ask that person.", "")
	}
	return nil
}

// may asks for a permission.
func (g *Guard) may(ctx context.Context, verb string, o auth.Object) error {
	p, err := who(ctx)
	if err != nil {
		return err
	}
	err = g.auth.Could(ctx, p, verb, o)
	if fault.Is(err, fault.Forbidden) && g.denied != nil && !strings.HasSuffix(verb, ".read") {
		g.denied(ctx, p, verb, o, err)
	}
	return err
}

// change asks for the permission to change something. What may not be read is
// missing, whatever else may be done to it; that a credential was made for
// changes only hides nothing of what it changes.
func (g *Guard) change(ctx context.Context, verb, read string, o auth.Object, missing error) error {
	p, err := who(ctx)
	if err != nil {
		return err
	}
	if err := hide(g.auth.Could(ctx, wide(p), read, o), missing); err != nil {
		return err
	}
	return g.may(ctx, verb, o)
}

// wide is who acts without what the credential was made for.
func wide(p auth.Principal) auth.Principal {
	p.Scopes, p.Limits = nil, nil
	return p
}

// hide makes of a refusal to read that there is no such thing. That nothing can
// be decided stays what it is.
func hide(err, missing error) error {
	if fault.Is(err, fault.Forbidden) {
		return missing
	}
	return err
}

// sight is which things of a kind who acts may read.
type sight struct {
	g     *Guard
	p     auth.Principal
	verb  string
	scope policy.Scope
}

func (g *Guard) sight(ctx context.Context, verb, kind string) (*sight, error) {
	p, err := who(ctx)
	if err != nil {
		return nil, err
	}
	s := &sight{g: g, p: p, verb: verb, scope: policy.Scope{Everything: true, Exact: true}}
	if p.IsSystem() {
		return s, nil
	}
	s.scope = g.auth.Policies().ScopeOf(ctx, p.Subject(), verb, auth.Object{Kind: kind}.Resource().Type)
	if s.scope.Nothing() {
		// Nothing of them: lists are empty. That nothing can be decided now, or
		// by this person, is said.
		err := g.auth.Could(ctx, p, verb, auth.Object{Kind: kind})
		if fault.Is(err, fault.Forbidden) && p.Status == auth.Active {
			err = nil
		}
		return s, err
	}
	return s, nil
}

// all tells that nothing is hidden, so that nothing has to be looked at.
func (s *sight) all() bool { return s.scope.Everything && s.scope.Exact }

// one is nil for what may be read, else missing.
func (s *sight) one(ctx context.Context, o auth.Object, missing error) error {
	return hide(s.g.auth.Could(ctx, s.p, s.verb, o), missing)
}

// keep leaves of list what may be read; about tells what each of them is.
func keep[T any](ctx context.Context, s *sight, list []T, about func(ctx context.Context, list []T) ([]auth.Object, error)) ([]T, error) {
	if s.all() || len(list) == 0 {
		return list, nil
	}
	objects, err := about(ctx, list)
	if err != nil {
		return nil, err
	}
	yes := s.g.auth.MayEach(ctx, s.p, s.verb, objects)
	out := make([]T, 0, len(list))
	for i, one := range list {
		if yes[i] {
			out = append(out, one)
		}
	}
	return out, nil
}

// maxRounds bounds how often a page is filled up. One that is not full then has
// a next page all the same.
const maxRounds = 40

// page fills a page with what may be read. fetch reads so many after a cursor.
func page[T any](ctx context.Context, s *sight, limit int, from string, fetch func(limit int, from string) ([]T, string, error),
	about func(ctx context.Context, list []T) ([]auth.Object, error),
) ([]T, string, error) {
	if s.scope.Nothing() {
		return []T{}, "", nil
	}
	if s.all() {
		return fetch(limit, from)
	}
	return filled(limit, from, fetch, func(list []T) ([]T, error) { return keep(ctx, s, list, about) })
}

func filled[T any](limit int, from string, fetch func(limit int, from string) ([]T, string, error), keep func(list []T) ([]T, error)) ([]T, string, error) {
	list, next, err := fetch(limit, from)
	if err != nil {
		return nil, "", err
	}
	if limit <= 0 {
		limit = max(len(list), 1)
	}
	out := make([]T, 0, len(list))
	for round := 1; ; round++ {
		seen, err := keep(list)
		if err != nil {
			return nil, "", err
		}
		out = append(out, seen...)
		if next == "" || len(out) >= limit || round == maxRounds {
			return out, next, nil
		}
		if list, next, err = fetch(limit-len(out), next); err != nil {
			return nil, "", err
		}
	}
}

// portal is the context in which owners are looked up: whose a thing is has to
// be known to decide, also where the entity may not be read.
func portal(ctx context.Context) context.Context {
	return auth.WithPrincipal(ctx, auth.System("access"))
}

// owners are the teams of each entity, named "Blueprint/identifier".
func (g *Guard) owners(ctx context.Context, refs []string) (map[string][]string, error) {
	return g.catalog.Owners(portal(ctx), refs)
}

// entity is an entity as policies know it, as who acts sees it.
func (g *Guard) entity(ctx context.Context, blueprint, id string) (auth.Object, error) {
	o := auth.Object{Kind: blueprint, Blueprint: blueprint, ID: id}
	e, err := g.catalog.Entity(ctx, blueprint, id)
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Unprocessable) {
		return o, nil
	}
	o.Teams, o.Properties = e.Team, e.Properties
	return o, err
}

// team is a list of the team that owns something, or of none.
func team(name string) []string {
	if name == "" {
		return nil
	}
	return []string{name}
}

// environments tell of each environment of which kind it is.
type environments struct {
	g    *Guard
	kind map[string]string
}

func (g *Guard) environments() *environments { return &environments{g: g, kind: map[string]string{}} }

func (e *environments) of(ctx context.Context, name string) (string, error) {
	if name == "" {
		return "", nil
	}
	if kind, known := e.kind[name]; known {
		return kind, nil
	}
	one, err := e.g.catalog.Entity(portal(ctx), "Environment", name)
	if err != nil && !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Unprocessable) {
		return "", err
	}
	e.kind[name], _ = one.Properties["kind"].(string)
	return e.kind[name], nil
}

// environmentOf is the one environment that inputs name; empty for none or for
// several.
func environmentOf(input json.RawMessage) string {
	var in struct {
		Environment any `json:"environment"`
	}
	if json.Unmarshal(input, &in) != nil {
		return ""
	}
	name, _ := in.Environment.(string)
	return name
}

// joined are the teams of several entities.
func joined(of map[string][]string, refs []string) []string {
	var out []string
	for _, ref := range refs {
		for _, t := range of[ref] {
			if !slices.Contains(out, t) {
				out = append(out, t)
			}
		}
	}
	return out
}

func ref(blueprint, id string) string { return strings.Join([]string{blueprint, id}, "/") }
