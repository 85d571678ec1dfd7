package jq

import "github.com/itchyny/gojq"

// walker visits all parts of an expression, inner parts first. A hook may
// change what it is given in place.
type walker struct {
	query   func(*gojq.Query) *Error
	term    func(*gojq.Term) *Error
	str     func(*gojq.String) *Error
	index   func(*gojq.Index) *Error
	def     func(*gojq.FuncDef) *Error
	pattern func(name string) *Error
	err     *Error
}

func (w *walker) fail(err *Error) {
	if w.err == nil {
		w.err = err
	}
}

func (w *walker) walk(q *gojq.Query) {
	if q == nil || w.err != nil {
		return
	}
	for _, def := range q.FuncDefs {
		w.walk(def.Body)
		if w.def != nil {
			w.fail(w.def(def))
		}
	}
	w.walk(q.Left)
	w.patterns(q.Patterns)
	w.walk(q.Right)
	w.walkTerm(q.Term)
	if w.query != nil && w.err == nil {
		w.fail(w.query(q))
	}
}

func (w *walker) patterns(list []*gojq.Pattern) {
	for _, p := range list {
		if p == nil {
			continue
		}
		if p.Name != "" && w.pattern != nil {
			w.fail(w.pattern(p.Name))
		}
		w.patterns(p.Array)
		for _, o := range p.Object {
			if o.Key != "" && o.Key[0] == '$' && w.pattern != nil {
				w.fail(w.pattern(o.Key))
			}
			w.walkString(o.KeyString)
			w.walk(o.KeyQuery)
			w.patterns([]*gojq.Pattern{o.Val})
		}
	}
}

func (w *walker) walkString(s *gojq.String) {
	if s == nil {
		return
	}
	for _, q := range s.Queries {
		w.walk(q)
	}
	if w.str != nil && w.err == nil {
		w.fail(w.str(s))
	}
}

func (w *walker) walkIndex(i *gojq.Index) {
	if i == nil {
		return
	}
	w.walkString(i.Str)
	w.walk(i.Start)
	w.walk(i.End)
	if w.index != nil && w.err == nil {
		w.fail(w.index(i))
	}
}

func (w *walker) walkTerm(t *gojq.Term) {
	if t == nil || w.err != nil {
		return
	}
	w.walkIndex(t.Index)
	if t.Func != nil {
		for _, arg := range t.Func.Args {
			w.walk(arg)
		}
	}
	if t.Object != nil {
		w.walkObject(t.Object)
	}
	if t.Array != nil {
		w.walk(t.Array.Query)
	}
	if t.Unary != nil {
		w.walkTerm(t.Unary.Term)
	}
	w.walkString(t.Str)
	w.walkControl(t)
	w.walk(t.Query)
	for _, s := range t.SuffixList {
		w.walkIndex(s.Index)
	}
	if w.term != nil && w.err == nil {
		w.fail(w.term(t))
	}
}

func (w *walker) walkObject(o *gojq.Object) {
	for _, kv := range o.KeyVals {
		w.walkString(kv.KeyString)
		w.walk(kv.KeyQuery)
		w.walk(kv.Val)
	}
}

func (w *walker) walkControl(t *gojq.Term) {
	if f := t.If; f != nil {
		w.walk(f.Cond)
		w.walk(f.Then)
		for _, e := range f.Elif {
			w.walk(e.Cond)
			w.walk(e.Then)
		}
		w.walk(f.Else)
	}
	if f := t.Try; f != nil {
		w.walk(f.Body)
		w.walk(f.Catch)
	}
	if f := t.Reduce; f != nil {
		w.walk(f.Query)
		w.patterns(f.Patterns)
		w.walk(f.Start)
		w.walk(f.Update)
	}
	if f := t.Foreach; f != nil {
		w.walk(f.Query)
		w.patterns(f.Patterns)
		w.walk(f.Start)
		w.walk(f.Update)
		w.walk(f.Extract)
	}
	if f := t.Label; f != nil {
		w.walk(f.Body)
	}
}
