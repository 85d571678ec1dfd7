package flag

import (
	"encoding/json"
	"strings"
	"time"
)

// conditions joins conditions with "and" or "or".
func (b *builder) conditions(list []Condition, join string) any {
	parts := make([]any, 0, len(list))
	for _, c := range list {
		parts = append(parts, b.condition(c))
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return tree{join: parts}
}

func (b *builder) segment(s Segment) any {
	if s.Any {
		return b.conditions(s.Conditions, "or")
	}
	return b.conditions(s.Conditions, "and")
}

func (b *builder) condition(c Condition) any {
	x := b.test(c)
	if c.Not {
		return op("!", x)
	}
	return x
}

func (b *builder) test(c Condition) any {
	of := attribute(keyOf(c.Attribute))
	switch c.Operator {
	case OpSegment:
		if b.p.segment(c.Segment) == nil {
			return false
		}
		b.segments[c.Segment] = true
		return tree{"$ref": c.Segment}
	case OpRaw:
		return c.Raw
	case OpExists:
		return op("!==", of, nil)
	case OpIs:
		if len(c.Values) == 1 {
			return op("===", of, c.Values[0])
		}
		return op("in", of, c.Values)
	}
	parts := make([]any, 0, len(c.Values))
	for _, v := range c.Values {
		parts = append(parts, compare(c, of, v))
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return tree{"or": parts}
}

// compare tests an attribute against one value.
func compare(c Condition, of tree, v json.RawMessage) any {
	number := func(name string) any { return op("and", op("!==", of, nil), op(name, of, v)) }
	switch c.Operator {
	case OpContains:
		return op("in", v, of)
	case OpStartsWith:
		return op("starts_with", of, v)
	case OpEndsWith:
		return op("ends_with", of, v)
	case OpGreater:
		return number(">")
	case OpAtLeast:
		return number(">=")
	case OpLess:
		return number("<")
	case OpAtMost:
		return number("<=")
	case OpVersion:
		how, what := versionOf(text(v))
		return op("sem_ver", of, how, what)
	case OpAfter, OpBefore:
		return moment(c, of, v)
	default:
		return false
	}
}

// moment compares the clock, or an attribute that is a time as text.
func moment(c Condition, of tree, v json.RawMessage) any {
	name := ">="
	if c.Operator == OpBefore {
		name = "<"
	}
	if c.Attribute == "" {
		at, err := time.Parse(time.RFC3339, text(v))
		if err != nil {
			return false
		}
		return op(name, timestamp(), at.Unix())
	}
	return op("and", op("!==", of, nil), op(name, of, v))
}

// text is a JSON text, or whatever else it is as it is written.
func text(v json.RawMessage) string {
	var s string
	if json.Unmarshal(v, &s) != nil {
		return string(v)
	}
	return s
}

// versionOf splits ">= 2.1.0"; a version alone is to be equal.
func versionOf(s string) (how, version string) {
	s = strings.TrimSpace(s)
	for _, how := range []string{"!=", "<=", ">=", "<", ">", "=", "^", "~"} {
		if rest, ok := strings.CutPrefix(s, how); ok {
			return how, strings.TrimSpace(rest)
		}
	}
	return "=", s
}
