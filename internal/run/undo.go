package run

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"sphera/action"
	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/store"
)

// UndoPlan says what undoing a run would do: its steps, in the order in which
// they are undone. The digest of the plan goes to Undo.
func (e *Engine) UndoPlan(ctx context.Context, id string) (SavedPlan, error) {
	q := e.db.Read()
	r, err := scanRun(q.QueryRowContext(ctx, "SELECT "+runColumns+" FROM runs r WHERE r.id = $1", id))
	if err != nil {
		return SavedPlan{}, notFound(err, id)
	}
	plan, _, err := e.undoPlan(ctx, q, &r)
	return plan, err
}

// Undo undoes every step that was started, the last first. digest is that of
// the plan that was shown; when the run has changed since, it is refused with
// the new plan.
func (e *Engine) Undo(ctx context.Context, actor action.Actor, id, digest string) (Run, error) {
	err := e.db.Tx(ctx, func(tx *store.Tx) error {
		r, err := lockRun(ctx, tx, id)
		if err != nil {
			return err
		}
		plan, first, err := e.undoPlan(ctx, tx, &r)
		if err != nil {
			return err
		}
		if plan.Plan.Digest != digest {
			return fault.New(fault.PlanChanged, "The run has changed since the undo was shown. Look at the new plan first.").
				WithData(PlanDifference{Plan: plan, Differences: []action.Difference{{Section: "run", Name: "state", After: string(r.State)}}})
		}
		if err := freshStep(ctx, tx, id, first); err != nil {
			return err
		}
		if err := e.again(ctx, tx, &r, first, true); err != nil {
			return err
		}
		return e.record(ctx, tx, &r.Run, actor, "run.undo", audit.Success, map[string]any{"from": first})
	})
	if err != nil {
		return Run{}, err
	}
	return e.Get(ctx, id)
}

// undoPlan returns the plan and the index of the step that is undone first.
func (e *Engine) undoPlan(ctx context.Context, q store.Querier, r *record) (SavedPlan, int, error) {
	if !r.State.ended() {
		return SavedPlan{}, 0, fault.New(fault.Conflict, "The run is %s. Cancel it, or wait until it has ended, before you undo it.", r.State)
	}
	steps, err := readSteps(ctx, q, r.ID)
	if err != nil {
		return SavedPlan{}, 0, err
	}
	changes, err := readChanges(ctx, q, r.ID)
	if err != nil {
		return SavedPlan{}, 0, err
	}
	texts, err := undoTexts(ctx, q, r.PlanID)
	if err != nil {
		return SavedPlan{}, 0, err
	}
	plan := &action.Plan{
		Repositories: []action.RepositoryChange{}, PullRequests: []action.PullRequest{}, Calls: []action.Call{}, Catalog: []action.CatalogChange{},
		Processes: []action.ProcessChange{}, Objects: []action.ObjectChange{}, Approvals: []action.Approval{}, Steps: []action.PlannedStep{},
		Warnings: []string{}, Locks: r.locks, Facts: map[string]string{"state of the run": string(r.State)}, Entities: r.Entities,
	}
	first := -1
	for i := len(steps) - 1; i >= 0; i-- {
		s := &steps[i]
		if !s.toUndo() {
			continue
		}
		if first < 0 {
			first = i
		}
		plan.Steps = append(plan.Steps, action.PlannedStep{Name: s.Name, Title: s.Title, Undo: undoText(s, texts[s.Name], changes)})
		if s.State != Succeeded {
			plan.Warnings = append(plan.Warnings, fmt.Sprintf("%q did not finish; whatever it left half-made is removed as well.", s.Title))
		}
	}
	if first < 0 {
		return SavedPlan{}, 0, fault.New(fault.Conflict, "The run left nothing behind that could be undone.")
	}
	plan.Summary = fmt.Sprintf("Undo %d of %d steps of %q, the last one first.", len(plan.Steps), r.StepsTotal, r.Title)
	plan.Digest, err = undoDigest(r, steps)
	if err != nil {
		return SavedPlan{}, 0, err
	}
	now := e.now()
	return SavedPlan{
		ID: "undo:" + r.ID, Action: r.Action, Title: "Undo: " + r.Title, Entity: r.entity, Input: r.Input, Plan: plan,
		CreatedAt: now, ExpiresAt: now.Add(planLife),
	}, first, nil
}

// undoTexts are what the plan that was applied said about undoing each step.
func undoTexts(ctx context.Context, q store.Querier, planID string) (map[string]string, error) {
	texts := map[string]string{}
	if planID == "" {
		return texts, nil
	}
	var raw string
	err := q.QueryRowContext(ctx, "SELECT plan FROM run_plans WHERE id = $1", planID).Scan(&raw)
	if errors.Is(err, sql.ErrNoRows) {
		return texts, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read plan %s: %w", planID, err)
	}
	var plan action.Plan
	if err := json.Unmarshal([]byte(raw), &plan); err != nil {
		return nil, fmt.Errorf("read plan %s: %w", planID, err)
	}
	for _, s := range plan.Steps {
		texts[s.Name] = s.Undo
	}
	return texts, nil
}

// undoText says what undoing a step does: as planned, else from what it changed.
func undoText(s *stepRow, planned string, changes []ChangeEntry) string {
	if planned != "" {
		return planned
	}
	var made []string
	for _, c := range changes {
		if c.Step == s.Name {
			made = append(made, c.Title+" ("+c.Verb+")")
		}
	}
	if len(made) > 0 {
		return "Take back: " + strings.Join(made, ", ")
	}
	return "Take back what it made, if anything."
}

// undoDigest is over all that decides what an undo does.
func undoDigest(r *record, steps []stepRow) (string, error) {
	type item struct {
		Name    string
		State   State
		Attempt int
		Undo    int
		Result  string
		Ended   time.Time
	}
	items := make([]item, 0, len(steps))
	for _, s := range steps {
		items = append(items, item{s.Name, s.State, s.Attempt, s.undoAttempt, string(s.Result), s.EndedAt})
	}
	raw, err := json.Marshal(map[string]any{"run": r.ID, "state": r.State, "undoing": r.Undoing, "steps": items})
	if err != nil {
		return "", fmt.Errorf("digest run %s: %w", r.ID, err)
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:]), nil
}
