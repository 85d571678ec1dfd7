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

func stateOf(r *stored) state {
	s := state{
		Title: r.Title, Icon: r.Icon, Team: r.Team, Properties: r.Properties, Relations: make(map[string]targets, len(r.Relations)),
		Derived: r.derived, Scorecards: r.scorecards,
	}
	for name, ids := range r.Relations {
		s.Relations[name] = ids
	}
	return s
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
