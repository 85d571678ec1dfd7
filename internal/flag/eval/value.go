package eval

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

type kind uint8

const (
	null kind = iota
	boolean
	number
	text
	list
	object
)

// value is one JSON value. It is handed about by copy and points into what it
// was read from, so that evaluating allocates nothing.
type value struct {
	kind kind
	num  float64 // 1 for true
	text string
	box  *box
}

// box holds the parts of a list or an object; keys is nil for a list.
type box struct {
	items []value
	keys  []string
	// spans are where the values of an object stand in the text, if asked for.
	spans []span
}

type span struct{ from, to int }

func boolOf(b bool) value {
	if b {
		return value{kind: boolean, num: 1}
	}
	return value{kind: boolean}
}

func numberOf(n float64) value   { return value{kind: number, num: n} }
func textOf(s string) value      { return value{kind: text, text: s} }
func listOf(items []value) value { return value{kind: list, box: &box{items: items}} }

// field is a member of an object; the last of the same name counts.
func (v value) field(name string) (value, bool) {
	if v.kind != object {
		return value{}, false
	}
	for i, key := range slices.Backward(v.box.keys) {
		if key == name {
			return v.box.items[i], true
		}
	}
	return value{}, false
}

// at follows one part of a path.
func (v value) at(part string) (value, bool) {
	switch v.kind {
	case object:
		return v.field(part)
	case list:
		i, err := strconv.Atoi(part)
		if err != nil || i < 0 || i >= len(v.box.items) {
			return value{}, false
		}
		return v.box.items[i], true
	default:
		return value{}, false
	}
}

func (v value) items() []value {
	if v.kind != list {
		return nil
	}
	return v.box.items
}

func (v value) truthy() bool {
	switch v.kind {
	case boolean, number:
		return v.num != 0 && !math.IsNaN(v.num)
	case text:
		return v.text != ""
	case list, object:
		return len(v.box.items) > 0
	default:
		return false
	}
}

// float is the number that JavaScript makes of a value; NaN when there is none.
func (v value) float() float64 {
	switch v.kind {
	case null:
		return 0
	case boolean, number:
		return v.num
	case text:
		s := strings.TrimSpace(v.text)
		if s == "" {
			return 0
		}
		if strings.ContainsAny(s, "_pPxXnN") {
			return math.NaN()
		}
		n, err := strconv.ParseFloat(s, 64)
		if err != nil && !math.IsInf(n, 0) {
			return math.NaN()
		}
		return n
	default:
		return math.NaN()
	}
}

// same is ===: of one type and equal.
func same(a, b value) bool {
	if a.kind != b.kind {
		return false
	}
	switch a.kind {
	case null:
		return true
	case boolean, number:
		return a.num == b.num
	case text:
		return a.text == b.text
	default:
		return a.box == b.box
	}
}

// loose is ==, as JavaScript has it. A text that is no number is not equal to
// any number.
func loose(a, b value) bool {
	switch {
	case a.kind == b.kind:
		return same(a, b)
	case a.kind == null || b.kind == null:
		return false
	case a.kind >= list || b.kind >= list:
		return false
	default:
		return a.float() == b.float()
	}
}

// less compares numbers, or texts when both are; ok is false when they cannot
// be compared.
func less(a, b value) (lt, eq, ok bool) {
	if a.kind == text && b.kind == text {
		return a.text < b.text, a.text == b.text, true
	}
	if a.kind >= list || b.kind >= list {
		return false, false, false
	}
	x, y := a.float(), b.float()
	if math.IsNaN(x) || math.IsNaN(y) {
		return false, false, false
	}
	return x < y, x == y, true
}

// appendText appends what a value is in a text; null is nothing.
func appendText(b []byte, v value) []byte {
	switch v.kind {
	case null:
		return b
	case boolean:
		return strconv.AppendBool(b, v.num != 0)
	case number:
		return appendNumber(b, v.num)
	case text:
		return append(b, v.text...)
	case list:
		for i, item := range v.box.items {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendText(b, item)
		}
		return b
	default:
		return append(b, "[object Object]"...)
	}
}

// appendNumber writes a number as JavaScript does.
func appendNumber(b []byte, n float64) []byte {
	abs := math.Abs(n)
	switch {
	case n == 0:
		return append(b, '0')
	case abs < 1e15 && n == math.Trunc(n):
		return strconv.AppendInt(b, int64(n), 10)
	case math.IsInf(n, 0) || math.IsNaN(n):
		return append(b, "NaN"...)
	case abs >= 1e21 || abs < 1e-6:
		text := strconv.FormatFloat(n, 'e', -1, 64)
		// Go writes at least two digits of the exponent, JavaScript none more
		// than needed.
		text = strings.Replace(strings.Replace(text, "e-0", "e-", 1), "e+0", "e+", 1)
		return append(b, text...)
	default:
		return strconv.AppendFloat(b, n, 'f', -1, 64)
	}
}

// plain is the value as encoding/json has it.
func (v value) plain() any {
	switch v.kind {
	case boolean:
		return v.num != 0
	case number:
		return v.num
	case text:
		return v.text
	case list:
		out := make([]any, 0, len(v.box.items))
		for _, item := range v.box.items {
			out = append(out, item.plain())
		}
		return out
	case object:
		out := make(map[string]any, len(v.box.items))
		for i, key := range v.box.keys {
			out[key] = v.box.items[i].plain()
		}
		return out
	default:
		return nil
	}
}
