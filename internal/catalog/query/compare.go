package query

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// holds compares with an operator that does not deny.
func (s side) holds(operator string, o operand, env Env) bool {
	if operator == "isEmpty" {
		return s.empty()
	}
	if operator == "isExpired" {
		ms, ok := s.moment()
		return ok && (s.date || s.guess) && ms < millis(env.Now)
	}
	if o.span != nil {
		from, to := o.span.span(env.Now)
		ms, ok := s.moment()
		return ok && (s.date || s.guess) && from <= ms && ms <= to
	}
	if len(o.values) == 1 && o.values[0] == nil {
		return operator == "=" && s.empty()
	}
	return slices.ContainsFunc(o.values, func(v any) bool { return s.one(operator, v) })
}

func (s side) empty() bool {
	if s.list {
		return len(flat(s.value)) == 0
	}
	return s.value == nil
}

// one compares with one value.
func (s side) one(operator string, v any) bool {
	if v == nil {
		return false
	}
	if list, ok := s.value.([]any); ok {
		switch operator {
		case "=", "in", "contains", "containsAny", matchAny:
			return slices.ContainsFunc(list, func(item any) bool { return same(item, v) })
		}
		return false
	}
	switch operator {
	case "=", "in", "containsAny", matchAny:
		if asked, ok := s.asked(v); ok {
			ms, set := s.moment()
			return set && ms == asked
		}
		if b, ok := s.value.(bool); ok && text(v) != "" {
			return text(v) == text(b)
		}
		return !s.date && same(s.value, v)
	case ">", ">=", "<", "<=":
		return s.ordered(operator, v)
	}
	a, isText := s.value.(string)
	b, asksText := v.(string)
	if !isText || !asksText {
		return false
	}
	a, b = s.folded(a), s.folded(b)
	switch operator {
	case "contains":
		return strings.Contains(a, b)
	case "beginsWith":
		return strings.HasPrefix(a, b)
	case "endsWith":
		return strings.HasSuffix(a, b)
	}
	return false
}

func (s side) ordered(operator string, v any) bool {
	if asked, ok := s.asked(v); ok {
		ms, set := s.moment()
		return set && orders(operator, cmp.Compare(ms, asked))
	}
	switch a := s.value.(type) {
	case float64:
		b, ok := v.(float64)
		return ok && orders(operator, cmp.Compare(a, b))
	case string:
		b, ok := v.(string)
		return ok && !s.date && orders(operator, strings.Compare(a, b))
	}
	return false
}

func orders(operator string, c int) bool {
	switch operator {
	case ">":
		return c > 0
	case ">=":
		return c >= 0
	case "<":
		return c < 0
	default:
		return c <= 0
	}
}

func same(a, b any) bool {
	a, b = normal(a), normal(b)
	switch a.(type) {
	case string, float64, bool:
		return a == b
	}
	return false
}

// moment is the left side as milliseconds since 1970.
func (s side) moment() (int64, bool) {
	switch v := s.value.(type) {
	case string:
		return storedTime(v)
	case time.Time:
		return millis(v), !v.IsZero()
	}
	return 0, false
}

// asked is the right side as a moment, where moments are compared.
func (s side) asked(v any) (int64, bool) {
	text, ok := v.(string)
	if !ok || !s.date && !s.guess {
		return 0, false
	}
	if _, ok := s.moment(); s.guess && !ok {
		return 0, false
	}
	at, ok := askedTime(text)
	return millis(at), ok
}

// folded is text as contains, beginsWith and endsWith compare it.
func (s side) folded(v string) string {
	switch {
	case s.exact:
		return v
	case s.wide:
		return strings.ToLower(v)
	}
	return lower(v)
}

// lower folds A to Z, which both engines can.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}
