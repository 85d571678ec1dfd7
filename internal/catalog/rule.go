package catalog

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"sphera/internal/fault"
)

// Operators are the operators of rules.
func Operators() []string {
	return []string{
		"=", "!=", ">", ">=", "<", "<=", "contains", "doesNotContains", "beginsWith", "doesNotBeginsWith",
		"endsWith", "doesNotEndsWith", "in", "notIn", "containsAny", "isEmpty", "isNotEmpty",
	}
}

const maxValues = 200

// badRule is what is wrong with one rule; field is a part of it.
type badRule struct{ field, problem, expected string }

func (b *badRule) at(i int) error {
	return fault.Field(fmt.Sprintf("rules/%d/%s", i, b.field), b.problem, b.expected)
}

// rule makes the condition of one rule. Operators that deny hold where the
// value is unset.
func (b *builder) rule(r Rule) (string, *badRule) {
	if !slices.Contains(Operators(), r.Operator) {
		return "", &badRule{"operator", fmt.Sprintf("%q is not an operator", cut(r.Operator)), "one of " + strings.Join(Operators(), ", ")}
	}
	if positive, ok := denied(r.Operator); ok {
		part, bad := b.rule(Rule{Property: r.Property, Operator: positive, Value: r.Value})
		return "NOT COALESCE(" + part + ", FALSE)", bad
	}
	switch r.Property {
	case "$identifier":
		return b.text(r, "e.identifier", "")
	case "$title":
		return b.text(r, "e.title", "e.title_fold")
	case "$icon":
		return b.text(r, "NULLIF(e.icon, '')", "")
	case "$createdBy":
		return b.text(r, "e.created_by", "")
	case "$updatedBy":
		return b.text(r, "e.updated_by", "")
	case "$blueprint":
		return b.text(r, "e.blueprint", "")
	case "$createdAt":
		return b.time(r, "(e.created_at / 1000.0)")
	case "$updatedAt":
		return b.time(r, "(e.updated_at / 1000.0)")
	case "$team":
		return b.team(r)
	}
	if relation, ok := b.schema.Relations[r.Property]; ok {
		return b.relation(r, relation)
	}
	p, ok := b.schema.Schema.Properties[r.Property]
	if !ok {
		return "", &badRule{"property", fmt.Sprintf("%q is not a property or relation of %s", cut(r.Property), b.schema.Identifier), "a property, a relation, or $identifier, $title, $team, $icon, $createdAt, $updatedAt, $createdBy, $updatedBy"}
	}
	switch {
	case r.Operator == "isEmpty":
		return jsonText(b.dialect, r.Property) + " IS NULL", nil
	case p.Type == "number":
		return b.number(r)
	case p.Type == "boolean":
		return b.boolean(r)
	case p.Type == "array":
		return b.array(r)
	case p.Type == "object":
		return "", unfit(r, "type object", "isEmpty, isNotEmpty")
	case p.Format == "date-time" || p.Format == "timer":
		if r.Operator == "contains" || r.Operator == "beginsWith" || r.Operator == "endsWith" {
			return b.text(r, jsonText(b.dialect, r.Property), "")
		}
		return b.time(r, jsonSeconds(b.dialect, r.Property))
	default:
		return b.text(r, jsonText(b.dialect, r.Property), "")
	}
}

func denied(operator string) (string, bool) {
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
	}
	return "", false
}

func unfit(r Rule, what, expected string) *badRule {
	return &badRule{"operator", fmt.Sprintf("%q cannot be used with %s", r.Operator, what), expected}
}

// text compares text. Beginning, end and part are found whatever the case;
// folded is the column of the text in lower case, where there is one.
func (b *builder) text(r Rule, expression, folded string) (string, *badRule) {
	if folded == "" {
		folded = "LOWER(" + expression + ")"
	}
	switch r.Operator {
	case "isEmpty":
		return "(" + expression + " IS NULL)", nil
	case "in", "containsAny":
		return b.anyOf(r, func(arg string) string { return expression + " = " + arg })
	case "=":
		if r.Value == nil {
			return "(" + expression + " IS NULL)", nil
		}
	}
	value, bad := textValue(r.Value)
	if bad != nil {
		return "", bad
	}
	switch r.Operator {
	case "=", ">", ">=", "<", "<=":
		return "(" + expression + " " + r.Operator + " " + b.arg(value) + ")", nil
	case "contains":
		return b.like(folded, "%"+like(value)+"%"), nil
	case "beginsWith":
		return b.like(folded, like(value)+"%"), nil
	case "endsWith":
		return b.like(folded, "%"+like(value)), nil
	}
	return "", unfit(r, "text", "another operator")
}

func (b *builder) like(expression, pattern string) string {
	return "(" + expression + " LIKE LOWER(" + b.arg(pattern) + ") ESCAPE '!')"
}

func textValue(v any) (string, *badRule) {
	s, ok := v.(string)
	if !ok {
		return "", &badRule{"value", "is not text", "text"}
	}
	if len(s) > maxEntityIdentifier*4 || !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
		return "", &badRule{"value", "is too long or not plain text", "at most 4000 bytes of text"}
	}
	return s, nil
}

// anyOf is for "in": one condition per value.
func (b *builder) anyOf(r Rule, one func(arg string) string) (string, *badRule) {
	list, ok := r.Value.([]any)
	if strings, isText := r.Value.([]string); isText {
		for _, s := range strings {
			list = append(list, s)
		}
		ok = true
	}
	if !ok {
		list = []any{r.Value}
	}
	if len(list) > maxValues {
		return "", &badRule{"value", fmt.Sprintf("has %d items", len(list)), fmt.Sprintf("at most %d", maxValues)}
	}
	parts := []string{"FALSE"}
	for _, item := range list {
		value, bad := textValue(item)
		if bad != nil {
			return "", bad
		}
		parts = append(parts, one(b.arg(value)))
	}
	return "(" + strings.Join(parts, " OR ") + ")", nil
}

func (b *builder) number(r Rule) (string, *badRule) {
	expression := jsonNumber(b.dialect, r.Property)
	list := []any{r.Value}
	if many, ok := r.Value.([]any); ok && r.Operator == "in" {
		list = many
	}
	if r.Operator == "=" && r.Value == nil {
		return "(" + expression + " IS NULL)", nil
	}
	if len(list) > maxValues {
		return "", &badRule{"value", fmt.Sprintf("has %d items", len(list)), fmt.Sprintf("at most %d", maxValues)}
	}
	operator := r.Operator
	switch operator {
	case "in":
		operator = "="
	case "=", ">", ">=", "<", "<=":
	default:
		return "", unfit(r, "type number", "=, !=, >, >=, <, <=, in, notIn, isEmpty, isNotEmpty")
	}
	parts := []string{"FALSE"}
	for _, item := range list {
		n, ok := toNumber(item)
		if !ok {
			return "", &badRule{"value", "is not a number", "a number"}
		}
		parts = append(parts, expression+" "+operator+" CAST("+b.arg(n)+" AS DOUBLE PRECISION)")
	}
	return "(" + strings.Join(parts, " OR ") + ")", nil
}

func toNumber(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	}
	return 0, false
}

func (b *builder) boolean(r Rule) (string, *badRule) {
	if r.Operator != "=" {
		return "", unfit(r, "type boolean", "=, !=, isEmpty, isNotEmpty")
	}
	switch r.Value {
	case nil:
		return "(" + jsonText(b.dialect, r.Property) + " IS NULL)", nil
	case true, "true":
		return "(" + jsonRaw(b.dialect, r.Property) + " = 'true')", nil
	case false, "false":
		return "(" + jsonRaw(b.dialect, r.Property) + " = 'false')", nil
	}
	return "", &badRule{"value", "is not a boolean", "true or false"}
}

func (b *builder) array(r Rule) (string, *badRule) {
	list := []any{r.Value}
	switch r.Operator {
	case "contains":
	case "containsAny", "in":
		if many, ok := r.Value.([]any); ok {
			list = many
		}
	default:
		return "", unfit(r, "type array", "contains, doesNotContains, containsAny, isEmpty, isNotEmpty")
	}
	if len(list) > maxValues {
		return "", &badRule{"value", fmt.Sprintf("has %d items", len(list)), fmt.Sprintf("at most %d", maxValues)}
	}
	parts := []string{"FALSE"}
	for _, item := range list {
		if s, ok := item.(string); ok {
			if _, bad := textValue(s); bad != nil {
				return "", bad
			}
		} else if _, ok := toNumber(item); !ok {
			return "", &badRule{"value", "is neither text nor a number", "text or a number"}
		}
		raw, err := sortedJSON(item)
		if err != nil {
			return "", &badRule{"value", "is not JSON", "text or a number"}
		}
		parts = append(parts, jsonHas(b.dialect, r.Property, b.arg(raw)))
	}
	return "(" + strings.Join(parts, " OR ") + ")", nil
}

func (b *builder) time(r Rule, expression string) (string, *badRule) {
	switch r.Operator {
	case "isEmpty":
		return "(" + expression + " IS NULL)", nil
	case "=", ">", ">=", "<", "<=":
	default:
		return "", unfit(r, "a date and time", "=, !=, >, >=, <, <=, isEmpty, isNotEmpty")
	}
	s, ok := r.Value.(string)
	at, err := time.Parse(time.RFC3339Nano, s)
	if !ok || err != nil || at.UTC().Year() < 1 || at.UTC().Year() > 9999 {
		return "", &badRule{"value", "is not a date and time", "e.g. 2026-01-31T15:04:05Z"}
	}
	// Both sides are rounded to milliseconds: the engines differ beyond.
	value := float64(at.UnixMilli())
	return "(ROUND(CAST((" + expression + ") * 1000.0 AS DOUBLE PRECISION)) " + r.Operator + " CAST(" + b.arg(value) + " AS DOUBLE PRECISION))", nil
}

const teamOf = "EXISTS (SELECT 1 FROM entity_teams t WHERE t.entity = e.id"

func (b *builder) team(r Rule) (string, *badRule) {
	switch r.Operator {
	case "isEmpty":
		return "NOT " + teamOf + ")", nil
	case "=", "in", "contains", "containsAny":
		return b.anyOf(r, func(arg string) string {
			return "e.id IN (SELECT t.entity FROM entity_teams t WHERE t.team = " + arg + ")"
		})
	}
	return "", unfit(r, "$team", "=, !=, in, notIn, contains, isEmpty, isNotEmpty")
}

// relation finds entities by what they point at: by identifier, and with
// contains by title too.
func (b *builder) relation(r Rule, relation Relation) (string, *badRule) {
	link := "EXISTS (SELECT 1 FROM entity_relations l WHERE l.source = e.id AND l.relation = '" + r.Property + "'"
	switch r.Operator {
	case "isEmpty":
		return "NOT " + link + ")", nil
	case "=", "in", "containsAny":
		if r.Value == nil {
			return "NOT " + link + ")", nil
		}
		target := b.arg(relation.Target)
		return b.anyOf(r, func(arg string) string {
			return "e.id IN (SELECT l.source FROM entity_relations l WHERE l.relation = '" + r.Property + "' AND l.target = (SELECT t.id FROM entities t WHERE t.blueprint = " + target + " AND t.identifier = " + arg + "))"
		})
	case "contains":
		value, bad := textValue(r.Value)
		if bad != nil {
			return "", bad
		}
		return strings.Replace(link, "entity_relations l", "entity_relations l JOIN entities t ON t.id = l.target", 1) +
			" AND (t.title_fold LIKE " + b.arg("%"+like(fold(value))+"%") + " ESCAPE '!' OR LOWER(t.identifier) LIKE " + b.arg("%"+like(fold(value))+"%") + " ESCAPE '!'))", nil
	}
	return "", unfit(r, "a relation", "=, !=, in, notIn, contains, isEmpty, isNotEmpty")
}
