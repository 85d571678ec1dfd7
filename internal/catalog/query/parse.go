package query

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Bounds of a query.
const (
	MaxBytes  = 512 << 10
	MaxDepth  = 10
	MaxRules  = 200
	MaxValues = 1000
	MaxText   = 4000
	MaxHops   = 15
	maxPath   = 15
	// maxProblems bounds what is reported.
	maxProblems = 20
)

// Parse reads a query. Nothing, null and {} are the query that everything
// fits. With problems there is no query.
func Parse(raw json.RawMessage) (*Query, []Problem) {
	p := &parser{}
	raw = bytes.TrimSpace(raw)
	if len(raw) > MaxBytes {
		p.add("", fmt.Sprintf("has %d bytes", len(raw)), fmt.Sprintf("at most %d", MaxBytes))
		return nil, p.problems
	}
	if len(raw) == 0 || string(raw) == "null" {
		return And(), nil
	}
	doc, ok := decode(raw)
	if !ok {
		p.add("", "is not JSON", `an object {"combinator", "rules"}`)
		return nil, p.problems
	}
	q := p.query(doc, "", 1)
	if len(p.problems) > 0 {
		return nil, p.problems
	}
	return q, nil
}

// ParseValue is Parse for a document that is decoded already.
func ParseValue(doc any) (*Query, []Problem) {
	raw, err := json.Marshal(doc)
	if err != nil {
		return nil, []Problem{{"", "is not JSON", `an object {"combinator", "rules"}`}}
	}
	return Parse(raw)
}

// decode reads JSON that is nested no deeper than a query can be.
func decode(raw []byte) (any, bool) {
	depth, deepest, inText := 0, 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case inText && c == '\\':
			i++
		case c == '"':
			inText = !inText
		case inText:
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	if deepest > 4*MaxDepth+10 {
		return nil, false
	}
	var doc any
	if !utf8.Valid(raw) || json.Unmarshal(raw, &doc) != nil {
		return nil, false
	}
	return doc, true
}

type parser struct {
	problems []Problem
	rules    int
}

func (p *parser) add(path, problem, want string) {
	if len(p.problems) < maxProblems {
		p.problems = append(p.problems, Problem{path, problem, want})
	}
}

func (p *parser) query(doc any, at string, depth int) *Query {
	m, ok := doc.(map[string]any)
	if !ok {
		p.add(at, "is not an object", `{"combinator": "and" or "or", "rules": [...]}`)
		return nil
	}
	q := &Query{Combinator: and}
	switch m["combinator"] {
	case nil, and:
	case or:
		q.Combinator = or
	default:
		p.add(at+"/combinator", "is not a combinator", `"and" or "or"`)
	}
	if depth > MaxDepth {
		p.add(at, "is nested too deep", fmt.Sprintf("at most %d levels", MaxDepth))
		return q
	}
	if m["rules"] == nil {
		if _, isRule := m["operator"]; isRule {
			if r, ok := p.rule(m, at); ok {
				q.Rules = append(q.Rules, r)
			}
		}
		return q
	}
	list, ok := m["rules"].([]any)
	if !ok {
		p.add(at+"/rules", "is not a list", "a list of rules")
		return q
	}
	for i, item := range list {
		if p.rules++; p.rules > MaxRules {
			p.add(at+"/rules", "are too many", fmt.Sprintf("at most %d in a query", MaxRules))
			return q
		}
		if len(p.problems) >= maxProblems {
			return q
		}
		q.Rules = append(q.Rules, p.node(item, at+"/rules/"+strconv.Itoa(i), depth)...)
	}
	return q
}

func (p *parser) node(item any, at string, depth int) []Node {
	m, ok := item.(map[string]any)
	if !ok {
		p.add(at, "is not an object", "a rule or a group of rules")
		return nil
	}
	_, hasRules := m["rules"]
	_, hasOperator := m["operator"]
	if hasRules || m["combinator"] != nil && !hasOperator {
		if q := p.query(m, at, depth+1); q != nil {
			return []Node{q}
		}
		return nil
	}
	if r, ok := p.rule(m, at); ok {
		return []Node{r}
	}
	return nil
}

func (p *parser) rule(m map[string]any, at string) (Rule, bool) {
	before := len(p.problems)
	r := Rule{at: at}
	r.Operator, _ = m["operator"].(string)
	if !slices.Contains(Operators(), r.Operator) {
		p.add(at+"/operator", "is not an operator that is known here", "one of "+strings.Join(Operators(), ", "))
		return r, false
	}
	switch {
	case r.Operator == relatedTo:
		p.related(&r, m)
	case m["propertySchema"] != nil:
		p.schema(&r, m["propertySchema"])
	case m["scorecard"] != nil:
		r.Scorecard = p.name(m, at, "scorecard", true)
		r.ScorecardRule = p.name(m, at, "scorecardRule", false)
	case m["relation"] != nil:
		r.Relation = p.name(m, at, "relation", true)
		r.TargetProperty = p.oneOf(m, at, "targetProperty", "$identifier", "$title")
	default:
		p.property(&r, m["property"])
	}
	p.value(&r, m["value"])
	if len(p.problems) > before {
		return r, false
	}
	p.fits(r)
	return r, len(p.problems) == before
}

// property is a name, the caller's property, or for matchAny a path.
func (p *parser) property(r *Rule, v any) {
	at := r.at + "/property"
	switch v := v.(type) {
	case string:
		if v == "" || len(v) > 1000 || !plain(v) {
			p.add(at, "is not the name of a property", "a property, a relation or a meta-property such as $title")
		}
		r.Property = v
	case map[string]any:
		if v["path"] != nil && r.Operator == matchAny {
			p.path(r, v, at)
			return
		}
		r.Context = p.context(v, at)
	default:
		p.add(at, "is missing", "a property, a relation or a meta-property such as $title")
	}
}

func (p *parser) context(v map[string]any, at string) *Context {
	c := &Context{}
	c.Context = p.oneOf(v, at, "context", "user", "userTeams")
	if c.Context == "" && len(p.problems) == 0 {
		p.add(at+"/context", "is missing", `"user" or "userTeams"`)
	}
	c.Property = p.name(v, at, "property", true)
	return c
}

func (p *parser) path(r *Rule, v map[string]any, at string) {
	path := &Path{From: p.name(v, at, "fromBlueprint", false)}
	list, ok := v["path"].([]any)
	if s, isText := v["path"].(string); isText {
		for name := range strings.SplitSeq(s, ".") {
			list = append(list, name)
		}
		ok = true
	}
	if !ok || len(list) == 0 || len(list) > maxPath {
		p.add(at+"/path", "is not a list of relations", fmt.Sprintf("1 to %d relations", maxPath))
		return
	}
	wide := 0
	for i, item := range list {
		place := at + "/path/" + strconv.Itoa(i)
		hop := Hop{}
		switch item := item.(type) {
		case string:
			hop.Relation = item
		case map[string]any:
			hop.Relation = p.name(item, place, "relation", true)
			if n, set := item["maxHops"]; set {
				wide++
				f, isNumber := n.(float64)
				hop.MaxHops = int(f)
				if !isNumber || f != math.Trunc(f) || f < 1 || f > MaxHops {
					p.add(place+"/maxHops", "is not a number of hops", fmt.Sprintf("1 to %d", MaxHops))
				}
			}
		}
		if hop.Relation == "" || !plain(hop.Relation) {
			p.add(place, "is not a relation", `a name, or {"relation", "maxHops"}`)
		}
		path.Hops = append(path.Hops, hop)
	}
	if wide > 1 {
		p.add(at+"/path", "has maxHops more than once", "one relation with maxHops")
	}
	r.Path = path
}

func (p *parser) related(r *Rule, m map[string]any) {
	r.Blueprint = p.name(m, r.at, "blueprint", true)
	r.Direction = p.oneOf(m, r.at, "direction", "upstream", "downstream")
	switch v := m["required"].(type) {
	case nil:
	case bool:
		r.Required = &v
	default:
		p.add(r.at+"/required", "is not a boolean", "true or false")
	}
}

func (p *parser) schema(r *Rule, v any) {
	at := r.at + "/propertySchema"
	m, ok := v.(map[string]any)
	if !ok {
		p.add(at, "is not an object", `{"type", "format", "items"}`)
		return
	}
	s := &Schema{Type: p.oneOf(m, at, "type", "string", "number", "boolean", "object", "array"), Format: p.name(m, at, "format", false)}
	if s.Type == "" {
		p.add(at+"/type", "is missing", "string, number, boolean, object or array")
	}
	if items, ok := m["items"].(map[string]any); ok {
		s.Items, s.ItemFormat = p.name(items, at+"/items", "type", false), p.name(items, at+"/items", "format", false)
	}
	r.Schema = s
}

func (p *parser) name(m map[string]any, at, key string, required bool) string {
	v, set := m[key]
	s, ok := v.(string)
	switch {
	case (!set || v == nil || s == "") && !required:
		return ""
	case !ok || s == "" || len(s) > 1000 || !plain(s):
		p.add(at+"/"+key, "is not a name", "text")
	}
	return s
}

func (p *parser) oneOf(m map[string]any, at, key string, names ...string) string {
	v, set := m[key]
	if !set || v == nil || v == "" {
		return ""
	}
	s, ok := v.(string)
	if !ok || !slices.Contains(names, s) {
		p.add(at+"/"+key, "is not known here", "one of "+strings.Join(names, ", "))
	}
	return s
}

func plain(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

func cut(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:57]) + "..."
	}
	return s
}
