package catalog

import (
	"regexp"
	"slices"
	"strings"

	"sphera/internal/catalog/jq"
)

// renameInJQ renames .parent.old in a jq text. It is sure when afterwards the
// text reads the new name in place of the old one, by what the compiler says
// of both, or never read the old one. Where the compiler cannot tell what is
// read, the text stays.
func renameInJQ(text, parent, old, name string) (string, bool) {
	program, err := jq.Compile(text)
	if err != nil {
		return text, !strings.Contains(text, old)
	}
	reads := program.Reads()
	named := readNames(reads, parent)
	if !slices.Contains(named, old) {
		return text, !reads.All && !wholly(reads, parent) || !strings.Contains(text, old)
	}
	if reads.All {
		return text, false
	}
	quotedOld := regexp.QuoteMeta(old)
	out := text
	for _, form := range []struct{ find, put string }{
		{`(\.` + parent + `)\.` + quotedOld + `($|[^A-Za-z0-9_-])`, `${1}.` + quoteName(name) + `${2}`},
		{`(\.` + parent + `)\.?"` + quotedOld + `"`, `${1}."` + name + `"`},
		{`(\.` + parent + `)\.?'` + quotedOld + `'`, `${1}."` + name + `"`},
		{`(\.` + parent + `)\.?\[\s*["']` + quotedOld + `["']\s*\]`, `${1}["` + name + `"]`},
	} {
		out = regexp.MustCompile(form.find).ReplaceAllString(out, form.put)
	}
	again, err := jq.Compile(out)
	if err != nil {
		return text, false
	}
	now := readNames(again.Reads(), parent)
	if slices.Contains(now, old) || !slices.Contains(now, name) {
		return text, false
	}
	return out, !wholly(reads, parent)
}

func readNames(r jq.Reads, parent string) []string {
	if parent == "relations" {
		return r.Relations
	}
	return r.Properties
}

func wholly(r jq.Reads, parent string) bool {
	if parent == "relations" {
		return r.AllRelations
	}
	return r.AllProperties
}

// quoteName writes a name behind a dot: quoted unless jq takes it bare.
func quoteName(name string) string {
	for i, r := range name {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return `"` + name + `"`
		}
	}
	return name
}
