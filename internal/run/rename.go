package run

import (
	"context"
	"fmt"

	"sphera/internal/catalog/naming"
	"sphera/internal/store"
)

// FollowRename keeps the runs of an entity in its list when it, or its
// blueprint, has another name. What the runs say of themselves stays.
func (e *Engine) FollowRename(ctx context.Context, tx *store.Tx, c naming.Change) (naming.Found, error) {
	statement, args := "", []any(nil)
	switch c.Kind {
	case naming.Entity:
		statement = "UPDATE run_entities SET entity = $1 WHERE entity = $2"
		args = []any{c.Blueprint + "/" + c.New, c.Blueprint + "/" + c.Old}
	case naming.Blueprint:
		statement = "UPDATE run_entities SET entity = $1 || SUBSTR(entity, LENGTH($2) + 1) WHERE entity >= $2 AND SUBSTR(entity, 1, LENGTH($2)) = $2"
		args = []any{c.New + "/", c.Old + "/"}
	case naming.Property, naming.Relation:
		return naming.Found{}, nil
	}
	if _, err := tx.ExecContext(ctx, statement, args...); err != nil {
		return naming.Found{}, fmt.Errorf("rename in the runs of entities: %w", err)
	}
	return naming.Found{}, nil
}
