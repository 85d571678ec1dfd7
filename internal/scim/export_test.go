package scim

// Try reads a filter and uses it; it must not panic.
func Try(text string) {
	if f, err := parseFilter(text); err == nil {
		f(map[string]any{"a": "b", "e": []any{map[string]any{"f": "g"}}})
	}
}
