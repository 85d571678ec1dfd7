package source

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"sphera/internal/fault"
	"sphera/internal/store"
)

// Kinds of sweeps.
const (
	// byReport: pages, then the word that it is complete.
	byReport = "report"
	// listed: the source asked what it has, and deletes what it did not find.
	listed = "listed"
	// live: it deletes without having asked: something it watches went away.
	live = "live"
)

// States of a sweep.
const (
	open      = "open"
	held      = "held"
	approved  = "approved"
	done      = "done"
	rejected  = "rejected"
	failed    = "failed"
	withdrawn = "withdrawn"
)

// States of an item, besides held, rejected and withdrawn.
const (
	waiting   = "waiting"
	restoring = "restoring"
	deleted   = "deleted"
	// immediate: deleted when it was asked for, before anything was known of a
	// sweep.
	immediate = "immediate"
	kept      = "kept"
)

// Sweep is one round of a source: what it would have deleted, and what became
// of that.
type Sweep struct {
	ID         int64     `json:"id"`
	Source     string    `json:"source"`
	Generation int64     `json:"generation"`
	Kind       string    `json:"kind" enum:"report,listed,live"`
	State      string    `json:"state" enum:"open,held,approved,done,rejected,failed,withdrawn"`
	StartedAt  time.Time `json:"startedAt"`
	// TouchedAt is when it last asked for something.
	TouchedAt time.Time `json:"touchedAt"`
	EndedAt   time.Time `json:"endedAt,omitzero"`
	Caller    string    `json:"caller"`
	// Entities is how many the source had at the start, Brake how many deletes
	// it may do by itself.
	Entities int `json:"entities"`
	Brake    int `json:"brake"`
	// Pages and Seen are what a sweep by report has reported.
	Pages int `json:"pages,omitempty"`
	Seen  int `json:"seen,omitempty"`
	// Reason says why it is held, or failed.
	Reason    string    `json:"reason,omitempty"`
	DecidedBy string    `json:"decidedBy,omitempty"`
	DecidedAt time.Time `json:"decidedAt,omitzero"`
	// Counts are its items by state.
	Counts map[string]int `json:"counts"`
}

// Item is one entity that a sweep would delete, or has deleted.
type Item struct {
	Blueprint  string `json:"blueprint"`
	Identifier string `json:"identifier"`
	// Title is the entity's, while it is there.
	Title string    `json:"title,omitempty"`
	State string    `json:"state" enum:"waiting,immediate,restoring,held,deleted,rejected,kept,withdrawn"`
	At    time.Time `json:"at"`
	// Dependents counts what would be deleted with it.
	Dependents int    `json:"dependents,omitempty"`
	Reason     string `json:"reason,omitempty"`
}

const sweepColumns = "id, source, generation, kind, state, started_at, touched_at, ended_at, caller, entities, brake, pages, seen, reason, decided_by, decided_at"

func scanSweep(row interface{ Scan(...any) error }) (Sweep, error) {
	w := Sweep{Counts: map[string]int{}}
	var started, touched, ended, decided int64
	err := row.Scan(&w.ID, &w.Source, &w.Generation, &w.Kind, &w.State, &started, &touched, &ended, &w.Caller, &w.Entities, &w.Brake, &w.Pages, &w.Seen, &w.Reason, &w.DecidedBy, &decided)
	w.StartedAt, w.TouchedAt, w.EndedAt, w.DecidedAt = store.Time(started), store.Time(touched), store.Time(ended), store.Time(decided)
	return w, err
}

// Sweeps lists the sweeps of a source, newest first.
func (s *Sources) Sweeps(ctx context.Context, source, from string, limit int) ([]Sweep, string, error) {
	before, limit, err := page(from, limit)
	if err != nil {
		return nil, "", err
	}
	rows, err := s.db.Read().QueryContext(ctx, "SELECT "+sweepColumns+" FROM sweeps WHERE source = $1 AND id < $2 ORDER BY id DESC LIMIT $3", source, before, limit+1)
	list, err := store.All(rows, err, scanSweep)
	if err != nil {
		return nil, "", fmt.Errorf("list the sweeps of %s: %w", source, err)
	}
	next := ""
	if len(list) > limit {
		list = list[:limit]
		next = strconv.FormatInt(list[limit-1].ID, 10)
	}
	return list, next, s.count(ctx, list)
}

func page(from string, limit int) (int64, int, error) {
	if limit <= 0 {
		limit = 50
	}
	before := int64(1) << 62
	if from != "" {
		var err error
		if before, err = strconv.ParseInt(from, 10, 64); err != nil || before <= 0 {
			return 0, 0, fault.Field("from", "is not a cursor of this list", "the value of next from the page before")
		}
	}
	return before, min(limit, 200), nil
}

// Held lists the sweeps of all sources that wait for a person, oldest first.
func (s *Sources) Held(ctx context.Context) ([]Sweep, error) {
	rows, err := s.db.Read().QueryContext(ctx, "SELECT "+sweepColumns+" FROM sweeps WHERE state = 'held' ORDER BY touched_at, id LIMIT 200")
	list, err := store.All(rows, err, scanSweep)
	if err != nil {
		return nil, fmt.Errorf("list held sweeps: %w", err)
	}
	return list, s.count(ctx, list)
}

func (s *Sources) count(ctx context.Context, list []Sweep) error {
	for i := range list {
		rows, err := s.db.Read().QueryContext(ctx, "SELECT state, COUNT(*) FROM sweep_items WHERE sweep = $1 GROUP BY state", list[i].ID)
		_, err = store.All(rows, err, func(row interface{ Scan(...any) error }) (struct{}, error) {
			var state string
			var n int
			err := row.Scan(&state, &n)
			list[i].Counts[state] = n
			return struct{}{}, err
		})
		if err != nil {
			return fmt.Errorf("count what a sweep deletes: %w", err)
		}
	}
	return nil
}

// Sweep returns one sweep with a page of its items, by name.
func (s *Sources) Sweep(ctx context.Context, id int64, from int, limit int) (Sweep, []Item, int, error) {
	if limit <= 0 || limit > 1000 {
		limit = 200
	}
	w, err := s.readSweep(ctx, s.db.Read(), id, "")
	if err != nil {
		return w, nil, 0, err
	}
	one := []Sweep{w}
	if err := s.count(ctx, one); err != nil {
		return w, nil, 0, err
	}
	rows, err := s.db.Read().QueryContext(ctx, `SELECT i.blueprint, i.identifier, COALESCE(e.title, ''), i.state, i.at, i.dependents, i.reason
		FROM sweep_items i LEFT JOIN entities e ON e.blueprint = i.blueprint AND e.identifier = i.identifier AND e.pending = 0
		WHERE i.sweep = $1 ORDER BY i.blueprint, i.identifier LIMIT $2 OFFSET $3`, id, limit+1, from)
	items, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (Item, error) {
		var i Item
		var at int64
		err := row.Scan(&i.Blueprint, &i.Identifier, &i.Title, &i.State, &at, &i.Dependents, &i.Reason)
		i.At = store.Time(at)
		return i, err
	})
	if err != nil {
		return w, nil, 0, fmt.Errorf("list what a sweep deletes: %w", err)
	}
	next := 0
	if len(items) > limit {
		items, next = items[:limit], from+limit
	}
	return one[0], items, next, nil
}

func (s *Sources) readSweep(ctx context.Context, q store.Querier, id int64, lock string) (Sweep, error) {
	w, err := scanSweep(q.QueryRowContext(ctx, "SELECT "+sweepColumns+" FROM sweeps WHERE id = $1"+lock, id))
	if errors.Is(err, sql.ErrNoRows) {
		return w, fault.New(fault.NotFound, "There is no sweep %d.", id)
	}
	if err != nil {
		return w, fmt.Errorf("read sweep %d: %w", id, err)
	}
	return w, nil
}

// active is the sweep of a source that has not ended; nil when there is none.
// It locks the source, so that its calls take turns.
func (s *Sources) active(ctx context.Context, tx *store.Tx, c Client) (*Sweep, error) {
	if err := s.sign(ctx, tx, c); err != nil { // locks the row, too
		return nil, err
	}
	w, err := scanSweep(tx.QueryRowContext(ctx, "SELECT "+sweepColumns+" FROM sweeps WHERE source = $1 AND state IN ('open', 'held', 'approved')", c.ID))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil //nolint:nilnil // absence is an answer here
	}
	if err != nil {
		return nil, fmt.Errorf("read the sweep of %s: %w", c.ID, err)
	}
	return &w, nil
}

// begin starts a sweep; entities is how many the source has.
func (s *Sources) begin(ctx context.Context, tx *store.Tx, c Client, kind string, entities int) (*Sweep, error) {
	at := store.Millis(s.now())
	var smallest, percent, generation int
	if err := tx.QueryRowContext(ctx, "SELECT brake_min, brake_percent FROM sources WHERE id = $1", c.ID).Scan(&smallest, &percent); err != nil {
		return nil, fmt.Errorf("read source %s: %w", c.ID, err)
	}
	if err := tx.QueryRowContext(ctx, "SELECT COALESCE(MAX(generation), 0) + 1 FROM sweeps WHERE source = $1", c.ID).Scan(&generation); err != nil {
		return nil, fmt.Errorf("count the sweeps of %s: %w", c.ID, err)
	}
	w, err := scanSweep(tx.QueryRowContext(ctx, `INSERT INTO sweeps (source, generation, kind, state, started_at, touched_at, ended_at, caller, entities, brake, pages, seen, reason, decided_by, decided_at)
		VALUES ($1, $2, $3, 'open', $4, $4, 0, $5, $6, $7, 0, 0, '', '', 0) RETURNING `+sweepColumns,
		c.ID, generation, kind, at, c.Caller, entities, max(smallest, entities*percent/100)))
	if err != nil {
		return nil, fmt.Errorf("begin a sweep of %s: %w", c.ID, err)
	}
	tx.Notify(Topic, c.ID)
	return &w, nil
}

func (s *Sources) touch(ctx context.Context, tx *store.Tx, w *Sweep, kind string) error {
	w.TouchedAt, w.Kind = s.now(), kind
	if _, err := tx.ExecContext(ctx, "UPDATE sweeps SET touched_at = $1, kind = $2 WHERE id = $3", store.Millis(w.TouchedAt), kind, w.ID); err != nil {
		return fmt.Errorf("note a call of sweep %d: %w", w.ID, err)
	}
	return nil
}

// end moves a sweep to a state in which it is over.
func (s *Sources) end(ctx context.Context, tx *store.Tx, w *Sweep, state, reason string) error {
	if _, err := tx.ExecContext(ctx, "UPDATE sweeps SET state = $1, reason = CASE WHEN $2 = '' THEN reason ELSE $2 END, ended_at = $3 WHERE id = $4",
		state, reason, store.Millis(s.now()), w.ID); err != nil {
		return fmt.Errorf("end sweep %d: %w", w.ID, err)
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM sweep_seen WHERE sweep = $1", w.ID); err != nil {
		return fmt.Errorf("end sweep %d: %w", w.ID, err)
	}
	tx.Notify(Topic, w.Source)
	return nil
}

// Prune forgets sweeps that ended longer ago than is kept, a few at a time.
func (s *Sources) Prune(ctx context.Context, keep time.Duration) error {
	cutoff := store.Millis(s.now().Add(-keep))
	for {
		var n int64
		err := s.db.Tx(ctx, func(tx *store.Tx) error {
			result, err := tx.ExecContext(ctx, `DELETE FROM sweeps WHERE id IN (SELECT w.id FROM sweeps w WHERE w.state NOT IN ('open', 'held', 'approved') AND w.ended_at < $1
				AND NOT EXISTS (SELECT 1 FROM sweep_items i WHERE i.sweep = w.id AND i.state = 'rejected') ORDER BY w.id LIMIT 10)`, cutoff)
			if err != nil {
				return fmt.Errorf("forget old sweeps: %w", err)
			}
			n, err = result.RowsAffected()
			return err
		})
		if err != nil || n == 0 {
			return err
		}
	}
}
