package main

import (
	"context"
	"fmt"

	"sphera/action"
	"sphera/internal/builtin"
)

// actions are the built-in actions; this is the one place that lists them.
func (p *parts) actions() ([]*action.Action, error) {
	return builtin.All(builtin.Deps{
		Forge: p.forge, Catalog: p.catalog, Runtime: p.runtime, Flags: p.flags, Secrets: p.secrets,
		Contracts: p.contracts, Insights: p.insights, Environments: p.environments, Now: p.now,
		Teams: func(ctx context.Context) ([]string, error) {
			teams, err := p.auth.Teams(ctx)
			if err != nil {
				return nil, fmt.Errorf("list the teams: %w", err)
			}
			names := make([]string, 0, len(teams))
			for _, t := range teams {
				names = append(names, t.Name)
			}
			return names, nil
		},
		CIRepository: ciRepository, GitOpsRepository: gitopsRepository,
	})
}
