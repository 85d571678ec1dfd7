package secret_test

import (
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/secret"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

func TestSlots(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		log := audit.New(time.Now)
		s := secret.New(db, log, time.Now)
		ctx := t.Context()
		first, err := s.Ensure(ctx, "checkout", "staging", "DATABASE_URL", "ada", "run-1")
		if err != nil {
			t.Fatal(err)
		}
		again, err := s.Ensure(ctx, "checkout", "staging", "DATABASE_URL", "bob", "run-2")
		if err != nil || again != first {
			t.Errorf("a repeat changed it: %+v %v", again, err)
		}
		if _, err := s.Ensure(ctx, "checkout", "dev", "DATABASE_URL", "ada", "run-1"); err != nil {
			t.Fatal(err)
		}
		for _, bad := range [][3]string{{"", "dev", "X"}, {"checkout", "", "X"}, {"checkout", "dev", "lower"}, {"checkout", "dev", "A=B"}, {"checkout", "dev", ""}} {
			if _, err := s.Ensure(ctx, bad[0], bad[1], bad[2], "ada", ""); !fault.Is(err, fault.Unprocessable) {
				t.Errorf("%q: %v", bad, err)
			}
		}
		list, err := s.List(ctx, "checkout")
		if err != nil || len(list) != 2 || list[0].Environment != "dev" {
			t.Errorf("list: %+v %v", list, err)
		}
		for range 2 {
			if err := s.Remove(ctx, "checkout", "dev", "DATABASE_URL", "ada", "run-1"); err != nil {
				t.Fatal(err)
			}
		}
		if list, err := s.List(ctx, "checkout"); err != nil || len(list) != 1 {
			t.Errorf("after removal: %+v %v", list, err)
		}
		events, _, err := log.List(ctx, db, audit.Filter{Object: "Component/checkout"})
		if err != nil || len(events) != 3 || events[0].Verb != "secret_slot.remove" {
			t.Errorf("audit: %+v %v", events, err)
		}
	})
}
