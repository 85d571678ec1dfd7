package rules

import (
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"sphera/internal/audit"
)

var verbForm = regexp.MustCompile(`^[a-z][a-z_-]*\.[a-z][a-z-]*$`)

// TestS56_VerbsAndFieldsAreListed: an audit event that is appended anywhere is
// listed in internal/audit/verbs_*.go with the fields of its detail. What is
// put together at run time is checked by Append itself.
func TestS56_VerbsAndFieldsAreListed(t *testing.T) {
	listed := audit.Verbs()
	found := 0
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			verb, fields := appended(n)
			if verb == "" {
				return true
			}
			found++
			v, ok := listed[verb]
			if !ok {
				t.Errorf("%s: the audit event %q is not listed: add it with its fields to internal/audit/verbs_*.go", s.at(n), verb)
				return true
			}
			for _, field := range fields {
				if v.Fields[field] == 0 {
					t.Errorf("%s: the audit event %q has the field %q, which is not listed: add it to internal/audit/verbs_*.go as kept, ignored or secret", s.at(n), verb, field)
				}
			}
			return true
		})
	}
	if found < 50 {
		t.Errorf("only %d events were found: the test looks for too little", found)
	}
}

// appended is the verb of an event that n makes, and the fields that can be
// read from the source.
func appended(n ast.Node) (verb string, fields []string) {
	switch n := n.(type) {
	case *ast.CallExpr: // s.event(ctx, tx, by, "user.create", object, "email", u.Email)
		if !slices.Contains([]string{"event", "record", "Record", "tell", "auditEvent", "recordScorecard"}, called(n)) {
			return "", nil
		}
		for i, arg := range n.Args {
			if verb = text(arg); !verbForm.MatchString(verb) {
				verb = ""
				continue
			}
			if called(n) == "event" || called(n) == "record" {
				for j := i + 2; j < len(n.Args); j++ {
					fields = append(fields, detailKeys(n.Args[j])...)
				}
			}
			if called(n) == "event" {
				for j := i + 2; j+1 < len(n.Args); j += 2 {
					fields = append(fields, text(n.Args[j]))
				}
			}
			break
		}
	case *ast.CompositeLit: // audit.Event{Verb: "x.y", Detail: audit.Detail("a", 1)}
		for _, element := range n.Elts {
			pair, ok := element.(*ast.KeyValueExpr)
			if !ok {
				continue
			}
			switch key, _ := pair.Key.(*ast.Ident); {
			case key == nil:
			case key.Name == "verb", key.Name == "Verb" && typeName(n) == "Event":
				if name := text(pair.Value); verbForm.MatchString(name) {
					verb = name
				}
			case key.Name == "Detail" || key.Name == "detail":
				fields = append(fields, detailKeys(pair.Value)...)
			}
		}
	}
	return verb, slices.DeleteFunc(fields, func(f string) bool { return f == "" })
}

func typeName(n *ast.CompositeLit) string {
	switch x := n.Type.(type) {
	case *ast.SelectorExpr:
		return x.Sel.Name
	case *ast.Ident:
		return x.Name
	}
	return ""
}

func called(n *ast.CallExpr) string {
	switch f := n.Fun.(type) {
	case *ast.SelectorExpr:
		return f.Sel.Name
	case *ast.Ident:
		return f.Name
	}
	return ""
}

// detailKeys are the names in audit.Detail("a", 1, "b", 2).
func detailKeys(n ast.Expr) []string {
	c, ok := n.(*ast.CallExpr)
	if !ok || called(c) != "Detail" {
		return nil
	}
	var out []string
	for i := 0; i+1 < len(c.Args); i += 2 {
		out = append(out, text(c.Args[i]))
	}
	return out
}

func text(n ast.Expr) string {
	lit, ok := n.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return ""
	}
	s, err := strconv.Unquote(lit.Value)
	if err != nil {
		return ""
	}
	return s
}
