package jq

import "strings"

// doubleQuoted turns the single-quoted strings that Port's dialect allows, as
// values and as keys ('x' + .title, .properties.'a-b'), into the double-quoted
// strings of jq. Inside, \' is a quote; all other escapes are those of jq.
func doubleQuoted(expr string) (string, *Error) {
	if !strings.Contains(expr, "'") {
		return expr, nil
	}
	q := quoter{in: expr}
	if err := q.code(0); err != nil {
		return "", err
	}
	return q.out.String(), nil
}

// maxQuoteNesting bounds strings inside interpolations inside strings.
const maxQuoteNesting = 20

type quoter struct {
	in  string
	pos int
	out strings.Builder
}

// code copies until the end, or until the parenthesis that ends an
// interpolation when depth is not 0.
func (q *quoter) code(depth int) *Error {
	parens := 0
	for q.pos < len(q.in) {
		c := q.in[q.pos]
		switch c {
		case '"', '\'':
			if err := q.text(c, depth+1); err != nil {
				return err
			}
			continue
		case '#':
			for q.pos < len(q.in) && q.in[q.pos] != '\n' {
				q.keep()
			}
			continue
		case '(':
			parens++
		case ')':
			if parens == 0 && depth > 0 {
				return nil // the caller copies it
			}
			parens--
		}
		q.keep()
	}
	return nil
}

func (q *quoter) keep() {
	q.out.WriteByte(q.in[q.pos])
	q.pos++
}

func (q *quoter) text(quote byte, depth int) *Error {
	if depth > maxQuoteNesting {
		return compileError("has strings inside strings, more than %d deep", maxQuoteNesting)
	}
	q.out.WriteByte('"')
	for q.pos++; q.pos < len(q.in); {
		c := q.in[q.pos]
		switch {
		case c == quote:
			q.out.WriteByte('"')
			q.pos++
			return nil
		case c == '"': // inside single quotes
			q.out.WriteString(`\"`)
			q.pos++
		case c != '\\' || q.pos+1 == len(q.in):
			q.keep()
		case q.in[q.pos+1] == '\'':
			q.out.WriteByte('\'')
			q.pos += 2
		case q.in[q.pos+1] == '(':
			q.keep()
			q.keep()
			if err := q.code(depth); err != nil {
				return err
			}
			if q.pos < len(q.in) {
				q.keep()
			}
		default:
			q.keep()
			q.keep()
		}
	}
	return compileError("has a string that is never closed: %c is missing", quote)
}
