package catalog

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"sphera/internal/store"
)

const maxHits = 100

// Find looks for text in titles and identifiers across all blueprints: exact,
// then beginnings, then beginnings of words, then parts, then all words in any
// order, then initials ("cs" finds Cart Service).
func (c *Catalog) Find(ctx context.Context, text string, limit int) ([]Hit, error) {
	tokens := searchTokens(string([]rune(text)[:min(len([]rune(text)), maxText)]))
	if len(tokens) == 0 {
		return []Hit{}, nil
	}
	if limit <= 0 {
		limit = 20
	}
	phrase := like(strings.Join(tokens, " "))
	var args []any
	match := func(pattern string) string {
		args = append(args, pattern)
		return "e.find_text LIKE $" + strconv.Itoa(len(args)) + " ESCAPE '!'"
	}
	rank := "CASE WHEN " + match("%\n"+phrase+"\n%") + " THEN 0 WHEN " + match("%\n"+phrase+"%") + " THEN 1 WHEN " + match("% "+phrase+"%") + " THEN 2 WHEN " + match("%"+phrase+"%") + " THEN 3"
	var all []string
	for _, token := range tokens {
		all = append(all, match("%"+like(token)+"%"))
	}
	words := strings.Join(all, " AND ")
	short := match("%\t" + like(strings.Join(tokens, "")) + "%")
	args = append(args, min(limit, maxHits))
	rows, err := c.db.Read().QueryContext(ctx, "SELECT e.blueprint, e.identifier, e.title, e.icon FROM entities e WHERE ("+words+") OR "+short+
		" ORDER BY "+rank+" WHEN "+words+" THEN 4 ELSE 5 END, LENGTH(e.title), e.title_fold, e.id LIMIT $"+strconv.Itoa(len(args)), args...)
	hits, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (Hit, error) {
		var h Hit
		return h, row.Scan(&h.Blueprint, &h.Identifier, &h.Title, &h.Icon)
	})
	if err != nil {
		return nil, fmt.Errorf("find: %w", err)
	}
	return hits, nil
}
