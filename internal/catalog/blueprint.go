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
	blueprints, err := readBlueprints(ctx, c.db.Read())
	if err != nil {
		return nil, err
	}
	rows, err := c.db.Read().QueryContext(ctx, "SELECT blueprint, COUNT(*) FROM entities GROUP BY blueprint")
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
	return blueprints, nil
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
	b, err := readBlueprint(ctx, c.db.Read(), id, "")
	if err != nil {
		return Blueprint{}, err
	}
	b.EntityCount, err = countRows(ctx, c.db.Read(), "SELECT COUNT(*) FROM entities WHERE blueprint = $1", id)
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

// PutBlueprint creates a blueprint or replaces it as a whole. Values of
// properties and relations that the new version no longer has are gone; a
// change that values in the catalog do not fit is refused.
func (c *Catalog) PutBlueprint(ctx context.Context, b Blueprint, by string) (Blueprint, bool, error) {
	var saved Blueprint
	var verb string
	err := c.write(ctx, func(tx *store.Tx) error {
		known, err := blueprintNames(ctx, tx)
		if err != nil {
			return err
		}
		if problems := checkBlueprint(b, func(id string) bool { return known[id] }); len(problems) > 0 {
			return problems.fault(fmt.Sprintf("Blueprint %q was not saved", b.Identifier))
		}
		saved, verb, err = c.saveBlueprint(ctx, tx, b, by, "")
		return err
	})
	return saved, verb == verbCreate, err
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

// saveBlueprint writes a checked blueprint.
func (c *Catalog) saveBlueprint(ctx context.Context, tx *store.Tx, b Blueprint, by, runID string) (Blueprint, string, error) {
	doc, err := b.document()
	if err != nil {
		return b, "", err
	}
	text, err := sortedJSON(doc)
	if err != nil {
		return b, "", err
	}
	if len(text) > maxDocument {
		return b, "", fault.New(fault.TooLarge, "Blueprint %q has %d bytes; at most %d are kept.", b.Identifier, len(text), maxDocument)
	}
	old, err := readBlueprint(ctx, tx, b.Identifier, tx.ForUpdate())
	if fault.Is(err, fault.NotFound) {
		created, err := c.insertBlueprint(ctx, tx, b, text, by, runID)
		return created, verbCreate, err
	}
	if err != nil {
		return b, "", err
	}
	oldDoc, err := old.document()
	if err != nil {
		return b, "", err
	}
	if oldText, err := sortedJSON(oldDoc); err != nil || oldText == text {
		return old, verbUnchanged, err
	}
	if err := migrateEntities(ctx, tx, old, b); err != nil {
		return b, "", err
	}
	at := c.now()
	if _, err := tx.ExecContext(ctx, "UPDATE blueprints SET doc = $1, updated_at = $2, updated_by = $3 WHERE identifier = $4",
		text, store.Millis(at), by, b.Identifier); err != nil {
		return b, "", fmt.Errorf("update blueprint %s: %w", b.Identifier, err)
	}
	if err := errors.Join(touchModel(ctx, tx), c.keepBlueprint(ctx, tx, b.Identifier, verbUpdate, text, by)); err != nil {
		return b, "", err
	}
	if err := c.record(ctx, tx, "blueprint.update", b.Identifier, by, runID, changeDetail(flatBlueprint(oldDoc), flatBlueprint(doc))); err != nil {
		return b, "", err
	}
	tx.Notify(BlueprintTopic, b.Identifier)
	saved, err := readBlueprint(ctx, tx, b.Identifier, "")
	return saved, verbUpdate, err
}

func (c *Catalog) insertBlueprint(ctx context.Context, tx *store.Tx, b Blueprint, text, by, runID string) (Blueprint, error) {
	at := store.Millis(c.now())
	if _, err := tx.ExecContext(ctx, "INSERT INTO blueprints ("+blueprintColumns+") VALUES ($1, $2, $3, $3, $4, $4)", b.Identifier, text, at, by); err != nil {
		return b, fmt.Errorf("insert blueprint %s: %w", b.Identifier, err)
	}
	if err := errors.Join(touchModel(ctx, tx), c.keepBlueprint(ctx, tx, b.Identifier, verbCreate, text, by)); err != nil {
		return b, err
	}
	doc, err := b.document()
	if err != nil {
		return b, err
	}
	if err := c.record(ctx, tx, "blueprint.create", b.Identifier, by, runID, changeDetail(nil, flatBlueprint(doc))); err != nil {
		return b, err
	}
	tx.Notify(BlueprintTopic, b.Identifier)
	return readBlueprint(ctx, tx, b.Identifier, "")
}

// DeleteBlueprint deletes a blueprint without entities that no other
// blueprint's relation points at.
func (c *Catalog) DeleteBlueprint(ctx context.Context, id, by string) error {
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
		if _, err := tx.ExecContext(ctx, "DELETE FROM blueprints WHERE identifier = $1", id); err != nil {
			return fmt.Errorf("delete blueprint %s: %w", id, err)
		}
		doc, err := old.document()
		if err != nil {
			return err
		}
		text, err := sortedJSON(doc)
		if err != nil {
			return err
		}
		if err := errors.Join(touchModel(ctx, tx), c.keepBlueprint(ctx, tx, id, verbDelete, text, by)); err != nil {
			return err
		}
		tx.Notify(BlueprintTopic, id)
		return c.record(ctx, tx, "blueprint.delete", id, by, "", changeDetail(flatBlueprint(doc), nil))
	})
}
