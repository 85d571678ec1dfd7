package importer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sphera/demo"
	"sphera/internal/catalog"
	"sphera/internal/fault"
	"sphera/internal/importer"
)

var update = flag.Bool("update", false, "write the golden files anew")

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

func scorecardFiles(t testing.TB) []catalog.ImportFile {
	t.Helper()
	files, err := demo.Scorecards()
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

func (f *fixture) load(files []catalog.ImportFile) catalog.Report {
	f.t.Helper()
	report, err := f.Import(context.Background(), files, importer.Options{By: "dana"})
	if err != nil {
		f.t.Fatalf("import: %v %+v", err, details(err))
	}
	if !report.Applied {
		f.t.Fatalf("import refused: %s\n%s", report.Summary, reportText(report))
	}
	return report
}

// reportText is a report as the command prints it.
func reportText(r catalog.Report) string {
	var b strings.Builder
	fmt.Fprintln(&b, r.Summary)
	for _, item := range r.Blueprints {
		fmt.Fprintf(&b, "%s blueprint %s (%s)\n", item.Verb, item.Identifier, item.File)
	}
	for _, item := range r.Entities {
		fmt.Fprintf(&b, "%s %s/%s (%s)\n", item.Verb, item.Blueprint, item.Identifier, item.File)
	}
	for _, part := range []struct {
		name string
		list []catalog.Finding
	}{{"repaired", r.Repairs}, {"refused", r.Refusals}} {
		for _, f := range part.list {
			fmt.Fprintf(&b, "%s %s:%d:%d %s %s -> %s\n", part.name, f.File, f.Line, f.Column, f.Path, f.Problem, f.Done)
		}
	}
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("differs from %s (-update writes it):\n%s", path, got)
	}
}

// The user's own model: five blueprints, nine entities, repaired where that is
// unambiguous, and each repair with its place.
func TestImport_SeedModel(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		ctx := context.Background()
		dry, err := c.Import(ctx, modelFiles(t), importer.Options{DryRun: true, By: "dana"})
		if err != nil {
			t.Fatal(err)
		}
		if blueprints, err := c.Blueprints(ctx); err != nil || len(blueprints) != 0 {
			t.Fatalf("a dry run saved %d blueprints (%v)", len(blueprints), err)
		}
		golden(t, "seed-dry-run.txt", reportText(dry))
		golden(t, "seed-import.txt", reportText(c.load(modelFiles(t))))

		blueprints, err := c.Blueprints(ctx)
		if err != nil {
			t.Fatal(err)
		}
		counts := map[string]int{}
		for _, b := range blueprints {
			counts[b.Identifier] = b.EntityCount
		}
		if got, want := compact(t, counts), `{"API":1,"Component":4,"Domain":1,"Resource":1,"System":2}`; got != want {
			t.Errorf("counts %s, want %s", got, want)
		}
		service, err := c.Entity(ctx, "Component", "CartService")
		if err != nil {
			t.Fatal(err)
		}
		if got, want := compact(t, service.Relations), `{"components":["CorePaymentLibrary","CoreKafkaLibrary"],"consumesApi":[],"providesApi":null,"resources":["cart-sql-sb"],"system":"Cart"}`; got != want {
			t.Errorf("relations\n got %s\nwant %s", got, want)
		}
		again := c.load(modelFiles(t))
		for _, item := range append(again.Blueprints, again.Entities...) {
			if item.Verb != "unchanged" {
				t.Errorf("second import: %s %s is %s", item.Blueprint, item.Identifier, item.Verb)
			}
		}
		imports := 0
		for _, event := range c.events("catalog") {
			if event.Verb == "catalog.import" {
				imports++
			}
		}
		if imports != 1 {
			t.Errorf("%d import events, want 1: an import that changes nothing leaves no trace", imports)
		}
	})
}

// The demo's extensions lie over the model; importing the model again after
// them takes nothing away.
func TestImport_ExtensionsThenModelAgain(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		ctx := context.Background()
		c.load(modelFiles(t))
		c.load(extensionFiles(t))
		first, err := c.Export(ctx)
		if err != nil {
			t.Fatal(err)
		}
		c.load(modelFiles(t))
		c.load(extensionFiles(t))
		second, err := c.Export(ctx)
		if err != nil {
			t.Fatal(err)
		}
		sameFiles(t, first, second)
		service, err := c.Entity(ctx, "Component", "CartService")
		if err != nil {
			t.Fatal(err)
		}
		if compact(t, service.Team) != `["checkout"]` || service.Properties["language"] != "go" {
			t.Errorf("extension missing: %+v", service)
		}
		page, err := c.Search(ctx, catalog.Query{Blueprint: "Environment", Rules: []catalog.Rule{{Property: "kind", Operator: "=", Value: "production"}}})
		if err != nil || page.Total != 2 {
			t.Errorf("production environments: %d (%v)", page.Total, err)
		}
	})
}

func sameFiles(t *testing.T, a, b []catalog.ImportFile) {
	t.Helper()
	if len(a) != len(b) {
		t.Fatalf("%d files, then %d", len(a), len(b))
	}
	for i := range a {
		if a[i].Name != b[i].Name || !bytes.Equal(a[i].Content, b[i].Content) {
			t.Errorf("file %d differs:\n%s\n%s\n%s\n%s", i, a[i].Name, a[i].Content, b[i].Name, b[i].Content)
		}
	}
}

func TestR48_EveryClassOfTheCatalogueHasData(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		c.load(modelFiles(t))
		c.load(extensionFiles(t))
		c.load(catalogueFiles(t))
		for class, blueprint := range map[string]string{
			"observability": "Monitor", "tasks": "Task", "CI/CD": "Pipeline", "on-call": "OnCallSchedule", "troubleshooting": "Incident",
			"DevSecOps": "Vulnerability", "runbooks": "Runbook", "cloud": "CloudAccount", "Kubernetes": "Cluster",
			"containers and serverless": "Workload", "infrastructure as code": "TerraformWorkspace", "databases": "Database",
			"environments": "Environment", "regions": "Region", "services": "Component", "images": "ContainerImage", "docs": "Document",
			"APIs": "API", "third parties": "ThirdParty", "cron jobs": "CronJob",
		} {
			page, err := c.Search(context.Background(), catalog.Query{Blueprint: blueprint, Limit: 1})
			if err != nil || page.Total < 2 {
				t.Errorf("%s: %d entities of %s, %v", class, page.Total, blueprint, err)
			}
		}
	})
}

// R10: export -> import elsewhere -> export gives the same bytes, also for
// hostile names and values.
func TestR10_ExportImportsByteStable(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		c.load(modelFiles(t))
		c.load(extensionFiles(t))
		c.load(catalogueFiles(t))
		c.load(scorecardFiles(t))
		c.blueprint(`{"identifier":"Odd/..\\x","title":"<Odd> & \"quoted\"","description":"","schema":{"properties":{
			"with-default":{"type":"string","default":"x","x-unknown":{"b":1,"a":[2,null]}},"n":{"type":"number","enum":[1,2.5,1e21],"enumColors":{"1":"red"}},
			"flag":{"type":"boolean","default":false},"o":{"type":"object"},"a":{"type":"array","items":{"type":"string"}}},"required":[]},
			"formulaProperties":{},"relations":{"self":{"target":"Odd/..\\x","many":true,"title":""}}}`)
		for _, doc := range []string{
			`{"identifier":"..x","title":"=HYPERLINK(\"http://evil\")","properties":{"with-default":null,"flag":true,"n":1e21,"o":{"z":1,"a":{"<b>":"&"}},"a":["+1","@x","\t"]}}`,
			`{"identifier":"ÄÖÜ/שלום","title":"emoji 🎉 “quotes”","properties":{},"relations":{"self":["..x","ÄÖÜ/שלום"]}}`,
			`{"identifier":"cart"}`, `{"identifier":"Cart"}`, `{"identifier":"` + strings.Repeat("long", 200) + `"}`,
		} {
			c.must("Odd/..\\x", doc)
		}
		first, err := c.Export(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range first {
			if strings.Contains(f.Name, "..") && strings.Contains(f.Name, "/..") || strings.Contains(f.Name, "\\") || len(filepath.Base(f.Name)) > 200 {
				t.Errorf("unsafe file name %q", f.Name)
			}
		}
		each(t, func(t *testing.T, other *fixture) {
			plan, err := other.Import(context.Background(), first, importer.Options{Replace: true, DryRun: true, By: "dana"})
			if err != nil || len(plan.Refusals) > 0 {
				t.Fatalf("plan: %v %+v", err, plan.Refusals)
			}
			report := other.load(first)
			if len(report.Repairs) > 0 {
				t.Errorf("an export needed repairs: %+v", report.Repairs)
			}
			second, err := other.Export(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			sameFiles(t, first, second)
			again, err := other.Import(context.Background(), second, importer.Options{Replace: true, Prune: true, DryRun: true, By: "dana"})
			if err != nil {
				t.Fatal(err)
			}
			for _, item := range slices.Concat(again.Blueprints, again.Scorecards, again.Entities) {
				if item.Verb != "unchanged" {
					t.Errorf("applying what was exported would %s %s %s", item.Verb, item.Blueprint, item.Identifier)
				}
			}
		})
	})
}

func TestImport_Refusals(t *testing.T) {
	const model = `{"identifier":"Thing","title":"Thing","schema":{"properties":{"size":{"type":"number","maximum":10},"kind":{"type":"string","enum":["a","b"]}},"required":["kind"]},
 "relations":{"parent":{"target":"Thing"},"parts":{"target":"Thing","many":true}}}`
	file := func(name, content string) catalog.ImportFile {
		return catalog.ImportFile{Name: name, Content: []byte(content)}
	}
	cases := []struct {
		name  string
		files []catalog.ImportFile
		want  string // file:line:column and a part of the problem
	}{
		{"duplicate key", []catalog.ImportFile{file("m.json", model), file("x.thing.json", "{\n \"identifier\": \"x\",\n  \"identifier\": \"y\"}")}, `x.thing.json:3:3 has the key "identifier" twice; it is also on line 2, column 2`},
		{"trailing comma", []catalog.ImportFile{file("x.json", "{\"identifier\": \"x\",\n}")}, "x.json:2:1 has '}' where a key is expected"},
		{"comment", []catalog.ImportFile{file("x.json", "{\"identifier\": // no\n \"x\"}")}, "x.json:1:16 has a comment"},
		{"mixed quotes", []catalog.ImportFile{file("x.json", "{“identifier\": \"x\"}")}, "x.json:1:13 has the quote \" inside text that “ opened"},
		{"nested quotes", []catalog.ImportFile{file("x.json", "{\"a\": “say “hi” now”}")}, "x.json:1:12 has the quote “ inside text"},
		{"open text", []catalog.ImportFile{file("x.json", "{\"identifier\": \"x\n}")}, "x.json:1:16 has text that is not closed on its line"},
		{"two values", []catalog.ImportFile{file("x.json", "{} {}")}, "x.json:1:4 goes on after the end"},
		{"not utf-8", []catalog.ImportFile{file("x.json", "{\n\"a\": \"\xff\"}")}, "x.json:2:7 is not UTF-8"},
		{"nested too deeply", []catalog.ImportFile{file("x.json", strings.Repeat("[", 100))}, "x.json:1:66 is nested too deeply"},
		{"other ending", []catalog.ImportFile{file("x.txt", "a: 1")}, "x.txt:1:1 is not a .json file"},
		{"unknown property", []catalog.ImportFile{file("m.json", model), file("x.thing.json", "{\"identifier\":\"x\",\n\"properties\":{\"kind\":\"a\",\n \"sice\":1}}")}, "x.thing.json:3:9 is not a property of Thing"},
		{"wrong value", []catalog.ImportFile{file("m.json", model), file("x.thing.json", "{\"identifier\":\"x\",\n\"properties\":{\"kind\":\"c\"}}")}, `x.thing.json:2:22 is "c", which is not one of the allowed values`},
		{"above maximum", []catalog.ImportFile{file("m.json", model), file("x.thing.json", "{\"identifier\":\"x\",\n\"properties\":{\"kind\":\"a\",\"size\":11}}")}, "x.thing.json:2:33 is 11"},
		{"missing required", []catalog.ImportFile{file("m.json", model), file("x.thing.json", "{\"identifier\":\"x\",\n\"properties\":{}}")}, "x.thing.json:2:14 is required"},
		{"missing target", []catalog.ImportFile{file("m.json", model), file("x.thing.json", "{\"identifier\":\"x\",\"properties\":{\"kind\":\"a\"},\n\"relations\":{\"parts\":[\"x\",\"nowhere\"]}}")}, `x.thing.json:2:27 there is no Thing "nowhere"`},
		{"unknown blueprint", []catalog.ImportFile{file("m.json", model), file("x.json", "{\"identifier\":\"x\",\n\"blueprint\":\"Thong\"}")}, `x.json:2:13 there is no blueprint "Thong"`},
		{"no blueprint fits", []catalog.ImportFile{file("m.json", model), file("x.json", "{\"identifier\":\"x\",\"properties\":{\"other\":1}}")}, `x.json:1:1 has no "blueprint", and fits none`},
		{"entity twice", []catalog.ImportFile{file("a.json", model), file("b.thing.json", `{"identifier":"x","properties":{"kind":"a"}}`), file("c.thing.json", `{"identifier":"x","properties":{"kind":"a"}}`)}, `c.thing.json:1:15 is the second Thing "x"; the first is in b.thing.json, line 1`},
		{"unknown key", []catalog.ImportFile{file("m.json", model), file("x.thing.json", `{"identifier":"x","propertys":{}}`)}, `x.thing.json:1:31 has the key "propertys"`},
		{"wrong case", []catalog.ImportFile{file("m.json", `{"Identifier":"x","schema":{}}`)}, `m.json:1:15 is written "Identifier"`},
		{"target blueprint missing", []catalog.ImportFile{file("m.json", `{"identifier":"x","title":"X","schema":{"properties":{}},"relations":{"r":{"target":"Nowhere"}}}`)}, `there is no blueprint "Nowhere"`},
		{"many and required", []catalog.ImportFile{file("m.json", `{"identifier":"x","title":"X","schema":{"properties":{}},"relations":{"r":{"target":"x","many":true,"required":true}}}`)}, `a relation cannot be both many and required`},
		{"hostile property names", []catalog.ImportFile{file("m.json", `{"identifier":"x","title":"X","schema":{"properties":{"a'b":{"type":"string"}}}}`)}, `"a'b" is not a property identifier`},
	}
	each(t, func(t *testing.T, c *fixture) {
		for _, test := range cases {
			report, err := c.Import(context.Background(), test.files, importer.Options{By: "dana"})
			if err != nil {
				t.Fatalf("%s: %v", test.name, err)
			}
			if !containsPlaced(report, test.want) {
				t.Errorf("%s: want %q in\n%s", test.name, test.want, reportText(report))
			}
			if report.Applied {
				t.Errorf("%s: it was applied", test.name)
			}
			if blueprints, err := c.Blueprints(context.Background()); err != nil || len(blueprints) > 0 {
				t.Errorf("%s: a refused import left %d blueprints (%v)", test.name, len(blueprints), err)
			}
		}
	})
}

// containsPlaced looks for "file:line:column problem", without the pointer.
func containsPlaced(r catalog.Report, want string) bool {
	for _, f := range r.Refusals {
		if strings.Contains(fmt.Sprintf("%s:%d:%d %s", f.File, f.Line, f.Column, f.Problem), want) {
			return true
		}
	}
	return false
}

// Blueprints and entities that point at each other come in one import, in any
// order of the files.
func TestImport_CyclesAndOrder(t *testing.T) {
	files := []catalog.ImportFile{
		{Name: "e1.json", Content: []byte(`[{"identifier":"a","blueprint":"A","relations":{"b":"b"}},{"identifier":"self","blueprint":"A","relations":{"b":"b"}}]`)},
		{Name: "e2.json", Content: []byte(`{"identifier":"b","blueprint":"B","relations":{"a":"a","others":["b"]}}`)},
		{Name: "b.json", Content: []byte(`{"identifier":"B","title":"B","schema":{"properties":{}},"relations":{"a":{"target":"A","required":true},"others":{"target":"B","many":true}}}`)},
		{Name: "a.json", Content: []byte(`{"identifier":"A","title":"A","schema":{"properties":{}},"relations":{"b":{"target":"B","required":true}}}`)},
	}
	each(t, func(t *testing.T, c *fixture) {
		c.load(files)
		e, err := c.Entity(context.Background(), "B", "b")
		if err != nil || compact(t, e.Relations) != `{"a":"a","others":["b"]}` {
			t.Errorf("relations %s (%v)", compact(t, e.Relations), err)
		}
		if again := c.load(files); again.Entities[0].Verb != "unchanged" || again.Entities[2].Verb != "unchanged" {
			t.Errorf("second import: %+v", again.Entities)
		}
	})
}

func TestImport_Limits(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		for name, files := range map[string][]catalog.ImportFile{
			"none":     nil,
			"too big":  {{Name: "a.json", Content: make([]byte, 65<<20)}},
			"twice":    {{Name: "a.json"}, {Name: "a.json"}},
			"bad name": {{Name: "a\n.json"}},
		} {
			if _, err := c.Import(context.Background(), files, importer.Options{}); err == nil {
				t.Errorf("%s: imported", name)
			} else if _, ok := fault.As(err); !ok {
				t.Errorf("%s: %v is not a fault", name, err)
			}
		}
	})
}

func TestDemo_Organisation(t *testing.T) {
	o, err := demo.Organisation()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Dana Levi", "Ido Mizrahi", "Noa Barak", `"checkout"`, `"platform"`} {
		if !strings.Contains(string(raw), want) {
			t.Errorf("the organisation lacks %s", want)
		}
	}
	if strings.Contains(strings.ToLower(string(raw)), "password") {
		t.Error("the organisation has a password in it")
	}
	teams := map[string]bool{}
	for _, team := range o.Teams {
		teams[team.Name] = true
	}
	for _, p := range o.People {
		for _, team := range p.Teams {
			if !teams[team] {
				t.Errorf("%s is in team %s, which there is not", p.Name, team)
			}
		}
	}
}
