package catalog

import (
	"context"

	"sphera/internal/fault"
)

// Owners are the teams of entities, named "Blueprint/identifier": those they
// have now, or of a deleted one had at the end. What never was has no row. It
// is for deciding about things that belong to entities, so only the portal
// itself asks.
func (c *Catalog) Owners(ctx context.Context, refs []string) (map[string][]string, error) {
	if err := c.may(ctx, VerbMaintain, ""); err != nil {
		return nil, err
	}
	out := make(map[string][]string, len(refs))
	for _, ref := range refs {
		blueprint, identifier, ok := splitRef(ref)
		if _, known := out[ref]; known || !ok {
			continue
		}
		teams, err := c.ownersOf(ctx, blueprint, identifier)
		if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Unprocessable) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out[ref] = teams
	}
	return out, nil
}

func (c *Catalog) ownersOf(ctx context.Context, blueprint, identifier string) ([]string, error) {
	e, err := c.Entity(ctx, blueprint, identifier)
	if err == nil || !fault.Is(err, fault.NotFound) {
		return e.Team, err
	}
	current, _, err := c.lives(ctx, c.db.Read(), blueprint, identifier)
	if err != nil {
		return nil, err
	}
	list, err := readVersions(ctx, c.db.Read(), "v.entity = $1 ORDER BY v.id DESC LIMIT 1", current)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list[0].state.Team, nil
}
