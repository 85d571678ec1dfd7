package textindex

import (
	"context"
	"encoding/json"
	"fmt"
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
	maxRanked = 300
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
	found, err := x.byName(ctx, f)
	if err != nil {
		return nil, err
	}
	for to := names; to <= typos; to++ {
		if to == typos && len(found) >= enough || to == anywhere && len(found) >= limit {
			break
		}
		if err := x.widen(ctx, tokens, to); err != nil {
			return nil, err
		}
		if err := x.collect(ctx, f, tokens, to, found); err != nil {
			return nil, err
		}
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

// collect adds what fits at a depth. When more fits than is ranked, what the
// asker's teams own is looked up besides.
func (x *Index) collect(ctx context.Context, f Find, tokens []token, to depth, found map[int64]*candidate) error {
	blueprints := scopesOf("b", f.Blueprints)
	ids, err := x.ids(ctx, expression(x.db.Dialect, tokens, to, blueprints), maxRanked)
	if err != nil {
		return err
	}
	if len(ids) == maxRanked && len(f.Teams) > 0 {
		own, err := x.ids(ctx, expression(x.db.Dialect, tokens, to, blueprints, scopesOf("t", f.Teams)), maxRanked)
		if err != nil {
			return err
		}
		ids = append(ids, own...)
	}
	missing := slices.DeleteFunc(ids, func(id int64) bool { return found[id] != nil })
	if len(missing) == 0 {
		return nil
	}
	list := make([]string, len(missing))
	for i, id := range missing {
		list[i] = strconv.FormatInt(id, 10)
	}
	return x.read(ctx, found, "SELECT "+columns+" FROM entities e WHERE e.id IN ("+strings.Join(list, ",")+") AND e.pending = 0")
}

const columns = "e.id, e.blueprint, e.identifier, e.title, e.icon, e.team, e.updated_at"

func (x *Index) read(ctx context.Context, found map[int64]*candidate, query string, args ...any) error {
	rows, err := x.db.Read().QueryContext(ctx, query, args...)
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (*candidate, error) {
		c := &candidate{}
		var team []byte
		if err := row.Scan(&c.id, &c.Blueprint, &c.Identifier, &c.Title, &c.Icon, &team, &c.updated); err != nil {
			return nil, err
		}
		return c, json.Unmarshal(team, &c.Teams)
	})
	if err != nil {
		return fmt.Errorf("read what was found: %w", err)
	}
	for _, c := range list {
		found[c.id] = c
	}
	return nil
}

// byName finds the titles and identifiers that begin with the text as typed, a
// few of each blueprint, along the indexes that lists use.
func (x *Index) byName(ctx context.Context, f Find) (map[int64]*candidate, error) {
	found := map[int64]*candidate{}
	text := strings.Join(strings.Fields(strings.ToValidUTF8(strings.ReplaceAll(f.Text, "\x00", " "), "")), " ")
	blueprints := f.Blueprints
	if len(blueprints) == 0 {
		rows, err := x.db.Read().QueryContext(ctx, "SELECT identifier FROM blueprints ORDER BY identifier")
		if blueprints, err = store.All(rows, err, scanWord); err != nil {
			return nil, fmt.Errorf("list blueprints: %w", err)
		}
	}
	for part := range slices.Chunk(blueprints, chunk/2) {
		low := strings.ToLower(text)
		args := []any{low, low + last, text, text + last, maxByName}
		var query []string
		for _, blueprint := range part {
			args = append(args, blueprint)
			at := "$" + strconv.Itoa(len(args))
			for _, by := range []string{"e.title_fold >= $1 AND e.title_fold < $2 AND e.pending = 0 ORDER BY e.title_fold", "e.identifier >= $3 AND e.identifier < $4 AND e.pending = 0 ORDER BY e.identifier"} {
				query = append(query, "SELECT * FROM (SELECT "+columns+" FROM entities e WHERE e.blueprint = "+at+" AND "+by+" LIMIT $5) AS n"+strconv.Itoa(len(query)))
			}
		}
		if err := x.read(ctx, found, strings.Join(query, " UNION ALL "), args...); err != nil {
			return nil, err
		}
	}
	return found, nil
}
