package catalog

import (
	"strings"
)

// maxSearchText bounds what of an entity's properties is found by text.
const maxSearchText = 8 << 10

// fold makes texts that differ in case alike. It is done here and not in SQL,
// where SQLite folds only A to Z.
func fold(s string) string { return strings.ToLower(s) }
