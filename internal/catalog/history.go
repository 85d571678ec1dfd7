package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"time"

	"sphera/internal/fault"
	"sphera/internal/store"
)

// Version is one change of an entity.
type Version struct {
	// ID orders the versions of all entities; Version counts those of one.
	ID      int64 `json:"id"`
	Version int64 `json:"version"`
	// Identifier is what the entity was called then.
	Identifier string `json:"identifier"`
	// Verb is create, update, derive, delete or restore.
	Verb       string    `json:"verb" enum:"create,update,derive,delete,restore"`
	At         time.Time `json:"at"`
	Actor      string    `json:"actor"`
	Datasource string    `json:"datasource,omitempty"`
	RunID      string    `json:"runId,omitempty"`
	// Cause is the entity whose change made this one, or what it undid.
	Cause string `json:"cause,omitempty"`
	// Changes are the fields that differ from the version before: title, icon,
	// team, identifier, and properties., relations., derived., scorecards.NAME.
	Changes map[string]Change `json:"changes"`
	// Earliest is set where what was before is not kept any more.
	Earliest bool `json:"earliest,omitempty"`
}

// Change is one field before and after; null where there was none.
type Change struct {
	Before any `json:"before"`
	After  any `json:"after"`
}

// VersionPage is one page of a history, newest first.
type VersionPage struct {
	Versions []Version `json:"versions"`
	Next     string    `json:"next,omitempty"`
}

// keptVersion is a row of entity_versions.
type keptVersion struct {
	Version
	entity    int64
	blueprint string
	state     state
}

const versionColumns = "v.id, v.entity, v.version, v.blueprint, v.identifier, v.verb, v.at, v.actor, v.datasource, v.run_id, v.cause, v.doc"

func scanVersion(row interface{ Scan(...any) error }) (*keptVersion, error) {
	v := &keptVersion{}
	var at int64
	var doc []byte
	err := row.Scan(&v.ID, &v.entity, &v.Version.Version, &v.blueprint, &v.Identifier, &v.Verb, &at, &v.Actor, &v.Datasource, &v.RunID, &v.Cause, &doc)
	if err != nil {
		return nil, err
	}
	v.At = store.Time(at)
	if err := json.Unmarshal(doc, &v.state); err != nil {
		return nil, fmt.Errorf("version %d: %w", v.ID, err)
	}
	return v, nil
}

func readVersions(ctx context.Context, q store.Querier, rest string, args ...any) ([]*keptVersion, error) {
	rows, err := q.QueryContext(ctx, "SELECT "+versionColumns+" FROM entity_versions v WHERE "+rest, args...)
	list, err := store.All(rows, err, scanVersion)
	if err != nil {
		return nil, fmt.Errorf("read versions: %w", err)
	}
	return list, nil
}

// flat is the state by field; nil for one in which the entity was not there.
func (v *keptVersion) flat() map[string]any {
	if v == nil || v.Verb == verbDelete {
		return nil
	}
	return v.lastFlat()
}

// lastFlat is flat, for a delete of what was there before it.
func (v *keptVersion) lastFlat() map[string]any {
	out := map[string]any{"identifier": v.Identifier, "title": v.state.Title}
	if v.state.Icon != "" {
		out["icon"] = v.state.Icon
	}
	if len(v.state.Team) > 0 {
		out["team"] = v.state.Team
	}
	for prefix, part := range map[string]map[string]any{"properties.": v.state.Properties, "derived.": v.state.Derived, "scorecards.": v.state.Scorecards} {
		for name, value := range part {
			out[prefix+name] = value
		}
	}
	for name, targets := range v.state.Relations {
		if len(targets) > 0 {
			out["relations."+name] = []string(targets)
		}
	}
	return out
}

func differences(before, after map[string]any) map[string]Change {
	out := map[string]Change{}
	for name, b := range before {
		if a, ok := after[name]; !ok || !reflect.DeepEqual(a, b) {
			out[name] = Change{Before: b, After: a}
		}
	}
	for name, a := range after {
		if _, ok := before[name]; !ok {
			out[name] = Change{After: a}
		}
	}
	return out
}

// lives are the numbers of the entities that had the name: the one that has it
// now, else the one that had it last, and those that were deleted under it.
func (c *Catalog) lives(ctx context.Context, q store.Querier, blueprint, identifier string) (current int64, all []int64, err error) {
	err = q.QueryRowContext(ctx, "SELECT id FROM entities WHERE blueprint = $1 AND identifier = $2 AND pending = 0", blueprint, identifier).Scan(&current)
	if errors.Is(err, sql.ErrNoRows) {
		err = q.QueryRowContext(ctx, "SELECT entity FROM entity_versions WHERE blueprint = $1 AND identifier = $2 ORDER BY id DESC LIMIT 1", blueprint, identifier).Scan(&current)
	}
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil, noEntity(blueprint, identifier)
	}
	if err != nil {
		return 0, nil, fmt.Errorf("find the history of %s: %w", Ref(blueprint, identifier), err)
	}
	const most = 50
	rows, err := q.QueryContext(ctx, "SELECT DISTINCT entity FROM entity_versions WHERE blueprint = $1 AND identifier = $2 AND verb = 'delete' ORDER BY entity DESC LIMIT $3", blueprint, identifier, most)
	all, err = store.All(rows, err, func(row interface{ Scan(...any) error }) (id int64, err error) { return id, row.Scan(&id) })
	if err != nil {
		return 0, nil, fmt.Errorf("find the history of %s: %w", Ref(blueprint, identifier), err)
	}
	if !slices.Contains(all, current) {
		all = append(all, current)
	}
	return current, all, nil
}

// visibleLives is lives without those that may not be read, the current one
// last: by what they are now or were at the end. Whoever may read an entity may
// read what it was before.
func (c *Catalog) visibleLives(ctx context.Context, blueprint, identifier string) ([]int64, error) {
	sights, err := c.reading(ctx, blueprint)
	if err != nil {
		return nil, err
	}
	current, lives, err := c.lives(ctx, c.db.Read(), blueprint, identifier)
	if err != nil {
		return nil, err
	}
	out := make([]int64, 0, len(lives))
	for _, id := range lives {
		fits, err := c.lifeSeen(ctx, sights, id)
		if err != nil {
			return nil, err
		}
		if fits && id != current {
			out = append(out, id)
		}
		if !fits && id == current {
			return nil, noEntity(blueprint, identifier)
		}
	}
	return append(out, current), nil
}

// lifeSeen tells whether an entity may be read, also one that was deleted.
func (c *Catalog) lifeSeen(ctx context.Context, s *sights, id int64) (bool, error) {
	if whole, err := s.whole(ctx); err != nil || whole {
		return whole, err
	}
	list, err := readVersions(ctx, c.db.Read(), "v.entity = $1 ORDER BY v.id DESC LIMIT 1", id)
	if err != nil || len(list) == 0 {
		return false, err
	}
	if list[0].Verb != verbDelete {
		return s.one(ctx, c.db.Read(), list[0].blueprint, id)
	}
	return c.versionSeen(ctx, s, list[0])
}

// versionSeen tells whether a state of the past may be read.
func (c *Catalog) versionSeen(ctx context.Context, s *sights, v *keptVersion) (bool, error) {
	view, err := s.of(ctx, v.blueprint)
	if err != nil || view.None || view.All() {
		return view.All(), err
	}
	b, err := c.blueprintAt(ctx, v.blueprint, v.At)
	if err != nil {
		return false, err
	}
	e := v.entityAs(b)
	if e.CreatedAt, e.CreatedBy, err = c.createdOf(ctx, v.entity); err != nil {
		return false, err
	}
	return s.past(ctx, v.blueprint, e)
}

const maxVersions = 200

// versionCursor reads where a page of versions begins, and bounds its length.
func versionCursor(from string, limit int) (before int64, most int, err error) {
	if limit <= 0 {
		limit = 50
	}
	before = int64(1) << 62
	if from != "" {
		if before, err = strconv.ParseInt(from, 10, 64); err != nil || before <= 0 {
			return 0, 0, fault.Field("from", "is not a cursor of this list", "the value of next from the page before")
		}
	}
	return before, min(limit, maxVersions), nil
}

// Versions lists what happened to an entity, newest first, under whatever name
// it had. from is the Next of the page before.
func (c *Catalog) Versions(ctx context.Context, blueprint, identifier, from string, limit int) (VersionPage, error) {
	before, limit, err := versionCursor(from, limit)
	if err != nil {
		return VersionPage{}, err
	}
	q := c.db.Read()
	lives, err := c.visibleLives(ctx, blueprint, identifier)
	if err != nil {
		return VersionPage{}, err
	}
	list, err := readVersions(ctx, q, "v.entity IN ("+idList(lives)+") AND v.id < $1 ORDER BY v.id DESC LIMIT $2", before, limit+1)
	if err != nil {
		return VersionPage{}, err
	}
	page := VersionPage{Versions: []Version{}}
	if len(list) > limit {
		page.Next = strconv.FormatInt(list[limit-1].ID, 10)
	}
	for i, v := range list[:min(limit, len(list))] {
		prev, err := previous(ctx, q, list, i)
		if err != nil {
			return VersionPage{}, err
		}
		page.Versions = append(page.Versions, v.since(prev))
	}
	return page, nil
}

// previous is the version before list[i] of the same entity: further down the
// list, or else in the database; nil when there is none.
func previous(ctx context.Context, q store.Querier, list []*keptVersion, i int) (*keptVersion, error) {
	for _, older := range list[i+1:] {
		if older.entity == list[i].entity {
			return older, nil
		}
	}
	found, err := readVersions(ctx, q, "v.entity = $1 AND v.id < $2 ORDER BY v.id DESC LIMIT 1", list[i].entity, list[i].ID)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// since is v with what changed after prev.
func (v *keptVersion) since(prev *keptVersion) Version {
	out := v.Version
	switch {
	case prev == nil && v.Verb == verbDelete:
		out.Changes = differences(v.lastFlat(), nil)
	case prev == nil && v.Verb != verbCreate:
		out.Changes, out.Earliest = map[string]Change{}, true
	case v.Verb == verbDelete:
		out.Changes = differences(v.lastFlat(), nil)
	default:
		out.Changes = differences(prev.flat(), v.flat())
	}
	return out
}

// Moment is a version of an entity, or a point in time. The zero Moment is now.
type Moment struct {
	Version int64
	At      time.Time
}

// ParseMoment reads the number of a version, a time (RFC 3339) or "now".
func ParseMoment(field, text string) (Moment, error) {
	if text == "" || text == "now" {
		return Moment{}, nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n > 0 {
		return Moment{Version: n}, nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return Moment{}, fault.Field(field, "is neither a version nor a time", "the number of a version, a time such as 2026-03-01T12:00:00Z, or now")
	}
	return Moment{At: at}, nil
}

// at finds the version that was the state at a moment; nil when there was none
// yet.
func (c *Catalog) at(ctx context.Context, blueprint, identifier string, m Moment) (*keptVersion, error) {
	q := c.db.Read()
	lives, err := c.visibleLives(ctx, blueprint, identifier)
	if err != nil {
		return nil, err
	}
	current := lives[len(lives)-1]
	var list []*keptVersion
	switch {
	case m.Version > 0:
		list, err = readVersions(ctx, q, "v.entity = $1 AND v.version = $2 ORDER BY v.id DESC LIMIT 1", current, m.Version)
		if err == nil && len(list) == 0 {
			err = fault.New(fault.NotFound, "%s %q has no version %d, or it is not kept any more.", blueprint, identifier, m.Version)
		}
	case m.At.IsZero():
		list, err = readVersions(ctx, q, "v.entity = $1 ORDER BY v.id DESC LIMIT 1", current)
	default:
		list, err = readVersions(ctx, q, "v.entity IN ("+idList(lives)+") AND v.at <= $1 ORDER BY v.id DESC LIMIT 1", store.Millis(m.At))
	}
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list[0], nil
}

// Compare lists the fields that differ between two moments of an entity.
func (c *Catalog) Compare(ctx context.Context, blueprint, identifier string, from, to Moment) (map[string]Change, error) {
	a, err := c.at(ctx, blueprint, identifier, from)
	if err != nil {
		return nil, err
	}
	b, err := c.at(ctx, blueprint, identifier, to)
	if err != nil {
		return nil, err
	}
	return differences(a.flat(), b.flat()), nil
}

// EntityAt is an entity as it was, with its derived values and scorecards as
// they were, in the shape its blueprint gave it then.
func (c *Catalog) EntityAt(ctx context.Context, blueprint, identifier string, m Moment) (Entity, Version, error) {
	v, err := c.at(ctx, blueprint, identifier, m)
	if err != nil {
		return Entity{}, Version{}, err
	}
	if v == nil {
		return Entity{}, Version{}, fault.New(fault.NotFound, "There was no %s %q at %s, or it is not known any more.", blueprint, identifier, m.At.UTC().Format(time.RFC3339))
	}
	if v.Verb == verbDelete {
		return Entity{}, Version{}, fault.New(fault.NotFound, "%s %q was deleted at %s.", blueprint, v.Identifier, v.At.Format(time.RFC3339))
	}
	b, err := c.blueprintAt(ctx, v.blueprint, v.At)
	if err != nil {
		return Entity{}, Version{}, err
	}
	e := v.entityAs(b)
	if e.CreatedAt, e.CreatedBy, err = c.createdOf(ctx, v.entity); err != nil {
		return Entity{}, Version{}, err
	}
	v.Changes = map[string]Change{}
	return e, v.Version, nil
}

func (v *keptVersion) entityAs(b Blueprint) Entity {
	s := v.state
	e := Entity{
		Identifier: v.Identifier, Title: s.Title, Icon: s.Icon, Blueprint: v.blueprint, Team: s.Team,
		Properties: map[string]any{}, Relations: map[string]any{}, Scorecards: s.Scorecards,
		UpdatedAt: v.At, UpdatedBy: v.Actor, Datasource: v.Datasource,
	}
	if e.Team == nil {
		e.Team = []string{}
	}
	if e.Scorecards == nil {
		e.Scorecards = map[string]any{}
	}
	for name := range b.Schema.Properties {
		e.Properties[name] = nil
	}
	for _, names := range [][]string{slices.Collect(maps.Keys(b.MirrorProperties)), slices.Collect(maps.Keys(b.CalculationProperties)), slices.Collect(maps.Keys(b.AggregationProperties))} {
		for _, name := range names {
			e.Properties[name] = nil
		}
	}
	maps.Copy(e.Properties, s.Derived)
	maps.Copy(e.Properties, s.Properties)
	for name, r := range b.Relations {
		if e.Relations[name] = nil; r.Many {
			e.Relations[name] = []string{}
		}
	}
	for name, targets := range s.Relations {
		if r, known := b.Relations[name]; len(targets) == 1 && known && !r.Many {
			e.Relations[name] = targets[0]
			continue
		}
		e.Relations[name] = []string(targets)
	}
	return e
}

func (c *Catalog) createdOf(ctx context.Context, entity int64) (time.Time, string, error) {
	q := c.db.Read()
	var at int64
	var by string
	err := q.QueryRowContext(ctx, "SELECT created_at, created_by FROM entities WHERE id = $1", entity).Scan(&at, &by)
	if errors.Is(err, sql.ErrNoRows) {
		err = q.QueryRowContext(ctx, "SELECT at, actor FROM entity_versions WHERE entity = $1 ORDER BY id LIMIT 1", entity).Scan(&at, &by)
	}
	if err != nil {
		return time.Time{}, "", fmt.Errorf("read when an entity was created: %w", err)
	}
	return store.Time(at), by, nil
}

// Called is a name that an entity had.
type Called struct {
	Blueprint, Identifier string
	// Until is when it got its next name; zero for the one it has.
	Until time.Time
}

// Names are what an entity has been called, the newest first: what happened to
// it before it, or its blueprint, was renamed is on record under its old name.
func (c *Catalog) Names(ctx context.Context, blueprint, identifier string) ([]Called, error) {
	lives, err := c.visibleLives(ctx, blueprint, identifier)
	if err != nil {
		return nil, err
	}
	const most = 20
	rows, err := c.db.Read().QueryContext(ctx, `SELECT blueprint, identifier, MIN(at) FROM entity_versions WHERE entity = $1
		GROUP BY blueprint, identifier ORDER BY MAX(id) DESC LIMIT $2`, lives[len(lives)-1], most)
	var since int64
	names, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (n Called, err error) {
		if since > 0 {
			n.Until = store.Time(since)
		}
		return n, row.Scan(&n.Blueprint, &n.Identifier, &since)
	})
	if err != nil {
		return nil, fmt.Errorf("read the names of %s: %w", Ref(blueprint, identifier), err)
	}
	// A blueprint's new name makes no new version of its entities.
	if now := (Called{Blueprint: blueprint, Identifier: identifier}); len(names) == 0 || names[0].Blueprint != blueprint || names[0].Identifier != identifier {
		names = append([]Called{now}, names...)
	}
	return names, nil
}

// Whole tells whether every entity of every blueprint may be read.
func (c *Catalog) Whole(ctx context.Context) (bool, error) {
	sights, err := c.reading(ctx, "")
	if fault.Is(err, fault.Forbidden) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return sights.whole(ctx)
}

// Hidden tells which of the entities, named "Blueprint/identifier", are or were
// there and may not be read. Other names are none of them.
func (c *Catalog) Hidden(ctx context.Context, refs []string) (map[string]bool, error) {
	sights, err := c.reading(ctx, "")
	if err != nil {
		return nil, err
	}
	hidden := map[string]bool{}
	if whole, err := sights.whole(ctx); err != nil || whole {
		return hidden, err
	}
	for _, ref := range refs {
		blueprint, identifier, ok := splitRef(ref)
		if _, known := hidden[ref]; known || !ok {
			continue
		}
		current, _, err := c.lives(ctx, c.db.Read(), blueprint, identifier)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		fits := false
		if err == nil {
			fits, err = c.lifeSeen(ctx, sights, current)
		}
		if err != nil {
			return nil, err
		}
		hidden[ref] = !fits
	}
	return hidden, nil
}
