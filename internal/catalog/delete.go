package catalog

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sphera/internal/fault"
	"sphera/internal/store"
)

const (
	// maxDependents bounds the list of dependents.
	maxDependents = 1000
	// maxDeleted bounds what one delete with dependents removes: a mass
	// deletion is not a side effect.
	maxDeleted = 1000
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
	r, err := readStored(ctx, c.db.Read(), blueprint, identifier, "")
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, noEntity(blueprint, identifier)
	}
	list, err := c.dependents(ctx, c.db.Read(), r.id, maxDependents)
	if err != nil {
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
	return c.write(ctx, func(tx *store.Tx) error {
		r, err := readStored(ctx, tx, blueprint, identifier, tx.ForUpdate())
		if err != nil {
			return err
		}
		if r == nil {
			return noEntity(blueprint, identifier)
		}
		doomed := []*stored{r}
		if deleteDependents {
			if doomed, err = c.doomed(ctx, tx, r); err != nil {
				return err
			}
		}
		return c.deleteAll(ctx, tx, doomed, Write{By: by, RunID: runID})
	})
}

// doomed lists what goes with r: all that points at it, then, step by step,
// all that requires one of those.
func (c *Catalog) doomed(ctx context.Context, tx *store.Tx, r *stored) ([]*stored, error) {
	list := []*stored{r}
	in := map[int64]bool{r.id: true}
	for i := 0; i < len(list); i++ {
		pointing, err := c.dependents(ctx, tx, list[i].id, maxDeleted+1)
		if err != nil {
			return nil, err
		}
		for _, d := range pointing {
			if in[d.id] || (i > 0 && !d.Required) {
				continue
			}
			if len(list) == maxDeleted {
				return nil, fault.New(fault.HasDependents, "More than %d entities would be deleted with %s %q (has_dependents). Delete them in smaller parts.", maxDeleted, r.blueprint, r.Identifier)
			}
			next, err := readStored(ctx, tx, d.Blueprint, d.Identifier, tx.ForUpdate())
			if err != nil {
				return nil, err
			}
			if next == nil {
				continue
			}
			in[d.id] = true
			list = append(list, next)
		}
	}
	return list, nil
}

func (c *Catalog) deleteAll(ctx context.Context, tx *store.Tx, doomed []*stored, w Write) error {
	in := map[int64]bool{}
	ids := make([]int64, len(doomed))
	for i, r := range doomed {
		in[r.id], ids[i] = true, r.id
	}
	if err := c.keepDeleted(ctx, tx, ids, w); err != nil {
		return err
	}
	for _, r := range doomed {
		if err := c.release(ctx, tx, r, in, w); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM entity_relations WHERE source IN ("+idList(ids)+")"); err != nil {
		return fmt.Errorf("delete relations: %w", err)
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM entities WHERE id IN ("+idList(ids)+")"); err != nil {
		return fmt.Errorf("delete entities: %w", err)
	}
	for _, r := range doomed {
		if err := c.record(ctx, tx, "entity.delete", Ref(r.blueprint, r.Identifier), w.By, w.RunID, changeDetail(r.flat(), nil)); err != nil {
			return err
		}
		tx.Notify(Topic, Ref(r.blueprint, r.Identifier))
	}
	return nil
}

// release empties the relations of entities that stay and point at r.
func (c *Catalog) release(ctx context.Context, tx *store.Tx, r *stored, doomed map[int64]bool, w Write) error {
	const every = 1_000_000 // all of them: each gets its own audit event
	pointing, err := c.dependents(ctx, tx, r.id, every)
	if err != nil {
		return err
	}
	pointing = slices.DeleteFunc(pointing, func(d dependent) bool { return doomed[d.id] })
	var required []Hit
	for _, d := range pointing {
		if d.Required {
			required = append(required, d.Hit)
		}
	}
	if len(required) > 0 {
		return hasDependents(r, required)
	}
	done := map[int64]bool{}
	for _, d := range pointing {
		if done[d.id] {
			continue
		}
		done[d.id] = true
		other, err := readStored(ctx, tx, d.Blueprint, d.Identifier, tx.ForUpdate())
		if err != nil {
			return err
		}
		if other == nil {
			continue
		}
		if err := c.forget(ctx, tx, other, r, w); err != nil {
			return err
		}
	}
	return nil
}

// forget takes target out of the relations of r.
func (c *Catalog) forget(ctx context.Context, tx *store.Tx, r, target *stored, w Write) error {
	b, err := readBlueprint(ctx, tx, r.blueprint, "")
	if err != nil {
		return err
	}
	before := r.flat()
	for name, relation := range b.Relations {
		if relation.Target != target.blueprint || !slices.Contains(r.Relations[name], target.Identifier) {
			continue
		}
		left := slices.DeleteFunc(slices.Clone(r.Relations[name]), func(id string) bool { return id == target.Identifier })
		if r.Relations[name] = left; len(left) == 0 {
			delete(r.Relations, name)
		}
	}
	// Positions may keep a gap: only their order counts, and 0 must stay in use
	// where a single relation has a value, which it has not after this.
	if _, err := tx.ExecContext(ctx, "DELETE FROM entity_relations WHERE source = $1 AND target = $2", r.id, target.id); err != nil {
		return fmt.Errorf("empty relations: %w", err)
	}
	if _, err := tx.ExecContext(ctx, "UPDATE entities SET updated_at = $1, updated_by = $2 WHERE id = $3", store.Millis(c.now()), w.By, r.id); err != nil {
		return fmt.Errorf("empty relations: %w", err)
	}
	v := w
	v.Cause = Ref(target.blueprint, target.Identifier)
	if err := c.keepVersion(ctx, tx, r, verbUpdate, v); err != nil {
		return err
	}
	tx.Notify(Topic, Ref(r.blueprint, r.Identifier))
	return c.record(ctx, tx, "entity.update", Ref(r.blueprint, r.Identifier), w.By, w.RunID, changeDetail(before, r.flat()))
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
