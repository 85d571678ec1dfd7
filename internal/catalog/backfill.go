package catalog

import (
	"context"
	"fmt"
	"slices"

	"sphera/internal/store"
)

// rederive works out again what hangs on a changed blueprint: at once where it
// is little, else in parts, by Recompute.
func (c *Catalog) rederive(ctx context.Context, tx *store.Tx, before *model, blueprint string, conversions []conversion, w BlueprintWrite) error {
	m, err := c.readModel(ctx, tx, false)
	if err != nil {
		return err
	}
	affected := m.affectedBy(blueprint)
	for id := range before.affectedBy(blueprint) {
		affected[id] = true
	}
	n, own := 0, 0
	for id := range affected {
		if m.blueprints[id] == nil {
			continue
		}
		count, err := countRows(ctx, tx, "SELECT COALESCE(SUM(n), 0) FROM facet_counts WHERE blueprint = $1 AND property = ''", id)
		if err != nil {
			return err
		}
		if n += count; id == blueprint {
			own = count
		}
	}
	inline := n <= maxInline
	if err := c.giveSlots(ctx, tx, m, blueprint, own == 0 || inline); err != nil {
		return err
	}
	if m, err = c.readModel(ctx, tx, false); err != nil {
		return err
	}
	if len(conversions) > 0 {
		if err := c.convertAll(ctx, tx, m, conversions, w); err != nil {
			return err
		}
	}
	if n == 0 {
		return nil
	}
	cause := "blueprint " + blueprint
	for _, id := range sortedKeys(affected) {
		if m.blueprints[id] == nil {
			continue
		}
		if err := c.queueBlueprint(ctx, tx, id, cause); err != nil {
			return err
		}
	}
	if !inline {
		tx.Notify(QueueTopic, "")
		return nil
	}
	for _, id := range sortedKeys(affected) {
		for {
			left, err := c.backfillPart(ctx, tx, m, id, maxInline, true)
			if err != nil {
				return err
			}
			if !left {
				break
			}
		}
	}
	return nil
}

// affectedBy are a blueprint and those whose derived values its own definition
// has a part in.
func (m *model) affectedBy(blueprint string) map[string]bool {
	out := map[string]bool{blueprint: true}
	for _, edge := range m.readers[blueprint] {
		out[edge.blueprint] = true
	}
	for _, part := range m.counted[blueprint] {
		out[part.a.blueprint] = true
	}
	return out
}

func (c *Catalog) queueBlueprint(ctx context.Context, tx *store.Tx, blueprint, cause string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO derive_backfill (blueprint, after_id, cause, at) VALUES ($1, 0, $2, $3)
		ON CONFLICT (blueprint) DO UPDATE SET after_id = 0, cause = $2, at = $3`, blueprint, cause, store.Millis(c.now()))
	if err != nil {
		return fmt.Errorf("queue the entities of %s: %w", blueprint, err)
	}
	return nil
}

// giveSlots assigns the columns that properties are found and sorted by.
func (c *Catalog) giveSlots(ctx context.Context, tx *store.Tx, m *model, blueprint string, empty bool) error {
	s := m.blueprints[blueprint]
	if s == nil {
		return nil
	}
	slots := assignSlots(s.slots, slotFields(s.Blueprint, func(path string) (string, string) {
		f := m.mirrored(s, path)
		return f.Type, f.Format
	}), empty)
	if err := c.writeSlots(ctx, tx, s, slots); err != nil {
		return err
	}
	n, err := countRows(ctx, tx, "SELECT COUNT(*) FROM (SELECT 1 FROM entities WHERE blueprint = $1 LIMIT 1) q", blueprint)
	if err != nil {
		return err
	}
	return prepareFacets(ctx, tx, s, n == 0)
}

func (c *Catalog) writeSlots(ctx context.Context, tx *store.Tx, s *schema, slots map[string]string) error {
	text, err := sortedJSON(slots)
	if err != nil {
		return err
	}
	if was, err := sortedJSON(s.slots); err != nil || was == text {
		return err
	}
	if _, err := tx.ExecContext(ctx, "UPDATE blueprints SET slots = $1 WHERE identifier = $2", text, s.Identifier); err != nil {
		return fmt.Errorf("give slots to %s: %w", s.Identifier, err)
	}
	return touchModel(ctx, tx)
}

// backfillPart works out the next entities of a queued blueprint again, and
// says whether there are more.
func (c *Catalog) backfillPart(ctx context.Context, tx *store.Tx, m *model, blueprint string, part int, fill bool) (bool, error) {
	var after int64
	var cause string
	err := tx.QueryRowContext(ctx, "SELECT after_id, cause FROM derive_backfill WHERE blueprint = $1", blueprint).Scan(&after, &cause)
	if err != nil {
		return false, fmt.Errorf("read how far %s is: %w", blueprint, err)
	}
	rows, err := tx.QueryContext(ctx, "SELECT e.id FROM entities e WHERE e.blueprint = $1 AND e.id > $2 ORDER BY e.id LIMIT $3", blueprint, after, part)
	ids, err := store.All(rows, err, scanInt)
	if err != nil {
		return false, fmt.Errorf("list %s: %w", blueprint, err)
	}
	s := m.blueprints[blueprint]
	if s != nil && len(ids) > 0 {
		if err := c.deriveAgain(ctx, tx, m, ids, cause, fill || slotsFilling(s.slots)); err != nil {
			return false, err
		}
	}
	if len(ids) == part {
		_, err := tx.ExecContext(ctx, "UPDATE derive_backfill SET after_id = $1 WHERE blueprint = $2", ids[len(ids)-1], blueprint)
		return true, err
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM derive_backfill WHERE blueprint = $1", blueprint); err != nil {
		return false, fmt.Errorf("end the backfill of %s: %w", blueprint, err)
	}
	if s != nil {
		if err := markFacets(ctx, tx, s); err != nil {
			return false, err
		}
	}
	if s != nil && slotsFilling(s.slots) {
		return false, c.writeSlots(ctx, tx, s, readySlots(s.slots))
	}
	return false, nil
}

// deriveAgain works out entities anew, and with fill writes their slots.
func (c *Catalog) deriveAgain(ctx context.Context, tx *store.Tx, m *model, ids []int64, cause string, fill bool) error {
	b := c.batchOf(tx, m, Write{By: "system"})
	if err := b.load(ctx, ids); err != nil {
		return err
	}
	b.derive.settle = true
	var list []*row
	for _, id := range ids {
		r := b.rows[id]
		if r == nil {
			continue
		}
		list = append(list, r)
		b.later(r, cause)
		for _, a := range r.s.aggregations {
			b.note(a, id, cause)
		}
		if r.old != nil && r.old.pending == 0 {
			// What is in the sets already stays; what derives differently now is
			// counted when it is written.
			b.facets.fill(r.s.facets, r.old)
		}
	}
	b.derive.limit += len(ids)
	if err := b.save(ctx); err != nil {
		return err
	}
	if fill {
		if err := b.fillSlots(ctx, list); err != nil {
			return err
		}
	}
	b.notify()
	return nil
}

// fillSlots writes the slots of rows that were not written otherwise.
func (b *batch) fillSlots(ctx context.Context, list []*row) error {
	bySchema := map[*schema][]*row{}
	for _, r := range list {
		if r.first == nil && len(r.s.slots) > 0 {
			bySchema[r.s] = append(bySchema[r.s], r)
		}
	}
	for s, list := range bySchema {
		fields, places := s.slotFields()
		rows := make([][]any, 0, len(list))
		for _, r := range list {
			held := slotValues(s.slots, r.now.Properties, r.now.derived)
			values := []any{r.now.id}
			for _, place := range places {
				values = append(values, held[place])
			}
			rows = append(rows, values)
		}
		for part := range slices.Chunk(rows, 1000) {
			if err := b.updates(ctx, "entities", append([]field{{"id", kindInt}}, fields...), part); err != nil {
				return fmt.Errorf("fill the slots of %s: %w", s.Identifier, err)
			}
		}
	}
	return nil
}

// Recompute works off what is left to derive, budget entities at most, in
// short transactions, and says how many it did and how many are left.
func (c *Catalog) Recompute(ctx context.Context, budget int) (done, left int, err error) {
	if err := c.may(ctx, VerbMaintain, ""); err != nil {
		return 0, 0, err
	}
	const part = 100
	for done < budget {
		n := 0
		err := c.write(ctx, func(tx *store.Tx) error {
			n = 0
			m, err := c.readModel(ctx, tx, true)
			if err != nil {
				return err
			}
			if n, err = c.queuePart(ctx, tx, m, part); err != nil || n > 0 {
				return err
			}
			n, err = c.nextBackfill(ctx, tx, m, part)
			return err
		})
		if err != nil {
			return done, 0, fmt.Errorf("work out derived values: %w", err)
		}
		if n == 0 {
			return done, 0, nil
		}
		done += n
	}
	left, err = c.DeriveBacklog(ctx)
	return done, left, err
}

// DeriveBacklog is how many entities are left to work out.
func (c *Catalog) DeriveBacklog(ctx context.Context) (int, error) {
	if err := c.may(ctx, VerbMaintain, ""); err != nil {
		return 0, err
	}
	return countRows(ctx, c.db.Read(), `SELECT (SELECT COUNT(*) FROM derive_queue) +
		(SELECT COUNT(*) FROM derive_backfill b JOIN entities e ON e.blueprint = b.blueprint AND e.id > b.after_id)`)
}

// queuePart takes entities from the queue.
func (c *Catalog) queuePart(ctx context.Context, tx *store.Tx, m *model, part int) (int, error) {
	rows, err := tx.QueryContext(ctx, "SELECT entity, cause FROM derive_queue ORDER BY entity LIMIT $1", part)
	type entry struct {
		id    int64
		cause string
	}
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (entry, error) {
		var e entry
		return e, row.Scan(&e.id, &e.cause)
	})
	if err != nil || len(list) == 0 {
		return 0, err
	}
	ids := make([]int64, len(list))
	cause := list[0].cause
	for i, e := range list {
		if ids[i] = e.id; e.cause != cause {
			cause = ""
		}
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM derive_queue WHERE entity IN ("+idList(ids)+")"); err != nil {
		return 0, fmt.Errorf("take from the queue: %w", err)
	}
	return len(ids), c.deriveAgain(ctx, tx, m, ids, cause, false)
}

func (c *Catalog) nextBackfill(ctx context.Context, tx *store.Tx, m *model, part int) (int, error) {
	rows, err := tx.QueryContext(ctx, "SELECT blueprint FROM derive_backfill ORDER BY at, blueprint LIMIT 1")
	list, err := store.All(rows, err, scanString)
	if err != nil || len(list) == 0 {
		return 0, err
	}
	if s := m.blueprints[list[0]]; s != nil && len(s.slots) == 0 {
		// From before there were slots.
		if err := c.giveSlots(ctx, tx, m, s.Identifier, false); err != nil {
			return 0, err
		}
		if m, err = c.readModel(ctx, tx, false); err != nil {
			return 0, err
		}
	}
	_, err = c.backfillPart(ctx, tx, m, list[0], part, false)
	return part, err
}
