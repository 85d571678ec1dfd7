package importer_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/catalog"
	"sphera/internal/catalog/catalogtest"
	"sphera/internal/fault"
	"sphera/internal/importer"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

// fixture is a catalog with its importer.
type fixture struct {
	*catalog.Catalog
	*importer.Importer
	db  *store.DB
	log *audit.Log
	t   testing.TB
}

func newFixture(t testing.TB, db *store.DB) *fixture {
	t.Helper()
	now := func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC) }
	log := audit.New(now)
	c := catalog.New(db, log, now).Guard(catalogtest.Anybody())
	return &fixture{Catalog: c, Importer: importer.New(c), db: db, log: log, t: t}
}

func each(t *testing.T, test func(t *testing.T, c *fixture)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) { test(t, newFixture(t, db)) })
}

func (f *fixture) blueprint(doc string) {
	f.t.Helper()
	var b catalog.Blueprint
	if err := json.Unmarshal([]byte(doc), &b); err != nil {
		f.t.Fatalf("blueprint: %v in %s", err, doc)
	}
	if _, _, err := f.PutBlueprint(context.Background(), b, "dana"); err != nil {
		f.t.Fatalf("put blueprint: %v %+v", err, details(err))
	}
}

func (f *fixture) must(blueprint, doc string) {
	f.t.Helper()
	var n catalog.NewEntity
	if err := json.Unmarshal([]byte(doc), &n); err != nil {
		f.t.Fatalf("entity: %v in %s", err, doc)
	}
	if _, _, err := f.PutEntity(context.Background(), blueprint, n, catalog.Write{By: "dana"}); err != nil {
		f.t.Fatalf("put %s: %v %+v", doc, err, details(err))
	}
}

func (f *fixture) events(object string) []audit.Event {
	f.t.Helper()
	list, _, err := f.log.List(context.Background(), f.db, audit.Filter{Object: object, Limit: 100})
	if err != nil {
		f.t.Fatal(err)
	}
	return list
}

func details(err error) any {
	if e, ok := fault.As(err); ok {
		return e.Details
	}
	return nil
}

func compact(t testing.TB, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
