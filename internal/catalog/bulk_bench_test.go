package catalog_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"sphera/internal/catalog"
	"sphera/internal/store/storetest"
)

// BenchmarkBulk measures writes of many, over a realistic blueprint: eight
// properties, three relations, two mirrors, two calculations. BULK_ENTITIES is
// how many there are.
func BenchmarkBulk(b *testing.B) {
	n := 20_000
	if text := os.Getenv("BULK_ENTITIES"); text != "" {
		n, _ = strconv.Atoi(text)
	}
	for engine, url := range map[string]func(testing.TB) string{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		b.Run(engine, func(b *testing.B) {
			c := newFixture(b, storetest.Open(b, url(b)))
			c.blueprint(`{"identifier":"domain","title":"D","schema":{"properties":{}}}`)
			c.blueprint(`{"identifier":"system","title":"S","schema":{"properties":{"tier":{"type":"string"}}},"relations":{"domain":{"target":"domain"}}}`)
			c.blueprint(`{"identifier":"svc","title":"Service","schema":{"properties":{"lang":{"type":"string","enum":["go","node","rust"]},"tier":{"type":"number"},"live":{"type":"boolean"},
				"about":{"type":"string"},"url":{"type":"string","format":"url"},"tags":{"type":"array","items":{"type":"string"}},"load":{"type":"number"},"seen":{"type":"string","format":"date-time"}}},
				"relations":{"system":{"target":"system"},"uses":{"target":"svc","many":true},"owner":{"target":"domain"}},
				"mirrorProperties":{"systemTier":{"path":"system.tier"},"domain":{"path":"system.domain.$title"}},
				"calculationProperties":{"badge":{"type":"string","calculation":".properties.lang + '/' + (.properties.systemTier // 'none')"},"hot":{"type":"boolean","calculation":".properties.load > 50"}}}`)
			for i := range 10 {
				c.must("domain", fmt.Sprintf(`{"identifier":"d%d"}`, i))
			}
			for i := range 100 {
				c.must("system", fmt.Sprintf(`{"identifier":"s%d","properties":{"tier":"t%d"},"relations":{"domain":"d%d"}}`, i, i%4, i%10))
			}
			put := func(version int) time.Duration {
				start := time.Now()
				const part = 500
				for at := 0; at < n; at += part {
					list := make([]catalog.NewEntity, 0, part)
					for i := at; i < min(at+part, n); i++ {
						list = append(list, bulkEntity(i, n, version))
					}
					items, err := c.PutMany(context.Background(), "svc", list, catalog.Write{Upsert: true, Merge: true, By: "bench"})
					if err != nil {
						b.Fatal(err)
					}
					for _, item := range items {
						if item.Err != nil {
							b.Fatal(item.Err, details(item.Err))
						}
					}
				}
				return time.Since(start)
			}
			rate := func(name string, took time.Duration) { b.ReportMetric(float64(n)/took.Seconds(), name+"/s") }
			for range b.N {
				rate("created", put(0))
				rate("unchanged", put(0))
				rate("changed", put(1))
				start := time.Now()
				c.must("system", fmt.Sprintf(`{"identifier":"s1","properties":{"tier":"x%d"},"relations":{"domain":"d1"}}`, n))
				b.ReportMetric(float64(time.Since(start).Milliseconds()), fmt.Sprintf("ms-for-%d-mirrors", min(n/100, 1000)))
				break
			}
		})
	}
}

func bulkEntity(i, n, version int) catalog.NewEntity {
	return catalog.NewEntity{
		Identifier: fmt.Sprintf("service-%d", i), Title: fmt.Sprintf("Service number %d", i*7919%10_007), Team: []byte(fmt.Sprintf(`["team-%d"]`, i%30)),
		Properties: map[string]any{
			"lang": []string{"go", "node", "rust"}[i%3], "tier": float64(i % 5), "live": i%2 == 0, "about": fmt.Sprintf("What service %d does, version %d.", i, version),
			"url": fmt.Sprintf("https://service-%d.example", i), "tags": []any{fmt.Sprintf("tag-%d", i%50), "core"}, "load": float64((i + version) % 100), "seen": "2026-01-01T00:00:00Z",
		},
		Relations: map[string]any{"system": fmt.Sprintf("s%d", i%100), "owner": fmt.Sprintf("d%d", i%10), "uses": []any{fmt.Sprintf("service-%d", i/2)}},
	}
}
