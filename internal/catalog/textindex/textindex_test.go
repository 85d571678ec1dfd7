package textindex_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"sphera/internal/catalog/textindex"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

// shelf is a database with entity rows as search reads them.
type shelf struct {
	*textindex.Index
	db *store.DB
	t  *testing.T
}

func eachShelf(t *testing.T, test func(t *testing.T, s *shelf)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := &shelf{textindex.New(db), db, t}
		for _, blueprint := range []string{"service", "domain", "deployment"} {
			s.exec("INSERT INTO blueprints (identifier, doc, created_at, updated_at, created_by, updated_by) VALUES ($1, '{}', 0, 0, '', '')", blueprint)
		}
		test(t, s)
	})
}

func (s *shelf) tx(f func(ctx context.Context, tx *store.Tx) error) {
	s.t.Helper()
	if err := s.db.Tx(context.Background(), func(tx *store.Tx) error { return f(context.Background(), tx) }); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shelf) exec(query string, args ...any) {
	s.t.Helper()
	s.tx(func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, query, args...)
		return err
	})
}

func (s *shelf) put(docs ...textindex.Doc) {
	s.t.Helper()
	s.tx(func(ctx context.Context, tx *store.Tx) error {
		over := ""
		if tx.Dialect == store.Postgres {
			over = "OVERRIDING SYSTEM VALUE "
		}
		for _, d := range docs {
			team, err := json.Marshal(append([]string{}, d.Teams...))
			if err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, "INSERT INTO entities (id, blueprint, identifier, title, title_fold, icon, team, properties, created_at, updated_at, created_by, updated_by) "+over+
				"VALUES ($1, $2, $3, $4, $5, '', $6, '{}', 0, $7, '', '')", d.ID, d.Blueprint, d.Identifier, d.Title, strings.ToLower(d.Title), string(team), 1_000_000+d.ID*86_400_000); err != nil {
				return err
			}
		}
		return s.Put(ctx, tx, docs)
	})
}

func (s *shelf) find(f textindex.Find) string {
	s.t.Helper()
	f.Now = time.UnixMilli(100 * 86_400_000)
	hits, err := s.Find(context.Background(), f)
	if err != nil {
		s.t.Fatalf("%q: %v", f.Text, err)
	}
	var out []string
	for _, h := range hits {
		out = append(out, h.Identifier)
	}
	return strings.Join(out, " ")
}

func (s *shelf) finds(text, want string) {
	s.t.Helper()
	if got := s.find(textindex.Find{Text: text}); got != want {
		s.t.Errorf("%q finds %q, want %q", text, got, want)
	}
}

// Searches that other portals were reported to miss.
func TestPain17_ObviousHits(t *testing.T) {
	eachShelf(t, func(t *testing.T, s *shelf) {
		s.put(textindex.Doc{ID: 1, Blueprint: "service", Identifier: "abacus", Title: "Abacus"},
			textindex.Doc{ID: 2, Blueprint: "service", Identifier: "petstore", Title: "petstore"},
			textindex.Doc{ID: 3, Blueprint: "service", Identifier: "svc-3", Title: "CartService", Body: "Keeps what is in the basket"},
			textindex.Doc{ID: 4, Blueprint: "domain", Identifier: "menu", Title: "Crème brûlée"})
		for text, want := range map[string]string{
			"abac": "abacus", "store": "petstore", "cs": "svc-3", "crt-svc": "svc-3", "service cart": "svc-3", "cartservice": "svc-3", "basket": "svc-3", "baskte": "svc-3", "asket": "svc-3",
			"creme brulee": "menu", "BRÛLÉE": "menu", "abcaus": "abacus", "ptestore": "petstore", "a": "abacus", "ab": "abacus", "": "", "\x00": "", "zzz": "", "cart zzz": "",
		} {
			s.finds(text, want)
		}
	})
}

func TestRanking(t *testing.T) {
	eachShelf(t, func(t *testing.T, s *shelf) {
		s.put(textindex.Doc{ID: 1, Blueprint: "deployment", Identifier: "d1", Title: "Cart to production"},
			textindex.Doc{ID: 2, Blueprint: "service", Identifier: "cartographer", Title: "Cartographer"},
			textindex.Doc{ID: 3, Blueprint: "service", Identifier: "mini", Title: "Mini Cart", Teams: []string{"red"}},
			textindex.Doc{ID: 4, Blueprint: "service", Identifier: "maxi", Title: "Maxi Cart"},
			textindex.Doc{ID: 5, Blueprint: "service", Identifier: "cart-x", Title: "Something"},
			textindex.Doc{ID: 6, Blueprint: "service", Identifier: "other", Title: "Other", Body: "talks to the cart"},
			textindex.Doc{ID: 7, Blueprint: "domain", Identifier: "cart", Title: "Cart"},
			textindex.Doc{ID: 8, Blueprint: "service", Identifier: "descartes", Title: "Descartes"})
		// The whole name; then the word in a title (the newer of two alike first),
		// in an identifier; then the beginning of a word, a part, a property.
		s.finds("cart", "cart d1 maxi mini cart-x cartographer descartes other")
		if got := s.find(textindex.Find{Text: "cart", Teams: []string{"red"}, Limit: 4}); got != "cart d1 mini maxi" {
			t.Errorf("own team: %q", got)
		}
		if got := s.find(textindex.Find{Text: "cart", Blueprints: []string{"domain", "deployment"}}); got != "cart d1" {
			t.Errorf("of two blueprints: %q", got)
		}
		if got := s.find(textindex.Find{Text: "card", Blueprints: []string{"domain"}}); got != "cart" {
			t.Errorf("misspelled, of one blueprint: %q", got)
		}
	})
}

// The index follows what is written, and what is not there yet is not found.
func TestIndexFollows(t *testing.T) {
	eachShelf(t, func(t *testing.T, s *shelf) {
		doc := textindex.Doc{ID: 1, Blueprint: "service", Identifier: "one", Title: "Alpha", Body: "first"}
		s.put(doc, textindex.Doc{ID: 2, Blueprint: "service", Identifier: "two", Title: "Alpha Two"})
		doc.Title, doc.Body = "Omega", "second"
		s.exec("UPDATE entities SET title = 'Omega', title_fold = 'omega' WHERE id = 1")
		s.tx(func(ctx context.Context, tx *store.Tx) error { return s.Put(ctx, tx, []textindex.Doc{doc}) })
		s.finds("alpha", "two")
		s.finds("first", "")
		s.finds("omega second", "one")
		s.exec("UPDATE entities SET pending = 7 WHERE id = 1")
		s.finds("omega", "")
		s.finds("second", "")
		s.exec("UPDATE entities SET pending = 0 WHERE id = 1")
		s.exec("DELETE FROM entities WHERE id = 2")
		s.finds("alpha", "")
		s.tx(func(ctx context.Context, tx *store.Tx) error { return s.Remove(ctx, tx, []int64{1}) })
		s.finds("second", "")
		var rows int
		if err := s.db.Read().QueryRowContext(context.Background(), "SELECT COUNT(*) FROM text_docs").Scan(&rows); err != nil || rows != 0 {
			t.Errorf("%d rows are left in the index (%v)", rows, err)
		}
	})
}

// What fails leaves nothing: neither text nor words that are taken for known.
func TestRollbackForgets(t *testing.T) {
	eachShelf(t, func(t *testing.T, s *shelf) {
		doc := textindex.Doc{ID: 1, Blueprint: "service", Identifier: "one", Title: "Zanzibar"}
		err := s.db.Tx(context.Background(), func(tx *store.Tx) error {
			if err := s.Put(context.Background(), tx, []textindex.Doc{{ID: 9, Blueprint: "service", Title: "Zanzibar"}}); err != nil && tx.Dialect == store.SQLite {
				return err
			}
			return fmt.Errorf("no")
		})
		if err == nil {
			t.Fatal("want an error")
		}
		s.put(doc)
		s.finds("anzi", "one")
		s.finds("zanizbar", "one")
	})
}

func TestWhere(t *testing.T) {
	eachShelf(t, func(t *testing.T, s *shelf) {
		s.put(textindex.Doc{ID: 1, Blueprint: "service", Identifier: "one", Title: "Cart One"}, textindex.Doc{ID: 2, Blueprint: "service", Identifier: "two", Title: "Mini Carts"},
			textindex.Doc{ID: 3, Blueprint: "domain", Identifier: "cart", Title: "Cart"}, textindex.Doc{ID: 4, Blueprint: "service", Identifier: "three", Title: "Other"})
		for text, want := range map[string]int{"cart": 2, "cart one": 1, "crat": 1, "arts": 1, "": 3, " ": 3, "??": 0, "nothing": 0, `" OR *`: 0} {
			args := []any{"service"}
			where, err := s.Where(context.Background(), text, "service", func(v any) string { args = append(args, v); return fmt.Sprintf("$%d", len(args)) })
			if err != nil {
				t.Fatal(err)
			}
			if where != "" {
				where = " AND " + where
			}
			var n int
			if err := s.db.Read().QueryRowContext(context.Background(), "SELECT COUNT(*) FROM entities e WHERE e.blueprint = $1"+where, args...).Scan(&n); err != nil || n != want {
				t.Errorf("%q: %d rows, want %d (%v)", text, n, want, err)
			}
		}
	})
}

// Text that means something to one of the engines is text.
func TestL1_HostileText(t *testing.T) {
	eachShelf(t, func(t *testing.T, s *shelf) {
		s.put(textindex.Doc{ID: 1, Blueprint: "service", Identifier: "x", Title: `a" OR b* {name} : NEAR(c) 'd' & e | !f <-> (g)`, Teams: []string{`t" OR x`}})
		for _, text := range []string{`"`, `a" OR "b`, "a*", "NEAR(a b)", "{name}: a", "-a", "a AND", "'; DROP TABLE entities; --", "a & b", "!a", "a:*", "(", "\\", "a\x00b", "\xff\xfe", strings.Repeat("a ", 500), strings.Repeat("x", 5000), "%", "_", "🎉"} {
			s.find(textindex.Find{Text: text, Teams: []string{`" OR`, "'"}})
		}
		s.finds("near and or not", "")
		s.finds("near", "x")
	})
}

func FuzzFind(f *testing.F) {
	for _, seed := range []string{"cart service", `a" OR b`, "São*", "NEAR(", "'x' & y", "\x00", "crt-svc"} {
		f.Add(seed)
	}
	db := storetest.Open(f, storetest.SQLite(f))
	x := textindex.New(db)
	f.Fuzz(func(t *testing.T, text string) {
		err := db.Tx(context.Background(), func(tx *store.Tx) error {
			return x.Put(context.Background(), tx, []textindex.Doc{{ID: 1, Blueprint: text, Identifier: text, Title: text, Body: text, Teams: []string{text}}})
		})
		if err != nil {
			t.Fatalf("put %q: %v", text, err)
		}
		if _, err := x.Find(context.Background(), textindex.Find{Text: text, Teams: []string{text}, Blueprints: []string{text}}); err != nil {
			t.Fatalf("find %q: %v", text, err)
		}
	})
}
