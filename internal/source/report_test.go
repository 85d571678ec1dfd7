package source_test

import (
	"testing"
	"time"

	"sphera/internal/catalog"
	"sphera/internal/fault"
	"sphera/internal/source"
)

// report sends the workloads from to to in pages of fifty and gives the sweep.
func (w *world) report(from, to int) (source.Sweep, int) {
	w.t.Helper()
	s, err := w.Begin(w.t.Context(), "inventory", "robot")
	if err != nil {
		w.t.Fatal(err)
	}
	page := 0
	for start := from; start < to; start += 50 {
		page++
		var list []catalog.NewEntity
		for i := start; i < min(start+50, to); i++ {
			list = append(list, catalog.NewEntity{Blueprint: "workload", Identifier: name(i), Properties: map[string]any{"image": "i"}})
		}
		items, err := w.Page(w.t.Context(), s.ID, source.Reported{Page: page, Entities: list}, "robot")
		if err != nil {
			w.t.Fatal(err)
		}
		for _, item := range items {
			if item.Err != nil {
				w.t.Fatal(item.Err)
			}
		}
	}
	return s, page
}

func (w *world) complete(s source.Sweep, pages int) source.Sweep {
	w.t.Helper()
	out, err := w.Complete(w.t.Context(), s.ID, pages)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func TestPain10_OnlyACompleteReportIsBelieved(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		s, pages := w.report(0, 120)
		if got := w.complete(s, pages); got.State != "done" || got.Pages != 3 || got.Seen != 120 || got.Generation != 1 {
			t.Fatalf("%+v", got)
		}
		// The source answers 429 after the second page.
		s, pages = w.report(0, 100)
		if _, err := w.Page(ctx, s.ID, source.Reported{Page: 4}, "robot"); !fault.Is(err, fault.Conflict) {
			t.Errorf("a page is missing: %v", err)
		}
		if _, err := w.Complete(ctx, s.ID, pages+1); !fault.Is(err, fault.Conflict) {
			t.Errorf("a page was not sent: %v", err)
		}
		if _, err := w.Begin(ctx, "inventory", "robot"); !fault.Is(err, fault.Conflict) {
			t.Errorf("pain 13, two sweeps at a time: %v", err)
		}
		if got, err := w.Fail(ctx, s.ID, "429", "robot"); err != nil || got.State != "failed" || got.Reason != "429" {
			t.Errorf("%+v %v", got, err)
		}
		w.is("failed", "workload", 120)
		if _, err := w.Complete(ctx, s.ID, pages); !fault.Is(err, fault.Conflict) {
			t.Errorf("after it failed: %v", err)
		}
		// One that nobody completes has failed, too.
		w.report(0, 10)
		w.later(2 * time.Hour).tick()
		w.is("abandoned", "workload", 120)
		s, pages = w.report(5, 120)
		if got := w.complete(s, pages); got.State != "done" || got.Counts["deleted"] != 5 || got.Generation != 4 {
			t.Errorf("%+v", got)
		}
		w.is("five are gone", "workload", 115)
	})
}

func TestN14_AReportThatWouldDeleteMuchIsHeld(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s, pages := w.report(0, 120)
		w.complete(s, pages)
		s, pages = w.report(21, 120)
		got := w.complete(s, pages)
		if got.State != "held" || got.Counts["held"] != 21 {
			t.Errorf("%+v", got)
		}
		w.is("held", "workload", 120)
		w.decide(s.ID, true)
		w.is("approved", "workload", 99)
		s, _ = w.report(0, 0)
		if got := w.complete(s, 0); got.State != "held" || got.Counts["held"] != 99 {
			t.Errorf("an empty report: %+v", got)
		}
		w.decide(s.ID, false)
		w.is("rejected", "workload", 99)
	})
}

func TestPain10_AReportDeletesOnlyWhatItAloneOwns(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		s, pages := w.report(0, 100)
		w.complete(s, pages)
		w.later(time.Minute)
		patch := func(i int, by catalog.Write) {
			t.Helper()
			if _, err := w.catalog.PatchEntity(ctx, "workload", name(i), catalog.NewEntity{Properties: map[string]any{"note": "n"}}, by); err != nil {
				t.Fatal(err)
			}
		}
		patch(0, catalog.Write{By: "dana", Datasource: "Mozilla/5.0"})
		patch(1, catalog.Write{By: "dana"})
		s, pages = w.report(4, 100)
		patch(2, catalog.Write{By: "robot", Datasource: "sphera-source/inventory", Source: "inventory"}) // a live event
		w.later(time.Second)
		patch(2, catalog.Write{By: "robot", Datasource: "sphera-source/inventory", Source: "inventory"})
		if _, err := w.catalog.PatchEntity(ctx, "workload", name(2), catalog.NewEntity{Properties: map[string]any{"image": "new"}},
			catalog.Write{By: "robot", Datasource: "sphera-source/inventory", Source: "inventory"}); err != nil {
			t.Fatal(err)
		}
		got := w.complete(s, pages)
		if got.State != "done" || got.Counts["deleted"] != 1 || got.Counts["kept"] != 2 {
			t.Errorf("%+v", got)
		}
		_, items, _, err := w.Sweep(ctx, s.ID, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range items {
			want := map[string]string{name(1): "dana has written to it, too", name(2): "it was written after the sweep began", name(3): ""}[i.Identifier]
			if i.Reason != want {
				t.Errorf("%+v, want %q", i, want)
			}
		}
		w.is("one is gone", "workload", 99)
	})
}

func TestSourcesThatReportHaveProperNames(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, id := range []string{"", "A", "port-k8s-exporter", "terraform", "a/b", "a b"} {
			if _, err := w.Begin(t.Context(), id, "robot"); !fault.Is(err, fault.Unprocessable) {
				t.Errorf("%q: %v", id, err)
			}
		}
	})
}
