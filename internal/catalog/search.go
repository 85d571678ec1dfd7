package catalog

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"sphera/internal/fault"
	"sphera/internal/store"
)

const (
	defaultPage = 50
	maxPage     = 200
	maxRules    = 50
	maxText     = 200
)

// Search returns a page of the entities that fit q, with the true total.
func (c *Catalog) Search(ctx context.Context, q Query) (Page, error) {
	s, err := c.schema(ctx, c.db.Read(), q.Blueprint, "")
	if err != nil {
		return Page{}, err
	}
	b := &builder{dialect: c.db.Dialect, schema: s}
	if err := b.conditions(q); err != nil {
		return Page{}, err
	}
	if text, err := c.text.Where(ctx, q.Text, q.Blueprint, b.arg); err != nil {
		return Page{}, err
	} else if text != "" {
		b.add(text)
	}
	total, err := countRows(ctx, c.db.Read(), "SELECT COUNT(*) FROM entities e WHERE "+b.where(), b.args...)
	if err != nil {
		return Page{}, fmt.Errorf("search %s: %w", q.Blueprint, err)
	}
	limit := q.Limit
	if limit <= 0 {
		limit = defaultPage
	}
	limit = min(limit, maxPage)
	key, err := b.sortKey(q.Sort)
	if err != nil {
		return Page{}, err
	}
	from, err := readCursor(q)
	if err != nil {
		return Page{}, err
	}
	if from != nil {
		if err := b.after(key, q.Desc, from); err != nil {
			return Page{}, err
		}
	}
	rows, err := c.db.Read().QueryContext(ctx, "SELECT "+entityColumns+" FROM entities e WHERE "+b.where()+" ORDER BY "+key.order(q.Desc)+" LIMIT "+strconv.Itoa(limit+1), b.args...)
	list, err := store.All(rows, err, scanStored)
	if err != nil {
		return Page{}, fmt.Errorf("search %s: %w", q.Blueprint, err)
	}
	return c.page(ctx, s, q, key, list, limit, total)
}

func (c *Catalog) page(ctx context.Context, s *schema, q Query, key sortKey, list []*stored, limit, total int) (Page, error) {
	page := Page{Entities: []Entity{}, Total: total}
	more := len(list) > limit
	list = list[:min(limit, len(list))]
	if err := readRelations(ctx, c.db.Read(), list...); err != nil {
		return Page{}, err
	}
	for _, r := range list {
		page.Entities = append(page.Entities, r.entity(s))
	}
	if !more {
		return page, nil
	}
	last := list[len(list)-1]
	next, err := cursor{Value: key.value(last), ID: last.id}.encode(q)
	page.Next = next
	return page, err
}

// builder makes the SQL of a query. Names become literals after they were
// found in the blueprint; values are always parameters.
type builder struct {
	dialect store.Dialect
	schema  *schema
	parts   []string
	args    []any
}

func (b *builder) arg(v any) string {
	b.args = append(b.args, v)
	return "$" + strconv.Itoa(len(b.args))
}

func (b *builder) add(part string) { b.parts = append(b.parts, part) }

func (b *builder) where() string { return strings.Join(b.parts, " AND ") }

func (b *builder) conditions(q Query) error {
	b.add("e.blueprint = " + b.arg(b.schema.Identifier))
	if len([]rune(q.Text)) > maxText {
		return fault.Field("text", "is too long", fmt.Sprintf("at most %d characters", maxText))
	}
	if len(q.Rules) > maxRules {
		return fault.Field("rules", "are too many", fmt.Sprintf("at most %d", maxRules))
	}
	for i, rule := range q.Rules {
		part, bad := b.rule(rule)
		if bad != nil {
			return bad.at(i)
		}
		b.add(part)
	}
	return nil
}

// sortKey is what a list is sorted by; ties are broken by id.
type sortKey struct {
	expression string
	// nullable keys sort what is unset last in both directions.
	nullable bool
	value    func(r *stored) any
}

func (k sortKey) order(desc bool) string {
	way := ""
	if desc {
		way = " DESC"
	}
	order := k.expression + way + ", e.id" + way
	if k.nullable {
		return "(CASE WHEN " + k.expression + " IS NULL THEN 1 ELSE 0 END), " + order
	}
	return order
}

func (b *builder) sortKey(name string) (sortKey, error) {
	switch name {
	case "", "$title":
		return sortKey{expression: "e.title_fold", value: func(r *stored) any { return fold(r.Title) }}, nil
	case "$identifier":
		return sortKey{expression: "e.identifier", value: func(r *stored) any { return r.Identifier }}, nil
	case "$updatedAt":
		return sortKey{expression: "e.updated_at", value: func(r *stored) any { return r.updated }}, nil
	case "$createdAt":
		return sortKey{expression: "e.created_at", value: func(r *stored) any { return r.created }}, nil
	}
	p, ok := b.schema.Schema.Properties[name]
	if !ok {
		return sortKey{}, fault.Field("sort", fmt.Sprintf("%q is not a property of %s", cut(name), b.schema.Identifier), "a property, $title, $identifier, $createdAt or $updatedAt")
	}
	switch p.Type {
	case "number":
		return sortKey{expression: jsonNumber(b.dialect, name), nullable: true, value: func(r *stored) any { return r.Properties[name] }}, nil
	case "string":
		return sortKey{expression: jsonText(b.dialect, name), nullable: true, value: func(r *stored) any { return r.Properties[name] }}, nil
	case "boolean":
		return sortKey{expression: jsonRaw(b.dialect, name), nullable: true, value: func(r *stored) any {
			v, set := r.Properties[name]
			if !set {
				return nil
			}
			return fmt.Sprint(v)
		}}, nil
	default:
		return sortKey{}, fault.Field("sort", fmt.Sprintf("%q is of type %s", name, p.Type), "a property of type string, number or boolean")
	}
}

// after continues behind a cursor.
func (b *builder) after(k sortKey, desc bool, from *cursor) error {
	beyond := " > "
	if desc {
		beyond = " < "
	}
	if from.Value == nil {
		b.add("(" + k.expression + " IS NULL AND e.id" + beyond + b.arg(from.ID) + ")")
		return nil
	}
	value := from.Value
	if n, ok := value.(float64); ok && !k.nullable {
		value = int64(n) // times; the only numbers that are columns
	}
	tuple := "(" + k.expression + ", e.id)" + beyond + "(" + b.arg(value) + ", " + b.arg(from.ID) + ")"
	if k.nullable {
		tuple = "(" + tuple + " OR " + k.expression + " IS NULL)"
	}
	b.add(tuple)
	return nil
}
