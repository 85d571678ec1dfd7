package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sphera/internal/catalog/property"
	"sphera/internal/fault"
	"sphera/internal/store"

	"github.com/google/uuid"
)

// Entity returns one entity.
func (c *Catalog) Entity(ctx context.Context, blueprint, identifier string) (Entity, error) {
	s, err := c.schema(ctx, c.db.Read(), blueprint, "")
	if err != nil {
		return Entity{}, err
	}
	r, err := readStored(ctx, c.db.Read(), blueprint, identifier, "")
	if err != nil {
		return Entity{}, err
	}
	if r == nil {
		return Entity{}, noEntity(blueprint, identifier)
	}
	return r.entity(s), nil
}

// schema reads a blueprint and makes it ready to check entities. What was made
// of a document is kept as long as the document stays the same, which every
// use compares: replicas need not tell each other.
func (c *Catalog) schema(ctx context.Context, q store.Querier, blueprint, lock string) (*schema, error) {
	var doc string
	err := q.QueryRowContext(ctx, "SELECT doc FROM blueprints WHERE identifier = $1"+lock, blueprint).Scan(&doc)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, noBlueprint(blueprint)
	}
	if err != nil {
		return nil, fmt.Errorf("read blueprint %s: %w", blueprint, err)
	}
	if known, ok := c.schemas.Load(blueprint); ok && known.(*schema).doc == doc {
		return known.(*schema), nil
	}
	var b Blueprint
	if err := json.Unmarshal([]byte(doc), &b); err != nil {
		return nil, fmt.Errorf("stored blueprint %s: %w", blueprint, err)
	}
	b.complete()
	s, err := newSchema(b)
	if err != nil {
		return nil, err
	}
	s.doc = doc
	c.schemas.Store(blueprint, s)
	return s, nil
}

// PutEntity creates an entity, or with w.Upsert replaces or merges it. It
// reports whether the entity is new. A write that changes nothing leaves no
// trace.
func (c *Catalog) PutEntity(ctx context.Context, blueprint string, n NewEntity, w Write) (Entity, bool, error) {
	if n.Identifier == "" {
		id, err := uuid.NewV7()
		if err != nil {
			return Entity{}, false, fmt.Errorf("make an identifier: %w", err)
		}
		n.Identifier = id.String()
	}
	var out Entity
	var created bool
	err := c.write(ctx, func(tx *store.Tx) error {
		s, err := c.schema(ctx, tx, blueprint, shared(tx.Dialect))
		if err != nil {
			return err
		}
		old, err := readStored(ctx, tx, blueprint, n.Identifier, tx.ForUpdate())
		if err != nil {
			return err
		}
		if old != nil && !w.Upsert {
			return fault.New(fault.Taken, "There is a %s %q already (identifier_taken).", blueprint, n.Identifier)
		}
		created = old == nil
		out, err = c.saveEntity(ctx, tx, s, old, n, w)
		return err
	})
	return out, created, err
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
	if n.Identifier == "" {
		n.Identifier = identifier
	}
	var out Entity
	err := c.write(ctx, func(tx *store.Tx) error {
		s, err := c.schema(ctx, tx, blueprint, shared(tx.Dialect))
		if err != nil {
			return err
		}
		old, err := readStored(ctx, tx, blueprint, identifier, tx.ForUpdate())
		if err != nil {
			return err
		}
		if old == nil {
			return noEntity(blueprint, identifier)
		}
		if n.Identifier != identifier {
			taken, err := readStored(ctx, tx, blueprint, n.Identifier, "")
			if err != nil {
				return err
			}
			if taken != nil {
				return fault.New(fault.Taken, "There is a %s %q already (identifier_taken).", blueprint, n.Identifier)
			}
		}
		out, err = c.saveEntity(ctx, tx, s, old, n, w)
		return err
	})
	return out, err
}

// saveEntity checks n against the blueprint and the entities it points at, and
// writes it with its audit event.
func (c *Catalog) saveEntity(ctx context.Context, tx *store.Tx, s *schema, old *stored, n NewEntity, w Write) (Entity, error) {
	var before *draft
	if old != nil {
		before = &old.draft
	}
	d, problems := s.draft(before, n, w.Merge)
	targets, err := resolveTargets(ctx, tx, s, before, d, &problems)
	if err != nil {
		return Entity{}, err
	}
	if len(problems) > 0 {
		return Entity{}, problems.fault(fmt.Sprintf("%s %q was not saved", s.Identifier, cut(n.Identifier)))
	}
	if text, err := sortedJSON(d.Properties); err != nil || len(text) > maxDocument {
		return Entity{}, fault.New(fault.TooLarge, "The properties of %s %q have %d bytes; at most %d are kept.", s.Identifier, d.Identifier, len(text), maxDocument)
	}
	if old != nil && old.equal(d) {
		return old.entity(s), nil
	}
	at := store.Millis(c.now())
	r := &stored{blueprint: s.Identifier, draft: d, created: at, updated: at, createdBy: w.By, updatedBy: w.By}
	if old != nil {
		r.id, r.created, r.createdBy = old.id, old.created, old.createdBy
	}
	if w.ValidationOnly {
		return r.entity(s), nil
	}
	if w.back != nil {
		w.back.prepare(r)
	}
	if err := c.writeEntity(ctx, tx, old, r, targets, w); err != nil {
		return Entity{}, err
	}
	tx.Notify(Topic, Ref(s.Identifier, d.Identifier))
	return r.entity(s), nil
}

func (c *Catalog) writeEntity(ctx context.Context, tx *store.Tx, old, r *stored, targets map[string][]int64, w Write) error {
	if old == nil {
		if err := insertRow(ctx, tx, r); err != nil {
			return err
		}
	} else if err := updateRow(ctx, tx, r, old.Team); err != nil {
		return err
	}
	return c.writeLinks(ctx, tx, old, r, targets, w)
}

// writeLinks writes the relations that differ, and the audit event.
func (c *Catalog) writeLinks(ctx context.Context, tx *store.Tx, old, r *stored, targets map[string][]int64, w Write) error {
	if err := c.indexText(ctx, tx, []*stored{old}, []*stored{r}); err != nil {
		return err
	}
	var before map[string][]string
	var flatBefore map[string]any
	verb := "entity.create"
	if w.back != nil {
		verb = "entity.restore"
	}
	if old != nil {
		verb, before, flatBefore = "entity.update", old.Relations, old.flat()
		if old.Identifier != r.Identifier {
			flatBefore["identifier"] = old.Identifier
		}
	}
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if _, kept := r.Relations[name]; !kept {
			if err := writeRelation(ctx, tx, r.id, name, true, nil); err != nil {
				return err
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Relations)) {
		was, had := before[name]
		if had && slices.Equal(was, r.Relations[name]) {
			continue
		}
		ids := make([]int64, 0, len(r.Relations[name]))
		for i, target := range r.Relations[name] {
			id := targets[name][i]
			if id == 0 && target == r.Identifier {
				id = r.id // a new entity that points at itself
			}
			ids = append(ids, id)
		}
		if err := writeRelation(ctx, tx, r.id, name, had, ids); err != nil {
			return err
		}
	}
	if err := c.keepVersion(ctx, tx, r, strings.TrimPrefix(verb, "entity."), w); err != nil {
		return err
	}
	after := r.flat()
	if _, renamed := flatBefore["identifier"]; renamed {
		after["identifier"] = r.Identifier
	}
	return c.record(ctx, tx, verb, Ref(r.blueprint, r.Identifier), w.By, w.RunID, changeDetail(flatBefore, after))
}

// resolveTargets finds the database ids of the relations' targets. Relations
// that did not change are not looked up again.
func resolveTargets(ctx context.Context, tx *store.Tx, s *schema, before *draft, d draft, p *problems) (map[string][]int64, error) {
	out := make(map[string][]int64, len(d.Relations))
	for _, name := range slices.Sorted(maps.Keys(d.Relations)) {
		wanted := d.Relations[name]
		if before != nil && slices.Equal(before.Relations[name], wanted) {
			continue
		}
		r := s.Relations[name]
		found, err := findIDs(ctx, tx, r.Target, wanted)
		if err != nil {
			return nil, err
		}
		ids := make([]int64, len(wanted))
		for i, target := range wanted {
			id, ok := found[target]
			itself := r.Target == s.Identifier && target == d.Identifier
			if !ok && !itself {
				at := "/relations/" + property.Escape(name)
				if r.Many {
					at += fmt.Sprintf("/%d", i)
				}
				p.add(at, fmt.Sprintf("there is no %s %q", r.Target, cut(target)), "the identifier of an existing "+r.Target)
			}
			ids[i] = id
		}
		out[name] = ids
	}
	return out, nil
}
