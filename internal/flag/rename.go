package flag

import (
	"context"
	"fmt"

	"sphera/internal/audit"
	"sphera/internal/catalog/naming"
	"sphera/internal/store"
)

// FollowRename lets projects follow their service, and the blueprint whose
// entities their accounts are, when those have another name.
func (f *Flags) FollowRename(ctx context.Context, tx *store.Tx, c naming.Change) (naming.Found, error) {
	var found naming.Found
	if c.Kind != naming.Blueprint && c.Kind != naming.Entity {
		return found, nil
	}
	type project struct {
		key, service, settings string
		version                int64
	}
	rows, err := tx.QueryContext(ctx, "SELECT key, service, settings, settings_version FROM flag_projects ORDER BY key")
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (p project, err error) {
		return p, row.Scan(&p.key, &p.service, &p.settings, &p.version)
	})
	if err != nil {
		return found, fmt.Errorf("read flag projects: %w", err)
	}
	for _, p := range list {
		settings, err := projectSettings(p.settings, p.version)
		if err != nil {
			return found, err
		}
		switch {
		case c.Kind == naming.Entity && c.Blueprint == "Component" && p.service == c.Old:
			p.service = c.New
		case c.Kind == naming.Blueprint && settings.PopulationBlueprint == c.Old:
			settings.PopulationBlueprint = c.New
			if p.settings, err = encode(settings); err != nil {
				return found, err
			}
		default:
			continue
		}
		if _, err := tx.ExecContext(ctx, "UPDATE flag_projects SET service = $1, settings = $2, settings_version = settings_version + 1 WHERE key = $3", p.service, p.settings, p.key); err != nil {
			return found, fmt.Errorf("rename in flag project %s: %w", p.key, err)
		}
		if err := f.d.Audit.Append(ctx, tx, audit.Event{
			Actor: c.By, ActorName: c.By, Verb: "flag_project.update", Object: "Component/" + p.service,
			Detail: audit.Detail("key", p.key, "population", settings.PopulationBlueprint),
		}); err != nil {
			return found, err
		}
		found.Note("flag project "+p.key, true, nil)
	}
	return found, nil
}
