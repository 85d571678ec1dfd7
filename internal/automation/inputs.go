package automation

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"sphera/internal/catalog/jq"
	"sphera/internal/catalog/property"
	"sphera/internal/fault"
)

// form is what the expressions of a form look at.
type form struct {
	inputs map[string]any
	entity any
	user   any
	cache  map[string]any
}

func (f *form) context() map[string]any {
	return map[string]any{"form": f.inputs, "entity": f.entity, "user": f.user}
}

// value resolves a value that may be {"jqQuery": "..."}.
func (f *form) value(ctx context.Context, v any, at string) (any, error) {
	m, ok := v.(map[string]any)
	if !ok {
		return v, nil
	}
	expr, ok := m["jqQuery"].(string)
	if !ok {
		return v, nil
	}
	if known, ok := f.cache[expr]; ok {
		return known, nil
	}
	program, err := jq.Compile(expr)
	if err != nil {
		return nil, fault.New(fault.Unprocessable, "The action's form has an expression that cannot be used: %s: %s", at, err)
	}
	out, err := program.First(ctx, f.context(), jq.Limits{})
	if err != nil {
		return nil, fault.New(fault.Unprocessable, "The action's form has an expression that fails: %s: %s", at, err)
	}
	if f.cache == nil {
		f.cache = map[string]any{}
	}
	f.cache[expr] = out
	return out, nil
}

// checkInputs says everything that is wrong with the inputs of a run.
func (d *Definition) checkInputs(ctx context.Context, f *form) error {
	u := &d.Trigger.UserInputs
	problems := fault.New(fault.Unprocessable, "The inputs do not fit the action %q.", d.Name())
	for _, name := range slices.Sorted(maps.Keys(f.inputs)) {
		if _, known := u.Properties[name]; !known {
			problems.With("/properties/"+name, "is not an input of the action", "one of its inputs")
		}
	}
	required, err := u.required(ctx, f)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(u.Properties)) {
		definition, at := u.Properties[name], "/properties/"+name
		visible, err := f.value(ctx, definition["visible"], at+"/visible")
		if err != nil {
			return err
		}
		value, sent := f.inputs[name]
		if !sent || value == nil {
			if slices.Contains(required, name) && visible != false {
				problems.With(at, "is missing", "a value")
			}
			continue
		}
		bad, err := checkInput(ctx, f, definition, value, at)
		if err != nil {
			return err
		}
		for _, p := range bad {
			problems.With(at+p.Pointer, p.Problem, p.Expected)
		}
	}
	if len(problems.Details) == 0 {
		return nil
	}
	first := problems.Details[0]
	problems.Message += fmt.Sprintf(" %s %s.", first.Field, first.Problem)
	return problems
}

// required lists the inputs that must be there.
func (u *UserInputs) required(ctx context.Context, f *form) ([]string, error) {
	var raw any
	if len(u.Required) > 0 {
		if err := json.Unmarshal(u.Required, &raw); err != nil {
			return nil, fmt.Errorf("read the required inputs: %w", err)
		}
	}
	v, err := f.value(ctx, raw, "/trigger/userInputs/required")
	if err != nil {
		return nil, err
	}
	list, _ := v.([]any)
	var out []string
	for _, item := range list {
		if name, ok := item.(string); ok {
			out = append(out, name)
		}
	}
	return out, nil
}

// checkInput checks one value against its definition, with what of it follows
// from expressions worked out.
func checkInput(ctx context.Context, f *form, definition map[string]any, value any, at string) ([]property.Problem, error) {
	if definition["encryption"] != nil {
		if _, ok := value.(string); !ok && definition["type"] == "string" {
			return []property.Problem{{Problem: "is not a text", Expected: "a text"}}, nil
		}
		return nil, nil // what is encrypted cannot be looked at
	}
	plain := map[string]any{}
	for _, key := range []string{"type", "format", "enum", "pattern", "minItems", "maxItems", "minLength", "maxLength", "minimum", "maximum", "items"} {
		if definition[key] == nil {
			continue
		}
		v, err := f.value(ctx, definition[key], at+"/"+key)
		if err != nil {
			return nil, err
		}
		if v != nil {
			plain[key] = v
		}
	}
	if items, ok := plain["items"].(map[string]any); ok {
		inner, err := plainItems(ctx, f, items, at)
		if err != nil {
			return nil, err
		}
		plain["items"] = inner
	}
	onlyKnownFormat(plain)
	checker, err := compileInput(plain)
	if err != nil {
		return nil, fault.New(fault.Unprocessable, "The action's input %s is not defined in a way that can be checked: %s", at, err)
	}
	return checker.Check(value), nil
}

func plainItems(ctx context.Context, f *form, items map[string]any, at string) (map[string]any, error) {
	out := map[string]any{}
	for _, key := range []string{"type", "format", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum"} {
		if items[key] == nil {
			continue
		}
		v, err := f.value(ctx, items[key], at+"/items/"+key)
		if err != nil {
			return nil, err
		}
		if v != nil {
			out[key] = v
		}
	}
	onlyKnownFormat(out)
	return out, nil
}

// onlyKnownFormat leaves out the formats that only say how a field is shown.
func onlyKnownFormat(definition map[string]any) {
	kind, _ := definition["type"].(string)
	if format, ok := definition["format"].(string); ok && !slices.Contains(property.Formats(kind), format) {
		delete(definition, "format")
	}
}

func compileInput(definition map[string]any) (*property.Checker, error) {
	raw, err := json.Marshal(definition)
	if err != nil {
		return nil, err
	}
	var p property.Property
	if err := json.Unmarshal(raw, &p); err != nil {
		return nil, err
	}
	return p.Compile()
}

// encrypted are the inputs whose values are passed on encrypted, and those of
// them that the server encrypts.
func (d *Definition) encrypted() (all, byServer []string) {
	for _, name := range slices.Sorted(maps.Keys(d.Trigger.UserInputs.Properties)) {
		switch kind := d.Trigger.UserInputs.Properties[name]["encryption"].(type) {
		case string:
			all, byServer = append(all, name), append(byServer, name)
		case map[string]any:
			all = append(all, name)
			if kind["algorithm"] == "aes256-gcm" {
				byServer = append(byServer, name)
			}
		}
	}
	return all, byServer
}
