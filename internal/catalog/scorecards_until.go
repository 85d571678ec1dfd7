package catalog

import (
	"context"
	"fmt"

	"sphera/internal/store"
)

// QueueTopic is notified when derived values are left to be worked out.
const QueueTopic = "derive"

// writeLock is the key of the PostgreSQL advisory lock that writers of the
// catalog take turns by.
const writeLock = 7310466

func lockCatalog(ctx context.Context, tx *store.Tx) error {
	if tx.Dialect != store.Postgres {
		return nil
	}
	if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", writeLock); err != nil {
		return fmt.Errorf("wait for other writers of the catalog: %w", err)
	}
	return nil
}

// touchModel makes every process read the model again.
func touchModel(ctx context.Context, tx *store.Tx) error {
	if _, err := tx.ExecContext(ctx, "UPDATE catalog_model SET revision = revision + 1 WHERE one = 1"); err != nil {
		return fmt.Errorf("count the catalog's revision: %w", err)
	}
	return nil
}
