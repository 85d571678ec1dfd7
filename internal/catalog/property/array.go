package property

import "fmt"

func arrayType() kind {
	return kind{name: "array", define: defineArray, compile: compileArray, check: checkArray}
}

func defineArray(p *Property) []Problem {
	var problems []Problem
	if p.MinItems != nil && *p.MinItems < 0 {
		problems = append(problems, Problem{"/minItems", "is negative", "0 or more"})
	}
	if p.MaxItems != nil && *p.MaxItems < 0 {
		problems = append(problems, Problem{"/maxItems", "is negative", "0 or more"})
	}
	if p.MinItems != nil && p.MaxItems != nil && *p.MinItems > *p.MaxItems {
		problems = append(problems, Problem{"/minItems", "is greater than maxItems", "a minimum up to the maximum"})
	}
	return problems
}

func compileArray(c *Checker, depth int) error {
	if c.Property.Items == nil {
		return nil
	}
	items, err := from(c.Property.Items)
	if err != nil {
		return definitionError{Problem{"/items", err.Error(), "a property definition"}}
	}
	if items.Type == "" {
		return nil // items without a type are not checked
	}
	checker, problems := items.compile(depth + 1)
	if len(problems) > 0 {
		return definitionError{Problem{"/items" + problems[0].Pointer, problems[0].Problem, problems[0].Expected}}
	}
	c.items = checker
	return nil
}

func checkArray(c *Checker, value any, at string) []Problem {
	items, ok := value.([]any)
	if !ok {
		return wrongType(value, at, "an array")
	}
	if problems := Bounded(items, at); len(problems) > 0 {
		return problems
	}
	p := &c.Property
	var problems []Problem
	if p.MinItems != nil && len(items) < *p.MinItems {
		problems = append(problems, Problem{at, fmt.Sprintf("has %d items", len(items)), fmt.Sprintf("at least %d", *p.MinItems)})
	}
	if p.MaxItems != nil && len(items) > *p.MaxItems {
		problems = append(problems, Problem{at, fmt.Sprintf("has %d items", len(items)), fmt.Sprintf("at most %d", *p.MaxItems)})
	}
	seen := map[string]bool{}
	for i, item := range items {
		here := fmt.Sprintf("%s/%d", at, i)
		if c.items != nil {
			problems = append(problems, c.items.check(item, here)...)
		}
		if key := canonical(item); p.UniqueItems && seen[key] {
			problems = append(problems, Problem{here, "is there twice", "different items"})
		} else if p.UniqueItems {
			seen[key] = true
		}
	}
	return problems
}
