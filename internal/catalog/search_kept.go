package catalog

import (
	"context"
	"fmt"
	"strconv"

	"sphera/internal/store"
)

const (
	// maxKept is how many entities are decided on one by one for a count.
	maxKept = 20_000
	// keptTurns is how many batches a page looks through before it is answered
	// with what there is, and where to go on.
	keptTurns = 20
)

// runKept makes a page of what may be read where that takes a look at each
// entity. Totals tell of no more than was looked at.
func (s *search) runKept(ctx context.Context) (Page, error) {
	page := Page{Entities: []Entity{}}
	limit, first := s.limit, s.from
	var last *hit
	var more bool
	size := limit + 1
	for turn := 1; ; turn++ {
		s.limit = min(size, maxPage)
		size *= 2 // much of it is hidden
		hits, left, err := s.hits(ctx)
		if err != nil {
			return Page{}, err
		}
		if more, err = s.takeKept(ctx, hits, limit, &page, &last); err != nil {
			return Page{}, err
		}
		if more || !left {
			break
		}
		end := hits[len(hits)-1]
		s.from = &cursor{Value: end.key, ID: end.id}
		if turn == keptTurns {
			last, more = &end, true
			break
		}
	}
	s.limit, s.from = limit, first
	page.Total, page.TotalIsAtLeast = len(page.Entities), more
	if first != nil {
		page.Total, page.TotalIsAtLeast = max(first.Total, len(page.Entities)), first.AtLeast
	}
	if err := s.facetsKept(ctx, &page); err != nil || !more {
		return page, err
	}
	var err error
	page.Next, err = cursor{Value: last.key, ID: last.id, Total: page.Total, AtLeast: page.TotalIsAtLeast}.encode(s.q)
	return page, err
}

// facetsKept counts values where all that may be read can be looked at.
func (s *search) facetsKept(ctx context.Context, page *Page) error {
	if len(s.q.Facets) == 0 {
		return nil
	}
	set, complete, err := s.kept(ctx)
	if err != nil || !complete {
		return err
	}
	page.Total, page.TotalIsAtLeast = set.count(), false
	s.set, s.rest, s.words, s.sample = set, nil, nil, nil
	page.Facets, err = s.facets(ctx)
	return err
}

// takeKept adds what may be read of hits to a page, and tells whether there is
// more than it takes; last is then the last that it took.
func (s *search) takeKept(ctx context.Context, hits []hit, limit int, page *Page, last **hit) (bool, error) {
	list, err := s.fetch(ctx, hits)
	if err != nil {
		return false, err
	}
	if list, err = keep(ctx, s.view, s.l.s, list); err != nil {
		return false, err
	}
	places := make(map[int64]hit, len(hits))
	for _, h := range hits {
		places[h.id] = h
	}
	for _, r := range list {
		if len(page.Entities) == limit {
			return true, nil
		}
		page.Entities = append(page.Entities, r.entity(s.l.s))
		place := places[r.id]
		*last = &place
	}
	return false, nil
}

// kept is the set of those that fit and may be read; complete is false where
// there are more than are looked at.
func (s *search) kept(ctx context.Context) (set idSet, complete bool, err error) {
	const part = 1000
	set = idSet{}
	after := int64(0)
	for looked := 0; looked < maxKept; looked += part {
		b := s.builder()
		if err := b.all(s); err != nil {
			return nil, false, err
		}
		b.add("e.id > " + b.arg(after))
		rows, err := s.c.db.Read().QueryContext(ctx, "SELECT "+entityColumns+" FROM entities e WHERE "+b.where()+" ORDER BY e.id LIMIT "+strconv.Itoa(part), b.args...)
		list, err := store.All(rows, err, scanStored)
		if err != nil {
			return nil, false, fmt.Errorf("look what may be seen of %s: %w", s.q.Blueprint, err)
		}
		if len(list) > 0 {
			after = list[len(list)-1].id
		}
		kept, err := keep(ctx, s.view, s.l.s, list)
		if err != nil {
			return nil, false, err
		}
		for _, r := range kept {
			set.add(r.id)
		}
		if len(list) < part {
			return set, true, nil
		}
	}
	return set, false, nil
}

// only leaves of the search what may be read, where that takes a look at each.
func (s *search) only(ctx context.Context) error {
	if s.view.Keep == nil {
		return nil
	}
	set, complete, err := s.kept(ctx)
	s.set, s.rest, s.words, s.sample, s.partly = set, nil, nil, nil, !complete
	return err
}
