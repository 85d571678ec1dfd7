package action

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// Schema is the JSON Schema (draft 2020-12) of an input struct, with the
// portal's extensions: x-entity names the blueprint whose entities the picker
// offers, x-team offers teams, x-advanced folds the field away, x-secret makes
// it write-only.
type Schema struct {
	Type                 string      `json:"type"`
	Title                string      `json:"title,omitempty"`
	Description          string      `json:"description,omitempty"`
	Properties           []*Property `json:"-"`
	Required             []string    `json:"required"`
	AdditionalProperties bool        `json:"additionalProperties"`
}

// Property is one field of the input, in the order of the struct.
type Property struct {
	Name        string   `json:"-"`
	Type        string   `json:"type"`
	Title       string   `json:"title,omitempty"`
	Description string   `json:"description,omitempty"`
	Default     any      `json:"default,omitempty"`
	Pattern     string   `json:"pattern,omitempty"`
	Enum        []any    `json:"enum,omitempty"`
	EnumTitles  []string `json:"x-enum-titles,omitempty"`
	MinLength   *int     `json:"minLength,omitempty"`
	MaxLength   *int     `json:"maxLength,omitempty"`
	Minimum     *float64 `json:"minimum,omitempty"`
	Maximum     *float64 `json:"maximum,omitempty"`
	Format      string   `json:"format,omitempty"`
	Items       *Items   `json:"items,omitempty"`
	Entity      string   `json:"x-entity,omitempty"`
	Team        bool     `json:"x-team,omitempty"`
	Advanced    bool     `json:"x-advanced,omitempty"`
	Secret      bool     `json:"x-secret,omitempty"`
	Example     string   `json:"x-example,omitempty"`
	// PatternHelp says in words what the pattern asks for.
	PatternHelp string `json:"x-pattern-help,omitempty"`

	pattern *regexp.Regexp
}

// Items is the element type of an array property.
type Items struct {
	Type string `json:"type"`
}

// MarshalJSON keeps the properties in the order of the struct, since the form
// shows them so, and adds x-order for readers that sort keys.
func (s *Schema) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(`{"type":"object","additionalProperties":false,"properties":{`)
	order := make([]string, 0, len(s.Properties))
	for i, p := range s.Properties {
		if i > 0 {
			b.WriteByte(',')
		}
		raw, err := json.Marshal(p)
		if err != nil {
			return nil, fmt.Errorf("property %s: %w", p.Name, err)
		}
		b.WriteString(strconv.Quote(p.Name))
		b.WriteByte(':')
		b.Write(raw)
		order = append(order, p.Name)
	}
	b.WriteString(`},"required":`)
	required, err := json.Marshal(orEmpty(s.Required))
	if err != nil {
		return nil, err
	}
	b.Write(required)
	b.WriteString(`,"x-order":`)
	names, err := json.Marshal(order)
	if err != nil {
		return nil, err
	}
	b.Write(names)
	b.WriteByte('}')
	return b.Bytes(), nil
}

// Problem is one thing that is wrong with an input.
type Problem struct {
	Field    string `json:"field"`
	Problem  string `json:"problem"`
	Expected string `json:"expected"`
}

// InputError lists all that is wrong with an input.
type InputError struct{ Problems []Problem }

func (e *InputError) Error() string {
	parts := make([]string, 0, len(e.Problems))
	for _, p := range e.Problems {
		parts = append(parts, p.Field+": "+p.Problem)
	}
	return "invalid input: " + strings.Join(parts, "; ")
}

// Invalid makes an InputError about one field, for checks a plan makes beyond
// the schema, e.g. that a name is already taken.
func Invalid(field, problem, expected string) error {
	return &InputError{Problems: []Problem{{Field: field, Problem: problem, Expected: expected}}}
}

// schemaOf reads the struct tags of In:
//
//	json:"name"         the name of the field (required)
//	title, help         what the form shows
//	default             the value when absent; its presence makes the field optional
//	optional:"true"     optional without default
//	pattern, patternHelp, minLength, maxLength, minimum, maximum, format, example
//	enum:"a,b"          closed set; enumTitles:"A,B" for people
//	entity:"Blueprint"  an entity of that blueprint
//	team:"true"         a team
//	advanced:"true"     folded away in the form
//	secret:"true"       write-only
func schemaOf[In any]() (*Schema, error) {
	t := reflect.TypeFor[In]()
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("must be a struct, is %s", t)
	}
	s := &Schema{Type: "object"}
	for f := range t.Fields() {
		if !f.IsExported() {
			continue
		}
		p, required, err := propertyOf(f)
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", f.Name, err)
		}
		s.Properties = append(s.Properties, p)
		if required {
			s.Required = append(s.Required, p.Name)
		}
	}
	return s, nil
}

func propertyOf(f reflect.StructField) (*Property, bool, error) {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "" || name == "-" {
		return nil, false, errors.New("needs a json name")
	}
	p := &Property{
		Name: name, Title: f.Tag.Get("title"), Description: f.Tag.Get("help"), Format: f.Tag.Get("format"),
		Entity: f.Tag.Get("entity"), Team: f.Tag.Get("team") == "true", Advanced: f.Tag.Get("advanced") == "true",
		Secret: f.Tag.Get("secret") == "true", Example: f.Tag.Get("example"), PatternHelp: f.Tag.Get("patternHelp"),
	}
	switch f.Type.Kind() {
	case reflect.String:
		p.Type = "string"
	case reflect.Bool:
		p.Type = "boolean"
	case reflect.Int, reflect.Int64:
		p.Type = "integer"
	case reflect.Float64:
		p.Type = "number"
	case reflect.Slice:
		if f.Type.Elem().Kind() != reflect.String {
			return nil, false, fmt.Errorf("type %s cannot be shown in a form", f.Type)
		}
		p.Type, p.Items = "array", &Items{Type: "string"}
	default:
		return nil, false, fmt.Errorf("type %s cannot be shown in a form", f.Type)
	}
	if err := p.readLimits(f.Tag); err != nil {
		return nil, false, err
	}
	def, hasDefault := f.Tag.Lookup("default")
	if hasDefault {
		v, err := p.parse(def)
		if err != nil {
			return nil, false, fmt.Errorf("default: %w", err)
		}
		p.Default = v
	}
	return p, !hasDefault && f.Tag.Get("optional") != "true", nil
}

func (p *Property) readLimits(tag reflect.StructTag) error {
	if v := tag.Get("pattern"); v != "" {
		re, err := regexp.Compile(v)
		if err != nil {
			return fmt.Errorf("pattern: %w", err)
		}
		p.Pattern, p.pattern = v, re
	}
	if v := tag.Get("enum"); v != "" {
		for e := range strings.SplitSeq(v, ",") {
			p.Enum = append(p.Enum, e)
		}
	}
	if v := tag.Get("enumTitles"); v != "" {
		p.EnumTitles = strings.Split(v, ",")
	}
	for key, dst := range map[string]**int{"minLength": &p.MinLength, "maxLength": &p.MaxLength} {
		if v := tag.Get(key); v != "" {
			n, err := strconv.Atoi(v)
			if err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
			*dst = &n
		}
	}
	for key, dst := range map[string]**float64{"minimum": &p.Minimum, "maximum": &p.Maximum} {
		if v := tag.Get(key); v != "" {
			n, err := strconv.ParseFloat(v, 64)
			if err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
			*dst = &n
		}
	}
	return nil
}

// parse reads a value from text, as in a tag or a command line flag.
func (p *Property) parse(text string) (any, error) {
	switch p.Type {
	case "boolean":
		return strconv.ParseBool(text)
	case "integer":
		return strconv.ParseInt(text, 10, 64)
	case "number":
		return strconv.ParseFloat(text, 64)
	case "array":
		if text == "" {
			return []any{}, nil
		}
		out := []any{}
		for e := range strings.SplitSeq(text, ",") {
			out = append(out, strings.TrimSpace(e))
		}
		return out, nil
	default:
		return text, nil
	}
}

// Fill returns the input with defaults for absent fields, or an *InputError
// that lists everything that is wrong.
func (s *Schema) Fill(raw json.RawMessage) (map[string]any, error) {
	values := map[string]any{}
	if len(bytes.TrimSpace(raw)) > 0 {
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.UseNumber()
		if err := dec.Decode(&values); err != nil {
			return nil, Invalid("", "is not a JSON object", "an object with one key per field")
		}
	}
	known := map[string]bool{}
	var problems []Problem
	for _, p := range s.Properties {
		known[p.Name] = true
		v, ok := values[p.Name]
		if !ok || v == nil {
			delete(values, p.Name)
			if p.Default != nil {
				values[p.Name] = p.Default
			}
			continue
		}
		problems = append(problems, p.check(v)...)
	}
	for _, name := range s.Required {
		if v, ok := values[name]; !ok || v == "" {
			problems = append(problems, Problem{Field: name, Problem: "is required", Expected: "a value"})
		}
	}
	for name := range values {
		if !known[name] {
			problems = append(problems, Problem{Field: name, Problem: "is not a field of this action", Expected: "one of " + s.names()})
		}
	}
	if len(problems) > 0 {
		return nil, &InputError{Problems: problems}
	}
	return values, nil
}

func (s *Schema) names() string {
	names := make([]string, 0, len(s.Properties))
	for _, p := range s.Properties {
		names = append(names, p.Name)
	}
	return strings.Join(names, ", ")
}

func (p *Property) check(v any) []Problem {
	bad := func(problem, expected string) []Problem {
		return []Problem{{Field: p.Name, Problem: problem, Expected: expected}}
	}
	switch p.Type {
	case "string":
		s, ok := v.(string)
		if !ok {
			return bad("must be text", "a string")
		}
		return p.checkText(s)
	case "boolean":
		if _, ok := v.(bool); !ok {
			return bad("must be true or false", "true or false")
		}
	case "integer", "number":
		n, ok := v.(json.Number)
		if !ok {
			return bad("must be a number", "a number")
		}
		f, err := n.Float64()
		if _, ierr := n.Int64(); p.Type == "integer" && ierr != nil || err != nil {
			return bad("must be a whole number", "a whole number")
		}
		if p.Minimum != nil && f < *p.Minimum {
			return bad("is too small", fmt.Sprintf("at least %v", *p.Minimum))
		}
		if p.Maximum != nil && f > *p.Maximum {
			return bad("is too large", fmt.Sprintf("at most %v", *p.Maximum))
		}
	case "array":
		items, ok := v.([]any)
		if !ok {
			return bad("must be a list", "a list of strings")
		}
		for _, item := range items {
			if _, ok := item.(string); !ok {
				return bad("must be a list of texts", "a list of strings")
			}
		}
	}
	return nil
}

func (p *Property) checkText(s string) []Problem {
	bad := func(problem, expected string) []Problem {
		return []Problem{{Field: p.Name, Problem: problem, Expected: expected}}
	}
	if s == "" {
		return nil // absent, decided by required
	}
	if p.MinLength != nil && len([]rune(s)) < *p.MinLength {
		return bad("is too short", fmt.Sprintf("at least %d characters", *p.MinLength))
	}
	if p.MaxLength != nil && len([]rune(s)) > *p.MaxLength {
		return bad("is too long", fmt.Sprintf("at most %d characters", *p.MaxLength))
	}
	if p.pattern != nil && !p.pattern.MatchString(s) {
		expected := p.PatternHelp
		if expected == "" {
			expected = "text that matches " + p.Pattern
		}
		return bad("does not have the right form", expected)
	}
	if len(p.Enum) > 0 {
		for _, e := range p.Enum {
			if e == s {
				return nil
			}
		}
		return bad("is not one of the choices", "one of "+strings.Trim(fmt.Sprint(p.Enum), "[]"))
	}
	return nil
}

func decodeInput[In any](s *Schema, raw json.RawMessage) (In, error) {
	var in In
	values, err := s.Fill(raw)
	if err != nil {
		return in, err
	}
	filled, err := json.Marshal(values)
	if err != nil {
		return in, fmt.Errorf("fill in defaults: %w", err)
	}
	if err := json.Unmarshal(filled, &in); err != nil {
		return in, Invalid("", "does not fit the form", err.Error())
	}
	return in, nil
}
