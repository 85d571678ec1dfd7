package scorecard

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// valueChecks says for each operator which values it takes: what would be
// right, or nothing.
func valueChecks() map[string]func(v any) string {
	text := func(v any) string {
		if s, ok := v.(string); ok && len(s) <= 10_000 {
			return ""
		}
		return "a text"
	}
	order := func(v any) string {
		switch v := v.(type) {
		case float64:
			return ""
		case string:
			if _, ok := parseTime(v); ok {
				return ""
			}
		}
		return "a number or a date-time"
	}
	list := func(v any) string {
		if items, ok := v.([]any); ok && len(items) <= maxList {
			return ""
		}
		return "a list of at most 1000 values"
	}
	nothing := func(any) string { return "" }
	equal := func(v any) string {
		if m, ok := v.(map[string]any); ok && isRange(m) {
			return rangeProblem(m)
		}
		return ""
	}
	between := func(v any) string {
		m, _ := v.(map[string]any)
		return rangeProblem(m)
	}
	one := func(v any) string { // a list's item
		switch v.(type) {
		case string, float64, bool:
			return ""
		}
		return "a text, a number, true or false"
	}
	return map[string]func(any) string{
		"=": equal, "!=": equal, "<": order, ">": order, "<=": order, ">=": order,
		"contains": one, "doesNotContains": one, "beginsWith": text, "doesNotBeginsWith": text, "endsWith": text, "doesNotEndsWith": text,
		"containsAny": list, "in": list, "notIn": list, "isEmpty": nothing, "isNotEmpty": nothing,
		"between": between, "notBetween": between, "isExpired": nothing, "isNotExpired": nothing,
	}
}

func operatorNames() string {
	return strings.Join(slices.Sorted(maps.Keys(valueChecks())), ", ")
}

func isRange(m map[string]any) bool {
	return m["preset"] != nil || m["from"] != nil || m["to"] != nil
}

func rangeProblem(m map[string]any) string {
	const want = `{"preset": "lastWeek"} or {"from", "to"} with date-times`
	if preset, ok := m["preset"].(string); ok {
		if _, ok := presetWindow(preset); !ok {
			return "one of the presets " + strings.Join(Presets(), ", ")
		}
		return ""
	}
	if m == nil || !isRange(m) {
		return want
	}
	for _, end := range []string{"from", "to"} {
		if m[end] == nil {
			continue
		}
		s, _ := m[end].(string)
		if _, ok := parseTime(s); !ok {
			return want
		}
	}
	return ""
}

// holds says whether the value meets the condition.
func (c *Condition) holds(v any, now time.Time) bool {
	switch c.Operator {
	case "=":
		return c.equals(v, now)
	case "!=":
		return !c.equals(v, now)
	case "<", ">", "<=", ">=":
		return ordered(c.Operator, v, c.Value)
	case "contains":
		return contains(v, c.Value)
	case "doesNotContains":
		return !contains(v, c.Value)
	case "beginsWith", "doesNotBeginsWith", "endsWith", "doesNotEndsWith":
		return c.affix(v)
	case "containsAny", "in":
		return shares(v, c.Value)
	case "notIn":
		return !shares(v, c.Value)
	case "isEmpty":
		return empty(v) != c.Not
	case "isNotEmpty":
		return empty(v) == c.Not
	case "between":
		return c.within(v, now)
	case "notBetween":
		return !c.within(v, now)
	case "isExpired":
		at, ok := timeOf(v)
		return ok && !at.After(now)
	case "isNotExpired":
		at, ok := timeOf(v)
		return ok && at.After(now)
	}
	return false
}

func (c *Condition) equals(v any, now time.Time) bool {
	if m, ok := c.Value.(map[string]any); ok && isRange(m) {
		return c.within(v, now)
	}
	return same(v, c.Value)
}

// same compares two values; two texts that are date-times by the moment.
func same(a, b any) bool {
	if reflect.DeepEqual(a, b) {
		return true
	}
	x, isX := timeOf(a)
	y, isY := timeOf(b)
	return isX && isY && x.Equal(y)
}

func ordered(operator string, v, with any) bool {
	var order int
	if x, ok := v.(float64); ok {
		y, ok := with.(float64)
		if !ok {
			return false
		}
		switch {
		case x < y:
			order = -1
		case x > y:
			order = 1
		}
	} else {
		x, isX := timeOf(v)
		y, isY := timeOf(with)
		if !isX || !isY {
			return false
		}
		order = x.Compare(y)
	}
	switch operator {
	case "<":
		return order < 0
	case ">":
		return order > 0
	case "<=":
		return order <= 0
	}
	return order >= 0
}

// contains: a text has the text in it, a list has the item.
func contains(v, part any) bool {
	switch v := v.(type) {
	case string:
		s, ok := part.(string)
		return ok && strings.Contains(v, s)
	case []any:
		return slices.ContainsFunc(v, func(item any) bool { return same(item, part) })
	}
	return false
}

func (c *Condition) affix(v any) bool {
	s, ok := v.(string)
	part, _ := c.Value.(string)
	has := false
	if ok {
		has = strings.HasSuffix(c.Operator, "eginsWith") && strings.HasPrefix(s, part) || strings.HasSuffix(c.Operator, "ndsWith") && strings.HasSuffix(s, part)
	}
	return has != strings.HasPrefix(c.Operator, "doesNot")
}

// shares: the value, or one of its items, is in the list.
func shares(v, list any) bool {
	items, _ := list.([]any)
	in := func(one any) bool {
		return slices.ContainsFunc(items, func(item any) bool { return same(one, item) })
	}
	if values, ok := v.([]any); ok {
		return slices.ContainsFunc(values, in)
	}
	return v != nil && in(v)
}

// empty counts "", [] and {} as empty, too.
func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// lookup gives the value that a condition compares.
func (c *Condition) lookup(entity map[string]any) any {
	if c.Relation != "" {
		relations, _ := entity["relations"].(map[string]any)
		return plain(relations[c.Relation])
	}
	if name, meta := strings.CutPrefix(c.Property, "$"); meta {
		return plain(entity[name])
	}
	properties, _ := entity["properties"].(map[string]any)
	return plain(properties[c.Property])
}

// plain turns the Go values that stand for JSON into those of encoding/json.
func plain(v any) any {
	switch v := v.(type) {
	case nil, string, float64, bool, []any, map[string]any:
		return v
	case []string:
		out := make([]any, len(v))
		for i, s := range v {
			out[i] = s
		}
		return out
	case *string:
		if v == nil {
			return nil
		}
		return *v
	case int:
		return float64(v)
	case int64:
		return float64(v)
	case json.Number:
		f, _ := v.Float64()
		return f
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	}
	return v
}
