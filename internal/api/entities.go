package api

import (
	"context"
	"encoding/json"
	"net/http"

	"sphera/internal/auth"
	"sphera/internal/catalog"
	"sphera/internal/fault"
)

type entityPath struct {
	Blueprint string `path:"bp" maxLength:"200"`
	ID        string `path:"id" maxLength:"500"`
}

// entityObject is the entity of the address with the teams that own it; one
// that does not exist yet is owned by nobody.
func (a *API) entityObject(r *http.Request) (auth.Object, error) {
	return a.owned(r.Context(), r.PathValue("bp"), r.PathValue("id"))
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

type entityAnswer struct {
	Answer
	Entity catalog.Entity `json:"entity"`
}

type newEntityInput struct {
	Blueprint      string `path:"bp" maxLength:"200"`
	Upsert         bool   `query:"upsert" doc:"Replace the entity if there is one"`
	Merge          bool   `query:"merge" doc:"With upsert: keep what is not sent"`
	ValidationOnly bool   `query:"validation_only" doc:"Check and save nothing"`
	RunID          string `query:"run_id" maxLength:"100" doc:"The run this change belongs to"`
	Body           catalog.NewEntity
}

// createEntity decides by the owners the entity has, and else by those it is
// to have: a developer may add what a team of theirs will own.
func (a *API) createEntity(ctx context.Context, in *newEntityInput) (*entityAnswer, error) {
	o, err := a.owned(ctx, in.Blueprint, in.Body.Identifier)
	if err != nil {
		return nil, err
	}
	if len(o.Teams) == 0 {
		o.Teams = teamsOf(in.Body.Team)
	}
	if err := a.may(ctx, who(ctx), "catalog.write", o); err != nil {
		return nil, err
	}
	e, created, err := a.catalog.PutEntity(ctx, in.Blueprint, in.Body, catalog.Write{
		Upsert: in.Upsert, Merge: in.Merge, ValidationOnly: in.ValidationOnly, RunID: in.RunID, By: who(ctx).ID,
	})
	out := &entityAnswer{Entity: e}
	if !created {
		out.status = http.StatusOK
	}
	return out, err
}

func (a *API) entity(ctx context.Context, in *entityPath) (*entityAnswer, error) {
	e, err := a.catalog.Entity(ctx, in.Blueprint, in.ID)
	return &entityAnswer{Entity: e}, err
}

type entityInput struct {
	Blueprint      string `path:"bp" maxLength:"200"`
	ID             string `path:"id" maxLength:"500"`
	ValidationOnly bool   `query:"validation_only" doc:"Check and save nothing"`
	RunID          string `query:"run_id" maxLength:"100"`
	Body           catalog.NewEntity
}

func (in *entityInput) write(ctx context.Context) catalog.Write {
	return catalog.Write{ValidationOnly: in.ValidationOnly, RunID: in.RunID, By: who(ctx).ID}
}

func (a *API) replaceEntity(ctx context.Context, in *entityInput) (*entityAnswer, error) {
	e, err := a.catalog.ReplaceEntity(ctx, in.Blueprint, in.ID, in.Body, in.write(ctx))
	return &entityAnswer{Entity: e}, err
}

func (a *API) patchEntity(ctx context.Context, in *entityInput) (*entityAnswer, error) {
	e, err := a.catalog.PatchEntity(ctx, in.Blueprint, in.ID, in.Body, in.write(ctx))
	return &entityAnswer{Entity: e}, err
}

type deleteEntityInput struct {
	Blueprint        string `path:"bp" maxLength:"200"`
	ID               string `path:"id" maxLength:"500"`
	DeleteDependents bool   `query:"delete_dependents" doc:"Delete the entities that require this one, too"`
	RunID            string `query:"run_id" maxLength:"100"`
}

func (a *API) deleteEntity(ctx context.Context, in *deleteEntityInput) (*Done, error) {
	return &Done{}, a.catalog.DeleteEntity(ctx, in.Blueprint, in.ID, who(ctx).ID, in.RunID, in.DeleteDependents)
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

type graphInput struct {
	Blueprint string `path:"bp" maxLength:"200"`
	ID        string `path:"id" maxLength:"500"`
	Depth     int    `query:"depth" default:"2" minimum:"1" maximum:"5"`
	Limit     int    `query:"limit" default:"100" minimum:"1" maximum:"500" doc:"Nodes at most"`
}

type graphAnswer struct {
	Answer
	Graph catalog.Graph `json:"graph"`
}

func (a *API) graph(ctx context.Context, in *graphInput) (*graphAnswer, error) {
	g, err := a.catalog.Graph(ctx, in.Blueprint, in.ID, in.Depth, in.Limit)
	return &graphAnswer{Graph: g}, err
}

type dependentsAnswer struct {
	Answer
	Dependents []catalog.Hit `json:"dependents"`
}

func (a *API) dependents(ctx context.Context, in *entityPath) (*dependentsAnswer, error) {
	hits, err := a.catalog.Dependents(ctx, in.Blueprint, in.ID)
	return &dependentsAnswer{Dependents: hits}, err
}

// teamsOf reads the team of an entity as sent: a name or a list of names.
func teamsOf(raw json.RawMessage) []string {
	var many []string
	if json.Unmarshal(raw, &many) == nil {
		return many
	}
	var one string
	if json.Unmarshal(raw, &one) == nil && one != "" {
		return []string{one}
	}
	return nil
}
