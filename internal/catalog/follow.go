package catalog

import (
	"context"
	"fmt"
	"strings"

	"sphera/internal/store"
)

// Titles returns the titles of entities of one blueprint by identifier. Those
// that do not exist are not in the answer.
func (c *Catalog) Titles(ctx context.Context, blueprint string, identifiers []string) (map[string]string, error) {
	sights, err := c.reading(ctx, blueprint)
	if err != nil {
		return nil, err
	}
	out := make(map[string]string, len(identifiers))
	const batch = 500
	for start := 0; start < len(identifiers); start += batch {
		part := identifiers[start:min(start+batch, len(identifiers))]
		args := []any{blueprint}
		marks := make([]string, len(part))
		for i, id := range part {
			args = append(args, id)
			marks[i] = fmt.Sprintf("$%d", i+2)
		}
		rows, err := c.db.Read().QueryContext(ctx,
			"SELECT e.id, e.identifier, e.title FROM entities e WHERE e.blueprint = $1 AND e.pending = 0 AND e.identifier IN ("+strings.Join(marks, ", ")+")", args...)
		type named struct {
			id                int64
			identifier, title string
		}
		found, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (n named, err error) {
			return n, row.Scan(&n.id, &n.identifier, &n.title)
		})
		if err != nil {
			return nil, fmt.Errorf("read titles: %w", err)
		}
		found, err = seenOf(ctx, sights, c.db.Read(), blueprint, found, func(n named) int64 { return n.id })
		if err != nil {
			return nil, err
		}
		for _, n := range found {
			out[n.identifier] = n.title
		}
	}
	return out, nil
}

// maxFollowed bounds how many entities stand at the end of a path.
const maxFollowed = 1000

// Follow returns the entities at the end of a path of relations, in the order
// of the relations.
func (c *Catalog) Follow(ctx context.Context, blueprint, identifier string, path []string) ([]Hit, error) {
	r, sights, err := c.visibleEntity(ctx, blueprint, identifier)
	if err != nil {
		return nil, err
	}
	ids := []int64{r.id}
	var hits []Hit
	for _, relation := range path {
		type found struct {
			id int64
			Hit
		}
		these, more := idsIn(c.db.Dialect, "r.source", ids, 3)
		rows, err := c.db.Read().QueryContext(ctx, `SELECT t.id, t.blueprint, t.identifier, t.title, t.icon FROM entity_relations r JOIN entities t ON t.id = r.target
			WHERE r.relation = $1 AND `+these+` AND t.pending = 0 ORDER BY r.source, r.position LIMIT $2`, append([]any{relation, maxFollowed}, more...)...)
		list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (f found, err error) {
			return f, row.Scan(&f.id, &f.Blueprint, &f.Identifier, &f.Title, &f.Icon)
		})
		if err != nil {
			return nil, fmt.Errorf("follow relation %s: %w", relation, err)
		}
		if list, err = seenOf(ctx, sights, c.db.Read(), "", list, func(f found) int64 { return f.id }); err != nil {
			return nil, err
		}
		ids, hits = ids[:0:0], hits[:0:0]
		for _, f := range list {
			ids, hits = append(ids, f.id), append(hits, f.Hit)
		}
	}
	return hits, nil
}

// After returns entities of a blueprint in the order they were made in, those
// behind the number that the call before returned. It is for work that goes
// over all of them and must go on where it was interrupted.
func (c *Catalog) After(ctx context.Context, blueprint string, after int64, limit int) ([]Entity, int64, error) {
	sights, err := c.reading(ctx, blueprint)
	if err != nil {
		return nil, 0, err
	}
	s := sights.m.blueprints[blueprint]
	if s == nil {
		return nil, 0, noBlueprint(blueprint)
	}
	rows, err := c.db.Read().QueryContext(ctx, "SELECT "+entityColumns+" FROM entities e WHERE e.blueprint = $1 AND e.pending = 0 AND e.id > $2 ORDER BY e.id LIMIT $3", blueprint, after, limit)
	list, err := store.All(rows, err, scanStored)
	if err != nil {
		return nil, 0, fmt.Errorf("list entities of %s: %w", blueprint, err)
	}
	if err := readRelations(ctx, c.db.Read(), c.db.Dialect, list...); err != nil {
		return nil, 0, err
	}
	if len(list) > 0 {
		after = list[len(list)-1].id
	}
	seen, err := seenOf(ctx, sights, c.db.Read(), blueprint, list, func(r *stored) int64 { return r.id })
	if err != nil {
		return nil, 0, err
	}
	out := make([]Entity, 0, len(seen))
	for _, r := range seen {
		out = append(out, r.entity(s))
	}
	return out, after, nil
}
