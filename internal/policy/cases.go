package policy

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A case is a test that stands beside policies: who does what to what, and
// whether that is to be allowed. One line each:
//
//	allow: roles=developer teams=payments | catalog.write | Service/checkout teams=payments
//	deny: roles={viewer,developer} | user.write | Account/ada | | administrators-manage-users
//
// The third part is a type of resource, or a blueprint, and an id; the fourth
// is the context and the fifth the policy that has to decide. Lists are joined
// by commas; {a,b} makes one case of each.
type testCase struct {
	line    int
	text    string
	allow   bool
	request Request
	rule    string
}

const (
	maxCases    = 2000
	maxCaseText = 64 << 10
	maxCaseLine = 1000
)

// Failure is a case that came out otherwise.
type Failure struct {
	Line int    `json:"line"`
	Case string `json:"case"`
	// Got is what was decided, by which policy and why.
	Got    string `json:"got"`
	Rule   string `json:"rule"`
	Reason string `json:"reason"`
}

func parseCases(text string) ([]testCase, []Problem) {
	if len(text) > maxCaseText {
		return nil, []Problem{{Line: 1, Column: 1, Message: fmt.Sprintf("The tests are larger than %d bytes.", maxCaseText)}}
	}
	var out []testCase
	var problems []Problem
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		wrong := func(message string) { problems = append(problems, Problem{Line: i + 1, Column: 1, Message: message}) }
		if len(line) > maxCaseLine {
			wrong("The line is too long.")
			continue
		}
		for _, one := range expand(line, maxCases+1-len(out)) {
			c, message := parseCase(one)
			if message != "" {
				wrong(message)
				break
			}
			c.line = i + 1
			out = append(out, c)
		}
		if len(out) > maxCases {
			wrong(fmt.Sprintf("There are more than %d cases.", maxCases))
			return nil, problems
		}
	}
	return out, problems
}

// expand writes {a,b} out, at most limit times.
func expand(line string, limit int) []string {
	start := strings.Index(line, "{")
	end := strings.Index(line, "}")
	if start < 0 || end < start {
		return []string{line}
	}
	var out []string
	for choice := range strings.SplitSeq(line[start+1:end], ",") {
		for _, rest := range expand(line[end+1:], limit) {
			if len(out) >= limit {
				return out
			}
			out = append(out, line[:start]+strings.TrimSpace(choice)+rest)
		}
	}
	return out
}

func parseCase(line string) (testCase, string) {
	c := testCase{text: line}
	outcome, rest, found := strings.Cut(line, ":")
	if c.allow = outcome == "allow"; !found || !c.allow && outcome != "deny" {
		return c, `A case begins with "allow:" or "deny:".`
	}
	parts := strings.Split(rest, "|")
	for len(parts) < 5 {
		parts = append(parts, "")
	}
	if len(parts) > 5 {
		return c, "A case has at most five parts: who | does what | to what | context | policy."
	}
	c.request.Action, c.rule = strings.TrimSpace(parts[1]), strings.TrimSpace(parts[4])
	if !slices.ContainsFunc(Verbs(), func(v Verb) bool { return v.ID == c.request.Action }) {
		return c, "The second part is no action: one of " + strings.Join(verbIDs(), ", ") + "."
	}
	message := c.subject(parts[0])
	if message == "" {
		message = c.resource(parts[2])
	}
	if message == "" {
		message = c.given(parts[3])
	}
	return c, message
}

func verbIDs() []string {
	var out []string
	for _, v := range Verbs() {
		out = append(out, v.ID)
	}
	return out
}

// pairs reads "a=b c=d,e".
func pairs(text string, take func(name, value string) string) string {
	for field := range strings.FieldsSeq(text) {
		name, value, found := strings.Cut(field, "=")
		if !found {
			return strconv.Quote(field) + " is not of the form name=value."
		}
		if message := take(name, value); message != "" {
			return message
		}
	}
	return ""
}

func listOf(value string) []string {
	if value == "" {
		return []string{}
	}
	return strings.Split(value, ",")
}

func (c *testCase) subject(text string) string {
	s := &c.request.Subject
	s.ID, s.Status = "me", "active"
	return pairs(text, func(name, value string) string {
		switch name {
		case "id":
			s.ID = value
		case "kind":
			s.Kind = value
		case "roles":
			s.Roles = listOf(value)
		case "teams":
			s.Teams = listOf(value)
		case "status":
			s.Status = value
		case "contractor":
			s.Contractor = value == "true"
		case "via":
			s.Via = value
		case "scopes":
			s.Scopes = listOf(value)
		case "blueprints":
			s.Blueprints = listOf(value)
		case "environments":
			s.Environments = listOf(value)
		case "readOnly":
			s.ReadOnly = value == "true"
		default:
			return name + " is not known of a subject: id, kind, roles, teams, status, contractor, via, scopes, blueprints, environments, readOnly."
		}
		return ""
	})
}

func (c *testCase) resource(text string) string {
	r := &c.request.Resource
	text = strings.TrimSpace(text)
	what, rest, _ := strings.Cut(text, " ")
	kind, id, _ := strings.Cut(what, "/")
	switch {
	case what == "":
		r.Type = TypePortal
	case slices.Contains(Types(), kind):
		r.Type = kind
	default:
		r.Type, r.Blueprint = TypeEntity, strings.TrimPrefix(kind, "entity:")
	}
	r.ID = id
	return pairs(rest, func(name, value string) string {
		property, isProperty := strings.CutPrefix(name, "properties.")
		switch {
		case isProperty:
			if r.Properties == nil {
				r.Properties = map[string]any{}
			}
			r.Properties[property] = scalar(value)
		case name == "teams":
			r.Teams = listOf(value)
		case name == "environment":
			r.Environment = value
		case name == "environmentKind":
			r.EnvironmentKind = value
		case name == "author":
			r.Author = value
		default:
			return name + " is not known of a resource: teams, environment, environmentKind, author, properties.NAME."
		}
		return ""
	})
}

// given reads the context; what is a set in the schema is a list here.
func (c *testCase) given(text string) string {
	return pairs(text, func(name, value string) string {
		i := slices.IndexFunc(ContextFields(), func(f ContextField) bool { return f.Name == name })
		if i < 0 {
			return name + " is not known in a context."
		}
		if c.request.Context == nil {
			c.request.Context = map[string]any{}
		}
		if c.request.Context[name] = scalar(value); ContextFields()[i].Type == "Set<String>" {
			c.request.Context[name] = listOf(value)
		}
		return ""
	})
}

// scalar is a number or a truth value where it reads like one.
func scalar(value string) any {
	var v any
	decoder := json.NewDecoder(strings.NewReader(value))
	decoder.UseNumber()
	if err := decoder.Decode(&v); err != nil || decoder.More() {
		return value
	}
	switch v.(type) {
	case json.Number, bool:
		return v
	default:
		return value
	}
}

// run decides each case and returns those that came out otherwise, and those
// where a policy could not be evaluated.
func (s *set) run(_ context.Context, cases []testCase) []Failure {
	var out []Failure
	for _, c := range cases {
		d := s.decide(c.request)
		if d.Allowed == c.allow && len(d.Errors) == 0 && (c.rule == "" || slices.Contains(append(d.Rules, d.Rule), c.rule)) {
			continue
		}
		f := Failure{Line: c.line, Case: c.text, Got: "denied", Rule: d.Rule, Reason: d.Reason}
		if d.Allowed {
			f.Got = "allowed"
		}
		out = append(out, f)
	}
	return out
}
