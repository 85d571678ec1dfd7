package catalog

import (
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxSearchText bounds what of an entity's properties is found by text.
const maxSearchText = 8 << 10

// fold makes texts that differ in case alike. It is done here and not in SQL,
// where SQLite folds only A to Z.
func fold(s string) string { return strings.ToLower(s) }

// texts derives the columns that text is looked for in. find_text has lines
// for ranking: title and identifier as such, then the words each after a
// space, then the initials each after a tab. search_text adds the properties.
func texts(d draft) (find, search string) {
	var b strings.Builder
	b.WriteString("\n" + oneLine(d.Title) + "\n" + oneLine(d.Identifier) + "\n")
	titleWords, identifierWords := words(d.Title), words(d.Identifier)
	for _, word := range append(slices.Clone(titleWords), identifierWords...) {
		b.WriteString(" " + word)
	}
	b.WriteString("\n\t" + initials(titleWords) + "\t" + initials(identifierWords) + "\n")
	find = b.String()
	b.Reset()
	b.WriteString(find)
	for _, name := range slices.Sorted(maps.Keys(d.Properties)) {
		appendText(&b, d.Properties[name])
	}
	return find, strings.ToValidUTF8(b.String()[:min(b.Len(), len(find)+maxSearchText)], "")
}

func oneLine(s string) string {
	return fold(strings.Join(strings.Fields(s), " "))
}

// words splits "CartService", "cart-service" and "Cart Service" alike.
func words(s string) []string {
	var out []string
	var word []rune
	end := func() {
		if len(word) > 0 {
			out = append(out, fold(string(word)))
			word = nil
		}
	}
	var before rune
	for _, r := range s {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			end()
		case unicode.IsUpper(r) && unicode.IsLower(before):
			end()
			word = append(word, r)
		default:
			word = append(word, r)
		}
		before = r
	}
	end()
	return out
}

func initials(words []string) string {
	var b strings.Builder
	for _, word := range words {
		r, _ := utf8.DecodeRuneInString(word)
		b.WriteRune(r)
	}
	return b.String()
}

// like escapes what has a meaning in LIKE, for ESCAPE '!'.
func like(s string) string {
	return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(s)
}
