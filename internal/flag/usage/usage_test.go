package usage_test

import (
	"fmt"
	"testing"
	"time"

	"sphera/internal/flag/usage"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

func place(client string) usage.Place {
	return usage.Place{Project: "checkout", Environment: "production", Client: client}
}

func TestCountsAreKept(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		at := time.Date(2026, 5, 1, 12, 0, 30, 0, time.UTC)
		now := func() time.Time { return at }
		s := usage.Open(db, now, "one")
		other := usage.Open(db, now, "two")
		book := usage.NewBook()
		on, off := usage.Outcome{Variation: "on|x", Reason: "TARGETING_MATCH"}, usage.Outcome{Reason: "DISABLED"}
		write := func(s *usage.Store) {
			t.Helper()
			if err := s.Write(ctx, book.Take(at)); err != nil {
				t.Fatal(err)
			}
		}
		book.Add(place("cart"), "banner", on, 3, at)
		write(s)
		book.Add(place("cart"), "banner", on, 4, at) // the same minute: the row is replaced by one with all
		book.Add(place("shop"), "banner", off, 1, at)
		write(s)
		batch := usage.NewBook()
		batch.Add(place("cart"), "banner", on, 10, at) // another server counts the same
		if err := other.Write(ctx, batch.Take(at)); err != nil {
			t.Fatal(err)
		}
		u, err := s.Flag(ctx, "checkout", "production", "banner", 1)
		if err != nil || u.Total != 18 || len(u.Points) != 2 || u.Step != 60 || !u.LastEvaluated.Equal(at) {
			t.Fatalf("%+v %v", u, err)
		}
		if p := u.Points[1]; p.Variation != "on|x" || p.Reason != "TARGETING_MATCH" || p.Count != 17 {
			t.Errorf("%+v", p)
		}
		if len(u.Clients) != 2 || u.Clients[0] != (usage.ClientCount{Client: "cart", Count: 17}) {
			t.Errorf("%+v", u.Clients)
		}
		totals, err := s.Totals(ctx, "checkout", "")
		if err != nil || len(totals) != 1 || totals[0].Count != 18 || len(totals[0].Hours) != 24 || totals[0].Hours[23] != 18 {
			t.Errorf("%+v %v", totals, err)
		}

		at = at.Add(72 * time.Hour) // now they are minutes no more, and nothing is lost
		for range 2 {
			if err := s.Tidy(ctx); err != nil {
				t.Fatal(err)
			}
		}
		u, err = s.Flag(ctx, "checkout", "production", "banner", 96)
		if err != nil || u.Total != 18 || u.Step != 3600 {
			t.Errorf("after folding: %+v %v", u, err)
		}
		at = at.Add(100 * 24 * time.Hour)
		if err := s.Tidy(ctx); err != nil {
			t.Fatal(err)
		}
		var rows int
		if err := db.Read().QueryRowContext(ctx, "SELECT COUNT(*) FROM flag_usage").Scan(&rows); err != nil || rows != 0 {
			t.Errorf("%d rows are left, %v", rows, err)
		}
	})
}

func TestUnknownFlagsAreListed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
		s := usage.Open(db, func() time.Time { return at }, "one")
		book := usage.NewBook()
		for range 3 {
			book.Ask(place("cart"), "old-banner", at)
		}
		if err := s.Write(t.Context(), book.Take(at)); err != nil {
			t.Fatal(err)
		}
		book.Ask(place("cart"), "old-banner", at.Add(time.Minute))
		if err := s.Write(t.Context(), book.Take(at)); err != nil {
			t.Fatal(err)
		}
		for _, project := range []string{"", "checkout"} {
			list, err := s.Unknown(t.Context(), project, 10)
			if err != nil || len(list) != 1 || list[0].Asked != 4 || !list[0].LastAt.Equal(at.Add(time.Minute)) || !list[0].FirstAt.Equal(at) {
				t.Errorf("%q: %+v %v", project, list, err)
			}
		}
		if list, err := s.Unknown(t.Context(), "cart", 10); err != nil || len(list) != 0 {
			t.Errorf("%+v %v", list, err)
		}
	})
}

// A client can ask for what it likes; memory and tables stay small.
func TestBoundsHold(t *testing.T) {
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	book := usage.NewBook()
	for i := range 30_000 {
		book.Ask(place("cart"), fmt.Sprint("flag", i), at)
		book.Add(place("cart"), fmt.Sprint("flag", i), usage.Outcome{Reason: "STATIC"}, 1, at)
		book.Add(place(fmt.Sprint("client", i)), "banner", usage.Outcome{Reason: "STATIC"}, 1, at)
		book.Add(place("shop"), "banner", usage.Outcome{Variation: fmt.Sprint(i), Reason: "STATIC"}, 1, at)
	}
	batch := book.Take(at)
	if len(batch.Unknown) > 2_000 || len(batch.Rows) > 20_000 || book.Dropped() == 0 {
		t.Errorf("%d unknown, %d rows, %d dropped", len(batch.Unknown), len(batch.Rows), book.Dropped())
	}
	for _, row := range batch.Rows {
		if row.Client == "cart" && len(row.Counts) > 2_000 || len(row.Counts["banner"]) > 100 {
			t.Errorf("%d flags, %d outcomes", len(row.Counts), len(row.Counts["banner"]))
		}
	}

	db := storetest.Open(t, storetest.SQLite(t))
	s := usage.Open(db, func() time.Time { return at }, "one")
	if err := s.Write(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	var rows int
	if err := db.Read().QueryRowContext(t.Context(), "SELECT COUNT(*) FROM flag_unknown").Scan(&rows); err != nil || rows > 1_000 {
		t.Errorf("%d unknown flags are stored, %v", rows, err)
	}
}

// What could not be written is written later, once.
func TestReturnedBatchesAreWrittenOnce(t *testing.T) {
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	book := usage.NewBook()
	add := func(n int64) { book.Add(place("cart"), "banner", usage.Outcome{Reason: "STATIC"}, n, at) }
	add(2)
	book.Ask(place("cart"), "x", at)
	batch := book.Take(at)
	add(3)
	book.Ask(place("cart"), "x", at)
	book.Return(batch)
	batch = book.Take(at)
	if len(batch.Rows) != 1 || batch.Rows[0].Counts["banner"]["|STATIC"] != 5 || len(batch.Unknown) != 1 || batch.Unknown[0].Asked != 2 || len(batch.Seen) != 1 {
		t.Errorf("%+v", batch)
	}
	if again := book.Take(at); !again.Empty() {
		t.Errorf("%+v", again)
	}
	book.Return(batch)
	at = at.Add(time.Hour)
	if batch = book.Take(at); len(batch.Rows) != 1 {
		t.Errorf("a late row is lost: %+v", batch)
	}
}
