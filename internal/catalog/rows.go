package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"sphera/internal/store"
)

// stored is an entity as it is in the database.
type stored struct {
	id        int64
	blueprint string
	draft
	derived              map[string]any
	scorecards           map[string]any
	created, updated     int64
	createdBy, updatedBy string
	datasource           string
	version              int64
	// targets are the ids behind Relations, in the same order.
	targets map[string][]int64

	// Only the write path reads these.
	provenance provenance
	digest     string
	pending    int64
}

func (r *stored) entity(s *schema) Entity {
	e := s.entity(r.draft, r.derived)
	if r.scorecards != nil {
		e.Scorecards = r.scorecards
	}
	e.CreatedAt, e.UpdatedAt, e.CreatedBy, e.UpdatedBy = store.Time(r.created), store.Time(r.updated), r.createdBy, r.updatedBy
	e.Datasource = r.datasource
	return e
}

const (
	entityColumns = "e.id, e.blueprint, e.identifier, e.title, e.icon, e.team, e.properties, e.derived, e.scorecards, e.created_at, e.updated_at, e.created_by, e.updated_by, e.datasource, e.version"
	writeColumns  = entityColumns + ", e.provenance, e.digest, e.pending"
)

// scanStored reads entityColumns.
func scanStored(row interface{ Scan(...any) error }) (*stored, error) {
	return scanInto(row)
}

// scanWhole reads writeColumns.
func scanWhole(row interface{ Scan(...any) error }) (*stored, error) {
	var from []byte
	var digest string
	var pending int64
	r, err := scanInto(row, &from, &digest, &pending)
	if err != nil {
		return nil, err
	}
	r.digest, r.pending = digest, pending
	return r, decode(from, &r.provenance, r)
}

func scanInto(row interface{ Scan(...any) error }, more ...any) (*stored, error) {
	r := &stored{}
	r.Relations = map[string][]string{}
	var team, properties, derived, scorecards []byte
	dest := []any{
		&r.id, &r.blueprint, &r.Identifier, &r.Title, &r.Icon, &team, &properties, &derived, &scorecards,
		&r.created, &r.updated, &r.createdBy, &r.updatedBy, &r.datasource, &r.version,
	}
	if err := row.Scan(append(dest, more...)...); err != nil {
		return nil, err
	}
	return r, errors.Join(decode(team, &r.Team, r), decode(properties, &r.Properties, r), decode(derived, &r.derived, r), decode(scorecards, &r.scorecards, r))
}

// decode reads a document of a row; most derived documents are empty.
func decode[T any](raw []byte, into *T, r *stored) error {
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("a document of %s: %w", Ref(r.blueprint, r.Identifier), err)
	}
	return nil
}

// readStored reads one entity with its relations; nil when there is none.
func readStored(ctx context.Context, q store.Querier, d store.Dialect, blueprint, identifier, lock string) (*stored, error) {
	r, err := scanStored(q.QueryRowContext(ctx, "SELECT "+entityColumns+" FROM entities e WHERE e.blueprint = $1 AND e.identifier = $2 AND e.pending = 0"+lock, blueprint, identifier))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil //nolint:nilnil // absence is an answer here
	}
	if err != nil {
		return nil, fmt.Errorf("read entity %s: %w", Ref(blueprint, identifier), err)
	}
	return r, readRelations(ctx, q, d, r)
}

// readRelations fills in the relations of rows, in one query.
func readRelations(ctx context.Context, q store.Querier, d store.Dialect, list ...*stored) error {
	if len(list) == 0 {
		return nil
	}
	byID := make(map[int64]*stored, len(list))
	ids := make([]int64, len(list))
	for i, r := range list {
		ids[i], byID[r.id] = r.id, r
		r.targets = map[string][]int64{}
	}
	these, args := idsIn(d, "r.source", ids, 1)
	rows, err := q.QueryContext(ctx, `SELECT r.source, r.relation, r.target, t.identifier FROM entity_relations r JOIN entities t ON t.id = r.target
		WHERE `+these+` ORDER BY r.source, r.relation, r.position`, args...)
	if err != nil {
		return fmt.Errorf("read relations: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var source, target int64
		var relation, identifier string
		if err := rows.Scan(&source, &relation, &target, &identifier); err != nil {
			return fmt.Errorf("read relations: %w", err)
		}
		r := byID[source]
		r.Relations[relation] = append(r.Relations[relation], identifier)
		r.targets[relation] = append(r.targets[relation], target)
	}
	return rows.Err()
}

// idList writes database ids, which are our own numbers, into a statement.
func idList(ids []int64) string {
	if len(ids) == 0 {
		return "-1"
	}
	b := make([]byte, 0, len(ids)*8)
	for i, id := range ids {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, id, 10)
	}
	return string(b)
}

// idsIn is a condition that column is one of ids. PostgreSQL gets them as one
// parameter: it plans each new text of a statement, SQLite compiles all anyway.
func idsIn(d store.Dialect, column string, ids []int64, arg int) (string, []any) {
	if d == store.SQLite {
		return column + " IN (" + idList(ids) + ")", nil
	}
	if len(ids) == 1 {
		return column + " = $" + strconv.Itoa(arg), []any{ids[0]}
	}
	return column + " = ANY($" + strconv.Itoa(arg) + ")", []any{ids}
}

// among is a condition that column is one of values, as one parameter so that
// the statement stays the same.
func among(d store.Dialect, column string, arg int) string {
	mark := "$" + strconv.Itoa(arg)
	if d == store.SQLite {
		return column + " IN (SELECT value FROM json_each(" + mark + "))"
	}
	return column + " = ANY(" + mark + ")"
}

// valuesArg is the parameter for among.
func valuesArg(d store.Dialect, values []string) (any, error) {
	if d == store.Postgres {
		return values, nil
	}
	return sortedJSON(values)
}
