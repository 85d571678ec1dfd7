package query

import "sphera/internal/store"

// Number is an expression of a field's number over the table entities under
// the alias e; NULL where it is none.
func Number(d store.Dialect, f Field) string {
	c := &compiler{d: d}
	if f.Slot != "" && f.Type == "number" {
		return "e." + f.Slot
	}
	return c.docNumber(f)
}

// Millis is an expression of a field's date-time as milliseconds since 1970.
func Millis(d store.Dialect, f Field) string {
	c := &compiler{d: d}
	switch f.Name {
	case "$createdAt":
		return "e.created_at"
	case "$updatedAt":
		return "e.updated_at"
	}
	if f.Slot != "" && f.date() {
		return "(e." + f.Slot + " * 1000)"
	}
	return c.docMillis(f)
}

// JSON is an expression of a field's value as JSON text; NULL where it is
// unset.
func JSON(d store.Dialect, f Field) string {
	if d == store.SQLite {
		return "(" + doc(f) + ` -> '$."` + f.Name + `"')`
	}
	return "CAST(" + doc(f) + " -> '" + f.Name + "' AS TEXT)"
}

// Grade is an expression of a scorecard's level, or of a rule's status, and the
// parameters of it from argStart.
func Grade(d store.Dialect, scorecard, rule string, argStart int) (string, []any) {
	c := &compiler{d: d, next: argStart}
	expression := c.grade(Rule{Scorecard: scorecard, ScorecardRule: rule})
	return expression, c.args
}
