package textindex

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sphera/internal/store"
)

const (
	// maxTokens bounds the words of a question, maxText its letters.
	maxTokens = 8
	maxText   = 200
)

// token is one word of a question and the words of the vocabulary that it
// stands for.
type token struct {
	text string
	// short tokens are looked for as whole words only: too many begin with them.
	short bool
	// whole are all words of the vocabulary that begin with it, when they are
	// few: looking for them is cheaper than for whatever begins with it.
	whole []string
	parts []string
	typos map[string]int
}

// tokensOf are the words of a text; a word that is there twice counts once.
func tokensOf(text string) []token {
	text = strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", " "), "")
	if runes := []rune(text); len(runes) > maxText {
		text = string(runes[:maxText])
	}
	var out []token
	seen := map[string]bool{}
	for _, word := range words(text) {
		if !seen[word] && len(out) < maxTokens {
			seen[word] = true
			out = append(out, token{text: word, short: len([]rune(word)) < 2})
		}
	}
	return out
}

// depth says how far from the letter of the question one looks.
type depth int

const (
	names    depth = iota // whole words and beginnings, in title and identifier
	anywhere              // also parts of words, and the properties
	typos                 // also misspellings and abbreviations
)

// widen looks up what the tokens stand for at a depth.
func (x *Index) widen(ctx context.Context, list []token, to depth) error {
	for i := range list {
		var err error
		switch t := &list[i]; to {
		case names:
			t.whole, err = x.beginning(ctx, t.text)
		case anywhere:
			t.parts, err = x.containing(ctx, t.text)
		case typos:
			t.typos, err = x.like(ctx, t.text)
		}
		if err != nil {
			return fmt.Errorf("read the vocabulary: %w", err)
		}
	}
	return nil
}

// alternatives are the words a token stands for, itself excepted.
func (t token) alternatives(to depth) []string {
	out := slices.Clone(t.whole)
	if to >= anywhere {
		out = append(out, t.parts...)
	}
	if to >= typos {
		for word := range t.typos {
			out = append(out, word)
		}
	}
	return out
}

// expression is the question as the engine reads it: every token must be
// there; of scopes, when there are any, one of each list.
func expression(d store.Dialect, list []token, to depth, scopes ...[]string) string {
	if d == store.Postgres {
		return vectorQuery(list, to, scopes)
	}
	return matchQuery(list, to, scopes)
}

func matchQuery(list []token, to depth, scopes [][]string) string {
	var all []string
	columns := "{name}"
	if to >= anywhere {
		columns = "{name body}"
	}
	for _, t := range list {
		some := []string{`"` + t.text + `"`}
		if !t.short && len(t.whole) == 0 {
			some[0] += " *"
		}
		for _, word := range t.alternatives(to) {
			some = append(some, `"`+word+`"`)
		}
		all = append(all, columns+" : ("+strings.Join(some, " OR ")+")")
	}
	for _, scope := range scopes {
		if len(scope) > 0 {
			all = append(all, "{scope} : ("+strings.Join(scope, " OR ")+")")
		}
	}
	return strings.Join(all, " AND ")
}

func vectorQuery(list []token, to depth, scopes [][]string) string {
	var all []string
	fields := []string{"n"}
	if to >= anywhere {
		fields = []string{"n", "b"}
	}
	for _, t := range list {
		var some []string
		for _, field := range fields {
			word := "'" + field + t.text + "'"
			if !t.short && len(t.whole) == 0 {
				word += ":*"
			}
			some = append(some, word)
			for _, word := range t.alternatives(to) {
				some = append(some, "'"+field+word+"'")
			}
		}
		all = append(all, "("+strings.Join(some, " | ")+")")
	}
	for _, scope := range scopes {
		var some []string
		for _, word := range scope {
			some = append(some, "'s"+word+"'")
		}
		if len(some) > 0 {
			all = append(all, "("+strings.Join(some, " | ")+")")
		}
	}
	return strings.Join(all, " & ")
}

func scopesOf(kind string, list []string) []string {
	out := make([]string, len(list))
	for i, name := range list {
		out[i] = scopeOf(kind, name)
	}
	return out
}

// Where is a condition on entities e of one blueprint that holds when text is
// found in title, identifier or properties: whole words, beginnings and parts
// of words, and misspellings when there is nothing else. arg adds a parameter
// and returns its place. The condition is empty when text is; nothing has a text
// without letters or digits in it.
func (x *Index) Where(ctx context.Context, text, blueprint string, arg func(any) string) (string, error) {
	list := tokensOf(text)
	switch {
	case strings.TrimSpace(text) == "":
		return "", nil
	case len(list) == 0:
		return "1 = 0", nil
	}
	if err := x.widen(ctx, list, anywhere); err != nil {
		return "", err
	}
	scope := []string{scopeOf("b", blueprint)}
	query := expression(x.db.Dialect, list, anywhere, scope)
	ids, err := x.ids(ctx, query, 1)
	if err != nil {
		return "", err
	}
	if len(ids) == 0 {
		if err := x.widen(ctx, list, typos); err != nil {
			return "", err
		}
		query = expression(x.db.Dialect, list, typos, scope)
	}
	if x.db.Dialect == store.Postgres {
		return "e.id IN (SELECT entity FROM text_docs WHERE words @@ CAST(" + arg(query) + " AS TSQUERY))", nil
	}
	return "e.id IN (SELECT rowid FROM text_docs WHERE text_docs MATCH " + arg(query) + ")", nil
}

// Match returns at most limit entities of a blueprint in which text is found.
func (x *Index) Match(ctx context.Context, text, blueprint string, limit int) ([]int64, error) {
	list := tokensOf(text)
	if len(list) == 0 {
		return nil, nil
	}
	scope := []string{scopeOf("b", blueprint)}
	for _, to := range []depth{anywhere, typos} {
		if err := x.widen(ctx, list, to); err != nil {
			return nil, err
		}
		ids, err := x.ids(ctx, expression(x.db.Dialect, list, to, scope), limit)
		if err != nil || len(ids) > 0 {
			return ids, err
		}
	}
	return nil, nil
}

// ids are at most limit entities that fit an expression, the first made first.
func (x *Index) ids(ctx context.Context, query string, limit int) ([]int64, error) {
	text := `SELECT f.rowid FROM text_docs f WHERE f.text_docs MATCH $1 AND EXISTS (SELECT 1 FROM entities e WHERE e.id = f.rowid AND e.pending = 0) ORDER BY f.rowid LIMIT $2`
	if x.db.Dialect == store.Postgres {
		text = "SELECT text_find(CAST($1 AS TSQUERY), $2)"
	}
	rows, err := x.db.Read().QueryContext(ctx, text, query, limit)
	ids, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (int64, error) {
		var id int64
		return id, row.Scan(&id)
	})
	if err != nil {
		return nil, fmt.Errorf("look up text: %w", err)
	}
	return ids, nil
}
