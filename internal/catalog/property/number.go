package property

import (
	"fmt"
	"strconv"
)

func numberType() kind {
	return kind{name: "number", define: defineNumber, compile: noCompile, check: checkNumber}
}

func noCompile(*Checker, int) error { return nil }

func defineNumber(p *Property) []Problem {
	if p.Minimum != nil && p.Maximum != nil && *p.Minimum > *p.Maximum {
		return []Problem{{"/minimum", "is greater than maximum", "a minimum up to the maximum"}}
	}
	return nil
}

func checkNumber(c *Checker, value any, at string) []Problem {
	n, ok := value.(float64)
	if !ok {
		return wrongType(value, at, "a number")
	}
	p := &c.Property
	is := "is " + strconv.FormatFloat(n, 'g', -1, 64)
	var problems []Problem
	for _, bound := range []struct {
		limit    *float64
		broken   func(limit float64) bool
		expected string
	}{
		{p.Minimum, func(l float64) bool { return n < l }, "at least %v"},
		{p.Maximum, func(l float64) bool { return n > l }, "at most %v"},
		{p.ExclusiveMinimum, func(l float64) bool { return n <= l }, "more than %v"},
		{p.ExclusiveMaximum, func(l float64) bool { return n >= l }, "less than %v"},
	} {
		if bound.limit != nil && bound.broken(*bound.limit) {
			problems = append(problems, Problem{at, is, fmt.Sprintf(bound.expected, *bound.limit)})
		}
	}
	return problems
}
