package forge

import (
	"context"
	"fmt"

	"sphera/internal/store"
)

// OwnedBy counts the repositories of a team.
func (b *Builtin) OwnedBy(ctx context.Context, team string) (n int, err error) {
	if err := b.db.Read().QueryRowContext(ctx, "SELECT COUNT(*) FROM forge_repositories WHERE owner = $1", team).Scan(&n); err != nil {
		return 0, fmt.Errorf("count the repositories of a team: %w", err)
	}
	return n, nil
}

// MoveOwner gives the repositories of a team to another.
func (b *Builtin) MoveOwner(ctx context.Context, before, after string) error {
	return b.db.Tx(ctx, func(tx *store.Tx) error {
		if _, err := tx.ExecContext(ctx, "UPDATE forge_repositories SET owner = $2, updated_at = $3 WHERE owner = $1", before, after, b.nowMillis()); err != nil {
			return fmt.Errorf("give repositories to another team: %w", err)
		}
		return nil
	})
}
