package guarded

import (
	"context"
	"encoding/json"

	"sphera/action"
	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/run"
)

const readRuns = "run.read"

// Runs are the runs of a run.Engine.
type Runs struct {
	g    *Guard
	runs *run.Engine
}

// Runs guards an engine.
func (g *Guard) Runs(e *run.Engine) *Runs { return &Runs{g: g, runs: e} }

func noRun(id string) error { return fault.New(fault.NotFound, "There is no run %q.", id) }

// objects are runs as policies know them: the teams own what they are about,
// the environment is the one that the inputs name.
func (s *Runs) objects(ctx context.Context, list []run.Run) ([]auth.Object, error) {
	var refs []string
	for _, r := range list {
		refs = append(refs, r.Entities...)
	}
	of, err := s.g.owners(ctx, refs)
	if err != nil {
		return nil, err
	}
	kinds := s.g.environments()
	out := make([]auth.Object, len(list))
	for i, r := range list {
		o := auth.Object{Kind: "run", ID: r.ID, Author: r.Actor.ID, Teams: joined(of, r.Entities), Environment: environmentOf(r.Input)}
		if o.EnvironmentKind, err = kinds.of(ctx, o.Environment); err != nil {
			return nil, err
		}
		out[i] = o
	}
	return out, nil
}

// Object is a run as policies know it, for those who may read it.
func (s *Runs) Object(ctx context.Context, id string) (auth.Object, error) {
	o, err := s.object(ctx, id)
	if err != nil {
		return o, err
	}
	p, err := who(ctx)
	if err != nil {
		return o, err
	}
	return o, hide(s.g.auth.Could(ctx, wide(p), readRuns, o), noRun(id))
}

// object finds a run for a decision.
func (s *Runs) object(ctx context.Context, id string) (auth.Object, error) {
	if err := known(ctx); err != nil {
		return auth.Object{}, err
	}
	found, err := s.runs.Some(ctx, []string{id})
	if err != nil {
		return auth.Object{}, err
	}
	one, ok := found[id]
	if !ok {
		return auth.Object{}, noRun(id)
	}
	list, err := s.objects(ctx, []run.Run{one})
	if err != nil {
		return auth.Object{}, err
	}
	return list[0], nil
}

// see is nil for a run that may be read.
func (s *Runs) see(ctx context.Context, id string, missing error) error {
	look, err := s.g.sight(ctx, readRuns, "run")
	if err != nil || look.all() {
		return err
	}
	o, err := s.object(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return missing
	}
	if err != nil {
		return err
	}
	return look.one(ctx, o, missing)
}

func (s *Runs) change(ctx context.Context, verb, id string) error {
	o, err := s.object(ctx, id)
	if err != nil {
		return err
	}
	return s.g.change(ctx, verb, readRuns, o, noRun(id))
}

// Seen tells which of the runs may be read.
func (s *Runs) Seen(ctx context.Context, ids []string) (map[string]bool, error) {
	look, err := s.g.sight(ctx, readRuns, "run")
	if err != nil && !fault.Is(err, fault.Forbidden) {
		return nil, err
	}
	out := make(map[string]bool, len(ids))
	if look.all() {
		for _, id := range ids {
			out[id] = true
		}
		return out, nil
	}
	found, err := s.runs.Some(ctx, ids)
	if err != nil {
		return nil, err
	}
	list := make([]run.Run, 0, len(found))
	for _, one := range found {
		list = append(list, one)
	}
	list, err = keep(ctx, look, list, s.objects)
	for _, one := range list {
		out[one.ID] = true
	}
	return out, err
}

// Get is run.Engine.Get.
func (s *Runs) Get(ctx context.Context, id string) (run.Run, error) {
	if err := s.see(ctx, id, noRun(id)); err != nil {
		return run.Run{}, err
	}
	return s.runs.Get(ctx, id)
}

// List is run.Engine.List without what may not be read.
func (s *Runs) List(ctx context.Context, f run.Filter) ([]run.Run, string, error) {
	look, err := s.g.sight(ctx, readRuns, "run")
	if err != nil {
		return nil, "", err
	}
	return page(ctx, look, f.Limit, f.From, func(limit int, from string) ([]run.Run, string, error) {
		f.Limit, f.From = limit, from
		return s.runs.List(ctx, f)
	}, s.objects)
}

// Logs is run.Engine.Logs.
func (s *Runs) Logs(ctx context.Context, id string, after int64, limit int) ([]run.LogLine, error) {
	if err := s.see(ctx, id, noRun(id)); err != nil {
		return nil, err
	}
	return s.runs.Logs(ctx, id, after, limit)
}

// Cancel is run.Engine.Cancel.
func (s *Runs) Cancel(ctx context.Context, actor action.Actor, id string) (run.Run, error) {
	if err := s.change(ctx, "run.cancel", id); err != nil {
		return run.Run{}, err
	}
	return s.runs.Cancel(ctx, actor, id)
}

// Retry is run.Engine.Retry.
func (s *Runs) Retry(ctx context.Context, actor action.Actor, id string) (run.Run, error) {
	if err := s.change(ctx, "run.retry", id); err != nil {
		return run.Run{}, err
	}
	return s.runs.Retry(ctx, actor, id)
}

// UndoPlan is run.Engine.UndoPlan.
func (s *Runs) UndoPlan(ctx context.Context, id string) (run.SavedPlan, error) {
	if err := s.see(ctx, id, noRun(id)); err != nil {
		return run.SavedPlan{}, err
	}
	return s.runs.UndoPlan(ctx, id)
}

// Undo is run.Engine.Undo.
func (s *Runs) Undo(ctx context.Context, actor action.Actor, id, digest string) (run.Run, error) {
	if err := s.change(ctx, "run.undo", id); err != nil {
		return run.Run{}, err
	}
	return s.runs.Undo(ctx, actor, id, digest)
}

// Actions, and what else says which actions there are, is for everybody.
func (s *Runs) Actions() []*action.Action { return s.runs.Actions() }

// Action is run.Engine.Action.
func (s *Runs) Action(id string) (*action.Action, error) { return s.runs.Action(id) }

// Find is run.Engine.Find.
func (s *Runs) Find(ctx context.Context, id string) (*action.Action, error) {
	if err := known(ctx); err != nil {
		return nil, err
	}
	return s.runs.Find(ctx, id)
}

// Stats is run.Engine.Stats: how long an action takes, for everybody.
func (s *Runs) Stats(ctx context.Context, actionID string) (run.Stats, error) {
	if err := known(ctx); err != nil {
		return run.Stats{}, err
	}
	return s.runs.Stats(ctx, actionID)
}

// About is what an action on an entity is about. An entity that may not be read
// is as one that is not there: whoever plans with it is told so.
func (s *Runs) About(ctx context.Context, actionID, entity string) (auth.Object, error) {
	o := auth.Object{Kind: "action", ID: actionID}
	if err := known(ctx); err != nil {
		return o, err
	}
	one, err := s.runs.Find(ctx, actionID)
	if err != nil || one.Blueprint == "" || entity == "" {
		return o, err
	}
	return s.g.entity(ctx, one.Blueprint, entity)
}

// Plan is run.Engine.Plan.
func (s *Runs) Plan(ctx context.Context, actor action.Actor, actionID, entity string, input json.RawMessage) (run.SavedPlan, error) {
	if err := known(ctx); err != nil {
		return run.SavedPlan{}, err
	}
	o, err := s.About(ctx, actionID, entity)
	if err == nil {
		err = s.g.may(ctx, "action.plan", o)
	}
	if err != nil {
		return run.SavedPlan{}, err
	}
	return s.runs.Plan(ctx, actor, actionID, entity, input)
}

// SavedPlan is run.Engine.SavedPlan: who may read the run of a plan may read
// the plan, and who made it.
func (s *Runs) SavedPlan(ctx context.Context, id string) (run.SavedPlan, error) {
	p, err := who(ctx)
	if err != nil {
		return run.SavedPlan{}, err
	}
	plan, err := s.runs.SavedPlan(ctx, id)
	if err != nil || plan.By == p.ID && p.Status == auth.Active {
		return plan, err
	}
	look, err := s.g.sight(ctx, readRuns, "run")
	if err != nil {
		return run.SavedPlan{}, err
	}
	planned := run.Run{ID: plan.ID, Actor: action.Actor{ID: plan.By}, Input: plan.Input}
	if one, err := s.runs.Find(ctx, plan.Action); err == nil && one.Blueprint != "" && plan.Entity != "" {
		planned.Entities = []string{ref(one.Blueprint, plan.Entity)}
	}
	list, err := keep(ctx, look, []run.Run{planned}, s.objects)
	if err == nil && len(list) == 0 {
		err = fault.New(fault.NotFound, "There is no plan %q; plans are kept for a day.", id)
	}
	if err != nil {
		return run.SavedPlan{}, err
	}
	return plan, nil
}

// Apply is run.Engine.Apply.
func (s *Runs) Apply(ctx context.Context, actor action.Actor, planID string) (run.Run, error) {
	plan, err := s.SavedPlan(ctx, planID)
	if err != nil {
		return run.Run{}, err
	}
	o, err := s.About(ctx, plan.Action, plan.Entity)
	if err == nil {
		err = s.g.may(ctx, "action.run", o)
	}
	if err != nil {
		return run.Run{}, err
	}
	return s.runs.Apply(ctx, actor, planID)
}
