package auth

import (
	"context"

	"sphera/internal/fault"
)

// ServicePrincipals are the service accounts that can act now, as what they may
// act: those that are switched on and whose owner is active.
func (s *Service) ServicePrincipals(ctx context.Context) ([]Principal, error) {
	list, err := s.Services(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]Principal, 0, len(list))
	for _, one := range list {
		p, err := s.servicePrincipal(ctx, s.db.Read(), one.ID, KindService)
		if fault.Is(err, fault.Unauthorized) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}
