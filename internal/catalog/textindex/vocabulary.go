package textindex

import (
	"context"
	"maps"
	"slices"

	"sphera/internal/store"
)

// learn adds the words that are not in the vocabulary yet. On PostgreSQL two
// transactions may add the same word; it is then there twice, which costs a row
// and hurts nobody, while a unique index would make one wait for the other.
func (x *Index) learn(ctx context.Context, tx *store.Tx, vocabulary map[string]struct{}) error {
	list := x.unknown(vocabulary)
	if len(list) == 0 {
		return nil
	}
	missing := map[string]bool{}
	for part := range slices.Chunk(list, chunk) {
		args := make([]any, len(part))
		for i, word := range part {
			args[i], missing[word] = word, true
		}
		rows, err := tx.QueryContext(ctx, "SELECT word FROM text_parts WHERE part IN ("+places(1, len(args))+") AND part = word", args...)
		found, err := store.All(rows, err, scanWord)
		if err != nil {
			return err
		}
		for _, word := range found {
			delete(missing, word)
		}
	}
	var parts, typos []any
	for _, word := range slices.Sorted(maps.Keys(missing)) {
		runes := []rune(word)
		for i := 0; i+3 <= len(runes); i++ {
			parts = append(parts, string(runes[i:]), word)
		}
		keys := append(typoKeys(word), shortKeys(word)...)
		slices.Sort(keys)
		for _, k := range slices.Compact(keys) {
			typos = append(typos, k, word)
		}
	}
	if err := insertPairs(ctx, tx, "text_parts (part, word)", parts); err != nil {
		return err
	}
	if err := insertPairs(ctx, tx, "text_typos (code, word)", typos); err != nil {
		return err
	}
	tx.AfterCommit(func() { x.remember(list) })
	return nil
}

func insertPairs(ctx context.Context, tx *store.Tx, into string, args []any) error {
	// A word may be a part of itself twice, as in "mama"; only on SQLite, where
	// the pair is the key, does that matter.
	const more = " ON CONFLICT DO NOTHING"
	if tx.Dialect == store.SQLite {
		return insertEach(ctx, tx, "INSERT INTO "+into+" VALUES (?, ?)"+more, args)
	}
	for part := range slices.Chunk(args, 2*chunk) {
		query := []byte("INSERT INTO " + into + " VALUES ")
		for i := 0; i < len(part); i += 2 {
			if i > 0 {
				query = append(query, ',')
			}
			query = append(query, "("+places(i+1, 2)+")"...)
		}
		if _, err := tx.ExecContext(ctx, string(query)+more, part...); err != nil {
			return err
		}
	}
	return nil
}

// insertEach writes pairs one by one: without round trips, reading a long
// statement is what costs.
func insertEach(ctx context.Context, tx *store.Tx, text string, pairs []any) error {
	if len(pairs) == 0 {
		return nil
	}
	statement, err := tx.PrepareContext(ctx, text)
	if err != nil {
		return err
	}
	defer statement.Close() //nolint:errcheck // a statement of this transaction
	for pair := range slices.Chunk(pairs, 2) {
		if _, err := statement.ExecContext(ctx, pair...); err != nil {
			return err
		}
	}
	return nil
}

func (x *Index) unknown(vocabulary map[string]struct{}) []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	var out []string
	for word := range vocabulary {
		if _, known := x.known[word]; !known {
			out = append(out, word)
		}
	}
	slices.Sort(out)
	return out
}

func (x *Index) remember(list []string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.known)+len(list) > maxKnown {
		clear(x.known)
	}
	for _, word := range list[:min(len(list), maxKnown)] {
		x.known[word] = struct{}{}
	}
}

func scanWord(row interface{ Scan(...any) error }) (string, error) {
	var word string
	return word, row.Scan(&word)
}

const (
	// maxParts and maxCandidates bound what a question reads of the vocabulary,
	// maxWords how many words of it a word of the question stands for.
	maxParts      = 400
	maxCandidates = 600
	maxWords      = 40
)

// beginning are the words that begin with token, or none when they are too many
// to be looked for one by one.
func (x *Index) beginning(ctx context.Context, token string) ([]string, error) {
	rows, err := x.db.Read().QueryContext(ctx, "SELECT word FROM text_parts WHERE part >= CAST($1 AS TEXT) AND part < CAST($2 AS TEXT) AND part = word LIMIT $3", token, token+last, maxWords+1)
	list, err := store.All(rows, err, scanWord)
	if err != nil || len(list) > maxWords {
		return nil, err
	}
	return slices.Compact(list), nil
}

// containing are the words that have token in them, behind their beginning;
// the shortest first.
func (x *Index) containing(ctx context.Context, token string) ([]string, error) {
	if len([]rune(token)) < 3 {
		return nil, nil
	}
	rows, err := x.db.Read().QueryContext(ctx, "SELECT word FROM text_parts WHERE part >= CAST($1 AS TEXT) AND part < CAST($2 AS TEXT) AND part <> word LIMIT $3", token, token+last, maxParts)
	list, err := store.All(rows, err, scanWord)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(list, byLength)
	list = slices.Compact(list)
	return list[:min(len(list), maxWords)], nil
}

// last sorts behind everything that can follow a text.
const last = "\U0010FFFF"

func byLength(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	if a < b {
		return -1
	}
	if a > b {
		return 1
	}
	return 0
}

// like are the words that token may be a misspelling or an abbreviation of, or
// of their beginning, with how far they are.
func (x *Index) like(ctx context.Context, token string) (map[string]int, error) {
	out := map[string]int{}
	runes := []rune(token)
	most := edits(len(runes))
	keys := typoKeys(token)
	short, abbreviated := abbreviation(token)
	if abbreviated {
		keys = append(keys, short)
	}
	if len(keys) == 0 {
		return out, nil
	}
	args := make([]any, 0, len(keys)+1)
	for _, k := range keys {
		args = append(args, k)
	}
	args = append(args, maxCandidates)
	rows, err := x.db.Read().QueryContext(ctx, "SELECT word FROM text_typos WHERE code IN ("+places(1, len(keys))+") LIMIT "+places(len(args), 1), args...)
	list, err := store.All(rows, err, scanWord)
	if err != nil {
		return nil, err
	}
	if most > 0 && len(runes) > 4 {
		// The word may not be finished: its beginning may be misspelled.
		begin := string(runes[:max(3, len(runes)-2)])
		rows, err := x.db.Read().QueryContext(ctx, "SELECT word FROM text_parts WHERE part >= CAST($1 AS TEXT) AND part < CAST($2 AS TEXT) AND part = word LIMIT $3", begin, begin+last, maxParts)
		more, err := store.All(rows, err, scanWord)
		if err != nil {
			return nil, err
		}
		list = append(list, more...)
	}
	for _, word := range list {
		if _, seen := out[word]; seen || word == token {
			continue
		}
		if d, ok := misspelled(runes, []rune(word), most); ok {
			out[word] = d
		} else if abbreviated && abbreviates(runes, []rune(word)) {
			out[word] = most + 2
		}
	}
	nearest(out)
	return out, nil
}

// misspelled says how far a word is from what was typed, which may be its
// beginning: that is less sure than the whole and counts one more.
func misspelled(typed, word []rune, most int) (int, bool) {
	if most == 0 {
		return 0, false
	}
	if d := distance(typed, word, most, false); d <= most {
		return d, d > 0
	}
	d := distance(typed, word, most, true)
	return d + 1, len(word) > len(typed) && d > 0 && d <= most
}

// nearest keeps the maxWords nearest words.
func nearest(list map[string]int) {
	if len(list) <= maxWords {
		return
	}
	words := slices.SortedFunc(maps.Keys(list), func(a, b string) int {
		if d := list[a] - list[b]; d != 0 {
			return d
		}
		return byLength(a, b)
	})
	for _, word := range words[maxWords:] {
		delete(list, word)
	}
}

// abbreviates says whether short is what is left of word when letters are left
// out, its first kept.
func abbreviates(short, word []rune) bool {
	if len(word) <= len(short) || short[0] != word[0] {
		return false
	}
	i := 0
	for _, r := range word {
		if i < len(short) && short[i] == r {
			i++
		}
	}
	return i == len(short)
}
