package change

import (
	"context"
	"fmt"

	"sphera/internal/catalog/naming"
	"sphera/internal/store"
)

// FollowRename keeps what is told of a blueprint going where it was when the
// blueprint has another name: nothing is told twice or left out.
func (c *Changes) FollowRename(ctx context.Context, tx *store.Tx, ch naming.Change) (naming.Found, error) {
	var found naming.Found
	if ch.Kind != naming.Blueprint {
		return found, nil
	}
	for _, table := range []string{"change_destinations", "change_deliveries"} {
		res, err := tx.ExecContext(ctx, "UPDATE "+table+" SET destination = $1 WHERE destination = $2", "blueprint/"+ch.New, "blueprint/"+ch.Old)
		if err != nil {
			return found, fmt.Errorf("rename in %s: %w", table, err)
		}
		if n, err := res.RowsAffected(); err == nil && n > 0 && table == "change_destinations" {
			found.Note("changes told of "+ch.Old, true, nil)
		}
	}
	return found, nil
}
