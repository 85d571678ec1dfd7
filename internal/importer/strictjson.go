package importer

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"sphera/internal/catalog"
)

// maxNesting bounds how deep a file may be nested.
const maxNesting = 64

// node is a JSON value with where it stands. Lines and columns count from 1,
// columns in characters.
type node struct {
	kind         byte // one of { [ " 0 t f n
	line, column int
	text         string
	number       float64
	members      []member
	items        []*node
}

type member struct {
	key          string
	line, column int
	value        *node
}

// get returns the value of a key, or nil.
func (n *node) get(key string) *node {
	for _, m := range n.members {
		if m.key == key {
			return m.value
		}
	}
	return nil
}

// value is the node as encoding/json would decode it.
func (n *node) value() any {
	switch n.kind {
	case '{':
		out := make(map[string]any, len(n.members))
		for _, m := range n.members {
			out[m.key] = m.value.value()
		}
		return out
	case '[':
		out := make([]any, len(n.items))
		for i, item := range n.items {
			out[i] = item.value()
		}
		return out
	case '"':
		return n.text
	case '0':
		return n.number
	case 't', 'f':
		return n.kind == 't'
	default:
		return nil
	}
}

// at returns the place of a JSON pointer, or of the nearest thing above it
// that is there.
func (n *node) at(pointer string) (line, column int) {
	line, column = n.line, n.column
	for segment := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		segment = strings.NewReplacer("~1", "/", "~0", "~").Replace(segment)
		var next *node
		switch n.kind {
		case '{':
			for _, m := range n.members {
				if m.key == segment {
					next = m.value
				}
			}
		case '[':
			if i, err := strconv.Atoi(segment); err == nil && i >= 0 && i < len(n.items) {
				next = n.items[i]
			}
		}
		if next == nil {
			return line, column
		}
		n = next
		line, column = n.line, n.column
	}
	return line, column
}

// reader reads strict JSON: no comments, no trailing commas, no duplicate
// keys, nothing behind the end. The one thing it repairs are typographic
// quotes used as the quotes of strings, as word processors make them.
type reader struct {
	file         string
	text         string
	pos          int
	line, column int
	repairs      []catalog.Finding
	refusals     []catalog.Finding
}

// syntaxError ends the reading of a file.
type syntaxError struct{ catalog.Finding }

func (e *syntaxError) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Problem)
}

// readJSON reads a file; root is nil when it could not be read.
func readJSON(file string, content []byte) (root *node, repairs, refusals []catalog.Finding) {
	r := &reader{file: file, text: string(content), line: 1, column: 1}
	if !utf8.ValidString(r.text) {
		valid := 0
		for valid < len(r.text) {
			c, size := utf8.DecodeRuneInString(r.text[valid:])
			if c == utf8.RuneError && size == 1 {
				break
			}
			valid += size
		}
		r.advance(valid)
		return nil, nil, []catalog.Finding{r.finding("is not UTF-8 from here on", "Save the file as UTF-8.").Finding}
	}
	if rest, ok := strings.CutPrefix(r.text, "\ufeff"); ok {
		r.text = rest
		r.repairs = append(r.repairs, catalog.Finding{File: file, Line: 1, Column: 1, Problem: "starts with a byte order mark", Done: "left it out"})
	}
	root, err := r.document()
	if err != nil {
		return nil, r.repairs, append(r.refusals, err.Finding)
	}
	return root, r.repairs, r.refusals
}

func (r *reader) document() (*node, *syntaxError) {
	r.space()
	if r.pos == len(r.text) {
		return nil, r.finding("is empty", "A file holds one blueprint or entity, or a list of them.")
	}
	root, err := r.readValue(0)
	if err != nil {
		return nil, err
	}
	r.space()
	if r.pos < len(r.text) {
		return nil, r.finding("goes on after the end of the JSON value with "+r.shown(), "Remove what follows; several things in one file go into a list: [ ... ].")
	}
	return root, nil
}

func (r *reader) finding(problem, advice string) *syntaxError {
	return &syntaxError{catalog.Finding{File: r.file, Line: r.line, Column: r.column, Problem: problem, Done: advice}}
}

func (r *reader) shown() string {
	if r.pos >= len(r.text) {
		return "the end of the file"
	}
	c, _ := utf8.DecodeRuneInString(r.text[r.pos:])
	return strconv.QuoteRune(c)
}

// advance moves over n bytes and counts lines and columns.
func (r *reader) advance(n int) {
	for range n {
		c := r.text[r.pos]
		r.pos++
		switch {
		case c == '\n':
			r.line++
			r.column = 1
		case c&0xc0 != 0x80: // not the inside of a character
			r.column++
		}
	}
}

func (r *reader) space() {
	for r.pos < len(r.text) && strings.IndexByte(" \t\r\n", r.text[r.pos]) >= 0 {
		r.advance(1)
	}
}

func (r *reader) readValue(depth int) (*node, *syntaxError) {
	if depth > maxNesting {
		return nil, r.finding("is nested too deeply", fmt.Sprintf("At most %d levels are read.", maxNesting))
	}
	if r.pos >= len(r.text) {
		return nil, r.finding("ends where a value is expected", "Is the file complete?")
	}
	n := &node{line: r.line, column: r.column}
	c := r.text[r.pos]
	switch {
	case c == '{':
		n.kind = '{'
		return n, r.readObject(n, depth)
	case c == '[':
		n.kind = '['
		return n, r.readArray(n, depth)
	case c == '"' || r.typographic() != 0:
		n.kind = '"'
		var err *syntaxError
		n.text, err = r.readString()
		return n, err
	case c == '-' || c >= '0' && c <= '9':
		n.kind = '0'
		return n, r.readNumber(n)
	}
	for _, word := range []string{"true", "false", "null"} {
		if strings.HasPrefix(r.text[r.pos:], word) {
			n.kind = word[0]
			r.advance(len(word))
			return n, nil
		}
	}
	switch c {
	case '}', ']', ',', ':':
		return nil, r.finding("has "+r.shown()+" where a value is expected", "Is there a comma too many before it, or a value missing?")
	case '/', '#':
		return nil, r.finding("has a comment", "JSON has no comments: remove it.")
	case '\'':
		return nil, r.finding("has a single quote where a value is expected", "Use double quotes around text.")
	}
	return nil, r.finding("has "+r.shown()+" where a value is expected", "A value is an object, a list, text in double quotes, a number, true, false or null.")
}

func (r *reader) readObject(n *node, depth int) *syntaxError {
	r.advance(1)
	seen := map[string]member{}
	for {
		r.space()
		if len(n.members) == 0 && r.next('}') {
			return nil
		}
		m := member{line: r.line, column: r.column}
		if r.pos >= len(r.text) || r.text[r.pos] != '"' && r.typographic() == 0 {
			return r.finding("has "+r.shown()+" where a key is expected", "Keys are text in double quotes; there is no comma after the last one.")
		}
		var err *syntaxError
		if m.key, err = r.readString(); err != nil {
			return err
		}
		if first, twice := seen[m.key]; twice {
			r.refusals = append(r.refusals, catalog.Finding{
				File: r.file, Line: m.line, Column: m.column, Problem: fmt.Sprintf("has the key %q twice; it is also on line %d, column %d", short(m.key), first.line, first.column),
				Done: "Keep one of them.",
			})
		}
		seen[m.key] = m
		r.space()
		if !r.next(':') {
			return r.finding("has "+r.shown()+" where a colon is expected", "Put a colon between key and value. Is a quote missing before it?")
		}
		r.space()
		if m.value, err = r.readValue(depth + 1); err != nil {
			return err
		}
		n.members = append(n.members, m)
		r.space()
		if r.next('}') {
			return nil
		}
		if !r.next(',') {
			return r.finding("has "+r.shown()+" where a comma or } is expected", "Is a comma missing, or a quote inside the text before it?")
		}
	}
}

func (r *reader) readArray(n *node, depth int) *syntaxError {
	r.advance(1)
	for {
		r.space()
		if len(n.items) == 0 && r.next(']') {
			return nil
		}
		item, err := r.readValue(depth + 1)
		if err != nil {
			return err
		}
		n.items = append(n.items, item)
		r.space()
		if r.next(']') {
			return nil
		}
		if !r.next(',') {
			return r.finding("has "+r.shown()+" where a comma or ] is expected", "Is a comma missing, or a quote inside the text before it?")
		}
	}
}

// next consumes c if it is there.
func (r *reader) next(c byte) bool {
	if r.pos < len(r.text) && r.text[r.pos] == c {
		r.advance(1)
		return true
	}
	return false
}

// typographic returns the double quote of typography that stands here, or 0.
func (r *reader) typographic() rune {
	c, _ := utf8.DecodeRuneInString(r.text[r.pos:])
	if strings.ContainsRune("“”„‟＂", c) {
		return c
	}
	return 0
}

// closers are the quotes that may end a string that a quote opened.
func closers(open rune) string {
	switch open {
	case '“', '‟':
		return "”"
	case '„':
		return "“”"
	default:
		return string(open)
	}
}

// readString reads text in quotes. With typographic quotes a further quote
// inside would leave open where the text ends: that is refused, not guessed.
func (r *reader) readString() (string, *syntaxError) {
	line, column := r.line, r.column
	open, size := utf8.DecodeRuneInString(r.text[r.pos:])
	end := closers(open)
	r.advance(size)
	var b strings.Builder
	for r.pos < len(r.text) {
		c, size := utf8.DecodeRuneInString(r.text[r.pos:])
		switch {
		case strings.ContainsRune(end, c):
			r.advance(size)
			if open != '"' {
				r.repairs = append(r.repairs, catalog.Finding{
					File: r.file, Line: line, Column: column, Problem: fmt.Sprintf("typographic quotes %c%c around %q", open, c, short(b.String())), Done: "read as straight quotes",
				})
			}
			return b.String(), nil
		case c == '\\':
			if err := r.readEscape(&b); err != nil {
				return "", err
			}
		case c < ' ':
			return "", &syntaxError{catalog.Finding{File: r.file, Line: line, Column: column, Problem: "has text that is not closed on its line", Done: "Close the text with a double quote; a line break inside text is written \\n."}}
		case open != '"' && (c == '"' || r.typographic() != 0):
			return "", r.finding(fmt.Sprintf("has the quote %c inside text that %c opened: where the text ends is not clear", c, open), "Put straight quotes around the text, and \\\" inside it.")
		default:
			b.WriteRune(c)
			r.advance(size)
		}
	}
	return "", &syntaxError{catalog.Finding{File: r.file, Line: line, Column: column, Problem: "has text that is never closed", Done: "Close the text with a double quote."}}
}

func (r *reader) readEscape(b *strings.Builder) *syntaxError {
	rest := r.text[r.pos:]
	if len(rest) < 2 {
		return r.finding("ends inside an escape", "Is the file complete?")
	}
	if i := strings.IndexByte(`"\/bfnrt`, rest[1]); i >= 0 {
		b.WriteByte("\"\\/\b\f\n\r\t"[i])
		r.advance(2)
		return nil
	}
	c, ok := hex4(rest)
	if !ok {
		return r.finding("has an escape that JSON does not have", `JSON has \" \\ \/ \b \f \n \r \t and \u with four digits.`)
	}
	size := 6
	if utf16.IsSurrogate(c) {
		low, ok := hex4(rest[6:])
		if c = utf16.DecodeRune(c, low); !ok || c == utf8.RuneError {
			return r.finding("has half a character: a \\u escape without its other half", "Write the character itself.")
		}
		size = 12
	}
	b.WriteRune(c)
	r.advance(size)
	return nil
}

func hex4(s string) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	v, err := strconv.ParseUint(s[2:6], 16, 32)
	return rune(v), err == nil
}

func (r *reader) readNumber(n *node) *syntaxError {
	end := r.pos
	for end < len(r.text) && strings.IndexByte("+-0123456789.eE", r.text[end]) >= 0 {
		end++
	}
	text := r.text[r.pos:end]
	v, err := strconv.ParseFloat(text, 64)
	switch {
	case !validNumber(text):
		return r.finding("has "+short(text)+" where a number is expected", "Numbers have digits, at most one point between digits, and no leading zero or plus.")
	case err != nil || math.IsInf(v, 0):
		return r.finding("has a number that is too large", "Numbers go up to about 1e308.")
	}
	if v == 0 {
		v = 0 // negative zero is not kept by every database
	}
	n.number = v
	r.advance(len(text))
	return nil
}

// validNumber is the grammar of JSON numbers.
func validNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	digits := func() int {
		n := 0
		for n < len(s) && s[n] >= '0' && s[n] <= '9' {
			n++
		}
		return n
	}
	whole := digits()
	if whole == 0 || whole > 1 && s[0] == '0' {
		return false
	}
	s = s[whole:]
	if rest, ok := strings.CutPrefix(s, "."); ok {
		s = rest
		n := digits()
		if n == 0 {
			return false
		}
		s = s[n:]
	}
	if s != "" && slices.Contains([]byte("eE"), s[0]) {
		s = strings.TrimLeft(s[1:], "+-")
		n := digits()
		return n > 0 && n == len(s)
	}
	return s == ""
}
