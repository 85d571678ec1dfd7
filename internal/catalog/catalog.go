package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"sphera/internal/audit"
	"sphera/internal/catalog/textindex"
	"sphera/internal/fault"
	"sphera/internal/store"
)

// Topic is notified with "Blueprint/identifier" of each entity that changed,
// and with "" after a change of many.
const Topic = "entity"

// BlueprintTopic is notified with the identifier of each blueprint that changed.
const BlueprintTopic = "blueprint"

// QueueTopic is notified when derived values are left to be worked out.
const QueueTopic = "derive"

// Catalog keeps blueprints and entities.
type Catalog struct {
	db  *store.DB
	log *audit.Log
	now func() time.Time
	// compiled is the model that was read last.
	compiled atomic.Pointer[model]
	text     *textindex.Index
	// bounds keep lists short.
	bounds bounds
	access Access
	// guard may refuse a change of blueprints; nil refuses none.
	guard func(ctx context.Context, tx *store.Tx) error
	// followers are asked when something gets another name.
	followers []Follower
}

// GuardBlueprints has guard asked in each transaction that changed blueprints:
// its error takes the change back. It is told before anything is changed.
func (c *Catalog) GuardBlueprints(guard func(ctx context.Context, tx *store.Tx) error) {
	c.guard = guard
}

func (c *Catalog) guarded(ctx context.Context, tx *store.Tx) error {
	if c.guard == nil {
		return nil
	}
	return c.guard(ctx, tx)
}

// New returns the catalog kept in db.
func New(db *store.DB, log *audit.Log, now func() time.Time) *Catalog {
	return &Catalog{db: db, log: log, now: now, text: textindex.New(db), bounds: usualBounds()}
}

// write runs f in a transaction that no other writer of the catalog runs beside,
// again when another writer got between the
// look and the insert: what f finds then decides.
func (c *Catalog) write(ctx context.Context, f func(tx *store.Tx) error) error {
	return c.writeAfter(ctx, nil, f)
}

// writeAfter is write with something that runs in the transaction beforehand,
// while others still write; where there is one writer they wait anyway.
func (c *Catalog) writeAfter(ctx context.Context, before, f func(tx *store.Tx) error) error {
	for attempt := 0; ; attempt++ {
		err := c.db.Tx(ctx, func(tx *store.Tx) error {
			if before != nil {
				if err := before(tx); err != nil {
					return err
				}
			}
			if err := lockCatalog(ctx, tx); err != nil {
				return err
			}
			return f(tx)
		})
		if attempt < 3 && err != nil && store.IsUnique(err) {
			continue
		}
		return err
	}
}

// shared was the lock on what a transaction reads and relies on; write keeps
// other writers of the catalog away now.
func shared(store.Dialect) string { return "" }

func noBlueprint(id string) *fault.Error {
	return fault.New(fault.NotFound, "There is no blueprint %q.", id)
}

func noEntity(blueprint, id string) *fault.Error {
	return fault.New(fault.NotFound, "There is no %s %q in the catalog.", blueprint, id)
}

// Ref is the name of an entity in events, topics and graphs.
func Ref(blueprint, identifier string) string { return blueprint + "/" + identifier }

func (c *Catalog) record(ctx context.Context, tx *store.Tx, verb, object, by, runID string, detail json.RawMessage) error {
	if by == "" {
		by = "system"
	}
	return c.log.Append(ctx, tx, audit.Event{Verb: verb, Object: object, Actor: by, Outcome: audit.Success, RunID: runID, Detail: detail})
}

func countRows(ctx context.Context, q store.Querier, query string, args ...any) (int, error) {
	var n int
	if err := q.QueryRowContext(ctx, query, args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("count: %w", err)
	}
	return n, nil
}
