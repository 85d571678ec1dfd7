package query

import (
	"slices"
)

// Ref names an entity.
type Ref struct{ Blueprint, Identifier string }

// Graph is what Match must know of other entities.
type Graph struct {
	Vertices map[Ref]Vertex
}

// Vertex is an entity in a Graph.
type Vertex struct {
	Title     string
	Relations map[string][]Ref
}

func refOf(subject map[string]any) Ref {
	blueprint, _ := subject["blueprint"].(string)
	identifier, _ := subject["identifier"].(string)
	return Ref{blueprint, identifier}
}

// step collects where relations lead from a set, or from where they lead to
// it. keep chooses the relations.
func (g *Graph) step(from map[Ref]bool, forward bool, keep func(blueprint, relation string) bool) map[Ref]bool {
	out := map[Ref]bool{}
	for ref, v := range g.Vertices {
		for relation, targets := range v.Relations {
			if !keep(ref.Blueprint, relation) {
				continue
			}
			for _, target := range targets {
				if forward && from[ref] {
					out[target] = true
				}
				if !forward && from[target] {
					out[ref] = true
				}
			}
		}
	}
	return out
}

// walk is everything on 1 to hops steps.
func (g *Graph) walk(from map[Ref]bool, forward bool, hops int, keep func(blueprint, relation string) bool) map[Ref]bool {
	out := map[Ref]bool{}
	for range hops {
		from = g.step(from, forward, keep)
		fresh := map[Ref]bool{}
		for ref := range from {
			if !out[ref] {
				out[ref], fresh[ref] = true, true
			}
		}
		if from = fresh; len(fresh) == 0 {
			break
		}
	}
	return out
}

// related: everything that relations lead to, only forward (upstream) or only
// backward (downstream), over at most MaxHops.
func (r Rule) related(subject map[string]any, env Env, o operand) (bool, error) {
	if env.Graph == nil {
		return false, ErrGraph
	}
	start := map[Ref]bool{}
	for _, v := range o.values {
		if id, ok := v.(string); ok {
			if _, there := env.Graph.Vertices[Ref{r.Blueprint, id}]; there {
				start[Ref{r.Blueprint, id}] = true
			}
		}
	}
	keep := func(blueprint, relation string) bool {
		return r.Required == nil || env.Fields != nil && env.Fields.Links[blueprint][relation].Required == *r.Required
	}
	me := refOf(subject)
	return r.Direction != "downstream" && env.Graph.walk(start, true, MaxHops, keep)[me] ||
		r.Direction != "upstream" && env.Graph.walk(start, false, MaxHops, keep)[me], nil
}

// reaches follows a path.
func (r Rule) reaches(subject map[string]any, env Env, o operand) (bool, error) {
	if env.Graph == nil {
		return false, ErrGraph
	}
	asked := func(ref Ref) bool {
		return slices.ContainsFunc(o.values, func(v any) bool { return v == ref.Identifier })
	}
	me := refOf(subject)
	at := map[Ref]bool{me: true}
	if r.Path.From != "" {
		at = map[Ref]bool{}
		for ref := range env.Graph.Vertices {
			if ref.Blueprint == r.Path.From && asked(ref) {
				at[ref] = true
			}
		}
	}
	for _, hop := range r.Path.Hops {
		keep := func(_, relation string) bool { return relation == hop.Relation }
		at = env.Graph.walk(at, true, max(hop.MaxHops, 1), keep)
	}
	if r.Path.From != "" {
		return at[me], nil
	}
	for ref := range at {
		if asked(ref) {
			return true, nil
		}
	}
	return false, nil
}

// target compares what a relation points at. By the name of the property
// alone, contains looks at identifier and title.
func (r Rule) target(subject map[string]any, env Env, relation string, o operand) (bool, error) {
	relations, _ := subject["relations"].(map[string]any)
	if env.Fields != nil && env.Fields.ByName[relation].Kind != Relation {
		relations = nil
	}
	targets := relations[relation]
	if one, ok := targets.(map[string]any); ok {
		targets = []any{one}
	}
	list := flat(targets)
	if r.Operator == "isEmpty" || len(o.values) == 1 && o.values[0] == nil && r.Operator == "=" {
		return len(list) == 0, nil
	}
	titles := r.TargetProperty == "$title" || r.Relation == "" && r.Operator == "contains"
	for _, item := range list {
		id, title, known := env.nameOf(item, relation)
		if titles && !known {
			return false, ErrGraph
		}
		if r.TargetProperty != "$title" && (side{value: id}).holds(r.Operator, o, env) || titles && (side{value: title, wide: true}).holds(r.Operator, o, env) {
			return true, nil
		}
	}
	return false, nil
}

// nameOf reads a target, which may have its title with it.
func (e Env) nameOf(item any, relation string) (id, title string, known bool) {
	if m, ok := item.(map[string]any); ok {
		id, _ = m["identifier"].(string)
		title, known = m["title"].(string)
		return id, title, known
	}
	id, _ = item.(string)
	if e.Graph == nil || e.Fields == nil {
		return id, "", false
	}
	v, known := e.Graph.Vertices[Ref{e.Fields.ByName[relation].Target, id}]
	return id, v.Title, known
}
