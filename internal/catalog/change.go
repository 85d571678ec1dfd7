package catalog

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
)

const (
	// maxShownValue is the size up to which an audit event shows a value;
	// larger ones are shown by size and digest.
	maxShownValue = 1 << 10
	// maxShownChanges bounds an audit event as a whole.
	maxShownChanges = 10 << 10
)

// changeDetail is the detail of an audit event: what differs between two flat
// documents. One that did not exist is nil.
func changeDetail(before, after map[string]any) json.RawMessage {
	names := map[string]bool{}
	for name := range before {
		names[name] = true
	}
	for name := range after {
		names[name] = true
	}
	changes := map[string]any{}
	size := 0
	omitted := 0
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if reflect.DeepEqual(before[name], after[name]) {
			continue
		}
		pair := map[string]any{"before": shownValue(before[name]), "after": shownValue(after[name])}
		raw, err := json.Marshal(pair)
		if err != nil || size+len(raw)+len(name) > maxShownChanges {
			omitted++
			continue
		}
		size += len(raw) + len(name)
		changes[name] = pair
	}
	detail := map[string]any{"changes": changes}
	if omitted > 0 {
		detail["omitted"] = omitted
	}
	raw, err := json.Marshal(detail)
	if err != nil {
		return json.RawMessage(`{"changes":{}}`)
	}
	return raw
}

func shownValue(v any) any {
	raw, err := json.Marshal(v)
	if err != nil || len(raw) <= maxShownValue {
		return v
	}
	sum := sha256.Sum256(raw)
	return map[string]any{"bytes": len(raw), "sha256": hex.EncodeToString(sum[:8])}
}

// flat is a draft by field, for comparison.
func (d draft) flat() map[string]any {
	out := map[string]any{"title": d.Title}
	if d.Icon != "" {
		out["icon"] = d.Icon
	}
	if len(d.Team) > 0 {
		out["team"] = d.Team
	}
	for name, v := range d.Properties {
		out["properties."+name] = v
	}
	for name, v := range d.Relations {
		out["relations."+name] = v
	}
	return out
}

// flatBlueprint is a blueprint's document by part, for comparison.
func flatBlueprint(doc map[string]any) map[string]any {
	out := map[string]any{}
	for key, v := range doc {
		part, nested := v.(map[string]any)
		if key == "schema" && nested {
			for name, value := range part {
				if properties, ok := value.(map[string]any); ok {
					for property, definition := range properties {
						out[name+"."+property] = definition
					}
					continue
				}
				out["schema."+name] = value
			}
			continue
		}
		if nested {
			for name, value := range part {
				out[key+"."+name] = value
			}
			continue
		}
		out[key] = v
	}
	return out
}
