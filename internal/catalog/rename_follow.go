package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"sphera/internal/audit"
	"sphera/internal/catalog/naming"
	"sphera/internal/fault"
	"sphera/internal/store"
)

// Follower renames in what it keeps: documents that mean parts of the catalog
// by their names. It runs in the transaction of the rename.
type Follower func(ctx context.Context, tx *store.Tx, c naming.Change) (naming.Found, error)

// FollowRenames has followers asked in each transaction that renames a blueprint, a
// property, a relation or an entity. It is told before anything is changed.
func (c *Catalog) FollowRenames(followers ...Follower) {
	c.followers = append(c.followers, followers...)
}

// target is where a relation leads.
func (m *model) target(blueprint, relation string) string {
	s := m.blueprints[blueprint]
	if s == nil {
		return ""
	}
	return s.Relations[relation].Target
}

// carry has everything follow that is not a blueprint or an entity. m is the
// model before.
func (c *Catalog) carry(ctx context.Context, tx *store.Tx, m *model, ch naming.Change) (naming.Found, error) {
	ch.Target = m.target
	if ch.By == "" {
		ch.By = "system"
	}
	var found naming.Found
	for _, follow := range append([]Follower{c.carryRights, c.carryScorecards}, c.followers...) {
		more, err := follow(ctx, tx, ch)
		if err != nil {
			return found, err
		}
		found.Add(more)
	}
	if ch.Kind == naming.Entity {
		found.Add(carryQueries(m, ch))
	}
	slices.Sort(found.Left)
	return found, nil
}

type namedDoc struct{ blueprint, id, doc string }

func scanNamedDoc(row interface{ Scan(...any) error }) (d namedDoc, err error) {
	return d, row.Scan(&d.blueprint, &d.id, &d.doc)
}

// about is the blueprint of a document by its name before.
func (d namedDoc) about(ch naming.Change) string {
	if ch.Kind == naming.Blueprint && d.blueprint == ch.New {
		return ch.Old
	}
	return d.blueprint
}

// carryRights renames in the permissions of all blueprints: the blocks of a
// property or relation, and what policies look for.
func (c *Catalog) carryRights(ctx context.Context, tx *store.Tx, ch naming.Change) (naming.Found, error) {
	var found naming.Found
	rows, err := tx.QueryContext(ctx, "SELECT identifier, '', permissions FROM blueprints WHERE CAST(permissions AS TEXT) <> '{}' ORDER BY identifier")
	list, err := store.All(rows, err, scanNamedDoc)
	if err != nil {
		return found, fmt.Errorf("read permissions: %w", err)
	}
	for _, d := range list {
		if !ch.Mentioned(d.doc) {
			continue
		}
		var kept storedRights
		if err := json.Unmarshal([]byte(d.doc), &kept); err != nil {
			return found, fmt.Errorf("permissions of %s: %w", d.blueprint, err)
		}
		blocks, left, err := renameRights(&kept, ch, d.about(ch))
		if err != nil {
			return found, err
		}
		found.Note("permissions of "+d.blueprint, len(blocks) > 0, left)
		if len(blocks) == 0 {
			continue
		}
		text, err := json.Marshal(kept)
		if err != nil {
			return found, fmt.Errorf("encode permissions: %w", err)
		}
		if _, err := tx.ExecContext(ctx, "UPDATE blueprints SET permissions = $1 WHERE identifier = $2", string(text), d.blueprint); err != nil {
			return found, fmt.Errorf("rename in the permissions of %s: %w", d.blueprint, err)
		}
		err = errors.Join(touchModel(ctx, tx), c.record(ctx, tx, "blueprint.permissions", d.blueprint, ch.By, "", audit.Detail("blocks", blocks)))
		if err != nil {
			return found, err
		}
	}
	return found, nil
}

// renameRights renames in the permissions of the blueprint of, and says which
// blocks changed.
func renameRights(kept *storedRights, ch naming.Change, of string) (blocks, left []string, err error) {
	e := &kept.Entities
	if of == ch.Blueprint {
		if ch.Kind == naming.Property && renameKey(e.Properties, ch.Old, ch.New) || ch.Kind == naming.Relation && renameKey(e.Relations, ch.Old, ch.New) {
			blocks = append(blocks, ch.New)
		}
	}
	for part, list := range map[string]map[string]Grant{"": e.Blocks, "/updateProperties": e.Properties, "/updateRelations": e.Relations} {
		for _, name := range sortedKeys(list) {
			raw, err := json.Marshal(list[name])
			if err != nil {
				return nil, nil, fmt.Errorf("encode permissions: %w", err)
			}
			out, changed, open, err := ch.JSON(raw, of)
			if err != nil {
				return nil, nil, err
			}
			for _, at := range open {
				left = append(left, part+"/"+name+at)
			}
			if !changed {
				continue
			}
			var g Grant
			if err := json.Unmarshal(out, &g); err != nil {
				return nil, nil, fmt.Errorf("rename in permissions: %w", err)
			}
			list[name] = g
			blocks = append(blocks, name)
		}
	}
	slices.Sort(blocks)
	return blocks, left, nil
}

// carryScorecards renames in the conditions and filters of scorecards.
func (c *Catalog) carryScorecards(ctx context.Context, tx *store.Tx, ch naming.Change) (naming.Found, error) {
	var found naming.Found
	rows, err := tx.QueryContext(ctx, "SELECT blueprint, identifier, doc FROM scorecards ORDER BY blueprint, identifier")
	list, err := store.All(rows, err, scanNamedDoc)
	if err != nil {
		return found, fmt.Errorf("read scorecards: %w", err)
	}
	for _, d := range list {
		out, changed, left, err := ch.JSON([]byte(d.doc), d.about(ch))
		if err != nil {
			return found, err
		}
		found.Note("scorecard "+d.id, changed, left)
		if !changed {
			continue
		}
		if _, err := tx.ExecContext(ctx, "UPDATE scorecards SET doc = $1 WHERE blueprint = $2 AND identifier = $3", string(out), d.blueprint, d.id); err != nil {
			return found, fmt.Errorf("rename in scorecard %s: %w", d.id, err)
		}
		if err := touchModel(ctx, tx); err != nil {
			return found, err
		}
	}
	return found, nil
}

// carryQueries tells of aggregations that look for an entity by its name:
// changing them would work out everything anew.
func carryQueries(m *model, ch naming.Change) naming.Found {
	var found naming.Found
	for _, id := range sortedKeys(m.blueprints) {
		for _, name := range sortedKeys(m.blueprints[id].AggregationProperties) {
			a := m.blueprints[id].AggregationProperties[name]
			raw, err := json.Marshal(a.Query)
			if err != nil || len(a.Query) == 0 {
				continue
			}
			if _, changed, left, err := ch.JSON(raw, a.Target); err == nil && (changed || len(left) > 0) {
				found.Left = append(found.Left, id+"/aggregationProperties/"+name)
			}
		}
	}
	return found
}

// RenameIn is a rename that is asked about.
type RenameIn struct {
	What naming.Kind `json:"what" enum:"blueprint,property,relation,entity" doc:"A mirror, a calculation and an aggregation are properties"`
	Old  string      `json:"old,omitempty" maxLength:"1000" doc:"The name now; of a blueprint that of the address"`
	New  string      `json:"new" minLength:"1" maxLength:"1000"`
}

// RenamePreview says what a rename would change besides the thing itself.
type RenamePreview struct {
	// Followed are the places that would be changed with it.
	Followed []string `json:"followed"`
	// Left have to be changed by hand: they may mean it.
	Left []string `json:"left"`
}

// PreviewRename says what a rename would carry along, and saves nothing.
func (c *Catalog) PreviewRename(ctx context.Context, blueprint string, in RenameIn) (RenamePreview, error) {
	if err := c.may(ctx, VerbShape, blueprint); err != nil {
		return RenamePreview{}, err
	}
	out := Renamed{Followed: []string{}, Left: []string{}}
	err := c.write(ctx, func(tx *store.Tx) error {
		out.Followed, out.Left = []string{}, []string{}
		if err := c.tryRename(ctx, tx, blueprint, in, &out); err != nil {
			return err
		}
		return errRollback
	})
	if errors.Is(err, errRollback) {
		err = nil
	}
	return RenamePreview{Followed: out.Followed, Left: out.Left}, err
}

// tryRename renames in documents only: the entities stay as they are, however
// many there are.
func (c *Catalog) tryRename(ctx context.Context, tx *store.Tx, blueprint string, in RenameIn, out *Renamed) error {
	m, err := c.readModel(ctx, tx, false)
	if err != nil {
		return err
	}
	s := m.blueprints[blueprint]
	if s == nil {
		return noBlueprint(blueprint)
	}
	ch := naming.Change{Kind: in.What, Blueprint: blueprint, Old: in.Old, New: in.New, By: "preview"}
	switch in.What {
	case naming.Property, naming.Relation:
		r := renaming{blueprint: blueprint, old: in.Old, name: in.New, what: string(in.What), m: m, out: out}
		if _, mirror := s.MirrorProperties[in.Old]; mirror && in.What == naming.Property {
			r.what = "mirror"
		}
		if err := r.check(s.Blueprint); err != nil {
			return err
		}
		if r.old == r.name {
			return nil
		}
		if err := c.references(ctx, tx, r, "preview"); err != nil {
			return err
		}
		return c.guarded(ctx, tx)
	case naming.Blueprint:
		ch.Old = blueprint
		if ch.Old == ch.New {
			return nil
		}
		if err := c.checkBlueprintName(ctx, tx, blueprint, in.New); err != nil {
			return err
		}
		for _, id := range sortedKeys(m.blueprints) {
			other := m.blueprints[id].Blueprint
			other.Relations, other.AggregationProperties = maps.Clone(other.Relations), maps.Clone(other.AggregationProperties)
			if id != blueprint && retargeted(&other, blueprint, in.New) {
				out.Followed = append(out.Followed, "blueprint "+id)
			}
		}
	case naming.Entity:
		if there, err := findIDs(ctx, tx, blueprint, []string{in.Old, in.New}); err != nil {
			return err
		} else if _, ok := there[in.Old]; !ok {
			return noEntity(blueprint, in.Old)
		} else if _, ok := there[in.New]; ok && in.Old != in.New {
			return fault.New(fault.Taken, "There is a %s %q already (identifier_taken).", blueprint, in.New)
		}
	default:
		return fault.Field("/what", "is not known", "blueprint, property, relation or entity")
	}
	found, err := c.carry(ctx, tx, m, ch)
	out.add(found)
	return err
}

func (r *Renamed) add(found naming.Found) {
	r.Followed = append(r.Followed, found.Followed...)
	r.Left = append(r.Left, found.Left...)
}
