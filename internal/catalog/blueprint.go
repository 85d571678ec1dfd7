package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"sphera/internal/fault"
	"sphera/internal/store"
)

const blueprintColumns = "identifier, doc, created_at, updated_at, created_by, updated_by"

// Blueprints lists all blueprints by identifier, with their entity counts.
func (c *Catalog) Blueprints(ctx context.Context) ([]Blueprint, error) {
	if err := c.may(ctx, VerbRead, ""); err != nil {
		return nil, err
	}
	blueprints, err := readBlueprints(ctx, c.db.Read())
	if err != nil {
		return nil, err
	}
	rows, err := c.db.Read().QueryContext(ctx, "SELECT blueprint, n FROM facet_counts WHERE property = '' AND value = ''")
	type count struct {
		blueprint string
		n         int
	}
	counts, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (count, error) {
		var n count
		return n, row.Scan(&n.blueprint, &n.n)
	})
	if err != nil {
		return nil, fmt.Errorf("count entities: %w", err)
	}
	for _, n := range counts {
		for i := range blueprints {
			if blueprints[i].Identifier == n.blueprint {
				blueprints[i].EntityCount = n.n
			}
		}
	}
	sights, err := c.reading(ctx, "")
	for i := 0; i < len(blueprints) && err == nil; i++ {
		err = c.countFor(ctx, sights, &blueprints[i])
	}
	return blueprints, err
}

// countFor corrects the count of a blueprint for whom not everything is shown.
func (c *Catalog) countFor(ctx context.Context, s *sights, b *Blueprint) error {
	v, err := s.of(ctx, b.Identifier)
	if err != nil || v.All() {
		return err
	}
	b.EntityCount, err = c.EntityCount(ctx, b.Identifier)
	return err
}

// BlueprintsIn lists all blueprints as they are in q, a transaction for
// example.
func (c *Catalog) BlueprintsIn(ctx context.Context, q store.Querier) ([]Blueprint, error) {
	if err := c.may(ctx, VerbRead, ""); err != nil {
		return nil, err
	}
	return readBlueprints(ctx, q)
}

func readBlueprints(ctx context.Context, q store.Querier) ([]Blueprint, error) {
	rows, err := q.QueryContext(ctx, "SELECT "+blueprintColumns+" FROM blueprints ORDER BY identifier")
	blueprints, err := store.All(rows, err, scanBlueprint)
	if err != nil {
		return nil, fmt.Errorf("list blueprints: %w", err)
	}
	return blueprints, nil
}

// Blueprint returns one blueprint.
func (c *Catalog) Blueprint(ctx context.Context, id string) (Blueprint, error) {
	if err := c.may(ctx, VerbRead, id); err != nil {
		return Blueprint{}, err
	}
	b, err := readBlueprint(ctx, c.db.Read(), id, "")
	if err != nil {
		return Blueprint{}, err
	}
	if b.EntityCount, err = countRows(ctx, c.db.Read(), "SELECT COALESCE(SUM(n), 0) FROM facet_counts WHERE blueprint = $1 AND property = ''", id); err != nil {
		return Blueprint{}, err
	}
	sights, err := c.reading(ctx, id)
	if err == nil {
		err = c.countFor(ctx, sights, &b)
	}
	return b, err
}

func readBlueprint(ctx context.Context, q store.Querier, id, lock string) (Blueprint, error) {
	b, err := scanBlueprint(q.QueryRowContext(ctx, "SELECT "+blueprintColumns+" FROM blueprints WHERE identifier = $1"+lock, id))
	if errors.Is(err, sql.ErrNoRows) {
		return Blueprint{}, noBlueprint(id)
	}
	if err != nil {
		return Blueprint{}, fmt.Errorf("read blueprint %s: %w", id, err)
	}
	return b, nil
}

func scanBlueprint(row interface{ Scan(...any) error }) (Blueprint, error) {
	var id, doc, createdBy, updatedBy string
	var created, updated int64
	if err := row.Scan(&id, &doc, &created, &updated, &createdBy, &updatedBy); err != nil {
		return Blueprint{}, err
	}
	var b Blueprint
	if err := json.Unmarshal([]byte(doc), &b); err != nil {
		return Blueprint{}, fmt.Errorf("stored blueprint %s: %w", id, err)
	}
	b.Identifier, b.CreatedAt, b.UpdatedAt, b.CreatedBy, b.UpdatedBy = id, store.Time(created), store.Time(updated), createdBy, updatedBy
	b.complete()
	return b, nil
}

// complete makes the maps that answers always have.
func (b *Blueprint) complete() {
	if b.Schema.Properties == nil {
		b.Schema.Properties = map[string]Property{}
	}
	if b.Schema.Required == nil {
		b.Schema.Required = []string{}
	}
	if b.Relations == nil {
		b.Relations = map[string]Relation{}
	}
	if b.MirrorProperties == nil {
		b.MirrorProperties = map[string]Mirror{}
	}
	if b.CalculationProperties == nil {
		b.CalculationProperties = map[string]Calculation{}
	}
	if b.AggregationProperties == nil {
		b.AggregationProperties = map[string]Aggregation{}
	}
}

// document is the blueprint as it is kept and exported: without what the
// catalog itself adds.
func (b Blueprint) document() (map[string]any, error) {
	b.complete()
	raw, err := json.Marshal(b)
	if err != nil {
		return nil, fmt.Errorf("encode blueprint %s: %w", b.Identifier, err)
	}
	var doc map[string]any
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, fmt.Errorf("encode blueprint %s: %w", b.Identifier, err)
	}
	for _, key := range []string{"createdAt", "updatedAt", "createdBy", "updatedBy", "entityCount"} {
		delete(doc, key)
	}
	return doc, nil
}

func blueprintNames(ctx context.Context, q store.Querier) (map[string]bool, error) {
	rows, err := q.QueryContext(ctx, "SELECT identifier FROM blueprints")
	names, err := store.All(rows, err, scanString)
	if err != nil {
		return nil, fmt.Errorf("list blueprints: %w", err)
	}
	known := make(map[string]bool, len(names))
	for _, name := range names {
		known[name] = true
	}
	return known, nil
}

func scanString(row interface{ Scan(...any) error }) (string, error) {
	var s string
	return s, row.Scan(&s)
}

// What a write did.
const (
	verbCreate    = "create"
	verbUpdate    = "update"
	verbUnchanged = "unchanged"
	verbRefused   = "refused"
)

// DeleteBlueprint deletes a blueprint without entities that no other
// blueprint's relation points at.
func (c *Catalog) DeleteBlueprint(ctx context.Context, id, by string) error {
	if err := c.may(ctx, VerbShape, id); err != nil {
		return err
	}
	return c.write(ctx, func(tx *store.Tx) error {
		old, err := readBlueprint(ctx, tx, id, tx.ForUpdate())
		if err != nil {
			return err
		}
		n, err := countRows(ctx, tx, "SELECT COUNT(*) FROM entities WHERE blueprint = $1", id)
		if err != nil {
			return err
		}
		if n > 0 {
			return fault.New(fault.HasDependents, "Blueprint %q has %d entities (has_dependents). Delete them first.", id, n)
		}
		if isSystem(id) {
			return fault.New(fault.Forbidden, "Blueprint %q belongs to the catalog and cannot be deleted.", id)
		}
		others, err := readBlueprints(ctx, tx)
		if err != nil {
			return err
		}
		for _, other := range others {
			for name, r := range other.Relations {
				if r.Target == id && other.Identifier != id {
					return fault.New(fault.HasDependents, "Relation %q of blueprint %q points at %q (has_dependents). Remove the relation first.", name, other.Identifier, id)
				}
			}
		}
		var rights string
		if err := tx.QueryRowContext(ctx, "SELECT permissions FROM blueprints WHERE identifier = $1", id).Scan(&rights); err != nil {
			return fmt.Errorf("read the permissions of %s: %w", id, err)
		}
		for _, statement := range []string{
			"DELETE FROM scorecards WHERE blueprint = $1", "DELETE FROM facet_counts WHERE blueprint = $1", "DELETE FROM facet_sets WHERE blueprint = $1", "DELETE FROM derive_backfill WHERE blueprint = $1",
			"DELETE FROM blueprints WHERE identifier = $1",
		} {
			if _, err := tx.ExecContext(ctx, statement, id); err != nil {
				return fmt.Errorf("delete blueprint %s: %w", id, err)
			}
		}
		doc, err := old.document()
		if err != nil {
			return err
		}
		text, err := sortedJSON(doc)
		if err != nil {
			return err
		}
		if err := errors.Join(touchModel(ctx, tx), c.keepBlueprint(ctx, tx, id, verbDelete, text, by), keepRights(ctx, tx, id, rights), c.guarded(ctx, tx)); err != nil {
			return err
		}
		tx.Notify(BlueprintTopic, id)
		return c.record(ctx, tx, "blueprint.delete", id, by, "", changeDetail(flatBlueprint(doc), nil))
	})
}
