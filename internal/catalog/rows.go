package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"sphera/internal/store"
)

// stored is an entity as it is in the database.
type stored struct {
	id        int64
	blueprint string
	draft
	created, updated     int64
	createdBy, updatedBy string
}

func (r *stored) entity(s *schema) Entity {
	e := s.entity(r.draft)
	e.CreatedAt, e.UpdatedAt, e.CreatedBy, e.UpdatedBy = store.Time(r.created), store.Time(r.updated), r.createdBy, r.updatedBy
	return e
}

const entityColumns = "e.id, e.blueprint, e.identifier, e.title, e.icon, e.team, e.properties, e.created_at, e.updated_at, e.created_by, e.updated_by"

func scanStored(row interface{ Scan(...any) error }) (*stored, error) {
	r := &stored{}
	r.Relations = map[string][]string{}
	var team, properties []byte
	err := row.Scan(&r.id, &r.blueprint, &r.Identifier, &r.Title, &r.Icon, &team, &properties, &r.created, &r.updated, &r.createdBy, &r.updatedBy)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(team, &r.Team); err != nil {
		return nil, fmt.Errorf("teams of %s: %w", Ref(r.blueprint, r.Identifier), err)
	}
	if err := json.Unmarshal(properties, &r.Properties); err != nil {
		return nil, fmt.Errorf("properties of %s: %w", Ref(r.blueprint, r.Identifier), err)
	}
	return r, nil
}

// readStored reads one entity with its relations; nil when there is none.
func readStored(ctx context.Context, q store.Querier, blueprint, identifier, lock string) (*stored, error) {
	r, err := scanStored(q.QueryRowContext(ctx, "SELECT "+entityColumns+" FROM entities e WHERE e.blueprint = $1 AND e.identifier = $2"+lock, blueprint, identifier))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil //nolint:nilnil // absence is an answer here
	}
	if err != nil {
		return nil, fmt.Errorf("read entity %s: %w", Ref(blueprint, identifier), err)
	}
	return r, readRelations(ctx, q, r)
}

// readRelations fills in the relations of rows, in one query.
func readRelations(ctx context.Context, q store.Querier, list ...*stored) error {
	if len(list) == 0 {
		return nil
	}
	byID := make(map[int64]*stored, len(list))
	ids := make([]int64, len(list))
	for i, r := range list {
		ids[i], byID[r.id] = r.id, r
	}
	rows, err := q.QueryContext(ctx, `SELECT r.source, r.relation, t.identifier FROM entity_relations r JOIN entities t ON t.id = r.target
		WHERE r.source IN (`+idList(ids)+`) ORDER BY r.source, r.relation, r.position`)
	if err != nil {
		return fmt.Errorf("read relations: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var source int64
		var relation, target string
		if err := rows.Scan(&source, &relation, &target); err != nil {
			return fmt.Errorf("read relations: %w", err)
		}
		r := byID[source]
		r.Relations[relation] = append(r.Relations[relation], target)
	}
	return rows.Err()
}

// idList writes database ids, which are our own numbers, into a statement.
func idList(ids []int64) string {
	if len(ids) == 0 {
		return "-1"
	}
	var b strings.Builder
	for i, id := range ids {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatInt(id, 10))
	}
	return b.String()
}

// insertRow writes a new entity without its relations and sets r.id.
func insertRow(ctx context.Context, tx *store.Tx, r *stored) error {
	team, properties, err := r.encode()
	if err != nil {
		return err
	}
	find, search := texts(r.draft)
	if r.id != 0 {
		return reinsertRow(ctx, tx, r, team, properties)
	}
	err = tx.QueryRowContext(ctx, `INSERT INTO entities (blueprint, identifier, title, title_fold, icon, team, properties, find_text, search_text, created_at, updated_at, created_by, updated_by)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) RETURNING id`,
		r.blueprint, r.Identifier, r.Title, fold(r.Title), r.Icon, team, properties, find, search, r.created, r.updated, r.createdBy, r.updatedBy).Scan(&r.id)
	if err != nil {
		return fmt.Errorf("insert entity %s: %w", Ref(r.blueprint, r.Identifier), err)
	}
	return writeTeams(ctx, tx, r.id, nil, r.Team)
}

// updateRow writes the new state of an entity without its relations.
func updateRow(ctx context.Context, tx *store.Tx, r *stored, before []string) error {
	team, properties, err := r.encode()
	if err != nil {
		return err
	}
	find, search := texts(r.draft)
	_, err = tx.ExecContext(ctx, `UPDATE entities SET identifier = $1, title = $2, title_fold = $3, icon = $4, team = $5, properties = $6,
		find_text = $7, search_text = $8, updated_at = $9, updated_by = $10 WHERE id = $11`,
		r.Identifier, r.Title, fold(r.Title), r.Icon, team, properties, find, search, r.updated, r.updatedBy, r.id)
	if err != nil {
		return fmt.Errorf("update entity %s: %w", Ref(r.blueprint, r.Identifier), err)
	}
	return writeTeams(ctx, tx, r.id, before, r.Team)
}

func (r *stored) encode() (team, properties string, err error) {
	if team, err = sortedJSON(r.Team); err != nil {
		return "", "", err
	}
	properties, err = sortedJSON(r.Properties)
	return team, properties, err
}

func writeTeams(ctx context.Context, tx *store.Tx, id int64, before, after []string) error {
	if strings.Join(before, "\x00") == strings.Join(after, "\x00") {
		return nil
	}
	if len(before) > 0 {
		if _, err := tx.ExecContext(ctx, "DELETE FROM entity_teams WHERE entity = $1", id); err != nil {
			return fmt.Errorf("write owners: %w", err)
		}
	}
	for _, team := range after {
		if _, err := tx.ExecContext(ctx, "INSERT INTO entity_teams (entity, team) VALUES ($1, $2)", id, team); err != nil {
			return fmt.Errorf("write owners: %w", err)
		}
	}
	return nil
}

// writeRelation replaces the targets of one relation.
func writeRelation(ctx context.Context, tx *store.Tx, source int64, relation string, replace bool, targets []int64) error {
	if replace {
		if _, err := tx.ExecContext(ctx, "DELETE FROM entity_relations WHERE source = $1 AND relation = $2", source, relation); err != nil {
			return fmt.Errorf("write relation %s: %w", relation, err)
		}
	}
	const batch = 100
	for start := 0; start < len(targets); start += batch {
		part := targets[start:min(start+batch, len(targets))]
		var values []string
		args := []any{relation}
		for i, target := range part {
			args = append(args, target)
			values = append(values, fmt.Sprintf("(%d, $1, %d, $%d)", source, start+i, len(args)))
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO entity_relations (source, relation, position, target) VALUES "+strings.Join(values, ", "), args...); err != nil {
			return fmt.Errorf("write relation %s: %w", relation, err)
		}
	}
	return nil
}

// findIDs resolves identifiers of one blueprint and keeps the rows from being
// deleted until the transaction ends.
func findIDs(ctx context.Context, tx *store.Tx, blueprint string, identifiers []string) (map[string]int64, error) {
	found := make(map[string]int64, len(identifiers))
	const batch = 200
	for start := 0; start < len(identifiers); start += batch {
		part := identifiers[start:min(start+batch, len(identifiers))]
		args := []any{blueprint}
		var marks []string
		for _, identifier := range part {
			args = append(args, identifier)
			marks = append(marks, "$"+strconv.Itoa(len(args)))
		}
		rows, err := tx.QueryContext(ctx, "SELECT id, identifier FROM entities WHERE blueprint = $1 AND identifier IN ("+strings.Join(marks, ", ")+")"+keyShared(tx.Dialect), args...)
		type pair struct {
			id         int64
			identifier string
		}
		pairs, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (pair, error) {
			var p pair
			return p, row.Scan(&p.id, &p.identifier)
		})
		if err != nil {
			return nil, fmt.Errorf("find %s: %w", blueprint, err)
		}
		for _, p := range pairs {
			found[p.identifier] = p.id
		}
	}
	return found, nil
}
