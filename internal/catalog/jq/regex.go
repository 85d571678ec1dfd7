package jq

import (
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"

	"github.com/itchyny/gojq"
)

// Regular expressions take time in proportion to their compiled size times the
// length of the text, in one step; so both are known and paid for here.
const (
	maxPattern  = 1000 // bytes
	maxPatterns = 32   // compiled and kept by an instance
	maxMatches  = 100_000
)

type pattern struct{ re, flags string }

type compiled struct {
	*regexp.Regexp
	size int
}

func (m *meter) matching() []gojq.CompilerOption {
	define := func(name string, f func(s string, re *compiled, flags string) any) gojq.CompilerOption {
		return gojq.WithFunction(name, 2, 2, func(v any, args []any) any {
			s, re, flags, err := m.pattern(v, args)
			if err != nil {
				return err
			}
			return f(s, re, flags)
		})
	}
	return []gojq.CompilerOption{
		define("__test", func(s string, re *compiled, _ string) any { return re.MatchString(s) }),
		define("__match", m.match), define("__capture", m.capture), define("__scan", m.scan),
		define("__pieces", m.pieces), define("__parts", m.parts),
		gojq.WithFunction("__assemble", 0, 0, func(v any, _ []any) any { return m.assemble(v) }),
	}
}

// pattern reads what a function with a regular expression was given: the
// expression and flags, or both as a list.
func (m *meter) pattern(v any, args []any) (s string, re *compiled, flags string, err error) {
	expr, given := args[0], args[1]
	if list, ok := expr.([]any); ok && len(list) > 0 {
		expr = list[0]
		if len(list) > 1 && given == nil {
			given = list[1]
		}
	}
	s, isText := v.(string)
	text, isPattern := expr.(string)
	flags, isFlags := given.(string)
	switch {
	case !isText:
		return "", nil, "", &Error{Kind: KindValue, Message: "cannot match " + gojq.Preview(v) + ": it is not a text"}
	case !isPattern:
		return "", nil, "", &Error{Kind: KindValue, Message: gojq.Preview(expr) + " is not a regular expression"}
	case !isFlags && given != nil:
		return "", nil, "", &Error{Kind: KindValue, Message: gojq.Preview(given) + " are not flags of a regular expression"}
	}
	re, compileErr := m.compilePattern(pattern{text, flags})
	if compileErr != nil {
		return "", nil, "", compileErr
	}
	if len(s) > m.maxBytes/re.size {
		return "", nil, "", m.fail(KindTime, "matches a long text against a large regular expression")
	}
	if err := m.charge(4 * len(s) * re.size); err != nil {
		return "", nil, "", err
	}
	return s, re, flags, nil
}

func (m *meter) compilePattern(p pattern) (*compiled, error) {
	if re, ok := m.patterns[p]; ok {
		return re, nil
	}
	if len(p.re) > maxPattern {
		return nil, m.fail(KindSize, "uses a regular expression of more than %d bytes", maxPattern)
	}
	flags, text := syntax.Perl, p.re
	for _, f := range p.flags {
		switch f {
		case 'g', 'n', 'l':
		case 'i':
			text = "(?i)" + text
		case 's', 'm':
			text = "(?s)" + text
		case 'p':
			text = "(?s)" + text
		default:
			return nil, &Error{Kind: KindValue, Message: "the flag " + string(f) + " of a regular expression is not known; there are g, i, s, n, l and p"}
		}
	}
	parsed, err := syntax.Parse(text, flags)
	if err != nil {
		return nil, &Error{Kind: KindValue, Message: "the regular expression cannot be read: " + err.Error()}
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return nil, &Error{Kind: KindValue, Message: "the regular expression cannot be read: " + err.Error()}
	}
	if err := m.charge(len(program.Inst) * 512); err != nil {
		return nil, err
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, &Error{Kind: KindValue, Message: "the regular expression cannot be read: " + err.Error()}
	}
	if m.patterns == nil || len(m.patterns) >= maxPatterns {
		m.patterns = map[pattern]*compiled{}
	}
	out := &compiled{re, len(program.Inst)}
	m.patterns[p] = out
	return out, nil
}

// find gives the places of the matches: one, or all with the flag g.
func (m *meter) find(s string, re *compiled, all bool, flags string) ([][]int, *Error) {
	n := 1
	if all {
		n = maxMatches + 1
	}
	found := re.FindAllStringSubmatchIndex(s, n)
	if len(found) > maxMatches {
		return nil, m.fail(KindSize, "finds more than %d matches", maxMatches)
	}
	if strings.Contains(flags, "n") { // leave out empty matches
		kept := found[:0]
		for _, f := range found {
			if f[0] != f[1] {
				kept = append(kept, f)
			}
		}
		found = kept
	}
	groups := 1 + re.NumSubexp()
	return found, m.charge(len(found) * groups * 256)
}

// runes turns growing byte offsets into offsets in characters.
type runes struct {
	s         string
	at, count int
}

func (r *runes) offset(i int) int {
	if i < r.at {
		return utf8.RuneCountInString(r.s[:i])
	}
	r.count += utf8.RuneCountInString(r.s[r.at:i])
	r.at = i
	return r.count
}

func (m *meter) match(s string, re *compiled, flags string) any {
	found, err := m.find(s, re, strings.Contains(flags, "g"), flags)
	if err != nil {
		return err
	}
	names, out, position := re.SubexpNames(), make([]any, len(found)), runes{s: s}
	for i, f := range found {
		start := position.offset(f[0])
		captures := make([]any, 0, len(f)/2-1)
		for j := 1; j < len(f)/2; j++ {
			var name any
			if names[j] != "" {
				name = names[j]
			}
			group := map[string]any{"name": name, "offset": -1, "length": 0, "string": nil}
			if f[2*j] >= 0 {
				text := s[f[2*j]:f[2*j+1]]
				group["offset"] = start + utf8.RuneCountInString(s[f[0]:f[2*j]])
				group["length"], group["string"] = utf8.RuneCountInString(text), text
			}
			captures = append(captures, group)
		}
		text := s[f[0]:f[1]]
		out[i] = map[string]any{"offset": start, "length": utf8.RuneCountInString(text), "string": text, "captures": captures}
	}
	return out
}

// named are the named groups of a match.
func named(s string, names []string, f []int) map[string]any {
	out := map[string]any{}
	for j := 1; j < len(f)/2; j++ {
		if names[j] == "" {
			continue
		}
		out[names[j]] = nil
		if f[2*j] >= 0 {
			out[names[j]] = s[f[2*j]:f[2*j+1]]
		}
	}
	return out
}

func (m *meter) capture(s string, re *compiled, flags string) any {
	found, err := m.find(s, re, strings.Contains(flags, "g"), flags)
	if err != nil {
		return err
	}
	out := make([]any, len(found))
	for i, f := range found {
		out[i] = named(s, re.SubexpNames(), f)
	}
	return out
}

func (m *meter) scan(s string, re *compiled, flags string) any {
	found, err := m.find(s, re, true, flags)
	if err != nil {
		return err
	}
	out := make([]any, len(found))
	for i, f := range found {
		if len(f) == 2 {
			out[i] = s[f[0]:f[1]]
			continue
		}
		groups := make([]any, len(f)/2-1)
		for j := range groups {
			if f[2*j+2] >= 0 {
				groups[j] = s[f[2*j+2]:f[2*j+3]]
			}
		}
		out[i] = groups
	}
	return out
}

func (m *meter) pieces(s string, re *compiled, flags string) any {
	found, err := m.find(s, re, true, flags)
	if err != nil {
		return err
	}
	out, at := make([]any, 0, len(found)+1), 0
	for _, f := range found {
		out = append(out, s[at:f[0]])
		at = f[1]
	}
	return append(out, s[at:])
}

// parts are the texts between matches and, as objects with their captures, the
// matches.
func (m *meter) parts(s string, re *compiled, flags string) any {
	found, err := m.find(s, re, strings.Contains(flags, "g"), flags)
	if err != nil {
		return err
	}
	out, at := make([]any, 0, 2*len(found)+1), 0
	for _, f := range found {
		out = append(out, s[at:f[0]], map[string]any{"captures": named(s, re.SubexpNames(), f)})
		at = f[1]
	}
	return append(out, s[at:])
}

// assemble puts together texts and lists of replacements: as many results as
// the longest list has replacements, none when a list is empty.
func (m *meter) assemble(v any) any {
	parts, _ := v.([]any)
	results := 1
	for _, part := range parts {
		if list, ok := part.([]any); ok {
			if len(list) == 0 {
				return []any{}
			}
			results = max(results, len(list))
		}
	}
	if err := m.charge(results * (len(parts) + nodeBytes)); err != nil {
		return err
	}
	out := make([]any, 0, results)
	for i := range results {
		text, err := m.assembleOne(parts, i)
		if err != nil {
			return err
		}
		out = append(out, text)
	}
	return out
}

func (m *meter) assembleOne(parts []any, i int) (string, error) {
	var b strings.Builder
	for _, part := range parts {
		piece := part
		if list, ok := part.([]any); ok {
			piece = list[min(i, len(list)-1)]
		}
		s, ok := piece.(string)
		if !ok {
			return "", &Error{Kind: KindValue, Message: "cannot replace a match by " + gojq.Preview(piece) + ": it is not a text"}
		}
		if b.Len()+len(s) > m.maxText() {
			return "", m.fail(KindSize, "builds a text longer than %d bytes", m.maxText())
		}
		if err := m.charge(len(s)); err != nil {
			return "", err
		}
		b.WriteString(s)
	}
	return b.String(), nil
}
