package auth

import (
	"context"
	"strings"

	"sphera/internal/audit"
	"sphera/internal/fault"
)

// Acting is the person or machine of an id as it is now, for work that goes on
// in its name after the request has ended. One that is suspended, disabled or
// gone may do nothing.
func (s *Service) Acting(ctx context.Context, id string) (Principal, error) {
	if id == audit.System || strings.HasPrefix(id, "automation:") { // a trigger that infrastructure wrote
		return System("automation"), nil
	}
	user, err := s.activeUser(ctx, id)
	if err == nil {
		return Principal{User: user, Via: "run"}, nil
	}
	if !fault.Is(err, fault.Unauthorized) {
		return Principal{}, err
	}
	p, err := s.servicePrincipal(ctx, s.db.Read(), id, KindService)
	if err == nil || !fault.Is(err, fault.Unauthorized) && !fault.Is(err, fault.NotFound) {
		return p, err
	}
	app, err := s.app(ctx, s.db.Read(), id, "")
	if fault.Is(err, fault.NotFound) || err == nil && !app.Enabled {
		return Principal{}, fault.Refuse("suspended", "Whoever started this may not act any more.", "Start it again as somebody who may.", "role administrator")
	}
	if err != nil {
		return Principal{}, err
	}
	u := User{ID: app.ID, Name: app.Name, Roles: app.Roles, Teams: []string{}, Status: Active, CreatedAt: app.CreatedAt}
	return Principal{User: u, Via: ViaApp, Kind: KindService}, nil
}
