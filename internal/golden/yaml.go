package golden

import (
	"bytes"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// kv is one entry of a YAML mapping, and m a mapping that keeps its order, so
// that files read as people write them and never change by themselves.
type kv struct {
	key   string
	value any
}

type m []kv

// MarshalYAML implements yaml.Marshaler.
func (o m) MarshalYAML() (any, error) {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for _, e := range o {
		var key, value yaml.Node
		key.SetString(e.key)
		if err := value.Encode(e.value); err != nil {
			return nil, fmt.Errorf("write %s: %w", e.key, err)
		}
		n.Content = append(n.Content, &key, &value)
	}
	return n, nil
}

// document is a YAML file with a comment on top. The encoder quotes whatever
// could be misread, so values need no care.
func document(comment string, content m) []byte {
	var b bytes.Buffer
	if comment != "" {
		b.WriteString("# " + oneLine(comment) + "\n")
	}
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(content); err != nil {
		// Only text, numbers, lists and mappings are ever given to it.
		return fmt.Appendf(nil, "# this file could not be written: %q\n", err.Error())
	}
	return b.Bytes()
}
