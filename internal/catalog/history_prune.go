package catalog

import (
	"context"
	"fmt"
	"time"

	"sphera/internal/store"
)

// Kept is the usual KeepFor.
func Kept() KeepFor { return KeepFor{Versions: 400 * 24 * time.Hour, Deleted: 30 * 24 * time.Hour} }

// KeepFor is how long the past is kept.
type KeepFor struct {
	// Versions of entities and blueprints that are still there. Whatever was
	// the state at that time stays, so that every later moment is known.
	Versions time.Duration
	// Deleted is how long what was deleted can be restored.
	Deleted time.Duration
}

// pruneBatch bounds one transaction of Prune.
const pruneBatch = 500

// Prune forgets what is older than is kept, in short transactions, and tells
// how many versions went.
func (c *Catalog) Prune(ctx context.Context, keep KeepFor) (int, error) {
	if err := c.may(ctx, VerbMaintain, ""); err != nil {
		return 0, err
	}
	now := c.now()
	dead, err := c.pruneDeleted(ctx, store.Millis(now.Add(-keep.Deleted)))
	if err != nil {
		return dead, err
	}
	old, err := c.pruneVersions(ctx, store.Millis(now.Add(-keep.Versions)))
	if err != nil {
		return dead + old, err
	}
	model, err := c.pruneBlueprints(ctx, now, keep)
	return dead + old + model, err
}

// pruneDeleted forgets entities that were deleted before the cutoff.
func (c *Catalog) pruneDeleted(ctx context.Context, cutoff int64) (int, error) {
	return c.pruneBy(ctx, "entity", func() ([]int64, error) {
		return c.readIDs(ctx, "SELECT v.entity FROM entity_versions v WHERE v.verb = 'delete' AND v.at < $1 AND "+notBack+" ORDER BY v.id LIMIT $2", cutoff, pruneBatch)
	})
}

// pruneVersions forgets versions before the cutoff, except the last of each
// entity: that was the state at the cutoff.
func (c *Catalog) pruneVersions(ctx context.Context, cutoff int64) (int, error) {
	end, err := c.firstSince(ctx, cutoff)
	if err != nil {
		return 0, err
	}
	after := int64(0)
	return c.pruneBy(ctx, "id", func() ([]int64, error) {
		ids, err := c.readIDs(ctx, `SELECT v.id FROM entity_versions v WHERE v.id > $1 AND v.id < $2 AND v.at < $3
			AND EXISTS (SELECT 1 FROM entity_versions n WHERE n.entity = v.entity AND n.id > v.id AND n.at <= $3) ORDER BY v.id LIMIT $4`, after, end, cutoff, pruneBatch)
		if len(ids) > 0 {
			after = ids[len(ids)-1]
		}
		return ids, err
	})
}

// firstSince is about where the versions since a time begin. Numbers grow with
// time, so that halving finds it without an index on the time.
func (c *Catalog) firstSince(ctx context.Context, cutoff int64) (int64, error) {
	var low, high int64
	if err := c.db.Read().QueryRowContext(ctx, "SELECT COALESCE(MIN(id), 0), COALESCE(MAX(id), 0) + 1 FROM entity_versions").Scan(&low, &high); err != nil {
		return 0, fmt.Errorf("find old versions: %w", err)
	}
	for low < high {
		middle := low + (high-low)/2
		var id, at int64
		if err := c.db.Read().QueryRowContext(ctx, "SELECT id, at FROM entity_versions WHERE id >= $1 ORDER BY id LIMIT 1", middle).Scan(&id, &at); err != nil {
			return 0, fmt.Errorf("find old versions: %w", err)
		}
		if at < cutoff {
			low = id + 1
		} else {
			high = middle
		}
	}
	return low, nil
}

func (c *Catalog) pruneBlueprints(ctx context.Context, now time.Time, keep KeepFor) (int, error) {
	after := func(v string) string {
		return "SELECT 1 FROM blueprint_versions n WHERE n.blueprint = " + v + ".blueprint AND n.id > " + v + ".id"
	}
	dead, err := c.pruneBy(ctx, "blueprint", func() ([]int64, error) {
		return c.readIDs(ctx, `SELECT v.id FROM blueprint_versions v WHERE EXISTS (SELECT 1 FROM blueprint_versions d WHERE d.blueprint = v.blueprint AND d.id >= v.id
			AND d.verb = 'delete' AND d.at < $1 AND NOT EXISTS (`+after("d")+`)) ORDER BY v.id LIMIT $2`, store.Millis(now.Add(-keep.Deleted)), pruneBatch)
	})
	if err != nil {
		return dead, err
	}
	old, err := c.pruneBy(ctx, "blueprint", func() ([]int64, error) {
		return c.readIDs(ctx, "SELECT v.id FROM blueprint_versions v WHERE v.at < $1 AND EXISTS ("+after("v")+" AND n.at <= $1) ORDER BY v.id LIMIT $2", store.Millis(now.Add(-keep.Versions)), pruneBatch)
	})
	return dead + old, err
}

func (c *Catalog) readIDs(ctx context.Context, query string, args ...any) ([]int64, error) {
	rows, err := c.db.Read().QueryContext(ctx, query, args...)
	ids, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (id int64, err error) { return id, row.Scan(&id) })
	if err != nil {
		return nil, fmt.Errorf("find what is too old: %w", err)
	}
	return ids, nil
}

// pruneBy deletes what next finds until it finds nothing. by is the column the
// ids are of; "blueprint" means rows of blueprint_versions.
func (c *Catalog) pruneBy(ctx context.Context, by string, next func() ([]int64, error)) (int, error) {
	statement := "DELETE FROM entity_versions WHERE " + by + " IN "
	if by == "blueprint" {
		statement = "DELETE FROM blueprint_versions WHERE id IN "
	}
	total := 0
	for {
		ids, err := next()
		if err != nil || len(ids) == 0 {
			return total, err
		}
		err = c.db.Tx(ctx, func(tx *store.Tx) error {
			result, err := tx.ExecContext(ctx, statement+"("+idList(ids)+")")
			if err != nil {
				return fmt.Errorf("forget old versions: %w", err)
			}
			n, err := result.RowsAffected()
			total += int(n)
			return err
		})
		if err != nil {
			return total, err
		}
	}
}
