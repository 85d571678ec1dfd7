package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"sphera/action"
	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/run"

	"github.com/danielgtaylor/huma/v2"
)

// actionInfo is an action as the form, the command line and the docs need it.
type actionInfo struct {
	Identifier  string         `json:"identifier"`
	Title       string         `json:"title"`
	Description string         `json:"description"`
	Icon        string         `json:"icon"`
	Group       string         `json:"group"`
	Blueprint   string         `json:"blueprint,omitempty"`
	Roles       []string       `json:"roles"`
	Input       *action.Schema `json:"input"`
	// Allowed says whether you may ask for it on something you own; Reason why not.
	Allowed bool      `json:"allowed"`
	Reason  string    `json:"reason,omitempty"`
	Stats   run.Stats `json:"stats"`
}

type actionsAnswer struct {
	Answer
	Actions []actionInfo `json:"actions"`
}

type actionAnswer struct {
	Answer
	Action actionInfo `json:"action"`
}

type actionPath struct {
	Action string `path:"action" maxLength:"100"`
}

func (a *API) listActions(ctx context.Context, _ *struct{}) (*actionsAnswer, error) {
	out := &actionsAnswer{}
	for _, one := range a.runs.Actions() {
		info, err := a.describe(ctx, one)
		if err != nil {
			return nil, err
		}
		out.Actions = append(out.Actions, info)
	}
	return out, nil
}

func (a *API) action(ctx context.Context, in *actionPath) (*actionAnswer, error) {
	one, err := a.runs.Find(ctx, in.Action)
	if err != nil {
		return nil, err
	}
	info, err := a.describe(ctx, one)
	return &actionAnswer{Action: info}, err
}

func (a *API) describe(ctx context.Context, one *action.Action) (actionInfo, error) {
	stats, err := a.runs.Stats(ctx, one.Identifier)
	if err != nil {
		return actionInfo{}, err
	}
	info := actionInfo{
		Identifier: one.Identifier, Title: one.Title, Description: one.Description, Icon: one.Icon, Group: one.Group,
		Blueprint: one.Blueprint, Roles: one.Roles, Input: one.Input, Allowed: true, Stats: stats,
	}
	p := who(ctx)
	// On something of one's own: whose entity it will be is not known yet.
	err = auth.Can(p, "action.run", auth.Object{Kind: "action", ID: one.Identifier, Teams: p.Teams})
	if err == nil && len(one.Roles) > 0 && !anyOf(one.Roles, p.Roles) {
		err = fault.Refuse("action.role", "It needs the role "+strings.Join(one.Roles, " or ")+".", "", "")
	}
	if f, ok := fault.As(err); ok {
		info.Allowed, info.Reason = false, f.Reason
	} else if err != nil {
		return info, err
	}
	return info, nil
}

func anyOf(wanted, have []string) bool {
	return slices.ContainsFunc(wanted, func(w string) bool { return slices.Contains(have, w) })
}

type planInput struct {
	Action string `path:"action" maxLength:"100"`
	Body   struct {
		Input  json.RawMessage `json:"input,omitempty" doc:"The action's input, see its JSON Schema"`
		Entity string          `json:"entity,omitempty" maxLength:"500" doc:"The entity acted on, for actions with a blueprint"`
	} `nameHint:"PlanInput"`
}

type planAnswer struct {
	Answer
	Plan run.SavedPlan `json:"plan"`
}

func (a *API) planAction(ctx context.Context, in *planInput) (*planAnswer, error) {
	if err := a.mayAct(ctx, "action.plan", in.Action, in.Body.Entity); err != nil {
		return nil, err
	}
	plan, err := a.runs.Plan(ctx, who(ctx).Actor(), in.Action, in.Body.Entity, in.Body.Input)
	return &planAnswer{Plan: plan}, err
}

// mayAct asks about the entity that the action is about.
func (a *API) mayAct(ctx context.Context, verb, id, entity string) error {
	one, err := a.runs.Find(ctx, id)
	if err != nil {
		return err
	}
	o := auth.Object{Kind: "action", ID: id}
	if one.Blueprint != "" && entity != "" {
		if o, err = a.owned(ctx, one.Blueprint, entity); err != nil {
			return err
		}
	}
	return a.may(ctx, who(ctx), verb, o)
}

type applyInput struct {
	Action string `path:"action" maxLength:"100"`
	Body   struct {
		PlanID string `json:"planId" maxLength:"100"`
	} `nameHint:"ApplyInput"`
}

type runAnswer struct {
	Answer
	Run run.Run `json:"run"`
}

func (a *API) applyPlan(ctx context.Context, in *applyInput) (*runAnswer, error) {
	plan, err := a.runs.SavedPlan(ctx, in.Body.PlanID)
	if err != nil {
		return nil, err
	}
	if plan.Action != in.Action {
		return nil, fault.Field("planId", "is a plan of another action", "a plan of "+in.Action)
	}
	if err := a.mayAct(ctx, "action.run", plan.Action, plan.Entity); err != nil {
		return nil, err
	}
	r, err := a.runs.Apply(ctx, who(ctx).Actor(), plan.ID)
	return &runAnswer{Run: r}, err
}

type checksAnswer struct {
	Answer
	Checks []action.Check `json:"checks"`
}

func (a *API) verifyAction(ctx context.Context, in *planInput) (*checksAnswer, error) {
	one, err := a.runs.Find(ctx, in.Action)
	if err != nil {
		return nil, err
	}
	checks, err := one.Verify(ctx, action.Request{Actor: who(ctx).Actor(), Entity: in.Body.Entity, Now: a.now()}, in.Body.Input)
	if errors.Is(err, action.ErrNoVerify) {
		return nil, fault.New(fault.NotFound, "The action %s has no checks.", one.Title)
	}
	return &checksAnswer{Checks: checks}, err
}

func (a *API) plan(ctx context.Context, in *idPath) (*planAnswer, error) {
	plan, err := a.runs.SavedPlan(ctx, in.ID)
	return &planAnswer{Plan: plan}, err
}

// documentActions adds one operation per registered action with the schema of
// its own input. They are served by planAction.
func (a *API) documentActions() {
	if a.runs == nil {
		return
	}
	answer := a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[planAnswer](), true, "PlanAnswer")
	for _, one := range a.runs.Actions() {
		raw, err := json.Marshal(one.Input)
		var input map[string]any
		if err == nil {
			err = json.Unmarshal(raw, &input)
		}
		if err != nil {
			a.mux.errs = append(a.mux.errs, err)
			continue
		}
		schema := &huma.Schema{
			Type: huma.TypeObject, AdditionalProperties: false, Required: []string{"input"},
			Properties: map[string]*huma.Schema{
				"input":  {Type: huma.TypeObject, Extensions: without(input, "type")},
				"entity": {Type: huma.TypeString, Description: "The identifier of the " + one.Blueprint + " acted on"},
			},
		}
		if one.Blueprint == "" {
			delete(schema.Properties, "entity")
		} else {
			schema.Required = append(schema.Required, "entity")
		}
		a.huma.OpenAPI().AddOperation(&huma.Operation{
			Method: http.MethodPost, Path: "/v1/actions/" + one.Identifier + "/plans", OperationID: "plan" + camel(one.Identifier),
			Tags: []string{"actions"}, Summary: "Plan: " + one.Title, Description: one.Description,
			RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: schema}}},
			Responses:   map[string]*huma.Response{"201": {Description: "Created", Content: map[string]*huma.MediaType{"application/json": {Schema: answer}}}},
			Extensions:  map[string]any{"x-permission": "action.plan", "x-served-by": "planAction"},
		})
	}
}

func without(m map[string]any, key string) map[string]any {
	delete(m, key)
	return m
}

func camel(id string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(id, "_") {
		if part != "" {
			b.WriteString(strings.ToUpper(part[:1]) + part[1:])
		}
	}
	return b.String()
}
