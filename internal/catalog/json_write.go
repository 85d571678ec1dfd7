package catalog

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
)

// appendJSON appends v exactly as encoding/json writes it. What entities
// consist of almost entirely, plain text and whole numbers in maps and lists,
// it writes itself, several times as fast; the rest is left to encoding/json.
func appendJSON(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case string:
		if plainText(v) {
			b = append(b, '"')
			b = append(b, v...)
			return append(b, '"'), nil
		}
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1e15 && (v != 0 || !math.Signbit(v)) {
			return strconv.AppendInt(b, int64(v), 10), nil
		}
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	case []any:
		return appendList(b, v)
	case []string:
		return appendList(b, v)
	case map[string]any:
		return appendMap(b, v)
	case map[string][]string:
		return appendMap(b, v)
	case map[string]int64:
		return appendMap(b, v)
	case map[string]map[string]int64:
		return appendMap(b, v)
	case provenance:
		return appendMap(b, v)
	}
	raw, err := json.Marshal(v)
	return append(b, raw...), err
}

func appendList[V any](b []byte, list []V) ([]byte, error) {
	if list == nil {
		return append(b, "null"...), nil
	}
	b = append(b, '[')
	for i, item := range list {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = appendJSON(b, item); err != nil {
			return b, err
		}
	}
	return append(b, ']'), nil
}

func appendMap[V any](b []byte, m map[string]V) ([]byte, error) {
	if m == nil {
		return append(b, "null"...), nil
	}
	var room [16]string
	keys := room[:0]
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	b = append(b, '{')
	for i, key := range keys {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = appendJSON(b, key); err != nil {
			return b, err
		}
		b = append(b, ':')
		if b, err = appendJSON(b, m[key]); err != nil {
			return b, err
		}
	}
	return append(b, '}'), nil
}

// plainText is what JSON has between quotes just as it is.
func plainText(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			return false
		}
	}
	return true
}
