package migration

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"sphera/internal/catalog"
	"sphera/internal/catalog/jq"
	"sphera/internal/catalog/property"
	"sphera/internal/fault"
)

// maxItems bounds what one entity is made into.
const maxItems = 500

// mapping is a compiled mapping.
type mapping struct {
	blueprint     string
	filter, items *jq.Program
	identifier    *jq.Program
	fields        map[string]*jq.Program // title, icon, team
	properties    map[string]*jq.Program
	relations     map[string]*jq.Program
}

// compile reads a mapping: {blueprint, filter, itemsToParse, entity{identifier,
// title, icon, team, properties{}, relations{}}}, jq but for the blueprint.
func compile(raw json.RawMessage) (*mapping, error) {
	var sent struct {
		Blueprint    string `json:"blueprint"`
		Filter       string `json:"filter"`
		ItemsToParse string `json:"itemsToParse"`
		Entity       struct {
			Identifier string            `json:"identifier"`
			Title      string            `json:"title"`
			Icon       string            `json:"icon"`
			Team       string            `json:"team"`
			Properties map[string]string `json:"properties"`
			Relations  map[string]string `json:"relations"`
		} `json:"entity"`
	}
	if err := json.Unmarshal(raw, &sent); err != nil {
		return nil, fault.Field("/mapping", "is not a mapping", "{blueprint, filter, itemsToParse, entity: {identifier, title, icon, team, properties, relations}} with jq texts")
	}
	f := fault.New(fault.Unprocessable, "The migration was not started: its mapping is not right.")
	program := func(at, text string) *jq.Program {
		if text == "" {
			return nil
		}
		p, err := jq.Compile(text)
		if err != nil {
			f.With("/mapping"+at, err.Error(), "jq")
		}
		return p
	}
	out := &mapping{
		blueprint: sent.Blueprint, filter: program("/filter", sent.Filter), items: program("/itemsToParse", sent.ItemsToParse),
		identifier: program("/entity/identifier", sent.Entity.Identifier),
		fields:     map[string]*jq.Program{}, properties: map[string]*jq.Program{}, relations: map[string]*jq.Program{},
	}
	if sent.Blueprint == "" {
		f.With("/mapping/blueprint", "is missing", "the identifier of a blueprint")
	}
	if sent.Entity.Identifier == "" {
		f.With("/mapping/entity/identifier", "is missing", "jq, e.g. .identifier")
	}
	for name, text := range map[string]string{"title": sent.Entity.Title, "icon": sent.Entity.Icon, "team": sent.Entity.Team} {
		if p := program("/entity/"+name, text); p != nil {
			out.fields[name] = p
		}
	}
	for _, name := range slices.Sorted(maps.Keys(sent.Entity.Properties)) {
		out.properties[name] = program("/entity/properties/"+property.Escape(name), sent.Entity.Properties[name])
	}
	for _, name := range slices.Sorted(maps.Keys(sent.Entity.Relations)) {
		out.relations[name] = program("/entity/relations/"+property.Escape(name), sent.Entity.Relations[name])
	}
	if len(f.Details) > 0 {
		return nil, f
	}
	return out, nil
}

// convert makes entities from a batch.
func (m *Migrations) convert(ctx context.Context, one *Migration, list []catalog.Entity) error {
	mapped, err := compile(one.Mapping)
	if err != nil {
		return err
	}
	w := catalog.Write{Upsert: true, Merge: true, By: one.Actor, RunID: one.runID, Datasource: one.userAgent, Cause: "migration/" + one.ID}
	for _, e := range list {
		made, err := mapped.entities(ctx, e)
		if err != nil {
			one.fail(e.Identifier, err)
			continue
		}
		if len(made) == 0 {
			continue // filtered out
		}
		items, err := m.catalog.PutMany(ctx, mapped.blueprint, made, w)
		if err != nil {
			return err
		}
		for _, item := range items {
			if item.Err != nil {
				one.fail(e.Identifier, item.Err)
			} else {
				one.SuccessCount++
			}
		}
	}
	return nil
}

// entities are those that one source is made into.
func (m *mapping) entities(ctx context.Context, e catalog.Entity) ([]catalog.NewEntity, error) {
	input, err := document(e)
	if err != nil {
		return nil, err
	}
	items := []any{nil}
	if m.items != nil {
		value, err := run(ctx, m.items, "itemsToParse", input)
		if err != nil {
			return nil, err
		}
		list, ok := value.([]any)
		if !ok || len(list) > maxItems {
			return nil, fault.New(fault.Unprocessable, "itemsToParse gives no list of at most %d items.", maxItems)
		}
		items = list
	}
	var out []catalog.NewEntity
	for _, item := range items {
		if m.items != nil {
			input = maps.Clone(input)
			input["item"] = item
		}
		if m.filter != nil {
			fits, err := run(ctx, m.filter, "filter", input)
			if err != nil {
				return nil, err
			}
			if fits != true {
				continue
			}
		}
		n, err := m.entity(ctx, input)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}

func (m *mapping) entity(ctx context.Context, input map[string]any) (catalog.NewEntity, error) {
	n := map[string]any{}
	for name, p := range m.fields {
		value, err := run(ctx, p, name, input)
		if err != nil {
			return catalog.NewEntity{}, err
		}
		if value != nil {
			n[name] = value
		}
	}
	id, err := run(ctx, m.identifier, "identifier", input)
	if err != nil {
		return catalog.NewEntity{}, err
	}
	n["identifier"] = id
	for key, programs := range map[string]map[string]*jq.Program{"properties": m.properties, "relations": m.relations} {
		values := map[string]any{}
		for name, p := range programs {
			if p == nil {
				continue
			}
			value, err := run(ctx, p, key+"."+name, input)
			if err != nil {
				return catalog.NewEntity{}, err
			}
			values[name] = value
		}
		n[key] = values
	}
	raw, err := json.Marshal(n)
	if err != nil {
		return catalog.NewEntity{}, fmt.Errorf("encode an entity: %w", err)
	}
	var out catalog.NewEntity
	if err := json.Unmarshal(raw, &out); err != nil {
		return out, fault.New(fault.Unprocessable, "The mapping gives no entity: identifier, title and icon must be texts.")
	}
	return out, nil
}

func run(ctx context.Context, p *jq.Program, what string, input any) (any, error) {
	value, err := p.First(ctx, input, jq.Limits{})
	if err != nil {
		return nil, fault.New(fault.Unprocessable, "%s: %s", what, err.Error())
	}
	return value, nil
}

func document(e catalog.Entity) (map[string]any, error) {
	raw, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", e.Identifier, err)
	}
	var out map[string]any
	return out, json.Unmarshal(raw, &out)
}
