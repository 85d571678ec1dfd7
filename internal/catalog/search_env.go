package catalog

import (
	"context"
	"fmt"

	"sphera/internal/catalog/query"
	"sphera/internal/store"
)

// SearchEnv is what rules about the caller are compared with: a user by e-mail
// address, with teams. Without an address it is a program, which no such rule
// fits.
func (c *Catalog) SearchEnv(ctx context.Context, email string, teams []string) (query.Env, error) {
	if err := c.may(ctx, VerbKnown, ""); err != nil {
		return query.Env{}, err
	}
	env := query.Env{Now: c.now(), User: email, UserTeams: teams}
	if email == "" {
		return env, nil
	}
	user, err := c.callers(ctx, "_user", []string{email})
	if err == nil && len(user) > 0 {
		env.UserEntity = user[0]
	}
	if err == nil {
		env.TeamEntities, err = c.callers(ctx, "_team", teams)
	}
	return env, err
}

// callers reads entities as rules see them.
func (c *Catalog) callers(ctx context.Context, blueprint string, identifiers []string) ([]map[string]any, error) {
	m, err := c.model(ctx, c.db.Read())
	if err != nil || m.blueprints[blueprint] == nil || len(identifiers) == 0 {
		return nil, err
	}
	arg, err := valuesArg(c.db.Dialect, identifiers)
	if err != nil {
		return nil, err
	}
	rows, err := c.db.Read().QueryContext(ctx, "SELECT "+entityColumns+" FROM entities e WHERE e.blueprint = $1 AND "+among(c.db.Dialect, "e.identifier", 2)+" AND e.pending = 0", blueprint, arg)
	list, err := store.All(rows, err, scanStored)
	if err != nil {
		return nil, fmt.Errorf("read the caller's %s: %w", blueprint, err)
	}
	var out []map[string]any
	for _, r := range list {
		e := r.entity(m.blueprints[blueprint])
		out = append(out, map[string]any{
			"identifier": e.Identifier, "title": e.Title, "icon": e.Icon, "blueprint": e.Blueprint, "team": e.Team, "properties": e.Properties,
			"createdAt": e.CreatedAt, "updatedAt": e.UpdatedAt, "createdBy": e.CreatedBy, "updatedBy": e.UpdatedBy,
		})
	}
	return out, nil
}
