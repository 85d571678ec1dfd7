package rules

import (
	"encoding/json"
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// levels: a package imports only packages of a lower level. action, client and
// portal are public: action may be imported by all and imports nothing of ours;
// portal puts all parts together and is imported by main packages only. The
// numbers leave room between them.
func levels() map[string]int {
	return map[string]int{
		"internal/fault":   0,
		"internal/keyfile": 5,
		"internal/store":   10, "internal/outgoing": 10, "internal/catalog/property": 10, "internal/catalog/jq": 10, "internal/flag/eval": 10,
		"internal/audit": 20, "internal/audit/seal": 22, "internal/catalog/query": 20, "internal/catalog/naming": 12, "internal/catalog/scorecard": 20, "internal/catalog/textindex": 20,
		"internal/audit/ocsf": 23, "internal/audit/sink": 24,
		"internal/policy": 25,
		"internal/auth":   30, "internal/catalog": 30, "internal/catalog/catalogtest": 40, "internal/access": 40, "internal/forge": 30, "internal/run": 30, "internal/resource": 30, "internal/integration": 30,
		"internal/runtime": 40, "internal/flag": 40, "internal/flag/code": 42, "internal/flag/key": 42, "internal/flag/usage": 42, "internal/flag/serve": 43, "internal/secret": 40, "internal/insight": 40, "internal/source": 40, "internal/migration": 40, "internal/importer": 40, "internal/view": 40,
		"internal/oidc": 45, "internal/oidc/oidctest": 46, "internal/scim": 45, "internal/notify": 45, "internal/approval": 46,
		"internal/golden": 50, "internal/automation": 50, "internal/guarded": 55, "internal/hook": 50, "internal/change": 50,
		"internal/builtin": 60, "internal/portapi": 60,
		"internal/api": 70, "client": 70, "demo": 70,
		"portal": 80,
	}
}

func TestImportsGoToLowerLevels(t *testing.T) {
	levels := levels()
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		own, known := levels[s.pkg]
		if !known && strings.HasPrefix(s.pkg, "internal/") {
			t.Errorf("%s: package %s has no level: add it to levels in internal/rules", s.path, s.pkg)
			continue
		}
		for _, name := range s.imports {
			target, ours := strings.CutPrefix(name, module)
			level, has := levels[target]
			switch {
			case !ours || target == "action" && s.pkg != "action":
			case s.pkg == "action" || s.pkg == "client":
				t.Errorf("%s imports %s: the public package %s imports nothing of ours", s.path, target, s.pkg)
			case !has:
				t.Errorf("%s imports %s, which has no level: add it to levels in internal/rules", s.path, target)
			case known && level >= own:
				t.Errorf("%s (level %d) imports %s (level %d): imports go only to a lower level", s.path, own, target, level)
			}
		}
	}
}

func TestOnlyTheirOwnersUseThem(t *testing.T) {
	owners := []struct {
		what    string
		match   func(name string) bool
		allowed func(s source) bool
		why     string
	}{
		{
			"a database driver", prefix("modernc.org/sqlite", "github.com/jackc/pgx"), in("internal/store"),
			"only store knows which database there is",
		},
		{
			"the HTTP framework", prefix("github.com/danielgtaylor/huma"), in("internal/api"),
			"only api knows how HTTP is spoken",
		},
		{
			"flags", prefix("github.com/spf13/", "flag"), in("portal"),
			"only the command line reads flags; hand the value in",
		},
		{
			"Cedar", prefix("github.com/cedar-policy/cedar-go"), in("internal/policy"),
			"only policy knows the language of policies, and its experimental packages",
		},
		{
			"os/exec", prefix("os/exec"), func(s source) bool {
				return s.path == "internal/forge/git.go" || s.path == "portal/cli_browser.go" || s.pkg == "internal/runtime" || s.pkg == "internal/oidc/oidctest"
			},
			"programs are started in forge/git.go and in runtime only, where their arguments and environment are guarded; the command line opens a browser",
		},
		{
			"a test helper", func(name string) bool {
				return strings.HasPrefix(name, module) && helper(name) || name == "testing" || strings.HasPrefix(name, "github.com/rogpeppe/go-internal/testscript")
			}, in(),
			"shipped code does not carry test helpers",
		},
	}
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		for _, o := range owners {
			for _, name := range s.imports {
				if o.match(name) && !o.allowed(s) {
					t.Errorf("%s imports %s (%s): %s", s.path, name, o.what, o.why)
				}
			}
		}
	}
}

func prefix(prefixes ...string) func(string) bool {
	return func(name string) bool {
		return slices.ContainsFunc(prefixes, func(p string) bool {
			return name == p || strings.HasSuffix(p, "/") && strings.HasPrefix(name, p) || strings.HasPrefix(name, p+"/")
		})
	}
}

func in(packages ...string) func(source) bool {
	return func(s source) bool { return slices.Contains(packages, s.pkg) }
}

func TestOnlyTheCommandReadsTheEnvironment(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || s.pkg == "cmd/sphera" || strings.HasPrefix(s.pkg, "docs/examples/") {
			continue
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			if s.uses(n, "os", "Getenv", "LookupEnv", "Environ", "Args") {
				t.Errorf("%s reads the environment or the arguments: only a main package does; hand the value in", s.at(n))
			}
			return true
		})
	}
}

func TestNoHiddenState(t *testing.T) {
	for _, s := range sources(t) {
		for _, decl := range s.ast.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Name.Name == "init" && d.Recv == nil {
					t.Errorf("%s has an init function: call it from where it is needed", s.at(d))
				}
			case *ast.GenDecl:
				if d.Tok == token.VAR && !s.test {
					checkVars(t, s, d)
				}
			}
		}
	}
}

// checkVars allows sentinel errors, compiled patterns, embedded files,
// assertions that a type implements an interface, and the version that the
// linker sets.
func checkVars(t *testing.T, s source, d *ast.GenDecl) {
	t.Helper()
	for _, spec := range d.Specs {
		v, ok := spec.(*ast.ValueSpec)
		if !ok {
			continue
		}
		for i, name := range v.Names {
			embedded := strings.Contains(d.Doc.Text()+v.Doc.Text()+comments(d.Doc)+comments(v.Doc), "go:embed")
			linked := s.pkg == "portal" && name.Name == "version"
			if embedded || linked || name.Name == "_" || i < len(v.Values) && constantLike(v.Values[i]) {
				continue
			}
			t.Errorf("%s: package variable %s: only sentinel errors, compiled patterns and embedded files are kept in package variables", s.at(name), name.Name)
		}
	}
}

func comments(g *ast.CommentGroup) string {
	var b strings.Builder
	if g != nil {
		for _, c := range g.List {
			b.WriteString(c.Text)
		}
	}
	return b.String()
}

func constantLike(value ast.Expr) bool {
	call, ok := value.(*ast.CallExpr)
	if !ok {
		return false
	}
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	from, ok := selector.X.(*ast.Ident)
	return ok && slices.Contains([]string{"errors.New", "fmt.Errorf", "regexp.MustCompile"}, from.Name+"."+selector.Sel.Name)
}

func TestFilesAndFunctionsStaySmall(t *testing.T) {
	const maxFile, maxFunction = 600, 120
	for _, s := range sources(t) {
		if s.lines > maxFile {
			t.Errorf("%s has %d lines, at most %d: split it by topic", s.path, s.lines, maxFile)
		}
		for _, decl := range s.ast.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok {
				if n := s.fset.Position(f.End()).Line - s.fset.Position(f.Pos()).Line + 1; n > maxFunction {
					t.Errorf("%s: %s has %d lines, at most %d: split it", s.at(f), f.Name.Name, n, maxFunction)
				}
			}
		}
	}
}

func TestDependenciesHaveReasons(t *testing.T) {
	const maxDirect = 40
	reasons := string(read(t, "docs/dependencies.md"))
	explained := func(name string) bool { return strings.Contains(reasons, "`"+name+"`") }
	requires := regexp.MustCompile(`(?m)^\s+(\S+) v\S+$`).FindAllStringSubmatch(string(read(t, "go.mod")), -1)
	if len(requires) == 0 || len(requires) > maxDirect {
		t.Errorf("go.mod has %d direct dependencies, at most %d", len(requires), maxDirect)
	}
	for _, r := range requires {
		if !explained(r[1]) {
			t.Errorf("go.mod: %s is not in docs/dependencies.md: say there in one line what it is for", r[1])
		}
	}
	var web struct{ Dependencies, DevDependencies map[string]string }
	if err := json.Unmarshal(read(t, "web/package.json"), &web); err != nil {
		t.Fatal(err)
	}
	for _, group := range []map[string]string{web.Dependencies, web.DevDependencies} {
		for name, version := range group {
			if !explained(name) {
				t.Errorf("web/package.json: %s is not in docs/dependencies.md: say there in one line what it is for", name)
			}
			if strings.ContainsAny(version, "^~*x>< ") {
				t.Errorf("web/package.json: %s is %s: pin one version", name, version)
			}
		}
	}
}

// TestNoTraceOfAMachine looks for paths of the machine something was written
// on, and for work that was put off. The words are put together here so that
// this file does not match itself.
func TestNoTraceOfAMachine(t *testing.T) {
	forbidden := regexp.MustCompile(`(^|[^\w.~-])/(wo` + `rk|ro` + `ot|Us` + `ers)/\w|\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`)
	files(t, func(path string) {
		if strings.HasSuffix(path, "go.sum") || strings.HasSuffix(path, "package-lock.json") {
			return
		}
		content := read(t, path)
		if slices.Contains(content, 0) {
			return // a picture, a font
		}
		for i, line := range strings.Split(string(content), "\n") {
			if found := forbidden.FindString(line); found != "" {
				t.Errorf("%s:%d has %q: no machine's paths and nothing put off in the repository", path, i+1, found)
			}
		}
	})
}
