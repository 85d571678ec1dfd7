package catalog

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"sphera/internal/store"
)

// deferKeys lets relations be written before the entities they start from.
func (b *batch) deferKeys(ctx context.Context) error {
	statement := "PRAGMA defer_foreign_keys = ON"
	if b.tx.Dialect == store.Postgres {
		statement = "SET CONSTRAINTS ALL DEFERRED"
	}
	if _, err := b.tx.ExecContext(ctx, statement); err != nil {
		return fmt.Errorf("defer the checks of relations: %w", err)
	}
	return nil
}

// writeLinks writes the relations that differ. They are written before values
// are derived, so that those who point at something are found with one query.
func (b *batch) writeLinks(ctx context.Context, list []*row) error {
	var drop, add [][]any
	for _, r := range list {
		var before map[string][]int64
		if r.old != nil {
			before = r.old.targets
		}
		for _, name := range differing(before, r.now.targets, slices.Equal[[]int64]) {
			if len(before[name]) > 0 {
				drop = append(drop, []any{r.now.id, name})
			}
			for i, target := range r.now.targets[name] {
				add = append(add, []any{r.now.id, name, int64(i), target})
			}
		}
	}
	if len(drop)+len(add) == 0 {
		return nil
	}
	if err := b.deferKeys(ctx); err != nil {
		return err
	}
	statement := "DELETE FROM entity_relations WHERE source = $1 AND relation = $2"
	keys := []field{{"source", kindInt}, {"relation", kindText}}
	var err error
	if b.tx.Dialect == store.SQLite {
		err = b.each(ctx, statement, drop)
	} else {
		err = b.together(ctx, "DELETE FROM entity_relations AS t USING "+unnest(keys)+" WHERE t.source = v.source AND t.relation = v.relation", keys, drop)
	}
	if err != nil {
		return fmt.Errorf("write relations: %w", err)
	}
	fields := []field{{"source", kindInt}, {"relation", kindText}, {"position", kindInt}, {"target", kindInt}}
	for part := range slices.Chunk(add, 5000) {
		if err := b.inserts(ctx, "entity_relations", fields, "", part); err != nil {
			return fmt.Errorf("write relations: %w", err)
		}
	}
	return nil
}

// encoded are the documents of a row as text.
type encoded struct{ team, properties, derived, scorecards, provenance string }

func encode(r *stored) (e encoded, err error) {
	for _, part := range []struct {
		into *string
		v    any
		none bool
	}{
		{&e.team, r.Team, len(r.Team) == 0}, {&e.properties, r.Properties, len(r.Properties) == 0}, {&e.derived, r.derived, len(r.derived) == 0},
		{&e.scorecards, r.scorecards, len(r.scorecards) == 0}, {&e.provenance, r.provenance, len(r.provenance) == 0},
	} {
		if part.none {
			*part.into = "{}"
			continue
		}
		if *part.into, err = sortedJSON(part.v); err != nil {
			return e, fmt.Errorf("%s: %w", Ref(r.blueprint, r.Identifier), err)
		}
	}
	if len(r.Team) == 0 {
		e.team = "[]"
	}
	return e, nil
}

// flush writes the rows that differ from what the database has, each with a
// version, and forgets the difference.
func (b *batch) flush(ctx context.Context) error {
	bySchema := map[*schema][]*row{}
	var all []*row
	for _, id := range slices.Sorted(maps.Keys(b.rows)) {
		r := b.rows[id]
		if r.verb == "" || r.gone {
			continue
		}
		bySchema[r.s] = append(bySchema[r.s], r)
		all = append(all, r)
	}
	if len(all) == 0 {
		return nil
	}
	if err := b.link(ctx, all); err != nil { // versions tell the relations, too
		return err
	}
	versions := make([][]any, 0, len(all))
	for _, s := range slices.SortedFunc(maps.Keys(bySchema), func(x, y *schema) int { return compareText(x.Identifier, y.Identifier) }) {
		rows, err := b.writeRows(ctx, s, bySchema[s])
		if err != nil {
			return err
		}
		versions = append(versions, rows...)
	}
	if err := b.writeTeams(ctx, all); err != nil {
		return err
	}
	if err := b.writeVersions(ctx, versions); err != nil {
		return err
	}
	if err := b.writeText(ctx, all); err != nil {
		return err
	}
	for _, r := range all {
		b.count(r)
		b.written(r)
	}
	return nil
}

// count keeps the counters of facets; what is pending does not count.
func (b *batch) count(r *row) {
	before, after := r.old, &r.now
	if b.w.hold != nil && after.pending != 0 {
		b.w.hold.facets.change(r.s.facets, before, after)
		return
	}
	if before != nil && before.pending != 0 {
		before = nil
	}
	if after.pending != 0 || r.gone {
		after = nil
	}
	b.facets.change(r.s.facets, before, after)
}

// written makes what was written the state that later changes start from.
func (b *batch) written(r *row) {
	switch r.verb {
	case verbCreate, verbRestore:
		b.counts.created++
	case verbUpdate:
		b.counts.updated++
	default:
		b.counts.derived++
	}
	if r.first == nil {
		r.first = &firstState{verb: r.verb, old: r.old}
	}
	state := r.now
	r.old, r.verb, r.cause, r.fresh = &state, "", "", false
}

func compareText(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	default:
		return 0
	}
}

// version is the row of entity_versions for what a row becomes.
func (b *batch) version(r *row, e encoded) ([]any, error) {
	doc, err := versionDoc(&r.now, e)
	if err != nil {
		return nil, err
	}
	actor, datasource, runID, cause := b.w.By, b.w.Datasource, b.w.RunID, cmp.Or(b.w.Cause, r.cause)
	if r.verb == verbDerive {
		actor, cause = "system", r.cause
		datasource = ""
	}
	return []any{r.now.id, r.now.version, r.now.blueprint, r.now.Identifier, r.verb, b.at, actor, datasource, runID, cause, doc}, nil
}

// versionDoc is the state of an entity as entity_versions keeps it; see state.
func versionDoc(r *stored, e encoded) (string, error) {
	links := "{}"
	if len(r.Relations) > 0 {
		var err error
		if links, err = sortedJSON(r.Relations); err != nil {
			return "", err
		}
	}
	return `{"title":` + quoted(r.Title) + `,"icon":` + quoted(r.Icon) + `,"team":` + e.team + `,"properties":` + e.properties +
		`,"relations":` + links + `,"derived":` + e.derived + `,"scorecards":` + e.scorecards + `}`, nil
}

func quoted(s string) string {
	text, err := sortedJSON(s)
	if err != nil {
		return strconv.Quote(s) // cannot happen: text is always JSON
	}
	return text
}

func versionFields() []field {
	return []field{
		{"entity", kindInt}, {"version", kindInt}, {"blueprint", kindText}, {"identifier", kindText}, {"verb", kindText}, {"at", kindInt},
		{"actor", kindText}, {"datasource", kindText}, {"run_id", kindText}, {"cause", kindText}, {"doc", kindJSON},
	}
}

func (b *batch) writeVersions(ctx context.Context, versions [][]any) error {
	for part := range slices.Chunk(versions, 1000) {
		if err := b.inserts(ctx, "entity_versions", versionFields(), "", part); err != nil {
			return fmt.Errorf("write versions: %w", err)
		}
	}
	return nil
}

// writeTeams keeps entity_teams, the narrow side of owners.
func (b *batch) writeTeams(ctx context.Context, list []*row) error {
	var drop []int64
	var add [][]any
	for _, r := range list {
		var before []string
		if r.old != nil {
			before = r.old.Team
		}
		if slices.Equal(before, r.now.Team) {
			continue
		}
		if len(before) > 0 {
			drop = append(drop, r.now.id)
		}
		for _, team := range r.now.Team {
			add = append(add, []any{r.now.id, team})
		}
	}
	for part := range slices.Chunk(drop, 1000) {
		these, args := idsIn(b.tx.Dialect, "entity", part, 1)
		if _, err := b.tx.ExecContext(ctx, "DELETE FROM entity_teams WHERE "+these, args...); err != nil {
			return fmt.Errorf("write owners: %w", err)
		}
	}
	if err := b.inserts(ctx, "entity_teams", []field{{"entity", kindInt}, {"team", kindText}}, "", add); err != nil {
		return fmt.Errorf("write owners: %w", err)
	}
	return nil
}

// writeText keeps what text is found by.
func (b *batch) writeText(ctx context.Context, list []*row) error {
	olds := make([]*stored, len(list))
	rows := make([]*stored, len(list))
	for i, r := range list {
		olds[i], rows[i] = r.old, &r.now
	}
	return b.c.indexText(ctx, b.tx, olds, rows)
}
