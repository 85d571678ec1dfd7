package catalog

import (
	"context"

	"sphera/internal/fault"
	"sphera/internal/store"
)

// maxBatch bounds what is written in one transaction.
const maxBatch = 1000

// PutMany writes entities of one blueprint in one transaction. What is wrong
// with one of them is told in its item and does not keep the others from being
// saved.
func (c *Catalog) PutMany(ctx context.Context, blueprint string, list []NewEntity, w Write) ([]Item, error) {
	all := make([]NewEntity, len(list))
	for i, n := range list {
		all[i] = n
		if n.Blueprint == "" {
			all[i].Blueprint = blueprint
		}
	}
	return c.PutMixed(ctx, all, w)
}

// PutMixed is PutMany for entities that each name their blueprint.
func (c *Catalog) PutMixed(ctx context.Context, list []NewEntity, w Write) ([]Item, error) {
	if len(list) > maxBatch {
		return nil, fault.New(fault.TooLarge, "There are %d entities; at most %d are written at a time.", len(list), maxBatch)
	}
	var items []Item
	err := c.write(ctx, func(tx *store.Tx) error {
		items = make([]Item, 0, len(list))
		for i, n := range list {
			item := Item{Identifier: n.Identifier, Blueprint: n.Blueprint, Index: i}
			s, err := c.schema(ctx, tx, n.Blueprint, shared(tx.Dialect))
			if err == nil {
				var old *stored
				old, err = readStored(ctx, tx, n.Blueprint, n.Identifier, tx.ForUpdate())
				if err == nil && old != nil && !w.Upsert {
					err = fault.New(fault.Taken, "There is a %s %q already (identifier_taken).", n.Blueprint, n.Identifier)
				}
				if err == nil {
					var e Entity
					e, err = c.saveEntity(ctx, tx, s, old, n, w)
					item.Created, item.Changed = old == nil, old == nil || !e.UpdatedAt.Equal(store.Time(old.updated))
					if w.Answer {
						item.Entity = &e
					}
				}
			}
			if _, ours := fault.As(err); err != nil && !ours {
				return err
			}
			item.Err = err
			items = append(items, item)
		}
		return nil
	})
	return items, err
}

// DeleteMany deletes entities of one blueprint in one transaction and returns
// the identifiers of those it deleted; one that does not exist is no error.
func (c *Catalog) DeleteMany(ctx context.Context, blueprint string, ids []string, o DeleteOptions) ([]string, error) {
	deleted := []string{}
	for _, id := range ids {
		err := c.DeleteEntity(ctx, blueprint, id, o.By, o.RunID, o.Dependents)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return deleted, err
		}
		deleted = append(deleted, id)
	}
	return deleted, nil
}
