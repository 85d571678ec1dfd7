package run

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"sphera/action"
	"sphera/internal/store"
)

// ApprovalType is the step type that waits for decisions. A package beside the
// engine registers it.
const ApprovalType = "approval"

// Gate decides whether runs may go on. Functions that are nil say yes.
type Gate struct {
	// Ask says, before a run is started, who has to approve it and why.
	Ask func(ctx context.Context, w Wish) (Asked, error)
	// Current refuses, in the transaction that starts a run, when what Ask said
	// is no longer so.
	Current func(ctx context.Context, tx *store.Tx, version string) error
	// Admit is asked in the transaction that starts a step of a run. A wait
	// parks the run before the step; an error ends it there.
	Admit func(ctx context.Context, tx *store.Tx, id string, step int) (*action.Wait, error)
	// Again is told, in the transaction that retries a run, at which step it
	// goes on, and returns the step to go back to.
	Again func(ctx context.Context, tx *store.Tx, id string, step int) (int, error)
	// Ended is told, in the transaction that ends a run, how.
	Ended func(ctx context.Context, tx *store.Tx, r Run) error
}

// Wish is a run that somebody wants.
type Wish struct {
	Action *action.Action
	Actor  action.Actor
	Entity string
	Input  json.RawMessage
	Plan   *action.Plan
	// Requesters asked as well, besides the actor: an administrator who runs
	// something as somebody else.
	Requesters []string
	// Unkept says that the plan is not kept by the engine, so that who decides
	// has to get it otherwise.
	Unkept bool
}

// Asked is what a gate asks for.
type Asked struct {
	// Approvals are shown in the plan, in place of those that it had: those
	// that people give, and those that a rule gives.
	Approvals []action.Approval
	// Step waits for the approvals before anything else happens; nil when
	// nobody has to approve.
	Step *action.Step
	// Warnings are shown in the plan.
	Warnings []string
	// Version is of the rules that were looked at.
	Version string
}

// Guard sets the gate. It is called before the first run.
func (e *Engine) Guard(g Gate) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.gate = g
}

func (e *Engine) guard() Gate {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.gate
}

// ask has the gate look at a plan and puts what it asks for into it.
func (e *Engine) ask(ctx context.Context, w Wish) (Asked, error) {
	g := e.guard()
	if g.Ask == nil {
		return Asked{}, nil
	}
	asked, err := g.Ask(ctx, w)
	if err != nil {
		return Asked{}, fmt.Errorf("ask who approves %s: %w", w.Action.Identifier, err)
	}
	w.Plan.Ask(asked.Step, asked.Approvals, asked.Warnings)
	return asked, nil
}

// Approve asks the gate about a run that is started without a plan and returns
// its steps with the one that waits for approvals.
func (e *Engine) Approve(ctx context.Context, w Wish, steps []action.Step) ([]action.Step, string, error) {
	asked, err := e.ask(ctx, w)
	if err != nil {
		return nil, "", err
	}
	return asked.before(steps), asked.Version, nil
}

func (a Asked) before(steps []action.Step) []action.Step {
	if a.Step == nil {
		return steps
	}
	at := 0
	for at < len(steps) && steps[at].Note {
		at++
	}
	return slices.Insert(slices.Clone(steps), at, *a.Step)
}

func (e *Engine) current(ctx context.Context, tx *store.Tx, version string) error {
	if g := e.guard(); g.Current != nil && version != "" {
		return g.Current(ctx, tx, version)
	}
	return nil
}

func (e *Engine) admit(ctx context.Context, tx *store.Tx, id string, step int) (*action.Wait, error) {
	if g := e.guard(); g.Admit != nil {
		return g.Admit(ctx, tx, id, step)
	}
	return nil, nil
}

// refused says whether an error of Admit ends the run; all others are the
// database's, and tried again.
func refused(err error) (string, bool) {
	if !action.IsPermanent(err) {
		return "", false
	}
	return errorText(err), true
}

func (e *Engine) stepBack(ctx context.Context, tx *store.Tx, id string, step int) (int, error) {
	if g := e.guard(); g.Again != nil {
		return g.Again(ctx, tx, id, step)
	}
	return step, nil
}

// Lock reads a run with its steps for a decision in tx, and the index of the
// step it is at. Nobody else changes it until tx ends.
func (e *Engine) Lock(ctx context.Context, tx *store.Tx, id string) (Run, int, error) {
	r, err := lockRun(ctx, tx, id)
	if err != nil {
		return Run{}, 0, err
	}
	steps, err := readSteps(ctx, tx, id)
	for _, s := range steps {
		r.Steps = append(r.Steps, s.StepRun)
	}
	return r.Run, r.step, err
}

// Digest identifies exactly what a run does: its action, entity, input, the
// plan that was shown, and all of its steps with their arguments.
func Digest(ctx context.Context, q store.Querier, id string) (string, error) {
	var act, entity, input, entities, planID, actor string
	err := q.QueryRowContext(ctx, "SELECT action, entity, input, entities, plan_id, actor FROM runs WHERE id = $1", id).
		Scan(&act, &entity, &input, &entities, &planID, &actor)
	if err != nil {
		return "", fmt.Errorf("digest run %s: %w", id, notFound(err, id))
	}
	plan := ""
	if planID != "" {
		err := q.QueryRowContext(ctx, "SELECT plan FROM run_plans WHERE id = $1", planID).Scan(&plan)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return "", fmt.Errorf("digest the plan of run %s: %w", id, err)
		}
	}
	parts := []string{"sphera run v1", id, act, entity, input, entities, actor, plan}
	steps, err := readSteps(ctx, q, id)
	if err != nil {
		return "", err
	}
	for _, s := range steps {
		parts = append(parts, s.Name, s.Type, string(s.Safety), string(s.Args))
	}
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(strconv.Itoa(len(p)) + ":" + p))
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
