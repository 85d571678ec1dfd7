package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"sphera/internal/catalog/property"
	"sphera/internal/store"
)

// conversion is a property whose type changes.
type conversion struct {
	blueprint, name string
	from            property.Property
	check           *property.Checker
	to              string
}

// Unfit is a value that cannot become what its property is to be.
type Unfit struct {
	Identifier string `json:"identifier"`
	Value      any    `json:"value"`
	Problem    string `json:"problem"`
}

// TypeChange says what a change of a property's type does to the values.
type TypeChange struct {
	Property string `json:"property"`
	From     string `json:"from"`
	To       string `json:"to"`
	Convert  int    `json:"converts"`
	Fail     int    `json:"fails"`
	// Failures are the first twenty of those that fail.
	Failures []Unfit `json:"examples"`
}

// maxFailures is how many of the values that do not fit are shown.
const maxFailures = 20

// migrateEntities carries the entities of a blueprint over to its new version
// in place, or refuses the version they do not fit. It returns the conversions
// that are left to do once the new version is saved.
func (c *Catalog) migrateEntities(ctx context.Context, tx *store.Tx, old, b Blueprint, w BlueprintWrite) ([]conversion, error) {
	var p problems
	var todo []conversion
	for _, name := range slices.Sorted(maps.Keys(old.Schema.Properties)) {
		before := old.Schema.Properties[name]
		now, kept := b.Schema.Properties[name]
		switch {
		case !kept:
			if err := dropProperty(ctx, tx, b.Identifier, name); err != nil {
				return nil, err
			}
		case now.Type != before.Type:
			change, conversion, err := tryConversion(ctx, tx, b.Identifier, name, before, now)
			if err != nil {
				return nil, err
			}
			if change.Convert+change.Fail > 0 {
				todo = append(todo, conversion)
			}
			if change.Fail > 0 && !w.DropUnfit {
				first := change.Failures[0]
				p.add("/schema/properties/"+property.Escape(name)+"/type",
					fmt.Sprintf("cannot become %s: %d of %d values of type %s cannot be converted, for example that of %s", now.Type, change.Fail, change.Convert+change.Fail, before.Type, cut(first.Identifier)),
					"values that convert; look at the preview, and save with the values that do not fit dropped")
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(old.Relations)) {
		if err := migrateRelation(ctx, tx, &p, b, name, old.Relations[name]); err != nil {
			return nil, err
		}
	}
	if len(p) > 0 {
		return nil, p.fault(fmt.Sprintf("Blueprint %q was not saved", b.Identifier))
	}
	return todo, nil
}

// tryConversion looks at all values of a property that is to change its type.
func tryConversion(ctx context.Context, q store.Querier, blueprint, name string, before, now property.Property) (TypeChange, conversion, error) {
	change := TypeChange{Property: name, From: before.Type, To: now.Type, Failures: []Unfit{}}
	check, err := now.Compile()
	if err != nil {
		return change, conversion{}, fmt.Errorf("property %s: %w", name, err)
	}
	to := conversion{blueprint: blueprint, name: name, from: before, check: check, to: now.Type}
	const part = 1000
	for after := int64(0); ; {
		rows, err := q.QueryContext(ctx, "SELECT e.id, e.identifier, e.properties FROM entities e WHERE e.blueprint = $1 AND e.id > $2 ORDER BY e.id LIMIT $3", blueprint, after, part)
		type value struct {
			id         int64
			identifier string
			properties []byte
		}
		list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (value, error) {
			var v value
			return v, row.Scan(&v.id, &v.identifier, &v.properties)
		})
		if err != nil {
			return change, to, fmt.Errorf("look at the values of %s: %w", name, err)
		}
		for _, v := range list {
			after = v.id
			var properties map[string]any
			if err := json.Unmarshal(v.properties, &properties); err != nil {
				return change, to, fmt.Errorf("properties of %s: %w", Ref(blueprint, v.identifier), err)
			}
			was, set := properties[name]
			if !set {
				continue
			}
			if _, problem := to.convert(was); problem != "" {
				if change.Fail++; len(change.Failures) < maxFailures {
					change.Failures = append(change.Failures, Unfit{v.identifier, was, problem})
				}
				continue
			}
			change.Convert++
		}
		if len(list) < part {
			return change, to, nil
		}
	}
}

// convert gives the value in the new type, or what is in the way.
func (c conversion) convert(v any) (any, string) {
	out, ok := converted(v, c.to)
	if !ok {
		return nil, fmt.Sprintf("is %s that cannot be read as %s", c.from.Type, c.to)
	}
	if bad := c.check.Check(out); len(bad) > 0 {
		return nil, bad[0].Problem
	}
	return out, ""
}

// converted reads v as another type where that loses nothing.
func converted(v any, to string) (any, bool) {
	switch to {
	case "string":
		switch v := v.(type) {
		case string:
			return v, true
		case float64:
			return strconv.FormatFloat(v, 'f', -1, 64), true
		case bool:
			return strconv.FormatBool(v), true
		case []any:
			if len(v) == 1 {
				return converted(v[0], to)
			}
		}
	case "number":
		switch v := v.(type) {
		case float64:
			return v, true
		case string:
			n, err := strconv.ParseFloat(v, 64)
			return n, err == nil && !math.IsInf(n, 0) && !math.IsNaN(n)
		case []any:
			if len(v) == 1 {
				return converted(v[0], to)
			}
		}
	case "boolean":
		switch v := v.(type) {
		case bool:
			return v, true
		case string:
			return v == "true", v == "true" || v == "false"
		}
	case "array":
		if list, ok := v.([]any); ok {
			return list, true
		}
		return []any{v}, true
	case "object":
		if text, ok := v.(string); ok {
			var object map[string]any
			return object, json.Unmarshal([]byte(text), &object) == nil && object != nil
		}
		object, ok := v.(map[string]any)
		return object, ok
	}
	return nil, false
}

// convertAll writes the converted values; those that do not fit become unset.
func (c *Catalog) convertAll(ctx context.Context, tx *store.Tx, m *model, list []conversion, w BlueprintWrite) error {
	const part = 1000
	for after := int64(0); ; {
		rows, err := tx.QueryContext(ctx, "SELECT e.id FROM entities e WHERE e.blueprint = $1 AND e.id > $2 ORDER BY e.id LIMIT $3", list[0].blueprint, after, part)
		ids, err := store.All(rows, err, scanInt)
		if err != nil {
			return fmt.Errorf("list %s: %w", list[0].blueprint, err)
		}
		b := c.batchOf(tx, m, Write{By: w.By, RunID: w.RunID, Cause: "blueprint " + list[0].blueprint})
		if err := b.load(ctx, ids); err != nil {
			return err
		}
		for _, id := range ids {
			after = id
			if r := b.rows[id]; r != nil {
				b.convertRow(r, list)
			}
		}
		if err := b.save(ctx); err != nil {
			return err
		}
		b.notify()
		if len(ids) < part {
			return nil
		}
	}
}

func (b *batch) convertRow(r *row, list []conversion) {
	properties := maps.Clone(r.now.Properties)
	var changed []string
	for _, c := range list {
		was, set := properties[c.name]
		if !set {
			continue
		}
		now, problem := c.convert(was)
		if problem != "" {
			delete(properties, c.name)
		} else {
			properties[c.name] = now
		}
		changed = append(changed, fieldProperty(c.name))
	}
	if len(changed) == 0 {
		return
	}
	r.now.Properties = properties
	r.now.updated, r.now.updatedBy, r.now.digest = b.at, b.w.By, ""
	r.verb, r.sent = verbUpdate, true
	r.change(changed...)
	b.later(r, "")
}

const relationsOf = "relation = $1 AND source IN (SELECT id FROM entities WHERE blueprint = $2)"

func migrateRelation(ctx context.Context, tx *store.Tx, p *problems, b Blueprint, name string, before Relation) error {
	now, kept := b.Relations[name]
	if !kept {
		if _, err := tx.ExecContext(ctx, "DELETE FROM entity_relations WHERE "+relationsOf, name, b.Identifier); err != nil {
			return fmt.Errorf("drop relation %s: %w", name, err)
		}
		return nil
	}
	at := "/relations/" + property.Escape(name)
	if now.Target != before.Target {
		n, err := countRows(ctx, tx, "SELECT COUNT(*) FROM entity_relations WHERE "+relationsOf, name, b.Identifier)
		if err != nil {
			return err
		}
		if n > 0 {
			p.add(at+"/target", fmt.Sprintf("cannot become %s: %d relations point at %s", now.Target, n, before.Target), "the same target")
		}
	}
	if before.Many && !now.Many {
		n, err := countRows(ctx, tx, "SELECT COUNT(*) FROM entity_relations WHERE position > 0 AND "+relationsOf, name, b.Identifier)
		if err != nil {
			return err
		}
		if n > 0 {
			p.add(at+"/many", "cannot become single: entities have more than one", "many, until each has at most one")
		}
	}
	return nil
}

func dropProperty(ctx context.Context, tx *store.Tx, blueprint, name string) error {
	without := "properties - '" + name + "'"
	if tx.Dialect == store.SQLite {
		without = "json_remove(properties, " + jsonPath(name) + ")"
	}
	_, err := tx.ExecContext(ctx, "UPDATE entities AS e SET properties = "+without+" WHERE e.blueprint = $1 AND "+jsonText(tx.Dialect, name)+" IS NOT NULL", blueprint)
	if err != nil {
		return fmt.Errorf("drop property %s of %s: %w", name, blueprint, err)
	}
	return nil
}
