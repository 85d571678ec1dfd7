package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sphera/internal/store"
)

// What lists are found by (slots, and the sets of facets) is filled by every
// write. Where a blueprint changes and has entities already, they are filled
// in the background; until then lists read the documents instead.

const (
	// fillBatch is how many entities are filled in one transaction.
	fillBatch = 500
	// fillAtOnce is how many entities are filled with the change itself.
	fillAtOnce = 2000
	// facetReady is the value, which none has, that marks a facet as filled.
	facetReady = ""
)

// indexBlueprint gives slots and facets to a blueprint after it was saved.
func indexBlueprint(ctx context.Context, tx *store.Tx, b Blueprint, mirrored func(path string) (typ, format string)) error {
	known, ready, err := readIndexes(ctx, tx, b.Identifier)
	if err != nil {
		return err
	}
	n, err := countRows(ctx, tx, "SELECT COUNT(*) FROM (SELECT 1 FROM entities WHERE blueprint = $1 LIMIT 2001) q", b.Identifier)
	if err != nil {
		return err
	}
	slots := assignSlots(known, slotFields(b, mirrored), n == 0)
	if !maps.Equal(slots, known) {
		if err := writeSlots(ctx, tx, b.Identifier, slots); err != nil {
			return err
		}
	}
	names := facetNames(b)
	for name := range ready {
		if !slices.Contains(names, name) {
			if err := dropFacet(ctx, tx, b.Identifier, name); err != nil {
				return err
			}
		}
	}
	missing := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return ready[name] })
	switch {
	case n == 0:
		return markReady(ctx, tx, b.Identifier, missing)
	case len(missing) == 0 && !slotsFilling(slots):
		return nil
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO index_backfill (blueprint, after_id) VALUES ($1, 0) ON CONFLICT (blueprint) DO UPDATE SET after_id = 0", b.Identifier)
	if err != nil {
		return fmt.Errorf("note what to fill of %s: %w", b.Identifier, err)
	}
	for n <= fillAtOnce {
		done, err := fillIndexes(ctx, tx, b)
		if err != nil || done {
			return err
		}
	}
	return nil
}

// readIndexes reads the slots of a blueprint and which facets are filled.
func readIndexes(ctx context.Context, q store.Querier, blueprint string) (slots map[string]string, ready map[string]bool, err error) {
	var raw string
	if err := q.QueryRowContext(ctx, "SELECT slots FROM blueprints WHERE identifier = $1", blueprint).Scan(&raw); err != nil {
		return nil, nil, fmt.Errorf("read the slots of %s: %w", blueprint, err)
	}
	if err := json.Unmarshal([]byte(raw), &slots); err != nil {
		return nil, nil, fmt.Errorf("slots of %s: %w", blueprint, err)
	}
	rows, err := q.QueryContext(ctx, "SELECT property FROM facet_counts WHERE blueprint = $1 AND value = $2 AND property <> ''", blueprint, facetReady)
	names, err := store.All(rows, err, scanString)
	if err != nil {
		return nil, nil, fmt.Errorf("read the facets of %s: %w", blueprint, err)
	}
	ready = map[string]bool{}
	for _, name := range names {
		ready[name] = true
	}
	return slots, ready, nil
}

func writeSlots(ctx context.Context, tx *store.Tx, blueprint string, slots map[string]string) error {
	raw, err := sortedJSON(slots)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "UPDATE blueprints SET slots = $1 WHERE identifier = $2", raw, blueprint); err != nil {
		return fmt.Errorf("write the slots of %s: %w", blueprint, err)
	}
	return nil
}

func markReady(ctx context.Context, tx *store.Tx, blueprint string, names []string) error {
	for _, name := range names {
		_, err := tx.ExecContext(ctx, "INSERT INTO facet_counts (blueprint, property, value, n) VALUES ($1, $2, $3, 1) ON CONFLICT (blueprint, property, value) DO NOTHING", blueprint, name, facetReady)
		if err != nil {
			return fmt.Errorf("mark the facets of %s: %w", blueprint, err)
		}
	}
	return nil
}

func dropFacet(ctx context.Context, tx *store.Tx, blueprint, property string) error {
	for _, table := range []string{"facet_counts", "facet_sets"} {
		if _, err := tx.ExecContext(ctx, "DELETE FROM "+table+" WHERE blueprint = $1 AND property = $2", blueprint, property); err != nil {
			return fmt.Errorf("drop the facet %s: %w", property, err)
		}
	}
	return nil
}

// dropIndexes forgets a blueprint that goes; its entities are gone already.
func dropIndexes(ctx context.Context, tx *store.Tx, blueprint string) error {
	for _, table := range []string{"facet_counts", "facet_sets", "index_backfill"} {
		if _, err := tx.ExecContext(ctx, "DELETE FROM "+table+" WHERE blueprint = $1", blueprint); err != nil {
			return fmt.Errorf("drop the indexes of %s: %w", blueprint, err)
		}
	}
	return nil
}

// renameIndexes follows a blueprint to its new name.
func renameIndexes(ctx context.Context, tx *store.Tx, before, after string) error {
	for _, table := range []string{"facet_counts", "facet_sets", "index_backfill"} {
		if _, err := tx.ExecContext(ctx, "UPDATE "+table+" SET blueprint = $1 WHERE blueprint = $2", after, before); err != nil {
			return fmt.Errorf("rename the indexes of %s: %w", before, err)
		}
	}
	return nil
}

// renameIndexed follows a property to its new name.
func renameIndexed(ctx context.Context, tx *store.Tx, blueprint, before, after string) error {
	slots, _, err := readIndexes(ctx, tx, blueprint)
	if err != nil {
		return err
	}
	if slot, ok := slots[before]; ok {
		delete(slots, before)
		slots[after] = slot
		if err := writeSlots(ctx, tx, blueprint, slots); err != nil {
			return err
		}
	}
	for _, table := range []string{"facet_counts", "facet_sets"} {
		if _, err := tx.ExecContext(ctx, "UPDATE "+table+" SET property = $1 WHERE blueprint = $2 AND property = $3", after, blueprint, before); err != nil {
			return fmt.Errorf("rename the facet %s: %w", before, err)
		}
	}
	return nil
}

// FillIndexes works off what is to be filled, in short transactions, until
// nothing is left or stop says so. It reports whether all is done.
func (c *Catalog) FillIndexes(ctx context.Context, stop func() bool) (bool, error) {
	for {
		done := true
		err := c.write(ctx, func(tx *store.Tx) error {
			rows, err := tx.QueryContext(ctx, "SELECT blueprint FROM index_backfill ORDER BY blueprint LIMIT 1")
			list, err := store.All(rows, err, scanString)
			if err != nil {
				return fmt.Errorf("read what to fill: %w", err)
			}
			done = len(list) == 0
			if done {
				return nil
			}
			b, err := readBlueprint(ctx, tx, list[0], "")
			if err != nil {
				return err
			}
			_, err = fillIndexes(ctx, tx, b)
			return err
		})
		if err != nil || done || stop() {
			return done, err
		}
	}
}

// fillIndexes fills the next entities of a blueprint.
func fillIndexes(ctx context.Context, tx *store.Tx, b Blueprint) (bool, error) {
	slots, ready, err := readIndexes(ctx, tx, b.Identifier)
	if err != nil {
		return false, err
	}
	if len(slots) == 0 { // from before there were slots
		slots = assignSlots(nil, slotFields(b, nil), false)
		if err := writeSlots(ctx, tx, b.Identifier, slots); err != nil {
			return false, err
		}
	}
	var after int64
	if err := tx.QueryRowContext(ctx, "SELECT after_id FROM index_backfill WHERE blueprint = $1", b.Identifier).Scan(&after); err != nil {
		return false, fmt.Errorf("read how far %s is filled: %w", b.Identifier, err)
	}
	list, err := unfilled(ctx, tx, b.Identifier, after)
	if err != nil {
		return false, err
	}
	var facets facetDelta
	names := facetNames(b)
	for _, r := range list {
		if err := fillSlots(ctx, tx, r.id, slots, slotValues(slots, r.Properties, r.derived)); err != nil {
			return false, err
		}
		if !r.pending {
			facets.change(names, nil, &stored{id: r.id, blueprint: b.Identifier, draft: draft{Team: r.Team, Properties: r.Properties}})
		}
		after = r.id
	}
	if err := facets.apply(ctx, tx); err != nil {
		return false, err
	}
	if len(list) == fillBatch {
		_, err := tx.ExecContext(ctx, "UPDATE index_backfill SET after_id = $1 WHERE blueprint = $2", after, b.Identifier)
		if err != nil {
			return false, fmt.Errorf("note how far %s is filled: %w", b.Identifier, err)
		}
		return false, nil
	}
	return true, filled(ctx, tx, b.Identifier, slots, slices.DeleteFunc(names, func(name string) bool { return ready[name] }))
}

// filled lets lists use what has been filled.
func filled(ctx context.Context, tx *store.Tx, blueprint string, slots map[string]string, facets []string) error {
	if err := writeSlots(ctx, tx, blueprint, readySlots(slots)); err != nil {
		return err
	}
	if err := markReady(ctx, tx, blueprint, facets); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM index_backfill WHERE blueprint = $1", blueprint); err != nil {
		return fmt.Errorf("note that %s is filled: %w", blueprint, err)
	}
	if _, err := tx.ExecContext(ctx, "UPDATE catalog_model SET revision = revision + 1 WHERE one = 1"); err != nil {
		return fmt.Errorf("count the catalog's revision: %w", err)
	}
	return nil
}

type unfilledRow struct {
	id                  int64
	Team                []string
	Properties, derived map[string]any
	pending             bool
}

func unfilled(ctx context.Context, tx *store.Tx, blueprint string, after int64) ([]unfilledRow, error) {
	// The plus keeps SQLite on the way of the ids.
	rows, err := tx.QueryContext(ctx, "SELECT id, team, properties, derived, pending FROM entities WHERE "+plain(tx.Dialect, "blueprint")+" = $1 AND id > $2 ORDER BY id LIMIT $3", blueprint, after, fillBatch)
	return store.All(rows, err, func(row interface{ Scan(...any) error }) (unfilledRow, error) {
		var r unfilledRow
		var team, properties, derived []byte
		var pending int64
		if err := row.Scan(&r.id, &team, &properties, &derived, &pending); err != nil {
			return r, err
		}
		r.pending = pending != 0
		for raw, into := range map[*[]byte]any{&team: &r.Team, &properties: &r.Properties, &derived: &r.derived} {
			if err := json.Unmarshal(*raw, into); err != nil {
				return r, fmt.Errorf("a document of %s: %w", blueprint, err)
			}
		}
		return r, nil
	})
}

// plain hides a column from SQLite's choice of an index.
func plain(d store.Dialect, column string) string {
	if d == store.SQLite {
		return "+" + column
	}
	return column
}

// fillSlots writes the slots that the blueprint uses.
func fillSlots(ctx context.Context, tx *store.Tx, id int64, slots map[string]string, values slotRow) error {
	used := map[string]bool{}
	for _, slot := range slots {
		used[strings.TrimPrefix(slot, filling)] = true
	}
	var sets []string
	var args []any
	for i, column := range strings.Split(slotColumns, ", ") {
		if used[column] {
			args = append(args, values[i])
			sets = append(sets, fmt.Sprintf("%s = $%d", column, len(args)))
		}
	}
	if len(sets) == 0 {
		return nil
	}
	if _, err := tx.ExecContext(ctx, "UPDATE entities SET "+strings.Join(sets, ", ")+fmt.Sprintf(" WHERE id = $%d", len(args)+1), append(args, id)...); err != nil {
		return fmt.Errorf("fill slots: %w", err)
	}
	return nil
}
