package catalog

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sphera/internal/store"
)

// slotFields are the columns that hold properties of the blueprint, and where
// slotValues has them.
func (s *schema) slotFields() ([]field, []int) {
	used := map[string]bool{}
	for _, slot := range s.slots {
		used[strings.TrimPrefix(slot, filling)] = true
	}
	var fields []field
	var places []int
	for i, column := range strings.Split(slotColumns, ", ") {
		if !used[column] {
			continue
		}
		kind := kindText
		if column[0] == 'n' {
			kind = kindNumber
		}
		fields, places = append(fields, field{column, kind}), append(places, i)
	}
	return fields, places
}

// rowUpdate is a row that is there already, with the values of its columns.
type rowUpdate struct {
	values []any
	// same are the columns of indexed that stay as they are.
	same uint64
}

// indexedFields are those of the common columns that indexes are over, the
// slots apart. They come last; see updateRows.
func indexedFields() []field {
	return []field{{"title", kindText}, {"title_fold", kindText}, {"icon", kindText}, {"identifier", kindText}}
}

// writeRows inserts and updates rows of one blueprint and gives their versions.
func (b *batch) writeRows(ctx context.Context, s *schema, list []*row) ([][]any, error) {
	slots, columns := s.slotFields()
	always := []field{
		{"team", kindJSON}, {"properties", kindJSON}, {"derived", kindJSON}, {"scorecards", kindJSON}, {"provenance", kindJSON},
		{"version", kindInt}, {"digest", kindText}, {"datasource", kindText}, {"updated_at", kindInt}, {"updated_by", kindText},
	}
	indexed := append(indexedFields(), slots...)
	filled := s.fillingColumns(columns)
	var inserts, versions [][]any
	var updates []rowUpdate
	for _, r := range list {
		r.now.version++
		e, err := encode(&r.now)
		if err != nil {
			return nil, err
		}
		n := &r.now
		values := make([]any, 0, 5+len(always)+len(indexed))
		if r.fresh {
			values = append(values, n.id, n.blueprint, n.created, n.createdBy, n.pending)
		} else {
			values = append(values, n.id)
		}
		values = append(values, e.team, e.properties, e.derived, e.scorecards, e.provenance, n.version, n.digest, n.datasource, n.updated, n.updatedBy)
		values = append(values, indexedValues(s, n, columns)...)
		if r.fresh {
			inserts = append(inserts, values)
		} else {
			updates = append(updates, rowUpdate{values, sameColumns(values[1+len(always):], indexedValues(s, r.old, columns)) &^ filled})
		}
		version, err := b.version(r, e)
		if err != nil {
			return nil, err
		}
		versions = append(versions, version)
	}
	insertFields := slices.Concat([]field{{"id", kindInt}, {"blueprint", kindText}, {"created_at", kindInt}, {"created_by", kindText}, {"pending", kindInt}}, always, indexed)
	for part := range slices.Chunk(inserts, 1000) {
		if err := b.inserts(ctx, "entities", insertFields, "", part); err != nil {
			return nil, fmt.Errorf("insert %s: %w", s.Identifier, err)
		}
	}
	if err := b.updateRows(ctx, append([]field{{"id", kindInt}}, always...), indexed, updates); err != nil {
		return nil, fmt.Errorf("update %s: %w", s.Identifier, err)
	}
	return versions, nil
}

// updateRows sets the columns of rows. On SQLite those of indexed that stay as
// they are are left out: setting a column takes its entry out of the index and
// puts it back, even where it is the same. PostgreSQL compares by itself, and
// one statement for all is worth more.
func (b *batch) updateRows(ctx context.Context, always, indexed []field, list []rowUpdate) error {
	groups := map[uint64][][]any{}
	var order []uint64
	for _, u := range list {
		if b.tx.Dialect != store.SQLite {
			u.same = 0
		}
		if groups[u.same] == nil {
			order = append(order, u.same)
		}
		groups[u.same] = append(groups[u.same], without(u.values, len(always), u.same))
	}
	for _, same := range order {
		fields := without(slices.Concat(always, indexed), len(always), same)
		for part := range slices.Chunk(groups[same], 1000) {
			if err := b.updates(ctx, "entities", fields, part); err != nil {
				return err
			}
		}
	}
	return nil
}

// without leaves out the items behind from whose bit is set.
func without[T any](list []T, from int, same uint64) []T {
	if same == 0 {
		return list
	}
	out := list[:from:from]
	for i, item := range list[from:] {
		if same&(1<<i) == 0 {
			out = append(out, item)
		}
	}
	return out
}

// indexedValues are the values of indexedFields and of the slots.
func indexedValues(s *schema, r *stored, columns []int) []any {
	out := make([]any, 0, 4+len(columns))
	out = append(out, r.Title, fold(r.Title), r.Icon, r.Identifier)
	if len(columns) == 0 {
		return out
	}
	held := slotValues(s.slots, r.Properties, r.derived)
	for _, column := range columns {
		out = append(out, held[column])
	}
	return out
}

// sameColumns has a bit set for each value that is the same in both lists.
func sameColumns(a, b []any) uint64 {
	var same uint64
	for i := range a {
		if a[i] == b[i] {
			same |= 1 << i
		}
	}
	return same
}

// fillingColumns are the slots, as bits of indexedValues, that rows from before
// may not have yet: what the row was does not tell what the column has.
func (s *schema) fillingColumns(columns []int) uint64 {
	names := strings.Split(slotColumns, ", ")
	var out uint64
	for _, slot := range s.slots {
		column, yes := strings.CutPrefix(slot, filling)
		if !yes {
			continue
		}
		if i := slices.Index(columns, slices.Index(names, column)); i >= 0 {
			out |= 1 << (len(indexedFields()) + i)
		}
	}
	return out
}
