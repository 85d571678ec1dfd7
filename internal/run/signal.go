package run

import (
	"context"
	"fmt"

	"sphera/internal/store"
)

// keyLocks is the class of the PostgreSQL advisory locks on waiting keys.
const keyLocks = 7310466

// lockKey makes a signal and the parking of a run take turns. A run is parked
// in two stages: first it is recorded which key it is going to wait for, then
// its step looks once more, and only then it stops. With turns taken, a signal
// is either committed before that second look, which sees what it tells of, or
// it finds the recorded key. SQLite has one writer and needs no lock.
func lockKey(ctx context.Context, tx *store.Tx, key string) error {
	if tx.Dialect != store.Postgres {
		return nil
	}
	if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1::int, hashtext($2))", keyLocks, key); err != nil {
		return fmt.Errorf("lock the waiting key %s: %w", key, err)
	}
	return nil
}

// Signal tells, in the transaction of the change, that what runs wait for under
// key may have happened. They look again; nothing happens when none waits.
func (e *Engine) Signal(ctx context.Context, tx *store.Tx, key string) error {
	if key == "" {
		return nil
	}
	if err := lockKey(ctx, tx, key); err != nil {
		return err
	}
	res, err := tx.ExecContext(ctx, `UPDATE runs SET signalled = 1, due_at = CASE WHEN state = 'waiting' THEN $1 ELSE due_at END
		WHERE wait_key = $2 AND wait_key <> ''`, store.Millis(e.now()), key)
	if err != nil {
		return fmt.Errorf("signal %s: %w", key, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err
	}
	e.due(tx)
	return nil
}
