package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sphera/internal/catalog/naming"
	"sphera/internal/fault"
	"sphera/internal/store"
)

// Renamed is a blueprint after something of it was renamed.
type Renamed struct {
	Blueprint Blueprint `json:"blueprint"`
	// Followed are the other places that were changed with it.
	Followed []string `json:"followed"`
	// Left are places that may mean it and were left: whoever renamed looks.
	Left []string `json:"left"`
}

// RenameProperty renames a property, calculation or aggregation with the
// values, and what refers to it.
func (c *Catalog) RenameProperty(ctx context.Context, blueprint, old, name, by string) (Renamed, error) {
	if err := c.may(ctx, VerbShape, blueprint); err != nil {
		return Renamed{}, err
	}
	return c.renamePart(ctx, blueprint, by, renaming{blueprint: blueprint, old: old, name: name, what: "property"})
}

// RenameMirror renames a mirror property.
func (c *Catalog) RenameMirror(ctx context.Context, blueprint, old, name, by string) (Renamed, error) {
	if err := c.may(ctx, VerbShape, blueprint); err != nil {
		return Renamed{}, err
	}
	return c.renamePart(ctx, blueprint, by, renaming{blueprint: blueprint, old: old, name: name, what: "mirror"})
}

// RenameRelation renames a relation with what is related, and the paths over
// it.
func (c *Catalog) RenameRelation(ctx context.Context, blueprint, old, name, by string) (Renamed, error) {
	if err := c.may(ctx, VerbShape, blueprint); err != nil {
		return Renamed{}, err
	}
	return c.renamePart(ctx, blueprint, by, renaming{blueprint: blueprint, old: old, name: name, what: "relation"})
}

// renaming is a new name for a part of a blueprint.
type renaming struct {
	blueprint, old, name, what string
	m                          *model
	out                        *Renamed
}

func (c *Catalog) renamePart(ctx context.Context, blueprint, by string, r renaming) (Renamed, error) {
	var out Renamed
	err := c.write(ctx, func(tx *store.Tx) error {
		out = Renamed{Followed: []string{}, Left: []string{}}
		r.out = &out
		var err error
		if r.m, err = c.readModel(ctx, tx, false); err != nil {
			return err
		}
		s := r.m.blueprints[blueprint]
		if s == nil {
			return noBlueprint(blueprint)
		}
		if err := r.check(s.Blueprint); err != nil {
			return err
		}
		if r.old == r.name {
			out.Blueprint, err = readBlueprint(ctx, tx, blueprint, "")
			return err
		}
		if err := r.data(ctx, tx); err != nil {
			return err
		}
		if err := c.references(ctx, tx, r, by); err != nil {
			return err
		}
		// Slots moved with the names; what is derived has to be looked at again.
		if err := c.rederive(ctx, tx, r.m, blueprint, nil, BlueprintWrite{By: by}); err != nil {
			return err
		}
		if err := c.guarded(ctx, tx); err != nil {
			return err
		}
		out.Blueprint, err = readBlueprint(ctx, tx, blueprint, "")
		return err
	})
	return out, err
}

// references renames in everything but the entities.
func (c *Catalog) references(ctx context.Context, tx *store.Tx, r renaming, by string) error {
	for _, id := range sortedKeys(r.m.blueprints) {
		if err := c.renameIn(ctx, tx, r, id, by); err != nil {
			return err
		}
	}
	ch := r.change()
	ch.By = by
	found, err := c.carry(ctx, tx, r.m, ch)
	if err != nil {
		return err
	}
	r.out.add(found)
	return touchModel(ctx, tx)
}

func (r renaming) change() naming.Change {
	ch := naming.Change{Kind: naming.Property, Blueprint: r.blueprint, Old: r.old, New: r.name, Target: r.m.target}
	if r.what == "relation" {
		ch.Kind = naming.Relation
	}
	return ch
}

func (r renaming) check(b Blueprint) error {
	taken := map[string]bool{}
	for name := range b.Schema.Properties {
		taken[name] = true
	}
	for name := range b.MirrorProperties {
		taken[name] = true
	}
	for name := range b.CalculationProperties {
		taken[name] = true
	}
	for name := range b.AggregationProperties {
		taken[name] = true
	}
	var there bool
	field := "newPropertyName"
	switch r.what {
	case "relation":
		_, there = b.Relations[r.old]
		_, used := b.Relations[r.name]
		taken, field = map[string]bool{r.name: used}, "newRelationIdentifier"
	case "mirror":
		_, there = b.MirrorProperties[r.old]
		field = "newMirrorName"
	default:
		there = taken[r.old]
	}
	if !there {
		return fault.New(fault.NotFound, "Blueprint %q has no %s %q.", b.Identifier, r.what, cut(r.old))
	}
	if base, err := SystemStructure(b.Identifier); err == nil {
		_, property := base.Schema.Properties[r.old]
		_, relation := base.Relations[r.old]
		if property && r.what != "relation" || relation && r.what == "relation" {
			return fault.New(fault.Forbidden, "%q belongs to the catalog's own part of %s and keeps its name.", r.old, b.Identifier)
		}
	}
	if !validPropertyIdentifier(r.name) {
		return fault.Field(field, fmt.Sprintf("%q is not an identifier", cut(r.name)), propertyRule)
	}
	if r.old != r.name && taken[r.name] {
		return fault.New(fault.Taken, "Blueprint %q has %q already (identifier_taken).", b.Identifier, r.name)
	}
	return nil
}

// data renames what the entities have. What was sent to them stands for them
// no longer: their digests are of another blueprint.
func (r renaming) data(ctx context.Context, tx *store.Tx) error {
	type change struct {
		what, statement string
		args            []any
	}
	var changes []change
	if r.what == "relation" {
		changes = append(changes, change{"relations", "UPDATE entity_relations SET relation = $1 WHERE relation = $2 AND source IN (SELECT id FROM entities WHERE blueprint = $3)", []any{r.name, r.old, r.blueprint}})
	} else {
		for _, column := range []string{"properties", "derived"} {
			set := "(" + column + " - '" + r.old + "') || jsonb_build_object('" + r.name + "', " + column + " -> '" + r.old + "')"
			has := column + " -> '" + r.old + "' IS NOT NULL"
			if tx.Dialect == store.SQLite {
				set = "json_set(json_remove(" + column + ", " + jsonPath(r.old) + "), " + jsonPath(r.name) + ", " + column + " -> " + jsonPath(r.old) + ")"
				set = strings.Replace(set, column+" -> "+jsonPath(r.old)+")", "json("+column+" -> "+jsonPath(r.old)+"))", 1)
				has = column + " -> " + jsonPath(r.old) + " IS NOT NULL"
			}
			changes = append(changes, change{column, "UPDATE entities SET " + column + " = " + set + " WHERE blueprint = $1 AND " + has, []any{r.blueprint}})
		}
		if err := renameFacet(ctx, tx, r.blueprint, r.old, r.name); err != nil {
			return err
		}
	}
	from, to := `"`+r.field(r.old)+`"`, `"`+r.field(r.name)+`"`
	where := "REPLACE(CAST(provenance AS TEXT), $1, $2)"
	if tx.Dialect == store.Postgres {
		where = "CAST(" + where + " AS JSONB)"
	}
	changes = append(changes, change{"provenance", "UPDATE entities SET provenance = " + where + " WHERE blueprint = $3 AND provenance <> '{}'", []any{from, to, r.blueprint}})
	for _, ch := range changes {
		if _, err := tx.ExecContext(ctx, ch.statement, ch.args...); err != nil {
			return fmt.Errorf("rename %s of %s in %s: %w", r.old, r.blueprint, ch.what, err)
		}
	}
	return nil
}

func (r renaming) field(name string) string {
	if r.what == "relation" {
		return fieldRelation(name)
	}
	return fieldProperty(name)
}

// renameIn follows the rename in one blueprint, and saves it where it changed.
func (c *Catalog) renameIn(ctx context.Context, tx *store.Tx, r renaming, id, by string) error {
	s := r.m.blueprints[id]
	before, err := s.document()
	if err != nil {
		return err
	}
	var b Blueprint
	raw, err := sortedJSON(before)
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(raw), &b); err != nil {
		return fmt.Errorf("read blueprint %s: %w", id, err)
	}
	b.complete()
	if id == r.blueprint {
		r.own(&b)
	}
	r.follow(&b, s)
	after, err := b.document()
	if err != nil {
		return err
	}
	text, err := sortedJSON(after)
	if err != nil || text == raw {
		return err
	}
	slots := maps.Clone(s.slots)
	if slot, ok := slots[r.old]; ok && id == r.blueprint && r.what != "relation" {
		delete(slots, r.old)
		slots[r.name] = slot
	}
	slotText, err := sortedJSON(slots)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "UPDATE blueprints SET doc = $1, slots = $2, updated_at = $3, updated_by = $4 WHERE identifier = $5", text, slotText, store.Millis(c.now()), by, id); err != nil {
		return fmt.Errorf("rename in blueprint %s: %w", id, err)
	}
	if err := c.keepBlueprint(ctx, tx, id, verbUpdate, text, by); err != nil {
		return err
	}
	tx.Notify(BlueprintTopic, id)
	return c.record(ctx, tx, "blueprint.update", id, by, "", changeDetail(flatBlueprint(before), flatBlueprint(after)))
}

func renameKey[V any](m map[string]V, old, name string) bool {
	v, ok := m[old]
	if ok {
		delete(m, old)
		m[name] = v
	}
	return ok
}

// own renames the definition.
func (r renaming) own(b *Blueprint) {
	if r.what == "relation" {
		renameKey(b.Relations, r.old, r.name)
		return
	}
	renameKey(b.Schema.Properties, r.old, r.name)
	renameKey(b.MirrorProperties, r.old, r.name)
	renameKey(b.CalculationProperties, r.old, r.name)
	renameKey(b.AggregationProperties, r.old, r.name)
	for i, name := range b.Schema.Required {
		if name == r.old {
			b.Schema.Required[i] = r.name
		}
	}
	for name, calc := range b.CalculationProperties {
		if name != r.old {
			r.calculation(b, name, calc)
		}
	}
}

// follow renames in paths, aggregations and calculations. s is the blueprint
// as it was.
func (r renaming) follow(b *Blueprint, s *schema) {
	if b.Identifier == r.blueprint && r.what == "relation" {
		for name, calc := range b.CalculationProperties {
			r.calculation(b, name, calc)
		}
	}
	for name, mirror := range b.MirrorProperties {
		if path, ok := r.path(s, mirror.Path, true); ok {
			mirror.Path = path
			b.MirrorProperties[name] = mirror
			r.followed(b, "mirrorProperties", name)
		}
	}
	for name, a := range b.AggregationProperties {
		if r.aggregation(b, name, &a, s) {
			b.AggregationProperties[name] = a
			r.followed(b, "aggregationProperties", name)
		}
	}
	if o := b.Ownership; o != nil && o.Path != "" {
		if path, ok := r.path(s, o.Path, false); ok {
			o.Path = path
			r.followed(b, "ownership", "path")
		}
	}
	if t := b.TeamInheritance; t != nil {
		if path, ok := r.path(s, t.Path, false); ok {
			t.Path = path
			r.followed(b, "teamInheritance", "path")
		}
	}
}

func (r renaming) followed(b *Blueprint, part, name string) {
	r.out.Followed = append(r.out.Followed, b.Identifier+"/"+part+"/"+name)
}

// path renames in a path from s; its last part is a property with property.
func (r renaming) path(s *schema, path string, property bool) (string, bool) {
	parts := strings.Split(path, ".")
	at, changed := s, false
	for i, part := range parts {
		if at == nil {
			break
		}
		last := property && i == len(parts)-1
		if at.Identifier == r.blueprint && part == r.old && last == (r.what != "relation") {
			parts[i], changed = r.name, true
		}
		if !last {
			at = r.m.blueprints[at.Relations[part].Target]
		}
	}
	return strings.Join(parts, "."), changed
}

func (r renaming) aggregation(b *Blueprint, name string, a *Aggregation, s *schema) bool {
	changed := false
	for i, f := range a.PathFilter {
		start := s
		if f.FromBlueprint != "" {
			start = r.m.blueprints[a.Target]
		}
		if path, ok := r.path(start, strings.Join(f.Path, "."), false); ok {
			a.PathFilter[i].Path, changed = strings.Split(path, "."), true
		}
	}
	if a.Target == r.blueprint && r.what != "relation" {
		for _, name := range []*string{&a.CalculationSpec.Property, &a.CalculationSpec.MeasureTimeBy} {
			if *name == r.old {
				*name, changed = r.name, true
			}
		}
	}
	_, renamed, left := r.change().Document(any(a.Query), a.Target)
	for _, at := range left {
		r.out.Left = append(r.out.Left, b.Identifier+"/aggregationProperties/"+name+"/query"+at)
	}
	return renamed || changed
}

// calculation renames in a jq text where it is certain what is meant; where it
// may be meant and is not certain, that is told.
func (r renaming) calculation(b *Blueprint, name string, calc Calculation) {
	parent := "properties"
	if r.what == "relation" {
		parent = "relations"
	}
	text, sure := renameInJQ(calc.Calculation, parent, r.old, r.name)
	if !sure {
		r.out.Left = append(r.out.Left, b.Identifier+"/calculationProperties/"+name)
	}
	if text != calc.Calculation {
		calc.Calculation = text
		b.CalculationProperties[name] = calc
		r.followed(b, "calculationProperties", name)
	}
}

// renameBlueprint gives a blueprint another identifier. Entities and
// scorecards follow in the database, other blueprints here; b, which is about
// to be saved, gets its own references renamed.
func (c *Catalog) renameBlueprint(ctx context.Context, tx *store.Tx, id string, b *Blueprint, w BlueprintWrite) error {
	if err := c.checkBlueprintName(ctx, tx, id, b.Identifier); err != nil {
		return err
	}
	m, err := c.readModel(ctx, tx, false)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "UPDATE blueprints SET identifier = $1 WHERE identifier = $2", b.Identifier, id); err != nil {
		return fmt.Errorf("rename blueprint %s: %w", id, err)
	}
	if err := renameFacets(ctx, tx, id, b.Identifier); err != nil {
		return err
	}
	for _, table := range []string{"derive_backfill", "scorecards_deleted", "entity_versions", "blueprint_versions"} {
		where := " WHERE blueprint = $2"
		if table == "entity_versions" {
			where += " AND verb = 'delete'" // those that are there are known by their number
		}
		if _, err := tx.ExecContext(ctx, "UPDATE "+table+" SET blueprint = $1"+where, b.Identifier, id); err != nil {
			return fmt.Errorf("rename blueprint %s in %s: %w", id, table, err)
		}
	}
	others, err := readBlueprints(ctx, tx)
	if err != nil {
		return err
	}
	for _, other := range others {
		if err := c.retarget(ctx, tx, other, id, b.Identifier, w); err != nil {
			return err
		}
	}
	b.complete()
	retargeted(b, id, b.Identifier)
	if _, err := c.carry(ctx, tx, m, naming.Change{Kind: naming.Blueprint, Blueprint: id, Old: id, New: b.Identifier, By: w.By}); err != nil {
		return err
	}
	if err := errors.Join(touchModel(ctx, tx), c.reindex(ctx, tx, b.Identifier), c.queueBlueprint(ctx, tx, b.Identifier, "rename of "+id)); err != nil {
		return err
	}
	tx.Notify(BlueprintTopic, id)
	tx.Notify(QueueTopic, "")
	return c.record(ctx, tx, "blueprint.rename", b.Identifier, w.By, w.RunID, changeDetail(map[string]any{"identifier": id}, map[string]any{"identifier": b.Identifier}))
}

func (c *Catalog) checkBlueprintName(ctx context.Context, tx *store.Tx, id, name string) error {
	if isSystem(id) || isSystem(name) {
		return fault.New(fault.Forbidden, "The catalog's own blueprints keep their names.")
	}
	if !validBlueprintIdentifier(name) {
		return fault.Field("/identifier", fmt.Sprintf("%q is not an identifier", cut(name)), blueprintRule)
	}
	_, err := readBlueprint(ctx, tx, name, "")
	if err == nil {
		return fault.New(fault.Taken, "There is a blueprint %q already (identifier_taken).", name)
	}
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// retarget saves another blueprint that points at the renamed one.
func (c *Catalog) retarget(ctx context.Context, tx *store.Tx, other Blueprint, old, name string, w BlueprintWrite) error {
	before, err := other.document()
	if err != nil {
		return err
	}
	before["identifier"] = other.Identifier
	other.Relations, other.AggregationProperties = maps.Clone(other.Relations), maps.Clone(other.AggregationProperties)
	if !retargeted(&other, old, name) && other.Identifier != name {
		return nil
	}
	after, err := other.document()
	if err != nil {
		return err
	}
	text, err := sortedJSON(after)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "UPDATE blueprints SET doc = $1 WHERE identifier = $2", text, other.Identifier); err != nil {
		return fmt.Errorf("point %s at %s: %w", other.Identifier, name, err)
	}
	if other.Identifier == name {
		return nil // saved as a whole in a moment
	}
	tx.Notify(BlueprintTopic, other.Identifier)
	if err := c.keepBlueprint(ctx, tx, other.Identifier, verbUpdate, text, w.By); err != nil {
		return err
	}
	return c.record(ctx, tx, "blueprint.update", other.Identifier, w.By, w.RunID, changeDetail(flatBlueprint(before), flatBlueprint(after)))
}

// retargeted points relations and aggregations at the new identifier.
func retargeted(b *Blueprint, old, name string) bool {
	changed := false
	for key, r := range b.Relations {
		if r.Target == old {
			r.Target, changed = name, true
			b.Relations[key] = r
		}
	}
	for key, a := range b.AggregationProperties {
		was := a.Target
		if was == old {
			a.Target, changed = name, true
		}
		a.PathFilter = slices.Clone(a.PathFilter)
		for i := range a.PathFilter {
			if a.PathFilter[i].FromBlueprint == old {
				a.PathFilter[i].FromBlueprint, changed = name, true
			}
		}
		if _, renamed, _ := (naming.Change{Kind: naming.Blueprint, Blueprint: old, Old: old, New: name}).Document(any(a.Query), was); renamed {
			changed = true
		}
		b.AggregationProperties[key] = a
	}
	return changed
}

// reindex writes the text index of all entities of a blueprint anew.
func (c *Catalog) reindex(ctx context.Context, tx *store.Tx, blueprint string) error {
	const part = 500
	for after := int64(0); ; {
		rows, err := tx.QueryContext(ctx, "SELECT "+entityColumns+" FROM entities e WHERE e.blueprint = $1 AND e.id > $2 ORDER BY e.id LIMIT $3", blueprint, after, part)
		list, err := store.All(rows, err, scanStored)
		if err != nil {
			return fmt.Errorf("index %s: %w", blueprint, err)
		}
		if len(list) == 0 {
			return nil
		}
		after = list[len(list)-1].id
		if err := c.indexText(ctx, tx, make([]*stored, len(list)), list); err != nil {
			return err
		}
	}
}
