package hook

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"sphera/internal/catalog/jq"
	"sphera/internal/catalog/property"
	"sphera/internal/fault"
)

// Limits of mappings.
const (
	maxMappings = 100
	maxItems    = 500
	maxNesting  = 10
)

// mapping is one mapping of a webhook, ready to run.
type mapping struct {
	blueprint        string
	remove           bool
	deleteDependents bool
	filter, items    *expression
	identifier       *template
	// fields are title, icon and team, where they were sent.
	fields                map[string]*template
	properties, relations map[string]*template
}

// expression is jq that may not compile: that is told when it is saved and is
// an error when it runs.
type expression struct {
	program *jq.Program
	err     error
}

// template is a value with expressions in it: every text is one.
type template struct {
	expression *expression
	constant   any
	list       []*template
	object     map[string]*template
}

// compiler collects what is wrong with mappings.
type compiler struct {
	// problems make them unusable; warnings do not hinder saving.
	problems, warnings []fault.Detail
}

func (c *compiler) problem(at, problem, expected string) {
	if len(c.problems) < 50 {
		c.problems = append(c.problems, fault.Detail{Field: at, Problem: problem, Expected: expected})
	}
}

// Check tells what is wrong with mappings as they are sent: err where their
// form is, warnings where an expression is not jq. The latter are saved all the
// same, as Port does: its Terraform provider's own examples have such.
func Check(raw json.RawMessage) (warnings []fault.Detail, err error) {
	_, warnings, err = compile(raw)
	return warnings, err
}

func compile(raw json.RawMessage) ([]mapping, []fault.Detail, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil, nil
	}
	c := &compiler{}
	var list []map[string]json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return nil, nil, fault.Field("/mappings", "is not a list of objects", "[{blueprint, filter, itemsToParse, entity}]")
	}
	if len(list) > maxMappings {
		return nil, nil, fault.Field("/mappings", fmt.Sprintf("has %d mappings", len(list)), fmt.Sprintf("at most %d", maxMappings))
	}
	out := make([]mapping, len(list))
	for i, one := range list {
		out[i] = c.mapping("/mappings/"+strconv.Itoa(i), one)
	}
	if len(c.problems) > 0 {
		err := fault.New(fault.Unprocessable, "The webhook's mappings cannot be used.")
		err.Details = c.problems
		return nil, c.warnings, err
	}
	return out, c.warnings, nil
}

func (c *compiler) mapping(at string, one map[string]json.RawMessage) mapping {
	m := mapping{deleteDependents: true}
	if json.Unmarshal(one["blueprint"], &m.blueprint) != nil || m.blueprint == "" {
		c.problem(at+"/blueprint", "is missing", "the identifier of a blueprint")
	}
	c.operation(at+"/operation", one["operation"], &m)
	m.filter = c.optional(at+"/filter", one["filter"])
	m.items = c.optional(at+"/itemsToParse", one["itemsToParse"])
	var entity map[string]json.RawMessage
	if json.Unmarshal(one["entity"], &entity) != nil || entity == nil {
		c.problem(at+"/entity", "is missing", "an object with at least identifier")
		return m
	}
	at += "/entity"
	if isNull(entity["identifier"]) {
		c.problem(at+"/identifier", "is missing", "jq, or a query")
	}
	m.identifier = c.raw(at+"/identifier", entity["identifier"])
	m.fields = map[string]*template{}
	for _, key := range []string{"title", "icon", "team"} {
		if !isNull(entity[key]) {
			m.fields[key] = c.raw(at+"/"+key, entity[key])
		}
	}
	m.properties = c.named(at+"/properties", entity["properties"])
	m.relations = c.named(at+"/relations", entity["relations"])
	return m
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

func (c *compiler) operation(at string, raw json.RawMessage, m *mapping) {
	if isNull(raw) {
		return
	}
	var name string
	if json.Unmarshal(raw, &name) != nil {
		var full struct {
			Type             string `json:"type"`
			DeleteDependents *bool  `json:"deleteDependents"`
		}
		if json.Unmarshal(raw, &full) != nil {
			c.problem(at, "is not an operation", `"create", "delete" or {"type": "delete", "deleteDependents": false}`)
			return
		}
		name = full.Type
		m.deleteDependents = full.DeleteDependents == nil || *full.DeleteDependents
	}
	switch name {
	case "", "create":
	case "delete":
		m.remove = true
	default:
		c.problem(at, "is not an operation", `"create" or "delete"`)
	}
}

func (c *compiler) optional(at string, raw json.RawMessage) *expression {
	if isNull(raw) {
		return nil
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		c.problem(at, "is not a text", "jq")
		return nil
	}
	return c.expression(at, text)
}

func (c *compiler) expression(at, text string) *expression {
	if len(text) > jq.MaxExpression {
		c.problem(at, fmt.Sprintf("has %d bytes", len(text)), fmt.Sprintf("jq of at most %d bytes", jq.MaxExpression))
		return nil
	}
	p, err := jq.Compile(text)
	if err != nil && len(c.warnings) < 50 {
		c.warnings = append(c.warnings, fault.Detail{Field: at, Problem: err.Error(), Expected: "jq; as it is, this does nothing but fail"})
	}
	return &expression{p, err}
}

func (c *compiler) named(at string, raw json.RawMessage) map[string]*template {
	if isNull(raw) {
		return nil
	}
	var sent map[string]json.RawMessage
	if json.Unmarshal(raw, &sent) != nil {
		c.problem(at, "is not an object", "values by name")
		return nil
	}
	out := make(map[string]*template, len(sent))
	for _, name := range slices.Sorted(maps.Keys(sent)) {
		out[name] = c.raw(at+"/"+property.Escape(name), sent[name])
	}
	return out
}

func (c *compiler) raw(at string, raw json.RawMessage) *template {
	var v any
	if len(raw) > 0 && json.Unmarshal(raw, &v) != nil {
		c.problem(at, "is not JSON", "jq")
		return nil
	}
	return c.template(at, v, 0)
}

func (c *compiler) template(at string, v any, depth int) *template {
	if depth > maxNesting {
		c.problem(at, "is nested too deeply", fmt.Sprintf("at most %d levels", maxNesting))
		return nil
	}
	switch v := v.(type) {
	case string:
		return &template{expression: c.expression(at, v)}
	case []any:
		t := &template{list: []*template{}}
		for i := range v {
			t.list = append(t.list, c.template(at+"/"+strconv.Itoa(i), v[i], depth+1))
		}
		return t
	case map[string]any:
		t := &template{object: make(map[string]*template, len(v))}
		_, query := v["operator"]
		for _, key := range slices.Sorted(maps.Keys(v)) {
			// Of a query only the values are jq.
			if key == "combinator" || query && key != "value" && key != "rules" {
				t.object[key] = &template{constant: v[key]}
				continue
			}
			t.object[key] = c.template(at+"/"+property.Escape(key), v[key], depth+1)
		}
		return t
	default:
		return &template{constant: v}
	}
}

func (e *expression) run(ctx context.Context, input any) (any, error) {
	if e.err != nil {
		return nil, e.err
	}
	return e.program.First(ctx, input, jq.Limits{})
}

func (t *template) render(ctx context.Context, input any) (any, error) {
	switch {
	case t == nil:
		return nil, nil
	case t.expression != nil:
		return t.expression.run(ctx, input)
	case t.list != nil:
		out := make([]any, len(t.list))
		for i, one := range t.list {
			v, err := one.render(ctx, input)
			if err != nil {
				return nil, err
			}
			out[i] = v
		}
		return out, nil
	case t.object != nil:
		out := make(map[string]any, len(t.object))
		for key, one := range t.object {
			v, err := one.render(ctx, input)
			if err != nil {
				return nil, err
			}
			out[key] = v
		}
		return out, nil
	default:
		return t.constant, nil
	}
}
