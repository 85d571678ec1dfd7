package jq

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/itchyny/gojq"
)

// guard checks an expression for what is not allowed and rewrites it so that
// what can build a large value in one step pays for it before. The guards are
// functions of their own (guards.go) whose names start with two underscores and
// which give back their input; names of that kind are refused in what people
// write. With that, what a run holds is bounded by its steps (each of which
// builds a few words) and by what the guards let it pay.
func guard(q *gojq.Query) *Error {
	g := &guarder{own: map[string]bool{}}
	if err := g.declared(q); err != nil {
		return err
	}
	w := walker{query: g.query, term: g.term, str: g.str, index: g.index}
	w.walk(q)
	if w.err != nil {
		return w.err
	}
	return g.prelude(q)
}

type guarder struct {
	own     map[string]bool // functions that the expression defines, "name/arity"
	assigns bool            // it changes values in place, so an index may create
	used    []string        // functions of the prelude
}

// declared collects what the expression defines and refuses names that are
// those of jq or of the guards, and modules.
func (g *guarder) declared(q *gojq.Query) *Error {
	if q.Meta != nil || len(q.Imports) > 0 {
		return compileError("uses modules (import, include, module), which are not available")
	}
	w := walker{
		def: g.define,
		pattern: func(name string) *Error {
			if strings.HasPrefix(name, "$__") {
				return compileError("names a variable %s; names may not start with two underscores", name)
			}
			return nil
		},
		query: func(q *gojq.Query) *Error {
			if q.Op >= gojq.OpAssign {
				g.assigns = true
			}
			if q.Meta != nil || len(q.Imports) > 0 {
				return compileError("uses modules (import, include, module), which are not available")
			}
			return nil
		},
		term: func(t *gojq.Term) *Error {
			if t.Func != nil && creates(t.Func.Name) {
				g.assigns = true
			}
			return nil
		},
	}
	w.walk(q)
	return w.err
}

func creates(name string) bool {
	switch name {
	case "setpath", "pick", "map_values", "walk":
		return true
	}
	return false
}

func (g *guarder) define(def *gojq.FuncDef) *Error {
	names := []string{def.Name}
	for _, arg := range def.Args {
		names = append(names, strings.TrimPrefix(arg, "$"))
	}
	for i, name := range names {
		if strings.HasPrefix(name, "_") {
			return compileError("defines %s; names may not start with an underscore", name)
		}
		if taken(name) {
			return compileError("defines %s, which is a function of jq; use another name", name)
		}
		arity := 0
		if i == 0 {
			arity = len(def.Args)
		}
		g.own[name+"/"+strconv.Itoa(arity)] = true
	}
	return nil
}

// query guards the operators.
func (g *guarder) query(q *gojq.Query) *Error {
	switch q.Op {
	case gojq.OpAdd:
		q.Left, q.Right = paid(q.Left, "__s"), paid(q.Right, "__s")
	case gojq.OpEq, gojq.OpNe, gojq.OpLt, gojq.OpGt, gojq.OpLe, gojq.OpGe:
		if !constant(q.Left) && !constant(q.Right) {
			q.Left, q.Right = paid(q.Left, "__deep"), paid(q.Right, "__deep")
		}
	case gojq.OpSub, gojq.OpMul, gojq.OpDiv:
		if !number(q.Left) && !number(q.Right) || q.Op == gojq.OpMul && (!number(q.Left) || !number(q.Right)) {
			g.arithmetic(q, q.Left, q.Right, q.Op)
		}
	case gojq.OpAssign, gojq.OpModify, gojq.OpUpdateAlt:
		inner := &gojq.Query{Left: q.Left, Op: q.Op, Right: paid(q.Right, "__s")}
		q.Left, q.Op, q.Right = call("__deep"), gojq.OpPipe, group(inner)
	case gojq.OpUpdateAdd, gojq.OpUpdateSub, gojq.OpUpdateMul, gojq.OpUpdateDiv, gojq.OpUpdateMod:
		g.update(q)
	}
	return nil
}

// arithmetic makes a OP b into: b as $__2 | a as $__1 | __check($__1; $__2) | $__1 OP $__2,
// which keeps the order in which jq evaluates the two.
func (g *guarder) arithmetic(q, left, right *gojq.Query, op gojq.Operator) {
	check := map[gojq.Operator]string{gojq.OpSub: "__pairs", gojq.OpMul: "__mul", gojq.OpDiv: "__div"}[op]
	one, two := call("$__1"), call("$__2")
	result := &gojq.Query{Left: one, Op: op, Right: two}
	result = &gojq.Query{Left: call(check, one, two), Op: gojq.OpPipe, Right: group(result)}
	result = bind(left, "$__1", result)
	*q = *bindTo(q, right, "$__2", result)
}

// update makes p OP= v into: v as $__3 | __deep | p |= (. OP $__3).
func (g *guarder) update(q *gojq.Query) {
	ops := map[gojq.Operator]gojq.Operator{
		gojq.OpUpdateAdd: gojq.OpAdd, gojq.OpUpdateSub: gojq.OpSub, gojq.OpUpdateMul: gojq.OpMul,
		gojq.OpUpdateDiv: gojq.OpDiv, gojq.OpUpdateMod: gojq.OpMod,
	}
	change := &gojq.Query{Left: identity(), Op: ops[q.Op], Right: call("$__3")}
	_ = g.query(change) // never fails
	modify := &gojq.Query{Left: q.Left, Op: gojq.OpModify, Right: group(change)}
	whole := &gojq.Query{Left: call("__deep"), Op: gojq.OpPipe, Right: group(modify)}
	*q = *bindTo(q, q.Right, "$__3", whole)
}

// term guards calls, formats and slices.
func (g *guarder) term(t *gojq.Term) *Error {
	if t.Type == gojq.TermTypeFunc {
		if err := g.function(t); err != nil {
			return err
		}
	}
	if t.Type == gojq.TermTypeFormat && t.Str == nil {
		format := &gojq.Term{Type: gojq.TermTypeFormat, Format: t.Format}
		if !knownFormat(t.Format) {
			return compileError("uses %s, which is not a format of jq", t.Format)
		}
		*t = gojq.Term{
			Type: gojq.TermTypeQuery, SuffixList: t.SuffixList,
			Query: &gojq.Query{Left: call("__deep"), Op: gojq.OpPipe, Right: &gojq.Query{Term: format}},
		}
	}
	for _, s := range t.SuffixList {
		if s.Index != nil && s.Index.IsSlice {
			return g.slice(t)
		}
	}
	if t.Type == gojq.TermTypeIndex && t.Index.IsSlice {
		return g.slice(t)
	}
	return nil
}

// slice pays for the copy of text that a slice may make.
func (g *guarder) slice(t *gojq.Term) *Error {
	inner := *t
	*t = gojq.Term{
		Type:  gojq.TermTypeQuery,
		Query: &gojq.Query{Left: &gojq.Query{Term: &inner}, Op: gojq.OpPipe, Right: call("__s")},
	}
	return nil
}

func (g *guarder) function(t *gojq.Term) *Error {
	name, args := t.Func.Name, t.Func.Args
	switch {
	case name == "$__loc__" || name == "$ENV" || strings.HasPrefix(name, "$__"):
		return compileError("uses %s, which is not available", name)
	case strings.HasPrefix(name, "$"):
		return nil
	case g.own[name+"/"+strconv.Itoa(len(args))]:
		return nil
	case strings.HasPrefix(name, "_"):
		return compileError("uses %s, which jq does not have", name)
	}
	key := name + "/" + strconv.Itoa(len(args))
	if !allowed(key) {
		if reason, has := line(notHere, name); has {
			return compileError("uses %s, which is not available here: %s", name, reason)
		}
		return compileError("uses %s with %d arguments, which is not a function that is available", name, len(args))
	}
	if _, has := line(preludeText, key); has {
		g.used = append(g.used, key)
	}
	text, has := line(rewrites, key)
	if !has {
		return nil
	}
	q, err := fill(text, args)
	if err != nil {
		return err
	}
	*t = gojq.Term{Type: gojq.TermTypeQuery, Query: q, SuffixList: t.SuffixList}
	return nil
}

// fill parses the text of a rewriting and puts the arguments into their places.
func fill(text string, args []*gojq.Query) (*gojq.Query, *Error) {
	q, err := gojq.Parse(text)
	if err != nil {
		return nil, compileError("cannot be rewritten: %s", err) // a mistake of ours, found by the tests
	}
	w := walker{term: func(t *gojq.Term) *Error {
		if t.Type != gojq.TermTypeFunc || len(t.Func.Args) > 0 {
			return nil
		}
		for i, arg := range args {
			if t.Func.Name == fmt.Sprintf("__a%d", i+1) {
				*t = gojq.Term{Type: gojq.TermTypeQuery, Query: arg, SuffixList: t.SuffixList}
				return nil
			}
		}
		return nil
	}}
	w.walk(q)
	return q, w.err
}

// str pays for what is put into text.
func (g *guarder) str(s *gojq.String) *Error {
	for i, q := range s.Queries {
		if q.Term == nil || q.Term.Type != gojq.TermTypeString || q.Term.Str == nil {
			s.Queries[i] = group(&gojq.Query{Left: group(q), Op: gojq.OpPipe, Right: call("__deep")})
		}
	}
	return nil
}

// maxPlainIndex is an index that may create an array without paying for it.
const maxPlainIndex = 64

// index pays for arrays that an assignment to an index may create.
func (g *guarder) index(i *gojq.Index) *Error {
	if !g.assigns || i.IsSlice || i.Start == nil {
		return nil
	}
	if t := i.Start.Term; t != nil && len(t.SuffixList) == 0 {
		n, err := strconv.Atoi(t.Number)
		if t.Type == gojq.TermTypeString && t.Str.Queries == nil || t.Type == gojq.TermTypeNumber && err == nil && n <= maxPlainIndex {
			return nil
		}
	}
	i.Start = &gojq.Query{Left: group(i.Start), Op: gojq.OpPipe, Right: call("__idx")}
	return nil
}

// prelude puts the definitions that the expression uses before it.
func (g *guarder) prelude(q *gojq.Query) *Error {
	text := preludeFor(g.used)
	if text == "" {
		return nil
	}
	defs, err := gojq.Parse(text + ".")
	if err != nil {
		return compileError("cannot be rewritten: %s", err) // a mistake of ours, found by the tests
	}
	q.FuncDefs = append(defs.FuncDefs, q.FuncDefs...)
	return nil
}

func call(name string, args ...*gojq.Query) *gojq.Query {
	return &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeFunc, Func: &gojq.Func{Name: name, Args: args}}}
}

func identity() *gojq.Query { return &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeIdentity}} }

func group(q *gojq.Query) *gojq.Query {
	return &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeQuery, Query: q}}
}

// paid is q | guard, or q itself where its value is written in the expression.
func paid(q *gojq.Query, guard string) *gojq.Query {
	if constant(q) {
		return q
	}
	return group(&gojq.Query{Left: group(q), Op: gojq.OpPipe, Right: call(guard)})
}

// bind is value as $name | then.
func bind(value *gojq.Query, name string, then *gojq.Query) *gojq.Query {
	return &gojq.Query{Left: group(value), Patterns: []*gojq.Pattern{{Name: name}}, Op: gojq.OpPipe, Right: then}
}

// bindTo is bind for a query that has definitions of its own, which stay.
func bindTo(q, value *gojq.Query, name string, then *gojq.Query) *gojq.Query {
	out := group(bind(value, name, then))
	out.FuncDefs = q.FuncDefs
	return out
}

func number(q *gojq.Query) bool {
	return q != nil && q.Term != nil && len(q.FuncDefs) == 0 && q.Term.Type == gojq.TermTypeNumber && len(q.Term.SuffixList) == 0
}

// constant says whether the query is a value that is written out and not a
// collection.
func constant(q *gojq.Query) bool {
	if q == nil || q.Term == nil || len(q.FuncDefs) > 0 || len(q.Term.SuffixList) > 0 {
		return false
	}
	switch q.Term.Type {
	case gojq.TermTypeNumber, gojq.TermTypeNull, gojq.TermTypeTrue, gojq.TermTypeFalse:
		return true
	case gojq.TermTypeString:
		return q.Term.Str.Queries == nil
	}
	return false
}
