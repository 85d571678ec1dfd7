package eval

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"io"
	"sync"
	"unsafe"
	"weak"
)

// shared is what the flags of one set have in common: most have the variants
// on and off, and rules that differ in little.
type shared struct {
	variants  map[string][]Variant
	metadata  map[string]*Metadata
	texts     map[string]expr
	variables map[string]expr
	buckets   map[string][]bucket
	nothing   expr
}

func newShared() *shared {
	return &shared{variants: map[string][]Variant{}, metadata: map[string]*Metadata{}, texts: map[string]expr{}, variables: map[string]expr{}, buckets: map[string][]bucket{}, nothing: constant(value{})}
}

// text is a constant.
func (s *shared) text(v value) expr {
	x, ok := s.texts[v.text]
	if !ok {
		said := v.text
		x = func(*env) value { return textOf(said) }
		s.texts[said] = x
	}
	return x
}

// variable reads one field.
func (s *shared) variable(name string) expr {
	x, ok := s.variables[name]
	if !ok {
		x = func(e *env) value {
			if e.local == nil {
				v, _ := e.c.field(name)
				return v
			}
			v, _ := e.local.at(name)
			return v
		}
		s.variables[name] = x
	}
	return x
}

// alike gives the same list for the same buckets, when nothing in them is
// evaluated and all are texts.
func (s *shared) alike(list []bucket) []bucket {
	var name []byte
	for _, b := range list {
		if !b.fixed || b.result.kind != text {
			return list
		}
		name = binary.AppendUvarint(name, uint64(len(b.result.text)))
		name = append(name, b.result.text...)
		name = binary.AppendVarint(name, b.share)
	}
	known, ok := s.buckets[string(name)]
	if !ok {
		known = append([]bucket(nil), list...)
		s.buckets[string(name)] = known
	}
	return known
}

// definition is a text that is seldom looked at.
type definition struct {
	text   []byte // nil once it is packed
	packed []byte
	size   int
	mu     sync.Mutex
	// open is the text as it was unpacked last, while somebody has it.
	open weak.Pointer[byte]
}

// Pack keeps the definition small, until somebody asks for it. It must not be
// called when the set is already in use.
func (s *Set) Pack() {
	d := &s.definition
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestSpeed)
	if err != nil {
		return // the level is a good one
	}
	if _, err = w.Write(d.text); err != nil || w.Close() != nil {
		return // it stays as it is
	}
	d.size, d.packed, d.text = len(d.text), bytes.Clone(out.Bytes()), nil
}

// Definition is what the set was compiled from; it must not be changed.
func (s *Set) Definition() []byte {
	d := &s.definition
	if d.packed == nil || d.size == 0 {
		return d.text
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if open := d.open.Value(); open != nil {
		return unsafe.Slice(open, d.size) //nolint:gosec // it was made with this size
	}
	raw := make([]byte, d.size)
	if _, err := io.ReadFull(flate.NewReader(bytes.NewReader(d.packed)), raw); err != nil {
		return nil // it was packed in this process
	}
	d.open = weak.Make(unsafe.SliceData(raw)) //nolint:gosec // to find it again while somebody holds it
	return raw
}
