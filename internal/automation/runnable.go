package automation

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sphera/action"
	"sphera/internal/fault"
)

// runnable makes an action that is data one that the portal and the command
// line plan and apply like those in Go.
func (s *Service) runnable(ctx context.Context, id string) (*action.Action, error) {
	a, err := s.Action(ctx, id)
	if err != nil {
		return nil, err
	}
	return s.Runnable(a), nil
}

// Runnable is the action for the engine.
func (s *Service) Runnable(a Action) *action.Action {
	d := &a.Definition
	blueprint := ""
	if d.onEntity() {
		blueprint = d.Trigger.BlueprintIdentifier
	}
	return action.Dynamic{
		Identifier: d.Identifier, Title: d.Name(), Description: d.Description, Icon: d.Icon, Group: "Actions", Blueprint: blueprint,
		Input: d.Schema(),
		Plan: func(ctx context.Context, req action.Request, input json.RawMessage) (*action.Plan, error) {
			p, err := s.planned(ctx, a, req, input)
			if err != nil {
				return nil, err
			}
			return s.plan(p)
		},
		Apply: func(ctx context.Context, req action.Request, input json.RawMessage) ([]action.Step, error) {
			p, err := s.planned(ctx, a, req, input)
			if err != nil {
				return nil, err
			}
			return s.stepsOf(p)
		},
	}.Action()
}

// planned is prepare in the words of the engine: inputs get the defaults that
// the form shows, and what is wrong is told by field.
func (s *Service) planned(ctx context.Context, a Action, req action.Request, input json.RawMessage) (*prepared, error) {
	values := map[string]any{}
	if len(input) > 0 {
		if err := json.Unmarshal(input, &values); err != nil {
			return nil, action.Invalid("", "is not a JSON object", "an object with one key per field")
		}
	}
	for name, p := range a.Definition.Trigger.UserInputs.Properties {
		if _, sent := values[name]; !sent && plainValue(p["default"]) != nil {
			values[name] = p["default"]
		}
	}
	p, err := s.prepare(ctx, s.DB.Read(), a, Ask{Action: a.Identifier, Entity: req.Entity, Properties: values, By: req.Actor, Source: FromUI}, req.RunID)
	if f, ok := fault.As(err); ok && len(f.Details) > 0 && strings.HasPrefix(f.Details[0].Field, "/properties/") {
		problems := &action.InputError{}
		for _, d := range f.Details {
			problems.Problems = append(problems.Problems, action.Problem{Field: strings.TrimPrefix(d.Field, "/properties/"), Problem: d.Problem, Expected: d.Expected})
		}
		return nil, problems
	}
	return p, err
}

// plan says what a run would do.
func (s *Service) plan(p *prepared) (*action.Plan, error) {
	steps, err := s.stepsOf(p)
	if err != nil {
		return nil, err
	}
	out := &action.Plan{Summary: p.summary(), Entities: p.entities(), Facts: map[string]string{"action": p.def.digest()}}
	for _, step := range steps {
		out.Steps = append(out.Steps, action.PlannedStep{Name: step.Name, Title: step.Title})
	}
	if p.Method != Upsert {
		out.Calls = append(out.Calls, action.Call{System: p.system(), Description: p.summary()})
	} else {
		blueprint, _ := p.def.Invocation["blueprintIdentifier"].(string)
		out.Catalog = append(out.Catalog, action.CatalogChange{Verb: "update", Blueprint: blueprint, Title: "An entity of " + blueprint})
	}
	if p.approval != nil {
		out.Approvals = append(out.Approvals, *p.approval)
	}
	return out, nil
}

// digest tells two versions of the action apart.
func (d *Definition) digest() string {
	raw, err := json.Marshal(d)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%s %d bytes", d.Method(), len(raw))
}

func (p *prepared) system() string {
	if p.Agent {
		return agentName(p.Installation)
	}
	return p.Method
}

// summary is one sentence; addresses are shown as they are written, without
// the values of their templates.
func (p *prepared) summary() string {
	in := p.def.Invocation
	on := ""
	if p.Entity != "" {
		on = " for " + p.Entity
	}
	switch p.Method {
	case Webhook:
		by := "Call"
		if p.Agent {
			by = "Let the agent call"
		}
		return fmt.Sprintf("%s %s%s.", by, withoutQuery(text(in, "url")), on)
	case GitHub:
		return fmt.Sprintf("Start the workflow %s of %s/%s at GitHub%s.", text(in, "workflow"), text(in, "org"), text(in, "repo"), on)
	case GitLab:
		return fmt.Sprintf("Start a pipeline of %s/%s at GitLab%s.", text(in, "groupName"), text(in, "projectName"), on)
	case Upsert:
		return fmt.Sprintf("Write an entity of %s%s.", text(in, "blueprintIdentifier"), on)
	}
	return fmt.Sprintf("Hand the run over to %s%s.", p.Installation, on)
}

// plainValue is v where it is no expression.
func plainValue(v any) any {
	if m, ok := v.(map[string]any); ok && m["jqQuery"] != nil {
		return nil
	}
	return v
}

// Schema is the form as JSON Schema. What follows from expressions is left out
// of it: the server checks that when the run is asked for.
func (d *Definition) Schema() *action.Schema {
	u := &d.Trigger.UserInputs
	out := &action.Schema{Type: "object", Required: []string{}}
	for _, name := range u.names() {
		out.Properties = append(out.Properties, schemaProperty(name, u.Properties[name]))
	}
	var required []string
	if json.Unmarshal(u.Required, &required) == nil {
		for _, name := range required {
			p := u.Properties[name]
			if p != nil && plainValue(p["default"]) == nil && p["visible"] == nil {
				out.Required = append(out.Required, name)
			}
		}
	}
	return out
}

// names are the inputs in the order of the form.
func (u *UserInputs) names() []string {
	order := u.Order
	for _, step := range u.Steps {
		order = append(order, step.Order...)
	}
	order = append(slices.Clone(order), slices.Sorted(maps.Keys(u.Properties))...)
	var out []string
	for _, name := range order {
		if _, known := u.Properties[name]; known && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

func schemaProperty(name string, p map[string]any) *action.Property {
	out := &action.Property{Name: name, Type: text(p, "type"), Title: text(p, "title"), Description: text(p, "description"), Default: plainValue(p["default"]), Format: text(p, "format")}
	if out.Title == "" {
		out.Title = name
	}
	if pattern, ok := plainValue(p["pattern"]).(string); ok {
		out.Pattern = pattern
	}
	if enum, ok := plainValue(p["enum"]).([]any); ok {
		out.Enum = enum
	}
	for key, to := range map[string]**int{"minLength": &out.MinLength, "maxLength": &out.MaxLength} {
		if n, ok := p[key].(float64); ok {
			v := int(n)
			*to = &v
		}
	}
	for key, to := range map[string]**float64{"minimum": &out.Minimum, "maximum": &out.Maximum} {
		if n, ok := p[key].(float64); ok {
			*to = &n
		}
	}
	switch out.Format {
	case "entity":
		out.Entity, out.Format = text(p, "blueprint"), ""
	case "team":
		out.Team, out.Format = true, ""
	}
	if out.Type == "array" {
		out.Items = &action.Items{Type: "string"}
		if items, ok := p["items"].(map[string]any); ok && text(items, "type") != "" {
			out.Items.Type = text(items, "type")
		}
	}
	out.Secret = p["encryption"] != nil
	return out
}
