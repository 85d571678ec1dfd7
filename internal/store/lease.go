package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Lease makes holder the only one for name until now plus ttl, or tells that
// somebody else is. Whoever works under a lease must be able to bear that two
// do for a moment: clocks differ. On SQLite there is one process, which always
// holds it.
func (db *DB) Lease(ctx context.Context, name, holder string, now time.Time, ttl time.Duration) (bool, error) {
	if db.Dialect == SQLite {
		return true, nil
	}
	var got string
	err := db.Tx(ctx, func(tx *Tx) error {
		return tx.QueryRowContext(ctx, `INSERT INTO leases (name, holder, until) VALUES ($1, $2, $3)
			ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until WHERE leases.holder = excluded.holder OR leases.until < $4
			RETURNING holder`, name, holder, Millis(now.Add(ttl)), Millis(now)).Scan(&got)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("take the lease %s: %w", name, err)
	}
	return got == holder, nil
}

// Release gives a lease up, so that the next one need not wait for its end.
func (db *DB) Release(ctx context.Context, name, holder string) error {
	if db.Dialect == SQLite {
		return nil
	}
	return db.Tx(ctx, func(tx *Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM leases WHERE name = $1 AND holder = $2", name, holder); err != nil {
			return fmt.Errorf("release the lease %s: %w", name, err)
		}
		return nil
	})
}
