package textindex

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestWords(t *testing.T) {
	for text, want := range map[string]string{
		"CartService": "cart service", "cart-service": "cart service", "Cart  Service!": "cart service", "cart_service/v2": "cart service v2",
		"HTTPServer": "http server", "APIs": "apis", "getAPIs now": "get apis now", "k8s": "k8s", "s3Bucket": "s3 bucket", "Route53Zone": "route53 zone",
		"São Paulo": "sao paulo", "Zu\u0308rich": "zurich", "Straße": "strasse", "ŁÓDŹ": "lodz", "ñandú": "nandu", "ﬁle": "file",
		"שלום עולם": "שלום עולם", "東京 タワー": "東京 タワー", "": "", "--- ///": "", "10.0.0.1": "10 0 0 1", "🎉": "",
		strings.Repeat("a", 100): strings.Repeat("a", 40),
	} {
		if got := strings.Join(words(text), " "); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		most int
		open bool
		want int
	}{
		{"cart", "cart", 2, false, 0},
		{"crat", "cart", 2, false, 1},
		{"car", "cart", 2, false, 1},
		{"carrt", "cart", 2, false, 1},
		{"bart", "cart", 2, false, 1},
		{"paymnet", "payment", 2, false, 1},
		{"kitten", "sitting", 2, false, 3},
		{"kitten", "sitting", 3, false, 3},
		{"paymn", "payment", 1, true, 1},
		{"pay", "payment", 1, true, 0},
		{"a", "abcdef", 2, false, 3},
		{"שולם", "שלום", 1, false, 1},
	} {
		if got := distance([]rune(test.a), []rune(test.b), test.most, test.open); got != test.want {
			t.Errorf("%s %s (most %d, open %v): %d, want %d", test.a, test.b, test.most, test.open, got, test.want)
		}
	}
}

// However a word is misspelled within what is allowed, it shares a number with
// the word that was meant.
func TestTypoKeysMeet(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for word := range strings.FieldsSeq("cart store order payment service warehouse prescription recommendation configuration ledger abacus kafka") {
		keys := typoKeys(word)
		for range 500 {
			wrong := []rune(word)
			for range edits(len(wrong)) {
				wrong = misspell(random, wrong)
			}
			typed := string(wrong)
			if edits(len(wrong)) < edits(len([]rune(word))) || distance(wrong, []rune(word), edits(len(wrong)), false) > edits(len(wrong)) {
				continue // too short for as many edits now
			}
			if typed != word && !slices.ContainsFunc(typoKeys(typed), func(k int64) bool { return slices.Contains(keys, k) }) {
				t.Fatalf("%q is not found as %q", typed, word)
			}
		}
	}
}

func misspell(random *rand.Rand, w []rune) []rune {
	i := random.IntN(len(w) - 1)
	out := slices.Clone(w)
	switch random.IntN(4) {
	case 0:
		return slices.Delete(out, i, i+1)
	case 1:
		return slices.Insert(out, i, 'x')
	case 2:
		out[i] = 'q'
	default:
		out[i], out[i+1] = out[i+1], out[i]
	}
	return out
}

func TestAbbreviations(t *testing.T) {
	for _, test := range []struct {
		short, word string
		want        bool
	}{{"crt", "cart", true}, {"svc", "service", true}, {"pymt", "payment", true}, {"mgmt", "management", false}, {"svc", "cart", false}} {
		k, ok := abbreviation(test.short)
		if got := ok && slices.Contains(shortKeys(test.word), k) && abbreviates([]rune(test.short), []rune(test.word)); got != test.want {
			t.Errorf("%s for %s: %v, want %v", test.short, test.word, got, test.want)
		}
	}
	if _, ok := abbreviation("cart"); ok {
		t.Error("a word with vowels is no abbreviation")
	}
}
