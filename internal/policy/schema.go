package policy

import (
	"regexp"
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
	"github.com/cedar-policy/cedar-go/x/exp/schema"
	schemaast "github.com/cedar-policy/cedar-go/x/exp/schema/ast"
	"github.com/cedar-policy/cedar-go/x/exp/schema/validate"
)

// Shape is what policies may know of a blueprint.
type Shape struct {
	Blueprint  string
	Properties []Property
}

// Property is a property of a blueprint by its type in JSON Schema. Objects,
// and lists of anything but texts, numbers and truth values, are nothing that a
// policy can ask about.
type Property struct {
	Name string
	// Type is string, number, boolean or array; Items that of an array's items.
	Type, Items string
}

// roles are those that policies may ask for.
func roles() []types.String {
	return []types.String{"viewer", "developer", "maintainer", "infrastructure", "administrator"}
}

// Schema is what policies are checked against: made of the blueprints, so that
// a policy cannot ask for what is not there.
type Schema struct {
	tree      *schema.Schema
	validator *validate.Validator
	known     known
}

// NewSchema makes a schema of the blueprints.
func NewSchema(shapes []Shape) (*Schema, error) {
	tree := schema.NewSchemaFromAST(schemaOf(shapes))
	resolved, err := tree.Resolve()
	if err != nil {
		return nil, err
	}
	return &Schema{tree: tree, validator: validate.New(resolved), known: known{shapes}}, nil
}

// Text is the schema in Cedar, for people who write policies.
func (s *Schema) Text() (string, error) {
	text, err := s.tree.MarshalCedar()
	return string(text), err
}

func schemaOf(shapes []Shape) *schemaast.Schema {
	s := &schemaast.Schema{
		Entities: schemaast.Entities{
			roleType: {}, blueprintType: {},
			teamType: {ParentTypes: []schemaast.EntityTypeRef{teamType}},
			userType: {ParentTypes: []schemaast.EntityTypeRef{roleType, teamType}, Shape: subjectShape()},
		},
		Namespaces: schemaast.Namespaces{},
	}
	for _, name := range Types() {
		s.Entities[schemaast.Ident(name)] = schemaast.Entity{Shape: resourceShape(schemaast.RecordType{})}
	}
	catalog := schemaast.Namespace{Entities: schemaast.Entities{}}
	var entities []schemaast.EntityTypeRef
	for _, shape := range shapes {
		name := TypeName(shape.Blueprint)
		entities = append(entities, schemaast.EntityTypeRef(name))
		catalog.Entities[schemaast.Ident(strings.TrimPrefix(name, catalogSpace+"::"))] = schemaast.Entity{
			ParentTypes: []schemaast.EntityTypeRef{blueprintType}, Shape: entityShape(shape), Tags: schemaast.String(),
		}
	}
	if len(entities) > 0 {
		s.Namespaces[catalogSpace] = catalog
	}
	s.Actions = actionsOf(entities)
	return s
}

func actionsOf(entities []schemaast.EntityTypeRef) schemaast.Actions {
	out := schemaast.Actions{}
	for _, v := range Verbs() {
		var parents []schemaast.ParentRef
		for _, group := range groupsOf(v.ID) {
			out[types.String(group)] = schemaast.Action{}
			parents = append(parents, schemaast.ParentRefFromID(types.String(group)))
		}
		var resources []schemaast.EntityTypeRef
		for _, name := range v.Types {
			if name == TypeEntity {
				resources = append(resources, entities...)
				continue
			}
			resources = append(resources, schemaast.EntityTypeRef(name))
		}
		out[types.String(v.ID)] = schemaast.Action{Parents: parents, AppliesTo: &schemaast.AppliesTo{
			Principals: []schemaast.EntityTypeRef{userType}, Resources: resources, Context: contextShape(),
		}}
	}
	return out
}

func is(t schemaast.IsType) schemaast.Attribute { return schemaast.Attribute{Type: t} }

func maybe(t schemaast.IsType) schemaast.Attribute {
	return schemaast.Attribute{Type: t, Optional: true}
}

func subjectShape() schemaast.RecordType {
	text, truth := schemaast.String(), schemaast.Bool()
	return schemaast.RecordType{
		"name": is(text), "kind": is(text), "status": is(text), "via": is(text), "teams": is(schemaast.Set(schemaast.EntityType(teamType))),
		"contractor": is(truth), "readOnly": is(truth), "machine": is(truth),
		"scopes": maybe(schemaast.Set(text)), "blueprints": maybe(schemaast.Set(text)), "environments": maybe(schemaast.Set(text)),
		"onBehalfOf": maybe(schemaast.EntityType(userType)),
	}
}

func resourceShape(properties schemaast.RecordType) schemaast.RecordType {
	text := schemaast.String()
	return schemaast.RecordType{
		"teams": is(schemaast.Set(schemaast.EntityType(teamType))), "id": maybe(text), "environment": maybe(text), "environmentKind": maybe(text),
		"author": maybe(schemaast.EntityType(userType)), "properties": is(properties),
	}
}

func entityShape(s Shape) schemaast.RecordType {
	properties := schemaast.RecordType{}
	for _, p := range s.Properties {
		if t := typeOf(p); t != nil {
			properties[types.String(p.Name)] = maybe(t)
		}
	}
	out := resourceShape(properties)
	out["blueprint"] = is(schemaast.String())
	return out
}

func typeOf(p Property) schemaast.IsType {
	switch p.Type {
	case "string":
		return schemaast.String()
	case "number", "integer":
		return schemaast.Long()
	case "boolean":
		return schemaast.Bool()
	case "array":
		if item := typeOf(Property{Type: p.Items}); item != nil && p.Items != "array" {
			return schemaast.Set(item)
		}
	}
	return nil
}

func contextShape() schemaast.RecordType {
	out := schemaast.RecordType{}
	for _, f := range ContextFields() {
		var t schemaast.IsType
		switch f.Type {
		case "Long":
			t = schemaast.Long()
		case "Bool":
			t = schemaast.Bool()
		case "Set<String>":
			t = schemaast.Set(schemaast.String())
		default:
			t = schemaast.String()
		}
		out[types.String(f.Name)] = schemaast.Attribute{Type: t, Optional: f.Name != "scopes"}
	}
	return out
}

// check tells what is wrong with rules of the document text.
func (s *Schema) check(rules []rule, text string) []Problem {
	var out []Problem
	for i, r := range rules {
		messages := s.known.check(r)
		for _, one := range flat(s.validator.Policy("", narrowed((*ast.Policy)(r.policy.AST())))) {
			messages = append(messages, sentence(one.Error()))
		}
		end := len(text)
		if i+1 < len(rules) {
			end = rules[i+1].position.Offset
		}
		for _, message := range messages {
			p := Problem{Line: r.position.Line, Column: r.position.Column, Policy: r.id, Message: message}
			if r.position.Offset < end && end <= len(text) {
				p.Line, p.Column = find(text, r.position.Offset, end, message, p.Line, p.Column)
			}
			if !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
	}
	return out
}

func flat(err error) []error {
	if err == nil {
		return nil
	}
	many, ok := err.(interface{ Unwrap() []error }) // the list itself is asked for
	if !ok {
		return []error{err}
	}
	var out []error
	for _, one := range many.Unwrap() {
		out = append(out, flat(one)...)
	}
	return out
}

func sentence(message string) string {
	message = strings.TrimSpace(message)
	if message == "" {
		return "The policy does not fit the schema."
	}
	return strings.ToUpper(message[:1]) + strings.TrimSuffix(message[1:], ".") + "."
}

// named is what a message of the validator is about.
var named = regexp.MustCompile("`([^`]+)`")

// find is where in the policy the thing stands that a message names: the
// validator says which policy, not which line.
func find(text string, start, end int, message string, line, column int) (foundLine, foundColumn int) {
	for _, m := range named.FindAllStringSubmatch(message, -1) {
		name := strings.TrimSuffix(strings.TrimSuffix(m[1], `"`), "?")
		if i := strings.LastIndex(name, "."); i >= 0 && !strings.Contains(name, `"`) {
			name = name[i+1:]
		}
		if i := strings.LastIndex(name, `"`); i >= 0 {
			name = name[i+1:]
		}
		// The last place is the use; the first may be the guard or an annotation.
		if at := strings.LastIndex(text[start:end], name); name != "" && at >= 0 {
			before := text[:start+at]
			return strings.Count(before, "\n") + 1, start + at - strings.LastIndex(before, "\n")
		}
	}
	return line, column
}
