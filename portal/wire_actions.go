package portal

import (
	"context"

	"sphera/action"
	"sphera/internal/builtin"
)

// actions are the built-in actions; this is the one place that lists them.
func (p *parts) actions() ([]*action.Action, error) {
	return builtin.All(builtin.Deps{
		Forge: p.forge, Catalog: p.catalog, Runtime: p.runtime, Flags: p.flags.Projects, FlagStore: p.flags, Secrets: p.secrets,
		Contracts: p.contracts, Insights: p.insights, Teams: p.teamNames, Environments: p.environments, Now: p.now, PublicURL: p.address,
		CIRepository: ciRepository, GitOpsRepository: gitopsRepository,
	})
}

func (p *parts) teamNames(ctx context.Context) ([]string, error) {
	teams, err := p.auth.Teams(ctx)
	names := make([]string, 0, len(teams))
	for _, t := range teams {
		names = append(names, t.Name)
	}
	return names, err
}
