package catalog

import (
	"context"

	"sphera/internal/catalog/textindex"
)

// FindOptions narrow and rank a search over all blueprints.
type FindOptions struct {
	// Blueprints are where to look; all when empty.
	Blueprints []string
	// Teams are those of who asks: what they own ranks up.
	Teams []string
	// Limit is 20 when 0, and at most 100.
	Limit int
}

// Find looks for text in titles, identifiers and properties across blueprints,
// the best first; see textindex.
func (c *Catalog) Find(ctx context.Context, text string, o FindOptions) ([]Hit, error) {
	found, err := c.text.Find(ctx, textindex.Find{Text: text, Blueprints: o.Blueprints, Teams: o.Teams, Limit: o.Limit, Now: c.now()})
	if err != nil {
		return nil, err
	}
	hits := make([]Hit, len(found))
	for i, h := range found {
		hits[i] = Hit{Blueprint: h.Blueprint, Identifier: h.Identifier, Title: h.Title, Icon: h.Icon}
	}
	return hits, nil
}
