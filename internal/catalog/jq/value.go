package jq

import (
	"encoding/json"
	"maps"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// maxDepth bounds how deep a value may be nested that is looked at as a whole.
const maxDepth = 256

// The price of a value's parts, about what they take in memory.
const (
	nodeBytes = 16
	keyBytes  = 32
)

// shallow is the price of a value without what it holds.
func shallow(v any) int {
	switch v := v.(type) {
	case string:
		return len(v)
	case []any:
		return len(v) * nodeBytes
	case map[string]any:
		return len(v) * (nodeBytes + keyBytes)
	case *big.Int:
		return v.BitLen() / 8
	case json.Number:
		return len(v)
	}
	return 0
}

// measure adds up the price of a value with all it holds, and how many parts
// that is. A part that is reachable on several ways counts each time: that is
// what functions which look at all of it have to do. It stops when the price is
// above limit.
func measure(v any, limit, depth int) (price, parts int, ok bool) {
	if depth > maxDepth {
		return 0, 0, false
	}
	price, parts = nodeBytes+shallow(v), 1
	add := func(item any) bool {
		p, n, ok := measure(item, limit-price, depth+1)
		price, parts = price+p, parts+n
		return ok && price <= limit
	}
	if price > limit {
		return price, parts, false
	}
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			if !add(item) {
				return price, parts, false
			}
		}
	case map[string]any:
		for key, item := range v {
			price += len(key)
			if !add(item) {
				return price, parts, false
			}
		}
	}
	return price, parts, true
}

// copyOut gives the value as encoding/json would decode it: all numbers are
// float64, NaN is null, infinity the largest number. It takes the bytes it is
// long from budget.
func copyOut(v any, budget *int, depth int) (any, *Error) {
	if *budget -= 1; *budget < 0 {
		return nil, &Error{Kind: KindSize, Message: "gives more than may be kept as a result"}
	}
	if depth > maxDepth {
		return nil, &Error{Kind: KindSize, Message: "gives a result that is nested too deeply"}
	}
	switch v := v.(type) {
	case nil, bool:
		*budget -= 4
		return v, nil
	case int:
		*budget -= 8
		return float64(v), nil
	case float64:
		*budget -= 8
		return finite(v), nil
	case *big.Int:
		*budget -= 8
		f, _ := new(big.Float).SetInt(v).Float64()
		return finite(f), nil
	case json.Number:
		*budget -= 8
		f, _ := v.Float64() // out of range gives infinity
		return finite(f), nil
	case string:
		*budget -= len(v) + 1
		return v, nil
	case []any:
		return copyArray(v, budget, depth)
	case map[string]any:
		return copyObject(v, budget, depth)
	}
	return nil, &Error{Kind: KindValue, Message: "gives a value that JSON does not have"}
}

func copyArray(v []any, budget *int, depth int) (any, *Error) {
	if len(v) > *budget {
		return nil, &Error{Kind: KindSize, Message: "gives more than may be kept as a result"}
	}
	out := make([]any, len(v))
	for i, item := range v {
		var err *Error
		if out[i], err = copyOut(item, budget, depth+1); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func copyObject(v map[string]any, budget *int, depth int) (any, *Error) {
	if len(v) > *budget {
		return nil, &Error{Kind: KindSize, Message: "gives more than may be kept as a result"}
	}
	out := make(map[string]any, len(v))
	for key, item := range v {
		*budget -= len(key) + 3
		clean, err := copyOut(item, budget, depth+1)
		if err != nil {
			return nil, err
		}
		out[key] = clean
	}
	return out, nil
}

func finite(f float64) any {
	switch {
	case math.IsNaN(f):
		return nil
	case math.IsInf(f, 1):
		return math.MaxFloat64
	case math.IsInf(f, -1):
		return -math.MaxFloat64
	case f == 0:
		return 0.0 // negative zero is not kept by every database
	}
	return f
}

func itoa(i int) string { return strconv.Itoa(i) }

func sortedKeys(v map[string]any) []string { return slices.Sorted(maps.Keys(v)) }

// escape writes a key as part of a JSON pointer.
func escape(key string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
}
