package catalog_test

import (
	"context"
	"testing"

	"sphera/demo"
	"sphera/internal/catalog"
	"sphera/internal/importer"
)

func modelFiles(t testing.TB) []catalog.ImportFile {
	t.Helper()
	files, err := demo.Model()
	return importFiles(t, files, err)
}

func extensionFiles(t testing.TB) []catalog.ImportFile {
	t.Helper()
	files, err := demo.Extensions()
	return importFiles(t, files, err)
}

func catalogueFiles(t testing.TB) []catalog.ImportFile {
	t.Helper()
	files, err := demo.Catalogue()
	return importFiles(t, files, err)
}

func importFiles(t testing.TB, files []demo.File, err error) []catalog.ImportFile {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	var out []catalog.ImportFile
	for _, f := range files {
		out = append(out, catalog.ImportFile{Name: f.Name, Content: f.Content})
	}
	return out
}

// load imports files, which must all be right.
func (f *fixture) load(files []catalog.ImportFile) {
	f.t.Helper()
	report, err := importer.New(f.Catalog).Import(context.Background(), files, importer.Options{By: "dana"})
	if err != nil {
		f.t.Fatalf("import: %v %+v", err, details(err))
	}
	if !report.Applied {
		f.t.Fatalf("import refused: %s %+v", report.Summary, report.Refusals)
	}
}
