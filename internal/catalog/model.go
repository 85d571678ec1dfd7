package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sphera/internal/store"
)

// model is all blueprints and scorecards, compiled. It is shared and never
// changed.
type model struct {
	revision   int64
	blueprints map[string]*schema
	// readers are, by blueprint, those who read its entities over relations.
	readers map[string][]readEdge
	// counted are, by blueprint, the aggregations its entities take part in.
	counted map[string][]takesPart
	// owning are, by blueprint and relation, the hops that lead on from there
	// to who owns others.
	owning map[string]map[string][][]string
}

// readEdge is a blueprint whose entities read field of others: of those that
// their relations back lead to.
type readEdge struct {
	blueprint string
	back      []string
	field     string
}

// The fields that changes are told by: own and derived properties, relations,
// and these.
const (
	fieldIdentifier = "identifier"
	fieldTitle      = "title"
	fieldIcon       = "icon"
	fieldTeam       = "team"
	fieldScorecards = "scorecards"
)

func fieldProperty(name string) string { return "properties." + name }
func fieldRelation(name string) string { return "relations." + name }

// metaField is the field behind a meta-property, "" when there is none.
func metaField(name string) string {
	switch name {
	case "$identifier", "$title", "$icon", "$team", "$createdAt", "$updatedAt", "$createdBy", "$updatedBy", "$blueprint", "$datasource":
		return strings.TrimPrefix(name, "$")
	default:
		return ""
	}
}

// model returns the compiled model of what is committed.
func (c *Catalog) model(ctx context.Context, q store.Querier) (*model, error) {
	return c.readModel(ctx, q, true)
}

// readModel reads the model that q sees. One that is not committed yet must
// not be kept: its revision would be given again after a rollback.
func (c *Catalog) readModel(ctx context.Context, q store.Querier, keep bool) (*model, error) {
	var revision int64
	if err := q.QueryRowContext(ctx, "SELECT revision FROM catalog_model WHERE one = 1").Scan(&revision); err != nil {
		return nil, fmt.Errorf("read the catalog's revision: %w", err)
	}
	if m := c.compiled.Load(); m != nil && m.revision == revision {
		return m, nil
	}
	m, err := loadModel(ctx, q)
	if err != nil {
		return nil, err
	}
	m.revision = revision
	if keep {
		c.compiled.Store(m)
	}
	return m, nil
}

// touchModel makes every process read the model again.
func touchModel(ctx context.Context, tx *store.Tx) error {
	if _, err := tx.ExecContext(ctx, "UPDATE catalog_model SET revision = revision + 1 WHERE one = 1"); err != nil {
		return fmt.Errorf("count the catalog's revision: %w", err)
	}
	return nil
}

func loadModel(ctx context.Context, q store.Querier) (*model, error) {
	rows, err := q.QueryContext(ctx, "SELECT identifier, doc, slots, permissions FROM blueprints ORDER BY identifier")
	type document struct{ id, doc, slots, rights string }
	docs, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (document, error) {
		var d document
		return d, row.Scan(&d.id, &d.doc, &d.slots, &d.rights)
	})
	if err != nil {
		return nil, fmt.Errorf("read the blueprints: %w", err)
	}
	m := &model{blueprints: make(map[string]*schema, len(docs))}
	for _, d := range docs {
		var b Blueprint
		if err := json.Unmarshal([]byte(d.doc), &b); err != nil {
			return nil, fmt.Errorf("stored blueprint %s: %w", d.id, err)
		}
		b.complete()
		var err error
		if b.Rights, err = readRights([]byte(d.rights)); err != nil {
			return nil, fmt.Errorf("blueprint %s: %w", d.id, err)
		}
		s, err := newSchema(b)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(d.slots), &s.slots); err != nil {
			return nil, fmt.Errorf("slots of %s: %w", d.id, err)
		}
		sum := sha256.Sum256([]byte(d.doc))
		s.hash = hex.EncodeToString(sum[:6])
		m.blueprints[d.id] = s
	}
	cards, err := loadScorecards(ctx, q)
	if err != nil {
		return nil, err
	}
	for id, s := range m.blueprints {
		s.scorecards = cards[id]
	}
	m.compile()
	return m, nil
}

// compile works out who reads whom.
func (m *model) compile() {
	m.readers, m.counted, m.owning = map[string][]readEdge{}, map[string][]takesPart{}, map[string]map[string][][]string{}
	for _, id := range slices.Sorted(maps.Keys(m.blueprints)) {
		s := m.blueprints[id]
		for _, name := range slices.Sorted(maps.Keys(s.MirrorProperties)) {
			parts := strings.Split(s.MirrorProperties[name].Path, ".")
			last := len(parts) - 1
			mirror := mirror{name: name, hops: parts[:last], shows: parts[last]}
			mirror.many, _ = m.follow(s, mirror.hops)
			s.mirrors = append(s.mirrors, mirror)
			field := metaField(mirror.shows)
			if field == "" {
				field = fieldProperty(mirror.shows)
			}
			m.read(s, mirror.hops, field)
		}
		if path := s.inherits(); path != "" {
			s.inherit = inheritPath(path)
			m.own(s, s.inherit)
			m.read(s, s.inherit, fieldTeam)
		}
		m.compileAggregations(s)
	}
}

// own notes which relations decide who owns an entity of s.
func (m *model) own(s *schema, hops []string) {
	at := s
	for i, hop := range hops {
		r, ok := at.Relations[hop]
		if !ok {
			return
		}
		if m.owning[at.Identifier] == nil {
			m.owning[at.Identifier] = map[string][][]string{}
		}
		m.owning[at.Identifier][hop] = append(m.owning[at.Identifier][hop], hops[i+1:])
		if at = m.blueprints[r.Target]; at == nil {
			return
		}
	}
}

// inheritPath accepts the path with and without $team at its end.
func inheritPath(path string) []string {
	parts := strings.Split(path, ".")
	if last := len(parts) - 1; last > 0 && parts[last] == "$team" {
		parts = parts[:last]
	}
	return parts
}

// read notes that s reads field of what its hops lead to.
func (m *model) read(s *schema, hops []string, field string) {
	at := s
	for i, hop := range hops {
		r, ok := at.Relations[hop]
		if !ok {
			return
		}
		next := m.blueprints[r.Target]
		if next == nil {
			return
		}
		at = next
		what := field
		if i < len(hops)-1 {
			what = fieldRelation(hops[i+1])
		}
		m.readers[at.Identifier] = append(m.readers[at.Identifier], readEdge{blueprint: s.Identifier, back: hops[:i+1], field: what})
	}
}

// follow tells whether hops from s can lead to many entities, and where to;
// nil where a hop is not a relation.
func (m *model) follow(s *schema, hops []string) (many bool, end *schema) {
	for _, hop := range hops {
		if s == nil {
			return many, nil
		}
		r, ok := s.Relations[hop]
		if !ok {
			return many, nil
		}
		many = many || r.Many
		s = m.blueprints[r.Target]
	}
	return many, s
}
