package catalog_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/catalog"
	"sphera/internal/catalog/catalogtest"
	"sphera/internal/fault"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

// timed is a fixture whose clock the test moves.
type timed struct {
	*fixture
	at time.Time
}

func eachTimed(t *testing.T, test func(t *testing.T, c *timed)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := &timed{at: time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)}
		now := func() time.Time { return c.at }
		log := audit.New(now)
		c.fixture = &fixture{Catalog: catalog.New(db, log, now).Guard(catalogtest.Anybody()), db: db, log: log, t: t}
		c.blueprint(systemBlueprint)
		c.blueprint(serviceBlueprint)
		test(t, c)
	})
}

func (c *timed) later(d time.Duration) *timed {
	c.at = c.at.Add(d)
	return c
}

func (c *timed) patch(blueprint, id, doc string) catalog.Entity {
	c.t.Helper()
	var n catalog.NewEntity
	if err := json.Unmarshal([]byte(doc), &n); err != nil {
		c.t.Fatal(err)
	}
	e, err := c.PatchEntity(context.Background(), blueprint, id, n, catalog.Write{By: "dana"})
	if err != nil {
		c.t.Fatalf("patch %s: %v %+v", id, err, details(err))
	}
	return e
}

func (c *timed) delete(blueprint, id string, dependents bool) {
	c.t.Helper()
	if err := c.DeleteEntity(context.Background(), blueprint, id, "dana", "", dependents); err != nil {
		c.t.Fatalf("delete %s: %v", id, err)
	}
}

func (c *timed) versions(blueprint, id string) []catalog.Version {
	c.t.Helper()
	page, err := c.Versions(context.Background(), blueprint, id, "", 0)
	if err != nil {
		c.t.Fatalf("versions of %s: %v", id, err)
	}
	return page.Versions
}

// story is a history in one line each: verb, then the fields in order.
func story(versions []catalog.Version) string {
	var b strings.Builder
	for _, v := range versions {
		fmt.Fprintf(&b, "%d %s %s", v.Version, v.Verb, v.Actor)
		for _, field := range slices.Sorted(maps.Keys(v.Changes)) {
			before, _ := json.Marshal(v.Changes[field].Before)
			after, _ := json.Marshal(v.Changes[field].After)
			fmt.Fprintf(&b, " %s:%s>%s", field, before, after)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func (c *timed) deleted(blueprint string) []catalog.DeletedEntity {
	c.t.Helper()
	page, err := c.Deleted(context.Background(), blueprint, "", 0)
	if err != nil {
		c.t.Fatal(err)
	}
	return page.Deleted
}

func (c *timed) restore(id int64) catalog.Restored {
	c.t.Helper()
	r, err := c.Restore(context.Background(), id, catalog.Write{By: "erin"})
	if err != nil {
		c.t.Fatalf("restore: %v %+v", err, details(err))
	}
	return r
}

func TestN8_EveryChangeIsKeptWithBeforeAndAfter(t *testing.T) {
	eachTimed(t, func(t *testing.T, c *timed) {
		c.must("system", `{"identifier":"shop"}`)
		c.must("svc", `{"identifier":"cart","properties":{"lang":"go"}}`)
		c.later(time.Hour).patch("svc", "cart", `{"properties":{"coverage":50},"relations":{"system":"shop"},"team":["a"]}`)
		c.later(time.Hour).patch("svc", "cart", `{"properties":{"coverage":50}}`) // changes nothing
		c.later(time.Hour).patch("svc", "cart", `{"title":"Cart","properties":{"coverage":null}}`)
		want := `3 update dana properties.coverage:50>null title:"cart">"Cart"
2 update dana properties.coverage:null>50 relations.system:null>["shop"] team:null>["a"]
1 create dana identifier:null>"cart" properties.lang:null>"go" title:null>"cart"
`
		if got := story(c.versions("svc", "cart")); got != want {
			t.Errorf("got\n%swant\n%s", got, want)
		}
		var all []catalog.Version
		for from := ""; ; {
			page, err := c.Versions(t.Context(), "svc", "cart", from, 1)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, page.Versions...)
			if from = page.Next; from == "" {
				break
			}
		}
		if got := story(all); got != want {
			t.Errorf("page by page\n%s", got)
		}
		if _, err := c.Versions(t.Context(), "svc", "cart", "x", 1); !fault.Is(err, fault.Unprocessable) {
			t.Errorf("a bad cursor: %v", err)
		}
		if _, err := c.Versions(t.Context(), "svc", "none", "", 1); !fault.Is(err, fault.NotFound) {
			t.Errorf("of nothing: %v", err)
		}
	})
}

func TestN8_HistoryFollowsARename(t *testing.T) {
	eachTimed(t, func(t *testing.T, c *timed) {
		c.must("svc", `{"identifier":"old","title":"T","properties":{"lang":"go"}}`)
		c.later(time.Hour)
		if _, err := c.ReplaceEntity(t.Context(), "svc", "old", catalog.NewEntity{Identifier: "new", Title: "T", Properties: map[string]any{"lang": "go"}}, catalog.Write{By: "dana"}); err != nil {
			t.Fatal(err)
		}
		got := c.versions("svc", "new")
		if len(got) != 2 || got[0].Changes["identifier"] != (catalog.Change{Before: "old", After: "new"}) || len(got[0].Changes) != 1 {
			t.Errorf("%s", story(got))
		}
		e, v, err := c.EntityAt(t.Context(), "svc", "new", catalog.Moment{At: c.at.Add(-time.Minute)})
		if err != nil || e.Identifier != "old" || v.Version != 1 {
			t.Errorf("before the rename: %+v %+v %v", e, v, err)
		}
		if got := c.versions("svc", "old"); len(got) != 2 {
			t.Errorf("under the old name: %s", story(got))
		}
	})
}

func TestN8_EntityAtAnyMoment(t *testing.T) {
	eachTimed(t, func(t *testing.T, c *timed) {
		start := c.at
		c.must("system", `{"identifier":"shop"}`)
		c.must("svc", `{"identifier":"cart","properties":{"lang":"go"},"relations":{"system":"shop","uses":[]}}`)
		c.later(time.Hour).patch("svc", "cart", `{"properties":{"lang":"rust"}}`)
		c.later(time.Hour).delete("svc", "cart", false)
		c.later(time.Hour).must("svc", `{"identifier":"cart","properties":{"lang":"zig"}}`)
		for _, test := range []struct {
			after time.Duration
			want  string
		}{
			{-time.Minute, ""},
			{0, `{"coverage":null,"lang":"go","links":null}`},
			{90 * time.Minute, `{"coverage":null,"lang":"rust","links":null}`},
			{150 * time.Minute, ""},
			{4 * time.Hour, `{"coverage":null,"lang":"zig","links":null}`},
		} {
			e, _, err := c.EntityAt(t.Context(), "svc", "cart", catalog.Moment{At: start.Add(test.after)})
			if test.want == "" {
				if !fault.Is(err, fault.NotFound) {
					t.Errorf("%v: %+v %v", test.after, e, err)
				}
				continue
			}
			if err != nil || compact(t, e.Properties) != test.want {
				t.Errorf("%v: %s %v, want %s", test.after, compact(t, e.Properties), err, test.want)
			}
		}
		e, _, err := c.EntityAt(t.Context(), "svc", "cart", catalog.Moment{At: start})
		if err != nil || compact(t, e.Relations) != `{"system":"shop","uses":[]}` || !e.CreatedAt.Equal(start) || e.CreatedBy != "dana" {
			t.Errorf("relations and meta: %+v %v", e, err)
		}
	})
}

func TestN8_CompareTwoMoments(t *testing.T) {
	eachTimed(t, func(t *testing.T, c *timed) {
		start := c.at
		c.must("svc", `{"identifier":"cart","properties":{"lang":"go"}}`)
		c.later(time.Hour).patch("svc", "cart", `{"properties":{"coverage":10}}`)
		c.later(time.Hour).patch("svc", "cart", `{"properties":{"coverage":20,"lang":"rust"}}`)
		for _, test := range []struct{ from, to, want string }{
			{"1", "3", `{"properties.coverage":{"before":null,"after":20},"properties.lang":{"before":"go","after":"rust"}}`},
			{"3", "2", `{"properties.coverage":{"before":20,"after":10},"properties.lang":{"before":"rust","after":"go"}}`},
			{start.Add(time.Minute).Format(time.RFC3339), "2", `{"properties.coverage":{"before":null,"after":10}}`},
			{"2", "now", `{"properties.coverage":{"before":10,"after":20},"properties.lang":{"before":"go","after":"rust"}}`},
			{"3", "", `{}`},
		} {
			from, err := catalog.ParseMoment("from", test.from)
			if err != nil {
				t.Fatal(err)
			}
			to, err := catalog.ParseMoment("to", test.to)
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.Compare(t.Context(), "svc", "cart", from, to)
			if err != nil || compact(t, got) != test.want {
				t.Errorf("%s to %s: %s %v", test.from, test.to, compact(t, got), err)
			}
		}
		if _, err := c.Compare(t.Context(), "svc", "cart", catalog.Moment{Version: 9}, catalog.Moment{}); !fault.Is(err, fault.NotFound) {
			t.Errorf("an unknown version: %v", err)
		}
		if _, err := catalog.ParseMoment("from", "yesterday"); !fault.Is(err, fault.Unprocessable) {
			t.Errorf("a bad moment: %v", err)
		}
	})
}

func TestUndoPutsBackWhatOneChangeDid(t *testing.T) {
	eachTimed(t, func(t *testing.T, c *timed) {
		ctx := t.Context()
		c.must("system", `{"identifier":"a"}`)
		c.must("system", `{"identifier":"b"}`)
		c.must("svc", `{"identifier":"x","properties":{"lang":"go"}}`)
		c.must("svc", `{"identifier":"cart","icon":"Old","properties":{"lang":"go","coverage":1},"relations":{"system":"a","uses":["x"]}}`)
		c.patch("svc", "cart", `{"title":"New","icon":null,"team":["t"],"properties":{"coverage":2,"links":["https://a.example"]},"relations":{"system":"b","uses":[]}}`)
		c.patch("svc", "cart", `{"properties":{"lang":"rust"}}`)
		got, err := c.UndoVersion(ctx, "svc", "cart", 2, catalog.Write{By: "erin"}, false)
		if err != nil {
			t.Fatalf("%v %+v", err, details(err))
		}
		if want := `{"coverage":1,"lang":"rust","links":null}`; compact(t, got.Properties) != want || got.Title != "cart" || got.Icon != "Old" || len(got.Team) != 0 ||
			compact(t, got.Relations) != `{"system":"a","uses":["x"]}` {
			t.Errorf("undone: %+v", got)
		}
		last := c.versions("svc", "cart")[0]
		if last.Version != 4 || last.Actor != "erin" || last.Cause != "undo of version 2" {
			t.Errorf("the undo is told as %+v", last)
		}
		if events := c.events("svc/cart"); events[0].Actor != "erin" || events[0].Verb != "entity.update" {
			t.Errorf("audited as %+v", events[0])
		}
		// Undoing it again changes nothing.
		if _, err := c.UndoVersion(ctx, "svc", "cart", 2, catalog.Write{By: "erin"}, false); err != nil || len(c.versions("svc", "cart")) != 4 {
			t.Errorf("again: %v", err)
		}
	})
}

func TestUndoNamesWhatWasChangedAgain(t *testing.T) {
	eachTimed(t, func(t *testing.T, c *timed) {
		ctx := t.Context()
		c.must("svc", `{"identifier":"cart","properties":{"lang":"go","coverage":1}}`)
		c.patch("svc", "cart", `{"title":"T","properties":{"coverage":2}}`)
		c.patch("svc", "cart", `{"properties":{"coverage":3}}`)
		_, err := c.UndoVersion(ctx, "svc", "cart", 2, catalog.Write{By: "erin"}, false)
		if !fault.Is(err, fault.Conflict) || len(details(err)) != 1 || details(err)[0].Field != "properties.coverage" {
			t.Fatalf("%v %+v", err, details(err))
		}
		if e, err := c.Entity(ctx, "svc", "cart"); err != nil || e.Title != "T" {
			t.Errorf("half undone: %+v %v", e, err)
		}
		e, err := c.UndoVersion(ctx, "svc", "cart", 2, catalog.Write{By: "erin"}, true)
		if err != nil || e.Properties["coverage"] != 1.0 || e.Title != "cart" {
			t.Errorf("forced: %+v %v", e, err)
		}
		for version, code := range map[int64]fault.Code{1: fault.Conflict, 99: fault.NotFound} {
			if _, err := c.UndoVersion(ctx, "svc", "cart", version, catalog.Write{By: "erin"}, true); !fault.Is(err, code) {
				t.Errorf("version %d: %v", version, err)
			}
		}
	})
}

func TestUndoIsCheckedLikeAnyWrite(t *testing.T) {
	eachTimed(t, func(t *testing.T, c *timed) {
		c.must("system", `{"identifier":"a"}`)
		c.must("svc", `{"identifier":"cart","properties":{"lang":"go"},"relations":{"system":"a"}}`)
		c.patch("svc", "cart", `{"relations":{"system":null}}`)
		c.delete("system", "a", false)
		_, err := c.UndoVersion(t.Context(), "svc", "cart", 2, catalog.Write{By: "erin"}, false)
		if !fault.Is(err, fault.Unprocessable) || details(err)[0].Field != "/relations/system" {
			t.Errorf("a relation to what is gone: %v %+v", err, details(err))
		}
	})
}

func TestPain9_WhatWasDeletedComesBackWithItsHistory(t *testing.T) {
	eachTimed(t, func(t *testing.T, c *timed) {
		ctx := t.Context()
		created := c.at
		c.must("system", `{"identifier":"a"}`)
		c.must("svc", `{"identifier":"x","properties":{"lang":"go"}}`)
		c.must("svc", `{"identifier":"cart","title":"Cart","icon":"I","team":["t"],"properties":{"lang":"go","links":["https://a.example"]},"relations":{"system":"a","uses":["x"]}}`)
		c.later(time.Hour).delete("svc", "cart", false)
		list := c.deleted("svc")
		if len(list) != 1 || list[0].Identifier != "cart" || list[0].Title != "Cart" || list[0].Actor != "dana" || !list[0].RestoreUntil.Equal(c.at.Add(30*24*time.Hour)) || list[0].Taken {
			t.Fatalf("deleted: %+v", list)
		}
		if all := c.deleted(""); len(all) != 1 {
			t.Errorf("of all blueprints: %+v", all)
		}
		r := c.later(29 * 24 * time.Hour).restore(list[0].VersionID)
		if len(r.Left) != 0 || r.Entity.Title != "Cart" || r.Entity.Icon != "I" || compact(t, r.Entity.Team) != `["t"]` || !r.Entity.CreatedAt.Equal(created) || r.Entity.CreatedBy != "dana" ||
			compact(t, r.Entity.Relations) != `{"system":"a","uses":["x"]}` || compact(t, r.Entity.Properties) != `{"coverage":null,"lang":"go","links":["https://a.example"]}` {
			t.Errorf("restored: %+v", r)
		}
		read, err := c.Entity(ctx, "svc", "cart")
		if err != nil || compact(t, read.Relations) != compact(t, r.Entity.Relations) {
			t.Errorf("read: %+v %v", read, err)
		}
		got := c.versions("svc", "cart")
		if len(got) != 3 || got[0].Verb != "restore" || got[0].Version != 3 || got[0].Actor != "erin" || got[1].Verb != "delete" || got[2].Verb != "create" {
			t.Errorf("history: %s", story(got))
		}
		if list := c.deleted(""); len(list) != 0 {
			t.Errorf("still in the list: %+v", list)
		}
		if _, err := c.Restore(ctx, list[0].VersionID, catalog.Write{By: "erin"}); !fault.Is(err, fault.Conflict) {
			t.Errorf("restored twice: %v", err)
		}
		if page, err := c.Search(ctx, catalog.Query{Blueprint: "svc", Text: "cart"}); err != nil || page.Total != 1 {
			t.Errorf("found %d %v", page.Total, err)
		}
		c.patch("svc", "cart", `{"title":"Later"}`)
	})
}

func TestRestoreLeavesOutWhatIsGoneAndSaysSo(t *testing.T) {
	eachTimed(t, func(t *testing.T, c *timed) {
		c.must("system", `{"identifier":"a"}`)
		c.must("svc", `{"identifier":"x","properties":{"lang":"go"}}`)
		c.must("svc", `{"identifier":"y","properties":{"lang":"go"}}`)
		c.must("svc", `{"identifier":"cart","properties":{"lang":"go","coverage":50},"relations":{"system":"a","uses":["x","y"]}}`)
		c.delete("svc", "cart", false)
		c.delete("system", "a", false)
		c.delete("svc", "x", false)
		c.blueprint(strings.Replace(serviceBlueprint, `"coverage":{"type":"number","minimum":0,"maximum":100},`, ``, 1))
		r := c.restore(c.deleted("svc")[1].VersionID)
		var left []string
		for _, l := range r.Left {
			left = append(left, l.Entity+" "+l.Field+" "+compact(t, l.Value)+" "+l.Reason)
		}
		slices.Sort(left)
		want := []string{
			`svc/cart properties.coverage 50 svc has no such property any more`,
			`svc/cart relations.system "a" there is no system "a" any more`,
			`svc/cart relations.uses "x" there is no svc "x" any more`,
		}
		if !slices.Equal(left, want) || compact(t, r.Entity.Relations) != `{"system":null,"uses":["y"]}` {
			t.Errorf("left %q, relations %s", left, compact(t, r.Entity.Relations))
		}
	})
}

func TestRestorePutsReferencesBackWhereNothingTookTheirPlace(t *testing.T) {
	eachTimed(t, func(t *testing.T, c *timed) {
		ctx := t.Context()
		c.must("system", `{"identifier":"a"}`)
		c.must("system", `{"identifier":"b"}`)
		for _, id := range []string{"empty", "moved", "gone"} {
			c.must("svc", `{"identifier":"`+id+`","properties":{"lang":"go"},"relations":{"system":"a"}}`)
		}
		c.delete("system", "a", false)
		c.patch("svc", "moved", `{"relations":{"system":"b"}}`)
		c.delete("svc", "gone", false)
		r := c.restore(c.deleted("system")[0].VersionID)
		if len(r.References) != 1 || r.References[0].Identifier != "empty" || len(r.Left) != 1 || r.Left[0].Entity != "svc/moved" || r.Left[0].Reason != "it points at b now" {
			t.Errorf("%+v", r)
		}
		if e, err := c.Entity(ctx, "svc", "empty"); err != nil || e.Relations["system"] != "a" {
			t.Errorf("empty: %+v %v", e, err)
		}
		if e, err := c.Entity(ctx, "svc", "moved"); err != nil || e.Relations["system"] != "b" {
			t.Errorf("moved: %+v %v", e, err)
		}
		if v := c.versions("svc", "empty"); v[0].Cause != "system/a" || v[0].Actor != "erin" || v[1].Cause != "system/a" {
			t.Errorf("told as %s", story(v))
		}
		// Lists get it back at its place, whatever else is in them now.
		c.must("svc", `{"identifier":"m1","properties":{"lang":"go"}}`)
		c.must("svc", `{"identifier":"m2","properties":{"lang":"go"}}`)
		c.must("svc", `{"identifier":"m3","properties":{"lang":"go"}}`)
		c.must("svc", `{"identifier":"many","properties":{"lang":"go"},"relations":{"uses":["m1","m2"]}}`)
		c.delete("svc", "m1", false)
		c.patch("svc", "many", `{"relations":{"uses":["m2","m3"]}}`)
		c.restore(c.deleted("svc")[0].VersionID)
		if e, err := c.Entity(ctx, "svc", "many"); err != nil || compact(t, e.Relations["uses"]) != `["m1","m2","m3"]` {
			t.Errorf("many: %+v %v", e, err)
		}
	})
}

func TestRestoreOfAGroupBringsBackWhatItsMembersNeed(t *testing.T) {
	eachTimed(t, func(t *testing.T, c *timed) {
		ctx := t.Context()
		c.blueprint(`{"identifier":"part","title":"Part","schema":{"properties":{},"required":[]},"relations":{"of":{"target":"system","required":true,"many":false}}}`)
		c.must("system", `{"identifier":"a"}`)
		c.must("part", `{"identifier":"p1","relations":{"of":"a"}}`)
		c.must("part", `{"identifier":"p2","relations":{"of":"a"}}`)
		c.delete("system", "a", true)
		list := c.deleted("")
		if len(list) != 3 || list[0].Cause != "system/a" || list[2].Cause != "" {
			t.Fatalf("deleted: %+v", list)
		}
		// Alone it cannot come back: it needs the system.
		if _, err := c.Restore(ctx, list[0].VersionID, catalog.Write{By: "erin"}); !fault.Is(err, fault.Unprocessable) {
			t.Errorf("alone: %v", err)
		}
		all, err := c.RestoreMany(ctx, []int64{list[0].VersionID, list[1].VersionID, list[2].VersionID}, catalog.Write{By: "erin"})
		if err != nil || len(all) != 3 {
			t.Fatalf("%+v %v", all, err)
		}
		for _, id := range []string{"p1", "p2"} {
			if e, err := c.Entity(ctx, "part", id); err != nil || e.Relations["of"] != "a" {
				t.Errorf("%s: %+v %v", id, e, err)
			}
		}
	})
}

func TestRestoreIsRefusedWhereItCannotHold(t *testing.T) {
	eachTimed(t, func(t *testing.T, c *timed) {
		ctx := t.Context()
		c.must("system", `{"identifier":"a"}`)
		c.delete("system", "a", false)
		c.must("system", `{"identifier":"a"}`)
		list := c.deleted("system")
		if len(list) != 1 || !list[0].Taken {
			t.Fatalf("%+v", list)
		}
		if _, err := c.Restore(ctx, list[0].VersionID, catalog.Write{By: "erin"}); !fault.Is(err, fault.Taken) {
			t.Errorf("the name is taken: %v", err)
		}
		if _, err := c.Restore(ctx, 9999, catalog.Write{By: "erin"}); !fault.Is(err, fault.NotFound) {
			t.Errorf("nothing: %v", err)
		}
		c.later(31*24*time.Hour).delete("system", "a", false)
		if got := c.deleted("system"); len(got) != 1 {
			t.Errorf("after 31 days: %+v", got)
		}
		if _, err := c.Restore(ctx, list[0].VersionID, catalog.Write{By: "erin"}); !fault.Is(err, fault.NotFound) {
			t.Errorf("after 31 days: %v", err)
		}
	})
}

func TestPain15_ADeletedBlueprintComesBackWithItsSchemaAndEntities(t *testing.T) {
	eachTimed(t, func(t *testing.T, c *timed) {
		ctx := t.Context()
		c.must("svc", `{"identifier":"cart","properties":{"lang":"go","coverage":5}}`)
		c.delete("svc", "cart", false)
		if err := c.DeleteBlueprint(ctx, "svc", "dana"); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Restore(ctx, c.deleted("svc")[0].VersionID, catalog.Write{By: "erin"}); !fault.Is(err, fault.Conflict) {
			t.Errorf("without its blueprint: %v", err)
		}
		gone, err := c.DeletedBlueprints(ctx)
		if err != nil || len(gone) != 1 || gone[0].Title != "Service" {
			t.Fatalf("%+v %v", gone, err)
		}
		b, err := c.later(time.Hour).RestoreBlueprint(ctx, "svc", "erin")
		if err != nil || b.Icon != "Service" || len(b.Schema.Properties) != 3 || len(b.Relations) != 2 {
			t.Fatalf("%+v %v", b, err)
		}
		c.restore(c.deleted("svc")[0].VersionID)
		if e, err := c.Entity(ctx, "svc", "cart"); err != nil || e.Properties["coverage"] != 5.0 {
			t.Errorf("%+v %v", e, err)
		}
		if _, err := c.RestoreBlueprint(ctx, "svc", "erin"); !fault.Is(err, fault.Conflict) {
			t.Errorf("twice: %v", err)
		}
		c.blueprint(strings.Replace(serviceBlueprint, `"Service","icon"`, `"Services","icon"`, 1))
		page, err := c.BlueprintVersions(ctx, "svc", "", 0)
		if err != nil || len(page.Versions) != 4 || page.Versions[0].Changes["title"] != (catalog.Change{Before: "Service", After: "Services"}) || page.Versions[2].Verb != "delete" || page.Versions[0].Version != 4 {
			t.Errorf("%s %v", story(page.Versions), err)
		}
	})
}

func TestPruningKeepsEveryMomentOfTheKeptTime(t *testing.T) {
	eachTimed(t, func(t *testing.T, c *timed) {
		ctx := t.Context()
		day := 24 * time.Hour
		start := c.at
		c.must("svc", `{"identifier":"cart","properties":{"lang":"go","coverage":0}}`)
		c.must("svc", `{"identifier":"still","properties":{"lang":"go"}}`)
		for i := 1; i <= 50; i++ {
			c.later(10*day).patch("svc", "cart", fmt.Sprintf(`{"properties":{"coverage":%d}}`, i))
		}
		c.must("svc", `{"identifier":"gone","properties":{"lang":"go"}}`)
		c.must("svc", `{"identifier":"back","properties":{"lang":"go"}}`)
		c.delete("svc", "gone", false)
		c.delete("svc", "back", false)
		c.restore(c.deleted("svc")[0].VersionID)
		c.later(31 * day) // now is day 531, kept is from day 131 on
		removed, err := c.Prune(ctx, catalog.Kept())
		if err != nil {
			t.Fatal(err)
		}
		// The versions of the days 0 to 120, and the two of "gone".
		if removed != 13+2 {
			t.Errorf("%d versions went", removed)
		}
		e, _, err := c.EntityAt(ctx, "svc", "cart", catalog.Moment{At: start.Add(131 * day)})
		if err != nil || e.Properties["coverage"] != 13.0 {
			t.Errorf("on the first day that is kept: %+v %v", e, err)
		}
		if _, _, err := c.EntityAt(ctx, "svc", "cart", catalog.Moment{At: start.Add(120 * day)}); !fault.Is(err, fault.NotFound) {
			t.Errorf("before: %v", err)
		}
		versions := c.versions("svc", "cart")
		if last := versions[len(versions)-1]; !last.Earliest || len(last.Changes) != 0 {
			t.Errorf("the earliest: %+v", last)
		}
		if _, _, err := c.EntityAt(ctx, "svc", "still", catalog.Moment{At: start.Add(200 * day)}); err != nil {
			t.Errorf("what never changed: %v", err)
		}
		if _, err := c.Versions(ctx, "svc", "gone", "", 0); !fault.Is(err, fault.NotFound) {
			t.Errorf("what was deleted long ago: %v", err)
		}
		if got := c.versions("svc", "back"); len(got) != 3 {
			t.Errorf("what was restored: %s", story(got))
		}
		if again, err := c.Prune(ctx, catalog.Kept()); err != nil || again != 0 {
			t.Errorf("again: %d %v", again, err)
		}
	})
}
