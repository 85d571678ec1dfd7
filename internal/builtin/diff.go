package builtin

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"sphera/action"
	"sphera/internal/forge"
)

// additions shows new files as unified diffs.
func additions(files []forge.File) []action.FileChange {
	out := make([]action.FileChange, 0, len(files))
	for _, f := range files {
		change := action.FileChange{Path: f.Path, Verb: "add"}
		if !utf8.Valid(f.Content) {
			change.Binary = true
			out = append(out, change)
			continue
		}
		lines := strings.Split(strings.TrimSuffix(string(f.Content), "\n"), "\n")
		if len(f.Content) == 0 {
			lines = nil
		}
		var b strings.Builder
		fmt.Fprintf(&b, "@@ -0,0 +1,%d @@\n", len(lines))
		for _, line := range lines {
			b.WriteString("+" + line + "\n")
		}
		change.Diff, change.Added = b.String(), len(lines)
		out = append(out, change)
	}
	return out
}
