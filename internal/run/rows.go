package run

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"sphera/action"
	"sphera/internal/fault"
	"sphera/internal/store"
)

// record is a row of runs: what people see of it and what the engine needs.
type record struct {
	Run
	entity     string
	locks      []string
	step       int
	undoable   int
	waitKind   action.WaitKind
	waitKey    string
	blockedKey string
	worker     string
	fence      int64
	dueAt      sql.NullInt64
	logSeq     int64
}

const runColumns = `r.id, r.action, r.title, r.entity, r.state, r.input, r.plan_id, r.actor, r.locks, r.entities, r.undoing,
	r.cancel_requested, r.step, r.steps_done, r.steps_total, r.undoable, r.wait_kind, r.wait_key, r.wait_reason, r.wait_url, r.wait_until,
	r.blocked_key, r.error, r.worker, r.fence, r.due_at, r.log_seq, r.created_at, r.started_at, r.ended_at`

type scanner interface{ Scan(...any) error }

// scanRun reads runColumns, and more when the statement selects more.
func scanRun(row scanner, more ...any) (record, error) {
	var r record
	var input, actor, locks, entities, reason, url string
	var undoing, cancel, until, created, started, ended int64
	dest := []any{
		&r.ID, &r.Action, &r.Title, &r.entity, &r.State, &input, &r.PlanID, &actor, &locks, &entities, &undoing,
		&cancel, &r.step, &r.StepsDone, &r.StepsTotal, &r.undoable, &r.waitKind, &r.waitKey, &reason, &url, &until,
		&r.blockedKey, &r.Error, &r.worker, &r.fence, &r.dueAt, &r.logSeq, &created, &started, &ended,
	}
	if err := row.Scan(append(dest, more...)...); err != nil {
		return record{}, err
	}
	err := errors.Join(json.Unmarshal([]byte(actor), &r.Actor), json.Unmarshal([]byte(locks), &r.locks), json.Unmarshal([]byte(entities), &r.Entities))
	if err != nil {
		return record{}, fmt.Errorf("read run %s: %w", r.ID, err)
	}
	r.Input = json.RawMessage(input)
	r.Undoing, r.CancelRequested = undoing != 0, cancel != 0
	r.CreatedAt, r.StartedAt, r.EndedAt = store.Time(created), store.Time(started), store.Time(ended)
	if r.State == Waiting {
		r.Waiting = &WaitingFor{Kind: r.waitKind, Key: r.waitKey, Reason: reason, URL: url, Until: store.Time(until)}
	}
	r.Can = r.can()
	return r, nil
}

func (r *record) can() Can {
	started := !r.StartedAt.IsZero()
	return Can{
		Cancel: !r.State.ended() && !r.CancelRequested,
		Retry:  r.State == Failed || r.State == Cancelled,
		Undo:   started && r.undoable > 0 && r.State.ended() && r.State != Undone,
	}
}

// stepRow is a row of run_steps.
type stepRow struct {
	StepRun
	undoable    bool
	undoAttempt int
	tries       int
	crashes     int
}

const stepColumns = `s.idx, s.name, s.title, s.type, s.safety, s.undoable, s.state, s.args, s.result, s.attempt, s.undo_attempt,
	s.tries, s.crashes, s.error, s.retry_at, s.started_at, s.ended_at`

func scanStep(row scanner) (stepRow, error) {
	var s stepRow
	var args, result string
	var undoable, retry, started, ended int64
	err := row.Scan(&s.Index, &s.Name, &s.Title, &s.Type, &s.Safety, &undoable, &s.State, &args, &result, &s.Attempt, &s.undoAttempt,
		&s.tries, &s.crashes, &s.Error, &retry, &started, &ended)
	if err != nil {
		return stepRow{}, err
	}
	s.undoable = undoable != 0
	s.Args = json.RawMessage(args)
	if result != "" {
		s.Result = json.RawMessage(result)
	}
	s.RetryAt, s.StartedAt, s.EndedAt = store.Time(retry), store.Time(started), store.Time(ended)
	return s, nil
}

// started reports whether the step can have left something behind.
func (s *stepRow) started() bool { return s.Attempt > 0 }

// toUndo reports whether undoing the run has to undo the step.
func (s *stepRow) toUndo() bool { return s.started() && s.undoable && s.State != Undone }

func readSteps(ctx context.Context, q store.Querier, id string) ([]stepRow, error) {
	rows, err := q.QueryContext(ctx, "SELECT "+stepColumns+" FROM run_steps s WHERE s.run_id = $1 ORDER BY s.idx", id)
	steps, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (stepRow, error) { return scanStep(row) })
	if err != nil {
		return nil, fmt.Errorf("read the steps of run %s: %w", id, err)
	}
	return steps, nil
}

// lockRun reads a run for a change in tx.
func lockRun(ctx context.Context, tx *store.Tx, id string) (record, error) {
	r, err := scanRun(tx.QueryRowContext(ctx, "SELECT "+runColumns+" FROM runs r WHERE r.id = $1"+tx.ForUpdate(), id))
	return r, notFound(err, id)
}

func notFound(err error, id string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return fault.New(fault.NotFound, "There is no run %q.", id)
	default:
		return fmt.Errorf("read run %s: %w", id, err)
	}
}

// one turns "no row was changed" into errStale.
func one(res sql.Result, err error) error {
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err == nil && n == 0 {
		return errStale
	}
	return err
}
