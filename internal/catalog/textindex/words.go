package textindex

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxWord bounds a word in letters; what is longer is found by its beginning.
const maxWord = 40

// fold makes words that differ in case or diacritics alike: "São" is "sao".
func fold(s string) string {
	ascii := true
	for i := 0; i < len(s) && ascii; i++ {
		ascii = s[i] < utf8.RuneSelf
	}
	if ascii {
		return strings.ToLower(s)
	}
	var b strings.Builder
	for _, r := range norm.NFKD.String(s) {
		if unicode.Is(unicode.Mn, r) {
			continue
		}
		switch r = unicode.ToLower(r); r {
		case 'ß':
			b.WriteString("ss")
		case 'æ':
			b.WriteString("ae")
		case 'œ':
			b.WriteString("oe")
		case 'ø':
			b.WriteByte('o')
		case 'ł':
			b.WriteByte('l')
		case 'đ', 'ð':
			b.WriteByte('d')
		case 'ı':
			b.WriteByte('i')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// words splits "CartService", "cart-service" and "Cart Service" alike, folded.
// "HTTPServer" is http and server; "APIs" and "k8s" stay whole.
func words(s string) []string {
	var out []string
	runes := []rune(s)
	start := -1
	end := func(i int) {
		if start >= 0 {
			if w := fold(string(runes[start:i])); w != "" {
				out = append(out, cutWord(w))
			}
		}
		start = -1
	}
	for i, r := range runes {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r):
			end(i)
			continue
		case start >= 0 && unicode.IsUpper(r) && newWord(runes, i):
			end(i)
		}
		if start < 0 {
			start = i
		}
	}
	end(len(runes))
	return out
}

// newWord says whether the capital at i begins a word within a name.
func newWord(runes []rune, i int) bool {
	if unicode.IsLower(runes[i-1]) {
		return true
	}
	rest := runes[i+1:]
	plural := len(rest) > 0 && rest[0] == 's' && (len(rest) == 1 || !unicode.IsLetter(rest[1]))
	return (unicode.IsUpper(runes[i-1]) || unicode.IsDigit(runes[i-1])) && len(rest) > 0 && unicode.IsLower(rest[0]) && !plural
}

func cutWord(w string) string {
	if len(w) <= maxWord {
		return w
	}
	if runes := []rune(w); len(runes) > maxWord {
		return string(runes[:maxWord])
	}
	return w
}

// initials are the first letters of several words: "cart service" is "cs".
func initials(words []string) string {
	if len(words) < 2 {
		return ""
	}
	var b strings.Builder
	for _, word := range words {
		r, _ := utf8.DecodeRuneInString(word)
		b.WriteRune(r)
	}
	return cutWord(b.String())
}

// squeezed are several words as one, as people type them: "cartservice".
func squeezed(words []string) string {
	if len(words) < 2 || len(words) > 6 {
		return ""
	}
	if s := strings.Join(words, ""); len(s) <= maxWord {
		return s
	}
	return ""
}

// plain words are those that can be misspelled or be part of another: letters
// only. Numbers and digests stay out of the vocabulary, which they would fill.
func plain(w string) bool {
	n := 0
	for _, r := range w {
		if !unicode.IsLetter(r) {
			return false
		}
		n++
	}
	return n >= 3 && n <= 30
}

// letters is the longest run of letters in a mixed word: petstore of
// "petstore2"; empty when that is the word itself or too short to tell.
func letters(w string) string {
	best := ""
	for part := range strings.FieldsFuncSeq(w, func(r rune) bool { return !unicode.IsLetter(r) }) {
		if len(part) > len(best) {
			best = part
		}
	}
	if len(best) < 4 || best == w {
		return ""
	}
	return best
}
