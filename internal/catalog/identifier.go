package catalog

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// The identifier rules of port-api 3.1. Property identifiers leave out the
// backslash that Port's pattern may or may not allow: it would have to be
// escaped differently in the JSON paths of the two engines.
var (
	blueprintPattern = regexp.MustCompile(`^[\p{L}0-9@_.+:\\/-]+$`)
	entityPattern    = regexp.MustCompile(`^[\p{L}0-9@_.+:\\/=-]+$`)
	propertyPattern  = regexp.MustCompile(`^[A-Za-z0-9@_=-]+$`)
)

const (
	maxBlueprintIdentifier = 100
	maxEntityIdentifier    = 1000
	maxPropertyIdentifier  = 100
	maxTitle               = 1000
	maxBlueprintTitle      = 100
	maxDescription         = 200
	maxTeam                = 50
	maxRelated             = 10_000
	maxDocument            = 1 << 20

	blueprintRule = "letters, digits and @ _ . + : \\ / -, 1 to 100 characters"
	entityRule    = "letters, digits and @ _ . + : \\ / = -, 1 to 1000 characters"
	propertyRule  = "letters A to Z, digits and @ _ = -, 1 to 100 characters"
)

func validBlueprintIdentifier(s string) bool {
	return matches(blueprintPattern, s, maxBlueprintIdentifier)
}

func validEntityIdentifier(s string) bool {
	return matches(entityPattern, s, maxEntityIdentifier)
}

func validPropertyIdentifier(s string) bool {
	return matches(propertyPattern, s, maxPropertyIdentifier)
}

func matches(pattern *regexp.Regexp, s string, most int) bool {
	return s != "." && s != ".." && utf8.ValidString(s) && utf8.RuneCountInString(s) <= most && pattern.MatchString(s)
}

// validText is what titles, icons and descriptions may contain.
func validText(s string, most int) bool {
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= most && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' })
}
