package code

import (
	"encoding/json"
	"fmt"
	"go/parser"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"sphera/internal/forge"
)

var (
	// call is the name of a function that evaluates a flag, up to its
	// parenthesis: what the golden path's templates call (flags.text), and
	// OpenFeature's SDKs (BooleanValue, getStringValue, get_boolean_value,
	// useNumberFlagValue, GetBooleanValueAsync).
	call = regexp.MustCompile(`(?:\bflags\.[A-Za-z]+|\b(?:[gG]et_?|use|[fF]etch_?)?(?i:boolean|bool|string|number|float|int|integer|double)(?:_?[fF]lag)?(?:_?[vV]alue)?(?:Async)?)\(`)
	// pair is the left side of an assignment of a value and an error.
	pair = regexp.MustCompile(`,\s*[A-Za-z_][A-Za-z0-9_]*\s*:?=\s*$`)
	// label is what names an argument in Python, Kotlin, C# and Swift.
	label = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*\s*[:=]\s*`)
)

// languageOf is what a file is written in, by its ending; empty when calls in it
// are not understood.
func languageOf(name string) string {
	switch ending := path.Ext(name); ending {
	case ".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx", ".vue", ".svelte":
		return "js"
	case ".go", ".py", ".java", ".kt", ".cs", ".rb", ".php", ".swift":
		return ending[1:]
	default:
		return ""
	}
}

// IsSource tells files of code from others, by name.
func IsSource(name string) bool { return languageOf(name) != "" && !skipped(name) }

// Remove replaces the calls that ask for a flag by its value and returns the
// files that change. What it does not understand it leaves alone, and a Go
// file that would no longer parse.
func Remove(files []forge.File, repository, key string, value json.RawMessage) []forge.File {
	var out []forge.File
	for _, f := range files {
		if f.Binary || f.Truncated || len(f.Content) > maxFile || !IsSource(f.Path) {
			continue
		}
		r := remover{language: languageOf(f.Path), repository: repository, key: key}
		var ok bool
		if r.with, ok = literal(r.language, value); !ok {
			continue
		}
		text, n := r.replace(string(f.Content))
		if n == 0 || r.language == "go" && !parses(f.Path, text) {
			continue
		}
		f.Content, f.Size = []byte(text), int64(len(text))
		out = append(out, f)
	}
	return out
}

// literal is a value as it is written in a language.
func literal(language string, value json.RawMessage) (string, bool) {
	var v any
	if json.Unmarshal(value, &v) != nil || v == nil {
		return "", false
	}
	switch x := v.(type) {
	case string:
		if language == "go" {
			return strconv.Quote(x), true
		}
		if language != "js" && strings.ContainsAny(x, "\\$#\"") {
			return "", false // means something else in a text of these languages
		}
	case bool:
		if language == "py" {
			return map[bool]string{true: "True", false: "False"}[x], true
		}
	case float64:
		return string(value), true // as it is written, whatever its size
	default:
		if language != "js" {
			return "", false
		}
	}
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(v) != nil {
		return "", false
	}
	text := strings.TrimSpace(b.String())
	if strings.HasPrefix(text, "{") {
		text = "(" + text + ")"
	}
	return text, true
}

func parses(name, text string) bool {
	_, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution)
	return err == nil
}

// remover takes one flag out of files of one language.
type remover struct{ language, repository, key, with string }

// replace puts the value in the place of every call that names the flag.
func (r remover) replace(text string) (string, int) {
	var b strings.Builder
	n, from := 0, 0
	for done := 0; ; {
		at := call.FindStringIndex(text[from:])
		if at == nil {
			b.WriteString(text[done:])
			return b.String(), n
		}
		open := from + at[1]
		from = open
		args, end, ok := arguments(text, open)
		if !ok || !slices.ContainsFunc(args, r.named) || comment(lineBefore(text, open)) {
			continue
		}
		start := receiver(text, open-1)
		if start < done {
			continue
		}
		b.WriteString(text[done:start])
		b.WriteString(r.with)
		if r.language == "go" && pair.MatchString(lineBefore(text, start)) {
			b.WriteString(", error(nil)")
		}
		from, done = end, end
		n++
	}
}

// named tells whether an argument is the flag's key.
func (r remover) named(argument string) bool {
	argument = strings.TrimSpace(argument)
	argument = argument[len(label.FindString(argument)):]
	for _, quote := range []string{`"`, "'", "`"} {
		if argument == quote+r.key+quote {
			return true
		}
	}
	rest, ok := strings.CutPrefix(r.key, r.repository+".")
	if !ok {
		return false
	}
	if r.language == "go" {
		return strings.ReplaceAll(argument, " ", "") == fmt.Sprintf(`serviceName+".%s"`, rest)
	}
	return argument == "`${name}."+rest+"`" || strings.ReplaceAll(argument, " ", "") == `name+".`+rest+`"`
}

// arguments reads the arguments of a call whose parenthesis was opened just
// before at, and where the call ends.
func arguments(text string, at int) (args []string, end int, ok bool) {
	const most = 4000
	depth, start := 0, at
	for i := at; i < len(text) && i-at < most; i++ {
		switch c := text[i]; c {
		case '"', '\'', '`':
			if i = endOfText(text, i); i < 0 {
				return nil, 0, false
			}
		case '/':
			if i+1 < len(text) && (text[i+1] == '/' || text[i+1] == '*') {
				return nil, 0, false // a comment inside a call: left to people
			}
		case '(', '[', '{':
			depth++
		case ']', '}':
			depth--
		case ')':
			if depth == 0 {
				return append(args, text[start:i]), i + 1, true
			}
			depth--
		case ',':
			if depth == 0 {
				args, start = append(args, text[start:i]), i+1
			}
		}
	}
	return nil, 0, false
}

// endOfText is where a string that begins at i ends; -1 when it does not.
func endOfText(text string, i int) int {
	quote := text[i]
	for j := i + 1; j < len(text); j++ {
		switch text[j] {
		case '\\':
			j++
		case quote:
			return j
		case '\n':
			if quote != '`' {
				return -1
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
		if c == ')' && (source[i] == '.' || source[i] == '?') {
			if j := opening(source, i-1); j >= 0 {
				i = j
				continue
			}
			break
		}
		if c == ':' && (i < 2 || source[i-2] != ':') && source[i] != ':' {
			break // a label or a type, not a path
		}
		if c == '?' && source[i] != '.' || c != '?' && c != ':' && c != '.' && c != '$' && c != '_' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			break
		}
		i--
	}
	if head := strings.TrimRight(source[:i], " \t"); strings.HasSuffix(head, "await") && len(head) < i {
		i = len(head) - len("await")
	}
	return i
}

// opening is the parenthesis that the one at end closes; -1 when there is none.
func opening(source string, end int) int {
	depth := 0
	for j := end; j >= 0; j-- {
		switch source[j] {
		case ')':
			depth++
		case '(':
			if depth--; depth == 0 {
				return j
			}
		}
	}
	return -1
}

func comment(line string) bool {
	line = strings.TrimSpace(line)
	return strings.HasPrefix(line, "//") || strings.HasPrefix(line, "*") || strings.HasPrefix(line, "#")
}

func lineBefore(source string, at int) string {
	return source[strings.LastIndexByte(source[:at], '\n')+1 : at]
}
