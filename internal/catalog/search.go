package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sphera/internal/catalog/query"
	"sphera/internal/fault"
	"sphera/internal/store"
)

const (
	defaultPage = 50
	maxPage     = 1000
	maxRules    = 50
	maxText     = 200
	maxTokens   = 8
	// maxCount is where counting stops when there is no set to count.
	maxCount = 10_000
)

// Search returns a page of the entities that fit q. Lists are found with the
// sets of facets, and walked along the index of their order; docs/adr/0012.
func (c *Catalog) Search(ctx context.Context, q Query) (Page, error) {
	if q.Blueprint == resultBlueprint {
		return c.results(ctx, q)
	}
	s, err := c.newSearch(ctx, q)
	if err != nil {
		return Page{}, err
	}
	page, err := s.run(ctx)
	if err != nil {
		return Page{}, fmt.Errorf("search %s: %w", q.Blueprint, err)
	}
	return page, nil
}

// search is one search on its way.
type search struct {
	c     *Catalog
	l     *listed
	q     Query
	env   query.Env
	key   sortKey
	from  *cursor
	limit int
	// where is the whole condition.
	where *query.Query
	// set is what is known of the result: it is among these ids. nil is all.
	set idSet
	// rest is what set does not say, and words a condition on the text.
	rest  []query.Node
	words func(b *builder) (string, error)
	// sample is some of the result where it is too much to count.
	sample idSet
	// view is what the caller may read of the blueprint; partly is set where
	// not all of it was looked at.
	view   View
	partly bool
}

func (c *Catalog) newSearch(ctx context.Context, q Query) (*search, error) {
	sights, err := c.reading(ctx, q.Blueprint)
	if err != nil {
		return nil, err
	}
	l, err := c.listed(ctx, q.Blueprint)
	if err != nil {
		return nil, err
	}
	s := &search{c: c, l: l, q: q, env: q.Env, limit: q.Limit}
	if s.view, err = sights.of(ctx, q.Blueprint); err != nil {
		return nil, err
	}
	if s.env.Now.IsZero() {
		s.env.Now = c.now()
	}
	if s.limit <= 0 {
		s.limit = defaultPage
	}
	s.limit = min(s.limit, maxPage)
	if s.where, err = s.conditions(); err != nil {
		return nil, err
	}
	if s.key, err = newSortKey(c.db.Dialect, l, q.Sort); err != nil {
		return nil, err
	}
	s.from, err = readCursor(q)
	return s, err
}

// conditions checks the rules and joins them.
func (s *search) conditions() (*query.Query, error) {
	if len([]rune(s.q.Text)) > maxText {
		return nil, fault.Field("text", "is too long", fmt.Sprintf("at most %d characters", maxText))
	}
	if len(s.q.Rules) > maxRules {
		return nil, fault.Field("rules", "are too many", fmt.Sprintf("at most %d", maxRules))
	}
	var list []query.Node
	if len(s.q.Rules) > 0 {
		raw, err := json.Marshal(map[string]any{"rules": s.q.Rules})
		if err != nil {
			return nil, fault.Field("rules", "are not JSON", "a list of {property, operator, value}").Wrap(err)
		}
		rules, problems := query.Parse(raw)
		if len(problems) == 0 {
			_, _, problems = rules.SQL(s.c.db.Dialect, s.l.fields, s.env, 1)
		}
		if len(problems) > 0 {
			return nil, ruleFault("", problems)
		}
		list = append(list, rules)
	}
	s.l.fields.Lenient = s.q.Lenient // the rules are right
	if s.q.Where != nil && len(s.q.Where.Rules) > 0 {
		if _, _, problems := s.q.Where.SQL(s.c.db.Dialect, s.l.fields, s.env, 1); len(problems) > 0 {
			return nil, ruleFault("query/", problems)
		}
		list = append(list, s.q.Where)
	}
	if s.view.None {
		list = append(list, query.Never())
	}
	if s.view.Where != nil {
		list = append(list, s.view.Where)
	}
	return query.And(list...), nil
}

// RuleFault is the error for a query that cannot be used; at is where the query
// was in what was sent.
func RuleFault(at string, problems []query.Problem) error { return ruleFault(at, problems) }

func ruleFault(at string, problems []query.Problem) error {
	first := problems[0]
	e := fault.Field(strings.TrimSuffix(at+strings.TrimPrefix(first.Path, "/"), "/"), first.Problem, first.Want)
	for _, p := range problems[1:] {
		e = e.With(strings.TrimSuffix(at+strings.TrimPrefix(p.Path, "/"), "/"), p.Problem, p.Want)
	}
	return e
}

func (s *search) run(ctx context.Context) (Page, error) {
	if err := s.narrow(ctx); err != nil {
		return Page{}, err
	}
	if err := s.settle(ctx); err != nil {
		return Page{}, err
	}
	if s.view.Keep != nil {
		return s.runKept(ctx)
	}
	hits, more, err := s.hits(ctx)
	if err != nil {
		return Page{}, err
	}
	page := Page{Entities: []Entity{}}
	list, err := s.fetch(ctx, hits)
	if err != nil {
		return Page{}, err
	}
	for _, r := range list {
		page.Entities = append(page.Entities, r.entity(s.l.s))
	}
	if err := s.count(ctx, &page, len(hits)); err != nil {
		return Page{}, err
	}
	if len(s.q.Facets) > 0 {
		if page.Facets, err = s.facets(ctx); err != nil {
			return Page{}, err
		}
	}
	if more {
		last := hits[len(hits)-1]
		page.Next, err = cursor{Value: last.key, ID: last.id, Total: page.Total, AtLeast: page.TotalIsAtLeast}.encode(s.q)
	}
	return page, err
}

// hit is where an entity is in the list.
type hit struct {
	id  int64
	key any
}

// fetch reads the entities of a page. They must still fit: they may have
// changed since they were found.
func (s *search) fetch(ctx context.Context, hits []hit) ([]*stored, error) {
	ids := make([]int64, len(hits))
	for i, h := range hits {
		ids[i] = h.id
	}
	b := s.builder()
	condition, args, _ := s.where.SQL(b.dialect, s.l.fields, s.env, 1)
	these, more := idsIn(b.dialect, "e.id", ids, len(args)+1)
	rows, err := s.c.db.Read().QueryContext(ctx, "SELECT "+entityColumns+" FROM entities e WHERE "+these+" AND e.pending = 0 AND "+condition, append(args, more...)...)
	list, err := store.All(rows, err, scanStored)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(list, func(a, b *stored) int { return slices.Index(ids, a.id) - slices.Index(ids, b.id) })
	return list, readRelations(ctx, s.c.db.Read(), s.c.db.Dialect, list...)
}

// builder makes statements: conditions with numbered parameters.
type builder struct {
	dialect store.Dialect
	parts   []string
	args    []any
}

func (s *search) builder() *builder { return &builder{dialect: s.c.db.Dialect} }

func (b *builder) arg(v any) string {
	b.args = append(b.args, v)
	return "$" + strconv.Itoa(len(b.args))
}

func (b *builder) add(part string) { b.parts = append(b.parts, part) }

func (b *builder) where() string { return strings.Join(b.parts, " AND ") }

// among adds that the id is one of many.
func (b *builder) among(ids []int64) {
	if b.dialect == store.SQLite || len(ids) < 100 {
		b.add("e.id IN (" + idList(ids) + ")")
		return
	}
	b.add("e.id = ANY(CAST(" + b.arg("{"+idList(ids)+"}") + " AS BIGINT[]))")
}

// nodes adds rules; drive is the slot whose index may be used.
func (b *builder) nodes(s *search, drive string, list ...query.Node) {
	if len(list) == 0 {
		return
	}
	f := s.l.fields
	f.Drive = drive
	condition, args, _ := query.And(list...).SQL(b.dialect, f, s.env, len(b.args)+1)
	b.add(condition)
	b.args = append(b.args, args...)
}

// rests adds everything that the set does not say.
func (b *builder) rests(s *search) error {
	b.nodes(s, noSlot, s.rest...)
	if s.words == nil {
		return nil
	}
	part, err := s.words(b)
	if err == nil && part != "" {
		b.add(part)
	}
	return err
}

// noSlot keeps SQLite off the indexes of slots.
const noSlot = "-"

// ids runs a statement that selects ids.
func (s *search) ids(ctx context.Context, statement string, args ...any) (idSet, int, error) {
	rows, err := s.c.db.Read().QueryContext(ctx, statement, args...)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	set, n := idSet{}, 0
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, 0, err
		}
		set.add(id)
		n++
	}
	return set, n, rows.Err()
}
