package eval

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

var (
	errSyntax = errors.New("is not JSON")
	errDepth  = errors.New("is nested too deep")
	errNodes  = errors.New("has too many parts")
)

// reader reads JSON into values whose texts point into the source, unless it
// keeps them.
type reader struct {
	src   string
	pos   int
	depth int
	nodes int
	spans bool
	// twice are keys that came twice in one object; the last one counts.
	twice []string
	// texts holds each text once, apart from the source; nil lets texts point
	// into it.
	texts map[string]string
}

// keep is a text that may outlive the source.
func (r *reader) keep(s string) string {
	if r.texts == nil {
		return s
	}
	known, ok := r.texts[s]
	if !ok {
		known = strings.Clone(s)
		r.texts[known] = known
	}
	return known
}

// read reads all of src.
func read(src string, depth, nodes int) (value, error) {
	r := &reader{src: src, depth: depth, nodes: nodes}
	return r.all()
}

// readKept reads all of src into values that do not point into it, and notes
// where those of objects stand.
func readKept(src string, depth, nodes int) (value, *reader, error) {
	r := &reader{src: src, depth: depth, nodes: nodes, spans: true, texts: map[string]string{}}
	v, err := r.all()
	return v, r, err
}

func (r *reader) all() (value, error) {
	r.space()
	v, err := r.value()
	if err != nil {
		return value{}, err
	}
	r.space()
	if r.pos != len(r.src) {
		return value{}, errSyntax
	}
	return v, nil
}

func (r *reader) space() {
	for r.pos < len(r.src) {
		switch r.src[r.pos] {
		case ' ', '\t', '\n', '\r':
			r.pos++
		default:
			return
		}
	}
}

func (r *reader) value() (value, error) {
	if r.nodes--; r.nodes < 0 {
		return value{}, errNodes
	}
	if r.pos >= len(r.src) {
		return value{}, errSyntax
	}
	switch c := r.src[r.pos]; c {
	case '{':
		return r.nested((*reader).object)
	case '[':
		return r.nested((*reader).list)
	case '"':
		s, err := r.text()
		return textOf(s), err
	case 't':
		return boolOf(true), r.word("true")
	case 'f':
		return boolOf(false), r.word("false")
	case 'n':
		return value{}, r.word("null")
	default:
		return r.number()
	}
}

func (r *reader) nested(f func(*reader) (value, error)) (value, error) {
	if r.depth--; r.depth < 0 {
		return value{}, errDepth
	}
	v, err := f(r)
	r.depth++
	return v, err
}

func (r *reader) word(w string) error {
	if !strings.HasPrefix(r.src[r.pos:], w) {
		return errSyntax
	}
	r.pos += len(w)
	return nil
}

// next skips what stands between two parts: true when one follows, false at
// the end.
func (r *reader) next(end byte, first bool) (bool, error) {
	r.space()
	if r.pos >= len(r.src) {
		return false, errSyntax
	}
	c := r.src[r.pos]
	switch {
	case c == end:
		r.pos++
		return false, nil
	case first:
		return true, nil
	case c == ',':
		r.pos++
		r.space()
		if r.pos < len(r.src) && r.src[r.pos] == end {
			return false, errSyntax
		}
		return true, nil
	default:
		return false, errSyntax
	}
}

func (r *reader) list() (value, error) {
	r.pos++
	b := &box{}
	for {
		more, err := r.next(']', len(b.items) == 0)
		if err != nil || !more {
			return value{kind: list, box: b}, err
		}
		v, err := r.value()
		if err != nil {
			return value{}, err
		}
		b.items = append(b.items, v)
	}
}

func (r *reader) object() (value, error) {
	r.pos++
	b := &box{keys: []string{}}
	var index map[string]int
	first := true
	for {
		more, err := r.next('}', first)
		if err != nil || !more {
			return value{kind: object, box: b}, err
		}
		first = false
		key, at, v, err := r.member()
		if err != nil {
			return value{}, err
		}
		if len(b.keys) == smallObject {
			index = make(map[string]int, 2*smallObject)
			for i, k := range b.keys {
				index[k] = i
			}
		}
		old := find(b.keys, index, key)
		if old >= 0 {
			r.twice = append(r.twice, key)
			b.items[old] = v
			if r.spans {
				b.spans[old] = at
			}
			continue
		}
		if index != nil {
			index[key] = len(b.keys)
		}
		b.keys, b.items = append(b.keys, key), append(b.items, v)
		if r.spans {
			b.spans = append(b.spans, at)
		}
	}
}

// smallObject is up to how many keys looking through them is quick.
const smallObject = 16

func find(keys []string, index map[string]int, key string) int {
	if index != nil {
		if i, ok := index[key]; ok {
			return i
		}
		return -1
	}
	for i, k := range keys {
		if k == key {
			return i
		}
	}
	return -1
}

func (r *reader) member() (string, span, value, error) {
	if r.pos >= len(r.src) || r.src[r.pos] != '"' {
		return "", span{}, value{}, errSyntax
	}
	key, err := r.text()
	if err != nil {
		return "", span{}, value{}, err
	}
	r.space()
	if r.pos >= len(r.src) || r.src[r.pos] != ':' {
		return "", span{}, value{}, errSyntax
	}
	r.pos++
	r.space()
	from := r.pos
	v, err := r.value()
	return key, span{from, r.pos}, v, err
}

func (r *reader) number() (value, error) {
	start := r.pos
	digits := func() int {
		from := r.pos
		for r.pos < len(r.src) && r.src[r.pos] >= '0' && r.src[r.pos] <= '9' {
			r.pos++
		}
		return r.pos - from
	}
	is := func(c byte) bool { return r.pos < len(r.src) && r.src[r.pos] == c }
	if is('-') {
		r.pos++
	}
	zero := is('0')
	if n := digits(); n == 0 || zero && n > 1 {
		return value{}, errSyntax
	}
	whole := r.pos
	if is('.') {
		r.pos++
		if digits() == 0 {
			return value{}, errSyntax
		}
	}
	if is('e') || is('E') {
		r.pos++
		if is('+') || is('-') {
			r.pos++
		}
		if digits() == 0 {
			return value{}, errSyntax
		}
	}
	part := r.src[start:r.pos]
	if r.pos == whole && len(part) < 16 {
		n, err := strconv.ParseInt(part, 10, 64)
		return numberOf(float64(n)), err
	}
	n, err := strconv.ParseFloat(part, 64)
	if err != nil || math.IsInf(n, 0) {
		return value{}, errSyntax
	}
	return numberOf(n), nil
}

// text reads a string; without an escape it is a part of the source.
func (r *reader) text() (string, error) {
	r.pos++
	start := r.pos
	for r.pos < len(r.src) {
		switch c := r.src[r.pos]; {
		case c == '"':
			s := r.src[start:r.pos]
			r.pos++
			if !utf8.ValidString(s) {
				s = strings.ToValidUTF8(s, "\uFFFD")
			}
			return r.keep(s), nil
		case c == '\\':
			return r.escaped(start)
		case c < 0x20:
			return "", errSyntax
		}
		r.pos++
	}
	return "", errSyntax
}

func (r *reader) escaped(start int) (string, error) {
	var b strings.Builder
	b.WriteString(r.src[start:r.pos])
	for r.pos < len(r.src) {
		c := r.src[r.pos]
		r.pos++
		switch {
		case c == '"':
			return r.keep(strings.ToValidUTF8(b.String(), "\uFFFD")), nil
		case c < 0x20:
			return "", errSyntax
		case c != '\\':
			b.WriteByte(c)
			continue
		}
		if r.pos >= len(r.src) {
			return "", errSyntax
		}
		e := r.src[r.pos]
		r.pos++
		if e == 'u' {
			char, err := r.unicode()
			if err != nil {
				return "", err
			}
			b.WriteRune(char)
			continue
		}
		i := strings.IndexByte(`"\/bfnrt`, e)
		if i < 0 {
			return "", errSyntax
		}
		b.WriteByte("\"\\/\b\f\n\r\t"[i])
	}
	return "", errSyntax
}

func (r *reader) unicode() (rune, error) {
	one, err := r.hex()
	if err != nil || !utf16.IsSurrogate(one) {
		return one, err
	}
	if strings.HasPrefix(r.src[r.pos:], `\u`) {
		before := r.pos
		r.pos += 2
		two, err := r.hex()
		if err != nil {
			return 0, err
		}
		if char := utf16.DecodeRune(one, two); char != utf8.RuneError {
			return char, nil
		}
		r.pos = before
	}
	return utf8.RuneError, nil
}

func (r *reader) hex() (rune, error) {
	if r.pos+4 > len(r.src) {
		return 0, errSyntax
	}
	n, err := strconv.ParseUint(r.src[r.pos:r.pos+4], 16, 32)
	if err != nil {
		return 0, errSyntax
	}
	r.pos += 4
	return rune(n), nil
}
