package catalog

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"sphera/internal/store"
)

// A facet is a property with few values: an enum, a boolean, the owning teams.
// How many entities have each value is kept in facet_counts, and which ones in
// facet_sets, in the transaction of the write; docs/adr/0012.

const (
	// facetTeam is the facet of the owning teams.
	facetTeam = "$team"
	// maxFacetValue is the longest value that is counted, in bytes.
	maxFacetValue = 200
)

// facetNames lists the facets of a blueprint.
func facetNames(b Blueprint) []string {
	out := []string{facetTeam}
	for name, p := range b.Schema.Properties {
		_, short := facetKeys(p.Enum)
		if p.Type == "boolean" || len(p.Enum) > 0 && short && (p.Type == "string" || p.Type == "number") {
			out = append(out, name)
		}
	}
	for name, p := range b.CalculationProperties {
		if p.Type == "boolean" {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// facetKey is a value as it is counted: JSON text, so that 1 and "1" differ.
func facetKey(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		raw, err := json.Marshal(v)
		return string(raw), err == nil && len(raw) <= maxFacetValue
	case bool:
		return strconv.FormatBool(v), true
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), true
	}
	return "", false
}

// facetKeys are the keys of values; short is false where one is too long.
func facetKeys(values []any) (keys []string, short bool) {
	for _, v := range values {
		key, ok := facetKey(v)
		if !ok {
			return nil, false
		}
		keys = append(keys, key)
	}
	return keys, true
}

// facetDelta collects what a transaction changes in counters and sets. Its
// zero value is ready.
type facetDelta struct {
	changes map[facetID]*facetChange
}

type facetID struct{ blueprint, property, value string }

func (f facetID) compare(o facetID) int {
	return cmp.Or(strings.Compare(f.blueprint, o.blueprint), strings.Compare(f.property, o.property), strings.Compare(f.value, o.value))
}

// facetChange is which ids are in a set (true) and which are not (false).
type facetChange map[int64]bool

// change notes that an entity came (before is nil), went (after is nil) or
// changed. What is pending does not count: publishing it is a change from nil.
// names are the facets of the blueprint; see facetNames.
func (d *facetDelta) change(names []string, before, after *stored) {
	was, is := facetsOf(names, before), facetsOf(names, after)
	for id := range was {
		if !is[id] {
			d.note(id, before.id, false)
		}
	}
	for id := range is {
		if !was[id] {
			d.note(id, after.id, true)
		}
	}
}

// fill notes that an entity is there.
func (d *facetDelta) fill(names []string, r *stored) {
	for id := range facetsOf(names, r) {
		d.note(id, r.id, true)
	}
}

func (d *facetDelta) note(f facetID, id int64, came bool) {
	if d.changes == nil {
		d.changes = map[facetID]*facetChange{}
	}
	c := d.changes[f]
	if c == nil {
		c = &facetChange{}
		d.changes[f] = c
	}
	(*c)[id] = came
}

// facetsOf are the facets an entity is counted in.
func facetsOf(names []string, r *stored) map[facetID]bool {
	if r == nil {
		return nil
	}
	out := map[facetID]bool{{r.blueprint, "", ""}: true}
	for _, name := range names {
		if name == facetTeam {
			for _, team := range r.Team {
				if key, ok := facetKey(team); ok {
					out[facetID{r.blueprint, name, key}] = true
				}
			}
			continue
		}
		v, ok := r.Properties[name]
		if !ok {
			v = r.derived[name]
		}
		if key, ok := facetKey(v); ok {
			out[facetID{r.blueprint, name, key}] = true
		}
	}
	return out
}

// apply writes the changes, in the order of the key so that transactions do
// not wait for each other in circles, and starts anew. The sets decide what is
// counted, so that noting something twice does no harm.
func (d *facetDelta) apply(ctx context.Context, tx *store.Tx) error {
	ids := slices.DeleteFunc(slices.Collect(maps.Keys(d.changes)), func(id facetID) bool { return len(*d.changes[id]) == 0 })
	slices.SortFunc(ids, facetID.compare)
	counts, err := d.applySets(ctx, tx, ids)
	if err != nil {
		return err
	}
	d.changes = nil
	ids = slices.DeleteFunc(ids, func(id facetID) bool { return counts[id] == 0 })
	for part := range slices.Chunk(ids, 200) {
		var rows []string
		var args []any
		for _, id := range part {
			args = append(args, id.blueprint, id.property, id.value, counts[id])
			rows = append(rows, marks(len(args)-4, 4))
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO facet_counts (blueprint, property, value, n) VALUES "+strings.Join(rows, ", ")+
			" ON CONFLICT (blueprint, property, value) DO UPDATE SET n = facet_counts.n + excluded.n", args...)
		if err != nil {
			return fmt.Errorf("count facets: %w", err)
		}
	}
	return nil
}

// marks is "($5, $6)" for two parameters after the fourth.
func marks(from, n int) string {
	b := []byte{'('}
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(append(b, '$'), int64(from+i+1), 10)
	}
	return string(append(b, ')'))
}

// setKey is one row of facet_sets.
type setKey struct {
	facetID
	chunk int64
}

// applySets changes the sets, and tells by how much they grew: chunks are read,
// changed and written.
func (d *facetDelta) applySets(ctx context.Context, tx *store.Tx, ids []facetID) (map[facetID]int, error) {
	sets := map[setKey]*chunk{}
	var keys []setKey
	for _, id := range ids {
		for entity := range *d.changes[id] {
			key := setKey{id, entity / chunkIDs}
			if sets[key] == nil {
				sets[key] = &chunk{}
				keys = append(keys, key)
			}
		}
	}
	slices.SortFunc(keys, func(a, b setKey) int { return cmp.Or(a.compare(b.facetID), cmp.Compare(a.chunk, b.chunk)) })
	for part := range slices.Chunk(keys, 100) {
		if err := readChunks(ctx, tx, part, sets); err != nil {
			return nil, err
		}
	}
	counts := map[facetID]int{}
	for _, key := range keys {
		counts[key.facetID] -= sets[key].count()
	}
	for _, id := range ids {
		for entity, came := range *d.changes[id] {
			one := idSet{entity / chunkIDs: sets[setKey{id, entity / chunkIDs}]}
			if came {
				one.add(entity)
			} else {
				one.remove(entity)
			}
		}
	}
	for _, key := range keys {
		counts[key.facetID] += sets[key].count()
	}
	for part := range slices.Chunk(keys, 100) {
		if err := writeChunks(ctx, tx, part, sets); err != nil {
			return nil, err
		}
	}
	return counts, nil
}

func readChunks(ctx context.Context, tx *store.Tx, keys []setKey, sets map[setKey]*chunk) error {
	var list []string
	var args []any
	for _, key := range keys {
		args = append(args, key.blueprint, key.property, key.value)
		n := len(args)
		list = append(list, fmt.Sprintf("($%d, $%d, $%d, %d)", n-2, n-1, n, key.chunk))
	}
	// CROSS JOIN makes SQLite begin with the list.
	rows, err := tx.QueryContext(ctx, "WITH v (b, p, v, c) AS (VALUES "+strings.Join(list, ", ")+`) SELECT f.blueprint, f.property, f.value, f.chunk, f.ids
		FROM v CROSS JOIN facet_sets f WHERE f.blueprint = v.b AND f.property = v.p AND f.value = v.v AND f.chunk = v.c`, args...)
	if err != nil {
		return fmt.Errorf("read sets of entities: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var key setKey
		var raw []byte
		if err := rows.Scan(&key.blueprint, &key.property, &key.value, &key.chunk, &raw); err != nil {
			return fmt.Errorf("read sets of entities: %w", err)
		}
		if err := sets[key].merge(raw); err != nil {
			return err
		}
	}
	return rows.Err()
}

func writeChunks(ctx context.Context, tx *store.Tx, keys []setKey, sets map[setKey]*chunk) error {
	var rows []string
	var args []any
	for _, key := range keys {
		raw, n := sets[key].encode()
		args = append(args, key.blueprint, key.property, key.value, key.chunk, n, raw)
		rows = append(rows, marks(len(args)-6, 6))
	}
	_, err := tx.ExecContext(ctx, "INSERT INTO facet_sets (blueprint, property, value, chunk, n, ids) VALUES "+strings.Join(rows, ", ")+
		" ON CONFLICT (blueprint, property, value, chunk) DO UPDATE SET n = excluded.n, ids = excluded.ids", args...)
	if err != nil {
		return fmt.Errorf("write sets of entities: %w", err)
	}
	return nil
}
