package catalog

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"sphera/internal/store"
)

// noteCounts notes which aggregations the changes of rows of one blueprint
// touch. It looks at relations as they are now and at the targets rows had.
func (b *batch) noteCounts(ctx context.Context, blueprint string, list []*row) error {
	for _, part := range b.m.counted[blueprint] {
		var err error
		if part.node < 0 {
			err = b.noteReach(ctx, part.a, list)
		} else {
			err = b.notePath(ctx, part, list)
		}
		if err != nil {
			return err
		}
		if part.a.blueprint == blueprint {
			for _, r := range list {
				if r.fresh && !r.gone {
					b.note(part.a, r.now.id, "")
				}
			}
		}
	}
	return nil
}

func (b *batch) note(a *aggregation, id int64, cause string) {
	if b.derive.counting[a] == nil {
		b.derive.counting[a] = map[int64]string{}
	}
	if b.derive.counting[a][id] == "" {
		b.derive.counting[a][id] = cause
	}
}

// counts tells whether the change of a target entity matters to a.
func (a *aggregation) counts(r *row) bool {
	if r.gone || r.fresh || a.readsAll && len(r.told) > 0 {
		return true
	}
	for field := range r.told {
		if a.reads[field] {
			return true
		}
	}
	return false
}

// bothTargets are the targets of a relation before and after.
func (r *row) bothTargets(relation string) []int64 {
	ids := slices.Clone(r.now.targets[relation])
	if r.old != nil {
		ids = append(ids, r.old.targets[relation]...)
	}
	return ids
}

func (b *batch) notePath(ctx context.Context, part takesPart, list []*row) error {
	a, n := part.a, len(part.a.path)
	atTarget := part.node == n && !a.backward || part.node == 0 && a.backward
	var from []int64
	cause := ""
	for _, r := range list {
		hop := part.node < n && r.told[fieldRelation(a.path[part.node])]
		if !hop && (!atTarget || !a.counts(r)) {
			continue
		}
		cause = r.ref()
		if a.backward {
			if part.node < n {
				from = append(from, r.bothTargets(a.path[part.node])...)
			}
			continue
		}
		if part.node == 0 {
			b.note(a, r.now.id, "")
			continue
		}
		from = append(from, r.now.id)
	}
	if len(from) == 0 {
		return nil
	}
	var query string
	var args []any
	if a.backward {
		query, args = forwards(a.path[part.node+1:], from)
	} else {
		query, args = backwards(a.path[:part.node], from)
	}
	return b.noteFound(ctx, a, query, args, cause)
}

// noteFound notes the entities of the aggregation's blueprint among those that
// a query selects.
func (b *batch) noteFound(ctx context.Context, a *aggregation, query string, args []any, cause string) error {
	args = append(args, a.blueprint)
	rows, err := b.tx.QueryContext(ctx, "SELECT e.id FROM entities e WHERE e.id IN ("+query+") AND e.blueprint = $"+strconv.Itoa(len(args))+" ORDER BY e.id", args...)
	ids, err := store.All(rows, err, scanInt)
	if err != nil {
		return fmt.Errorf("find what counts %s: %w", a.Target, err)
	}
	for _, id := range ids {
		b.note(a, id, cause)
	}
	return nil
}

func (b *batch) noteReach(ctx context.Context, a *aggregation, list []*row) error {
	var backFrom, forthFrom []int64
	cause := ""
	for _, r := range list {
		atTarget := r.s.Identifier == a.Target && a.counts(r)
		forth, back := atTarget, false
		var ends []int64
		for name := range r.s.Relations {
			if !r.told[fieldRelation(name)] && !atTarget {
				continue
			}
			forth = forth || a.forth[name]
			if a.back[name] {
				back = true
				ends = append(ends, r.bothTargets(name)...)
			}
		}
		if !forth && !back {
			continue
		}
		cause = r.ref()
		if forth {
			backFrom = append(backFrom, r.now.id)
		}
		forthFrom = append(forthFrom, ends...)
	}
	sources, err := b.reach(ctx, backFrom, a.forth, false)
	if err != nil {
		return err
	}
	targets, err := b.reach(ctx, forthFrom, a.back, true)
	if err != nil {
		return err
	}
	for _, ids := range [][]int64{backFrom, sources, forthFrom, targets} {
		for part := range slices.Chunk(ids, 5000) {
			if err := b.noteFound(ctx, a, idList(part), nil, cause); err != nil {
				return err
			}
		}
	}
	return nil
}

// reach follows relations with these names from ids, up to maxHops, and gives
// what it found besides ids themselves.
func (b *batch) reach(ctx context.Context, ids []int64, relations map[string]bool, forward bool) ([]int64, error) {
	return reach(ctx, b.tx, b.tx.Dialect, ids, relations, forward)
}

func reach(ctx context.Context, q store.Querier, d store.Dialect, ids []int64, relations map[string]bool, forward bool) ([]int64, error) {
	if len(ids) == 0 || len(relations) == 0 {
		return nil, nil
	}
	from, to := "target", "source"
	if forward {
		from, to = to, from
	}
	names, err := valuesArg(d, sortedKeys(relations))
	if err != nil {
		return nil, err
	}
	in := map[int64]bool{}
	for _, id := range ids {
		in[id] = true
	}
	var out []int64
	frontier := ids
	for hop := 0; hop < maxHops && len(frontier) > 0 && len(out) < maxCounted; hop++ {
		rows, err := q.QueryContext(ctx, "SELECT DISTINCT "+to+" FROM entity_relations WHERE "+from+" IN ("+idList(frontier)+") AND "+among(d, "relation", 1)+" LIMIT "+strconv.Itoa(maxCounted), names)
		found, err := store.All(rows, err, scanInt)
		if err != nil {
			return nil, fmt.Errorf("follow relations: %w", err)
		}
		frontier = nil
		for _, id := range found {
			if !in[id] {
				in[id] = true
				out, frontier = append(out, id), append(frontier, id)
			}
		}
	}
	return out, nil
}

// countAll works out the aggregations that were noted, as many as there is
// room for; the rest goes to the queue.
func (b *batch) countAll(ctx context.Context) error {
	noted := b.derive.counting
	b.derive.counting = map[*aggregation]map[int64]string{}
	var order []*aggregation
	for a := range noted {
		order = append(order, a)
	}
	slices.SortFunc(order, func(x, y *aggregation) int {
		return compareText(x.blueprint+"\x00"+x.name, y.blueprint+"\x00"+y.name)
	})
	for _, a := range order {
		ids := sortedKeys(noted[a])
		var now, left []int64
		for _, id := range ids {
			r := b.rows[id]
			switch {
			case r != nil && r.gone:
			case r != nil && r.changed != nil || b.derive.settle:
				now = append(now, id)
			case b.derive.inline < b.derive.limit:
				b.derive.inline++
				now = append(now, id)
			default:
				left = append(left, id)
			}
		}
		if err := b.leave(ctx, left, ""); err != nil {
			return err
		}
		if err := b.countFor(ctx, a, now, noted[a]); err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) countFor(ctx context.Context, a *aggregation, ids []int64, causes map[int64]string) error {
	values, err := b.countedFor(ctx, a, ids)
	if err != nil {
		return err
	}
	if err := b.load(ctx, ids); err != nil {
		return err
	}
	for _, id := range ids {
		r := b.rows[id]
		if r == nil || r.gone || sameJSON(r.now.derived[a.name], values[id]) {
			continue
		}
		derived := make(map[string]any, len(r.now.derived)+1)
		maps.Copy(derived, r.now.derived)
		if derived[a.name] = values[id]; values[id] == nil {
			delete(derived, a.name)
		}
		r.now.derived = derived
		r.change(fieldProperty(a.name))
		b.derived(r)
		b.later(r, causes[id]) // calculations may stand on it
	}
	return nil
}
