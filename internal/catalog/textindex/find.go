package textindex

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"sphera/internal/store"
)

const (
	defaultHits = 20
	maxHits     = 100
	// maxRanked bounds the entities of one look-up that are ranked.
	maxRanked = 200
	// maxByName is how many titles and identifiers of each blueprint that begin
	// with the question are ranked.
	maxByName = 8
	// enough hits make a deeper look, for misspellings, superfluous.
	enough = 5
)

// Find is a question to all blueprints, or to some.
type Find struct {
	Text       string
	Blueprints []string
	// Teams are those of who asks: what they own ranks up.
	Teams []string
	Limit int
	Now   time.Time
}

// Hit is an entity that was found.
type Hit struct {
	ID                                 int64
	Blueprint, Identifier, Title, Icon string
	Teams                              []string
}

type candidate struct {
	id      int64
	updated int64
	score   float64
	Hit
}

// Find returns what text stands for, the best first: by exactness, then title
// before identifier before properties, then the kind of thing, the teams of who
// asks, and what changed last. It looks deeper step by step, until there is
// enough: beginnings of names, words of names, parts of words and properties,
// misspellings and abbreviations.
func (x *Index) Find(ctx context.Context, f Find) ([]Hit, error) {
	tokens := tokensOf(f.Text)
	if len(tokens) == 0 {
		return []Hit{}, nil
	}
	limit := f.Limit
	if limit <= 0 {
		limit = defaultHits
	}
	limit = min(limit, maxHits)
	ids, err := x.byName(ctx, f)
	if err != nil {
		return nil, err
	}
	found := map[int64]*candidate{}
	for to := names; to <= typos; to++ {
		if to == typos && len(found) >= enough || to == anywhere && len(found) >= limit {
			break
		}
		if err := x.widen(ctx, tokens, to); err != nil {
			return nil, err
		}
		more, err := x.fitting(ctx, f, tokens, to)
		if err != nil {
			return nil, err
		}
		if err := x.read(ctx, found, append(ids, more...)); err != nil {
			return nil, err
		}
		ids = nil
	}
	r := newRanking(f, tokens)
	list := make([]*candidate, 0, len(found))
	for _, c := range found {
		c.score = r.score(c)
		list = append(list, c)
	}
	slices.SortFunc(list, better)
	hits := make([]Hit, 0, min(limit, len(list)))
	for _, c := range list[:min(limit, len(list))] {
		hits = append(hits, c.Hit)
	}
	return hits, nil
}

func better(a, b *candidate) int {
	switch {
	case a.score != b.score:
		if a.score > b.score {
			return -1
		}
		return 1
	case len(a.Title) != len(b.Title):
		return len(a.Title) - len(b.Title)
	case a.Title != b.Title:
		return strings.Compare(a.Title, b.Title)
	default:
		return int(a.id - b.id)
	}
}

// fitting is what fits at a depth. When more fits than is ranked, what the
// asker's teams own is looked up besides.
func (x *Index) fitting(ctx context.Context, f Find, tokens []token, to depth) ([]int64, error) {
	blueprints := scopesOf("b", f.Blueprints)
	ids, err := x.ids(ctx, expression(x.db.Dialect, tokens, to, blueprints), maxRanked)
	if err != nil || len(ids) < maxRanked || len(f.Teams) == 0 {
		return ids, err
	}
	own, err := x.ids(ctx, expression(x.db.Dialect, tokens, to, blueprints, scopesOf("t", f.Teams)), maxRanked)
	return append(ids, own...), err
}

// read adds what ranking looks at.
func (x *Index) read(ctx context.Context, found map[int64]*candidate, ids []int64) error {
	var list []string
	for _, id := range ids {
		if _, seen := found[id]; !seen {
			found[id] = nil
			list = append(list, strconv.FormatInt(id, 10))
		}
	}
	if len(list) == 0 {
		return nil
	}
	rows, err := x.db.Read().QueryContext(ctx, "SELECT e.id, e.blueprint, e.identifier, e.title, e.icon, e.team, e.updated_at FROM entities e WHERE e.id IN ("+strings.Join(list, ",")+") AND e.pending = 0")
	read, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (*candidate, error) {
		c := &candidate{}
		var team []byte
		err := row.Scan(&c.id, &c.Blueprint, &c.Identifier, &c.Title, &c.Icon, &team, &c.updated)
		if c.ID = c.id; err != nil {
			return nil, err
		}
		if string(team) == "[]" {
			return c, nil
		}
		return c, json.Unmarshal(team, &c.Teams)
	})
	if err != nil {
		return fmt.Errorf("read what was found: %w", err)
	}
	for _, c := range read {
		found[c.id] = c
	}
	maps.DeleteFunc(found, func(_ int64, c *candidate) bool { return c == nil })
	return nil
}

// byName finds the titles and identifiers that begin with the text as typed, a
// few of each blueprint, along the indexes that lists use.
func (x *Index) byName(ctx context.Context, f Find) ([]int64, error) {
	text := strings.Join(strings.Fields(strings.ToValidUTF8(strings.ReplaceAll(f.Text, "\x00", " "), "")), " ")
	low := strings.ToLower(text)
	args := []any{low, low + last, text, text + last}
	list := "json_group_array"
	if x.db.Dialect == store.Postgres {
		list = "jsonb_agg"
	}
	first := func(column, from, to string) string {
		return "(SELECT " + list + "(t.id) FROM (SELECT e.id FROM entities e WHERE e.blueprint = b.identifier AND e.pending = 0 AND e." + column + " >= CAST(" + from + " AS TEXT) AND e." + column + " < CAST(" + to + " AS TEXT) ORDER BY e." + column + " LIMIT " + strconv.Itoa(maxByName) + ") AS t)"
	}
	query := "SELECT " + first("title_fold", "$1", "$2") + ", " + first("identifier", "$3", "$4") + " FROM blueprints b"
	if len(f.Blueprints) > 0 {
		for _, blueprint := range f.Blueprints {
			args = append(args, blueprint)
		}
		query += " WHERE b.identifier IN (" + places(5, len(f.Blueprints)) + ")"
	}
	rows, err := x.db.Read().QueryContext(ctx, query, args...)
	lists, err := store.All(rows, err, func(row interface{ Scan(...any) error }) ([]int64, error) {
		var out []int64
		var lists [2][]byte
		if err := row.Scan(&lists[0], &lists[1]); err != nil {
			return nil, err
		}
		for _, raw := range lists {
			var ids []int64
			if len(raw) > 0 {
				if err := json.Unmarshal(raw, &ids); err != nil {
					return nil, err
				}
			}
			out = append(out, ids...)
		}
		return out, nil
	})
	if err != nil {
		return nil, fmt.Errorf("look up names: %w", err)
	}
	return slices.Concat(lists...), nil
}
