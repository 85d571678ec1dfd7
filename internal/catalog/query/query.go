// Package query is the search language of Port's API: it reads a query, tells
// whether an entity fits it, and writes it as SQL. Both must always say the
// same; docs/query.md has what is decided where Port's documents are silent.
package query

import (
	"time"
)

// Query is rules that must all hold, or of which one must. Without rules
// everything fits.
type Query struct {
	// Combinator is "and" or "or".
	Combinator string `json:"combinator"`
	Rules      []Node `json:"rules"`
}

// Node is a Rule or a *Query.
type Node interface{ node() }

func (*Query) node() {}
func (Rule) node()   {}

// And is a query that fits what fits all nodes.
func And(nodes ...Node) *Query { return &Query{Combinator: and, Rules: nodes} }

// Never is a rule that nothing fits.
func Never() Rule { return Rule{Operator: never} }

// Never tells whether r is the rule that nothing fits.
func (r Rule) Never() bool { return r.Operator == never }

// never cannot be sent: it is no operator of the language.
const never = "never"

// Or is a query that fits what fits one of nodes.
func Or(nodes ...Node) *Query { return &Query{Combinator: or, Rules: nodes} }

const (
	and = "and"
	or  = "or"
)

// Rule is one condition. What is compared is one of Property, Context, Path,
// Schema, Relation and Scorecard; relatedTo has only Blueprint and a value.
type Rule struct {
	Property string `json:"property,omitempty"`
	// Context compares a property of the caller instead of the entity's.
	Context *Context `json:"context,omitempty"`
	// Path leads to entities whose identifiers are compared.
	Path *Path `json:"path,omitempty"`
	// Schema compares every property of that schema.
	Schema *Schema `json:"propertySchema,omitempty"`
	// Relation compares the targets of a relation: their TargetProperty,
	// $identifier (when empty) or $title.
	Relation       string `json:"relation,omitempty"`
	TargetProperty string `json:"targetProperty,omitempty"`
	// Scorecard compares its level, with ScorecardRule the rule's status.
	Scorecard     string `json:"scorecard,omitempty"`
	ScorecardRule string `json:"scorecardRule,omitempty"`
	// Blueprint, Direction and Required belong to relatedTo.
	Blueprint string `json:"blueprint,omitempty"`
	Direction string `json:"direction,omitempty"`
	Required  *bool  `json:"required,omitempty"`

	Operator string `json:"operator"`
	// Value is nil, bool, a number, string, []any of those, Range or Context.
	Value any `json:"value"`

	// at is the JSON pointer of the rule.
	at string
	// as is whom the rule is about, where that is not who asks; see As.
	as *Env
}

// As is q with the rules about the caller bound to env: they mean that caller
// also where the query becomes part of somebody else's.
func (q *Query) As(env Env) *Query {
	if q == nil {
		return nil
	}
	out := &Query{Combinator: q.Combinator, Rules: make([]Node, len(q.Rules))}
	for i, n := range q.Rules {
		switch n := n.(type) {
		case *Query:
			out.Rules[i] = n.As(env)
		case Rule:
			n.as = &env
			out.Rules[i] = n
		}
	}
	return out
}

// about is env with whom the rule is bound to.
func (r Rule) about(env Env) Env {
	if r.as == nil {
		return env
	}
	env.User, env.UserTeams, env.UserEntity, env.TeamEntities = r.as.User, r.as.UserTeams, r.as.UserEntity, r.as.TeamEntities
	return env
}

// Context is a value taken from the caller: from the "user" entity, or from
// all "userTeams".
type Context struct {
	Context  string `json:"context"`
	Property string `json:"property"`
}

// Range is a span of time: both ends belong to it, and either may be missing.
type Range struct {
	From   time.Time `json:"from,omitzero"`
	To     time.Time `json:"to,omitzero"`
	Preset string    `json:"preset,omitempty"`
}

// Schema selects properties by type.
type Schema struct {
	Type   string `json:"type"`
	Format string `json:"format,omitempty"`
	// Items is the type of an array's items, ItemFormat their format.
	Items      string `json:"items,omitempty"`
	ItemFormat string `json:"itemFormat,omitempty"`
}

// Path leads over relations: from the candidate to the entities that are
// named, or with From from entities of that blueprint to the candidate.
type Path struct {
	Hops []Hop  `json:"path"`
	From string `json:"fromBlueprint,omitempty"`
}

// Hop follows a relation, with MaxHops up to so many times.
type Hop struct {
	Relation string `json:"relation"`
	MaxHops  int    `json:"maxHops,omitempty"`
}

// Env is what rules depend on besides the entity.
type Env struct {
	Now  time.Time
	User string
	// UserTeams are the identifiers of the caller's teams.
	UserTeams    []string
	UserEntity   map[string]any
	TeamEntities []map[string]any
	// Fields are the blueprint's, where it is known. Match works without, but
	// then knows no types but those of the values.
	Fields *Fields
	// Graph is what Match needs for relatedTo and paths.
	Graph *Graph
}

// The kinds of fields.
const (
	Own         = "own"
	Mirror      = "mirror"
	Calculation = "calculation"
	Aggregation = "aggregation"
	Meta        = "meta"
	Relation    = "relation"
)

// Field is something an entity has a value of.
type Field struct {
	Name string
	Kind string
	// Type is string, number, boolean, object or array; "" when not known.
	Type     string
	Format   string
	ItemType string
	// ItemFormat is the format of an array's items.
	ItemFormat string
	// Slot is the column that holds the value, too; "" when none does.
	Slot string
	// Many and Target are a relation's.
	Many   bool
	Target string
}

func (f Field) date() bool { return f.Format == "date-time" || f.Format == "timer" }

// Fields are the fields of a blueprint.
type Fields struct {
	Blueprint string
	ByName    map[string]Field
	// Links are the relations of all blueprints, by blueprint and name.
	Links map[string]map[string]Link
	// Lenient takes fields that are not there as unset, and values of the wrong
	// type as different, instead of a problem.
	Lenient bool
	// Drive names the slot whose index may be used on SQLite: it has no
	// statistics to choose by. "" leaves the choice to it.
	Drive string
}

// Link is a relation of a blueprint.
type Link struct {
	Target   string
	Required bool
}

// Problem is one thing that is wrong with a query. Path is a JSON pointer.
type Problem struct {
	Path    string
	Problem string
	Want    string
}

// Operators are the operators of properties.
func Operators() []string {
	return []string{
		"=", "!=", ">", ">=", "<", "<=", "contains", "doesNotContains", "beginsWith", "doesNotBeginsWith",
		"endsWith", "doesNotEndsWith", "in", "notIn", "containsAny", "isEmpty", "isNotEmpty",
		"isExpired", "isNotExpired", "between", "notBetween", relatedTo, matchAny,
	}
}

const (
	relatedTo = "relatedTo"
	matchAny  = "matchAny"
)

// positive is the operator that a denying one denies: what denies fits
// whatever does not fit the other, also what is unset.
func positive(operator string) (string, bool) {
	switch operator {
	case "!=":
		return "=", true
	case "doesNotContains":
		return "contains", true
	case "doesNotBeginsWith":
		return "beginsWith", true
	case "doesNotEndsWith":
		return "endsWith", true
	case "notIn":
		return "in", true
	case "isNotEmpty":
		return "isEmpty", true
	case "isNotExpired":
		return "isExpired", true
	case "notBetween":
		return "between", true
	}
	return operator, false
}

// Metas are the meta-properties that can be searched.
func Metas() []string {
	return []string{"$identifier", "$title", "$icon", "$team", "$blueprint", "$createdAt", "$updatedAt", "$createdBy", "$updatedBy", "$datasource", ownedByTeam}
}

// ownedByTeam tells whether one of the caller's teams owns the entity.
const ownedByTeam = "$owned_by_team"

// Only returns the value that a top-level rule "property = value" asks for.
func (q *Query) Only(property string) (string, bool) {
	if q == nil || q.Combinator == or && len(q.Rules) > 1 {
		return "", false
	}
	for _, n := range q.Rules {
		switch n := n.(type) {
		case Rule:
			if s, ok := n.Value.(string); ok && n.Property == property && n.Operator == "=" {
				return s, true
			}
		case *Query:
			if s, ok := n.Only(property); ok {
				return s, true
			}
		}
	}
	return "", false
}

// Values are the values that a rule compares with, worked out for the caller.
// ok is false where it compares with something else, or with a user that there
// is not.
func (r Rule) Values(env Env) (values []any, ok bool) {
	o := r.operand(r.about(env))
	return o.values, !o.nobody && o.span == nil && r.Context == nil
}

// Positive is the operator that r's denies, and true, or its own and false.
func (r Rule) Positive() (string, bool) { return positive(r.Operator) }

// OfProperty tells whether r compares just a property or meta-property of the
// entity.
func (r Rule) OfProperty() bool {
	return r.Property != "" && r.Path == nil && r.Context == nil && r.Operator != relatedTo
}

// Excludes tells whether the rules on $blueprint alone keep all entities of a
// blueprint out.
func (q *Query) Excludes(blueprint string, env Env) bool {
	if q == nil || len(q.Rules) == 0 {
		return false
	}
	for _, n := range q.Rules {
		out := false
		switch n := n.(type) {
		case *Query:
			out = n.Excludes(blueprint, env)
		case Rule:
			if n.OfProperty() && n.Property == "$blueprint" {
				fits, err := n.match(map[string]any{"blueprint": blueprint}, env)
				out = err == nil && !fits
			}
		}
		if out == (q.Combinator != or) {
			return out
		}
	}
	return q.Combinator == or
}
