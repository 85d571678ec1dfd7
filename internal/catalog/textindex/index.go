// Package textindex finds entities by text. The index is two kinds of tables
// that are written in the transaction of the entity: the words of each entity
// (FTS5 on SQLite, a GIN index of words on PostgreSQL), and the vocabulary, a
// table of all words and their parts, which is the same on both engines and
// small, because it grows with the language and not with the catalog. Parts of
// words and misspellings are looked up in the vocabulary; what is asked of the
// engine is whole words and beginnings only. See docs/search.md.
package textindex

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"sphera/internal/store"
)

const (
	// maxBodyWords bounds what of an entity's properties is found by text.
	maxBodyWords = 300
	// maxKnown bounds the words that are remembered as being in the vocabulary.
	maxKnown = 50_000
	// chunk is how many rows a statement writes or asks for.
	chunk = 200
)

// Doc is what is found of one entity.
type Doc struct {
	ID                           int64
	Blueprint, Identifier, Title string
	// Body is the text of the properties.
	Body string
	// Teams own it: what is theirs ranks up for their members.
	Teams []string
}

// Index is the text index of a database.
type Index struct {
	db *store.DB

	mu    sync.Mutex
	known map[string]struct{}
}

// New returns the index kept in db.
func New(db *store.DB) *Index { return &Index{db: db, known: map[string]struct{}{}} }

// terms are the words of a document by field.
type terms struct {
	name, body, scope []string
	plain             []string
}

func termsOf(d Doc) terms {
	seen := map[string]bool{}
	var t terms
	put := func(list *[]string, word string, vocabulary bool) {
		if word == "" || seen[word] {
			return
		}
		seen[word] = true
		*list = append(*list, word)
		if vocabulary && plain(word) {
			t.plain = append(t.plain, word)
		}
	}
	for _, name := range []string{d.Title, d.Identifier} {
		list := words(name)
		for _, word := range list {
			put(&t.name, word, true)
			put(&t.name, letters(word), true)
		}
		put(&t.name, squeezed(list), false)
		put(&t.name, initials(list), false)
	}
	for _, text := range []string{d.Blueprint, d.Body} {
		for _, word := range words(text) {
			if len(t.body) >= maxBodyWords {
				break
			}
			put(&t.body, word, true)
			if part := letters(word); strings.ContainsFunc(part, notHex) { // postgres of "postgres14"; digests have none
				put(&t.body, part, true)
			}
		}
	}
	t.scope = append(t.scope, scopeOf("b", d.Blueprint))
	for _, team := range d.Teams {
		t.scope = append(t.scope, scopeOf("t", team))
	}
	return t
}

func notHex(r rune) bool { return r < 'a' || r > 'f' }

// scopeOf is one word for a blueprint or a team, whatever its name is.
func scopeOf(kind, name string) string {
	return kind + strconv.FormatUint(uint64(key(kind+":"+name)), 36)
}

// Put writes the documents, which replace those with the same ids.
func (x *Index) Put(ctx context.Context, tx *store.Tx, docs []Doc) error {
	for part := range slices.Chunk(docs, chunk) {
		list := make([]terms, len(part))
		vocabulary := map[string]struct{}{}
		for i, d := range part {
			list[i] = termsOf(d)
			for _, word := range list[i].plain {
				vocabulary[word] = struct{}{}
			}
		}
		if err := x.learn(ctx, tx, vocabulary); err != nil {
			return fmt.Errorf("index words: %w", err)
		}
		if err := putDocs(ctx, tx, part, list); err != nil {
			return fmt.Errorf("index text: %w", err)
		}
	}
	return nil
}

// Remove forgets documents. Deleting the entities does so by itself.
func (x *Index) Remove(ctx context.Context, tx *store.Tx, ids []int64) error {
	column := "rowid"
	if tx.Dialect == store.Postgres {
		column = "entity"
	}
	for part := range slices.Chunk(ids, chunk) {
		args := make([]any, len(part))
		for i, id := range part {
			args[i] = id
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM text_docs WHERE "+column+" IN ("+places(1, len(args))+")", args...); err != nil {
			return fmt.Errorf("remove text: %w", err)
		}
	}
	return nil
}

func putDocs(ctx context.Context, tx *store.Tx, docs []Doc, list []terms) error {
	if tx.Dialect == store.Postgres {
		return putVectors(ctx, tx, docs, list)
	}
	// One row a statement: FTS5 writes what it holds in memory before each
	// statement of several, and else once, at the end of the transaction.
	statement, err := tx.PrepareContext(ctx, "REPLACE INTO text_docs (rowid, name, body, scope) VALUES (?, ?, ?, ?)")
	if err != nil {
		return err
	}
	defer statement.Close() //nolint:errcheck // a statement of this transaction
	for i, d := range docs {
		t := list[i]
		if _, err := statement.ExecContext(ctx, d.ID, strings.Join(t.name, " "), strings.Join(t.body, " "), strings.Join(t.scope, " ")); err != nil {
			return err
		}
	}
	return nil
}

func putVectors(ctx context.Context, tx *store.Tx, docs []Doc, list []terms) error {
	var query strings.Builder
	args := make([]any, 0, 2*len(docs))
	for i, d := range docs {
		if i > 0 {
			query.WriteByte(',')
		}
		query.WriteString("(CAST($" + strconv.Itoa(len(args)+1) + " AS BIGINT), CAST($" + strconv.Itoa(len(args)+2) + " AS TSVECTOR))")
		args = append(args, d.ID, vector(list[i]))
	}
	_, err := tx.ExecContext(ctx, "INSERT INTO text_docs (entity, words) VALUES "+query.String()+" ON CONFLICT (entity) DO UPDATE SET words = excluded.words", args...)
	return err
}

// vector writes the words for PostgreSQL, each behind a letter for its field.
func vector(t terms) string {
	var b strings.Builder
	for _, field := range []struct {
		letter string
		words  []string
	}{{"n", t.name}, {"b", t.body}, {"s", t.scope}} {
		for _, word := range field.words {
			b.WriteString("'" + field.letter + word + "' ")
		}
	}
	return b.String()
}

// places are n parameters from $from on.
func places(from, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("$" + strconv.Itoa(from+i))
	}
	return b.String()
}
