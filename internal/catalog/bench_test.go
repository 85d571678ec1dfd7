package catalog_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sphera/internal/catalog"
	"sphera/internal/catalog/catalogtest"
)

// BenchmarkCatalog measures the table of docs/performance.md on catalogs of
// growing size and on both engines. Times are of single calls, one after the
// other, by percentile; each says the load of the machine.
func BenchmarkCatalog(b *testing.B) {
	for _, n := range catalogtest.Sizes() {
		for _, engine := range []string{"sqlite", "postgres"} {
			b.Run(fmt.Sprintf("%s-%d", engine, n), func(b *testing.B) {
				w := catalogtest.Open(b, engine, n)
				if w.Loaded > 0 {
					b.Logf("loaded at %.0f entities/s, load %.1f", float64(n)/w.Loaded.Seconds(), catalogtest.Load())
				}
				b.Run("get", func(b *testing.B) { benchGet(b, w) })
				b.Run("list", func(b *testing.B) { benchList(b, w) })
				b.Run("type", func(b *testing.B) { benchType(b, w) })
				b.Run("graph", func(b *testing.B) { benchGraph(b, w) })
				b.Run("mirror-1000", func(b *testing.B) { benchMirror(b, w) })
				b.Run("write", func(b *testing.B) { benchWrite(b, w) })
				b.Run("bulk", func(b *testing.B) { benchBulk(b, w) })
				b.Run("beside-a-bulk", func(b *testing.B) { benchBeside(b, w) })
			})
		}
	}
}

// any picks entities as people look at them: anything.
func anyOf(w *catalogtest.World, random *rand.Rand) (blueprint, identifier string) {
	order := w.Data.Order()
	blueprint = order[random.IntN(len(order))]
	return blueprint, w.Data.Name(blueprint, random.IntN(w.Data.Count(blueprint)))
}

func benchGet(b *testing.B, w *catalogtest.World) {
	random := rand.New(rand.NewPCG(1, 1))
	var t catalogtest.Times
	for b.Loop() {
		for range 500 {
			blueprint, identifier := anyOf(w, random)
			t.Do(b, blueprint+"/"+identifier, func() error { _, err := w.Entity(context.Background(), blueprint, identifier); return err })
		}
	}
	t.Report(b)
}

func benchList(b *testing.B, w *catalogtest.World) {
	for name, q := range listQueries() {
		b.Run(name, func(b *testing.B) {
			var t catalogtest.Times
			for b.Loop() {
				for range 40 {
					t.Do(b, name, func() error { _, err := w.Search(context.Background(), q); return err })
				}
			}
			t.Report(b)
		})
	}
}

func benchType(b *testing.B, w *catalogtest.World) {
	for kind, list := range typed(w.Data) {
		b.Run(kind, func(b *testing.B) {
			var t catalogtest.Times
			for b.Loop() {
				for _, text := range list {
					t.Do(b, strconv.Quote(text), func() error {
						_, err := w.Find(context.Background(), text, catalog.FindOptions{Teams: []string{w.Data.Name("team", 0)}})
						return err
					})
				}
			}
			t.Report(b)
		})
	}
}

// typed is what goes through the search box: the letters of titles one after
// the other, words in another order, parts of words, misspellings, and what
// nothing has.
func typed(d *catalogtest.Data) map[string][]string {
	out := map[string][]string{}
	for k, blueprint := range []string{"service", "package", "system", "api", "resource", "team", "domain", "incident"} {
		for i := range 8 {
			title := d.Title(blueprint, (i*7919+k)%d.Count(blueprint))
			for n := 1; n <= len(title) && n <= 24; n++ {
				out["letters"] = append(out["letters"], title[:n])
			}
			words := strings.Fields(title)
			first, last := words[0], words[len(words)-1]
			out["words"] = append(out["words"], last, first, last+" "+first)
			out["parts"] = append(out["parts"], last[min(2, len(last)-1):], first[min(1, len(first)-1):])
			if len(title) > 6 {
				out["misspelled"] = append(out["misspelled"], title[:3]+title[4:5]+title[3:4]+title[5:], title[:2]+title[3:], strings.ReplaceAll(strings.ToLower(title), "er", "re"))
			}
			out["nothing"] = append(out["nothing"], "qwxz"+strconv.Itoa(i), first+" qwxzq", "zzqy kkwj", "unfindablething")
		}
	}
	return out
}

func benchGraph(b *testing.B, w *catalogtest.World) {
	for name, ask := range map[string]func(blueprint, identifier string) error{
		"depth-3-200-nodes": func(blueprint, identifier string) error {
			_, err := w.Graph(context.Background(), blueprint, identifier, catalog.GraphOptions{Depth: 3, Limit: 200})
			return err
		},
		"expand": func(blueprint, identifier string) error {
			_, err := w.Graph(context.Background(), blueprint, identifier, catalog.GraphOptions{Expand: catalog.Ref(blueprint, identifier)})
			return err
		},
		"path": func(blueprint, identifier string) error {
			_, err := w.Path(context.Background(), catalog.Ref(blueprint, identifier), catalog.Ref("service", w.Data.Name("service", 77)))
			return err
		},
		"impact": func(blueprint, identifier string) error {
			_, err := w.Impact(context.Background(), blueprint, identifier, 200)
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			random := rand.New(rand.NewPCG(2, 2))
			var t catalogtest.Times
			for b.Loop() {
				for range 50 {
					blueprint, identifier := anyOf(w, random)
					t.Do(b, blueprint+"/"+identifier, func() error { return ask(blueprint, identifier) })
				}
			}
			t.Report(b)
		})
	}
}

// benchMirror changes what 1,000 other entities mirror.
func benchMirror(b *testing.B, w *catalogtest.World) {
	var t catalogtest.Times
	for b.Loop() {
		for range 3 {
			chat := fmt.Sprintf("#chat-%d", time.Now().UnixNano())
			t.Do(b, "patch", func() error {
				_, err := w.PatchEntity(context.Background(), "team", w.Data.Name("team", 0), catalog.NewEntity{Properties: map[string]any{"chat": chat}}, catalog.Write{By: "bench"})
				return err
			})
		}
	}
	t.Report(b)
	e, err := w.Entity(context.Background(), "package", w.Data.Name("package", catalogtest.Hub-1))
	if err != nil {
		b.Fatal(err)
	}
	if raw, err := json.Marshal(e.Properties["maintainerChat"]); err != nil || !strings.Contains(string(raw), "#chat-") {
		b.Errorf("the last of them mirrors %s (%v)", raw, err)
	}
}

// benchWrite changes single entities that few others look at.
func benchWrite(b *testing.B, w *catalogtest.World) {
	random := rand.New(rand.NewPCG(3, 3))
	version := int(time.Now().Unix() % 1e6)
	var t catalogtest.Times
	for b.Loop() {
		for range 50 {
			version++
			i := random.IntN(w.Data.Count("service"))
			t.Do(b, "put", func() error {
				_, _, err := w.PutEntity(context.Background(), "service", w.Data.Entity("service", i, version), catalog.Write{Upsert: true, By: "bench"})
				return err
			})
		}
	}
	t.Report(b)
}

// bulk is what one round of a bulk upsert writes: of everything a part.
func bulk(b *testing.B, w *catalogtest.World, version int) int {
	b.Helper()
	n := 0
	for _, blueprint := range []string{"package", "service", "api", "resource", "deployment", "incident"} {
		to := min(2*catalogtest.Batch, w.Data.Count(blueprint))
		if err := w.Data.Write(context.Background(), w.Catalog, blueprint, 0, to, version); err != nil {
			b.Fatal(err)
		}
		n += to
	}
	return n
}

func benchBulk(b *testing.B, w *catalogtest.World) {
	version := int(time.Now().Unix() % 1e6)
	b.Run("changed", func(b *testing.B) {
		n := 0
		for b.Loop() {
			version++
			n += bulk(b, w, version)
		}
		rate(b, n)
	})
	b.Run("unchanged", func(b *testing.B) {
		bulk(b, w, version)
		before := states(b, w)
		b.ResetTimer()
		n := 0
		for b.Loop() {
			n += bulk(b, w, version)
		}
		rate(b, n)
		if after := states(b, w); after != before {
			b.Errorf("%d states were written of what did not change", after-before)
		}
	})
}

func rate(b *testing.B, n int) {
	b.Helper()
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "entities/s")
	b.ReportMetric(catalogtest.Load(), "load")
}

// states is how many states of entities are kept.
func states(b *testing.B, w *catalogtest.World) int {
	b.Helper()
	var n int
	if err := w.DB.Read().QueryRowContext(context.Background(), "SELECT COALESCE(MAX(id), 0) FROM entity_versions").Scan(&n); err != nil {
		b.Fatal(err)
	}
	return n
}

// benchBeside measures what people do while entities are written without
// pause.
func benchBeside(b *testing.B, w *catalogtest.World) {
	stop := make(chan struct{})
	var writer sync.WaitGroup
	written := 0
	version := int(time.Now().Unix() % 1e6)
	began := time.Now()
	writer.Go(func() {
		for {
			version++
			written += bulk(b, w, version)
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	var t catalogtest.Times
	random := rand.New(rand.NewPCG(4, 4))
	texts := typed(w.Data)["letters"]
	lists := listQueries()
	for b.Loop() {
		for i := range 20 {
			blueprint, identifier := anyOf(w, random)
			t.Do(b, "get", func() error { _, err := w.Entity(context.Background(), blueprint, identifier); return err })
			t.Do(b, "find", func() error {
				_, err := w.Find(context.Background(), texts[random.IntN(len(texts))], catalog.FindOptions{})
				return err
			})
			t.Do(b, "list", func() error { _, err := w.Search(context.Background(), lists["3-filters-sorted"]); return err })
			if i%5 == 0 {
				version := int(time.Now().UnixMilli() % 1e6)
				t.Do(b, "write", func() error {
					_, _, err := w.PutEntity(context.Background(), "domain", w.Data.Entity("domain", 3, version), catalog.Write{Upsert: true, By: "bench"})
					return err
				})
			}
		}
	}
	close(stop)
	writer.Wait()
	t.Report(b)
	b.ReportMetric(float64(written)/time.Since(began).Seconds(), "entities/s")
}

func listQueries() map[string]catalog.Query {
	rules := []catalog.Rule{{Property: "language", Operator: "=", Value: "java"}, {Property: "tier", Operator: "=", Value: "silver"}, {Property: "coverage", Operator: ">=", Value: 300.0}}
	return map[string]catalog.Query{
		"first-page":       {Blueprint: "service", Limit: 50},
		"3-filters-sorted": {Blueprint: "service", Rules: rules, Sort: "coverage", Desc: true, Limit: 50},
		"3-filters-facets": {Blueprint: "service", Rules: rules, Sort: "coverage", Desc: true, Limit: 50, Facets: []string{"public", "tier", "lifecycle"}},
		"all-facets":       {Blueprint: "service", Limit: 50, Facets: []string{"public", "tier", "lifecycle"}},
		"text":             {Blueprint: "service", Text: "payment", Limit: 50},
		"team":             {Blueprint: "service", Rules: []catalog.Rule{{Property: "$team", Operator: "=", Value: "refund-intake-team"}}, Limit: 50},
	}
}
