// Package naming follows new names through documents: what is kept as JSON
// (webhooks, integrations, pages, actions, rules, permissions, saved views)
// says which blueprint, property, relation or entity it means by its name.
// What is certain is renamed; what may mean it and is not certain is told.
package naming

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Kind is what has a new name.
type Kind string

// The kinds. A mirror, a calculation and an aggregation count as properties.
const (
	Blueprint Kind = "blueprint"
	Property  Kind = "property"
	Relation  Kind = "relation"
	Entity    Kind = "entity"
)

// Change is one new name.
type Change struct {
	Kind Kind
	// Blueprint is whose property, relation or entity it is; of a blueprint its
	// name before.
	Blueprint string
	Old, New  string
	// By is the id of whoever renames.
	By string
	// Target is where a relation leads, by the names before; "" where nowhere.
	Target func(blueprint, relation string) string
}

// Found is where the name was found.
type Found struct {
	// Followed are the places that were changed.
	Followed []string
	// Left are places that may mean it and were left: somebody has to look.
	Left []string
}

// Add adds what else was found.
func (f *Found) Add(o Found) {
	f.Followed = append(f.Followed, o.Followed...)
	f.Left = append(f.Left, o.Left...)
}

// Note adds a document in which something was changed, or places that were left.
func (f *Found) Note(what string, changed bool, left []string) {
	if changed {
		f.Followed = append(f.Followed, what)
	}
	for _, at := range left {
		f.Left = append(f.Left, what+at)
	}
}

// JSON renames in a JSON text that is about the blueprint of, or "" for none in
// particular. Numbers stay as they were written. left are pointers.
func (c Change) JSON(raw []byte, of string) (out []byte, changed bool, left []string, err error) {
	if !c.Mentioned(string(raw)) {
		return raw, false, nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var doc any
	if err := d.Decode(&doc); err != nil {
		return raw, false, nil, fmt.Errorf("rename in a document: %w", err)
	}
	doc, changed, left = c.Document(doc, of)
	if !changed {
		return raw, false, left, nil
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(doc); err != nil {
		return raw, false, left, fmt.Errorf("rename in a document: %w", err)
	}
	return bytes.TrimSpace(b.Bytes()), true, left, nil
}

// Mentioned tells whether a JSON text can have the name at all.
func (c Change) Mentioned(raw string) bool {
	quoted, err := json.Marshal(c.Old)
	return strings.Contains(raw, c.Old) || err == nil && strings.Contains(raw, string(quoted[1:len(quoted)-1]))
}

// Document is JSON for a document that is decoded; it is changed in place.
func (c Change) Document(doc any, of string) (out any, changed bool, left []string) {
	w := &walker{Change: c, word: regexp.MustCompile(`(^|[^\p{L}0-9_])` + regexp.QuoteMeta(c.Old) + `($|[^\p{L}0-9_])`)}
	out = w.value(doc, place{of: of, jq: of})
	return out, w.changed, w.left
}

type walker struct {
	Change
	word    *regexp.Regexp
	changed bool
	left    []string
}

// place is where in a document something stands.
type place struct {
	at string
	// key is the name it has in its object, or that of the list it is in.
	key string
	// of is the blueprint that names there are of, jq the one whose entity
	// expressions have; "" where that cannot be told.
	of, jq string
	// action: the expressions are templates, and other texts constants.
	action bool
}

func (p place) under(key string) place {
	p.at += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
	p.key = key
	return p
}

func (p place) item(i int) place {
	p.at += "/" + strconv.Itoa(i)
	return p
}

func (w *walker) leave(p place) {
	if !slices.Contains(w.left, p.at) && len(w.left) < 100 {
		w.left = append(w.left, p.at)
	}
}

// mine tells whether names at a place are those of the blueprint whose part is
// renamed; sure is false where that is not known.
func (w *walker) mine(of string) (mine, sure bool) { return of == w.Blueprint, of != "" }

func (w *walker) value(v any, p place) any {
	switch v := v.(type) {
	case map[string]any:
		return w.object(v, p)
	case []any:
		for i := range v {
			v[i] = w.value(v[i], p.item(i))
		}
		return v
	case string:
		return w.text(v, p)
	default:
		return v
	}
}

func (w *walker) object(m map[string]any, p place) any {
	p.of = about(m, p.of)
	if trigger, ok := m["trigger"].(map[string]any); ok {
		// An action: expressions have the entity, or event, that started it.
		event, _ := trigger["event"].(map[string]any)
		p.jq, p.action = about(event, about(trigger, "")), true
	} else if !p.action {
		p.jq = p.of
	}
	if _, rule := m["operator"].(string); rule {
		w.rule(m, p)
		return m
	}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		w.member(m, key, p)
	}
	return m
}

// about is the blueprint that an object says it is about.
func about(m map[string]any, otherwise string) string {
	for _, key := range []string{"blueprint", "blueprintIdentifier", "sourceBlueprint"} {
		if name, ok := m[key].(string); ok && name != "" {
			if plain, ok := constant(name); ok {
				return plain
			}
			return name
		}
	}
	rules, _ := m["rules"].([]any)
	if m["combinator"] == "or" {
		rules = nil
	}
	for _, one := range rules {
		rule, _ := one.(map[string]any)
		if name, ok := rule["value"].(string); ok && rule["property"] == "$blueprint" && rule["operator"] == "=" {
			return name
		}
	}
	return otherwise
}

// constant reads jq that is nothing but a text.
func constant(text string) (string, bool) {
	t := strings.TrimSpace(text)
	if len(t) >= 2 && (t[0] == '"' || t[0] == '\'') && t[len(t)-1] == t[0] && !strings.ContainsAny(t[1:len(t)-1], `"'\`) {
		return t[1 : len(t)-1], true
	}
	return "", false
}

// renamed gives the new name for the old one, plain or as a constant in jq.
func (w *walker) renamed(v any) (any, bool) {
	text, _ := v.(string)
	if text == w.Old && text != "" {
		w.changed = true
		return w.New, true
	}
	if plain, ok := constant(text); ok && plain == w.Old {
		w.changed = true
		return strings.Replace(text, w.Old, w.New, 1), true
	}
	return v, false
}

// renamedIn is renamed for a value or a list of values.
func (w *walker) renamedIn(v any) any {
	if list, ok := v.([]any); ok {
		for i := range list {
			list[i], _ = w.renamed(list[i])
		}
		return list
	}
	out, _ := w.renamed(v)
	return out
}

func (w *walker) member(m map[string]any, key string, p place) {
	v, below := m[key], p.under(key)
	switch {
	case shown(key):
	case isBlueprintKey(key):
		if w.Kind == Blueprint {
			if list, ok := v.([]any); ok {
				m[key] = w.renamedIn(list)
				return
			}
			if now, ok := w.renamed(v); ok {
				m[key] = now
				return
			}
		}
		below.of = ""
		m[key] = w.value(v, below)
	case key == "blueprintConfig":
		w.byBlueprint(v, below)
	case key == "teams" || key == "users":
		if w.Kind == Entity && (key == "teams" && w.Blueprint == "_team" || key == "users" && w.Blueprint == "_user") {
			m[key] = w.renamedIn(v)
		}
	case key == "entity" || key == "mapping" || key == "mappings":
		w.mappings(m, key, below)
	case key == "path":
		w.path(m, below)
	case isNameKey(key):
		m[key] = w.names(v, below)
	default:
		m[key] = w.value(v, below)
	}
}

// mappings are one or a list of what entities are made by.
func (w *walker) mappings(m map[string]any, key string, p place) {
	makes := func(v any) (map[string]any, bool) {
		one, ok := v.(map[string]any)
		return one, ok && one["entity"] == nil && (one["properties"] != nil || one["relations"] != nil || one["identifier"] != nil)
	}
	if one, ok := makes(m[key]); ok {
		w.mapping(one, p)
		return
	}
	list, ok := m[key].([]any)
	if !ok {
		m[key] = w.value(m[key], p)
		return
	}
	for i := range list {
		if one, ok := makes(list[i]); ok {
			w.mapping(one, p.item(i))
		} else {
			list[i] = w.value(list[i], p.item(i))
		}
	}
}

// byBlueprint is settings under the names of blueprints.
func (w *walker) byBlueprint(v any, p place) {
	m, _ := v.(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(m)) {
		below := p.under(key)
		below.of, below.jq = key, key
		m[key] = w.value(m[key], below)
		if w.Kind == Blueprint && key == w.Old {
			w.key(m, key)
		}
	}
}

func (w *walker) key(m map[string]any, key string) {
	if _, taken := m[w.New]; taken {
		return
	}
	m[w.New] = m[key]
	delete(m, key)
	w.changed = true
}

// mapping makes an entity: its properties and relations are by name, and all
// texts in it are jq, whose input is not an entity of the catalog for sure.
func (w *walker) mapping(m map[string]any, p place) {
	p.of = about(m, p.of)
	if !p.action {
		p.jq = p.of
	}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		below := p.under(key)
		one, nested := m[key].(map[string]any)
		if isBlueprintKey(key) {
			w.member(m, key, p)
			continue
		}
		if !nested || key != "properties" && key != "relations" {
			if key != "identifier" || !w.constantID(m, key, p, p.of) {
				m[key] = w.value(m[key], below)
			}
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(one)) {
			inner := below.under(name)
			if key == "relations" {
				inner.of = w.target(p.of, name)
			}
			if key != "relations" || !w.constantID(one, name, p, inner.of) {
				one[name] = w.value(one[name], inner)
			}
			if name == w.Old && (key == "properties" && w.Kind == Property || key == "relations" && w.Kind == Relation) {
				if mine, sure := w.mine(p.of); mine {
					w.key(one, name)
				} else if !sure {
					w.leave(inner)
				}
			}
		}
	}
}

// constantID renames the identifier of an entity that m says under key; of is
// the blueprint it is of. A bare text is a name in actions and else jq.
func (w *walker) constantID(m map[string]any, key string, p place, of string) bool {
	if w.Kind != Entity || of != w.Blueprint || m[key] == w.Old && !p.action {
		return false
	}
	now, ok := w.renamed(m[key])
	m[key] = now
	return ok
}

func (w *walker) target(of, relation string) string {
	if w.Target == nil || of == "" {
		return ""
	}
	return w.Target(of, relation)
}

// names are names of properties or relations: one, or a list.
func (w *walker) names(v any, p place) any {
	if w.Kind != Property && w.Kind != Relation {
		return w.value(v, p)
	}
	rename := func(text string, p place) string {
		head, name := "", text
		if at := strings.LastIndexByte(text, '#'); at >= 0 { // property#language
			head, name = text[:at+1], text[at+1:]
		}
		if name != w.Old {
			return text
		}
		mine, sure := w.mine(p.of)
		if mine {
			w.changed = true
			return head + w.New
		}
		if !sure {
			w.leave(p)
		}
		return text
	}
	switch v := v.(type) {
	case string:
		return rename(v, p)
	case []any:
		for i, one := range v {
			if text, ok := one.(string); ok {
				v[i] = rename(text, p.item(i))
			} else {
				v[i] = w.value(one, p.item(i))
			}
		}
		return v
	default:
		return w.value(v, p)
	}
}

// shown are keys whose values people read, or that name the document itself.
func shown(key string) bool {
	switch key {
	case "title", "description", "icon", "markdown", "displayText", "name", "type", "id", "createdAt", "updatedAt", "createdBy", "updatedBy", "secret", "url":
		return true
	default:
		return false
	}
}

func isBlueprintKey(key string) bool {
	switch key {
	case "blueprint", "blueprintIdentifier", "sourceBlueprint", "fromBlueprint", "blueprints":
		return true
	default:
		return false
	}
}

// isNameKey tells of keys whose values are names of properties and relations.
func isNameKey(key string) bool {
	switch key {
	case "property", "propertyIdentifier", "propertyId", "measureTimeBy", "breakdownProperty", "groupBy", "sortBy", "propertyNames", "shown", "hidden", "order",
		"columns", "relation", "relationIdentifier":
		return true
	default:
		return false
	}
}
