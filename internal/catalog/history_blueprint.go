package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"sphera/internal/fault"
	"sphera/internal/store"
)

// keptBlueprint is a row of blueprint_versions.
type keptBlueprint struct {
	Version
	blueprint string
	doc       []byte
}

func scanBlueprintVersion(row interface{ Scan(...any) error }) (*keptBlueprint, error) {
	v := &keptBlueprint{}
	var at int64
	if err := row.Scan(&v.ID, &v.blueprint, &v.Verb, &at, &v.Actor, &v.doc); err != nil {
		return nil, err
	}
	v.Identifier, v.At = v.blueprint, store.Time(at)
	return v, nil
}

func readBlueprintVersions(ctx context.Context, q store.Querier, rest string, args ...any) ([]*keptBlueprint, error) {
	rows, err := q.QueryContext(ctx, "SELECT v.id, v.blueprint, v.verb, v.at, v.actor, v.doc FROM blueprint_versions v WHERE "+rest, args...)
	list, err := store.All(rows, err, scanBlueprintVersion)
	if err != nil {
		return nil, fmt.Errorf("read versions of blueprints: %w", err)
	}
	return list, nil
}

func (v *keptBlueprint) flat() (map[string]any, error) {
	if v == nil || v.Verb == verbDelete {
		return nil, nil //nolint:nilnil // there was none
	}
	var doc map[string]any
	if err := json.Unmarshal(v.doc, &doc); err != nil {
		return nil, fmt.Errorf("version %d of blueprint %s: %w", v.ID, v.blueprint, err)
	}
	return flatBlueprint(doc), nil
}

func (v *keptBlueprint) read() (Blueprint, error) {
	var b Blueprint
	if err := json.Unmarshal(v.doc, &b); err != nil {
		return b, fmt.Errorf("version %d of blueprint %s: %w", v.ID, v.blueprint, err)
	}
	b.Identifier = v.blueprint
	b.complete()
	return b, nil
}

// blueprintAt is a blueprint as it was, else as it is, else an empty one:
// then the entity's own document has to do.
func (c *Catalog) blueprintAt(ctx context.Context, id string, at time.Time) (Blueprint, error) {
	q := c.db.Read()
	list, err := readBlueprintVersions(ctx, q, "v.blueprint = $1 AND v.at <= $2 ORDER BY v.id DESC LIMIT 1", id, store.Millis(at))
	if err != nil {
		return Blueprint{}, err
	}
	if len(list) > 0 && list[0].Verb != verbDelete {
		return list[0].read()
	}
	b, err := readBlueprint(ctx, q, id, "")
	if fault.Is(err, fault.NotFound) {
		return Blueprint{}, nil
	}
	return b, err
}

// BlueprintVersions lists what happened to a blueprint, newest first; Version
// counts from the oldest that is kept.
func (c *Catalog) BlueprintVersions(ctx context.Context, id, from string, limit int) (VersionPage, error) {
	if err := c.may(ctx, VerbRead, id); err != nil {
		return VersionPage{}, err
	}
	before, limit, err := versionCursor(from, limit)
	if err != nil {
		return VersionPage{}, err
	}
	q := c.db.Read()
	list, err := readBlueprintVersions(ctx, q, "v.blueprint = $1 AND v.id < $2 ORDER BY v.id DESC LIMIT $3", id, before, limit+1)
	if err != nil {
		return VersionPage{}, err
	}
	if len(list) == 0 && from == "" {
		return VersionPage{}, noBlueprint(id)
	}
	page := VersionPage{Versions: []Version{}}
	if len(list) > limit {
		page.Next = strconv.FormatInt(list[limit-1].ID, 10)
	}
	for i, v := range list[:min(limit, len(list))] {
		var prev *keptBlueprint
		if i+1 < len(list) {
			prev = list[i+1]
		}
		out := v.Version
		if out.Changes, err = v.since(prev); err != nil {
			return VersionPage{}, err
		}
		out.Earliest = prev == nil && v.Verb == verbUpdate
		page.Versions = append(page.Versions, out)
	}
	if len(page.Versions) > 0 {
		oldest, err := countRows(ctx, q, "SELECT COUNT(*) FROM blueprint_versions WHERE blueprint = $1 AND id <= $2", id, page.Versions[0].ID)
		if err != nil {
			return VersionPage{}, err
		}
		for i := range page.Versions {
			page.Versions[i].Version = int64(oldest - i)
		}
	}
	return page, nil
}

func (v *keptBlueprint) since(prev *keptBlueprint) (map[string]Change, error) {
	if prev == nil && v.Verb == verbUpdate {
		return map[string]Change{}, nil
	}
	before, err := prev.flat()
	if err != nil {
		return nil, err
	}
	after, err := v.flat()
	if err != nil {
		return nil, err
	}
	return differences(before, after), nil
}

// DeletedBlueprint is a blueprint that can be restored.
type DeletedBlueprint struct {
	Identifier   string    `json:"identifier"`
	Title        string    `json:"title"`
	At           time.Time `json:"at"`
	Actor        string    `json:"actor"`
	RestoreUntil time.Time `json:"restoreUntil"`
}

// DeletedBlueprints lists the blueprints that were deleted and can be restored.
func (c *Catalog) DeletedBlueprints(ctx context.Context) ([]DeletedBlueprint, error) {
	if err := c.may(ctx, VerbRead, ""); err != nil {
		return nil, err
	}
	kept := Kept().Deleted
	list, err := readBlueprintVersions(ctx, c.db.Read(), `v.verb = 'delete' AND v.at >= $1
		AND NOT EXISTS (SELECT 1 FROM blueprint_versions n WHERE n.blueprint = v.blueprint AND n.id > v.id) ORDER BY v.id DESC LIMIT 1000`, store.Millis(c.now().Add(-kept)))
	if err != nil {
		return nil, err
	}
	out := make([]DeletedBlueprint, 0, len(list))
	for _, v := range list {
		b, err := v.read()
		if err != nil {
			return nil, err
		}
		out = append(out, DeletedBlueprint{Identifier: v.blueprint, Title: b.Title, At: v.At, Actor: v.Actor, RestoreUntil: v.At.Add(kept)})
	}
	return out, nil
}

// RestoreBlueprint brings back a deleted blueprint with its schema. Its
// entities can be restored after it.
func (c *Catalog) RestoreBlueprint(ctx context.Context, id, by string) (Blueprint, error) {
	if err := c.may(ctx, VerbShape, id); err != nil {
		return Blueprint{}, err
	}
	var doc, kept []byte
	var verb string
	var at int64
	err := c.db.Read().QueryRowContext(ctx, "SELECT verb, at, doc, permissions FROM blueprint_versions WHERE blueprint = $1 ORDER BY id DESC LIMIT 1", id).Scan(&verb, &at, &doc, &kept)
	if errors.Is(err, sql.ErrNoRows) {
		return Blueprint{}, noBlueprint(id)
	}
	if err != nil {
		return Blueprint{}, fmt.Errorf("find the deleted blueprint %s: %w", id, err)
	}
	if verb != verbDelete {
		return Blueprint{}, fault.New(fault.Conflict, "Blueprint %q is not deleted.", id)
	}
	if kept := Kept().Deleted; c.now().Sub(store.Time(at)) > kept {
		return Blueprint{}, fault.New(fault.NotFound, "Blueprint %q was deleted more than %d days ago.", id, int(kept.Hours()/24))
	}
	b, err := (&keptBlueprint{blueprint: id, doc: doc}).read()
	if err != nil {
		return Blueprint{}, err
	}
	rights, err := readRights(kept)
	if err != nil {
		return Blueprint{}, err
	}
	if b, _, err = c.PutBlueprint(ctx, b, by); err != nil || len(rights.Blocks)+len(rights.Properties)+len(rights.Relations) == 0 {
		return b, err
	}
	// Before any of its entities comes back.
	_, err = c.ChangeRights(ctx, id, by, func(r *Rights) ([]string, error) {
		*r = rights
		return []string{"restore"}, nil
	})
	return b, err
}
