// Package scorecard evaluates scorecards: which level an entity has, which of
// the rules it passes, and the values that were compared. It only computes;
// where scorecards and results are kept is package catalog's.
package scorecard

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"unicode/utf8"
)

// Bounds of a scorecard.
const (
	maxIdentifier  = 100
	maxTitle       = 1000
	maxDescription = 2000
	maxRules       = 200
	maxLevels      = 20
	maxConditions  = 50
	maxList        = 1000 // items of a value
	maxBytes       = 1 << 20
)

// Scorecard is a compiled scorecard.
type Scorecard struct {
	Identifier string
	Title      string
	Filter     *Conditions // nil: every entity is evaluated
	Levels     []Level     // from the lowest, which everyone has
	Rules      []Rule
	doc        map[string]json.RawMessage
}

// Level is a step of a scorecard.
type Level struct {
	Title string `json:"title"`
	Color string `json:"color"`
}

// Rule must be passed for its level and all above.
type Rule struct {
	Identifier  string
	Title       string
	Description string
	Level       string
	Query       Conditions
}

// Conditions are joined by "and" or "or"; they do not nest.
type Conditions struct {
	Combinator string
	List       []Condition
}

// Condition compares a property or a relation with a constant.
type Condition struct {
	Property string // or
	Relation string
	Operator string
	Value    any
	Not      bool // turns isEmpty and isNotEmpty round
}

// Problem is one thing that is wrong with a scorecard.
type Problem struct{ Path, Problem, Want string }

// DefaultLevels are the levels of a scorecard that names none.
func DefaultLevels() []Level {
	return []Level{{"Basic", "paleBlue"}, {"Bronze", "bronze"}, {"Silver", "silver"}, {"Gold", "gold"}}
}

// readOnly are the keys of an answer, which clients send back.
func readOnly() []string {
	return []string{"id", "blueprint", "createdAt", "updatedAt", "createdBy", "updatedBy"}
}

// MarshalJSON gives the scorecard as it was sent, with its levels.
func (s *Scorecard) MarshalJSON() ([]byte, error) { return json.Marshal(s.doc) }

// Document is the scorecard as it was sent, with its levels: to be read only.
func (s *Scorecard) Document() map[string]json.RawMessage { return s.doc }

// Parse reads a scorecard. Unknown keys are kept; without levels it gets the
// default ones.
func Parse(raw json.RawMessage) (*Scorecard, []Problem) {
	p := &parser{}
	if len(raw) > maxBytes {
		p.add("", "is too long", "at most 1 MiB")
		return nil, p.problems
	}
	s := &Scorecard{}
	if err := json.Unmarshal(raw, &s.doc); err != nil || s.doc == nil {
		p.add("", "is not an object", "a scorecard")
		return nil, p.problems
	}
	for _, key := range readOnly() {
		delete(s.doc, key)
	}
	s.Identifier = p.identifier(s.doc["identifier"], "/identifier", entityIdentifier, "letters, digits and @ _ . + : \\ / = -, 1 to 100 characters")
	s.Title = p.text(s.doc["title"], "/title", maxTitle, true)
	s.levels(p)
	if filter, ok := s.doc["filter"]; ok && string(filter) != "null" {
		s.Filter = p.conditions(filter, "/filter")
	}
	s.rules(p)
	if len(p.problems) > 0 {
		return nil, p.problems
	}
	return s, nil
}

var (
	entityIdentifier = regexp.MustCompile(`^[\p{L}0-9@_.+:\\/=-]+$`)
	ruleIdentifier   = regexp.MustCompile(`^[A-Za-z0-9@_=\\-]+$`)
)

func (s *Scorecard) levels(p *parser) {
	raw, ok := s.doc["levels"]
	if !ok || string(raw) == "null" || string(raw) == "[]" {
		s.Levels = DefaultLevels()
		s.doc["levels"], _ = json.Marshal(s.Levels) // texts only
		return
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		p.add("/levels", "is not a list", `a list of {"title", "color"}`)
		return
	}
	if len(list) > maxLevels {
		p.add("/levels", fmt.Sprintf("has %d levels", len(list)), fmt.Sprintf("at most %d", maxLevels))
		return
	}
	for i, item := range list {
		at := fmt.Sprintf("/levels/%d", i)
		var fields map[string]json.RawMessage
		if json.Unmarshal(item, &fields) != nil || fields == nil {
			p.add(at, "is not an object", `{"title", "color"}`)
			continue
		}
		level := Level{Title: p.text(fields["title"], at+"/title", maxTitle, true), Color: p.text(fields["color"], at+"/color", maxTitle, false)}
		if slices.ContainsFunc(s.Levels, func(l Level) bool { return l.Title == level.Title }) && level.Title != "" {
			p.add(at+"/title", "is there twice", "different titles")
		}
		s.Levels = append(s.Levels, level)
	}
}

func (s *Scorecard) rules(p *parser) {
	var list []json.RawMessage
	if raw, ok := s.doc["rules"]; !ok || json.Unmarshal(raw, &list) != nil || string(raw) == "null" {
		p.add("/rules", "is missing or not a list", "a list of rules")
		return
	}
	if len(list) > maxRules {
		p.add("/rules", fmt.Sprintf("has %d rules", len(list)), fmt.Sprintf("at most %d", maxRules))
		return
	}
	seen := map[string]bool{}
	for i, item := range list {
		at := fmt.Sprintf("/rules/%d", i)
		var fields map[string]json.RawMessage
		if json.Unmarshal(item, &fields) != nil || fields == nil {
			p.add(at, "is not an object", "a rule")
			continue
		}
		r := Rule{
			Identifier:  p.identifier(fields["identifier"], at+"/identifier", ruleIdentifier, "letters A to Z, digits and @ _ = \\ -, 1 to 100 characters"),
			Title:       p.text(fields["title"], at+"/title", maxTitle, true),
			Description: p.text(fields["description"], at+"/description", maxDescription, false),
			Level:       p.text(fields["level"], at+"/level", maxTitle, true),
		}
		if r.Identifier != "" && seen[r.Identifier] {
			p.add(at+"/identifier", "is there twice", "different identifiers")
		}
		seen[r.Identifier] = true
		if r.Level != "" && !s.has(r.Level) {
			p.add(at+"/level", "is not a level of the scorecard", "the title of one of its levels")
		}
		if q := p.conditions(fields["query"], at+"/query"); q != nil {
			r.Query = *q
		}
		s.Rules = append(s.Rules, r)
	}
}

func (s *Scorecard) has(level string) bool {
	return slices.ContainsFunc(s.Levels, func(l Level) bool { return l.Title == level })
}

// Reads names the properties (and meta-properties, with $) and the relations
// that the scorecard looks at.
func (s *Scorecard) Reads() (properties, relations []string) {
	names, ends := map[string]bool{}, map[string]bool{}
	for _, c := range s.all() {
		if c.Relation != "" {
			ends[c.Relation] = true
		} else {
			names[c.Property] = true
		}
	}
	return slices.Sorted(maps.Keys(names)), slices.Sorted(maps.Keys(ends))
}

// all are the conditions of the filter and of all rules.
func (s *Scorecard) all() []Condition {
	var out []Condition
	if s.Filter != nil {
		out = append(out, s.Filter.List...)
	}
	for _, r := range s.Rules {
		out = append(out, r.Query.List...)
	}
	return out
}

type parser struct{ problems []Problem }

func (p *parser) add(path, problem, want string) {
	p.problems = append(p.problems, Problem{path, problem, want})
}

func (p *parser) text(raw json.RawMessage, at string, most int, required bool) string {
	if raw == nil || string(raw) == "null" {
		if required {
			p.add(at, "is missing", "a text")
		}
		return ""
	}
	var s string
	switch {
	case json.Unmarshal(raw, &s) != nil:
		p.add(at, "is not a text", "a text")
	case required && s == "":
		p.add(at, "is empty", "a text")
	case utf8.RuneCountInString(s) > most:
		p.add(at, fmt.Sprintf("has %d characters", utf8.RuneCountInString(s)), fmt.Sprintf("at most %d", most))
	}
	return s
}

func (p *parser) identifier(raw json.RawMessage, at string, pattern *regexp.Regexp, want string) string {
	before := len(p.problems)
	s := p.text(raw, at, maxIdentifier, true)
	if len(p.problems) == before && (!pattern.MatchString(s) || s == "." || s == "..") {
		p.add(at, fmt.Sprintf("%q is not an identifier", cut(s)), want)
	}
	return s
}

func (p *parser) conditions(raw json.RawMessage, at string) *Conditions {
	var fields struct {
		Combinator *string           `json:"combinator"`
		Conditions []json.RawMessage `json:"conditions"`
	}
	if raw == nil || string(raw) == "null" {
		p.add(at, "is missing", `{"combinator", "conditions"}`)
		return nil
	}
	if json.Unmarshal(raw, &fields) != nil {
		p.add(at, "cannot be read", `{"combinator": "and" or "or", "conditions": [...]}`)
		return nil
	}
	if fields.Combinator == nil || *fields.Combinator != "and" && *fields.Combinator != "or" {
		p.add(at+"/combinator", "is missing or unknown", `"and" or "or"`)
		return nil
	}
	if n := len(fields.Conditions); n == 0 || n > maxConditions {
		p.add(at+"/conditions", fmt.Sprintf("has %d conditions", n), fmt.Sprintf("1 to %d", maxConditions))
		return nil
	}
	out := &Conditions{Combinator: *fields.Combinator}
	for i, item := range fields.Conditions {
		out.List = append(out.List, p.condition(item, fmt.Sprintf("%s/conditions/%d", at, i)))
	}
	return out
}

func (p *parser) condition(raw json.RawMessage, at string) Condition {
	var fields map[string]any
	if json.Unmarshal(raw, &fields) != nil || fields == nil {
		p.add(at, "is not an object", `{"property", "operator", "value"}`)
		return Condition{}
	}
	var c Condition
	c.Property, _ = fields["property"].(string)
	c.Relation, _ = fields["relation"].(string)
	c.Operator, _ = fields["operator"].(string)
	c.Not, _ = fields["not"].(bool)
	c.Value = fields["value"]
	if (c.Property == "") == (c.Relation == "") {
		p.add(at, "names no property and no relation, or both", "one of them")
	}
	if _, nested := fields["conditions"]; nested {
		p.add(at, "has conditions inside a condition", "conditions that stand side by side")
	}
	if len(c.Property) > 200 || len(c.Relation) > 200 {
		p.add(at, "has a name that is too long", "at most 200 bytes")
	}
	check, known := valueChecks()[c.Operator]
	if !known {
		p.add(at+"/operator", "is not an operator that is known here", "one of "+operatorNames())
		return c
	}
	if want := check(c.Value); want != "" {
		p.add(at+"/value", "does not fit the operator "+c.Operator, want)
	}
	return c
}

// cut shortens text for a message.
func cut(s string) string {
	if len(s) <= 60 {
		return s
	}
	for i := range s {
		if i > 57 {
			return s[:i] + "..."
		}
	}
	return s
}
