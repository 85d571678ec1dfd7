package catalog

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"sphera/internal/store"
)

const (
	// maxInline is how many entities beyond those that were written are worked
	// out again in the same transaction; the rest is left to the queue.
	maxInline = 1000
	// maxRounds bounds how often values that hang on each other are worked out.
	maxRounds = 32
	// maxMirrored bounds what a mirror over a many-relation shows.
	maxMirrored = 1000
)

// mirror is a mirror property, compiled.
type mirror struct {
	name string
	hops []string
	// shows is the property or meta-property of the last entity.
	shows string
	// many is true where a hop can lead to several entities.
	many bool
}

// deriveState is what is left to work out in a batch.
type deriveState struct {
	todo   []*row
	inline int
	// counting are the aggregations to work out after the rows are written.
	counting map[*aggregation]map[int64]string
	// settle is true where what does not come to rest is not queued again.
	settle bool
	// queued counts what was left to the queue.
	queued bool
	limit  int
}

func (d *deriveState) init(b *batch) {
	d.counting = map[*aggregation]map[int64]string{}
	d.limit = maxInline
	if b.w.NoFanOut {
		d.limit = 0
	}
}

// later puts a row on the list of those whose values are worked out again.
func (b *batch) later(r *row, cause string) {
	if r.queued || r.gone {
		return
	}
	r.queued = true
	if r.cause == "" && !r.sent {
		r.cause = cause
	}
	b.derive.todo = append(b.derive.todo, r)
}

// settle works out all that hangs on what changed, and writes everything.
func (b *batch) settle(ctx context.Context) error {
	const passes = 8 // aggregations of aggregations of ...
	for range passes {
		if err := b.rounds(ctx); err != nil {
			return err
		}
		if err := b.flush(ctx); err != nil {
			return err
		}
		if b.w.hold != nil { // nobody can count yet what nobody sees
			b.w.hold.later(b.derive.counting)
			clear(b.derive.counting)
		}
		if len(b.derive.counting) == 0 {
			return b.close(ctx)
		}
		if err := b.countAll(ctx); err != nil {
			return err
		}
	}
	if err := b.rounds(ctx); err != nil {
		return err
	}
	if err := b.flush(ctx); err != nil {
		return err
	}
	var left []int64
	for _, ids := range b.derive.counting {
		for id := range ids {
			left = append(left, id)
		}
	}
	if err := b.leave(ctx, left, ""); err != nil {
		return err
	}
	return b.close(ctx)
}

// close writes what was collected beside the rows.
func (b *batch) close(ctx context.Context) error {
	if err := setVerdictsDue(ctx, b.tx, b.due); err != nil {
		return err
	}
	return b.facets.apply(ctx, b.tx)
}

// rounds works out derived values until none changes any more.
func (b *batch) rounds(ctx context.Context) error {
	for range maxRounds {
		if err := b.propagate(ctx); err != nil {
			return err
		}
		list := b.derive.todo
		b.derive.todo = nil
		if len(list) == 0 {
			return nil
		}
		if err := b.prefetch(ctx, list); err != nil {
			return err
		}
		for _, r := range list {
			r.queued = false
			if err := b.deriveRow(ctx, r); err != nil {
				return err
			}
		}
	}
	if err := b.propagate(ctx); err != nil {
		return err
	}
	var left []int64
	for _, r := range b.derive.todo {
		r.queued = false
		left = append(left, r.now.id)
	}
	b.derive.todo = nil
	return b.leave(ctx, left, "")
}

// leave puts entities on the queue.
func (b *batch) leave(ctx context.Context, ids []int64, cause string) error {
	if len(ids) == 0 || b.derive.settle {
		return nil
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	rows := make([][]any, len(ids))
	for i, id := range ids {
		rows[i] = []any{id, cause, b.at}
	}
	b.derive.queued = true
	err := b.inserts(ctx, "derive_queue", []field{{"entity", kindInt}, {"cause", kindText}, {"at", kindInt}}, " ON CONFLICT (entity) DO NOTHING", rows)
	if err != nil {
		return fmt.Errorf("queue what is left: %w", err)
	}
	return nil
}

// paths are the ways over relations that a schema reads values by.
func (s *schema) paths() [][]string {
	out := make([][]string, 0, len(s.mirrors)+1)
	for _, m := range s.mirrors {
		out = append(out, m.hops)
	}
	if s.inherit != nil {
		out = append(out, s.inherit)
	}
	return out
}

// prefetch reads all that the rows' mirrors lead to, hop by hop.
func (b *batch) prefetch(ctx context.Context, list []*row) error {
	type walk struct {
		at   []int64
		hops []string
	}
	var walks []walk
	if err := b.link(ctx, list); err != nil {
		return err
	}
	for _, r := range list {
		for _, hops := range r.s.paths() {
			walks = append(walks, walk{[]int64{r.now.id}, hops})
		}
	}
	for len(walks) > 0 {
		var ids []int64
		next := walks[:0]
		for _, w := range walks {
			w.at = b.step(w.at, w.hops[0])
			if w.hops = w.hops[1:]; len(w.at) > 0 {
				ids = append(ids, w.at...)
				next = append(next, w)
			}
		}
		if err := b.load(ctx, ids); err != nil {
			return err
		}
		walks = next
		var linked []*row
		further := walks[:0]
		for _, w := range walks {
			if len(w.hops) == 0 {
				continue
			}
			for _, id := range w.at {
				if r := b.rows[id]; r != nil {
					linked = append(linked, r)
				}
			}
			further = append(further, w)
		}
		if err := b.link(ctx, linked); err != nil {
			return err
		}
		walks = further
	}
	return nil
}

// step follows a relation from rows that are read; each entity once, in order.
func (b *batch) step(from []int64, relation string) []int64 {
	var out []int64
	for _, id := range from {
		r := b.rows[id]
		if r == nil {
			continue
		}
		if len(from) == 1 {
			return r.now.targets[relation]
		}
		for _, target := range r.now.targets[relation] {
			if len(out) < maxMirrored && (len(out) > 50 || !slices.Contains(out, target)) {
				out = append(out, target)
			}
		}
	}
	return out
}

// ends are the rows that hops lead to.
func (b *batch) ends(r *row, hops []string) []*row {
	at := []int64{r.now.id}
	for _, hop := range hops {
		at = b.step(at, hop)
	}
	out := make([]*row, 0, len(at))
	for _, id := range at {
		if end := b.rows[id]; end != nil && !end.gone && len(out) < maxMirrored {
			out = append(out, end)
		}
	}
	return out
}

// shown is the value of a property or meta-property.
func (r *row) shown(name string) any {
	switch name {
	case "$identifier":
		return r.now.Identifier
	case "$title":
		return r.now.Title
	case "$icon":
		return emptyNull(r.now.Icon)
	case "$team":
		return anyList(r.now.Team)
	case "$blueprint":
		return r.now.blueprint
	case "$createdAt":
		return isoTime(r.now.created)
	case "$updatedAt":
		return isoTime(r.now.updated)
	case "$createdBy":
		return r.now.createdBy
	case "$updatedBy":
		return r.now.updatedBy
	case "$datasource":
		return r.now.datasource
	}
	if v, own := r.now.Properties[name]; own {
		return v
	}
	return r.now.derived[name]
}

func emptyNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func anyList(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

func isoTime(millis int64) string {
	return store.Time(millis).UTC().Format(time.RFC3339Nano)
}

// deriveRow works out the values of one row and notes what changed.
func (b *batch) deriveRow(ctx context.Context, r *row) error {
	s := r.s
	if s.inherit != nil {
		b.inheritTeam(r)
	}
	derived := make(map[string]any, len(s.mirrors)+len(s.calculations)+len(s.aggregations))
	for _, m := range s.mirrors {
		if v := b.mirrored(r, m); v != nil {
			derived[m.name] = v
		}
	}
	for _, a := range s.aggregations {
		v, known := r.now.derived[a.name]
		if !known && r.fresh {
			v = a.ofNothing()
		}
		if v != nil {
			derived[a.name] = v
		}
	}
	r.calculate(ctx, derived)
	b.put(r, derived)
	b.score(r)
	return nil
}

// put replaces the derived values of a row.
func (b *batch) put(r *row, derived map[string]any) {
	names := differing(r.now.derived, derived, sameJSON)
	if len(names) == 0 {
		return
	}
	r.now.derived = derived
	for _, name := range names {
		r.change(fieldProperty(name))
	}
	b.derived(r)
}

// derived marks a row as changed by others.
func (b *batch) derived(r *row) {
	if r.verb == "" {
		r.verb = verbDerive
	}
}

func (b *batch) mirrored(r *row, m mirror) any {
	ends := b.ends(r, m.hops)
	if !m.many {
		if len(ends) == 0 {
			return nil
		}
		return ends[0].shown(m.shows)
	}
	out := []any{}
	for _, end := range ends {
		if v := end.shown(m.shows); v != nil {
			out = append(out, v)
		}
	}
	return out
}

func (b *batch) inheritTeam(r *row) {
	team := []string{}
	for _, end := range b.ends(r, r.s.inherit) {
		for _, name := range end.now.Team {
			if !slices.Contains(team, name) {
				team = append(team, name)
			}
		}
	}
	if !slices.Equal(team, r.now.Team) {
		r.now.Team = team
		r.change(fieldTeam)
		b.derived(r)
	}
}

// propagate finds those who read what changed and puts them on the list.
func (b *batch) propagate(ctx context.Context) error {
	changed := map[string][]*row{}
	for _, id := range sortedKeys(b.rows) {
		if r := b.rows[id]; len(r.told) > 0 {
			changed[r.s.Identifier] = append(changed[r.s.Identifier], r)
		}
	}
	for _, blueprint := range sortedKeys(changed) {
		list := changed[blueprint]
		if err := b.noteCounts(ctx, blueprint, list); err != nil {
			return err
		}
		for _, reader := range b.m.readers[blueprint] {
			var ids []int64
			cause := ""
			for _, r := range list {
				if r.told[reader.field] {
					ids = append(ids, r.now.id)
					cause = r.ref()
				}
			}
			if err := b.wake(ctx, reader, ids, cause); err != nil {
				return err
			}
		}
	}
	for _, list := range changed {
		for _, r := range list {
			clear(r.told)
		}
	}
	return nil
}

// wake puts the entities of a reader that the ids are read by on the list, as
// far as there is room, and the rest on the queue.
func (b *batch) wake(ctx context.Context, reader readEdge, ids []int64, cause string) error {
	if len(ids) == 0 {
		return nil
	}
	query, args := backwards(reader.back, ids)
	args = append(args, reader.blueprint)
	from := " FROM entities e WHERE e.id IN (" + query + ") AND e.blueprint = $" + strconv.Itoa(len(args))
	room := max(b.derive.limit-b.derive.inline, 0)
	rows, err := b.tx.QueryContext(ctx, "SELECT e.id"+from+" ORDER BY e.id LIMIT "+strconv.Itoa(room+len(b.rows)+1), args...)
	found, err := store.All(rows, err, scanInt)
	if err != nil {
		return fmt.Errorf("find who reads %s: %w", reader.field, err)
	}
	whole := len(found) <= room+len(b.rows)
	var load, last []int64
	for _, id := range found {
		if r := b.rows[id]; r != nil && (r.queued || r.changed != nil) {
			last = append(last, id) // part of the batch anyway
			continue
		}
		if room == 0 {
			whole = false
			continue
		}
		room--
		b.derive.inline++
		load, last = append(load, id), append(last, id)
	}
	if err := b.load(ctx, load); err != nil {
		return err
	}
	for _, id := range last {
		if r := b.rows[id]; r != nil {
			b.later(r, cause)
		}
	}
	if whole {
		return nil
	}
	b.derive.queued = true
	args = append(args, cause, b.at)
	n := len(args)
	_, err = b.tx.ExecContext(ctx, "INSERT INTO derive_queue (entity, cause, at) SELECT e.id, CAST($"+strconv.Itoa(n-1)+" AS TEXT), CAST($"+strconv.Itoa(n)+" AS BIGINT)"+from+
		" AND e.id NOT IN ("+idList(last)+") ON CONFLICT (entity) DO NOTHING", args...)
	if err != nil {
		return fmt.Errorf("queue who reads %s: %w", reader.field, err)
	}
	return nil
}

// backwards selects what points at ids over the relations of a path.
func backwards(path []string, ids []int64) (string, []any) {
	var args []any
	inner := idList(ids)
	for _, p := range slices.Backward(path) {
		args = append(args, p)
		inner = "SELECT source FROM entity_relations WHERE target IN (" + inner + ") AND relation = $" + strconv.Itoa(len(args))
	}
	return inner, args
}

// forwards selects what ids lead to over the relations of a path.
func forwards(path []string, ids []int64) (string, []any) {
	var args []any
	inner := idList(ids)
	for _, relation := range path {
		args = append(args, relation)
		inner = "SELECT target FROM entity_relations WHERE source IN (" + inner + ") AND relation = $" + strconv.Itoa(len(args))
	}
	return inner, args
}

func scanInt(row interface{ Scan(...any) error }) (int64, error) {
	var n int64
	return n, row.Scan(&n)
}

func sortedKeys[K interface{ ~int64 | ~string }, V any](m map[K]V) []K {
	out := make([]K, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
