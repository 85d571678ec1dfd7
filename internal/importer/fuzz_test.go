package importer_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"testing"

	"sphera/internal/catalog"
	"sphera/internal/fault"
	"sphera/internal/importer"
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
		report, err := c.Import(context.Background(), []catalog.ImportFile{{Name: name, Content: content}}, importer.Options{DryRun: true, By: "fuzz"})
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
