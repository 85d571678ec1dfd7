package flag_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sphera/internal/fault"
	"sphera/internal/flag"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

func TestPromoteCloneAndConcurrentEdits(t *testing.T) {
	ada, bob := people()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		w.create("f", nil)
		w.edit("f", "dev", flag.Patch{On: new(true), Serve: rollout("accountId", 20_000)})
		out, preview, err := w.flags.Promote(t.Context(), "shop", "f", flag.Promotion{From: "dev", To: "staging", DryRun: true}, ada)
		if err != nil || len(preview.Diff) != 2 || env(t, out.Flag, "staging").On {
			t.Fatalf("dry run: %+v %v", preview, err)
		}
		out, _, err = w.flags.Promote(t.Context(), "shop", "f", flag.Promotion{From: "dev", To: "staging"}, ada)
		if err != nil || env(t, out.Flag, "staging").Summary != env(t, out.Flag, "dev").Summary {
			t.Fatalf("promoted: %v", err)
		}
		two, err := w.flags.Clone(t.Context(), "shop", "f", "shop", "f2", bob)
		if err != nil || two.Salt != "f" || env(t, two, "dev").On || len(env(t, two, "dev").Serve.Weights) != 2 {
			t.Errorf("clone: %+v %v", two, err)
		}
		version := env(t, w.get("f"), "dev").Version
		results := make(chan error, 8)
		for i := range 8 {
			go func() {
				_, err := w.flags.Edit(context.WithoutCancel(t.Context()), "shop", "f", "dev", flag.Edit{Version: version, Patch: flag.Patch{Serve: rollout("accountId", 21_000+i)}}, ada)
				results <- err
			}()
		}
		won := 0
		for range 8 {
			if err := <-results; err == nil {
				won++
			} else if !fault.Is(err, fault.Conflict) {
				t.Errorf("a concurrent edit: %v", err)
			}
		}
		if won != 1 {
			t.Errorf("%d of 8 edits on one version won", won)
		}
	})
}

func TestImportGivesBackWhatExportWrote(t *testing.T) {
	ada, _ := people()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		w.create("f", nil)
		w.edit("f", "dev", flag.Patch{On: new(true), Serve: rollout("accountId", 20_000)})
		doc, err := w.flags.Export(t.Context(), "shop", "dev")
		if err != nil {
			t.Fatal(err)
		}
		r, err := w.flags.Import(t.Context(), "shop", "dev", doc, false, "", ada)
		if err != nil || len(r.Same) != 1 || len(r.Updated)+len(r.Created) != 0 {
			t.Errorf("the same again: %+v %v", r, err)
		}
		foreign := `{"$evaluators":{"staff":{"in":["@x",{"var":"email"}]}},"flags":{"legacy":{"state":"ENABLED","variants":{"red":"#f00","blue":"#00f"},"defaultVariant":"blue",
			"targeting":{"if":[{"$ref":"staff"},"red",{"fractional":[["red",10],["blue",90]]}]}}}}`
		for _, dry := range []bool{true, false, false} {
			r, err = w.flags.Import(t.Context(), "shop", "dev", json.RawMessage(foreign), dry, "moved here", ada)
			if err != nil || len(r.Raw) != 1 {
				t.Fatalf("import: %+v %v", r, err)
			}
		}
		if len(r.Same) != 1 {
			t.Errorf("imported twice: %+v", r)
		}
		if got := w.ask("legacy", "dev", about("email", "a@x")); got != "red" {
			t.Errorf("imported: %s", got)
		}
		if _, err := w.flags.Import(t.Context(), "shop", "dev", json.RawMessage(`{"flags":[]}`), false, "", ada); !fault.Is(err, fault.Unprocessable) {
			t.Errorf("not a definition: %v", err)
		}
	})
}

func TestStaleFlagsHaveEvidence(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		w.create("done", nil)
		w.create("running", nil)
		w.create("forever", func(in *flag.NewFlag) { in.Kind = flag.Permission })
		for _, e := range []string{"dev", "staging"} {
			w.edit("done", e, patch(true))
		}
		w.edit("done", "prod", flag.Patch{On: new(true), Serve: rollout("accountId", 20_000)})
		w.edit("running", "dev", flag.Patch{On: new(true), Serve: rollout("accountId", 20_000)})
		for share := 40_000; share <= 100_000; share += 20_000 {
			w.edit("done", "prod", flag.Patch{Serve: rollout("accountId", share)})
		}
		if list, err := w.flags.Stale(t.Context(), ""); err != nil || len(list) != 0 {
			t.Errorf("on the first day: %+v %v", list, err)
		}
		w.now = w.now.Add(20 * 24 * time.Hour)
		w.seen = map[string]map[string]time.Time{"done": {"prod": w.now}, "running": {"dev": w.now}}
		if err := w.flags.SetReferences(t.Context(), "shop", "abc", map[string][]flag.Reference{"done": {{Repository: "shop", Path: "main.go", Line: 3, Text: `flags.on("done")`}}}); err != nil {
			t.Fatal(err)
		}
		list, err := w.flags.Stale(t.Context(), "shop")
		if err != nil || len(list) != 1 || list[0].Flag != "done" || list[0].Variation != "on" || len(list[0].References) != 1 || len(list[0].Cautions) == 0 {
			t.Fatalf("stale: %+v %v", list, err)
		}
		for _, text := range append(slices.Clone(list[0].Reasons), list[0].Cautions...) {
			if strings.Contains(strings.ToLower(text), "safe") {
				t.Errorf("it promises something: %s", text)
			}
		}
		page, _, err := w.flags.List(t.Context(), flag.Filter{Stale: true})
		if err != nil || len(page) != 1 || !page[0].Stale {
			t.Errorf("list: %+v %v", page, err)
		}
		w.seen["running"]["dev"] = w.now.Add(-15 * 24 * time.Hour)
		if list, err := w.flags.Stale(t.Context(), "shop"); err != nil || len(list) != 2 {
			t.Errorf("not evaluated: %+v %v", list, err)
		}
	})
}

func TestLists(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		for i := range 7 {
			w.create(fmt.Sprintf("flag-%d", i), func(in *flag.NewFlag) {
				in.Owner = []string{"a", "b"}[i%2]
				in.Tags = []string{fmt.Sprint("t", i%3)}
			})
		}
		w.edit("flag-3", "dev", patch(true))
		w.edit("flag-4", "dev", flag.Patch{On: new(true), Serve: rollout("", 1000)})
		count := func(q flag.Filter) int {
			n := 0
			for {
				page, next, err := w.flags.List(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				n += len(page)
				if q.From = next; next == "" {
					return n
				}
			}
		}
		for _, c := range []struct {
			q    flag.Filter
			want int
		}{
			{flag.Filter{}, 7}, {flag.Filter{Limit: 2}, 7}, {flag.Filter{Owner: "a"}, 4}, {flag.Filter{Tag: "t0"}, 3}, {flag.Filter{Text: "AG-3"}, 1}, {flag.Filter{Text: "%"}, 0},
			{flag.Filter{State: "on"}, 1}, {flag.Filter{State: "partial", Environment: "dev"}, 1}, {flag.Filter{State: "off", Environment: "dev"}, 5}, {flag.Filter{State: "on", Environment: "prod"}, 0},
			{flag.Filter{State: "archived"}, 0}, {flag.Filter{Project: "other"}, 0}, {flag.Filter{Kind: flag.Experiment}, 0},
		} {
			if got := count(c.q); got != c.want {
				t.Errorf("%+v: %d, not %d", c.q, got, c.want)
			}
		}
	})
}

func TestSnapshotsFollowChanges(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		w.create("f", func(in *flag.NewFlag) { in.ClientVisible = true })
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		news, unwatch := w.flags.Watch()
		go func() { done <- w.flags.Work(ctx) }()
		wait := func(until func(*flag.Snapshot) bool) *flag.Snapshot {
			t.Helper()
			for {
				select {
				case s := <-news:
					if until(s) {
						return s
					}
				case <-time.After(20 * time.Second):
					t.Fatal("no snapshot came")
				}
			}
		}
		first := wait(func(s *flag.Snapshot) bool { return s.Environment == "dev" })
		if !first.Clients["f"] || first.Set.Evaluate("f", nil, 0).Variant.Name != "off" {
			t.Errorf("first: %+v", first)
		}
		w.edit("f", "dev", patch(true))
		second := wait(func(s *flag.Snapshot) bool { return s.Environment == "dev" })
		if second.Version <= first.Version || second.ETag == first.ETag || second.Set.Evaluate("f", nil, 0).Variant.Name != "on" {
			t.Errorf("second: %+v", second)
		}
		if now, ok := w.flags.Current("shop", "dev"); !ok || now != second {
			t.Error("current is another one")
		}
		if err := w.flags.Projects.Remove(t.Context(), "shop", "ada", ""); err != nil {
			t.Fatal(err)
		}
		if err := w.flags.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, ok := w.flags.Current("shop", "dev"); ok {
			t.Error("the project is gone and its snapshot is not")
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		unwatch()
		unwatch()
	})
}
