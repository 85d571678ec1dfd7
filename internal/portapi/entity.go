package portapi

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"sphera/internal/auth"
	"sphera/internal/catalog"
	"sphera/internal/fault"
)

// view is how entities are to be answered; see port-api 2.5.2.
type view struct {
	include, exclude    []string
	withoutDerived      bool
	relationTitles      bool
	titleMirrorIDs      bool
	derived             map[string]map[string]bool // by blueprint
	blueprintDefinition map[string]catalog.Blueprint
}

func viewOf(r *Request) *view {
	return &view{
		include: r.List("include"), exclude: r.List("exclude"), withoutDerived: r.Bool("exclude_calculated_properties"),
		relationTitles: r.Bool("attach_title_to_relation"), titleMirrorIDs: r.Bool("attach_identifier_to_title_mirror_properties"),
	}
}

// viewParams documents the query that viewOf reads.
func viewParams() []Param {
	return []Param{
		{Name: "include", Type: "array", Doc: "Only these fields, e.g. identifier, properties.language; repeated or comma-separated"},
		{Name: "exclude", Type: "array", Doc: "All but these fields"},
		{Name: "exclude_calculated_properties", Type: "boolean", Doc: "Leave out mirrors, calculations and aggregations"},
		{Name: "attach_title_to_relation", Type: "boolean", Doc: "Relations as {identifier, title}"},
		{Name: "attach_identifier_to_title_mirror_properties", Type: "boolean", Doc: "Mirrors of $title as {identifier, title}"},
		{Name: "allow_partial_results", Type: "boolean", Doc: "Has no effect: an answer is always complete"},
	}
}

// entities turns what the catalog answers into what a client asked for.
func (s *Service) entities(ctx context.Context, list []catalog.Entity, v *view) ([]map[string]any, error) {
	out := make([]map[string]any, 0, len(list))
	for i := range list {
		out = append(out, plain(&list[i]))
	}
	if v.withoutDerived || v.titleMirrorIDs {
		if err := s.readBlueprints(ctx, list, v); err != nil {
			return nil, err
		}
	}
	if v.titleMirrorIDs && !v.withoutDerived {
		if err := s.attachMirrorIDs(ctx, list, out, v); err != nil {
			return nil, err
		}
	}
	if v.relationTitles {
		if err := s.attachTitles(ctx, list, out); err != nil {
			return nil, err
		}
	}
	for i, e := range out {
		if v.withoutDerived {
			properties, _ := e["properties"].(map[string]any)
			maps.DeleteFunc(properties, func(name string, _ any) bool { return v.derived[list[i].Blueprint][name] })
		}
		out[i] = v.pick(e)
	}
	return out, nil
}

func (s *Service) entity(ctx context.Context, e catalog.Entity, v *view) (map[string]any, error) {
	list, err := s.entities(ctx, []catalog.Entity{e}, v)
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

// plain is an entity with all its fields. The maps are copies.
func plain(e *catalog.Entity) map[string]any {
	team := e.Team
	if team == nil {
		team = []string{}
	}
	scorecards := e.Scorecards
	if scorecards == nil {
		scorecards = map[string]any{}
	}
	var icon any
	if e.Icon != "" {
		icon = e.Icon
	}
	properties, relations := maps.Clone(e.Properties), maps.Clone(e.Relations)
	if properties == nil {
		properties = map[string]any{}
	}
	if relations == nil {
		relations = map[string]any{}
	}
	return map[string]any{
		"identifier": e.Identifier, "title": e.Title, "icon": icon, "blueprint": e.Blueprint, "team": team, "properties": properties,
		"relations": relations, "scorecards": scorecards, "createdAt": stamp(e.CreatedAt), "updatedAt": stamp(e.UpdatedAt),
		"createdBy": e.CreatedBy, "updatedBy": e.UpdatedBy,
	}
}

func (s *Service) readBlueprints(ctx context.Context, list []catalog.Entity, v *view) error {
	v.derived, v.blueprintDefinition = map[string]map[string]bool{}, map[string]catalog.Blueprint{}
	for i := range list {
		id := list[i].Blueprint
		if v.derived[id] != nil {
			continue
		}
		b, err := s.Catalog.Blueprint(ctx, id)
		if err != nil {
			return err
		}
		names := map[string]bool{}
		for _, keys := range [][]string{sortedKeys(b.MirrorProperties), sortedKeys(b.CalculationProperties), sortedKeys(b.AggregationProperties)} {
			for _, name := range keys {
				names[name] = true
			}
		}
		v.derived[id], v.blueprintDefinition[id] = names, b
	}
	return nil
}

// attachTitles makes relations objects with the title of what they point at.
func (s *Service) attachTitles(ctx context.Context, list []catalog.Entity, out []map[string]any) error {
	targets := map[string]map[string]string{} // blueprint of the relation's owner to relation to target
	wanted := map[string]map[string]bool{}
	for i := range list {
		if targets[list[i].Blueprint] == nil {
			b, err := s.Catalog.Blueprint(ctx, list[i].Blueprint)
			if err != nil {
				return err
			}
			targets[b.Identifier] = map[string]string{}
			for name, relation := range b.Relations {
				targets[b.Identifier][name] = relation.Target
			}
		}
		for name, value := range list[i].Relations {
			target := targets[list[i].Blueprint][name]
			for _, id := range idsOf(value) {
				if wanted[target] == nil {
					wanted[target] = map[string]bool{}
				}
				wanted[target][id] = true
			}
		}
	}
	titles := map[string]map[string]string{}
	for target, ids := range wanted {
		found, err := s.Catalog.Titles(ctx, target, slices.Sorted(maps.Keys(ids)))
		if err != nil {
			return err
		}
		titles[target] = found
	}
	for i := range list {
		relations, _ := out[i]["relations"].(map[string]any)
		for name, value := range relations {
			known := titles[targets[list[i].Blueprint][name]]
			relations[name] = withTitles(value, known)
		}
	}
	return nil
}

func withTitles(value any, titles map[string]string) any {
	titled := func(id string) map[string]any { return map[string]any{"identifier": id, "title": titles[id]} }
	switch value := value.(type) {
	case string:
		return titled(value)
	case []string, []any:
		list := []any{}
		for _, id := range idsOf(value) {
			list = append(list, titled(id))
		}
		return list
	default:
		return value
	}
}

// idsOf reads the value of a relation.
func idsOf(value any) []string {
	switch value := value.(type) {
	case string:
		return []string{value}
	case []string:
		return value
	case []any:
		out := make([]string, 0, len(value))
		for _, item := range value {
			if id, ok := item.(string); ok {
				out = append(out, id)
			}
		}
		return out
	default:
		return nil
	}
}

// attachMirrorIDs makes mirrors of $title objects with the identifier beside
// the title, or lists of them.
func (s *Service) attachMirrorIDs(ctx context.Context, list []catalog.Entity, out []map[string]any, v *view) error {
	for i := range list {
		e := &list[i]
		properties, _ := out[i]["properties"].(map[string]any)
		for name, mirror := range v.blueprintDefinition[e.Blueprint].MirrorProperties {
			path, ok := strings.CutSuffix(mirror.Path, ".$title")
			if !ok || properties[name] == nil {
				continue
			}
			hits, err := s.Catalog.Follow(ctx, e.Blueprint, e.Identifier, strings.Split(path, "."))
			if err != nil {
				return err
			}
			titled := make([]any, 0, len(hits))
			for _, hit := range hits {
				titled = append(titled, map[string]any{"identifier": hit.Identifier, "title": hit.Title})
			}
			if _, many := properties[name].([]any); many {
				properties[name] = titled
			} else if len(titled) > 0 {
				properties[name] = titled[0]
			}
		}
	}
	return nil
}

// pick keeps what include names and drops what exclude names. Names are fields
// or one level below: properties.language, relations.system, scorecards.ready;
// $title and the like are the fields.
func (v *view) pick(e map[string]any) map[string]any {
	if len(v.include) > 0 {
		picked := map[string]any{}
		for _, name := range v.include {
			field, sub, nested := strings.Cut(strings.TrimPrefix(name, "$"), ".")
			value, ok := e[field]
			if !ok {
				continue
			}
			if !nested {
				picked[field] = value
				continue
			}
			parts, isMap := value.(map[string]any)
			part, there := parts[sub]
			if !isMap || !there {
				continue
			}
			under, _ := picked[field].(map[string]any)
			if under == nil {
				under = map[string]any{}
				picked[field] = under
			}
			under[sub] = part
		}
		e = picked
	}
	for _, name := range v.exclude {
		field, sub, nested := strings.Cut(strings.TrimPrefix(name, "$"), ".")
		if !nested {
			delete(e, field)
		} else if parts, ok := e[field].(map[string]any); ok {
			delete(parts, sub)
		}
	}
	return e
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// entityObject is the entity of the address with the teams that own it. What the
// caller may not see is not there.
func (s *Service) entityObject(ctx context.Context, r *Request) (auth.Object, error) {
	if _, err := s.Catalog.Entity(ctx, r.Path["bp"], r.Path["id"]); err != nil {
		return auth.Object{}, err
	}
	return s.owned(ctx, r.Path["bp"], r.Path["id"])
}

func (s *Service) owned(ctx context.Context, blueprint, id string) (auth.Object, error) {
	o := auth.Object{Kind: blueprint, Blueprint: blueprint, ID: id}
	if id == "" {
		return o, nil
	}
	e, err := s.Catalog.Entity(ctx, blueprint, id)
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Unprocessable) {
		return o, nil
	}
	o.Teams, o.Properties = e.Team, e.Properties
	return o, err
}

// teamsOf reads the team of an entity as sent: a name or a list of names.
func teamsOf(raw json.RawMessage) []string {
	var many []string
	if json.Unmarshal(raw, &many) == nil {
		return many
	}
	var one string
	if json.Unmarshal(raw, &one) == nil && one != "" {
		return []string{one}
	}
	return nil
}
