package importer

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"sphera/internal/catalog"
	"sphera/internal/catalog/property"
)

// Port reads blueprints, scorecards and entities in Port's JSON, one or a list
// of them per file. What has a schema is a blueprint, what has a list of rules
// and a blueprint is a scorecard. Typographic quotes are repaired;
// anything else that is wrong is refused with its place.
func Port(files []catalog.ImportFile) Reading {
	p := &portReader{}
	for _, f := range files {
		p.read(f)
	}
	return p.Reading
}

type portReader struct{ Reading }

// metaKeys are written by the catalog; a file may have them from an export of
// another program, and they say nothing here.
func metaKeys() []string {
	return []string{"createdAt", "updatedAt", "createdBy", "updatedBy", "entityCount", "scorecards"}
}

// mergedKeys are the parts of a blueprint that an import merges by name.
func mergedKeys() []string {
	return []string{"relations", "mirrorProperties", "calculationProperties", "aggregationProperties", "formulaProperties"}
}

func (p *portReader) refuseAt(file string, root *node, pointer, problem, advice string) {
	line, column := root.at(pointer)
	p.refuse(file, line, column, pointer, problem, advice)
}

// read parses one file and sorts what is in it into blueprints and entities.
func (p *portReader) read(f catalog.ImportFile) {
	if !strings.HasSuffix(strings.ToLower(f.Name), ".json") {
		p.refuse(f.Name, 1, 1, "", "is not a .json file", "Leave it out, give it the ending .json, or say which format it has.")
		return
	}
	root, repairs, refusals := readJSON(f.Name, f.Content)
	p.Repairs = append(p.Repairs, repairs...)
	p.Refusals = append(p.Refusals, refusals...)
	if root == nil || len(refusals) > 0 {
		return
	}
	things := []*node{root}
	if root.kind == '[' {
		things = root.items
	}
	for _, thing := range things {
		switch {
		case thing.kind != '{':
			p.refuseAt(f.Name, thing, "", "is neither a blueprint nor an entity", "A blueprint or entity is an object: { ... }.")
		case thing.get("schema") != nil:
			p.blueprint(f.Name, thing)
		case isScorecard(thing):
			p.scorecard(f.Name, thing)
		default:
			p.entity(f.Name, thing)
		}
	}
}

func (p *portReader) blueprint(file string, root *node) {
	for _, m := range root.members {
		for _, known := range append(mergedKeys(), "identifier", "title", "description", "icon", "schema") {
			if m.key != known && strings.EqualFold(m.key, known) {
				p.refuseAt(file, root, "/"+property.Escape(m.key), fmt.Sprintf("is written %q", m.key), fmt.Sprintf("Write it %q: case counts in JSON.", known))
				return
			}
		}
	}
	if id := root.get("identifier"); id == nil || id.kind != '"' {
		p.refuseAt(file, root, "/identifier", "has no identifier", "Give the blueprint an \"identifier\".")
		return
	}
	doc, _ := root.value().(map[string]any)
	for _, key := range metaKeys() {
		delete(doc, key)
	}
	p.Things = append(p.Things, Thing{File: file, Blueprint: doc, place: root.at})
}

func isScorecard(root *node) bool {
	rules, blueprint := root.get("rules"), root.get("blueprint")
	return rules != nil && rules.kind == '[' && blueprint != nil && root.get("properties") == nil
}

func (p *portReader) scorecard(file string, root *node) {
	for _, key := range []string{"identifier", "blueprint"} {
		if n := root.get(key); n == nil || n.kind != '"' {
			p.refuseAt(file, root, "/"+key, "has no "+key, "A scorecard has an \"identifier\" and the \"blueprint\" it is for.")
			return
		}
	}
	doc, _ := root.value().(map[string]any)
	for _, key := range metaKeys() {
		delete(doc, key)
	}
	p.Things = append(p.Things, Thing{File: file, Scorecard: doc, place: root.at})
}

// entity takes an entity key by key: a file is refused for what it has too
// much as well.
func (p *portReader) entity(file string, root *node) {
	before := len(p.Refusals)
	for _, m := range root.members {
		at := "/" + property.Escape(m.key)
		switch m.key {
		case "identifier", "blueprint":
			if m.value.kind != '"' {
				p.refuseAt(file, root, at, "is not text", "Write it in double quotes.")
			}
		case "title", "icon":
			if m.value.kind != '"' && m.value.kind != 'n' {
				p.refuseAt(file, root, at, "is not text", "Write it in double quotes.")
			}
		case "properties", "relations":
			if m.value.kind != '{' && m.value.kind != 'n' {
				p.refuseAt(file, root, at, "is not an object", "Write { \"name\": value, ... }.")
			}
		case "team":
		default:
			if !slices.Contains(metaKeys(), m.key) {
				p.refuseAt(file, root, at, fmt.Sprintf("has the key %q, which entities do not have", short(m.key)), "Entities have identifier, title, icon, team, blueprint, properties and relations; blueprints have a schema.")
			}
		}
	}
	if root.get("identifier") == nil {
		p.refuseAt(file, root, "", "has no identifier", "Give it an \"identifier\".")
	}
	if len(p.Refusals) > before {
		return
	}
	doc, _ := root.value().(map[string]any)
	for _, key := range metaKeys() {
		delete(doc, key)
	}
	thing := Thing{File: file, place: root.at}
	raw, err := json.Marshal(doc)
	if err == nil {
		err = json.Unmarshal(raw, &thing.Entity)
	}
	if err != nil {
		p.refuseAt(file, root, "", "is not an entity: "+err.Error(), "Compare it with the description in docs/catalog.md.")
		return
	}
	p.Things = append(p.Things, thing)
}
