// Package sink brings sealed audit events and checkpoints to where an intruder
// into the portal does not reach: a file, a syslog server, a web address. A
// sink gets every entry at least once and in order; where it stands is kept in
// the database. One may be required: then what is done to production waits
// until it has taken the record.
package sink

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// Formats of lines.
const (
	JSONL = "jsonl"
	OCSF  = "ocsf"
)

// Spec is a sink as somebody configured it.
type Spec struct {
	// Name is how it is shown and remembered: the address without what is
	// secret in it.
	Name string
	// Kind is file, syslog or webhook.
	Kind string
	// Network and Address are of syslog, Path of a file, URL of a webhook.
	Network, Address, Path, URL string
	// Format is JSONL or OCSF.
	Format string
	// Required sinks stop what is done to production while they do not answer.
	Required bool
	// Token is sent to a webhook as its bearer token.
	Token string
}

// Parse reads a sink:
//
//	file:/var/log/sphera/audit.jsonl
//	syslog:/dev/log   syslog+udp://host:514   syslog+tcp://host:601
//	https://collector.example.com/audit
//
// with ?format=ocsf, ?required=true and, for webhooks, ?token-file=/path.
func Parse(text string) (Spec, error) {
	u, err := url.Parse(text)
	if err != nil {
		return Spec{}, fmt.Errorf("the audit sink cannot be read; it is file:/path, syslog+tcp://host:port or https://host/path")
	}
	s := Spec{Format: JSONL}
	q := u.Query()
	for key := range q {
		switch value := q.Get(key); {
		case key == "format" && (value == JSONL || value == OCSF):
			s.Format = value
		case key == "required" && (value == "true" || value == "false"):
			s.Required = value == "true"
		case key == "token-file" && strings.HasPrefix(u.Scheme, "http"):
			raw, err := os.ReadFile(value)
			if err != nil {
				return s, fmt.Errorf("read the token of an audit sink: %w", err)
			}
			s.Token = strings.TrimSpace(string(raw))
		default:
			if !strings.HasPrefix(u.Scheme, "http") || key == "format" || key == "required" {
				return s, fmt.Errorf("the audit sink %s://%s has an option %q that is not known: format=jsonl|ocsf, required=true, token-file=/path", u.Scheme, u.Host, key)
			}
			continue // the receiver's own
		}
		q.Del(key)
	}
	u.RawQuery = q.Encode()
	return s, s.place(u)
}

func (s *Spec) place(u *url.URL) error {
	path := u.Path
	if u.Opaque != "" {
		path = u.Opaque
	}
	switch u.Scheme {
	case "file":
		s.Kind, s.Path, s.Name = "file", path, "file:"+path
		if u.Host != "" || !filepath.IsAbs(path) {
			return fmt.Errorf("the audit sink %s needs an absolute path: file:/var/log/sphera/audit.jsonl", s.Name)
		}
	case "syslog":
		s.Kind, s.Network, s.Address, s.Name = "syslog", "unixgram", path, "syslog:"+path
		if u.Host != "" || !filepath.IsAbs(path) {
			return fmt.Errorf("the audit sink %s needs the path of a socket: syslog:/dev/log", s.Name)
		}
	case "syslog+udp", "syslog+tcp":
		s.Kind, s.Network, s.Address, s.Name = "syslog", strings.TrimPrefix(u.Scheme, "syslog+"), u.Host, u.Scheme+"://"+u.Host
		if _, _, err := net.SplitHostPort(u.Host); err != nil {
			return fmt.Errorf("the audit sink %s needs a host and a port", s.Name)
		}
		if s.Network == "udp" && s.Required {
			return fmt.Errorf("the audit sink %s cannot be required: UDP never tells whether anybody took it", s.Name)
		}
	case "http", "https":
		s.Kind, s.URL, s.Name = "webhook", u.String(), u.Scheme+"://"+u.Host+u.Path
		if u.Host == "" || u.User != nil {
			return fmt.Errorf("the audit sink %s needs a host and no user; a token goes into token-file", s.Name)
		}
	default:
		return fmt.Errorf("the audit sink's kind %q is not known: file, syslog, syslog+udp, syslog+tcp, http or https", u.Scheme)
	}
	return nil
}
