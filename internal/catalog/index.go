package catalog

import (
	"context"
	"fmt"
	"slices"

	"sphera/internal/store"
)

// facetReady is the value, which none has, that marks a facet as filled: all
// entities are in its sets. Until then lists read the documents instead.
const facetReady = ""

// prepareFacets follows a change of a blueprint: facets that are no longer ones
// go, and of a blueprint without entities all are filled. The others are filled
// when the blueprint's entities are worked out again; see backfillPart.
func prepareFacets(ctx context.Context, tx *store.Tx, s *schema, empty bool) error {
	ready, err := readyFacets(ctx, tx, s.Identifier)
	if err != nil {
		return err
	}
	for name := range ready {
		if !slices.Contains(s.facets, name) {
			if err := dropFacet(ctx, tx, s.Identifier, name); err != nil {
				return err
			}
		}
	}
	if !empty {
		return nil
	}
	return markFacets(ctx, tx, s)
}

// readyFacets are the facets of a blueprint that are filled.
func readyFacets(ctx context.Context, q store.Querier, blueprint string) (map[string]bool, error) {
	rows, err := q.QueryContext(ctx, "SELECT property FROM facet_counts WHERE blueprint = $1 AND value = $2 AND property <> ''", blueprint, facetReady)
	names, err := store.All(rows, err, scanString)
	if err != nil {
		return nil, fmt.Errorf("read the facets of %s: %w", blueprint, err)
	}
	ready := map[string]bool{}
	for _, name := range names {
		ready[name] = true
	}
	return ready, nil
}

// markFacets lets lists use the facets of a blueprint.
func markFacets(ctx context.Context, tx *store.Tx, s *schema) error {
	for _, name := range s.facets {
		_, err := tx.ExecContext(ctx, "INSERT INTO facet_counts (blueprint, property, value, n) VALUES ($1, $2, $3, 1) ON CONFLICT (blueprint, property, value) DO NOTHING", s.Identifier, name, facetReady)
		if err != nil {
			return fmt.Errorf("mark the facets of %s: %w", s.Identifier, err)
		}
	}
	return nil
}

// dropFacet forgets the sets of a property.
func dropFacet(ctx context.Context, tx *store.Tx, blueprint, property string) error {
	for _, table := range []string{"facet_counts", "facet_sets"} {
		if _, err := tx.ExecContext(ctx, "DELETE FROM "+table+" WHERE blueprint = $1 AND property = $2", blueprint, property); err != nil {
			return fmt.Errorf("drop the facet %s: %w", property, err)
		}
	}
	return nil
}

// renameFacets follows a blueprint to its new name.
func renameFacets(ctx context.Context, tx *store.Tx, before, after string) error {
	for _, table := range []string{"facet_counts", "facet_sets"} {
		if _, err := tx.ExecContext(ctx, "UPDATE "+table+" SET blueprint = $1 WHERE blueprint = $2", after, before); err != nil {
			return fmt.Errorf("rename the facets of %s: %w", before, err)
		}
	}
	return nil
}

// renameFacet follows a property to its new name.
func renameFacet(ctx context.Context, tx *store.Tx, blueprint, before, after string) error {
	for _, table := range []string{"facet_counts", "facet_sets"} {
		if _, err := tx.ExecContext(ctx, "UPDATE "+table+" SET property = $1 WHERE blueprint = $2 AND property = $3", after, blueprint, before); err != nil {
			return fmt.Errorf("rename the facet %s: %w", before, err)
		}
	}
	return nil
}

// plain hides a column from SQLite's choice of an index.
func plain(d store.Dialect, column string) string {
	if d == store.SQLite {
		return "+" + column
	}
	return column
}
