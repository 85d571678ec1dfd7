package automation

import (
	"context"
	"fmt"

	"sphera/internal/catalog/naming"
	"sphera/internal/store"
)

// FollowRename lets timers and the lists of runs follow a new name. The actions
// themselves are documents, which follow with all others.
func (s *Service) FollowRename(ctx context.Context, tx *store.Tx, c naming.Change) (naming.Found, error) {
	var statements []string
	args := []any{c.New, c.Old, c.Blueprint}
	switch c.Kind {
	case naming.Property:
		statements = []string{"UPDATE automation_timers SET property = $1 WHERE property = $2 AND blueprint = $3"}
	case naming.Blueprint:
		args = args[:2]
		statements = []string{"UPDATE automation_timers SET blueprint = $1 WHERE blueprint = $2", "UPDATE automation_runs SET blueprint = $1 WHERE blueprint = $2"}
	case naming.Entity:
		statements = []string{"UPDATE automation_runs SET entity = $1 WHERE entity = $2 AND blueprint = $3"}
	case naming.Relation:
	}
	for _, statement := range statements {
		if _, err := tx.ExecContext(ctx, statement, args...); err != nil {
			return naming.Found{}, fmt.Errorf("rename in automations: %w", err)
		}
	}
	return naming.Found{}, nil
}
