package query

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"sphera/internal/store"
)

// SQL writes q as a condition over the table entities under the alias e. The
// first parameter is numbered argStart. With problems the condition must not
// be used.
func (q *Query) SQL(d store.Dialect, f Fields, env Env, argStart int) (where string, args []any, problems []Problem) {
	c := &compiler{d: d, f: f, env: env, next: argStart}
	where = c.query(q)
	where, args = used(where, c.args, argStart)
	return where, args, c.problems
}

// used drops the parameters that a condition does not use after all, which
// PostgreSQL refuses, and numbers the others anew.
func used(where string, all []any, start int) (string, []any) {
	var b strings.Builder
	var args []any
	numbers := map[int]int{}
	for i := 0; i < len(where); i++ {
		b.WriteByte(where[i])
		end := i + 1
		for where[i] == '$' && end < len(where) && where[end] >= '0' && where[end] <= '9' {
			end++
		}
		if end == i+1 {
			continue
		}
		n, err := strconv.Atoi(where[i+1 : end])
		if err != nil || n < start || n >= start+len(all) {
			continue
		}
		if numbers[n] == 0 {
			args = append(args, all[n-start])
			numbers[n] = start + len(args) - 1
		}
		b.WriteString(strconv.Itoa(numbers[n]))
		i = end - 1
	}
	return b.String(), args
}

type compiler struct {
	d        store.Dialect
	f        Fields
	env      Env
	next     int
	args     []any
	problems []Problem
	at       string
}

func (c *compiler) arg(v any) string {
	c.args = append(c.args, v)
	c.next++
	return "$" + strconv.Itoa(c.next-1)
}

// none is the condition of a rule that fits nothing; without leniency it is a
// problem with a part of the rule.
func (c *compiler) none(part, problem, want string) string {
	if !c.f.Lenient && len(c.problems) < maxProblems {
		c.problems = append(c.problems, Problem{c.at + part, problem, want})
	}
	return no
}

const (
	yes = "(1 = 1)"
	no  = "(1 = 0)"
)

func (c *compiler) query(q *Query) string {
	if q == nil || len(q.Rules) == 0 {
		return yes
	}
	parts := make([]string, 0, len(q.Rules))
	for _, n := range q.Rules {
		switch n := n.(type) {
		case *Query:
			parts = append(parts, c.query(n))
		case Rule:
			parts = append(parts, c.rule(n))
		}
	}
	if q.Combinator == or {
		return any1(parts)
	}
	return "(" + strings.Join(parts, " AND ") + ")"
}

// any1 is parts joined by OR.
func any1(parts []string) string {
	switch len(parts) {
	case 0:
		return no
	case 1:
		return parts[0]
	}
	return "(" + strings.Join(parts, " OR ") + ")"
}

func (c *compiler) rule(r Rule) string {
	operator, deny := positive(r.Operator)
	r.Operator = operator
	if r.Operator == never {
		return no
	}
	c.at = r.at
	asked := c.env
	defer func() { c.env = asked }()
	c.env = r.about(asked)
	o := r.operand(c.env)
	if o.nobody {
		return no
	}
	condition := c.holds(r, o)
	if deny {
		return "NOT COALESCE(" + condition + ", FALSE)"
	}
	return condition
}

func (c *compiler) holds(r Rule, o operand) string {
	switch {
	case r.Operator == relatedTo:
		return c.related(r, o)
	case r.Path != nil:
		return c.path(r, o)
	case r.Context != nil:
		if fits, err := r.holds(nil, c.env, o); err == nil && fits {
			return yes
		}
		return no
	case r.Schema != nil:
		return c.schema(r, o)
	case r.Scorecard != "":
		return c.text(column{text: c.grade(r)}, r.Operator, statuses(r, o))
	case r.Relation != "":
		if c.f.ByName[r.Relation].Kind != Relation {
			return c.unknown(r, o, "/relation", r.Relation, "a relation")
		}
		return c.target(r, r.Relation, o)
	case strings.HasPrefix(r.Property, "$"):
		return c.meta(r, o)
	}
	f, ok := c.f.ByName[r.Property]
	f.Name = r.Property
	if !ok || !validName(f.Name) {
		return c.unknown(r, o, "/property", r.Property, "a property, a relation, or "+strings.Join(Metas(), ", "))
	}
	if f.Kind == Relation {
		return c.target(r, r.Property, o)
	}
	return c.field(f, r.Operator, o)
}

// unknown is a field that there is not: it is unset.
func (c *compiler) unknown(r Rule, o operand, part, name, want string) string {
	none := c.none(part, fmt.Sprintf("%q is not a property or relation of %s", cut(name), c.f.Blueprint), want)
	if r.Operator == "isEmpty" || r.Operator == "=" && asksNull(o) {
		return yes
	}
	return none
}

func asksNull(o operand) bool { return len(o.values) == 1 && o.values[0] == nil }

func (c *compiler) schema(r Rule, o operand) string {
	var parts []string
	lenient := c.f.Lenient
	c.f.Lenient = true
	for _, name := range slices.Sorted(maps.Keys(c.f.ByName)) {
		f := c.f.ByName[name]
		f.Name = name
		if r.Schema.describes(f) && validName(name) {
			parts = append(parts, c.field(f, r.Operator, o))
		}
	}
	c.f.Lenient = lenient
	return any1(parts)
}

func (c *compiler) meta(r Rule, o operand) string {
	plain := func(name string) column {
		if c.d == store.Postgres && name != "identifier" && name != "blueprint" {
			return column{text: "(e." + name + ` COLLATE "C")`}
		}
		return column{text: "e." + name}
	}
	switch r.Property {
	case "$identifier":
		return c.text(plain("identifier"), r.Operator, o)
	case "$title":
		col := plain("title")
		col.folded = "e.title_fold"
		return c.text(col, r.Operator, o)
	case "$icon":
		col := plain("icon")
		col.text = "NULLIF(" + col.text + ", '')"
		return c.text(col, r.Operator, o)
	case "$blueprint":
		return c.text(plain("blueprint"), r.Operator, o)
	case "$createdBy":
		return c.text(plain("created_by"), r.Operator, o)
	case "$updatedBy":
		return c.text(plain("updated_by"), r.Operator, o)
	case "$datasource":
		col := plain("datasource")
		col.exact = true
		return c.text(col, r.Operator, o)
	case "$createdAt":
		return c.moment(moments{expression: "e.created_at", unit: 1}, r.Operator, o)
	case "$updatedAt":
		return c.moment(moments{expression: "e.updated_at", unit: 1}, r.Operator, o)
	case "$team":
		return c.team(r.Operator, o)
	case ownedByTeam:
		return c.owned(o)
	}
	return c.unknown(r, o, "/property", r.Property, "one of "+strings.Join(Metas(), ", "))
}

func (c *compiler) team(operator string, o operand) string {
	const set = "EXISTS (SELECT 1 FROM entity_teams t WHERE t.entity = e.id)"
	switch operator {
	case "isEmpty":
		return "NOT " + set
	case "=", "in", "contains", "containsAny", matchAny:
		if asksNull(o) {
			if operator == "=" {
				return "NOT " + set
			}
			return no
		}
		if o.span != nil {
			break
		}
		if list := c.texts(o); list != "" {
			return "e.id IN (SELECT t.entity FROM entity_teams t WHERE t.team IN (" + list + "))"
		}
		return no
	}
	return c.none("/operator", "cannot be used with $team", "=, !=, in, notIn, contains, containsAny, isEmpty, isNotEmpty")
}

// texts are the parameters of the texts among the values; "" for none.
func (c *compiler) texts(o operand) string {
	var marks []string
	for i, v := range o.values {
		if s, ok := v.(string); ok {
			marks = append(marks, c.arg(s))
		} else if v != nil {
			c.none(c.place(o, i), "is not text", "text")
		}
	}
	return strings.Join(marks, ", ")
}

func (c *compiler) place(o operand, i int) string {
	if len(o.values) == 1 {
		return "/value"
	}
	return "/value/" + strconv.Itoa(i)
}

func (c *compiler) owned(o operand) string {
	owned := no
	if len(c.env.UserTeams) > 0 {
		marks := make([]string, 0, len(c.env.UserTeams))
		for _, team := range c.env.UserTeams {
			marks = append(marks, c.arg(team))
		}
		owned = "EXISTS (SELECT 1 FROM entity_teams t WHERE t.entity = e.id AND t.team IN (" + strings.Join(marks, ", ") + "))"
	}
	var parts []string
	for _, v := range o.values {
		switch text(v) {
		case "true":
			parts = append(parts, owned)
		case "false":
			parts = append(parts, "NOT "+owned)
		}
	}
	return any1(parts)
}

// validName makes sure that a name can stand in a literal. It must be one and
// not a parameter, or no index is used.
func validName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune("@_=-", r)
	})
}
