package catalog_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/catalog"
	"sphera/internal/catalog/catalogtest"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

// BenchmarkList measures pages with filters, order and facets in a catalog of
// SPHERA_BENCH_ENTITIES entities (10,000 when unset). With SPHERA_BENCH_DIR the
// SQLite catalog is kept there between runs.
func BenchmarkList(b *testing.B) {
	n := 10_000
	if text := os.Getenv("SPHERA_BENCH_ENTITIES"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	d := catalogtest.New(1, n)
	for _, engine := range []string{"sqlite", "postgres"} {
		b.Run(fmt.Sprintf("%s/%d", engine, n), func(b *testing.B) {
			c := benchCatalog(b, d, engine, n)
			for _, test := range pageQueries(d) {
				b.Run(test.name, func(b *testing.B) { measure(b, c, test.query) })
			}
		})
	}
}

func benchCatalog(b *testing.B, d *catalogtest.Data, engine string, n int) *catalog.Catalog {
	b.Helper()
	var db *store.DB
	loaded := false
	if dir := os.Getenv("SPHERA_BENCH_DIR"); engine == "sqlite" && dir != "" {
		path := filepath.Join(dir, fmt.Sprintf("list-%d.db", n))
		_, err := os.Stat(path + ".done")
		if loaded = err == nil; !loaded {
			os.Remove(path)
		}
		db, err = store.Open(context.Background(), path, slog.New(slog.DiscardHandler))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { db.Close() })
		if err := db.Migrate(context.Background()); err != nil {
			b.Fatal(err)
		}
		defer os.WriteFile(path+".done", nil, 0o600)
	} else if engine == "sqlite" {
		db = storetest.Open(b, storetest.SQLite(b))
	} else {
		db = storetest.Open(b, storetest.Postgres(b))
	}
	c := catalog.New(db, audit.New(time.Now), time.Now).Guard(catalogtest.Anybody())
	if loaded {
		return c
	}
	if err := d.Put(context.Background(), c); err != nil {
		b.Fatal(err)
	}
	started := time.Now()
	for _, blueprint := range d.Order() {
		for from := 0; from < d.Count(blueprint); from += 500 {
			var list []catalog.NewEntity
			for i := from; i < min(from+500, d.Count(blueprint)); i++ {
				list = append(list, d.Entity(blueprint, i, 0))
			}
			if _, err := c.PutMany(context.Background(), blueprint, list, catalog.Write{Upsert: true, By: "bench", NoFanOut: true}); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Logf("%d entities in %s", n, time.Since(started))
	if engine == "postgres" {
		for _, table := range []string{"entities", "facet_sets", "facet_counts", "entity_relations"} {
			if _, err := db.Read().ExecContext(context.Background(), "VACUUM ANALYZE "+table); err != nil {
				b.Fatal(err)
			}
		}
	}
	return c
}

type listQuery struct {
	name  string
	query func(i int) catalog.Query
}

func pageQueries(d *catalogtest.Data) []listQuery {
	rule := func(property, operator string, value any) catalog.Rule {
		return catalog.Rule{Property: property, Operator: operator, Value: value}
	}
	pick := func(i int, list ...string) string { return list[i%len(list)] }
	three := func(i int) catalog.Query {
		return catalog.Query{Blueprint: "deployment", Sort: "startedAt", Desc: i%2 == 0, Rules: []catalog.Rule{
			rule("status", "=", pick(i, "succeeded", "failed", "running", "cancelled")), rule("rollback", "=", i%7 == 0), rule("slow", "=", i%3 == 0),
		}}
	}
	return []listQuery{
		{"three-filters", three},
		{"three-filters-facets", func(i int) catalog.Query {
			q := three(i)
			q.Facets = []string{"status", "rollback", "slow"}
			return q
		}},
		{"range-text-enum-by-title", func(i int) catalog.Query {
			return catalog.Query{Blueprint: "deployment", Rules: []catalog.Rule{rule("status", "=", pick(i, "succeeded", "failed")), rule("seconds", ">", float64(880-i%80)), rule("region", "=", pick(i, "eu-west-1", "us-east-1", "ap-south-1"))}}
		}},
		{"team-tier-lifecycle-facets", func(i int) catalog.Query {
			return catalog.Query{Blueprint: "service", Sort: "coverage", Desc: true, Facets: []string{"tier", "lifecycle", "public", "$team"}, Rules: []catalog.Rule{
				rule("tier", "in", []any{"gold", "platinum"}), rule("lifecycle", "=", pick(i, "production", "experimental")), rule("public", "=", i%2 == 0),
			}}
		}},
		{"all-facets", func(i int) catalog.Query {
			return catalog.Query{Blueprint: "deployment", Sort: pick(i, "$title", "$updatedAt", "seconds"), Facets: []string{"status", "rollback", "slow"}}
		}},
		{"relation", func(i int) catalog.Query {
			return catalog.Query{Blueprint: "deployment", Sort: "startedAt", Rules: []catalog.Rule{rule("service", "=", d.Name("service", i%d.Count("service"))), rule("status", "!=", "cancelled")}}
		}},
	}
}

func measure(b *testing.B, c *catalog.Catalog, query func(i int) catalog.Query) {
	var took []time.Duration
	i := 0
	for b.Loop() {
		started := time.Now()
		if _, err := c.Search(context.Background(), query(i)); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(started))
		i++
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}
