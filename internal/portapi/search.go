package portapi

import (
	"context"
	"net/http"

	"sphera/internal/catalog"
	"sphera/internal/fault"
	"sphera/internal/source"
)

// SweepInput selects entities by the User-Agent of their last writer.
type SweepInput struct {
	Prefix string `json:"datasource_prefix"`
	Suffix string `json:"datasource_suffix"`
}

// SweepAnswer is the entities of a datasource.
type SweepAnswer struct {
	Entities []catalog.Owned `json:"entities"`
}

func (s *Service) searchRoutes() []Route {
	return []Route{
		{
			Method: http.MethodPost, Path: "/v1/blueprints/entities/datasource-entities", ID: "listDatasourceEntities", Verb: "catalog.read", Limit: Small,
			Audit: Asks, In: SweepInput{}, Out: SweepAnswer{}, Handle: s.datasourceEntities,
		},
	}
}

// datasourceEntities is asked by a program that is about to delete, one by one,
// what it did not just write.
func (s *Service) datasourceEntities(ctx context.Context, r *Request) (int, any, error) {
	var in SweepInput
	if err := r.Decode(&in); err != nil {
		return 0, nil, err
	}
	if in.Prefix == "" && in.Suffix == "" {
		return 0, nil, fault.Field("/datasource_prefix", "is empty, and so is datasource_suffix", "the beginning or the end of a User-Agent")
	}
	list, err := s.Catalog.ByDatasource(ctx, in.Prefix, in.Suffix)
	if err != nil {
		return 0, nil, err
	}
	if err := s.Sources.Listed(ctx, source.Of(r.UserAgent, r.Caller.ID)); err != nil {
		return 0, nil, err
	}
	return 0, SweepAnswer{Entities: list}, nil
}
