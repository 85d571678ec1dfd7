package flag_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/flag"
	"sphera/internal/flag/eval"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

func TestAFlagsLife(t *testing.T) {
	_, bob := people()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		one := w.create("new-cart", func(in *flag.NewFlag) {
			in.Title, in.Tags, in.Owner = "New cart", []string{"b", "a", "b"}, "payments"
		})
		if one.Type != flag.Boolean || len(one.Variations) != 2 || one.Kind != flag.Release || one.Salt != "new-cart" || !slices.Equal(one.Tags, []string{"a", "b"}) || len(one.Environments) != 3 {
			t.Errorf("created: %+v", one)
		}
		if got := w.ask("new-cart", "dev", nil); got != "off" {
			t.Errorf("a new flag gives %s", got)
		}
		one = w.edit("new-cart", "dev", patch(true))
		if e := env(t, one, "dev"); !e.On || e.Version != 2 || e.Summary != "On: everybody gets on" || w.ask("new-cart", "dev", nil) != "on" || w.ask("new-cart", "staging", nil) != "off" {
			t.Errorf("turned on: %+v", e)
		}
		// S44: a change names the version it was made on.
		if _, err := w.flags.Edit(t.Context(), "shop", "new-cart", "dev", flag.Edit{Version: 0, Patch: patch(false)}, bob); !fault.Is(err, fault.Conflict) {
			t.Errorf("an old version: %v", err)
		}
		one = w.edit("new-cart", "dev", flag.Patch{Serve: rollout("accountId", 30_000)})
		if e := env(t, one, "dev"); e.Summary != "On: 30 % on, 70 % off by accountId" || e.Shares[0].Weight != 30_000 {
			t.Errorf("rolled out: %+v", e)
		}
		if got := w.ask("new-cart", "dev", about("targetingKey", "u1")); got != "on" {
			t.Errorf("without an account the default is given, not %s", got)
		}
		history, err := w.flags.History(t.Context(), "shop", "new-cart", "", 0, 0)
		if err != nil || len(history) != 3 || history[0].Diff[0] != "Everybody else gets 30 % on, 70 % off by accountId instead of on." || history[1].Verb != "on" || history[2].Verb != "create" || history[0].Reason != "a test" {
			t.Errorf("history: %+v %v", history, err)
		}
		out, err := w.flags.Revert(t.Context(), "shop", "new-cart", 3, 3, "", false, bob)
		if err != nil || env(t, out.Flag, "dev").Summary != "On: everybody gets on" || env(t, out.Flag, "dev").UpdatedBy != "bob" {
			t.Errorf("reverted: %+v %v", out, err)
		}
		w.archiveAndDelete(one.Version)
		events, _, err := w.log.List(t.Context(), db, audit.Filter{Object: "Component/shop"})
		if err != nil || len(events) != 9 || events[0].Verb != "flag.delete" {
			t.Errorf("%d events on the timeline %v", len(events), err)
		}
	})
}

func (w *world) archiveAndDelete(version int64) {
	t, ctx := w.t, w.t.Context()
	ada, _ := people()
	if _, err := w.flags.Archive(ctx, "shop", "new-cart", 99, "", ada); !fault.Is(err, fault.Conflict) {
		t.Errorf("archive of an old version: %v", err)
	}
	if err := w.flags.Delete(ctx, "shop", "new-cart", ada); !fault.Is(err, fault.Conflict) {
		t.Errorf("delete of a living flag: %v", err)
	}
	if _, err := w.flags.Archive(ctx, "shop", "new-cart", version, "gone", ada); err != nil {
		t.Fatal(err)
	}
	if got := w.ask("new-cart", "dev", nil); got != eval.FlagNotFound {
		t.Errorf("an archived flag gives %s", got)
	}
	if _, err := w.flags.Restore(ctx, "shop", "new-cart", "back", ada); err != nil || w.ask("new-cart", "dev", nil) != "on" {
		t.Errorf("restored: %v", err)
	}
	one := w.get("new-cart")
	if one.ArchivedAt != nil {
		t.Error("it is archived still")
	}
	if _, err := w.flags.Archive(ctx, "shop", "new-cart", one.Version, "", ada); err != nil {
		t.Fatal(err)
	}
	if err := w.flags.Delete(ctx, "shop", "new-cart", ada); err != nil {
		t.Fatal(err)
	}
}

func is(attribute, operator string, values ...any) flag.Condition {
	c := flag.Condition{Attribute: attribute, Operator: operator}
	for _, v := range values {
		c.Values = append(c.Values, raw(v))
	}
	return c
}

func rules() *[]flag.Rule {
	return &[]flag.Rule{
		{Name: "Staff", Conditions: []flag.Condition{{Operator: flag.OpSegment, Segment: "staff"}}, Serve: flag.Serve{Variation: "new"}},
		{Name: "Big", Conditions: []flag.Condition{is("plan", flag.OpIs, "team", "pro"), is("seats", flag.OpAtLeast, 10)}, Serve: flag.Serve{Variation: "beta"}},
		{Name: "App", Conditions: []flag.Condition{is("app.version", flag.OpVersion, ">= 2.1.0")}, Serve: flag.Serve{Variation: "new"}},
		{Name: "Few", Conditions: []flag.Condition{is("seats", flag.OpLess, 2)}, Serve: flag.Serve{Variation: "beta"}},
	}
}

func TestRulesDecideInOrder(t *testing.T) {
	ada, _ := people()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		if _, err := w.flags.PutSegment(t.Context(), "shop", flag.NewSegment{Key: "staff", Conditions: []flag.Condition{is("email", flag.OpEndsWith, "@shop.example")}}, ada); err != nil {
			t.Fatal(err)
		}
		w.create("parent", nil)
		w.create("child", func(in *flag.NewFlag) {
			in.Type = flag.String
			in.Variations = []flag.Variation{{Name: "old", Value: raw("o")}, {Name: "new", Value: raw("n")}, {Name: "beta", Value: raw("b")}}
		})
		standard := "old"
		w.edit("child", "dev", flag.Patch{
			On: new(true), Default: &standard, Rules: rules(),
			Prerequisites: &[]flag.Prerequisite{{Flag: "parent", Variations: []string{"on"}}},
			Targets:       &[]flag.Target{{Variation: "beta", Attribute: "accountId", Values: []string{"acme"}}},
		})
		if got := w.ask("child", "dev", about("accountId", "acme")); got != "old" {
			t.Errorf("with its prerequisite off: %s", got)
		}
		w.edit("parent", "dev", flag.Patch{On: new(true), Serve: rollout("accountId", flag.Whole)})
		for want, contexts := range map[string][]map[string]any{
			"beta": {about("accountId", "acme", "email", "a@shop.example"), about("accountId", "x", "plan", "pro", "seats", 12), about("accountId", "x", "seats", 1)},
			"new":  {about("accountId", "x", "email", "a@shop.example"), about("accountId", "x", "app", map[string]any{"version": "2.10.0"})},
			"old":  {about("accountId", "x"), about("accountId", "x", "plan", "pro", "seats", 9), about("accountId", "x", "app", map[string]any{"version": "2.0.9"})},
		} {
			for _, c := range contexts {
				if got := w.ask("child", "dev", c); got != want {
					t.Errorf("%v: %s, not %s", c, got, want)
				}
			}
		}
		w.tester()
		// A circle, and what depends on others.
		circle := flag.Patch{Prerequisites: &[]flag.Prerequisite{{Flag: "child", Variations: []string{"new"}}}}
		if _, err := w.flags.Edit(t.Context(), "shop", "parent", "dev", flag.Edit{Version: env(t, w.get("parent"), "dev").Version, Patch: circle}, ada); !fault.Is(err, fault.Unprocessable) {
			t.Errorf("a circle: %v", err)
		}
		if _, err := w.flags.Archive(t.Context(), "shop", "parent", w.get("parent").Version, "", ada); !fault.Is(err, fault.HasDependents) {
			t.Errorf("archive of a prerequisite: %v", err)
		}
		if err := w.flags.DeleteSegment(t.Context(), "shop", "staff", 1, ada); !fault.Is(err, fault.HasDependents) {
			t.Errorf("delete of a segment in use: %v", err)
		}
		list, err := w.flags.Segments(t.Context(), "shop")
		if err != nil || len(list) != 1 || !slices.Equal(list[0].UsedBy, []string{"child"}) {
			t.Errorf("segments: %+v %v", list, err)
		}
	})
}

func (w *world) tester() {
	t := w.t
	outcomes, err := w.flags.Evaluate(t.Context(), "shop", flag.Evaluation{Flag: "child", Environment: "dev", Context: about("accountId", "x", "email", "a@shop.example")})
	if err != nil || len(outcomes) != 1 || outcomes[0].Variation != "new" {
		t.Fatalf("tester: %+v %v", outcomes, err)
	}
	var said []string
	for _, step := range outcomes[0].Path {
		said = append(said, step.Text+" -> "+step.Outcome)
	}
	for _, want := range []string{"child is on in dev", "prerequisite: parent gives on -> true", `rule "Staff" -> true`, `email ends with "@shop.example" (email is "a@shop.example") -> true`, "gives new -> new"} {
		if !slices.ContainsFunc(said, func(s string) bool { return strings.Contains(s, want) }) {
			t.Errorf("the path lacks %q: %q", want, said)
		}
	}
	outcomes, err = w.flags.Evaluate(t.Context(), "shop", flag.Evaluation{Flag: "parent", Environment: "dev", Context: about("accountId", "x")})
	if err != nil || !slices.ContainsFunc(outcomes[0].Path, func(s flag.PathStep) bool { return s.Of == flag.Whole && s.Outcome == "on" }) {
		t.Errorf("the path lacks the bucket: %+v %v", outcomes, err)
	}
}

func TestSchedulesNeedNobody(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		w.create("f", nil)
		start := w.now
		hour := func(n int) time.Time { return start.Add(time.Duration(n) * time.Hour) }
		w.edit("f", "dev", flag.Patch{Schedule: &[]flag.Scheduled{{At: hour(3), On: new(false)}, {At: hour(1), On: new(true), Note: "launch"}}})
		if err := w.flags.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		s, _ := w.flags.Current("shop", "dev")
		if !s.Set.ReadsClockOf("f") {
			t.Error("the set does not say that it reads the clock")
		}
		for n, want := range map[int]string{0: "off", 1: "on", 2: "on", 3: "off", 9: "off"} {
			if r := s.Set.Evaluate("f", nil, hour(n).Unix()); r.Variant.Name != want {
				t.Errorf("after %d hours: %s", n, r.Variant.Name)
			}
		}
		entries, err := w.flags.Schedule(t.Context(), "")
		if err != nil || len(entries) != 2 || entries[0].What != "turned on" || entries[0].Note != "launch" || entries[0].ByName != "Ada" {
			t.Errorf("schedule: %+v %v", entries, err)
		}
		w.now = start.Add(90 * time.Minute)
		for range 2 {
			if err := w.flags.Fold(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		history, err := w.flags.History(t.Context(), "shop", "f", "dev", 0, 0)
		if err != nil || len(history) != 2 || history[0].Verb != "schedule" || history[0].Author != "ada" || history[0].Diff[0] != "It is turned on." {
			t.Errorf("history: %+v %v", history, err)
		}
		if e := env(t, w.get("f"), "dev"); !e.On || len(e.Schedule) != 1 || !e.NextChange.Equal(hour(3)) {
			t.Errorf("after the first: %+v", e)
		}
	})
}

func TestRampsNeedNobody(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		w.create("g", nil)
		ramp := rollout("accountId", 0)
		ramp.Ramp = &flag.Ramp{Variation: "on", Linear: true, Steps: []flag.RampStep{{At: w.now.Add(time.Hour), Weight: 10_000}, {At: w.now.Add(11 * time.Hour), Weight: 60_000}}}
		w.edit("g", "dev", flag.Patch{On: new(true), Serve: ramp})
		if err := w.flags.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		s, _ := w.flags.Current("shop", "dev")
		had := map[int]bool{}
		for _, c := range [][2]int{{0, 0}, {1, 10}, {6, 35}, {11, 60}, {20, 60}} {
			on := 0
			for i := range 2000 {
				r := s.Set.Evaluate("g", eval.NewContext(about("accountId", fmt.Sprint("a", i))), w.now.Add(time.Duration(c[0])*time.Hour).Unix())
				if r.Variant == nil {
					t.Fatalf("%+v", r)
				}
				if got := r.Variant.Name == "on"; got {
					on++
					had[i] = true
				} else if had[i] {
					t.Fatalf("a%d lost it", i)
				}
			}
			if share := float64(on) / 20; share < float64(c[1])-4 || share > float64(c[1])+4 {
				t.Errorf("after %d hours %v %%, not %d", c[0], share, c[1])
			}
		}
		if e := env(t, w.get("g"), "dev"); !strings.Contains(e.Summary, "moving to 60 % on") {
			t.Errorf("summary: %s", e.Summary)
		}
	})
}

func TestS44_ProductionHasAStepLimit(t *testing.T) {
	ada, bob := people()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		w.create("f", nil)
		w.edit("f", "prod", flag.Patch{On: new(true), Serve: rollout("accountId", 10_000)})
		big := flag.Edit{Version: env(t, w.get("f"), "prod").Version, Patch: flag.Patch{Serve: rollout("accountId", 60_000)}, Reason: "launch"}
		_, err := w.flags.Edit(t.Context(), "shop", "f", "prod", big, ada)
		if e, ok := fault.As(err); !ok || e.Rule != "flag-step-limit" || e.Alternative == "" {
			t.Fatalf("a large step: %v", err)
		}
		// A rule for everybody is a large step too, and so is a ramp.
		for name, p := range map[string]flag.Patch{
			"rule": {Rules: &[]flag.Rule{{Conditions: []flag.Condition{is("targetingKey", flag.OpExists)}, Serve: flag.Serve{Variation: "on"}}}},
			"ramp": {Serve: &flag.Serve{By: "accountId", Weights: rollout("accountId", 10_000).Weights, Ramp: &flag.Ramp{Variation: "on", Steps: []flag.RampStep{{At: w.now.Add(time.Minute), Weight: 100_000}}}}},
			"plan": {Schedule: &[]flag.Scheduled{{At: w.now.Add(time.Minute), Serve: rollout("accountId", 90_000)}}},
			"raw":  {Serve: &flag.Serve{Raw: raw(map[string]any{"if": []any{true, "on"}})}},
		} {
			if _, err := w.flags.Edit(t.Context(), "shop", "f", "prod", flag.Edit{Version: big.Version, Patch: p}, ada); !fault.Is(err, fault.Forbidden) {
				t.Errorf("a large step by a %s: %v", name, err)
			}
		}
		big.Propose = true
		out, err := w.flags.Edit(t.Context(), "shop", "f", "prod", big, ada)
		if err != nil || out.Proposal == nil || env(t, out.Flag, "prod").Proposal != out.Proposal.ID || env(t, out.Flag, "prod").Shares[0].Weight != 10_000 {
			t.Fatalf("proposed: %+v %v", out, err)
		}
		if _, err := w.flags.Decide(t.Context(), "shop", out.Proposal.ID, true, "", ada); !fault.Is(err, fault.Forbidden) {
			t.Errorf("its author: %v", err)
		}
		p, err := w.flags.Decide(t.Context(), "shop", out.Proposal.ID, true, "fine", bob)
		if err != nil || p.State != flag.Approved || env(t, w.get("f"), "prod").Shares[0].Weight != 60_000 {
			t.Fatalf("approved: %+v %v", p, err)
		}
		history, err := w.flags.History(t.Context(), "shop", "f", "prod", 1, 0)
		if err != nil || history[0].Author != "ada" || history[0].ApprovedBy != "bob" {
			t.Errorf("history: %+v %v", history, err)
		}
		// What was changed in between cannot pass.
		big.Version, big.Serve = env(t, w.get("f"), "prod").Version, rollout("accountId", 100_000)
		out, err = w.flags.Edit(t.Context(), "shop", "f", "prod", big, ada)
		if err != nil || out.Proposal == nil {
			t.Fatalf("proposed: %+v %v", out, err)
		}
		w.edit("f", "prod", patch(false))
		if _, err := w.flags.Decide(t.Context(), "shop", out.Proposal.ID, true, "", bob); !fault.Is(err, fault.Conflict) {
			t.Errorf("an outdated proposal: %v", err)
		}
		if p, err := w.flags.Proposal(t.Context(), "shop", out.Proposal.ID); err != nil || p.State != flag.Outdated {
			t.Errorf("state: %+v %v", p, err)
		}
		// A kill switch works at once, and loudly.
		w.create("stop", func(in *flag.NewFlag) { in.Kind = flag.KillSwitch })
		w.notices = nil
		w.edit("stop", "prod", patch(true))
		if len(w.notices) != 1 || !w.notices[0].Urgent {
			t.Errorf("notices: %+v", w.notices)
		}
	})
}

func TestPreviewSaysWhoChanges(t *testing.T) {
	ada, _ := people()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		w.create("f", nil)
		samples := []flag.Sample{{Name: "Acme", Context: about("plan", "team")}, {Name: "Solo", Context: about("plan", "free")}}
		if _, err := w.flags.SetProjectSettings(t.Context(), "shop", flag.ProjectSettings{MaxStep: 25_000, StaleDays: 14, Samples: samples}, ada); err != nil {
			t.Fatal(err)
		}
		p, err := w.flags.Preview(t.Context(), "shop", "f", "prod", flag.Patch{
			On: new(true), Serve: &flag.Serve{Variation: "off"},
			Rules: &[]flag.Rule{{Conditions: []flag.Condition{is("plan", flag.OpIs, "team")}, Serve: flag.Serve{Variation: "on"}}},
		}, nil)
		if err != nil || len(p.Samples) != 2 || !p.Samples[0].Changed || p.Samples[1].Changed || p.Samples[0].After != "on" || !p.NeedsApproval || p.Raise != flag.Whole {
			t.Errorf("preview: %+v %v", p, err)
		}
		if !json.Valid(p.Definition) || env(t, w.get("f"), "prod").On {
			t.Error("a preview changed something")
		}
	})
}
