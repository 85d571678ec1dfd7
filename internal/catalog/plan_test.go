package catalog

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

// The statements behind lists and graphs are served by an index, without
// sorting. PostgreSQL is asked without sequential scans, which it rightly
// prefers for the few rows of a test.
func TestQueryPlansUseIndexes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		c := New(db, audit.New(time.Now), time.Now)
		b := Blueprint{
			Identifier: "svc", Title: "S", Schema: BlueprintSchema{Properties: map[string]Property{"lang": {Type: "string"}}},
			Relations: map[string]Relation{"uses": {Target: "svc", Many: true}},
		}
		if _, _, err := c.PutBlueprint(ctx, b, "t"); err != nil {
			t.Fatal(err)
		}
		for i := range 300 {
			n := NewEntity{Identifier: fmt.Sprintf("e%03d", i), Team: []byte(fmt.Sprintf(`"t%d"`, i%20))}
			if i > 0 {
				n.Relations = map[string]any{"uses": []string{fmt.Sprintf("e%03d", i/2)}}
			}
			if _, _, err := c.PutEntity(ctx, "svc", n, Write{By: "t"}); err != nil {
				t.Fatal(err)
			}
		}
		s, err := newSchema(b)
		if err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct {
			name, index string
			query       Query
			after       *cursor
		}{
			{"by title", "entities_by_title", Query{}, nil},
			{"by title, next page", "entities_by_title", Query{}, &cursor{Value: "e100", ID: 100}},
			{"by title, backwards", "entities_by_title", Query{Desc: true}, &cursor{Value: "e100", ID: 100}},
			{"by update", "entities_by_update", Query{Sort: "$updatedAt", Desc: true}, &cursor{Value: 1e12, ID: 100}},
			{"by creation", "entities_by_creation", Query{Sort: "$createdAt"}, &cursor{Value: 1e12, ID: 100}},
			{"of a team", "entity_teams", Query{Rules: []Rule{{Property: "$team", Operator: "=", Value: "t1"}}}, nil},
			{"by relation", "entity_relations", Query{Rules: []Rule{{Property: "uses", Operator: "=", Value: "e001"}}}, nil},
		} {
			q := &builder{dialect: db.Dialect, schema: s}
			if err := q.conditions(test.query); err != nil {
				t.Fatal(err)
			}
			key, err := q.sortKey(test.query.Sort)
			if err != nil {
				t.Fatal(err)
			}
			if test.after != nil {
				if err := q.after(key, test.query.Desc, test.after); err != nil {
					t.Fatal(err)
				}
			}
			plan := explain(t, db, "SELECT "+entityColumns+" FROM entities e WHERE "+q.where()+" ORDER BY "+key.order(test.query.Desc)+" LIMIT 51", q.args...)
			sorts := strings.Contains(plan, "TEMP B-TREE FOR ORDER BY") || strings.Contains(plan, "Sort") && !strings.Contains(plan, "Incremental Sort")
			if !strings.Contains(plan, test.index) || sorts && len(test.query.Rules) == 0 || strings.Contains(plan, "SCAN e\n") || strings.Contains(plan, "Seq Scan") {
				t.Errorf("%s: want index %s and no sorting\n%s", test.name, test.index, plan)
			}
		}
		for name, query := range map[string]string{
			"dependents": "SELECT e.id FROM entity_relations r JOIN entities e ON e.id = r.source WHERE r.target = 5",
			"targets":    "SELECT t.identifier FROM entity_relations r JOIN entities t ON t.id = r.target WHERE r.source IN (5, 6) ORDER BY r.source, r.relation, r.position",
			"one entity": "SELECT e.id FROM entities e WHERE e.blueprint = 'svc' AND e.identifier = 'e001'",
		} {
			if plan := explain(t, db, query); strings.Contains(plan, "SCAN ") || strings.Contains(plan, "Seq Scan") {
				t.Errorf("%s\n%s", name, plan)
			}
		}
	})
}

func explain(t *testing.T, db *store.DB, query string, args ...any) string {
	t.Helper()
	var plan strings.Builder
	err := db.Tx(context.Background(), func(tx *store.Tx) error {
		explain := "EXPLAIN QUERY PLAN "
		if tx.Dialect == store.Postgres {
			explain = "EXPLAIN "
			for _, set := range []string{"ANALYZE entities", "ANALYZE entity_relations", "ANALYZE entity_teams", "SET LOCAL enable_seqscan = off", "SET LOCAL enable_bitmapscan = off"} {
				if _, err := tx.ExecContext(context.Background(), set); err != nil {
					return err
				}
			}
		}
		rows, err := tx.QueryContext(context.Background(), explain+query, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var line string
			dest := []any{&line}
			if tx.Dialect == store.SQLite {
				dest = []any{new(int), new(int), new(int), &line}
			}
			if err := rows.Scan(dest...); err != nil {
				return err
			}
			plan.WriteString(line + "\n")
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatalf("explain: %v", err)
	}
	return plan.String()
}
