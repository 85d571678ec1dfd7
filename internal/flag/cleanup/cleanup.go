// Package cleanup takes a flag out of source code: calls that evaluate it become
// the value that stays. It knows the calls of OpenFeature's SDKs in their
// languages and touches nothing else; what it does not understand it names, so
// that a person does it.
package cleanup

import (
	"encoding/json"
	"path"
	"regexp"
	"strings"
)

// Place is a line that names the flag.
type Place struct {
	Path string `json:"path"`
	Line int    `json:"line"`
	Text string `json:"text"`
}

// Result is a file without the flag.
type Result struct {
	Content string
	// Replaced are the calls that became a value, Left what still names the
	// flag; lines count in the file as it was.
	Replaced, Left []Place
}

const maxText = 200

// call is the name of a function that evaluates a flag, in any of the SDKs:
// client.BooleanValue, getBooleanValue, get_boolean_value, useBooleanFlagValue,
// GetBooleanValueAsync, fetch_boolean_value.
var call = regexp.MustCompile(`(?:^|[^A-Za-z0-9_$])(?:(?:[gG]et|use|fetch|Fetch|_)?_?(?i:boolean|bool|string|number|float|int|integer|double)(?:_?[fF]lag)?(?:_?[vV]alue)?(?:Async)?)$`)

// pair is the left side of an assignment of a value and an error.
var pair = regexp.MustCompile(`,\s*[A-Za-z_][A-Za-z0-9_]*\s*:?=\s*$`)

// IsSource tells files of code from others, by name.
func IsSource(name string) bool {
	if strings.Contains("/"+name, "/node_modules/") || strings.Contains("/"+name, "/vendor/") {
		return false
	}
	switch path.Ext(name) {
	case ".go", ".js", ".jsx", ".ts", ".tsx", ".mjs", ".cjs", ".py", ".rb", ".java", ".kt", ".cs", ".rs", ".php", ".swift", ".vue", ".svelte":
		return true
	default:
		return false
	}
}

// Remove replaces what evaluates the flag with the value, which is JSON.
func Remove(name, source, key string, value json.RawMessage) Result {
	out := Result{Content: source}
	literal, ok := literalOf(name, value)
	var b strings.Builder
	done := 0
	for at := next(source, key, 0); at >= 0; at = next(source, key, at+1) {
		place := placeOf(name, source, at)
		from, to, found := callAround(source, at)
		if !ok || !found || from < done {
			out.Left = append(out.Left, place)
			continue
		}
		b.WriteString(source[done:from])
		b.WriteString(literal)
		if path.Ext(name) == ".go" && pair.MatchString(lineBefore(source, from)) {
			b.WriteString(", error(nil)")
		}
		done = to
		out.Replaced = append(out.Replaced, place)
	}
	b.WriteString(source[done:])
	out.Content = b.String()
	return out
}

// next finds the key as a whole text in quotes.
func next(source, key string, from int) int {
	for from < len(source) {
		at := strings.Index(source[from:], key)
		if at < 0 {
			return -1
		}
		at += from
		end := at + len(key)
		if at > 0 && end < len(source) && source[at-1] == source[end] && strings.IndexByte("\"'`", source[end]) >= 0 {
			return at
		}
		from = at + 1
	}
	return -1
}

// callAround is the call that has the text at `at` among its arguments, with
// its receiver.
func callAround(source string, at int) (from, to int, ok bool) {
	open := -1
	depth := 0
	for i := at - 2; i >= 0 && at-i < 500; i-- { // -2: before the quote
		switch source[i] {
		case ')', ']', '}':
			depth++
		case '(', '[', '{':
			if depth == 0 {
				open = i
			}
			depth--
		case ';':
			return 0, 0, false
		}
		if open >= 0 {
			break
		}
	}
	if open < 0 || source[open] != '(' || !call.MatchString(source[max(0, open-60):open]) {
		return 0, 0, false
	}
	closing := closeOf(source, open)
	if closing < 0 {
		return 0, 0, false
	}
	return receiver(source, open), closing + 1, true
}

// closeOf is the bracket that closes the one at open; texts are skipped.
func closeOf(source string, open int) int {
	depth := 0
	for i := open; i < len(source) && i-open < 2000; i++ {
		switch c := source[i]; c {
		case '"', '\'', '`':
			for i++; i < len(source) && source[i] != c; i++ {
				if source[i] == '\\' {
					i++
				}
			}
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// receiver walks back over "await this.flags.client()." before a call.
func receiver(source string, open int) int {
	i := open
	for i > 0 {
		c := source[i-1]
		if c == ')' {
			depth, j := 0, i-1
			for ; j >= 0; j-- {
				if source[j] == ')' {
					depth++
				} else if source[j] == '(' {
					if depth--; depth == 0 {
						break
					}
				}
			}
			if j < 0 {
				break
			}
			i = j
			continue
		}
		if c != '_' && c != '.' && c != '$' && c != '?' && c != ':' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			break
		}
		if c == ':' && (i < 2 || source[i-2] != ':') && (i >= len(source) || source[i] != ':') {
			break // a label or a type, not a path
		}
		i--
	}
	if head := strings.TrimRight(source[:i], " \t"); strings.HasSuffix(head, "await") && len(head) < i {
		i = len(head) - len("await")
	}
	return i
}

// literalOf writes a value as code. Objects and lists look different in every
// language and are left to people.
func literalOf(name string, value json.RawMessage) (string, bool) {
	text := strings.TrimSpace(string(value))
	switch {
	case text == "true" || text == "false":
		if path.Ext(name) == ".py" {
			return strings.ToUpper(text[:1]) + text[1:], true
		}
		return text, true
	case text == "" || text == "null" || text[0] == '{' || text[0] == '[':
		return "", false
	default:
		return text, true // a number, or a text in double quotes
	}
}

func lineBefore(source string, at int) string {
	return source[strings.LastIndexByte(source[:at], '\n')+1 : at]
}

func placeOf(name, source string, at int) Place {
	end := strings.IndexByte(source[at:], '\n')
	if end < 0 {
		end = len(source) - at
	}
	text := strings.TrimSpace(lineBefore(source, at) + source[at:at+end])
	if len(text) > maxText {
		text = text[:maxText]
	}
	return Place{Path: name, Line: strings.Count(source[:at], "\n") + 1, Text: strings.ToValidUTF8(text, "")}
}
