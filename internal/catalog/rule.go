package catalog

import "sphera/internal/catalog/query"

// Operators are the operators of rules.
func Operators() []string { return query.Operators() }
