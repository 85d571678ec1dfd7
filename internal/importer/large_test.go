package importer_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/catalog"
	"sphera/internal/catalog/catalogtest"
	"sphera/internal/importer"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

const serviceModel = `{"identifier":"System","title":"System","schema":{"properties":{}},"aggregationProperties":{"services":{"type":"number","target":"Service",
 "calculationSpec":{"calculationBy":"entities","func":"count"},"pathFilter":[{"fromBlueprint":"Service","path":["system"]}]}}}`

const service = `{"identifier":"Service","title":"Service","schema":{"properties":{
 "language":{"type":"string","enum":["go","node","java"]},"coverage":{"type":"number","minimum":0,"maximum":100},"public":{"type":"boolean"},
 "contact":{"type":"string","format":"email"},"since":{"type":"string","format":"date-time"},"code":{"type":"string","pattern":"^[a-z]+$"}},"required":["language"]},
 "relations":{"system":{"target":"System"},"uses":{"target":"Service","many":true}},
 "mirrorProperties":{"systemTitle":{"path":"system.$title"}},
 "calculationProperties":{"label":{"type":"string","calculation":".title + ' (' + .properties.language + ')'"}}}`

func (f *fixture) model() {
	f.t.Helper()
	f.load([]catalog.ImportFile{{Name: "system.json", Content: []byte(serviceModel)}, {Name: "service.json", Content: []byte(service)},
		{Name: "shop.json", Content: []byte(`{"identifier":"shop","title":"Shop","blueprint":"System","properties":{}}`)}})
}

// table makes n rows; each use points at a row that may come later.
func table(n int, spoil func(i int, cells []string) []string) catalog.ImportFile {
	var b strings.Builder
	b.WriteString("identifier,title,language,coverage,public,contact,since,code,system,uses\n")
	for i := range n {
		cells := []string{
			fmt.Sprintf("service-%05d", i), fmt.Sprintf("Service %d", i), []string{"go", "node", "java"}[i%3], fmt.Sprint(i % 100), "true",
			"team@example.com", "2026-01-02T03:04:05Z", "abc", "shop", fmt.Sprintf("service-%05d;service-%05d", (i+7)%n, (i+n/2)%n),
		}
		if spoil != nil {
			cells = spoil(i, cells)
		}
		b.WriteString(strings.Join(cells, ",") + "\n")
	}
	return catalog.ImportFile{Name: "Service.csv", Content: []byte(b.String())}
}

// spoiled makes every 43rd row wrong, in nine ways.
func spoiled(i int, cells []string) []string {
	if i%43 != 42 {
		return cells
	}
	switch i / 43 % 9 {
	case 0:
		cells[2] = "cobol"
	case 1:
		cells[3] = "101"
	case 2:
		cells[3] = "high"
	case 3:
		cells[4] = "maybe"
	case 4:
		cells[5] = "nobody"
	case 5:
		cells[6] = "yesterday"
	case 6:
		cells[7] = "ABC"
	case 7:
		cells[8] = "nowhere"
	case 8:
		cells[2] = ""
	}
	return cells
}

const rows = 2_400

func TestL25_ALargeImportIsAllOrNothing(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		ctx := context.Background()
		c.model()
		report, err := c.Import(ctx, []catalog.ImportFile{table(rows, spoiled)}, importer.Options{By: "dana"})
		if err != nil {
			t.Fatal(err)
		}
		if want := rows / 43; report.Applied || len(report.Refusals) != want || report.Omitted != 0 {
			t.Errorf("applied %v, %d refusals and %d omitted, want %d", report.Applied, len(report.Refusals), report.Omitted, want)
		}
		for i, f := range report.Refusals {
			if want := 43*(i+1) + 1; f.Line != want || f.Column < 1 || f.Problem == "" || f.Done == "" {
				t.Errorf("refusal %d is at %d:%d %q, want line %d", i, f.Line, f.Column, f.Problem, want)
			}
		}
		c.nothingLeft(t)

		dry, err := c.Import(ctx, []catalog.ImportFile{table(rows, nil)}, importer.Options{DryRun: true, By: "dana"})
		if err != nil || len(dry.Refusals) > 0 || len(dry.Entities) != rows || dry.Applied {
			t.Fatalf("dry run: %v %+v", err, dry.Refusals)
		}
		c.nothingLeft(t)
	})
}

// nothingLeft says that an import that did not come to its end left no trace.
func (f *fixture) nothingLeft(t *testing.T) {
	t.Helper()
	ctx := context.Background()
	for _, table := range []string{"entities WHERE blueprint = 'Service'", "entity_versions WHERE blueprint = 'Service'", "catalog_imports", "entity_relations"} {
		var n int
		if err := f.db.Read().QueryRowContext(ctx, "SELECT COUNT(*) FROM "+table).Scan(&n); err != nil || n != 0 {
			t.Errorf("%d rows in %s (%v)", n, table, err)
		}
	}
}

func TestL25_ALargeImportIsSeenAtOnceAndOnce(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		ctx := context.Background()
		c.model()
		report, err := c.Import(ctx, []catalog.ImportFile{table(rows, nil)}, importer.Options{By: "dana"})
		if err != nil || !report.Applied {
			t.Fatalf("%v %s %+v", err, report.Summary, report.Refusals)
		}
		page, err := c.Search(ctx, catalog.Query{Blueprint: "Service", Limit: 1, Rules: []catalog.Rule{{Property: "language", Operator: "=", Value: "go"}}})
		if err != nil || page.Total != rows/3 {
			t.Errorf("%d in go, want %d (%v)", page.Total, rows/3, err)
		}
		e, err := c.Entity(ctx, "Service", "service-00003")
		if err != nil || e.Properties["systemTitle"] != "Shop" || e.Properties["label"] != "Service 3 (go)" || compact(t, e.Relations["uses"]) != `["service-00010","service-01203"]` {
			t.Errorf("entity %s (%v)", compact(t, e), err)
		}
		for left := 1; left > 0; {
			if _, left, err = c.Recompute(ctx, 1000); err != nil {
				t.Fatal(err)
			}
		}
		shop, err := c.Entity(ctx, "System", "shop")
		if err != nil || shop.Properties["services"] != float64(rows) {
			t.Errorf("the system counts %v services, want %d (%v)", shop.Properties["services"], rows, err)
		}

		var before, after int64
		versions := "SELECT COALESCE(MAX(id), 0) FROM entity_versions"
		if err := c.db.Read().QueryRowContext(ctx, versions).Scan(&before); err != nil {
			t.Fatal(err)
		}
		again, err := c.Import(ctx, []catalog.ImportFile{table(rows, nil)}, importer.Options{By: "dana"})
		if err != nil || !again.Applied {
			t.Fatalf("%v %s", err, again.Summary)
		}
		if err := c.db.Read().QueryRowContext(ctx, versions).Scan(&after); err != nil || before != after {
			t.Errorf("the same file again made %d versions (%v)", after-before, err)
		}
		changed, err := c.Import(ctx, []catalog.ImportFile{table(rows, func(i int, cells []string) []string {
			if i == 5 {
				cells[1] = "Renamed"
			}
			return cells
		})}, importer.Options{By: "dana"})
		if err != nil || !strings.Contains(changed.Summary, "0 created, 1 changed, 2399 unchanged") {
			t.Errorf("%v %s", err, changed.Summary)
		}
	})
}

// An import whose process is gone is taken back by the next one that looks.
func TestL25_AnImportThatDiedLeavesNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		clock := func() time.Time { return now }
		c := catalog.New(db, audit.New(clock), clock).Guard(catalogtest.Anybody())
		f := &fixture{Catalog: c, Importer: importer.New(c), db: db, t: t}
		f.model()
		staging, err := c.Stage(ctx, "dana")
		if err != nil {
			t.Fatal(err)
		}
		var b catalog.Blueprint
		if err := json.Unmarshal([]byte(`{"identifier":"Thing","title":"Thing","schema":{"properties":{}},"relations":{"service":{"target":"Service"}}}`), &b); err != nil {
			t.Fatal(err)
		}
		if _, err := staging.Blueprints(ctx, []catalog.Blueprint{b}, "dana", ""); err != nil {
			t.Fatal(err)
		}
		items, err := staging.Put(ctx, []catalog.NewEntity{
			{Identifier: "a", Blueprint: "Service", Properties: map[string]any{"language": "go"}, Relations: map[string]any{"uses": []any{"a", "b"}}},
			{Identifier: "x", Blueprint: "Thing", Relations: map[string]any{"service": "a"}},
		}, catalog.Write{Upsert: true, CreateMissing: true, By: "dana"})
		if err != nil || items[0].Err != nil || items[1].Err != nil {
			t.Fatalf("%v %+v", err, items)
		}
		if _, err := c.Entity(ctx, "Service", "a"); err == nil {
			t.Error("an entity is seen before the import is over")
		}
		if n, err := c.AbortAbandoned(ctx, 2*time.Minute); n != 0 || err != nil {
			t.Fatalf("%d imports were taken back while they went on (%v)", n, err)
		}
		now = now.Add(3 * time.Minute)
		if n, err := c.AbortAbandoned(ctx, 2*time.Minute); n != 1 || err != nil {
			t.Fatalf("%d imports were taken back (%v)", n, err)
		}
		f.nothingLeft(t)
		if _, err := c.Blueprint(ctx, "Thing"); err == nil {
			t.Error("the import's blueprint is still there")
		}
		if _, err := staging.Put(ctx, nil, catalog.Write{}); err == nil {
			t.Error("an import that was taken back goes on")
		}
	})
}
