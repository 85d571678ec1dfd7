package catalog

import (
	"context"
	"encoding/json"
	"fmt"

	"sphera/internal/store"
)

// What happened, besides the verbs of writes.
const (
	verbDelete  = "delete"
	verbRestore = "restore"
	verbDerive  = "derive"
)

// state is an entity as its history keeps it.
type state struct {
	Title      string             `json:"title"`
	Icon       string             `json:"icon"`
	Team       []string           `json:"team"`
	Properties map[string]any     `json:"properties"`
	Relations  map[string]targets `json:"relations"`
	Derived    map[string]any     `json:"derived"`
	Scorecards map[string]any     `json:"scorecards"`
	// Row is kept of what was deleted: the rest of what the row had.
	Row *lastRow `json:"row,omitempty"`
}

// targets are the identifiers a relation points at; in JSON also one alone, or
// null.
type targets []string

// UnmarshalJSON reads both shapes.
func (t *targets) UnmarshalJSON(raw []byte) error {
	var one string
	if err := json.Unmarshal(raw, &one); err == nil {
		if *t = nil; one != "" {
			*t = targets{one}
		}
		return nil
	}
	return json.Unmarshal(raw, (*[]string)(t))
}

// lastRow is what a deleted entity needs to come back as it was.
type lastRow struct {
	Created    int64           `json:"created"`
	CreatedBy  string          `json:"createdBy"`
	Updated    int64           `json:"updated"`
	UpdatedBy  string          `json:"updatedBy"`
	Datasource string          `json:"datasource"`
	Provenance json.RawMessage `json:"provenance"`
	Version    int64           `json:"version"`
}

// comeback is what a restored entity takes over from its deleted row.
type comeback struct {
	id  int64
	row lastRow
}

func (b *comeback) prepare(r *stored) {
	r.id, r.created, r.createdBy = b.id, b.row.Created, b.row.CreatedBy
}

// keepVersion adds the state of r, whose row was written, to its history.
func (c *Catalog) keepVersion(ctx context.Context, tx *store.Tx, r *stored, verb string, w Write) error {
	s := stateOf(r)
	version := int64(1)
	if verb != verbCreate {
		if w.back != nil {
			if _, err := tx.ExecContext(ctx, "UPDATE entities SET version = $1, datasource = $2, provenance = $3 WHERE id = $4",
				w.back.row.Version+1, w.back.row.Datasource, string(w.back.row.Provenance), r.id); err != nil {
				return fmt.Errorf("restore %s: %w", Ref(r.blueprint, r.Identifier), err)
			}
		}
		if err := tx.QueryRowContext(ctx, "UPDATE entities SET version = version + 1 WHERE id = $1 RETURNING version", r.id).Scan(&version); err != nil {
			return fmt.Errorf("count versions of %s: %w", Ref(r.blueprint, r.Identifier), err)
		}
	}
	if _, err := s.readRow(ctx, tx, r.id); err != nil {
		return err
	}
	_, err := c.insertVersion(ctx, tx, r, version, verb, s, w)
	return err
}

// keepDeleted adds the last states of entities, whose rows and relations are
// still there, to their history, and which relations of others point at them.
// All after the first were deleted because of the first.
func (c *Catalog) keepDeleted(ctx context.Context, tx *store.Tx, ids []int64, w Write) error {
	for i, id := range ids {
		r, err := scanStored(tx.QueryRowContext(ctx, "SELECT "+entityColumns+" FROM entities e WHERE e.id = $1", id))
		if err != nil {
			return fmt.Errorf("read what is to be deleted: %w", err)
		}
		if err := readRelations(ctx, tx, r); err != nil {
			return err
		}
		s := stateOf(r)
		if s.Row, err = s.readRow(ctx, tx, id); err != nil {
			return err
		}
		version, err := c.insertVersion(ctx, tx, r, s.Row.Version+1, verbDelete, s, w)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO entity_released (version, source, relation, position)
			SELECT CAST($1 AS BIGINT), source, relation, position FROM entity_relations WHERE target = $2 AND source <> $2`, version, id); err != nil {
			return fmt.Errorf("keep what points at %s: %w", Ref(r.blueprint, r.Identifier), err)
		}
		if i == 0 && w.Cause == "" {
			w.Cause = Ref(r.blueprint, r.Identifier)
		}
	}
	return nil
}

func stateOf(r *stored) state {
	s := state{Title: r.Title, Icon: r.Icon, Team: r.Team, Properties: r.Properties, Relations: make(map[string]targets, len(r.Relations))}
	for name, ids := range r.Relations {
		s.Relations[name] = ids
	}
	return s
}

// readRow reads the columns that a stored does not hold.
func (s *state) readRow(ctx context.Context, tx *store.Tx, id int64) (*lastRow, error) {
	var row lastRow
	var derived, scorecards, provenance []byte
	err := tx.QueryRowContext(ctx, "SELECT derived, scorecards, provenance, datasource, version, created_at, created_by, updated_at, updated_by FROM entities WHERE id = $1", id).
		Scan(&derived, &scorecards, &provenance, &row.Datasource, &row.Version, &row.Created, &row.CreatedBy, &row.Updated, &row.UpdatedBy)
	if err != nil {
		return nil, fmt.Errorf("read an entity for its history: %w", err)
	}
	row.Provenance = provenance
	if err := json.Unmarshal(derived, &s.Derived); err != nil {
		return nil, fmt.Errorf("derived values: %w", err)
	}
	if err := json.Unmarshal(scorecards, &s.Scorecards); err != nil {
		return nil, fmt.Errorf("scorecards: %w", err)
	}
	return &row, nil
}

func (c *Catalog) insertVersion(ctx context.Context, tx *store.Tx, r *stored, version int64, verb string, s state, w Write) (int64, error) {
	doc, err := sortedJSON(s)
	if err != nil {
		return 0, err
	}
	var id int64
	err = tx.QueryRowContext(ctx, `INSERT INTO entity_versions (entity, version, blueprint, identifier, verb, at, actor, datasource, run_id, cause, doc)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id`,
		r.id, version, r.blueprint, r.Identifier, verb, store.Millis(c.now()), w.By, w.Datasource, w.RunID, w.Cause, doc).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("keep a version of %s: %w", Ref(r.blueprint, r.Identifier), err)
	}
	return id, nil
}

// reinsertRow writes a row that was deleted under the number it had.
func reinsertRow(ctx context.Context, tx *store.Tx, r *stored, team, properties string) error {
	overriding := ""
	if tx.Dialect == store.Postgres {
		overriding = " OVERRIDING SYSTEM VALUE"
	}
	find, search := texts(r.draft)
	_, err := tx.ExecContext(ctx, `INSERT INTO entities (blueprint, identifier, title, title_fold, icon, team, properties, find_text, search_text, created_at, updated_at, created_by, updated_by, id)`+
		overriding+` VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
		r.blueprint, r.Identifier, r.Title, fold(r.Title), r.Icon, team, properties, find, search, r.created, r.updated, r.createdBy, r.updatedBy, r.id)
	if err != nil {
		return fmt.Errorf("insert entity %s again: %w", Ref(r.blueprint, r.Identifier), err)
	}
	return writeTeams(ctx, tx, r.id, nil, r.Team)
}

// keepBlueprint adds a state of a blueprint to its history.
func (c *Catalog) keepBlueprint(ctx context.Context, tx *store.Tx, id, verb, doc, by string) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO blueprint_versions (blueprint, verb, at, actor, doc) VALUES ($1, $2, $3, $4, $5)",
		id, verb, store.Millis(c.now()), by, doc)
	if err != nil {
		return fmt.Errorf("keep a version of blueprint %s: %w", id, err)
	}
	return nil
}
