package auth

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"sphera/internal/fault"
)

// What a credential was made for narrows what it may do; it never adds a right.
// An entry is one of
//
//	read, write        every verb that only reads, every one that changes
//	catalog            every verb of a family
//	catalog.write      one verb
//	blueprint:Service  only entities of this blueprint
//	environment:dev    only in this environment
//
// Of the first three at least one must cover a verb; where none stands, all
// are covered. They are the principal's Scopes. The last two are its Limits.
const maxScopes = 32

var scopePattern = regexp.MustCompile(`^([a-z][a-z-]{0,39}(\.[a-z][a-z-]{0,39})?|(blueprint|environment):[A-Za-z0-9@_.+:\\/=-]{1,100})$`)

// limited reports whether an entry is a limit and not a scope.
func limited(entry string) bool { return strings.Contains(entry, ":") }

// checkScopes makes entries ready to be kept; none given is all.
func checkScopes(entries []string) ([]string, error) {
	out := sorted(entries)
	if len(out) > maxScopes {
		return nil, fault.Field("scopes", "has too many entries", "at most 32")
	}
	if slices.ContainsFunc(out, func(s string) bool { return !scopePattern.MatchString(s) }) {
		return nil, fault.Field("scopes", "has an entry that is no scope", "read, write, a family like catalog, a verb like catalog.write, blueprint:NAME or environment:NAME")
	}
	return out, nil
}

// keepScopes is how entries are kept: as a list, all as nothing.
func keepScopes(entries []string) (string, error) {
	if len(entries) == 0 {
		return "", nil
	}
	raw, err := json.Marshal(entries)
	if err != nil {
		return "", fmt.Errorf("encode scopes: %w", err)
	}
	return string(raw), nil
}

// KeepScopes checks entries and makes them ready for a table; KeptScopes reads
// them back.
func KeepScopes(entries []string) (string, error) {
	checked, err := checkScopes(entries)
	if err != nil {
		return "", err
	}
	return keepScopes(checked)
}

// KeptScopes reads what KeepScopes made.
func KeptScopes(text string) ([]string, error) { return keptScopes(text) }

func keptScopes(text string) ([]string, error) {
	if text == "" {
		return nil, nil
	}
	var out []string
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		return nil, fmt.Errorf("decode scopes: %w", err)
	}
	return out, nil
}

// narrow sets what a credential was made for.
func (p Principal) narrow(entries []string) Principal {
	for _, e := range entries {
		if limited(e) {
			p.Limits = append(p.Limits, e)
		} else {
			p.Scopes = append(p.Scopes, e)
		}
	}
	return p
}

// Within reports whether the limits of the credential allow verb on something
// of a blueprint in an environment, empty where it has none. What is read
// without naming one is a list, whose rows are asked about one by one.
func (p Principal) Within(verb, blueprint, environment string) bool {
	return p.within("blueprint:", verb, blueprint) && p.within("environment:", verb, environment)
}

func (p Principal) within(kind, verb, value string) bool {
	limits := false
	for _, l := range p.Limits {
		if allowed, ok := strings.CutPrefix(l, kind); ok {
			limits = true
			if allowed == value {
				return true
			}
		}
	}
	return !limits || value == "" && strings.HasSuffix(verb, ".read")
}

// errLimits is the refusal for what a credential was not made for.
func errLimits() *fault.Error {
	return fault.Refuse("credential-limits", "This credential was made for another blueprint or environment.",
		"Use a credential that was made for this one, or do it signed in.", "whoever made the credential")
}
