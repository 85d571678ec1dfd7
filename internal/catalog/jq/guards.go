package jq

import (
	"math/big"
	"strconv"
	"strings"

	"github.com/itchyny/gojq"
)

// functions are the guards of one instance. Each gives back its input, or an
// error that ends the run.
func (m *meter) functions() []gojq.CompilerOption {
	input := func(name string, f func(v any) *Error) gojq.CompilerOption {
		return gojq.WithFunction(name, 0, 0, func(v any, _ []any) any { return result(v, f(v)) })
	}
	with := func(name string, f func(v, arg any) *Error) gojq.CompilerOption {
		return gojq.WithFunction(name, 1, 1, func(v any, args []any) any { return result(v, f(v, args[0])) })
	}
	pair := func(name string, f func(a, b any) *Error) gojq.CompilerOption {
		return gojq.WithFunction(name, 2, 2, func(v any, args []any) any { return result(v, f(args[0], args[1])) })
	}
	return append([]gojq.CompilerOption{
		input("__s", m.pay), input("__deep", m.payDeep), input("__explode", m.payExplode),
		input("__parse", m.payParse), input("__digits", m.digits), input("__transpose", m.payTranspose),
		input("__idx", m.payIndex), input("__path", m.payPath),
		with("__split", m.paySplit), with("__join", m.payJoin), with("__search", m.paySearch),
		gojq.WithFunction("__short", 1, 1, func(v any, args []any) any { return result(v, m.short(args[0])) }),
		pair("__pairs", m.payPairs), pair("__mul", m.payMultiply), pair("__div", func(a, b any) *Error { return m.paySplit(a, b) }),
	}, m.matching()...)
}

// result is v, or err when there is one: a nil *Error in an interface would
// not be nil.
func result(v any, err *Error) any {
	if err != nil {
		return err
	}
	return v
}

// maxText is how long one text may be.
func (m *meter) maxText() int { return 4 * m.limits.Output }

func (m *meter) pay(v any) *Error {
	n := shallow(v)
	if s, ok := v.(string); ok && len(s) > m.maxText() {
		return m.fail(KindSize, "builds a text longer than %d bytes", m.maxText())
	}
	if n == 0 {
		return nil
	}
	return m.charge(n)
}

func (m *meter) payDeep(v any) *Error {
	switch v := v.(type) {
	case nil, bool, int, float64:
		return nil
	case string:
		return m.pay(v)
	}
	price, _, ok := measure(v, m.maxBytes-m.bytes, 0)
	if !ok {
		return m.fail(KindSize, "looks at a value that is too large or nested too deeply")
	}
	return m.charge(price)
}

// payPairs is for functions that compare all parts of a with all parts of b.
func (m *meter) payPairs(a, b any) *Error {
	limit := m.maxBytes - m.bytes
	_, left, fits := measure(a, limit, 0)
	_, right, fit := measure(b, limit, 0)
	if !fits || !fit {
		return m.fail(KindSize, "looks at a value that is too large or nested too deeply")
	}
	if left == 1 && right == 1 {
		return m.charge(shallow(a) + shallow(b))
	}
	if left > m.maxBytes/right {
		return m.fail(KindTime, "compares too many values with each other")
	}
	return m.charge(4*left*right + shallow(a) + shallow(b))
}

// maxIntegerBits bounds integers, which jq lets grow without end.
const maxIntegerBits = 4096

func (m *meter) payMultiply(a, b any) *Error {
	if s, ok := b.(string); ok {
		a, b = s, a
	}
	switch a := a.(type) {
	case string:
		n, isNumber := gojq.ToFloat64(b)
		if !isNumber {
			return nil // jq says what is wrong
		}
		if n > 0 && float64(len(a))*n > float64(m.maxText()) {
			return m.fail(KindSize, "builds a text longer than %d bytes", m.maxText())
		}
		return m.charge(int(float64(len(a)) * max(n, 0)))
	case map[string]any:
		if err := m.payDeep(a); err != nil {
			return err
		}
		return m.payDeep(b)
	}
	if bits(a)+bits(b) > maxIntegerBits {
		return m.fail(KindSize, "builds a number of more than %d bits", maxIntegerBits)
	}
	return nil
}

func bits(v any) int {
	switch v := v.(type) {
	case *big.Int:
		return v.BitLen()
	case string, []any, map[string]any, bool, nil, float64:
		return 0
	}
	return 64
}

func (m *meter) payExplode(v any) *Error {
	s, _ := v.(string)
	return m.charge(len(s) * nodeBytes)
}

// payParse is for fromjson: text of one byte each makes values of many.
func (m *meter) payParse(v any) *Error {
	s, _ := v.(string)
	if strings.Count(s, "[")+strings.Count(s, "{") > 100_000 {
		return m.fail(KindSize, "reads JSON with too many lists and objects")
	}
	if err := m.charge(len(s) * nodeBytes); err != nil {
		return err
	}
	if depth, digits := shape(s); depth > maxDepth || digits > maxDigits {
		return m.fail(KindSize, "reads JSON that is nested too deeply or has a number that is too long")
	}
	return nil
}

// maxDigits is how long a number may be that text is read as.
const maxDigits = 400

// shape is how deep the brackets of a text go, whether in strings or not, and
// its longest run of digits.
func shape(s string) (depth, digits int) {
	open, run := 0, 0
	for i := range len(s) {
		switch c := s[i]; c {
		case '[', '{':
			open++
			depth = max(depth, open)
		case ']', '}':
			open--
		}
		if c := s[i]; c >= '0' && c <= '9' {
			run++
			digits = max(digits, run)
		} else {
			run = 0
		}
	}
	return depth, digits
}

func (m *meter) digits(v any) *Error {
	if s, ok := v.(string); ok && len(s) > maxDigits {
		return m.fail(KindSize, "reads a number of more than %d digits", maxDigits)
	}
	return nil
}

func (m *meter) payTranspose(v any) *Error {
	rows, _ := v.([]any)
	longest := 0
	for _, row := range rows {
		cells, _ := row.([]any)
		longest = max(longest, len(cells))
	}
	if longest > 0 && len(rows) > m.maxBytes/longest {
		return m.fail(KindSize, "builds a list that is too large")
	}
	return m.charge((len(rows) + 2) * longest * nodeBytes)
}

func (m *meter) paySplit(v, by any) *Error {
	s, ok := v.(string)
	separator, is := by.(string)
	if !ok || !is {
		return nil
	}
	n := strings.Count(s, separator) + 1
	return m.charge(n*(nodeBytes+keyBytes) + len(s))
}

func (m *meter) payJoin(v, by any) *Error {
	list, _ := v.([]any)
	separator, _ := by.(string)
	if len(separator) > 0 && len(list) > m.maxText()/len(separator) {
		return m.fail(KindSize, "builds a text longer than %d bytes", m.maxText())
	}
	if err := m.charge(len(list) * len(separator)); err != nil {
		return err
	}
	return m.payDeep(v)
}

// paySearch is for index and its kin, which compare at each place.
func (m *meter) paySearch(v, what any) *Error {
	s, ok := v.(string)
	needle, is := what.(string)
	if !ok || !is {
		return m.payPairs(v, what)
	}
	if len(needle) > 0 && len(s) > m.maxBytes/len(needle) {
		return m.fail(KindTime, "looks for a long text in a long text")
	}
	return m.charge(nodeBytes*(len(s)+len(needle)) + len(s)*len(needle)/4)
}

func (m *meter) payIndex(v any) *Error {
	n, ok := gojq.ToFloat64(v)
	if !ok || n <= maxPlainIndex {
		return nil
	}
	if n > float64(m.maxBytes) {
		return m.fail(KindSize, "sets an item at the index %s", strconv.FormatFloat(n, 'f', 0, 64))
	}
	return m.charge(int(n) * nodeBytes)
}

func (m *meter) payPath(v any) *Error {
	path, ok := v.([]any)
	if !ok {
		return nil
	}
	if err := m.charge(len(path) * nodeBytes); err != nil {
		return err
	}
	for _, step := range path {
		if err := m.payIndex(step); err != nil {
			return err
		}
	}
	return nil
}

// short is for formats of times.
func (m *meter) short(v any) *Error {
	if s, ok := v.(string); ok && len(s) > 256 {
		return m.fail(KindSize, "uses a format or time of more than 256 bytes")
	}
	return nil
}
