package api

import (
	"context"

	"sphera/internal/catalog"
)

type searchInput struct {
	Q         string   `query:"q" maxLength:"200" doc:"Words, beginnings, parts or initials of what is looked for; small misspellings do not matter"`
	Blueprint []string `query:"blueprint" maxItems:"20" doc:"Only these, comma-separated"`
	Limit     int      `query:"limit" minimum:"0" maximum:"100" doc:"20 when absent"`
}

type hitsAnswer struct {
	Answer
	Hits []catalog.Hit `json:"hits"`
}

// find looks over all blueprints; what the asker's teams own ranks up.
func (a *API) find(ctx context.Context, in *searchInput) (*hitsAnswer, error) {
	hits, err := a.catalog.Find(ctx, in.Q, catalog.FindOptions{Blueprints: in.Blueprint, Teams: who(ctx).Teams, Limit: in.Limit})
	return &hitsAnswer{Hits: hits}, err
}

type graphInput struct {
	Blueprint string `path:"bp" maxLength:"200"`
	ID        string `path:"id" maxLength:"500"`
	Depth     int    `query:"depth" default:"2" minimum:"1" maximum:"5"`
	Limit     int    `query:"limit" default:"0" minimum:"0" maximum:"500" doc:"Nodes at most: 100 when absent, 50 of an expansion"`
	Expand    string `query:"expand" maxLength:"800" doc:"The id of a node whose next neighbours are wanted"`
	Relation  string `query:"relation" maxLength:"200" doc:"Of an expansion: this relation only"`
	Way       string `query:"way" enum:"in,out" doc:"Of an expansion: relations that point at the node, or from it"`
	From      string `query:"from" maxLength:"2000" doc:"Of an expansion: the next of the answer before"`
}

type graphAnswer struct {
	Answer
	Graph catalog.Graph `json:"graph"`
}

func (a *API) graph(ctx context.Context, in *graphInput) (*graphAnswer, error) {
	g, err := a.catalog.Graph(ctx, in.Blueprint, in.ID, catalog.GraphOptions{
		Depth: in.Depth, Limit: in.Limit, Expand: in.Expand, Relation: in.Relation, Way: in.Way, From: in.From,
	})
	return &graphAnswer{Graph: g}, err
}

type impactInput struct {
	Blueprint string `path:"bp" maxLength:"200"`
	ID        string `path:"id" maxLength:"500"`
	Limit     int    `query:"limit" default:"0" minimum:"0" maximum:"500" doc:"Nodes and rows at most: 100 when absent"`
}

type impactAnswer struct {
	Answer
	catalog.Impact
}

func (a *API) impact(ctx context.Context, in *impactInput) (*impactAnswer, error) {
	found, err := a.catalog.Impact(ctx, in.Blueprint, in.ID, in.Limit)
	return &impactAnswer{Impact: found}, err
}

type pathInput struct {
	From string `query:"from" required:"true" maxLength:"800" doc:"Blueprint/identifier"`
	To   string `query:"to" required:"true" maxLength:"800" doc:"Blueprint/identifier"`
}

type pathAnswer struct {
	Answer
	catalog.Path
}

func (a *API) path(ctx context.Context, in *pathInput) (*pathAnswer, error) {
	found, err := a.catalog.Path(ctx, in.From, in.To)
	return &pathAnswer{Path: found}, err
}
