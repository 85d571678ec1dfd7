package query

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"sphera/internal/store"
)

// grade is a scorecard's level or a rule's status as text.
func (c *compiler) grade(r Rule) string {
	id := c.arg(r.Scorecard)
	if c.d == store.SQLite {
		if r.ScorecardRule == "" {
			return "(SELECT json_extract(j.value, '$.level') FROM json_each(e.scorecards) j WHERE j.key = " + id + ")"
		}
		return "(SELECT json_extract(g.value, '$.status') FROM json_each(e.scorecards) j, json_each(j.value, '$.rules') g WHERE j.key = " + id +
			" AND json_extract(g.value, '$.identifier') = " + c.arg(r.ScorecardRule) + " LIMIT 1)"
	}
	result := "e.scorecards -> CAST(" + id + " AS TEXT)"
	if r.ScorecardRule == "" {
		return "(" + result + ` ->> 'level' COLLATE "C")`
	}
	return "((SELECT g.value ->> 'status' FROM jsonb_array_elements(CASE WHEN jsonb_typeof(" + result + " -> 'rules') = 'array' THEN " + result +
		" -> 'rules' END) g WHERE g.value ->> 'identifier' = " + c.arg(r.ScorecardRule) + ` LIMIT 1) COLLATE "C")`
}

// target compares what a relation points at. By the name of the property
// alone, contains looks at identifier and title.
func (c *compiler) target(r Rule, relation string, o operand) string {
	name := c.arg(relation)
	link := "EXISTS (SELECT 1 FROM entity_relations l WHERE l.source = e.id AND l.relation = " + name + ")"
	if r.Operator == "isEmpty" || r.Operator == "=" && asksNull(o) {
		return "NOT " + link
	}
	identifiers := r.TargetProperty != "$title"
	titles := !identifiers || r.Relation == "" && r.Operator == "contains"
	title := column{text: "t.title", folded: "t.title_fold"}
	if c.d == store.Postgres {
		title.text = `(t.title COLLATE "C")`
	}
	var parts []string
	if identifiers {
		parts = append(parts, c.text(column{text: "t.identifier"}, r.Operator, o))
	}
	if titles {
		parts = append(parts, c.text(title, r.Operator, o))
	}
	condition := any1(parts)
	if !titles {
		switch r.Operator {
		case "=", "in", "containsAny", matchAny:
			// From the targets, which an index finds.
			return "(e.id IN (SELECT l.source FROM entity_relations l WHERE l.relation = " + name + " AND l.target IN (SELECT t.id FROM entities t WHERE t.blueprint = " +
				c.arg(c.f.ByName[relation].Target) + " AND " + condition + ")))"
		}
	}
	return "EXISTS (SELECT 1 FROM entity_relations l JOIN entities t ON t.id = l.target WHERE l.source = e.id AND l.relation = " + name + " AND " + condition + ")"
}

// named is the ids of entities that are named by blueprint and identifier.
func (c *compiler) named(blueprints []string, o operand) string {
	list := c.texts(o)
	if list == "" || len(blueprints) == 0 {
		return "SELECT s.id FROM entities s WHERE " + no
	}
	var parts []string
	for _, b := range blueprints {
		parts = append(parts, "(s.blueprint = "+c.arg(b)+" AND s.identifier IN ("+list+"))")
	}
	return "SELECT s.id FROM entities s WHERE s.pending = 0 AND " + any1(parts)
}

// related: everything that relations lead to, only forward or only backward,
// over at most MaxHops.
func (c *compiler) related(r Rule, o operand) string {
	keep, from := "", ""
	if r.Required != nil {
		var parts []string
		for _, blueprint := range slices.Sorted(maps.Keys(c.f.Links)) {
			for _, relation := range slices.Sorted(maps.Keys(c.f.Links[blueprint])) {
				if c.f.Links[blueprint][relation].Required == *r.Required {
					parts = append(parts, "(x.blueprint = "+c.arg(blueprint)+" AND l.relation = "+c.arg(relation)+")")
				}
			}
		}
		from, keep = " JOIN entities x ON x.id = l.source", " AND "+any1(parts)
	}
	walk := func(here, there string) string {
		return "e.id IN (WITH RECURSIVE reach (id, hop) AS (SELECT l." + there + ", 1 FROM entity_relations l" + from + " WHERE l." + here + " IN (" + c.named([]string{r.Blueprint}, o) + ")" + keep +
			" UNION SELECT l." + there + ", reach.hop + 1 FROM reach JOIN entity_relations l ON l." + here + " = reach.id" + from +
			" WHERE reach.hop < " + strconv.Itoa(MaxHops) + keep + ") SELECT id FROM reach)"
	}
	var parts []string
	if r.Direction != "downstream" {
		parts = append(parts, walk("source", "target"))
	}
	if r.Direction != "upstream" {
		parts = append(parts, walk("target", "source"))
	}
	return any1(parts)
}

// path: from the entities that are named along the path to the candidate, hop
// by hop, each a set.
func (c *compiler) path(r Rule, o operand) string {
	ends, bad := c.ends(r.Path)
	if bad >= 0 {
		return c.none("/property/path/"+strconv.Itoa(bad), fmt.Sprintf("%q is not a relation there", cut(r.Path.Hops[bad].Relation)), "a relation of the blueprint that the path has come to")
	}
	hops, here, there := slices.Clone(r.Path.Hops), "source", "target"
	var set string
	if r.Path.From != "" {
		set = c.named([]string{r.Path.From}, o)
	} else {
		slices.Reverse(hops)
		here, there = "target", "source"
		set = c.named(ends, o)
	}
	for _, hop := range hops {
		relation := c.arg(hop.Relation)
		first := "SELECT l." + there + " FROM entity_relations l WHERE l.relation = " + relation + " AND l." + here + " IN (" + set + ")"
		if hop.MaxHops > 1 {
			set = "WITH RECURSIVE hops (id, hop) AS (" + strings.Replace(first, " FROM", ", 1 FROM", 1) + " UNION SELECT l." + there + ", hops.hop + 1 FROM hops JOIN entity_relations l ON l." + here +
				" = hops.id AND l.relation = " + relation + " WHERE hops.hop < " + strconv.Itoa(hop.MaxHops) + ") SELECT id FROM hops"
			continue
		}
		set = first
	}
	return "e.id IN (" + set + ")"
}

// ends are the blueprints a path can end at; bad is the hop that leads nowhere,
// or -1.
func (c *compiler) ends(p *Path) (ends []string, bad int) {
	at := map[string]bool{c.f.Blueprint: true}
	if p.From != "" {
		at = map[string]bool{p.From: true}
	}
	for i, hop := range p.Hops {
		next := map[string]bool{}
		for range max(hop.MaxHops, 1) {
			step := map[string]bool{}
			for b := range at {
				if link, ok := c.f.Links[b][hop.Relation]; ok {
					step[link.Target] = true
				}
			}
			maps.Copy(next, step)
			at = step
		}
		if len(next) == 0 {
			return nil, i
		}
		at = next
	}
	return slices.Sorted(maps.Keys(at)), -1
}
