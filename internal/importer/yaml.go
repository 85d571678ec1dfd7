package importer

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// child is the value of a key in a mapping; nil when there is none.
func child(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

func text(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode || isNull(n) {
		return ""
	}
	return n.Value
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// plainValue is a node as JSON knows it. Dates stay the text they were written as,
// and so does every key.
func plainValue(n *yaml.Node) any {
	switch n.Kind {
	case yaml.MappingNode:
		out := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			out[n.Content[i].Value] = plainValue(n.Content[i+1])
		}
		return out
	case yaml.SequenceNode:
		out := make([]any, 0, len(n.Content))
		for _, item := range n.Content {
			out = append(out, plainValue(item))
		}
		return out
	}
	switch n.Tag {
	case "!!null":
		return nil
	case "!!bool", "!!int", "!!float":
		var v any
		if err := n.Decode(&v); err == nil && jsonable(v) {
			return v
		}
	}
	return n.Value
}

// jsonable leaves out .inf and .nan, which JSON does not have.
func jsonable(v any) bool {
	f, isFloat := v.(float64)
	return !isFloat || f-f == 0
}

// set makes a property of a node; tags and labels stay texts.
func (d *descriptor) set(name string, n *yaml.Node) {
	v := plainValue(n)
	switch list := v.(type) {
	case []any:
		for i := range list {
			if text(n.Content[i]) != "" {
				list[i] = n.Content[i].Value
			}
		}
	case map[string]any:
	default:
		v = n.Value
	}
	d.setValue(name, n, v)
}

func (d *descriptor) setValue(name string, n *yaml.Node, v any) {
	d.properties[name] = v
	d.places["/properties/"+name] = n
}

// add keeps a value under its key in a property that collects them.
func (d *descriptor) add(property, key string, n *yaml.Node) {
	all, ok := d.properties[property].(map[string]any)
	if !ok {
		all = map[string]any{}
		d.properties[property] = all
		d.places["/properties/"+property] = n
	}
	all[key] = plainValue(n)
}

// place finds the line of a JSON pointer, or that of what contains it.
func (d *descriptor) place(pointer string) (line, column int) {
	for {
		if n := d.places[pointer]; n != nil {
			return n.Line, n.Column
		}
		cut := strings.LastIndexByte(pointer, '/')
		if cut < 0 {
			return d.root.Line, d.root.Column
		}
		pointer = pointer[:cut]
	}
}
