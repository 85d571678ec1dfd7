package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"sphera/internal/catalog/property"
	"sphera/internal/fault"
	"sphera/internal/store"
)

// readEntity takes an entity from its node, field by field: a file is refused
// for what it has too much as well.
func (in *importer) readEntity(file string, root *node) {
	item := &entityItem{file: file, root: root, verb: verbRefused}
	before := len(in.refusals)
	for _, m := range root.members {
		at := "/" + property.Escape(m.key)
		switch m.key {
		case "identifier":
			item.sent.Identifier = in.text(item, at, m.value)
		case "title", "icon":
			in.readName(item, m)
		case "blueprint":
			item.blueprint = in.text(item, at, m.value)
		case "team":
			raw, err := json.Marshal(m.value.value())
			if err != nil {
				in.refuse(file, root, at, "is not JSON", "Write a team's name, or a list of names.")
			}
			item.sent.Team = raw
		case "properties", "relations":
			in.readPart(item, m)
		default:
			if !slices.Contains(metaKeys(), m.key) {
				in.refuse(file, root, at, fmt.Sprintf("has the key %q, which entities do not have", cut(m.key)), "Entities have identifier, title, icon, team, blueprint, properties and relations; blueprints have a schema.")
			}
		}
	}
	if root.get("identifier") == nil {
		in.refuse(file, root, "", "has no identifier", "Give it an \"identifier\".")
	}
	if len(in.refusals) == before {
		in.entities = append(in.entities, item)
	}
}

func (in *importer) text(item *entityItem, at string, n *node) string {
	if n.kind != '"' {
		in.refuse(item.file, item.root, at, "is not text", "Write it in double quotes.")
	}
	return n.text
}

func (in *importer) readName(item *entityItem, m member) {
	if m.value.kind == 'n' {
		if item.sent.clear == nil {
			item.sent.clear = map[string]bool{}
		}
		item.sent.clear[m.key] = true
		return
	}
	value := in.text(item, "/"+m.key, m.value)
	if m.key == "title" {
		item.sent.Title = value
	} else {
		item.sent.Icon = value
	}
}

func (in *importer) readPart(item *entityItem, m member) {
	part, ok := m.value.value().(map[string]any)
	if !ok && m.value.kind != 'n' {
		in.refuse(item.file, item.root, "/"+m.key, "is not an object", "Write { \"name\": value, ... }.")
	}
	if m.key == "properties" {
		item.sent.Properties = part
	} else {
		item.sent.Relations = part
	}
}

// planEntities finds each entity's blueprint, merges it with what is in the
// catalog and checks it, its targets among the files and in the catalog.
func (in *importer) planEntities(ctx context.Context) error {
	for _, item := range in.entities {
		in.inferBlueprint(item)
	}
	batch := map[string]*entityItem{}
	for _, item := range in.entities {
		if item.blueprint == "" {
			continue
		}
		ref := Ref(item.blueprint, item.sent.Identifier)
		if other, twice := batch[ref]; twice {
			in.refuse(item.file, item.root, "/identifier", fmt.Sprintf("is the second %s %q; the first is in %s, line %d", item.blueprint, item.sent.Identifier, other.file, other.root.line), "Keep one of them.")
			item.blueprint = ""
			continue
		}
		batch[ref] = item
	}
	for _, item := range in.entities {
		if item.blueprint == "" {
			continue
		}
		if err := in.planEntity(ctx, item, batch); err != nil {
			return err
		}
	}
	return nil
}

func (in *importer) planEntity(ctx context.Context, item *entityItem, batch map[string]*entityItem) error {
	s := in.known[item.blueprint]
	if s == nil {
		if in.names[item.blueprint] {
			in.refuse(item.file, item.root, "/blueprint", fmt.Sprintf("belongs to blueprint %q, which was refused", item.blueprint), "Mend the blueprint first.")
		} else {
			in.refuse(item.file, item.root, "/blueprint", fmt.Sprintf("there is no blueprint %q", item.blueprint), "Import the blueprint with it, or name one of: "+strings.Join(slices.Sorted(maps.Keys(in.names)), ", ")+".")
		}
		return nil
	}
	var err error
	if item.old, err = readStored(ctx, in.tx, item.blueprint, item.sent.Identifier, in.tx.ForUpdate()); err != nil {
		return err
	}
	var before *draft
	if item.old != nil {
		before = &item.old.draft
	}
	d, bad := s.draft(before, item.sent, true)
	if err := in.checkTargets(ctx, s, before, d, batch, &bad); err != nil {
		return err
	}
	if text, err := sortedJSON(d.Properties); err != nil || len(text) > maxDocument {
		bad.add("/properties", "are too large", fmt.Sprintf("at most %d bytes", maxDocument))
	}
	for _, p := range bad {
		in.refuse(item.file, item.root, p.Pointer, p.Problem, "Expected: "+p.Expected+".")
	}
	if len(bad) > 0 {
		return nil
	}
	at := store.Millis(in.c.now())
	item.row = &stored{blueprint: item.blueprint, draft: d, created: at, updated: at, createdBy: in.o.By, updatedBy: in.o.By}
	switch {
	case item.old == nil:
		item.verb = verbCreate
	case item.old.equal(d):
		item.verb = verbUnchanged
	default:
		item.verb = verbUpdate
	}
	if item.old != nil {
		item.row.id, item.row.created, item.row.createdBy = item.old.id, item.old.created, item.old.createdBy
	}
	return nil
}

func (in *importer) checkTargets(ctx context.Context, s *schema, before *draft, d draft, batch map[string]*entityItem, bad *problems) error {
	for _, name := range slices.Sorted(maps.Keys(d.Relations)) {
		if before != nil && slices.Equal(before.Relations[name], d.Relations[name]) {
			continue
		}
		r := s.Relations[name]
		var look []string
		for _, target := range d.Relations[name] {
			if batch[Ref(r.Target, target)] == nil {
				look = append(look, target)
			}
		}
		found, err := findIDs(ctx, in.tx, r.Target, look)
		if err != nil {
			return err
		}
		for i, target := range d.Relations[name] {
			if _, ok := found[target]; ok || !slices.Contains(look, target) {
				continue
			}
			at := "/relations/" + property.Escape(name)
			if r.Many {
				at += fmt.Sprintf("/%d", i)
			}
			bad.add(at, fmt.Sprintf("there is no %s %q, neither in the files nor in the catalog", r.Target, cut(target)), "the identifier of a "+r.Target)
		}
	}
	return nil
}

// inferBlueprint fills in a missing blueprint: from the file name's last part
// (cart.system.json), or because the entity fits exactly one blueprint.
func (in *importer) inferBlueprint(item *entityItem) {
	if item.blueprint != "" {
		return
	}
	const problem = "has no \"blueprint\""
	stem := strings.TrimSuffix(path.Base(item.file), path.Ext(item.file))
	ending := strings.TrimPrefix(path.Ext(stem), ".")
	var named []string
	for name := range in.names {
		if ending != "" && strings.EqualFold(name, ending) {
			named = append(named, name)
		}
	}
	if len(named) == 1 {
		item.blueprint = named[0]
		in.repair(item.file, item.root, "", problem, fmt.Sprintf("took %s, from the ending .%s.json of the file's name", item.blueprint, ending))
		return
	}
	var fits []string
	for _, name := range slices.Sorted(maps.Keys(in.known)) {
		if _, bad := in.known[name].draft(nil, item.sent, false); len(bad) == 0 {
			fits = append(fits, name)
		}
	}
	switch len(fits) {
	case 1:
		item.blueprint = fits[0]
		in.repair(item.file, item.root, "", problem, fmt.Sprintf("took %s, the only blueprint that it fits", item.blueprint))
	case 0:
		in.refuse(item.file, item.root, "", problem+", and fits none", "Add \"blueprint\": one of "+strings.Join(slices.Sorted(maps.Keys(in.names)), ", ")+".")
	default:
		in.refuse(item.file, item.root, "", problem+", and fits several", "Add \"blueprint\": one of "+strings.Join(fits, ", ")+"; or end the file's name in .BLUEPRINT.json.")
	}
}

// applyEntities writes what was planned, in one batch: entities may point at
// each other in circles.
func (in *importer) applyEntities(ctx context.Context) error {
	m, err := in.c.readModel(ctx, in.tx, false) // the blueprints may be of this import
	if err != nil {
		return err
	}
	in.batch = in.c.batchOf(in.tx, m, Write{Upsert: true, Merge: true, By: in.o.By, RunID: in.o.RunID})
	var list []*put
	var items []*entityItem
	for _, item := range in.entities {
		if item.verb == verbUnchanged {
			continue
		}
		n := item.sent
		n.Blueprint, n.other = item.blueprint, ""
		p, err := newPut(n, &Item{}, 0)
		if err != nil {
			return err
		}
		list, items = append(list, p), append(items, item)
	}
	if err := in.batch.write(ctx, list); err != nil {
		return err
	}
	for i, p := range list {
		if f, ok := fault.As(p.item.Err); ok {
			in.refuse(items[i].file, items[i].root, "", f.Message, "Mend it and import again.")
		}
	}
	return nil
}
