package catalog

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"sphera/internal/fault"
	"sphera/internal/store"
)

// maxOfNode is how far the neighbours of one node and direction are counted:
// what a hub has beyond is "at least".
const maxOfNode = 1000

// group are the neighbours of a node over one relation in one direction.
type group struct {
	node     int64
	in       bool
	relation string
	others   []int64 // the first
	count    int
	atLeast  bool
}

// neighbours returns, for each node, relation and direction, how many
// neighbours there are and, unless first is 0, the first of them. It reads at most maxOfNode rows
// of a node and direction at a time, so that hubs cost no more than others.
func (c *Catalog) neighbours(ctx context.Context, sights *sights, ids []int64, first int) ([]group, error) {
	whole, err := sights.whole(ctx)
	if err != nil {
		return nil, err
	}
	wanted := first
	if !whole {
		first = maxOfNode // all that is counted is looked at
	}
	visible, err := c.visible(ctx)
	if err != nil {
		return nil, err
	}
	var out []group
	for _, in := range []bool{false, true} {
		// A hub may have so many of one relation that others were not reached.
		after := make(map[int64]string, len(ids))
		for _, id := range ids {
			after[id] = ""
		}
		for turn := 0; len(after) > 0 && turn < 8; turn++ {
			groups, err := c.someGroups(ctx, after, in, first, visible)
			if err != nil {
				return nil, err
			}
			seen := map[int64]int{}
			last := map[int64]int{}
			for _, g := range groups {
				seen[g.node] += g.count
				if !whole {
					if err := g.keep(ctx, sights, wanted); err != nil {
						return nil, err
					}
				}
				out = append(out, g)
				last[g.node] = len(out) - 1
			}
			clear(after)
			for id, n := range seen {
				if n >= maxOfNode {
					g := &out[last[id]]
					g.atLeast = true
					after[id] = g.relation
				}
			}
		}
	}
	return out, nil
}

// keep leaves of a group what may be read, and counts that alone.
func (g *group) keep(ctx context.Context, s *sights, first int) error {
	list, err := s.among(ctx, s.c.db.Read(), g.others)
	g.others, g.count = list[:min(len(list), first)], len(list)
	return err
}

// visible is the condition on the other end of a relation while an import is
// under way, and empty else: it costs a look at each row.
func (c *Catalog) visible(ctx context.Context) (string, error) {
	n, err := countRows(ctx, c.db.Read(), "SELECT COUNT(*) FROM (SELECT 1 AS one FROM entities WHERE pending <> 0 LIMIT 1) AS p")
	if err != nil || n == 0 {
		return "", err
	}
	return " AND EXISTS (SELECT 1 FROM entities o WHERE o.id = %s AND o.pending = 0)", nil
}

// someGroups reads the groups of nodes whose relation comes after a name: first
// how many there are of each, then the first of each.
func (c *Catalog) someGroups(ctx context.Context, after map[int64]string, in bool, first int, visible string) ([]group, error) {
	node, other := "source", "target"
	if in {
		node, other = "target", "source"
	}
	if visible != "" {
		visible = fmt.Sprintf(visible, "r."+other)
	}
	at := make([]spot, 0, len(after))
	for _, id := range slices.Sorted(maps.Keys(after)) {
		at = append(at, spot{ID: id, Relation: after[id]})
	}
	var groups []group
	err := c.lists(ctx, at, `g.relation, g.n`, `SELECT relation, COUNT(*) AS n FROM (
		SELECT r.relation FROM entity_relations r WHERE r.`+node+` = %[1]s AND r.relation > %[2]s`+visible+` ORDER BY r.relation LIMIT `+strconv.Itoa(maxOfNode)+`) AS l GROUP BY relation ORDER BY relation`,
		func(at spot, row []json.RawMessage) error {
			g := group{node: at.ID, in: in}
			err := errors.Join(json.Unmarshal(row[0], &g.relation), json.Unmarshal(row[1], &g.count))
			groups = append(groups, g)
			return err
		})
	if err != nil || first == 0 {
		return groups, err
	}
	byName := make(map[spot]*group, len(groups))
	at = at[:0]
	for i, g := range groups {
		byName[spot{g.node, g.relation}] = &groups[i]
		at = append(at, spot{g.node, g.relation})
	}
	return groups, c.lists(ctx, at, `g.other`, `SELECT r.`+other+` AS other FROM entity_relations r WHERE r.`+node+` = %[1]s AND r.relation = %[2]s`+visible+
		` ORDER BY `+map[bool]string{false: "r.position", true: "r.source"}[in]+` LIMIT `+strconv.Itoa(first),
		func(at spot, row []json.RawMessage) error {
			var id int64
			err := json.Unmarshal(row[0], &id)
			byName[at].others = append(byName[at].others, id)
			return err
		})
}

// spot is a node and a relation of it.
type spot struct {
	ID       int64  `json:"i"`
	Relation string `json:"r"`
}

// lists runs a query for each spot, in one statement, and hands its rows on.
// %[1]s and %[2]s stand for the node and the relation.
func (c *Catalog) lists(ctx context.Context, at []spot, columns, query string, use func(at spot, row []json.RawMessage) error) error {
	if len(at) == 0 {
		return nil
	}
	raw, err := json.Marshal(at)
	if err != nil {
		return err
	}
	id, relation, each, list, array := "s.value ->> 'i'", "s.value ->> 'r'", "json_each($1) AS s", "json_group_array", "json_array"
	if c.db.Dialect == store.Postgres {
		id, relation, each, list, array = "s.i", "s.r", "jsonb_to_recordset(CAST($1 AS JSONB)) AS s (i BIGINT, r TEXT)", "jsonb_agg", "jsonb_build_array"
	}
	rows, err := c.db.Read().QueryContext(ctx, "SELECT "+id+", "+relation+", (SELECT "+list+"("+array+"("+columns+")) FROM ("+fmt.Sprintf(query, id, relation)+") AS g) FROM "+each, string(raw))
	type answer struct {
		at   spot
		rows []byte
	}
	answers, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (answer, error) {
		var a answer
		return a, row.Scan(&a.at.ID, &a.at.Relation, &a.rows)
	})
	if err != nil {
		return fmt.Errorf("read the graph: %w", err)
	}
	for _, a := range answers {
		var list [][]json.RawMessage
		if len(a.rows) > 0 {
			if err := json.Unmarshal(a.rows, &list); err != nil {
				return fmt.Errorf("read the graph: %w", err)
			}
		}
		for _, row := range list {
			if err := use(a.at, row); err != nil {
				return fmt.Errorf("read the graph: %w", err)
			}
		}
	}
	return nil
}

// readNodes reads what is shown of nodes, in the order of ids. Names are by id;
// what may not be seen has none.
func (c *Catalog) readNodes(ctx context.Context, sights *sights, ids []int64, depth map[int64]int) (map[int64]string, Graph, error) {
	g := Graph{Nodes: []Node{}, Edges: []Edge{}, More: map[string]int{}, Hidden: []Hidden{}}
	ids, err := sights.among(ctx, c.db.Read(), ids)
	if err != nil {
		return nil, g, err
	}
	these, args := idsIn(c.db.Dialect, "id", ids, 1)
	rows, err := c.db.Read().QueryContext(ctx, "SELECT id, blueprint, identifier, title, icon FROM entities WHERE "+these+" AND pending = 0", args...)
	type found struct {
		id int64
		Node
	}
	nodes, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (found, error) {
		var n found
		return n, row.Scan(&n.id, &n.Blueprint, &n.Identifier, &n.Title, &n.Icon)
	})
	if err != nil {
		return nil, g, fmt.Errorf("read the graph: %w", err)
	}
	rank := make(map[int64]int, len(ids))
	for i, id := range ids {
		rank[id] = i
	}
	slices.SortFunc(nodes, func(a, b found) int { return rank[a.id] - rank[b.id] })
	names := make(map[int64]string, len(nodes))
	for _, n := range nodes {
		n.ID, n.Depth = Ref(n.Blueprint, n.Identifier), depth[n.id]
		names[n.id] = n.ID
		g.Nodes = append(g.Nodes, n.Node)
	}
	return names, g, nil
}

// linksAmong are the relations between nodes of a set. It goes along the
// relations, of which a node has few, and the sign keeps the engines from going
// against them, of which a hub has thousands.
func (c *Catalog) linksAmong(ctx context.Context, ids []int64) ([]link, error) {
	from, args := idsIn(c.db.Dialect, "source", ids, 1)
	to, _ := idsIn(c.db.Dialect, "+target", ids, 1)
	links, err := c.links(ctx, "SELECT source, relation, target FROM entity_relations WHERE "+from+" AND "+to, args...)
	slices.SortFunc(links, compareLinks)
	return links, err
}

func (c *Catalog) links(ctx context.Context, query string, args ...any) ([]link, error) {
	rows, err := c.db.Read().QueryContext(ctx, query, args...)
	links, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (link, error) {
		var l link
		return l, row.Scan(&l.source, &l.relation, &l.target)
	})
	if err != nil {
		return nil, fmt.Errorf("read the graph: %w", err)
	}
	return links, nil
}

// place is how far an expansion has come; it is opaque outside.
type place struct {
	In       bool   `json:"w,omitempty"`
	Relation string `json:"r"`
	Other    int64  `json:"o"`
	Of       string `json:"of"`
}

func (p place) encode(o GraphOptions) (string, error) {
	p.Of = strings.Join([]string{o.Expand, o.Relation, o.Way}, "\n")
	raw, err := json.Marshal(p)
	return base64.RawURLEncoding.EncodeToString(raw), err
}

func readPlace(o GraphOptions) (place, error) {
	at := place{In: o.Way == "in"}
	if o.From == "" {
		return at, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(o.From)
	if err == nil {
		err = json.Unmarshal(raw, &at)
	}
	if err != nil || at.Of != strings.Join([]string{o.Expand, o.Relation, o.Way}, "\n") {
		return place{}, fault.Field("from", "does not belong to this node and these conditions", "the next of an answer about the same node, or nothing")
	}
	return at, nil
}

// nextLinks reads the next relations of a node, and where to go on.
func (c *Catalog) nextLinks(ctx context.Context, sights *sights, id int64, o GraphOptions, at place, limit int) ([]link, *place, error) {
	visible, err := c.visible(ctx)
	if err != nil {
		return nil, nil, err
	}
	var out []link
	for _, in := range []bool{false, true} {
		if in != at.In && (at.In || o.Way == "out") || in && o.Way == "out" {
			continue
		}
		if in && !at.In {
			at.Relation, at.Other = "", 0
		}
		at.In = in
		query, args := pageQuery(id, o, at, visible)
		links, err := c.links(ctx, "SELECT r.source, r.relation, r.target "+query+" LIMIT "+strconv.Itoa(limit-len(out)+1), args...)
		if err != nil {
			return nil, nil, err
		}
		if len(out)+len(links) > limit {
			links = links[:limit-len(out)]
			next := at
			if len(links) > 0 {
				l := links[len(links)-1]
				next.Relation, next.Other = l.relation, l.target
				if in {
					next.Other = l.source
				}
			}
			return append(out, links...), &next, nil
		}
		out = append(out, links...)
	}
	return out, nil, nil
}

// pageQuery is what comes after a place, in the order of an index.
func pageQuery(id int64, o GraphOptions, at place, visible string) (string, []any) {
	node, other := "source", "target"
	if at.In {
		node, other = "target", "source"
	}
	if visible != "" {
		visible = fmt.Sprintf(visible, "r."+other)
	}
	args := []any{id, at.Relation, at.Other}
	query := "FROM entity_relations r WHERE r." + node + " = $1 AND (r.relation, r." + other + ") > ($2, $3)" + visible
	if o.Relation != "" {
		args = append(args, o.Relation)
		query += " AND r.relation = $4"
	}
	return query + " ORDER BY r.relation, r." + other, args
}

// maxLeft is how far one node that is expanded is counted.
const maxLeft = 20_000

// leftBehind counts what an expansion has not shown yet.
func (c *Catalog) leftBehind(ctx context.Context, sights *sights, id int64, o GraphOptions, at place) ([]Hidden, error) {
	// What is left may be hidden, and its number is nobody's business then.
	if whole, err := sights.whole(ctx); err != nil || !whole {
		return nil, err
	}
	visible, err := c.visible(ctx)
	if err != nil {
		return nil, err
	}
	var out []Hidden
	for _, in := range []bool{false, true} {
		if !in && at.In || in && o.Way == "out" {
			continue
		}
		from := place{In: in}
		if in == at.In {
			from = at
		}
		query, args := pageQuery(id, o, from, visible)
		rows, err := c.db.Read().QueryContext(ctx, "SELECT l.relation, COUNT(*) FROM (SELECT r.relation "+query+" LIMIT "+strconv.Itoa(maxLeft)+") AS l GROUP BY l.relation ORDER BY l.relation", args...)
		list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (Hidden, error) {
			h := Hidden{In: in}
			return h, row.Scan(&h.Relation, &h.Count)
		})
		if err != nil {
			return nil, fmt.Errorf("count neighbours: %w", err)
		}
		total := 0
		for _, h := range list {
			total += h.Count
		}
		if total >= maxLeft {
			list[len(list)-1].AtLeast = true
		}
		out = append(out, list...)
	}
	return out, nil
}
