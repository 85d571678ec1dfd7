package catalog

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sphera/internal/catalog/textindex"
	"sphera/internal/store"
)

// indexText brings the text index to what rows are now; olds, of the same
// length, are what they were, nil for new ones. Only what is found differently
// is written.
func (c *Catalog) indexText(ctx context.Context, tx *store.Tx, olds, rows []*stored) error {
	var docs []textindex.Doc
	for i, r := range rows {
		doc := textDoc(r)
		if old := olds[i]; old != nil && sameDoc(textDoc(old), doc) {
			continue
		}
		docs = append(docs, doc)
	}
	return c.text.Put(ctx, tx, docs)
}

func sameDoc(a, b textindex.Doc) bool {
	return a.Title == b.Title && a.Identifier == b.Identifier && a.Blueprint == b.Blueprint && a.Body == b.Body && slices.Equal(a.Teams, b.Teams)
}

// textDoc is what is found of an entity: its names, and the text of its own
// properties except times, which nobody looks for by word.
func textDoc(r *stored) textindex.Doc {
	var body strings.Builder
	for _, name := range slices.Sorted(maps.Keys(r.Properties)) {
		appendText(&body, r.Properties[name])
	}
	return textindex.Doc{
		ID: r.id, Blueprint: r.blueprint, Identifier: r.Identifier, Title: r.Title, Teams: r.Team,
		Body: strings.ToValidUTF8(body.String()[:min(body.Len(), maxSearchText)], ""),
	}
}

func appendText(b *strings.Builder, v any) {
	switch v := v.(type) {
	case string:
		if b.Len() < maxSearchText && !looksLikeTime(v) {
			b.WriteString(v + "\n")
		}
	case []any:
		for _, item := range v {
			appendText(b, item)
		}
	}
}

// looksLikeTime recognises the beginning of "2026-07-01T10:00:00Z".
func looksLikeTime(s string) bool {
	return len(s) >= 20 && len(s) <= 35 && s[4] == '-' && s[7] == '-' && s[10] == 'T' && s[13] == ':'
}

// backfillChunk is how many entities one transaction of IndexText writes.
const backfillChunk = 500

// IndexText indexes entities that were there before the index, some at a time,
// and says how many it did: it is called until there are none.
func (c *Catalog) IndexText(ctx context.Context) (done int, err error) {
	if err := c.may(ctx, VerbMaintain, ""); err != nil {
		return 0, err
	}
	err = c.db.Tx(ctx, func(tx *store.Tx) error {
		done = 0
		rows, err := tx.QueryContext(ctx, "SELECT after_id FROM text_backfill"+tx.ForUpdate())
		marks, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (int64, error) {
			var mark int64
			return mark, row.Scan(&mark)
		})
		if err != nil || len(marks) == 0 {
			return err
		}
		after := slices.Max(marks)
		found, err := tx.QueryContext(ctx, "SELECT "+entityColumns+" FROM entities e WHERE e.id > $1 ORDER BY e.id LIMIT $2", after, backfillChunk)
		list, err := store.All(found, err, scanStored)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM text_backfill"); err != nil {
			return err
		}
		if len(list) == 0 {
			return nil
		}
		done = len(list)
		if _, err := tx.ExecContext(ctx, "INSERT INTO text_backfill (after_id) VALUES ($1)", list[len(list)-1].id); err != nil {
			return err
		}
		return c.indexText(ctx, tx, make([]*stored, len(list)), list)
	})
	if err != nil {
		return 0, fmt.Errorf("index entities: %w", err)
	}
	return done, nil
}
