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

// FuzzImport: whatever is in a file, the importer reports or refuses with a
// place in that file; it never fails inside, and what it would take can be
// exported.
func FuzzImport(f *testing.F) {
	c := fuzzCatalog(f)
	for _, file := range append(modelFiles(f), extensionFiles(f)...) {
		f.Add(file.Name, file.Content)
	}
	c.load(modelFiles(f))
	f.Add("x.component.json", []byte("{“identifier”: “a\\u0000”, \"properties\": {\"type\": \"service\"}}"))
	f.Add("x.json", []byte(`[{"identifier":"B","title":"B","schema":{"properties":{"p":{"type":"array","items":{"type":"string","pattern":"("}}},"required":["p"]},"relations":{"r":{"target":"B","many":true}}},{"identifier":"b","blueprint":"B","properties":{"p":["x"]},"relations":{"r":["b"]}}]`))
	f.Fuzz(func(t *testing.T, name string, content []byte) {
		report, err := c.Import(context.Background(), []catalog.ImportFile{{Name: name, Content: content}}, catalog.ImportOptions{DryRun: true, By: "fuzz"})
		if err != nil {
			if _, ok := fault.As(err); !ok {
				t.Fatalf("%q: %v", content, err)
			}
			return
		}
		for _, finding := range append(report.Refusals, report.Repairs...) {
			if finding.File != name || finding.Line < 1 || finding.Column < 1 || finding.Problem == "" || finding.Done == "" {
				t.Fatalf("%q: finding without place or words: %+v", content, finding)
			}
		}
		if len(report.Refusals) == 0 && len(report.Blueprints)+len(report.Entities) == 0 && string(content) != "" && !emptyList(content) {
			t.Fatalf("%q: neither taken nor refused", content)
		}
	})
}

func emptyList(content []byte) bool {
	var list []any
	return json.Unmarshal(content, &list) == nil && len(list) == 0 || string(content[:min(3, len(content))]) == "\ufeff"
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
