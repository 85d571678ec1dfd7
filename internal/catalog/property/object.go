package property

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

func objectType() kind {
	return kind{name: "object", define: noDefine, compile: compileObject, check: checkObject}
}

// compileObject reads the part of JSON Schema that is enforced inside objects:
// properties, required, and additionalProperties when it is false.
func compileObject(c *Checker, depth int) error {
	extra := c.Property.Extra
	if raw, ok := extra["properties"]; ok {
		var nested map[string]json.RawMessage
		if err := json.Unmarshal(raw, &nested); err != nil {
			return definitionError{Problem{"/properties", "is not an object", "property definitions by name"}}
		}
		c.fields = map[string]*Checker{}
		for _, name := range slices.Sorted(maps.Keys(nested)) {
			at := "/properties/" + Escape(name)
			p, err := from(nested[name])
			if err != nil {
				return definitionError{Problem{at, err.Error(), "a property definition"}}
			}
			if p.Type == "" {
				continue // a schema without type says nothing we check
			}
			field, problems := p.compile(depth + 1)
			if len(problems) > 0 {
				return definitionError{Problem{at + problems[0].Pointer, problems[0].Problem, problems[0].Expected}}
			}
			c.fields[name] = field
		}
	}
	if raw, ok := extra["required"]; ok {
		if err := json.Unmarshal(raw, &c.required); err != nil {
			return definitionError{Problem{"/required", "is not a list of names", "an array of strings"}}
		}
	}
	c.closed = string(extra["additionalProperties"]) == "false"
	return nil
}

func checkObject(c *Checker, value any, at string) []Problem {
	object, ok := value.(map[string]any)
	if !ok {
		return wrongType(value, at, "an object")
	}
	if problems := Bounded(object, at); len(problems) > 0 {
		return problems
	}
	var problems []Problem
	for _, name := range c.required {
		if _, ok := object[name]; !ok {
			problems = append(problems, Problem{at + "/" + Escape(name), "is missing", "a value"})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		field, known := c.fields[name]
		switch {
		case known:
			problems = append(problems, field.check(object[name], at+"/"+Escape(name))...)
		case c.closed:
			problems = append(problems, Problem{at + "/" + Escape(name), "is not a field of this object", oneOf(slices.Sorted(maps.Keys(c.fields)))})
		}
	}
	if c.Property.Format == "labeled-url" {
		problems = append(problems, checkLabeledURL(object, at)...)
	}
	return problems
}

func checkLabeledURL(object map[string]any, at string) []Problem {
	f, _ := formatNamed("url")
	if s, ok := object["url"].(string); !ok || !f.valid(s) {
		return []Problem{{at + "/url", "is not " + f.expected, f.expected + ", e.g. " + f.example}}
	}
	if text, sent := object["displayText"]; sent {
		if _, ok := text.(string); !ok {
			return wrongType(text, at+"/displayText", "a string")
		}
	}
	return nil
}

// Bounded refuses values that are nested too deeply and text that the
// databases cannot keep, anywhere inside.
func Bounded(value any, at string) []Problem { return bounded(value, at, 0) }

func bounded(value any, at string, depth int) []Problem {
	if depth > maxDepth {
		return []Problem{{at, "is nested too deeply", fmt.Sprintf("at most %d levels", maxDepth)}}
	}
	switch v := value.(type) {
	case string:
		return plainText(v, at)
	case []any:
		for i, item := range v {
			if problems := bounded(item, fmt.Sprintf("%s/%d", at, i), depth+1); len(problems) > 0 {
				return problems
			}
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if problems := plainText(key, at); len(problems) > 0 {
				return problems
			}
			if problems := bounded(v[key], at+"/"+Escape(key), depth+1); len(problems) > 0 {
				return problems
			}
		}
	}
	return nil
}
