package catalog

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sphera/internal/catalog/property"
	"sphera/internal/catalog/scorecard"
)

// schema is a blueprint ready to check entities and to derive values. It is
// shared and never changed.
type schema struct {
	Blueprint
	// hash stands for the document it was made from.
	hash     string
	checkers map[string]*property.Checker
	// slots are the columns of properties, by property.
	slots        map[string]string
	mirrors      []mirror
	calculations []calculation
	aggregations []*aggregation
	facets       []string
	scorecards   []*scorecard.Scorecard
	// inherit is the path that owners are taken from; nil where they are set.
	inherit []string
}

func newSchema(b Blueprint) (*schema, error) {
	s := &schema{Blueprint: b, facets: facetNames(b), checkers: make(map[string]*property.Checker, len(b.Schema.Properties))}
	for name, p := range b.Schema.Properties {
		checker, err := p.Compile()
		if err != nil {
			return nil, fmt.Errorf("blueprint %s, property %s: %w", b.Identifier, name, err)
		}
		s.checkers[name] = checker
	}
	s.calculations = compileCalculations(b)
	return s, nil
}

// draft is the whole state of an entity: no nulls, no empty relations.
type draft struct {
	Identifier string
	Title      string
	Icon       string
	Team       []string
	Properties map[string]any
	Relations  map[string][]string
}

// changes lists the fields in which two drafts differ, the identifier apart.
func (d draft) changes(o draft) []string {
	var out []string
	if d.Title != o.Title {
		out = append(out, fieldTitle)
	}
	if d.Icon != o.Icon {
		out = append(out, fieldIcon)
	}
	if !slices.Equal(d.Team, o.Team) {
		out = append(out, fieldTeam)
	}
	for _, name := range differing(d.Properties, o.Properties, sameJSON) {
		out = append(out, fieldProperty(name))
	}
	for _, name := range differing(d.Relations, o.Relations, slices.Equal[[]string]) {
		out = append(out, fieldRelation(name))
	}
	return out
}

// differing lists the keys that a and b do not have alike, sorted.
func differing[V any](a, b map[string]V, same func(x, y V) bool) []string {
	var out []string
	for key, x := range a {
		if y, ok := b[key]; !ok || !same(x, y) {
			out = append(out, key)
		}
	}
	for key := range b {
		if _, ok := a[key]; !ok {
			out = append(out, key)
		}
	}
	slices.Sort(out)
	return out
}

// sameJSON compares decoded JSON values.
func sameJSON(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, sameJSON)
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, sameJSON)
	default:
		switch b.(type) {
		case map[string]any, []any:
			return false
		}
		return a == b
	}
}

// draft makes the state that writing n over old leads to. old is nil for a new
// entity; with merge what n does not send stays.
func (s *schema) draft(old *draft, n NewEntity, merge bool) (draft, problems) {
	var p problems
	d := draft{Identifier: n.Identifier, Properties: map[string]any{}, Relations: map[string][]string{}, Team: []string{}}
	merge = merge && old != nil
	if merge {
		d = draft{
			Identifier: old.Identifier, Title: old.Title, Icon: old.Icon, Team: old.Team,
			Properties: maps.Clone(old.Properties), Relations: maps.Clone(old.Relations),
		}
		if n.Identifier != "" {
			d.Identifier = n.Identifier
		}
	}
	s.draftNames(&d, n, &p)
	sent, err := normalJSON(n.Properties)
	if old == nil && err == nil {
		err = s.fillDefaults(&d, sent)
	}
	if err != nil {
		p.add("/properties", err.Error(), "JSON values")
	}
	s.draftProperties(&d, sent, &p)
	relations, err := normalJSON(n.Relations)
	if err != nil {
		p.add("/relations", err.Error(), "JSON values")
	}
	s.draftRelations(&d, relations, &p)
	s.checkRequired(d, &p)
	return d, p
}

func (s *schema) draftNames(d *draft, n NewEntity, p *problems) {
	if n.other != "" {
		p.add("/blueprint", fmt.Sprintf("is %q", cut(n.other)), fmt.Sprintf("%q, as in the address", s.Identifier))
	}
	if !validEntityIdentifier(d.Identifier) {
		p.add("/identifier", fmt.Sprintf("%q is not an identifier", cut(d.Identifier)), entityRule)
	}
	if n.Title != "" || n.clear["title"] {
		d.Title = n.Title
	}
	if d.Title == "" {
		d.Title = d.Identifier
	}
	if !validText(d.Title, maxTitle) {
		p.add("/title", "is too long or has control characters", "at most 1000 characters")
	}
	if n.Icon != "" || n.clear["icon"] {
		d.Icon = n.Icon
	}
	if !validText(d.Icon, maxBlueprintTitle) {
		p.add("/icon", "is too long or has control characters", "at most 100 characters")
	}
	if len(n.Team) > 0 {
		team, problem := readTeam(n.Team)
		if problem != "" {
			p.add("/team", problem, "a team's name, or a list of at most 50")
		}
		d.Team = team
	}
}

func cut(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:57]) + "..."
	}
	return s
}

func readTeam(raw json.RawMessage) ([]string, string) {
	var sent any
	if err := json.Unmarshal(raw, &sent); err != nil {
		return []string{}, "is not JSON"
	}
	var list []any
	switch v := sent.(type) {
	case nil:
	case string:
		list = []any{v}
	case []any:
		list = v
	default:
		return []string{}, "is neither text nor a list"
	}
	team := []string{}
	for _, item := range list {
		name, ok := item.(string)
		if !ok || strings.TrimSpace(name) == "" || !validText(name, maxBlueprintTitle) {
			return team, "has an item that is not a team's name"
		}
		if !slices.Contains(team, name) {
			team = append(team, name)
		}
	}
	if len(team) > maxTeam {
		return team, fmt.Sprintf("has %d teams", len(team))
	}
	return team, ""
}

// fillDefaults is for new entities only. A property sent as null stays unset.
func (s *schema) fillDefaults(d *draft, sent map[string]any) error {
	defaults := map[string]any{}
	for name, p := range s.Schema.Properties {
		if _, ok := sent[name]; !ok && p.Default != nil {
			defaults[name] = p.Default
		}
	}
	own, err := normalJSON(defaults) // the blueprint's values are shared
	maps.Copy(d.Properties, own)
	return err
}

func (s *schema) draftProperties(d *draft, sent map[string]any, p *problems) {
	for _, name := range slices.Sorted(maps.Keys(sent)) {
		at := "/properties/" + property.Escape(name)
		checker, ok := s.checkers[name]
		if !ok {
			p.add(at, "is not a property of "+s.Identifier, nameList(slices.Sorted(maps.Keys(s.Schema.Properties))))
			continue
		}
		if sent[name] == nil {
			delete(d.Properties, name)
			continue
		}
		p.addAll(at, checker.Check(sent[name]))
		d.Properties[name] = sent[name]
	}
}

func nameList(names []string) string {
	if len(names) == 0 {
		return "none: there are none"
	}
	if len(names) > 30 {
		names = append(names[:30:30], "...")
	}
	return "one of " + strings.Join(names, ", ")
}

func (s *schema) draftRelations(d *draft, sent map[string]any, p *problems) {
	for _, name := range slices.Sorted(maps.Keys(sent)) {
		at := "/relations/" + property.Escape(name)
		r, ok := s.Relations[name]
		if !ok {
			p.add(at, "is not a relation of "+s.Identifier, nameList(slices.Sorted(maps.Keys(s.Relations))))
			continue
		}
		targets, problem := readTargets(r, sent[name])
		if problem != "" {
			expected := "the identifier of a " + r.Target + ", or null"
			if r.Many {
				expected = "a list of identifiers of " + r.Target
			}
			p.add(at, problem, expected)
			continue
		}
		if len(targets) == 0 {
			delete(d.Relations, name)
			continue
		}
		d.Relations[name] = targets
	}
}

func readTargets(r Relation, sent any) ([]string, string) {
	if sent == nil {
		return nil, ""
	}
	if !r.Many {
		id, ok := sent.(string)
		if !ok {
			return nil, "is not text"
		}
		if !validEntityIdentifier(id) {
			return nil, fmt.Sprintf("%q is not an identifier", cut(id))
		}
		return []string{id}, ""
	}
	list, ok := sent.([]any)
	if !ok {
		return nil, "is not a list"
	}
	if len(list) > maxRelated {
		return nil, fmt.Sprintf("has %d targets; at most %d are kept", len(list), maxRelated)
	}
	var targets []string
	seen := map[string]bool{}
	for _, item := range list {
		id, ok := item.(string)
		if !ok || !validEntityIdentifier(id) {
			return nil, "has an item that is not an identifier"
		}
		if !seen[id] {
			seen[id] = true
			targets = append(targets, id)
		}
	}
	return targets, ""
}

func (s *schema) checkRequired(d draft, p *problems) {
	for _, name := range s.Schema.Required {
		if _, ok := d.Properties[name]; !ok {
			p.add("/properties/"+property.Escape(name), "is required", "a value")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Relations)) {
		if r := s.Relations[name]; r.Required && len(d.Relations[name]) == 0 {
			p.add("/relations/"+property.Escape(name), "is required", "the identifier of a "+r.Target)
		}
	}
}

// entity is the draft as it is answered: with explicit nulls.
func (s *schema) entity(d draft, derived map[string]any) Entity {
	e := Entity{
		Identifier: d.Identifier, Title: d.Title, Icon: d.Icon, Blueprint: s.Identifier, Team: d.Team,
		Properties: s.properties(d, derived), Relations: s.relations(d), Scorecards: map[string]any{},
	}
	return e
}

func (s *schema) properties(d draft, derived map[string]any) map[string]any {
	out := make(map[string]any, len(s.Schema.Properties)+len(s.mirrors)+len(s.calculations)+len(s.aggregations))
	for name := range s.Schema.Properties {
		out[name] = d.Properties[name]
	}
	for name := range s.MirrorProperties {
		out[name] = derived[name]
	}
	for name := range s.CalculationProperties {
		out[name] = derived[name]
	}
	for name := range s.AggregationProperties {
		out[name] = derived[name]
	}
	return out
}

func (s *schema) relations(d draft) map[string]any {
	out := make(map[string]any, len(s.Relations))
	for name, r := range s.Relations {
		targets := d.Relations[name]
		switch {
		case r.Many && targets == nil:
			out[name] = []string{}
		case r.Many:
			out[name] = targets
		case len(targets) == 0:
			out[name] = nil
		default:
			out[name] = targets[0]
		}
	}
	return out
}
