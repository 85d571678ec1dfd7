package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sphera/internal/fault"
	"sphera/internal/store"
)

// maxShown is how many contributing entities an explanation lists.
const maxShown = 50

// Explanation says where the value of a property comes from.
type Explanation struct {
	Property string `json:"property"`
	// Kind is own, mirror, calculation, aggregation, relation or team.
	Kind string `json:"kind"`
	// Value is what is stored; Now is what working it out gives, which differs
	// only while it waits for its turn, or because time is part of it.
	Value any `json:"value"`
	Now   any `json:"now"`
	// Definition is the path, the jq text or the specification.
	Definition any `json:"definition"`
	// Inputs are the values it was worked out of, by name.
	Inputs map[string]any `json:"inputs"`
	// Hops are the entities along the path of a mirror, hop by hop.
	Hops []ExplainedHop `json:"hops"`
	// Contributing are the related entities, the first fifty of Count.
	Contributing []ContributingEntity `json:"contributing"`
	Count        int                  `json:"count"`
	// Error is why there is no value, where working it out failed.
	Error string `json:"error,omitempty"`
}

// ExplainedHop is one relation of a path and where it leads.
type ExplainedHop struct {
	Relation string `json:"relation"`
	Entities []Hit  `json:"entities"`
}

// ContributingEntity is an entity that a value comes from, with its part.
type ContributingEntity struct {
	Hit
	Value any `json:"value"`
}

// Explain says where the value of a property of an entity comes from, by
// working it out once more; nothing is changed.
func (c *Catalog) Explain(ctx context.Context, blueprint, identifier, property string) (Explanation, error) {
	if _, _, err := c.visibleEntity(ctx, blueprint, identifier); err != nil {
		return Explanation{}, err
	}
	out := Explanation{Property: property, Inputs: map[string]any{}, Hops: []ExplainedHop{}, Contributing: []ContributingEntity{}}
	err := c.write(ctx, func(tx *store.Tx) error {
		b, err := c.newBatch(ctx, tx, Write{By: "explain"})
		if err != nil {
			return err
		}
		if b.m.blueprints[blueprint] == nil {
			return noBlueprint(blueprint)
		}
		if err := b.named(ctx, blueprint, []string{identifier}); err != nil {
			return err
		}
		r := b.byName[nameKey(blueprint, identifier)]
		if r == nil || r.now.pending != 0 {
			return noEntity(blueprint, identifier)
		}
		if err := b.prefetch(ctx, []*row{r}); err != nil {
			return err
		}
		if err := b.explain(ctx, r, property, &out); err != nil {
			return err
		}
		if err := b.explainSeen(ctx, &out); err != nil {
			return err
		}
		return errRollback
	})
	if err != nil && !errors.Is(err, errRollback) {
		return Explanation{}, err
	}
	return out, nil
}

func (b *batch) explain(ctx context.Context, r *row, name string, out *Explanation) error {
	s := r.s
	out.Value = r.shown(name)
	out.Now = out.Value
	if name == "$team" && s.inherit != nil {
		out.Kind, out.Definition = "team", strings.Join(s.inherit, ".")
		b.explainPath(r, s.inherit, "$team", out)
		b.inheritTeam(r)
		out.Now = anyList(r.now.Team)
		return nil
	}
	for _, m := range s.mirrors {
		if m.name == name {
			out.Kind, out.Definition = "mirror", s.MirrorProperties[name].Path
			b.explainPath(r, m.hops, m.shows, out)
			out.Now = b.mirrored(r, m)
			return nil
		}
	}
	for _, c := range s.calculations {
		if c.name == name {
			out.Kind, out.Definition = "calculation", s.CalculationProperties[name].Calculation
			r.explainCalculation(ctx, c, out)
			return nil
		}
	}
	for _, a := range s.aggregations {
		if a.name == name {
			out.Kind, out.Definition = "aggregation", a.Aggregation
			return b.explainAggregation(ctx, r, a, out)
		}
	}
	if p, ok := s.Schema.Properties[name]; ok {
		out.Kind, out.Definition = "own", p
		return nil
	}
	if relation, ok := s.Relations[name]; ok {
		out.Kind, out.Definition = "relation", relation
		out.Value = s.relations(r.now.draft)[name]
		out.Now = out.Value
		return nil
	}
	if metaField(name) != "" {
		out.Kind = "own"
		return nil
	}
	return fault.New(fault.NotFound, "%s has no property %q.", s.Identifier, cut(name))
}

// explainPath shows each hop, and what the entities at the end give.
func (b *batch) explainPath(r *row, hops []string, shows string, out *Explanation) {
	for i, hop := range hops {
		ends := b.ends(r, hops[:i+1])
		step := ExplainedHop{Relation: hop, Entities: []Hit{}}
		for _, end := range ends[:min(len(ends), maxShown)] {
			step.Entities = append(step.Entities, end.hit())
		}
		out.Hops = append(out.Hops, step)
		if len(ends) == 0 {
			out.Error = fmt.Sprintf("The relation %s leads nowhere.", strings.Join(hops[:i+1], "."))
			return
		}
	}
	ends := b.ends(r, hops)
	out.Count = len(ends)
	for _, end := range ends[:min(len(ends), maxShown)] {
		out.Contributing = append(out.Contributing, ContributingEntity{end.hit(), end.shown(shows)})
	}
	if metaField(shows) == "" && len(ends) > 0 && !ends[0].s.has(shows) {
		out.Error = fmt.Sprintf("%s has no property %q.", ends[0].s.Identifier, shows)
	}
}

func (s *schema) has(name string) bool {
	_, own := s.Schema.Properties[name]
	_, mirror := s.MirrorProperties[name]
	_, calculation := s.CalculationProperties[name]
	_, aggregation := s.AggregationProperties[name]
	return own || mirror || calculation || aggregation
}

func (r *row) hit() Hit {
	return Hit{Blueprint: r.s.Identifier, Identifier: r.now.Identifier, Title: r.now.Title, Icon: r.now.Icon}
}

// explainCalculation runs the jq text and shows what it looked at.
func (r *row) explainCalculation(ctx context.Context, c calculation, out *Explanation) {
	subject := r.subject(r.now.derived)
	properties, _ := subject["properties"].(map[string]any)
	relations, _ := subject["relations"].(map[string]any)
	if c.program != nil {
		reads := c.program.Reads()
		for _, name := range reads.Properties {
			out.Inputs[fieldProperty(name)] = properties[name]
		}
		for _, name := range reads.Relations {
			out.Inputs[fieldRelation(name)] = relations[name]
		}
		for _, name := range reads.Meta {
			out.Inputs[name] = subject[name]
		}
		if reads.All || reads.AllProperties {
			for name, v := range properties {
				out.Inputs[fieldProperty(name)] = v
			}
		}
	}
	v, err := c.run(ctx, subject)
	out.Now = v
	if err != nil {
		out.Error = err.Error()
	}
}

// explainAggregation lists the entities that count.
func (b *batch) explainAggregation(ctx context.Context, r *row, a *aggregation, out *Explanation) error {
	values, err := b.countedFor(ctx, a, []int64{r.now.id})
	if err != nil {
		return err
	}
	out.Now = values[r.now.id]
	ids, err := a.members(ctx, b.tx, b.tx.Dialect, r.now.id, b.at)
	if err != nil {
		return err
	}
	out.Count = len(ids)
	slices.Sort(ids)
	ids = ids[:min(len(ids), maxShown)]
	if err := b.load(ctx, ids); err != nil {
		return err
	}
	for _, id := range ids {
		if end := b.rows[id]; end != nil {
			part := ContributingEntity{Hit: end.hit()}
			if name := a.CalculationSpec.Property; name != "" {
				part.Value = end.shown(name)
			}
			out.Contributing = append(out.Contributing, part)
		}
	}
	if a.path != nil && a.nodes == nil {
		out.Error = "The path does not lead from " + a.blueprint + " to " + a.Target + "."
	}
	return nil
}

// explainSeen takes out what may not be read. The value stays: who defines a
// derived property shows it to all who may read the entity.
func (b *batch) explainSeen(ctx context.Context, out *Explanation) error {
	id := func(h Hit) int64 {
		if r := b.byName[nameKey(h.Blueprint, h.Identifier)]; r != nil {
			return r.now.id
		}
		return 0
	}
	var err error
	for i := range out.Hops {
		if out.Hops[i].Entities, err = seenOf(ctx, b.sights(), b.tx, "", out.Hops[i].Entities, id); err != nil {
			return err
		}
	}
	out.Contributing, err = seenOf(ctx, b.sights(), b.tx, "", out.Contributing, func(c ContributingEntity) int64 { return id(c.Hit) })
	return err
}
