package eval

import (
	"cmp"
	"strconv"
	"strings"
)

// semVer compares versions: [version, operator, version]; null when one is
// none.
func (c *compiler) semVer(v value) expr {
	x := c.all(v)
	if len(x) != 3 {
		return constant(value{})
	}
	a, op, b := x[0], x[1], x[2]
	var fixed *version // the one that is mostly written in the rule
	if items := v.items(); len(items) == 3 && items[2].kind < list {
		if known, ok := parseVersion(items[2]); ok {
			fixed = &known
		}
	}
	return func(e *env) value {
		how := op(e)
		one, ok := parseVersion(a(e))
		if !ok || how.kind != text {
			return value{}
		}
		if fixed != nil {
			return one.compare(how.text, *fixed)
		}
		two, ok := parseVersion(b(e))
		if !ok {
			return value{}
		}
		return one.compare(how.text, two)
	}
}

// version is a semantic version; what stands behind "+" does not count.
type version struct {
	parts [3]uint64
	pre   string
}

// parseVersion reads "1.2.3-beta", with "v" before it, and "1" and "1.2".
func parseVersion(v value) (version, bool) {
	var s string
	switch v.kind {
	case text:
		s = v.text
	case number:
		s = string(appendNumber(nil, v.num))
	}
	if s != "" && (s[0] == 'v' || s[0] == 'V') {
		s = s[1:]
	}
	if s == "" || len(s) > 256 {
		return version{}, false
	}
	s, build, hasBuild := strings.Cut(s, "+")
	s, pre, hasPre := strings.Cut(s, "-")
	if hasBuild && !identifiers(build, false) || hasPre && !identifiers(pre, true) {
		return version{}, false
	}
	out := version{pre: pre}
	for i := 0; ; i++ {
		part, rest, more := strings.Cut(s, ".")
		n, err := strconv.ParseUint(part, 10, 53)
		if err != nil || i > 2 || len(part) > 1 && part[0] == '0' || part[0] == '+' {
			return version{}, false
		}
		out.parts[i] = n
		if !more {
			return out, i == 2 || !hasPre && !hasBuild
		}
		s = rest
	}
}

// identifiers checks "alpha.1": parts of letters, digits and dashes, numbers
// without a zero before them where order counts.
func identifiers(s string, ordered bool) bool {
	for part := range strings.SplitSeq(s, ".") {
		if part == "" {
			return false
		}
		digits := true
		for i := range len(part) {
			c := part[i]
			if c < '0' || c > '9' {
				digits = false
				if c != '-' && (c|0x20 < 'a' || c|0x20 > 'z') {
					return false
				}
			}
		}
		if ordered && digits && len(part) > 1 && part[0] == '0' {
			return false
		}
	}
	return true
}

func (v version) compare(op string, other version) value {
	n := v.order(other)
	switch op {
	case "=":
		return boolOf(n == 0)
	case "!=":
		return boolOf(n != 0)
	case "<":
		return boolOf(n < 0)
	case "<=":
		return boolOf(n <= 0)
	case ">":
		return boolOf(n > 0)
	case ">=":
		return boolOf(n >= 0)
	case "^":
		return boolOf(v.parts[0] == other.parts[0])
	case "~":
		return boolOf(v.parts[0] == other.parts[0] && v.parts[1] == other.parts[1])
	default:
		return value{}
	}
}

func (v version) order(other version) int {
	for i := range v.parts {
		if n := cmp.Compare(v.parts[i], other.parts[i]); n != 0 {
			return n
		}
	}
	switch {
	case v.pre == other.pre:
		return 0
	case v.pre == "":
		return 1
	case other.pre == "":
		return -1
	default:
		return orderPre(v.pre, other.pre)
	}
}

// orderPre orders "alpha.1" and "alpha.beta": numbers before words, by size;
// what is longer comes later.
func orderPre(a, b string) int {
	for {
		x, restA, moreA := strings.Cut(a, ".")
		y, restB, moreB := strings.Cut(b, ".")
		if n := orderPart(x, y); n != 0 {
			return n
		}
		if !moreA || !moreB {
			switch {
			case moreA:
				return 1
			case moreB:
				return -1
			default:
				return 0
			}
		}
		a, b = restA, restB
	}
}

func orderPart(x, y string) int {
	isNumber := func(s string) bool { return strings.Trim(s, "0123456789") == "" }
	switch nx, ny := isNumber(x), isNumber(y); {
	case nx && ny && len(x) != len(y):
		return cmp.Compare(len(x), len(y))
	case nx != ny && nx:
		return -1
	case nx != ny:
		return 1
	default:
		return strings.Compare(x, y)
	}
}
