package textindex_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sphera/internal/catalog/catalogtest"
	"sphera/internal/catalog/textindex"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

// sizes are the catalogs that are measured: SPHERA_BENCH=full takes minutes.
func sizes() []int {
	if os.Getenv("SPHERA_BENCH") == "full" {
		return []int{10_000, 100_000, 500_000}
	}
	return []int{10_000, 100_000}
}

// BenchmarkType measures each letter of names typed into the search box: the
// beginnings of a hundred titles, then the same misspelled, then words that
// nothing has, on catalogs of growing size.
func BenchmarkType(b *testing.B) {
	for _, n := range sizes() {
		for _, engine := range []string{"sqlite", "postgres"} {
			b.Run(fmt.Sprintf("%s-%d", engine, n), func(b *testing.B) {
				url := storetest.SQLite(b)
				if engine == "postgres" {
					url = storetest.Postgres(b)
				}
				db := storetest.Open(b, url)
				d := catalogtest.New(1, n)
				x := textindex.New(db)
				b.ReportMetric(fill(b, db, x, d), "indexed/s")
				for kind, list := range questions(d) {
					b.Run(kind, func(b *testing.B) { ask(b, x, list) })
				}
			})
		}
	}
}

func ask(b *testing.B, x *textindex.Index, list []string) {
	b.Helper()
	type one struct {
		took time.Duration
		text string
	}
	var all []one
	for b.Loop() {
		for _, text := range list {
			began := time.Now()
			if _, err := x.Find(context.Background(), textindex.Find{Text: text, Teams: []string{"payment-core-team"}, Now: time.Now()}); err != nil {
				b.Fatal(err)
			}
			all = append(all, one{time.Since(began), text})
		}
	}
	slices.SortFunc(all, func(a, b one) int { return int(a.took - b.took) })
	ms := func(part float64) float64 {
		return float64(all[int(part*float64(len(all)-1))].took.Microseconds()) / 1000
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(ms(0.5), "ms-p50")
	b.ReportMetric(ms(0.95), "ms-p95")
	b.ReportMetric(ms(0.99), "ms-p99")
	for _, slow := range all[len(all)-min(5, len(all)):] {
		b.Logf("slow: %v %q", slow.took, slow.text)
	}
}

func questions(d *catalogtest.Data) map[string][]string {
	out := map[string][]string{}
	for k, blueprint := range []string{"service", "package", "system", "api", "resource", "team", "domain", "incident"} {
		for i := range 12 {
			title := d.Title(blueprint, (i*7919+k)%d.Count(blueprint))
			for n := 1; n <= len(title) && n <= 24; n++ {
				out["letters"] = append(out["letters"], title[:n])
			}
			words := strings.Fields(title)
			last := words[len(words)-1]
			out["words"] = append(out["words"], last, words[0], last+" "+words[0])
			if len(title) > 6 {
				swapped := title[:3] + title[4:5] + title[3:4] + title[5:]
				out["misspelled"] = append(out["misspelled"], swapped, title[:2]+title[3:], strings.ReplaceAll(strings.ToLower(title), "er", "re"))
			}
			out["nothing"] = append(out["nothing"], "qwxz"+strconv.Itoa(i), words[0]+" qwxzq", "zzqy kkwj", "unfindablething")
			out["parts"] = append(out["parts"], last[min(2, len(last)-1):], words[0][min(1, len(words[0])-1):])
		}
	}
	return out
}

// fill writes the rows that search reads and the index, without the rest of
// the catalog, and says how many documents a second the index took alone.
func fill(b *testing.B, db *store.DB, x *textindex.Index, d *catalogtest.Data) float64 {
	b.Helper()
	ctx := context.Background()
	var indexing time.Duration
	id := int64(0)
	for _, blueprint := range d.Order() {
		if err := db.Tx(ctx, func(tx *store.Tx) error {
			_, err := tx.ExecContext(ctx, "INSERT INTO blueprints (identifier, doc, created_at, updated_at, created_by, updated_by) VALUES ($1, '{}', 0, 0, '', '')", blueprint)
			return err
		}); err != nil {
			b.Fatal(err)
		}
		for from := 0; from < d.Count(blueprint); from += 500 {
			var docs []textindex.Doc
			var query strings.Builder
			var args []any
			query.WriteString("INSERT INTO entities (id, blueprint, identifier, title, title_fold, icon, team, properties, created_at, updated_at, created_by, updated_by) ")
			if db.Dialect == store.Postgres {
				query.WriteString("OVERRIDING SYSTEM VALUE ")
			}
			query.WriteString("VALUES ")
			for i := from; i < min(from+500, d.Count(blueprint)); i++ {
				e := d.Entity(blueprint, i, 0)
				id++
				var body strings.Builder
				for _, v := range e.Properties {
					if s, ok := v.(string); ok {
						body.WriteString(s + "\n")
					}
				}
				team := strings.Trim(string(e.Team), `"`)
				docs = append(docs, textindex.Doc{ID: id, Blueprint: blueprint, Identifier: e.Identifier, Title: e.Title, Body: body.String(), Teams: []string{team}})
				if i > from {
					query.WriteByte(',')
				}
				k := len(args)
				fmt.Fprintf(&query, "($%d, $%d, $%d, $%d, $%d, '', $%d, '{}', 0, %d, '', '')", k+1, k+2, k+3, k+4, k+5, k+6, id*1000)
				args = append(args, id, blueprint, e.Identifier, e.Title, strings.ToLower(e.Title), `["`+team+`"]`)
			}
			if err := db.Tx(ctx, func(tx *store.Tx) error {
				if _, err := tx.ExecContext(ctx, query.String(), args...); err != nil {
					return err
				}
				began := time.Now()
				defer func() { indexing += time.Since(began) }()
				return x.Put(ctx, tx, docs)
			}); err != nil {
				b.Fatal(err)
			}
		}
	}
	if db.Dialect == store.Postgres {
		if err := db.Tx(ctx, func(tx *store.Tx) error { _, err := tx.ExecContext(ctx, "ANALYZE"); return err }); err != nil {
			b.Fatal(err)
		}
	}
	return float64(id) / indexing.Seconds()
}
