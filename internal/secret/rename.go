package secret

import (
	"context"
	"fmt"

	"sphera/internal/catalog/naming"
	"sphera/internal/store"
)

// FollowRename lets the slots of a service follow its new name.
func (s *Slots) FollowRename(ctx context.Context, tx *store.Tx, c naming.Change) (naming.Found, error) {
	var found naming.Found
	if c.Kind != naming.Entity || c.Blueprint != "Component" {
		return found, nil
	}
	res, err := tx.ExecContext(ctx, "UPDATE secret_slots SET service = $1 WHERE service = $2", c.New, c.Old)
	if err != nil {
		return found, fmt.Errorf("rename in slots: %w", err)
	}
	if n, err := res.RowsAffected(); err == nil && n > 0 {
		found.Note("secret slots of "+c.Old, true, nil)
	}
	return found, nil
}
