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

// call is how the templates ask for a flag, in Go and in JavaScript:
// s.flags.text(ctx, key, otherwise, about) and flags.text(key, otherwise, about).
var call = regexp.MustCompile(`(?:\bawait\s+)?\b(?:[A-Za-z_$][\w$]*\.)*flags\.[A-Za-z]+\(`)

// Remove replaces the calls that ask for a flag by its value, in every file
// that the templates' languages are in. What it cannot read it leaves alone.
func Remove(files []forge.File, repository, key string, value json.RawMessage) []forge.File {
	var out []forge.File
	for _, f := range files {
		var language string
		switch path.Ext(f.Path) {
		case ".go":
			language = "go"
		case ".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx":
			language = "js"
		default:
			continue
		}
		if f.Binary || len(f.Content) > maxFile || skipped(f.Path) {
			continue
		}
		with, ok := literal(language, value)
		if !ok {
			continue
		}
		text, n := replace(string(f.Content), language, repository, key, with)
		if n == 0 || language == "go" && !parses(f.Path, text) {
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
	if json.Unmarshal(value, &v) != nil {
		return "", false
	}
	switch x := v.(type) {
	case string:
		if language == "go" {
			return strconv.Quote(x), true
		}
	case bool, float64:
	default:
		if language == "go" {
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

// replace puts the value in the place of every call that names the flag.
func replace(text, language, repository, key, with string) (string, int) {
	var b strings.Builder
	n, from := 0, 0
	for from < len(text) {
		at := call.FindStringIndex(text[from:])
		if at == nil {
			break
		}
		start, open := from+at[0], from+at[1]
		args, end, ok := arguments(text, open)
		if !ok || !slices.ContainsFunc(args, func(a string) bool { return names(a, language, repository, key) }) {
			b.WriteString(text[from:open])
			from = open
			continue
		}
		b.WriteString(text[from:start])
		b.WriteString(with)
		from = end
		n++
	}
	b.WriteString(text[from:])
	return b.String(), n
}

// names tells whether an argument is the flag's key.
func names(argument, language, repository, key string) bool {
	argument = strings.TrimSpace(argument)
	for _, quote := range []string{`"`, "'", "`"} {
		if argument == quote+key+quote {
			return true
		}
	}
	rest, ok := strings.CutPrefix(key, repository+".")
	if !ok {
		return false
	}
	if language == "go" {
		return strings.ReplaceAll(argument, " ", "") == fmt.Sprintf(`serviceName+".%s"`, rest)
	}
	return argument == "`${name}."+rest+"`" || strings.ReplaceAll(argument, " ", "") == `name+".`+rest+`"`
}

// arguments reads the arguments of a call whose parenthesis was opened just
// before at, and where the call ends.
func arguments(text string, at int) (args []string, end int, ok bool) {
	depth, start := 0, at
	for i := at; i < len(text); i++ {
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
