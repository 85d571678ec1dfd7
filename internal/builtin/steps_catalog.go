package builtin

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"sphera/action"
	"sphera/internal/catalog"
	"sphera/internal/fault"
)

// record is one entity to write.
type record struct {
	Blueprint  string         `json:"blueprint"`
	Identifier string         `json:"identifier"`
	Title      string         `json:"title"`
	Icon       string         `json:"icon,omitempty"`
	Team       []string       `json:"team,omitempty"`
	Properties map[string]any `json:"properties,omitempty"`
	Relations  map[string]any `json:"relations,omitempty"`
	// Existed is true for an entity that is completed and was there before;
	// undo clears the relations that were added and leaves the entity.
	Existed bool `json:"existed,omitempty"`
}

type recordsArgs struct {
	// Records are written in order with merge, so that a record can be
	// completed by a later one once what it points to exists.
	Records []record `json:"records"`
}

type recordsResult struct {
	Created []string `json:"created"`
}

// registerStep writes entities; found again by their identifiers.
func registerStep(d Deps) action.StepKind[recordsArgs, recordsResult] {
	return action.NewStepType("catalog.register", action.ByName,
		func(ctx context.Context, x *action.Exec, in recordsArgs) (recordsResult, error) {
			var out recordsResult
			for _, r := range in.Records {
				team, err := json.Marshal(r.Team)
				if err != nil {
					return out, action.Permanent(fmt.Errorf("write the team of %s: %w", r.Identifier, err))
				}
				entity := catalog.NewEntity{Identifier: r.Identifier, Title: r.Title, Icon: r.Icon, Properties: r.Properties, Relations: r.Relations}
				if len(r.Team) > 0 {
					entity.Team = team
				}
				_, created, err := d.Catalog.PutEntity(ctx, r.Blueprint, entity, catalog.Write{Upsert: true, Merge: true, RunID: x.RunID, By: x.Actor.ID})
				if err != nil {
					return out, permanentIfFault(fmt.Errorf("write %s %s to the catalog: %w", r.Blueprint, r.Identifier, err))
				}
				if created {
					out.Created = append(out.Created, r.Blueprint+"/"+r.Identifier)
					x.Logf("registered %s %s", r.Blueprint, r.Identifier)
				}
				x.Changed(action.Change{Kind: "entity", Verb: "created", Title: r.Blueprint + " " + r.Title, URL: "/e/" + r.Blueprint + "/" + r.Identifier})
				x.Boundary("entity")
			}
			return out, nil
		}).
		WithUndo(func(ctx context.Context, x *action.Exec, in recordsArgs, _ recordsResult) error {
			return removeRecords(ctx, d.Catalog, x, in.Records)
		}).
		WithBoundaries("entity")
}

// removeRecords takes out what the run registered, last first, since an API
// cannot be without its provider. Planning made sure that none existed before.
func removeRecords(ctx context.Context, c *catalog.Catalog, x *action.Exec, records []record) error {
	seen := map[string]bool{}
	for i, r := range slices.Backward(records) {

		name := r.Blueprint + "/" + r.Identifier
		if seen[name] || laterDuplicate(records, i) {
			continue
		}
		seen[name] = true
		if r.Existed {
			if err := clearRelations(ctx, c, x, r); err != nil {
				return err
			}
			continue
		}
		err := c.DeleteEntity(ctx, r.Blueprint, r.Identifier, x.Actor.ID, x.RunID, false)
		switch {
		case fault.Is(err, fault.NotFound) && x.Attempt == 1:
			continue
		case fault.Is(err, fault.NotFound): // by an attempt that was cut off before it was recorded
		case err != nil:
			return permanentIfFault(fmt.Errorf("remove %s from the catalog: %w", name, err))
		default:
			x.Logf("removed %s", name)
		}
		x.Changed(action.Change{Kind: "entity", Verb: "removed", Title: name})
		x.Boundary("entity")
	}
	return nil
}

// clearRelations takes back the relations that a record added to an entity
// that was there before.
func clearRelations(ctx context.Context, c *catalog.Catalog, x *action.Exec, r record) error {
	cleared := map[string]any{}
	for name, value := range r.Relations {
		cleared[name] = nil
		if _, many := value.([]any); many {
			cleared[name] = []any{}
		}
	}
	_, _, err := c.PutEntity(ctx, r.Blueprint, catalog.NewEntity{Identifier: r.Identifier, Relations: cleared}, catalog.Write{Upsert: true, Merge: true, RunID: x.RunID, By: x.Actor.ID})
	if err != nil {
		return permanentIfFault(fmt.Errorf("take the relations of %s/%s back: %w", r.Blueprint, r.Identifier, err))
	}
	x.Logf("took the added relations of %s/%s back", r.Blueprint, r.Identifier)
	return nil
}

// laterDuplicate reports whether an earlier record has the same identifier: the
// entity is then removed at its first record, after what points to it.
func laterDuplicate(records []record, i int) bool {
	for _, r := range records[:i] {
		if r.Blueprint == records[i].Blueprint && r.Identifier == records[i].Identifier {
			return true
		}
	}
	return false
}
