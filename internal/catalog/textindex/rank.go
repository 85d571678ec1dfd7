package textindex

import (
	"math"
	"slices"
	"strings"
	"time"
)

// Points by exactness. A better kind of match is worth more than all that
// comes after it together: kind of thing, own team and recency are 21 at most.
const (
	exact     = 100.0
	beginning = 60.0 // and up to 20 for how much of the word was typed
	acronym   = 75.0
	part      = 30.0 // and up to 15
	oneEdit   = 28.0 // less 6 for each further edit
	property  = 8.0

	wholeName  = 60.0
	nameBegins = 25.0
	idBegins   = 5.0
	inOrder    = 8.0
	covered    = 15.0

	inIdentifier = 0.93
	inBlueprint  = 0.5
)

type ranking struct {
	tokens []token
	text   string // the words with spaces
	raw    string
	teams  map[string]bool
	now    time.Time
}

func newRanking(f Find, tokens []token) ranking {
	list := make([]string, len(tokens))
	for i, t := range tokens {
		list[i] = t.text
	}
	r := ranking{tokens: tokens, text: strings.Join(list, " "), raw: strings.TrimSpace(f.Text), teams: map[string]bool{}, now: f.Now}
	for _, team := range f.Teams {
		r.teams[team] = true
	}
	return r
}

func (r ranking) score(c *candidate) float64 {
	title, identifier, blueprint := words(c.Title), words(c.Identifier), words(c.Blueprint)
	total, titled := 0.0, 0.0
	for _, t := range r.tokens {
		of := t.in(title)
		titled += of
		total += max(property, of, t.in(identifier)*inIdentifier, t.in(blueprint)*inBlueprint)
	}
	total /= float64(len(r.tokens))
	name, id := strings.Join(title, " "), strings.Join(identifier, " ")
	switch {
	case name == r.text || c.Identifier == r.raw:
		total += wholeName
	case id == r.text:
		total += wholeName * inIdentifier
	case strings.HasPrefix(name, r.text):
		total += nameBegins
	case strings.HasPrefix(id, r.text):
		total += idBegins
	case len(r.tokens) > 1 && strings.Contains(" "+name, " "+r.text):
		total += inOrder
	}
	if n := len(name); n > 0 && titled > 0 {
		total += covered * min(1, float64(len(r.text))/float64(n))
	}
	total += weight(blueprint)
	if slices.ContainsFunc(c.Teams, func(team string) bool { return r.teams[team] }) {
		total += 9
	}
	age := max(0, r.now.Sub(time.UnixMilli(c.updated)).Hours()/24)
	return total + 4*math.Exp(-age/60)
}

// in says how well a token fits the best of a name's words.
func (t token) in(name []string) float64 {
	best := 0.0
	for _, word := range name {
		best = max(best, t.fits(word))
	}
	if len(name) > 1 {
		if short := initials(name); short == t.text || squeezed(name) == t.text {
			best = max(best, acronym)
		} else if len(t.text) > 1 && (strings.HasPrefix(short, t.text) || strings.HasPrefix(squeezed(name), t.text)) {
			best = max(best, beginning)
		}
	}
	return best
}

func (t token) fits(word string) float64 {
	typed := float64(len(t.text)) / float64(len(word))
	switch {
	case word == t.text:
		return exact
	case strings.HasPrefix(word, t.text):
		return beginning + 20*typed
	case len(t.text) > 2 && strings.Contains(word, t.text):
		return part + 15*typed
	}
	if d, ok := t.typos[word]; ok {
		return oneEdit - 6*float64(d-1)
	}
	return 0
}

// weight prefers the kinds of things people look for by name to the records
// that machines write about them.
func weight(blueprint []string) float64 {
	best := 4.0
	for _, word := range blueprint {
		switch word {
		case "service", "component", "microservice", "application", "app":
			return 8
		case "system", "product":
			best = 7.5
		case "domain", "team", "group":
			best = 7
		case "user", "repository", "api", "environment", "cluster":
			best = max(best, 6)
		case "resource", "package", "library":
			best = max(best, 5)
		case "deployment", "incident", "build", "run", "pull", "request", "alert", "vulnerability", "image", "workload", "pod":
			return 1
		case "rule", "scorecard":
			return 0
		}
	}
	return best
}
