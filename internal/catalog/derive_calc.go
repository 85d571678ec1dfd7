package catalog

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"sphera/internal/catalog/jq"
	"sphera/internal/catalog/property"
)

// calculation is a calculation property, compiled.
type calculation struct {
	name    string
	program *jq.Program
	// broken is why there is no program.
	broken error
	// check tells whether a result is of the declared type; nil where the
	// declaration itself is wrong.
	check *property.Checker
}

// jqLimits bound one calculation: it runs in the transaction of the write.
func jqLimits() jq.Limits {
	return jq.Limits{Time: 10 * time.Millisecond, Output: 128 << 10, Values: 1}
}

// compileCalculations prepares the calculations of a blueprint in the order in
// which they can be worked out.
func compileCalculations(b Blueprint) []calculation {
	byName := make(map[string]calculation, len(b.CalculationProperties))
	for name, definition := range b.CalculationProperties {
		c := calculation{name: name}
		p := property.Property{Type: definition.Type}
		if definition.Format == "date-time" || definition.Format == "timer" {
			p.Format = definition.Format // these are compared as times
		}
		if check, err := p.Compile(); err == nil {
			c.check = check
		}
		c.program, c.broken = jq.Compile(definition.Calculation)
		byName[name] = c
	}
	order, _ := orderCalculations(b, byName)
	out := make([]calculation, 0, len(order))
	for _, name := range order {
		out = append(out, byName[name])
	}
	return out
}

// orderCalculations puts each calculation behind those it reads. With a cycle
// it returns the names around it as well. One whose reads cannot be told comes
// last.
func orderCalculations(b Blueprint, byName map[string]calculation) (order, cycle []string) {
	const (
		open = 1
		done = 2
	)
	state := map[string]int{}
	var path []string
	var visit func(name string)
	visit = func(name string) {
		switch state[name] {
		case done:
			return
		case open:
			if cycle == nil {
				cycle = append(slices.Clone(path[slices.Index(path, name):]), name)
			}
			return
		}
		state[name] = open
		path = append(path, name)
		for _, other := range readsOfCalculation(b, byName[name]) {
			visit(other)
		}
		path = path[:len(path)-1]
		state[name] = done
		order = append(order, name)
	}
	names := slices.Sorted(maps.Keys(byName))
	slices.SortStableFunc(names, func(x, y string) int { return unclear(byName[x]) - unclear(byName[y]) })
	for _, name := range names {
		visit(name)
	}
	return order, cycle
}

func unclear(c calculation) int {
	if c.program != nil {
		if reads := c.program.Reads(); reads.All || reads.AllProperties {
			return 1
		}
	}
	return 0
}

// readsOfCalculation lists the other calculations that one names.
func readsOfCalculation(b Blueprint, c calculation) []string {
	if c.program == nil {
		return nil
	}
	var out []string
	for _, name := range c.program.Reads().Properties {
		if _, ok := b.CalculationProperties[name]; ok {
			out = append(out, name)
		}
	}
	return out
}

// checkCycles refuses calculations that stand on themselves.
func (p *problems) checkCycles(b Blueprint) {
	byName := map[string]calculation{}
	for name, definition := range b.CalculationProperties {
		c := calculation{name: name}
		c.program, c.broken = jq.Compile(definition.Calculation)
		byName[name] = c
	}
	if _, cycle := orderCalculations(b, byName); cycle != nil {
		p.add("/calculationProperties/"+property.Escape(cycle[0])+"/calculation", "stands on itself: "+strings.Join(cycle, " -> "), "calculations without a circle")
	}
}

// subject is the entity as jq, scorecards and queries look at it.
func (r *row) subject(derived map[string]any) map[string]any {
	n := &r.now
	relations := make(map[string]any, len(r.s.Relations))
	for name, relation := range r.s.Relations {
		switch targets := n.Relations[name]; {
		case relation.Many:
			relations[name] = anyList(targets)
		case len(targets) > 0:
			relations[name] = targets[0]
		default:
			relations[name] = nil
		}
	}
	return map[string]any{
		"identifier": n.Identifier, "title": n.Title, "icon": emptyNull(n.Icon), "blueprint": n.blueprint, "team": anyList(n.Team),
		"properties": r.s.properties(n.draft, derived), "relations": relations,
		"createdAt": isoTime(n.created), "updatedAt": isoTime(n.updated), "createdBy": n.createdBy, "updatedBy": n.updatedBy,
	}
}

// calculate works out the calculations into derived. One that fails, or does
// not give its type, is unset.
func (r *row) calculate(ctx context.Context, derived map[string]any) {
	if len(r.s.calculations) == 0 {
		return
	}
	subject := r.subject(derived)
	properties, _ := subject["properties"].(map[string]any)
	for _, c := range r.s.calculations {
		v, err := c.run(ctx, subject)
		if err != nil || v == nil {
			delete(derived, c.name)
			properties[c.name] = nil
			continue
		}
		derived[c.name], properties[c.name] = v, v
	}
}

// run gives the value, or why there is none.
func (c *calculation) run(ctx context.Context, subject map[string]any) (any, error) {
	if c.broken != nil {
		return nil, c.broken
	}
	v, err := c.program.First(ctx, subject, jqLimits())
	if err != nil || v == nil {
		return nil, err
	}
	if v, err = normalValue(v); err != nil {
		return nil, err
	}
	if c.check == nil {
		return nil, fmt.Errorf("the declared type is not known")
	}
	if bad := c.check.Check(v); len(bad) > 0 {
		return nil, fmt.Errorf("the result %s; it is declared as %s", bad[0].Problem, c.check.Property.Type)
	}
	return v, nil
}
