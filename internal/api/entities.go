package api

import (
	"context"

	"sphera/internal/auth"
	"sphera/internal/catalog"
	"sphera/internal/fault"
)

type entityPath struct {
	Blueprint string `path:"bp" maxLength:"200"`
	ID        string `path:"id" maxLength:"500"`
}

func (a *API) owned(ctx context.Context, blueprint, id string) (auth.Object, error) {
	o := auth.Object{Kind: blueprint, Blueprint: blueprint, ID: id}
	e, err := a.catalog.Entity(ctx, blueprint, id)
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Unprocessable) {
		return o, nil
	}
	o.Teams, o.Properties = e.Team, e.Properties
	return o, err
}

type dependentsAnswer struct {
	Answer
	Dependents []catalog.Hit `json:"dependents"`
}

func (a *API) dependents(ctx context.Context, in *entityPath) (*dependentsAnswer, error) {
	hits, err := a.catalog.Dependents(ctx, in.Blueprint, in.ID)
	return &dependentsAnswer{Dependents: hits}, err
}
