package run

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sort"

	"sphera/action"
	"sphera/internal/audit"
	"sphera/internal/store"
)

// Start records a run with its steps in the caller's transaction; workers see
// it when that is committed.
func (e *Engine) Start(ctx context.Context, tx *store.Tx, n NewRun) (Run, error) {
	types, err := e.checkNewRun(&n)
	if err != nil {
		return Run{}, fmt.Errorf("start a run of %s: %w", n.Action, err)
	}
	if n.ID == "" {
		if n.ID, err = newID(); err != nil {
			return Run{}, err
		}
	}
	if err := e.current(ctx, tx, n.Version); err != nil {
		return Run{}, err
	}
	now := store.Time(store.Millis(e.now()))
	r := record{Run: Run{
		ID: n.ID, Action: n.Action, Title: n.Title, State: Pending, Input: n.Input, PlanID: n.PlanID,
		Entities: n.Entities, Actor: n.Actor, CreatedAt: now, StepsTotal: len(n.Steps),
	}, entity: n.Entity, locks: n.Locks}
	for _, t := range types {
		if t.Undoable {
			r.undoable++
		}
	}
	if err := insertRun(ctx, tx, &r); err != nil {
		return Run{}, fmt.Errorf("start a run of %s: %w", n.Action, err)
	}
	for i, s := range n.Steps {
		step := StepRun{Index: i, Name: s.Name, Title: s.Title, Type: s.Type, Safety: types[i].Safety, State: Pending, Args: s.Args}
		_, err := tx.ExecContext(ctx, `INSERT INTO run_steps (run_id, idx, name, title, type, safety, undoable, state, args)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			n.ID, i, s.Name, s.Title, s.Type, string(step.Safety), flag(types[i].Undoable), string(Pending), string(s.Args))
		if err != nil {
			return Run{}, fmt.Errorf("start a run of %s: record step %s: %w", n.Action, s.Name, err)
		}
		r.Steps = append(r.Steps, step)
	}
	detail := map[string]any{"action": n.Action, "title": n.Title, "planId": n.PlanID, "entities": n.Entities}
	if err := e.record(ctx, tx, &r.Run, n.Actor, "run.start", audit.Success, detail); err != nil {
		return Run{}, err
	}
	tx.Notify(Topic, n.ID)
	e.due(tx)
	tx.AfterCommit(e.metrics.started.Inc)
	r.Can = r.can()
	return r.Run, nil
}

func (e *Engine) checkNewRun(n *NewRun) ([]action.StepType, error) {
	if len(n.Steps) == 0 {
		return nil, fmt.Errorf("it has no steps")
	}
	n.Locks = slices.Clone(n.Locks)
	sort.Strings(n.Locks) // one order for all, so that two runs cannot wait for each other
	n.Locks = slices.Compact(n.Locks)
	if n.Locks == nil {
		n.Locks = []string{}
	}
	if n.Entities == nil {
		n.Entities = []string{}
	}
	if len(n.Input) == 0 {
		n.Input = json.RawMessage("{}")
	}
	if n.Title == "" {
		n.Title = n.Action
	}
	types := make([]action.StepType, len(n.Steps))
	names := map[string]bool{}
	for i := range n.Steps {
		s := &n.Steps[i]
		t, ok := e.stepType(s.Type)
		if !ok {
			return nil, fmt.Errorf("step %s: step type %q is not registered", s.Name, s.Type)
		}
		if names[s.Name] || s.Name == "" {
			return nil, fmt.Errorf("step %q: the name is empty or used twice", s.Name)
		}
		names[s.Name], types[i] = true, t
		if len(s.Args) == 0 {
			s.Args = json.RawMessage("null")
		}
	}
	return types, nil
}

func insertRun(ctx context.Context, tx *store.Tx, r *record) error {
	actor, err := json.Marshal(r.Actor)
	if err != nil {
		return fmt.Errorf("write the actor: %w", err)
	}
	locks, err := json.Marshal(r.locks)
	if err != nil {
		return fmt.Errorf("write the locks: %w", err)
	}
	entities, err := json.Marshal(r.Entities)
	if err != nil {
		return fmt.Errorf("write the entities: %w", err)
	}
	created := store.Millis(r.CreatedAt)
	_, err = tx.ExecContext(ctx, `INSERT INTO runs (id, action, title, entity, state, input, plan_id, actor_id, actor, locks, entities, steps_total, undoable, due_at, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
		r.ID, r.Action, r.Title, r.entity, string(r.State), string(r.Input), r.PlanID, r.Actor.ID, string(actor), string(locks), string(entities),
		r.StepsTotal, r.undoable, created, created)
	if err != nil {
		return fmt.Errorf("record the run: %w", err)
	}
	for _, entity := range r.Entities {
		_, err := tx.ExecContext(ctx, "INSERT INTO run_entities (entity, run_id) VALUES ($1, $2) ON CONFLICT DO NOTHING", entity, r.ID)
		if err != nil {
			return fmt.Errorf("record entity %s: %w", entity, err)
		}
	}
	return nil
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
