package scorecard

import (
	"encoding/json"
	"fmt"
	"time"
)

// Statuses of a rule.
const (
	Success = "SUCCESS"
	Failure = "FAILURE"
)

// Result is the verdict on one entity.
type Result struct {
	Level string       `json:"level"`
	Rules []RuleResult `json:"rules"`
}

// RuleResult is the verdict of one rule.
type RuleResult struct {
	Identifier string     `json:"identifier"`
	Status     string     `json:"status"`
	Level      string     `json:"level"`
	Evidence   []Evidence `json:"evidence"`
}

// Evidence is one comparison: what was asked and what the entity has.
type Evidence struct {
	Property string `json:"property"` // or relation
	Operator string `json:"operator"`
	Expected any    `json:"expected,omitempty"`
	Actual   any    `json:"actual"`
	Passed   bool   `json:"passed"`
}

// Evaluate gives the verdict on an entity, as it is answered; false when the
// filter leaves it out.
func (s *Scorecard) Evaluate(entity map[string]any, now time.Time) (Result, bool) {
	if s.Filter != nil && !s.Filter.hold(entity, now) {
		return Result{}, false
	}
	out := Result{Rules: make([]RuleResult, len(s.Rules))}
	failed := make(map[string]bool, len(s.Levels))
	for i := range s.Rules {
		rule := &s.Rules[i]
		passed, evidence := rule.Query.evidence(entity, now)
		out.Rules[i] = RuleResult{Identifier: rule.Identifier, Status: Success, Level: rule.Level, Evidence: evidence}
		if !passed {
			out.Rules[i].Status = Failure
			failed[rule.Level] = true
		}
	}
	out.Level = s.level(failed)
	return out, true
}

// level is the highest one below which, and at which, no rule failed. A level
// without rules is passed with the one below, but does not count by itself: an
// entity does not reach the top because nothing was asked there.
func (s *Scorecard) level(failed map[string]bool) string {
	if len(s.Levels) == 0 {
		return ""
	}
	asked := make(map[string]bool, len(s.Levels))
	for _, r := range s.Rules {
		asked[r.Level] = true
	}
	level := s.Levels[0].Title
	for i, l := range s.Levels {
		if failed[l.Title] {
			break
		}
		if i > 0 && asked[l.Title] {
			level = l.Title
		}
	}
	return level
}

func (c *Conditions) hold(entity map[string]any, now time.Time) bool {
	for i := range c.List {
		holds := c.List[i].holds(c.List[i].lookup(entity), now)
		if holds != (c.Combinator == "and") {
			return holds
		}
	}
	return c.Combinator == "and"
}

// evidence is hold with all conditions looked at.
func (c *Conditions) evidence(entity map[string]any, now time.Time) (bool, []Evidence) {
	all, one := true, false
	out := make([]Evidence, len(c.List))
	for i := range c.List {
		condition := &c.List[i]
		value := condition.lookup(entity)
		holds := condition.holds(value, now)
		all, one = all && holds, one || holds
		name := condition.Property
		if name == "" {
			name = condition.Relation
		}
		out[i] = Evidence{Property: name, Operator: condition.operator(), Expected: short(condition.Value), Actual: short(value), Passed: holds}
	}
	if c.Combinator == "and" {
		return all, out
	}
	return one, out
}

func (c *Condition) operator() string {
	switch {
	case c.Not && c.Operator == "isEmpty":
		return "isNotEmpty"
	case c.Not && c.Operator == "isNotEmpty":
		return "isEmpty"
	}
	return c.Operator
}

// Bounds of a value in evidence, which is kept with each entity.
const (
	maxEvidenceText  = 200
	maxEvidenceBytes = 500
)

// short cuts long values.
func short(v any) any {
	switch v := v.(type) {
	case string:
		if len(v) <= maxEvidenceText {
			return v
		}
		for i := range v {
			if i > maxEvidenceText-4 {
				return v[:i] + "..."
			}
		}
	case []any:
		if len(v) > maxEvidenceBytes || tooLong(v) {
			return fmt.Sprintf("a list of %d values", len(v))
		}
	case map[string]any:
		if len(v) > maxEvidenceBytes || tooLong(v) {
			return fmt.Sprintf("an object with %d keys", len(v))
		}
	}
	return v
}

func tooLong(v any) bool {
	if list, ok := v.([]any); ok && len(list) <= 3 {
		plain := true
		for _, item := range list {
			s, isText := item.(string)
			plain = plain && isText && len(s) <= 100
		}
		if plain {
			return false // the usual case, without encoding it
		}
	}
	raw, err := json.Marshal(v)
	return err != nil || len(raw) > maxEvidenceBytes
}

// Document is the result as it is kept with the entity: plain JSON values.
func (r Result) Document() map[string]any {
	rules := make([]any, len(r.Rules))
	for i, rule := range r.Rules {
		evidence := make([]any, len(rule.Evidence))
		for j, e := range rule.Evidence {
			one := map[string]any{"property": e.Property, "operator": e.Operator, "actual": e.Actual, "passed": e.Passed}
			if e.Expected != nil {
				one["expected"] = e.Expected
			}
			evidence[j] = one
		}
		rules[i] = map[string]any{"identifier": rule.Identifier, "status": rule.Status, "level": rule.Level, "evidence": evidence}
	}
	return map[string]any{"level": r.Level, "rules": rules}
}
