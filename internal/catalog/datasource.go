package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"sphera/internal/store"
)

// Name is an entity by name.
type Name struct {
	Blueprint  string `json:"blueprint"`
	Identifier string `json:"identifier"`
}

// datasources lists the datasources in use that begin with prefix and end with
// suffix. There are few: the index is skipped through from one to the next.
func datasources(ctx context.Context, q store.Querier, prefix, suffix string) ([]string, error) {
	rows, err := q.QueryContext(ctx, `WITH RECURSIVE d (x) AS (SELECT MIN(datasource) FROM entities WHERE datasource <> ''
		UNION ALL SELECT (SELECT MIN(e.datasource) FROM entities e WHERE e.datasource <> '' AND e.datasource > d.x) FROM d WHERE d.x IS NOT NULL)
		SELECT x FROM d WHERE x IS NOT NULL`)
	all, err := store.All(rows, err, scanString)
	if err != nil {
		return nil, fmt.Errorf("list datasources: %w", err)
	}
	return slices.DeleteFunc(all, func(d string) bool { return !strings.HasPrefix(d, prefix) || !strings.HasSuffix(d, suffix) }), nil
}

// inDatasources is a condition on e.datasource with its parameters.
func inDatasources(list []string) (string, []any) {
	marks := make([]string, len(list))
	args := make([]any, len(list))
	for i, d := range list {
		marks[i], args[i] = "$"+strconv.Itoa(i+1), d
	}
	return "e.datasource IN (" + strings.Join(marks, ", ") + ") AND e.datasource <> '' AND e.pending = 0", args
}

// OfDatasource lists the entities whose last writer's User-Agent begins with
// prefix and ends with suffix.
func (c *Catalog) OfDatasource(ctx context.Context, prefix, suffix string) ([]Name, error) {
	if err := c.may(ctx, VerbRead, ""); err != nil {
		return nil, err
	}
	list, err := datasources(ctx, c.db.Read(), prefix, suffix)
	if err != nil || len(list) == 0 {
		return []Name{}, err
	}
	where, args := inDatasources(list)
	m, err := c.model(ctx, c.db.Read())
	if err != nil {
		return nil, err
	}
	rows, err := c.db.Read().QueryContext(ctx, "SELECT e.id, e.blueprint, e.identifier FROM entities e WHERE "+where+" ORDER BY e.datasource, e.blueprint, e.id", args...)
	type one struct {
		id int64
		Name
	}
	found, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (o one, err error) {
		return o, row.Scan(&o.id, &o.Blueprint, &o.Identifier)
	})
	if err != nil {
		return nil, fmt.Errorf("list the entities of a datasource: %w", err)
	}
	if found, err = seenOf(ctx, c.sights(m), c.db.Read(), "", found, func(o one) int64 { return o.id }); err != nil {
		return nil, err
	}
	names := make([]Name, 0, len(found))
	for _, o := range found {
		names = append(names, o.Name)
	}
	return names, nil
}

// CountOfDatasource counts what OfDatasource lists.
func (c *Catalog) CountOfDatasource(ctx context.Context, prefix, suffix string) (int, error) {
	if err := c.may(ctx, VerbRead, ""); err != nil {
		return 0, err
	}
	list, err := datasources(ctx, c.db.Read(), prefix, suffix)
	if err != nil || len(list) == 0 {
		return 0, err
	}
	where, args := inDatasources(list)
	return countRows(ctx, c.db.Read(), "SELECT COUNT(*) FROM entities e WHERE "+where, args...)
}

// Writers tells of those of the entities that exist which sources have a field
// in them, and when each last changed one.
func (c *Catalog) Writers(ctx context.Context, blueprint string, identifiers []string) (map[string]map[string]time.Time, error) {
	if err := c.may(ctx, VerbRead, blueprint); err != nil {
		return nil, err
	}
	m, err := c.model(ctx, c.db.Read())
	if err != nil {
		return nil, err
	}
	if v, err := c.sights(m).of(ctx, blueprint); err != nil || !v.All() {
		return map[string]map[string]time.Time{}, err // for the portal's own work: nobody else needs it
	}
	out := make(map[string]map[string]time.Time, len(identifiers))
	for part := range slices.Chunk(identifiers, 200) {
		marks, args := make([]string, len(part)), []any{blueprint}
		for i, id := range part {
			args = append(args, id)
			marks[i] = "$" + strconv.Itoa(len(args))
		}
		rows, err := c.db.Read().QueryContext(ctx, "SELECT identifier, provenance FROM entities WHERE blueprint = $1 AND pending = 0 AND identifier IN ("+strings.Join(marks, ", ")+")", args...)
		_, err = store.All(rows, err, func(row interface{ Scan(...any) error }) (struct{}, error) {
			var id string
			var raw []byte
			if err := row.Scan(&id, &raw); err != nil {
				return struct{}{}, err
			}
			var sources map[string]map[string]int64
			if err := json.Unmarshal(raw, &sources); err != nil {
				return struct{}{}, fmt.Errorf("provenance of %s: %w", Ref(blueprint, id), err)
			}
			out[id] = make(map[string]time.Time, len(sources))
			for source, fields := range sources {
				for _, ms := range fields {
					if at := store.Time(ms); out[id][source].Before(at) {
						out[id][source] = at
					}
				}
			}
			return struct{}{}, nil
		})
		if err != nil {
			return nil, fmt.Errorf("read who wrote %s: %w", blueprint, err)
		}
	}
	return out, nil
}

// DeletedSince finds the delete after which an entity is gone, 0 when it is
// there, or was deleted before since.
func (c *Catalog) DeletedSince(ctx context.Context, n Name, since time.Time) (int64, error) {
	if err := c.may(ctx, VerbRead, n.Blueprint); err != nil {
		return 0, err
	}
	there, err := countRows(ctx, c.db.Read(), "SELECT COUNT(*) FROM entities WHERE blueprint = $1 AND identifier = $2", n.Blueprint, n.Identifier)
	if err != nil || there > 0 {
		return 0, err
	}
	rows, err := c.db.Read().QueryContext(ctx, `SELECT v.id FROM entity_versions v WHERE v.blueprint = $1 AND v.identifier = $2 AND v.verb = 'delete' AND v.at >= $3
		AND `+notBack+` ORDER BY v.id DESC LIMIT 1`, n.Blueprint, n.Identifier, store.Millis(since))
	ids, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (id int64, err error) { return id, row.Scan(&id) })
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	return ids[0], nil
}
