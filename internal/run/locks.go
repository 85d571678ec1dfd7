package run

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"sphera/internal/store"
)

// acquire takes the run's concurrency keys in tx. When one is held by another
// run it gives back what it took and returns that key: the run is then blocked
// by it and costs nothing until the holder ends.
//
// Waiters form a queue per key. A key that is free and waited for always has
// one waiter that is due; whoever frees a key, or had the chance to take it and
// could not use it, wakes the next.
func (e *Engine) acquire(ctx context.Context, tx *store.Tx, r *record) (blocked string, err error) {
	var taken []string
	for _, key := range r.locks {
		mine, fresh, err := take(ctx, tx, key, r.ID)
		if err != nil {
			return "", fmt.Errorf("take the lock %s: %w", key, err)
		}
		if !mine {
			blocked = key
			break
		}
		if fresh {
			taken = append(taken, key)
		}
	}
	if blocked == "" {
		return "", nil
	}
	for _, key := range taken {
		if _, err := tx.ExecContext(ctx, "DELETE FROM run_locks WHERE key = $1 AND run_id = $2", key, r.ID); err != nil {
			return "", fmt.Errorf("give the lock %s back: %w", key, err)
		}
		if err := e.wakeNext(ctx, tx, key, r.ID); err != nil {
			return "", err
		}
	}
	return blocked, nil
}

// take reports whether run id holds key afterwards, and whether it did not before.
func take(ctx context.Context, tx *store.Tx, key, id string) (mine, fresh bool, err error) {
	for {
		res, err := tx.ExecContext(ctx, "INSERT INTO run_locks (key, run_id) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING", key, id)
		if err != nil {
			return false, false, err
		}
		if n, err := res.RowsAffected(); err != nil || n > 0 {
			return true, true, err
		}
		// Holding the row until commit keeps the holder from ending, and from
		// waking those it blocks, before this run is recorded as one of them.
		var by string
		err = tx.QueryRowContext(ctx, "SELECT run_id FROM run_locks WHERE key = $1"+tx.ForUpdate(), key).Scan(&by)
		if errors.Is(err, sql.ErrNoRows) {
			continue // freed in between
		}
		return by == id, false, err
	}
}

// release frees the keys of a run that ended and wakes the next waiters.
func (e *Engine) release(ctx context.Context, tx *store.Tx, id string) error {
	rows, err := tx.QueryContext(ctx, "DELETE FROM run_locks WHERE run_id = $1 RETURNING key", id)
	keys, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (string, error) {
		var key string
		return key, row.Scan(&key)
	})
	if err != nil {
		return fmt.Errorf("free the locks of run %s: %w", id, err)
	}
	for _, key := range keys {
		if err := e.wakeNext(ctx, tx, key, id); err != nil {
			return err
		}
	}
	return nil
}

// wakeNext makes the longest waiting run that is blocked by key due.
func (e *Engine) wakeNext(ctx context.Context, tx *store.Tx, key, except string) error {
	res, err := tx.ExecContext(ctx, `UPDATE runs SET due_at = $1 WHERE id =
		(SELECT id FROM runs WHERE blocked_key = $2 AND blocked_key <> '' AND due_at IS NULL AND worker = '' AND id <> $3 ORDER BY id LIMIT 1)
		AND blocked_key = $2 AND due_at IS NULL AND worker = ''`, store.Millis(e.now()), key, except)
	if err != nil {
		return fmt.Errorf("wake the next run that needs %s: %w", key, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err
	}
	e.due(tx)
	return nil
}
