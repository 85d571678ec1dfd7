package audit_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

// all reads every page and returns the objects.
func all(t *testing.T, log *audit.Log, db *store.DB, f audit.Filter) (objects []string, pages int) {
	t.Helper()
	for {
		events, next, err := log.List(t.Context(), db, f)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			objects = append(objects, e.Object)
		}
		if pages++; next == "" {
			return objects, pages
		}
		f.From = next
	}
}

func TestSearchFindsByEveryFilter(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		at := fixed()
		log := audit.New(func() time.Time { return at })
		add := func(e audit.Event) {
			t.Helper()
			if e.Actor == "" {
				e.Actor = "ada"
			}
			appendAll(t, db, log, e)
			at = at.Add(time.Hour)
		}
		add(audit.Event{Verb: "entity.update", Object: "Component/a", Address: "192.0.2.1", Detail: audit.Detail("changes", map[string]any{"note": "100% Sure_thing"})})
		add(audit.Event{Verb: "run.start", Object: "run/r1", RunID: "r1", Entity: "Component/a", Actor: "bob", ActorName: "Bob Builder"})
		add(audit.Event{Verb: "catalog.write", Object: "Component/b", Entity: "Component/b", Outcome: audit.Denied, Rule: "owners-write-catalog"})
		add(audit.Event{Verb: "auth.login", Object: "user/unknown", Outcome: audit.Failure, Address: "192.0.2.1"})
		for name, c := range map[string]struct {
			f    audit.Filter
			want string
		}{
			"entity":           {audit.Filter{Entity: "Component/a"}, "run/r1 Component/a"},
			"address":          {audit.Filter{Address: "192.0.2.1"}, "user/unknown Component/a"},
			"address and verb": {audit.Filter{Address: "192.0.2.1", Verb: "entity"}, "Component/a"},
			"denied":           {audit.Filter{Outcomes: []string{audit.Denied}}, "Component/b"},
			"not well":         {audit.Filter{Outcomes: []string{audit.Denied, audit.Failure}}, "user/unknown Component/b"},
			"text in detail":   {audit.Filter{Text: "sure_THING"}, "Component/a"},
			"text as it is":    {audit.Filter{Text: "100%"}, "Component/a"},
			"a wildcard":       {audit.Filter{Text: "1%s"}, ""},
			"text in name":     {audit.Filter{Text: "builder"}, "run/r1"},
			"text in rule":     {audit.Filter{Text: "owners-write"}, "Component/b"},
			"text and actor":   {audit.Filter{Text: "component", Actor: "bob"}, "run/r1"},
			"since":            {audit.Filter{Since: fixed().Add(2 * time.Hour)}, "user/unknown Component/b"},
			"until":            {audit.Filter{Until: fixed().Add(time.Hour)}, "run/r1 Component/a"},
			"between":          {audit.Filter{Since: fixed().Add(time.Minute), Until: fixed().Add(150 * time.Minute)}, "Component/b run/r1"},
			"families":         {audit.Filter{Families: []string{"run", "auth"}}, "user/unknown run/r1"},
			"run and object":   {audit.Filter{RunID: "r1", Object: "run/r1"}, "run/r1"},
		} {
			if got, _ := all(t, log, db, c.f); strings.Join(got, " ") != c.want {
				t.Errorf("%s: %q, want %q", name, got, c.want)
			}
		}
	})
}

// TestSearchLooksThroughABoundedPart: what is rare is found over several pages,
// each of which looks at so many events and no more.
func TestSearchLooksThroughABoundedPart(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		log := audit.New(fixed)
		events := make([]audit.Event, 25_000)
		for i := range events {
			events[i] = audit.Event{Actor: "ada", Verb: "run.cancel", Object: fmt.Sprintf("run/%d", i), Detail: audit.Detail("state", "x")}
		}
		events[7].Detail = audit.Detail("state", "needle")
		appendAll(t, db, log, events...)
		got, pages := all(t, log, db, audit.Filter{Text: "needle", Actor: "ada"})
		if !slices.Equal(got, []string{"run/7"}) || pages != 3 {
			t.Errorf("found %q on %d pages", got, pages)
		}
	})
}

// TestSearchUsesIndexes: no filter reads the whole log.
func TestSearchUsesIndexes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		log := audit.New(fixed)
		events := make([]audit.Event, 3000)
		for i := range events {
			events[i] = audit.Event{
				Actor: fmt.Sprintf("u%d", i%300), Verb: "run.cancel", Object: fmt.Sprintf("run/%d", i), RunID: fmt.Sprintf("r%d", i), Entity: fmt.Sprintf("Component/%d", i%300),
				Address: fmt.Sprintf("192.0.2.%d", i%250),
			}
		}
		appendAll(t, db, log, events...)
		if db.Dialect == store.Postgres {
			err := db.Tx(t.Context(), func(tx *store.Tx) error {
				_, err := tx.ExecContext(t.Context(), "ANALYZE audit_events")
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		for name, c := range map[string]struct {
			f     audit.Filter
			index string
		}{
			"entity":  {audit.Filter{Entity: "Component/7", Text: "x"}, "audit_events_by_entity"},
			"object":  {audit.Filter{Object: "run/7", Actor: "u1"}, "audit_events_by_object"},
			"run":     {audit.Filter{RunID: "r7"}, "audit_events_by_run"},
			"actor":   {audit.Filter{Actor: "u7", Verb: "run"}, "audit_events_by_actor"},
			"address": {audit.Filter{Address: "192.0.2.7", Outcomes: []string{audit.Success}}, "audit_events_by_address"},
		} {
			query, args := audit.Query(c.f)
			explain := "EXPLAIN QUERY PLAN "
			if db.Dialect == store.Postgres {
				explain = "EXPLAIN "
			}
			rows, err := db.Read().QueryContext(t.Context(), explain+query, args...)
			lines, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (string, error) {
				var line string
				if db.Dialect == store.Postgres {
					err := row.Scan(&line)
					return line, err
				}
				var a, b, c int
				err := row.Scan(&a, &b, &c, &line)
				return line, err
			})
			if err != nil {
				t.Fatal(err)
			}
			if plan := strings.Join(lines, "\n"); !strings.Contains(plan, c.index) {
				t.Errorf("%s is not answered by %s:\n%s", name, c.index, plan)
			}
		}
	})
}
