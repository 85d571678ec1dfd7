package property

import (
	"net/mail"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// format is one format of strings. valid is nil where any text will do.
type format struct {
	name     string
	expected string
	example  string
	valid    func(s string) bool
}

func formats() []format {
	return []format{
		{"date-time", "a date and time with a zone (RFC 3339)", "2026-01-31T15:04:05Z", validTime},
		{"timer", "a date and time with a zone (RFC 3339)", "2026-01-31T15:04:05Z", validTime},
		{"url", "an absolute address", "https://example.com/page", validURL},
		{"email", "an e-mail address", "dana@example.com", validEmail},
		{"idn-email", "an e-mail address", "dana@example.com", validEmail},
		{"user", "the e-mail address of a user", "dana@example.com", validEmail},
		{"ipv4", "an IPv4 address", "192.0.2.7", func(s string) bool { a, err := netip.ParseAddr(s); return err == nil && a.Is4() }},
		{"ipv6", "an IPv6 address", "2001:db8::7", func(s string) bool { a, err := netip.ParseAddr(s); return err == nil && a.Is6() && a.Zone() == "" }},
		{"yaml", "YAML", "name: value", validYAML},
		{name: "team"}, {name: "markdown"}, {name: "blueprints"}, {name: "proto"}, {name: "multi-line"},
	}
}

func formatNamed(name string) (format, bool) {
	for _, f := range formats() {
		if f.name == name {
			return f, true
		}
	}
	return format{}, false
}

// Formats lists the formats of a property type.
func Formats(typeName string) []string {
	switch typeName {
	case "string":
		var names []string
		for _, f := range formats() {
			names = append(names, f.name)
		}
		return names
	case "object":
		return []string{"labeled-url"}
	case "array":
		return []string{"labeled-url"}
	default:
		return nil
	}
}

// validTime wants a year that every engine can compute with.
func validTime(s string) bool {
	t, err := time.Parse(time.RFC3339Nano, s)
	return err == nil && t.UTC().Year() >= 1 && t.UTC().Year() <= 9999
}

// validURL refuses the schemes that run as script when a person follows them.
func validURL(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" || (u.Host == "" && u.Opaque == "" && u.Path == "") {
		return false
	}
	switch strings.ToLower(u.Scheme) {
	case "javascript", "data", "vbscript":
		return false
	}
	return true
}

func validEmail(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s && a.Name == ""
}

// maxYAML bounds what is parsed; the parser itself refuses alias bombs.
const maxYAML = 256 << 10

func validYAML(s string) bool {
	if len(s) > maxYAML {
		return false
	}
	var node yaml.Node
	return yaml.Unmarshal([]byte(s), &node) == nil
}
