package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"sphera/internal/store"
)

// Origin is who last changed a field, and when.
type Origin struct {
	Source string    `json:"source"`
	At     time.Time `json:"at"`
}

// Provenance tells of each field of an entity which source last changed it:
// title, icon, team, and properties. and relations.NAME.
func (c *Catalog) Provenance(ctx context.Context, blueprint, identifier string) (map[string]Origin, error) {
	if _, _, err := c.visibleEntity(ctx, blueprint, identifier); err != nil {
		return nil, err
	}
	var raw []byte
	err := c.db.Read().QueryRowContext(ctx, "SELECT provenance FROM entities WHERE blueprint = $1 AND identifier = $2 AND pending = 0", blueprint, identifier).Scan(&raw)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, noEntity(blueprint, identifier)
	}
	if err != nil {
		return nil, fmt.Errorf("read the provenance of %s: %w", Ref(blueprint, identifier), err)
	}
	var sources map[string]map[string]int64
	if err := json.Unmarshal(raw, &sources); err != nil {
		return nil, fmt.Errorf("provenance of %s: %w", Ref(blueprint, identifier), err)
	}
	out := map[string]Origin{}
	for source, fields := range sources {
		for field, ms := range fields {
			if at := store.Time(ms); out[field].At.Before(at) || out[field].Source == "" {
				out[field] = Origin{Source: source, At: at}
			}
		}
	}
	return out, nil
}
