package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"sphera/internal/fault"
	"sphera/internal/store"
)

// sights is what the actor of the batch may read.
func (b *batch) sights() *sights {
	if b.look == nil {
		b.look = b.c.sights(b.m)
	}
	return b.look
}

func (b *batch) free(ctx context.Context) bool {
	return b.w.rehearsal || b.c.access.Free != nil && b.c.access.Free(ctx)
}

// authorize decides what the puts of a wave would change, before any of it is
// made.
func (b *batch) authorize(ctx context.Context, wave []*put) error {
	if b.free(ctx) {
		return nil
	}
	if err := b.hide(ctx, wave); err != nil {
		return err
	}
	list := make([]Touch, 0, len(wave))
	puts := make([]*put, 0, len(wave))
	for _, p := range wave {
		if p.failed() {
			continue
		}
		t, err := b.touch(ctx, p)
		if err != nil {
			return err
		}
		if t.Verb == Update && len(t.Fields) == 0 {
			continue // as it is
		}
		list, puts = append(list, t), append(puts, p)
	}
	refused, err := b.change(ctx, list)
	if err != nil {
		return err
	}
	for i, p := range puts {
		p.err = refused[i]
	}
	return nil
}

// hide treats what the actor may not see as what is not there.
func (b *batch) hide(ctx context.Context, wave []*put) error {
	for _, p := range wave {
		if p.failed() || p.row == nil || p.row.old == nil || p.row.now.pending != 0 {
			continue
		}
		fits, err := b.sights().one(ctx, b.tx, p.s.Identifier, p.row.now.id)
		switch {
		case err != nil:
			return err
		case fits:
		case p.must:
			p.err = noEntity(p.s.Identifier, p.at)
		default:
			p.err = fault.New(fault.Taken, "There is a %s %q already (identifier_taken).", p.s.Identifier, p.at)
		}
	}
	return nil
}

// change asks for a decision on each. What is no refusal, such as a decision
// that could not be made, is an error for all of them.
func (b *batch) change(ctx context.Context, list []Touch) ([]error, error) {
	if len(list) == 0 {
		return nil, nil
	}
	if b.c.access.Change == nil {
		return nil, fault.New(fault.Internal, "The catalog has nobody to ask what may be changed.")
	}
	out := b.c.access.Change(ctx, list)
	if len(out) != len(list) {
		return nil, errUndecided(len(out), len(list))
	}
	for _, err := range out {
		if _, ours := fault.As(err); err != nil && !ours {
			return nil, err
		}
	}
	return out, nil
}

// touch is what a put would change.
func (b *batch) touch(ctx context.Context, p *put) (Touch, error) {
	t := Touch{Verb: Register, Blueprint: p.s.Blueprint, Identifier: p.at, After: &State{Team: p.draft.Team, Properties: p.draft.Properties}}
	var before draft
	if p.row != nil {
		before = p.row.now.draft
		t.Verb, t.Before = Update, &State{Team: before.Team, Properties: before.Properties}
	}
	t.Fields = p.draft.changes(before)
	if p.row != nil && before.Identifier != p.draft.Identifier {
		t.Fields = append(t.Fields, fieldIdentifier)
	}
	owning := b.m.owning[p.s.Identifier]
	for _, name := range sortedKeys(owning) {
		if !slices.Contains(t.Fields, fieldRelation(name)) {
			continue
		}
		was, err := b.idsOfRelation(ctx, p, name, before.Relations[name])
		if err != nil {
			return t, err
		}
		is, err := b.idsOfRelation(ctx, p, name, p.draft.Relations[name])
		if err != nil {
			return t, err
		}
		for _, hops := range owning[name] {
			o := Owning{Field: fieldRelation(name)}
			if o.Before, err = b.owners(ctx, was, hops); err == nil {
				o.After, err = b.owners(ctx, is, hops)
			}
			if err != nil {
				return t, err
			}
			t.Owned = append(t.Owned, o)
		}
	}
	if p.s.inherit != nil {
		ids, err := b.idsOfRelation(ctx, p, p.s.inherit[0], p.draft.Relations[p.s.inherit[0]])
		if err != nil {
			return t, err
		}
		team, err := b.owners(ctx, ids, p.s.inherit[1:])
		t.After = &State{Team: team, Properties: p.draft.Properties}
		return t, err
	}
	return t, nil
}

// idsOfRelation finds the targets that exist already.
func (b *batch) idsOfRelation(ctx context.Context, p *put, name string, identifiers []string) ([]int64, error) {
	found := map[string]int64{}
	target := p.s.Relations[name].Target
	if err := b.idsOf(ctx, target, slices.Clone(identifiers), found); err != nil {
		return nil, err
	}
	ids := make([]int64, 0, len(identifiers))
	for _, identifier := range identifiers {
		if id, ok := found[nameKey(target, identifier)]; ok {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// owners are the teams at the end of a path, as they are in the batch.
func (b *batch) owners(ctx context.Context, ids []int64, hops []string) ([]string, error) {
	for _, hop := range hops {
		var next, open []int64
		for _, id := range ids {
			if r := b.rows[id]; r != nil && r.linked {
				next = append(next, r.now.targets[hop]...)
			} else {
				open = append(open, id)
			}
		}
		if len(open) == 0 {
			ids = next
			continue
		}
		these, args := idsIn(b.tx.Dialect, "r.source", open, 2)
		rows, err := b.tx.QueryContext(ctx, "SELECT r.target FROM entity_relations r WHERE r.relation = $1 AND "+these, append([]any{hop}, args...)...)
		found, err := store.All(rows, err, scanID)
		if err != nil {
			return nil, fmt.Errorf("find who owns it: %w", err)
		}
		ids = append(next, found...)
	}
	if err := b.load(ctx, ids); err != nil {
		return nil, err
	}
	out := []string{}
	for _, id := range ids {
		if r := b.rows[id]; r != nil {
			out = append(out, r.now.Team...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// authorizeStub decides whether a related entity may be made on the way.
func (b *batch) authorizeStub(ctx context.Context, s *schema, identifier string) error {
	if b.free(ctx) {
		return nil
	}
	refused, err := b.change(ctx, []Touch{{Verb: Register, Blueprint: s.Blueprint, Identifier: identifier, After: &State{Team: []string{}}, Fields: []string{fieldTitle}}})
	return errors.Join(append(refused, err)...)
}

// seenNames keeps the identifiers of what may be read, or is not there.
func (b *batch) seenNames(ctx context.Context, blueprint string, ids []string) ([]string, error) {
	out := make([]string, 0, len(ids))
	for _, id := range ids {
		r := b.byName[nameKey(blueprint, id)]
		if r == nil {
			continue
		}
		if r.old != nil {
			if fits, err := b.sights().one(ctx, b.tx, blueprint, r.now.id); err != nil {
				return nil, err
			} else if !fits {
				continue
			}
		}
		out = append(out, id)
	}
	return out, nil
}

// authorizeDelete decides on all that would go; one that may not go keeps all.
func (b *batch) authorizeDelete(ctx context.Context, d *deletion) error {
	if b.free(ctx) {
		return nil
	}
	list := make([]Touch, len(d.doomed))
	for i, r := range d.doomed {
		list[i] = Touch{Verb: Unregister, Blueprint: r.s.Blueprint, Identifier: r.now.Identifier, Before: &State{Team: r.now.Team, Properties: r.now.Properties}}
	}
	refused, err := b.change(ctx, list)
	if err != nil {
		return err
	}
	for i, r := range d.doomed {
		if refused[i] == nil {
			continue
		}
		if fits, err := b.sights().one(ctx, b.tx, r.s.Identifier, r.now.id); err != nil || !fits {
			return errors.Join(err, fault.New(fault.HasDependents, "%s %q is pointed at by what you may not see (has_dependents). Ask infrastructure to delete it.", d.doomed[0].s.Identifier, d.doomed[0].now.Identifier))
		}
		return refused[i]
	}
	return nil
}

// hasDependents names what stands in the way of a delete, as far as it may be
// read.
func (b *batch) hasDependents(ctx context.Context, r *stored, required []Hit) error {
	seen, err := seenOf(ctx, b.sights(), b.tx, "", required, func(h Hit) int64 {
		if one := b.byName[nameKey(h.Blueprint, h.Identifier)]; one != nil {
			return one.now.id
		}
		return 0
	})
	if err != nil {
		return err
	}
	if len(seen) == 0 {
		return fault.New(fault.HasDependents, "%s %q is required by what you may not see (has_dependents). Ask infrastructure to delete it.", r.blueprint, r.Identifier)
	}
	return hasDependents(r, seen)
}
