package catalog

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sphera/internal/catalog/property"
	"sphera/internal/fault"
)

// problems are what is wrong with something that was sent, by JSON pointer.
type problems []property.Problem

func (p *problems) add(pointer, problem, expected string) {
	*p = append(*p, property.Problem{Pointer: pointer, Problem: problem, Expected: expected})
}

func (p *problems) addAll(below string, more []property.Problem) {
	for _, m := range more {
		p.add(below+m.Pointer, m.Problem, m.Expected)
	}
}

// WantExisting begins what is expected where a relation points at nothing: the
// API tells clients that this may mend itself.
const WantExisting = "the identifier of an existing "

// fault makes the validation error that lists everything.
func (p problems) fault(what string) *fault.Error {
	count := "one field is wrong"
	if len(p) > 1 {
		count = fmt.Sprintf("%d fields are wrong", len(p))
	}
	e := fault.New(fault.Unprocessable, "%s: %s. %s %s.", what, count, strings.TrimPrefix(p[0].Pointer, "/"), p[0].Problem)
	for i, problem := range p {
		if i == 100 {
			break // a list for people; the rest shows when these are mended
		}
		e.With(problem.Pointer, problem.Problem, problem.Expected)
	}
	return e
}

// checkBlueprint tells everything that is wrong with a blueprint. exists says
// which other blueprints relations may point at.
func checkBlueprint(b Blueprint, exists func(id string) bool) problems {
	var p problems
	if !validBlueprintIdentifier(b.Identifier) {
		p.add("/identifier", fmt.Sprintf("%q is not an identifier", b.Identifier), blueprintRule)
	}
	if b.Title == "" || !validText(b.Title, maxBlueprintTitle) {
		p.add("/title", "is missing or too long", "1 to 100 characters")
	}
	if !validText(b.Description, maxDescription) {
		p.add("/description", "is too long", "at most 200 characters")
	}
	if !validText(b.Icon, maxBlueprintTitle) {
		p.add("/icon", "is too long", "at most 100 characters")
	}
	for _, name := range slices.Sorted(maps.Keys(b.Schema.Properties)) {
		at := "/schema/properties/" + property.Escape(name)
		if !validPropertyIdentifier(name) {
			p.add(at, fmt.Sprintf("%q is not a property identifier", name), propertyRule)
		}
		p.addAll(at, b.Schema.Properties[name].Define())
	}
	for i, name := range b.Schema.Required {
		if _, ok := b.Schema.Properties[name]; !ok {
			p.add(fmt.Sprintf("/schema/required/%d", i), fmt.Sprintf("%q is not a property of this blueprint", name), "the name of a property")
		}
	}
	p.checkRelations(b, exists)
	p.checkDerived(b, exists)
	p.checkCycles(b)
	return p
}

func (p *problems) checkRelations(b Blueprint, exists func(id string) bool) {
	for _, name := range slices.Sorted(maps.Keys(b.Relations)) {
		r := b.Relations[name]
		at := "/relations/" + property.Escape(name)
		if !validPropertyIdentifier(name) {
			p.add(at, fmt.Sprintf("%q is not a relation identifier", name), propertyRule)
		}
		switch {
		case r.Target == "":
			p.add(at+"/target", "is missing", "the identifier of a blueprint")
		case r.Target != b.Identifier && !exists(r.Target):
			p.add(at+"/target", fmt.Sprintf("there is no blueprint %q", r.Target), "an existing blueprint, or one that is imported with it")
		}
		if r.Many && r.Required {
			p.add(at+"/required", "a relation cannot be both many and required", "many or required")
		}
	}
}
