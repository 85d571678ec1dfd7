package scim

import (
	"maps"
	"reflect"
	"slices"
	"strings"
)

const maxOperations = 100

// operation is one of a PATCH (RFC 7644, 3.5.2).
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// apply changes resource by the operations. Directories differ in how they
// write them: with and without a path, with the schema in front of names, with
// letters of another case, with "True" for true.
func apply(resource map[string]any, operations []operation) error {
	if len(operations) == 0 || len(operations) > maxOperations {
		return bad("invalidSyntax", "A PATCH needs 1 to 100 operations.")
	}
	for _, o := range operations {
		op := strings.ToLower(o.Op)
		if op != "add" && op != "replace" && op != "remove" {
			return bad("invalidSyntax", "An operation is add, replace or remove.")
		}
		if o.Path == "" {
			if err := applyObject(resource, op, o.Value); err != nil {
				return err
			}
			continue
		}
		if err := applyPath(resource, op, o.Path, o.Value); err != nil {
			return err
		}
	}
	return nil
}

func applyObject(resource map[string]any, op string, value any) error {
	object, ok := value.(map[string]any)
	if !ok || op == "remove" {
		return bad("noTarget", "An operation without a path needs an object as its value, and removes nothing.")
	}
	for path, v := range object {
		if err := applyPath(resource, op, path, v); err != nil {
			return err
		}
	}
	return nil
}

// applyPath does one operation at attr, attr.sub, attr[filter] or
// attr[filter].sub.
func applyPath(resource map[string]any, op, path string, value any) error {
	if len(path) > maxFilter {
		return bad("invalidPath", "The path is too long.")
	}
	head, rest, filtered := strings.Cut(path, "[")
	if filtered {
		end := strings.LastIndex(rest, "]")
		if end < 0 {
			return bad("invalidPath", "The path lacks a closing bracket.")
		}
		f, err := parseFilter(rest[:end], nil)
		if err != nil {
			return bad("invalidPath", "The path has a filter that cannot be read.")
		}
		return applyFiltered(resource, op, canonicalPath(head), f, rest[:end], canonical(strings.TrimPrefix(rest[end+1:], ".")), value)
	}
	name, sub, nested := strings.Cut(canonicalPath(path), ".")
	if strings.HasPrefix(strings.ToLower(name), "urn:") {
		name, sub, nested = canonicalPath(path), "", false
	}
	if readOnly(name) {
		return bad("mutability", "The attribute can only be read.")
	}
	if !nested {
		change(resource, op, name, value)
		return nil
	}
	inner, ok := resource[name].(map[string]any)
	if !ok {
		if op == "remove" {
			return nil
		}
		inner = map[string]any{}
		resource[name] = inner
	}
	change(inner, op, sub, value)
	return nil
}

func readOnly(name string) bool {
	return name == "id" || name == "meta" || name == "groups" || name == "schemas"
}

// change sets, adds to or removes one attribute.
func change(m map[string]any, op, name string, value any) {
	list, many := m[name].([]any)
	given, givenMany := value.([]any)
	switch {
	case op == "remove" && many && value != nil:
		// Some directories name what to remove in the value.
		if !givenMany {
			given = []any{value}
		}
		m[name] = slices.DeleteFunc(slices.Clone(list), func(v any) bool {
			return slices.ContainsFunc(given, func(g any) bool { return same(v, g) })
		})
	case op == "remove":
		delete(m, name)
	case op == "add" && many:
		if !givenMany {
			given = []any{value}
		}
		for _, g := range given {
			if !slices.ContainsFunc(list, func(v any) bool { return same(v, g) }) {
				list = append(list, normal(name, g))
			}
		}
		m[name] = list
	default:
		if old, ok := m[name].(map[string]any); ok && op != "remove" {
			if object, ok := value.(map[string]any); ok { // a complex value: what is not named stays
				for k, v := range object {
					old[canonical(k)] = v
				}
				return
			}
		}
		m[name] = normal(name, value)
	}
}

// same compares entries of a list by their value.
func same(a, b any) bool {
	m, ok := a.(map[string]any)
	n, also := b.(map[string]any)
	if ok && also && m["value"] != nil {
		return m["value"] == n["value"]
	}
	return reflect.DeepEqual(a, b)
}

// normal takes "True" for true where a yes or no is meant, and puts the names
// inside into the standard's letters.
func normal(name string, value any) any {
	switch v := value.(type) {
	case string:
		if (name == "active" || name == "primary") && (strings.EqualFold(v, "true") || strings.EqualFold(v, "false")) {
			return strings.EqualFold(v, "true")
		}
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, inner := range v {
			k = canonical(k)
			out[k] = normal(k, inner)
		}
		return out
	case []any:
		out := make([]any, 0, len(v))
		for _, inner := range v {
			out = append(out, normal("", inner))
		}
		return out
	}
	return value
}

// applyFiltered does one operation on the entries of a list that a filter
// finds. Adding or replacing where there is none makes one, as
// emails[type eq "work"].value is meant.
func applyFiltered(resource map[string]any, op, name string, f filter, text, sub string, value any) error {
	if readOnly(name) {
		return bad("mutability", "The attribute can only be read.")
	}
	list, _ := resource[name].([]any)
	found := false
	var out []any
	for _, item := range list {
		m, ok := item.(map[string]any)
		if !ok || !f.match(m) {
			out = append(out, item)
			continue
		}
		found = true
		switch {
		case op == "remove" && sub == "":
			continue
		case sub == "":
			if object, ok := normal("", value).(map[string]any); ok {
				maps.Copy(m, object)
			}
		default:
			change(m, op, sub, value)
		}
		out = append(out, m)
	}
	if !found && op != "remove" {
		made, ok := fromFilter(text)
		if !ok {
			return bad("noTarget", "The path finds nothing.")
		}
		if sub != "" {
			made[sub] = normal(sub, value)
		} else if object, ok := normal("", value).(map[string]any); ok {
			maps.Copy(made, object)
		}
		out = append(out, made)
	}
	if resource[name] = out; len(out) == 0 {
		delete(resource, name)
	}
	return nil
}

// fromFilter is the entry that a filter of the form name eq "text" describes.
func fromFilter(text string) (map[string]any, bool) {
	p := &parser{text: text}
	name := canonical(p.word())
	if !p.keyword("eq") {
		return nil, false
	}
	v, err := p.value()
	if p.skip(); err != nil || p.at < len(p.text) {
		return nil, false
	}
	return map[string]any{name: v}, true
}
