// Package property knows the property types of blueprints: what a definition
// of each may say and which values fit it. One file per type; a new type is a
// new file and one entry in types.
package property

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds how deep definitions and values may be nested.
const maxDepth = 32

// Property is one typed property of a blueprint. Keys that are not known are
// kept in Extra and written back as they came.
type Property struct {
	Type             string            `json:"type"`
	Format           string            `json:"format,omitempty"`
	Title            string            `json:"title,omitempty"`
	Description      string            `json:"description,omitempty"`
	Icon             string            `json:"icon,omitempty"`
	Enum             []any             `json:"enum,omitempty"`
	EnumColors       map[string]string `json:"enumColors,omitempty"`
	Default          any               `json:"default,omitempty"`
	Pattern          string            `json:"pattern,omitempty"`
	MinLength        *int              `json:"minLength,omitempty"`
	MaxLength        *int              `json:"maxLength,omitempty"`
	Minimum          *float64          `json:"minimum,omitempty"`
	Maximum          *float64          `json:"maximum,omitempty"`
	ExclusiveMinimum *float64          `json:"exclusiveMinimum,omitempty"`
	ExclusiveMaximum *float64          `json:"exclusiveMaximum,omitempty"`
	Items            map[string]any    `json:"items,omitempty"`
	MinItems         *int              `json:"minItems,omitempty"`
	MaxItems         *int              `json:"maxItems,omitempty"`
	UniqueItems      bool              `json:"uniqueItems,omitempty"`
	Spec             string            `json:"spec,omitempty"`
	Extra            Extra             `json:"-"`
}

// Problem is one thing that is wrong with a definition or a value. Pointer is
// a JSON pointer below the thing that was checked.
type Problem struct {
	Pointer  string
	Problem  string
	Expected string
}

// kind is one property type.
type kind struct {
	name string
	// define checks what only this type may say in a definition.
	define func(p *Property) []Problem
	// compile prepares a checker of values.
	compile func(c *Checker, depth int) error
	// check tells what is wrong with a value that is not null.
	check func(c *Checker, value any, at string) []Problem
}

func types() []kind {
	return []kind{stringType(), numberType(), booleanType(), objectType(), arrayType()}
}

func typeNamed(name string) (kind, bool) {
	for _, k := range types() {
		if k.name == name {
			return k, true
		}
	}
	return kind{}, false
}

// Names lists the property types.
func Names() []string {
	var names []string
	for _, k := range types() {
		names = append(names, k.name)
	}
	return names
}

// Colors are the colours that enumColors may name.
func Colors() []string {
	return []string{
		"blue", "turquoise", "orange", "purple", "pink", "yellow", "green", "red", "gold", "silver",
		"paleBlue", "darkGray", "lightGray", "bronze", "lime", "olive", "brown",
	}
}

// Checker checks values of one property.
type Checker struct {
	Property Property
	kind     kind
	pattern  *regexp.Regexp
	format   format
	enum     map[string]bool
	items    *Checker
	fields   map[string]*Checker
	required []string
	closed   bool
}

// Define tells everything that is wrong with a definition.
func (p Property) Define() []Problem {
	_, problems := p.compile(0)
	return problems
}

// Compile makes a checker; a definition that is wrong gives an error.
func (p Property) Compile() (*Checker, error) {
	c, problems := p.compile(0)
	if len(problems) > 0 {
		return nil, fmt.Errorf("property definition%s %s, expected %s", problems[0].Pointer, problems[0].Problem, problems[0].Expected)
	}
	return c, nil
}

func (p Property) compile(depth int) (*Checker, []Problem) {
	if depth > maxDepth {
		return nil, []Problem{{"", "is nested too deeply", fmt.Sprintf("at most %d levels", maxDepth)}}
	}
	k, ok := typeNamed(p.Type)
	if !ok {
		return nil, []Problem{{"/type", "is not a property type", "one of " + strings.Join(Names(), ", ")}}
	}
	problems := k.define(&p)
	if p.Format != "" && !slices.Contains(Formats(p.Type), p.Format) {
		problems = append(problems, Problem{"/format", fmt.Sprintf("%q is not a format of type %s", p.Format, p.Type), oneOf(Formats(p.Type))})
	}
	problems = append(problems, p.defineColors()...)
	c := &Checker{Property: p, kind: k}
	if err := k.compile(c, depth); err != nil {
		return nil, append(problems, problemOf(err))
	}
	problems = append(problems, c.defineEnum()...)
	if p.Default != nil && len(problems) == 0 {
		for _, bad := range c.Check(p.Default) {
			bad.Pointer = "/default" + bad.Pointer
			problems = append(problems, bad)
		}
	}
	return c, problems
}

// definitionError carries a problem through an error return.
type definitionError struct{ Problem }

func (e definitionError) Error() string { return e.Pointer + " " + e.Problem.Problem }

func problemOf(err error) Problem {
	if d, ok := err.(definitionError); ok { //nolint:errorlint // made in this package, never wrapped
		return d.Problem
	}
	return Problem{"", err.Error(), "a valid definition"}
}

func (c *Checker) defineEnum() []Problem {
	var problems []Problem
	values := c.Property.Enum
	c.enum = nil // members are checked against the rest of the definition
	seen := map[string]bool{}
	for i, v := range values {
		at := fmt.Sprintf("/enum/%d", i)
		if v == nil {
			problems = append(problems, Problem{at, "is null", "a " + c.Property.Type})
			continue
		}
		key := canonical(v)
		if seen[key] {
			problems = append(problems, Problem{at, "is there twice", "different values"})
		}
		seen[key] = true
		for _, bad := range c.kind.check(c, v, "") {
			problems = append(problems, Problem{at + bad.Pointer, bad.Problem, bad.Expected})
		}
	}
	if len(values) > 0 {
		c.enum = seen
	}
	return problems
}

func (p *Property) defineColors() []Problem {
	var problems []Problem
	for _, value := range slices.Sorted(maps.Keys(p.EnumColors)) {
		if color := p.EnumColors[value]; !slices.Contains(Colors(), color) {
			problems = append(problems, Problem{"/enumColors/" + Escape(value), fmt.Sprintf("%q is not a colour", color), oneOf(Colors())})
		}
	}
	return problems
}

// Check tells everything that is wrong with value, which must be decoded JSON.
// null is not checked here: whether it is allowed is the blueprint's matter.
func (c *Checker) Check(value any) []Problem { return c.check(value, "") }

func (c *Checker) check(value any, at string) []Problem {
	problems := c.kind.check(c, value, at)
	if len(problems) == 0 && c.enum != nil && !c.enum[canonical(value)] {
		var allowed []string
		for _, v := range c.Property.Enum {
			allowed = append(allowed, canonical(v))
		}
		problems = append(problems, Problem{at, fmt.Sprintf("is %s, which is not one of the allowed values", shown(value)), oneOf(allowed)})
	}
	return problems
}

func canonical(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(raw)
}

// shown is a value as it is quoted in a message, cut when it is long.
func shown(v any) string {
	s := canonical(v)
	if utf8.RuneCountInString(s) > 60 {
		return string([]rune(s)[:57]) + "..."
	}
	return s
}

func oneOf(values []string) string {
	if len(values) == 0 {
		return "no format"
	}
	if len(values) > 30 {
		return "one of " + strings.Join(values[:30], ", ") + fmt.Sprintf(" and %d more", len(values)-30)
	}
	return "one of " + strings.Join(values, ", ")
}

// Escape makes a key a segment of a JSON pointer.
func Escape(key string) string {
	return strings.ReplaceAll(strings.ReplaceAll(key, "~", "~0"), "/", "~1")
}

func wrongType(v any, at, expected string) []Problem {
	got := "an object"
	switch v.(type) {
	case nil:
		got = "null"
	case string:
		got = "a string"
	case float64, json.Number:
		got = "a number"
	case bool:
		got = "a boolean"
	case []any:
		got = "an array"
	}
	return []Problem{{at, "is " + got, expected}}
}

// Protected tells whether the definition says "protected": true. Who may change
// such a property is narrower than who may change the entity.
func (p Property) Protected() bool { return string(p.Extra["protected"]) == "true" }
