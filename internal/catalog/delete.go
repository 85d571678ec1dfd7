package catalog

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/store"
)

const (
	// maxDependents bounds the list of dependents.
	maxDependents = 1000
	// maxDeleted bounds what one delete with dependents removes: a mass
	// deletion is not a side effect.
	maxDeleted = 1000
	// maxReleased bounds how many entities lose a relation with one delete.
	maxReleased = 20_000
)

// dependent is a relation that points at an entity.
type dependent struct {
	id       int64
	relation string
	Hit
}

// Dependents lists the entities whose relations point at this one: the
// required ones first, at most 1000.
func (c *Catalog) Dependents(ctx context.Context, blueprint, identifier string) ([]Hit, error) {
	r, sights, err := c.visibleEntity(ctx, blueprint, identifier)
	if err != nil {
		return nil, err
	}
	list, err := c.dependents(ctx, c.db.Read(), r.id, maxDependents)
	if err != nil {
		return nil, err
	}
	if list, err = seenOf(ctx, sights, c.db.Read(), "", list, func(d dependent) int64 { return d.id }); err != nil {
		return nil, err
	}
	hits := make([]Hit, 0, len(list))
	for _, d := range list {
		hits = append(hits, d.Hit)
	}
	return hits, nil
}

func (c *Catalog) dependents(ctx context.Context, q store.Querier, id int64, limit int) ([]dependent, error) {
	rows, err := q.QueryContext(ctx, `SELECT e.id, r.relation, e.blueprint, e.identifier, e.title, e.icon
		FROM entity_relations r JOIN entities e ON e.id = r.source WHERE r.target = $1 AND r.source <> $1
		ORDER BY e.blueprint, e.title_fold, e.id, r.relation LIMIT $2`, id, limit)
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (dependent, error) {
		var d dependent
		err := row.Scan(&d.id, &d.relation, &d.Blueprint, &d.Identifier, &d.Title, &d.Icon)
		d.Relation = d.relation
		return d, err
	})
	if err != nil {
		return nil, fmt.Errorf("find dependents: %w", err)
	}
	schemas := map[string]Blueprint{}
	for i, d := range list {
		b, ok := schemas[d.Blueprint]
		if !ok {
			if b, err = readBlueprint(ctx, q, d.Blueprint, ""); err != nil {
				return nil, err
			}
			schemas[d.Blueprint] = b
		}
		list[i].Required = b.Relations[d.relation].Required
	}
	slices.SortStableFunc(list, func(a, b dependent) int {
		switch {
		case a.Required == b.Required:
			return 0
		case a.Required:
			return -1
		default:
			return 1
		}
	})
	return list, nil
}

// DeleteEntity deletes an entity. Where other entities require it, that is
// refused unless deleteDependents is set; then everything that points at it is
// deleted too, and so is what requires those. Other relations that pointed at
// something deleted are emptied.
func (c *Catalog) DeleteEntity(ctx context.Context, blueprint, identifier, by, runID string, deleteDependents bool) error {
	return c.DeleteOne(ctx, blueprint, identifier, DeleteOptions{Dependents: deleteDependents, By: by, RunID: runID})
}

// DeleteOne is DeleteEntity with all its options.
func (c *Catalog) DeleteOne(ctx context.Context, blueprint, identifier string, o DeleteOptions) error {
	if err := c.may(ctx, VerbKnown, blueprint); err != nil {
		return err
	}
	return c.writeBatch(ctx, o.write(), func(b *batch) error {
		d, err := b.delete(ctx, blueprint, []string{identifier}, o)
		if err != nil {
			return err
		}
		if len(d.doomed) == 0 {
			return noEntity(blueprint, identifier)
		}
		for _, r := range d.doomed {
			if err := c.record(ctx, b.tx, "entity.delete", Ref(r.s.Identifier, r.old.Identifier), o.By, o.RunID, changeDetail(r.old.flat(), nil)); err != nil {
				return err
			}
		}
		for _, r := range d.released {
			if err := b.recordRow(ctx, r); err != nil {
				return err
			}
		}
		return nil
	})
}

// DeleteMany deletes entities of one blueprint in one transaction and returns
// the identifiers of those it deleted; one that does not exist is no error.
func (c *Catalog) DeleteMany(ctx context.Context, blueprint string, ids []string, o DeleteOptions) ([]string, error) {
	if err := c.may(ctx, VerbKnown, blueprint); err != nil {
		return nil, err
	}
	if len(ids) > maxBatch {
		return nil, fault.New(fault.TooLarge, "There are %d entities; at most %d are deleted at a time.", len(ids), maxBatch)
	}
	var deleted []string
	err := c.writeBatch(ctx, o.write(), func(b *batch) error {
		deleted = []string{}
		d, err := b.delete(ctx, blueprint, ids, o)
		if err != nil || len(d.doomed) == 0 {
			return err
		}
		for _, r := range d.doomed[:d.asked] {
			deleted = append(deleted, r.old.Identifier)
		}
		return b.recordDeletes(ctx, blueprint, d, o)
	})
	return deleted, err
}

// DeleteAllEntities deletes all entities of a blueprint, a part per
// transaction, and tells after each part how many are gone.
func (c *Catalog) DeleteAllEntities(ctx context.Context, blueprint string, o DeleteOptions, progress func(done int)) (int, error) {
	if err := c.may(ctx, VerbKnown, blueprint); err != nil {
		return 0, err
	}
	const part = 500
	o.emptying = blueprint
	done := 0
	for {
		n := 0
		err := c.writeBatch(ctx, o.write(), func(b *batch) error {
			rows, err := b.tx.QueryContext(ctx, "SELECT e.identifier FROM entities e WHERE e.blueprint = $1 AND e.pending = 0 ORDER BY e.id LIMIT $2", blueprint, part)
			ids, err := store.All(rows, err, scanString)
			if err != nil {
				return fmt.Errorf("list %s: %w", blueprint, err)
			}
			if n = len(ids); n == 0 {
				return nil
			}
			d, err := b.delete(ctx, blueprint, ids, o)
			if err != nil {
				return err
			}
			return b.recordDeletes(ctx, blueprint, d, o)
		})
		if err != nil || n == 0 {
			return done, err
		}
		if done += n; progress != nil {
			progress(done)
		}
	}
}

func (o DeleteOptions) write() Write {
	return Write{By: o.By, RunID: o.RunID, Datasource: o.Datasource, Cause: o.Cause}
}

// deletion is what a batch deletes, and what it takes from others for that.
type deletion struct {
	// doomed are the rows to delete; the first asked ones were named.
	doomed   []*row
	asked    int
	released []*row
}

func (b *batch) delete(ctx context.Context, blueprint string, ids []string, o DeleteOptions) (*deletion, error) {
	if b.m.blueprints[blueprint] == nil {
		return nil, noBlueprint(blueprint)
	}
	if err := b.named(ctx, blueprint, ids); err != nil {
		return nil, err
	}
	ids, err := b.seenNames(ctx, blueprint, ids)
	if err != nil {
		return nil, err
	}
	d := &deletion{}
	for _, id := range ids {
		if r := b.byName[nameKey(blueprint, id)]; r != nil && r.now.pending == 0 && !r.gone {
			r.gone = true
			d.doomed = append(d.doomed, r)
		}
	}
	d.asked = len(d.doomed)
	if len(d.doomed) == 0 {
		return d, nil
	}
	if o.Dependents {
		if err := b.doom(ctx, d); err != nil {
			return nil, err
		}
	}
	if err := b.authorizeDelete(ctx, d); err != nil {
		return nil, err
	}
	if err := b.release(ctx, d, o); err != nil {
		return nil, err
	}
	if err := b.writeDeletes(ctx, d); err != nil {
		return nil, err
	}
	return d, b.settle(ctx)
}

// pointing reads which rows point at targets, and over which relations.
func (b *batch) pointing(ctx context.Context, targets []*row, limit int) (map[*row][]string, []*row, error) {
	ids := make([]int64, len(targets))
	for i, r := range targets {
		ids[i] = r.now.id
	}
	rows, err := b.tx.QueryContext(ctx, "SELECT DISTINCT r.source, r.relation FROM entity_relations r WHERE r.target IN ("+idList(ids)+") ORDER BY r.source, r.relation LIMIT $1", limit)
	type pair struct {
		id       int64
		relation string
	}
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (pair, error) {
		var p pair
		return p, row.Scan(&p.id, &p.relation)
	})
	if err != nil {
		return nil, nil, fmt.Errorf("find dependents: %w", err)
	}
	var sources []int64
	for _, p := range list {
		sources = append(sources, p.id)
	}
	if err := b.load(ctx, sources); err != nil {
		return nil, nil, err
	}
	over := map[*row][]string{}
	var order []*row
	for _, p := range list {
		if r := b.rows[p.id]; r != nil && !r.gone {
			if over[r] == nil {
				order = append(order, r)
			}
			over[r] = append(over[r], p.relation)
		}
	}
	return over, order, b.link(ctx, order)
}

// doom adds what goes with the doomed: all that points at them, then, step by
// step, all that requires one of those.
func (b *batch) doom(ctx context.Context, d *deletion) error {
	frontier := d.doomed
	for step := 0; len(frontier) > 0; step++ {
		over, order, err := b.pointing(ctx, frontier, maxDeleted*10)
		if err != nil {
			return err
		}
		frontier = nil
		for _, r := range order {
			required := slices.ContainsFunc(over[r], func(name string) bool { return r.s.Relations[name].Required })
			if step > 0 && !required {
				continue
			}
			if len(d.doomed)-d.asked >= maxDeleted {
				return fault.New(fault.HasDependents, "More than %d entities would be deleted with %s %q (has_dependents). Delete them in smaller parts.", maxDeleted, d.doomed[0].s.Identifier, d.doomed[0].old.Identifier)
			}
			r.gone = true
			d.doomed = append(d.doomed, r)
			frontier = append(frontier, r)
		}
	}
	return nil
}

// release takes the doomed out of the relations of those that stay.
func (b *batch) release(ctx context.Context, d *deletion, o DeleteOptions) error {
	over, order, err := b.pointing(ctx, d.doomed, maxReleased+1)
	if err != nil {
		return err
	}
	if len(order) > maxReleased {
		return fault.New(fault.HasDependents, "More than %d entities point at what would be deleted (has_dependents). Point them elsewhere first.", maxReleased)
	}
	var required []Hit
	for _, r := range order {
		for _, name := range over[r] {
			if r.s.Relations[name].Required && r.s.Identifier != o.emptying {
				required = append(required, Hit{Blueprint: r.s.Identifier, Identifier: r.now.Identifier, Title: r.now.Title, Icon: r.now.Icon, Relation: name, Required: true})
			}
		}
	}
	if len(required) > 0 {
		return b.hasDependents(ctx, d.doomed[0].old, required)
	}
	cause := d.doomed[0].ref()
	for _, r := range order {
		relations, targets := maps.Clone(r.now.Relations), maps.Clone(r.now.targets)
		for _, name := range over[r] {
			relations[name], targets[name] = nil, nil
			for i, id := range r.now.targets[name] {
				if other := b.rows[id]; other == nil || !other.gone {
					relations[name] = append(relations[name], r.now.Relations[name][i])
					targets[name] = append(targets[name], id)
				}
			}
			if len(relations[name]) == 0 {
				delete(relations, name)
				delete(targets, name)
			}
			r.change(fieldRelation(name))
		}
		r.now.Relations, r.now.targets = relations, targets
		r.now.updated, r.now.updatedBy, r.now.digest = b.at, b.w.By, ""
		r.verb, r.sent, r.cause = verbUpdate, true, cause
		r.change("updatedAt", "updatedBy")
		b.later(r, cause)
		d.released = append(d.released, r)
	}
	return nil
}

// writeDeletes keeps the last state of the doomed, and which relations pointed
// at them, and deletes them.
func (b *batch) writeDeletes(ctx context.Context, d *deletion) error {
	var before int64
	if err := b.tx.QueryRowContext(ctx, "SELECT COALESCE(MAX(id), 0) FROM entity_versions").Scan(&before); err != nil {
		return fmt.Errorf("find the versions: %w", err)
	}
	if err := b.link(ctx, d.doomed); err != nil {
		return err
	}
	ids := make([]int64, len(d.doomed))
	versions := make([][]any, len(d.doomed))
	for i, r := range d.doomed {
		ids[i] = r.now.id
		doc, err := deletedDoc(r.old)
		if err != nil {
			return err
		}
		cause := b.w.Cause
		if i >= d.asked && cause == "" {
			cause = Ref(d.doomed[0].s.Identifier, d.doomed[0].old.Identifier)
		}
		versions[i] = []any{r.now.id, r.old.version + 1, r.now.blueprint, r.old.Identifier, verbDelete, b.at, b.w.By, b.w.Datasource, b.w.RunID, cause, doc}
		b.count(r)
		b.counts.deleted++
		r.now.targets, r.now.Relations, r.verb = map[string][]int64{}, map[string][]string{}, ""
		for name := range r.old.targets {
			r.change(fieldRelation(name))
		}
		r.change(fieldIdentifier)
	}
	if err := b.writeVersions(ctx, versions); err != nil {
		return err
	}
	if err := b.c.text.Remove(ctx, b.tx, ids); err != nil {
		return err
	}
	list := idList(ids)
	_, err := b.tx.ExecContext(ctx, `INSERT INTO entity_released (version, source, relation, position)
		SELECT v.id, r.source, r.relation, r.position FROM entity_versions v JOIN entity_relations r ON r.target = v.entity
		WHERE v.id > $1 AND v.verb = 'delete' AND r.target IN (`+list+`) AND r.source <> r.target`, before)
	if err != nil {
		return fmt.Errorf("keep what points at the deleted: %w", err)
	}
	if err := b.writeLinks(ctx, d.released); err != nil {
		return err
	}
	for _, statement := range []string{
		"DELETE FROM entity_relations WHERE source IN (" + list + ")", "DELETE FROM derive_queue WHERE entity IN (" + list + ")", "DELETE FROM entities WHERE id IN (" + list + ")",
	} {
		if _, err := b.tx.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("delete entities: %w", err)
		}
	}
	return nil
}

// deletedDoc is the last state of an entity, with what a restore needs.
func deletedDoc(r *stored) (string, error) {
	from, err := sortedJSON(r.provenance)
	if err != nil {
		return "", err
	}
	if len(r.provenance) == 0 {
		from = "{}"
	}
	s := stateOf(r)
	s.Row = &lastRow{
		Created: r.created, CreatedBy: r.createdBy, Updated: r.updated, UpdatedBy: r.updatedBy, Datasource: r.datasource, Provenance: []byte(from), Version: r.version,
	}
	return sortedJSON(s)
}

// recordDeletes records one event for a delete of many.
func (b *batch) recordDeletes(ctx context.Context, blueprint string, d *deletion, o DeleteOptions) error {
	first, last, err := b.versionRange(ctx)
	if err != nil {
		return err
	}
	return b.c.record(ctx, b.tx, "entity.bulk-delete", blueprint, o.By, o.RunID, audit.Detail(
		"deleted", len(d.doomed), "emptied", len(d.released), "derived", b.counts.derived, "firstVersion", first, "lastVersion", last))
}

func hasDependents(r *stored, required []Hit) *fault.Error {
	var names []string
	for i, hit := range required {
		if i == 5 {
			names = append(names, fmt.Sprintf("and %d more", len(required)-5))
			break
		}
		names = append(names, hit.Blueprint+" "+hit.Title)
	}
	e := fault.New(fault.HasDependents, "%s %q is required by %s (has_dependents). Point them elsewhere first, or delete them with it.", r.blueprint, r.Identifier, strings.Join(names, ", "))
	return e.WithData(map[string]any{"dependents": required[:min(len(required), maxDependents)]})
}
