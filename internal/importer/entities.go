package importer

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"sphera/internal/catalog"
	"sphera/internal/catalog/property"
)

// putEntities finds each entity's blueprint and what it points at, and writes
// all of them.
func (in *load) putEntities(ctx context.Context) error {
	good, err := in.sortOut(ctx)
	if err != nil {
		return err
	}
	return in.put(ctx, good)
}

// sortOut refuses the entities without a blueprint, those that are there twice
// and those that point at nothing, and returns the others.
func (in *load) sortOut(ctx context.Context) ([]*entityItem, error) {
	var good []*entityItem
	files := map[string]map[string]*entityItem{}
	for _, item := range in.entities {
		if !in.blueprintOf(item) {
			continue
		}
		e := item.Entity
		if files[e.Blueprint] == nil {
			files[e.Blueprint] = map[string]*entityItem{}
		}
		if other, twice := files[e.Blueprint][e.Identifier]; twice {
			line, _ := other.At("")
			in.refuse(item.Thing, "/identifier", fmt.Sprintf("is the second %s %q; the first is in %s, line %d", e.Blueprint, short(e.Identifier), other.File, line), "Keep one of them.")
			continue
		}
		files[e.Blueprint][e.Identifier] = item
		good = append(good, item)
	}
	return good, in.checkTargets(ctx, good, files)
}

// put writes entities in one go: they may point at each other in circles.
func (in *load) put(ctx context.Context, items []*entityItem) error {
	list := make([]catalog.NewEntity, len(items))
	for i, item := range items {
		list[i] = item.Entity
	}
	results, err := in.b.Put(ctx, list, in.write())
	if err != nil {
		return err
	}
	return in.note(items, results)
}

// note takes over what the catalog did with items.
func (in *load) note(items []*entityItem, results []catalog.Item) error {
	for i, r := range results {
		item := items[i]
		switch {
		case r.Err != nil:
			if !in.refuseFault(item.Thing, r.Err) {
				return r.Err
			}
		case r.Created:
			item.verb = verbCreate
		case r.Changed:
			item.verb = verbUpdate
		default:
			item.verb = verbUnchanged
		}
	}
	return nil
}

func (in *load) write() catalog.Write {
	return catalog.Write{Upsert: true, Merge: !in.o.Replace, CreateMissing: true, By: in.o.By, RunID: in.o.RunID}
}

// blueprintOf makes sure that an entity has a blueprint that was not refused.
func (in *load) blueprintOf(item *entityItem) bool {
	if item.Entity.Blueprint == "" && !in.infer(item) {
		return false
	}
	id := item.Entity.Blueprint
	if _, ok := in.known[id]; ok {
		return true
	}
	if in.named[id] {
		in.refuse(item.Thing, "/blueprint", fmt.Sprintf("belongs to blueprint %q, which was refused", id), "Mend the blueprint first.")
	} else {
		in.refuse(item.Thing, "/blueprint", fmt.Sprintf("there is no blueprint %q", short(id)), "Import the blueprint with it, or name one of: "+strings.Join(slices.Sorted(maps.Keys(in.named)), ", ")+".")
	}
	return false
}

// infer fills in a missing blueprint: from the file name's last part
// (cart.system.json), or because the entity fits exactly one blueprint.
func (in *load) infer(item *entityItem) bool {
	const problem = "has no \"blueprint\""
	stem := strings.TrimSuffix(path.Base(item.File), path.Ext(item.File))
	ending := strings.TrimPrefix(path.Ext(stem), ".")
	var named []string
	for name := range in.named {
		if ending != "" && strings.EqualFold(name, ending) {
			named = append(named, name)
		}
	}
	if len(named) == 1 {
		item.Entity.Blueprint = named[0]
		in.repair(item.Thing, "", problem, fmt.Sprintf("took %s, from the ending .%s.json of the file's name", named[0], ending))
		return true
	}
	var fits []string
	for _, name := range slices.Sorted(maps.Keys(in.known)) {
		if !strings.HasPrefix(name, "_") && in.known[name].Fits(item.Entity) {
			fits = append(fits, name)
		}
	}
	switch len(fits) {
	case 1:
		item.Entity.Blueprint = fits[0]
		in.repair(item.Thing, "", problem, fmt.Sprintf("took %s, the only blueprint that it fits", fits[0]))
		return true
	case 0:
		in.refuse(item.Thing, "", problem+", and fits none", "Add \"blueprint\": one of "+strings.Join(slices.Sorted(maps.Keys(in.named)), ", ")+".")
	default:
		in.refuse(item.Thing, "", problem+", and fits several", "Add \"blueprint\": one of "+strings.Join(fits, ", ")+"; or end the file's name in .BLUEPRINT.json.")
	}
	return false
}

// wanted is a target that must exist, with who points at it first.
type wanted struct {
	item    *entityItem
	pointer string
}

// checkTargets refuses relations to what is neither in the files nor in the
// catalog. Values of a wrong type are left to the catalog.
func (in *load) checkTargets(ctx context.Context, items []*entityItem, files map[string]map[string]*entityItem) error {
	if in.o.CreateMissing {
		return nil
	}
	missing := map[string]map[string][]wanted{}
	for _, item := range items {
		b := in.known[item.Entity.Blueprint]
		for _, name := range slices.Sorted(maps.Keys(item.Entity.Relations)) {
			r, ok := b.Relations[name]
			if !ok {
				continue
			}
			for i, target := range targets(item.Entity.Relations[name]) {
				if files[r.Target][target] != nil || in.broken[catalog.Ref(r.Target, target)] {
					continue
				}
				if missing[r.Target] == nil {
					missing[r.Target] = map[string][]wanted{}
				}
				pointer := "/relations/" + property.Escape(name)
				if r.Many {
					pointer += fmt.Sprintf("/%d", i)
				}
				missing[r.Target][target] = append(missing[r.Target][target], wanted{item, pointer})
			}
		}
	}
	for _, blueprint := range slices.Sorted(maps.Keys(missing)) {
		there, err := in.look(ctx, blueprint, slices.Sorted(maps.Keys(missing[blueprint])))
		if err != nil {
			return err
		}
		for target, from := range missing[blueprint] {
			for _, w := range from {
				if !there[target] {
					in.refuse(w.item.Thing, w.pointer, fmt.Sprintf("there is no %s %q, neither in the files nor in the catalog", blueprint, short(target)), "Expected: the identifier of a "+blueprint+".")
				}
			}
		}
	}
	return nil
}

func targets(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, item := range v {
			if s, ok := item.(string); ok {
				out = append(out, s)
			}
		}
		return out
	default:
		return nil
	}
}

// ranks orders the blueprints so that targets come first as far as that can
// be: a circle has no first.
func (in *load) ranks() map[string]int {
	rank := map[string]int{}
	visiting := map[string]bool{}
	var visit func(id string)
	visit = func(id string) {
		if _, done := rank[id]; done || visiting[id] {
			return
		}
		visiting[id] = true
		b := in.known[id]
		for _, name := range slices.Sorted(maps.Keys(b.Relations)) {
			visit(b.Relations[name].Target)
		}
		rank[id] = len(rank)
	}
	for _, id := range slices.Sorted(maps.Keys(in.known)) {
		visit(id)
	}
	return rank
}

// prune deletes what the files do not have.
func (in *load) prune(ctx context.Context) error {
	keep := map[string]map[string]bool{}
	for _, item := range in.blueprints {
		keep[item.identifier] = map[string]bool{}
	}
	for _, item := range in.entities {
		if keep[item.Entity.Blueprint] == nil {
			keep[item.Entity.Blueprint] = map[string]bool{}
		}
		keep[item.Entity.Blueprint][item.Entity.Identifier] = true
	}
	rank := in.ranks()
	order := slices.Collect(maps.Keys(keep))
	// What points at others goes before them.
	slices.SortFunc(order, func(a, b string) int { return rank[b] - rank[a] })
	for _, blueprint := range order {
		gone, err := in.b.Others(ctx, blueprint, keep[blueprint])
		if err != nil {
			return err
		}
		if err := in.b.Delete(ctx, blueprint, gone, catalog.DeleteOptions{By: in.o.By, RunID: in.o.RunID}); err != nil {
			if !in.refuseFault(Thing{File: "catalog"}, err) {
				return err
			}
			continue
		}
		for _, id := range gone {
			in.deleted = append(in.deleted, catalog.ImportItem{Blueprint: blueprint, Identifier: id, Verb: verbDelete})
		}
	}
	return nil
}
