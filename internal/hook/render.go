package hook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"

	"sphera/internal/catalog"
	"sphera/internal/catalog/jq"
	"sphera/internal/fault"
)

// maxProblems bounds what the log of one event says.
const maxProblems = 20

// Change is what a mapping makes of an event: one entity to write or delete.
type Change struct {
	Mapping          int            `json:"mapping"`
	Item             int            `json:"item"`
	Operation        string         `json:"operation"`
	DeleteDependents bool           `json:"deleteDependents,omitempty"`
	Blueprint        string         `json:"blueprint"`
	Entity           map[string]any `json:"entity"`
}

// Problem is something that went wrong with an event.
type Problem struct {
	Mapping    int    `json:"mapping"`
	Item       int    `json:"item"`
	Identifier string `json:"identifier,omitempty"`
	Field      string `json:"field,omitempty"`
	Problem    string `json:"problem"`
}

// Result is what became of an event.
type Result struct {
	// Matched counts the mappings whose filter was true.
	Matched int `json:"matched"`
	// Mapped counts the entities that came out of them.
	Mapped    int `json:"mapped"`
	Created   int `json:"created"`
	Updated   int `json:"updated"`
	Unchanged int `json:"unchanged"`
	Deleted   int `json:"deleted"`
	// Held counts the deletes that wait for a person, see package source.
	Held     int       `json:"held,omitempty"`
	Failed   int       `json:"failed"`
	Problems []Problem `json:"problems"`
}

func (r *Result) problem(p Problem) {
	if len(r.Problems) < maxProblems {
		r.Problems = append(r.Problems, p)
	}
}

// decode reads JSON so that jq sees whole numbers with all their digits.
func decode(raw []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	return exact(v), nil
}

// exact turns the numbers of a decoded value into those that jq knows.
func exact(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := strconv.Atoi(v.String()); err == nil {
			return n
		}
		if n, ok := new(big.Int).SetString(v.String(), 10); ok && len(v) < 100 {
			return n
		}
		f, _ := v.Float64() // infinite is as near as it gets
		return f
	case []any:
		for i := range v {
			v[i] = exact(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = exact(v[key])
		}
	}
	return v
}

// render makes the changes that an event leads to, in the order of the
// mappings. What fails is in the result, and the rest goes on.
func render(ctx context.Context, mappings []mapping, input map[string]any) ([]Change, Result) {
	r := Result{Problems: []Problem{}}
	var out []Change
	for i := range mappings {
		m := &mappings[i]
		items, ok := m.choose(ctx, i, input, &r)
		if !ok {
			continue
		}
		r.Matched++
		for n, item := range items {
			of := maps.Clone(input)
			if m.items != nil {
				of["item"] = item
			}
			if c, ok := m.change(ctx, i, n, of, &r); ok {
				out = append(out, c)
			}
		}
	}
	r.Mapped = len(out)
	return out, r
}

// choose decides whether the mapping is for this event, and for which items.
func (m *mapping) choose(ctx context.Context, index int, input map[string]any, r *Result) ([]any, bool) {
	fail := func(field, problem string) ([]any, bool) {
		r.Failed++
		r.problem(Problem{Mapping: index, Field: field, Problem: problem})
		return nil, false
	}
	if m.filter != nil {
		v, err := m.filter.run(ctx, input)
		if err != nil {
			return fail("filter", err.Error())
		}
		if v != true {
			return nil, false
		}
	}
	if m.items == nil {
		return []any{nil}, true
	}
	v, err := m.items.run(ctx, input)
	if err != nil {
		return fail("itemsToParse", err.Error())
	}
	list, ok := v.([]any)
	if !ok {
		return fail("itemsToParse", "does not give a list")
	}
	if len(list) > maxItems {
		return fail("itemsToParse", fmt.Sprintf("gives %d items; at most %d are worked on", len(list), maxItems))
	}
	return list, true
}

// change renders one entity. A property that fails is left out and told of; an
// identifier that does fails the entity.
func (m *mapping) change(ctx context.Context, index, item int, input map[string]any, r *Result) (Change, bool) {
	c := Change{Mapping: index, Item: item, Operation: "create", Blueprint: m.blueprint, Entity: map[string]any{}}
	id, err := m.identifier.render(ctx, input)
	if err == nil {
		id, err = identifierOf(id)
	}
	if err != nil {
		r.Failed++
		r.problem(Problem{Mapping: index, Item: item, Field: "identifier", Problem: err.Error()})
		return c, false
	}
	c.Entity["identifier"] = id
	if m.remove {
		c.Operation, c.DeleteDependents = "delete", m.deleteDependents
		return c, true
	}
	named := func(field string, list map[string]*template) map[string]any {
		out := map[string]any{}
		for _, name := range slices.Sorted(maps.Keys(list)) {
			v, err := list[name].render(ctx, input)
			if err != nil {
				r.problem(Problem{Mapping: index, Item: item, Identifier: fmt.Sprint(id), Field: field + name, Problem: err.Error()})
				continue
			}
			out[name] = v
		}
		return out
	}
	maps.Copy(c.Entity, named("", m.fields))
	for _, key := range []string{"title", "icon"} {
		if c.Entity[key] == nil {
			delete(c.Entity, key) // nothing to say about it
		}
	}
	if m.properties != nil {
		c.Entity["properties"] = named("properties/", m.properties)
	}
	if m.relations != nil {
		c.Entity["relations"] = named("relations/", m.relations)
	}
	return c, true
}

// identifierOf takes text, a number, or a query that must find one entity.
func identifierOf(v any) (any, error) {
	switch v := v.(type) {
	case string:
		if v != "" {
			return v, nil
		}
	case int, float64, *big.Int:
		raw, err := json.Marshal(v)
		return string(raw), err
	case map[string]any:
		return v, nil
	}
	return nil, errors.New("gives no identifier")
}

// entity is a change in the form of the catalog.
func (c Change) entity() (catalog.NewEntity, error) {
	var n catalog.NewEntity
	raw, err := json.Marshal(c.Entity)
	if err != nil {
		return n, fault.New(fault.Unprocessable, "The mapped entity is not JSON.").Wrap(err)
	}
	if err := json.Unmarshal(raw, &n); err != nil {
		return n, fault.New(fault.Unprocessable, "The mapped entity has not the form of one: %s", err.Error())
	}
	n.Blueprint = c.Blueprint
	return n, nil
}

// requestID is by what the sender calls a request; "" where it has no name.
func requestID(ctx context.Context, path *jq.Program, input map[string]any) string {
	v, err := path.First(ctx, input, jq.Limits{})
	if err != nil {
		return ""
	}
	switch v := v.(type) {
	case string:
		return cutID(v)
	case int, float64, *big.Int:
		return fmt.Sprint(v)
	default:
		return ""
	}
}
