package api

import (
	"net/http"
	"strings"
	"testing"

	"sphera/internal/audit"
)

// eventsOf are the outcomes of the events that one request left, by its id.
func (h *harness) eventsOf(r reply) (verbs []string) {
	h.t.Helper()
	rows, err := h.db.Read().QueryContext(h.t.Context(), "SELECT verb, outcome FROM audit_events WHERE request_id = $1 ORDER BY seq", r.header.Get("X-Request-Id"))
	if err != nil {
		h.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var verb, outcome string
		if err := rows.Scan(&verb, &outcome); err != nil {
			h.t.Fatal(err)
		}
		verbs = append(verbs, outcome+" "+verb)
	}
	if err := rows.Err(); err != nil {
		h.t.Fatal(err)
	}
	return verbs
}

// TestS56_OneEventOnDenial: every route that changes something leaves exactly
// one event, of outcome denied, with the rule, for whoever may not.
func TestS56_OneEventOnDenial(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		id := h.fixtures()
		n := 0
		for key, rt := range h.api.mux.entries {
			if rt.audit != domain || rt.verb == anyone || rt.verb == signedIn || strings.HasSuffix(rt.verb, ".read") || rt.path == "/git/" {
				continue
			}
			got := h.call("viewer", rt.method, concrete(rt.path, id), nil)
			if got.status != http.StatusForbidden {
				continue // what a viewer may, or what is not there
			}
			n++
			if events := h.eventsOf(got); len(events) != 1 || !strings.HasPrefix(events[0], audit.Denied+" ") {
				t.Errorf("%s: %q", key, events)
			}
		}
		if n < 60 {
			t.Errorf("only %d routes were refused", n)
		}
		events, _, err := h.api.audit.List(t.Context(), h.db, audit.Filter{Outcomes: []string{audit.Denied}, Limit: 200})
		if err != nil || len(events) < n {
			t.Fatalf("%d events, %v", len(events), err)
		}
		for _, e := range events {
			if e.Rule == "" || e.Address == "" || e.Via != "token" {
				t.Errorf("a refusal without rule, address or via: %+v", e)
			}
		}
	})
}

// breakAudit makes every append to the log fail, as a full disk would.
func (h *harness) breakAudit() {
	h.t.Helper()
	statement := "CREATE TRIGGER broken BEFORE INSERT ON audit_events BEGIN SELECT RAISE(ABORT, 'no room'); END"
	if h.db.Dialect == "postgres" {
		statement = "CREATE TRIGGER broken BEFORE INSERT ON audit_events FOR EACH STATEMENT EXECUTE FUNCTION audit_events_keep()"
	}
	err := h.db.Tx(h.t.Context(), func(tx *tx) error {
		_, err := tx.ExecContext(h.t.Context(), statement)
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

// mendAudit takes back what breakAudit did.
func (h *harness) mendAudit() {
	h.t.Helper()
	statement := "DROP TRIGGER broken"
	if h.db.Dialect == "postgres" {
		statement += " ON audit_events"
	}
	err := h.db.Tx(h.t.Context(), func(tx *tx) error {
		_, err := tx.ExecContext(h.t.Context(), statement)
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
}
