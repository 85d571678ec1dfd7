package catalog

import (
	"strconv"
	"strings"

	"sphera/internal/fault"
	"sphera/internal/store"
)

// sortKey is what a list is sorted by; ties are broken by id.
type sortKey struct {
	expression string
	// index is what the list can be walked along; "" where there is none.
	index string
	// nullable keys sort what is unset last in both directions.
	nullable bool
	// whole numbers are columns of integers.
	whole bool
}

func newSortKey(d store.Dialect, l *listed, name string) (sortKey, error) {
	switch name {
	case "", "$title":
		return sortKey{expression: "e.title_fold", index: "entities_by_title"}, nil
	case "$identifier":
		return sortKey{expression: "e.identifier", index: "entities_by_identifier"}, nil
	case "$updatedAt":
		return sortKey{expression: "e.updated_at", index: "entities_by_update", whole: true}, nil
	case "$createdAt":
		return sortKey{expression: "e.created_at", index: "entities_by_creation", whole: true}, nil
	}
	f, ok := l.fields.ByName[name]
	if !ok || !validPropertyIdentifier(name) {
		return sortKey{}, fault.Field("sort", "is not a property of "+l.s.Identifier, "a property, $title, $identifier, $createdAt or $updatedAt")
	}
	if f.Slot != "" {
		return sortKey{expression: "e." + f.Slot, index: "entities_by_" + f.Slot, nullable: true}, nil
	}
	column := "e.properties"
	if f.Kind != "own" {
		column = "e.derived"
	}
	switch f.Type {
	case "number":
		return sortKey{expression: strings.ReplaceAll(jsonNumber(d, name), "e.properties", column), nullable: true}, nil
	case "string":
		return sortKey{expression: strings.ReplaceAll(jsonText(d, name), "e.properties", column), nullable: true}, nil
	case "boolean":
		return sortKey{expression: strings.ReplaceAll(jsonRaw(d, name), "e.properties", column), nullable: true}, nil
	}
	return sortKey{}, fault.Field("sort", "is of type "+f.Type, "a property of type string, number or boolean")
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

func beyond(desc bool) string {
	if desc {
		return " < "
	}
	return " > "
}

// value reads the key of a cursor.
func (k sortKey) value(v any) any {
	if n, ok := v.(float64); ok && k.whole {
		return int64(n)
	}
	return v
}

// after continues behind a place in the list.
func (b *builder) after(k sortKey, desc bool, value any, id int64) {
	at := strconv.FormatInt(id, 10)
	if value == nil {
		b.add("(" + k.expression + " IS NULL AND e.id" + beyond(desc) + at + ")")
		return
	}
	mark := b.arg(k.value(value))
	if _, ok := value.(float64); ok && !k.whole {
		mark = "CAST(" + mark + " AS DOUBLE PRECISION)"
	}
	tuple := "(" + k.expression + ", e.id)" + beyond(desc) + "(" + mark + ", " + at + ")"
	if k.nullable {
		tuple = "(" + tuple + " OR " + k.expression + " IS NULL)"
	}
	b.add(tuple)
}
