package catalog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sphera/internal/store"
)

const (
	// maxImpact and maxImpactTime bound what is counted of an impact.
	maxImpact     = 10_000
	maxImpactTime = 2 * time.Second
	impactDepth   = 10
)

// Impact is what depends on an entity, directly or through others: everything
// whose relations lead to it.
type Impact struct {
	// Graph holds the nearest of it, with the relations that lead to the entity.
	Graph Graph `json:"graph"`
	// Total counts all of it, Counts by distance and blueprint.
	Total  int           `json:"total"`
	Counts []ImpactCount `json:"counts"`
	// Rows are the entities of the graph as a table.
	Rows []ImpactRow `json:"rows"`
	// Complete is false when there is more than was counted.
	Complete bool `json:"complete"`
}

// ImpactCount is how many entities of a blueprint depend at a distance.
type ImpactCount struct {
	Depth     int    `json:"depth"`
	Blueprint string `json:"blueprint"`
	Count     int    `json:"count"`
	// Required counts those that cannot be without what they point at.
	Required int `json:"required"`
}

// ImpactRow is one entity that depends on another, through Relation to Via.
type ImpactRow struct {
	ID         string `json:"id"`
	Blueprint  string `json:"blueprint"`
	Identifier string `json:"identifier"`
	Title      string `json:"title"`
	Icon       string `json:"icon,omitempty"`
	Depth      int    `json:"depth"`
	Via        string `json:"via"`
	Relation   string `json:"relation"`
	Required   bool   `json:"required"`
}

// reached is an entity and the relation by which it was first reached.
type reached struct {
	link
	blueprint string
	depth     int
}

// Impact works out what depends on an entity; limit bounds the graph and the
// table, 100 when 0.
func (c *Catalog) Impact(ctx context.Context, blueprint, identifier string, limit int) (Impact, error) {
	if limit <= 0 {
		limit = defaultNodes
	}
	limit = min(limit, maxNodes)
	root, sights, err := c.nodeID(ctx, blueprint, identifier)
	if err != nil {
		return Impact{}, err
	}
	bounded, cancel := context.WithTimeout(ctx, maxImpactTime)
	defer cancel()
	all, complete, err := c.downstream(bounded, sights, root)
	if err != nil && (ctx.Err() != nil || !errors.Is(bounded.Err(), context.DeadlineExceeded)) {
		return Impact{}, err
	}
	out := Impact{Total: len(all), Complete: complete && err == nil}
	required, err := c.requiredRelations(ctx, all)
	if err != nil {
		return Impact{}, err
	}
	out.Counts = countImpact(all, required)
	ids, depth, first := []int64{root}, map[int64]int{root: 0}, all[:min(len(all), limit-1)]
	for _, r := range first {
		ids, depth[r.source] = append(ids, r.source), r.depth
	}
	names, g, err := c.readNodes(ctx, sights, ids, depth)
	if err != nil {
		return Impact{}, err
	}
	nodes := make(map[string]Node, len(g.Nodes))
	for _, n := range g.Nodes {
		nodes[n.ID] = n
	}
	out.Rows = []ImpactRow{}
	for _, r := range first {
		n, ok := nodes[names[r.source]]
		if !ok {
			continue
		}
		must := required[r.blueprint+"."+r.relation]
		out.Rows = append(out.Rows, ImpactRow{ID: n.ID, Blueprint: n.Blueprint, Identifier: n.Identifier, Title: n.Title, Icon: n.Icon, Depth: r.depth, Via: names[r.target], Relation: r.relation, Required: must})
		g.Edges = append(g.Edges, Edge{From: n.ID, To: names[r.target], Relation: r.relation, Required: must})
	}
	if left := len(all) - len(first); left > 0 {
		g.hide(Hidden{Node: names[root], In: true, Count: left, AtLeast: !out.Complete})
	}
	out.Graph = g
	return out, nil
}

// downstream goes against the relations, nearest first, until there is no more
// or more than is counted.
func (c *Catalog) downstream(ctx context.Context, sights *sights, root int64) ([]reached, bool, error) {
	seen := map[int64]bool{root: true}
	var all []reached
	edge := []int64{root}
	for depth := 1; len(edge) > 0; depth++ {
		if depth > impactDepth {
			return all, false, nil
		}
		var level []reached
		for part := range slices.Chunk(edge, 500) {
			left := maxImpact - len(all) - len(level)
			rows, err := c.db.Read().QueryContext(ctx, `SELECT r.source, r.relation, r.target, e.blueprint FROM entity_relations r JOIN entities e ON e.id = r.source
				WHERE r.target IN (`+idList(part)+`) AND e.pending = 0 LIMIT $1`, 2*left+1)
			list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (reached, error) {
				r := reached{depth: depth}
				return r, row.Scan(&r.source, &r.relation, &r.target, &r.blueprint)
			})
			if err != nil {
				return append(all, level...), false, fmt.Errorf("read what depends: %w", err)
			}
			found := len(list)
			if list, err = seenOf(ctx, sights, c.db.Read(), "", list, func(r reached) int64 { return r.source }); err != nil {
				return append(all, level...), false, err
			}
			slices.SortFunc(list, func(a, b reached) int {
				return cmp.Or(strings.Compare(a.blueprint, b.blueprint), compareLinks(a.link, b.link))
			})
			for _, r := range list {
				if !seen[r.source] && len(level) < maxImpact-len(all) {
					seen[r.source] = true
					level = append(level, r)
				}
			}
			if found > 2*left || len(all)+len(level) >= maxImpact {
				return append(all, level...), false, nil
			}
		}
		all = append(all, level...)
		edge = edge[:0:0]
		for _, r := range level {
			edge = append(edge, r.source)
		}
	}
	return all, true, nil
}

// requiredRelations tells, by "blueprint.relation", which must not be empty.
func (c *Catalog) requiredRelations(ctx context.Context, all []reached) (map[string]bool, error) {
	out := map[string]bool{}
	read := map[string]bool{}
	for _, r := range all {
		if read[r.blueprint] {
			continue
		}
		read[r.blueprint] = true
		s, err := c.schema(ctx, c.db.Read(), r.blueprint, "")
		if err != nil {
			return nil, err
		}
		for name, relation := range s.Relations {
			out[r.blueprint+"."+name] = relation.Required
		}
	}
	return out, nil
}

func countImpact(all []reached, required map[string]bool) []ImpactCount {
	type slot struct {
		depth     int
		blueprint string
	}
	counts := map[slot]*ImpactCount{}
	var order []*ImpactCount
	for _, r := range all {
		n := counts[slot{r.depth, r.blueprint}]
		if n == nil {
			n = &ImpactCount{Depth: r.depth, Blueprint: r.blueprint}
			counts[slot{r.depth, r.blueprint}] = n
			order = append(order, n)
		}
		n.Count++
		if required[r.blueprint+"."+r.relation] {
			n.Required++
		}
	}
	slices.SortFunc(order, func(a, b *ImpactCount) int {
		return cmp.Or(a.Depth-b.Depth, b.Count-a.Count, strings.Compare(a.Blueprint, b.Blueprint))
	})
	out := make([]ImpactCount, len(order))
	for i, n := range order {
		out[i] = *n
	}
	return out
}
