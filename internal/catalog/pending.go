package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"sphera/internal/fault"
	"sphera/internal/store"
)

// importSilence is how long an import may give no sign of life.
const importSilence = 2 * time.Minute

// Staging is a large import on its way: many short transactions that nobody
// sees anything of, then one that shows it all. Whoever began it ends it with
// Publish or Abort; one whose process died is undone by AbortAbandoned.
type Staging struct {
	c    *Catalog
	id   int64
	hold *held
}

// held is what the transactions of a staging leave for its last one.
type held struct {
	facets facetDelta
	// counting are the entities whose aggregations look at what is staged.
	counting map[int64]bool
}

func (h *held) later(counting map[*aggregation]map[int64]string) {
	for _, ids := range counting {
		for id := range ids {
			h.counting[id] = true
		}
	}
}

// Stage begins a large import.
func (c *Catalog) Stage(ctx context.Context, by string) (*Staging, error) {
	if err := c.may(ctx, VerbKnown, ""); err != nil {
		return nil, err
	}
	if _, err := c.AbortAbandoned(ctx, importSilence); err != nil {
		return nil, err
	}
	s := &Staging{c: c, hold: &held{counting: map[int64]bool{}}}
	at := store.Millis(c.now())
	err := c.db.Tx(ctx, func(tx *store.Tx) error {
		return tx.QueryRowContext(ctx, "INSERT INTO catalog_imports (started_by, started_at, beat_at, blueprints) VALUES ($1, $2, $2, '[]') RETURNING id", by, at).Scan(&s.id)
	})
	if err != nil {
		return nil, fmt.Errorf("begin an import: %w", err)
	}
	return s, nil
}

// Blueprints creates blueprints, which go again when the import is aborted.
// Those that exist already are to be changed before, or as they are.
func (s *Staging) Blueprints(ctx context.Context, list []Blueprint, by, runID string) ([]BlueprintItem, error) {
	var items []BlueprintItem
	err := s.c.Atomically(ctx, func(t *Transaction) error {
		var err error
		if items, err = t.PutBlueprints(ctx, list, by, runID); err != nil {
			return err
		}
		made := []string{}
		for i, item := range items {
			switch item.Verb {
			case verbCreate:
				made = append(made, list[i].Identifier)
			case verbUpdate:
				items[i].Err = fault.New(fault.Conflict, "Blueprint %q differs from the one in the catalog. Import the blueprints first, and then so many entities.", list[i].Identifier)
				return errRollback
			}
		}
		raw, err := json.Marshal(made)
		if err != nil {
			return fmt.Errorf("note blueprints: %w", err)
		}
		if _, err := t.tx.ExecContext(ctx, "UPDATE catalog_imports SET blueprints = $1 WHERE id = $2", string(raw), s.id); err != nil {
			return fmt.Errorf("note blueprints: %w", err)
		}
		return nil
	})
	if err == errRollback { //nolint:errorlint // our own, unwrapped
		err = nil
	}
	return items, err
}

// Put writes entities that nobody sees yet; see PutMixed.
func (s *Staging) Put(ctx context.Context, list []NewEntity, w Write) ([]Item, error) {
	w.Pending, w.hold = s.id, s.hold
	items, err := s.c.PutMixed(ctx, list, w)
	if err != nil {
		return nil, err
	}
	return items, s.beat(ctx)
}

func (s *Staging) beat(ctx context.Context) error {
	return s.c.db.Tx(ctx, func(tx *store.Tx) error {
		res, err := tx.ExecContext(ctx, "UPDATE catalog_imports SET beat_at = $1 WHERE id = $2", store.Millis(s.c.now()), s.id)
		if err != nil {
			return fmt.Errorf("give a sign of life: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return fault.New(fault.Conflict, "The import was given up because it was silent for too long. Import again.")
		}
		return nil
	})
}

// Publish shows everything at once. also runs in the same transaction.
func (s *Staging) Publish(ctx context.Context, also func(t *Transaction) error) error {
	if err := s.c.may(ctx, VerbKnown, ""); err != nil {
		return err
	}
	// Nobody sees or waits for these rows before the transaction ends, so other
	// writers go on while they are made ready.
	show := func(tx *store.Tx) error { return s.show(ctx, tx) }
	return s.c.writeAfter(ctx, show, func(tx *store.Tx) error {
		t := &Transaction{c: s.c, tx: tx}
		m, err := s.c.readModel(ctx, t.tx, true)
		if err != nil {
			return err
		}
		b := s.c.batchOf(t.tx, m, Write{})
		if err := b.leave(ctx, sortedKeys(s.hold.counting), "import"); err != nil {
			return err
		}
		facets := facetDelta{changes: s.hold.facets.changes} // kept, should the transaction be tried again
		if err := facets.apply(ctx, t.tx); err != nil {
			return err
		}
		if _, err := t.tx.ExecContext(ctx, "DELETE FROM catalog_imports WHERE id = $1", s.id); err != nil {
			return fmt.Errorf("end the import: %w", err)
		}
		t.tx.Notify(Topic, "")
		t.tx.Notify(QueueTopic, "")
		return also(t)
	})
}

// show is most of the work: each row enters every index of what is seen. Its
// statement goes through the rows and not through the index of what is pending,
// from which it takes them away.
func (s *Staging) show(ctx context.Context, tx *store.Tx) error {
	var first, last int64
	err := tx.QueryRowContext(ctx, `SELECT COALESCE((SELECT MIN(id) FROM entities WHERE pending = $1 AND pending <> 0), 0),
		COALESCE((SELECT MAX(id) FROM entities WHERE pending = $1 AND pending <> 0), 0)`, s.id).Scan(&first, &last)
	if err == nil && first > 0 {
		_, err = tx.ExecContext(ctx, "UPDATE entities SET pending = 0 WHERE id >= $1 AND id <= $2 AND +pending = $3", first, last, s.id)
	}
	if err != nil {
		return fmt.Errorf("show the import: %w", err)
	}
	return nil
}

// Abort takes everything back.
func (s *Staging) Abort(ctx context.Context) error {
	if err := s.c.may(ctx, VerbKnown, ""); err != nil {
		return err
	}
	return s.c.abort(ctx, s.id)
}

// AbortAbandoned takes back the imports that were silent for so long, and says
// how many. A program that is alone with its database begins with no silence
// at all; every new import looks for those that were silent for two minutes.
func (c *Catalog) AbortAbandoned(ctx context.Context, silence time.Duration) (int, error) {
	if err := c.may(ctx, VerbKnown, ""); err != nil {
		return 0, err
	}
	rows, err := c.db.Read().QueryContext(ctx, "SELECT id FROM catalog_imports WHERE beat_at <= $1 ORDER BY id", store.Millis(c.now().Add(-silence)))
	ids, err := store.All(rows, err, scanID)
	if err != nil {
		return 0, fmt.Errorf("look for abandoned imports: %w", err)
	}
	for i, id := range ids {
		if err := c.abort(ctx, id); err != nil {
			return i, err
		}
	}
	return len(ids), nil
}

// abort deletes a part per transaction, and the note of the import last: an
// abort that is interrupted goes on later.
func (c *Catalog) abort(ctx context.Context, id int64) error {
	const part = 500
	for {
		n := 0
		err := c.db.Tx(ctx, func(tx *store.Tx) error {
			rows, err := tx.QueryContext(ctx, "SELECT id FROM entities WHERE pending = $1 ORDER BY id LIMIT $2", id, part)
			ids, err := store.All(rows, err, scanID)
			if err != nil {
				return fmt.Errorf("look for what an import left: %w", err)
			}
			if n = len(ids); n == 0 {
				return nil
			}
			if err := c.text.Remove(ctx, tx, ids); err != nil {
				return err
			}
			list := idList(ids)
			for _, statement := range []string{
				"DELETE FROM entity_versions WHERE entity IN (" + list + ")", "DELETE FROM entity_relations WHERE source IN (" + list + ")",
				"DELETE FROM entity_relations WHERE target IN (" + list + ")", "DELETE FROM derive_queue WHERE entity IN (" + list + ")",
				"DELETE FROM entities WHERE id IN (" + list + ")",
			} {
				if _, err := tx.ExecContext(ctx, statement); err != nil {
					return fmt.Errorf("take back an import: %w", err)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		if n == 0 {
			return c.abortBlueprints(ctx, id)
		}
	}
}

// abortBlueprints deletes the blueprints that the import made, those that are
// still unused, and forgets the import.
func (c *Catalog) abortBlueprints(ctx context.Context, id int64) error {
	var raw, by string
	err := c.db.Read().QueryRowContext(ctx, "SELECT blueprints, started_by FROM catalog_imports WHERE id = $1", id).Scan(&raw, &by)
	if err != nil {
		return fmt.Errorf("read an import: %w", err)
	}
	var made []string
	if err := json.Unmarshal([]byte(raw), &made); err != nil {
		return fmt.Errorf("blueprints of an import: %w", err)
	}
	for range made { // they may point at each other: as often as needed
		for _, name := range made {
			err := c.DeleteBlueprint(ctx, name, by)
			if err != nil && !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.HasDependents) {
				return err
			}
		}
	}
	return c.db.Tx(ctx, func(tx *store.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM catalog_imports WHERE id = $1", id); err != nil {
			return fmt.Errorf("forget an import: %w", err)
		}
		return nil
	})
}

// Existing says which of the identifiers a blueprint has.
func (c *Catalog) Existing(ctx context.Context, blueprint string, identifiers []string) (map[string]bool, error) {
	sights, err := c.reading(ctx, blueprint)
	if err != nil {
		return nil, err
	}
	out := make(map[string]bool, len(identifiers))
	for part := range slices.Chunk(identifiers, maxBatch) {
		arg, err := valuesArg(c.db.Dialect, part)
		if err != nil {
			return nil, err
		}
		rows, err := c.db.Read().QueryContext(ctx, "SELECT e.id, e.identifier FROM entities e WHERE e.blueprint = $1 AND "+among(c.db.Dialect, "e.identifier", 2)+" AND e.pending = 0", blueprint, arg)
		type one struct {
			id         int64
			identifier string
		}
		found, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (o one, err error) { return o, row.Scan(&o.id, &o.identifier) })
		if err != nil {
			return nil, fmt.Errorf("look for %s: %w", blueprint, err)
		}
		if found, err = seenOf(ctx, sights, c.db.Read(), blueprint, found, func(o one) int64 { return o.id }); err != nil {
			return nil, err
		}
		for _, o := range found {
			out[o.identifier] = true
		}
	}
	return out, nil
}

// Changed gives the indexes of those entities that are not in the catalog
// exactly as they are sent.
func (c *Catalog) Changed(ctx context.Context, list []NewEntity, w Write) ([]int, error) {
	if err := c.may(ctx, VerbRead, ""); err != nil {
		return nil, err
	}
	out := []int{}
	for start := 0; start < len(list); start += maxBatch {
		part := list[start:min(start+maxBatch, len(list))]
		puts, items := make([]*put, len(part)), make([]Item, len(part))
		for i, n := range part {
			var err error
			if puts[i], err = newPut(n, &items[i], start+i); err != nil {
				return nil, err
			}
		}
		left, err := c.unchanged(ctx, puts, w)
		if err != nil {
			return nil, err
		}
		for _, p := range left {
			out = append(out, p.item.Index)
		}
	}
	return out, nil
}
