package view_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/catalog"
	"sphera/internal/catalog/catalogtest"
	"sphera/internal/fault"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
	"sphera/internal/view"
)

var (
	dana = view.Person{ID: "u1", Name: "Dana Levi"}
	noa  = view.Person{ID: "u2", Name: "Noa Barak"}
	maya = view.Person{ID: "u3", Name: "Maya Stern", Manages: true}
)

func fixed() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func each(t *testing.T, test func(t *testing.T, db *store.DB, views *view.Views, c *catalog.Catalog)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		log := audit.New(fixed)
		c := catalog.New(db, log, fixed).Guard(catalogtest.Anybody())
		for _, id := range []string{"Component", "System"} {
			b := catalog.Blueprint{Identifier: id, Title: id, Schema: catalog.BlueprintSchema{Properties: map[string]catalog.Property{}}}
			if _, _, err := c.PutBlueprint(context.Background(), b, "u1"); err != nil {
				t.Fatal(err)
			}
		}
		test(t, db, view.Open(db, log, fixed), c)
	})
}

func names(t *testing.T, views *view.Views, blueprint string, who view.Person) string {
	t.Helper()
	list, err := views.List(context.Background(), view.Of{Blueprint: blueprint}, who)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, v := range list {
		out = append(out, fmt.Sprintf("%s:%t", v.Name, v.Mine))
	}
	return strings.Join(out, " ")
}

func TestAPrivateViewIsItsOwners(t *testing.T) {
	each(t, func(t *testing.T, _ *store.DB, views *view.Views, _ *catalog.Catalog) {
		ctx := context.Background()
		private, err := views.Create(ctx, view.NewView{Name: " Mine ", Of: view.Of{Blueprint: "Component"}, State: "q=pay"}, dana)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := views.Create(ctx, view.NewView{Name: "All", Of: view.Of{Blueprint: "Component"}, Shared: true}, noa); err != nil {
			t.Fatal(err)
		}
		if got := names(t, views, "Component", dana); got != "Mine:true All:false" {
			t.Errorf("Dana sees %q", got)
		}
		if got := names(t, views, "", noa); got != "All:true" {
			t.Errorf("Noa sees %q", got)
		}
		if got := names(t, views, "System", dana); got != "" {
			t.Errorf("System has %q", got)
		}
		for _, other := range []view.Person{noa, maya} {
			if err := views.Delete(ctx, private.ID, other); !fault.Is(err, fault.NotFound) {
				t.Errorf("deleting a private view of somebody else: %v", err)
			}
		}
	})
}

func TestASharedViewIsChangedByItsOwnerAndAdministrators(t *testing.T) {
	each(t, func(t *testing.T, _ *store.DB, views *view.Views, _ *catalog.Catalog) {
		ctx := context.Background()
		v, err := views.Create(ctx, view.NewView{Name: "Tier 1", Of: view.Of{Blueprint: "Component"}, Shared: true}, dana)
		if err != nil {
			t.Fatal(err)
		}
		in := view.NewView{Name: "Tier one", Of: view.Of{Blueprint: "Component"}, State: "sort=tier", Shared: true}
		if _, err := views.Update(ctx, v.ID, in, noa); !fault.Is(err, fault.Forbidden) {
			t.Errorf("somebody else changed it: %v", err)
		}
		for _, who := range []view.Person{dana, maya} {
			got, err := views.Update(ctx, v.ID, in, who)
			if err != nil || got.Name != "Tier one" || got.State != "sort=tier" || got.Owner != dana.ID {
				t.Errorf("%s: %+v %v", who.Name, got, err)
			}
		}
		if err := views.Delete(ctx, v.ID, maya); err != nil {
			t.Errorf("delete: %v", err)
		}
		if got := names(t, views, "Component", dana); got != "" {
			t.Errorf("left: %q", got)
		}
	})
}

func TestWhatIsWrongIsNamed(t *testing.T) {
	each(t, func(t *testing.T, _ *store.DB, views *view.Views, _ *catalog.Catalog) {
		ctx := context.Background()
		first, err := views.Create(ctx, view.NewView{Name: "A", Of: view.Of{Blueprint: "Component"}}, dana)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := views.Create(ctx, view.NewView{Name: "A", Of: view.Of{Blueprint: "System"}}, dana); err != nil {
			t.Errorf("the same name of another blueprint: %v", err)
		}
		for name, c := range map[string]struct {
			in   view.NewView
			code fault.Code
		}{
			"taken":             {view.NewView{Name: "A", Of: view.Of{Blueprint: "Component"}}, fault.Taken},
			"no name":           {view.NewView{Name: "  ", Of: view.Of{Blueprint: "Component"}}, fault.Unprocessable},
			"long name":         {view.NewView{Name: strings.Repeat("x", 101), Of: view.Of{Blueprint: "Component"}}, fault.Unprocessable},
			"long state":        {view.NewView{Name: "B", Of: view.Of{Blueprint: "Component"}, State: strings.Repeat("x", 9000)}, fault.Unprocessable},
			"unknown blueprint": {view.NewView{Name: "B", Of: view.Of{Blueprint: "Nothing"}}, fault.Unprocessable},
		} {
			if _, err := views.Create(ctx, c.in, dana); !fault.Is(err, c.code) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := views.Update(ctx, first.ID, view.NewView{Name: "A", Of: view.Of{Blueprint: "System"}}, dana); !fault.Is(err, fault.Unprocessable) {
			t.Errorf("moved to another blueprint: %v", err)
		}
		for i := range 99 {
			if _, err := views.Create(ctx, view.NewView{Name: fmt.Sprint("v", i), Of: view.Of{Blueprint: "Component"}}, dana); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := views.Create(ctx, view.NewView{Name: "one too many", Of: view.Of{Blueprint: "Component"}}, dana); !fault.Is(err, fault.Unprocessable) {
			t.Errorf("more than one person may keep: %v", err)
		}
	})
}

func TestViewsGoWithTheirBlueprint(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, views *view.Views, c *catalog.Catalog) {
		ctx := context.Background()
		if _, err := views.Create(ctx, view.NewView{Name: "A", Of: view.Of{Blueprint: "Component"}}, dana); err != nil {
			t.Fatal(err)
		}
		if err := c.DeleteBlueprint(ctx, "Component", "u1"); err != nil {
			t.Fatal(err)
		}
		if got := names(t, views, "", dana); got != "" {
			t.Errorf("left: %q", got)
		}
		events, _, err := audit.New(fixed).List(ctx, db, audit.Filter{Verb: "view.create"})
		if err != nil || len(events) != 1 || events[0].ActorName != "Dana Levi" {
			t.Errorf("events: %+v %v", events, err)
		}
	})
}

// TestViewsOfFlags are kept like those of a blueprint, and apart from them.
func TestViewsOfFlags(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, views *view.Views, c *catalog.Catalog) {
		ctx := context.Background()
		flags := view.Of{List: view.Flags}
		saved, err := views.Create(ctx, view.NewView{Name: "A", Of: flags, State: "state=on", Shared: true}, dana)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := views.Create(ctx, view.NewView{Name: "A", Of: view.Of{Blueprint: "Component"}}, dana); err != nil {
			t.Errorf("the same name of a blueprint: %v", err)
		}
		for name, of := range map[string]view.Of{"nothing": {}, "both": {Blueprint: "Component", List: view.Flags}, "no list": {List: "runs"}} {
			if _, err := views.Create(ctx, view.NewView{Name: "B", Of: of}, dana); !fault.Is(err, fault.Unprocessable) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := views.Create(ctx, view.NewView{Name: "A", Of: flags}, dana); !fault.Is(err, fault.Taken) {
			t.Errorf("a name that is taken: %v", err)
		}
		if _, err := views.Update(ctx, saved.ID, view.NewView{Name: "A", Of: view.Of{Blueprint: "Component"}}, dana); !fault.Is(err, fault.Unprocessable) {
			t.Errorf("moved to a blueprint: %v", err)
		}
		if got, err := views.Update(ctx, saved.ID, view.NewView{Name: "On", Of: flags, State: "state=on", Shared: true}, dana); err != nil || got.Name != "On" {
			t.Errorf("renamed: %+v %v", got, err)
		}
		if err := c.DeleteBlueprint(ctx, "Component", "u1"); err != nil {
			t.Fatal(err)
		}
		list, err := views.List(ctx, flags, noa)
		if err != nil || len(list) != 1 || list[0].Of != flags || list[0].State != "state=on" || list[0].Mine {
			t.Errorf("flags: %+v %v", list, err)
		}
		if list, err := views.List(ctx, view.Of{}, dana); err != nil || len(list) != 1 {
			t.Errorf("all: %+v %v", list, err)
		}
	})
}
