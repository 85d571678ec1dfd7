package api

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"sphera/action"
	"sphera/internal/auth"
	"sphera/internal/automation"
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
	// Name is what people see of an action that is data: its title, or else its
	// identifier.
	Name string `json:"name,omitempty"`

	doc map[string]any // of an action that is data
}

// MarshalJSON gives the document of an action that is data exactly as it was
// sent, with what a form needs beside it.
func (i actionInfo) MarshalJSON() ([]byte, error) {
	type plain actionInfo
	if i.doc == nil {
		return json.Marshal(plain(i))
	}
	out := map[string]any{
		"name": i.Name, "group": i.Group, "roles": []string{}, "input": i.Input, "allowed": i.Allowed, "stats": i.Stats,
	}
	if i.Blueprint != "" {
		out["blueprint"] = i.Blueprint
	}
	if i.Reason != "" {
		out["reason"] = i.Reason
	}
	maps.Copy(out, i.doc)
	return json.Marshal(out)
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

type actionsInput struct {
	Identifier  string `query:"action_identifier" maxLength:"500"`
	Blueprint   string `query:"blueprint_identifier" maxLength:"200"`
	Operation   string `query:"operation" maxLength:"20"`
	Published   string `query:"published" maxLength:"20"`
	Trigger     string `query:"trigger_type" maxLength:"50"`
	Event       string `query:"trigger_event" maxLength:"50"`
	EventAction string `query:"trigger_event_action_identifier" maxLength:"500"`
	Version     string `query:"version" maxLength:"10" doc:"Has no effect here"`
}

// filter selects among the actions that are data; those in Go know none of it.
func (in *actionsInput) filter() (f automation.Filter, any bool) {
	f = automation.Filter{
		Identifier: in.Identifier, Blueprint: in.Blueprint, Operation: in.Operation, Trigger: in.Trigger, Event: in.Event, EventAction: in.EventAction,
	}
	if in.Published != "" {
		published := in.Published != "false"
		f.Published = &published
	}
	return f, f != automation.Filter{}
}

func (a *API) listActions(ctx context.Context, in *actionsInput) (*actionsAnswer, error) {
	out := &actionsAnswer{}
	filter, filtered := in.filter()
	if !filtered {
		for _, one := range a.runs.Actions() {
			info, err := a.describe(ctx, one)
			if err != nil {
				return nil, err
			}
			out.Actions = append(out.Actions, info)
		}
	}
	list, err := a.automation.Actions(ctx, filter)
	if err != nil {
		return nil, err
	}
	for _, one := range list {
		info, err := a.describeData(ctx, one)
		if err != nil {
			return nil, err
		}
		out.Actions = append(out.Actions, info)
	}
	return out, nil
}

func (a *API) action(ctx context.Context, in *actionPath) (*actionAnswer, error) {
	one, err := a.runs.Action(in.Action)
	if fault.Is(err, fault.NotFound) {
		data, err := a.automation.Action(ctx, in.Action)
		if err != nil {
			return nil, err
		}
		info, err := a.describeData(ctx, data)
		return &actionAnswer{Action: info}, err
	}
	if err != nil {
		return nil, err
	}
	info, err := a.describe(ctx, one)
	return &actionAnswer{Action: info}, err
}

func (a *API) describeData(ctx context.Context, one automation.Action) (actionInfo, error) {
	info, err := a.describe(ctx, a.automation.Runnable(one))
	info.Name, info.doc = one.Definition.Name(), one.Document()
	if one.Definition.Trigger.Type != automation.SelfService {
		info.Allowed, info.Reason = false, "It runs by itself when its event happens."
	}
	return info, err
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
	err = a.auth.Could(ctx, p, "action.run", auth.Object{Kind: "action", ID: one.Identifier, Teams: p.Teams})
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
	o, err := a.runs.About(ctx, id, entity)
	if err != nil {
		return err
	}
	return a.may(ctx, who(ctx), verb, o)
}

type applyInput struct {
	Action string `path:"action" maxLength:"500"`
	RunAs  string `query:"run_as" maxLength:"320" doc:"The e-mail address of a user, for administrators"`
	Body   struct {
		PlanID     string         `json:"planId,omitempty" maxLength:"100" doc:"A plan that was shown"`
		Properties map[string]any `json:"properties,omitempty" doc:"Instead of a plan, for actions that are data: the inputs"`
		Entity     string         `json:"entity,omitempty" maxLength:"1000" doc:"The entity acted on"`
	} `nameHint:"ApplyInput"`
}

type runAnswer struct {
	Answer
	Run run.Run `json:"run"`

	port automation.Run // the run in Port's form, where that was asked for
}

// MarshalJSON writes the run in the form that was asked for.
func (r *runAnswer) MarshalJSON() ([]byte, error) {
	if r.port != nil {
		return json.Marshal(map[string]any{"ok": true, "run": r.port})
	}
	type plain struct {
		OK  bool    `json:"ok"`
		Run run.Run `json:"run"`
	}
	return json.Marshal(plain{r.OK, r.Run})
}

// applyPlan starts a run: of a plan, or with inputs, as Port's clients do.
func (a *API) applyPlan(ctx context.Context, in *applyInput) (*runAnswer, error) {
	if in.Body.PlanID == "" {
		return a.runData(ctx, in)
	}
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
	if err := a.runOnProduction(ctx, "action.run", plan.ID, plan.Input); err != nil {
		return nil, err
	}
	r, err := a.runs.Apply(ctx, who(ctx).Actor(), plan.ID)
	return &runAnswer{Run: r}, err
}

// runData starts an action that is data with the inputs that were sent.
func (a *API) runData(ctx context.Context, in *applyInput) (*runAnswer, error) {
	known, err := a.automation.Has(ctx, in.Action)
	if err != nil {
		return nil, err
	}
	if !known {
		if _, err := a.runs.Action(in.Action); err != nil {
			return nil, err
		}
		return nil, fault.Field("planId", "is missing", "the id of a plan: this action shows what it would do first")
	}
	if err := a.mayAct(ctx, "action.run", in.Action, in.Body.Entity); err != nil {
		return nil, err
	}
	if err := a.runOnProduction(ctx, "action.run", in.Action, in.Body.Properties); err != nil {
		return nil, err
	}
	p := who(ctx)
	ask := automation.Ask{Action: in.Action, Entity: in.Body.Entity, Properties: in.Body.Properties, By: p.Actor(), Source: automation.FromAPI}
	if in.RunAs != "" && !strings.EqualFold(in.RunAs, p.Email) {
		if err := a.may(ctx, p, "user.write", auth.Object{Kind: "user", ID: in.RunAs}); err != nil {
			return nil, err
		}
		user, err := a.auth.UserByEmail(ctx, in.RunAs)
		if err != nil {
			return nil, err
		}
		ask.ImpersonatedBy, ask.By = p.ID, auth.Principal{User: user}.Actor()
	}
	r, err := a.automation.Start(ctx, ask)
	return &runAnswer{port: r}, err
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
