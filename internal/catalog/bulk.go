package catalog

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/store"

	"github.com/google/uuid"
)

const (
	// maxBatch bounds what is written in one transaction.
	maxBatch = 1000
	// maxNotes is up to how many changed entities are named one by one in
	// notes; more are told as "many".
	maxNotes = 20
)

// errRollback ends a transaction that must leave nothing behind.
var errRollback = errors.New("rolled back on purpose")

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
		if all[i].Blueprint != blueprint {
			all[i].Blueprint, all[i].other = blueprint, n.Blueprint
		}
	}
	return c.PutMixed(ctx, all, w)
}

func newPuts(list []NewEntity) ([]Item, []*put, error) {
	items := make([]Item, len(list))
	puts := make([]*put, len(list))
	for i, n := range list {
		var err error
		if puts[i], err = newPut(n, &items[i], i); err != nil {
			return nil, nil, err
		}
	}
	return items, puts, nil
}

// PutMixed is PutMany for entities that each name their blueprint.
func (c *Catalog) PutMixed(ctx context.Context, list []NewEntity, w Write) ([]Item, error) {
	if err := c.may(ctx, VerbKnown, ""); err != nil {
		return nil, err
	}
	if len(list) > maxBatch {
		return nil, fault.New(fault.TooLarge, "There are %d entities; at most %d are written at a time.", len(list), maxBatch)
	}
	items, puts, err := newPuts(list)
	if err != nil {
		return nil, err
	}
	left, err := c.unchanged(ctx, puts, w)
	if err != nil || len(left) == 0 {
		return items, err
	}
	err = c.writeBatch(ctx, w, func(b *batch) error {
		for _, p := range left {
			p.reset()
		}
		if err := b.write(ctx, left); err != nil {
			return err
		}
		return b.recordBulk(ctx, left)
	})
	return items, err
}

func newPut(n NewEntity, item *Item, i int) (*put, error) {
	if n.Blueprint == resultBlueprint {
		return nil, fault.Refuse("rule-results-are-worked-out", "Results of rules follow from entities and scorecards; nobody writes them.",
			"Change the entity, or the rule of its scorecard.", "role infrastructure")
	}
	if n.Identifier == "" && n.IdentifierQuery == nil {
		id, err := uuid.NewV7()
		if err != nil {
			return nil, fmt.Errorf("make an identifier: %w", err)
		}
		n.Identifier = id.String()
	}
	*item = Item{Identifier: n.Identifier, Blueprint: n.Blueprint, Index: i}
	if n.IdentifierQuery != nil {
		item.Identifier = "unknown"
	}
	return &put{n: n, sent: n, item: item, at: n.Identifier}, nil
}

// reset forgets what an earlier try of the transaction found.
func (p *put) reset() {
	if p.sent.IdentifierQuery != nil {
		p.at = ""
	}
	p.n, p.row, p.bad, p.err, p.draft, p.s = p.sent, nil, nil, nil, draft{}, nil
	p.item.Created, p.item.Changed, p.item.Entity, p.item.Err = false, false, nil, nil
}

// writeBatch runs f on a batch in a transaction.
func (c *Catalog) writeBatch(ctx context.Context, w Write, f func(b *batch) error) error {
	err := c.write(ctx, func(tx *store.Tx) error {
		b, err := c.newBatch(ctx, tx, w)
		if err != nil {
			return err
		}
		if err := f(b); err != nil {
			return err
		}
		if w.ValidationOnly {
			return errRollback
		}
		b.notify()
		return nil
	})
	if errors.Is(err, errRollback) {
		return nil
	}
	return err
}

// unchanged fills in the items of what is in the catalog exactly as it is
// sent, without a transaction, and returns the rest.
func (c *Catalog) unchanged(ctx context.Context, list []*put, w Write) ([]*put, error) {
	if !w.Upsert || w.Answer || w.ValidationOnly || w.Pending != 0 {
		return list, nil
	}
	m, err := c.model(ctx, c.db.Read())
	if err != nil {
		return nil, err
	}
	// Who may not read everything is not told that a guess is right.
	if whole, err := c.sights(m).whole(ctx); err != nil || !whole {
		return list, err
	}
	digests := map[string]map[string]string{}
	left := make([]*put, 0, len(list))
	for _, p := range list {
		s := m.blueprints[p.n.Blueprint]
		if s == nil || p.n.other != "" {
			continue
		}
		if p.digest = s.digest(p.n, w); p.digest == "" {
			continue
		}
		if digests[p.n.Blueprint] == nil {
			digests[p.n.Blueprint] = make(map[string]string, len(list))
		}
		digests[p.n.Blueprint][p.at] = p.digest
	}
	same := map[string]map[string]bool{}
	for _, blueprint := range sortedKeys(digests) {
		if same[blueprint], err = sameDigests(ctx, c.db.Read(), c.db.Dialect, blueprint, digests[blueprint]); err != nil {
			return nil, err
		}
	}
	for _, p := range list {
		// The same entity twice in one list: only one of them can be compared.
		if p.digest == "" || digests[p.n.Blueprint][p.at] != p.digest || !same[p.n.Blueprint][p.at] {
			left = append(left, p)
		}
	}
	return left, nil
}

// write puts entities into the batch, works out what hangs on them, and writes
// all of it.
func (b *batch) write(ctx context.Context, list []*put) error {
	for _, p := range list {
		p.merge = b.w.Merge
		// The digest begins with the blueprint's state it stands for.
		if s := b.m.blueprints[p.n.Blueprint]; s != nil && (p.digest == "" || !strings.HasPrefix(p.digest, s.hash)) {
			p.digest = s.digest(p.n, b.w)
		}
	}
	if err := b.resolveQueries(ctx, list); err != nil {
		return err
	}
	if err := b.putAll(ctx, list); err != nil {
		return err
	}
	if err := b.save(ctx); err != nil {
		return err
	}
	for _, p := range list {
		if b.w.Answer && p.row != nil && p.item.Err == nil {
			e := p.row.now.entity(p.row.s)
			p.item.Entity = &e
		}
	}
	return nil
}

// save writes what the rows of the batch became.
func (b *batch) save(ctx context.Context) error {
	var changed []*row
	for _, id := range sortedKeys(b.rows) {
		if r := b.rows[id]; r.sent && r.verb != "" {
			changed = append(changed, r)
		}
	}
	if err := b.writeLinks(ctx, changed); err != nil {
		return err
	}
	if err := b.settle(ctx); err != nil {
		return err
	}
	return b.writeMarks(ctx)
}

// notify tells of what changed.
func (b *batch) notify() {
	if b.w.Pending != 0 {
		return
	}
	var refs []string
	for _, id := range sortedKeys(b.rows) {
		if r := b.rows[id]; r.first != nil || r.gone {
			refs = append(refs, r.ref())
		}
		if len(refs) > maxNotes {
			refs = []string{""}
			break
		}
	}
	for _, ref := range refs {
		b.tx.Notify(Topic, ref)
	}
	if b.derive.queued {
		b.tx.Notify(QueueTopic, "")
	}
}

// recordBulk records one event for a write of many, with the range of its
// versions.
func (b *batch) recordBulk(ctx context.Context, list []*put) error {
	created, updated := 0, 0
	blueprints := map[string]bool{}
	for _, p := range list {
		switch {
		case p.item.Err != nil || !p.item.Changed:
			continue
		case p.item.Created:
			created++
		default:
			updated++
		}
		blueprints[p.n.Blueprint] = true
	}
	if created+updated == 0 || b.w.Pending != 0 {
		return nil
	}
	first, last, err := b.versionRange(ctx)
	if err != nil {
		return err
	}
	object := "catalog"
	if names := sortedKeys(blueprints); len(names) == 1 {
		object = names[0]
	}
	return b.c.record(ctx, b.tx, "entity.bulk", object, b.w.By, b.w.RunID, audit.Detail(
		"created", created, "updated", updated, "derived", b.counts.derived, "failed", failures(list), "firstVersion", first, "lastVersion", last))
}

func failures(list []*put) int {
	n := 0
	for _, p := range list {
		if p.item.Err != nil {
			n++
		}
	}
	return n
}

// versionRange gives the ids of the versions of this batch: the last ones
// there are, because writers take turns.
func (b *batch) versionRange(ctx context.Context) (first, last int64, err error) {
	if err := b.tx.QueryRowContext(ctx, "SELECT COALESCE(MAX(id), 0) FROM entity_versions").Scan(&last); err != nil {
		return 0, 0, fmt.Errorf("find the versions: %w", err)
	}
	return max(last-int64(b.counts.created+b.counts.updated+b.counts.derived+b.counts.deleted)+1, 1), last, nil
}
