package approval

import (
	"context"

	"sphera/action"
	"sphera/internal/store"
)

// Admit is what the engine asks in the transaction that starts a step.
func (s *Service) Admit(ctx context.Context, tx *store.Tx, id string, step int) (*action.Wait, error) {
	return s.admit(ctx, tx, id, step)
}
