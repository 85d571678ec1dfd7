package importer

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"sphera/internal/catalog"
)

func golden(t *testing.T, name string, r Reading) {
	t.Helper()
	var b bytes.Buffer
	for _, thing := range r.Things {
		var doc any = thing.Blueprint
		at := "/identifier"
		if thing.Blueprint == nil {
			doc = thing.Entity
		}
		line, column := thing.At(at)
		raw, err := json.MarshalIndent(doc, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "-- %s:%d:%d\n%s\n", thing.File, line, column, raw)
	}
	for _, f := range r.Repairs {
		fmt.Fprintf(&b, "repaired %s:%d:%d %s: %s -> %s\n", f.File, f.Line, f.Column, f.Path, f.Problem, f.Done)
	}
	for _, f := range r.Refusals {
		fmt.Fprintf(&b, "refused %s:%d:%d %s: %s -> %s\n", f.File, f.Line, f.Column, f.Path, f.Problem, f.Done)
	}
	path := "testdata/" + name + ".golden"
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, b.Bytes()) {
		t.Errorf("%s differs; got:\n%s", path, b.String())
	}
}

func TestBackstageReadsEveryKindWithItsRelations(t *testing.T) {
	content, err := os.ReadFile("testdata/catalog-info.yaml")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "backstage", Backstage([]catalog.ImportFile{{Name: "catalog-info.yaml", Content: content}}))
}

func TestBackstageRefusesWithThePlace(t *testing.T) {
	head := "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: a\n"
	for _, test := range []struct{ name, content, want string }{
		{"broken YAML", "a: [b\nc: d", "is not YAML"},
		{"no kind", "apiVersion: backstage.io/v1alpha1\nmetadata: {name: a}", "no kind"},
		{"no name", "apiVersion: x\nkind: Component\nmetadata: {}", "f:1:1 has no metadata.name"},
		{"not a mapping", "- a\n- b", "is not a mapping"},
		{"twice", head + "---\n" + head, `f:9:9 is the second Component "a"`},
		{"alias", "a: &x [1]\nb: *x", "uses an alias (*x)"},
		{"bad reference", head + "spec:\n  system: 'a b'\n", "f:6:11 is not a reference"},
		{"no kind in a reference", head + "spec:\n  dependsOn: [b]\n", "does not say of which kind"},
		{"a mapping as reference", head + "spec:\n  system: {a: b}\n", "is not a reference"},
		{"too deep", strings.Repeat("[", 200), "is not"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := Backstage([]catalog.ImportFile{{Name: "f", Content: []byte(test.content)}})
			if len(r.Refusals) == 0 {
				t.Fatalf("nothing was refused: %+v", r)
			}
			f := r.Refusals[0]
			if got := fmt.Sprintf("%s:%d:%d %s", f.File, f.Line, f.Column, f.Problem); !strings.Contains(got, test.want) {
				t.Errorf("refused with %q, want %q", got, test.want)
			}
		})
	}
}

func known(t *testing.T) map[string]catalog.Blueprint {
	t.Helper()
	var b catalog.Blueprint
	err := json.Unmarshal([]byte(`{"identifier":"Service","title":"Service","schema":{"properties":{
		"lang":{"type":"string","title":"Language"},"coverage":{"type":"number"},"public":{"type":"boolean"},
		"tags":{"type":"array"},"ports":{"type":"array","items":{"type":"number"}},"meta":{"type":"object"}},"required":[]},
		"relations":{"system":{"title":"System","target":"System"},"uses":{"target":"Service","many":true}}}`), &b)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]catalog.Blueprint{"Service": b}
}

func TestCSVTakesTheTypesOfTheBlueprint(t *testing.T) {
	content := "\xef\xbb\xbfidentifier;title;team;Language;coverage;public;tags;ports;meta;system;uses\r\n" +
		"cart;Cart;shop;go;12.5;yes;\"a; b\";[80,443];\"{\"\"a\"\":1}\";orders;\"b;c\"\r\n" +
		"b;;;;null;no;;8080;;null;null\r\n"
	golden(t, "csv", CSV([]catalog.ImportFile{{Name: "in/Service.csv", Content: []byte(content)}}, "", known(t)))
}

func TestCSVSaysWhichCellIsWrong(t *testing.T) {
	for _, test := range []struct{ name, file, content, want string }{
		{"empty", "Service.csv", "", "1:1 is empty"},
		{"no identifier column", "Service.csv", "title\nx\n", `no column "identifier"`},
		{"unknown column", "Service.csv", "identifier,langauge\na,go\n", `1:12 is a column "langauge", and Service has no such property`},
		{"twice", "Service.csv", "identifier,lang,LANG\n", `1:17 is the second column "LANG"`},
		{"no such blueprint", "Thing.csv", "identifier\na\n", `is for blueprint "Thing"`},
		{"no such blueprint in a row", "x.csv", "identifier,blueprint\na,Thing\n", `2:1 there is no blueprint "Thing"`},
		{"not a number", "Service.csv", "identifier,coverage\na,1\nb,high\n", `3:3 is text, which is not a number`},
		{"not a number either", "Service.csv", "identifier,coverage\na,NaN\n", `which is not a number`},
		{"not a boolean", "Service.csv", "identifier,public\na,maybe\n", "neither true nor false"},
		{"not an object", "Service.csv", "identifier,meta\na,[1]\n", "is not a JSON object"},
		{"a number in a list", "Service.csv", "identifier,ports\na,80;x\n", `is text, which is not a number`},
		{"row too short", "Service.csv", "identifier,lang\na\n", "2:1 has not 2 cells"},
		{"loose quote", "Service.csv", "identifier,lang\na,g\"o\n", "has a quote where none can be"},
		{"no identifier", "Service.csv", "identifier,lang\n,go\n", "2:1 has no identifier"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := CSV([]catalog.ImportFile{{Name: test.file, Content: []byte(test.content)}}, "", known(t))
			if len(r.Refusals) != 1 {
				t.Fatalf("refusals: %+v", r.Refusals)
			}
			f := r.Refusals[0]
			if got := fmt.Sprintf("%d:%d %s", f.Line, f.Column, f.Problem); !strings.Contains(got, test.want) {
				t.Errorf("refused with %q, want %q", got, test.want)
			}
		})
	}
}

func FuzzBackstage(f *testing.F) {
	f.Add([]byte("apiVersion: a\nkind: Component\nmetadata: {name: x}\nspec: {owner: b, dependsOn: ['resource:y']}"))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, content []byte) {
		r := Backstage([]catalog.ImportFile{{Name: "f", Content: content}})
		for _, thing := range r.Things {
			if line, column := thing.At("/properties/x"); thing.Blueprint == nil && (line < 1 || column < 1) {
				t.Errorf("a thing at %d:%d", line, column)
			}
			if _, err := json.Marshal(thing.Entity); err != nil {
				t.Error(err)
			}
		}
	})
}

func FuzzCSV(f *testing.F) {
	f.Add([]byte("identifier,lang,uses\na,go,b;c\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		r := CSV([]catalog.ImportFile{{Name: "Service.csv", Content: content}}, "", known(t))
		for _, thing := range r.Things {
			if thing.Entity.Identifier == "" {
				t.Error("an entity without identifier")
			}
			if line, column := thing.At("/properties/lang"); line < 1 || column < 1 {
				t.Errorf("a thing at %d:%d", line, column)
			}
		}
	})
}
