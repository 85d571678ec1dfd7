package eval

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unsafe"
)

// Set is one compiled set of flags. It does not change.
type Set struct {
	flags map[string]*compiled
	keys  []string
	o     Options
	meta  *Metadata
	clock bool
	// definition is kept for explanations and for those who ask for it.
	definition definition
}

// compiled is one flag.
type compiled struct {
	variants []Variant
	// standard is the default variant's place, -1 without one.
	standard int32
	disabled bool
	clock    bool
	rule     expr
	// broken says why the rule cannot be read.
	broken string
	meta   *Metadata
}

func (o Options) filled() Options {
	if o.Bucketing < V1 || o.Bucketing > V3 {
		o.Bucketing = V2
	}
	set := func(n *int, otherwise int) {
		if *n <= 0 {
			*n = otherwise
		}
	}
	set(&o.MaxBytes, 64<<20)
	set(&o.MaxDepth, 64)
	set(&o.MaxNodes, 20_000)
	set(&o.MaxSteps, 100_000)
	return o
}

// Compile reads a definition, which must not change afterwards: the set keeps
// it (see Pack). Problems that are not fatal leave the flag they are about answering
// with an error, as flagd does.
func Compile(definition []byte, o Options) (*Set, []Problem) {
	o = o.filled()
	fatal := func(path, problem, expected string) (*Set, []Problem) {
		return nil, []Problem{{Path: path, Problem: problem, Expected: expected, Fatal: true}}
	}
	if len(definition) > o.MaxBytes {
		return fatal("", "is too large", fmt.Sprintf("at most %d bytes", o.MaxBytes))
	}
	l := &loader{o: o, definition: definition, shared: newShared()}
	doc, r, err := readKept(source(definition), o.MaxDepth+16, 1<<62)
	if err != nil {
		return fatal("", err.Error(), "a flagd definition")
	}
	if doc.kind != object {
		return fatal("", "is not an object", "a flagd definition")
	}
	for _, key := range r.twice {
		l.problem("", "", "has a key twice: "+short(key), "each key once; the last one counts")
	}
	flags, ok := doc.field("flags")
	if !ok || flags.kind != object {
		return fatal("flags", "is not an object", "flags by key")
	}
	l.evaluators, _ = doc.field("$evaluators")
	return l.load(doc, flags)
}

// source is a definition as text, without a copy.
func source(definition []byte) string {
	return unsafe.String(unsafe.SliceData(definition), len(definition)) //nolint:gosec // definitions are never written to after they were read
}

// loader compiles a definition.
type loader struct {
	o          Options
	definition []byte
	evaluators value
	problems   []Problem
	setMeta    value
	shared     *shared
}

func (l *loader) problem(flag, path, problem, expected string) {
	if len(l.problems) < 1000 {
		l.problems = append(l.problems, Problem{Flag: flag, Path: path, Problem: problem, Expected: expected})
	}
}

func (l *loader) fatal(flag, path, problem, expected string) {
	l.problems = append(l.problems, Problem{Flag: flag, Path: path, Problem: problem, Expected: expected, Fatal: true})
}

func (l *loader) load(doc, flags value) (*Set, []Problem) {
	s := &Set{flags: make(map[string]*compiled, len(flags.box.keys)), o: l.o, definition: definition{text: l.definition}}
	if meta, ok := doc.field("metadata"); ok {
		l.setMeta = meta
		s.meta = l.metadata("", meta, value{})
	}
	for i, key := range flags.box.keys {
		f := l.flag(key, flags.box.items[i], flags.box.spans[i])
		if f.meta == nil {
			f.meta = s.meta
		}
		s.flags[key] = f
		s.clock = s.clock || f.clock
	}
	s.keys = slices.Sorted(slices.Values(flags.box.keys))
	if slices.ContainsFunc(l.problems, func(p Problem) bool { return p.Fatal }) {
		return nil, l.problems
	}
	return s, l.problems
}

func (l *loader) flag(key string, v value, at span) *compiled {
	f := &compiled{standard: -1}
	if v.kind != object {
		l.fatal(key, "", "is not an object", "a flag with state and variants")
		return f
	}
	switch state, _ := v.field("state"); state.text {
	case "ENABLED":
	case "DISABLED":
		f.disabled = true
	default:
		l.fatal(key, "state", "is not a state", "ENABLED or DISABLED")
	}
	l.variants(key, f, v)
	if d, ok := v.field("defaultVariant"); ok && d.kind != null && d.text != "" {
		if f.standard = int32(f.variant(d.text)); f.standard < 0 { // a definition has at most 64 MiB
			l.fatal(key, "defaultVariant", "is not a variant", "the name of a variant")
		}
	}
	for i, name := range v.box.keys {
		if name == "targeting" {
			l.targeting(key, f, v.box.items[i])
		}
	}
	if meta, ok := v.field("metadata"); ok {
		f.meta = l.metadata(key, meta, l.setMeta)
	}
	return f
}

func (l *loader) variants(key string, f *compiled, v value) {
	i := slices.Index(v.box.keys, "variants")
	if i < 0 || v.box.items[i].kind != object {
		l.fatal(key, "variants", "is not an object", "at least one variant")
		return
	}
	variants, said := v.box.items[i], string(l.raw(v.box.spans[i]))
	if known, ok := l.shared.variants[said]; ok {
		f.variants = known
		return
	}
	before := len(l.problems)
	if len(variants.box.keys) == 0 {
		l.problem(key, "variants", "is empty", "at least one variant")
	}
	f.variants = make([]Variant, 0, len(variants.box.keys))
	first := null
	for i, name := range variants.box.keys {
		item := variants.box.items[i]
		if i == 0 {
			first = item.kind
		}
		if item.kind != first || item.kind == null || item.kind == list {
			l.problem(key, "variants."+short(name), "has a value of another type", "booleans, texts, numbers or objects, all of one type")
		}
		f.variants = append(f.variants, Variant{Name: name, Raw: bytes.Clone(l.raw(variants.box.spans[i])), Value: item.plain()})
	}
	if len(l.problems) == before { // what is wrong is said of every flag
		l.shared.variants[said] = f.variants
	}
}

func (l *loader) raw(at span) []byte { return l.definition[at.from:at.to:at.to] }

func (l *loader) targeting(key string, f *compiled, v value) {
	if v.kind == null || v.kind == object && len(v.box.keys) == 0 {
		return
	}
	c := l.compiler(func(path, problem, expected string) { l.problem(key, path, problem, expected) })
	x := c.compile(v)
	if c.broken {
		f.broken = "the rule cannot be read"
		return
	}
	f.rule, f.clock = x, c.clock
}

func (l *loader) compiler(problem func(path, problem, expected string)) *compiler {
	return &compiler{o: l.o, shared: l.shared, evaluators: l.evaluators, nodes: l.o.MaxNodes, depth: l.o.MaxDepth, problem: problem, path: []string{"targeting"}}
}

// metadata merges the set's with a flag's, which wins. Only booleans, texts and
// numbers reach clients.
func (l *loader) metadata(flag string, own, inherited value) *Metadata {
	if own.kind != object {
		l.problem(flag, "metadata", "is not an object", "names with booleans, texts or numbers")
		return nil
	}
	values := map[string]any{}
	for _, v := range []value{inherited, own} {
		if v.kind != object {
			continue
		}
		for i, name := range v.box.keys {
			if item := v.box.items[i]; item.kind == null || item.kind >= list {
				l.problem(flag, "metadata."+short(name), "is not a boolean, a text or a number", "left out")
			} else {
				values[name] = item.plain()
			}
		}
	}
	if len(values) == 0 {
		return nil
	}
	raw, err := json.Marshal(values)
	if err != nil {
		l.problem(flag, "metadata", "cannot be written", "booleans, texts and numbers")
		return nil
	}
	known := l.shared.metadata[string(raw)]
	if known == nil {
		known = &Metadata{Raw: bytes.Clone(raw)}
		l.shared.metadata[string(raw)] = known
	}
	return known
}

func short(s string) string {
	if len(s) > 60 {
		s = strings.ToValidUTF8(s[:60], "") + "..."
	}
	return s
}

func (f *compiled) variant(name string) int {
	for i := range f.variants {
		if f.variants[i].Name == name {
			return i
		}
	}
	return -1
}

// Evaluate answers for one flag; now is in unix seconds.
func (s *Set) Evaluate(key string, c *Context, now int64) Result {
	f := s.flags[key]
	if f == nil {
		return Result{Key: key, Reason: Error, ErrorCode: FlagNotFound, ErrorDetails: "there is no such flag", Metadata: s.meta}
	}
	if f.rule == nil {
		return f.fixed(key)
	}
	if f.disabled {
		return Result{Key: key, Reason: Disabled, Metadata: f.meta}
	}
	e := env{c: c, key: key, now: now, steps: s.o.MaxSteps}
	return f.answer(key, f.rule(&e), &e)
}

// fixed is the answer of a flag without a rule.
func (f *compiled) fixed(key string) Result {
	out := Result{Key: key, Metadata: f.meta}
	switch {
	case f.disabled:
		out.Reason = Disabled
	case f.broken != "":
		out.Reason, out.ErrorCode, out.ErrorDetails = Error, ParseError, f.broken
	case f.standard < 0:
		out.Reason = Default
	default:
		out.Reason, out.Variant = Static, &f.variants[f.standard]
	}
	return out
}

// answer makes a result of what the rule gave.
func (f *compiled) answer(key string, v value, e *env) Result {
	out := Result{Key: key, Metadata: f.meta, Reason: TargetingMatch}
	if e.failed != "" {
		out.Reason, out.ErrorCode, out.ErrorDetails = Error, ParseError, e.failed
		return out
	}
	name := v.text
	switch v.kind {
	case null:
		out.Reason = Default
		if f.standard >= 0 {
			out.Variant = &f.variants[f.standard]
		}
		return out
	case boolean:
		name = "false"
		if v.num != 0 {
			name = "true"
		}
	case text:
	default:
		out.Reason, out.ErrorCode, out.ErrorDetails = Error, General, "the rule gives no name of a variant"
		return out
	}
	i := f.variant(name)
	if i < 0 {
		out.Reason, out.ErrorCode, out.ErrorDetails = Error, General, "the rule gives the name of a variant that the flag does not have"
		return out
	}
	out.Variant = &f.variants[i]
	return out
}

// Keys lists the flags in order.
func (s *Set) Keys() []string { return s.keys }

// Has tells whether the set has the flag.
func (s *Set) Has(key string) bool { return s.flags[key] != nil }

// ReadsClock tells whether any flag's answer changes with time alone, and
// ReadsClockOf whether one's does.
func (s *Set) ReadsClock() bool { return s.clock }

// ReadsClockOf is ReadsClock of one flag.
func (s *Set) ReadsClockOf(key string) bool { f := s.flags[key]; return f != nil && f.clock }

// Metadata is that of the set, nil when there is none.
func (s *Set) Metadata() *Metadata { return s.meta }

// Variants are the variants of a flag, nil when there is no such flag.
func (s *Set) Variants(key string) []Variant {
	f := s.flags[key]
	if f == nil {
		return nil
	}
	return f.variants
}
