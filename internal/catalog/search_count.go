package catalog

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sphera/internal/fault"
	"sphera/internal/store"
)

// count tells how many there are on all pages. It is exact where facets and
// single indexes say it, and at least that many otherwise.
func (s *search) count(ctx context.Context, page *Page, shown int) error {
	if s.from != nil && s.from.Total > 0 {
		page.Total, page.TotalIsAtLeast = s.from.Total, s.from.AtLeast
		return nil
	}
	if !s.l.filled() {
		b := s.builder()
		b.add("e.blueprint = " + b.arg(s.q.Blueprint))
		b.add("e.pending = 0")
		b.nodes(s, "", s.where)
		if s.words != nil {
			part, err := s.words(b)
			if err != nil {
				return err
			}
			b.add(part)
		} else if s.set != nil {
			var ids []int64
			for id := range s.set.all(false) {
				ids = append(ids, id)
			}
			b.among(ids)
		}
		n, err := countRows(ctx, s.c.db.Read(), "SELECT COUNT(*) FROM (SELECT 1 FROM entities e WHERE "+b.where()+" LIMIT "+strconv.Itoa(maxCount+1)+") q", b.args...)
		page.Total, page.TotalIsAtLeast = min(n, maxCount), n > maxCount
		return err
	}
	known, exact, err := s.known(ctx)
	if err != nil {
		return err
	}
	page.Total, page.TotalIsAtLeast = s.l.size, !exact
	if known != nil {
		page.Total = known.count()
	}
	if !exact {
		page.Total = max(page.Total, shown)
	}
	return nil
}

// known is the result as far as it is known without looking at too much: nil
// is everything. exact is false where there may be more.
func (s *search) known(ctx context.Context) (set idSet, exact bool, err error) {
	if len(s.rest) == 0 && s.words == nil {
		return s.set, true, nil
	}
	looked := len(s.rest)
	if s.words != nil {
		looked++
	}
	if s.sample != nil && looked == 1 {
		if s.set == nil {
			return s.sample, false, nil
		}
		return s.sample.and(s.set), false, nil
	}
	from := s.set
	if s.sample != nil {
		from = s.sample
	} else if from == nil {
		if from, err = s.readSet(ctx, "", []string{""}); err != nil {
			return nil, false, err
		}
	}
	few := idSet{}
	n := 0
	for id := range from.all(false) {
		if s.set == nil || s.set.has(id) {
			few.add(id)
			n++
		}
		if n == s.c.bounds.tried {
			break
		}
	}
	set, err = s.check(ctx, few)
	return set, false, err
}

// facets counts the values of the properties that were asked for.
func (s *search) facets(ctx context.Context) (map[string][]FacetValue, error) {
	out := map[string][]FacetValue{}
	names := facetNames(s.l.s.Blueprint)
	for i, name := range s.q.Facets {
		if !slices.Contains(names, name) {
			return nil, fault.Field("facets/"+strconv.Itoa(i), "is not a property with few values", nameList(names))
		}
	}
	known, _, err := s.known(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range s.q.Facets {
		var list []FacetValue
		switch {
		case !s.l.ready[name] || !s.l.filled():
			list, err = s.countDocuments(ctx, name)
		case known == nil:
			list, err = s.counters(ctx, name)
		default:
			list, err = s.countSets(ctx, name, known)
		}
		if err != nil {
			return nil, err
		}
		slices.SortFunc(list, func(a, b FacetValue) int {
			return cmp.Or(b.Count-a.Count, strings.Compare(fmt.Sprint(a.Value), fmt.Sprint(b.Value)))
		})
		out[name] = list
	}
	return out, nil
}

func facetValue(key string, n int) (FacetValue, error) {
	f := FacetValue{Count: n}
	if err := json.Unmarshal([]byte(key), &f.Value); err != nil {
		return f, fmt.Errorf("a counted value: %w", err)
	}
	return f, nil
}

// counters is a look at a few rows.
func (s *search) counters(ctx context.Context, name string) ([]FacetValue, error) {
	rows, err := s.c.db.Read().QueryContext(ctx, "SELECT value, n FROM facet_counts WHERE blueprint = $1 AND property = $2 AND value <> '' AND n > 0", s.q.Blueprint, name)
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (FacetValue, error) {
		var key string
		var n int
		if err := row.Scan(&key, &n); err != nil {
			return FacetValue{}, err
		}
		return facetValue(key, n)
	})
	if err != nil || name == facetTeam {
		return list, err
	}
	return withUnset(list, s.l.size), nil
}

// withUnset adds how many have no value.
func withUnset(list []FacetValue, all int) []FacetValue {
	for _, f := range list {
		all -= f.Count
	}
	if all > 0 {
		list = append(list, FacetValue{Count: all})
	}
	return list
}

// countSets counts which of the known have each value.
func (s *search) countSets(ctx context.Context, name string, known idSet) ([]FacetValue, error) {
	rows, err := s.c.db.Read().QueryContext(ctx, "SELECT value, chunk, ids FROM facet_sets WHERE blueprint = $1 AND property = $2", s.q.Blueprint, name)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	counts := map[string]int{}
	for rows.Next() {
		var value string
		var key int64
		var raw []byte
		if err := rows.Scan(&value, &key, &raw); err != nil {
			return nil, err
		}
		of := known[key]
		if of == nil {
			continue
		}
		var c chunk
		if err := c.merge(raw); err != nil {
			return nil, err
		}
		counts[value] += idSet{0: &c}.common(idSet{0: of})
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	var list []FacetValue
	for value, n := range counts {
		if n == 0 {
			continue
		}
		f, err := facetValue(value, n)
		if err != nil {
			return nil, err
		}
		list = append(list, f)
	}
	if name == facetTeam {
		return list, nil
	}
	return withUnset(list, known.count()), nil
}

// countDocuments counts over the first entities that fit, for facets that are
// not filled yet.
func (s *search) countDocuments(ctx context.Context, name string) ([]FacetValue, error) {
	b := s.builder()
	if s.view.Keep != nil {
		if err := b.all(s); err != nil {
			return nil, err
		}
	} else {
		b.add("e.blueprint = " + b.arg(s.q.Blueprint))
		b.add("e.pending = 0")
		b.nodes(s, "", s.where)
	}
	if name == facetTeam {
		rows, err := s.c.db.Read().QueryContext(ctx, "SELECT t.team, COUNT(*) FROM (SELECT e.id FROM entities e WHERE "+b.where()+" LIMIT "+strconv.Itoa(maxCount)+") q JOIN entity_teams t ON t.entity = q.id GROUP BY t.team", b.args...)
		return store.All(rows, err, func(row interface{ Scan(...any) error }) (FacetValue, error) {
			var team string
			var f FacetValue
			err := row.Scan(&team, &f.Count)
			f.Value = team
			return f, err
		})
	}
	rows, err := s.c.db.Read().QueryContext(ctx, "SELECT q.v, COUNT(*) FROM (SELECT "+jsonRaw(b.dialect, name)+" AS v FROM entities e WHERE "+b.where()+" LIMIT "+strconv.Itoa(maxCount)+") q GROUP BY q.v", b.args...)
	return store.All(rows, err, func(row interface{ Scan(...any) error }) (FacetValue, error) {
		var key *string
		var n int
		if err := row.Scan(&key, &n); err != nil || key == nil {
			return FacetValue{Count: n}, err
		}
		return facetValue(*key, n)
	})
}
