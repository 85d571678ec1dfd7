package importer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"sphera/internal/catalog"

	"go.yaml.in/yaml/v3"
)

// The limits of a Backstage import, besides those of every import.
const (
	maxYAMLBytes = 4 << 20
	maxYAMLNodes = 500_000
	maxYAMLDepth = 64
)

// Backstage reads catalog-info.yaml files, several documents each, into
// blueprints named after the kinds and their entities. The format is that of
// the descriptor reference, "backstage.io/v1alpha1" and "v1beta1":
//
//   - metadata.name is the identifier, "namespace/name" outside of "default";
//     title, description, tags, links, labels and annotations are properties.
//   - spec.owner becomes the owning team, and stays as text in "owner".
//   - references become relations; dependsOn is split by kind, and what is
//     written from the other end (dependencyOf, children, members) is turned.
//   - what a spec has beyond that is kept in the property "spec".
func Backstage(files []catalog.ImportFile) Reading {
	b := &backstage{entities: map[ref]*descriptor{}, used: map[string]bool{}}
	for _, f := range files {
		b.read(f)
	}
	b.turn()
	return b.result()
}

// backstage is one import.
type backstage struct {
	Reading
	order    []*descriptor
	entities map[ref]*descriptor
	// used are the kinds there are.
	used map[string]bool
	// extra are relations to kinds that Backstage does not have of its own.
	extra map[string]map[string]relation
	// pending are the references that belong to the entity at the other end.
	pending []reversed
}

// ref is a reference to an entity: kind:namespace/name, the kind as Backstage
// capitalises it.
type ref struct{ kind, namespace, name string }

func (r ref) identifier() string {
	if r.namespace == "default" {
		return r.name
	}
	return r.namespace + "/" + r.name
}

// descriptor is one document of a file.
type descriptor struct {
	file       string
	root       *yaml.Node
	ref        ref
	title      string
	team       []string
	properties map[string]any
	relations  map[string]any
	// places finds the node of a JSON pointer.
	places map[string]*yaml.Node
}

// relation is a reference field of a spec.
type relation struct {
	title, target string
	many          bool
}

// field says what a reference in a spec means: the relation it becomes, and
// the kind that a reference without one has.
type field struct {
	name string
	relation
	// reverse is set when the field is written at the other end.
	reverse bool
}

// fields are the reference fields by kind, after the descriptor reference.
func fields(kind string) map[string]field {
	part := map[string]field{
		"dependsOn":    {name: "dependsOn", relation: relation{"Depends on", "", true}},
		"dependencyOf": {name: "dependsOn", relation: relation{"Depends on", "", true}, reverse: true},
		"system":       {name: "system", relation: relation{"System", "System", false}},
	}
	switch kind {
	case "Component":
		part["subcomponentOf"] = field{name: "subcomponentOf", relation: relation{"Part of", "Component", false}}
		part["providesApis"] = field{name: "providesApis", relation: relation{"Provides APIs", "API", true}}
		part["consumesApis"] = field{name: "consumesApis", relation: relation{"Consumes APIs", "API", true}}
		return part
	case "API", "Resource":
		return part
	case "System":
		return map[string]field{"domain": {name: "domain", relation: relation{"Domain", "Domain", false}}}
	case "Domain":
		return map[string]field{"subdomainOf": {name: "subdomainOf", relation: relation{"Part of", "Domain", false}}}
	case "Group":
		return map[string]field{
			"parent":   {name: "parent", relation: relation{"Parent", "Group", false}},
			"children": {name: "parent", relation: relation{"Parent", "Group", false}, reverse: true},
			"members":  {name: "memberOf", relation: relation{"Member of", "User", true}, reverse: true},
		}
	case "User":
		return map[string]field{"memberOf": {name: "memberOf", relation: relation{"Member of", "Group", true}}}
	default:
		return nil
	}
}

// kinds are Backstage's own, by their name in small letters.
func kinds() map[string]string {
	return map[string]string{
		"component": "Component", "api": "API", "resource": "Resource", "system": "System", "domain": "Domain",
		"group": "Group", "user": "User", "location": "Location", "template": "Template",
	}
}

func kindName(kind string) string {
	if known, ok := kinds()[strings.ToLower(kind)]; ok {
		return known
	}
	return kind
}

func (b *backstage) read(f catalog.ImportFile) {
	if len(f.Content) > maxYAMLBytes {
		b.refuse(f.Name, 1, 1, "", fmt.Sprintf("has %d bytes", len(f.Content)), fmt.Sprintf("At most %d bytes are read per file; split it at \"---\".", maxYAMLBytes))
		return
	}
	documents := yaml.NewDecoder(bytes.NewReader(f.Content))
	for {
		var document yaml.Node
		err := documents.Decode(&document)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			line, problem := yamlProblem(err)
			b.refuse(f.Name, line, 1, "", problem, "Mend the YAML; nothing after this place was read.")
			return
		}
		if len(document.Content) == 0 || isNull(document.Content[0]) {
			continue
		}
		root := document.Content[0]
		if line, problem := bounded(root); problem != "" {
			b.refuse(f.Name, line, 1, "", problem, "Write it out, and smaller.")
			return
		}
		b.document(f.Name, root)
	}
}

// yamlProblem takes the line out of what the parser says.
func yamlProblem(err error) (int, string) {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 1
	if _, scan := fmt.Sscanf(text, "line %d:", &line); scan == nil {
		_, text, _ = strings.Cut(text, ": ")
	}
	return max(line, 1), "is not YAML: " + text
}

// bounded refuses documents that unfold into more than they are: aliases are
// not followed, so they cannot, and anchors are refused for the same reason.
func bounded(root *yaml.Node) (int, string) {
	count := 0
	var walk func(n *yaml.Node, depth int) (int, string)
	walk = func(n *yaml.Node, depth int) (int, string) {
		count++
		switch {
		case n.Kind == yaml.AliasNode:
			return n.Line, "uses an alias (*" + n.Value + ")"
		case depth > maxYAMLDepth:
			return n.Line, fmt.Sprintf("is nested more than %d levels deep", maxYAMLDepth)
		case count > maxYAMLNodes:
			return n.Line, fmt.Sprintf("has more than %d values", maxYAMLNodes)
		}
		for _, child := range n.Content {
			if line, problem := walk(child, depth+1); problem != "" {
				return line, problem
			}
		}
		return 0, ""
	}
	return walk(root, 0)
}

func (b *backstage) document(file string, root *yaml.Node) {
	kindNode, meta, spec := child(root, "kind"), child(root, "metadata"), child(root, "spec")
	name := child(meta, "name")
	switch {
	case root.Kind != yaml.MappingNode:
		b.refuse(file, root.Line, root.Column, "", "is not a mapping", "A descriptor has apiVersion, kind, metadata and spec.")
		return
	case child(root, "apiVersion") == nil || kindNode == nil || kindNode.Kind != yaml.ScalarNode || kindNode.Value == "":
		b.refuse(file, root.Line, root.Column, "/kind", "has no apiVersion or no kind", "Write apiVersion: backstage.io/v1alpha1 and a kind.")
		return
	case name == nil || name.Kind != yaml.ScalarNode || name.Value == "":
		b.refuse(file, root.Line, root.Column, "/metadata/name", "has no metadata.name", "Give it a name.")
		return
	}
	namespace := text(child(meta, "namespace"))
	if namespace == "" {
		namespace = "default"
	}
	d := &descriptor{
		file: file, root: root, ref: ref{kindName(kindNode.Value), namespace, name.Value},
		title: text(child(meta, "title")), properties: map[string]any{}, relations: map[string]any{},
		places: map[string]*yaml.Node{"": root, "/identifier": name, "/blueprint": kindNode},
	}
	if other, twice := b.entities[d.ref]; twice {
		b.refuse(file, name.Line, name.Column, "/identifier", fmt.Sprintf("is the second %s %q; the first is in %s, line %d", d.ref.kind, d.ref.identifier(), other.file, other.root.Line), "Keep one of them.")
		return
	}
	if _, own := kinds()[strings.ToLower(d.ref.kind)]; !own {
		b.repair(file, kindNode.Line, kindNode.Column, "/kind", fmt.Sprintf("has the kind %q, which is not one of Backstage's own", d.ref.kind), "made a blueprint of it, with its spec as a whole")
	}
	b.metadata(d, meta)
	b.spec(d, spec)
	b.entities[d.ref] = d
	b.order = append(b.order, d)
	b.used[d.ref.kind] = true
}

func (b *backstage) metadata(d *descriptor, meta *yaml.Node) {
	for i := 0; i+1 < len(meta.Content); i += 2 {
		key, value := meta.Content[i].Value, meta.Content[i+1]
		switch key {
		case "name", "namespace", "title", "uid", "etag", "generation":
		case "description", "tags", "labels", "annotations":
			d.set(key, value)
		case "links":
			d.setValue(key, value, links(value))
		default:
			b.repair(d.file, value.Line, value.Column, "/metadata/"+key, fmt.Sprintf("has metadata.%s, which Backstage does not describe", key), "kept it in the property \"metadata\"")
			d.add("metadata", key, value)
		}
	}
	if d.ref.namespace != "default" {
		d.setValue("namespace", child(meta, "namespace"), d.ref.namespace)
	}
}

// links become links with a text, as the catalog knows them.
func links(n *yaml.Node) any {
	out := []any{}
	for _, item := range n.Content {
		link := map[string]any{"url": text(child(item, "url"))}
		if title := text(child(item, "title")); title != "" {
			link["displayText"] = title
		}
		out = append(out, link)
	}
	return out
}

func (b *backstage) spec(d *descriptor, spec *yaml.Node) {
	if spec == nil || spec.Kind != yaml.MappingNode {
		return
	}
	known := fields(d.ref.kind)
	_, own := kinds()[strings.ToLower(d.ref.kind)]
	for i := 0; i+1 < len(spec.Content); i += 2 {
		key, value := spec.Content[i].Value, spec.Content[i+1]
		f, isReference := known[key]
		switch {
		case isNull(value):
		case key == "owner":
			b.owner(d, value)
		case isReference:
			b.reference(d, key, f, value)
		case own && plainSpec(d.ref.kind, key):
			d.set(key, value)
		case d.ref.kind == "Group" && key == "profile" || d.ref.kind == "User" && key == "profile":
			b.profile(d, value)
		default:
			d.add("spec", key, value)
		}
	}
}

// plainSpec are the keys of a spec that become properties of their own.
func plainSpec(kind, key string) bool {
	switch key {
	case "type":
		return true
	case "lifecycle":
		return kind == "Component" || kind == "API"
	case "definition":
		return kind == "API"
	case "target", "targets", "presence":
		return kind == "Location"
	default:
		return false
	}
}

func (b *backstage) profile(d *descriptor, profile *yaml.Node) {
	for i := 0; i+1 < len(profile.Content); i += 2 {
		switch key, value := profile.Content[i].Value, profile.Content[i+1]; key {
		case "displayName":
			if d.title == "" {
				d.title = text(value)
			}
		case "email", "picture":
			d.set(key, value)
		default:
			d.add("spec", "profile", profile)
		}
	}
}

// owner keeps what was written, and names the owning team: the group, or the
// user where it is one.
func (b *backstage) owner(d *descriptor, n *yaml.Node) {
	r, problem := parseRef(text(n), "Group", d.ref.namespace)
	if problem != "" {
		b.refuse(d.file, n.Line, n.Column, "/spec/owner", problem, refRule)
		return
	}
	d.setValue("owner", n, text(n))
	if r.kind == "Group" {
		d.team = []string{r.identifier()}
	}
	d.places["/team"] = n
}

const refRule = "Write a reference: [kind:][namespace/]name."

func (b *backstage) reference(d *descriptor, key string, f field, n *yaml.Node) {
	list := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		list = n.Content
	}
	for i, item := range list {
		at := "/spec/" + key
		if n.Kind == yaml.SequenceNode {
			at += fmt.Sprintf("/%d", i)
		}
		r, problem := parseRef(text(item), f.target, d.ref.namespace)
		if problem != "" || item.Kind != yaml.ScalarNode {
			if problem == "" {
				problem = "is not a reference"
			}
			b.refuse(d.file, item.Line, item.Column, at, problem, refRule)
			continue
		}
		if f.reverse {
			b.pending = append(b.pending, reversed{d, key, f, r, item})
			continue
		}
		b.link(d, f, r, item)
	}
}

// link writes a reference as a relation. A relation leads to one blueprint:
// dependsOn, which may name any kind, becomes one relation per kind.
func (b *backstage) link(d *descriptor, f field, r ref, n *yaml.Node) {
	name, title, target := f.name, f.title, f.target
	if target == "" || !strings.EqualFold(target, r.kind) {
		name, title, target = f.name+plural(r.kind), f.title+" "+plural(r.kind), r.kind
		if f.target != "" {
			b.repair(d.file, n.Line, n.Column, "", fmt.Sprintf("refers to a %s where Backstage expects a %s", r.kind, f.target), fmt.Sprintf("made a relation %q of it", name))
		}
	}
	many := f.many || f.target == "" || target != f.target
	b.declare(d.ref.kind, name, relation{title, target, many})
	d.places["/relations/"+name] = n
	if !many {
		d.relations[name] = r.identifier()
		return
	}
	list, _ := d.relations[name].([]any)
	if !slices.Contains(list, any(r.identifier())) {
		d.relations[name] = append(list, r.identifier())
	}
	d.places[fmt.Sprintf("/relations/%s/%d", name, len(list))] = n
}

func (b *backstage) declare(kind, name string, r relation) {
	if b.extra == nil {
		b.extra = map[string]map[string]relation{}
	}
	if b.extra[kind] == nil {
		b.extra[kind] = map[string]relation{}
	}
	b.extra[kind][name] = r
	b.used[r.target] = true
}

func plural(kind string) string {
	switch kind {
	case "API":
		return "Apis"
	default:
		return kind + "s"
	}
}

// turn writes what was said at the other end where it belongs.
func (b *backstage) turn() {
	for _, p := range b.pending {
		other, ok := b.entities[p.other]
		if !ok {
			b.repair(p.by.file, p.node.Line, p.node.Column, "/spec/"+p.key, fmt.Sprintf("names %s %q, which is not among the files", p.other.kind, p.other.identifier()), "left it out: the relation belongs to that entity")
			continue
		}
		f := p.field
		if f.target != "" && f.name == "memberOf" {
			f.target = "Group"
		}
		b.link(other, f, p.by.ref, p.node)
	}
}

type reversed struct {
	by    *descriptor
	key   string
	field field
	other ref
	node  *yaml.Node
}

// parseRef reads [kind:][namespace/]name.
func parseRef(s, kind, namespace string) (ref, string) {
	if before, rest, ok := strings.Cut(s, ":"); ok {
		kind, s = before, rest
	}
	if before, rest, ok := strings.Cut(s, "/"); ok {
		namespace, s = before, rest
	}
	switch {
	case s == "" || namespace == "" || strings.ContainsAny(s, ":/ \t"):
		return ref{}, "is not a reference"
	case kind == "":
		return ref{}, "does not say of which kind it is"
	}
	return ref{kindName(kind), strings.ToLower(namespace), s}, ""
}

func (b *backstage) result() Reading {
	out := b.Reading
	var blueprints []Thing
	properties := map[string]map[string]any{}
	for _, d := range b.order {
		if properties[d.ref.kind] == nil {
			properties[d.ref.kind] = map[string]any{}
		}
		for name, value := range d.properties {
			properties[d.ref.kind][name] = describe(name, value)
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(b.used)) {
		first := slices.IndexFunc(b.order, func(d *descriptor) bool { return d.ref.kind == kind })
		thing := Thing{Blueprint: blueprintOf(kind, properties[kind], b.extra[kind])}
		if first >= 0 {
			d := b.order[first]
			thing.File, thing.place = d.file, func(string) (int, int) { return d.root.Line, d.root.Column }
		} else if len(b.order) > 0 {
			thing.File = b.order[0].file
		}
		blueprints = append(blueprints, thing)
	}
	out.Things = blueprints
	for _, d := range b.order {
		entity := catalog.NewEntity{Identifier: d.ref.identifier(), Title: d.title, Blueprint: d.ref.kind, Properties: d.properties, Relations: d.relations}
		if len(d.team) > 0 {
			entity.Team = names(d.team...)
		}
		out.Things = append(out.Things, Thing{File: d.file, Entity: entity, place: d.place})
	}
	return out
}

func blueprintOf(kind string, properties map[string]any, relations map[string]relation) map[string]any {
	if properties == nil {
		properties = map[string]any{}
	}
	related := map[string]any{}
	for name, r := range relations {
		related[name] = map[string]any{"title": r.title, "target": r.target, "required": false, "many": r.many}
	}
	return map[string]any{
		"identifier": kind, "title": kind,
		"schema":    map[string]any{"properties": properties, "required": []any{}},
		"relations": related, "ownership": map[string]any{"type": "Direct"},
	}
}

// describe is the property that holds a value.
func describe(name string, value any) map[string]any {
	out := map[string]any{"title": sentence(name), "type": "string"}
	switch name {
	case "links":
		return map[string]any{"title": "Links", "type": "array", "items": map[string]any{"type": "object", "format": "labeled-url"}}
	case "definition":
		out["format"] = "yaml"
		return out
	case "description":
		out["format"] = "markdown"
		return out
	}
	switch value.(type) {
	case []any:
		return map[string]any{"title": sentence(name), "type": "array", "items": map[string]any{"type": "string"}}
	case map[string]any:
		out["type"] = "object"
	case bool:
		out["type"] = "boolean"
	case int, int64, float64:
		out["type"] = "number"
	}
	return out
}

func sentence(name string) string {
	if name == "" {
		return name
	}
	return strings.ToUpper(name[:1]) + name[1:]
}
