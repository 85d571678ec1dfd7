package catalog

import (
	"strings"

	"sphera/internal/catalog/query"
)

// fields are what can be searched of a blueprint's entities.
func (m *model) fields(s *schema) query.Fields {
	f := query.Fields{Blueprint: s.Identifier, ByName: map[string]query.Field{}, Links: map[string]map[string]query.Link{}}
	for id, other := range m.blueprints {
		links := make(map[string]query.Link, len(other.Relations))
		for name, r := range other.Relations {
			links[name] = query.Link{Target: r.Target, Required: r.Required}
		}
		f.Links[id] = links
	}
	for name, r := range s.Relations {
		f.ByName[name] = query.Field{Name: name, Kind: query.Relation, Many: r.Many, Target: r.Target}
	}
	add := func(field query.Field) {
		kind := slotField{typ: field.Type, format: field.Format}.kind()
		if slot := s.slots[field.Name]; slot != "" && slot[0] == kind {
			field.Slot = slot
		}
		f.ByName[field.Name] = field
	}
	for name := range s.MirrorProperties {
		field := m.mirrored(s, s.MirrorProperties[name].Path)
		field.Name, field.Kind = name, query.Mirror
		add(field)
	}
	for name, p := range s.CalculationProperties {
		add(query.Field{Name: name, Kind: query.Calculation, Type: p.Type, Format: p.Format, ItemType: itemText(p.Items, "type"), ItemFormat: itemText(p.Items, "format")})
	}
	for name := range s.AggregationProperties {
		add(query.Field{Name: name, Kind: query.Aggregation, Type: "number"})
	}
	for name, p := range s.Schema.Properties {
		add(query.Field{Name: name, Kind: query.Own, Type: p.Type, Format: p.Format, ItemType: itemText(p.Items, "type"), ItemFormat: itemText(p.Items, "format")})
	}
	return f
}

// itemText reads the definition of a list's items; they are texts unless it
// says otherwise.
func itemText(items map[string]any, key string) string {
	s, _ := items[key].(string)
	if s == "" && key == "type" {
		return "string"
	}
	return s
}

// mirrored is the type of what a path leads to; "" where that is not known.
func (m *model) mirrored(s *schema, path string) query.Field {
	return m.mirroredAt(s, path, 0)
}

func (m *model) mirroredAt(s *schema, path string, depth int) query.Field {
	parts := strings.Split(path, ".")
	last := len(parts) - 1
	many, end := m.follow(s, parts[:last])
	if end == nil || depth > maxHops {
		return query.Field{}
	}
	var f query.Field
	name := parts[last]
	switch {
	case name == "$team":
		return query.Field{Type: "array", ItemType: "string"}
	case name == "$createdAt" || name == "$updatedAt":
		f = query.Field{Type: "string", Format: "date-time"}
	case strings.HasPrefix(name, "$"):
		f = query.Field{Type: "string"}
	default:
		if p, ok := end.Schema.Properties[name]; ok {
			f = query.Field{Type: p.Type, Format: p.Format}
		} else if p, ok := end.CalculationProperties[name]; ok {
			f = query.Field{Type: p.Type, Format: p.Format}
		} else if _, ok := end.AggregationProperties[name]; ok {
			f = query.Field{Type: "number"}
		} else if p, ok := end.MirrorProperties[name]; ok {
			f = m.mirroredAt(end, p.Path, depth+1)
		}
	}
	if many && f.Type != "" {
		return query.Field{Type: "array", ItemType: f.Type, ItemFormat: f.Format}
	}
	return f
}
