package audit

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Class says what becomes of a field of an event's detail.
type Class int

// The classes. What is not listed at all is not kept either, and an error.
const (
	// Track keeps the value.
	Track Class = iota + 1
	// Ignore leaves it out: known, and of no use to anybody.
	Ignore
	// Secret keeps only that there was a value.
	Secret
)

// Verb is what is known about the events of a verb.
type Verb struct {
	Fields map[string]Class
	// Entity says that the object is an entity, "Component/checkout".
	Entity bool
}

// of lists the fields that are kept.
func of(kept ...string) Verb { return Verb{}.with(Track, kept...) }

// onEntity is of for verbs whose object is an entity.
func onEntity(kept ...string) Verb {
	v := of(kept...)
	v.Entity = true
	return v
}

func (v Verb) with(c Class, names ...string) Verb {
	fields := maps.Clone(v.Fields)
	if fields == nil {
		fields = map[string]Class{}
	}
	for _, name := range names {
		fields[name] = c
	}
	v.Fields = fields
	return v
}

// Verbs lists every verb with its fields: the one place that says what the log
// may hold. A new verb gets its line in the file of its part.
func Verbs() map[string]Verb {
	all := map[string]Verb{}
	for _, part := range []map[string]Verb{
		catalogVerbs(), accountVerbs(), workVerbs(), forgeVerbs(), resourceVerbs(), policyVerbs(), approvalVerbs(), notifyVerbs(), flagVerbs(), auditVerbs(),
	} {
		maps.Copy(all, part)
	}
	return all
}

// refusal are fields that every refusal may have: which right was missing and
// why, never what was sent.
func refusal() []string {
	return []string{"reason", "right", "rule", "clause", "on", "environment", "refused"}
}

// typed fits the detail of e to its verb.
func (l *Log) typed(e *Event) (Verb, error) {
	verb, known := l.verbs[e.Verb]
	if e.Outcome == Denied {
		verb = verb.with(Track, refusal()...) // what was refused is a right, e.g. "catalog.write"
		known = true
	}
	if !known {
		if l.withheld == nil {
			return verb, fmt.Errorf("audit event %s: the verb is not listed; add it with its fields in internal/audit/verbs_*.go", e.Verb)
		}
		l.withheld(e.Verb, "")
	}
	if len(e.Detail) == 0 || string(e.Detail) == "{}" {
		return verb, nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(e.Detail, &fields); err != nil {
		return verb, fmt.Errorf("audit event %s: its detail is not a JSON object", e.Verb)
	}
	changed, err := l.sift(e.Verb, verb, fields)
	if err != nil || !changed {
		return verb, err
	}
	e.Detail, err = json.Marshal(fields)
	return verb, err
}

// sift takes out of fields what is not to be kept.
func (l *Log) sift(name string, verb Verb, fields map[string]json.RawMessage) (changed bool, err error) {
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		switch verb.Fields[field] {
		case Track:
			continue
		case Secret:
			fields[field] = json.RawMessage("true")
		case Ignore:
			delete(fields, field)
		default:
			if l.withheld == nil {
				return false, fmt.Errorf("audit event %s: its field %q is not listed; add it in internal/audit/verbs_*.go as kept, ignored or secret", name, field)
			}
			l.withheld(name, field)
			delete(fields, field)
		}
		changed = true
	}
	return changed, nil
}
