package migration_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/catalog"
	"sphera/internal/catalog/catalogtest"
	"sphera/internal/fault"
	"sphera/internal/migration"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

type world struct {
	*migration.Migrations
	catalog *catalog.Catalog
	db      *store.DB
}

func each(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		events := audit.New(time.Now)
		c := catalog.New(db, events, time.Now).Guard(catalogtest.Anybody())
		w := &world{migration.NewMigrations(db, c, events, slog.New(slog.DiscardHandler), time.Now), c, db}
		var b catalog.Blueprint
		doc := `{"identifier":"svc","title":"Service","schema":{"properties":{"n":{"type":"number"}}},"relations":{"needs":{"target":"svc","required":false}}}`
		if err := json.Unmarshal([]byte(doc), &b); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.PutBlueprint(t.Context(), b, "ada"); err != nil {
			t.Fatal(err)
		}
		var list []catalog.NewEntity
		for i := range 250 {
			list = append(list, catalog.NewEntity{Identifier: fmt.Sprintf("e%03d", i), Properties: map[string]any{"n": i}})
		}
		if _, err := c.PutMany(t.Context(), "svc", list, catalog.Write{By: "ada"}); err != nil {
			t.Fatal(err)
		}
		test(t, w)
	})
}

// work carries out migrations until one has ended.
func (w *world) work(t *testing.T, id string) migration.Migration {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Work(ctx) }()
	defer func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); <-time.After(10 * time.Millisecond) {
		m, err := w.Get(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if m.Status == migration.Completed || m.Status == migration.Failure || m.Status == migration.Cancelled {
			return m
		}
	}
	t.Fatal("the migration does not end")
	return migration.Migration{}
}

func (w *world) count(t *testing.T) int {
	t.Helper()
	b, err := w.catalog.Blueprint(t.Context(), "svc")
	if err != nil {
		t.Fatal(err)
	}
	return b.EntityCount
}

func TestAllEntitiesAreDeletedInBatches(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		m, err := w.Start(t.Context(), migration.New{SourceBlueprint: "svc", DeleteEntities: true, DeleteBlueprint: true, By: "ada"})
		if err != nil || m.Status != migration.Pending {
			t.Fatalf("%+v, %v", m, err)
		}
		m = w.work(t, m.ID)
		if m.Status != migration.Completed || m.SuccessCount != 250 || m.FailureCount != 0 {
			t.Errorf("%+v", m)
		}
		if _, err := w.catalog.Blueprint(t.Context(), "svc"); !fault.Is(err, fault.NotFound) {
			t.Errorf("the blueprint is there: %v", err)
		}
	})
}

func TestACancelledMigrationStopsBehindItsBatch(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		m, err := w.Start(t.Context(), migration.New{SourceBlueprint: "svc", DeleteEntities: true, By: "ada"})
		if err != nil {
			t.Fatal(err)
		}
		if m, err = w.Cancel(t.Context(), m.ID, "ada"); err != nil || m.Status != migration.PendingCancellation {
			t.Fatalf("%+v, %v", m, err)
		}
		if m = w.work(t, m.ID); m.Status != migration.Cancelled || w.count(t) != 250 {
			t.Errorf("%+v with %d entities", m, w.count(t))
		}
	})
}

// TestAMigrationGoesOnAfterACrash: a process that claimed one and died leaves a
// claim that ends, and how far it had come.
func TestAMigrationGoesOnAfterACrash(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		m, err := w.Start(t.Context(), migration.New{SourceBlueprint: "svc", DeleteEntities: true, By: "ada"})
		if err != nil {
			t.Fatal(err)
		}
		err = w.db.Tx(t.Context(), func(tx *store.Tx) error {
			_, err := tx.ExecContext(t.Context(), "UPDATE catalog_migrations SET status = 'RUNNING', success_count = 7, claimed_until = $1 WHERE id = $2", store.Millis(time.Now().Add(-time.Second)), m.ID)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if m = w.work(t, m.ID); m.Status != migration.Completed || m.SuccessCount != 257 || w.count(t) != 0 {
			t.Errorf("%+v with %d entities", m, w.count(t))
		}
	})
}

func TestWhatIsNeededElsewhereIsTold(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		var b catalog.Blueprint
		doc := `{"identifier":"user","title":"User","schema":{"properties":{}},"relations":{"svc":{"target":"svc","required":true}}}`
		if err := json.Unmarshal([]byte(doc), &b); err != nil {
			t.Fatal(err)
		}
		if _, _, err := w.catalog.PutBlueprint(t.Context(), b, "ada"); err != nil {
			t.Fatal(err)
		}
		if _, _, err := w.catalog.PutEntity(t.Context(), "user", catalog.NewEntity{Identifier: "u", Relations: map[string]any{"svc": "e100"}}, catalog.Write{By: "ada"}); err != nil {
			t.Fatal(err)
		}
		m, err := w.Start(t.Context(), migration.New{SourceBlueprint: "svc", DeleteEntities: true, DeleteBlueprint: true, By: "ada"})
		if err != nil {
			t.Fatal(err)
		}
		m = w.work(t, m.ID)
		if m.Status != migration.Failure || m.SuccessCount != 249 || m.FailureCount != 1 || m.Failures[0].Identifier != "e100" || w.count(t) != 1 {
			t.Errorf("%+v with %d entities", m, w.count(t))
		}
	})
}
