package catalog

import (
	"context"

	"sphera/internal/store"
)

// Entity returns one entity.
func (c *Catalog) Entity(ctx context.Context, blueprint, identifier string) (Entity, error) {
	if blueprint == resultBlueprint {
		return c.result(ctx, identifier)
	}
	r, sights, err := c.visibleEntity(ctx, blueprint, identifier)
	if err != nil {
		return Entity{}, err
	}
	return r.entity(sights.m.blueprints[blueprint]), nil
}

// schema is a blueprint ready to check entities. The lock is taken for callers
// that will write what the blueprint says.
func (c *Catalog) schema(ctx context.Context, q store.Querier, blueprint, _ string) (*schema, error) {
	m, err := c.model(ctx, q)
	if err != nil {
		return nil, err
	}
	s := m.blueprints[blueprint]
	if s == nil {
		return nil, noBlueprint(blueprint)
	}
	return s, nil
}

// PutEntity creates an entity, or with w.Upsert replaces or merges it. It
// reports whether the entity is new. A write that changes nothing leaves no
// trace.
func (c *Catalog) PutEntity(ctx context.Context, blueprint string, n NewEntity, w Write) (Entity, bool, error) {
	if err := c.may(ctx, VerbKnown, blueprint); err != nil {
		return Entity{}, false, err
	}
	if n.Blueprint != "" && n.Blueprint != blueprint {
		n.other = n.Blueprint
	}
	n.Blueprint = blueprint
	var item Item
	p, err := newPut(n, &item, 0)
	if err != nil {
		return Entity{}, false, err
	}
	left, err := c.unchanged(ctx, []*put{p}, w)
	if err != nil {
		return Entity{}, false, err
	}
	if len(left) == 0 {
		e, err := c.Entity(ctx, blueprint, n.Identifier)
		return e, false, err
	}
	return c.putOne(ctx, p, w)
}

// ReplaceEntity writes an existing entity as a whole: what is not sent is
// cleared. An identifier in n that differs is a rename; relations follow.
func (c *Catalog) ReplaceEntity(ctx context.Context, blueprint, identifier string, n NewEntity, w Write) (Entity, error) {
	w.Merge = false
	return c.changeEntity(ctx, blueprint, identifier, n, w)
}

// PatchEntity changes what is sent of an existing entity; null clears.
func (c *Catalog) PatchEntity(ctx context.Context, blueprint, identifier string, n NewEntity, w Write) (Entity, error) {
	w.Merge = true
	return c.changeEntity(ctx, blueprint, identifier, n, w)
}

func (c *Catalog) changeEntity(ctx context.Context, blueprint, identifier string, n NewEntity, w Write) (Entity, error) {
	if err := c.may(ctx, VerbKnown, blueprint); err != nil {
		return Entity{}, err
	}
	if n.Identifier == "" {
		n.Identifier = identifier
	}
	if n.Blueprint != "" && n.Blueprint != blueprint {
		n.other = n.Blueprint
	}
	n.Blueprint = blueprint
	var item Item
	p, err := newPut(n, &item, 0)
	if err != nil {
		return Entity{}, err
	}
	p.at, p.must = identifier, true
	e, _, err := c.putOne(ctx, p, w)
	return e, err
}

// putOne writes one entity, with an audit event that shows what changed.
func (c *Catalog) putOne(ctx context.Context, p *put, w Write) (Entity, bool, error) {
	w.Answer = true
	err := c.writeBatch(ctx, w, func(b *batch) error {
		p.reset()
		if err := b.write(ctx, []*put{p}); err != nil {
			return err
		}
		if p.item.Err != nil {
			return p.item.Err
		}
		return b.recordOne(ctx, p.row)
	})
	if err != nil {
		return Entity{}, false, err
	}
	return *p.item.Entity, p.item.Created, nil
}

// recordOne records what a single write did to a row, and to the related ones
// it made.
func (b *batch) recordOne(ctx context.Context, r *row) error {
	for _, one := range b.fresh {
		if one != r {
			if err := b.recordRow(ctx, one); err != nil {
				return err
			}
		}
	}
	return b.recordRow(ctx, r)
}

func (b *batch) recordRow(ctx context.Context, r *row) error {
	if r.first == nil || !r.sent {
		return nil // as it was
	}
	verb := "entity.create"
	if b.w.back != nil {
		verb = "entity.restore"
	}
	var before map[string]any
	after := r.now.flat()
	if old := r.first.old; old != nil {
		verb, before = "entity.update", old.flat()
		if old.Identifier != r.now.Identifier {
			before["identifier"], after["identifier"] = old.Identifier, r.now.Identifier
		}
	}
	return b.c.record(ctx, b.tx, verb, r.ref(), b.w.By, b.w.RunID, changeDetail(before, after))
}

// saveEntity writes n over old, nil for a new entity, in a transaction that
// does more than that.
func (c *Catalog) saveEntity(ctx context.Context, tx *store.Tx, s *schema, old *stored, n NewEntity, w Write) (Entity, error) {
	w.Answer = true
	b, err := c.newBatch(ctx, tx, w)
	if err != nil {
		return Entity{}, err
	}
	var item Item
	n.Blueprint = s.Identifier
	if old != nil && n.Identifier == "" {
		n.Identifier = old.Identifier
	}
	p, err := newPut(n, &item, 0)
	if err != nil {
		return Entity{}, err
	}
	if old != nil {
		p.at, p.must = old.Identifier, true
	}
	if err := b.write(ctx, []*put{p}); err != nil {
		return Entity{}, err
	}
	if item.Err != nil {
		return Entity{}, item.Err
	}
	b.notify()
	return *item.Entity, b.recordOne(ctx, p.row)
}
