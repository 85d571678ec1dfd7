package flag_test

import (
	"testing"

	"sphera/internal/fault"
	"sphera/internal/flag"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

// TestS44_NoWayAroundTheStepLimit: what raises a share in production without
// naming a share is held to the limit too.
func TestS44_NoWayAroundTheStepLimit(t *testing.T) {
	ada, _ := people()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		refused := func(what string, err error) {
			t.Helper()
			if e, ok := fault.As(err); !ok || e.Rule != "flag-step-limit" {
				t.Errorf("%s: %v", what, err)
			}
		}
		w.create("f", nil)
		edit := func(p flag.Patch) error {
			_, err := w.flags.Edit(t.Context(), "shop", "f", "prod", flag.Edit{Version: env(t, w.get("f"), "prod").Version, Patch: p}, ada)
			return err
		}
		all, off := "on", "off"
		refused("another off variation", edit(flag.Patch{Off: &all}))
		refused("another default", edit(flag.Patch{On: new(true), Default: &all}))
		many := []string{}
		for i := range 101 {
			many = append(many, string(rune('a'+i%26))+string(rune('a'+i/26)))
		}
		refused("many single keys", edit(flag.Patch{On: new(true), Default: &off, Targets: &[]flag.Target{{Variation: "on", Values: many}}}))
		if err := edit(flag.Patch{On: new(true), Default: &off, Targets: &[]flag.Target{{Variation: "on", Values: many[:20]}}}); err != nil {
			t.Errorf("few single keys: %v", err)
		}
		settings := w.get("f").Settings
		settings.Variations[1].Value = raw(true)
		_, err := w.flags.Update(t.Context(), "shop", "f", settings, w.get("f").Version, "", ada)
		refused("another value", err)

		segment := flag.NewSegment{Key: "staff", Conditions: []flag.Condition{is("email", flag.OpEndsWith, "@x")}}
		if _, err := w.flags.PutSegment(t.Context(), "shop", segment, ada); err != nil {
			t.Fatal(err)
		}
		few := []flag.Rule{{Conditions: []flag.Condition{{Operator: flag.OpSegment, Segment: "staff"}}, Serve: *rollout("accountId", 20_000)}}
		if err := edit(flag.Patch{Rules: &few}); err != nil {
			t.Fatal(err)
		}
		segment.Version, segment.Conditions = 1, []flag.Condition{is("email", flag.OpExists)}
		if _, err := w.flags.PutSegment(t.Context(), "shop", segment, ada); err != nil {
			t.Errorf("a segment that gets a small share: %v", err)
		}
		few[0].ID, few[0].Serve = "r1", *rollout("accountId", 40_000)
		if err := edit(flag.Patch{Rules: &few}); err != nil {
			t.Fatal(err)
		}
		segment.Version, segment.Conditions = 2, []flag.Condition{is("targetingKey", flag.OpExists)}
		_, err = w.flags.PutSegment(t.Context(), "shop", segment, ada)
		refused("a segment that gets a large share", err)

		one := w.get("f")
		if _, err := w.flags.Archive(t.Context(), "shop", "f", one.Version, "", ada); err != nil {
			t.Fatal(err)
		}
		if one, err = w.flags.Restore(t.Context(), "shop", "f", "", ada); err != nil || env(t, one, "prod").On {
			t.Errorf("restored: %+v %v", one, err)
		}
	})
}
