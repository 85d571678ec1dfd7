// Package secret keeps secret values, sealed (Vault), and the secret slots of
// services: the names a service expects in each environment.
package secret

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"time"

	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/store"
)

// Slot is a place for a secret, by name.
type Slot struct {
	Service     string    `json:"service"`
	Environment string    `json:"environment"`
	Name        string    `json:"name"`
	CreatedAt   time.Time `json:"createdAt"`
	CreatedBy   string    `json:"createdBy"`
	// RunID is the run that made it; empty when a person did.
	RunID string `json:"runId,omitempty"`
}

// namePattern is what every shell and Kubernetes accept as a variable.
var namePattern = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,127}$`)

// maxSlots bounds the slots of one service over all environments.
const maxSlots = 1000

// Slots are the secret slots of all services.
type Slots struct {
	db  *store.DB
	log *audit.Log
	now func() time.Time
}

// New returns the slots kept in db.
func New(db *store.DB, log *audit.Log, now func() time.Time) *Slots {
	return &Slots{db: db, log: log, now: now}
}

// Ensure returns the slot, which it makes when absent.
func (s *Slots) Ensure(ctx context.Context, service, environment, name, by, runID string) (Slot, error) {
	switch {
	case service == "":
		return Slot{}, fault.Field("service", "is missing", "the service that needs the secret")
	case environment == "":
		return Slot{}, fault.Field("environment", "is missing", "the environment the value is for")
	case !namePattern.MatchString(name):
		return Slot{}, fault.Field("name", "is not a secret's name", "capital letters, digits and underscores, e.g. DATABASE_URL")
	}
	var out Slot
	err := s.db.Tx(ctx, func(tx *store.Tx) error {
		if err := s.room(ctx, tx, service); err != nil {
			return err
		}
		made, err := tx.ExecContext(ctx, `INSERT INTO secret_slots (service, environment, name, created_at, created_by, run_id) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (service, environment, name) DO NOTHING`, service, environment, name, store.Millis(s.now()), by, runID)
		if err != nil {
			return err
		}
		out, err = scan(tx.QueryRowContext(ctx, `SELECT service, environment, name, created_at, created_by, run_id FROM secret_slots
			WHERE service = $1 AND environment = $2 AND name = $3`, service, environment, name))
		if err != nil {
			return err
		}
		if n, err := made.RowsAffected(); err != nil || n == 0 {
			return err
		}
		return s.record(ctx, tx, "secret_slot.create", out, by, runID)
	})
	if err != nil {
		return Slot{}, fmt.Errorf("ensure secret slot %s of %s in %s: %w", name, service, environment, err)
	}
	return out, nil
}

func (s *Slots) room(ctx context.Context, tx *store.Tx, service string) error {
	var n int
	if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM secret_slots WHERE service = $1`, service).Scan(&n); err != nil {
		return err
	}
	if n >= maxSlots {
		return fault.New(fault.TooLarge, "%s has %d secret slots already, which is the most a service can have.", service, n)
	}
	return nil
}

// List returns all slots of a service, by environment and name.
func (s *Slots) List(ctx context.Context, service string) ([]Slot, error) {
	rows, err := s.db.Read().QueryContext(ctx, `SELECT service, environment, name, created_at, created_by, run_id FROM secret_slots
		WHERE service = $1 ORDER BY environment, name LIMIT $2`, service, maxSlots)
	out, err := store.All(rows, err, scan)
	if err != nil {
		return nil, fmt.Errorf("list secret slots of %s: %w", service, err)
	}
	return out, nil
}

// Remove removes a slot; one that is not there is removed already.
func (s *Slots) Remove(ctx context.Context, service, environment, name, by, runID string) error {
	err := s.db.Tx(ctx, func(tx *store.Tx) error {
		gone, err := scan(tx.QueryRowContext(ctx, `DELETE FROM secret_slots WHERE service = $1 AND environment = $2 AND name = $3
			RETURNING service, environment, name, created_at, created_by, run_id`, service, environment, name))
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		return s.record(ctx, tx, "secret_slot.remove", gone, by, runID)
	})
	if err != nil {
		return fmt.Errorf("remove secret slot %s of %s in %s: %w", name, service, environment, err)
	}
	return nil
}

func (s *Slots) record(ctx context.Context, tx *store.Tx, verb string, slot Slot, by, runID string) error {
	return s.log.Append(ctx, tx, audit.Event{
		Actor: by, Verb: verb, Object: "Component/" + slot.Service, RunID: runID,
		Detail: audit.Detail("environment", slot.Environment, "name", slot.Name),
	})
}

func scan(row interface{ Scan(...any) error }) (Slot, error) {
	var s Slot
	var at int64
	err := row.Scan(&s.Service, &s.Environment, &s.Name, &at, &s.CreatedBy, &s.RunID)
	s.CreatedAt = store.Time(at)
	return s, err
}
