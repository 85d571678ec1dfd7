package catalog_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"sphera/internal/catalog"
	"sphera/internal/store/storetest"
)

// benchEach runs a benchmark over a catalog of n services in 100 systems on
// both engines.
func benchEach(b *testing.B, n int, run func(b *testing.B, c *fixture)) {
	for engine, url := range map[string]func(testing.TB) string{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		b.Run(engine, func(b *testing.B) {
			c := newFixture(b, storetest.Open(b, url(b)))
			c.blueprint(systemBlueprint)
			c.blueprint(`{"identifier":"svc","title":"Service","schema":{"properties":{"lang":{"type":"string","enum":["go","node","rust"]},"tier":{"type":"number"},"live":{"type":"boolean"},
				"about":{"type":"string"},"url":{"type":"string","format":"url"},"tags":{"type":"array","items":{"type":"string"}}}},
				"relations":{"system":{"target":"system"},"uses":{"target":"svc","many":true}}}`)
			c.load(benchFiles(n))
			b.ResetTimer()
			run(b, c)
		})
	}
}

func benchFiles(n int) []catalog.ImportFile {
	var systems []any
	for i := range 100 {
		systems = append(systems, map[string]any{"identifier": fmt.Sprintf("system-%d", i), "blueprint": "system"})
	}
	var files []catalog.ImportFile
	add := func(list []any) {
		raw, err := json.Marshal(list)
		if err != nil {
			panic(err)
		}
		files = append(files, catalog.ImportFile{Name: fmt.Sprintf("%d.json", len(files)), Content: raw})
	}
	add(systems)
	var services []any
	for i := range n {
		e := benchEntity(i, 0)
		services = append(services, map[string]any{"identifier": e.Identifier, "title": e.Title, "blueprint": "svc", "team": fmt.Sprintf("team-%d", i%30), "properties": e.Properties, "relations": e.Relations})
		if len(services) == 5000 || i == n-1 {
			add(services)
			services = nil
		}
	}
	return files
}

func benchEntity(i, version int) catalog.NewEntity {
	return catalog.NewEntity{
		Identifier: fmt.Sprintf("service-%d", i), Title: fmt.Sprintf("Service number %d", i*7919%10_007),
		Properties: map[string]any{
			"lang": []string{"go", "node", "rust"}[i%3], "tier": i % 5, "live": i%2 == 0, "about": fmt.Sprintf("What service %d does, version %d.", i, version),
			"url": fmt.Sprintf("https://service-%d.example", i), "tags": []string{fmt.Sprintf("tag-%d", i%50), "core"},
		},
		Relations: map[string]any{"system": fmt.Sprintf("system-%d", i%100), "uses": []string{fmt.Sprintf("service-%d", i/2), fmt.Sprintf("service-%d", i/3)}},
	}
}

func BenchmarkUpsertChanged(b *testing.B) {
	benchEach(b, 10_000, func(b *testing.B, c *fixture) { benchUpsert(b, c, func(i int) int { return i + 1 }) })
}

func BenchmarkUpsertUnchanged(b *testing.B) {
	benchEach(b, 10_000, func(b *testing.B, c *fixture) { benchUpsert(b, c, func(int) int { return 0 }) })
}

func benchUpsert(b *testing.B, c *fixture, version func(i int) int) {
	i := 0
	for b.Loop() {
		n := benchEntity(i%10_000, version(i))
		if _, _, err := c.PutEntity(context.Background(), "svc", n, catalog.Write{Upsert: true, Merge: true, By: "bench"}); err != nil {
			b.Fatal(err)
		}
		i++
	}
	b.ReportMetric(float64(i)/b.Elapsed().Seconds(), "entities/s")
}

func BenchmarkImport(b *testing.B) {
	for _, again := range []bool{false, true} {
		b.Run(map[bool]string{false: "new", true: "unchanged"}[again], func(b *testing.B) {
			benchEach(b, 1, func(b *testing.B, c *fixture) {
				files := benchFiles(10_000)
				if again {
					c.load(files)
					b.ResetTimer()
				}
				n := 0
				for range b.N {
					if !again && n > 0 {
						b.StopTimer() // only the first import is of new entities
						break
					}
					c.load(files)
					n += 10_000
				}
				b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "entities/s")
			})
		})
	}
}

func BenchmarkRead(b *testing.B) {
	rules := []catalog.Rule{{Property: "lang", Operator: "=", Value: "go"}, {Property: "live", Operator: "=", Value: true}, {Property: "tier", Operator: ">=", Value: 2.0}}
	for _, test := range []struct {
		name string
		run  func(ctx context.Context, c *fixture) error
	}{
		{"entity", func(ctx context.Context, c *fixture) error { _, err := c.Entity(ctx, "svc", "service-77"); return err }},
		{"page", search(catalog.Query{Blueprint: "svc"})},
		{"page-3-rules-sorted", search(catalog.Query{Blueprint: "svc", Rules: rules, Sort: "tier", Desc: true})},
		{"page-text", search(catalog.Query{Blueprint: "svc", Text: "service 7"})},
		{"page-team", search(catalog.Query{Blueprint: "svc", Rules: []catalog.Rule{{Property: "$team", Operator: "=", Value: "team-3"}}})},
		{"find", func(ctx context.Context, c *fixture) error {
			_, err := c.Find(ctx, "number 77", catalog.FindOptions{})
			return err
		}},
		{"graph-depth-3-200", func(ctx context.Context, c *fixture) error {
			_, err := c.Graph(ctx, "svc", "service-77", catalog.GraphOptions{Depth: 3, Limit: 200})
			return err
		}},
	} {
		b.Run(test.name, func(b *testing.B) {
			benchEach(b, 10_000, func(b *testing.B, c *fixture) {
				for b.Loop() {
					if err := test.run(context.Background(), c); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

func search(q catalog.Query) func(ctx context.Context, c *fixture) error {
	return func(ctx context.Context, c *fixture) error { _, err := c.Search(ctx, q); return err }
}
