package catalog_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/catalog"
	"sphera/internal/catalog/catalogtest"
	"sphera/internal/catalog/query"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

// asked notes what the catalog asks, and refuses everything while closed.
type asked struct {
	closed bool
	verbs  []string
}

var errAsked = errors.New("refused by the test")

func (a *asked) access() catalog.Access {
	open := catalogtest.Anybody()
	return catalog.Access{
		May: func(_ context.Context, verb, _ string) error {
			if a.verbs = append(a.verbs, verb); a.closed {
				return errAsked
			}
			return nil
		},
		See:  open.See,
		Free: func(context.Context) bool { return !a.closed },
		Change: func(_ context.Context, list []catalog.Touch) []error {
			out := make([]error, len(list))
			for i := range out {
				if a.closed {
					out[i] = errAsked
				}
			}
			return out
		},
	}
}

// call is one method of the catalog: what it asks for first, and how to call it.
type call struct {
	verb string
	run  func(ctx context.Context, c *catalog.Catalog) error
}

func methods() map[string]call {
	all := map[string]call{}
	for _, part := range []map[string]call{methods1(), methods2(), methods3(), methods4()} {
		maps.Copy(all, part)
	}
	return all
}

func methods1() map[string]call {
	const read, shape, known = catalog.VerbRead, catalog.VerbShape, catalog.VerbKnown
	entity := catalog.NewEntity{Identifier: "a", Blueprint: "Thing"}
	card := json.RawMessage(`{"identifier":"x","title":"X","levels":[{"title":"A"}],"rules":[]}`)
	return map[string]call{
		"Aggregate": do(read, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.Aggregate(ctx, catalog.AggregateSpec{Func: "count"})
			return err
		}),
		"BlueprintsIn":    do(read, func(ctx context.Context, c *catalog.Catalog) error { _, err := c.BlueprintsIn(ctx, nil); return err }),
		"DeleteBlueprint": do(shape, func(ctx context.Context, c *catalog.Catalog) error { return c.DeleteBlueprint(ctx, "Thing", "me") }),
		"UpdateBlueprint": do(shape, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.UpdateBlueprint(ctx, "Thing", "me", nil)
			return err
		}),
		"OfDatasource": do(read, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.OfDatasource(ctx, "a", "")
			return err
		}),
		"Dependents": do(read, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.Dependents(ctx, "Thing", "a")
			return err
		}),
		"DeleteAllEntities": do(known, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.DeleteAllEntities(ctx, "Thing", catalog.DeleteOptions{}, nil)
			return err
		}),
		"PatchEntity": do(known, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.PatchEntity(ctx, "Thing", "a", entity, catalog.Write{})
			return err
		}),
		"Titles": do(read, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.Titles(ctx, "Thing", []string{"a"})
			return err
		}),
		"Passed": do(read, func(ctx context.Context, c *catalog.Catalog) error {
			_, _, err := c.Passed(ctx, catalog.Horizon{})
			return err
		}),
		"Versions": do(read, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.Versions(ctx, "Thing", "a", "", 1)
			return err
		}),
		"DeletedBlueprints": do(read, func(ctx context.Context, c *catalog.Catalog) error { _, err := c.DeletedBlueprints(ctx); return err }),
		"Deleted":           do(read, func(ctx context.Context, c *catalog.Catalog) error { _, err := c.Deleted(ctx, "", "", 1); return err }),
		"UndoVersion": do(known, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.UndoVersion(ctx, "Thing", "a", 1, catalog.Write{}, false)
			return err
		}),
		"PropertyHistory": do(read, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.PropertyHistory(ctx, "Thing", "a", []string{"p"}, catalog.TimeSpec{Preset: "lastMonth", Interval: "day"})
			return err
		}),
		"Existing": do(read, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.Existing(ctx, "Thing", []string{"a"})
			return err
		}),
		"RenameMirror": do(shape, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.RenameMirror(ctx, "Thing", "a", "b", "me")
			return err
		}),
		"CreateScorecard": do(shape, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.CreateScorecard(ctx, "Thing", card, "me")
			return err
		}),
		"DeletedScorecards": do(read, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.DeletedScorecards(ctx, "Thing")
			return err
		}),
		"Search": do(read, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.Search(ctx, catalog.Query{Blueprint: "Thing"})
			return err
		}),
		"Hidden": do(read, func(ctx context.Context, c *catalog.Catalog) error { _, err := c.Hidden(ctx, nil); return err }),
	}
}

func methods2() map[string]call {
	const read, shape, maintain, known = catalog.VerbRead, catalog.VerbShape, catalog.VerbMaintain, catalog.VerbKnown
	entity := catalog.NewEntity{Identifier: "a", Blueprint: "Thing"}
	card := json.RawMessage(`{"identifier":"x","title":"X","levels":[{"title":"A"}],"rules":[]}`)
	return map[string]call{
		"Recompute": do(maintain, func(ctx context.Context, c *catalog.Catalog) error { _, _, err := c.Recompute(ctx, 1); return err }),
		"Blueprint": do(read, func(ctx context.Context, c *catalog.Catalog) error { _, err := c.Blueprint(ctx, "Thing"); return err }),
		"PutBlueprint": do(shape, func(ctx context.Context, c *catalog.Catalog) error {
			_, _, err := c.PutBlueprint(ctx, catalog.Blueprint{Identifier: "Thing"}, "me")
			return err
		}),
		"PutMany": do(known, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.PutMany(ctx, "Thing", []catalog.NewEntity{entity}, catalog.Write{})
			return err
		}),
		"CountOfDatasource": do(read, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.CountOfDatasource(ctx, "a", "")
			return err
		}),
		"DeleteEntity": do(known, func(ctx context.Context, c *catalog.Catalog) error {
			return c.DeleteEntity(ctx, "Thing", "a", "me", "", false)
		}),
		"Entity": do(read, func(ctx context.Context, c *catalog.Catalog) error { _, err := c.Entity(ctx, "Thing", "a"); return err }),
		"Explain": do(read, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.Explain(ctx, "Thing", "a", "p")
			return err
		}),
		"Follow": do(read, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.Follow(ctx, "Thing", "a", nil)
			return err
		}),
		"ChangesOf": do(read, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.ChangesOf(ctx, "Thing", 0, 1, 1)
			return err
		}),
		"Compare": do(read, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.Compare(ctx, "Thing", "a", catalog.Moment{}, catalog.Moment{})
			return err
		}),
		"RestoreBlueprint": do(shape, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.RestoreBlueprint(ctx, "Gone", "me")
			return err
		}),
		"DeletedEntity": do(read, func(ctx context.Context, c *catalog.Catalog) error { _, err := c.DeletedEntity(ctx, 1); return err }),
		"Impact": do(read, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.Impact(ctx, "Thing", "a", 1)
			return err
		}),
		"Path": do(read, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.Path(ctx, "Thing/a", "Thing/b")
			return err
		}),
		"Changed": do(read, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.Changed(ctx, nil, catalog.Write{})
			return err
		}),
		"RenameRelation": do(shape, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.RenameRelation(ctx, "Thing", "a", "b", "me")
			return err
		}),
		"PutScorecard": do(shape, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.PutScorecard(ctx, "Thing", "x", card, "me")
			return err
		}),
		"RestoreScorecard": do(shape, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.RestoreScorecard(ctx, 1, "me")
			return err
		}),
		"SearchAll": do(read, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.SearchAll(ctx, query.And(), query.Env{}, 1, "")
			return err
		}),
		"IndexText": do(maintain, func(ctx context.Context, c *catalog.Catalog) error { _, err := c.IndexText(ctx); return err }),
	}
}

func methods3() map[string]call {
	const read, shape, maintain, known = catalog.VerbRead, catalog.VerbShape, catalog.VerbMaintain, catalog.VerbKnown
	entity := catalog.NewEntity{Identifier: "a", Blueprint: "Thing"}
	return map[string]call{
		"DeriveBacklog": do(maintain, func(ctx context.Context, c *catalog.Catalog) error { _, err := c.DeriveBacklog(ctx); return err }),
		"Rights":        do(read, func(ctx context.Context, c *catalog.Catalog) error { _, err := c.Rights(ctx, "Thing"); return err }),
		"SaveBlueprint": do(shape, func(ctx context.Context, c *catalog.Catalog) error {
			_, _, err := c.SaveBlueprint(ctx, "Thing", catalog.Blueprint{}, catalog.BlueprintWrite{})
			return err
		}),
		"PutMixed": do(known, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.PutMixed(ctx, []catalog.NewEntity{entity}, catalog.Write{})
			return err
		}),
		"Writers": do(read, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.Writers(ctx, "Thing", nil)
			return err
		}),
		"DeleteOne": do(known, func(ctx context.Context, c *catalog.Catalog) error {
			return c.DeleteOne(ctx, "Thing", "a", catalog.DeleteOptions{})
		}),
		"PutEntity": do(known, func(ctx context.Context, c *catalog.Catalog) error {
			_, _, err := c.PutEntity(ctx, "Thing", entity, catalog.Write{})
			return err
		}),
		"Export": do(read, func(ctx context.Context, c *catalog.Catalog) error { _, err := c.Export(ctx); return err }),
		"After": do(read, func(ctx context.Context, c *catalog.Catalog) error {
			_, _, err := c.After(ctx, "Thing", 0, 1)
			return err
		}),
		"FirstVersionSince": do(read, func(ctx context.Context, c *catalog.Catalog) error { _, err := c.FirstVersionSince(ctx, 0); return err }),
		"EntityAt": do(read, func(ctx context.Context, c *catalog.Catalog) error {
			_, _, err := c.EntityAt(ctx, "Thing", "a", catalog.Moment{})
			return err
		}),
		"Provenance": do(read, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.Provenance(ctx, "Thing", "a")
			return err
		}),
		"Restore": do(known, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.Restore(ctx, 1, catalog.Write{})
			return err
		}),
		"EntityCount": do(read, func(ctx context.Context, c *catalog.Catalog) error { _, err := c.EntityCount(ctx, "Thing"); return err }),
		"Stage":       do(known, func(ctx context.Context, c *catalog.Catalog) error { _, err := c.Stage(ctx, "me"); return err }),
		"PreviewRename": do(catalog.VerbShape, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.PreviewRename(ctx, "Thing", catalog.RenameIn{What: "entity", Old: "a", New: "b"})
			return err
		}),
		"PreviewBlueprint": do(read, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.PreviewBlueprint(ctx, catalog.Blueprint{Identifier: "Thing"}, nil)
			return err
		}),
		"Scorecards": do(read, func(ctx context.Context, c *catalog.Catalog) error { _, err := c.Scorecards(ctx, ""); return err }),
		"ReplaceScorecards": do(shape, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.ReplaceScorecards(ctx, "Thing", nil, "me")
			return err
		}),
		"SyncScorecards": do(maintain, func(ctx context.Context, c *catalog.Catalog) error { return c.SyncScorecards(ctx) }),
		"SearchEnv": do(known, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.SearchEnv(ctx, "a@b", nil)
			return err
		}),
		"Atomically": do(known, func(ctx context.Context, c *catalog.Catalog) error { return c.Atomically(ctx, nil) }),
	}
}

func methods4() map[string]call {
	const read, shape, maintain, known = catalog.VerbRead, catalog.VerbShape, catalog.VerbMaintain, catalog.VerbKnown
	entity := catalog.NewEntity{Identifier: "a", Blueprint: "Thing"}
	return map[string]call{
		"Blueprints": do(read, func(ctx context.Context, c *catalog.Catalog) error { _, err := c.Blueprints(ctx); return err }),
		"ChangeRights": do(shape, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.ChangeRights(ctx, "Thing", "me", nil)
			return err
		}),
		"EnsureSystem": do(maintain, func(ctx context.Context, c *catalog.Catalog) error { return c.EnsureSystem(ctx) }),
		"EditMany": do(known, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.EditMany(ctx, "Thing", catalog.BulkEdit{}, catalog.Write{})
			return err
		}),
		"DeletedSince": do(read, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.DeletedSince(ctx, catalog.Name{}, time.Time{})
			return err
		}),
		"DeleteMany": do(known, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.DeleteMany(ctx, "Thing", []string{"a"}, catalog.DeleteOptions{})
			return err
		}),
		"ReplaceEntity": do(known, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.ReplaceEntity(ctx, "Thing", "a", entity, catalog.Write{})
			return err
		}),
		"Find": do(read, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.Find(ctx, "a", catalog.FindOptions{})
			return err
		}),
		"Look": do(read, func(ctx context.Context, c *catalog.Catalog) error { _, err := c.Look(ctx); return err }),
		"Graph": do(read, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.Graph(ctx, "Thing", "a", catalog.GraphOptions{})
			return err
		}),
		"BlueprintVersions": do(read, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.BlueprintVersions(ctx, "Thing", "", 1)
			return err
		}),
		"Prune": do(maintain, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.Prune(ctx, catalog.Kept())
			return err
		}),
		"RestoreMany": do(known, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.RestoreMany(ctx, []int64{1}, catalog.Write{})
			return err
		}),
		"OverTime": do(read, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.OverTime(ctx, catalog.OverTimeSpec{Blueprint: "Thing", Func: "count", Time: catalog.TimeSpec{Preset: "lastMonth", Interval: "day"}})
			return err
		}),
		"AbortAbandoned": do(known, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.AbortAbandoned(ctx, time.Hour)
			return err
		}),
		"RenameProperty": do(shape, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.RenameProperty(ctx, "Thing", "a", "b", "me")
			return err
		}),
		"Scorecard": do(read, func(ctx context.Context, c *catalog.Catalog) error {
			_, err := c.Scorecard(ctx, "Thing", "x")
			return err
		}),
		"DeleteScorecard": do(shape, func(ctx context.Context, c *catalog.Catalog) error { return c.DeleteScorecard(ctx, "Thing", "x", "me") }),
		"DueVerdicts":     do(maintain, func(ctx context.Context, c *catalog.Catalog) error { _, _, err := c.DueVerdicts(ctx, 1); return err }),
		"Names":           do(read, func(ctx context.Context, c *catalog.Catalog) error { _, err := c.Names(ctx, "Thing", "a"); return err }),
		"Whole":           do(read, func(ctx context.Context, c *catalog.Catalog) error { _, err := c.Whole(ctx); return err }),
		"Owners":          do(maintain, func(ctx context.Context, c *catalog.Catalog) error { _, err := c.Owners(ctx, nil); return err }),
		"Rehearse":        do(read, func(ctx context.Context, c *catalog.Catalog) error { return c.Rehearse(ctx, nil) }),
	}
}

// do is a row of methods.
func do(verb string, run func(ctx context.Context, c *catalog.Catalog) error) call {
	return call{verb, run}
}

// TestS3_EveryMethodOfTheCatalogAsks finds the methods by reflection: one
// without a row fails, and so does one that does anything without asking.
func TestS3_EveryMethodOfTheCatalogAsks(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := &asked{}
		c := catalog.New(db, audit.New(time.Now), time.Now).Guard(a.access())
		if _, _, err := c.PutBlueprint(t.Context(), catalog.Blueprint{Identifier: "Thing", Title: "Thing"}, "me"); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.PutEntity(t.Context(), "Thing", catalog.NewEntity{Identifier: "a"}, catalog.Write{By: "me"}); err != nil {
			t.Fatal(err)
		}
		table := methods()
		kind := reflect.TypeOf(c)
		for method := range kind.Methods() {
			name := method.Name
			if name == "Guard" || name == "GuardBlueprints" || name == "FollowRenames" {
				continue // what wires it
			}
			one, ok := table[name]
			if !ok {
				t.Errorf("%s has no row: add it to methods with what it asks for", name)
				continue
			}
			a.closed, a.verbs = true, nil
			if err := one.run(t.Context(), c); !errors.Is(err, errAsked) {
				t.Errorf("%s: refused, it answers %v", name, err)
			}
			if len(a.verbs) != 1 || a.verbs[0] != one.verb {
				t.Errorf("%s asks for %q, want %q", name, a.verbs, one.verb)
			}
			a.closed = false
		}
		if _, err := c.Entity(t.Context(), "Thing", "a"); err != nil {
			t.Errorf("something was done: %v", err)
		}
	})
}

// TestS3_TransactionsAndStagingsAsk does the same for what hands out the others.
func TestS3_TransactionsAndStagingsAsk(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		a := &asked{}
		c := catalog.New(db, audit.New(time.Now), time.Now).Guard(a.access())
		if _, _, err := c.PutBlueprint(ctx, catalog.Blueprint{Identifier: "Thing", Title: "Thing"}, "me"); err != nil {
			t.Fatal(err)
		}
		card := json.RawMessage(`{"identifier":"x","title":"X","levels":[{"title":"A"}],"rules":[]}`)
		err := c.Atomically(ctx, func(tx *catalog.Transaction) error {
			a.closed = true
			table := map[string]func() error{
				"Blueprints":    func() error { _, err := tx.Blueprints(ctx); return err },
				"PutBlueprints": func() error { _, err := tx.PutBlueprints(ctx, nil, "me", ""); return err },
				"PutScorecard":  func() error { _, err := tx.PutScorecard(ctx, "Thing", card, "me"); return err },
				"Put":           func() error { _, err := tx.Put(ctx, nil, catalog.Write{}); return err },
				"Existing":      func() error { _, err := tx.Existing(ctx, "Thing", nil); return err },
				"Others":        func() error { _, err := tx.Others(ctx, "Thing", nil); return err },
				"Record":        func() error { return tx.Record(ctx, "x", "y", "me", "", nil) },
				"Delete":        func() error { return tx.Delete(ctx, "Thing", nil, catalog.DeleteOptions{}) },
			}
			allAsk(t, reflect.TypeOf(tx), table)
			a.closed = false
			return errAsked
		})
		if !errors.Is(err, errAsked) {
			t.Fatal(err)
		}
		staging, err := c.Stage(ctx, "me")
		if err != nil {
			t.Fatal(err)
		}
		a.closed = true
		allAsk(t, reflect.TypeOf(staging), map[string]func() error{
			"Blueprints": func() error { _, err := staging.Blueprints(ctx, nil, "me", ""); return err },
			"Put":        func() error { _, err := staging.Put(ctx, nil, catalog.Write{}); return err },
			"Publish":    func() error { return staging.Publish(ctx, nil) },
			"Abort":      func() error { return staging.Abort(ctx) },
		})
	})
}

func allAsk(t *testing.T, kind reflect.Type, table map[string]func() error) {
	t.Helper()
	for method := range kind.Methods() {
		name := method.Name
		run, ok := table[name]
		if !ok {
			t.Errorf("%s.%s has no row", kind, name)
		} else if err := run(); !errors.Is(err, errAsked) {
			t.Errorf("%s.%s: refused, it answers %v", kind, name, err)
		}
	}
}

// TestS3_WithoutAnybodyToAskEverythingIsRefused is the catalog as New makes it.
func TestS3_WithoutAnybodyToAskEverythingIsRefused(t *testing.T) {
	db := storetest.Open(t, storetest.SQLite(t))
	c := catalog.New(db, audit.New(time.Now), time.Now)
	var names []string
	for name, one := range methods() {
		if err := one.run(t.Context(), c); err == nil {
			names = append(names, name)
		}
	}
	if slices.Sort(names); len(names) > 0 {
		t.Errorf("without anybody to ask these answer: %v", names)
	}
}
