package insight_test

import (
	"fmt"
	"testing"
	"time"

	"sphera/internal/fault"
	"sphera/internal/insight"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

func TestSummary(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		i := insight.New(db, func() time.Time { now = now.Add(time.Second); return now })
		ctx := t.Context()
		if s, err := i.Summary(ctx, "first-answer"); err != nil || s.Count != 0 || s.Last == nil {
			t.Errorf("nothing yet: %+v %v", s, err)
		}
		for n := 1; n <= 30; n++ {
			if err := i.Record(ctx, "first-answer", "checkout", fmt.Sprint("run-", n), time.Duration(n)*100*time.Millisecond, map[string]int64{"build": int64(n)}); err != nil {
				t.Fatal(err)
			}
		}
		// A repeated step does not count twice and does not change the first.
		if err := i.Record(ctx, "first-answer", "checkout", "run-30", time.Hour, nil); err != nil {
			t.Fatal(err)
		}
		if err := i.Record(ctx, "other", "checkout", "run-1", time.Hour, nil); err != nil {
			t.Fatal(err)
		}
		s, err := i.Summary(ctx, "first-answer")
		if err != nil || s.Count != 30 || s.P50Millis != 1500 || s.P90Millis != 2700 || len(s.Last) != 20 {
			t.Fatalf("%+v %v", s, err)
		}
		if last := s.Last[0]; last.RunID != "run-30" || last.Millis != 3000 || last.Parts["build"] != 30 || last.At.IsZero() {
			t.Errorf("last: %+v", last)
		}
		if err := i.Record(ctx, "No Name", "x", "run-1", time.Second, nil); !fault.Is(err, fault.Unprocessable) {
			t.Errorf("a bad name: %v", err)
		}
		if err := i.Record(ctx, "x", "x", "", time.Second, nil); !fault.Is(err, fault.Unprocessable) {
			t.Errorf("no run: %v", err)
		}
	})
}
