package guarded

import (
	"context"
	"encoding/json"
	"fmt"

	"sphera/action"
	"sphera/internal/auth"
	"sphera/internal/automation"
	"sphera/internal/fault"
	"sphera/internal/resource"
)

// Automation are the actions that are data, and their runs in Port's form.
type Automation struct {
	runs       *Runs
	automation *automation.Service
}

// Automation guards actions that are data.
func (g *Guard) Automation(s *automation.Service, runs *Runs) *Automation {
	return &Automation{runs: runs, automation: s}
}

func noPortRun(id string) error {
	return fault.New(fault.NotFound, "There is no run %q.", automation.PortID(automation.RunID(id)))
}

// see is nil for a run that may be read.
func (s *Automation) see(ctx context.Context, id string) error {
	return s.runs.see(ctx, automation.RunID(id), noPortRun(id))
}

func (s *Automation) change(ctx context.Context, verb, id string) error {
	o, err := s.runs.object(ctx, automation.RunID(id))
	if fault.Is(err, fault.NotFound) {
		return noPortRun(id)
	}
	if err != nil {
		return err
	}
	return s.runs.g.change(ctx, verb, readRuns, o, noPortRun(id))
}

func actionObject(id string) auth.Object { return auth.Object{Kind: "action", ID: id} }

// Actions is automation.Service.Actions: which actions there are everybody may
// know.
func (s *Automation) Actions(ctx context.Context, f automation.Filter) ([]automation.Action, error) {
	if err := known(ctx); err != nil {
		return nil, err
	}
	return s.automation.Actions(ctx, f)
}

// Action is automation.Service.Action.
func (s *Automation) Action(ctx context.Context, id string) (automation.Action, error) {
	if err := known(ctx); err != nil {
		return automation.Action{}, err
	}
	return s.automation.Action(ctx, id)
}

// Has is automation.Service.Has.
func (s *Automation) Has(ctx context.Context, id string) (bool, error) {
	if err := known(ctx); err != nil {
		return false, err
	}
	return s.automation.Has(ctx, id)
}

// Runnable is automation.Service.Runnable.
func (s *Automation) Runnable(a automation.Action) *action.Action { return s.automation.Runnable(a) }

// Permissions is automation.Service.Permissions.
func (s *Automation) Permissions(ctx context.Context, id string) (map[string]json.RawMessage, error) {
	if err := known(ctx); err != nil {
		return nil, err
	}
	return s.automation.Permissions(ctx, id)
}

// Create is automation.Service.Create.
func (s *Automation) Create(ctx context.Context, raw json.RawMessage, by resource.Actor) (automation.Action, error) {
	if err := s.runs.g.may(ctx, "action.write", actionObject("")); err != nil {
		return automation.Action{}, err
	}
	return s.automation.Create(ctx, raw, by)
}

// Put is automation.Service.Put.
func (s *Automation) Put(ctx context.Context, id string, raw json.RawMessage, by resource.Actor) (automation.Action, error) {
	if err := s.runs.g.may(ctx, "action.write", actionObject(id)); err != nil {
		return automation.Action{}, err
	}
	return s.automation.Put(ctx, id, raw, by)
}

// Delete is automation.Service.Delete.
func (s *Automation) Delete(ctx context.Context, id string, by resource.Actor) error {
	if err := s.runs.g.may(ctx, "action.write", actionObject(id)); err != nil {
		return err
	}
	return s.automation.Delete(ctx, id, by)
}

// SetPermissions is automation.Service.SetPermissions.
func (s *Automation) SetPermissions(ctx context.Context, id string, raw json.RawMessage, by resource.Actor) (map[string]json.RawMessage, error) {
	if err := s.runs.g.may(ctx, "action.write", actionObject(id)); err != nil {
		return nil, err
	}
	return s.automation.SetPermissions(ctx, id, raw, by)
}

// Start is automation.Service.Start.
func (s *Automation) Start(ctx context.Context, ask automation.Ask) (automation.Run, error) {
	o, err := s.runs.About(ctx, ask.Action, ask.Entity)
	if err == nil {
		err = s.runs.g.may(ctx, "action.run", o)
	}
	if err != nil {
		return nil, err
	}
	return s.automation.Start(ctx, ask)
}

// Run is automation.Service.Run.
func (s *Automation) Run(ctx context.Context, id string) (automation.Run, error) {
	if err := s.see(ctx, id); err != nil {
		return nil, err
	}
	return s.automation.Run(ctx, id)
}

// Object is a run as policies know it, for those who may read it.
func (s *Automation) Object(ctx context.Context, id string) (auth.Object, error) {
	o, err := s.runs.Object(ctx, automation.RunID(id))
	if fault.Is(err, fault.NotFound) {
		err = noPortRun(id)
	}
	return o, err
}

// mostRuns is how many runs are looked through for a list that hides some.
const mostRuns = 1000

// List is automation.Service.List without what may not be read.
func (s *Automation) List(ctx context.Context, f automation.RunFilter) ([]automation.Run, error) {
	look, err := s.runs.g.sight(ctx, readRuns, "run")
	if err != nil {
		return nil, err
	}
	limit := f.Limit
	if !look.all() {
		f.Limit = mostRuns
	}
	list, err := s.automation.List(ctx, f)
	if err != nil || look.all() {
		return list, err
	}
	ids := make([]string, len(list))
	for i, one := range list {
		ids[i] = automation.RunID(fmt.Sprint(one["id"]))
	}
	seen, err := s.runs.Seen(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make([]automation.Run, 0, len(list))
	for i, one := range list {
		if seen[ids[i]] && (limit <= 0 || len(out) < limit) {
			out = append(out, one)
		}
	}
	return out, nil
}

// Logs is automation.Service.Logs.
func (s *Automation) Logs(ctx context.Context, id string, limit, offset int) ([]automation.RunLog, error) {
	if err := s.see(ctx, id); err != nil {
		return nil, err
	}
	return s.automation.Logs(ctx, id, limit, offset)
}

// Approvers is automation.Service.Approvers.
func (s *Automation) Approvers(ctx context.Context, id string, pending bool) ([]automation.Approver, error) {
	if err := s.see(ctx, id); err != nil {
		return nil, err
	}
	return s.automation.Approvers(ctx, id, pending)
}

// Decide is automation.Service.Decide.
func (s *Automation) Decide(ctx context.Context, id string, by action.Actor, status, description string) (automation.Run, error) {
	if err := s.change(ctx, "run.approve", id); err != nil {
		return nil, err
	}
	return s.automation.Decide(ctx, id, by, status, description)
}

// Update is automation.Service.Update.
func (s *Automation) Update(ctx context.Context, id string, rep automation.Report, by string) (automation.Run, error) {
	if err := s.change(ctx, "run.report", id); err != nil {
		return nil, err
	}
	return s.automation.Update(ctx, id, rep, by)
}

// Respond is automation.Service.Respond.
func (s *Automation) Respond(ctx context.Context, id string, response json.RawMessage, by string) (automation.Run, error) {
	if err := s.change(ctx, "run.report", id); err != nil {
		return nil, err
	}
	return s.automation.Respond(ctx, id, response, by)
}

// AddLog is automation.Service.AddLog.
func (s *Automation) AddLog(ctx context.Context, id, message, status, label, by string) (automation.RunLog, error) {
	if err := s.change(ctx, "run.report", id); err != nil {
		return automation.RunLog{}, err
	}
	return s.automation.AddLog(ctx, id, message, status, label, by)
}

// Claim is automation.Service.Claim: what waits for the installation is its.
func (s *Automation) Claim(ctx context.Context, installation, method string, limit int) ([]automation.Claimed, error) {
	if err := s.runs.g.may(ctx, "run.report", auth.Object{Kind: "run"}); err != nil {
		return nil, err
	}
	return s.automation.Claim(ctx, installation, method, limit)
}

// Acknowledge is automation.Service.Acknowledge.
func (s *Automation) Acknowledge(ctx context.Context, ids []string, by string) (int, error) {
	if err := s.runs.g.may(ctx, "run.report", auth.Object{Kind: "run"}); err != nil {
		return 0, err
	}
	return s.automation.Acknowledge(ctx, ids, by)
}
