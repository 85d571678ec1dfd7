package view

import (
	"context"
	"fmt"

	"sphera/internal/catalog/naming"
	"sphera/internal/store"
)

// FollowRename renames in the filters, columns and orders of saved views what
// has another name in the catalog. Which blueprint a view is of follows by
// itself.
func (v *Views) FollowRename(ctx context.Context, tx *store.Tx, c naming.Change) (naming.Found, error) {
	var found naming.Found
	if c.Kind == naming.Blueprint {
		return found, nil
	}
	rows, err := tx.QueryContext(ctx, columns+" FROM views ORDER BY blueprint, name, id")
	list, err := store.All(rows, err, scan)
	if err != nil {
		return found, fmt.Errorf("read views: %w", err)
	}
	for _, view := range list {
		state, changed := c.ViewState(view.State, view.Blueprint)
		if !changed {
			continue
		}
		if _, err := tx.ExecContext(ctx, "UPDATE views SET state = $1 WHERE id = $2", state, view.ID); err != nil {
			return found, fmt.Errorf("rename in the view %s: %w", view.ID, err)
		}
		view.State = state
		if err := v.tell(ctx, tx, "view.update", view, Person{ID: c.By, Name: c.By}); err != nil {
			return found, err
		}
		what := "view " + view.Name
		if !view.Shared {
			what = "a private view of " + view.OwnerName
		}
		found.Note(what, true, nil)
	}
	return found, nil
}
