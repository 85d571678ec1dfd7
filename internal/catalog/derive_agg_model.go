package catalog

import (
	"sphera/internal/catalog/query"
	"sphera/internal/store"
)

// maxCounted bounds how many entities one aggregation looks at.
const maxCounted = 20_000

// aggregation is an aggregation property, compiled.
type aggregation struct {
	name      string
	blueprint string
	Aggregation
	// path are the relations between the blueprint and the target; nil where
	// all that forward and all that backward relations lead to counts.
	path []string
	// backward is true where the path starts at the target.
	backward bool
	// nodes are the blueprints along the path, one more than relations.
	nodes []string
	// forth and back are the relations that lead to the target, forward and
	// backward, where there is no path.
	forth, back map[string]bool
	// reads are the fields of the target that count.
	reads    map[string]bool
	readsAll bool
	query    *aggregationQuery
}

// takesPart is the place of a blueprint in an aggregation: at node of its
// path, or anywhere (-1).
type takesPart struct {
	a    *aggregation
	node int
}

func (m *model) compileAggregations(s *schema) {
	for _, name := range sortedKeys(s.AggregationProperties) {
		a := &aggregation{name: name, blueprint: s.Identifier, Aggregation: s.AggregationProperties[name], reads: map[string]bool{}}
		s.aggregations = append(s.aggregations, a)
		for _, read := range []string{a.CalculationSpec.Property, a.measuredBy()} {
			if field := metaField(read); field != "" {
				a.reads[field] = true
			} else if read != "" {
				a.reads[fieldProperty(read)] = true
			}
		}
		if len(a.Query) > 0 {
			a.readsAll = true
			a.query = m.compileQuery(a)
		}
		if len(a.PathFilter) > 0 {
			m.compilePath(a)
			continue
		}
		m.compileReach(a)
	}
}

// measuredBy is the time that averages over periods go by.
func (a *aggregation) measuredBy() string {
	spec := a.CalculationSpec
	if spec.Func != "average" || spec.AverageOf == "total" {
		return ""
	}
	if spec.MeasureTimeBy == "" {
		return "$createdAt"
	}
	return spec.MeasureTimeBy
}

// compilePath follows the path through the blueprints; one that does not lead
// to where it should leaves the aggregation without entities.
func (m *model) compilePath(a *aggregation) {
	f := a.PathFilter[0]
	a.path, a.backward = f.Path, f.FromBlueprint != ""
	start, end := a.blueprint, a.Target
	if a.backward {
		start, end = end, start
	}
	at := m.blueprints[start]
	nodes := []string{start}
	for _, hop := range a.path {
		if at == nil {
			return
		}
		r, ok := at.Relations[hop]
		if !ok {
			return
		}
		nodes = append(nodes, r.Target)
		at = m.blueprints[r.Target]
	}
	if nodes[len(nodes)-1] != end {
		return
	}
	a.nodes = nodes
	for i, blueprint := range nodes {
		m.counted[blueprint] = append(m.counted[blueprint], takesPart{a, i})
	}
}

// compileReach finds the relations on any way between the two blueprints.
func (m *model) compileReach(a *aggregation) {
	a.forth, a.back = m.between(a.blueprint, a.Target), m.between(a.Target, a.blueprint)
	part := map[string]bool{a.Target: true, a.blueprint: true}
	for id, s := range m.blueprints {
		for name := range s.Relations {
			if a.forth[name] || a.back[name] {
				part[id] = true
			}
		}
	}
	for _, id := range sortedKeys(part) {
		m.counted[id] = append(m.counted[id], takesPart{a, -1})
	}
}

// between are the names of relations on ways from one blueprint to another.
func (m *model) between(from, to string) map[string]bool {
	reached := m.closure(from, func(s *schema, visit func(string)) {
		for _, r := range s.Relations {
			visit(r.Target)
		}
	})
	pointing := map[string][]string{}
	for id, s := range m.blueprints {
		for _, r := range s.Relations {
			pointing[r.Target] = append(pointing[r.Target], id)
		}
	}
	leading := m.closure(to, func(s *schema, visit func(string)) {
		for _, id := range pointing[s.Identifier] {
			visit(id)
		}
	})
	out := map[string]bool{}
	for id := range reached {
		if s := m.blueprints[id]; s != nil {
			for name, r := range s.Relations {
				if leading[r.Target] {
					out[name] = true
				}
			}
		}
	}
	return out
}

// closure is start and all that next leads to from there.
func (m *model) closure(start string, next func(s *schema, visit func(string))) map[string]bool {
	in := map[string]bool{start: true}
	list := []string{start}
	for i := 0; i < len(list); i++ {
		if s := m.blueprints[list[i]]; s != nil {
			next(s, func(id string) {
				if !in[id] {
					in[id] = true
					list = append(list, id)
				}
			})
		}
	}
	return in
}

// ofNothing is the value over no entities.
func (a *aggregation) ofNothing() any {
	if a.CalculationSpec.Func == "count" || a.CalculationSpec.Func == "sum" {
		return 0.0
	}
	return nil
}

// aggregationQuery is the query on the target entities.
type aggregationQuery struct {
	query  *query.Query
	fields query.Fields
}

func (m *model) compileQuery(a *aggregation) *aggregationQuery {
	q, problems := query.ParseValue(a.Query)
	target := m.blueprints[a.Target]
	if len(problems) > 0 || target == nil {
		return &aggregationQuery{}
	}
	fields := m.fields(target)
	fields.Lenient = true // the target's blueprint may change
	return &aggregationQuery{query: q, fields: fields}
}

// sql is the query as a condition; one that cannot be read holds for nothing.
func (q *aggregationQuery) sql(d store.Dialect, at int64, start int) (string, []any) {
	if q.query == nil {
		return "FALSE", nil
	}
	where, args, problems := q.query.SQL(d, q.fields, query.Env{Now: store.Time(at), Fields: &q.fields}, start)
	if len(problems) > 0 {
		return "FALSE", nil
	}
	return where, args
}
