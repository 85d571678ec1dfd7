package resource

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"sphera/internal/fault"
)

// Doc is a document by its top-level keys. Values stay as they were sent: no
// number goes through a float.
type Doc map[string]json.RawMessage

// Parse reads an object.
func Parse(raw json.RawMessage) (Doc, error) {
	if !utf8.Valid(raw) {
		return nil, fault.New(fault.Invalid, "The request's body is not UTF-8.")
	}
	var d Doc
	if err := json.Unmarshal(raw, &d); err != nil || d == nil {
		return nil, fault.New(fault.Unprocessable, "The request needs a JSON object as its body.")
	}
	return d, nil
}

// UnmarshalJSON copies the values, so that they do not change with what was
// read.
func (d *Doc) UnmarshalJSON(raw []byte) error {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(raw, &m); err != nil {
		return err
	}
	*d = m
	return nil
}

// Has reports whether the key is there, null included.
func (d Doc) Has(key string) bool { _, ok := d[key]; return ok }

// IsNull reports whether the key is absent or null.
func (d Doc) IsNull(key string) bool { return len(d[key]) == 0 || string(d[key]) == "null" }

// Text returns a text value, and "" for everything else.
func (d Doc) Text(key string) string {
	var s string
	if json.Unmarshal(d[key], &s) != nil {
		return ""
	}
	return s
}

// Bool returns a truth value, or otherwise when there is none.
func (d Doc) Bool(key string, otherwise bool) bool {
	b := otherwise
	if d.IsNull(key) || json.Unmarshal(d[key], &b) != nil {
		return otherwise
	}
	return b
}

// Set puts a Go value under key.
func (d Doc) Set(key string, v any) error {
	raw, err := encode(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", key, err)
	}
	d[key] = raw
	return nil
}

// Drop removes keys, e.g. those that only the server sets.
func (d Doc) Drop(keys ...string) {
	for _, key := range keys {
		delete(d, key)
	}
}

// Merge puts what was sent over d; null stays as null, which is a value to
// those who sent it.
func (d Doc) Merge(sent Doc) { maps.Copy(d, sent) }

// CheckText refuses a value that is no text, or too long; null and absence are
// good where it is not required.
func (d Doc) CheckText(key string, required bool, limit int) error {
	if d.IsNull(key) {
		if required {
			return fault.Field("/"+key, "is missing", fmt.Sprintf("1 to %d characters", limit))
		}
		return nil
	}
	var s string
	if json.Unmarshal(d[key], &s) != nil {
		return fault.Field("/"+key, "is not a text", fmt.Sprintf("at most %d characters", limit))
	}
	if n := utf8.RuneCountInString(s); n > limit || required && n == 0 {
		return fault.Field("/"+key, fmt.Sprintf("has %d characters", n), fmt.Sprintf("at most %d", limit))
	}
	return nil
}

// CheckShape refuses a value that is not of one of the shapes: object, list,
// text, truth or number. null and absence are good.
func (d Doc) CheckShape(key string, shapes ...string) error {
	if d.IsNull(key) || slices.Contains(shapes, shape(d[key])) {
		return nil
	}
	return fault.Field("/"+key, "is "+shape(d[key]), "one of: "+fmt.Sprint(shapes))
}

func shape(raw json.RawMessage) string {
	switch raw = bytes.TrimSpace(raw); {
	case len(raw) == 0:
		return "nothing"
	case raw[0] == '{':
		return "object"
	case raw[0] == '[':
		return "list"
	case raw[0] == '"':
		return "text"
	case raw[0] == 't' || raw[0] == 'f':
		return "truth"
	default:
		return "number"
	}
}

// differs names the keys whose values are not the same JSON text.
func (d Doc) differs(o Doc) []string {
	keys := map[string]bool{}
	for key := range d {
		keys[key] = true
	}
	for key := range o {
		keys[key] = true
	}
	var out []string
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if d.Has(key) != o.Has(key) || !bytes.Equal(compact(d[key]), compact(o[key])) {
			out = append(out, key)
		}
	}
	return out
}

func compact(raw json.RawMessage) []byte {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return raw
	}
	return b.Bytes()
}

func (d Doc) encode() ([]byte, error) {
	if d == nil {
		d = Doc{}
	}
	return encode(map[string]json.RawMessage(d))
}

// encode leaves < and & as they are.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(b.Bytes()), nil
}
