package policy

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
)

//go:embed builtin
var builtinFiles embed.FS

// idForm is what a policy may be called.
var idForm = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// maxDocument bounds what administrators write.
const (
	maxDocument = 256 << 10
	maxPolicies = 1000
	maxDepth    = 64
)

// Problem is one mistake in a document of policies.
type Problem struct {
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Policy  string `json:"policy,omitempty"`
	Message string `json:"message"`
}

func (p Problem) String() string {
	where := strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Column)
	if p.Policy != "" {
		where += " " + p.Policy
	}
	return where + ": " + p.Message
}

// rule is one policy, ready to decide.
type rule struct {
	id       string
	builtin  bool
	forbid   bool
	reason   string
	advice   string
	who      string
	audit    bool
	file     string
	position ast.Position
	policy   *cedar.Policy
	clauses  []clause
	needs    needs
}

// loadBuiltin reads the set that is part of the program. A mistake in it is a
// mistake in the program.
func loadBuiltin() []rule {
	names, err := fs.Glob(builtinFiles, "builtin/*.cedar")
	if err != nil {
		panic(err)
	}
	// Guards are asked, and named, first.
	slices.SortStableFunc(names, func(a, b string) int {
		guards := func(name string) int {
			if path.Base(name) == "guards.cedar" {
				return 0
			}
			return 1
		}
		return guards(a) - guards(b)
	})
	var out []rule
	for _, name := range names {
		text, err := builtinFiles.ReadFile(name)
		if err != nil {
			panic(err)
		}
		rules, problems := parse(path.Base(name), string(text), out)
		if len(problems) > 0 {
			panic("policy: " + name + ":" + problems[0].String())
		}
		for i := range rules {
			rules[i].builtin = true
		}
		out = append(out, rules...)
	}
	return out
}

// parse reads a document. taken are the rules whose ids are not free.
func parse(file, text string, taken []rule) ([]rule, []Problem) {
	if len(text) > maxDocument {
		return nil, []Problem{{Line: 1, Column: 1, Message: fmt.Sprintf("The document is larger than %d bytes.", maxDocument)}}
	}
	if p, deep := tooDeep(text); deep {
		return nil, []Problem{p}
	}
	list, err := cedar.NewPolicyListFromBytes(file, []byte(text))
	if err != nil {
		return nil, []Problem{syntaxProblem(err)}
	}
	if len(list) > maxPolicies {
		return nil, []Problem{{Line: 1, Column: 1, Message: fmt.Sprintf("There are more than %d policies.", maxPolicies)}}
	}
	var problems []Problem
	ids := map[string]bool{}
	for _, r := range taken {
		ids[r.id] = true
	}
	rules := make([]rule, 0, len(list))
	for _, one := range list {
		r := newRule(file, one)
		if message := r.mistake(ids); message != "" {
			problems = append(problems, Problem{Line: r.position.Line, Column: r.position.Column, Policy: r.id, Message: message})
		}
		ids[r.id] = true
		rules = append(rules, r)
	}
	return rules, problems
}

func newRule(file string, p *cedar.Policy) rule {
	notes := p.Annotations()
	tree := (*ast.Policy)(p.AST())
	text := func(key types.AnnotationKey) string { return strings.TrimSpace(string(notes[key])) }
	r := rule{
		id: text("id"), forbid: p.Effect() == cedar.Forbid, reason: text("reason"), advice: text("advice"), who: text("who"),
		file: file, position: tree.Position, policy: p, clauses: clausesOf(tree), needs: needsOf(tree),
	}
	_, r.audit = notes["audit"]
	return r
}

// mistake is what a policy of ours needs besides being Cedar; "" when nothing
// is missing.
func (r rule) mistake(ids map[string]bool) string {
	switch {
	case r.id == "":
		return `The policy has no name: put @id("a-name") before it.`
	case !idForm.MatchString(r.id) || len(r.id) > 80:
		return `The name in @id is of lower-case words joined by "-", at most 80 characters.`
	case ids[r.id]:
		return "There is another policy of this name."
	case r.advice == "":
		return `The policy does not say what to do instead: put @advice("...") before it.`
	default:
		return ""
	}
}

// place is how cedar-go says where a mistake is.
var place = regexp.MustCompile(`^.*?<?[\w.]*>?:(\d+):(\d+) `)

func syntaxProblem(err error) Problem {
	message := err.Error()
	p := Problem{Line: 1, Column: 1}
	if m := place.FindStringSubmatch(message); m != nil {
		p.Line, _ = strconv.Atoi(m[1])
		p.Column, _ = strconv.Atoi(m[2])
		message = strings.TrimPrefix(message, m[0])
	}
	p.Message = "This is not Cedar: " + message + "."
	return p
}

// tooDeep guards the parser, which goes down once for each bracket.
func tooDeep(text string) (Problem, bool) {
	depth, line, column, quoted := 0, 1, 0, false
	for i := 0; i < len(text); i++ {
		column++
		switch c := text[i]; {
		case c == '\n':
			line, column = line+1, 0
		case quoted && c == '\\':
			i++
			column++
		case c == '"':
			quoted = !quoted
		case quoted:
		case strings.IndexByte("([{!-", c) >= 0:
			depth++
		case strings.IndexByte(")]}", c) >= 0:
			depth--
		case c == ';':
			depth = 0
		}
		if depth > maxDepth {
			return Problem{Line: line, Column: column, Message: "Brackets are nested too deeply."}, true
		}
	}
	return Problem{}, false
}
