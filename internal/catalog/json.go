package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"

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
	return b.readFormulas()
}

// MarshalJSON writes the keys of Extra as well, and times with milliseconds.
func (b Blueprint) MarshalJSON() ([]byte, error) {
	type plain Blueprint
	return property.MarshalKeeping(struct {
		plain
		CreatedAt string `json:"createdAt"`
		UpdatedAt string `json:"updatedAt"`
	}{plain(b), wireStamp(b.CreatedAt), wireStamp(b.UpdatedAt)}, b.Extra)
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

// UnmarshalJSON keeps unknown keys in Extra.
func (m *Mirror) UnmarshalJSON(raw []byte) error {
	type plain Mirror
	var known plain
	extra, err := property.UnmarshalKeeping(raw, &known)
	if err != nil {
		return err
	}
	*m = Mirror(known)
	m.Extra = extra
	return nil
}

// MarshalJSON writes the keys of Extra as well.
func (m Mirror) MarshalJSON() ([]byte, error) {
	type plain Mirror
	return property.MarshalKeeping(plain(m), m.Extra)
}

// UnmarshalJSON keeps unknown keys in Extra.
func (c *Calculation) UnmarshalJSON(raw []byte) error {
	type plain Calculation
	var known plain
	extra, err := property.UnmarshalKeeping(raw, &known)
	if err != nil {
		return err
	}
	*c = Calculation(known)
	c.Extra = extra
	return nil
}

// MarshalJSON writes the keys of Extra as well.
func (c Calculation) MarshalJSON() ([]byte, error) {
	type plain Calculation
	return property.MarshalKeeping(plain(c), c.Extra)
}

// UnmarshalJSON keeps unknown keys in Extra.
func (a *Aggregation) UnmarshalJSON(raw []byte) error {
	type plain Aggregation
	var known plain
	extra, err := property.UnmarshalKeeping(raw, &known)
	if err != nil {
		return err
	}
	*a = Aggregation(known)
	a.Extra = extra
	return nil
}

// MarshalJSON writes the keys of Extra as well.
func (a Aggregation) MarshalJSON() ([]byte, error) {
	type plain Aggregation
	return property.MarshalKeeping(plain(a), a.Extra)
}

// UnmarshalJSON keeps unknown keys in Extra.
func (a *AggregationSpec) UnmarshalJSON(raw []byte) error {
	type plain AggregationSpec
	var known plain
	extra, err := property.UnmarshalKeeping(raw, &known)
	if err != nil {
		return err
	}
	*a = AggregationSpec(known)
	a.Extra = extra
	return nil
}

// MarshalJSON writes the keys of Extra as well.
func (a AggregationSpec) MarshalJSON() ([]byte, error) {
	type plain AggregationSpec
	return property.MarshalKeeping(plain(a), a.Extra)
}

// UnmarshalJSON keeps unknown keys in Extra.
func (f *PathFilter) UnmarshalJSON(raw []byte) error {
	type plain PathFilter
	var known plain
	extra, err := property.UnmarshalKeeping(raw, &known)
	if err != nil {
		return err
	}
	*f = PathFilter(known)
	f.Extra = extra
	return nil
}

// MarshalJSON writes the keys of Extra as well.
func (f PathFilter) MarshalJSON() ([]byte, error) {
	type plain PathFilter
	return property.MarshalKeeping(plain(f), f.Extra)
}

// UnmarshalJSON keeps unknown keys in Extra.
func (o *Ownership) UnmarshalJSON(raw []byte) error {
	type plain Ownership
	var known plain
	extra, err := property.UnmarshalKeeping(raw, &known)
	if err != nil {
		return err
	}
	*o = Ownership(known)
	o.Extra = extra
	return nil
}

// MarshalJSON writes the keys of Extra as well.
func (o Ownership) MarshalJSON() ([]byte, error) {
	type plain Ownership
	return property.MarshalKeeping(plain(o), o.Extra)
}

// UnmarshalJSON keeps unknown keys in Extra.
func (t *TeamInheritance) UnmarshalJSON(raw []byte) error {
	type plain TeamInheritance
	var known plain
	extra, err := property.UnmarshalKeeping(raw, &known)
	if err != nil {
		return err
	}
	*t = TeamInheritance(known)
	t.Extra = extra
	return nil
}

// MarshalJSON writes the keys of Extra as well.
func (t TeamInheritance) MarshalJSON() ([]byte, error) {
	type plain TeamInheritance
	return property.MarshalKeeping(plain(t), t.Extra)
}

// UnmarshalJSON keeps unknown keys in Extra.
func (d *ChangelogDestination) UnmarshalJSON(raw []byte) error {
	type plain ChangelogDestination
	var known plain
	extra, err := property.UnmarshalKeeping(raw, &known)
	if err != nil {
		return err
	}
	*d = ChangelogDestination(known)
	d.Extra = extra
	return nil
}

// MarshalJSON writes the keys of Extra as well.
func (d ChangelogDestination) MarshalJSON() ([]byte, error) {
	type plain ChangelogDestination
	return property.MarshalKeeping(plain(d), d.Extra)
}

// UnmarshalJSON remembers which fields were sent as null.
func (n *NewEntity) UnmarshalJSON(raw []byte) error {
	type plain NewEntity
	var known struct {
		plain
		// Identifier hides the one of plain: it may be a query.
		Identifier json.RawMessage `json:"identifier"`
	}
	if err := json.Unmarshal(raw, &known); err != nil {
		return err
	}
	var sent map[string]json.RawMessage
	if err := json.Unmarshal(raw, &sent); err != nil {
		return err
	}
	*n = NewEntity(known.plain)
	if id := bytes.TrimSpace(known.Identifier); len(id) > 0 && id[0] == '{' {
		n.IdentifierQuery = id
	} else if len(id) > 0 {
		if err := json.Unmarshal(id, &n.Identifier); err != nil {
			return err
		}
	}
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
	out := make(map[string]any, len(in))
	for key, value := range in {
		v, err := normalValue(value)
		if err != nil {
			return nil, err
		}
		out[strings.ToValidUTF8(key, "\uFFFD")] = v
	}
	return out, nil
}

func normalValue(v any) (any, error) {
	switch v := v.(type) {
	case nil, bool:
		return v, nil
	case string:
		return strings.ToValidUTF8(v, "\uFFFD"), nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, errors.New("is not JSON: a number is not finite")
		}
		if v == 0 {
			v = 0 // not negative zero
		}
		return v, nil
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			var err error
			if out[i], err = normalValue(item); err != nil {
				return nil, err
			}
		}
		return out, nil
	case map[string]any:
		return normalJSON(v)
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("is not JSON: %w", err)
	}
	var out any
	if err := json.Unmarshal(raw, &out); err != nil {
		return nil, fmt.Errorf("is not JSON: %w", err)
	}
	return normalValue(out)
}

// sortedJSON encodes v with sorted keys.
func sortedJSON(v any) (string, error) {
	raw, err := appendJSON(make([]byte, 0, 256), v)
	if err != nil {
		return "", fmt.Errorf("encode: %w", err)
	}
	return string(raw), nil
}
