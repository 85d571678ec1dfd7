package query

import (
	"errors"
	"slices"
	"strconv"
	"strings"
)

// ErrGraph is returned by Match for rules on related entities when Env has no
// Graph.
var ErrGraph = errors.New("the query asks about related entities, which are not at hand")

// Match tells whether an entity fits. subject is the entity as it is answered:
// identifier, title, icon, blueprint, team, properties, relations, scorecards,
// createdAt, updatedAt, createdBy, updatedBy, and datasource.
func (q *Query) Match(subject map[string]any, env Env) (bool, error) {
	if q == nil || len(q.Rules) == 0 {
		return true, nil
	}
	for _, n := range q.Rules {
		var fits bool
		var err error
		switch n := n.(type) {
		case *Query:
			fits, err = n.Match(subject, env)
		case Rule:
			fits, err = n.match(subject, env)
		}
		if err != nil {
			return false, err
		}
		if fits == (q.Combinator == or) {
			return fits, nil
		}
	}
	return q.Combinator != or, nil
}

func (r Rule) match(subject map[string]any, env Env) (bool, error) {
	if r.Operator == never {
		return false, nil
	}
	env = r.about(env)
	operator, deny := positive(r.Operator)
	r.Operator = operator
	o := r.operand(env)
	if o.nobody {
		return false, nil
	}
	holds, err := r.holds(subject, env, o)
	return holds != deny, err
}

// operand is the right side of a rule, worked out for the caller.
type operand struct {
	// values are what the left side is compared with: one, or for lists any.
	values []any
	span   *Range
	// nobody is set where the rule is about a user and there is none.
	nobody bool
}

func (r Rule) operand(env Env) operand {
	if r.Context != nil && !env.known() {
		return operand{nobody: true}
	}
	switch v := normal(r.Value).(type) {
	case Range:
		return operand{span: &v}
	case Context:
		if !env.known() {
			return operand{nobody: true}
		}
		return operand{values: env.values(v)}
	case []any:
		var out []any
		for _, item := range v {
			out = append(out, r.expand(normal(item), env)...)
		}
		return operand{values: out}
	default:
		return operand{values: r.expand(v, env)}
	}
}

// expand replaces the names that stand for the caller.
func (r Rule) expand(v any, env Env) []any {
	s, _ := v.(string)
	switch {
	case s == "My Teams" && r.Property == "$team", s == "{{getUserTeams()}}":
		return normal(env.UserTeams).([]any)
	case s == "{{getUserEmail()}}":
		return []any{env.User}
	}
	return []any{v}
}

func (e Env) known() bool { return e.User != "" || e.UserEntity != nil }

// values are the caller's values of a context, without those that are unset.
func (e Env) values(c Context) []any {
	entities := e.TeamEntities
	if c.Context == "user" {
		entities = []map[string]any{e.UserEntity}
	}
	var out []any
	for _, entity := range entities {
		if entity == nil {
			continue
		}
		out = append(out, flat(lookup(entity, c.Property))...)
	}
	return out
}

// flat is a value as a list of its elements.
func flat(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return slices.DeleteFunc(slices.Clone(v), func(item any) bool { return item == nil })
	case []string:
		return normal(v).([]any)
	}
	return []any{normal(v)}
}

// lookup is the value of a property or meta-property.
func lookup(subject map[string]any, name string) any {
	switch name {
	case "$datasource":
		if v, ok := subject["$datasource"]; ok {
			return v
		}
		return subject["datasource"]
	case "$icon":
		if subject["icon"] == "" {
			return nil
		}
		return subject["icon"]
	case "$identifier", "$title", "$team", "$blueprint", "$createdAt", "$updatedAt", "$createdBy", "$updatedBy":
		return subject[name[1:]]
	}
	properties, _ := subject["properties"].(map[string]any)
	return properties[name]
}

func (r Rule) holds(subject map[string]any, env Env, o operand) (bool, error) {
	switch {
	case r.Operator == relatedTo:
		return r.related(subject, env, o)
	case r.Path != nil:
		return r.reaches(subject, env, o)
	case r.Context != nil:
		left := env.values(*r.Context)
		if r.Operator == "isEmpty" {
			return len(left) == 0, nil
		}
		return slices.ContainsFunc(left, func(v any) bool { return (side{value: v, guess: true}).holds(r.Operator, o, env) }), nil
	case r.Schema != nil:
		return r.anyOfSchema(subject, env, o), nil
	case r.Scorecard != "":
		return side{value: r.grade(subject)}.holds(r.Operator, statuses(r, o), env), nil
	case r.Relation != "":
		return r.target(subject, env, r.Relation, o)
	case r.Property == ownedByTeam:
		owned := slices.ContainsFunc(flat(subject["team"]), func(v any) bool { s, _ := v.(string); return slices.Contains(env.UserTeams, s) })
		return slices.ContainsFunc(o.values, func(v any) bool { return text(v) == strconv.FormatBool(owned) }), nil
	}
	if env.isRelation(subject, r.Property) {
		return r.target(subject, env, r.Property, o)
	}
	return env.left(subject, r.Property).holds(r.Operator, o, env), nil
}

func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

func (e Env) isRelation(subject map[string]any, name string) bool {
	if e.Fields != nil {
		return e.Fields.ByName[name].Kind == Relation
	}
	properties, _ := subject["properties"].(map[string]any)
	relations, _ := subject["relations"].(map[string]any)
	_, isProperty := properties[name]
	_, isRelation := relations[name]
	return isRelation && !isProperty
}

// side is the left side of a comparison.
type side struct {
	value any
	// date compares moments, guess does so where both sides look like one.
	date, guess bool
	// wide compares letters of any script regardless of case, exact minds it.
	wide, exact bool
	// list is a set of names: each of them is compared.
	list bool
}

func (e Env) left(subject map[string]any, name string) side {
	v := lookup(subject, name)
	switch name {
	case "$team":
		return side{value: flat(v), list: true}
	case "$title":
		return side{value: v, wide: true}
	case "$createdAt", "$updatedAt":
		return side{value: v, date: true}
	case "$datasource":
		return side{value: v, exact: true}
	}
	if strings.HasPrefix(name, "$") {
		return side{value: v}
	}
	if e.Fields == nil {
		return side{value: v, guess: true}
	}
	f, ok := e.Fields.ByName[name]
	if !ok {
		return side{}
	}
	return side{value: v, date: f.date()}
}

func (r Rule) anyOfSchema(subject map[string]any, env Env, o operand) bool {
	properties, _ := subject["properties"].(map[string]any)
	for name, v := range properties {
		s := side{value: v, guess: true}
		if env.Fields != nil {
			f, ok := env.Fields.ByName[name]
			if !ok || !r.Schema.describes(f) {
				continue
			}
			s = side{value: v, date: f.date()}
		} else if !r.Schema.suits(v) {
			continue
		}
		if s.holds(r.Operator, o, env) {
			return true
		}
	}
	return false
}

func (s *Schema) describes(f Field) bool {
	return f.Kind != Relation && f.Kind != Meta && f.Type == s.Type && (s.Format == "" || s.Format == f.Format) &&
		(s.Items == "" || s.Items == f.ItemType) && (s.ItemFormat == "" || s.ItemFormat == f.ItemFormat)
}

func (s *Schema) suits(v any) bool {
	switch v.(type) {
	case string:
		return s.Type == "string"
	case float64:
		return s.Type == "number"
	case bool:
		return s.Type == "boolean"
	case []any:
		return s.Type == "array"
	case map[string]any:
		return s.Type == "object"
	}
	return false
}

// grade is the level of a scorecard, or the status of one of its rules.
func (r Rule) grade(subject map[string]any) any {
	scorecards, _ := subject["scorecards"].(map[string]any)
	result, _ := scorecards[r.Scorecard].(map[string]any)
	if r.ScorecardRule == "" {
		return result["level"]
	}
	rules, _ := result["rules"].([]any)
	for _, item := range rules {
		if rule, _ := item.(map[string]any); rule["identifier"] == r.ScorecardRule {
			return rule["status"]
		}
	}
	return nil
}

// statuses reads the other spelling of a rule's status.
func statuses(r Rule, o operand) operand {
	if r.ScorecardRule == "" {
		return o
	}
	values := slices.Clone(o.values)
	for i, v := range values {
		switch v {
		case "Passed":
			values[i] = "SUCCESS"
		case "Not passed":
			values[i] = "FAILURE"
		}
	}
	return operand{values: values, span: o.span}
}
