package catalog

import (
	"context"
	"errors"
	"fmt"

	"sphera/internal/fault"
	"sphera/internal/store"
)

// maxSamples is how many entities a preview works out.
const maxSamples = 20

// BlueprintPreview says what saving a blueprint would do.
type BlueprintPreview struct {
	// New is true when there is no such blueprint yet.
	New bool `json:"new"`
	// Changes are the parts that differ, before and after.
	Changes []PartChange `json:"changes"`
	// Entities is how many there are of the blueprint.
	Entities int `json:"entities"`
	// Dropped are the properties and relations whose values would be gone, with
	// how many entities have one.
	Dropped []Dropped `json:"lost"`
	// TypeChanges are the properties whose values would be converted.
	TypeChanges []TypeChange `json:"migrations"`
	// Affected are the blueprints whose derived values would be worked out
	// again.
	Affected []string `json:"affected"`
	// Samples are real entities as they would be.
	Samples []Entity `json:"samples"`
}

// PartChange is one part of a blueprint that differs.
type PartChange struct {
	Part   string `json:"part"`
	Before any    `json:"before"`
	After  any    `json:"after"`
}

// Dropped is a property or relation that goes, with its values.
type Dropped struct {
	// Property is "properties.name" or "relations.name".
	Property string `json:"property"`
	Values   int    `json:"values"`
}

// PreviewBlueprint says what saving b would do, and saves nothing. samples are
// identifiers of entities to work out; without any the first ones are.
func (c *Catalog) PreviewBlueprint(ctx context.Context, b Blueprint, samples []string) (BlueprintPreview, error) {
	sights, err := c.reading(ctx, b.Identifier)
	if err != nil {
		return BlueprintPreview{}, err
	}
	// A definition that is tried out can lead to what is hidden.
	if whole, err := sights.whole(ctx); err != nil {
		return BlueprintPreview{}, err
	} else if !whole {
		if err := c.may(ctx, VerbShape, b.Identifier); err != nil {
			return BlueprintPreview{}, err
		}
	}
	out := BlueprintPreview{Changes: []PartChange{}, Dropped: []Dropped{}, TypeChanges: []TypeChange{}, Affected: []string{}, Samples: []Entity{}}
	if len(samples) > maxSamples {
		return out, fault.Field("/samples", fmt.Sprintf("has %d entities", len(samples)), fmt.Sprintf("at most %d", maxSamples))
	}
	err = c.write(ctx, func(tx *store.Tx) error {
		if err := c.preview(ctx, tx, b, samples, &out); err != nil {
			return err
		}
		return errRollback
	})
	if err != nil && !errors.Is(err, errRollback) {
		return out, err
	}
	return out, nil
}

func (c *Catalog) preview(ctx context.Context, tx *store.Tx, b Blueprint, samples []string, out *BlueprintPreview) error {
	known, err := blueprintNames(ctx, tx)
	if err != nil {
		return err
	}
	if b, err = withSystemBase(b); err != nil {
		return err
	}
	if problems := checkBlueprint(b, func(id string) bool { return known[id] }); len(problems) > 0 {
		return problems.fault(fmt.Sprintf("Blueprint %q could not be saved", b.Identifier))
	}
	doc, err := b.document()
	if err != nil {
		return err
	}
	var before map[string]any
	old, err := readBlueprint(ctx, tx, b.Identifier, "")
	switch {
	case fault.Is(err, fault.NotFound):
		out.New = true
	case err != nil:
		return err
	default:
		if before, err = old.document(); err != nil {
			return err
		}
		if err := c.previewValues(ctx, tx, old, b, out); err != nil {
			return err
		}
	}
	was, now := flatBlueprint(before), flatBlueprint(doc)
	if out.New {
		was = map[string]any{}
	}
	for _, part := range differing(was, now, sameJSON) {
		out.Changes = append(out.Changes, PartChange{Part: part, Before: was[part], After: now[part]})
	}
	return c.previewSamples(ctx, tx, b, doc, samples, out)
}

// previewValues says what becomes of the values there are.
func (c *Catalog) previewValues(ctx context.Context, tx *store.Tx, old, b Blueprint, out *BlueprintPreview) error {
	var err error
	out.Entities, err = countRows(ctx, tx, "SELECT COUNT(*) FROM entities e WHERE e.blueprint = $1 AND e.pending = 0", b.Identifier)
	if err != nil {
		return err
	}
	for _, name := range sortedKeys(old.Schema.Properties) {
		now, kept := b.Schema.Properties[name]
		switch {
		case !kept:
			n, err := countRows(ctx, tx, "SELECT COUNT(*) FROM entities e WHERE e.blueprint = $1 AND e.pending = 0 AND "+jsonText(tx.Dialect, name)+" IS NOT NULL", b.Identifier)
			if err != nil {
				return err
			}
			out.Dropped = append(out.Dropped, Dropped{fieldProperty(name), n})
		case now.Type != old.Schema.Properties[name].Type:
			change, _, err := tryConversion(ctx, tx, b.Identifier, name, old.Schema.Properties[name], now)
			if err != nil {
				return err
			}
			out.TypeChanges = append(out.TypeChanges, change)
		}
	}
	for _, name := range sortedKeys(old.Relations) {
		if _, kept := b.Relations[name]; kept {
			continue
		}
		n, err := countRows(ctx, tx, "SELECT COUNT(DISTINCT source) FROM entity_relations WHERE "+relationsOf, name, b.Identifier)
		if err != nil {
			return err
		}
		out.Dropped = append(out.Dropped, Dropped{fieldRelation(name), n})
	}
	return nil
}

// previewSamples saves the blueprint in the transaction, which is rolled back,
// and works entities out by it.
func (c *Catalog) previewSamples(ctx context.Context, tx *store.Tx, b Blueprint, doc map[string]any, samples []string, out *BlueprintPreview) error {
	before, err := c.readModel(ctx, tx, false)
	if err != nil {
		return err
	}
	text, err := sortedJSON(doc)
	if err != nil {
		return err
	}
	statement := "UPDATE blueprints SET doc = $1 WHERE identifier = $2"
	if out.New {
		statement = "INSERT INTO blueprints (doc, identifier, created_at, updated_at, created_by, updated_by) VALUES ($1, $2, 0, 0, '', '')"
	}
	if _, err := tx.ExecContext(ctx, statement, text, b.Identifier); err != nil {
		return fmt.Errorf("try blueprint %s: %w", b.Identifier, err)
	}
	if err := touchModel(ctx, tx); err != nil {
		return err
	}
	m, err := c.readModel(ctx, tx, false)
	if err != nil {
		return err
	}
	affected := m.affectedBy(b.Identifier)
	for id := range before.affectedBy(b.Identifier) {
		affected[id] = true
	}
	delete(affected, b.Identifier)
	out.Affected = sortedKeys(affected)
	if len(samples) == 0 {
		rows, err := tx.QueryContext(ctx, "SELECT e.identifier FROM entities e WHERE e.blueprint = $1 AND e.pending = 0 ORDER BY e.id LIMIT 3", b.Identifier)
		if samples, err = store.All(rows, err, scanString); err != nil {
			return fmt.Errorf("find samples: %w", err)
		}
	}
	if out.New {
		return nil
	}
	batch := c.batchOf(tx, m, Write{By: "preview"})
	if err := batch.named(ctx, b.Identifier, samples); err != nil {
		return err
	}
	for _, id := range samples {
		r := batch.byName[nameKey(b.Identifier, id)]
		if r == nil || r.now.pending != 0 {
			continue
		}
		if err := batch.try(ctx, r, out.TypeChanges); err != nil {
			return err
		}
		out.Samples = append(out.Samples, r.now.entity(r.s))
	}
	return nil
}

// try works out what an entity would be, without its
// neighbours' values changing.
func (b *batch) try(ctx context.Context, r *row, changes []TypeChange) error {
	var list []conversion
	for _, change := range changes {
		list = append(list, conversion{name: change.Property, check: r.s.checkers[change.Property], to: change.To})
	}
	b.convertRow(r, list)
	derived := map[string]any{}
	for _, a := range r.s.aggregations {
		values, err := b.countedFor(ctx, a, []int64{r.now.id})
		if err != nil {
			return err
		}
		if v := values[r.now.id]; v != nil {
			derived[a.name] = v
		}
	}
	r.now.derived = derived
	if err := b.prefetch(ctx, []*row{r}); err != nil {
		return err
	}
	return b.deriveRow(ctx, r)
}
