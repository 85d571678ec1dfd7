package scim

import (
	"strconv"
	"strings"

	"sphera/internal/store"
)

// columns are the attributes that the database has, by name. What a filter asks
// of them alone is answered by an index; the rest is looked at one by one.
type columns map[string]func(want any) condition

// condition is a part of a filter in SQL, with ? for what is compared with.
type condition struct {
	// text is empty when the database can say nothing: every row may fit.
	text string
	args []any
	// exact says that the rows are those of the filter, and not only all that
	// may be.
	exact bool
}

func (c condition) and(other condition) condition {
	switch {
	case c.text == "":
		return condition{other.text, other.args, false}
	case other.text == "":
		return condition{c.text, c.args, false}
	}
	return condition{"(" + c.text + " AND " + other.text + ")", append(append([]any{}, c.args...), other.args...), c.exact && other.exact}
}

func (c condition) or(other condition) condition {
	if c.text == "" || other.text == "" {
		return condition{}
	}
	return condition{"(" + c.text + " OR " + other.text + ")", append(append([]any{}, c.args...), other.args...), c.exact && other.exact}
}

func (c condition) not() condition {
	if !c.exact {
		return condition{}
	}
	return condition{"NOT " + c.text, c.args, true}
}

// after numbers what is compared with, behind n other arguments.
func (c condition) after(n int) string {
	if c.text == "" {
		return "1 = 1"
	}
	var b strings.Builder
	for part := range strings.SplitSeq(c.text, "?") {
		if b.Len() > 0 {
			n++
			b.WriteString("$" + strconv.Itoa(n))
		}
		b.WriteString(part)
	}
	return b.String()
}

// sameText compares a column with a text; key is what the column keeps of one.
func sameText(column string, key func(string) string) func(any) condition {
	return func(want any) condition {
		text, ok := want.(string)
		if !ok || text == "" { // nobody has an empty one
			return condition{}
		}
		return condition{"(" + column + " = ?)", []any{key(text)}, true}
	}
}

func asIs(text string) string { return text }

// userColumns and groupFilters are what is asked for often: Okta looks for
// userName, Entra ID for externalId and displayName.
func userColumns(dialect store.Dialect) columns {
	active := "COALESCE(doc ->> 'active', 'true') = 'true'"
	if dialect == store.SQLite {
		active = "COALESCE(doc ->> 'active', 1) = 1"
	}
	return columns{
		"id": sameText("user_id", asIs), "externalId": sameText("external_id", asIs), "userName": sameText("user_name_key", fold),
		"active": func(want any) condition {
			switch want {
			case true:
				return condition{text: "(" + active + ")", exact: true}
			case false:
				return condition{text: "NOT (" + active + ")", exact: true}
			default:
				return condition{}
			}
		},
	}
}

func groupFilters() columns {
	return columns{"id": sameText("id", asIs), "externalId": sameText("external_id", asIs), "displayName": sameText("display_key", fold)}
}
