package catalog

import (
	"encoding/json"
	"fmt"

	"sphera/internal/catalog/property"
)

// UnmarshalJSON keeps unknown keys in Extra.
func (b *Blueprint) UnmarshalJSON(raw []byte) error {
	type plain Blueprint
	var known plain
	extra, err := property.UnmarshalKeeping(raw, &known)
	if err != nil {
		return err
	}
	*b = Blueprint(known)
	b.Extra = extra
	return nil
}

// MarshalJSON writes the keys of Extra as well.
func (b Blueprint) MarshalJSON() ([]byte, error) {
	type plain Blueprint
	return property.MarshalKeeping(plain(b), b.Extra)
}

// UnmarshalJSON keeps unknown keys in Extra.
func (s *BlueprintSchema) UnmarshalJSON(raw []byte) error {
	type plain BlueprintSchema
	var known plain
	extra, err := property.UnmarshalKeeping(raw, &known)
	if err != nil {
		return err
	}
	*s = BlueprintSchema(known)
	s.Extra = extra
	return nil
}

// MarshalJSON writes the keys of Extra as well.
func (s BlueprintSchema) MarshalJSON() ([]byte, error) {
	type plain BlueprintSchema
	return property.MarshalKeeping(plain(s), s.Extra)
}

// UnmarshalJSON keeps unknown keys in Extra.
func (r *Relation) UnmarshalJSON(raw []byte) error {
	type plain Relation
	var known plain
	extra, err := property.UnmarshalKeeping(raw, &known)
	if err != nil {
		return err
	}
	*r = Relation(known)
	r.Extra = extra
	return nil
}

// MarshalJSON writes the keys of Extra as well.
func (r Relation) MarshalJSON() ([]byte, error) {
	type plain Relation
	return property.MarshalKeeping(plain(r), r.Extra)
}

// UnmarshalJSON remembers which fields were sent as null.
func (n *NewEntity) UnmarshalJSON(raw []byte) error {
	type plain NewEntity
	var known plain
	if err := json.Unmarshal(raw, &known); err != nil {
		return err
	}
	var sent map[string]json.RawMessage
	if err := json.Unmarshal(raw, &sent); err != nil {
		return err
	}
	*n = NewEntity(known)
	for key, value := range sent {
		if string(value) == "null" {
			if n.clear == nil {
				n.clear = map[string]bool{}
			}
			n.clear[key] = true
		}
	}
	return nil
}

// normalJSON turns Go values into what decoding their JSON gives, so that the
// rest sees only nil, bool, float64, string, []any and map[string]any; it is
// also a deep copy. Negative zero becomes zero: PostgreSQL does not keep it.
func normalJSON(in map[string]any) (map[string]any, error) {
	if len(in) == 0 {
		return map[string]any{}, nil
	}
	raw, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("is not JSON: %w", err)
	}
	var out map[string]any
	if err := json.Unmarshal(raw, &out); err != nil {
		return nil, fmt.Errorf("is not JSON: %w", err)
	}
	for key, value := range out {
		out[key] = positiveZero(value)
	}
	return out, nil
}

func positiveZero(v any) any {
	switch v := v.(type) {
	case float64:
		if v == 0 {
			return float64(0)
		}
	case []any:
		for i := range v {
			v[i] = positiveZero(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = positiveZero(v[key])
		}
	}
	return v
}

// sortedJSON encodes v with sorted keys.
func sortedJSON(v any) (string, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("encode: %w", err)
	}
	return string(raw), nil
}
