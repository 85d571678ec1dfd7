package approval

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"sphera/action"
	"sphera/internal/audit"
	"sphera/internal/auth"
	"sphera/internal/notify"
	"sphera/internal/run"
	"sphera/internal/store"

	"github.com/google/uuid"
)

// await is the approval step: it makes the request, reminds, escalates and lets
// it expire when the time has come, and ends when it was decided. The engine
// calls it again at the next of these times and after each decision.
func (s *Service) await(ctx context.Context, x *action.Exec, _ Args) (Outcome, error) {
	var r *request
	var list []decision
	err := s.DB.Tx(ctx, func(tx *store.Tx) error {
		one, idx, err := s.Runs.Lock(ctx, tx, x.RunID)
		if err != nil {
			return err
		}
		r, err = currentRequest(ctx, tx, x.RunID, idx)
		if errors.Is(err, errNone) {
			r, err = s.open(ctx, tx, &one, idx)
		}
		if err != nil {
			return err
		}
		if r.state == Open {
			if err := s.tick(ctx, tx, &one, r); err != nil {
				return err
			}
		}
		list, err = decisions(ctx, tx, r.id)
		return err
	})
	if err != nil {
		return Outcome{}, err
	}
	switch r.state {
	case Open:
		return Outcome{}, &action.Wait{
			Kind: action.WaitApproval, Key: waitKey(r.runID, r.idx), Until: r.next(), Reason: r.reason(list), URL: "/approvals/" + r.id,
		}
	case Approved:
		x.Logf("Approved by %s.", names(list))
		return Outcome{Approve: true, By: r.decider, ByName: r.deciderName, Comment: r.comment, At: r.decided, Request: r.id}, nil
	case Expired:
		return Outcome{}, action.Permanent(fmt.Errorf("nobody decided until %s, so the request expired; still needed: %s", r.expires.Format(time.DateTime), missing(&r.args, list)))
	default:
		return Outcome{}, action.Permanent(errors.New(refusal(r)))
	}
}

func waitKey(runID string, idx int) string { return fmt.Sprintf("approval:%s/%d", runID, idx) }

func refusal(r *request) string {
	text := "Declined by " + r.deciderName
	if r.comment != "" {
		text += ": " + r.comment
	}
	return text
}

func (r *request) reason(list []decision) string {
	text := r.args.Reason
	if text == "" {
		text = "Waiting for approval."
	}
	return text + " Still needed: " + missing(&r.args, list) + "."
}

func names(list []decision) string {
	out := ""
	for _, d := range list {
		if !d.approve {
			continue
		}
		if out != "" {
			out += ", "
		}
		out += d.name
		if d.behalf != "" {
			out += " for " + d.behalfName
		}
	}
	return out
}

// next is when something happens without anybody doing anything; zero is never.
func (r *request) next() time.Time {
	var out time.Time
	for _, t := range []time.Time{r.remind, r.escalate, r.expires} {
		if !t.IsZero() && (out.IsZero() || t.Before(out)) {
			out = t
		}
	}
	return out
}

// open makes the request of a step that has none.
func (s *Service) open(ctx context.Context, tx *store.Tx, one *run.Run, idx int) (*request, error) {
	args, err := readArgs(one.Steps[idx].Args)
	if err != nil {
		return nil, action.Permanent(err)
	}
	digest, err := run.Digest(ctx, tx, one.ID)
	if err != nil {
		return nil, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("make an id: %w", err)
	}
	now := s.Now()
	r := &request{
		id: id.String(), runID: one.ID, idx: idx, state: Open, digest: digest, requester: one.Actor.ID, action: one.Action, created: now, args: args,
		due: minutes(now, args.Times.Due), remind: minutes(now, args.Times.Remind), escalate: minutes(now, args.Times.Escalate), expires: minutes(now, args.Times.Expire),
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO approval_requests (id, run_id, idx, current, state, digest, requester, action, created_at, due_at, remind_at, escalate_at, expires_at)
		VALUES ($1, $2, $3, 1, $4, $5, $6, $7, $8, $9, $10, $11, $12)`, r.id, r.runID, r.idx, r.state, r.digest, r.requester, r.action,
		store.Millis(now), store.Millis(r.due), store.Millis(r.remind), store.Millis(r.escalate), store.Millis(r.expires))
	if err != nil {
		return nil, fmt.Errorf("make the request of run %s: %w", one.ID, err)
	}
	if err := s.system(ctx, tx, r, "approval.request", "digest", digest, "need", need(&args)); err != nil {
		return nil, err
	}
	n := s.notice(r, one, notify.ApprovalRequested, "Approve: "+one.Title, fmt.Sprintf("%s asked for it. Needed: %s.", requesterName(one), missing(&args, nil)))
	n.Key, n.Hooks = "approval/"+r.id, args.Webhooks
	return r, s.Notices.Send(ctx, tx, n)
}

func need(a *Args) int {
	n := 0
	for _, ask := range a.Asks {
		for _, g := range ask.Groups {
			n += g.Need
		}
	}
	return n
}

func requesterName(one *run.Run) string {
	if one.Actor.Name != "" {
		return one.Actor.Name
	}
	return one.Actor.ID
}

func minutes(at time.Time, n int64) time.Time {
	if n <= 0 {
		return time.Time{}
	}
	return store.Time(store.Millis(at.Add(time.Duration(n) * time.Minute)))
}

// notice is for everybody who may decide.
func (s *Service) notice(r *request, one *run.Run, kind, title, text string) notify.Notice {
	n := notify.Notice{Kind: kind, Title: title, Text: text, URL: "/approvals/" + r.id}
	for _, ask := range r.args.Asks {
		for _, g := range ask.Groups {
			n.To, n.Teams, n.Roles = union(n.To, g.People), union(n.Teams, g.Teams), union(n.Roles, g.Roles)
		}
	}
	if e := r.args.Escalate; r.escalated && e != nil {
		n.To, n.Teams, n.Roles = union(n.To, e.People), union(n.Teams, e.Teams), union(n.Roles, e.Roles)
	}
	for _, e := range r.args.Excluded {
		n.Except = union(n.Except, []string{e.ID})
	}
	n.Except = union(n.Except, []string{one.Actor.ID})
	return n
}

// tick does what the time asks for.
func (s *Service) tick(ctx context.Context, tx *store.Tx, one *run.Run, r *request) error {
	now := s.Now()
	came := func(t time.Time) bool { return !t.IsZero() && !now.Before(t) }
	switch {
	case came(r.expires):
		return s.expire(ctx, tx, one, r)
	case came(r.escalate):
		if err := s.escalate(ctx, tx, one, r); err != nil {
			return err
		}
	}
	if !came(r.remind) {
		return nil
	}
	r.reminders++
	every := time.Duration(max(1, r.args.Times.Remind)) * time.Minute
	// Reminders that were missed while nothing ran are not made up for.
	missed := now.Sub(r.remind) / every
	r.remind = r.remind.Add(time.Duration(int64(missed+1) * int64(every)))
	if _, err := tx.ExecContext(ctx, "UPDATE approval_requests SET reminders = $1, remind_at = $2 WHERE id = $3", r.reminders, store.Millis(r.remind), r.id); err != nil {
		return fmt.Errorf("take note of a reminder: %w", err)
	}
	list, err := decisions(ctx, tx, r.id)
	if err != nil {
		return err
	}
	n := s.notice(r, one, notify.ApprovalReminder, "Still waiting: "+one.Title, fmt.Sprintf("It has waited since %s. Needed: %s.", r.created.Format(time.DateTime), missing(&r.args, list)))
	for _, d := range list {
		n.Except = union(n.Except, []string{d.actor})
	}
	n.Key = fmt.Sprintf("approval/%s/reminder/%d", r.id, r.reminders)
	return s.Notices.Send(ctx, tx, n)
}

func (s *Service) escalate(ctx context.Context, tx *store.Tx, one *run.Run, r *request) error {
	r.escalated, r.escalate = true, time.Time{}
	if _, err := tx.ExecContext(ctx, "UPDATE approval_requests SET escalated = 1, escalate_at = 0 WHERE id = $1", r.id); err != nil {
		return fmt.Errorf("take note of an escalation: %w", err)
	}
	if err := s.system(ctx, tx, r, "approval.escalate"); err != nil {
		return err
	}
	list, err := decisions(ctx, tx, r.id)
	if err != nil {
		return err
	}
	n := s.notice(r, one, notify.ApprovalEscalated, "Escalated: "+one.Title, fmt.Sprintf("Nobody has decided since %s. Needed: %s.", r.created.Format(time.DateTime), missing(&r.args, list)))
	n.Key, n.Urgent = "approval/"+r.id+"/escalated", true
	return s.Notices.Send(ctx, tx, n)
}

func (s *Service) expire(ctx context.Context, tx *store.Tx, one *run.Run, r *request) error {
	r.state, r.decided = Expired, s.Now()
	if _, err := tx.ExecContext(ctx, "UPDATE approval_requests SET state = 'expired', decided_at = $1 WHERE id = $2", store.Millis(r.decided), r.id); err != nil {
		return fmt.Errorf("let a request expire: %w", err)
	}
	if err := s.system(ctx, tx, r, "approval.expire"); err != nil {
		return err
	}
	tx.Notify(Topic, r.id)
	return s.tellRequester(ctx, tx, one, r, "Nobody decided in time: "+one.Title, "The request expired, and the run ended without doing anything. You can retry it to ask again.")
}

// tellRequester says how it ended; machines have no inbox.
func (s *Service) tellRequester(ctx context.Context, tx *store.Tx, one *run.Run, r *request, title, text string) error {
	if one.Actor.ID == "" || one.Actor.ID == audit.System {
		return nil
	}
	return s.Notices.Send(ctx, tx, notify.Notice{
		Kind: notify.ApprovalDecided, To: []string{one.Actor.ID}, Title: title, Text: text, URL: "/runs/" + r.runID, Key: "approval/" + r.id + "/" + r.state,
	})
}

func (s *Service) system(ctx context.Context, tx *store.Tx, r *request, verb string, pairs ...any) error {
	return s.event(ctx, tx, auth.User{ID: audit.System, Name: "Sphera"}, verb, "run/"+r.runID, r.runID, audit.Detail(append([]any{"request", r.id}, pairs...)...))
}

// again closes the rounds that a retried run asks anew: that of the step it
// stopped at, and those before it that were voided. It goes back to the first.
func (s *Service) again(ctx context.Context, tx *store.Tx, id string, step int) (int, error) {
	rows, err := tx.QueryContext(ctx, "SELECT idx, state FROM approval_requests WHERE run_id = $1 AND current = 1 AND idx <= $2", id, step)
	type round struct {
		idx   int
		state string
	}
	rounds, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (r round, err error) { return r, row.Scan(&r.idx, &r.state) })
	if err != nil {
		return step, fmt.Errorf("read the requests of run %s: %w", id, err)
	}
	for _, r := range rounds {
		if r.state == Approved {
			continue
		}
		step = min(step, r.idx)
		_, err := tx.ExecContext(ctx, `UPDATE approval_requests SET current = 0, state = CASE WHEN state = 'open' THEN 'cancelled' ELSE state END WHERE run_id = $1 AND idx = $2 AND current = 1`, id, r.idx)
		if err != nil {
			return step, fmt.Errorf("close the request of run %s: %w", id, err)
		}
	}
	return step, nil
}

// ended closes what a run still asked for, and tells its requester when it failed.
func (s *Service) ended(ctx context.Context, tx *store.Tx, r run.Run) error {
	res, err := tx.ExecContext(ctx, "UPDATE approval_requests SET state = 'cancelled', decided_at = $1 WHERE run_id = $2 AND state = 'open'", store.Millis(s.Now()), r.ID)
	if err != nil {
		return fmt.Errorf("close the requests of run %s: %w", r.ID, err)
	}
	if n, err := res.RowsAffected(); err != nil {
		return err
	} else if n > 0 {
		tx.Notify(Topic, r.ID)
	}
	if r.State != run.Failed || r.Actor.ID == "" || r.Actor.ID == audit.System {
		return nil
	}
	rows, err := tx.QueryContext(ctx, "SELECT q.state FROM approval_requests q JOIN runs r ON r.id = q.run_id AND r.step = q.idx WHERE q.run_id = $1 AND q.current = 1", r.ID)
	states, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (text string, err error) { return text, row.Scan(&text) })
	if err != nil {
		return fmt.Errorf("read the request of run %s: %w", r.ID, err)
	}
	if slices.ContainsFunc(states, func(state string) bool { return state == Declined || state == Expired }) {
		return nil // the decision was told already
	}
	return s.Notices.Send(ctx, tx, notify.Notice{
		Kind: notify.RunFailed, To: []string{r.Actor.ID}, Title: "Failed: " + r.Title, Text: r.Error, URL: "/runs/" + r.ID,
		Key: fmt.Sprintf("run/%s/failed/%d", r.ID, store.Millis(s.Now())),
	})
}

func counts(list [][2]int) string {
	raw, err := json.Marshal(list)
	if err != nil || list == nil {
		return "[]"
	}
	return string(raw)
}
