package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"

	"sphera/internal/catalog/property"
	"sphera/internal/catalog/query"
	"sphera/internal/fault"
	"sphera/internal/store"
)

// maxQueried is how many entities a query in a relation may find.
const maxQueried = 100

// resolveQueries replaces identifiers, owners and relations that were sent as
// queries by what they find.
func (b *batch) resolveQueries(ctx context.Context, list []*put) error {
	for _, p := range list {
		s := b.m.blueprints[p.n.Blueprint]
		if s == nil {
			continue
		}
		if p.n.IdentifierQuery != nil {
			if err := b.queryIdentifier(ctx, p, s); err != nil {
				return err
			}
		}
		if p.err == nil && isQuery(p.n.Team) {
			if err := b.queryTeam(ctx, p); err != nil {
				return err
			}
		}
		if p.err == nil {
			if err := b.queryRelations(ctx, p, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// queryIdentifier finds the one entity that the identifier describes.
func (b *batch) queryIdentifier(ctx context.Context, p *put, s *schema) error {
	found, bad, err := b.find(ctx, s.Identifier, p.n.IdentifierQuery, "/identifier", 2)
	if err != nil {
		return err
	}
	switch {
	case bad != nil:
		p.err = bad
	case len(found) == 0:
		p.err = fault.New(fault.NotFound, "No %s fits the query that was sent as identifier.", s.Identifier)
	case len(found) > 1:
		p.err = fault.Field("/identifier", "fits several "+s.Identifier, "a query that fits exactly one")
	default:
		p.n.Identifier, p.at = found[0], found[0]
		p.n.IdentifierQuery = nil
		p.item.Identifier = found[0]
	}
	return nil
}

func (b *batch) queryTeam(ctx context.Context, p *put) error {
	found, bad, err := b.find(ctx, "_team", p.n.Team, "/team", maxQueried+1)
	if err != nil || bad != nil {
		p.err = bad
		return err
	}
	p.n.Team, err = json.Marshal(found)
	return err
}

func (b *batch) queryRelations(ctx context.Context, p *put, s *schema) error {
	var resolved map[string]any
	for _, name := range sortedKeys(p.n.Relations) {
		sent, ok := p.n.Relations[name].(map[string]any)
		r, known := s.Relations[name]
		if !ok || !known {
			continue
		}
		at := "/relations/" + property.Escape(name)
		raw, err := json.Marshal(sent)
		if err != nil {
			p.err = fault.Field(at, "is not JSON", "a query")
			return nil //nolint:nilerr // told in the item
		}
		found, bad, err := b.find(ctx, r.Target, raw, at, maxQueried+1)
		if err != nil {
			return err
		}
		switch {
		case bad != nil:
			p.err = bad
			return nil //nolint:nilerr // told in the item
		case len(found) > maxQueried:
			p.err = fault.Field(at, fmt.Sprintf("finds more than %d entities", maxQueried), "a query that finds fewer")
			return nil
		case !r.Many && len(found) != 1:
			p.err = fault.Field(at, fmt.Sprintf("finds %d entities", len(found)), "a query that finds exactly one")
			return nil
		}
		if resolved == nil {
			resolved = make(map[string]any, len(p.n.Relations))
			maps.Copy(resolved, p.n.Relations)
		}
		if r.Many {
			resolved[name] = anyList(found)
		} else {
			resolved[name] = found[0]
		}
	}
	if resolved != nil {
		p.n.Relations = resolved
	}
	return nil
}

// find gives the identifiers of entities of a blueprint that fit a query, or
// what is wrong with the query.
func (b *batch) find(ctx context.Context, blueprint string, raw json.RawMessage, at string, limit int) ([]string, error, error) {
	s := b.m.blueprints[blueprint]
	if s == nil {
		return nil, fault.Field(at, fmt.Sprintf("there is no blueprint %q", blueprint), "a query on an existing blueprint"), nil
	}
	q, problems := query.Parse(raw)
	var where string
	var args []any
	view, err := b.sights().of(ctx, blueprint)
	if err != nil {
		return nil, nil, err
	}
	if len(problems) == 0 {
		if view.None {
			return nil, nil, nil
		}
		if view.Where != nil { // nobody finds what is hidden
			q = query.And(q, view.Where)
		}
		fields := b.m.fields(s)
		where, args, problems = q.SQL(b.tx.Dialect, fields, query.Env{Now: store.Time(b.at), Fields: &fields}, 2)
	}
	if len(problems) > 0 {
		bad := fault.New(fault.Unprocessable, "The query at %s cannot be used: %s %s.", at, problems[0].Path, problems[0].Problem)
		for _, problem := range problems {
			bad.With(at+problem.Path, problem.Problem, problem.Want)
		}
		return nil, bad, nil
	}
	rows, err := b.tx.QueryContext(ctx, "SELECT e.id, e.identifier FROM entities e WHERE e.blueprint = $1 AND e.pending = 0 AND ("+where+") ORDER BY e.id LIMIT "+strconv.Itoa(limit), append([]any{blueprint}, args...)...)
	type one struct {
		id         int64
		identifier string
	}
	found, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (o one, err error) { return o, row.Scan(&o.id, &o.identifier) })
	if err != nil {
		return nil, nil, fmt.Errorf("find %s by a query: %w", blueprint, err)
	}
	if found, err = seenOf(ctx, b.sights(), b.tx, blueprint, found, func(o one) int64 { return o.id }); err != nil {
		return nil, nil, err
	}
	names := make([]string, len(found))
	for i, o := range found {
		names[i] = o.identifier
	}
	return names, nil, nil
}
