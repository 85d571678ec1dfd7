package serve

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// flagd answers flagd's HTTP sync: the definition of a set. Server keys only;
// rules hold names of customers.
func (s *Server) flagd(w http.ResponseWriter, r *http.Request, p place, now time.Time) int {
	q, status := s.admit(w, r, p, now)
	if status != 0 {
		return status
	}
	if q.loaded == nil {
		return fail(w, http.StatusNotFound, "There are no flags of this project in this environment.")
	}
	if selector := r.Header.Get("Flagd-Selector"); selector != "" && !q.loaded.selected(selector) {
		return fail(w, http.StatusNotFound, "The key's set of flags is another one than the selector names.")
	}
	etag := `"` + q.loaded.configTag + `"`
	w.Header().Set("Etag", etag)
	if matches(r.Header["If-None-Match"], etag) {
		w.WriteHeader(http.StatusNotModified)
		return http.StatusNotModified
	}
	_ = http.NewResponseController(w).SetWriteDeadline(now.Add(answerTimeout)) // a test's recorder has none
	return send(w, http.StatusOK, q.loaded.sn.Set.Definition())
}

// selected tells whether a selector of flagd names the set: flagSetId=NAME, or
// the bare name, where NAME is the set's flagSetId, the project, or project
// and environment with a slash.
func (l *loaded) selected(selector string) bool {
	name := selector
	if key, value, found := strings.Cut(selector, "="); found {
		if key != "flagSetId" && key != "source" {
			return false
		}
		name = value
	}
	switch name {
	case "", l.sn.Project, l.sn.Project + "/" + l.sn.Environment:
		return true
	}
	m := l.sn.Set.Metadata()
	return m != nil && m.Values()["flagSetId"] == name
}

// manifestFlag is what OpenFeature's command line makes a typed accessor of.
type manifestFlag struct {
	Key         string          `json:"key"`
	Type        string          `json:"type"`
	Default     json.RawMessage `json:"defaultValue"`
	Description string          `json:"description,omitempty"`
}

// manifest answers OpenFeature's manifest: the flags with their types and
// defaults.
func (s *Server) manifest(w http.ResponseWriter, r *http.Request, p place, now time.Time) int {
	q, status := s.admit(w, r, p, now)
	if status != 0 {
		return status
	}
	out := struct {
		Flags []manifestFlag `json:"flags"`
	}{[]manifestFlag{}}
	if q.loaded != nil {
		var err error
		if out.Flags, err = q.loaded.manifest(); err != nil {
			s.o.Log.ErrorContext(r.Context(), "make the manifest of a set of flags", "project", q.entry.key.project, "error", err)
			return fail(w, http.StatusInternalServerError, "The manifest could not be made.")
		}
	}
	body, err := json.Marshal(out)
	if err != nil {
		return fail(w, http.StatusInternalServerError, "The manifest could not be made.")
	}
	etag := `"` + strconv.FormatUint(tagOf(string(body)), 36) + `"`
	w.Header().Set("Etag", etag)
	w.Header().Set("X-Manifest-Capabilities", "read")
	if matches(r.Header["If-None-Match"], etag) {
		w.WriteHeader(http.StatusNotModified)
		return http.StatusNotModified
	}
	return send(w, http.StatusOK, body)
}

// definition is what the manifest reads of flagd's definition.
type definition struct {
	Flags map[string]struct {
		Variants map[string]json.RawMessage `json:"variants"`
		Default  *string                    `json:"defaultVariant"`
		Metadata struct {
			Description string `json:"description"`
		} `json:"metadata"`
	} `json:"flags"`
}

func (l *loaded) manifest() ([]manifestFlag, error) {
	var d definition
	if err := json.Unmarshal(l.sn.Set.Definition(), &d); err != nil {
		return nil, err
	}
	out := make([]manifestFlag, 0, len(l.server.list))
	for _, a := range l.server.list {
		def := d.Flags[a.key]
		one := manifestFlag{Key: a.key, Description: def.Metadata.Description}
		for _, value := range def.Variants {
			if kind := manifestType(value); one.Type != "float" { // one value with a fraction makes all of them so
				one.Type = kind
			}
		}
		one.Default = zeroOf(one.Type)
		if def.Default != nil {
			if value, ok := def.Variants[*def.Default]; ok {
				one.Default = value
			}
		}
		out = append(out, one)
	}
	return out, nil
}

func manifestType(value json.RawMessage) string {
	switch text := strings.TrimSpace(string(value)); {
	case text == "true" || text == "false":
		return "boolean"
	case strings.HasPrefix(text, `"`):
		return "string"
	case strings.HasPrefix(text, "{"):
		return "object"
	case strings.ContainsAny(text, ".eE"):
		return "float"
	default:
		return "integer"
	}
}

func zeroOf(kind string) json.RawMessage {
	switch kind {
	case "boolean":
		return json.RawMessage("false")
	case "string":
		return json.RawMessage(`""`)
	case "object":
		return json.RawMessage("{}")
	default:
		return json.RawMessage("0")
	}
}
