package eval

import (
	"math"
	"strings"
	"unicode/utf8"
)

func (c *compiler) two(v value) (a, b expr, rest []expr, ok bool) {
	x := c.all(v)
	if v.kind != list || len(x) < 2 {
		return nil, nil, nil, false
	}
	return x[0], x[1], x[2:], true
}

func (c *compiler) equality(name string, v value) expr {
	equal, negate := loose, name[0] == '!'
	if len(name) == 3 {
		equal = same
	}
	if x := c.fastEquality(v, equal, negate); x != nil {
		return x
	}
	a, b, rest, ok := c.two(v)
	if !ok {
		return c.wrong("has fewer than two arguments", "two values to compare")
	}
	c.lintEquality(name, v)
	if len(rest) == 0 {
		return func(e *env) value { return boolOf(equal(a(e), b(e)) != negate) }
	}
	rest = append([]expr{b}, rest...)
	return func(e *env) value {
		before := a(e)
		for _, x := range rest {
			next := x(e)
			if equal(before, next) == negate {
				return boolOf(false)
			}
			before = next
		}
		return boolOf(true)
	}
}

// fastEquality compares an attribute with a text: most conditions.
func (c *compiler) fastEquality(v value, equal func(a, b value) bool, negate bool) expr {
	if v.kind != list || len(v.box.items) != 2 || c.tracing {
		return nil
	}
	path, ok := plainPath(v.box.items[0])
	if want := v.box.items[1]; ok && len(path) == 1 && path[0] != flagdKey && want.kind == text {
		name, wanted := path[0], want.text
		c.size += 3
		return func(e *env) value {
			got := e.lookup(name)
			if got.kind == text {
				return boolOf((got.text == wanted) != negate)
			}
			return boolOf(equal(got, textOf(wanted)) != negate)
		}
	}
	return nil
}

// lintEquality tells of comparisons that evaluators answer differently.
func (c *compiler) lintEquality(name string, v value) {
	if len(name) == 3 {
		return
	}
	for _, item := range v.items() {
		if item.kind == null || item.kind == boolean || item.kind == number && item.num == 0 {
			c.problem(strings.Join(c.path, "."), "compares loosely with null, a boolean or 0, which evaluators answer differently when the attribute is absent", "=== or !==")
			return
		}
	}
}

func (c *compiler) order(name string, v value) expr {
	a, b, rest, ok := c.two(v)
	if !ok {
		return c.wrong("has fewer than two arguments", "two values to compare")
	}
	holds := func(x, y value) bool {
		lt, eq, ok := less(x, y)
		switch {
		case !ok:
			return false
		case name == "<":
			return lt
		case name == "<=":
			return lt || eq
		case name == ">":
			return !lt && !eq
		default:
			return !lt
		}
	}
	if len(rest) == 0 {
		return func(e *env) value { return boolOf(holds(a(e), b(e))) }
	}
	rest = append([]expr{b}, rest...)
	return func(e *env) value {
		before := a(e)
		for _, x := range rest {
			next := x(e)
			if !holds(before, next) {
				return boolOf(false)
			}
			before = next
		}
		return boolOf(true)
	}
}

func (c *compiler) in(v value) expr {
	if v.kind == list && len(v.box.items) == 2 && v.box.items[1].kind == list && isConstant(v.box.items[1]) {
		return c.inConstant(v.box.items[0], v.box.items[1].box.items)
	}
	a, b, _, ok := c.two(v)
	if !ok {
		return c.wrong("has not two arguments", "what to look for, and a list or a text")
	}
	return func(e *env) value {
		what, where := a(e), b(e)
		switch where.kind {
		case text:
			if what.kind == null || what.kind >= list {
				return boolOf(false)
			}
			if what.kind == text {
				return boolOf(strings.Contains(where.text, what.text))
			}
			return boolOf(strings.Contains(where.text, string(appendText(nil, what))))
		case list:
			if !e.spend(len(where.box.items)) {
				return value{}
			}
			for _, item := range where.box.items {
				if same(item, what) {
					return boolOf(true)
				}
			}
		}
		return boolOf(false)
	}
}

// manyItems is from how many texts on a map is quicker than looking through.
const manyItems = 12

// inConstant looks for a value in a list that does not change.
func (c *compiler) inConstant(what value, items []value) expr {
	x := c.at("0", func() expr { return c.compile(what) })
	c.size += len(items) / 4
	if len(items) < manyItems {
		return func(e *env) value {
			got := x(e)
			for i := range items {
				if same(items[i], got) {
					return boolOf(true)
				}
			}
			return boolOf(false)
		}
	}
	texts, others := map[string]struct{}{}, []value{}
	for _, item := range items {
		if item.kind == text {
			texts[item.text] = struct{}{}
		} else {
			others = append(others, item)
		}
	}
	return func(e *env) value {
		got := x(e)
		if got.kind == text {
			_, has := texts[got.text]
			return boolOf(has)
		}
		for _, item := range others {
			if same(item, got) {
				return boolOf(true)
			}
		}
		return boolOf(false)
	}
}

func (c *compiler) arithmetic(name string, v value) expr {
	x := c.all(v)
	if len(x) == 0 && name != "+" && name != "*" || len(x) < 2 && name == "%" || len(x) < 1 && (name == "min" || name == "max") {
		return c.wrong("has too few arguments", "numbers")
	}
	if name == "/" && len(arguments(v)) > 1 {
		if by := arguments(v)[1]; by.kind != object && by.float() == 0 {
			return c.wrong("divides by zero", "another divisor")
		}
	}
	fold := folder(name)
	return func(e *env) value {
		if len(x) == 0 {
			if name == "*" {
				return numberOf(1)
			}
			return numberOf(0)
		}
		total := e.number(name, x[0](e))
		if len(x) == 1 {
			switch name {
			case "-":
				total = -total
			case "/":
				total = 1 / total
			}
		}
		for _, item := range x[1:] {
			total = fold(total, e.number(name, item(e)))
		}
		if math.IsNaN(total) || math.IsInf(total, 0) {
			return e.fail("gives no number")
		}
		return numberOf(total)
	}
}

func folder(name string) func(a, b float64) float64 {
	switch name {
	case "+":
		return func(a, b float64) float64 { return a + b }
	case "-":
		return func(a, b float64) float64 { return a - b }
	case "*":
		return func(a, b float64) float64 { return a * b }
	case "/":
		return func(a, b float64) float64 { return a / b }
	case "%":
		return math.Mod
	case "min":
		return math.Min
	default:
		return math.Max
	}
}

// number is v as a number; anything that is none fails the rule.
func (e *env) number(name string, v value) float64 {
	if (name == "min" || name == "max") && v.kind != number {
		e.fail(name + " has something else than a number")
		return 0
	}
	n := v.float()
	if math.IsNaN(n) {
		e.fail(name + " has something else than a number")
		return 0
	}
	return n
}

func (c *compiler) cat(v value) expr {
	x := c.all(v)
	return func(e *env) value {
		var buf [96]byte
		b := e.cat(buf[:0], x)
		if len(x) == 1 && len(b) == 0 {
			return textOf("")
		}
		return textOf(string(b))
	}
}

// cat appends the parts of a text.
func (e *env) cat(b []byte, x []expr) []byte {
	for _, part := range x {
		b = appendText(b, part(e))
		if len(b) > maxText {
			e.fail("makes a text that is too long")
			return b[:0]
		}
	}
	if len(b) > 1024 {
		e.spend(len(b) / 64)
	}
	return b
}

// substr is a part of a text; a negative number counts from its end.
func (c *compiler) substr(v value) expr {
	x := c.all(v)
	if len(x) < 2 || len(x) > 3 {
		return c.wrong("has not two or three arguments", "a text, where to start, and how long")
	}
	return func(e *env) value {
		s, from := x[0](e), x[1](e)
		if s.kind != text || from.kind != number {
			return e.fail("substr has other arguments than a text and numbers")
		}
		n := utf8.RuneCountInString(s.text)
		start := clamp(from.num, n)
		end := n
		if len(x) == 3 {
			if to := x[2](e); to.kind == number {
				if to.num < 0 {
					end = n + int(math.Max(to.num, -float64(n)))
				} else {
					end = start + int(math.Min(to.num, float64(n-start)))
				}
			}
		}
		if end <= start {
			return textOf("")
		}
		if n == len(s.text) {
			return textOf(s.text[start:end])
		}
		return textOf(string([]rune(s.text)[start:end]))
	}
}

func clamp(from float64, n int) int {
	if from < 0 {
		from += float64(n)
	}
	return int(math.Max(0, math.Min(from, float64(n))))
}

func (c *compiler) merge(v value) expr {
	x := c.all(v)
	return func(e *env) value {
		var out []value
		for _, item := range x {
			if got := item(e); got.kind == list {
				out = append(out, got.box.items...)
			} else {
				out = append(out, got)
			}
			if len(out) > maxItems {
				return e.fail("makes a list that is too long")
			}
		}
		if !e.spend(len(out)) {
			return value{}
		}
		return listOf(out)
	}
}

// affix is starts_with and ends_with: of two texts, else null.
func (c *compiler) affix(prefix bool, v value) expr {
	x := c.all(v)
	if len(x) != 2 {
		return constant(value{})
	}
	a, b := x[0], x[1]
	has := strings.HasSuffix
	if prefix {
		has = strings.HasPrefix
	}
	return func(e *env) value {
		s, part := a(e), b(e)
		if s.kind != text || part.kind != text {
			return value{}
		}
		return boolOf(has(s.text, part.text))
	}
}
