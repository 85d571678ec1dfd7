package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"sphera/internal/fault"
	"sphera/internal/store"
)

// UndoVersion puts the fields that a version changed back to what they were
// before it. Where one of them was changed again since, that is refused with
// the fields named, unless force is set. It is a write like any other: checked,
// derived, recorded.
func (c *Catalog) UndoVersion(ctx context.Context, blueprint, identifier string, version int64, w Write, force bool) (Entity, error) {
	if err := c.may(ctx, VerbKnown, blueprint); err != nil {
		return Entity{}, err
	}
	if _, _, err := c.visibleEntity(ctx, blueprint, identifier); err != nil {
		return Entity{}, err
	}
	w.Merge = true
	w.Cause = fmt.Sprintf("undo of version %d", version)
	v, prev, err := c.undoable(ctx, blueprint, identifier, version)
	if err != nil {
		return Entity{}, err
	}
	var out Entity
	err = c.write(ctx, func(tx *store.Tx) error {
		s, err := c.schema(ctx, tx, blueprint, shared(tx.Dialect))
		if err != nil {
			return err
		}
		old, err := readStored(ctx, tx, tx.Dialect, blueprint, identifier, tx.ForUpdate())
		if err != nil {
			return err
		}
		if old == nil {
			return noEntity(blueprint, identifier)
		}
		n, err := undoing(s.Blueprint, v, prev, old, force)
		if err != nil {
			return err
		}
		out, err = c.saveEntity(ctx, tx, s, old, n, w)
		return err
	})
	return out, err
}

// undoable finds a version that can be undone and the one before it.
func (c *Catalog) undoable(ctx context.Context, blueprint, identifier string, version int64) (v, prev *keptVersion, err error) {
	if v, err = c.at(ctx, blueprint, identifier, Moment{Version: version}); err != nil {
		return nil, nil, err
	}
	switch v.Verb {
	case verbCreate, verbRestore:
		return nil, nil, fault.New(fault.Conflict, "Version %d is how %s %q came into the catalog. To take that back, delete it; it can be restored for %d days.", version, blueprint, identifier, int(Kept().Deleted.Hours()/24))
	case verbDerive:
		return nil, nil, fault.New(fault.Conflict, "Version %d only worked out values again because %s changed. Undo that change instead.", version, v.Cause)
	}
	if prev, err = previous(ctx, c.db.Read(), []*keptVersion{v}, 0); err != nil {
		return nil, nil, err
	}
	if prev == nil {
		return nil, nil, fault.New(fault.Conflict, "What was before version %d is not kept any more.", version)
	}
	return v, prev, nil
}

// undoing is the write that takes v back.
func undoing(b Blueprint, v, prev *keptVersion, old *stored, force bool) (NewEntity, error) {
	before, after, now := prev.flat(), v.flat(), (&keptVersion{Version: Version{Identifier: old.Identifier}, state: stateOf(old)}).flat()
	n := NewEntity{Properties: map[string]any{}, Relations: map[string]any{}, clear: map[string]bool{}}
	var conflicts []string
	changed := false
	differ := differences(before, after)
	for _, field := range slices.Sorted(maps.Keys(differ)) {
		change := differ[field]
		if strings.HasPrefix(field, "derived.") || strings.HasPrefix(field, "scorecards.") || field == "team" && b.inheritsTeam() {
			continue
		}
		changed = true
		if same(now[field], change.Before) {
			continue // somebody has put it back already
		}
		if !same(now[field], change.After) {
			conflicts = append(conflicts, field)
		}
		n.put(b, field, change.Before)
	}
	if !changed {
		return n, fault.New(fault.Conflict, "Version %d changed nothing that could be put back.", v.Version.Version)
	}
	if len(conflicts) > 0 && !force {
		e := fault.New(fault.Conflict, "Changed again since version %d: %s. Undo the later change first, or force it.", v.Version.Version, strings.Join(conflicts, ", "))
		for _, field := range conflicts {
			e.With(field, "was changed again", "the value that version "+fmt.Sprint(v.Version.Version)+" gave it")
		}
		return n, e
	}
	return n, nil
}

// same compares values of flat states: lists of text may be typed or not.
func same(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y) || reflect.DeepEqual(a, b)
}

// put sets one field of a flat state in a write that merges.
func (n *NewEntity) put(b Blueprint, field string, value any) {
	text, _ := value.(string)
	switch field {
	case "identifier":
		n.Identifier = text
		return
	case "title":
		n.Title = text
		return
	case "icon":
		n.Icon = text
		n.clear["icon"] = text == ""
		return
	case "team":
		raw, err := json.Marshal(value)
		if err == nil {
			n.Team = raw
		}
		return
	}
	if name, ok := strings.CutPrefix(field, "properties."); ok {
		n.Properties[name] = value
		return
	}
	name := strings.TrimPrefix(field, "relations.")
	n.Relations[name] = relationValue(b.Relations[name], value)
}

// relationValue is the value of a relation as a write sends it.
func relationValue(r Relation, value any) any {
	list, _ := value.([]string)
	if r.Many {
		out := make([]any, len(list))
		for i, id := range list {
			out[i] = id
		}
		return out
	}
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

// inheritsTeam says whether owners are worked out, and so not to be written.
func (b Blueprint) inheritsTeam() bool {
	return b.Ownership != nil && strings.EqualFold(b.Ownership.Type, "Inherited") || b.TeamInheritance != nil
}
