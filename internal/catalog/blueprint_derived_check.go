package catalog

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sphera/internal/catalog/property"
	"sphera/internal/catalog/query"
)

const (
	// maxHops bounds paths over relations.
	maxHops = 15
	// maxCalculation bounds one jq text.
	maxCalculation = 10 << 10
	// maxProperties bounds what one blueprint defines.
	maxProperties = 1000
)

// checkDerived checks the definitions of derived properties. As at Port, what
// a mirror shows of its last blueprint and the jq of calculations are not
// checked on save: they may come later, and are null until then.
func (p *problems) checkDerived(b Blueprint, exists func(id string) bool) {
	taken := map[string]string{}
	for name := range b.Schema.Properties {
		taken[name] = "a property"
	}
	n := len(b.Schema.Properties) + len(b.Relations) + len(b.MirrorProperties) + len(b.CalculationProperties) + len(b.AggregationProperties)
	if n > maxProperties {
		p.add("/schema/properties", fmt.Sprintf("the blueprint defines %d properties and relations", n), fmt.Sprintf("at most %d", maxProperties))
	}
	checkNames(p, "mirrorProperties", "a mirror property", b.MirrorProperties, taken)
	checkNames(p, "calculationProperties", "a calculation", b.CalculationProperties, taken)
	checkNames(p, "aggregationProperties", "an aggregation", b.AggregationProperties, taken)
	for _, name := range slices.Sorted(maps.Keys(b.MirrorProperties)) {
		p.checkPath("/mirrorProperties/"+property.Escape(name)+"/path", b, b.MirrorProperties[name].Path, 2)
	}
	for _, name := range slices.Sorted(maps.Keys(b.CalculationProperties)) {
		p.checkCalculation("/calculationProperties/"+property.Escape(name), b.CalculationProperties[name])
	}
	for _, name := range slices.Sorted(maps.Keys(b.AggregationProperties)) {
		p.checkAggregation("/aggregationProperties/"+property.Escape(name), b, b.AggregationProperties[name], exists)
	}
	p.checkOwnership(b)
}

func checkNames[T any](p *problems, key, what string, named map[string]T, taken map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(named)) {
		at := "/" + key + "/" + property.Escape(name)
		if !validPropertyIdentifier(name) {
			p.add(at, fmt.Sprintf("%q is not a property identifier", name), propertyRule)
		}
		if other, ok := taken[name]; ok {
			p.add(at, "has the name of "+other, "a name of its own")
		}
		taken[name] = what
	}
}

// checkPath checks a path of relations that starts at b; least is how many
// parts it has at least.
func (p *problems) checkPath(at string, b Blueprint, path string, least int) {
	const rule = "relations joined by dots, then a property: relation.property"
	parts := strings.Split(path, ".")
	if len(parts) < least || slices.Contains(parts, "") {
		p.add(at, fmt.Sprintf("%q is not a path", cut(path)), rule)
		return
	}
	if len(parts) > maxHops+1 {
		p.add(at, fmt.Sprintf("has %d relations", len(parts)-1), fmt.Sprintf("at most %d", maxHops))
		return
	}
	if _, ok := b.Relations[parts[0]]; !ok {
		p.add(at, fmt.Sprintf("%q is not a relation of this blueprint", cut(parts[0])), nameList(slices.Sorted(maps.Keys(b.Relations))))
	}
	for _, part := range parts {
		if !validPropertyIdentifier(strings.TrimPrefix(part, "$")) {
			p.add(at, fmt.Sprintf("%q is not a property identifier", cut(part)), rule)
			return
		}
	}
}

func (p *problems) checkCalculation(at string, c Calculation) {
	if !slices.Contains(property.Names(), c.Type) {
		p.add(at+"/type", fmt.Sprintf("%q is not a property type", cut(c.Type)), "one of "+strings.Join(property.Names(), ", "))
	}
	if len(c.Calculation) > maxCalculation {
		p.add(at+"/calculation", fmt.Sprintf("has %d bytes", len(c.Calculation)), fmt.Sprintf("at most %d", maxCalculation))
	}
}

// aggregationFuncs are the functions by what they are applied to.
func aggregationFuncs(by string) []string {
	switch by {
	case "entities":
		return []string{"count", "average"}
	case "property":
		return []string{"sum", "min", "max", "median", "average"}
	default:
		return nil
	}
}

func (p *problems) checkAggregation(at string, b Blueprint, a Aggregation, exists func(id string) bool) {
	if a.Target != b.Identifier && !exists(a.Target) {
		p.add(at+"/target", fmt.Sprintf("there is no blueprint %q", cut(a.Target)), "an existing blueprint, or one that is imported with it")
	}
	spec := a.CalculationSpec
	funcs := aggregationFuncs(spec.CalculationBy)
	switch {
	case funcs == nil:
		p.add(at+"/calculationSpec/calculationBy", fmt.Sprintf("is %q", cut(spec.CalculationBy)), "entities or property")
	case !slices.Contains(funcs, spec.Func):
		p.add(at+"/calculationSpec/func", fmt.Sprintf("is %q", cut(spec.Func)), "one of "+strings.Join(funcs, ", "))
	}
	if spec.CalculationBy == "property" && spec.Property == "" {
		p.add(at+"/calculationSpec/property", "is missing", "a number property of the target")
	}
	if spec.Func == "average" {
		spans := []string{"hour", "day", "week", "month"}
		if spec.CalculationBy == "property" {
			spans = append(spans, "total")
		}
		if !slices.Contains(spans, spec.AverageOf) {
			p.add(at+"/calculationSpec/averageOf", fmt.Sprintf("is %q", cut(spec.AverageOf)), "one of "+strings.Join(spans, ", "))
		}
	}
	if len(a.Query) > 0 {
		_, problems := query.ParseValue(a.Query)
		for _, bad := range problems {
			p.add(at+"/query"+bad.Path, bad.Problem, bad.Want)
		}
	}
	if len(a.PathFilter) > 1 {
		p.add(at+"/pathFilter", fmt.Sprintf("has %d paths", len(a.PathFilter)), "none or one")
	}
	for i, f := range a.PathFilter {
		here := fmt.Sprintf("%s/pathFilter/%d", at, i)
		if len(f.Path) == 0 || len(f.Path) > maxHops {
			p.add(here+"/path", fmt.Sprintf("has %d relations", len(f.Path)), fmt.Sprintf("1 to %d", maxHops))
		}
		for k, relation := range f.Path {
			if !validPropertyIdentifier(relation) {
				p.add(fmt.Sprintf("%s/path/%d", here, k), fmt.Sprintf("%q is not a relation identifier", cut(relation)), propertyRule)
			}
		}
		if f.FromBlueprint != "" && f.FromBlueprint != a.Target {
			p.add(here+"/fromBlueprint", fmt.Sprintf("is %q", cut(f.FromBlueprint)), fmt.Sprintf("the target %q, or absent", a.Target))
		}
	}
}

func (p *problems) checkOwnership(b Blueprint) {
	if o := b.Ownership; o != nil {
		switch o.Type {
		case OwnershipDirect:
		case OwnershipInherited:
			p.checkPath("/ownership/path", b, o.Path, 1)
		default:
			p.add("/ownership/type", fmt.Sprintf("is %q", cut(o.Type)), "Direct or Inherited")
		}
	}
	if b.TeamInheritance != nil {
		p.checkPath("/teamInheritance/path", b, b.TeamInheritance.Path, 1)
	}
	if d := b.ChangelogDestination; d != nil {
		switch {
		case d.Type != "WEBHOOK" && d.Type != "KAFKA":
			p.add("/changelogDestination/type", fmt.Sprintf("is %q", cut(d.Type)), "WEBHOOK or KAFKA")
		case d.Type == "WEBHOOK" && d.URL == "":
			p.add("/changelogDestination/url", "is missing", "the address that changes are sent to")
		}
	}
}
