package catalog

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"sphera/internal/store"
)

const (
	defaultDepth = 2
	maxDepth     = 5
	defaultNodes = 100
	maxNodes     = 500
)

// link is a relation between two database ids.
type link struct {
	source, target int64
	relation       string
}

// Graph returns what is connected with an entity, in both directions, up to
// depth steps away and limit nodes. Nodes come nearest first; More counts per
// node the neighbours that were left out.
func (c *Catalog) Graph(ctx context.Context, blueprint, identifier string, depth, limit int) (Graph, error) {
	if depth <= 0 {
		depth = defaultDepth
	}
	if limit <= 0 {
		limit = defaultNodes
	}
	depth, limit = min(depth, maxDepth), min(limit, maxNodes)
	root, err := readStored(ctx, c.db.Read(), blueprint, identifier, "")
	if err != nil {
		return Graph{}, err
	}
	if root == nil {
		return Graph{}, noEntity(blueprint, identifier)
	}
	ids := []int64{root.id}
	depthOf := map[int64]int{root.id: 0}
	for start, step := 0, 1; step <= depth && start < len(ids) && len(ids) < limit; step++ {
		frontier := ids[start:]
		start = len(ids)
		links, err := neighbours(ctx, c.db.Read(), frontier, limit)
		if err != nil {
			return Graph{}, err
		}
		for _, l := range links {
			for _, id := range []int64{l.target, l.source} {
				if _, seen := depthOf[id]; !seen && len(ids) < limit {
					depthOf[id] = step
					ids = append(ids, id)
				}
			}
		}
	}
	return c.graph(ctx, ids, depthOf)
}

// neighbours returns the relations of the frontier, at most limit per node and
// direction, in the order of the frontier.
func neighbours(ctx context.Context, q store.Querier, frontier []int64, limit int) ([]link, error) {
	list := idList(frontier)
	most := strconv.Itoa(limit)
	rows, err := q.QueryContext(ctx, `SELECT source, relation, target, origin FROM (
		SELECT source, relation, target, source AS origin, 0 AS way, ROW_NUMBER() OVER (PARTITION BY source ORDER BY relation, position) AS n FROM entity_relations WHERE source IN (`+list+`)
		UNION ALL
		SELECT source, relation, target, target AS origin, 1 AS way, ROW_NUMBER() OVER (PARTITION BY target ORDER BY relation, source) AS n FROM entity_relations WHERE target IN (`+list+`)
		) AS l WHERE n <= `+most+` ORDER BY way, n, relation, source, target`)
	type from struct {
		link
		origin int64
	}
	links, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (from, error) {
		var l from
		return l, row.Scan(&l.source, &l.relation, &l.target, &l.origin)
	})
	if err != nil {
		return nil, fmt.Errorf("read the graph: %w", err)
	}
	rank := make(map[int64]int, len(frontier))
	for i, id := range frontier {
		rank[id] = i
	}
	slices.SortStableFunc(links, func(a, b from) int { return rank[a.origin] - rank[b.origin] })
	out := make([]link, len(links))
	for i, l := range links {
		out[i] = l.link
	}
	return out, nil
}

// graph reads what is shown of the nodes, the relations among them, and how
// many neighbours each has besides.
func (c *Catalog) graph(ctx context.Context, ids []int64, depthOf map[int64]int) (Graph, error) {
	g := Graph{Nodes: []Node{}, Edges: []Edge{}, More: map[string]int{}}
	list := idList(ids)
	rows, err := c.db.Read().QueryContext(ctx, "SELECT id, blueprint, identifier, title, icon FROM entities WHERE id IN ("+list+")")
	type found struct {
		id int64
		Node
	}
	nodes, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (found, error) {
		var n found
		return n, row.Scan(&n.id, &n.Blueprint, &n.Identifier, &n.Title, &n.Icon)
	})
	if err != nil {
		return g, fmt.Errorf("read the graph: %w", err)
	}
	rank := make(map[int64]int, len(ids))
	for i, id := range ids {
		rank[id] = i
	}
	slices.SortFunc(nodes, func(a, b found) int { return rank[a.id] - rank[b.id] })
	name := make(map[int64]string, len(nodes))
	for _, n := range nodes {
		n.ID, n.Depth = Ref(n.Blueprint, n.Identifier), depthOf[n.id]
		name[n.id] = n.ID
		g.Nodes = append(g.Nodes, n.Node)
	}
	inside, err := readLinks(ctx, c.db.Read(), "SELECT source, relation, target FROM entity_relations WHERE source IN ("+list+") AND target IN ("+list+") ORDER BY source, relation, position")
	if err != nil {
		return g, err
	}
	shown := map[[2]int64]bool{}
	for _, l := range inside {
		g.Edges = append(g.Edges, Edge{From: name[l.source], To: name[l.target], Relation: l.relation})
		shown[[2]int64{l.source, l.target}], shown[[2]int64{l.target, l.source}] = true, true
	}
	rows, err = c.db.Read().QueryContext(ctx, `SELECT node, COUNT(*) FROM (
		SELECT source AS node, target AS other FROM entity_relations WHERE source IN (`+list+`)
		UNION SELECT target, source FROM entity_relations WHERE target IN (`+list+`)) AS n GROUP BY node`)
	type count struct{ id, n int64 }
	counts, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (count, error) {
		var n count
		return n, row.Scan(&n.id, &n.n)
	})
	if err != nil {
		return g, fmt.Errorf("count neighbours: %w", err)
	}
	visible := map[int64]int{}
	for pair := range shown {
		visible[pair[0]]++
	}
	for _, n := range counts {
		if left := int(n.n) - visible[n.id]; left > 0 {
			g.More[name[n.id]] = left
		}
	}
	return g, nil
}

func readLinks(ctx context.Context, q store.Querier, query string) ([]link, error) {
	rows, err := q.QueryContext(ctx, query)
	links, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (link, error) {
		var l link
		return l, row.Scan(&l.source, &l.relation, &l.target)
	})
	if err != nil {
		return nil, fmt.Errorf("read the graph: %w", err)
	}
	return links, nil
}
