// Package flag keeps feature flags: projects, which belong to services, their
// flags with what they do in every environment, and who changed what and why.
// A project's flags in one environment are compiled to one flagd definition,
// which is all that evaluation knows; snapshots of them are kept in memory.
package flag

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

// Project groups the flags of one service.
type Project struct {
	Key       string    `json:"key"`
	Service   string    `json:"service"`
	CreatedAt time.Time `json:"createdAt"`
	CreatedBy string    `json:"createdBy"`
	// RunID is the run that made it; empty when a person did.
	RunID string `json:"runId,omitempty"`
}

var keyPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// Projects are all flag projects.
type Projects struct {
	db  *store.DB
	log *audit.Log
	now func() time.Time
}

// New returns the flag projects kept in db.
func New(db *store.DB, log *audit.Log, now func() time.Time) *Projects {
	return &Projects{db: db, log: log, now: now}
}

// Ensure returns the project with the key, which it makes for the service when
// absent. A key that belongs to another service is Taken.
func (p *Projects) Ensure(ctx context.Context, key, service, by, runID string) (Project, error) {
	if !keyPattern.MatchString(key) {
		return Project{}, fault.Field("key", "is not a project key", "letters, digits, dot, dash and underscore, at most 100")
	}
	if service == "" {
		return Project{}, fault.Field("service", "is missing", "the service the flags belong to")
	}
	var out Project
	err := p.db.Tx(ctx, func(tx *store.Tx) error {
		made, err := tx.ExecContext(ctx, `INSERT INTO flag_projects (key, service, created_at, created_by, run_id) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (key) DO NOTHING`,
			key, service, store.Millis(p.now()), by, runID)
		if err != nil {
			return err
		}
		if out, err = read(ctx, tx, key); err != nil {
			return err
		}
		if out.Service != service {
			return fault.New(fault.Taken, "The flag project %s belongs to the service %s. Choose another key.", key, out.Service)
		}
		if n, err := made.RowsAffected(); err != nil || n == 0 {
			return err
		}
		tx.Notify(Topic, key)
		return p.log.Append(ctx, tx, audit.Event{Actor: by, Verb: "flag_project.create", Object: "Component/" + service, RunID: runID, Detail: audit.Detail("key", key)})
	})
	if err != nil {
		return Project{}, fmt.Errorf("ensure flag project %s: %w", key, err)
	}
	return out, nil
}

// Get returns one project.
func (p *Projects) Get(ctx context.Context, key string) (Project, error) {
	return read(ctx, p.db.Read(), key)
}

func noProject(key string) error {
	return fault.New(fault.NotFound, "There is no flag project %s.", key).With("project", "does not exist", "the key of a flag project")
}

// List returns the projects of a service, of all services when it is empty,
// by key.
func (p *Projects) List(ctx context.Context, service string, limit int, from string) ([]Project, error) {
	if limit <= 0 || limit > 200 {
		limit = 200
	}
	rows, err := p.db.Read().QueryContext(ctx, `SELECT key, service, created_at, created_by, run_id FROM flag_projects
		WHERE (CAST($1 AS TEXT) = '' OR service = $1) AND key > $2 ORDER BY key LIMIT $3`, service, from, limit)
	out, err := store.All(rows, err, scan)
	if err != nil {
		return nil, fmt.Errorf("list flag projects: %w", err)
	}
	return out, nil
}

// Remove removes a project; one that is not there is removed already.
func (p *Projects) Remove(ctx context.Context, key, by, runID string) error {
	err := p.db.Tx(ctx, func(tx *store.Tx) error {
		var service string
		err := tx.QueryRowContext(ctx, `DELETE FROM flag_projects WHERE key = $1 RETURNING service`, key).Scan(&service)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := removeFlags(ctx, tx, key); err != nil {
			return err
		}
		tx.Notify(Topic, key)
		return p.log.Append(ctx, tx, audit.Event{Actor: by, Verb: "flag_project.remove", Object: "Component/" + service, RunID: runID, Detail: audit.Detail("key", key)})
	})
	if err != nil {
		return fmt.Errorf("remove flag project %s: %w", key, err)
	}
	return nil
}

// removeFlags removes what a project holds.
func removeFlags(ctx context.Context, tx *store.Tx, project string) error {
	for _, statement := range []string{
		`DELETE FROM flags WHERE project = $1`, `DELETE FROM flag_environments WHERE project = $1`, `DELETE FROM flag_versions WHERE project = $1`,
		`DELETE FROM flag_segments WHERE project = $1`, `DELETE FROM flag_proposals WHERE project = $1`, `DELETE FROM flag_revisions WHERE project = $1`,
	} {
		if _, err := tx.ExecContext(ctx, statement, project); err != nil {
			return fmt.Errorf("remove the flags of %s: %w", project, err)
		}
	}
	return nil
}

func read(ctx context.Context, q store.Querier, key string) (Project, error) {
	p, err := scan(q.QueryRowContext(ctx, `SELECT key, service, created_at, created_by, run_id FROM flag_projects WHERE key = $1`, key))
	if errors.Is(err, sql.ErrNoRows) {
		return Project{}, noProject(key)
	}
	if err != nil {
		return Project{}, fmt.Errorf("read flag project %s: %w", key, err)
	}
	return p, nil
}

func scan(row interface{ Scan(...any) error }) (Project, error) {
	var p Project
	var at int64
	err := row.Scan(&p.Key, &p.Service, &at, &p.CreatedBy, &p.RunID)
	p.CreatedAt = store.Time(at)
	return p, err
}
