package catalog

import (
	"cmp"
	"context"
	"slices"

	"sphera/internal/fault"
	"sphera/internal/store"
)

const (
	defaultDepth = 2
	maxDepth     = 5
	defaultNodes = 100
	maxNodes     = 500
	// expandPage is how many neighbours one expansion adds.
	expandPage = 50
	// firstOfGroup is how many neighbours of the same relation are shown at
	// once of a node that is not in the middle, so that one hub does not fill
	// the graph.
	firstOfGroup = 5
)

// GraphOptions bound a graph.
type GraphOptions struct {
	// Depth is how many relations away, 2 when 0; Limit how many nodes, 100
	// when 0.
	Depth, Limit int
	// Expand names a node whose next neighbours are wanted, instead of the
	// whole: "Blueprint/identifier". From is the next of the answer before.
	Expand, From string
	// Relation and Way ("in" or "out") narrow an expansion.
	Relation, Way string
}

// link is a relation between two database ids.
type link struct {
	source, target int64
	relation       string
}

// Graph returns what is connected with an entity, in both directions, within
// bounds. Nodes come nearest first. Nothing is left out unsaid: More and Hidden
// count the relations of each node that are not shown.
func (c *Catalog) Graph(ctx context.Context, blueprint, identifier string, o GraphOptions) (Graph, error) {
	if o.Depth <= 0 {
		o.Depth = defaultDepth
	}
	if o.Expand != "" {
		return c.expand(ctx, o)
	}
	if o.Limit <= 0 {
		o.Limit = defaultNodes
	}
	depth, limit := min(o.Depth, maxDepth), min(o.Limit, maxNodes)
	root, sights, err := c.nodeID(ctx, blueprint, identifier)
	if err != nil {
		return Graph{}, err
	}
	w := &walk{c: c, sights: sights, ids: []int64{root}, depth: map[int64]int{root: 0}}
	for step, start := 1, 0; start < len(w.ids); step++ {
		frontier := w.ids[start:]
		start = len(w.ids)
		if step > depth || start >= limit {
			if _, err := w.groups(ctx, frontier, 0); err != nil {
				return Graph{}, err
			}
			break // these only say what is hidden
		}
		groups, err := w.groups(ctx, frontier, max(firstOfGroup, limit/len(frontier)))
		if err != nil {
			return Graph{}, err
		}
		w.grow(groups, max(firstOfGroup, limit/(4*len(frontier))), limit)
	}
	for known := 0; known < len(w.all) && len(w.ids) < limit; { // room is left: show more of the hubs
		known = len(w.all)
		before := len(w.ids)
		w.grow(slices.DeleteFunc(slices.Clone(w.all), func(g group) bool { return w.depth[g.node] >= depth }), limit, limit)
		if _, err := w.groups(ctx, w.ids[before:], firstOfGroup); err != nil {
			return Graph{}, err
		}
	}
	return w.graph(ctx)
}

// walk is a graph while it grows.
type walk struct {
	c      *Catalog
	sights *sights
	ids    []int64
	depth  map[int64]int
	all    []group
}

// grow adds neighbours, most of each group at most, of each relation of each
// node one after the other, so that everything is there before much of anything
// is.
func (w *walk) grow(groups []group, most, limit int) {
	for turn, left := 0, true; left && turn < most && len(w.ids) < limit; turn++ {
		left = false
		for _, g := range groups {
			if turn >= len(g.others) || len(w.ids) >= limit {
				continue
			}
			left = true
			if _, seen := w.depth[g.others[turn]]; !seen {
				w.depth[g.others[turn]] = w.depth[g.node] + 1
				w.ids = append(w.ids, g.others[turn])
			}
		}
	}
}

// groups reads the neighbours of nodes, in the order of the nodes.
func (w *walk) groups(ctx context.Context, frontier []int64, first int) ([]group, error) {
	if len(frontier) == 0 {
		return nil, nil
	}
	groups, err := w.c.neighbours(ctx, w.sights, frontier, first)
	if err != nil {
		return nil, err
	}
	rank := make(map[int64]int, len(frontier))
	for i, id := range frontier {
		rank[id] = i
	}
	slices.SortStableFunc(groups, func(a, b group) int { return rank[a.node] - rank[b.node] })
	w.all = append(w.all, groups...)
	return groups, nil
}

// graph reads what is shown of the nodes and the relations among them, and
// tells what is hidden.
func (w *walk) graph(ctx context.Context) (Graph, error) {
	names, g, err := w.c.readNodes(ctx, w.sights, w.ids, w.depth)
	if err != nil {
		return g, err
	}
	inside, err := w.c.linksAmong(ctx, w.ids)
	if err != nil {
		return g, err
	}
	type slot struct {
		node     int64
		in       bool
		relation string
	}
	shown := map[slot]int{}
	for _, l := range inside {
		if names[l.source] == "" || names[l.target] == "" {
			continue
		}
		g.Edges = append(g.Edges, Edge{From: names[l.source], To: names[l.target], Relation: l.relation})
		shown[slot{l.source, false, l.relation}]++
		shown[slot{l.target, true, l.relation}]++
	}
	for _, group := range w.all {
		left := group.count - shown[slot{group.node, group.in, group.relation}]
		if name := names[group.node]; left > 0 && name != "" {
			g.hide(Hidden{Node: name, Relation: group.relation, In: group.in, Count: left, AtLeast: group.atLeast})
		}
	}
	return g, nil
}

func (g *Graph) hide(h Hidden) {
	g.Hidden = append(g.Hidden, h)
	g.More[h.Node] += h.Count
}

// expand is a node with its next neighbours: those it points at, then those
// that point at it, by relation.
func (c *Catalog) expand(ctx context.Context, o GraphOptions) (Graph, error) {
	blueprint, identifier, ok := splitRef(o.Expand)
	if !ok {
		return Graph{}, fault.Field("expand", "is not the id of a node", "Blueprint/identifier")
	}
	if o.Way != "" && o.Way != "in" && o.Way != "out" {
		return Graph{}, fault.Field("way", "is neither in nor out", "in or out")
	}
	id, sights, err := c.nodeID(ctx, blueprint, identifier)
	if err != nil {
		return Graph{}, err
	}
	at, err := readPlace(o)
	if err != nil {
		return Graph{}, err
	}
	limit := o.Limit
	if limit <= 0 {
		limit = expandPage
	}
	links, next, err := c.nextLinks(ctx, sights, id, o, at, min(limit, maxNodes))
	if err != nil {
		return Graph{}, err
	}
	ids, depth := []int64{id}, map[int64]int{id: 0}
	for _, l := range links {
		for _, other := range []int64{l.source, l.target} {
			if _, seen := depth[other]; !seen {
				depth[other] = 1
				ids = append(ids, other)
			}
		}
	}
	names, g, err := c.readNodes(ctx, sights, ids, depth)
	if err != nil {
		return g, err
	}
	for _, l := range links {
		if names[l.source] != "" && names[l.target] != "" {
			g.Edges = append(g.Edges, Edge{From: names[l.source], To: names[l.target], Relation: l.relation})
		}
	}
	if next == nil {
		return g, nil
	}
	g.Next, err = next.encode(o)
	if err != nil {
		return g, err
	}
	left, err := c.leftBehind(ctx, sights, id, o, *next)
	for _, h := range left {
		h.Node = names[id]
		g.hide(h)
	}
	return g, err
}

// nodeID is the database id of an entity that may be seen.
func (c *Catalog) nodeID(ctx context.Context, blueprint, identifier string) (int64, *sights, error) {
	sights, err := c.reading(ctx, blueprint)
	if err != nil {
		return 0, nil, err
	}
	rows, err := c.db.Read().QueryContext(ctx, "SELECT id FROM entities WHERE blueprint = $1 AND identifier = $2 AND pending = 0", blueprint, identifier)
	ids, err := store.All(rows, err, scanID)
	if err != nil {
		return 0, nil, err
	}
	if ids, err = seenOf(ctx, sights, c.db.Read(), blueprint, ids, func(id int64) int64 { return id }); err != nil {
		return 0, nil, err
	}
	if len(ids) == 0 {
		return 0, nil, noEntity(blueprint, identifier)
	}
	return ids[0], sights, nil
}

func scanID(row interface{ Scan(...any) error }) (int64, error) {
	var id int64
	return id, row.Scan(&id)
}

func compareLinks(a, b link) int {
	return cmp.Or(cmp.Compare(a.source, b.source), cmp.Compare(a.relation, b.relation), cmp.Compare(a.target, b.target))
}
