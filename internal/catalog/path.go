package catalog

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"sphera/internal/fault"
)

const (
	// maxPathNodes and maxPathTime bound the search for a path; maxPathSteps is
	// how long one may be.
	maxPathNodes = 50_000
	maxPathTime  = 2 * time.Second
	maxPathSteps = 12
)

// Path is the shortest way between two entities over relations in either
// direction.
type Path struct {
	// Graph holds the entities in their order; a node's depth is its place.
	Graph Graph  `json:"graph"`
	Steps []Step `json:"steps"`
	Found bool   `json:"found"`
	// Complete is false when the search was ended by its bounds: there may be a
	// way, or a shorter one.
	Complete bool `json:"complete"`
}

// Step is one relation of a path. With Against one goes from its target to its
// source.
type Step struct {
	From     string `json:"from"`
	To       string `json:"to"`
	Relation string `json:"relation"`
	Against  bool   `json:"against"`
}

// front is one side of the search.
type front struct {
	// came is the relation by which an entity was first reached.
	came  map[int64]link
	far   map[int64]int
	edge  []int64
	steps int
}

func newFront(id int64) *front {
	return &front{came: map[int64]link{}, far: map[int64]int{id: 0}, edge: []int64{id}}
}

// Path finds the shortest way between two entities, from both ends at once.
func (c *Catalog) Path(ctx context.Context, from, to string) (Path, error) {
	if err := c.may(ctx, VerbRead, ""); err != nil {
		return Path{}, err
	}
	ends := [2]int64{}
	var sights *sights
	for i, ref := range []struct{ field, name string }{{"from", from}, {"to", to}} {
		blueprint, identifier, ok := splitRef(ref.name)
		if !ok {
			return Path{}, fault.Field(ref.field, "is not the name of an entity", "Blueprint/identifier")
		}
		var err error
		if ends[i], sights, err = c.nodeID(ctx, blueprint, identifier); err != nil {
			return Path{}, err
		}
	}
	bounded, cancel := context.WithTimeout(ctx, maxPathTime)
	defer cancel()
	way, complete, err := c.shortest(bounded, sights, ends[0], ends[1])
	if err != nil && (ctx.Err() != nil || !errors.Is(bounded.Err(), context.DeadlineExceeded)) {
		return Path{}, err
	}
	if err != nil {
		way, complete = nil, false
	}
	return c.pathOf(ctx, sights, ends[0], ends[1], way, complete)
}

// shortest is the relations of the way; none when there is none.
func (c *Catalog) shortest(ctx context.Context, sights *sights, a, b int64) ([]link, bool, error) {
	if a == b {
		return nil, true, nil
	}
	visible, err := c.visible(ctx)
	if err != nil {
		return nil, false, err
	}
	here, there := newFront(a), newFront(b)
	complete := true
	for here.steps+there.steps < maxPathSteps {
		near := here
		if len(there.edge) < len(here.edge) {
			near = there
		}
		if len(near.edge) == 0 {
			return nil, complete, nil
		}
		whole, err := c.advance(ctx, sights, near, visible)
		if err != nil {
			return nil, false, err
		}
		complete = complete && whole
		if meet, ok := meeting(here, there); ok {
			return append(back(here, a, meet), forth(there, b, meet)...), complete, nil
		}
		if len(here.far)+len(there.far) > maxPathNodes {
			return nil, false, nil
		}
	}
	return nil, false, nil
}

// advance goes one step further on one side; false when it had to leave
// something out.
func (c *Catalog) advance(ctx context.Context, sights *sights, f *front, visible string) (bool, error) {
	f.steps++
	var next []int64
	whole := true
	for part := range slices.Chunk(f.edge, 500) {
		list := idList(part)
		for _, in := range []bool{false, true} {
			near, other := "source", "target"
			if in {
				near, other = other, near
			}
			condition := ""
			if visible != "" {
				condition = strings.ReplaceAll(visible, "%s", "r."+other)
			}
			links, err := c.links(ctx, "SELECT r.source, r.relation, r.target FROM entity_relations r WHERE r."+near+" IN ("+list+")"+condition+" LIMIT $1", maxPathNodes)
			if err != nil {
				return false, err
			}
			whole = whole && len(links) < maxPathNodes
			slices.SortFunc(links, compareLinks)
			for _, l := range links {
				id := l.target
				if in {
					id = l.source
				}
				if _, seen := f.far[id]; !seen {
					f.far[id], f.came[id] = f.steps, l
					next = append(next, id)
				}
			}
		}
	}
	kept, err := sights.among(ctx, c.db.Read(), next)
	if err != nil {
		return false, err
	}
	if len(kept) < len(next) { // no way leads through what is hidden
		for _, id := range next {
			if !sights.seen[id] {
				delete(f.far, id)
				delete(f.came, id)
			}
		}
	}
	f.edge = kept
	return whole, nil
}

// meeting is the entity that both sides reached with the fewest steps.
func meeting(a, b *front) (int64, bool) {
	small, large := a.far, b.far
	if len(large) < len(small) {
		small, large = large, small
	}
	best, found, steps := int64(0), false, 0
	for id, n := range small {
		m, ok := large[id]
		if ok && (!found || n+m < steps || n+m == steps && id < best) {
			best, found, steps = id, true, n+m
		}
	}
	return best, found
}

// back is the way from the start of a side to an entity, forth from the entity
// to the start.
func back(f *front, start, id int64) []link {
	out := forth(f, start, id)
	slices.Reverse(out)
	return out
}

func forth(f *front, start, id int64) []link {
	var out []link
	for id != start {
		l := f.came[id]
		out = append(out, l)
		id = l.source + l.target - id
	}
	return out
}

func (c *Catalog) pathOf(ctx context.Context, sights *sights, a, b int64, way []link, complete bool) (Path, error) {
	ids, depth := []int64{a}, map[int64]int{a: 0}
	at := a
	for _, l := range way {
		at = l.source + l.target - at
		ids, depth[at] = append(ids, at), len(ids)
	}
	if at != b {
		ids, depth[b] = append(ids, b), 1
	}
	names, g, err := c.readNodes(ctx, sights, ids, depth)
	if err != nil {
		return Path{}, err
	}
	p := Path{Graph: g, Steps: []Step{}, Found: at == b, Complete: complete}
	at = a
	for _, l := range way {
		p.Graph.Edges = append(p.Graph.Edges, Edge{From: names[l.source], To: names[l.target], Relation: l.relation})
		next := l.source + l.target - at
		p.Steps = append(p.Steps, Step{From: names[at], To: names[next], Relation: l.relation, Against: l.target == at})
		at = next
	}
	return p, nil
}

// splitRef is the inverse of Ref.
func splitRef(ref string) (blueprint, identifier string, ok bool) {
	blueprint, identifier, ok = strings.Cut(ref, "/")
	return blueprint, identifier, ok && blueprint != "" && identifier != ""
}
