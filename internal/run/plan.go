package run

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sphera/action"
	"sphera/internal/fault"
	"sphera/internal/store"
)

// planLife is how long a plan can be applied.
const planLife = 24 * time.Hour

// Plan says what an action would do with this input and keeps it, so that it
// can be shown and applied. Nothing is changed.
func (e *Engine) Plan(ctx context.Context, actor action.Actor, actionID, entity string, input json.RawMessage) (SavedPlan, error) {
	a, err := e.Find(ctx, actionID)
	if err != nil {
		return SavedPlan{}, err
	}
	if err := mayAsk(a, actor); err != nil {
		return SavedPlan{}, err
	}
	if a.Blueprint != "" && entity == "" {
		return SavedPlan{}, fault.Field("entity", "is required", "the identifier of a "+a.Blueprint)
	}
	if len(input) == 0 {
		input = json.RawMessage("{}")
	}
	plan, err := a.Plan(ctx, action.Request{Actor: actor, Entity: entity, Now: e.now()}, input)
	if err != nil {
		return SavedPlan{}, fmt.Errorf("plan %s: %w", actionID, err)
	}
	if _, err := e.ask(ctx, Wish{Action: a, Actor: actor, Entity: entity, Input: input, Plan: plan}); err != nil {
		return SavedPlan{}, err
	}
	return e.savePlan(ctx, a, actor, entity, input, plan)
}

func mayAsk(a *action.Action, actor action.Actor) error {
	if len(a.Roles) == 0 || slices.ContainsFunc(a.Roles, func(role string) bool { return slices.Contains(actor.Roles, role) }) {
		return nil
	}
	roles := strings.Join(a.Roles, " or ")
	return fault.Refuse("action.role", fmt.Sprintf("%q needs the role %s.", a.Title, roles),
		"Ask somebody with that role to do it, or an administrator for the role.", "people with the role "+roles)
}

func (e *Engine) savePlan(ctx context.Context, a *action.Action, actor action.Actor, entity string, input json.RawMessage, plan *action.Plan) (SavedPlan, error) {
	id, err := newID()
	if err != nil {
		return SavedPlan{}, err
	}
	raw, err := json.Marshal(plan)
	if err != nil {
		return SavedPlan{}, fmt.Errorf("write the plan: %w", err)
	}
	now := store.Time(e.millis())
	p := SavedPlan{ID: id, Action: a.Identifier, Title: a.Title, Entity: entity, Input: input, Plan: plan, CreatedAt: now, ExpiresAt: now.Add(planLife), By: actor.ID}
	err = e.db.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO run_plans (id, action, title, entity, actor_id, input, plan, created_at, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			p.ID, p.Action, p.Title, p.Entity, actor.ID, string(input), string(raw), store.Millis(p.CreatedAt), store.Millis(p.ExpiresAt))
		return err
	})
	if err != nil {
		return SavedPlan{}, fmt.Errorf("keep the plan: %w", err)
	}
	return p, nil
}

// SavedPlan returns a plan that was made before.
func (e *Engine) SavedPlan(ctx context.Context, id string) (SavedPlan, error) {
	p, err := e.readPlan(ctx, id)
	return p.SavedPlan, err
}

type planRow struct {
	SavedPlan
	runID string
}

func (e *Engine) readPlan(ctx context.Context, id string) (planRow, error) {
	var p planRow
	var input, raw string
	var created, expires int64
	err := e.db.Read().QueryRowContext(ctx, "SELECT id, action, title, entity, actor_id, input, plan, run_id, created_at, expires_at FROM run_plans WHERE id = $1", id).
		Scan(&p.ID, &p.Action, &p.Title, &p.Entity, &p.By, &input, &raw, &p.runID, &created, &expires)
	if errors.Is(err, sql.ErrNoRows) {
		return p, fault.New(fault.NotFound, "There is no plan %q; plans are kept for a day.", id)
	}
	if err != nil {
		return p, fmt.Errorf("read plan %s: %w", id, err)
	}
	if err := json.Unmarshal([]byte(raw), &p.Plan); err != nil {
		return p, fmt.Errorf("read plan %s: %w", id, err)
	}
	p.Input, p.CreatedAt, p.ExpiresAt = json.RawMessage(input), store.Time(created), store.Time(expires)
	return p, nil
}

// Apply starts the run of a plan. The plan is made anew first: when the world
// has changed since it was shown, nothing happens and the error carries the
// differences and the new plan. A plan is applied once; asking again returns
// the same run.
func (e *Engine) Apply(ctx context.Context, actor action.Actor, planID string) (Run, error) {
	p, err := e.readPlan(ctx, planID)
	if err != nil {
		return Run{}, err
	}
	if p.By != actor.ID {
		return Run{}, fault.Refuse("plan.owner", "This plan was shown to somebody else.", "Make the plan yourself; it takes a moment.", "")
	}
	if p.runID != "" {
		return e.Get(ctx, p.runID)
	}
	a, err := e.Find(ctx, p.Action)
	if err != nil {
		return Run{}, err
	}
	if err := mayAsk(a, actor); err != nil {
		return Run{}, err
	}
	req := action.Request{Actor: actor, Entity: p.Entity, Now: e.now()}
	now, err := a.Plan(ctx, req, p.Input)
	if err != nil {
		return Run{}, fmt.Errorf("plan %s again: %w", p.Action, err)
	}
	asked, err := e.ask(ctx, Wish{Action: a, Actor: actor, Entity: p.Entity, Input: p.Input, Plan: now})
	if err != nil {
		return Run{}, err
	}
	if err := e.unchanged(ctx, a, actor, &p, now); err != nil {
		return Run{}, err
	}
	if req.RunID, err = newID(); err != nil {
		return Run{}, err
	}
	steps, err := a.Steps(ctx, req, p.Input)
	if err != nil {
		return Run{}, fmt.Errorf("list the steps of %s: %w", p.Action, err)
	}
	id, err := e.startPlan(ctx, planID, NewRun{
		ID: req.RunID, Action: p.Action, Title: runTitle(a, p.Plan), Actor: actor, Input: p.Input, Steps: asked.before(steps), Entity: p.Entity,
		Locks: p.Plan.Locks, Entities: p.Plan.Entities, PlanID: planID, Version: asked.Version,
	})
	if err != nil {
		return Run{}, err
	}
	return e.Get(ctx, id)
}

// startPlan starts the run unless the plan has one already.
func (e *Engine) startPlan(ctx context.Context, planID string, n NewRun) (id string, err error) {
	err = e.db.Tx(ctx, func(tx *store.Tx) error {
		id = n.ID
		res, err := tx.ExecContext(ctx, "UPDATE run_plans SET run_id = $1 WHERE id = $2 AND run_id = ''", n.ID, planID)
		err = one(res, err)
		if errors.Is(err, errStale) {
			return tx.QueryRowContext(ctx, "SELECT run_id FROM run_plans WHERE id = $1", planID).Scan(&id)
		}
		if err != nil {
			return fmt.Errorf("mark plan %s as applied: %w", planID, err)
		}
		_, err = e.Start(ctx, tx, n)
		return err
	})
	return id, err
}

// unchanged refuses a plan that no longer fits the world, with the new one.
func (e *Engine) unchanged(ctx context.Context, a *action.Action, actor action.Actor, shown *planRow, now *action.Plan) error {
	differences := action.Compare(shown.Plan, now)
	if len(differences) == 0 && e.now().After(shown.ExpiresAt) {
		differences = []action.Difference{{Section: "plan", Name: "age", Before: "shown " + shown.CreatedAt.Format(time.DateTime), After: "expired"}}
	}
	if len(differences) == 0 {
		return nil
	}
	fresh, err := e.savePlan(ctx, a, actor, shown.Entity, shown.Input, now)
	if err != nil {
		return err
	}
	return fault.New(fault.PlanChanged, "What would happen has changed since the plan was shown, so nothing was done. Look at the new plan.").
		WithData(PlanDifference{Differences: differences, Plan: fresh})
}

// runTitle names a run for lists: the action and the first entity it is about.
func runTitle(a *action.Action, p *action.Plan) string {
	if len(p.Entities) == 0 {
		return a.Title
	}
	_, name, _ := strings.Cut(p.Entities[0], "/")
	return a.Title + ": " + name
}
