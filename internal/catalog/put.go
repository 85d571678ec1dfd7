package catalog

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sphera/internal/catalog/naming"
	"sphera/internal/catalog/property"
	"sphera/internal/fault"
	"sphera/internal/store"
)

// put is one entity on its way into the catalog.
type put struct {
	n NewEntity
	// sent is n before queries in it were resolved.
	sent NewEntity
	item *Item
	s    *schema
	// at is the identifier the entity has, where that may differ from the one
	// it is sent with; must says that it has to exist.
	at     string
	must   bool
	merge  bool
	digest string

	row   *row
	draft draft
	bad   problems
	err   error
}

func (p *put) failed() bool { return p.err != nil || len(p.bad) > 0 }

// fail gives the fault of what went wrong.
func (p *put) fault() error {
	if p.err != nil || len(p.bad) == 0 {
		return p.err
	}
	return p.bad.fault(fmt.Sprintf("%s %q was not saved", p.item.Blueprint, cut(p.n.Identifier)))
}

// putAll checks and changes the rows of puts. What fails is told in the items;
// an error is for what has nothing to do with what was sent.
func (b *batch) putAll(ctx context.Context, list []*put) error {
	for len(list) > 0 {
		// The same entity twice: the second looks at what the first left.
		seen := map[string]bool{}
		var wave, later []*put
		for _, p := range list {
			key := nameKey(p.n.Blueprint, p.at)
			if seen[key] {
				later = append(later, p)
				continue
			}
			seen[key] = true
			wave = append(wave, p)
		}
		if err := b.putWave(ctx, wave); err != nil {
			return err
		}
		list = later
	}
	return nil
}

func (b *batch) putWave(ctx context.Context, wave []*put) error {
	if err := b.readWave(ctx, wave); err != nil {
		return err
	}
	for _, p := range wave {
		if p.err == nil {
			b.check(p)
		}
	}
	if err := b.takenNames(ctx, wave); err != nil {
		return err
	}
	if err := b.authorize(ctx, wave); err != nil {
		return err
	}
	found, err := b.resolve(ctx, wave)
	if err != nil {
		return err
	}
	return b.apply(ctx, wave, found)
}

// readWave reads the blueprints and the rows that are there already.
func (b *batch) readWave(ctx context.Context, wave []*put) error {
	names := map[string][]string{}
	for _, p := range wave {
		if p.err != nil {
			continue
		}
		if p.s = b.m.blueprints[p.n.Blueprint]; p.s == nil {
			p.err = noBlueprint(p.n.Blueprint)
			continue
		}
		names[p.n.Blueprint] = append(names[p.n.Blueprint], p.at)
	}
	for _, blueprint := range sortedKeys(names) {
		if err := b.named(ctx, blueprint, names[blueprint]); err != nil {
			return err
		}
	}
	for _, p := range wave {
		if p.err != nil {
			continue
		}
		p.row = b.byName[nameKey(p.n.Blueprint, p.at)]
		switch {
		case p.row != nil && p.row.now.pending != b.w.Pending:
			p.err = b.pendingFault(p)
		case p.row == nil && p.must:
			p.err = noEntity(p.n.Blueprint, p.at)
		case p.row != nil && !b.w.Upsert && !p.must:
			p.err = fault.New(fault.Taken, "There is a %s %q already (identifier_taken).", p.n.Blueprint, p.at)
		}
	}
	return nil
}

func (b *batch) pendingFault(p *put) error {
	if p.row.now.pending == 0 {
		return fault.New(fault.Taken, "There is a %s %q already (identifier_taken).", p.n.Blueprint, p.at)
	}
	if p.must {
		return noEntity(p.n.Blueprint, p.at)
	}
	return fault.New(fault.Conflict, "%s %q is part of an import that is not finished. Try again when it is.", p.n.Blueprint, p.at)
}

// check makes the draft and tells what is wrong with it.
func (b *batch) check(p *put) {
	var before *draft
	if p.row != nil {
		before = &p.row.now.draft
	}
	p.draft, p.bad = p.s.draft(before, p.n, p.merge)
	if p.s.inherit != nil { // owners come from elsewhere
		p.draft.Team = []string{}
		if before != nil {
			p.draft.Team = before.Team
		}
	}
	if len(p.bad) > 0 {
		return
	}
	if size := roughSize(p.draft.Properties); size > maxDocument {
		p.err = fault.New(fault.TooLarge, "The properties of %s %q have %d bytes; at most %d are kept.", p.s.Identifier, cut(p.draft.Identifier), size, maxDocument)
	}
}

// roughSize is about how many bytes a value has as JSON; exact enough for a
// bound.
func roughSize(v any) int {
	switch v := v.(type) {
	case string:
		return len(v) + 2
	case []any:
		n := 2
		for _, item := range v {
			n += roughSize(item) + 1
		}
		return n
	case map[string]any:
		n := 2
		for key, item := range v {
			n += len(key) + 4 + roughSize(item)
		}
		return n
	default:
		return 8
	}
}

// takenNames refuses renames to a name that is in use.
func (b *batch) takenNames(ctx context.Context, wave []*put) error {
	for _, p := range wave {
		if p.failed() || p.row == nil || p.draft.Identifier == p.at {
			continue
		}
		if err := b.named(ctx, p.s.Identifier, []string{p.draft.Identifier}); err != nil {
			return err
		}
		if b.byName[nameKey(p.s.Identifier, p.draft.Identifier)] != nil {
			p.err = fault.New(fault.Taken, "There is a %s %q already (identifier_taken).", p.s.Identifier, p.draft.Identifier)
		}
	}
	return nil
}

// resolve finds the ids of all that relations newly point at, one query per
// blueprint, and fails the puts that point at nothing. What a put of the same
// wave creates counts, unless that one fails itself.
func (b *batch) resolve(ctx context.Context, wave []*put) (map[string]int64, error) {
	wanted := map[string]map[string]bool{}
	for _, p := range wave {
		p.eachTarget(func(_ string, r Relation, _ int, target string) {
			if wanted[r.Target] == nil {
				wanted[r.Target] = map[string]bool{}
			}
			wanted[r.Target][target] = true
		})
	}
	found := map[string]int64{}
	for _, blueprint := range sortedKeys(wanted) {
		if err := b.idsOf(ctx, blueprint, sortedKeys(wanted[blueprint]), found); err != nil {
			return nil, err
		}
	}
	for first, again := true, true; again; first = false {
		again = false
		coming := map[string]bool{}
		for _, p := range wave {
			if !p.failed() {
				coming[nameKey(p.s.Identifier, p.draft.Identifier)] = true
			}
		}
		for _, p := range wave {
			if p.failed() && !first {
				continue
			}
			p.eachTarget(func(name string, r Relation, i int, target string) {
				key := nameKey(r.Target, target)
				if _, ok := found[key]; ok || coming[key] || b.w.CreateMissing && b.m.blueprints[r.Target] != nil {
					return
				}
				at := "/relations/" + property.Escape(name)
				if r.Many {
					at += fmt.Sprintf("/%d", i)
				}
				p.bad.add(at, fmt.Sprintf("there is no %s %q", r.Target, cut(target)), WantExisting+r.Target)
				again = true
			})
		}
	}
	return found, nil
}

// eachTarget visits the targets of relations that the put changes.
func (p *put) eachTarget(visit func(name string, r Relation, i int, target string)) {
	if p.err != nil {
		return
	}
	for _, name := range sortedKeys(p.draft.Relations) {
		targets := p.draft.Relations[name]
		if p.row != nil && slices.Equal(p.row.now.Relations[name], targets) {
			continue
		}
		for i, target := range targets {
			visit(name, p.s.Relations[name], i, target)
		}
	}
}

// idsOf finds the ids behind identifiers of a blueprint.
func (b *batch) idsOf(ctx context.Context, blueprint string, identifiers []string, found map[string]int64) error {
	missing := identifiers[:0:0]
	for _, id := range identifiers {
		if r := b.byName[nameKey(blueprint, id)]; r != nil && !r.gone {
			found[nameKey(blueprint, id)] = r.now.id
		} else if r == nil {
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	arg, err := valuesArg(b.tx.Dialect, missing)
	if err != nil {
		return err
	}
	rows, err := b.tx.QueryContext(ctx, "SELECT e.identifier, e.id FROM entities e WHERE e.blueprint = $1 AND "+among(b.tx.Dialect, "e.identifier", 2)+" AND e.pending IN (0, $3)", blueprint, arg, b.w.Pending)
	type pair struct {
		identifier string
		id         int64
	}
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (pair, error) {
		var p pair
		return p, row.Scan(&p.identifier, &p.id)
	})
	if err != nil {
		return fmt.Errorf("find %s: %w", blueprint, err)
	}
	for _, p := range list {
		found[nameKey(blueprint, p.identifier)] = p.id
	}
	return nil
}

// apply makes the drafts the state of the rows.
func (b *batch) apply(ctx context.Context, wave []*put, found map[string]int64) error {
	for i, p := range wave {
		if p.failed() {
			p.item.Err = p.fault()
			continue
		}
		p.item.Identifier = p.draft.Identifier
		if p.row != nil {
			continue
		}
		p.item.Created = true
		var err error
		if p.row, err = b.add(ctx, p.s, p.draft, len(wave)-i); err != nil {
			return err
		}
		p.row.now.targets = map[string][]int64{}
		p.row.now.Relations = map[string][]string{} // filled in below
		p.row.created = true
		if b.w.back != nil {
			if err := b.comeBack(p.row, b.w.back); err != nil {
				return err
			}
		}
	}
	for _, p := range wave {
		if p.failed() {
			continue
		}
		if err := b.applyOne(ctx, p, found); err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) applyOne(ctx context.Context, p *put, found map[string]int64) error {
	r := p.row
	targets := make(map[string][]int64, len(p.draft.Relations))
	for _, name := range sortedKeys(p.draft.Relations) {
		wanted := p.draft.Relations[name]
		if slices.Equal(r.now.Relations[name], wanted) {
			targets[name] = r.now.targets[name]
			continue
		}
		ids := make([]int64, len(wanted))
		for i, target := range wanted {
			id, err := b.target(ctx, p.s.Relations[name].Target, target, found)
			if err != nil {
				return err
			}
			ids[i] = id
		}
		targets[name] = ids
	}
	changes := p.draft.changes(r.now.draft)
	renamed := !r.created && r.now.Identifier != p.draft.Identifier
	moved := b.w.Datasource != "" && r.now.datasource != b.w.Datasource
	if r.created {
		b.enter(r, p, targets)
		return nil
	}
	if len(changes) == 0 && !renamed {
		b.stay(r, p, moved)
		return nil
	}
	p.item.Changed = true
	if renamed {
		if err := b.rename(ctx, r, p.draft.Identifier); err != nil {
			return err
		}
	}
	r.now.draft, r.now.targets = p.draft, targets
	r.now.updated, r.now.updatedBy, r.now.digest = b.at, b.w.By, p.digest
	if moved {
		r.now.datasource = b.w.Datasource
	}
	r.now.provenance = r.now.provenance.with(b.w.source(), changes, b.at)
	if !r.fresh {
		r.verb = verbUpdate
	}
	r.sent = true
	r.change(changes...)
	r.change("updatedAt", "updatedBy")
	b.later(r, "")
	return nil
}

// enter completes a new row.
func (b *batch) enter(r *row, p *put, targets map[string][]int64) {
	r.created = false
	p.item.Changed = true
	r.now.draft, r.now.targets, r.now.digest = p.draft, targets, p.digest
	changes := p.draft.changes(draft{})
	if b.w.back == nil {
		r.now.provenance = r.now.provenance.with(b.w.source(), changes, b.at)
	}
	r.change(changes...)
	r.change(fieldIdentifier, fieldTitle, fieldTeam, "createdAt", "updatedAt", "createdBy", "updatedBy")
	b.later(r, "")
}

// stay notes of an unchanged row who wrote it last, where that is somebody
// else, and what was sent, so that the next time is faster. No version is made.
func (b *batch) stay(r *row, p *put, moved bool) {
	if r.verb != "" || p.digest == "" {
		return
	}
	if moved || !strings.HasPrefix(r.now.digest, p.s.hash) {
		datasource := r.now.datasource
		if moved {
			datasource = b.w.Datasource
		}
		b.marks = append(b.marks, []any{r.now.id, p.digest, datasource})
		r.now.digest, r.now.datasource = p.digest, datasource
		r.old.digest, r.old.datasource = p.digest, datasource
	}
}

// writeMarks writes what stay noted.
func (b *batch) writeMarks(ctx context.Context) error {
	err := b.updates(ctx, "entities", []field{{"id", kindInt}, {"digest", kindText}, {"datasource", kindText}}, b.marks)
	b.marks = nil
	if err != nil {
		return fmt.Errorf("note who wrote last: %w", err)
	}
	return nil
}

// target is the id of a related entity, which is made where it is missing.
func (b *batch) target(ctx context.Context, blueprint, identifier string, found map[string]int64) (int64, error) {
	key := nameKey(blueprint, identifier)
	if id, ok := found[key]; ok {
		return id, nil
	}
	if r := b.byName[key]; r != nil && !r.gone {
		return r.now.id, nil
	}
	s := b.m.blueprints[blueprint]
	if s == nil || !b.w.CreateMissing {
		return 0, fmt.Errorf("%s was found and is gone", Ref(blueprint, identifier))
	}
	if err := b.authorizeStub(ctx, s, identifier); err != nil {
		return 0, err
	}
	d := draft{Identifier: identifier, Title: identifier, Team: []string{}, Properties: map[string]any{}, Relations: map[string][]string{}}
	r, err := b.add(ctx, s, d, 1)
	if err != nil {
		return 0, err
	}
	r.stub = true
	r.now.datasource = stubDatasource(b.w.Datasource)
	r.now.provenance = provenance{}.with(stubDatasource(b.w.source()), []string{fieldTitle}, b.at)
	r.change(fieldIdentifier, fieldTitle, "createdAt", "updatedAt", "createdBy", "updatedBy")
	b.later(r, "")
	return r.now.id, nil
}

// stubDatasource is the datasource of related entities that were made on the
// way: it must differ from the writer's, whose sweep would take them away.
func stubDatasource(writer string) string {
	if strings.Contains(writer, "port-") {
		return strings.Replace(writer, "port-", "port-auto-", 1)
	}
	if writer == "" {
		return ""
	}
	return "auto-" + writer
}

// rename gives a row another identifier. Relations follow by themselves; what
// was sent to the entities that point at it no longer stands for them.
func (b *batch) rename(ctx context.Context, r *row, identifier string) error {
	before := r.now.Identifier
	delete(b.byName, nameKey(r.s.Identifier, before))
	b.byName[nameKey(r.s.Identifier, identifier)] = r
	r.change(fieldIdentifier)
	if _, err := b.tx.ExecContext(ctx, "UPDATE entities SET digest = '' WHERE id IN (SELECT source FROM entity_relations WHERE target = $1)", r.now.id); err != nil {
		return fmt.Errorf("rename: %w", err)
	}
	for _, other := range b.rows {
		for name, ids := range other.now.targets {
			at := slices.Index(ids, r.now.id)
			if at < 0 || at >= len(other.now.Relations[name]) {
				continue
			}
			relations := maps.Clone(other.now.Relations)
			relations[name] = slices.Clone(relations[name])
			relations[name][at] = identifier
			other.now.Relations = relations
			if other.old != nil && other.old.Relations[name] != nil && slices.Equal(other.old.targets[name], ids) {
				old := maps.Clone(other.old.Relations)
				old[name] = relations[name]
				other.old.Relations = old
			}
			other.now.digest = ""
		}
	}
	_, err := b.c.carry(ctx, b.tx, b.m, naming.Change{Kind: naming.Entity, Blueprint: r.s.Identifier, Old: before, New: identifier, By: b.w.By})
	return err
}

// findIDs resolves identifiers of one blueprint.
func findIDs(ctx context.Context, tx *store.Tx, blueprint string, identifiers []string) (map[string]int64, error) {
	found := map[string]int64{}
	b := &batch{tx: tx}
	if err := b.idsOf(ctx, blueprint, identifiers, found); err != nil {
		return nil, err
	}
	out := make(map[string]int64, len(found))
	for _, id := range identifiers {
		if n, ok := found[nameKey(blueprint, id)]; ok {
			out[id] = n
		}
	}
	return out, nil
}
