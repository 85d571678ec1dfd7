package catalog_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"testing"

	"sphera/internal/catalog"
	"sphera/internal/fault"
	"sphera/internal/store"
)

func fuzzCatalog(f *testing.F) *fixture {
	f.Helper()
	db, err := store.Open(context.Background(), filepath.Join(f.TempDir(), "fuzz.db"), slog.New(slog.DiscardHandler))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := db.Close(); err != nil {
			f.Error(err)
		}
	})
	if err := db.Migrate(context.Background()); err != nil {
		f.Fatal(err)
	}
	return newFixture(f, db)
}

// FuzzSearchRules: whatever is asked, the answer is a page or a fault that
// names the field; never an error of the database.
func FuzzSearchRules(f *testing.F) {
	c := fuzzCatalog(f)
	searchable(c)
	for _, operator := range catalog.Operators() {
		for _, property := range []string{"lang", "score", "live", "tags", "seen", "owner", "$team", "$title", "a'b", "meta"} {
			f.Add(property, operator, `"x"`, "text", "score")
		}
	}
	f.Add("score", "in", `[1,2,-0.0,1e308]`, "%_!'\"", "na-me=@1")
	f.Add("seen", ">", `"9999-12-31T23:59:59.999999999-23:59"`, "\x00", "$title")
	f.Fuzz(func(t *testing.T, property, operator, value, text, sort string) {
		var v any
		if json.Unmarshal([]byte(value), &v) != nil {
			v = value
		}
		q := catalog.Query{Blueprint: "svc", Text: text, Sort: sort, Rules: []catalog.Rule{{Property: property, Operator: operator, Value: v}}, From: text}
		for _, from := range []string{"", text} {
			q.From = from
			if _, err := c.Search(context.Background(), q); err != nil {
				if _, ok := fault.As(err); !ok {
					t.Fatalf("%+v: %v", q, err)
				}
			}
		}
		if _, err := c.Find(context.Background(), text, catalog.FindOptions{Limit: 5}); err != nil {
			t.Fatalf("find %q: %v", text, err)
		}
	})
}
