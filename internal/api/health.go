package api

import (
	"context"
	"net/http"
	"time"

	"sphera/internal/fault"
)

const healthTimeout = 2 * time.Second

// live says that the process works; it asks nobody else.
func (a *API) live(context.Context, *struct{}) (*Done, error) { return &Done{}, nil }

// ready says whether requests can be answered: the database is there, what runs
// in the background has started, and the server is not about to stop.
func (a *API) ready(ctx context.Context, _ *struct{}) (*Done, error) {
	if a.draining.Load() {
		return nil, fault.New(fault.Unavailable, "The server is stopping.")
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	if err := a.db.Ping(ctx); err != nil {
		return nil, fault.New(fault.Unavailable, "The database does not answer.").Wrap(err)
	}
	if a.o.Ready != nil {
		if err := a.o.Ready(); err != nil {
			return nil, fault.New(fault.Unavailable, "The server is starting.").Wrap(err)
		}
	}
	return &Done{}, nil
}

func (a *API) openapi(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Content-Type", "application/json")
	_, err := w.Write(a.spec)
	a.ignore(r, err)
	return nil
}
