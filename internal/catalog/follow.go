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
			"SELECT e.identifier, e.title FROM entities e WHERE e.blueprint = $1 AND e.pending = 0 AND e.identifier IN ("+strings.Join(marks, ", ")+")", args...)
		found, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (p [2]string, err error) {
			return p, row.Scan(&p[0], &p[1])
		})
		if err != nil {
			return nil, fmt.Errorf("read titles: %w", err)
		}
		for _, pair := range found {
			out[pair[0]] = pair[1]
		}
	}
	return out, nil
}

// maxFollowed bounds how many entities stand at the end of a path.
const maxFollowed = 1000

// Follow returns the entities at the end of a path of relations, in the order
// of the relations.
func (c *Catalog) Follow(ctx context.Context, blueprint, identifier string, path []string) ([]Hit, error) {
	r, err := readStored(ctx, c.db.Read(), c.db.Dialect, blueprint, identifier, "")
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, noEntity(blueprint, identifier)
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
	s, err := c.schema(ctx, c.db.Read(), blueprint, "")
	if err != nil {
		return nil, 0, err
	}
	rows, err := c.db.Read().QueryContext(ctx, "SELECT "+entityColumns+" FROM entities e WHERE e.blueprint = $1 AND e.pending = 0 AND e.id > $2 ORDER BY e.id LIMIT $3", blueprint, after, limit)
	list, err := store.All(rows, err, scanStored)
	if err != nil {
		return nil, 0, fmt.Errorf("list entities of %s: %w", blueprint, err)
	}
	if err := readRelations(ctx, c.db.Read(), c.db.Dialect, list...); err != nil {
		return nil, 0, err
	}
	out := make([]Entity, 0, len(list))
	for _, r := range list {
		out = append(out, r.entity(s))
		after = r.id
	}
	return out, after, nil
}
