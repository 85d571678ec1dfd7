package source_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/auth"
	"sphera/internal/catalog"
	"sphera/internal/catalog/catalogtest"
	"sphera/internal/fault"
	"sphera/internal/source"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

const agent = "port-k8s-exporter/0.5.1 (statekey/prod)"

// world is a catalog with sources on a clock that the test moves.
type world struct {
	*source.Sources
	t       *testing.T
	db      *store.DB
	catalog *catalog.Catalog
	log     *audit.Log
	at      time.Time
	client  source.Client
}

func each(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := &world{t: t, db: db, at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), client: source.Of(agent, "robot")}
		now := func() time.Time { return w.at }
		w.log = audit.New(now)
		w.catalog = catalog.New(db, w.log, now).Guard(catalogtest.Anybody())
		w.Sources = source.New(db, w.catalog, w.log, now)
		for _, b := range []catalog.Blueprint{
			{Identifier: "namespace", Title: "Namespace"},
			{Identifier: "workload", Title: "Workload", Schema: catalog.BlueprintSchema{Properties: map[string]catalog.Property{"image": {Type: "string"}, "note": {Type: "string"}}},
				Relations: map[string]catalog.Relation{"namespace": {Target: "namespace"}}},
		} {
			if _, _, err := w.catalog.PutBlueprint(t.Context(), b, "dana"); err != nil {
				t.Fatal(err)
			}
		}
		test(t, w)
	})
}

func (w *world) later(d time.Duration) *world {
	w.at = w.at.Add(d)
	return w
}

func name(i int) string { return fmt.Sprintf("w%04d", i) }

// export upserts workloads as the exporter does: twenty at a time, merging.
func (w *world) export(from, to int) {
	w.t.Helper()
	for start := from; start < to; start += 20 {
		var list []catalog.NewEntity
		var ids []string
		for i := start; i < min(start+20, to); i++ {
			list = append(list, catalog.NewEntity{Identifier: name(i), Properties: map[string]any{"image": "i"}})
			ids = append(ids, name(i))
		}
		items, err := w.catalog.PutMany(w.t.Context(), "workload", list, catalog.Write{Upsert: true, Merge: true, By: "robot", Datasource: agent, Source: w.client.ID})
		if err != nil {
			w.t.Fatal(err)
		}
		for _, item := range items {
			if item.Err != nil {
				w.t.Fatal(item.Err)
			}
		}
		if err := w.Wrote(w.t.Context(), w.client, "workload", ids); err != nil {
			w.t.Fatal(err)
		}
	}
}

// delete is one DELETE of the exporter as the API carries it out: asked about,
// then done or not; the exporter gets the same answer.
func (w *world) delete(blueprint, id string, dependents bool) {
	w.t.Helper()
	now, err := w.Delete(w.t.Context(), w.client, blueprint, []string{id}, dependents)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, id := range now {
		if err := w.catalog.DeleteEntity(w.t.Context(), blueprint, id, "robot", "", dependents); err != nil {
			w.t.Fatal(err)
		}
	}
}

// sweep is the end of a resync: the exporter lists what is its own and deletes
// one by one what is not in live.
func (w *world) sweep(live func(i string) bool) (asked int) {
	w.t.Helper()
	if err := w.Listed(w.t.Context(), w.client); err != nil {
		w.t.Fatal(err)
	}
	own, err := w.catalog.OfDatasource(w.t.Context(), "port-k8s-exporter", "(statekey/prod)")
	if err != nil {
		w.t.Fatal(err)
	}
	for _, n := range own {
		if !live(n.Identifier) {
			w.delete(n.Blueprint, n.Identifier, false)
			asked++
			w.later(10 * time.Millisecond)
		}
	}
	return asked
}

func nothing(string) bool { return false }

func (w *world) tick() {
	w.t.Helper()
	if err := w.Tick(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) count(blueprint string) int {
	w.t.Helper()
	page, err := w.catalog.Search(w.t.Context(), catalog.Query{Blueprint: blueprint, Limit: 1})
	if err != nil {
		w.t.Fatal(err)
	}
	return page.Total
}

func (w *world) is(when, blueprint string, want int) {
	w.t.Helper()
	if got := w.count(blueprint); got != want {
		w.t.Errorf("%s: %d of %s are there, want %d", when, got, blueprint, want)
	}
}

func (w *world) last() source.Sweep {
	w.t.Helper()
	list, _, err := w.Sweeps(w.t.Context(), w.client.ID, "", 1)
	if err != nil || len(list) == 0 {
		w.t.Fatalf("no sweep: %v", err)
	}
	return list[0]
}

func (w *world) state(when, want string, counts map[string]int) source.Sweep {
	w.t.Helper()
	s := w.last()
	if s.State != want || fmt.Sprint(s.Counts) != fmt.Sprint(counts) {
		w.t.Errorf("%s: %s with %v (%s), want %s with %v", when, s.State, s.Counts, s.Reason, want, counts)
	}
	return s
}

var person = auth.Principal{User: auth.User{ID: "erin", Name: "Erin", Status: auth.Active, Roles: []string{auth.Infrastructure}}, Via: auth.ViaSession}

func (w *world) decide(id int64, approve bool) {
	w.t.Helper()
	if _, err := w.Decide(w.t.Context(), id, approve, person); err != nil {
		w.t.Fatal(err)
	}
	w.tick()
}

// The exporter whose cluster is unreachable finds nothing, and deletes
// everything it has in the catalog.
func TestPain10_AnUnreachableClusterDeletesNothing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.export(0, 60)
		before, err := w.catalog.Entity(t.Context(), "workload", name(7))
		if err != nil {
			t.Fatal(err)
		}
		if asked := w.sweep(nothing); asked != 60 {
			t.Fatalf("asked for %d", asked)
		}
		w.is("right after", "workload", 60)
		w.later(time.Minute).tick()
		w.is("when it is silent", "workload", 60)
		s := w.state("when it is silent", "held", map[string]int{"held": 60})
		if s.Brake != 20 || s.Entities != 60 || s.Reason != "more than 20 deletes" {
			t.Errorf("%+v", s)
		}
		after, err := w.catalog.Entity(t.Context(), "workload", name(7))
		if err != nil || !after.UpdatedAt.Equal(before.UpdatedAt) {
			t.Errorf("touched: %+v %v", after, err)
		}
		heldOnes, err := w.Held(t.Context())
		if err != nil || len(heldOnes) != 1 {
			t.Errorf("held: %+v %v", heldOnes, err)
		}
		_, items, next, err := w.Sweep(t.Context(), s.ID, 0, 50)
		if err != nil || len(items) != 50 || next != 50 || items[0].Identifier != name(0) || items[0].Title != name(0) {
			t.Errorf("the diff: %d items, next %d, %v", len(items), next, err)
		}
	})
}

func TestPain10_ApprovedDeletesAreDone(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.export(0, 60)
		w.sweep(nothing)
		w.decide(w.last().ID, true)
		w.is("approved", "workload", 0)
		s := w.state("approved", "done", map[string]int{"deleted": 60})
		if s.DecidedBy != "erin" || s.EndedAt.IsZero() {
			t.Errorf("%+v", s)
		}
		gone, err := w.catalog.Deleted(t.Context(), "workload", "", 100)
		if err != nil || len(gone.Deleted) != 60 || gone.Deleted[0].Actor != "erin" || gone.Deleted[0].Datasource != agent && !strings.HasPrefix(gone.Deleted[0].Datasource, "port-k8s-exporter") {
			t.Fatalf("%d can be restored: %+v %v", len(gone.Deleted), gone.Deleted[:1], err)
		}
		if _, err := w.catalog.Restore(t.Context(), gone.Deleted[0].VersionID, catalog.Write{By: "erin"}); err != nil {
			t.Errorf("restore: %v", err)
		}
		events, _, err := w.log.List(t.Context(), w.db, audit.Filter{Object: "source/" + w.client.ID})
		if err != nil {
			t.Fatal(err)
		}
		var verbs []string
		for _, e := range events {
			verbs = append(verbs, e.Actor+" "+e.Verb)
		}
		if !slices.Equal(verbs, []string{"erin sweep.approve", "robot sweep.hold"}) {
			t.Errorf("audited: %v", verbs)
		}
	})
}

func TestPain10_RejectedDeletesStayRejected(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.export(0, 60)
		w.sweep(nothing)
		w.decide(w.last().ID, false)
		w.is("rejected", "workload", 60)
		w.state("rejected", "rejected", map[string]int{"rejected": 60})
		// The cluster is still not there: the next resync asks for the same.
		w.later(5 * time.Minute).sweep(nothing)
		w.later(time.Minute).tick()
		w.is("asked again", "workload", 60)
		w.state("asked again", "done", map[string]int{})
		// It is back: what it reports again it may delete again.
		w.later(time.Minute).export(0, 60)
		w.later(time.Minute).delete("workload", name(3), false)
		w.is("a live delete afterwards", "workload", 59)
	})
}

func TestPain10_TheSourceComingBackWithdrawsItsDeletes(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.export(0, 60)
		w.sweep(nothing)
		w.state("unreachable", "held", map[string]int{"held": 60})
		w.later(5*time.Minute).export(0, 59) // one is really gone
		w.later(time.Second).sweep(func(id string) bool { return id != name(59) })
		w.later(time.Minute).tick()
		w.state("it is back", "held", map[string]int{"held": 1, "withdrawn": 59})
		w.decide(w.last().ID, true)
		w.is("approved", "workload", 59)
		// And with nothing left to decide it ends by itself.
		w.later(time.Minute).sweep(nothing)
		w.later(5*time.Minute).export(0, 59)
		w.tick()
		w.state("everything is back", "withdrawn", map[string]int{"withdrawn": 59})
		w.is("everything is back", "workload", 59)
	})
}

func TestPain10_TwentyOrFivePercentGoByThemselves(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.export(0, 600)
		w.sweep(func(id string) bool { return id >= name(30) }) // 5 % of 600
		w.is("while it may still go on", "workload", 600)
		w.later(29 * time.Second).tick()
		w.is("not silent for long enough", "workload", 600)
		w.later(2 * time.Second).tick()
		w.is("silent", "workload", 570)
		w.state("silent", "done", map[string]int{"deleted": 30})
		w.later(time.Hour).sweep(func(id string) bool { return id >= name(59) }) // 29 of 570, 28 are 5 %
		w.later(time.Minute).tick()
		w.is("one too many", "workload", 570)
		w.state("one too many", "held", map[string]int{"held": 29})
	})
}

// Twenty deletes are within the brake, but not if nothing would be left.
func TestN14_AnEmptyAnswerOfASmallSourceDeletesNothing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.export(0, 15)
		w.sweep(nothing)
		w.later(time.Minute).tick()
		w.is("silent", "workload", 15)
		if s := w.state("silent", "held", map[string]int{"held": 15}); s.Reason != "nothing of the source would be left" {
			t.Errorf("%+v", s)
		}
	})
}

func TestLiveDeletesAreImmediate(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.export(0, 100)
		for i := range 5 {
			w.delete("workload", name(i), false)
			w.is("after each", "workload", 99-i)
		}
		// All day long, as things come and go.
		for i := 5; i < 60; i++ {
			w.later(time.Minute).delete("workload", name(i), false)
		}
		w.is("one a minute", "workload", 40)
		if held, err := w.Held(t.Context()); err != nil || len(held) != 0 {
			t.Errorf("held: %+v %v", held, err)
		}
	})
}

// Without having listed anything first: the first twenty are gone already when
// the burst is recognized, and come back.
func TestPain10_ABurstOfLiveDeletesIsPutBack(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		if _, _, err := w.catalog.PutEntity(ctx, "namespace", catalog.NewEntity{Identifier: "ns"}, catalog.Write{By: "dana"}); err != nil {
			t.Fatal(err)
		}
		w.export(0, 60)
		if _, err := w.catalog.PatchEntity(ctx, "workload", name(3), catalog.NewEntity{Relations: map[string]any{"namespace": "ns"}}, catalog.Write{By: "robot", Datasource: agent, Source: w.client.ID}); err != nil {
			t.Fatal(err)
		}
		for i := range 20 {
			w.delete("workload", name(i), false)
		}
		w.is("within the brake", "workload", 40)
		w.delete("workload", name(20), false)
		w.is("beyond it", "workload", 60)
		for i := 21; i < 60; i++ {
			w.delete("workload", name(i), false)
		}
		w.tick()
		w.is("at the end", "workload", 60)
		w.state("at the end", "held", map[string]int{"held": 60})
		e, err := w.catalog.Entity(ctx, "workload", name(3))
		if err != nil || e.Relations["namespace"] != "ns" || e.Datasource != agent {
			t.Errorf("what came back: %+v %v", e, err)
		}
		w.decide(w.last().ID, true)
		w.is("approved", "workload", 0)
	})
}

func TestPain10_LiveEventsNewerThanTheSweepWin(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.export(0, 100)
		w.sweep(func(id string) bool { return id >= name(3) })
		w.later(time.Second).export(1, 2) // changes nothing, but it is there
		w.later(time.Minute).tick()
		w.is("silent", "workload", 98)
		w.state("silent", "done", map[string]int{"deleted": 2, "withdrawn": 1})
		if _, err := w.catalog.Entity(t.Context(), "workload", name(1)); err != nil {
			t.Error(err)
		}
	})
}

func TestPain10_WhatOthersWroteToIsKept(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		w.export(0, 100)
		if _, err := w.catalog.PatchEntity(ctx, "workload", name(1), catalog.NewEntity{Properties: map[string]any{"note": "mine"}}, catalog.Write{By: "dana"}); err != nil {
			t.Fatal(err)
		}
		// The exporter writes to it again, so that it is in its list again.
		if _, err := w.catalog.PatchEntity(ctx, "workload", name(1), catalog.NewEntity{Properties: map[string]any{"image": "j"}}, catalog.Write{By: "robot", Datasource: agent, Source: w.client.ID}); err != nil {
			t.Fatal(err)
		}
		w.sweep(func(id string) bool { return id >= name(3) })
		w.later(time.Minute).tick()
		s := w.state("silent", "done", map[string]int{"deleted": 2, "kept": 1})
		_, items, _, err := w.Sweep(ctx, s.ID, 0, 0)
		if err != nil || items[1].State != "kept" || items[1].Reason != "dana has written to it, too" {
			t.Errorf("%+v %v", items, err)
		}
		w.is("silent", "workload", 98)
		// A live delete is not a guess: what it watched is gone.
		w.later(time.Hour).delete("workload", name(1), false)
		w.is("live", "workload", 97)
	})
}

func TestPain10_WhatGoesAlongCounts(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		if _, _, err := w.catalog.PutEntity(ctx, "namespace", catalog.NewEntity{Identifier: "ns"}, catalog.Write{By: "robot", Datasource: agent, Source: w.client.ID}); err != nil {
			t.Fatal(err)
		}
		w.export(0, 30)
		for i := range 30 {
			if _, err := w.catalog.PatchEntity(ctx, "workload", name(i), catalog.NewEntity{Relations: map[string]any{"namespace": "ns"}}, catalog.Write{By: "robot", Datasource: agent, Source: w.client.ID}); err != nil {
				t.Fatal(err)
			}
		}
		w.delete("namespace", "ns", true)
		w.is("one delete of 31", "workload", 30)
		w.is("one delete of 31", "namespace", 1)
		s := w.state("one delete of 31", "held", map[string]int{"held": 1})
		_, items, _, err := w.Sweep(ctx, s.ID, 0, 0)
		if err != nil || items[0].Dependents != 30 {
			t.Errorf("%+v %v", items, err)
		}
		w.decide(s.ID, true)
		w.is("approved", "workload", 0)
	})
}

func TestOnlyAPersonDecides(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.export(0, 60)
		w.sweep(nothing)
		id := w.last().ID
		for what, p := range map[string]auth.Principal{
			"a program":                 {User: auth.User{ID: "app"}, Via: auth.ViaApp},
			"the token the source uses": {User: auth.User{ID: "robot"}, Via: auth.ViaToken},
		} {
			if _, err := w.Decide(t.Context(), id, true, p); !fault.Is(err, fault.Forbidden) {
				t.Errorf("%s: %v", what, err)
			}
		}
		w.is("refused", "workload", 60)
		w.decide(id, false)
		if _, err := w.Decide(t.Context(), id, true, person); !fault.Is(err, fault.Conflict) {
			t.Errorf("decided twice: %v", err)
		}
		if _, err := w.Decide(t.Context(), 9999, true, person); !fault.Is(err, fault.NotFound) {
			t.Errorf("no sweep: %v", err)
		}
	})
}

func TestWhatIsAskedAfterADecisionNeedsAnother(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.export(0, 100)
		w.sweep(func(id string) bool { return id >= name(30) })
		id := w.last().ID
		w.later(time.Second)
		if _, err := w.Decide(t.Context(), id, true, person); err != nil {
			t.Fatal(err)
		}
		w.later(time.Second).delete("workload", name(50), false) // before it was carried out
		w.tick()
		w.is("the decided ones are gone", "workload", 70)
		w.state("the rest", "held", map[string]int{"deleted": 30, "held": 1})
	})
}

func TestPeopleAndTerraformAreNotBraked(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.export(0, 60)
		for _, userAgent := range []string{"Mozilla/5.0", "terraform-provider-port-labs/2.0", ""} {
			now, err := w.Delete(t.Context(), source.Of(userAgent, "dana"), "workload", []string{name(1), name(2)}, true)
			if err != nil || len(now) != 2 {
				t.Errorf("%q: %v %v", userAgent, now, err)
			}
		}
		now, err := w.Delete(t.Context(), w.client, "workload", []string{"none"}, false)
		if err != nil || !slices.Equal(now, []string{"none"}) {
			t.Errorf("what does not exist is for the API to answer: %v %v", now, err)
		}
	})
}

func TestABulkDeleteCountsAsManyDeletes(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.export(0, 60)
		var ids []string
		for i := range 40 {
			ids = append(ids, name(i))
		}
		now, err := w.Delete(t.Context(), w.client, "workload", ids, false)
		if err != nil || len(now) != 0 {
			t.Fatalf("%v %v", now, err)
		}
		w.state("bulk", "held", map[string]int{"held": 40})
	})
}

func TestSourcesAreListedWithTheirFreshness(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.export(0, 30)
		list, err := w.List(t.Context())
		if err != nil || len(list) != 1 || list[0].ID != "port-k8s-exporter/prod" || list[0].Kind != source.Exporter || list[0].Entities != 30 || list[0].Stale || list[0].Last != nil {
			t.Fatalf("%+v %v", list, err)
		}
		w.sweep(nothing)
		w.later(25 * time.Hour)
		list, err = w.List(t.Context())
		if err != nil || !list[0].Stale || list[0].Last == nil || list[0].Last.State != "held" {
			t.Errorf("%+v %v", list, err)
		}
		most, percent, every := 100, 50, int64(600)
		one, err := w.Set(t.Context(), list[0].ID, source.Settings{BrakeMin: &most, BrakePercent: &percent, ExpectEvery: &every}, "erin")
		if err != nil || one.BrakeMin != 100 || one.BrakePercent != 50 || one.ExpectEvery != 600 {
			t.Errorf("%+v %v", one, err)
		}
		if _, err := w.Source(t.Context(), "none"); !fault.Is(err, fault.NotFound) {
			t.Errorf("no source: %v", err)
		}
	})
}
