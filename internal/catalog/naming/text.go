package naming

import (
	"regexp"
	"strings"
)

// text is a text of which it is not known what it is: often jq. In expressions
// over an entity it is certain what .entity.properties.NAME means; anything
// else that has the name is left and told.
func (w *walker) text(text string, p place) string {
	if !strings.Contains(text, w.Old) {
		return text
	}
	switch w.Kind {
	case Blueprint, Entity:
		for _, quote := range []string{`"`, `'`} {
			if strings.Contains(text, quote+w.Old+quote) {
				w.leave(p)
			}
		}
		return text
	case Property, Relation:
	}
	if p.jq != "" && p.jq != w.Blueprint || !w.word.MatchString(text) {
		return text
	}
	out := text
	if p.jq == w.Blueprint {
		out = w.expression(text)
	}
	if out != text {
		w.changed = true
	}
	if w.word.MatchString(out) {
		w.leave(p)
	}
	return out
}

// expression renames .entity.properties.NAME, also of the states of an event.
func (w *walker) expression(text string) string {
	parent := "properties"
	if w.Kind == Relation {
		parent = "relations"
	}
	old := regexp.QuoteMeta(w.Old)
	find := regexp.MustCompile(`(?:^|[^\p{L}0-9_.)\]?"'])(\.entity|(?:\.event)?\.diff\.(?:before|after))\.` + parent + `(\.` + old + `\b|\.?"` + old + `"|\.?'` + old + `'|\[["']` + old + `["']\])`)
	var b strings.Builder
	done := 0
	for _, m := range find.FindAllStringSubmatchIndex(text, -1) {
		// Behind a pipe .entity is that of something else.
		before := text[:m[0]]
		if at := strings.LastIndex(before, "{{"); at >= 0 {
			before = before[at:]
		}
		if strings.Contains(before, "|") || strings.HasSuffix(w.Old, "-") {
			continue
		}
		end := m[5]
		if end < len(text) && text[m[4]] == '.' && text[m[4]+1] != '"' && text[end] == '-' {
			continue // a longer name
		}
		b.WriteString(text[done:m[4]])
		b.WriteString(field(w.New))
		done = end
	}
	return b.String() + text[done:]
}

// field writes a name behind what has it: quoted unless jq takes it bare.
func field(name string) string {
	for i, r := range name {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return `["` + name + `"]`
		}
	}
	return "." + name
}
