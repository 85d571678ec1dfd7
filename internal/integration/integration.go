// Package integration keeps what integrations (exporters, Ocean) tell about
// themselves besides their configuration, which is a document of package
// resource: signs of life, examples of what they read, logs, figures of their
// synchronisations. None of it changes the configuration's time, by which the
// integrations recognise that they have to start over.
package integration

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"sphera/internal/fault"
	"sphera/internal/store"
)

// What is kept of each integration.
const (
	maxKinds        = 500
	maxExamples     = 10
	maxExampleBytes = 256 << 10
	maxLogs         = 5000
	maxLogsAtOnce   = 1000
	maxLogBytes     = 16 << 10
	maxSyncs        = 2000
	maxMetricBytes  = 256 << 10
	// seenEvery is how often a sign of life is written down.
	seenEvery = 30 * time.Second
)

// Reports keeps what integrations report.
type Reports struct {
	db  *store.DB
	now func() time.Time
}

// New returns the reports kept in db.
func New(db *store.DB, now func() time.Time) *Reports { return &Reports{db: db, now: now} }

// State is what is known of an integration besides its configuration.
type State struct {
	// IngestID is by what it sends logs and figures.
	IngestID string
	// SeenAt is when it last asked for its configuration.
	SeenAt time.Time
	// ResyncAt is when somebody last asked it to start over.
	ResyncAt time.Time
}

// Start begins the state of a new integration.
func (r *Reports) Start(ctx context.Context, tx *store.Tx, id string) (State, error) {
	s := State{IngestID: strings.ToLower(rand.Text())}
	_, err := tx.ExecContext(ctx, "INSERT INTO integration_state (integration, ingest_id, seen_at, resync_at) VALUES ($1, $2, 0, 0)", id, s.IngestID)
	if err != nil {
		return s, fmt.Errorf("start the state of integration %s: %w", id, err)
	}
	return s, nil
}

// Forget removes everything that is kept of an integration.
func (r *Reports) Forget(ctx context.Context, tx *store.Tx, id string) error {
	for _, table := range []string{"integration_state", "integration_kinds", "integration_logs", "integration_metrics"} {
		if _, err := tx.ExecContext(ctx, "DELETE FROM "+table+" WHERE integration = $1", id); err != nil {
			return fmt.Errorf("forget integration %s: %w", id, err)
		}
	}
	return nil
}

// State returns the state of one integration.
func (r *Reports) State(ctx context.Context, q store.Querier, id string) (State, error) {
	var s State
	var seen, resync int64
	err := q.QueryRowContext(ctx, "SELECT ingest_id, seen_at, resync_at FROM integration_state WHERE integration = $1", id).Scan(&s.IngestID, &seen, &resync)
	if err != nil {
		return s, fmt.Errorf("read the state of integration %s: %w", id, err)
	}
	s.SeenAt, s.ResyncAt = store.Time(seen), store.Time(resync)
	return s, nil
}

// States returns the states of all integrations by their names.
func (r *Reports) States(ctx context.Context) (map[string]State, error) {
	rows, err := r.db.Read().QueryContext(ctx, "SELECT integration, ingest_id, seen_at, resync_at FROM integration_state")
	type named struct {
		id string
		State
	}
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (named, error) {
		var n named
		var seen, resync int64
		err := row.Scan(&n.id, &n.IngestID, &seen, &resync)
		n.SeenAt, n.ResyncAt = store.Time(seen), store.Time(resync)
		return n, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the states of integrations: %w", err)
	}
	out := make(map[string]State, len(list))
	for _, n := range list {
		out[n.id] = n.State
	}
	return out, nil
}

// ByIngestID returns the name of the integration that reports under ingestID.
func (r *Reports) ByIngestID(ctx context.Context, ingestID string) (string, error) {
	var id string
	err := r.db.Read().QueryRowContext(ctx, "SELECT integration FROM integration_state WHERE ingest_id = $1", ingestID).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", fault.New(fault.NotFound, "No integration reports under this id.")
	}
	if err != nil {
		return "", fmt.Errorf("find an integration by what it reports under: %w", err)
	}
	return id, nil
}

// Seen notes a sign of life, at most every 30 seconds.
func (r *Reports) Seen(ctx context.Context, id string, before time.Time) error {
	now := r.now()
	if now.Sub(before) < seenEvery {
		return nil
	}
	return r.db.Tx(ctx, func(tx *store.Tx) error {
		if _, err := tx.ExecContext(ctx, "UPDATE integration_state SET seen_at = $1 WHERE integration = $2", store.Millis(now), id); err != nil {
			return fmt.Errorf("note a sign of life of %s: %w", id, err)
		}
		return nil
	})
}

// RequestResync asks the integration to start over.
func (r *Reports) RequestResync(ctx context.Context, tx *store.Tx, id string) (time.Time, error) {
	var at int64
	err := tx.QueryRowContext(ctx, `UPDATE integration_state SET resync_at = CASE WHEN resync_at >= $1 THEN resync_at + 1 ELSE $1 END
		WHERE integration = $2 RETURNING resync_at`, store.Millis(r.now()), id).Scan(&at)
	if err != nil {
		return time.Time{}, fmt.Errorf("ask %s to start over: %w", id, err)
	}
	return store.Time(at), nil
}

// Example is one object of the source as it was read.
type Example struct {
	ID   string          `json:"_id"`
	Data json.RawMessage `json:"data"`
}

// KindExamples are the examples of one kind.
type KindExamples struct {
	Examples []Example `json:"examples"`
}

// PutExamples replaces the examples of a kind; those that are too many or too
// large are left out.
func (r *Reports) PutExamples(ctx context.Context, id, kind string, sent []json.RawMessage) error {
	if kind == "" || len(kind) > 500 {
		return fault.Field("kind", "is empty or too long", "the name of a kind of at most 500 bytes")
	}
	kept := []json.RawMessage{}
	size := 0
	for _, raw := range sent {
		if len(kept) == maxExamples || size+len(raw) > maxExampleBytes {
			break
		}
		kept, size = append(kept, raw), size+len(raw)
	}
	text, err := json.Marshal(kept)
	if err != nil {
		return fault.Field("/examples", "cannot be kept", "JSON objects").Wrap(err)
	}
	return r.db.Tx(ctx, func(tx *store.Tx) error {
		var n int
		if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM integration_kinds WHERE integration = $1 AND kind <> $2", id, kind).Scan(&n); err != nil {
			return fmt.Errorf("count the kinds of %s: %w", id, err)
		}
		if n >= maxKinds {
			return fault.New(fault.TooLarge, "The integration %q has %d kinds, which is the most that are kept.", id, n)
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO integration_kinds (integration, kind, examples, updated_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (integration, kind) DO UPDATE SET examples = excluded.examples, updated_at = excluded.updated_at`, id, kind, string(text), store.Millis(r.now()))
		if err != nil {
			return fmt.Errorf("keep the examples of %s: %w", id, err)
		}
		return nil
	})
}

// Kinds returns the examples by kind.
func (r *Reports) Kinds(ctx context.Context, id string) (map[string]KindExamples, error) {
	rows, err := r.db.Read().QueryContext(ctx, "SELECT kind, examples FROM integration_kinds WHERE integration = $1 ORDER BY kind", id)
	if err != nil {
		return nil, fmt.Errorf("read the kinds of %s: %w", id, err)
	}
	defer rows.Close()
	out := map[string]KindExamples{}
	for rows.Next() {
		var kind, text string
		if err := rows.Scan(&kind, &text); err != nil {
			return nil, fmt.Errorf("read the kinds of %s: %w", id, err)
		}
		var list []json.RawMessage
		if err := json.Unmarshal([]byte(text), &list); err != nil {
			return nil, fmt.Errorf("stored examples of %s: %w", id, err)
		}
		k := KindExamples{Examples: []Example{}}
		for i, data := range list {
			k.Examples = append(k.Examples, Example{ID: fmt.Sprint(i + 1), Data: data})
		}
		out[kind] = k
	}
	return out, rows.Err()
}
