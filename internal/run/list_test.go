package run_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sphera/action"
	"sphera/internal/run"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

func TestListPagesThroughEveryFilter(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		e := newEngine(t, db, run.Options{}, noting(&journal{}))
		for i := range 30 {
			actor, actionID := alice, "create"
			if i%2 == 1 {
				actor = bob
			}
			if i%3 == 0 {
				actionID = "deploy"
			}
			r := start(t, db, e, run.NewRun{Action: actionID, Actor: actor, Title: fmt.Sprint(i), Entities: []string{fmt.Sprint("Component/c", i%5)}, Steps: []action.Step{step(t, "a", "note", "")}})
			if i%10 == 0 {
				if _, err := e.Cancel(ctx, actor, r.ID); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, c := range []struct {
			filter run.Filter
			keep   func(i int) bool
		}{
			{run.Filter{}, func(int) bool { return true }},
			{run.Filter{State: run.Cancelled}, func(i int) bool { return i%10 == 0 }},
			{run.Filter{State: run.Failed}, func(int) bool { return false }},
			{run.Filter{Action: "deploy"}, func(i int) bool { return i%3 == 0 }},
			{run.Filter{Actor: "bob"}, func(i int) bool { return i%2 == 1 }},
			{run.Filter{Entity: "Component/c2"}, func(i int) bool { return i%5 == 2 }},
			{run.Filter{Entity: "Component/c2", Actor: "alice", Action: "create", State: run.Pending}, func(i int) bool { return i%5 == 2 && i%2 == 0 && i%3 != 0 && i%10 != 0 }},
		} {
			var want []string
			for i := 29; i >= 0; i-- {
				if c.keep(i) {
					want = append(want, fmt.Sprint(i))
				}
			}
			if got := titles(t, e, c.filter, 4); strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("%+v: %v, want %v", c.filter, got, want)
			}
		}
	})
}

// titles reads all pages of a list.
func titles(t *testing.T, e *run.Engine, f run.Filter, limit int) []string {
	t.Helper()
	var out []string
	f.Limit = limit
	for {
		page, next, err := e.List(context.Background(), f)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) > limit {
			t.Fatalf("page of %d", len(page))
		}
		for _, r := range page {
			out = append(out, r.Title)
		}
		if next == "" {
			return out
		}
		f.From = next
	}
}

func TestListUsesAnIndexForEachFilter(t *testing.T) {
	db := storetest.Open(t, storetest.SQLite(t))
	ctx := context.Background()
	for name, query := range map[string]string{
		"due":     "SELECT id FROM runs WHERE due_at IS NOT NULL AND due_at <= 5 AND worker = '' ORDER BY due_at, id LIMIT 5",
		"next":    "SELECT due_at FROM runs WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1",
		"state":   "SELECT id FROM runs WHERE state = 'failed' AND id < 'x' ORDER BY id DESC LIMIT 5",
		"action":  "SELECT id FROM runs WHERE action = 'failed' AND id < 'x' ORDER BY id DESC LIMIT 5",
		"actor":   "SELECT id FROM runs WHERE actor_id = 'failed' AND id < 'x' ORDER BY id DESC LIMIT 5",
		"entity":  "SELECT r.id FROM runs r JOIN run_entities n ON n.run_id = r.id WHERE n.entity = 'x' ORDER BY n.run_id DESC LIMIT 5",
		"key":     "SELECT id FROM runs WHERE wait_key = 'x' AND wait_key <> ''",
		"blocked": "SELECT id FROM runs WHERE blocked_key = 'x' AND blocked_key <> '' AND due_at IS NULL ORDER BY id LIMIT 1",
		"worker":  "SELECT id FROM runs WHERE worker = 'x' AND worker <> '' AND cancel_requested = 1",
	} {
		rows, err := db.Read().QueryContext(ctx, "EXPLAIN QUERY PLAN "+query)
		plan, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (string, error) {
			var a, b, c any
			var text string
			return text, row.Scan(&a, &b, &c, &text)
		})
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Join(plan, "; ")
		if strings.Contains(text, "TEMP B-TREE") || strings.Contains(text, "SCAN runs") && !strings.Contains(text, "INDEX") {
			t.Errorf("%s: %s", name, text)
		}
	}
}

func TestStatsAndEstimates(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		var fail atomic.Bool
		e := newEngine(t, db, run.Options{}, scripted("s", action.ByName, func(context.Context, *action.Exec) error {
			if fail.Load() {
				return action.Permanent(errFlaky)
			}
			return nil
		}))
		work(t, e)
		var ids []string
		for range 4 {
			r := start(t, db, e, run.NewRun{Action: "create", Steps: []action.Step{step(t, "a", "s", "")}})
			awaitEnd(t, db, e, r.ID)
			ids = append(ids, r.ID)
		}
		fail.Store(true)
		awaitEnd(t, db, e, start(t, db, e, run.NewRun{Action: "create", Steps: []action.Step{step(t, "a", "s", "")}}).ID)
		err := db.Tx(ctx, func(tx *store.Tx) error {
			for i, id := range ids {
				if _, err := tx.ExecContext(ctx, "UPDATE run_steps SET ended_at = started_at + $1 WHERE run_id = $2", (i+1)*100, id); err != nil {
					return err
				}
				if _, err := tx.ExecContext(ctx, "UPDATE runs SET ended_at = created_at + $1 WHERE id = $2", (i+1)*1000, id); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		fresh := newEngine(t, db, run.Options{})
		stats, err := fresh.Stats(ctx, "create")
		if want := (run.Stats{Runs: 5, SuccessRate: 0.8, MedianMillis: 3000}); err != nil || stats != want {
			t.Errorf("stats %+v, want %+v: %v", stats, want, err)
		}
		r, err := fresh.Get(ctx, ids[0])
		if err != nil || r.Steps[0].EstimateMillis != 300 {
			t.Errorf("estimate: %+v %v", r.Steps, err)
		}
	})
}

func awaitEnd(t testing.TB, db *store.DB, e *run.Engine, id string) run.Run {
	t.Helper()
	return await(t, db, e, id, "ended", func(r run.Run) bool { return !r.EndedAt.IsZero() })
}

func TestLogsAreStreamedWhileTheStepWorks(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		release := make(chan struct{})
		e := newEngine(t, db, run.Options{}, scripted("talk", action.ByName, func(_ context.Context, x *action.Exec) error {
			x.Logf("first")
			if _, err := x.Output.Write([]byte("half a ")); err != nil {
				return err
			}
			if _, err := x.Output.Write([]byte("line\r\nbad \xff byte and \x00\nno end")); err != nil {
				return err
			}
			<-release
			return nil
		}))
		work(t, e)
		r := start(t, db, e, run.NewRun{Steps: []action.Step{step(t, "a", "talk", ""), step(t, "b", "talk", "")}})
		notes, stop := db.Subscribe(run.LogTopic + r.ID)
		defer stop()
		awaitNote(t, notes)
		lines, err := e.Logs(ctx, r.ID, 1, 2)
		if err != nil || len(lines) != 2 || lines[0].Text != "half a line" || lines[1].Text != "bad \uFFFD byte and " || lines[1].Seq != 3 {
			t.Errorf("lines while it works: %+v %v", lines, err)
		}
		close(release)
		awaitState(t, db, e, r.ID, run.Succeeded)
		lines, err = e.Logs(ctx, r.ID, 0, 0)
		if err != nil || len(lines) != 8 || lines[3].Text != "no end" || lines[7].Seq != 8 || lines[7].Step != "b" {
			t.Errorf("lines after the end: %+v %v", lines, err)
		}
	})
}

func awaitNote(t *testing.T, notes <-chan string) {
	t.Helper()
	select {
	case <-notes:
	case <-time.After(patience):
		t.Fatal("no note")
	}
}

func TestLogsAreBounded(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		e := newEngine(t, db, run.Options{}, scripted("flood", action.ByName, func(_ context.Context, x *action.Exec) error {
			if _, err := fmt.Fprintln(x.Output, strings.Repeat("x", 1<<20)); err != nil {
				return err
			}
			x.Logf("after the long line")
			for i := range 50_100 {
				x.Logf("line %d", i)
			}
			return nil
		}))
		work(t, e)
		r := start(t, db, e, run.NewRun{Steps: []action.Step{step(t, "a", "flood", ""), step(t, "b", "flood", "")}})
		awaitState(t, db, e, r.ID, run.Succeeded)
		lines, err := e.Logs(ctx, r.ID, 0, 2)
		if err != nil || len(lines) != 2 || len(lines[0].Text) > 16<<10+20 || !strings.HasSuffix(lines[0].Text, "[line cut]") || lines[1].Text != "after the long line" {
			t.Errorf("long line: %d bytes, then %q: %v", len(lines[0].Text), lines[1].Text, err)
		}
		lines, err = e.Logs(ctx, r.ID, 49_990, 0)
		if err != nil || len(lines) != 10 || lines[9].Text != "The log ends here: a run keeps 50000 lines." || lines[9].Seq != 50_000 {
			t.Errorf("end of the log: %+v %v", lines, err)
		}
	})
}
