package textindex

import (
	"hash/fnv"
	"strings"
)

// A misspelled word is found by what is left of it: a word and its misspelling
// that are at most n edits apart become the same text when up to n letters are
// left out of each. So for each word of the vocabulary those texts are kept as
// numbers, of its first letters only, and a question costs one look-up per text
// of the question, however large the vocabulary is. Consonants alone are kept
// as well, for abbreviations: crt for cart, svc for service.

// stem is how many letters of a word take part.
const stem = 7

// edits is how many edits a word of n letters may be away.
func edits(n int) int {
	switch {
	case n < 4:
		return 0
	case n < 8:
		return 1
	default:
		return 2
	}
}

// typoKeys are the numbers a word is kept under, or looked up by.
func typoKeys(word string) []int64 {
	runes := []rune(word)
	n := edits(len(runes))
	if n == 0 {
		return nil
	}
	seen := map[string]bool{}
	leaveOut(runes[:min(len(runes), stem)], n, seen)
	keys := make([]int64, 0, len(seen))
	for text := range seen {
		keys = append(keys, key(text))
	}
	return keys
}

func leaveOut(runes []rune, n int, seen map[string]bool) {
	text := string(runes)
	if seen[text] {
		return
	}
	seen[text] = true
	if n == 0 || len(runes) <= 2 {
		return
	}
	for i := range runes {
		shorter := make([]rune, 0, len(runes)-1)
		leaveOut(append(append(shorter, runes[:i]...), runes[i+1:]...), n-1, seen)
	}
}

// shortKeys are the numbers of the abbreviations of a word: its consonants
// behind the first letter, and these with one left out.
func shortKeys(word string) []int64 {
	bones := []rune(consonants(word))
	if len(bones) < 2 || len(bones) > stem {
		return nil
	}
	keys := []int64{key("~" + string(bones))}
	for i := 1; i < len(bones) && len(bones) > 3; i++ {
		keys = append(keys, key("~"+string(bones[:i])+string(bones[i+1:])))
	}
	return keys
}

// abbreviation is the number under which a word is looked up as one.
func abbreviation(token string) (int64, bool) {
	if n := len([]rune(token)); n < 2 || n > stem || consonants(token) != token {
		return 0, false
	}
	return key("~" + token), true
}

func consonants(word string) string {
	var b strings.Builder
	for i, r := range word {
		if i == 0 || !strings.ContainsRune("aeiou", r) {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func key(text string) int64 {
	h := fnv.New64a()
	h.Write([]byte(text)) // a hash never fails
	return int64(h.Sum64())
}

// distance counts the edits between two words, up to most: letters put in, left
// out, changed, or two neighbours swapped. With open, b may go on behind.
func distance(a, b []rune, most int, open bool) int {
	if !open && (len(a)-len(b) > most || len(b)-len(a) > most) {
		return most + 1
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		best := i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
			best = min(best, row[j])
		}
		if best > most {
			return most + 1
		}
		before, last, row = last, row, before
	}
	out := last[len(b)]
	if open {
		for _, n := range last {
			out = min(out, n)
		}
	}
	return min(out, most+1)
}
