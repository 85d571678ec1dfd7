package query_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"sphera/internal/catalog/query"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

var fields = query.Fields{
	Blueprint: "svc", Lenient: true,
	ByName: map[string]query.Field{
		"lang": {Kind: query.Own, Type: "string", Slot: "s1"}, "note": {Kind: query.Own, Type: "string"}, "long": {Kind: query.Own, Type: "string", Slot: "s2"},
		"coverage": {Kind: query.Own, Type: "number", Slot: "n1"}, "size": {Kind: query.Own, Type: "number"},
		"live": {Kind: query.Own, Type: "boolean", Slot: "n2"}, "flag": {Kind: query.Own, Type: "boolean"},
		"tags": {Kind: query.Own, Type: "array", ItemType: "string"}, "meta": {Kind: query.Own, Type: "object"},
		"seen": {Kind: query.Own, Type: "string", Format: "date-time", Slot: "n3"}, "due": {Kind: query.Own, Type: "string", Format: "timer"},
		"mixed": {Kind: query.Mirror}, "calc": {Kind: query.Calculation, Type: "number", Slot: "n4"},
		"system": {Kind: query.Relation, Target: "system"}, "uses": {Kind: query.Relation, Target: "svc", Many: true},
	},
	Links: map[string]map[string]query.Link{"svc": {"system": {Target: "system", Required: true}, "uses": {Target: "svc"}}, "system": {"parent": {Target: "system"}}},
}

// world is a small catalog, once in memory and once in a database.
type world struct {
	rng      *rand.Rand
	subjects []map[string]any
	env      query.Env
}

func (w *world) pick(list ...any) any { return list[w.rng.IntN(len(list))] }

func (w *world) text() any {
	return w.pick("go", "Go", "rust", "a%b", "a_b", "", "x!y", "ÄB", "äb", "100", "true", "2026-01-02T03:04:05Z", "o'hara")
}

func (w *world) long() any {
	base := strings.Repeat("é", 198)
	return w.pick("go", base, base+"a", base+"ab", base+"aB", base+"abc", base+"abd", base+"ac")
}

func (w *world) number() any { return w.pick(0.0, 1.0, -1.5, 10.0, 9.0, 1e300, 0.1) }

func (w *world) moment() any {
	return w.pick("2026-01-02T03:04:05Z", "2026-01-02T05:04:05+02:00", "2026-01-02T03:04:05.500Z", "2026-03-01T23:00:00Z", "2025-12-31T23:59:59.999Z", "2026-03-02T12:00:00Z", "1969-07-20T20:17:40Z")
}

func (w *world) some(v any) any {
	if w.rng.IntN(4) == 0 {
		return nil
	}
	return v
}

func newWorld(seed uint64) *world {
	w := &world{rng: rand.New(rand.NewPCG(seed, 7))}
	graph := &query.Graph{Vertices: map[query.Ref]query.Vertex{}}
	for i := range 4 {
		s := map[string]any{"identifier": fmt.Sprintf("s%d", i), "title": fmt.Sprintf("System ß%d", i), "blueprint": "system", "team": []any{}, "properties": map[string]any{}, "relations": map[string]any{}}
		v := query.Vertex{Title: s["title"].(string), Relations: map[string][]query.Ref{}}
		if i > 0 {
			v.Relations["parent"] = []query.Ref{{Blueprint: "system", Identifier: fmt.Sprintf("s%d", i-1)}}
		}
		graph.Vertices[query.Ref{Blueprint: "system", Identifier: s["identifier"].(string)}] = v
		w.subjects = append(w.subjects, s)
	}
	for i := range 30 {
		id := fmt.Sprintf("e%d", i)
		s := map[string]any{"identifier": id, "title": w.pick("Cart", "cart ÄPI", "mail", id), "blueprint": "svc", "icon": w.some("Cloud"), "createdBy": w.pick("dana", "li"), "updatedBy": "dana",
			"datasource": w.pick("", "port-k8s-exporter/1 (statekey/A)", "port-k8s-exporter/1 (statekey/a)"), "createdAt": w.moment(), "updatedAt": w.moment(),
			"properties": map[string]any{
				"lang": w.some(w.text()), "note": w.some(w.text()), "long": w.some(w.long()), "coverage": w.some(w.number()), "size": w.some(w.number()), "live": w.some(w.pick(true, false)), "flag": w.some(w.pick(true, false)),
				"tags": w.some(w.pick([]any{}, []any{"go", "b"}, []any{"true", true, 1.0}, []any{nil, "go"})), "meta": w.some(map[string]any{"go": "go"}), "seen": w.some(w.moment()), "due": w.some(w.moment()),
				"mixed": w.some(w.pick("go", 9.0, true, "true", []any{"go", 9.0}, map[string]any{"k": "go"}, "2026-01-02T03:04:05Z")), "calc": w.some(w.number()),
			}}
		var teams []any
		for _, team := range []string{"shop", "core"} {
			if w.rng.IntN(2) == 0 {
				teams = append(teams, team)
			}
		}
		s["team"] = teams
		v := query.Vertex{Title: s["title"].(string), Relations: map[string][]query.Ref{}}
		relations := map[string]any{"system": nil, "uses": []any{}}
		if w.rng.IntN(3) > 0 {
			system := fmt.Sprintf("s%d", w.rng.IntN(4))
			relations["system"] = system
			v.Relations["system"] = []query.Ref{{Blueprint: "system", Identifier: system}}
		}
		for _, k := range w.rng.Perm(30)[:w.rng.IntN(3)] {
			target := fmt.Sprintf("e%d", k)
			relations["uses"] = append(relations["uses"].([]any), target)
			v.Relations["uses"] = append(v.Relations["uses"], query.Ref{Blueprint: "svc", Identifier: target})
		}
		s["relations"] = relations
		if w.rng.IntN(2) == 0 {
			s["scorecards"] = map[string]any{"ready": map[string]any{"level": w.pick("Basic", "Gold"), "rules": []any{map[string]any{"identifier": "r1", "status": w.pick("SUCCESS", "FAILURE")}}}}
		}
		graph.Vertices[query.Ref{Blueprint: "svc", Identifier: id}] = v
		w.subjects = append(w.subjects, s)
	}
	w.env = query.Env{
		Now: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC), User: "dana", UserTeams: []string{"shop"}, Fields: &fields, Graph: graph,
		UserEntity: map[string]any{"identifier": "dana", "properties": map[string]any{"language": "go"}}, TeamEntities: []map[string]any{{"identifier": "shop"}, {"identifier": "core"}},
	}
	if seed%5 == 0 {
		w.env.User, w.env.UserEntity, w.env.TeamEntities, w.env.UserTeams = "", nil, nil, nil
	}
	return w
}

func (w *world) load(t *testing.T, db *store.DB) {
	t.Helper()
	ctx := context.Background()
	err := db.Tx(ctx, func(tx *store.Tx) error {
		for _, table := range []string{"entity_relations", "entity_teams", "entities", "blueprints"} {
			if _, err := tx.ExecContext(ctx, "DELETE FROM "+table); err != nil {
				return err
			}
		}
		for _, b := range []string{"svc", "system"} {
			if _, err := tx.ExecContext(ctx, "INSERT INTO blueprints (identifier, doc, created_at, updated_at, created_by, updated_by) VALUES ($1, '{}', 0, 0, '', '')", b); err != nil {
				return err
			}
		}
		ids := map[query.Ref]int64{}
		for _, s := range w.subjects {
			id, err := insert(ctx, tx, s)
			if err != nil {
				return err
			}
			ids[query.Ref{Blueprint: s["blueprint"].(string), Identifier: s["identifier"].(string)}] = id
			for _, team := range s["team"].([]any) {
				if _, err := tx.ExecContext(ctx, "INSERT INTO entity_teams (entity, team) VALUES ($1, $2)", id, team); err != nil {
					return err
				}
			}
		}
		for ref, v := range w.env.Graph.Vertices {
			for relation, targets := range v.Relations {
				for i, target := range targets {
					if _, err := tx.ExecContext(ctx, "INSERT INTO entity_relations (source, relation, position, target) VALUES ($1, $2, $3, $4)", ids[ref], relation, i, ids[target]); err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func insert(ctx context.Context, tx *store.Tx, s map[string]any) (int64, error) {
	own, derived := map[string]any{}, map[string]any{}
	columns := map[string]any{"blueprint": s["blueprint"], "identifier": s["identifier"], "title": s["title"], "title_fold": strings.ToLower(s["title"].(string)), "icon": "", "created_by": "", "updated_by": "",
		"datasource": "", "created_at": ms(s["createdAt"]), "updated_at": ms(s["updatedAt"]), "scorecards": "{}", "team": "[]"}
	for key, column := range map[string]string{"icon": "icon", "createdBy": "created_by", "updatedBy": "updated_by", "datasource": "datasource"} {
		if s[key] != nil {
			columns[column] = s[key]
		}
	}
	for name, v := range s["properties"].(map[string]any) {
		if v == nil {
			continue
		}
		f := fields.ByName[name]
		if f.Kind == query.Own {
			own[name] = v
		} else {
			derived[name] = v
		}
		if f.Slot == "" {
			continue
		}
		switch v := v.(type) {
		case string:
			if f.Format != "" {
				columns[f.Slot] = float64(ms(v)) / 1000
			} else {
				columns[f.Slot] = string([]rune(v)[:min(200, len([]rune(v)))])
			}
		case bool:
			columns[f.Slot] = map[bool]float64{true: 1, false: 0}[v]
		default:
			columns[f.Slot] = v
		}
	}
	for column, v := range map[string]any{"properties": own, "derived": derived, "scorecards": s["scorecards"]} {
		if m, ok := v.(map[string]any); ok && m != nil {
			raw, err := json.Marshal(m)
			if err != nil {
				return 0, err
			}
			columns[column] = string(raw)
		}
	}
	var names, marks []string
	var args []any
	for column, v := range columns {
		names, args = append(names, column), append(args, v)
		marks = append(marks, fmt.Sprintf("$%d", len(args)))
	}
	var id int64
	err := tx.QueryRowContext(ctx, "INSERT INTO entities ("+strings.Join(names, ", ")+") VALUES ("+strings.Join(marks, ", ")+") RETURNING id", args...).Scan(&id)
	return id, err
}

func ms(v any) int64 {
	s, _ := v.(string)
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return 0
	}
	return at.UnixMilli()
}

func (w *world) value() any {
	switch w.rng.IntN(8) {
	case 0, 1, 2:
		return w.text()
	case 3:
		return w.number()
	case 4:
		return w.pick(true, false)
	case 5:
		return w.moment()
	case 6:
		return w.long()
	}
	return w.pick(nil, map[string]any{"context": "user", "property": "language"}, map[string]any{"context": "userTeams", "property": "$identifier"}, map[string]any{"preset": "lastWeek"},
		map[string]any{"from": "2026-01-02T03:04:05Z", "to": "2026-03-01T23:00:00Z"}, "My Teams", "shop", "s1", "e3", "dana", "svc", "Gold", "Passed")
}

func (w *world) rule() map[string]any {
	operators := query.Operators()
	m := map[string]any{"operator": operators[w.rng.IntN(len(operators))], "value": w.value()}
	if w.rng.IntN(3) == 0 {
		m["value"] = []any{w.text(), w.number(), w.value(), w.pick("s1", "e4", "shop", "My Teams")}
	}
	ids := w.pick("s0", "s2", "e1", "e5", []any{"e1", "e2", "s1"})
	switch w.rng.IntN(12) {
	case 0:
		m["relation"], m["targetProperty"] = w.pick("system", "uses", "other"), w.pick("", "$title", "$identifier")
	case 1:
		m["scorecard"], m["scorecardRule"] = w.pick("ready", "other"), w.pick("", "r1", "r2")
		m["value"] = w.pick("Gold", "SUCCESS", "Passed", "Not passed", []any{"Gold", "Basic"})
	case 2:
		return map[string]any{"operator": "relatedTo", "blueprint": w.pick("svc", "system"), "value": ids, "direction": w.pick("", "upstream", "downstream"), "required": w.pick(nil, nil, true, false)}
	case 3:
		path := w.pick([]any{"system"}, []any{"uses", "system"}, []any{map[string]any{"relation": "uses", "maxHops": 3}, "system"}, []any{"system", map[string]any{"relation": "parent", "maxHops": 15}}, []any{"other"})
		property := map[string]any{"path": path}
		if w.rng.IntN(2) == 0 {
			property = map[string]any{"path": w.pick([]any{"uses"}, []any{"uses", "uses"}, []any{map[string]any{"relation": "uses", "maxHops": 2}}), "fromBlueprint": "svc"}
		}
		return map[string]any{"operator": "matchAny", "property": property, "value": ids}
	case 4:
		m["propertySchema"] = w.pick(map[string]any{"type": "string"}, map[string]any{"type": "number"}, map[string]any{"type": "string", "format": "timer"}, map[string]any{"type": "array", "items": map[string]any{"type": "string"}})
	case 5:
		m["property"] = map[string]any{"context": w.pick("user", "userTeams"), "property": w.pick("$identifier", "language", "nothing")}
	case 6:
		metas := query.Metas()
		m["property"] = metas[w.rng.IntN(len(metas))]
	default:
		m["property"] = w.pick("lang", "note", "long", "coverage", "size", "live", "flag", "tags", "meta", "seen", "due", "mixed", "calc", "system", "uses", "nowhere")
	}
	return m
}

func (w *world) group(depth int) map[string]any {
	var rules []any
	for range 1 + w.rng.IntN(3) {
		if depth > 0 && w.rng.IntN(4) == 0 {
			rules = append(rules, w.group(depth-1))
		} else {
			rules = append(rules, w.rule())
		}
	}
	return map[string]any{"combinator": w.pick("and", "or"), "rules": rules}
}

// For random entities and random queries the SQL of both engines finds exactly
// what Match says.
func TestSQLIsMatch(t *testing.T) {
	const worlds, queries = 6, 400
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		asked, found := 0, 0
		for seed := range uint64(worlds) {
			w := newWorld(seed)
			w.load(t, db)
			for range queries {
				raw, err := json.Marshal(w.group(2))
				if err != nil {
					t.Fatal(err)
				}
				q, problems := query.Parse(raw)
				if len(problems) > 0 {
					continue
				}
				asked++
				want := []string{}
				for _, s := range w.subjects {
					if s["blueprint"] != "svc" {
						continue
					}
					fits, err := q.Match(s, w.env)
					if err != nil {
						t.Fatalf("%s: %v", raw, err)
					}
					if fits {
						want = append(want, s["identifier"].(string))
					}
				}
				slices.Sort(want)
				found += len(want)
				where, args, problems := q.SQL(db.Dialect, fields, w.env, 2)
				if len(problems) > 0 {
					t.Fatalf("%s: %v", raw, problems)
				}
				rows, err := db.Read().QueryContext(context.Background(), "SELECT e.identifier FROM entities e WHERE e.blueprint = $1 AND "+where+" ORDER BY e.identifier", append([]any{"svc"}, args...)...)
				got, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (string, error) {
					var s string
					return s, row.Scan(&s)
				})
				slices.Sort(got)
				if err != nil || !slices.Equal(got, want) {
					t.Fatalf("seed %d\n%s\nSQL   %v (%v)\nMatch %v\n%s\n%v", seed, raw, got, err, want, where, args)
				}
			}
		}
		t.Logf("%d queries, %d entities found", asked, found)
		if asked < worlds*queries/4 {
			t.Errorf("only %d queries could be asked", asked)
		}
	})
}
