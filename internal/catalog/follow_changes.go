package catalog

import (
	"context"
	"fmt"

	"sphera/internal/store"
)

// EntityChange is a change as those are told who follow the catalog. Before is
// nil for a new entity, and where what was before is not kept any more; After is
// nil for one that was deleted.
type EntityChange struct {
	Version
	Blueprint     string
	Before, After *Entity
}

// Horizon is a version up to which all versions can be seen. Numbers are given
// out before their transaction ends, so a lower one can appear after a higher
// one; who follows the changes must not go beyond the horizon.
type Horizon struct {
	// Upto is the newest version there was, and transaction the number that the
	// next transaction would have had.
	upto, transaction int64
}

// Look takes a horizon. It holds once Passed says so.
func (c *Catalog) Look(ctx context.Context) (Horizon, error) {
	if err := c.may(ctx, VerbRead, ""); err != nil {
		return Horizon{}, err
	}
	var h Horizon
	query := "SELECT COALESCE(MAX(id), 0), 0 FROM entity_versions"
	if c.db.Dialect == store.Postgres {
		query = "SELECT COALESCE(MAX(id), 0), CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS TEXT) AS BIGINT) FROM entity_versions"
	}
	if err := c.db.Read().QueryRowContext(ctx, query).Scan(&h.upto, &h.transaction); err != nil {
		return h, fmt.Errorf("look how far changes have come: %w", err)
	}
	return h, nil
}

// Passed returns the version up to which changes may be followed, once every
// transaction that ran when h was taken has ended; false before. What an import
// that is not finished wrote is beyond it.
func (c *Catalog) Passed(ctx context.Context, h Horizon) (int64, bool, error) {
	if err := c.may(ctx, VerbRead, ""); err != nil {
		return 0, false, err
	}
	if c.db.Dialect == store.Postgres {
		var oldest int64
		if err := c.db.Read().QueryRowContext(ctx, "SELECT CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS TEXT) AS BIGINT)").Scan(&oldest); err != nil {
			return 0, false, fmt.Errorf("look which transactions run: %w", err)
		}
		if oldest < h.transaction {
			return 0, false, nil
		}
	}
	var pending int64
	err := c.db.Read().QueryRowContext(ctx, `SELECT COALESCE(MIN(v.id), 0) FROM entity_versions v
		WHERE v.entity = (SELECT id FROM entities WHERE pending <> 0 ORDER BY pending, id LIMIT 1)`).Scan(&pending)
	if err != nil {
		return 0, false, fmt.Errorf("look for imports that are not finished: %w", err)
	}
	if pending > 0 && pending <= h.upto {
		return pending - 1, true, nil
	}
	return h.upto, true, nil
}

// ChangesOf returns up to limit changes of the entities of a blueprint, above
// after and up to upto, oldest first. Changes of derived values alone are left
// out.
func (c *Catalog) ChangesOf(ctx context.Context, blueprint string, after, upto int64, limit int) ([]EntityChange, error) {
	if err := c.may(ctx, VerbRead, blueprint); err != nil {
		return nil, err
	}
	sights, err := c.reading(ctx, blueprint)
	if err != nil {
		return nil, err
	}
	q := c.db.Read()
	list, err := readVersions(ctx, q, "v.id > $1 AND v.id <= $2 AND v.blueprint = $3 AND v.verb <> 'derive' ORDER BY v.id LIMIT $4", after, upto, blueprint, limit)
	if err != nil {
		return nil, err
	}
	out := make([]EntityChange, 0, len(list))
	for _, v := range list {
		if fits, err := c.versionSeen(ctx, sights, v); err != nil {
			return nil, err
		} else if !fits {
			continue
		}
		b, err := c.blueprintAt(ctx, v.blueprint, v.At)
		if err != nil {
			return nil, err
		}
		change := EntityChange{Version: v.Version, Blueprint: v.blueprint}
		now := v.entityAs(b)
		if now.CreatedAt, now.CreatedBy, err = c.createdOf(ctx, v.entity); err != nil {
			return nil, err
		}
		switch v.Verb {
		case verbDelete:
			change.Before = &now
		case verbCreate, verbRestore:
			change.After = &now
		default:
			change.After = &now
			earlier, err := readVersions(ctx, q, "v.entity = $1 AND v.id < $2 ORDER BY v.id DESC LIMIT 1", v.entity, v.ID)
			if err != nil {
				return nil, err
			}
			if len(earlier) > 0 {
				before := earlier[0].entityAs(b)
				before.CreatedAt, before.CreatedBy = now.CreatedAt, now.CreatedBy
				change.Before = &before
			}
		}
		out = append(out, change)
	}
	return out, nil
}

// FirstVersionSince is the number just below that of the first version kept at
// or after a time: where one begins who follows changes from then on.
func (c *Catalog) FirstVersionSince(ctx context.Context, ms int64) (int64, error) {
	if err := c.may(ctx, VerbRead, ""); err != nil {
		return 0, err
	}
	var id int64
	err := c.db.Read().QueryRowContext(ctx, "SELECT COALESCE(MAX(id), 0) FROM entity_versions WHERE at < $1", ms).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("find where to begin: %w", err)
	}
	return id, nil
}
