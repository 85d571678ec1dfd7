package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"sphera/internal/catalog/query"
	"sphera/internal/fault"
	"sphera/internal/store"
)

// What the catalog asks Access for. Everything it does is one of them.
const (
	// VerbKnown asks only that somebody acts; what changes is then decided
	// entity by entity.
	VerbKnown = ""
	VerbRead  = "catalog.read"
	VerbShape = "blueprint.write"
	// VerbMaintain is for the portal's own work.
	VerbMaintain = "catalog.maintain"
)

// Access decides who may see and change what the catalog keeps. Every public
// method asks it, whatever was decided before; who acts is in the context.
// Without one the catalog refuses everything.
type Access struct {
	// May asserts a verb for a blueprint, or with "" for no one of them.
	May func(ctx context.Context, verb, blueprint string) error
	// See says which entities of a blueprint may be read.
	See func(ctx context.Context, b Blueprint) (View, error)
	// Free tells whether the actor may change every entity: the portal itself.
	Free func(ctx context.Context) bool
	// Change decides changes of entities: an error for each, nil where it may
	// be made.
	Change func(ctx context.Context, list []Touch) []error
}

// View is which entities of a blueprint somebody may read.
type View struct {
	// None hides all of them.
	None bool
	// Where hides what does not fit; its rules about a caller are bound.
	Where *query.Query
	// Keep hides more, looking at each; nil where Where says it all.
	Keep func(ctx context.Context, list []Entity) ([]bool, error)
}

// All tells whether nothing is hidden.
func (v View) All() bool { return !v.None && v.Where == nil && v.Keep == nil }

// What happens to an entity.
const (
	Register   = "register"
	Update     = "update"
	Unregister = "unregister"
)

// Touch is a change of one entity that somebody is about to make.
type Touch struct {
	// Verb is Register, Update or Unregister.
	Verb       string
	Blueprint  Blueprint
	Identifier string
	// Before and After are nil where there is none. They are shared: look only.
	Before, After *State
	// Fields differ: "title", "icon", "team", "identifier", "properties.NAME",
	// "relations.NAME".
	Fields []string
	// Owned are fields besides "team" that say who owns this or other entities,
	// with the teams that follow from them before and after.
	Owned []Owning
}

// State is what decides of an entity before or after a change.
type State struct {
	Team       []string
	Properties map[string]any
}

// Owning is a relation that ownership is taken over.
type Owning struct {
	Field         string
	Before, After []string
}

// Guard sets who decides, and returns c.
func (c *Catalog) Guard(a Access) *Catalog {
	c.access = a
	return c
}

func (c *Catalog) may(ctx context.Context, verb, blueprint string) error {
	if c.access.May == nil {
		return fault.New(fault.Internal, "The catalog has nobody to ask what may be done.")
	}
	return c.access.May(ctx, verb, blueprint)
}

// sights is what the actor of one call may read. It lives for that call.
type sights struct {
	c     *Catalog
	m     *model
	views map[string]View
	seen  map[int64]bool
}

func (c *Catalog) sights(m *model) *sights {
	return &sights{c: c, m: m, views: map[string]View{}, seen: map[int64]bool{}}
}

// reading asserts that a blueprint may be read, and gives the sights.
func (c *Catalog) reading(ctx context.Context, blueprint string) (*sights, error) {
	if err := c.may(ctx, VerbRead, blueprint); err != nil {
		return nil, err
	}
	m, err := c.model(ctx, c.db.Read())
	if err != nil {
		return nil, err
	}
	return c.sights(m), nil
}

// of is what may be read of a blueprint. A rule that the blueprint does not
// bear out hides everything: it could mean anything.
func (s *sights) of(ctx context.Context, blueprint string) (View, error) {
	if v, ok := s.views[blueprint]; ok {
		return v, nil
	}
	b := s.m.blueprints[blueprint]
	if b == nil {
		// What is left of a blueprint that is gone, with its permissions.
		err := s.c.may(ctx, VerbShape, blueprint)
		if _, refused := fault.As(err); err != nil && !refused {
			return View{}, err
		}
		s.views[blueprint] = View{None: err != nil}
		return s.views[blueprint], nil
	}
	v, err := s.c.access.See(ctx, b.Blueprint)
	if err != nil {
		return View{}, err
	}
	if v.Where != nil {
		if _, _, problems := v.Where.SQL(s.c.db.Dialect, s.m.fields(b), s.env(), 1); len(problems) > 0 {
			v = View{None: true}
		}
	}
	s.views[blueprint] = v
	return v, nil
}

func (s *sights) env() query.Env { return query.Env{Now: s.c.now()} }

// whole tells whether nothing of any blueprint is hidden.
func (s *sights) whole(ctx context.Context) (bool, error) {
	for id := range s.m.blueprints {
		v, err := s.of(ctx, id)
		if err != nil || !v.All() {
			return false, err
		}
	}
	return true, nil
}

// look finds out which of the entities may be read, and keeps it in seen.
func (s *sights) look(ctx context.Context, q store.Querier, ids []int64) error {
	var open []int64
	for _, id := range ids {
		if _, known := s.seen[id]; !known {
			s.seen[id] = false
			open = append(open, id)
		}
	}
	for part := range slices.Chunk(open, 2000) {
		these, args := idsIn(s.c.db.Dialect, "e.id", part, 1)
		rows, err := q.QueryContext(ctx, "SELECT e.id, e.blueprint FROM entities e WHERE "+these+" AND e.pending = 0", args...)
		type one struct {
			id        int64
			blueprint string
		}
		list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (o one, err error) { return o, row.Scan(&o.id, &o.blueprint) })
		if err != nil {
			return fmt.Errorf("look what may be seen: %w", err)
		}
		of := map[string][]int64{}
		for _, o := range list {
			of[o.blueprint] = append(of[o.blueprint], o.id)
		}
		for _, blueprint := range sortedKeys(of) {
			if err := s.lookAt(ctx, q, blueprint, of[blueprint]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *sights) lookAt(ctx context.Context, q store.Querier, blueprint string, ids []int64) error {
	v, err := s.of(ctx, blueprint)
	if err != nil || v.None {
		return err
	}
	b := s.m.blueprints[blueprint]
	condition, args := "(1 = 1)", []any(nil)
	if v.Where != nil {
		condition, args, _ = v.Where.SQL(s.c.db.Dialect, s.m.fields(b), s.env(), 1)
	}
	these, more := idsIn(s.c.db.Dialect, "e.id", ids, len(args)+1)
	args = append(args, more...)
	if v.Keep == nil {
		if v.Where != nil {
			rows, err := q.QueryContext(ctx, "SELECT e.id FROM entities e WHERE "+these+" AND "+condition, args...)
			if ids, err = store.All(rows, err, scanID); err != nil {
				return fmt.Errorf("look what may be seen: %w", err)
			}
		}
		for _, id := range ids {
			s.seen[id] = true
		}
		return nil
	}
	rows, err := q.QueryContext(ctx, "SELECT "+entityColumns+" FROM entities e WHERE "+these+" AND "+condition, args...)
	list, err := store.All(rows, err, scanStored)
	if err != nil {
		return fmt.Errorf("look what may be seen: %w", err)
	}
	kept, err := keep(ctx, v, b, list)
	for _, r := range kept {
		s.seen[r.id] = true
	}
	return err
}

// keep is what of a list may be read.
func keep(ctx context.Context, v View, b *schema, list []*stored) ([]*stored, error) {
	if v.Keep == nil || len(list) == 0 {
		return list, nil
	}
	entities := make([]Entity, len(list))
	for i, r := range list {
		entities[i] = r.entity(b)
	}
	fits, err := v.Keep(ctx, entities)
	if err != nil || len(fits) != len(list) {
		return nil, errors.Join(err, errUndecided(len(fits), len(list)))
	}
	out := make([]*stored, 0, len(list))
	for i, r := range list {
		if fits[i] {
			out = append(out, r)
		}
	}
	return out, nil
}

func errUndecided(n, of int) error {
	if n == of {
		return nil
	}
	return fmt.Errorf("%d of %d entities were decided on", n, of)
}

// one tells whether an entity may be read.
func (s *sights) one(ctx context.Context, q store.Querier, blueprint string, id int64) (bool, error) {
	v, err := s.of(ctx, blueprint)
	if err != nil || v.None || v.All() {
		return v.All(), err
	}
	err = s.look(ctx, q, []int64{id})
	return s.seen[id], err
}

// past tells whether a state that an entity had may be read. What asks about
// other entities cannot be told of the past, and is not shown.
func (s *sights) past(ctx context.Context, blueprint string, e Entity) (bool, error) {
	v, err := s.of(ctx, blueprint)
	if err != nil || v.None || v.All() {
		return v.All(), err
	}
	env := s.env()
	fields := s.m.fields(s.m.blueprints[blueprint]) // one that is gone has no such view
	env.Fields = &fields
	if v.Where != nil {
		state := subject(e)
		state["scorecards"], state["datasource"] = e.Scorecards, e.Datasource
		fits, err := v.Where.Match(state, env)
		if err != nil || !fits {
			return false, nil //nolint:nilerr // what cannot be told is hidden
		}
	}
	if v.Keep == nil {
		return true, nil
	}
	fits, err := v.Keep(ctx, []Entity{e})
	return len(fits) == 1 && fits[0], err
}

// among keeps the ids that may be read, in their order.
func (s *sights) among(ctx context.Context, q store.Querier, ids []int64) ([]int64, error) {
	if whole, err := s.whole(ctx); err != nil || whole {
		return ids, err
	}
	if err := s.look(ctx, q, ids); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(ids), func(id int64) bool { return !s.seen[id] }), nil
}

// visibleEntity reads an entity that may be read. What may not is not there.
func (c *Catalog) visibleEntity(ctx context.Context, blueprint, identifier string) (*stored, *sights, error) {
	sights, err := c.reading(ctx, blueprint)
	if err != nil {
		return nil, nil, err
	}
	if sights.m.blueprints[blueprint] == nil {
		return nil, nil, noBlueprint(blueprint)
	}
	r, err := readStored(ctx, c.db.Read(), c.db.Dialect, blueprint, identifier, "")
	if err != nil {
		return nil, nil, err
	}
	if r == nil {
		return nil, nil, noEntity(blueprint, identifier)
	}
	v, err := sights.of(ctx, blueprint)
	if err != nil {
		return nil, nil, err
	}
	if !v.All() {
		var fits bool
		if fits, err = sights.one(ctx, c.db.Read(), blueprint, r.id); err == nil && !fits {
			err = noEntity(blueprint, identifier)
		}
	}
	return r, sights, err
}

// seenOf keeps of a list what may be read; blueprint is that of all of them, or
// empty.
func seenOf[T any](ctx context.Context, s *sights, q store.Querier, blueprint string, list []T, id func(T) int64) ([]T, error) {
	if len(list) == 0 {
		return list, nil
	}
	var whole bool
	var err error
	if blueprint != "" {
		var v View
		if v, err = s.of(ctx, blueprint); err == nil && v.None {
			return list[:0:0], nil
		}
		whole = v.All()
	} else {
		whole, err = s.whole(ctx)
	}
	if err != nil || whole {
		return list, err
	}
	ids := make([]int64, len(list))
	for i, one := range list {
		ids[i] = id(one)
	}
	if err := s.look(ctx, q, ids); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(list), func(one T) bool { return !s.seen[id(one)] }), nil
}
