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
