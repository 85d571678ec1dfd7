package auth

import (
	"regexp"
	"slices"
	"strings"

	"sphera/internal/fault"
)

// A scope narrows what a credential may do; it never adds a right. It is one
// of
//
//	read               every verb that only reads
//	catalog.write      one verb
//	catalog.*          every verb of a group
//	blueprint:Service  only on entities of this blueprint
//	environment:dev    only in this environment
//
// Verbs add up: one that any of them names is in scope; where none stands, all
// are. Blueprints and environments each limit: what is changed must be in one
// of those named.
const maxScopes = 32

var scopePattern = regexp.MustCompile(`^(read|[a-z][a-z-]{0,39}\.(\*|[a-z][a-z-]{0,39})|(blueprint|environment):[A-Za-z0-9@_.+:\\/=-]{1,100})$`)

// InScope reports whether a credential with these scopes may be used for verb
// on something of a blueprint in an environment, empty where it has none. nil
// scopes are all; an empty list is nothing.
func InScope(scopes []string, verb, blueprint, environment string) bool {
	if scopes == nil {
		return true
	}
	if len(scopes) == 0 {
		return false
	}
	reading := strings.HasSuffix(verb, ".read")
	verbs, named := false, false
	for _, s := range scopes {
		if strings.Contains(s, ":") {
			continue
		}
		verbs = true
		group, all := strings.CutSuffix(s, "*")
		named = named || s == verb || s == "read" && reading || all && strings.HasPrefix(verb, group)
	}
	if verbs && !named {
		return false
	}
	return within(scopes, "blueprint:", blueprint, reading) && within(scopes, "environment:", environment, reading)
}

// within reports whether value is one of those that scopes allow. What is read
// without a value is a list, whose rows are asked about one by one.
func within(scopes []string, prefix, value string, reading bool) bool {
	limits := false
	for _, s := range scopes {
		if allowed, ok := strings.CutPrefix(s, prefix); ok {
			limits = true
			if allowed == value {
				return true
			}
		}
	}
	return !limits || reading && value == ""
}

// checkScopes makes scopes ready to be kept; none given is nil, which is all.
func checkScopes(scopes []string) ([]string, error) {
	if len(scopes) == 0 {
		return nil, nil
	}
	out := sorted(scopes)
	if len(out) > maxScopes {
		return nil, fault.Field("scopes", "has too many entries", "at most 32")
	}
	if slices.ContainsFunc(out, func(s string) bool { return !scopePattern.MatchString(s) }) {
		return nil, fault.Field("scopes", "has an entry that is no scope", "read, a verb like catalog.write, a group like catalog.*, blueprint:NAME or environment:NAME")
	}
	return out, nil
}
