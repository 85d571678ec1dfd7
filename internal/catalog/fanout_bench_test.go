package catalog_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"sphera/internal/catalog"
	"sphera/internal/store/storetest"
)

// BenchmarkFanOut changes one entity that 10,000 others mirror and work with:
// the first thousand follow in the write itself, the rest as a run does it.
// Reported are the answer of the write and the time until all are right.
func BenchmarkFanOut(b *testing.B) {
	const n = 10_000
	for engine, url := range map[string]func(testing.TB) string{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		b.Run(engine, func(b *testing.B) {
			c := newFixture(b, storetest.Open(b, url(b)))
			c.blueprint(`{"identifier":"system","title":"S","schema":{"properties":{"tier":{"type":"string"}}}}`)
			c.blueprint(`{"identifier":"svc","title":"Service","schema":{"properties":{"lang":{"type":"string"}}},"relations":{"system":{"target":"system"}},
				"mirrorProperties":{"systemTier":{"path":"system.tier"}},"calculationProperties":{"badge":{"type":"string","calculation":".properties.lang + '/' + .properties.systemTier"}}}`)
			c.must("system", `{"identifier":"s","properties":{"tier":"t"}}`)
			for at := 0; at < n; at += 500 {
				list := make([]catalog.NewEntity, 0, 500)
				for i := at; i < at+500; i++ {
					list = append(list, catalog.NewEntity{Identifier: fmt.Sprintf("service-%d", i), Properties: map[string]any{"lang": "go"}, Relations: map[string]any{"system": "s"}})
				}
				if _, err := c.PutMany(context.Background(), "svc", list, catalog.Write{Upsert: true, By: "bench"}); err != nil {
					b.Fatal(err)
				}
			}
			var answered, whole time.Duration
			for i := range b.N {
				start := time.Now()
				c.must("system", fmt.Sprintf(`{"identifier":"s","properties":{"tier":"t%d"}}`, i))
				answered += time.Since(start)
				for left := 1; left > 0; {
					var err error
					if _, left, err = c.Recompute(context.Background(), 1000); err != nil {
						b.Fatal(err)
					}
				}
				whole += time.Since(start)
				if e, err := c.Entity(context.Background(), "svc", fmt.Sprintf("service-%d", n-1)); err != nil || e.Properties["badge"] != fmt.Sprintf("go/t%d", i) {
					b.Fatalf("the last one: %v, %v", e.Properties, err)
				}
			}
			b.ReportMetric(float64(answered.Milliseconds())/float64(b.N), "ms-to-answer")
			b.ReportMetric(float64(whole.Milliseconds())/float64(b.N), "ms-to-end")
		})
	}
}
