package catalog

import (
	"context"
	"slices"

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

const (
	defaultFound = 20
	maxFound     = 100
)

// Find looks for text in titles, identifiers and properties across blueprints,
// the best first; see textindex.
func (c *Catalog) Find(ctx context.Context, text string, o FindOptions) ([]Hit, error) {
	if err := c.may(ctx, VerbRead, ""); err != nil {
		return nil, err
	}
	m, err := c.model(ctx, c.db.Read())
	if err != nil {
		return nil, err
	}
	sights := c.sights(m)
	whole, err := sights.whole(ctx)
	if err != nil {
		return nil, err
	}
	wanted := o.Limit
	if wanted <= 0 || wanted > maxFound {
		wanted = min(max(wanted, defaultFound), maxFound)
	}
	ask := textindex.Find{Text: text, Blueprints: o.Blueprints, Teams: o.Teams, Limit: o.Limit, Now: c.now()}
	if !whole {
		ask.Limit = maxFound // some of them will be left out
	}
	found, err := c.text.Find(ctx, ask)
	if err != nil {
		return nil, err
	}
	if !whole {
		ids := make([]int64, len(found))
		for i, h := range found {
			ids[i] = h.ID
		}
		if err := sights.look(ctx, c.db.Read(), ids); err != nil {
			return nil, err
		}
		found = slices.DeleteFunc(found, func(h textindex.Hit) bool { return !sights.seen[h.ID] })
		found = found[:min(len(found), wanted)]
	}
	hits := make([]Hit, len(found))
	for i, h := range found {
		hits[i] = Hit{Blueprint: h.Blueprint, Identifier: h.Identifier, Title: h.Title, Icon: h.Icon}
	}
	return hits, nil
}
