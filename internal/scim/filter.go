package scim

import (
	"encoding/json"
	"strings"
)

// filter is a parsed filter (RFC 7644, 3.4.2.2).
type filter struct {
	match func(resource map[string]any) bool
	// rows is what the database can say of it; see columns.
	rows condition
}

const (
	maxFilter = 2000
	maxDepth  = 20
)

// parseFilter reads a filter; only names and operators of the standard. known
// are the attributes that the database has.
func parseFilter(text string, known columns) (filter, error) {
	if len(text) > maxFilter {
		return filter{}, bad("invalidFilter", "The filter is too long.")
	}
	p := &parser{text: text, known: known}
	f, err := p.or(0)
	if err != nil {
		return filter{}, err
	}
	if p.skip(); p.at < len(p.text) {
		return filter{}, bad("invalidFilter", "The filter has something behind its end.")
	}
	return f, nil
}

type parser struct {
	text  string
	at    int
	known columns
	// inside says that the names are those of a list's items.
	inside bool
}

func (p *parser) skip() {
	for p.at < len(p.text) && p.text[p.at] == ' ' {
		p.at++
	}
}

// word reads a name, an operator or a number.
func (p *parser) word() string {
	p.skip()
	from := p.at
	for p.at < len(p.text) && !strings.ContainsRune(" ()[]\"", rune(p.text[p.at])) {
		p.at++
	}
	return p.text[from:p.at]
}

func (p *parser) keyword(word string) bool {
	before := p.at
	if strings.EqualFold(p.word(), word) {
		return true
	}
	p.at = before
	return false
}

func (p *parser) symbol(c byte) bool {
	if p.skip(); p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *parser) or(depth int) (filter, error) {
	left, err := p.and(depth)
	for err == nil && p.keyword("or") {
		var right filter
		first := left
		if right, err = p.and(depth); err == nil {
			left = filter{func(r map[string]any) bool { return first.match(r) || right.match(r) }, first.rows.or(right.rows)}
		}
	}
	return left, err
}

func (p *parser) and(depth int) (filter, error) {
	left, err := p.one(depth)
	for err == nil && p.keyword("and") {
		var right filter
		first := left
		if right, err = p.one(depth); err == nil {
			left = filter{func(r map[string]any) bool { return first.match(r) && right.match(r) }, first.rows.and(right.rows)}
		}
	}
	return left, err
}

func (p *parser) one(depth int) (filter, error) {
	if depth > maxDepth {
		return filter{}, bad("invalidFilter", "The filter is too deep.")
	}
	not := p.keyword("not")
	if p.symbol('(') {
		inner, err := p.or(depth + 1)
		if err != nil {
			return filter{}, err
		}
		if !p.symbol(')') {
			return filter{}, bad("invalidFilter", "The filter lacks a closing parenthesis.")
		}
		if not {
			return filter{func(r map[string]any) bool { return !inner.match(r) }, inner.rows.not()}, nil
		}
		return inner, nil
	}
	if not {
		return filter{}, bad("invalidFilter", "The filter needs a parenthesis behind not.")
	}
	return p.attribute(depth)
}

func (p *parser) attribute(depth int) (filter, error) {
	path := canonicalPath(p.word())
	if path == "" {
		return filter{}, bad("invalidFilter", "The filter lacks the name of an attribute.")
	}
	if p.symbol('[') {
		outside := p.inside
		p.inside = true
		inner, err := p.or(depth + 1)
		p.inside = outside
		if err != nil {
			return filter{}, err
		}
		if !p.symbol(']') {
			return filter{}, bad("invalidFilter", "The filter lacks a closing bracket.")
		}
		return filter{match: func(r map[string]any) bool {
			for _, v := range values(r, path) {
				if m, ok := v.(map[string]any); ok && inner.match(m) {
					return true
				}
			}
			return false
		}}, nil
	}
	operator := strings.ToLower(p.word())
	if operator == "pr" {
		return filter{match: func(r map[string]any) bool { return len(values(r, path)) > 0 }}, nil
	}
	if !strings.Contains(" eq ne co sw ew gt ge lt le ", " "+operator+" ") {
		return filter{}, bad("invalidFilter", "The filter has an unknown operator.")
	}
	want, err := p.value()
	if err != nil {
		return filter{}, err
	}
	var rows condition
	if column := p.known[path]; operator == "eq" && column != nil && !p.inside {
		rows = column(want)
	}
	return filter{func(r map[string]any) bool {
		found := false
		for _, have := range values(r, path) {
			if m, ok := have.(map[string]any); ok {
				have = m["value"]
			}
			found = found || compare(path, operator, have, want)
		}
		if operator == "ne" {
			return !anyEqual(path, values(r, path), want)
		}
		return found
	}, rows}, nil
}

func anyEqual(path string, have []any, want any) bool {
	for _, h := range have {
		if compare(path, "eq", h, want) {
			return true
		}
	}
	return false
}

func (p *parser) value() (any, error) {
	p.skip()
	dec := json.NewDecoder(strings.NewReader(p.text[p.at:]))
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, bad("invalidFilter", "The filter has a value that is neither text, number, true, false nor null.")
	}
	p.at += int(dec.InputOffset())
	switch v.(type) {
	case map[string]any, []any:
		return nil, bad("invalidFilter", "The filter compares with a list or an object.")
	}
	return v, nil
}

// exact are the attributes whose letter case counts.
func exact(path string) bool { return path == "id" || path == "externalId" || path == "value" }

func compare(path, operator string, have, want any) bool {
	a, isText := have.(string)
	b, wantText := want.(string)
	if !isText || !wantText {
		return operator == "eq" && have == want
	}
	if !exact(path) {
		a, b = fold(a), fold(b)
	}
	switch operator {
	case "eq":
		return a == b
	case "co":
		return strings.Contains(a, b)
	case "sw":
		return strings.HasPrefix(a, b)
	case "ew":
		return strings.HasSuffix(a, b)
	case "gt":
		return a > b
	case "ge":
		return a >= b
	case "lt":
		return a < b
	case "le":
		return a <= b
	default:
		return false
	}
}

// values are what stands at a path: one level of sub-attributes, through lists.
func values(r map[string]any, path string) []any {
	name, sub, nested := strings.Cut(path, ".")
	v, ok := r[name]
	if !ok || v == nil || v == "" {
		return nil
	}
	list, many := v.([]any)
	if !many {
		list = []any{v}
	}
	if !nested {
		return list
	}
	var out []any
	for _, item := range list {
		if m, ok := item.(map[string]any); ok && m[sub] != nil {
			out = append(out, m[sub])
		}
	}
	return out
}

// names are the attributes that are known, in the standard's letters.
func names() []string {
	return []string{
		"id", "externalId", "userName", "name", "displayName", "nickName", "title", "userType", "active", "emails", "phoneNumbers", "groups", "members", "meta",
		"value", "type", "primary", "display", "givenName", "familyName", "formatted", "middleName", "preferredLanguage", "locale", "timezone", "created", "lastModified",
		"department", "employeeNumber", "costCenter", "organization", "division", "manager",
	}
}

// canonical is a name in the standard's letters: attributes are found whatever
// their letter case is.
func canonical(name string) string {
	for _, known := range names() {
		if strings.EqualFold(known, name) {
			return known
		}
	}
	return name
}

// canonicalPath leaves out the schema in front and puts names into the
// standard's letters.
func canonicalPath(path string) string {
	for _, schema := range []string{schemaUser, schemaGroup} {
		if len(path) > len(schema) && strings.EqualFold(path[:len(schema)], schema) && path[len(schema)] == ':' {
			path = path[len(schema)+1:]
		}
	}
	if strings.HasPrefix(strings.ToLower(path), "urn:") {
		return path
	}
	name, sub, nested := strings.Cut(path, ".")
	if nested {
		return canonical(name) + "." + canonical(sub)
	}
	return canonical(name)
}
