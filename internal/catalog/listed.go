package catalog

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sphera/internal/catalog/query"
	"sphera/internal/store"
)

// listed is what lists of a blueprint know of it.
type listed struct {
	s      *schema
	fields query.Fields
	// ready are the facets that are filled.
	ready map[string]bool
	// size is how many entities there are.
	size int
}

// filled tells whether the sets of facets can be used at all.
func (l *listed) filled() bool { return l.ready[facetTeam] }

func (c *Catalog) listed(ctx context.Context, blueprint string) (*listed, error) {
	m, err := c.model(ctx, c.db.Read())
	if err != nil {
		return nil, err
	}
	s := m.blueprints[blueprint]
	if s == nil {
		return nil, noBlueprint(blueprint)
	}
	l := &listed{s: s, fields: m.fields(s), ready: map[string]bool{}}
	rows, err := c.db.Read().QueryContext(ctx, "SELECT property, n FROM facet_counts WHERE blueprint = $1 AND value = $2", blueprint, facetReady)
	type mark struct {
		property string
		n        int
	}
	marks, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (mark, error) {
		var m mark
		return m, row.Scan(&m.property, &m.n)
	})
	if err != nil {
		return nil, fmt.Errorf("read the facets of %s: %w", blueprint, err)
	}
	names := facetNames(s.Blueprint)
	for _, m := range marks {
		if m.property == "" {
			l.size = m.n
		} else if slices.Contains(names, m.property) {
			l.ready[m.property] = true
		}
	}
	return l, nil
}

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
		if slot := s.slots[field.Name]; slot != "" && !strings.HasPrefix(slot, filling) {
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
	parts := strings.Split(path, ".")
	last := len(parts) - 1
	many, end := m.follow(s, parts[:last])
	if end == nil {
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
		}
	}
	if many && f.Type != "" {
		return query.Field{Type: "array", ItemType: f.Type, ItemFormat: f.Format}
	}
	return f
}

// EntityCount is how many entities a blueprint has.
func (c *Catalog) EntityCount(ctx context.Context, blueprint string) (int, error) {
	l, err := c.listed(ctx, blueprint)
	if err != nil {
		return 0, err
	}
	if l.filled() {
		return l.size, nil
	}
	return countRows(ctx, c.db.Read(), "SELECT COUNT(*) FROM entities e WHERE e.blueprint = $1 AND e.pending = 0", blueprint)
}
