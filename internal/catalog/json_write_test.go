package catalog

import (
	"encoding/json"
	"math"
	"testing"
)

func TestSortedJSONIsEncodingJSON(t *testing.T) {
	for _, v := range []any{
		nil, true, "", "plain text", "a \"quote\"", `back\slash`, "<b>&amp;</b>", "line\nbreak\ttab\x00\x1f\x7f", "São \u2028 \u2029 日本 😀", "\xff\xfe",
		0.0, math.Copysign(0, -1), 1.0, -17.0, 0.1, 1e14, 1e15, 1e20, 1e21, 1e22, -1e300, 1e-7, 123456789.5, math.MaxFloat64, math.SmallestNonzeroFloat64, float64(1 << 53),
		int64(math.MinInt64), 7, json.Number("12"), []any(nil), []any{}, []any{1.0, "a", nil, []any{true}}, []string(nil), []string{"a", "é"},
		map[string]any(nil), map[string]any{}, map[string]any{"b": 1.0, "a": map[string]any{"z<": []string{"x"}, "é": nil}, "\xff": false},
		map[string][]string{"b": {"x"}, "a": nil}, provenance(nil), provenance{"dana": {"properties.a": 1, "title": 1 << 60}},
		json.RawMessage(`{"x": 1}`), json.RawMessage(nil), map[string]bool{"b": true, "a": false}, []int{1},
	} {
		want, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		got, err := sortedJSON(v)
		if err != nil || got != string(want) {
			t.Errorf("sortedJSON(%#v) = %s, %v; want %s", v, got, err, want)
		}
	}
	for _, v := range []any{math.NaN(), math.Inf(1), map[string]any{"a": []any{math.Inf(-1)}}, func() {}, json.RawMessage("{")} {
		if got, err := sortedJSON(v); err == nil {
			t.Errorf("sortedJSON(%#v) = %s; want an error", v, got)
		}
	}
}

func FuzzSortedJSON(f *testing.F) {
	f.Add(`{"a":[1,2.5,"x",null,{"b":"<é>"}],"":-0.0}`)
	f.Fuzz(func(t *testing.T, text string) {
		var v any
		if json.Unmarshal([]byte(text), &v) != nil {
			return
		}
		want, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := sortedJSON(v); err != nil || got != string(want) {
			t.Errorf("%s, %v; want %s", got, err, want)
		}
	})
}
