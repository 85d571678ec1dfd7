package catalog_test

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/catalog"
	"sphera/internal/catalog/catalogtest"
	"sphera/internal/fault"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

// fixture is a catalog on a clock that moves one second with each look.
type fixture struct {
	*catalog.Catalog
	db  *store.DB
	log *audit.Log
	t   testing.TB
}

func newFixture(t testing.TB, db *store.DB) *fixture {
	t.Helper()
	start := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	var looks atomic.Int64
	now := func() time.Time { return start.Add(time.Duration(looks.Add(1)) * time.Second) }
	log := audit.New(now)
	return &fixture{Catalog: catalog.New(db, log, now).Guard(catalogtest.Anybody()), db: db, log: log, t: t}
}

func each(t *testing.T, test func(t *testing.T, c *fixture)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) { test(t, newFixture(t, db)) })
}

func (f *fixture) blueprint(doc string) catalog.Blueprint {
	f.t.Helper()
	var b catalog.Blueprint
	if err := json.Unmarshal([]byte(doc), &b); err != nil {
		f.t.Fatalf("blueprint: %v in %s", err, doc)
	}
	saved, _, err := f.PutBlueprint(context.Background(), b, "dana")
	if err != nil {
		f.t.Fatalf("put blueprint: %v %+v", err, details(err))
	}
	return saved
}

func (f *fixture) put(blueprint, doc string, w catalog.Write) (catalog.Entity, bool, error) {
	f.t.Helper()
	var n catalog.NewEntity
	if err := json.Unmarshal([]byte(doc), &n); err != nil {
		f.t.Fatalf("entity: %v in %s", err, doc)
	}
	if w.By == "" {
		w.By = "dana"
	}
	return f.PutEntity(context.Background(), blueprint, n, w)
}

func (f *fixture) must(blueprint, doc string) catalog.Entity {
	f.t.Helper()
	e, _, err := f.put(blueprint, doc, catalog.Write{Upsert: true})
	if err != nil {
		f.t.Fatalf("put %s: %v %+v", doc, err, details(err))
	}
	return e
}

func (f *fixture) events(object string) []audit.Event {
	f.t.Helper()
	events, _, err := f.log.List(context.Background(), f.db, audit.Filter{Object: object, Limit: 100})
	if err != nil {
		f.t.Fatalf("audit: %v", err)
	}
	return events
}

func details(err error) []fault.Detail {
	if e, ok := fault.As(err); ok {
		return e.Details
	}
	return nil
}

func compact(t testing.TB, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	return string(raw)
}

const (
	systemBlueprint  = `{"identifier":"system","title":"System","schema":{"properties":{"tier":{"type":"string","enum":["1","2"],"enumColors":{"1":"red","2":"blue"}}},"required":[]}}`
	serviceBlueprint = `{"identifier":"svc","title":"Service","icon":"Service","schema":{"properties":{
		"lang":{"type":"string"},"coverage":{"type":"number","minimum":0,"maximum":100},"links":{"type":"array","items":{"type":"string","format":"url"}}},"required":["lang"]},
		"relations":{"system":{"target":"system","required":false,"many":false},"uses":{"target":"svc","many":true}}}`
)

// The worked example 7.2 of Port's contract, and what it leaves open.
func TestR46_NullAndMergeSemantics(t *testing.T) {
	const whole = `{"identifier":"cart","title":"Cart","icon":"Cloud","team":["shop"],"properties":{"lang":"go","coverage":50,"links":["https://a.example"]},"relations":{"system":"checkout","uses":["other"]}}`
	for _, test := range []struct {
		name, body string
		write      catalog.Write
		patch      bool
		want       string
	}{
		{
			name: "replace clears what is not sent", body: `{"identifier":"cart","properties":{"lang":"rust"}}`, write: catalog.Write{Upsert: true},
			want: `{"title":"cart","icon":"","team":[],"properties":{"coverage":null,"lang":"rust","links":null},"relations":{"system":null,"uses":[]}}`,
		},
		{
			name: "merge keeps what is not sent", body: `{"identifier":"cart","properties":{"coverage":80}}`, write: catalog.Write{Upsert: true, Merge: true},
			want: `{"title":"Cart","icon":"Cloud","team":["shop"],"properties":{"coverage":80,"lang":"go","links":["https://a.example"]},"relations":{"system":"checkout","uses":["other"]}}`,
		},
		{
			name: "patch with null clears", body: `{"title":null,"icon":null,"team":null,"properties":{"coverage":null,"links":null},"relations":{"system":null,"uses":null}}`, patch: true,
			want: `{"title":"cart","icon":"","team":[],"properties":{"coverage":null,"lang":"go","links":null},"relations":{"system":null,"uses":[]}}`,
		},
		{
			name: "patch of a list replaces the list", body: `{"properties":{"links":["https://b.example"]},"relations":{"uses":["other","other"]},"team":"core"}`, patch: true,
			want: `{"title":"Cart","icon":"Cloud","team":["core"],"properties":{"coverage":50,"lang":"go","links":["https://b.example"]},"relations":{"system":"checkout","uses":["other"]}}`,
		},
		{
			name: "empty patch changes nothing", body: `{}`, patch: true,
			want: `{"title":"Cart","icon":"Cloud","team":["shop"],"properties":{"coverage":50,"lang":"go","links":["https://a.example"]},"relations":{"system":"checkout","uses":["other"]}}`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			each(t, func(t *testing.T, c *fixture) {
				ctx := context.Background()
				c.blueprint(systemBlueprint)
				c.blueprint(serviceBlueprint)
				c.must("system", `{"identifier":"checkout"}`)
				c.must("svc", `{"identifier":"other","properties":{"lang":"go"}}`)
				c.must("svc", whole)
				var answered catalog.Entity
				var err error
				if test.patch {
					var n catalog.NewEntity
					if err := json.Unmarshal([]byte(test.body), &n); err != nil {
						t.Fatal(err)
					}
					answered, err = c.PatchEntity(ctx, "svc", "cart", n, catalog.Write{By: "dana"})
				} else {
					answered, _, err = c.put("svc", test.body, test.write)
				}
				if err != nil {
					t.Fatalf("write: %v %+v", err, details(err))
				}
				read, err := c.Entity(ctx, "svc", "cart")
				if err != nil {
					t.Fatal(err)
				}
				for from, e := range map[string]catalog.Entity{"answer": answered, "read": read} {
					got := compact(t, map[string]any{"title": e.Title, "icon": e.Icon, "team": e.Team, "properties": e.Properties, "relations": e.Relations})
					var want any
					if err := json.Unmarshal([]byte(test.want), &want); err != nil {
						t.Fatal(err)
					}
					if got != compact(t, want) {
						t.Errorf("%s\n got %s\nwant %s", from, got, compact(t, want))
					}
				}
			})
		})
	}
}
