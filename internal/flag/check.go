package flag

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"sphera/internal/fault"
	"sphera/internal/flag/eval"
)

var (
	flagKeyPattern   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)
	attributePattern = regexp.MustCompile(`^[^\s"'\\]{1,200}$`)
)

const (
	keyRule = "letters, digits, dot, dash and underscore, at most 100"
	// maxFlags is how many flags a project may have.
	maxFlags = 2000
	maxValue = 64 << 10
)

// complete fills in what a flag starts with and checks it.
func (s *Settings) complete() error {
	if s.Type == "" {
		s.Type = Boolean
	}
	if s.Kind == "" {
		s.Kind = Release
	}
	if s.Kind == KillSwitch && s.Type != Boolean {
		return fault.Field("type", "is not boolean", "boolean, because a kill switch is on or off")
	}
	if Lifetime(s.Kind) == 0 && s.LifetimeDays == 0 {
		s.Permanent = true
	}
	if s.Tags == nil {
		s.Tags = []string{}
	}
	slices.Sort(s.Tags)
	s.Tags = slices.Compact(s.Tags)
	for i, tag := range s.Tags {
		if tag == "" || len(tag) > 100 || strings.ContainsAny(tag, `"\`) {
			return fault.Field(fmt.Sprintf("tags[%d]", i), "is not a tag", "at most 100 letters without quotes")
		}
	}
	if len(s.Variations) == 0 && s.Type == Boolean {
		s.Variations = []Variation{{Name: "on", Value: json.RawMessage("true")}, {Name: "off", Value: json.RawMessage("false")}}
	}
	return s.checkVariations()
}

func (s *Settings) checkVariations() error {
	if len(s.Variations) == 0 {
		return fault.Field("variations", "are missing", "at least one value that the flag can have")
	}
	seen := map[string]bool{}
	for i, v := range s.Variations {
		field := fmt.Sprintf("variations[%d]", i)
		if !flagKeyPattern.MatchString(v.Name) {
			return fault.Field(field+".name", "is not a name", keyRule)
		}
		if seen[v.Name] {
			return fault.Field(field+".name", "comes twice", "each name once")
		}
		seen[v.Name] = true
		if len(v.Value) > maxValue {
			return fault.Field(field+".value", "is too large", fmt.Sprintf("at most %d bytes", maxValue))
		}
		var value any
		if err := json.Unmarshal(v.Value, &value); err != nil {
			return fault.Field(field+".value", "is not JSON", "a "+s.Type)
		}
		if typeOf(value) != s.Type {
			return fault.Field(field+".value", "is not of the flag's type", "a "+s.Type)
		}
	}
	return nil
}

func typeOf(v any) string {
	switch v.(type) {
	case bool:
		return Boolean
	case string:
		return String
	case float64:
		return Number
	case map[string]any:
		return Object
	default:
		return ""
	}
}

func (s Settings) has(variation string) bool {
	return slices.ContainsFunc(s.Variations, func(v Variation) bool { return v.Name == variation })
}

// checker checks a setting of one flag.
type checker struct {
	p           *whole
	f           *stored
	environment string
	now         time.Time
}

// fit checks a setting, gives rules their ids and puts the schedule in order.
func (c *checker) fit(s *Setting) error {
	if err := c.named("off", s.Off, true); err != nil {
		return err
	}
	if err := c.named("default", s.Default, true); err != nil {
		return err
	}
	if s.Off == "" && (len(s.Prerequisites) > 0 || len(s.Schedule) > 0) {
		return fault.Field("off", "is missing", "the variation while the flag is off; prerequisites and schedules need one")
	}
	for i, t := range s.Targets {
		if err := c.target(fmt.Sprintf("targets[%d]", i), t); err != nil {
			return err
		}
	}
	for i := range s.Rules {
		if s.Rules[i].ID == "" {
			s.Rules[i].ID = freeID(s.Rules)
		}
		if err := c.rule(fmt.Sprintf("rules[%d]", i), s.Rules[i]); err != nil {
			return err
		}
	}
	if err := c.serve("serve", s.Serve); err != nil {
		return err
	}
	if err := c.schedule(s); err != nil {
		return err
	}
	return c.prerequisites(s)
}

// freeID is a short id that no rule has yet.
func freeID(rules []Rule) string {
	for i := 1; ; i++ {
		id := fmt.Sprintf("r%d", i)
		if !slices.ContainsFunc(rules, func(r Rule) bool { return r.ID == id }) {
			return id
		}
	}
}

func (c *checker) named(field, variation string, empty bool) error {
	if variation == "" && empty || c.f.has(variation) {
		return nil
	}
	names := make([]string, 0, len(c.f.Variations))
	for _, v := range c.f.Variations {
		names = append(names, v.Name)
	}
	return fault.Field(field, "is not a variation of the flag", "one of "+strings.Join(names, ", "))
}

func (c *checker) target(field string, t Target) error {
	if err := c.named(field+".variation", t.Variation, false); err != nil {
		return err
	}
	for i, v := range t.Values {
		if v == "" || len(v) > 500 {
			return fault.Field(fmt.Sprintf("%s.values[%d]", field, i), "is not a key", "at most 500 letters")
		}
	}
	return path(field+".attribute", t.Attribute, true)
}

func path(field, attribute string, empty bool) error {
	if attribute == "" && empty || attributePattern.MatchString(attribute) && !strings.HasPrefix(attribute, "$flagd") {
		return nil
	}
	return fault.Field(field, "is not the name of an attribute", "e.g. accountId or account.plan")
}

func (c *checker) rule(field string, r Rule) error {
	if err := checkConditions(field+".conditions", r.Conditions, c.p, true); err != nil {
		return err
	}
	return c.serve(field+".serve", r.Serve)
}

func checkConditions(field string, list []Condition, p *whole, segments bool) error {
	if len(list) == 0 {
		return fault.Field(field, "are missing", "at least one condition")
	}
	for i, cond := range list {
		if err := checkCondition(fmt.Sprintf("%s[%d]", field, i), cond, p, segments); err != nil {
			return err
		}
	}
	return nil
}

func checkCondition(field string, c Condition, p *whole, segments bool) error {
	switch c.Operator {
	case OpSegment:
		if !segments {
			return fault.Field(field+".operator", "is a segment inside a segment", "conditions on attributes")
		}
		if p.segment(c.Segment) == nil {
			return fault.Field(field+".segment", "does not exist", "a segment of the project")
		}
		return nil
	case OpRaw:
		return checkRaw(field+".raw", c.Raw)
	case OpAfter, OpBefore:
	default:
		if err := path(field+".attribute", c.Attribute, false); err != nil {
			return err
		}
	}
	if c.Operator == OpExists {
		return nil
	}
	if len(c.Values) == 0 {
		return fault.Field(field+".values", "are missing", "at least one value")
	}
	for i, v := range c.Values {
		if err := checkValue(fmt.Sprintf("%s.values[%d]", field, i), c, v); err != nil {
			return err
		}
	}
	return nil
}

func checkValue(field string, c Condition, v json.RawMessage) error {
	var value any
	if len(v) > 2000 || json.Unmarshal(v, &value) != nil {
		return fault.Field(field, "is not a value", "a text, a number or a boolean, at most 2,000 letters")
	}
	kind := typeOf(value)
	switch c.Operator {
	case OpIs:
		if kind == "" || kind == Object {
			return fault.Field(field, "is not a value", "a text, a number or a boolean")
		}
	case OpContains, OpStartsWith, OpEndsWith:
		if kind != String {
			return fault.Field(field, "is not a text", "a text")
		}
	case OpGreater, OpAtLeast, OpLess, OpAtMost:
		if kind != Number {
			return fault.Field(field, "is not a number", "a number")
		}
	case OpVersion:
		_, version := versionOf(text(v))
		if kind != String || version == "" {
			return fault.Field(field, "is not a comparison of versions", "e.g. >= 2.1.0")
		}
	case OpAfter, OpBefore:
		if _, err := time.Parse(time.RFC3339, text(v)); err != nil {
			return fault.Field(field, "is not a time", "e.g. 2026-01-31T08:00:00Z")
		}
	default:
		return fault.Field(field, "has an operator that is not known", "one of the operators")
	}
	return nil
}

// checkRaw lets the evaluator read an expression.
func checkRaw(field string, raw json.RawMessage) error {
	if len(raw) == 0 || len(raw) > maxValue {
		return fault.Field(field, "is missing or too large", fmt.Sprintf("JSONLogic of at most %d bytes", maxValue))
	}
	definition := fmt.Appendf(nil, `{"flags":{"raw":{"state":"ENABLED","variants":{"on":true},"targeting":%s}}}`, raw)
	if !json.Valid(raw) {
		return fault.Field(field, "is not JSON", "JSONLogic")
	}
	set, problems := eval.Compile(definition, eval.Options{})
	if set == nil {
		return fault.Field(field, "cannot be read", "JSONLogic")
	}
	for _, p := range problems {
		if p.Path != "" && set.Evaluate("raw", nil, 0).ErrorCode == eval.ParseError {
			return fault.Field(field+"."+p.Path, p.Problem, p.Expected)
		}
	}
	return nil
}

func (c *checker) serve(field string, v Serve) error {
	kinds := 0
	for _, has := range []bool{v.Variation != "", len(v.Weights) > 0, len(v.Raw) > 0 && string(v.Raw) != "null"} {
		if has {
			kinds++
		}
	}
	if kinds > 1 {
		return fault.Field(field, "says several things", "a variation, or weights, or raw")
	}
	if len(v.Raw) > 0 && string(v.Raw) != "null" {
		return checkRaw(field+".raw", v.Raw)
	}
	if err := c.named(field+".variation", v.Variation, true); err != nil {
		return err
	}
	if err := c.named(field+".otherwise", v.Otherwise, true); err != nil {
		return err
	}
	if err := path(field+".by", v.By, true); err != nil {
		return err
	}
	if len(v.Weights) == 0 {
		if v.Ramp != nil {
			return fault.Field(field+".ramp", "has no weights to move", "weights of at least two variations")
		}
		return nil
	}
	return c.weights(field, v)
}

func (c *checker) weights(field string, v Serve) error {
	total, seen := 0, map[string]bool{}
	for i, w := range v.Weights {
		if err := c.named(fmt.Sprintf("%s.weights[%d].variation", field, i), w.Variation, false); err != nil {
			return err
		}
		if seen[w.Variation] || w.Weight < 0 {
			return fault.Field(fmt.Sprintf("%s.weights[%d]", field, i), "comes twice or is negative", "each variation once")
		}
		seen[w.Variation] = true
		total += w.Weight
	}
	if total != Whole {
		return fault.Field(field+".weights", "do not add up to 100 %", fmt.Sprintf("a sum of %d thousandths of a percent", Whole))
	}
	if v.Ramp == nil {
		return nil
	}
	if len(v.Ramp.Steps) == 0 {
		return fault.Field(field+".ramp.steps", "are missing", "at least one step")
	}
	if !seen[v.Ramp.Variation] || len(v.Weights) < 2 {
		return fault.Field(field+".ramp.variation", "has no weight", "one of the variations with a weight, and another one that it takes its share from")
	}
	room := v.weightOf(v.Ramp.Variation) + v.weightOf(v.base())
	for i, step := range v.Ramp.Steps {
		if step.Weight < 0 || step.Weight > room {
			return fault.Field(fmt.Sprintf("%s.ramp.steps[%d].weight", field, i), "is more than there is to move", fmt.Sprintf("at most %d", room))
		}
		if i > 0 && !step.At.After(v.Ramp.Steps[i-1].At) {
			return fault.Field(fmt.Sprintf("%s.ramp.steps[%d].at", field, i), "is not after the step before", "steps in the order of time")
		}
	}
	return nil
}

func (c *checker) schedule(s *Setting) error {
	slices.SortStableFunc(s.Schedule, func(a, b Scheduled) int { return a.At.Compare(b.At) })
	for i, change := range s.Schedule {
		field := fmt.Sprintf("schedule[%d]", i)
		if !change.At.After(c.now) {
			return fault.Field(field+".at", "is not in the future", "a time to come")
		}
		if change.On == nil && change.Serve == nil {
			return fault.Field(field, "changes nothing", "on, or what everybody else gets")
		}
		if change.Serve != nil {
			if err := c.serve(field+".serve", *change.Serve); err != nil {
				return err
			}
		}
	}
	return nil
}

// prerequisites must exist, be of the project and lead to no circle.
func (c *checker) prerequisites(s *Setting) error {
	for i, need := range s.Prerequisites {
		field := fmt.Sprintf("prerequisites[%d]", i)
		parent := c.p.flag(need.Flag)
		if parent == nil || parent.ArchivedAt != nil {
			return fault.Field(field+".flag", "does not exist", "a flag of the project that is not archived")
		}
		for _, v := range need.Variations {
			if !parent.has(v) {
				return fault.Field(field+".variations", "has one that the flag does not have", "variations of "+need.Flag)
			}
		}
		if c.depth(need.Flag, map[string]bool{c.f.Key: true}, 1) > maxDepth {
			return fault.Field(field+".flag", "leads to a circle or too deep", fmt.Sprintf("at most %d flags that hang on each other", maxDepth))
		}
	}
	return nil
}

// depth is how many flags hang on each other from one on; more than allowed
// for a circle.
func (c *checker) depth(key string, above map[string]bool, level int) int {
	if above[key] || level > maxDepth {
		return maxDepth + 1
	}
	f := c.p.flag(key)
	if f == nil {
		return level
	}
	above[key] = true
	defer delete(above, key)
	deepest := level
	for _, need := range f.setting(c.environment).Prerequisites {
		deepest = max(deepest, c.depth(need.Flag, above, level+1))
	}
	return deepest
}
