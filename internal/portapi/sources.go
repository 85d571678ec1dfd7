package portapi

import (
	"context"

	"sphera/internal/source"
)

// client is who calls, as sources know it.
func (r *Request) client() source.Client { return source.Of(r.UserAgent, r.Caller.ID) }

// wrote tells the source of a request that its entities are there.
func (s *Service) wrote(ctx context.Context, r *Request, identifiers ...string) error {
	if r.Bool("validation_only") {
		return nil
	}
	return s.Sources.Wrote(ctx, r.client(), r.Path["bp"], identifiers)
}
