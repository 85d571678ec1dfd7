package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"reflect"
	"strings"

	"sphera/internal/fault"
)

// Limits of a JSON body. The size in bytes is the route's.
const (
	maxDepth = 64
	maxKeys  = 10_000
)

// checkJSON reads a body once before anything else does and refuses what
// encoding/json would take without a word: a key twice, a key in another case
// than the field's, a key that is no field of t, anything after the value, and
// what is deeper or wider than the limits. Messages name keys, never values.
func checkJSON(body []byte, t reflect.Type) error {
	s := &scanner{dec: json.NewDecoder(bytes.NewReader(body))}
	s.dec.UseNumber()
	if err := s.value(t, "", 0); err != nil {
		if f, ok := fault.As(err); ok {
			return f
		}
		return fault.New(fault.Invalid, "The request's body is not valid JSON.")
	}
	if _, err := s.dec.Token(); !errors.Is(err, io.EOF) {
		return fault.New(fault.Invalid, "There is something after the end of the request's JSON.")
	}
	return nil
}

type scanner struct {
	dec  *json.Decoder
	keys int
}

func (s *scanner) value(t reflect.Type, path string, depth int) error {
	token, err := s.dec.Token()
	if err != nil {
		return err
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return nil
	}
	if depth >= maxDepth {
		return fault.New(fault.Invalid, "The request's JSON is nested deeper than %d levels.", maxDepth)
	}
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if delim == '{' {
		return s.object(t, path, depth+1)
	}
	var element reflect.Type
	if t != nil && t.Kind() == reflect.Slice && t != reflect.TypeFor[json.RawMessage]() {
		element = t.Elem()
	}
	for s.dec.More() {
		if err := s.value(element, path, depth+1); err != nil {
			return err
		}
	}
	_, err = s.dec.Token()
	return err
}

func (s *scanner) object(t reflect.Type, path string, depth int) error {
	var fields map[string]reflect.Type
	var element reflect.Type
	open := true
	switch {
	case t == nil:
	case t.Kind() == reflect.Struct:
		fields, open = jsonFields(t), isOpen(t)
	case t.Kind() == reflect.Map:
		element = t.Elem()
	}
	seen := map[string]bool{}
	for s.dec.More() {
		token, err := s.dec.Token()
		if err != nil {
			return err
		}
		key, ok := token.(string)
		if !ok {
			return fault.New(fault.Invalid, "The request's body is not valid JSON.")
		}
		at := strings.TrimPrefix(path+"."+key, ".")
		if s.keys++; s.keys > maxKeys {
			return fault.New(fault.Invalid, "The request's JSON has more than %d keys.", maxKeys)
		}
		if seen[key] {
			return refuseKey(at, "is there twice", "each field once")
		}
		seen[key] = true
		child, known := fields[key]
		if t != nil && t.Kind() == reflect.Struct && !known {
			if name := otherCase(fields, key); name != "" {
				return refuseKey(at, "is not a field of this request", name)
			}
			if !open {
				return refuseKey(at, "is not a field of this request", "")
			}
		}
		if element != nil {
			child = element
		}
		if err := s.value(child, at, depth); err != nil {
			return err
		}
	}
	_, err := s.dec.Token()
	return err
}

func refuseKey(field, problem, expected string) *fault.Error {
	return fault.New(fault.Invalid, "The request has a field that it cannot have.").With(field, problem, expected)
}

func otherCase(fields map[string]reflect.Type, key string) string {
	for name := range fields {
		if strings.EqualFold(name, key) {
			return name
		}
	}
	return ""
}

// jsonFields lists the fields that a struct is written with in JSON.
func jsonFields(t reflect.Type) map[string]reflect.Type {
	out := map[string]reflect.Type{}
	if t.Kind() != reflect.Struct {
		return out
	}
	for f := range t.Fields() {
		tag := f.Tag.Get("json")
		if f.Anonymous && tag == "" && f.Type.Kind() == reflect.Struct {
			maps.Copy(out, jsonFields(f.Type))
			continue
		}
		name, _, _ := strings.Cut(tag, ",")
		if !f.IsExported() || tag == "-" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		out[name] = f.Type
	}
	return out
}
