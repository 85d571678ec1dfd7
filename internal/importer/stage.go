package importer

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"sphera/internal/catalog"
)

const (
	// stagePart is how many entities one transaction of a large import writes:
	// few enough that others need not wait for long.
	stagePart = 250
	// lastPart is how many changed entities the last transaction holds in memory
	// at a time.
	lastPart = 2000
)

// stage imports so many entities that one transaction would keep others
// waiting: new ones are written unseen in many short ones, and the last one
// shows them, together with what changes of entities there were before.
func (im *Importer) stage(ctx context.Context, in *load) (catalog.Report, error) {
	staging, err := im.catalog.Stage(ctx, in.o.By)
	if err != nil {
		return catalog.Report{}, err
	}
	in.staging, in.look = staging, im.catalog.Existing
	report, err := im.staged(ctx, in)
	if err != nil || !report.Applied {
		// What is asked for is over, but it must not leave anything.
		undo := context.WithoutCancel(ctx)
		err = errors.Join(err, staging.Abort(undo))
	}
	if err != nil {
		return catalog.Report{}, fmt.Errorf("import: %w", err)
	}
	return report, nil
}

func (im *Importer) staged(ctx context.Context, in *load) (catalog.Report, error) {
	if err := in.putBlueprints(ctx); err != nil {
		return catalog.Report{}, err
	}
	items, err := in.sortOut(ctx)
	if err != nil {
		return catalog.Report{}, err
	}
	known, err := in.stageNew(ctx, items)
	if err != nil {
		return catalog.Report{}, err
	}
	changed, err := im.changed(ctx, in, known)
	if err != nil {
		return catalog.Report{}, err
	}
	if len(in.refusals) > 0 {
		return in.report(), nil
	}
	var report catalog.Report
	refusals, repairs, deleted := len(in.refusals), len(in.repairs), len(in.deleted)
	err = in.staging.Publish(ctx, func(t *catalog.Transaction) error {
		in.refusals, in.repairs, in.deleted = in.refusals[:refusals], in.repairs[:repairs], in.deleted[:deleted]
		in.b = t
		if err := in.last(ctx, changed); err != nil {
			return err
		}
		report = in.report()
		if !report.Applied {
			return errRollback
		}
		return in.announce(ctx, report)
	})
	if errors.Is(err, errRollback) {
		err = nil
	}
	return report, err
}

// stageNew writes the entities that are not in the catalog, the targets before
// what points at them, and returns the others.
func (in *load) stageNew(ctx context.Context, items []*entityItem) ([]*entityItem, error) {
	names := map[string][]string{}
	for _, item := range items {
		names[item.Entity.Blueprint] = append(names[item.Entity.Blueprint], item.Entity.Identifier)
	}
	existing := map[string]map[string]bool{}
	for blueprint, identifiers := range names {
		there, err := in.look(ctx, blueprint, identifiers)
		if err != nil {
			return nil, err
		}
		existing[blueprint] = there
	}
	var fresh, known []*entityItem
	for _, item := range items {
		if existing[item.Entity.Blueprint][item.Entity.Identifier] {
			known = append(known, item)
		} else {
			fresh = append(fresh, item)
		}
	}
	rank := in.ranks()
	slices.SortStableFunc(fresh, func(a, b *entityItem) int { return rank[a.Entity.Blueprint] - rank[b.Entity.Blueprint] })
	for part := range slices.Chunk(fresh, stagePart) {
		results, err := in.staging.Put(ctx, entitiesOf(part), in.write())
		if err != nil {
			return nil, err
		}
		if err := in.note(part, results); err != nil {
			return nil, err
		}
		for _, item := range part {
			if item.verb != verbRefused {
				item.verb = verbCreate // also where it was made before, bare, for another
			}
		}
	}
	return known, nil
}

func entitiesOf(items []*entityItem) []catalog.NewEntity {
	list := make([]catalog.NewEntity, len(items))
	for i, item := range items {
		list[i] = item.Entity
	}
	return list
}

// changed leaves out what is in the catalog as the files have it.
func (im *Importer) changed(ctx context.Context, in *load, known []*entityItem) ([]*entityItem, error) {
	w := in.write()
	left, err := im.catalog.Changed(ctx, entitiesOf(known), w)
	if err != nil {
		return nil, err
	}
	for _, item := range known {
		item.verb = verbUnchanged
	}
	out := make([]*entityItem, len(left))
	for i, at := range left {
		out[i] = known[at]
		out[i].verb = verbRefused
	}
	return out, nil
}

// last writes what belongs to the transaction that shows everything.
func (in *load) last(ctx context.Context, changed []*entityItem) error {
	if err := in.putScorecards(ctx); err != nil {
		return err
	}
	for part := range slices.Chunk(changed, lastPart) {
		if err := in.put(ctx, part); err != nil {
			return err
		}
	}
	if in.o.Prune && len(in.refusals) == 0 {
		return in.prune(ctx)
	}
	return nil
}
