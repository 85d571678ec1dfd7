package auth

import (
	"context"
	"fmt"

	"sphera/internal/store"
)

// Administrators counts the active ones.
func (s *Service) Administrators(ctx context.Context, q store.Querier) (int, error) {
	var n int
	err := q.QueryRowContext(ctx, "SELECT COUNT(*) FROM auth_users WHERE status = 'active' AND CAST(roles AS TEXT) LIKE '%\"administrator\"%'").Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count administrators: %w", err)
	}
	return n, nil
}
