// Package golden is the golden path: what a new service consists of, in its own
// repository, in ci-config and in gitops, and the service contract, the list
// of checks that says of any service what it has and what it lacks.
package golden

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"sphera/internal/fault"
)

// Service is what the golden path makes.
type Service struct {
	Name        string `json:"name"`
	Title       string `json:"title"`
	Team        string `json:"team"`
	System      string `json:"system"`
	Template    string `json:"template"`
	Description string `json:"description"`
	// RunID is the run that makes it; it is in no file, so that the same
	// service has the same files.
	RunID        string        `json:"runId,omitempty"`
	Environments []Environment `json:"environments"`
}

// The kinds of environments, in the order a version travels.
const (
	Dev        = "dev"
	Staging    = "staging"
	Production = "production"
)

// Environment is a place services run in.
type Environment struct {
	ID      string `json:"id"`
	Kind    string `json:"kind"` // dev, staging or production
	Region  string `json:"region"`
	Cluster string `json:"cluster"`
}

// Template is a kind of service one can create.
type Template struct {
	ID          string `json:"id"`
	Title       string `json:"title"`
	Description string `json:"description"`
	// Language is go or node.
	Language string `json:"language"`
}

// Templates lists the templates.
func Templates() []Template {
	return []Template{
		{ID: "go-http", Title: "Go HTTP service", Language: "go", Description: "net/http and nothing else: health, readiness, metrics, JSON logs, flags, tests"},
		{ID: "node-http", Title: "Node.js HTTP service", Language: "node", Description: "node:http and nothing else: health, readiness, metrics, JSON logs, flags, tests"},
	}
}

// TemplateByID returns one template.
func TemplateByID(id string) (Template, error) {
	names := []string{}
	for _, t := range Templates() {
		if t.ID == id {
			return t, nil
		}
		names = append(names, t.ID)
	}
	return Template{}, fault.Field("template", "does not exist: "+id, "one of "+strings.Join(names, ", "))
}

// NamePattern is what a new service may be called: a name that is also good
// as a host name, a package name and a label in Kubernetes.
const NamePattern = `^[a-z][a-z0-9]*(-[a-z0-9]+)*$`

// MaxName leaves room for suffixes within the 63 characters of a host name.
const MaxName = 40

// MaxDescription bounds the description in characters.
const MaxDescription = 500

var (
	namePattern        = regexp.MustCompile(NamePattern)
	teamPattern        = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?$`)
	environmentPattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
)

// reserved would clash with something of the portal or of a tool.
func reserved() []string {
	return []string{"archived", "gitops", "ci-config", "test", "main", "internal", "vendor", "all", "testdata", "node-modules", "localhost", "kubernetes", "default"}
}

// Validate reports everything that is wrong with the service's data.
func (s Service) Validate() error {
	e := fault.New(fault.Unprocessable, "The service cannot be made like this.")
	switch {
	case len(s.Name) < 2 || len(s.Name) > MaxName:
		e.With("name", "has the wrong length", fmt.Sprintf("2 to %d characters", MaxName))
	case !namePattern.MatchString(s.Name):
		e.With("name", "has characters it must not have", "lower case letters, digits and single dashes, starting with a letter")
	case slices.Contains(reserved(), s.Name):
		e.With("name", "is reserved", "another name")
	}
	if len(s.Team) > 100 || !teamPattern.MatchString(s.Team) {
		e.With("team", "is not a team's name", "letters, digits, dot, dash and underscore")
	}
	if _, err := TemplateByID(s.Template); err != nil {
		e.With("template", "does not exist: "+s.Template, "go-http or node-http")
	}
	for field, text := range map[string]struct {
		value string
		most  int
	}{"title": {s.Title, 100}, "description": {s.Description, MaxDescription}, "system": {s.System, 100}} {
		if len([]rune(text.value)) > text.most {
			e.With(field, "is too long", fmt.Sprintf("at most %d characters", text.most))
		}
		if strings.ContainsFunc(text.value, forbiddenRune) || strings.ToValidUTF8(text.value, "") != text.value {
			e.With(field, "has a character that cannot be shown", "text without control characters")
		}
	}
	for _, env := range s.Environments {
		if !environmentPattern.MatchString(env.ID) || !slices.Contains([]string{Dev, Staging, Production}, env.Kind) {
			e.With("environments", "has one that cannot be used: "+env.ID, "an identifier of lower case letters, digits and dashes, of kind dev, staging or production")
		}
	}
	if len(e.Details) == 0 {
		return nil
	}
	slices.SortFunc(e.Details, func(a, b fault.Detail) int { return strings.Compare(a.Field, b.Field) })
	e.Message = e.Details[0].Field + " " + e.Details[0].Problem
	return e
}

// forbiddenRune refuses what cannot be seen and could deceive a reader of the
// plan: control characters and the marks that turn the direction of writing.
func forbiddenRune(r rune) bool {
	if r == '\n' || r == '\t' {
		return false
	}
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == '\ufeff' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
}

// SecretNames are the secrets every service of the golden path has a slot for
// in each environment. OFREP_HEADERS carries its credential for the flag server.
func SecretNames() []string { return []string{"OFREP_HEADERS"} }

// FlagProject is the key of a service's flag project.
func FlagProject(service string) string { return service }

// APIEntity is the identifier of the API a service provides.
func APIEntity(service string) string { return service + "-api" }

// filled has what was left out.
func (s Service) filled() Service {
	if s.Title == "" {
		s.Title = s.Name
	}
	if s.Description == "" {
		s.Description = "The service " + s.Name + "."
	}
	return s
}

func (s Service) language() string {
	t, err := TemplateByID(s.Template)
	if err != nil {
		return ""
	}
	return t.Language
}

// ObjectName is a service's name in Kubernetes: "CartService" is
// "cart-service" there.
func ObjectName(name string) string {
	var b strings.Builder
	for i, r := range name {
		upper := r >= 'A' && r <= 'Z'
		switch {
		case upper && i > 0 && !strings.HasSuffix(b.String(), "-") && lowerBefore(name, i):
			b.WriteString("-" + string(unicode.ToLower(r)))
		case upper:
			b.WriteRune(unicode.ToLower(r))
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	out := strings.Trim(b.String(), "-")
	if out != "" && out[0] >= '0' && out[0] <= '9' {
		out = "s" + out // a Service's name starts with a letter
	}
	if len(out) > 52 {
		out = strings.TrimRight(out[:52], "-")
	}
	return out
}

// lowerBefore keeps runs of capitals together: "HTTPServer" is "httpserver".
func lowerBefore(name string, i int) bool {
	c := name[i-1]
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
}
