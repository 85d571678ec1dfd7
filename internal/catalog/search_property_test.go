package catalog

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/catalog/query"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

const listedBlueprint = `{"identifier":"svc","title":"S","schema":{"properties":{
	"tier":{"type":"string","enum":["gold","silver","bronze"]},"level":{"type":"number","enum":[1,2,3]},"live":{"type":"boolean"},"lang":{"type":"string"},
	"coverage":{"type":"number"},"seen":{"type":"string","format":"date-time"},"tags":{"type":"array"},"note":{"type":"string","format":"markdown"}}},
	"relations":{"uses":{"target":"svc","many":true}},
	"calculationProperties":{"covered":{"type":"boolean","calculation":".properties.coverage > 50"}}}`

type listWorld struct {
	c    *Catalog
	rng  *rand.Rand
	size int
}

func newListWorld(t *testing.T, db *store.DB, seed uint64, n int) *listWorld {
	t.Helper()
	w := &listWorld{c: New(db, audit.New(time.Now), time.Now).Guard(anybody()), rng: rand.New(rand.NewPCG(seed, 3)), size: n}
	var b Blueprint
	if err := json.Unmarshal([]byte(listedBlueprint), &b); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.c.PutBlueprint(context.Background(), b, "t"); err != nil {
		t.Fatal(err)
	}
	w.write(t, 0, n)
	w.write(t, n/3, n/2) // changed
	if _, err := w.c.DeleteMany(context.Background(), "svc", []string{"e5", "e17", "e40"}, DeleteOptions{By: "t", Dependents: false}); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *listWorld) maybe(list ...any) any {
	if w.rng.IntN(5) == 0 {
		return nil
	}
	return list[w.rng.IntN(len(list))]
}

func (w *listWorld) write(t *testing.T, from, to int) {
	t.Helper()
	var list []NewEntity
	for i := from; i < to; i++ {
		team, err := json.Marshal(w.maybe("shop", "core", []string{"shop", "core"}))
		if err != nil {
			t.Fatal(err)
		}
		e := NewEntity{Identifier: fmt.Sprintf("e%d", i), Title: fmt.Sprintf("T%d", w.rng.IntN(w.size)), Team: team, Properties: map[string]any{
			"tier": w.maybe("gold", "silver", "bronze"), "level": w.maybe(1.0, 2.0, 3.0), "live": w.maybe(true, false), "lang": w.maybe("go", "Go", "java", strings.Repeat("x", 205)),
			"coverage": w.maybe(float64(w.rng.IntN(100)), 50.0), "seen": w.maybe("2026-01-02T03:04:05Z", "2026-02-02T03:04:05Z", "2025-02-02T03:04:05+02:00"), "tags": w.maybe([]any{"a"}, []any{"a", "b"}), "note": w.maybe("n1", "n2"),
		}}
		if i > 1 {
			e.Relations = map[string]any{"uses": []string{fmt.Sprintf("e%d", i/2)}}
		}
		list = append(list, e)
	}
	items, err := w.c.PutMany(context.Background(), "svc", list, Write{Upsert: true, By: "t"})
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range items {
		if item.Err != nil {
			t.Fatal(item.Err)
		}
	}
}

func (w *listWorld) rule() map[string]any {
	pick := func(list ...any) any { return list[w.rng.IntN(len(list))] }
	switch w.rng.IntN(9) {
	case 0:
		return map[string]any{"property": "tier", "operator": pick("=", "!="), "value": pick("gold", "silver", "nothing", nil)}
	case 1:
		return map[string]any{"property": "tier", "operator": pick("in", "notIn"), "value": []any{"gold", pick("silver", "bronze")}}
	case 2:
		return map[string]any{"property": pick("level", "live", "tier", "$team", "covered"), "operator": pick("isEmpty", "isNotEmpty")}
	case 3:
		return map[string]any{"property": pick("live", "covered"), "operator": pick("=", "!="), "value": pick(true, false)}
	case 4:
		return map[string]any{"property": "$team", "operator": pick("=", "contains", "in", "notIn"), "value": pick("shop", "core", "My Teams")}
	case 5:
		return map[string]any{"property": "coverage", "operator": pick(">", "<=", "=", "!="), "value": pick(50.0, 90.0, 3.0)}
	case 6:
		return map[string]any{"property": "lang", "operator": pick("=", "contains", "!=", "in"), "value": pick("go", "java")}
	case 7:
		return map[string]any{"property": pick("uses", "$identifier"), "operator": pick("=", "!="), "value": pick("e3", "e7")}
	default:
		return map[string]any{"property": pick("note", "tags", "$blueprint"), "operator": "contains", "value": pick("n1", "a", "svc")}
	}
}

func (w *listWorld) query(depth int) map[string]any {
	rules := []any{}
	for range w.rng.IntN(4) {
		if depth > 0 && w.rng.IntN(3) == 0 {
			rules = append(rules, w.query(depth-1))
		} else {
			rules = append(rules, w.rule())
		}
	}
	return map[string]any{"combinator": []string{"and", "and", "or"}[w.rng.IntN(3)], "rules": rules}
}

// subjects are all entities as they are answered.
func (w *listWorld) subjects(t *testing.T) []Entity {
	t.Helper()
	var out []Entity
	q := Query{Blueprint: "svc", Limit: 1000}
	for {
		page, err := w.c.Search(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, page.Entities...)
		if q.From = page.Next; q.From == "" {
			return out
		}
	}
}

func subjectOf(t *testing.T, e Entity) map[string]any {
	t.Helper()
	raw, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func sortValue(e Entity, key string) any {
	switch key {
	case "$title":
		return strings.ToLower(e.Title)
	case "$identifier":
		return e.Identifier
	}
	return e.Properties[key]
}

func compareValues(a, b any) int {
	switch x := a.(type) {
	case string:
		return strings.Compare(x, b.(string))
	case float64:
		return cmp.Compare(x, b.(float64))
	case bool:
		return strings.Compare(fmt.Sprint(x), fmt.Sprint(b))
	}
	return 0
}

// Whatever the query, the order and the size of pages: the pages of a list
// together are exactly what Match says, in order, with right totals and facets;
// also when a list may look at next to nothing beyond what it shows.
func TestSearchIsMatch(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newListWorld(t, db, 1, 120)
		all := w.subjects(t)
		if len(all) != 117 {
			t.Fatalf("%d entities", len(all))
		}
		m, err := w.c.model(context.Background(), db.Read())
		if err != nil {
			t.Fatal(err)
		}
		fields := m.fields(m.blueprints["svc"])
		env := query.Env{Now: time.Now(), User: "dana", UserTeams: []string{"core"}, Fields: &fields, Graph: &query.Graph{}}
		subjects := make([]map[string]any, len(all))
		for i, e := range all {
			subjects[i] = subjectOf(t, e)
		}
		for round := range 150 {
			w.c.bounds = usualBounds()
			if round%2 == 1 {
				w.c.bounds = bounds{listed: 7, faceted: 9, looked: 5, checked: 6, tried: 4}
			}
			raw, err := json.Marshal(w.query(1))
			if err != nil {
				t.Fatal(err)
			}
			where, problems := query.Parse(raw)
			if len(problems) > 0 {
				t.Fatalf("%s %v", raw, problems)
			}
			q := Query{Blueprint: "svc", Where: where, Env: env, Sort: []string{"$title", "coverage", "lang", "tier", "live", "note", "$identifier", "seen", "covered"}[w.rng.IntN(9)], Desc: w.rng.IntN(2) == 0, Limit: 1 + w.rng.IntN(40), Facets: []string{"tier", "$team"}}
			var want []Entity
			for i, s := range subjects {
				if fits, err := where.Match(s, env); err != nil {
					t.Fatal(err)
				} else if fits {
					want = append(want, all[i])
				}
			}
			w.checkPages(t, q, string(raw), want)
		}
	})
}

func (w *listWorld) checkPages(t *testing.T, q Query, raw string, want []Entity) {
	t.Helper()
	var got []Entity
	first := Page{}
	for {
		page, err := w.c.Search(context.Background(), q)
		if err != nil {
			t.Fatalf("%s by %s: %v", raw, q.Sort, err)
		}
		if len(got) == 0 {
			first = page
		}
		got = append(got, page.Entities...)
		if len(got) > 2*w.size {
			t.Fatalf("%s by %s: pages without end", raw, q.Sort)
		}
		if q.From = page.Next; q.From == "" {
			break
		}
	}
	var gotIDs, wantIDs []string
	for i, e := range got {
		gotIDs = append(gotIDs, e.Identifier)
		if i == 0 {
			continue
		}
		before, now := sortValue(got[i-1], q.Sort), sortValue(e, q.Sort)
		if before == nil && now != nil {
			t.Errorf("%s by %s: %s without a value comes before %s", raw, q.Sort, got[i-1].Identifier, e.Identifier)
		} else if before != nil && now != nil && q.Sort != "seen" {
			if c := compareValues(before, now); c != 0 && (c > 0) != q.Desc {
				t.Errorf("%s by %s: %v comes before %v", raw, q.Sort, before, now)
			}
		}
	}
	for _, e := range want {
		wantIDs = append(wantIDs, e.Identifier)
	}
	slices.Sort(gotIDs)
	slices.Sort(wantIDs)
	if !slices.Equal(gotIDs, wantIDs) {
		t.Fatalf("%s by %s desc %v limit %d\ngot  %v\nwant %v", raw, q.Sort, q.Desc, q.Limit, gotIDs, wantIDs)
	}
	if first.Total > len(want) || !first.TotalIsAtLeast && first.Total != len(want) {
		t.Errorf("%s: total %d (at least: %v), want %d", raw, first.Total, first.TotalIsAtLeast, len(want))
	}
	counts := map[string]map[any]int{"tier": {}, "$team": {}}
	for _, e := range want {
		counts["tier"][e.Properties["tier"]]++
		for _, team := range e.Team {
			counts["$team"][team]++
		}
	}
	for name, values := range first.Facets {
		for _, f := range values {
			if n := counts[name][f.Value]; f.Count > n || !first.TotalIsAtLeast && f.Count != n {
				t.Errorf("%s: facet %s %v is %d, want %d", raw, name, f.Value, f.Count, n)
			}
			delete(counts[name], f.Value)
		}
		if len(counts[name]) > 0 && !first.TotalIsAtLeast {
			t.Errorf("%s: facet %s lacks %v", raw, name, counts[name])
		}
	}
}

// The sets say what the rows say, after creations, changes and deletions.
func TestFacetSetsAreTheRows(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		w := newListWorld(t, db, 2, 90)
		s, err := w.c.newSearch(ctx, Query{Blueprint: "svc"})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range s.l.s.facets {
			counters, err := s.counters(ctx, name)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range counters {
				rule := query.Rule{Property: name, Operator: "=", Value: f.Value}
				where, args, _ := query.And(rule).SQL(db.Dialect, query.Fields{Blueprint: "svc", ByName: unslotted(s.l.fields.ByName)}, query.Env{}, 1)
				want, n, err := s.ids(ctx, "SELECT e.id FROM entities e WHERE "+where, args...)
				if err != nil {
					t.Fatal(err)
				}
				if n != f.Count {
					t.Errorf("%s %v: counter %d, rows %d", name, f.Value, f.Count, n)
				}
				key, ok := facetKey(f.Value)
				if !ok {
					continue
				}
				set, err := s.readSet(ctx, name, []string{key})
				if err != nil || set.count() != n || set.common(want) != n {
					t.Errorf("%s %v: set of %d (%v), rows %d", name, f.Value, set.count(), err, n)
				}
			}
		}
	})
}

func unslotted(in map[string]query.Field) map[string]query.Field {
	out := map[string]query.Field{}
	for name, f := range in {
		f.Slot = ""
		out[name] = f
	}
	return out
}
