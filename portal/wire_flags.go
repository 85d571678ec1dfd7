package portal

import (
	"context"
	"net/url"

	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/flag"
	"sphera/internal/notify"
	"sphera/internal/store"
)

// flagEnvironments are the organisation's as flags know them: everybody's
// flags are in all of them, so it is the portal itself that asks.
func (p *parts) flagEnvironments(ctx context.Context) ([]flag.EnvironmentInfo, error) {
	all, err := p.environments(auth.WithPrincipal(ctx, auth.System("flags")))
	out := make([]flag.EnvironmentInfo, 0, len(all))
	for _, e := range all {
		out = append(out, flag.EnvironmentInfo{ID: e.ID, Kind: e.Kind})
	}
	return out, err
}

// flagTeams are who looks after a flag: its own team, or the service's.
func (p *parts) flagTeams(ctx context.Context, service, team string) ([]string, error) {
	if team != "" {
		return []string{team}, nil
	}
	e, err := p.catalog.Entity(auth.WithPrincipal(ctx, auth.System("flags")), "Component", service)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	return e.Team, err
}

// tellOfFlag sends a notice of a change to the teams that were found before
// its transaction began.
func (p *parts) tellOfFlag(ctx context.Context, tx *store.Tx, n flag.Notice) error {
	if len(n.Teams) == 0 {
		return nil
	}
	return p.notices.Send(ctx, tx, notify.Notice{
		Kind: notify.FlagChanged, Teams: n.Teams, Title: n.Title, Text: n.Text, Urgent: n.Urgent,
		URL: "/flags/" + url.PathEscape(n.Project) + "/" + url.PathEscape(n.Flag),
	})
}
