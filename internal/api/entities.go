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
	o := auth.Object{Kind: blueprint, ID: id}
	e, err := a.catalog.Entity(ctx, blueprint, id)
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Unprocessable) {
		return o, nil
	}
	o.Teams = e.Team
	return o, err
}

type searchEntitiesInput struct {
	Blueprint string `path:"bp" maxLength:"200"`
	Body      struct {
		Text  string         `json:"text,omitempty" maxLength:"500" doc:"Looked for in identifier, title and text properties"`
		Rules []catalog.Rule `json:"rules,omitempty" maxItems:"50" doc:"Conditions that must all hold"`
		Sort  string         `json:"sort,omitempty" maxLength:"200" doc:"A property, or $identifier, $title, $updatedAt, $createdAt"`
		Desc  bool           `json:"desc,omitempty"`
		Limit int            `json:"limit,omitempty" minimum:"0" maximum:"1000"`
		From  string         `json:"from,omitempty" maxLength:"4000" doc:"The next of the page before"`
	} `nameHint:"EntitySearch"`
}

type entitiesAnswer struct {
	Answer
	Entities []catalog.Entity `json:"entities"`
	Next     string           `json:"next,omitempty"`
	Total    int              `json:"total" doc:"How many there are on all pages"`
}

func (a *API) searchEntities(ctx context.Context, in *searchEntitiesInput) (*entitiesAnswer, error) {
	b := in.Body
	page, err := a.catalog.Search(ctx, catalog.Query{
		Blueprint: in.Blueprint, Text: b.Text, Rules: b.Rules, Sort: b.Sort, Desc: b.Desc, Limit: b.Limit, From: b.From,
	})
	return &entitiesAnswer{Entities: page.Entities, Next: page.Next, Total: page.Total}, err
}

type dependentsAnswer struct {
	Answer
	Dependents []catalog.Hit `json:"dependents"`
}

func (a *API) dependents(ctx context.Context, in *entityPath) (*dependentsAnswer, error) {
	hits, err := a.catalog.Dependents(ctx, in.Blueprint, in.ID)
	return &dependentsAnswer{Dependents: hits}, err
}
