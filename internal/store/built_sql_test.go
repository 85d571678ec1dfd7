package store_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const sqlPieces = "testdata/built_sql.txt"

var statement = regexp.MustCompile(`^\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH|CREATE|ALTER|DROP|TRUNCATE)\s`)

// TestS50_SQLIsBuiltOfListedPieces finds every statement that is put together
// of more than constants, with what is put into it. Values are parameters; the
// pieces that are not are in testdata/built_sql.txt, each looked at by a person: names
// of columns from a fixed set, numbers of parameters, statements of a query
// builder. A new one fails until it is looked at and listed.
func TestS50_SQLIsBuiltOfListedPieces(t *testing.T) {
	found := map[string]bool{}
	root := filepath.Join("..", "..")
	for _, top := range []string{"internal", "portal", "cmd", "action"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return err
			}
			sqlOfPackage(t, path, found)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(found) < 50 {
		t.Fatalf("only %d built statements are found", len(found))
	}
	lines := make([]string, 0, len(found))
	for line := range found {
		lines = append(lines, line)
	}
	slices.Sort(lines)
	if os.Getenv("SPHERA_UPDATE") != "" {
		head := "# What statements are put together of besides constants and parameters. Made by\n# SPHERA_UPDATE=1 go test ./internal/store -run TestS50; read what is new before it is committed.\n"
		if err := os.WriteFile(filepath.FromSlash(sqlPieces), []byte(head+strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := os.ReadFile(filepath.FromSlash(sqlPieces))
	if err != nil {
		t.Fatal(err)
	}
	listed := strings.Split(string(raw), "\n")
	for _, line := range lines {
		if !slices.Contains(listed, line) {
			t.Errorf("%s\nputs a statement together of something that is not in %s. Values have to be parameters ($1).", line, sqlPieces)
		}
	}
}

// sqlOfPackage looks at the files of one folder.
func sqlOfPackage(t *testing.T, dir string, found map[string]bool) {
	t.Helper()
	set := token.NewFileSet()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	constants := map[string]bool{}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
		ast.Inspect(file, func(n ast.Node) bool {
			if decl, ok := n.(*ast.GenDecl); ok && decl.Tok == token.CONST {
				for _, spec := range decl.Specs {
					for _, id := range spec.(*ast.ValueSpec).Names { //nolint:forcetypeassert // constants are nothing else
						constants[id.Name] = true
					}
				}
			}
			return true
		})
	}
	for _, file := range files {
		for _, decl := range file.Decls {
			name := "(package)"
			if f, ok := decl.(*ast.FuncDecl); ok {
				name = f.Name.Name
			}
			path := strings.TrimPrefix(filepath.ToSlash(set.File(file.Pos()).Name()), "../../")
			for _, piece := range sqlIn(set, decl, constants) {
				found[path+" "+name+": "+piece] = true
			}
		}
	}
}

// sqlIn lists what is put into the statements of a declaration.
func sqlIn(set *token.FileSet, in ast.Node, constants map[string]bool) (pieces []string) {
	add := func(parts []ast.Expr) {
		for _, p := range parts {
			if _, literal := p.(*ast.BasicLit); literal {
				continue
			}
			if id, ok := p.(*ast.Ident); ok && constants[id.Name] {
				continue
			}
			var b bytes.Buffer
			if printer.Fprint(&b, set, p) == nil {
				pieces = append(pieces, strings.Join(strings.Fields(b.String()), " "))
			}
		}
	}
	ast.Inspect(in, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BinaryExpr:
			if parts := summands(n); n.Op == token.ADD && slices.ContainsFunc(parts, isStatement) {
				add(parts)
				return false
			}
		case *ast.CallExpr:
			if s, ok := n.Fun.(*ast.SelectorExpr); ok && len(n.Args) > 1 && strings.HasPrefix(s.Sel.Name, "Sprintf") && slices.ContainsFunc(summands(n.Args[0]), isStatement) {
				add(n.Args[1:])
			}
		case *ast.AssignStmt: // query += ...
			if id, ok := n.Lhs[0].(*ast.Ident); ok && n.Tok == token.ADD_ASSIGN && (id.Name == "query" || id.Name == "where" || id.Name == "statement" || id.Name == "sql") {
				add(summands(n.Rhs[0]))
			}
		}
		return true
	})
	return pieces
}

// summands are the parts of a + b + c.
func summands(e ast.Expr) []ast.Expr {
	if b, ok := e.(*ast.BinaryExpr); ok && b.Op == token.ADD {
		return append(summands(b.X), summands(b.Y)...)
	}
	return []ast.Expr{e}
}

func isStatement(e ast.Expr) bool {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return false
	}
	text, err := strconv.Unquote(lit.Value)
	return err == nil && statement.MatchString(text)
}
