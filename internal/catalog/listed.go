package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"sphera/internal/catalog/query"
	"sphera/internal/store"
)

// listed is what lists of a blueprint know of it.
type listed struct {
	s      *schema
	fields query.Fields
	// ready are the facets that are filled.
	ready map[string]bool
	// size is how many entities there are.
	size int
}

// filled tells whether the sets of facets can be used at all.
func (l *listed) filled() bool { return l.ready[facetTeam] }

func (c *Catalog) listed(ctx context.Context, blueprint string) (*listed, error) {
	m, err := c.model(ctx, c.db.Read())
	if err != nil {
		return nil, err
	}
	s := m.blueprints[blueprint]
	if s == nil {
		return nil, noBlueprint(blueprint)
	}
	l := &listed{s: s, fields: m.fields(s), ready: map[string]bool{}}
	rows, err := c.db.Read().QueryContext(ctx, "SELECT property, n FROM facet_counts WHERE blueprint = $1 AND value = $2", blueprint, facetReady)
	type mark struct {
		property string
		n        int
	}
	marks, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (mark, error) {
		var m mark
		return m, row.Scan(&m.property, &m.n)
	})
	if err != nil {
		return nil, fmt.Errorf("read the facets of %s: %w", blueprint, err)
	}
	names := facetNames(s.Blueprint)
	for _, m := range marks {
		if m.property == "" {
			l.size = m.n
		} else if slices.Contains(names, m.property) {
			l.ready[m.property] = true
		}
	}
	return l, nil
}

// countSeen counts what may be read; where that takes a look at each, no more
// than are looked at.
func (s *search) countSeen(ctx context.Context) (int, error) {
	if s.view.None {
		return 0, nil
	}
	if err := errors.Join(s.narrow(ctx), s.settle(ctx), s.only(ctx)); err != nil {
		return 0, err
	}
	b := s.builder()
	if err := b.all(s); err != nil {
		return 0, err
	}
	return countRows(ctx, s.c.db.Read(), "SELECT COUNT(*) FROM entities e WHERE "+b.where(), b.args...)
}

// EntityCount is how many entities a blueprint has.
func (c *Catalog) EntityCount(ctx context.Context, blueprint string) (int, error) {
	s, err := c.newSearch(ctx, Query{Blueprint: blueprint})
	if err != nil {
		return 0, err
	}
	if !s.view.All() {
		return s.countSeen(ctx)
	}
	l := s.l
	if l.filled() {
		return l.size, nil
	}
	return countRows(ctx, c.db.Read(), "SELECT COUNT(*) FROM entities e WHERE e.blueprint = $1 AND e.pending = 0", blueprint)
}
