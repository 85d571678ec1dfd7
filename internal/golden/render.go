package golden

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"text/template/parse"
	"time"

	"sphera/internal/forge"
)

//go:embed all:templates
var templateFiles embed.FS

// limits of one rendering.
type limits struct {
	output int           // bytes of all files together
	steps  int           // bodies of loops and conditions entered
	time   time.Duration // of one file
	value  int           // bytes of a value handed to a function
}

func defaultLimits() limits {
	return limits{output: 16 << 20, steps: 1_000_000, time: time.Second, value: 64 << 10}
}

var errLimit = errors.New("the template exceeds its limits")

// Render makes the files of the service's repository. The same service gives
// the same bytes.
func Render(s Service) ([]forge.File, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	s = s.filled()
	data := map[string]any{
		"Name": s.Name, "Title": oneLine(s.Title), "Team": s.Team, "System": oneLine(s.System), "Description": s.Description,
	}
	sources := map[string]string{}
	for _, dir := range []string{"templates/shared", path.Join("templates", s.Template)} {
		if err := readTemplates(templateFiles, dir, sources); err != nil {
			return nil, err
		}
	}
	return renderAll(sources, data, defaultLimits())
}

// readTemplates collects "*.tmpl" below dir by the path they are rendered to.
func readTemplates(from fs.FS, dir string, into map[string]string) error {
	err := fs.WalkDir(from, dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		raw, err := fs.ReadFile(from, name)
		if err != nil {
			return err
		}
		into[strings.TrimSuffix(strings.TrimPrefix(name, dir+"/"), ".tmpl")] = string(raw)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the template %s: %w", dir, err)
	}
	return nil
}

func renderAll(sources map[string]string, data map[string]any, l limits) ([]forge.File, error) {
	out := &bounded{left: l.output}
	var files []forge.File
	for _, name := range slices.Sorted(maps.Keys(sources)) {
		if err := checkFileName(name); err != nil {
			return nil, err
		}
		content, err := renderText(name, sources[name], data, l, out)
		if err != nil {
			return nil, err
		}
		files = append(files, forge.File{Path: name, Content: content, Size: int64(len(content))})
	}
	return files, nil
}

// renderText renders one template in the closed language: values, conditions
// and loops, and the functions below. Nothing in it can reach a file, the
// environment or the network, define or call another template, or grow a
// value without bound.
func renderText(name, source string, data map[string]any, l limits, out *bounded) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), l.time)
	defer cancel()
	steps := 0
	functions := safeFunctions(l)
	functions["step"] = func() (string, error) {
		if steps++; steps > l.steps || steps%256 == 0 && ctx.Err() != nil {
			return "", errLimit
		}
		return "", nil
	}
	t, err := template.New(name).Delims("<%", "%>").Option("missingkey=error").Funcs(functions).Parse(source)
	if err != nil {
		return nil, fmt.Errorf("template %s: %w", name, err)
	}
	if len(t.Templates()) > 1 {
		return nil, fmt.Errorf("template %s: defining templates is not part of the language", name)
	}
	if t.Tree != nil {
		step, err := template.New("step").Funcs(functions).Parse("{{step}}")
		if err != nil {
			return nil, fmt.Errorf("template %s: %w", name, err)
		}
		if err := restrict(t.Root, step.Root.Nodes[0]); err != nil {
			return nil, fmt.Errorf("template %s: %w", name, err)
		}
	}
	out.buffer.Reset()
	if err := t.Execute(out, data); err != nil {
		return nil, fmt.Errorf("render %s: %w", name, err)
	}
	return bytes.Clone(out.buffer.Bytes()), nil
}

// bounded takes output up to a limit over several files.
type bounded struct {
	buffer bytes.Buffer
	left   int
}

func (b *bounded) Write(p []byte) (int, error) {
	if len(p) > b.left {
		return 0, errLimit
	}
	b.left -= len(p)
	return b.buffer.Write(p)
}

// allowed are the functions of the language; text/template brings more, such
// as printf, with which a value can be doubled again and again.
func allowed(name string) bool {
	switch name {
	case "quote", "json", "yaml", "markdown", "eq", "ne", "and", "or", "not", "len", "step":
		return true
	}
	return false
}

// restrict refuses what is not in the language, and has every body of a loop
// or condition counted.
func restrict(n parse.Node, step parse.Node) error {
	switch n := n.(type) {
	case *parse.ListNode:
		if n == nil {
			return nil
		}
		for _, c := range n.Nodes {
			if err := restrict(c, step); err != nil {
				return err
			}
		}
		n.Nodes = append([]parse.Node{step.Copy()}, n.Nodes...)
		return nil
	case *parse.ActionNode:
		return restrictPipe(n.Pipe)
	case *parse.IfNode:
		return restrictBranch(&n.BranchNode, step)
	case *parse.RangeNode:
		return restrictBranch(&n.BranchNode, step)
	case *parse.WithNode:
		return restrictBranch(&n.BranchNode, step)
	case *parse.TextNode, *parse.CommentNode, *parse.BreakNode, *parse.ContinueNode:
		return nil
	default:
		return fmt.Errorf("%s is not part of the language", n)
	}
}

func restrictBranch(b *parse.BranchNode, step parse.Node) error {
	return errors.Join(restrictPipe(b.Pipe), restrict(b.List, step), restrict(b.ElseList, step))
}

func restrictPipe(p *parse.PipeNode) error {
	if p == nil {
		return nil
	}
	for _, c := range p.Cmds {
		for _, arg := range c.Args {
			switch a := arg.(type) {
			case *parse.IdentifierNode:
				if !allowed(a.Ident) {
					return fmt.Errorf("the function %s is not part of the language", a.Ident)
				}
			case *parse.PipeNode:
				if err := restrictPipe(a); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func safeFunctions(l limits) template.FuncMap {
	text := func(f func(string) string) func(string) (string, error) {
		return func(s string) (string, error) {
			if len(s) > l.value {
				return "", errLimit
			}
			return f(s), nil
		}
	}
	return template.FuncMap{"quote": text(strconv.Quote), "json": text(jsonText), "yaml": text(yamlText), "markdown": text(markdownText)}
}

// jsonText is s as a JSON string, which is a JavaScript string too.
func jsonText(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return `""` // a string can always be encoded
	}
	return strings.TrimSpace(b.String())
}

var plainYAML = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)

// yamlText is s as a YAML scalar: plain where nothing can be misread, else in
// double quotes, where YAML knows every escape that Go writes.
func yamlText(s string) string {
	if plainYAML.MatchString(s) && !slices.Contains([]string{"null", "true", "false", "yes", "no", "on", "off", "y", "n"}, s) {
		return s
	}
	return strconv.Quote(s)
}

var (
	markup     = regexp.MustCompile("[\\\\`*_\\[\\]<>#!|~&@$^]")
	lineMarkup = regexp.MustCompile(`^([-+=:]|\d+[.)])`)
)

// markdownText is s as one line of text in which nothing is markup.
func markdownText(s string) string {
	out := markup.ReplaceAllString(oneLine(s), `\$0`)
	return lineMarkup.ReplaceAllStringFunc(out, func(m string) string { return m[:len(m)-1] + `\` + m[len(m)-1:] })
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

var fileNamePattern = regexp.MustCompile(`^[A-Za-z0-9._/-]{1,200}$`)

// checkFileName treats the name of a rendered file like input of a stranger.
func checkFileName(name string) error {
	bad := func(why string) error { return fmt.Errorf("the file name %q is refused: %s", name, why) }
	switch {
	case !fileNamePattern.MatchString(name):
		return bad("only letters, digits, dot, dash, underscore and slash")
	case path.IsAbs(name) || path.Clean(name) != name || name == "." || strings.HasPrefix(name, "../") || name == "..":
		return bad("it leaves the repository")
	}
	lower := strings.ToLower(name)
	for part := range strings.SplitSeq(lower, "/") {
		if part == ".git" || strings.HasPrefix(part, ".git~") || part == "git~1" || strings.HasSuffix(part, ".") {
			return bad("git keeps it for itself")
		}
	}
	if lower == ".gitmodules" || lower == ".gitattributes" {
		return bad("git keeps it for itself")
	}
	if strings.HasPrefix(lower, ".github/workflows/") && name != ".github/workflows/ci.yaml" {
		return bad("a template may bring the workflow ci.yaml only")
	}
	return nil
}
