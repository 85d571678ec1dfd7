package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"sphera/internal/audit"
	"sphera/internal/fault"
)

// BulkEdit is one change to many entities of a blueprint.
type BulkEdit struct {
	// Identifiers or Query say which; a query finds at most a thousand.
	Identifiers []string       `json:"identifiers,omitempty"`
	Query       map[string]any `json:"query,omitempty"`
	Set         BulkSet        `json:"set"`
	// DryRun says what would change and saves nothing.
	DryRun bool `json:"dryRun,omitempty"`
}

// BulkSet is what all of them get: what is not there stays, null clears.
type BulkSet struct {
	Title      string         `json:"title,omitempty"`
	Team       []string       `json:"team,omitempty"`
	Properties map[string]any `json:"properties,omitempty"`
	Relations  map[string]any `json:"relations,omitempty"`
}

// BulkEdited is what a bulk edit did, or would do.
type BulkEdited struct {
	Changes  []BulkChange  `json:"changes"`
	Failures []BulkFailure `json:"failures"`
}

// BulkChange is what of one entity differs, by field.
type BulkChange struct {
	Identifier string         `json:"identifier"`
	Before     map[string]any `json:"before"`
	After      map[string]any `json:"after"`
}

// BulkFailure is an entity that does not take the change.
type BulkFailure struct {
	Identifier string         `json:"identifier"`
	Message    string         `json:"message"`
	Details    []fault.Detail `json:"details,omitempty"`
}

// EditMany makes the same change to many entities, in one transaction.
func (c *Catalog) EditMany(ctx context.Context, blueprint string, edit BulkEdit, w Write) (BulkEdited, error) {
	if err := c.may(ctx, VerbKnown, blueprint); err != nil {
		return BulkEdited{}, err
	}
	if edit.DryRun {
		ctx = audit.OnlyAsking(ctx)
	}
	var out BulkEdited
	w.Merge, w.Upsert = true, true
	err := c.writeBatch(ctx, w, func(b *batch) error {
		out = BulkEdited{Changes: []BulkChange{}, Failures: []BulkFailure{}}
		ids := edit.Identifiers
		if len(edit.Query) > 0 {
			raw, err := json.Marshal(edit.Query)
			if err != nil {
				return fault.Field("/query", "is not JSON", "a query")
			}
			found, bad, err := b.find(ctx, blueprint, raw, "/query", maxBatch+1)
			if err = errors.Join(err, bad); err != nil {
				return err
			}
			ids = found
		}
		if len(ids) > maxBatch {
			return fault.New(fault.TooLarge, "The edit is for more than %d entities. Narrow it down.", maxBatch)
		}
		list := make([]*put, len(ids))
		items := make([]Item, len(ids))
		for i, id := range ids {
			n := NewEntity{Identifier: id, Blueprint: blueprint, Title: edit.Set.Title, Properties: edit.Set.Properties, Relations: edit.Set.Relations}
			if edit.Set.Team != nil {
				team, err := json.Marshal(edit.Set.Team)
				if err != nil {
					return fmt.Errorf("encode the team: %w", err)
				}
				n.Team = team
			}
			var err error
			if list[i], err = newPut(n, &items[i], i); err != nil {
				return err
			}
			list[i].must = true
		}
		if err := b.write(ctx, list); err != nil {
			return err
		}
		for _, p := range list {
			out.add(p)
		}
		if edit.DryRun {
			return errRollback
		}
		return b.recordBulk(ctx, list)
	})
	return out, err
}

func (out *BulkEdited) add(p *put) {
	if f, ok := fault.As(p.item.Err); ok {
		out.Failures = append(out.Failures, BulkFailure{Identifier: p.at, Message: f.Message, Details: f.Details})
		return
	}
	if !p.item.Changed || p.row.first == nil {
		return
	}
	change := BulkChange{Identifier: p.at, Before: map[string]any{}, After: map[string]any{}}
	before, after := p.row.first.old.flat(), p.row.now.flat()
	for _, field := range p.row.now.changes(p.row.first.old.draft) {
		change.Before[field], change.After[field] = before[field], after[field]
	}
	out.Changes = append(out.Changes, change)
}
