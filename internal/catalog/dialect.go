package catalog

import "sphera/internal/store"

// The few places where the engines differ. Every name that gets here was
// found in the blueprint, whose names match propertyPattern: they cannot end a
// literal. It must be a literal and not a parameter, or no index is used.

// jsonPath is a quoted path to a property, for SQLite.
func jsonPath(name string) string { return `'$."` + name + `"'` }

// jsonText is a property as text, NULL when it is unset.
func jsonText(d store.Dialect, name string) string {
	if !validPropertyIdentifier(name) {
		return "NULL" // cannot happen; and if it did, nothing would be found
	}
	if d == store.SQLite {
		// The bare name would be read as a path or an index when it looks like one.
		return "(e.properties ->> " + jsonPath(name) + ")"
	}
	return "(e.properties ->> '" + name + `' COLLATE "C")`
}

// jsonRaw is a property as JSON text: 'true', '"x"', '[1,2]'.
func jsonRaw(d store.Dialect, name string) string {
	if !validPropertyIdentifier(name) {
		return "NULL"
	}
	if d == store.SQLite {
		return "(e.properties -> " + jsonPath(name) + ")"
	}
	return "CAST(e.properties -> '" + name + "' AS TEXT)"
}

// jsonNumber is a property as a number. Without the cast the engines would
// compare text with numbers, silently.
func jsonNumber(d store.Dialect, name string) string {
	return "CAST(" + jsonText(d, name) + " AS DOUBLE PRECISION)"
}
