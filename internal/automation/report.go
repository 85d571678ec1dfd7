package automation

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"sphera/action"
	"sphera/internal/approval"
	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/store"
)

// outcome is what is said about a run: how it ended, or a part of it.
type outcome struct {
	Status, Label, Summary, Link, External string
	Payload, Response                      any
	By                                     string
}

// Report is what a client sends about a run.
type Report struct {
	Status        string          `json:"status"`
	StatusLabel   *string         `json:"statusLabel"`
	Link          json.RawMessage `json:"link"`
	Summary       *string         `json:"summary"`
	Message       json.RawMessage `json:"message"`
	ExternalRunID *string         `json:"externalRunId"`
}

// Bounds of a report.
const (
	maxLabel   = 200
	maxSummary = 10_000
	maxLinks   = 50
	maxMessage = 100_000
)

// Update takes a report. How a run ended is said once.
func (s *Service) Update(ctx context.Context, id string, rep Report, by string) (Run, error) {
	out := outcome{Status: rep.Status, By: by}
	if rep.Status != "" && rep.Status != Success && rep.Status != Failure {
		return nil, fault.Field("/status", "is not a way to end", "SUCCESS or FAILURE")
	}
	for _, one := range []struct {
		from  *string
		to    *string
		field string
		most  int
	}{{rep.StatusLabel, &out.Label, "/statusLabel", maxLabel}, {rep.Summary, &out.Summary, "/summary", maxSummary}, {rep.ExternalRunID, &out.External, "/externalRunId", maxLabel}} {
		if one.from == nil {
			continue
		}
		if !utf8.ValidString(*one.from) || len(*one.from) > one.most {
			return nil, fault.Field(one.field, "is too long", fmt.Sprintf("at most %d bytes", one.most))
		}
		*one.to = *one.from
	}
	if out.Summary == "" && len(rep.Message) > 0 {
		out.Summary = messageText(rep.Message)
	}
	if len(rep.Link) > 0 && string(rep.Link) != "null" {
		if err := checkLink(rep.Link); err != nil {
			return nil, err
		}
		out.Link = string(rep.Link)
	}
	if err := s.report(ctx, RunID(id), out, true); err != nil {
		return nil, err
	}
	return s.Run(ctx, id)
}

// messageText shows a message, which older clients send as an object.
func messageText(raw json.RawMessage) string {
	var m map[string]any
	if json.Unmarshal(raw, &m) == nil {
		for _, key := range []string{"run_status", "message", "text"} {
			if t, ok := m[key].(string); ok {
				return t
			}
		}
	}
	var t string
	if json.Unmarshal(raw, &t) == nil {
		return t
	}
	return ""
}

func checkLink(raw json.RawMessage) error {
	var one string
	if json.Unmarshal(raw, &one) == nil && len(one) <= 2000 {
		return nil
	}
	var list []string
	if json.Unmarshal(raw, &list) == nil && len(list) <= maxLinks {
		return nil
	}
	return fault.Field("/link", "is neither an address nor a list of them", "an address, or at most 50")
}

// finish is report by the server's own steps, where repeating is harmless.
func (s *Service) finish(ctx context.Context, id string, o outcome) error {
	return s.report(ctx, id, o, false)
}

func (s *Service) report(ctx context.Context, id string, o outcome, once bool) error {
	return s.DB.Tx(ctx, func(tx *store.Tx) error {
		if _, err := tx.ExecContext(ctx, "UPDATE automation_runs SET updated_at = updated_at WHERE id = $1", id); err != nil { // one after the other
			return fmt.Errorf("lock run %s: %w", id, err)
		}
		r, err := s.row(ctx, tx, id)
		if err != nil {
			return err
		}
		if o.Status != "" {
			if once && (r.ended() || r.status() == WaitingFor) {
				return fault.New(fault.Conflict, "The run is %s; how it ends cannot be said now.", r.status())
			}
			if r.Status != "" {
				o.Status = ""
			}
		}
		return s.apply(ctx, tx, r, o)
	})
}

func (s *Service) apply(ctx context.Context, tx *store.Tx, r *runRow, o outcome) error {
	payload, err := optional(o.Payload)
	if err != nil {
		return err
	}
	response, err := optional(o.Response)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE automation_runs SET
		status = CASE WHEN $1 = '' THEN status ELSE $1 END, status_label = CASE WHEN $2 = '' THEN status_label ELSE $2 END,
		summary = CASE WHEN $3 = '' THEN summary ELSE $3 END, link = CASE WHEN $4 = '' THEN link ELSE $4 END,
		external_run_id = CASE WHEN $5 = '' THEN external_run_id ELSE $5 END, payload = CASE WHEN $6 = '' THEN payload ELSE $6 END,
		response = CASE WHEN $7 = '' THEN response ELSE $7 END, pending = CASE WHEN $1 = '' THEN pending ELSE 0 END, updated_by = $8, updated_at = $9 WHERE id = $10`,
		o.Status, o.Label, o.Summary, o.Link, o.External, payload, response, o.By, store.Millis(s.Now()), r.ID)
	if err != nil {
		return fmt.Errorf("report on run %s: %w", r.ID, err)
	}
	tx.Notify(Topic, r.ID)
	if o.Status == "" {
		return nil
	}
	if o.By != audit.System {
		e := audit.Event{Actor: o.By, Verb: "run.report", Object: "run/" + r.ID, RunID: r.ID, Detail: audit.Detail("status", o.Status)}
		if err := s.Audit.Append(ctx, tx, e); err != nil {
			return err
		}
	}
	before := r.status()
	if err := s.emit(ctx, tx, &r.record, "UPDATE", map[string]any{"status": before}, map[string]any{"status": o.Status}); err != nil {
		return err
	}
	return s.Runs.Signal(ctx, tx, waitKey(r.ID))
}

func optional(v any) (string, error) {
	if v == nil {
		return "", nil
	}
	raw, err := json.Marshal(v)
	return string(raw), err
}

// Respond keeps what the agent got as the answer of its call.
func (s *Service) Respond(ctx context.Context, id string, response json.RawMessage, by string) (Run, error) {
	if len(response) > maxResponse {
		return nil, fault.Field("/response", "is too long", fmt.Sprintf("at most %d bytes", maxResponse))
	}
	if err := s.report(ctx, RunID(id), outcome{Response: response, By: by}, true); err != nil {
		return nil, err
	}
	return s.Run(ctx, id)
}

// RunLog is one line that was logged to a run.
type RunLog struct {
	ID        string `json:"id"`
	RunID     string `json:"runId"`
	Message   string `json:"message"`
	CreatedBy string `json:"createdBy"`
	CreatedAt string `json:"createdAt"`
}

const (
	maxLogPage = 50
	maxLogs    = 10_000
)

// AddLog logs a line; a status with it ends the run.
func (s *Service) AddLog(ctx context.Context, id, message, status, label, by string) (RunLog, error) {
	id = RunID(id)
	message = strings.ReplaceAll(strings.ToValidUTF8(message, "\uFFFD"), "\x00", "")
	switch {
	case message == "":
		return RunLog{}, fault.Field("/message", "is missing", "a text")
	case len(message) > maxMessage:
		return RunLog{}, fault.Field("/message", "is too long", fmt.Sprintf("at most %d bytes", maxMessage))
	case status != "" && status != Success && status != Failure:
		return RunLog{}, fault.Field("/terminationStatus", "is not a way to end", "SUCCESS or FAILURE")
	}
	at := s.Now()
	out := RunLog{RunID: PortID(id), Message: message, CreatedBy: by, CreatedAt: stamp(at)}
	var seq int64
	err := s.DB.Tx(ctx, func(tx *store.Tx) error {
		if _, err := s.row(ctx, tx, id); err != nil {
			return err
		}
		var n int
		if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM automation_logs WHERE run = $1", id).Scan(&n); err != nil {
			return fmt.Errorf("count the log of run %s: %w", id, err)
		}
		if n >= maxLogs {
			return fault.New(fault.TooLarge, "A run keeps %d lines; this one has them.", maxLogs)
		}
		err := tx.QueryRowContext(ctx, "INSERT INTO automation_logs (run, message, created_by, created_at) VALUES ($1, $2, $3, $4) RETURNING id", id, message, by, store.Millis(at)).Scan(&seq)
		if err != nil {
			return fmt.Errorf("log to run %s: %w", id, err)
		}
		tx.Notify(Topic, id)
		return nil
	})
	if err != nil {
		return RunLog{}, err
	}
	out.ID = fmt.Sprint(seq)
	if status != "" || label != "" {
		err = s.report(ctx, id, outcome{Status: status, Label: label, By: by}, true)
	}
	return out, err
}

// Logs lists what was logged, oldest first.
func (s *Service) Logs(ctx context.Context, id string, limit, offset int) ([]RunLog, error) {
	id = RunID(id)
	if _, err := s.row(ctx, s.DB.Read(), id); err != nil {
		return nil, err
	}
	if limit <= 0 || limit > maxLogPage {
		limit = maxLogPage
	}
	return s.logs(ctx, id, limit, max(offset, 0))
}

func (s *Service) logs(ctx context.Context, id string, limit, offset int) ([]RunLog, error) {
	rows, err := s.DB.Read().QueryContext(ctx, "SELECT id, message, created_by, created_at FROM automation_logs WHERE run = $1 ORDER BY id LIMIT $2 OFFSET $3", id, limit, offset)
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (RunLog, error) {
		l := RunLog{RunID: PortID(id)}
		var seq, at int64
		err := row.Scan(&seq, &l.Message, &l.CreatedBy, &at)
		l.ID, l.CreatedAt = fmt.Sprint(seq), stamp(store.Time(at))
		return l, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the log of run %s: %w", id, err)
	}
	return list, nil
}

// Decide approves or declines a run.
func (s *Service) Decide(ctx context.Context, id string, by action.Actor, status, description string) (Run, error) {
	if status != "APPROVE" && status != "DECLINE" {
		return nil, fault.Field("/status", "is not a decision", "APPROVE or DECLINE")
	}
	if _, err := s.row(ctx, s.DB.Read(), RunID(id)); err != nil {
		return nil, err
	}
	if _, err := s.Approvals.Decide(ctx, by, RunID(id), approval.Word{Approve: status == "APPROVE", Comment: description}); err != nil {
		return nil, err
	}
	out, err := s.Run(ctx, id)
	if err == nil && out["status"] == WaitingFor {
		out["status"] = InProgress // the engine goes on in a moment
	}
	return out, err
}

// Approver is somebody who decided, or may.
type Approver struct {
	UserID      string `json:"userId"`
	State       string `json:"state"`
	Description string `json:"description"`
}

// Approvers lists who decided; with pending, those the policy names, too.
func (s *Service) Approvers(ctx context.Context, id string, pending bool) ([]Approver, error) {
	r, err := s.row(ctx, s.DB.Read(), RunID(id))
	if err != nil {
		return nil, err
	}
	out := []Approver{}
	if r.decision != nil {
		state := "APPROVED"
		if r.declined {
			state = Declined
		}
		return append(out, Approver{r.decision.By, state, r.decision.Comment}), nil
	}
	if !pending {
		return out, nil
	}
	waiting, err := s.Approvals.Waiting(ctx, r.ID)
	for _, one := range waiting {
		out = append(out, Approver{UserID: one, State: "PENDING"})
	}
	return out, err
}
