package jq

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
)

// Template is any JSON value with "{{ jq }}" in its texts, in values and in
// keys. A text that is one template and nothing else keeps the type of its
// result; in other texts results stand as text. A key whose template gives null
// is left out with its value; the key "{{ spreadValue() }}" puts the members of
// its value into the object around it.
type Template struct {
	root     node
	programs int
}

// MaxTemplates is how many templates a document may hold.
const MaxTemplates = 1000

// spreading is the one key that is no expression.
const spreading = "spreadValue()"

// node is one value of a template: text with expressions, an object, a list or
// a plain value.
type node struct {
	plain   any
	text    []piece
	members []member
	items   []node
	kind    byte // 'p' plain, 't' text, 'o' object, 'a' list
}

// piece is a stretch of text, or an expression.
type piece struct {
	text    string
	program *Program
}

type member struct {
	key     []piece
	name    string
	spread  bool
	value   node
	pointer string
}

// CompileTemplate reads a decoded JSON value.
func CompileTemplate(v any) (*Template, error) {
	t := &Template{}
	root, err := t.compile(v, "", 0)
	if err != nil {
		return nil, err
	}
	t.root = root
	return t, nil
}

func (t *Template) compile(v any, pointer string, depth int) (node, error) {
	if depth > maxDepth {
		return node{}, &Error{Kind: KindCompile, Message: "is nested too deeply", Pointer: pointer}
	}
	switch v := v.(type) {
	case string:
		pieces, err := t.pieces(v, pointer)
		if err != nil {
			return node{}, err
		}
		if len(pieces) == 0 || len(pieces) == 1 && pieces[0].program == nil {
			return node{kind: 'p', plain: v}, nil
		}
		return node{kind: 't', text: pieces}, nil
	case []any:
		out := node{kind: 'a', items: make([]node, len(v))}
		for i, item := range v {
			var err error
			if out.items[i], err = t.compile(item, pointer+"/"+itoa(i), depth+1); err != nil {
				return node{}, err
			}
		}
		return out, nil
	case map[string]any:
		return t.compileObject(v, pointer, depth)
	}
	return node{kind: 'p', plain: v}, nil
}

func (t *Template) compileObject(v map[string]any, pointer string, depth int) (node, error) {
	out := node{kind: 'o'}
	for _, key := range sortedKeys(v) {
		m := member{name: key, pointer: pointer + "/" + escape(key)}
		switch inner, whole := wholeTemplate(key); {
		case whole && strings.TrimSpace(inner) == spreading:
			m.spread = true
		case strings.Contains(key, "{{"):
			var err error
			if m.key, err = t.pieces(key, m.pointer); err != nil {
				return node{}, err
			}
		}
		var err error
		if m.value, err = t.compile(v[key], m.pointer, depth+1); err != nil {
			return node{}, err
		}
		out.members = append(out.members, m)
	}
	return out, nil
}

func wholeTemplate(s string) (string, bool) {
	s = strings.TrimSpace(s)
	inner, ok := strings.CutPrefix(s, "{{")
	if !ok {
		return "", false
	}
	end := templateEnd(inner)
	return inner[:max(end, 0)], end >= 0 && end+2 == len(inner)
}

func (t *Template) pieces(s, pointer string) ([]piece, error) {
	if inner, whole := wholeTemplate(s); whole {
		p, err := t.program(inner, pointer)
		if err != nil {
			return nil, err
		}
		return []piece{{program: p}}, nil
	}
	var out []piece
	for s != "" {
		before, rest, found := strings.Cut(s, "{{")
		if before != "" {
			out = append(out, piece{text: before})
		}
		if !found {
			break
		}
		end := templateEnd(rest)
		if end < 0 {
			return nil, &Error{Kind: KindCompile, Message: "has {{ without the }} that ends it", Pointer: pointer}
		}
		p, err := t.program(rest[:end], pointer)
		if err != nil {
			return nil, err
		}
		out = append(out, piece{program: p})
		s = rest[end+2:]
	}
	if len(out) == 1 && out[0].program != nil { // cannot be: that is a whole template
		out = append(out, piece{})
	}
	return out, nil
}

func (t *Template) program(expr, pointer string) (*Program, error) {
	if t.programs++; t.programs > MaxTemplates {
		return nil, &Error{Kind: KindCompile, Message: "has too many templates", Pointer: pointer}
	}
	p, err := Compile(expr)
	if e, ok := errors.AsType[*Error](err); ok {
		return nil, &Error{Kind: e.Kind, Message: e.Message, Pointer: pointer}
	}
	return p, err
}

// templateEnd finds the }} that ends an expression, outside its strings and
// with its own braces closed; -1 when there is none.
func templateEnd(s string) int {
	open := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '"', '\'':
			for i++; i < len(s) && s[i] != c; i++ {
				if s[i] == '\\' {
					i++
				}
			}
		case '{':
			open++
		case '}':
			if open == 0 {
				if strings.HasPrefix(s[i:], "}}") {
					return i
				}
				return -1
			}
			open--
		}
	}
	return -1
}

// Render fills the template. The limits hold for each expression, and those on
// the output for the whole result.
func (t *Template) Render(ctx context.Context, input any, l Limits) (any, error) {
	l = l.withDefaults()
	r := renderer{ctx: ctx, input: input, limits: l, budget: l.Output}
	return r.value(&t.root, "")
}

type renderer struct {
	ctx    context.Context
	input  any
	limits Limits
	budget int
}

func (r *renderer) spend(n int, pointer string) error {
	if r.budget -= n; r.budget < 0 {
		return &Error{Kind: KindSize, Message: "gives more than may be kept as a result", Pointer: pointer}
	}
	return nil
}

func (r *renderer) value(n *node, pointer string) (any, error) {
	switch n.kind {
	case 't':
		return r.text(n.text, pointer)
	case 'a':
		out := make([]any, len(n.items))
		for i := range n.items {
			var err error
			if out[i], err = r.value(&n.items[i], pointer+"/"+itoa(i)); err != nil {
				return nil, err
			}
		}
		return out, nil
	case 'o':
		return r.object(n)
	}
	return n.plain, nil
}

func (r *renderer) object(n *node) (any, error) {
	out := make(map[string]any, len(n.members))
	var spread []map[string]any
	for i := range n.members {
		m := &n.members[i]
		name, keep, err := r.key(m)
		if err != nil {
			return nil, err
		}
		if !keep {
			continue
		}
		value, err := r.value(&m.value, m.pointer)
		if err != nil {
			return nil, err
		}
		if !m.spread {
			out[name] = value
			continue
		}
		members, ok := value.(map[string]any)
		if !ok && value != nil {
			return nil, &Error{Kind: KindValue, Message: "is to be spread into the object around it, but is not an object", Pointer: m.pointer}
		}
		spread = append(spread, members)
	}
	for _, members := range spread {
		for key, value := range members {
			if _, there := out[key]; !there {
				out[key] = value
			}
		}
	}
	return out, nil
}

// key gives the name of a member and whether it stays.
func (r *renderer) key(m *member) (string, bool, error) {
	if m.spread || m.key == nil {
		return m.name, true, nil
	}
	v, err := r.text(m.key, m.pointer)
	if err != nil || v == nil {
		return "", false, err
	}
	if s, ok := v.(string); ok {
		return s, true, nil
	}
	s, err := asText(v)
	return s, true, err
}

func (r *renderer) text(pieces []piece, pointer string) (any, error) {
	if len(pieces) == 1 && pieces[0].program != nil {
		return r.evaluate(pieces[0].program, pointer)
	}
	var b strings.Builder
	for _, p := range pieces {
		if p.program == nil {
			b.WriteString(p.text)
			continue
		}
		v, err := r.evaluate(p.program, pointer)
		if err != nil {
			return nil, err
		}
		s, err := asText(v)
		if err != nil {
			return nil, err
		}
		b.WriteString(s)
	}
	return b.String(), nil
}

func (r *renderer) evaluate(p *Program, pointer string) (any, error) {
	l := r.limits
	l.Output = max(r.budget, 1)
	v, err := p.First(r.ctx, r.input, l)
	if e, ok := errors.AsType[*Error](err); ok {
		return nil, &Error{Kind: e.Kind, Message: e.Message, Pointer: pointer}
	}
	if err != nil {
		return nil, err
	}
	size, _, _ := measure(v, r.budget*nodeBytes, 0)
	return v, r.spend(size/nodeBytes+textSize(v), pointer)
}

func textSize(v any) int {
	s, _ := v.(string)
	return len(s)
}

// asText is how a result stands inside other text.
func asText(v any) (string, error) {
	if s, ok := v.(string); ok {
		return s, nil
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "", &Error{Kind: KindValue, Message: "gives a value that JSON does not have"}
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}
