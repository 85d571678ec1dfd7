package golden_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sphera/internal/fault"
	"sphera/internal/forge"
	"sphera/internal/golden"

	"go.yaml.in/yaml/v3"
)

// hostile descriptions: each would break out of some file's syntax if it were
// pasted instead of quoted.
func hostile() map[string]string {
	return map[string]string{
		"quotes":     `say "hi" and 'bye'`,
		"backslash":  `C:\new\table\u0041 \`,
		"newlines":   "one\ntwo\n\n# three\n- four: five\n---\n",
		"templates":  "{{ .Env.SECRET }} <% .Name %> ${{ secrets.TOKEN }} ${HOME} $(id)",
		"backticks":  "`; DROP TABLE; ` + panic(1) + `",
		"html":       `</p><script>alert(1)</script><!-- & &amp;`,
		"yaml":       "null: [*anchor, &anchor, !!python/object] %TAG | > ? @ `",
		"unicode":    "Zürich 東京 🚀 ß é \u00a0\u200b end",
		"javascript": "\"; process.exit(1); // */ ${1}",
		"markdown":   "# title *bold* [x](javascript:alert(1)) <b> | a | b | \n1. one",
		"number":     "1. 2.0",
		"yes":        "yes",
	}
}

func environments() []golden.Environment {
	return []golden.Environment{
		{ID: "dev-eu-west-1", Kind: golden.Dev, Region: "eu-west-1", Cluster: "dev-eu"},
		{ID: "staging-eu-west-1", Kind: golden.Staging, Region: "eu-west-1", Cluster: "staging-eu"},
		{ID: "production-eu-west-1", Kind: golden.Production, Region: "eu-west-1", Cluster: "prod-eu"},
		{ID: "production-us-east-1", Kind: golden.Production, Region: "us-east-1", Cluster: "prod-us"},
	}
}

func service(template, description string) golden.Service {
	return golden.Service{Name: "checkout", Title: "Checkout", Team: "payments", System: "Cart", Template: template, Description: description, RunID: "run-1", Environments: environments()}
}

func render(t *testing.T, s golden.Service) []forge.File {
	t.Helper()
	files, err := golden.Render(s)
	if err != nil {
		t.Fatalf("render: %v", err)
	}
	return files
}

func write(t *testing.T, dir string, files []forge.File) {
	t.Helper()
	for _, f := range files {
		name := filepath.Join(dir, f.Path)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f.Content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func content(t *testing.T, files []forge.File, name string) []byte {
	t.Helper()
	for _, f := range files {
		if f.Path == name {
			return f.Content
		}
	}
	t.Fatalf("there is no file %s", name)
	return nil
}

func run(t *testing.T, dir, program string, args ...string) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOPROXY=off", "GOFLAGS=-mod=readonly", "GOTOOLCHAIN=local", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
}

// The rendered services pass their own tests with no network, whatever is in
// the description.
func TestRenderedServicesPassTheirTests(t *testing.T) {
	all := ""
	for _, text := range hostile() {
		all += text + " "
	}
	for _, template := range golden.Templates() {
		t.Run(template.ID, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s := service(template.ID, all)
			s.Title = `Check "out" </title> & {{co}} ` + "`x`" + ` ${1} 🚀`
			write(t, dir, render(t, s))
			if template.Language == "node" {
				run(t, dir, "node", "--test")
				return
			}
			run(t, dir, "gofmt", "-l", "-d", ".")
			run(t, dir, "go", "vet", "./...")
			run(t, dir, "go", "test", "./...")
		})
	}
}

func TestGoFilesAreFormatted(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, render(t, service("go-http", "")))
	out, err := exec.Command("gofmt", "-l", dir).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("gofmt: %v %s", err, out)
	}
}

// Every value arrives in every kind of file exactly as it was given.
func TestHostileDescriptionsAreQuoted(t *testing.T) {
	for name, text := range hostile() {
		t.Run(name, func(t *testing.T) {
			node := render(t, service("node-http", text))
			var pkg struct{ Description, Name, Main string }
			if err := json.Unmarshal(content(t, node, "package.json"), &pkg); err != nil || pkg.Description != text {
				t.Errorf("package.json: %v %q", err, pkg.Description)
			}
			if err := json.Unmarshal(content(t, node, "package-lock.json"), &pkg); err != nil {
				t.Errorf("package-lock.json: %v", err)
			}
			for _, files := range [][]forge.File{node, render(t, service("go-http", text))} {
				var api struct {
					OpenAPI string
					Info    struct{ Title, Description string }
				}
				if err := yaml.Unmarshal(content(t, files, "openapi.yaml"), &api); err != nil || api.Info.Description != text {
					t.Errorf("openapi.yaml: %v %q", err, api.Info.Description)
				}
				readme := string(content(t, files, "README.md"))
				if strings.Contains(readme, "<script>") || strings.Contains(readme, "[x](") || strings.Count(readme, "\n# ") != 0 || strings.Count(readme, "\n## ") != 3 {
					t.Errorf("README.md has markup of the description:\n%s", readme[:300])
				}
			}
			main := string(content(t, render(t, service("go-http", text)), "main.go"))
			if !strings.Contains(main, "serviceDescription = ") || strings.Count(main, "\n") != strings.Count(string(content(t, render(t, service("go-http", "x")), "main.go")), "\n") {
				t.Error("main.go got more lines by the description")
			}
		})
	}
}

func TestRenderIsDeterministicAndComplete(t *testing.T) {
	for _, template := range golden.Templates() {
		first := render(t, service(template.ID, "It checks out."))
		other := service(template.ID, "It checks out.")
		other.RunID = "another"
		second := render(t, other)
		var names []string
		for i, f := range first {
			names = append(names, f.Path)
			if !bytes.Equal(f.Content, second[i].Content) || f.Path != second[i].Path {
				t.Errorf("%s differs between two renderings", f.Path)
			}
			if len(f.Content) == 0 || f.Content[len(f.Content)-1] != '\n' || bytes.Contains(f.Content, []byte("<%")) || bytes.Contains(f.Content, []byte("<no value>")) {
				t.Errorf("%s is not whole:\n%s", f.Path, f.Content)
			}
		}
		want, err := os.ReadFile("testdata/" + template.ID + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(names, "\n") + "\n"; got != string(want) {
			t.Errorf("the files of %s changed; testdata/%s.txt has the list:\n%s", template.ID, template.ID, got)
		}
	}
}

func TestWorkflowIsValid(t *testing.T) {
	for _, template := range golden.Templates() {
		var w struct {
			Name        string
			On          map[string]any
			Permissions map[string]string
			Jobs        map[string]struct {
				RunsOn string `yaml:"runs-on"`
				Needs  string
				Steps  []struct {
					Uses, Run string
					With      map[string]any
				}
			}
		}
		text := content(t, render(t, service(template.ID, "x")), ".github/workflows/ci.yaml")
		d := yaml.NewDecoder(bytes.NewReader(text))
		if err := d.Decode(&w); err != nil {
			t.Fatalf("%s: %v", template.ID, err)
		}
		if w.Permissions["contents"] != "read" || len(w.On) != 2 || len(w.Jobs) != 2 {
			t.Errorf("%s: %+v", template.ID, w)
		}
		for name, job := range w.Jobs {
			if job.RunsOn == "" || len(job.Steps) < 2 {
				t.Errorf("%s: job %s is not whole", template.ID, name)
			}
			for _, step := range job.Steps {
				if (step.Uses == "") == (step.Run == "") {
					t.Errorf("%s: a step of %s needs exactly one of uses and run", template.ID, name)
				}
				if step.Uses != "" && !strings.Contains(step.Uses, "@") {
					t.Errorf("%s: %s is not pinned", template.ID, step.Uses)
				}
				if strings.Contains(step.Run, "${{") {
					t.Errorf("%s: an expression inside a script can be injected into: %s", template.ID, step.Run)
				}
			}
		}
	}
}

func TestValidate(t *testing.T) {
	for field, edit := range map[string]func(*golden.Service){
		"name":         func(s *golden.Service) { s.Name = "Check Out" },
		"name ":        func(s *golden.Service) { s.Name = "x" },
		"name  ":       func(s *golden.Service) { s.Name = strings.Repeat("x", 41) },
		"name   ":      func(s *golden.Service) { s.Name = "gitops" },
		"name    ":     func(s *golden.Service) { s.Name = "a--b" },
		"name     ":    func(s *golden.Service) { s.Name = "a\n" },
		"team":         func(s *golden.Service) { s.Team = "pay ments @all" },
		"template":     func(s *golden.Service) { s.Template = "../shared" },
		"description":  func(s *golden.Service) { s.Description = "a\x00b" },
		"description ": func(s *golden.Service) { s.Description = "turned \u202e round" },
		"title":        func(s *golden.Service) { s.Title = strings.Repeat("x", 101) },
		"system":       func(s *golden.Service) { s.System = "\xff" },
		"environments": func(s *golden.Service) { s.Environments = []golden.Environment{{ID: "../x", Kind: golden.Dev}} },
	} {
		s := service("go-http", "x")
		edit(&s)
		_, err := golden.Render(s)
		e, ok := fault.As(err)
		if !ok || e.Code != fault.Unprocessable || e.Details[0].Field != strings.TrimSpace(field) {
			t.Errorf("%s: %v", field, err)
		}
	}
	if err := service("go-http", "x").Validate(); err != nil {
		t.Errorf("a good one: %v", err)
	}
}

func TestObjectName(t *testing.T) {
	for name, want := range map[string]string{
		"checkout": "checkout", "CartService": "cart-service", "HTTPServer": "httpserver", "cart_sql.db": "cart-sql-db",
		"-Odd--": "odd", "3d": "s3d", strings.Repeat("ab", 40): strings.Repeat("ab", 26),
	} {
		if got := golden.ObjectName(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}
