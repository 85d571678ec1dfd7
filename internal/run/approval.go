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
	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/store"
)

// approvalType is the built-in step type that waits for somebody's decision.
const approvalType = "approval"

// ApprovalStep makes a step that waits until somebody with one of the roles
// approves; its recorded result is a Decision. Who asked for the run cannot
// decide. A refusal fails the run; retrying it asks again.
func (e *Engine) ApprovalStep(name, title string, a ApprovalArgs) (action.Step, error) {
	raw, err := json.Marshal(a)
	if err != nil {
		return action.Step{}, fmt.Errorf("write the arguments of step %s: %w", name, err)
	}
	return action.Step{Name: name, Title: title, Type: approvalType, Args: raw}, nil
}

func (e *Engine) approvalStepType() action.StepType {
	kind := action.NewStepType(approvalType, action.ByName, func(ctx context.Context, x *action.Exec, args ApprovalArgs) (Decision, error) {
		d, ok, err := e.decision(ctx, x.RunID, x.Step)
		if err != nil {
			return Decision{}, err
		}
		if !ok {
			return Decision{}, &action.Wait{
				Kind: action.WaitApproval, Key: "approval:" + x.RunID + "/" + x.Step,
				Reason: approvalReason(args), URL: "/runs/" + x.RunID,
			}
		}
		if !d.Approve {
			return Decision{}, action.Permanent(errors.New(refusal(d)))
		}
		x.Logf("Approved by %s.", d.ByName)
		return d, nil
	})
	return kind.Type
}

func approvalReason(a ApprovalArgs) string {
	reason := a.Reason
	if reason == "" {
		reason = "Waiting for an approval."
	}
	if len(a.Roles) > 0 {
		reason += " Who can decide: " + strings.Join(a.Roles, ", ") + "."
	}
	return reason
}

func refusal(d Decision) string {
	text := "Declined by " + d.ByName
	if d.Comment != "" {
		text += ": " + d.Comment
	}
	return text
}

func (e *Engine) decision(ctx context.Context, runID, step string) (Decision, bool, error) {
	var d Decision
	var approve, at int64
	err := e.db.Read().QueryRowContext(ctx, `SELECT d.approve, d.actor_id, d.actor_name, d.comment, d.at FROM run_decisions d
		JOIN run_steps s ON s.run_id = d.run_id AND s.idx = d.idx WHERE d.run_id = $1 AND s.name = $2`, runID, step).
		Scan(&approve, &d.By, &d.ByName, &d.Comment, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return d, false, nil
	}
	if err != nil {
		return d, false, fmt.Errorf("read the decision: %w", err)
	}
	d.Approve, d.At = approve != 0, store.Time(at)
	return d, true, nil
}

// maxComment bounds the comment of a decision, in bytes.
const maxComment = 2000

// Decide records the decision a run waits for.
func (e *Engine) Decide(ctx context.Context, actor action.Actor, id string, approve bool, comment string) (Run, error) {
	if len(comment) > maxComment {
		return Run{}, fault.Field("comment", "is too long", fmt.Sprintf("at most %d bytes", maxComment))
	}
	err := e.db.Tx(ctx, func(tx *store.Tx) error {
		r, err := lockRun(ctx, tx, id)
		if err != nil {
			return err
		}
		var kind, raw string
		err = tx.QueryRowContext(ctx, "SELECT type, args FROM run_steps WHERE run_id = $1 AND idx = $2", id, r.step).Scan(&kind, &raw)
		if err != nil {
			return fmt.Errorf("read the step of run %s that waits: %w", id, err)
		}
		if r.State.ended() || r.Undoing || r.waitKind != action.WaitApproval || kind != approvalType {
			return fault.New(fault.Conflict, "The run does not wait for a decision; it is %s.", r.State)
		}
		var args ApprovalArgs
		if err := json.Unmarshal([]byte(raw), &args); err != nil {
			return fmt.Errorf("read the arguments of the approval of run %s: %w", id, err)
		}
		if err := mayDecide(actor, &r, args); err != nil {
			return err
		}
		return e.decide(ctx, tx, &r, actor, approve, cleanText(comment), e.now())
	})
	if err != nil {
		return Run{}, err
	}
	return e.Get(ctx, id)
}

func (e *Engine) decide(ctx context.Context, tx *store.Tx, r *record, actor action.Actor, approve bool, comment string, at time.Time) error {
	name := actor.Name
	if name == "" {
		name = actor.ID
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO run_decisions (run_id, idx, approve, actor_id, actor_name, comment, at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		r.ID, r.step, flag(approve), actor.ID, name, comment, store.Millis(at))
	if store.IsUnique(err) {
		return fault.New(fault.Conflict, "Somebody has already decided.")
	}
	if err != nil {
		return fmt.Errorf("record the decision: %w", err)
	}
	verb := "run.approve"
	if !approve {
		verb = "run.decline"
	}
	if err := e.record(ctx, tx, &r.Run, actor, verb, audit.Success, map[string]any{"step": r.step, "comment": comment}); err != nil {
		return err
	}
	tx.Notify(Topic, r.ID)
	return e.Signal(ctx, tx, r.waitKey)
}

func mayDecide(actor action.Actor, r *record, args ApprovalArgs) error {
	who := "anybody else who is signed in"
	if len(args.Roles) > 0 {
		who = "people with the role " + strings.Join(args.Roles, " or ")
	}
	if actor.ID == r.Actor.ID {
		return fault.Refuse("run.approve.requester", "You asked for this run, so somebody else has to decide.",
			"Send the address of this page to someone who can.", who)
	}
	if args.Only || len(args.People) > 0 {
		if slices.ContainsFunc(args.People, func(p string) bool { return strings.EqualFold(p, actor.Email) }) {
			return nil
		}
		return fault.Refuse("run.approve.people", "The action's policy names who may decide on this run, and you are not among them.",
			"Ask one of them to decide.", strings.Join(args.People, ", "))
	}
	if len(args.Roles) == 0 || slices.ContainsFunc(args.Roles, func(role string) bool { return slices.Contains(actor.Roles, role) }) {
		return nil
	}
	return fault.Refuse("run.approve.role", "Deciding on this run needs the role "+strings.Join(args.Roles, " or ")+".",
		"Ask somebody with that role to decide.", who)
}
