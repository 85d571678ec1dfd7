package automation

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"sphera/action"
	"sphera/internal/approval"
	"sphera/internal/fault"
	"sphera/internal/run"
	"sphera/internal/store"

	"github.com/google/uuid"
)

// Topic is notified with the id of each run whose report changed.
const Topic = "automation"

// States of a run in Port's words.
const (
	InProgress = "IN_PROGRESS"
	WaitingFor = "WAITING_FOR_APPROVAL"
	Success    = "SUCCESS"
	Failure    = "FAILURE"
	Declined   = "DECLINED"
)

// PortID is the id of a run as clients see it.
func PortID(id string) string { return "r_" + id }

// RunID is the id of a run behind what a client sent.
func RunID(id string) string { return strings.TrimPrefix(id, "r_") }

// Start checks what was asked for and starts the run.
func (s *Service) Start(ctx context.Context, ask Ask) (Run, error) {
	a, err := s.Action(ctx, ask.Action)
	if err != nil {
		return Run{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return Run{}, fmt.Errorf("make an id: %w", err)
	}
	p, err := s.prepare(ctx, s.DB.Read(), a, ask, id.String())
	if err != nil {
		return Run{}, err
	}
	if err := s.approve(ctx, a, p, ask); err != nil {
		return Run{}, err
	}
	if err := s.DB.Tx(ctx, func(tx *store.Tx) error { return s.begin(ctx, tx, p, ask) }); err != nil {
		return Run{}, err
	}
	return s.Run(ctx, p.ID)
}

// begin records the run in the engine and what Port shows of it.
func (s *Service) begin(ctx context.Context, tx *store.Tx, p *prepared, ask Ask) error {
	input, err := json.Marshal(p.Properties)
	if err != nil {
		return fmt.Errorf("encode the inputs: %w", err)
	}
	n := run.NewRun{ID: p.ID, Action: p.Action, Title: p.title(), Actor: ask.By, Input: input, Steps: p.steps, Entity: p.Entity, Entities: p.entities(), Version: p.version}
	if _, err := s.Runs.Start(ctx, tx, n); err != nil {
		return err
	}
	return s.insert(ctx, tx, &p.record)
}

func (p *prepared) title() string {
	if p.Entity != "" {
		return p.def.Name() + ": " + p.Entity
	}
	return p.def.Name()
}

func (p *prepared) entities() []string {
	if p.Entity == "" || p.Blueprint == "" {
		return nil
	}
	return []string{p.Blueprint + "/" + p.Entity}
}

// insert keeps the record, once, and tells automations of the new run.
func (s *Service) insert(ctx context.Context, tx *store.Tx, r *record) error {
	properties, err := json.Marshal(r.Properties)
	if err != nil {
		return err
	}
	full := *r
	full.Doc = nil
	context, err := json.Marshal(full)
	if err != nil {
		return err
	}
	at := store.Millis(s.Now())
	res, err := tx.ExecContext(ctx, `INSERT INTO automation_runs (id, action, doc, blueprint, entity, source, properties, event, context, invocation, installation,
		created_by, created_email, impersonated_by, updated_by, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, '', $8, $9, $10, $11, $12, $13, $11, $14, $14) ON CONFLICT (id) DO NOTHING`,
		r.ID, r.Action, string(r.Doc), r.Blueprint, r.Entity, r.Source, string(properties), string(context), r.Method, r.Installation,
		r.By, r.Email, r.Impersonator, at)
	if err != nil {
		return fmt.Errorf("keep run %s: %w", r.ID, err)
	}
	tx.Notify(Topic, r.ID)
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err
	}
	return s.emit(ctx, tx, r, "CREATE", nil, map[string]any{"status": InProgress})
}

// runRow is a run as the tables have it.
type runRow struct {
	record
	Status, Label, Link, Summary, Payload, Response, External string
	UpdatedBy                                                 string
	CreatedAt, UpdatedAt, EndedAt                             time.Time
	Pending                                                   bool
	ClaimedUntil                                              int64
	engine, waits, failure                                    string
	declined                                                  bool
	decision                                                  *decision
}

const rowColumns = `a.id, a.action, a.doc, a.blueprint, a.entity, a.source, a.properties, a.context, a.status, a.status_label, a.link, a.summary, a.payload, a.response,
	a.external_run_id, a.invocation, a.installation, a.pending, a.claimed_until, a.created_by, a.created_email, a.impersonated_by, a.updated_by, a.created_at, a.updated_at,
	r.state, r.wait_kind, r.error, r.ended_at, COALESCE(q.state, ''), COALESCE(q.decider, ''), COALESCE(q.comment, '')`

const rowTables = ` FROM automation_runs a JOIN runs r ON r.id = a.id
	LEFT JOIN approval_requests q ON q.run_id = a.id AND q.current = 1 AND q.state IN ('approved', 'declined')`

// decision is what was decided about a run.
type decision struct{ By, Comment string }

func scanRow(row interface{ Scan(...any) error }) (*runRow, error) {
	r := &runRow{}
	var doc, properties, full, state, decider, comment string
	var pending, created, updated, ended int64
	err := row.Scan(&r.ID, &r.Action, &doc, &r.Blueprint, &r.Entity, &r.Source, &properties, &full, &r.Status, &r.Label, &r.Link, &r.Summary, &r.Payload, &r.Response,
		&r.External, &r.Method, &r.Installation, &pending, &r.ClaimedUntil, &r.By, &r.Email, &r.Impersonator, &r.UpdatedBy, &created, &updated,
		&r.engine, &r.waits, &r.failure, &ended, &state, &decider, &comment)
	if err != nil {
		return nil, err
	}
	var kept record
	if err := json.Unmarshal([]byte(full), &kept); err != nil {
		return nil, fmt.Errorf("stored run %s: %w", r.ID, err)
	}
	r.Doc, r.Context, r.Properties, r.Event, r.Depth = json.RawMessage(doc), kept.Context, kept.Properties, kept.Event, kept.Depth
	r.Agent, r.Synchronized = kept.Agent, kept.Synchronized
	r.Pending, r.CreatedAt, r.UpdatedAt = pending != 0, store.Time(created), store.Time(updated)
	if ended > 0 {
		r.EndedAt = store.Time(ended)
	}
	if state != "" {
		r.decision = &decision{decider, comment}
		r.declined = state == approval.Declined
	}
	return r, nil
}

func (s *Service) row(ctx context.Context, q store.Querier, id string) (*runRow, error) {
	r, err := scanRow(q.QueryRowContext(ctx, "SELECT "+rowColumns+rowTables+" WHERE a.id = $1", id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fault.New(fault.NotFound, "There is no run %q.", PortID(id))
	}
	if err != nil {
		return nil, fmt.Errorf("read run %s: %w", id, err)
	}
	return r, nil
}

func (r *runRow) definition() (*Definition, error) {
	d := &Definition{}
	if err := json.Unmarshal(r.Doc, d); err != nil {
		return nil, fmt.Errorf("stored action of run %s: %w", r.ID, err)
	}
	d.Identifier = r.Action
	return d, nil
}

func (r *runRow) firstLink() string {
	var one string
	if json.Unmarshal([]byte(r.Link), &one) == nil {
		return one
	}
	var list []string
	if json.Unmarshal([]byte(r.Link), &list) == nil && len(list) > 0 {
		return list[0]
	}
	return ""
}

// status is where the run stands in Port's words: what was reported, or else
// what the engine says.
func (r *runRow) status() string {
	switch {
	case r.declined:
		return Declined
	case r.Status != "":
		return r.Status
	}
	switch run.State(r.engine) { //nolint:exhaustive // the others go on
	case run.Succeeded:
		return Success
	case run.Failed, run.Cancelled, run.Undone:
		return Failure
	case run.Waiting:
		if r.waits == string(action.WaitApproval) {
			return WaitingFor
		}
	}
	return InProgress
}

// ended: nothing more may be reported.
func (r *runRow) ended() bool {
	switch r.status() {
	case Success, Failure, Declined:
		return true
	}
	return false
}

// Run is a run as Port shows it.
type Run = map[string]any

// Run returns one run.
func (s *Service) Run(ctx context.Context, id string) (Run, error) {
	r, err := s.row(ctx, s.DB.Read(), RunID(id))
	if err != nil {
		return nil, err
	}
	return r.view(), nil
}

// About is what a run is about, for asking who may touch it.
type About struct{ ID, Action, Blueprint, Entity, By string }

// About returns what a run is about.
func (s *Service) About(ctx context.Context, id string) (About, error) {
	r, err := s.row(ctx, s.DB.Read(), RunID(id))
	if err != nil {
		return About{}, err
	}
	return About{r.ID, r.Action, r.Blueprint, r.Entity, r.By}, nil
}

func (r *runRow) view() Run {
	def, err := r.definition()
	if err != nil {
		def = &Definition{Identifier: r.Action}
	}
	named := func(id, title string) any {
		if id == "" {
			return nil
		}
		return map[string]any{"identifier": id, "title": title, "icon": nil, "deleted": false}
	}
	out := Run{
		"id": PortID(r.ID), "status": r.status(), "statusLabel": orNull(r.Label), "link": rawOrNull(r.Link), "summary": orNull(r.summary()),
		"action": map[string]any{"identifier": r.Action, "title": def.Name(), "icon": orNull(def.Icon), "deleted": false}, "blueprint": named(r.Blueprint, r.Blueprint), "entity": nil,
		"properties": r.Properties, "rawProperties": r.Properties, "source": r.Source, "requiredApproval": def.approval() != "", "payload": rawOrNull(r.Payload),
		"response": rawOrNull(r.Response), "externalRunId": orNull(r.External), "pendingExecution": r.Pending, "claimedUntil": nil, "installationId": orNull(r.Installation),
		"createdBy": r.By, "updatedBy": r.UpdatedBy, "impersonatedBy": orNull(r.Impersonator), "createdAt": stamp(r.CreatedAt), "updatedAt": stamp(r.UpdatedAt), "endedAt": nil,
		"approval": nil,
	}
	if r.Entity != "" {
		title := r.Entity
		if e, ok := r.Context["entity"].(map[string]any); ok && e["title"] != nil {
			title = fmt.Sprint(e["title"])
		}
		out["entity"] = named(r.Entity, title)
	}
	if r.ClaimedUntil > 0 && r.Pending {
		out["claimedUntil"] = stamp(store.Time(r.ClaimedUntil))
	}
	if r.ended() {
		at := r.EndedAt
		if at.IsZero() {
			at = r.UpdatedAt
		}
		out["endedAt"] = stamp(at)
	}
	if r.decision != nil {
		state := "APPROVED"
		if r.declined {
			state = Declined
		}
		out["approval"] = map[string]any{"userId": r.decision.By, "state": state, "description": r.decision.Comment}
	}
	if r.Event != nil {
		out["event"] = r.Event
	}
	return out
}

// summary is what was reported, or why the engine gave up.
func (r *runRow) summary() string {
	if r.Summary == "" && r.Status == "" {
		return r.failure
	}
	return r.Summary
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func rawOrNull(s string) any {
	if s == "" {
		return nil
	}
	return json.RawMessage(s)
}

// RunFilter selects runs; zero fields do not filter.
type RunFilter struct {
	Entity, Blueprint, Action, UserID, UserEmail, External string
	Active                                                 bool
	Sources                                                []string
	Limit                                                  int
}

// List lists runs, newest first.
func (s *Service) List(ctx context.Context, f RunFilter) ([]Run, error) {
	var where []string
	var args []any
	add := func(condition string, value any) {
		args = append(args, value)
		where = append(where, fmt.Sprintf(condition, len(args)))
	}
	for _, one := range [][2]string{
		{"a.entity = $%d", f.Entity}, {"a.blueprint = $%d", f.Blueprint}, {"a.action = $%d", f.Action}, {"a.created_by = $%d", f.UserID},
		{"a.created_email = $%d", f.UserEmail}, {"a.external_run_id = $%d", f.External},
	} {
		if one[1] != "" {
			add(one[0], one[1])
		}
	}
	if f.Active {
		where = append(where, "a.status = '' AND r.state IN ('pending', 'running', 'waiting')")
	}
	if len(f.Sources) > 0 {
		var places []string
		for _, source := range f.Sources[:min(len(f.Sources), 10)] {
			args = append(args, source)
			places = append(places, fmt.Sprintf("$%d", len(args)))
		}
		where = append(where, "a.source IN ("+strings.Join(places, ", ")+")")
	}
	query := "SELECT " + rowColumns + rowTables
	if len(where) > 0 {
		query += " WHERE " + strings.Join(where, " AND ")
	}
	if f.Limit <= 0 || f.Limit > 1000 {
		f.Limit = 100
	}
	rows, err := s.DB.Read().QueryContext(ctx, query+fmt.Sprintf(" ORDER BY a.id DESC LIMIT %d", f.Limit), args...)
	list, err := store.All(rows, err, scanRow)
	if err != nil {
		return nil, fmt.Errorf("list runs: %w", err)
	}
	out := make([]Run, len(list))
	for i, r := range list {
		out[i] = r.view()
	}
	return out, nil
}
