package api

import (
	"testing"
)

func TestJqPlayground(t *testing.T) {
	h := sqlite(t, Options{})
	h.fixtures()
	cases := []struct {
		body  map[string]any
		value any
		kind  any
	}{
		{map[string]any{"expression": ".a + 1", "input": map[string]any{"a": 1}}, 2.0, nil},
		{map[string]any{"expression": ".properties.language + '!'", "blueprint": "Component", "identifier": "my/api"}, "go!", nil},
		{map[string]any{"expression": "1 +"}, nil, "compile"},
		{map[string]any{"expression": "env"}, nil, "compile"},
		{map[string]any{"expression": "[range(1e9)]"}, nil, "time"},
		{map[string]any{"expression": ".a", "input": "text"}, nil, "value"},
	}
	for _, c := range cases {
		got := h.must("viewer", "POST", "/v1/jq", c.body)
		if got.field("value") != c.value || got.field("kind") != c.kind || (c.kind != nil) != (got.field("error") != nil) || got.field("micros") == nil {
			t.Errorf("%v: %s", c.body, got.text)
		}
	}
	if got := h.call("viewer", "POST", "/v1/jq", map[string]any{"expression": ".", "blueprint": "Component", "identifier": "nope"}); got.status != 404 {
		t.Errorf("an unknown entity: %d", got.status)
	}
}
