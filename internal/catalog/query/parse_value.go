package query

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

func (p *parser) value(r *Rule, v any) {
	at := r.at + "/value"
	switch v := v.(type) {
	case nil:
	case bool, float64, string:
		p.scalar(v, at)
		r.Value = v
	case []any:
		if len(v) > MaxValues {
			p.add(at, fmt.Sprintf("has %d items", len(v)), fmt.Sprintf("at most %d", MaxValues))
			return
		}
		for i, item := range v {
			p.scalar(item, at+"/"+strconv.Itoa(i))
		}
		r.Value = v
	case map[string]any:
		if v["context"] != nil {
			if c := p.context(v, at); c != nil {
				r.Value = *c
			}
			return
		}
		r.Value = p.span(v, at)
	}
}

func (p *parser) scalar(v any, at string) {
	switch v := v.(type) {
	case nil, bool:
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			p.add(at, "is not a number", "a number")
		}
	case string:
		if len(v) > MaxText || !plain(v) {
			p.add(at, "is too long or not plain text", fmt.Sprintf("at most %d bytes of text", MaxText))
		}
	default:
		p.add(at, "is neither text nor a number nor a boolean", "text, a number, true, false or null")
	}
}

func (p *parser) span(v map[string]any, at string) Range {
	if preset, set := v["preset"]; set && preset != nil {
		name, _ := preset.(string)
		if !validPreset(name) {
			p.add(at+"/preset", "is not a preset that is known here", "today, yesterday, lastDay, lastWeek, last2Weeks, lastMonth, last3Months, last6Months, last12Months, ...")
		}
		return Range{Preset: name}
	}
	if v["from"] == nil && v["to"] == nil {
		p.add(at, "is not a span of time", `{"preset"} or {"from", "to"}`)
		return Range{}
	}
	return Range{From: p.end(v["from"], at+"/from"), To: p.end(v["to"], at+"/to")}
}

func (p *parser) end(v any, at string) time.Time {
	if v == nil {
		return time.Time{}
	}
	s, _ := v.(string)
	t, ok := askedTime(s)
	if !ok {
		p.add(at, "is not a date and time", "e.g. 2026-01-31T15:04:05Z")
	}
	return t
}

// fits checks that operator and value go together, whatever is compared.
func (p *parser) fits(r Rule) {
	at := r.at + "/value"
	operator, _ := positive(r.Operator)
	_, isRange := r.Value.(Range)
	_, isContext := r.Value.(Context)
	_, isList := r.Value.([]any)
	_, isText := r.Value.(string)
	_, isNumber := r.Value.(float64)
	switch operator {
	case "isEmpty", "isExpired":
		return // a value is ignored
	case "between":
		if !isRange {
			p.add(at, "is not a span of time", `{"preset"} or {"from", "to"}`)
		}
		return
	case "in", "containsAny", matchAny, relatedTo:
		if isRange || r.Value == nil {
			p.add(at, "is not a list", "a list of values")
		}
		return
	}
	if isContext {
		return
	}
	switch operator {
	case "=":
		if isList {
			p.add(at, "is a list", `one value, or the operator "in"`)
		}
	case ">", ">=", "<", "<=":
		if !isNumber && !isText {
			p.add(at, "cannot be compared", "a number, or text such as a date and time")
		}
	case "beginsWith", "endsWith":
		if !isText {
			p.add(at, "is not text", "text")
		}
	case "contains":
		if r.Value == nil || isList || isRange {
			p.add(at, "is neither text nor a number nor a boolean", "text, or an element of a list")
		}
	}
}

// normal turns the values of rules that were made in Go into those of JSON.
func normal(v any) any {
	switch v := v.(type) {
	case int:
		return float64(v)
	case int64:
		return float64(v)
	case []string:
		out := make([]any, 0, len(v))
		for _, s := range v {
			out = append(out, s)
		}
		return out
	case *Range:
		return *v
	case *Context:
		return *v
	}
	return v
}
