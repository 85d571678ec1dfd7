package catalog

import (
	"context"
	"slices"
	"strconv"

	"sphera/internal/store"
)

const (
	firstBatch = 200
	lastBatch  = 8000
	// lookup is how many steps along an index cost as much as one entity that
	// is looked at.
	lookup = 8
)

// hint makes SQLite use an index; it has no statistics to choose one by.
func (s *search) hint(index string) string {
	if s.c.db.Dialect == store.SQLite {
		return " INDEXED BY " + index
	}
	return ""
}

// settle looks at what is left to look at when it is little, so that the set
// is all there is to know.
func (s *search) settle(ctx context.Context) error {
	if len(s.rest) == 0 && s.words == nil {
		return nil
	}
	if s.set == nil && s.l.filled() && s.l.size <= s.c.bounds.checked {
		all, err := s.readSet(ctx, "", []string{""})
		if err != nil {
			return err
		}
		s.set = all
	}
	if s.set == nil || s.set.count() > s.c.bounds.checked {
		return nil
	}
	set, err := s.check(ctx, s.set)
	if err == nil {
		s.set, s.rest, s.words, s.sample = set, nil, nil, nil
	}
	return err
}

// check is what of a set fits the rest.
func (s *search) check(ctx context.Context, set idSet) (idSet, error) {
	ids := make([]int64, 0, firstBatch)
	for id := range set.all(false) {
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		return idSet{}, nil
	}
	b := s.builder()
	b.among(ids)
	b.add("e.pending = 0")
	if err := b.rests(s); err != nil {
		return nil, err
	}
	out, _, err := s.ids(ctx, "SELECT e.id FROM entities e WHERE "+b.where(), b.args...)
	return out, err
}

// hits finds the page: either along the index of its order, or from the set.
// What costs less is worked out from how much of the list fits.
func (s *search) hits(ctx context.Context) (list []hit, more bool, err error) {
	switch {
	case !s.l.filled(), s.key.index == "" && (s.set == nil || s.set.count() > 10*s.c.bounds.looked):
		list, err = s.plain(ctx, nil, s.from)
	default:
		n := s.l.size
		if s.set != nil {
			n = s.set.count()
		}
		if s.set != nil && (s.key.index == "" || lookup*n*n <= s.limit*s.l.size) {
			list, err = s.plain(ctx, s.set, s.from)
		} else {
			list, err = s.walk(ctx)
		}
	}
	if len(list) > s.limit {
		return list[:s.limit], true, err
	}
	return list, false, err
}

// plain sorts the entities of a set, or all that fit.
func (s *search) plain(ctx context.Context, set idSet, from *cursor) ([]hit, error) {
	b := s.builder()
	if set != nil {
		var ids []int64
		for id := range set.all(false) {
			ids = append(ids, id)
		}
		b.among(ids)
		b.add("e.pending = 0")
		if err := b.rests(s); err != nil {
			return nil, err
		}
	} else {
		b.add("e.blueprint = " + b.arg(s.q.Blueprint))
		b.add("e.pending = 0")
		b.nodes(s, "", s.where)
		if s.words != nil {
			part, err := s.words(b)
			if err != nil {
				return nil, err
			}
			b.add(part)
		} else if s.set != nil {
			var ids []int64
			for id := range s.set.all(false) {
				ids = append(ids, id)
			}
			b.among(ids)
		}
	}
	if from != nil {
		b.after(s.key, s.q.Desc, from.Value, from.ID)
	}
	return s.read(ctx, "SELECT e.id, "+s.key.expression+" FROM entities e WHERE "+b.where()+" ORDER BY "+s.key.order(s.q.Desc)+" LIMIT "+strconv.Itoa(s.limit+1), b.args...)
}

func (s *search) read(ctx context.Context, statement string, args ...any) ([]hit, error) {
	rows, err := s.c.db.Read().QueryContext(ctx, statement, args...)
	return store.All(rows, err, func(row interface{ Scan(...any) error }) (hit, error) {
		var h hit
		err := row.Scan(&h.id, &h.key)
		if raw, ok := h.key.([]byte); ok {
			h.key = string(raw)
		}
		return h, err
	})
}

// walk goes along the index and takes what is in the set and fits the rest.
func (s *search) walk(ctx context.Context) ([]hit, error) {
	var out []hit
	at := s.from
	size := firstBatch
	if s.set != nil {
		size = min(max(s.limit*s.l.size/max(s.set.count(), 1)*5/4, firstBatch), lastBatch)
	} else if len(s.rest) == 0 && s.words == nil {
		size = s.limit + 1
	}
	walked := 0
	for at == nil || at.Value != nil || !s.key.nullable {
		batch, err := s.step(ctx, at, size)
		if err != nil {
			return nil, err
		}
		fit, err := s.fitting(ctx, batch, s.limit+1-len(out))
		if err != nil {
			return nil, err
		}
		if out = append(out, fit...); len(out) > s.limit {
			return out, nil
		}
		if len(batch) < size {
			break
		}
		last := batch[len(batch)-1]
		at = &cursor{Value: last.key, ID: last.id}
		walked += len(batch)
		if s.set != nil && walked > lookup*s.set.count() {
			// The list has what fits at its end; the set knows it better.
			more, err := s.plain(ctx, s.set, at)
			return append(out, more...), err
		}
		size = min(size*2, lastBatch)
	}
	if !s.key.nullable {
		return out, nil
	}
	unset, err := s.unset(ctx, s.limit+1-len(out))
	return append(out, unset...), err
}

// step reads the next places of the index. It holds everything that is asked.
func (s *search) step(ctx context.Context, at *cursor, size int) ([]hit, error) {
	statement, args := s.stepStatement(at, size)
	return s.read(ctx, statement, args...)
}

func (s *search) stepStatement(at *cursor, size int) (string, []any) {
	b := s.builder()
	b.add("e.blueprint = " + b.arg(s.q.Blueprint))
	b.add("e.pending = 0")
	key := s.key
	if key.nullable {
		b.add(key.expression + " IS NOT NULL")
		key.nullable = false
	}
	if at != nil {
		b.after(key, s.q.Desc, at.Value, at.ID)
	}
	return "SELECT e.id, " + key.expression + " FROM entities e" + s.hint(key.index) + " WHERE " + b.where() + " ORDER BY " + key.order(s.q.Desc) + " LIMIT " + strconv.Itoa(size), b.args
}

// fitting are those of the batch that are in the set and fit the rest, until
// there are as many as the page needs.
func (s *search) fitting(ctx context.Context, batch []hit, need int) ([]hit, error) {
	in := batch[:0:0]
	for _, h := range batch {
		if s.set == nil || s.set.has(h.id) {
			in = append(in, h)
		}
	}
	if len(s.rest) == 0 && s.words == nil {
		return in, nil
	}
	out := in[:0:0]
	for part := range slices.Chunk(in, firstBatch) {
		set := idSet{}
		for _, h := range part {
			set.add(h.id)
		}
		fit, err := s.check(ctx, set)
		if err != nil {
			return nil, err
		}
		for _, h := range part {
			if fit.has(h.id) {
				out = append(out, h)
			}
		}
		if len(out) >= need {
			break
		}
	}
	return out, nil
}

// unset lists the entities without a key, which come last, by id.
func (s *search) unset(ctx context.Context, limit int) ([]hit, error) {
	set := s.set
	if set == nil {
		var err error
		if set, err = s.readSet(ctx, "", []string{""}); err != nil {
			return nil, err
		}
	}
	var out []hit
	var ids []int64
	look := func() error {
		b := s.builder()
		b.among(ids)
		b.add("e.pending = 0")
		b.add("+" + s.key.expression + " IS NULL")
		if b.dialect == store.Postgres {
			b.parts[len(b.parts)-1] = s.key.expression + " IS NULL"
		}
		if err := b.rests(s); err != nil {
			return err
		}
		way := ""
		if s.q.Desc {
			way = " DESC"
		}
		found, err := s.read(ctx, "SELECT e.id, NULL FROM entities e WHERE "+b.where()+" ORDER BY e.id"+way, b.args...)
		out, ids = append(out, found...), ids[:0]
		return err
	}
	for id := range set.all(s.q.Desc) {
		if s.from != nil && s.from.Value == nil && (id <= s.from.ID) != s.q.Desc {
			continue
		}
		if s.from != nil && s.from.Value == nil && id == s.from.ID {
			continue
		}
		if ids = append(ids, id); len(ids) < 2*firstBatch {
			continue
		}
		if err := look(); err != nil || len(out) >= limit {
			return out[:min(limit, len(out))], err
		}
	}
	if len(ids) > 0 {
		if err := look(); err != nil {
			return nil, err
		}
	}
	return out[:min(limit, len(out))], nil
}
