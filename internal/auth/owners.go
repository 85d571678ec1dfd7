package auth

import (
	"context"
	"fmt"

	"sphera/internal/store"
)

// OwnersOf are the ids of the people behind a machine: who made the app or
// service account, who answers for it, who made a token of it that still works
// or a new secret of it, and who made a trust rule by which jobs act as it. Nobody is behind a
// person.
func (s *Service) OwnersOf(ctx context.Context, q store.Querier, machine string) ([]string, error) {
	rows, err := q.QueryContext(ctx, `SELECT created_by FROM auth_apps WHERE id = $1
		UNION SELECT owner_id FROM auth_services WHERE id = $1
		UNION SELECT created_by FROM auth_services WHERE id = $1
		UNION SELECT created_by FROM auth_service_tokens WHERE service_id = $1 AND expires_at > $2
		UNION SELECT created_by FROM auth_trust WHERE service_id = $1
		UNION SELECT actor FROM audit_events WHERE object = $3 AND verb = 'app.rotate'`, machine, store.Millis(s.now()), "app/"+machine)
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (id string, err error) { return id, row.Scan(&id) })
	if err != nil {
		return nil, fmt.Errorf("look who is behind a machine: %w", err)
	}
	return list, nil
}
