package jq

import (
	"maps"
	"slices"

	"github.com/itchyny/gojq"
)

// Reads is what of an entity an expression looks at, so that a value is worked
// out again only when something it stands on changed.
type Reads struct {
	// All: it could not be told, so anything.
	All bool
	// AllProperties and AllRelations: .properties or .relations as a whole.
	AllProperties, AllRelations bool
	Properties                  []string
	Relations                   []string
	Meta                        []string // title, team, createdAt and the other keys of an entity
	Now                         bool     // the time, too
}

// Reads tells what of the input the expression looks at.
func (p *Program) Reads() Reads { return p.reads }

// place is what a part of an expression has as its input or gives.
type place int

const (
	elsewhere  place = iota // part of something that is read already, or not of the input
	atRoot                  // the entity itself
	properties              // .properties of it
	relations               // .relations of it
)

type reader struct {
	out                         Reads
	properties, relations, meta map[string]bool
	vars                        map[string]place
}

func readsOf(q *gojq.Query) Reads {
	r := &reader{properties: map[string]bool{}, relations: map[string]bool{}, meta: map[string]bool{}, vars: map[string]place{}}
	r.whole(r.query(q, atRoot))
	r.out.Properties = slices.Sorted(maps.Keys(r.properties))
	r.out.Relations = slices.Sorted(maps.Keys(r.relations))
	r.out.Meta = slices.Sorted(maps.Keys(r.meta))
	return r.out
}

// whole notes that all of what is at the place is used.
func (r *reader) whole(at place) {
	switch at {
	case atRoot:
		r.out.All = true
	case properties:
		r.out.AllProperties = true
	case relations:
		r.out.AllRelations = true
	case elsewhere:
	}
}

func (r *reader) query(q *gojq.Query, at place) place {
	if q == nil {
		return elsewhere
	}
	if len(q.FuncDefs) > 0 || len(q.Patterns) > 1 {
		r.out.All = true // functions may be called with anything
		return elsewhere
	}
	if q.Term != nil {
		return r.term(q.Term, at)
	}
	if q.Right == nil {
		return at
	}
	switch {
	case len(q.Patterns) == 1:
		value := r.query(q.Left, at)
		if q.Patterns[0].Name == "" {
			r.whole(value) // taken apart
			r.unknown(q.Patterns[0])
		} else if old, twice := r.vars[q.Patterns[0].Name]; twice && old != value {
			r.whole(old)
			r.whole(value)
		} else {
			r.vars[q.Patterns[0].Name] = value
		}
		return r.query(q.Right, at)
	case q.Op == gojq.OpPipe:
		return r.query(q.Right, r.query(q.Left, at))
	case q.Op == gojq.OpAlt || q.Op == gojq.OpComma:
		left, right := r.query(q.Left, at), r.query(q.Right, at)
		if left == right {
			return left
		}
		r.whole(left)
		r.whole(right)
		return elsewhere
	}
	if q.Op >= gojq.OpAssign {
		r.whole(at)
	}
	r.whole(r.query(q.Left, at))
	r.whole(r.query(q.Right, at))
	return elsewhere
}

// unknown notes the variables of a pattern.
func (r *reader) unknown(p *gojq.Pattern) {
	if p == nil {
		return
	}
	w := walker{pattern: func(name string) *Error {
		r.whole(r.vars[name])
		r.vars[name] = elsewhere
		return nil
	}}
	w.patterns([]*gojq.Pattern{p})
}

func (r *reader) term(t *gojq.Term, at place) place {
	value := elsewhere
	switch t.Type {
	case gojq.TermTypeIdentity:
		value = at
	case gojq.TermTypeIndex:
		value = r.index(t.Index, at, at)
	case gojq.TermTypeQuery:
		value = r.query(t.Query, at)
	case gojq.TermTypeFunc:
		value = r.call(t.Func, at)
	case gojq.TermTypeIf:
		value = r.branches(t.If, at)
	case gojq.TermTypeTry:
		value = r.query(t.Try.Body, at)
		r.whole(r.query(t.Try.Catch, elsewhere))
	case gojq.TermTypeObject:
		r.object(t.Object, at)
	case gojq.TermTypeArray:
		r.whole(r.query(t.Array.Query, at))
	case gojq.TermTypeUnary:
		r.whole(r.term(t.Unary.Term, at))
	case gojq.TermTypeString:
		r.str(t.Str, at)
	case gojq.TermTypeFormat:
		if t.Str == nil {
			r.whole(at)
		}
		r.str(t.Str, at)
	case gojq.TermTypeNull, gojq.TermTypeTrue, gojq.TermTypeFalse, gojq.TermTypeNumber:
	case gojq.TermTypeRecurse, gojq.TermTypeReduce, gojq.TermTypeForeach, gojq.TermTypeLabel, gojq.TermTypeBreak:
		r.loop(t, at)
	}
	for _, s := range t.SuffixList {
		switch {
		case s.Index != nil:
			value = r.index(s.Index, value, at)
		case s.Iter:
			r.whole(value)
			value = elsewhere
		}
	}
	return value
}

func (r *reader) loop(t *gojq.Term, at place) {
	switch {
	case t.Reduce != nil:
		r.whole(r.query(t.Reduce.Query, at))
		r.rest(t.Reduce.Patterns)
		r.whole(r.query(t.Reduce.Start, at))
		r.whole(r.query(t.Reduce.Update, elsewhere))
	case t.Foreach != nil:
		r.whole(r.query(t.Foreach.Query, at))
		r.rest(t.Foreach.Patterns)
		r.whole(r.query(t.Foreach.Start, at))
		r.whole(r.query(t.Foreach.Update, elsewhere))
		r.whole(r.query(t.Foreach.Extract, elsewhere))
	case t.Label != nil:
		r.whole(r.query(t.Label.Body, at))
	case t.Type == gojq.TermTypeRecurse:
		r.whole(at)
	}
}

func (r *reader) rest(list []*gojq.Pattern) {
	for _, p := range list {
		r.unknown(p)
	}
}

func (r *reader) branches(f *gojq.If, at place) place {
	r.whole(r.query(f.Cond, at))
	values := []place{r.query(f.Then, at)}
	for _, e := range f.Elif {
		r.whole(r.query(e.Cond, at))
		values = append(values, r.query(e.Then, at))
	}
	if f.Else != nil {
		values = append(values, r.query(f.Else, at))
	} else {
		values = append(values, at)
	}
	for _, v := range values {
		r.whole(v)
	}
	return elsewhere
}

func (r *reader) object(o *gojq.Object, at place) {
	for _, kv := range o.KeyVals {
		r.str(kv.KeyString, at)
		r.whole(r.query(kv.KeyQuery, at))
		switch {
		case kv.Val != nil:
			r.whole(r.query(kv.Val, at))
		case len(kv.Key) > 0 && kv.Key[0] == '$':
			r.whole(r.vars[kv.Key])
		case kv.Key != "": // {title} is {title: .title}
			r.whole(r.key(kv.Key, at))
		default:
			r.whole(at) // {"a b"} or {(f)}
		}
	}
}

func (r *reader) str(s *gojq.String, at place) {
	if s == nil {
		return
	}
	for _, q := range s.Queries {
		r.whole(r.query(q, at))
	}
}

// call knows the functions that hand their input on or do not look at it.
func (r *reader) call(f *gojq.Func, at place) place {
	switch f.Name {
	case "select":
		r.whole(r.query(f.Args[0], at))
		return at
	case "first", "isempty":
		if len(f.Args) == 1 {
			return r.query(f.Args[0], at)
		}
	case "empty", "nan", "infinite":
		return elsewhere
	case "now":
		r.out.Now = true
		return elsewhere
	case "range", "limit", "skip", "until":
		if f.Name == "range" || at == elsewhere {
			for _, arg := range f.Args {
				r.whole(r.query(arg, at))
			}
			return elsewhere
		}
	}
	if f.Name[0] == '$' {
		return r.vars[f.Name]
	}
	r.whole(at)
	for _, arg := range f.Args {
		// at is noted as a whole, so what the arguments find in it adds nothing;
		// variables may still stand for the input.
		r.whole(r.query(arg, elsewhere))
	}
	return elsewhere
}

// index steps into of; expressions in brackets look at input.
func (r *reader) index(i *gojq.Index, of, input place) place {
	key := i.Name
	if key == "" && i.Str != nil && i.Str.Queries == nil {
		key = i.Str.Str
	}
	if key == "" && !i.IsSlice && i.Start != nil {
		if t := i.Start.Term; t != nil && t.Type == gojq.TermTypeString && t.Str.Queries == nil && len(t.SuffixList) == 0 {
			key = t.Str.Str
		}
	}
	if key != "" {
		return r.key(key, of)
	}
	r.str(i.Str, input)
	r.whole(r.query(i.Start, input))
	r.whole(r.query(i.End, input))
	r.whole(of)
	return elsewhere
}

func (r *reader) key(key string, of place) place {
	switch of {
	case atRoot:
		switch key {
		case "properties":
			return properties
		case "relations":
			return relations
		}
		r.meta[key] = true
	case properties:
		r.properties[key] = true
	case relations:
		r.relations[key] = true
	case elsewhere:
	}
	return elsewhere
}
