package flag_test

import (
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/flag"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

func TestProjects(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		log := audit.New(time.Now)
		p := flag.New(db, log, time.Now)
		ctx := t.Context()
		first, err := p.Ensure(ctx, "checkout", "checkout", "ada", "run-1")
		if err != nil || first.RunID != "run-1" {
			t.Fatalf("%+v %v", first, err)
		}
		again, err := p.Ensure(ctx, "checkout", "checkout", "bob", "run-2")
		if err != nil || again != first {
			t.Errorf("a repeat changed it: %+v %v", again, err)
		}
		if _, err := p.Ensure(ctx, "checkout", "cart", "ada", "run-3"); !fault.Is(err, fault.Taken) {
			t.Errorf("a key of another service: %v", err)
		}
		for _, key := range []string{"", "a b", "../x", "-x"} {
			if _, err := p.Ensure(ctx, key, "cart", "ada", ""); !fault.Is(err, fault.Unprocessable) {
				t.Errorf("key %q: %v", key, err)
			}
		}
		if _, err := p.Ensure(ctx, "cart", "cart", "ada", "run-3"); err != nil {
			t.Fatal(err)
		}
		for service, want := range map[string]int{"": 2, "cart": 1, "nothing": 0} {
			if list, err := p.List(ctx, service, 0, ""); err != nil || len(list) != want {
				t.Errorf("list of %q: %v %v", service, list, err)
			}
		}
		if page, err := p.List(ctx, "", 1, "cart"); err != nil || len(page) != 1 || page[0].Key != "checkout" {
			t.Errorf("second page: %v %v", page, err)
		}
		for range 2 {
			if err := p.Remove(ctx, "checkout", "ada", "run-1"); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := p.Get(ctx, "checkout"); !fault.Is(err, fault.NotFound) {
			t.Errorf("after removal: %v", err)
		}
		events, _, err := log.List(ctx, db, audit.Filter{Object: "Component/checkout"})
		if err != nil || len(events) != 2 || events[0].Verb != "flag_project.remove" || events[1].Verb != "flag_project.create" || events[1].RunID != "run-1" {
			t.Errorf("audit: %+v %v", events, err)
		}
	})
}
