package scim

import "sphera/internal/store"

// Try reads a filter and uses it; it must not panic.
func Try(text string) {
	if f, err := parseFilter(text, groupFilters()); err == nil {
		f.rows.after(0)
		f.match(map[string]any{"a": "b", "e": []any{map[string]any{"f": "g"}}})
	}
}

// Answered says whether the database alone answers a filter of people.
func Answered(text string, dialect store.Dialect) bool {
	f, err := parseFilter(text, userColumns(dialect))
	return err == nil && f.rows.exact
}
