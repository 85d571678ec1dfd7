package property

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// maxPattern bounds the cost of compiling a pattern; RE2 bounds matching.
const maxPattern = 1000

func stringType() kind {
	return kind{name: "string", define: defineString, compile: compileString, check: checkString}
}

func defineString(p *Property) []Problem {
	var problems []Problem
	if p.MinLength != nil && *p.MinLength < 0 {
		problems = append(problems, Problem{"/minLength", "is negative", "0 or more"})
	}
	if p.MaxLength != nil && *p.MaxLength < 0 {
		problems = append(problems, Problem{"/maxLength", "is negative", "0 or more"})
	}
	if p.MinLength != nil && p.MaxLength != nil && *p.MinLength > *p.MaxLength {
		problems = append(problems, Problem{"/minLength", "is greater than maxLength", "a minimum up to the maximum"})
	}
	return problems
}

func compileString(c *Checker, _ int) error {
	c.format, _ = formatNamed(c.Property.Format)
	text := c.Property.Pattern
	if text == "" {
		return nil
	}
	if len(text) > maxPattern {
		return definitionError{Problem{"/pattern", "is too long", fmt.Sprintf("at most %d bytes", maxPattern)}}
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return definitionError{Problem{"/pattern", "cannot be used: " + err.Error(), "a regular expression in RE2 syntax (no look-around, no back-references)"}}
	}
	c.pattern = re
	return nil
}

func checkString(c *Checker, value any, at string) []Problem {
	s, ok := value.(string)
	if !ok {
		return wrongType(value, at, "a string")
	}
	if problems := plainText(s, at); len(problems) > 0 {
		return problems
	}
	p := &c.Property
	var problems []Problem
	length := utf8.RuneCountInString(s)
	if p.MinLength != nil && length < *p.MinLength {
		problems = append(problems, Problem{at, fmt.Sprintf("has %d characters", length), fmt.Sprintf("at least %d", *p.MinLength)})
	}
	if p.MaxLength != nil && length > *p.MaxLength {
		problems = append(problems, Problem{at, fmt.Sprintf("has %d characters", length), fmt.Sprintf("at most %d", *p.MaxLength)})
	}
	if c.pattern != nil && !c.pattern.MatchString(s) {
		problems = append(problems, Problem{at, "is " + shown(s) + ", which does not match the pattern", p.Pattern})
	}
	if f := c.format; f.valid != nil && !f.valid(s) {
		problems = append(problems, Problem{at, "is " + shown(s) + ", which is not " + f.expected, f.expected + ", e.g. " + f.example})
	}
	return problems
}

// plainText refuses what the databases cannot keep.
func plainText(s, at string) []Problem {
	if !utf8.ValidString(s) {
		return []Problem{{at, "is not valid UTF-8", "text in UTF-8"}}
	}
	if strings.ContainsRune(s, 0) {
		return []Problem{{at, "contains the NUL character", "text without it"}}
	}
	return nil
}
