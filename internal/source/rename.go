package source

import (
	"context"
	"fmt"

	"sphera/internal/catalog/naming"
	"sphera/internal/store"
)

// FollowRename lets what sweeps are about to delete follow a blueprint that has
// another name, so that a decision that waits is about the same entities.
func (s *Sources) FollowRename(ctx context.Context, tx *store.Tx, c naming.Change) (naming.Found, error) {
	if c.Kind != naming.Blueprint {
		return naming.Found{}, nil
	}
	for _, table := range []string{"sweep_items", "sweep_seen"} {
		if _, err := tx.ExecContext(ctx, "UPDATE "+table+" SET blueprint = $1 WHERE blueprint = $2", c.New, c.Old); err != nil {
			return naming.Found{}, fmt.Errorf("rename in %s: %w", table, err)
		}
	}
	return naming.Found{}, nil
}
