package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"sphera/internal/fault"
	"sphera/internal/store"
)

// DeletedEntity is an entity that can be restored.
type DeletedEntity struct {
	// VersionID names the delete, for Restore.
	VersionID  int64     `json:"versionId"`
	Blueprint  string    `json:"blueprint"`
	Identifier string    `json:"identifier"`
	Title      string    `json:"title"`
	At         time.Time `json:"at"`
	Actor      string    `json:"actor"`
	Datasource string    `json:"datasource,omitempty"`
	RunID      string    `json:"runId,omitempty"`
	// Cause is the entity with which this one was deleted.
	Cause        string    `json:"cause,omitempty"`
	RestoreUntil time.Time `json:"restoreUntil"`
	// Taken is true where another entity has the name now.
	Taken bool `json:"taken,omitempty"`
	// References counts the relations that pointed at it.
	References int `json:"references"`
	// Team are the owners it had.
	Team []string `json:"team"`
}

// DeletedPage is one page of what can be restored, newest first.
type DeletedPage struct {
	Deleted []DeletedEntity `json:"deleted"`
	Next    string          `json:"next,omitempty"`
}

// notBack selects the deletes that nothing came after.
const notBack = "NOT EXISTS (SELECT 1 FROM entity_versions n WHERE n.entity = v.entity AND n.id > v.id)"

// Deleted lists what was deleted and can be restored, of one blueprint or, with
// an empty one, of all.
func (c *Catalog) Deleted(ctx context.Context, blueprint, from string, limit int) (DeletedPage, error) {
	sights, err := c.reading(ctx, blueprint)
	if err != nil {
		return DeletedPage{}, err
	}
	before, limit, err := versionCursor(from, limit)
	if err != nil {
		return DeletedPage{}, err
	}
	args := []any{before, store.Millis(c.now().Add(-Kept().Deleted)), limit + 1}
	where := "v.verb = 'delete' AND v.id < $1 AND v.at >= $2 AND " + notBack
	if blueprint != "" {
		where += " AND v.blueprint = $4"
		args = append(args, blueprint)
	}
	list, err := c.readDeleted(ctx, where+" ORDER BY v.id DESC LIMIT $3", args...)
	if err != nil {
		return DeletedPage{}, err
	}
	page := DeletedPage{Deleted: list}
	if len(list) > limit {
		page.Deleted = list[:limit]
		page.Next = strconv.FormatInt(list[limit-1].VersionID, 10)
	}
	page.Deleted, err = c.deletedSeen(ctx, sights, page.Deleted)
	return page, err
}

// DeletedEntity is one of Deleted.
func (c *Catalog) DeletedEntity(ctx context.Context, versionID int64) (DeletedEntity, error) {
	sights, err := c.reading(ctx, "")
	if err != nil {
		return DeletedEntity{}, err
	}
	list, err := c.readDeleted(ctx, "v.id = $1 AND v.verb = 'delete'", versionID)
	if err == nil {
		list, err = c.deletedSeen(ctx, sights, list)
	}
	if err != nil {
		return DeletedEntity{}, err
	}
	if len(list) == 0 {
		return DeletedEntity{}, noDelete()
	}
	return list[0], nil
}

// deletedSeen keeps what might be read before it was deleted. A page may be
// shorter for it.
func (c *Catalog) deletedSeen(ctx context.Context, s *sights, list []DeletedEntity) ([]DeletedEntity, error) {
	whole, err := s.whole(ctx)
	if err != nil || whole || len(list) == 0 {
		return list, err
	}
	ids := make([]int64, len(list))
	for i, d := range list {
		ids[i] = d.VersionID
	}
	versions, err := readVersions(ctx, c.db.Read(), "v.id IN ("+idList(ids)+")")
	if err != nil {
		return nil, err
	}
	seen := map[int64]bool{}
	for _, v := range versions {
		if seen[v.ID], err = c.versionSeen(ctx, s, v); err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(list, func(d DeletedEntity) bool { return !seen[d.VersionID] }), nil
}

func noDelete() *fault.Error {
	return fault.New(fault.NotFound, "There is no such delete; what was deleted can be restored for %d days.", int(Kept().Deleted.Hours()/24))
}

func (c *Catalog) readDeleted(ctx context.Context, where string, args ...any) ([]DeletedEntity, error) {
	rows, err := c.db.Read().QueryContext(ctx, `SELECT v.id, v.blueprint, v.identifier, `+jsonDoc(c.db.Dialect, "title")+`, `+jsonDoc(c.db.Dialect, "team")+`, v.at, v.actor, v.datasource, v.run_id, v.cause,
		(SELECT COUNT(*) FROM entities e WHERE e.blueprint = v.blueprint AND e.identifier = v.identifier),
		(SELECT COUNT(*) FROM entity_released r WHERE r.version = v.id)
		FROM entity_versions v WHERE `+where, args...)
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (DeletedEntity, error) {
		d := DeletedEntity{Team: []string{}}
		var at int64
		var taken int
		var team string
		if err := row.Scan(&d.VersionID, &d.Blueprint, &d.Identifier, &d.Title, &team, &at, &d.Actor, &d.Datasource, &d.RunID, &d.Cause, &taken, &d.References); err != nil {
			return d, err
		}
		d.At, d.Taken, d.RestoreUntil = store.Time(at), taken > 0, store.Time(at).Add(Kept().Deleted)
		if team == "" {
			return d, nil
		}
		return d, json.Unmarshal([]byte(team), &d.Team)
	})
	if err != nil {
		return nil, fmt.Errorf("list what was deleted: %w", err)
	}
	return list, nil
}

// jsonDoc is a text in the document of a version.
func jsonDoc(d store.Dialect, name string) string {
	if d == store.SQLite {
		return "COALESCE(v.doc ->> '$." + name + "', '')"
	}
	return "COALESCE(v.doc ->> '" + name + "', '')"
}

// Restored says what a restore brought back and what it could not.
type Restored struct {
	Entity Entity `json:"entity"`
	// Left are the values that could not be brought back.
	Left []Left `json:"left"`
	// References are the relations of others that point at it again.
	References []Hit `json:"references"`
}

// Left is a value that a restore left out.
type Left struct {
	Entity string `json:"entity"`
	Field  string `json:"field"`
	Value  any    `json:"value"`
	Reason string `json:"reason"`
}

// Restore brings back what was deleted, with the values, the owner of its
// history and the source it had. Relations to what is gone and values that the
// blueprint no longer takes are left out and reported. Relations that pointed at
// it do so again where nothing took its place.
func (c *Catalog) Restore(ctx context.Context, versionID int64, w Write) (Restored, error) {
	all, err := c.RestoreMany(ctx, []int64{versionID}, w)
	if err != nil {
		return Restored{}, err
	}
	return all[0], nil
}

// RestoreMany restores several deletes together, or none of them. What others
// of the list need is restored first, in whatever order they are given.
func (c *Catalog) RestoreMany(ctx context.Context, versionIDs []int64, w Write) ([]Restored, error) {
	if err := c.may(ctx, VerbKnown, ""); err != nil {
		return nil, err
	}
	if len(versionIDs) == 0 {
		return nil, nil
	}
	deletes, err := readVersions(ctx, c.db.Read(), "v.id IN ("+idList(versionIDs)+") AND v.verb = 'delete' ORDER BY v.id DESC")
	if err != nil {
		return nil, err
	}
	sights, err := c.reading(ctx, "")
	if err != nil {
		return nil, err
	}
	for _, v := range deletes {
		fits, err := c.versionSeen(ctx, sights, v)
		if err != nil {
			return nil, err
		}
		if !fits {
			return nil, noDelete()
		}
	}
	if len(deletes) < len(slices.Compact(slices.Sorted(slices.Values(versionIDs)))) {
		return nil, noDelete()
	}
	var out []Restored
	err = c.write(ctx, func(tx *store.Tx) error {
		out = make([]Restored, 0, len(deletes))
		left := slices.Clone(deletes)
		var failed error
		for len(left) > 0 {
			var again []*keptVersion
			for _, v := range left {
				restored, err := c.restore(ctx, tx, v, w)
				if fault.Is(err, fault.Unprocessable) {
					again, failed = append(again, v), err // may need another of the list
					continue
				}
				if err != nil {
					return err
				}
				out = append(out, restored)
			}
			if len(again) == len(left) {
				return failed
			}
			left = again
		}
		return nil
	})
	return out, err
}

func (c *Catalog) restore(ctx context.Context, tx *store.Tx, v *keptVersion, w Write) (Restored, error) {
	if err := c.restorable(ctx, tx, v); err != nil {
		return Restored{}, err
	}
	s, err := c.schema(ctx, tx, v.blueprint, shared(tx.Dialect))
	if fault.Is(err, fault.NotFound) {
		return Restored{}, fault.New(fault.Conflict, "Blueprint %q is gone, too. Restore it first.", v.blueprint)
	}
	if err != nil {
		return Restored{}, err
	}
	taken, err := readStored(ctx, tx, tx.Dialect, v.blueprint, v.Identifier, "")
	if err != nil {
		return Restored{}, err
	}
	if taken != nil {
		return Restored{}, fault.New(fault.Taken, "There is another %s %q now (identifier_taken). Rename it first.", v.blueprint, v.Identifier)
	}
	out := Restored{Left: []Left{}, References: []Hit{}}
	n, err := c.comingBack(ctx, tx, s, v, &out)
	if err != nil {
		return Restored{}, err
	}
	back := w
	back.back, back.Upsert, back.Merge = &comeback{id: v.entity, row: *v.state.Row}, false, false
	if out.Entity, err = c.saveEntity(ctx, tx, s, nil, n, back); err != nil {
		return Restored{}, err
	}
	return out, c.putBack(ctx, tx, v, w, &out)
}

func (c *Catalog) restorable(ctx context.Context, tx *store.Tx, v *keptVersion) error {
	days := int(Kept().Deleted.Hours() / 24)
	if c.now().Sub(v.At) > Kept().Deleted || v.state.Row == nil {
		return fault.New(fault.NotFound, "%s %q was deleted more than %d days ago.", v.blueprint, v.Identifier, days)
	}
	n, err := countRows(ctx, tx, "SELECT COUNT(*) FROM entity_versions WHERE entity = $1 AND id > $2", v.entity, v.ID)
	if err != nil {
		return err
	}
	if n > 0 {
		return fault.New(fault.Conflict, "%s %q was restored already.", v.blueprint, v.Identifier)
	}
	return nil
}

// comingBack is the write that makes the entity again.
func (c *Catalog) comingBack(ctx context.Context, tx *store.Tx, s *schema, v *keptVersion, out *Restored) (NewEntity, error) {
	n := NewEntity{Identifier: v.Identifier, Properties: map[string]any{}, Relations: map[string]any{}, clear: map[string]bool{}}
	n.put(s.Blueprint, "title", v.state.Title)
	n.put(s.Blueprint, "icon", v.state.Icon)
	if !s.inheritsTeam() {
		n.put(s.Blueprint, "team", v.state.Team)
	}
	leave := func(field string, value any, reason string) {
		out.Left = append(out.Left, Left{Entity: Ref(v.blueprint, v.Identifier), Field: field, Value: value, Reason: reason})
	}
	for name := range s.Schema.Properties {
		n.Properties[name] = nil // no defaults: it had none
	}
	for _, name := range slices.Sorted(maps.Keys(v.state.Properties)) {
		value := v.state.Properties[name]
		checker, ok := s.checkers[name]
		if !ok {
			leave("properties."+name, value, s.Identifier+" has no such property any more")
			continue
		}
		if bad := checker.Check(value); len(bad) > 0 {
			leave("properties."+name, value, bad[0].Problem)
			continue
		}
		n.Properties[name] = value
	}
	for _, name := range slices.Sorted(maps.Keys(v.state.Relations)) {
		wanted := v.state.Relations[name]
		r, ok := s.Relations[name]
		if !ok {
			leave("relations."+name, []string(wanted), s.Identifier+" has no such relation any more")
			continue
		}
		found, err := findIDs(ctx, tx, r.Target, wanted)
		if err != nil {
			return n, err
		}
		var there []string
		for _, id := range wanted {
			if _, ok := found[id]; !ok && (r.Target != s.Identifier || id != v.Identifier) {
				leave("relations."+name, id, fmt.Sprintf("there is no %s %q any more", r.Target, cut(id)))
				continue
			}
			there = append(there, id)
		}
		if !r.Many && len(there) > 1 {
			leave("relations."+name, there[1:], "the relation takes only one now")
			there = there[:1]
		}
		if len(there) > 0 {
			n.Relations[name] = relationValue(r, there)
		}
	}
	return n, nil
}

// released is one relation that pointed at what comes back.
type released struct {
	blueprint, identifier, relation string
	position                        int
}

// putBack lets the relations of others point at v again: a single one where it
// is still empty, a list where it is not in it.
func (c *Catalog) putBack(ctx context.Context, tx *store.Tx, v *keptVersion, w Write, out *Restored) error {
	rows, err := tx.QueryContext(ctx, `SELECT e.blueprint, e.identifier, r.relation, r.position FROM entity_released r JOIN entities e ON e.id = r.source
		WHERE r.version = $1 AND e.pending = 0 ORDER BY e.id, r.relation`, v.ID)
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (released, error) {
		var r released
		return r, row.Scan(&r.blueprint, &r.identifier, &r.relation, &r.position)
	})
	if err != nil {
		return fmt.Errorf("find what pointed at %s: %w", Ref(v.blueprint, v.Identifier), err)
	}
	w.Upsert, w.Merge, w.Cause = true, true, Ref(v.blueprint, v.Identifier)
	w.Datasource, w.Source = "", ""
	for _, r := range list {
		if err := c.pointBack(ctx, tx, v, r, w, out); err != nil {
			return err
		}
	}
	return nil
}

func (c *Catalog) pointBack(ctx context.Context, tx *store.Tx, v *keptVersion, r released, w Write, out *Restored) error {
	leave := func(reason string) {
		out.Left = append(out.Left, Left{Entity: Ref(r.blueprint, r.identifier), Field: "relations." + r.relation, Value: v.Identifier, Reason: reason})
	}
	s, err := c.schema(ctx, tx, r.blueprint, shared(tx.Dialect))
	if err != nil {
		return err
	}
	relation, ok := s.Relations[r.relation]
	if !ok || relation.Target != v.blueprint {
		leave(r.blueprint + " has no such relation any more")
		return nil
	}
	old, err := readStored(ctx, tx, tx.Dialect, r.blueprint, r.identifier, tx.ForUpdate())
	if err != nil || old == nil {
		return err
	}
	list := old.Relations[r.relation]
	switch {
	case slices.Contains(list, v.Identifier):
		return nil
	case !relation.Many && len(list) > 0:
		leave("it points at " + list[0] + " now")
		return nil
	}
	list = slices.Insert(slices.Clone(list), min(r.position, len(list)), v.Identifier)
	n := NewEntity{Identifier: r.identifier, Relations: map[string]any{r.relation: relationValue(relation, list)}}
	e, err := c.saveEntity(ctx, tx, s, old, n, w)
	if f, ok := fault.As(err); ok {
		leave(strings.TrimSuffix(f.Message, "."))
		return nil
	}
	if err != nil {
		return err
	}
	out.References = append(out.References, Hit{Blueprint: r.blueprint, Identifier: r.identifier, Title: e.Title, Icon: e.Icon, Relation: r.relation, Required: relation.Required})
	return nil
}
