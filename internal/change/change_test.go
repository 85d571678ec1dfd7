package change

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/catalog"
	"sphera/internal/catalog/catalogtest"
	"sphera/internal/outgoing"
	"sphera/internal/resource"
	"sphera/internal/secret"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

type received struct {
	header http.Header
	event  map[string]any
	raw    string
}

type rig struct {
	*Changes
	t      *testing.T
	mu     sync.Mutex
	now    time.Time
	got    []received
	status int
	server *httptest.Server
}

func (r *rig) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func each(t *testing.T, test func(r *rig)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		r := &rig{t: t, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), status: 200}
		r.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			raw, err := io.ReadAll(req.Body)
			if err != nil {
				t.Error(err)
			}
			var e map[string]any
			if err := json.Unmarshal(raw, &e); err != nil {
				t.Error(err)
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			r.got = append(r.got, received{req.Header, e, string(raw)})
			w.WriteHeader(r.status)
		}))
		t.Cleanup(r.server.Close)
		log := audit.New(r.clock)
		sealer, err := secret.OpenSealer(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		r.Changes = New(Deps{
			DB: db, Catalog: catalog.New(db, log, r.clock).Guard(catalogtest.Anybody()), Resources: resource.New(log, r.clock), Vault: secret.NewVault(db, log, r.clock, sealer),
			Outgoing: outgoing.New(true), Log: slog.New(slog.DiscardHandler), Now: r.clock, Instance: "a",
		})
		test(r)
	})
}

func (r *rig) blueprint(id, url string) {
	r.t.Helper()
	b := catalog.Blueprint{Identifier: id, Title: id}
	b.Schema.Properties = map[string]catalog.Property{}
	if url != "" {
		b.ChangelogDestination = &catalog.ChangelogDestination{Type: "WEBHOOK", URL: url}
	}
	if _, _, err := r.Catalog.PutBlueprint(r.t.Context(), b, "test"); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) put(blueprint, id, title string) {
	r.t.Helper()
	if _, _, err := r.Catalog.PutEntity(r.t.Context(), blueprint, catalog.NewEntity{Identifier: id, Title: title}, catalog.Write{Upsert: true, By: "ada"}); err != nil {
		r.t.Fatal(err)
	}
}

// rounds tells all that is due, in a worker as a process that starts has it.
func (r *rig) rounds(n int) {
	r.t.Helper()
	w := r.worker()
	for range n {
		// Transactions of other databases on the server count as well.
		for deadline := time.Now().Add(30 * time.Second); ; {
			passed, err := w.advance(r.t.Context())
			if err != nil || time.Now().After(deadline) {
				r.t.Fatal("no horizon passed", err)
			}
			if passed {
				break
			}
		}
		if _, err := w.round(r.t.Context()); err != nil {
			r.t.Fatal(err)
		}
		w.wait.Wait()
	}
}

func (r *rig) titles() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, g := range r.got {
		after, _ := g.event["diff"].(map[string]any)["after"].(map[string]any)
		out = append(out, fmt.Sprint(g.event["action"], " ", g.event["context"].(map[string]any)["entity"], " ", after["title"]))
	}
	return strings.Join(out, ", ")
}

func (r *rig) answer(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status, r.got = status, nil
}

func (r *rig) pass(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

func TestChangesAreToldInOrderAndSigned(t *testing.T) {
	each(t, func(r *rig) {
		r.blueprint("quiet", "")
		r.put("quiet", "q", "Q")
		r.blueprint("svc", r.server.URL)
		r.put("svc", "a", "A1")
		r.put("quiet", "q", "Q2")
		r.put("svc", "b", "B1")
		r.put("svc", "a", "A2")
		if err := r.Catalog.DeleteEntity(r.t.Context(), "svc", "b", "ada", "", false); err != nil {
			r.t.Fatal(err)
		}
		r.rounds(2)
		if got, want := r.titles(), "CREATE a A1, CREATE b B1, UPDATE a A2, DELETE b <nil>"; got != want {
			r.t.Fatalf("told %s, want %s", got, want)
		}
		key, err := r.Vault.Signing(r.t.Context())
		if err != nil {
			r.t.Fatal(err)
		}
		one := r.got[2]
		_, want := secret.Sign(key, r.now, []byte(one.raw))
		before, _ := one.event["diff"].(map[string]any)["before"].(map[string]any)
		if one.header.Get("X-Port-Signature") != want || one.header.Get("X-Port-Timestamp") != fmt.Sprint(r.now.Unix()) || before["title"] != "A1" || one.event["resourceType"] != "entity" {
			r.t.Errorf("headers %v, event %s", one.header, one.raw)
		}
		r.rounds(2)
		if len(r.got) != 4 {
			r.t.Errorf("told again: %s", r.titles())
		}
		list, err := r.Deliveries(r.t.Context(), "blueprint/svc")
		if err != nil || len(list) != 4 || list[0].About != "svc/b" || list[0].Status != "sent: 200" {
			r.t.Errorf("deliveries %+v, %v", list, err)
		}
	})
}

// What is not acknowledged is told again, later and later; a new process goes
// on where the one before was, and order is kept.
func TestChangesSurviveFailuresAndRestarts(t *testing.T) {
	each(t, func(r *rig) {
		r.blueprint("svc", r.server.URL)
		r.put("svc", "a", "A1")
		r.put("svc", "a", "A2")
		r.answer(503)
		r.rounds(3)
		if got := r.titles(); got != "CREATE a A1" {
			r.t.Fatalf("after a failure: %s", got)
		}
		r.pass(2 * time.Second)
		r.rounds(1)
		r.pass(time.Second)
		r.rounds(1)
		if got := r.titles(); got != "CREATE a A1, CREATE a A1" {
			r.t.Fatalf("it waits longer each time: %s", got)
		}
		r.put("svc", "a", "A3")
		r.answer(200)
		r.pass(maxWait)
		r.rounds(2)
		if got, want := r.titles(), "CREATE a A1, UPDATE a A2, UPDATE a A3"; got != want {
			r.t.Fatalf("told %s, want %s", got, want)
		}
		// A receiver that refuses one change is given up on, with a note.
		r.answer(422)
		r.put("svc", "a", "A4")
		for range giveUp {
			r.rounds(1)
			r.pass(maxWait)
		}
		r.answer(200)
		r.put("svc", "a", "A5")
		r.rounds(2)
		if got := r.titles(); got != "UPDATE a A5" {
			r.t.Errorf("after giving up: %s", got)
		}
		list, err := r.Deliveries(r.t.Context(), "blueprint/svc")
		if err != nil || list[1].Status != "given up: 422" || list[1].Attempt != giveUp {
			r.t.Errorf("%+v, %v", list[1], err)
		}
	})
}

// On PostgreSQL a transaction that got its number first can end last. Its
// change must not be skipped.
func TestLateTransactionIsNotSkipped(t *testing.T) {
	db := storetest.Open(t, storetest.Postgres(t))
	clock := time.Now
	c := catalog.New(db, audit.New(clock), clock).Guard(catalogtest.Anybody())
	if _, _, err := c.PutBlueprint(t.Context(), catalog.Blueprint{Identifier: "svc", Title: "S"}, "test"); err != nil {
		t.Fatal(err)
	}
	write := func(tx *store.Tx, id int) error {
		_, err := tx.ExecContext(t.Context(), `INSERT INTO entity_versions (entity, version, blueprint, identifier, verb, at, actor, datasource, run_id, cause, doc)
			VALUES ($1, 1, 'svc', 'x', 'create', 0, 'ada', '', '', '', '{}')`, id)
		return err
	}
	inside, finish, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- db.Tx(context.Background(), func(tx *store.Tx) error {
			if err := write(tx, 1001); err != nil {
				return err
			}
			close(inside)
			<-finish
			return nil
		})
	}()
	<-inside
	if err := db.Tx(t.Context(), func(tx *store.Tx) error { return write(tx, 1002) }); err != nil {
		t.Fatal(err)
	}
	h, err := c.Look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, passed, err := c.Passed(t.Context(), h); err != nil || passed {
		t.Fatalf("passed %v, %v: a lower number is still to come", passed, err)
	}
	close(finish)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(30 * time.Second)
	for {
		upto, passed, err := c.Passed(t.Context(), h)
		if err != nil {
			t.Fatal(err)
		}
		if passed {
			list, err := c.ChangesOf(t.Context(), "svc", 0, upto, 10)
			if err != nil || len(list) != 2 {
				t.Fatalf("%d changes, %v", len(list), err)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("never passed")
		}
	}
}

func TestIntegrationIsToldOfItsConfiguration(t *testing.T) {
	each(t, func(r *rig) {
		save := func(f func(tx *store.Tx) error) {
			r.t.Helper()
			if err := r.DB.Tx(r.t.Context(), f); err != nil {
				r.t.Fatal(err)
			}
		}
		by := resource.Actor{ID: "ada", Name: "Ada"}
		save(func(tx *store.Tx) error {
			d := resource.Doc{"config": json.RawMessage(`{"a":1}`), "changelogDestination": json.RawMessage(fmt.Sprintf(`{"type":"WEBHOOK","url":%q}`, r.server.URL))}
			_, err := r.Resources.Create(r.t.Context(), tx, integrationKind(), "", "ocean", d, by)
			return err
		})
		r.rounds(2)
		if len(r.got) != 0 {
			r.t.Fatalf("told without a change: %s", r.got[0].raw)
		}
		for _, config := range []string{`{"a":2}`, `{"a":3}`} {
			save(func(tx *store.Tx) error {
				_, err := r.Resources.Change(r.t.Context(), tx, integrationKind(), "", "ocean", by, func(d *resource.Resource) error {
					d.Doc["config"] = json.RawMessage(config)
					return nil
				})
				return err
			})
		}
		r.rounds(2)
		if len(r.got) != 1 {
			r.t.Fatalf("told %d times, want once with what it is now", len(r.got))
		}
		raw := r.got[0].raw
		if !strings.Contains(raw, `"before":{`) || !strings.Contains(raw, `{"a":1}`) || !strings.Contains(raw, `"config":{"a":3}`) || !strings.Contains(raw, `"resourceType":"integration"`) {
			r.t.Errorf("event %s", raw)
		}
	})
}

func TestS24_PrivateAddressIsRefused(t *testing.T) {
	each(t, func(r *rig) {
		r.Outgoing = outgoing.New(false)
		r.blueprint("svc", r.server.URL)
		r.put("svc", "a", "A")
		r.rounds(1)
		list, err := r.Deliveries(r.t.Context(), "blueprint/svc")
		if err != nil || len(r.got) != 0 || len(list) != 1 || !strings.HasPrefix(list[0].Status, "refused") {
			r.t.Errorf("%d reached, deliveries %+v, %v", len(r.got), list, err)
		}
	})
}
