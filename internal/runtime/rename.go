package runtime

import (
	"context"
	"fmt"

	"sphera/internal/catalog/naming"
	"sphera/internal/store"
)

// FollowRename tells of what runs under the name that a service had: it keeps
// that name and its address until it is stopped and deployed anew.
func FollowRename(ctx context.Context, tx *store.Tx, c naming.Change) (naming.Found, error) {
	var found naming.Found
	if c.Kind != naming.Entity || c.Blueprint != "Component" {
		return found, nil
	}
	rows, err := tx.QueryContext(ctx, "SELECT environment FROM runtime_instances WHERE service = $1 ORDER BY environment", c.Old)
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (name string, err error) { return name, row.Scan(&name) })
	if err != nil {
		return found, fmt.Errorf("look what runs of %s: %w", c.Old, err)
	}
	for _, environment := range list {
		found.Left = append(found.Left, "deployment of "+c.Old+" in "+environment)
	}
	return found, nil
}
