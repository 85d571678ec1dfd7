package access_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"sphera/internal/auth"
	"sphera/internal/catalog"
	"sphera/internal/catalog/query"
	"sphera/internal/fault"
)

const noSecrets = `@id("no-secrets") @reason("It is secret.") @advice("Ask.") @who("role administrator")
forbid (principal, action == Action::"catalog.read", resource is Catalog::Service)
when { resource.properties has secret && resource.properties.secret } unless { principal in Role::"administrator" };`

// TestListsHaveExactlyWhatMayBeSeen makes random services and asks every way of
// listing, counting and drawing them: each has exactly those that the rules,
// written here once more by hand, let somebody see.
func TestListsHaveExactlyWhatMayBeSeen(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		rng := rand.New(rand.NewPCG(7, 7))
		type service struct {
			id, team, language string
			secret             bool
		}
		all := []service{{"cart", "checkout", "go", false}, {"billing", "payments", "", true}, {"old", "", "", false}}
		for i := range 150 {
			s := service{fmt.Sprintf("svc-%03d", i), []string{"", "checkout", "payments", "search"}[rng.IntN(4)], []string{"go", "rust"}[rng.IntN(2)], rng.IntN(3) == 0}
			doc := map[string]any{"identifier": s.id, "title": "Service number " + s.id, "properties": map[string]any{"language": s.language, "secret": s.secret}}
			if s.team != "" {
				doc["team"] = s.team
			}
			if i > 0 {
				doc["relations"] = map[string]any{"uses": []string{all[rng.IntN(len(all))].id}}
			}
			raw, err := json.Marshal(doc)
			if err != nil {
				t.Fatal(err)
			}
			n := entity(t, string(raw))
			if _, _, err := w.PutEntity(w.portal(), "Service", n, catalog.Write{By: "system", Datasource: "port-test/1"}); err != nil {
				t.Fatal(err)
			}
			all = append(all, s)
		}
		contractor := person(auth.Developer, "checkout")
		contractor.Contractor = true
		admin, developer, viewer := person(auth.Administrator), person(auth.Developer, "payments"), person(auth.Viewer)
		for name, c := range map[string]struct {
			as       auth.Principal
			read     *catalog.Grant
			policies string
			sees     func(s service) bool
		}{
			"everybody":              {as: viewer, sees: func(service) bool { return true }},
			"a contractor":           {as: contractor, sees: func(s service) bool { return s.team == "checkout" || s.team == "" }},
			"owned by team":          {as: developer, read: &catalog.Grant{OwnedByTeam: true}, sees: func(s service) bool { return s.team == "payments" }},
			"nobody":                 {as: viewer, read: &catalog.Grant{Roles: []string{"Admin"}}, sees: func(service) bool { return false }},
			"by name":                {as: viewer, read: &catalog.Grant{Users: []string{viewer.Email}}, sees: func(service) bool { return true }},
			"administrators":         {as: admin, read: &catalog.Grant{}, sees: func(service) bool { return true }},
			"a policy of the query":  {as: developer, read: &catalog.Grant{Policy: json.RawMessage(`{"combinator":"and","rules":[{"property":"language","operator":"=","value":"go"},{"property":"secret","operator":"!=","value":true}]}`)}, sees: func(s service) bool { return s.language == "go" && !s.secret }},
			"a policy on the caller": {as: developer, read: &catalog.Grant{Policy: json.RawMessage(`{"combinator":"and","rules":[{"property":"$team","operator":"containsAny","value":["{{getUserTeams()}}"]}]}`)}, sees: func(s service) bool { return s.team == "payments" }},
			"a contractor and more":  {as: contractor, read: &catalog.Grant{OwnedByTeam: true}, sees: func(s service) bool { return s.team == "checkout" }},
			"an own policy":          {as: developer, policies: noSecrets, sees: func(s service) bool { return !s.secret }},
			"all of it":              {as: contractor, policies: noSecrets, read: &catalog.Grant{OwnedByTeam: true}, sees: func(s service) bool { return s.team == "checkout" && !s.secret }},
		} {
			t.Run(name, func(t *testing.T) {
				blocks := map[string]catalog.Grant{}
				if c.read != nil {
					blocks["read"] = *c.read
				}
				w.rights("Service", blocks, nil)
				if err := w.policies(c.policies); err != nil {
					t.Fatal(err)
				}
				want := map[string]bool{}
				for _, s := range all {
					if c.sees(s) {
						want[s.id] = true
					}
				}
				w.lists(t, w.as(c.as), want, len(all))
			})
		}
	})
}

// lists compares all ways of listing services with want.
func (w *world) lists(t *testing.T, ctx context.Context, want map[string]bool, all int) {
	t.Helper()
	same := func(what string, got []string) {
		t.Helper()
		list := slices.Clone(got)
		slices.Sort(list)
		if n := len(slices.Compact(slices.Clone(list))); n != len(list) {
			t.Errorf("%s: some are there twice", what)
		}
		for _, id := range list {
			if !want[id] {
				t.Errorf("%s has %s, which may not be seen", what, id)
			}
		}
		if len(list) != len(want) {
			t.Errorf("%s has %d, want %d", what, len(list), len(want))
		}
	}
	must := mustOf(t)
	for _, q := range []catalog.Query{{Limit: 7}, {Limit: 50, Sort: "$title", Desc: true}, {Limit: 20, Sort: "language"}} {
		q.Blueprint = "Service"
		var got []string
		for turn := 0; turn == 0 || q.From != ""; turn++ {
			page, err := w.Search(ctx, q)
			must(err)
			got = append(got, names(page.Entities)...)
			if page.Total > len(want) || !page.TotalIsAtLeast && page.Total != len(want) {
				t.Errorf("sorted by %q the total is %d (%v), want %d", q.Sort, page.Total, page.TotalIsAtLeast, len(want))
			}
			q.From = page.Next
		}
		same("a search sorted by "+q.Sort, got)
	}
	page, err := w.Search(ctx, catalog.Query{Blueprint: "Service", Facets: []string{"secret"}, Limit: 5})
	must(err)
	sum := 0
	for _, f := range page.Facets["secret"] {
		sum += f.Count
	}
	if sum != len(want) {
		t.Errorf("facets count %d, want %d", sum, len(want))
	}
	everything, err := w.SearchAll(ctx, query.And(query.Rule{Property: "$blueprint", Operator: "=", Value: "Service"}), query.Env{}, 1000, "")
	must(err)
	same("the search of everything", names(everything.Entities))
	w.counts(t, ctx, want)
	files, err := w.Export(ctx)
	must(err)
	var exported []string
	for _, f := range files {
		if name, ok := strings.CutPrefix(f.Name, "entities/Service/"); ok {
			exported = append(exported, strings.TrimSuffix(name, ".json"))
		}
	}
	same("an export", exported)
	w.walks(t, ctx, want, all, same)
}

func (w *world) counts(t *testing.T, ctx context.Context, want map[string]bool) {
	t.Helper()
	must := mustOf(t)
	count, err := w.EntityCount(ctx, "Service")
	must(err)
	b, err := w.Blueprint(ctx, "Service")
	must(err)
	sumOf, err := w.Aggregate(ctx, catalog.AggregateSpec{Func: "count", Where: query.And(query.Rule{Property: "$blueprint", Operator: "=", Value: "Service"})})
	must(err)
	series, err := w.OverTime(ctx, catalog.OverTimeSpec{Blueprint: "Service", Func: "count", Time: catalog.TimeSpec{Preset: "today", Interval: "day"}})
	must(err)
	inTime := 0
	for _, bucket := range series.Data {
		n, _ := bucket.Values["count"].(int)
		inTime += n
	}
	if count != len(want) || b.EntityCount != len(want) || *sumOf.Value != float64(len(want)) || inTime != len(want) {
		t.Errorf("counts are %d, %d, %v and %d, want %d", count, b.EntityCount, *sumOf.Value, inTime, len(want))
	}
}

func (w *world) walks(t *testing.T, ctx context.Context, want map[string]bool, all int, same func(what string, got []string)) {
	t.Helper()
	must := mustOf(t)
	var known, seen []string
	for after := int64(0); ; {
		list, last, err := w.After(ctx, "Service", after, 40)
		must(err)
		seen = append(seen, names(list)...)
		if last == after {
			break
		}
		after = last
	}
	same("the walk", seen)
	whole, err := w.Search(w.portal(), catalog.Query{Blueprint: "Service", Limit: 1000})
	must(err)
	for _, e := range whole.Entities {
		known = append(known, e.Identifier)
	}
	if len(known) != all {
		t.Fatalf("there are %d", len(known))
	}
	titles, err := w.Titles(ctx, "Service", known)
	must(err)
	existing, err := w.Existing(ctx, "Service", known)
	must(err)
	if len(titles) != len(want) || len(existing) != len(want) {
		t.Errorf("%d titles and %d that exist, want %d", len(titles), len(existing), len(want))
	}
	hits, err := w.Find(ctx, "service number", catalog.FindOptions{Limit: 100})
	must(err)
	for _, h := range hits {
		if h.Blueprint == "Service" && !want[h.Identifier] {
			t.Errorf("found %s, which may not be seen", h.Identifier)
		}
	}
	owned, err := w.OfDatasource(ctx, "port-test/", "")
	must(err)
	for _, o := range owned {
		if !want[o.Identifier] {
			t.Errorf("the datasource lists %s, which may not be seen", o.Identifier)
		}
	}
	w.neighbourhoods(t, ctx, known, want)
}

// neighbourhoods looks at each entity and what is around it.
func (w *world) neighbourhoods(t *testing.T, ctx context.Context, known []string, want map[string]bool) {
	t.Helper()
	for i, id := range known {
		_, err := w.Entity(ctx, "Service", id)
		if seen := err == nil; seen != want[id] || !seen && !fault.Is(err, fault.NotFound) {
			t.Errorf("%s: seen %v, want %v: %v", id, seen, want[id], err)
		}
		_, errHistory := w.Versions(ctx, "Service", id, "", 5)
		_, errGraph := w.Graph(ctx, "Service", id, catalog.GraphOptions{})
		_, errImpact := w.Impact(ctx, "Service", id, 10)
		_, errDependents := w.Dependents(ctx, "Service", id)
		_, errFrom := w.Provenance(ctx, "Service", id)
		for what, err := range map[string]error{"history": errHistory, "graph": errGraph, "impact": errImpact, "dependents": errDependents, "provenance": errFrom} {
			if (err == nil) != want[id] {
				t.Errorf("%s of %s: %v", what, id, err)
			}
		}
		if !want[id] || i%10 > 0 {
			continue
		}
		g, err := w.Graph(ctx, "Service", id, catalog.GraphOptions{Depth: 4, Limit: 300})
		if err != nil {
			t.Fatal(err)
		}
		impact, err := w.Impact(ctx, "Service", id, 300)
		if err != nil {
			t.Fatal(err)
		}
		dependents, err := w.Dependents(ctx, "Service", id)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range append(g.Nodes, impact.Graph.Nodes...) {
			if !want[n.Identifier] {
				t.Errorf("the graph of %s shows %s", id, n.Identifier)
			}
		}
		if impact.Total != len(impact.Rows) {
			t.Errorf("the impact of %s counts %d and shows %d", id, impact.Total, len(impact.Rows))
		}
		for _, d := range dependents {
			if !want[d.Identifier] {
				t.Errorf("the dependents of %s have %s", id, d.Identifier)
			}
		}
		for _, h := range g.Hidden {
			if h.Count == 0 {
				t.Errorf("the graph of %s hides nothing at %s", id, h.Node)
			}
		}
		path, err := w.Path(ctx, "Service/"+id, "Service/"+id)
		if err != nil || !path.Found {
			t.Errorf("the path from %s to itself: %v", id, err)
		}
	}
}

func mustOf(t *testing.T) func(err error) {
	return func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
}

func names(list []catalog.Entity) []string {
	var out []string
	for _, e := range list {
		if e.Blueprint == "Service" {
			out = append(out, e.Identifier)
		}
	}
	return out
}
