package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/store"
)

// maxAtOnce bounds one Put of a transaction, which holds all of them in memory.
const maxAtOnce = 10_000

// Transaction changes blueprints and entities as one.
type Transaction struct {
	c  *Catalog
	tx *store.Tx
	// rehearsal is never saved, and so takes no right to change anything.
	rehearsal bool
}

// Rehearse is Atomically for finding out what would happen: nothing is saved.
// It takes the right to read everything; who has not may do no more in it than
// for real.
func (c *Catalog) Rehearse(ctx context.Context, f func(t *Transaction) error) error {
	sights, err := c.reading(ctx, "")
	if err != nil {
		return err
	}
	whole, err := sights.whole(ctx)
	if err != nil {
		return err
	}
	ctx = audit.OnlyAsking(ctx)
	err = c.write(ctx, func(tx *store.Tx) error {
		if err := f(&Transaction{c: c, tx: tx, rehearsal: whole}); err != nil {
			return err
		}
		return errRollback
	})
	if errors.Is(err, errRollback) {
		return nil
	}
	return err
}

// may asserts a right, as far as what is done is for good.
func (t *Transaction) may(ctx context.Context, verb, blueprint string) error {
	if t.rehearsal {
		verb = VerbRead
	}
	return t.c.may(ctx, verb, blueprint)
}

// Atomically runs f in a transaction: all of what f did is saved, or with an
// error nothing. f may run again when another writer came between.
func (c *Catalog) Atomically(ctx context.Context, f func(t *Transaction) error) error {
	if err := c.may(ctx, VerbKnown, ""); err != nil {
		return err
	}
	return c.write(ctx, func(tx *store.Tx) error {
		if err := lockCatalog(ctx, tx); err != nil {
			return err
		}
		return f(&Transaction{c: c, tx: tx})
	})
}

// Blueprints lists the blueprints.
func (t *Transaction) Blueprints(ctx context.Context) ([]Blueprint, error) {
	if err := t.c.may(ctx, VerbRead, ""); err != nil {
		return nil, err
	}
	return readBlueprints(ctx, t.tx)
}

// BlueprintItem is what PutBlueprints did with one blueprint.
type BlueprintItem struct {
	Blueprint Blueprint
	// Verb is create, update or unchanged.
	Verb string
	// Err is a fault; nil when it is saved.
	Err error
}

// PutBlueprints creates or replaces blueprints that may point at each other.
// What is wrong with one of them is told in its item.
func (t *Transaction) PutBlueprints(ctx context.Context, list []Blueprint, by, runID string) ([]BlueprintItem, error) {
	if err := t.may(ctx, VerbShape, ""); err != nil {
		return nil, err
	}
	names, err := blueprintNames(ctx, t.tx)
	if err != nil {
		return nil, err
	}
	for _, b := range list {
		names[b.Identifier] = true
	}
	items := make([]BlueprintItem, len(list))
	for i, b := range list {
		if bad := checkBlueprint(b, func(id string) bool { return names[id] }); len(bad) > 0 {
			items[i].Err = bad.fault(fmt.Sprintf("Blueprint %q was not saved", b.Identifier))
			continue
		}
		items[i].Blueprint, items[i].Verb, err = t.c.saveBlueprint(ctx, t.tx, b, by, runID)
		if _, ours := fault.As(err); err != nil && !ours {
			return nil, err
		}
		items[i].Err = err
	}
	return items, nil
}

// PutScorecard creates a scorecard or replaces the one of its identifier, and
// says which: create, update or unchanged.
func (t *Transaction) PutScorecard(ctx context.Context, blueprint string, raw json.RawMessage, by string) (string, error) {
	if err := t.may(ctx, VerbShape, blueprint); err != nil {
		return "", err
	}
	s, problem := parseScorecard(raw, "")
	if problem != nil {
		return "", problem
	}
	old, err := readScorecard(ctx, t.tx, blueprint, s.Identifier)
	verb := verbUpdate
	switch {
	case fault.Is(err, fault.NotFound):
		verb = verbCreate
		err = t.c.insertScorecard(ctx, t.tx, blueprint, s, atTheEnd, by)
	case err != nil:
	case sameDocument(old.Doc, s.Document()):
		return verbUnchanged, nil
	default:
		err = t.c.updateScorecard(ctx, t.tx, old, s, atTheEnd, by)
	}
	if err != nil {
		return "", err
	}
	return verb, t.c.scorecardsChanged(ctx, t.tx, blueprint)
}

func sameDocument(a, b map[string]json.RawMessage) bool {
	normal := func(doc map[string]json.RawMessage) (string, error) {
		raw, err := json.Marshal(doc)
		if err != nil {
			return "", err
		}
		var v any
		if err := json.Unmarshal(raw, &v); err != nil {
			return "", err
		}
		return sortedJSON(v)
	}
	one, errOne := normal(a)
	other, errOther := normal(b)
	return errOne == nil && errOther == nil && one == other
}

// Put writes entities that may point at each other, in any order; see PutMixed.
func (t *Transaction) Put(ctx context.Context, list []NewEntity, w Write) ([]Item, error) {
	if err := t.may(ctx, VerbKnown, ""); err != nil {
		return nil, err
	}
	if len(list) > maxAtOnce {
		return nil, fault.New(fault.TooLarge, "There are %d entities; at most %d are written at a time.", len(list), maxAtOnce)
	}
	items, puts, err := newPuts(list)
	if err != nil {
		return nil, err
	}
	w.rehearsal = t.rehearsal
	b, err := t.c.newBatch(ctx, t.tx, w)
	if err != nil {
		return nil, err
	}
	if err := b.write(ctx, puts); err != nil {
		return nil, err
	}
	if err := b.recordBulk(ctx, puts); err != nil {
		return nil, err
	}
	b.notify()
	return items, nil
}

// Existing says which of the identifiers a blueprint has.
func (t *Transaction) Existing(ctx context.Context, blueprint string, identifiers []string) (map[string]bool, error) {
	if err := t.c.may(ctx, VerbRead, blueprint); err != nil {
		return nil, err
	}
	found, err := findIDs(ctx, t.tx, blueprint, identifiers)
	if err != nil {
		return nil, err
	}
	out := make(map[string]bool, len(found))
	for id := range found {
		out[id] = true
	}
	return out, nil
}

// Others lists the identifiers a blueprint has besides those in keep.
func (t *Transaction) Others(ctx context.Context, blueprint string, keep map[string]bool) ([]string, error) {
	if err := t.c.may(ctx, VerbRead, blueprint); err != nil {
		return nil, err
	}
	rows, err := t.tx.QueryContext(ctx, "SELECT e.identifier FROM entities e WHERE e.blueprint = $1 AND e.pending = 0 ORDER BY e.identifier", blueprint)
	all, err := store.All(rows, err, scanString)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", blueprint, err)
	}
	out := []string{}
	for _, id := range all {
		if !keep[id] {
			out = append(out, id)
		}
	}
	return out, nil
}

// Record appends an audit event to the transaction.
func (t *Transaction) Record(ctx context.Context, verb, object, by, runID string, detail json.RawMessage) error {
	if err := t.may(ctx, VerbKnown, ""); err != nil {
		return err
	}
	return t.c.record(ctx, t.tx, verb, object, by, runID, detail)
}

// Document is the blueprint as it is kept and exported: without what the
// catalog itself adds.
func (b Blueprint) Document() (map[string]any, error) { return b.document() }

// Fits says whether an entity could be one of this blueprint.
func (b Blueprint) Fits(n NewEntity) bool {
	s, err := newSchema(b)
	if err != nil {
		return false
	}
	n.Blueprint = b.Identifier
	_, bad := s.draft(nil, n, false)
	return len(bad) == 0
}

// Delete deletes entities of a blueprint; one that others require is refused,
// and with it all of them.
func (t *Transaction) Delete(ctx context.Context, blueprint string, identifiers []string, o DeleteOptions) error {
	if err := t.may(ctx, VerbKnown, blueprint); err != nil {
		return err
	}
	w := o.write()
	w.rehearsal = t.rehearsal
	b, err := t.c.newBatch(ctx, t.tx, w)
	if err != nil {
		return err
	}
	d, err := b.delete(ctx, blueprint, identifiers, o)
	if err != nil || len(d.doomed) == 0 {
		return err
	}
	if err := b.recordDeletes(ctx, blueprint, d, o); err != nil {
		return err
	}
	b.notify()
	return nil
}
