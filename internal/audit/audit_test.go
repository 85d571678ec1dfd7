package audit_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

func fixed() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func appendAll(t *testing.T, db *store.DB, log *audit.Log, events ...audit.Event) {
	t.Helper()
	err := db.Tx(t.Context(), func(tx *store.Tx) error {
		for _, e := range events {
			if err := log.Append(t.Context(), tx, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatalf("append: %v", err)
	}
}

func TestListFiltersNewestFirst(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		log := audit.New(fixed)
		appendAll(t, db, log,
			audit.Event{Actor: "ada", Verb: "entity.create", Object: "Component/checkout", RunID: "r1"},
			audit.Event{Actor: "bob", Verb: "entity.delete", Object: "Component/checkout"},
			audit.Event{Actor: "ada", Verb: "blueprint.create", Object: "blueprint/Component"},
			audit.Event{Actor: "ada", Verb: "auth.login", Object: "user/ada", Outcome: audit.Failure},
		)
		cases := []struct {
			name   string
			filter audit.Filter
			want   string
		}{
			{"all", audit.Filter{}, "auth.login blueprint.create entity.delete entity.create"},
			{"object", audit.Filter{Object: "Component/checkout"}, "entity.delete entity.create"},
			{"actor", audit.Filter{Actor: "ada"}, "auth.login blueprint.create entity.create"},
			{"run", audit.Filter{RunID: "r1"}, "entity.create"},
			{"family", audit.Filter{Verb: "entity"}, "entity.delete entity.create"},
			{"family with dot", audit.Filter{Verb: "entity."}, "entity.delete entity.create"},
			{"verb", audit.Filter{Verb: "entity.create"}, "entity.create"},
			{"verb prefix", audit.Filter{Verb: "entity.de"}, "entity.delete"},
			{"both", audit.Filter{Actor: "bob", Verb: "entity.create"}, ""},
		}
		for _, c := range cases {
			events, next, err := log.List(t.Context(), db, c.filter)
			if err != nil || next != "" {
				t.Fatalf("%s: next %q, %v", c.name, next, err)
			}
			var got []string
			for _, e := range events {
				got = append(got, e.Verb)
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("%s: got %q, want %q", c.name, s, c.want)
			}
		}
	})
}

func TestListPagesSeeEachEventOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		log := audit.New(fixed)
		for i := range 23 {
			appendAll(t, db, log, audit.Event{Actor: "ada", Verb: "run.start", Object: fmt.Sprintf("run/%d", i)})
		}
		seen := map[string]bool{}
		var last int64
		for from, pages := "", 0; ; pages++ {
			events, next, err := log.List(t.Context(), db, audit.Filter{From: from, Limit: 5})
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range events {
				if seen[e.Object] || (last != 0 && e.Seq >= last) {
					t.Fatalf("%s came twice or out of order", e.Object)
				}
				seen[e.Object], last = true, e.Seq
			}
			if from = next; next == "" {
				break
			}
		}
		if len(seen) != 23 {
			t.Fatalf("saw %d of 23 events", len(seen))
		}
		if _, _, err := log.List(t.Context(), db, audit.Filter{From: "x"}); !fault.Is(err, fault.Unprocessable) {
			t.Fatalf("a bad cursor gave %v", err)
		}
	})
}

func TestAppendFillsInWhatIsKnown(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		log := audit.New(fixed)
		ctx := audit.WithRequestID(t.Context(), "req-1")
		notes, stop := db.Subscribe(audit.Topic)
		defer stop()
		err := db.Tx(ctx, func(tx *store.Tx) error {
			return log.Append(ctx, tx, audit.Event{Actor: "ada", Verb: "token.create", Object: "token/1", Detail: audit.Detail("name", "ci")})
		})
		if err != nil {
			t.Fatal(err)
		}
		events, _, err := log.List(ctx, db, audit.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		e := events[0]
		if !e.At.Equal(fixed()) || e.RequestID != "req-1" || e.Outcome != audit.Success || e.ActorName != "ada" || !strings.Contains(string(e.Detail), "ci") {
			t.Fatalf("stored as %+v", e)
		}
		waitFor(t, notes, "token/1")
	})
}

func waitFor(t *testing.T, notes <-chan string, want string) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		select {
		case got := <-notes:
			if got == want {
				return
			}
		case <-deadline:
			t.Fatalf("no note %q came", want)
		}
	}
}

func TestS56_EventBelongsToTheTransactionOfTheChange(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		log := audit.New(fixed)
		errRefused := errors.New("the change failed")
		err := db.Tx(t.Context(), func(tx *store.Tx) error {
			if err := log.Append(t.Context(), tx, audit.Event{Actor: "ada", Verb: "entity.create", Object: "Component/x"}); err != nil {
				return err
			}
			return errRefused
		})
		if !errors.Is(err, errRefused) {
			t.Fatal(err)
		}
		if events, _, err := log.List(t.Context(), db, audit.Filter{}); err != nil || len(events) != 0 {
			t.Fatalf("an event outlived its change: %v %v", events, err)
		}
	})
}

func TestS56_EventsCannotBeChangedOrDeleted(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		log := audit.New(fixed)
		appendAll(t, db, log, audit.Event{Actor: "ada", Verb: "entity.create", Object: "Component/x"})
		for _, statement := range []string{"UPDATE audit_events SET actor = 'eve'", "DELETE FROM audit_events"} {
			err := db.Tx(t.Context(), func(tx *store.Tx) error {
				_, err := tx.ExecContext(t.Context(), statement)
				return err
			})
			if err == nil {
				t.Errorf("%s was carried out", statement)
			}
		}
	})
}

func TestAppendRefusesIncompleteEvents(t *testing.T) {
	db := storetest.Open(t, storetest.SQLite(t))
	log := audit.New(fixed)
	good := audit.Event{Actor: "ada", Verb: "a.b", Object: "x/y"}
	cases := map[string]func(e *audit.Event){
		"no actor":        func(e *audit.Event) { e.Actor = "" },
		"no verb":         func(e *audit.Event) { e.Verb = "" },
		"no object":       func(e *audit.Event) { e.Object = "" },
		"array detail":    func(e *audit.Event) { e.Detail = []byte(`["raw"]`) },
		"broken detail":   func(e *audit.Event) { e.Detail = []byte(`{"a":`) },
		"huge detail":     func(e *audit.Event) { e.Detail = audit.Detail("a", strings.Repeat("x", 20000)) },
		"unknown outcome": func(e *audit.Event) { e.Outcome = "maybe" },
	}
	for name, spoil := range cases {
		e := good
		spoil(&e)
		err := db.Tx(context.Background(), func(tx *store.Tx) error { return log.Append(context.Background(), tx, e) })
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestS56_EventsHoldOnlyListedFields(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		log := audit.New(fixed)
		try := func(log *audit.Log, e audit.Event) error {
			return db.Tx(t.Context(), func(tx *store.Tx) error { return log.Append(t.Context(), tx, e) })
		}
		unlisted := audit.Event{Actor: "ada", Verb: "token.create", Object: "token/1", Detail: audit.Detail("name", "ci", "value", "spu_secret")}
		if err := try(log, unlisted); err == nil || !strings.Contains(err.Error(), `"value" is not listed`) {
			t.Errorf("an unlisted field: %v", err)
		}
		if err := try(log, audit.Event{Actor: "ada", Verb: "no.verb", Object: "x"}); err == nil {
			t.Error("an unlisted verb was taken")
		}
		var told []string
		server := audit.New(fixed).Withhold(func(verb, field string) { told = append(told, verb+" "+field) })
		if err := try(server, unlisted); err != nil {
			t.Fatal(err)
		}
		denied := audit.Event{Actor: "ada", Verb: "catalog.write", Object: "Component/x", Outcome: audit.Denied, Rule: "owners-write-catalog", Detail: audit.Detail("reason", "no")}
		if err := try(log, denied); err != nil {
			t.Fatal(err)
		}
		events, _, err := log.List(t.Context(), db, audit.Filter{})
		if err != nil || len(events) != 2 {
			t.Fatalf("%d events, %v", len(events), err)
		}
		if text := string(events[1].Detail); strings.Contains(text, "secret") || !strings.Contains(text, "ci") {
			t.Errorf("kept %s", text)
		}
		if len(told) != 1 || told[0] != "token.create value" || events[0].Rule != "owners-write-catalog" {
			t.Errorf("told %q, rule %q", told, events[0].Rule)
		}
	})
}

func TestAppendTakesWhereEventsComeFrom(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		log := audit.New(fixed)
		ctx := audit.WithOrigin(t.Context(), audit.Origin{RequestID: "r", Address: "192.0.2.7", Via: "token", OnBehalfOf: "bob", Entity: "Component/pay"})
		err := db.Tx(ctx, func(tx *store.Tx) error {
			return errors.Join(
				log.Append(ctx, tx, audit.Event{Actor: "ada", Verb: "entity.update", Object: "Component/checkout"}),
				log.Append(ctx, tx, audit.Event{Actor: "ada", Verb: "pull_request.open", Object: "pull-request/gitops/1", RunID: "r1"}),
				log.Append(ctx, tx, audit.Event{Actor: audit.System, Verb: "run.end", Object: "run/r1"}),
			)
		})
		if err != nil {
			t.Fatal(err)
		}
		events, _, err := log.List(ctx, db, audit.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		if e := events[2]; e.Entity != "Component/checkout" || e.Address != "192.0.2.7" || e.Via != "token" || e.OnBehalfOf != "bob" {
			t.Errorf("a change of an entity: %+v", e)
		}
		if e := events[1]; e.Entity != "Component/pay" {
			t.Errorf("what a run did is not on the timeline of its entity: %+v", e)
		}
		if e := events[0]; e.Via != "" || e.Entity != "" {
			t.Errorf("the portal itself: %+v", e)
		}
	})
}
