// Package approval decides who has to say yes before a run does anything, and
// keeps what they said. Rules of administrators and actions themselves ask for
// approvals; the plan shows them before anything happens, the first step of the
// run waits for them, and the transaction that starts any later step checks
// them again: enough different people, none of whom asked for the run, and
// exactly what they were shown.
package approval

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"sphera/action"
	"sphera/internal/audit"
	"sphera/internal/auth"
	"sphera/internal/catalog"
	"sphera/internal/notify"
	"sphera/internal/run"
	"sphera/internal/store"
)

// Topic is notified with the id of a request that changed.
const Topic = "approval"

// gateLock is the PostgreSQL advisory lock that those who start steps share and
// those who set holds and rules have alone: a step is either started before a
// hold is set, or sees it. SQLite has one writer.
const gateLock = 7310467

// Deps is what approvals work with.
type Deps struct {
	DB      *store.DB
	Audit   *audit.Log
	Auth    *auth.Service
	Catalog *catalog.Catalog
	Runs    *run.Engine
	Notices *notify.Service
	Now     func() time.Time
	Log     *slog.Logger
	// Committers are the addresses or ids of those who committed last to what a
	// run would deliver; nil for nobody.
	Committers func(ctx context.Context, w run.Wish) ([]string, error)
	// Owners are the ids of the people behind a machine; nil for nobody.
	Owners func(ctx context.Context, q store.Querier, machine string) ([]string, error)
	// Sources keep what people decide on besides runs.
	Sources []Source
}

// Service keeps rules, requests, decisions, delegations and holds.
type Service struct {
	Deps
	step action.StepKind[Args, Outcome]
}

// New returns the service and stands it at the engine's gate.
func New(d Deps) (*Service, error) {
	s := &Service{Deps: d}
	s.step = action.NewStepType(run.ApprovalType, action.ByName, s.await)
	if err := d.Runs.RegisterSteps(s.step.Type); err != nil {
		return nil, err
	}
	d.Runs.Guard(run.Gate{Ask: s.ask, Current: s.current, Admit: s.admit, Again: s.again, Ended: s.ended})
	return s, nil
}

// Args are the arguments of an approval step: what was asked, with everybody
// resolved to roles, teams and ids of users.
type Args struct {
	Asks []Ask `json:"asks,omitempty"`
	// Excluded may not decide, and why.
	Excluded []Exclusion `json:"excluded,omitempty"`
	Reason   string      `json:"reason,omitempty"`
	Times    Times       `json:"times,omitzero"`
	// Escalate may decide as well once it was escalated to them.
	Escalate *Group `json:"escalate,omitempty"`
	// Risk and Cost are shown in lists; Plan is set where the engine keeps none.
	Risk *action.Risk `json:"risk,omitempty"`
	Cost *action.Cost `json:"cost,omitempty"`
	Plan *action.Plan `json:"plan,omitempty"`
	// Webhooks are told besides the people; see notify.Hook.
	Webhooks []notify.Hook `json:"webhooks,omitempty"`

	// What steps had that were recorded by earlier versions.
	Roles  []string `json:"roles,omitempty"`
	People []string `json:"people,omitempty"`
	Only   bool     `json:"only,omitempty"`
}

// Ask is what one rule, or the action itself, asks for: Need of each group, and
// nobody counts for two of them.
type Ask struct {
	Rule   string  `json:"rule"`
	RuleID string  `json:"ruleId,omitempty"`
	Why    string  `json:"why,omitempty"`
	Groups []Group `json:"groups"`
}

// Group is a number of people out of some.
type Group struct {
	Name string `json:"name"`
	Need int    `json:"need"`
	// Roles, Teams and People (ids of users) may approve.
	Roles  []string `json:"roles,omitempty"`
	Teams  []string `json:"teams,omitempty"`
	People []string `json:"people,omitempty"`
	// Named are those of People that a rule names, in its words.
	Named []string `json:"named,omitempty"`
}

// Exclusion is somebody who may not decide.
type Exclusion struct {
	ID  string `json:"id"`
	Why string `json:"why"`
}

// Times are in minutes; 0 is never.
type Times struct {
	Due      int64 `json:"due,omitempty"`
	Remind   int64 `json:"remind,omitempty"`
	Escalate int64 `json:"escalate,omitempty"`
	Expire   int64 `json:"expire,omitempty"`
}

// Outcome is the recorded result of an approval step.
type Outcome struct {
	Approve bool      `json:"approve"`
	By      string    `json:"by"`
	ByName  string    `json:"byName"`
	Comment string    `json:"comment"`
	At      time.Time `json:"at"`
	Request string    `json:"request"`
}

func (s *Service) event(ctx context.Context, tx *store.Tx, by auth.User, verb, object, runID string, detail json.RawMessage) error {
	return s.Audit.Append(ctx, tx, audit.Event{Actor: by.ID, ActorName: by.Name, Verb: verb, Object: object, Outcome: audit.Success, RunID: runID, Detail: detail})
}

// share keeps holds and rules as they are until tx ends.
func share(ctx context.Context, tx *store.Tx) error {
	if tx.Dialect != store.Postgres {
		return nil
	}
	if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock_shared($1)", gateLock); err != nil {
		return fmt.Errorf("stand at the gate: %w", err)
	}
	return nil
}

// close waits until no step is being started, and keeps it so until tx ends.
func closeGate(ctx context.Context, tx *store.Tx) error {
	if tx.Dialect != store.Postgres {
		return nil
	}
	if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", gateLock); err != nil {
		return fmt.Errorf("close the gate: %w", err)
	}
	return nil
}
