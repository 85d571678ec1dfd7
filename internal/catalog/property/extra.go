package property

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Extra holds the keys of a JSON object that a struct does not show: unknown
// ones, and known ones that were sent with an empty value and would be left
// out. Writing a struct with its Extra gives back exactly the keys that came.
type Extra map[string]json.RawMessage

// UnmarshalKeeping decodes raw into known (a pointer to a type without methods
// of its own) and returns the keys that known would not write back.
func UnmarshalKeeping(raw []byte, known any) (Extra, error) {
	if err := json.Unmarshal(raw, known); err != nil {
		return nil, err
	}
	var sent map[string]json.RawMessage
	if err := json.Unmarshal(raw, &sent); err != nil {
		return nil, err
	}
	written, err := keys(known)
	if err != nil {
		return nil, err
	}
	var extra Extra
	for key, value := range sent {
		if _, ok := written[key]; ok {
			continue
		}
		if extra == nil {
			extra = Extra{}
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, value); err != nil {
			return nil, err
		}
		extra[key] = compact.Bytes()
	}
	return extra, nil
}

// MarshalKeeping encodes known and adds the keys of extra that it lacks.
func MarshalKeeping(known any, extra Extra) ([]byte, error) {
	if len(extra) == 0 {
		return json.Marshal(known)
	}
	out, err := keys(known)
	if err != nil {
		return nil, err
	}
	for key, value := range extra {
		if _, ok := out[key]; !ok {
			out[key] = value
		}
	}
	return json.Marshal(out)
}

func keys(known any) (map[string]json.RawMessage, error) {
	raw, err := json.Marshal(known)
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	out := map[string]json.RawMessage{}
	if err := json.Unmarshal(raw, &out); err != nil {
		return nil, fmt.Errorf("read back: %w", err)
	}
	return out, nil
}

// UnmarshalJSON keeps unknown keys in Extra.
func (p *Property) UnmarshalJSON(raw []byte) error {
	type plain Property
	var known plain
	extra, err := UnmarshalKeeping(raw, &known)
	if err != nil {
		return err
	}
	*p = Property(known)
	p.Extra = extra
	return nil
}

// MarshalJSON writes the keys of Extra as well.
func (p Property) MarshalJSON() ([]byte, error) {
	type plain Property
	return MarshalKeeping(plain(p), p.Extra)
}

// from reads a definition that is nested in another.
func from(v any) (Property, error) {
	var p Property
	raw, err := json.Marshal(v)
	if err != nil {
		return p, fmt.Errorf("encode: %w", err)
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return p, fmt.Errorf("is not a property definition: %w", err)
	}
	return p, nil
}
