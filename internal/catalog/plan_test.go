package catalog

import (
	"context"
	"strings"
	"testing"

	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

// Lists are walked along an index that holds all that is asked, without
// sorting, and rules are listed from an index of theirs. PostgreSQL is asked
// after ANALYZE and without sequential scans, which it rightly prefers for the
// few rows of a test.
func TestQueryPlansUseIndexes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		w := newListWorld(t, db, 3, 120)
		for _, test := range []struct {
			sort string
			at   *cursor
			desc bool
		}{
			{"$title", nil, false},
			{"$title", &cursor{Value: "t50", ID: 50}, false},
			{"$title", &cursor{Value: "t50", ID: 50}, true},
			{"$identifier", nil, true},
			{"$updatedAt", &cursor{Value: 1e12, ID: 50}, true},
			{"$createdAt", nil, false},
			{"coverage", nil, false},
			{"coverage", &cursor{Value: 30.0, ID: 50}, true},
			{"lang", &cursor{Value: "go", ID: 50}, false},
			{"seen", nil, true},
		} {
			s, err := w.c.newSearch(ctx, Query{Blueprint: "svc", Sort: test.sort, Desc: test.desc})
			if err != nil {
				t.Fatal(err)
			}
			statement, args := s.stepStatement(test.at, 51)
			plan := explain(t, db, statement, args...)
			if !strings.Contains(plan, s.key.index) || !strings.Contains(plan, "COVERING INDEX") && !strings.Contains(plan, "Index Only Scan") || strings.Contains(plan, "TEMP B-TREE") || strings.Contains(plan, "Sort") {
				t.Errorf("%s %+v: want a walk along %s alone\n%s", test.sort, test.at, s.key.index, plan)
			}
		}
		for name, test := range map[string]struct {
			rule  Rule
			index []string
		}{
			"a range":      {Rule{Property: "coverage", Operator: ">", Value: 90.0}, []string{"entities_by_n"}},
			"a text":       {Rule{Property: "lang", Operator: "=", Value: "go"}, []string{"entities_by_s"}},
			"a relation":   {Rule{Property: "uses", Operator: "=", Value: "e7"}, []string{"entity_relations"}},
			"of a team":    {Rule{Property: "$team", Operator: "=", Value: "shop"}, []string{"entity_teams"}},
			"by identifer": {Rule{Property: "$identifier", Operator: "=", Value: "e7"}, []string{"entities_by_identifier", "sqlite_autoindex_entities", "entities_blueprint_identifier_key"}},
		} {
			s, err := w.c.newSearch(ctx, Query{Blueprint: "svc", Rules: []Rule{test.rule}})
			if err != nil {
				t.Fatal(err)
			}
			statement, args, _, ok := s.listStatement(flatten(s.where)[0])
			if !ok {
				t.Fatalf("%s: is not listed", name)
			}
			plan := explain(t, db, statement, args...)
			used := false
			for _, index := range test.index {
				used = used || strings.Contains(plan, index)
			}
			if !used || strings.Contains(plan, "SCAN e\n") || strings.Contains(plan, "Seq Scan") {
				t.Errorf("%s: want %v\n%s", name, test.index, plan)
			}
		}
		for name, statement := range map[string]string{
			"dependents": "SELECT e.id FROM entity_relations r JOIN entities e ON e.id = r.source WHERE r.target = 5",
			"targets":    "SELECT t.identifier FROM entity_relations r JOIN entities t ON t.id = r.target WHERE r.source IN (5, 6) ORDER BY r.source, r.relation, r.position",
			"one entity": "SELECT e.id FROM entities e WHERE e.blueprint = 'svc' AND e.identifier = 'e1' AND e.pending = 0",
			"a set":      "SELECT chunk, ids FROM facet_sets WHERE blueprint = 'svc' AND property = 'tier' AND value = '\"gold\"'",
			"counters":   "SELECT value, n FROM facet_counts WHERE blueprint = 'svc' AND property = 'tier'",
		} {
			if plan := explain(t, db, statement); strings.Contains(plan, "SCAN ") || strings.Contains(plan, "Seq Scan") {
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
			for _, set := range []string{"ANALYZE entities", "ANALYZE entity_relations", "ANALYZE entity_teams", "ANALYZE facet_sets", "ANALYZE facet_counts", "SET LOCAL enable_seqscan = off", "SET LOCAL enable_bitmapscan = off"} {
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
