// Package migration changes many entities in the background: it deletes all of
// a blueprint, or makes entities of one blueprint from those of another. Each
// is a row that says how far it has come; after a crash another process goes
// on behind the last entity that was done.
package migration

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"sphera/internal/audit"
	"sphera/internal/catalog"
	"sphera/internal/fault"
	"sphera/internal/store"

	"github.com/google/uuid"
)

// Topic is notified with the id of each migration that changed.
const Topic = "migration"

// The states. Those from Completed on are ends.
const (
	Initializing        = "INITIALIZING"
	Pending             = "PENDING"
	Running             = "RUNNING"
	PendingCancellation = "PENDING_CANCELLATION"
	Completed           = "COMPLETED"
	Failure             = "FAILURE"
	Cancelled           = "CANCELLED"
)

// States lists all states.
func States() []string {
	return []string{Initializing, Pending, Running, PendingCancellation, Completed, Failure, Cancelled}
}

// Migration is one change of many entities.
type Migration struct {
	ID              string          `json:"id"`
	Status          string          `json:"status"`
	Actor           string          `json:"actor"`
	SourceBlueprint string          `json:"sourceBlueprint"`
	Mapping         json.RawMessage `json:"mapping"`
	DeleteBlueprint bool            `json:"deleteBlueprint"`
	DeleteEntities  bool            `json:"deleteEntities"`
	SuccessCount    int             `json:"successCount"`
	FailureCount    int             `json:"failureCount"`
	// Failures are the first that failed, with why.
	Failures  []Failed  `json:"failures"`
	Message   string    `json:"message"`
	CreatedAt time.Time `json:"createdAt"`
	UpdatedAt time.Time `json:"updatedAt"`

	runID, userAgent string
	after            int64
	// progress: this pass over the entities has deleted one. removing: all were
	// converted, and now their sources go. Both are forgotten by a crash, after
	// which a pass more does no harm.
	progress, removing bool
}

// Failed is an entity that could not be changed.
type Failed struct {
	Identifier string `json:"identifier"`
	Message    string `json:"message"`
}

// New is what to do.
type New struct {
	SourceBlueprint string
	// Mapping makes entities; nil where they are only deleted.
	Mapping json.RawMessage
	// DeleteEntities deletes what the blueprint has, DeleteBlueprint then the
	// blueprint.
	DeleteEntities, DeleteBlueprint bool
	RunID, UserAgent                string
	By                              string
}

const (
	maxFailures = 50
	maxListed   = 500
	batch       = 100
	// claim is how long a process has a migration for itself; each batch
	// claims it anew.
	claim   = 30 * time.Second
	columns = "id, status, actor, source, mapping, delete_entities, delete_blueprint, run_id, user_agent, after_id, success_count, failure_count, failures, message, created_at, updated_at"
	open    = "('INITIALIZING', 'PENDING', 'RUNNING', 'PENDING_CANCELLATION')"
)

// Migrations keeps migrations and works on them.
type Migrations struct {
	db      *store.DB
	catalog *catalog.Catalog
	audit   *audit.Log
	log     *slog.Logger
	now     func() time.Time
	deleted func(ctx context.Context, blueprint, by string) error
}

// OnDelete sets what is to be done after a migration has deleted a blueprint.
// It is called before the work begins.
func (m *Migrations) OnDelete(f func(ctx context.Context, blueprint, by string) error) { m.deleted = f }

// NewMigrations returns the migrations kept in db.
func NewMigrations(db *store.DB, c *catalog.Catalog, events *audit.Log, log *slog.Logger, now func() time.Time) *Migrations {
	return &Migrations{db: db, catalog: c, audit: events, log: log, now: now}
}

// Start checks what is to be done and leaves it to the workers.
func (m *Migrations) Start(ctx context.Context, n New) (Migration, error) {
	if _, err := m.catalog.Blueprint(ctx, n.SourceBlueprint); err != nil {
		return Migration{}, err
	}
	mapping := json.RawMessage("null")
	if n.Mapping != nil {
		if _, err := compile(n.Mapping); err != nil {
			return Migration{}, err
		}
		mapping = n.Mapping
	}
	id := "mig_" + strings.ReplaceAll(uuid.Must(uuid.NewV7()).String(), "-", "")
	at := store.Millis(m.now())
	err := m.db.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO catalog_migrations (id, status, actor, source, mapping, delete_entities, delete_blueprint, run_id, user_agent,
			after_id, success_count, failure_count, failures, message, claimed_until, created_at, updated_at)
			VALUES ($1, 'PENDING', $2, $3, $4, $5, $6, $7, $8, 0, 0, 0, '[]', '', 0, $9, $9)`,
			id, n.By, n.SourceBlueprint, string(mapping), number(n.DeleteEntities), number(n.DeleteBlueprint), n.RunID, n.UserAgent, at)
		if err != nil {
			return fmt.Errorf("start a migration: %w", err)
		}
		tx.Notify(Topic, id)
		return m.audit.Append(ctx, tx, audit.Event{
			Actor: n.By, Verb: "migration.create", Object: "migration/" + id, RunID: n.RunID,
			Detail: audit.Detail("blueprint", n.SourceBlueprint, "deletesEntities", n.DeleteEntities, "deletesBlueprint", n.DeleteBlueprint),
		})
	})
	if err != nil {
		return Migration{}, err
	}
	return m.Get(ctx, id)
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

func scan(row interface{ Scan(...any) error }) (Migration, error) {
	var m Migration
	var mapping, failures []byte
	var created, updated, entities, blueprint int64
	err := row.Scan(&m.ID, &m.Status, &m.Actor, &m.SourceBlueprint, &mapping, &entities, &blueprint, &m.runID, &m.userAgent, &m.after,
		&m.SuccessCount, &m.FailureCount, &failures, &m.Message, &created, &updated)
	if err != nil {
		return m, err
	}
	m.Mapping, m.DeleteEntities, m.DeleteBlueprint = slices.Clone(mapping), entities != 0, blueprint != 0
	m.CreatedAt, m.UpdatedAt = store.Time(created), store.Time(updated)
	return m, json.Unmarshal(failures, &m.Failures)
}

// Get returns one migration, also after its blueprint is gone.
func (m *Migrations) Get(ctx context.Context, id string) (Migration, error) {
	return m.read(ctx, m.db.Read(), id, "")
}

func (m *Migrations) read(ctx context.Context, q store.Querier, id, lock string) (Migration, error) {
	found, err := scan(q.QueryRowContext(ctx, "SELECT "+columns+" FROM catalog_migrations WHERE id = $1"+lock, id))
	if errors.Is(err, sql.ErrNoRows) {
		return Migration{}, fault.New(fault.NotFound, "There is no such migration.")
	}
	if err != nil {
		return Migration{}, fmt.Errorf("read a migration: %w", err)
	}
	return found, nil
}

// Filter selects migrations; empty fields select all.
type Filter struct {
	Status    []string
	Actor     string
	Blueprint string
}

// List returns the newest migrations.
func (m *Migrations) List(ctx context.Context, f Filter) ([]Migration, error) {
	where, args := "1 = 1", []any{}
	add := func(column, value string) {
		if value != "" {
			args = append(args, value)
			where += " AND " + column + " = $" + strconv.Itoa(len(args))
		}
	}
	add("actor", f.Actor)
	add("source", f.Blueprint)
	if len(f.Status) > 0 {
		var marks []string
		for _, status := range f.Status {
			args = append(args, status)
			marks = append(marks, "$"+strconv.Itoa(len(args)))
		}
		where += " AND status IN (" + strings.Join(marks, ", ") + ")"
	}
	args = append(args, maxListed)
	rows, err := m.db.Read().QueryContext(ctx, "SELECT "+columns+" FROM catalog_migrations WHERE "+where+" ORDER BY created_at DESC, id DESC LIMIT $"+strconv.Itoa(len(args)), args...)
	list, err := store.All(rows, err, scan)
	if err != nil {
		return nil, fmt.Errorf("list migrations: %w", err)
	}
	return list, nil
}

// Cancel stops a migration behind the batch it is at. What is done stays done.
func (m *Migrations) Cancel(ctx context.Context, id, by string) (Migration, error) {
	var out Migration
	err := m.db.Tx(ctx, func(tx *store.Tx) error {
		found, err := m.read(ctx, tx, id, tx.ForUpdate())
		if err != nil {
			return err
		}
		switch found.Status {
		case Completed, Failure, Cancelled:
			return fault.New(fault.Conflict, "The migration has ended: %s.", found.Status)
		case PendingCancellation:
		default:
			if _, err := tx.ExecContext(ctx, "UPDATE catalog_migrations SET status = $1, updated_at = $2 WHERE id = $3", PendingCancellation, store.Millis(m.now()), id); err != nil {
				return fmt.Errorf("cancel a migration: %w", err)
			}
			if err := m.audit.Append(ctx, tx, audit.Event{Actor: by, Verb: "migration.cancel", Object: "migration/" + id}); err != nil {
				return err
			}
		}
		tx.Notify(Topic, id)
		out, err = m.read(ctx, tx, id, "")
		return err
	})
	return out, err
}
