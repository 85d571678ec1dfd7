package serve

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// place is what a request asks for.
type place struct {
	endpoint    endpoint
	environment string // empty when the path names none
	flag        string
}

// Front answers what is the flag server's and passes everything else on.
func (s *Server) Front(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, ok := locate(r.URL)
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		start := s.o.Now()
		s.headers.set(w.Header())
		status := s.answer(w, r, p, start)
		took := s.o.Now().Sub(start)
		if p.endpoint == stream || p.endpoint == feed {
			took = 0
		}
		s.metrics.answered(p.endpoint, status, took)
	})
}

// ServeHTTP implements http.Handler for a server that does nothing else.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.Front(http.NotFoundHandler()).ServeHTTP(w, r)
}

const evaluatePath = "ofrep/v1/evaluate/flags"

// locate reads a path. Those of the user interface may begin with /flags, too.
func locate(u *url.URL) (place, bool) {
	path := u.EscapedPath()
	var p place
	rest, ok := strings.CutPrefix(path, "/flags/")
	switch {
	case ok:
		var environment string
		if environment, rest, ok = strings.Cut(rest, "/"); !ok {
			return p, false
		}
		var err error
		if p.environment, err = url.PathUnescape(environment); err != nil || p.environment == "" {
			return p, false
		}
	case strings.HasPrefix(path, "/ofrep/"), path == "/openfeature/v0/manifest":
		rest = path[1:]
	case path == "/flag-feed/v1/stream":
		return place{endpoint: feed}, true
	case path == "/flag-feed/v1/usage":
		return place{endpoint: summary, flag: "feed"}, true
	default:
		return p, false
	}
	switch {
	case rest == evaluatePath:
		p.endpoint = bulk
	case strings.HasPrefix(rest, evaluatePath+"/"):
		p.endpoint = single
		key, err := url.PathUnescape(rest[len(evaluatePath)+1:])
		if err != nil || key == "" {
			p.endpoint = elsewhere
		}
		p.flag = key
	case rest == "ofrep/v1/sse":
		p.endpoint = stream
	case rest == "flagd.json":
		p.endpoint = flagdHTTP
	case rest == "openfeature/v0/manifest":
		p.endpoint = manifest
	case rest == "usage/v1/counts":
		p.endpoint = summary
	case strings.HasPrefix(rest, "ofrep/"):
		p.endpoint = elsewhere
	default:
		return p, false
	}
	return p, true
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request, p place, now time.Time) int {
	method := http.MethodPost
	switch p.endpoint {
	case elsewhere:
		return fail(w, http.StatusNotFound, "There is nothing at this address.")
	case stream, flagdHTTP, manifest:
		method = http.MethodGet
	}
	if r.Method == http.MethodOptions && p.endpoint != feed {
		return s.preflight(w, r, p)
	}
	if r.Method != method && (method != http.MethodGet || r.Method != http.MethodHead || p.endpoint == stream) {
		w.Header().Set("Allow", method)
		return fail(w, http.StatusMethodNotAllowed, "This address takes "+method+".")
	}
	switch p.endpoint {
	case single:
		return s.single(w, r, p, now)
	case bulk:
		return s.bulk(w, r, p, now)
	case stream:
		return s.stream(w, r, p, now)
	case flagdHTTP:
		return s.flagd(w, r, p, now)
	case manifest:
		return s.manifest(w, r, p, now)
	case summary:
		return s.summary(w, r, p, now)
	default:
		return s.feed(w, r, now)
	}
}

// asked is a request that may be answered.
type asked struct {
	key    *holder
	entry  *entry
	loaded *loaded // nil when the set does not exist
}

// admit checks the key and everything that does not depend on the body. It
// has answered when the status is not 0.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, p place, now time.Time) (asked, int) {
	h, ok := s.find(plainKey(r.Header), now)
	if !ok {
		return asked{}, s.unknownKey(w, r, now)
	}
	return s.admitKey(w, r, p, h, now)
}

func (s *Server) unknownKey(w http.ResponseWriter, r *http.Request, now time.Time) int {
	if wait, ok := s.limits.take("failure", s.o.Address(r), s.o.FailureRate, now); !ok {
		return tooMany(w, wait)
	}
	if !s.Ready() {
		return s.starting(w)
	}
	w.Header().Set("WWW-Authenticate", "Bearer")
	return fail(w, http.StatusUnauthorized, "The key is missing, wrong or ended. Send it as Authorization: Bearer or as X-API-Key.")
}

func (s *Server) starting(w http.ResponseWriter) int {
	w.Header().Set("Retry-After", "1")
	return fail(w, http.StatusServiceUnavailable, "The flags are not loaded yet.")
}

func (s *Server) admitKey(w http.ResponseWriter, r *http.Request, p place, h *holder, now time.Time) (asked, int) {
	if h.Kind == KindRelay || h.Kind == KindClient && !forClients(p.endpoint) {
		return asked{}, fail(w, http.StatusForbidden, "This kind of key may not ask for this.")
	}
	environment := p.environment
	if environment == "" {
		environment = h.Environment
	}
	if environment == "" {
		return asked{}, fail(w, http.StatusNotFound, "This key is for several environments: name one, /flags/ENVIRONMENT/ofrep/v1/...")
	}
	if !h.mayAsk(environment) {
		return asked{}, fail(w, http.StatusForbidden, "The key is for another environment.")
	}
	if origin := r.Header.Get("Origin"); origin != "" && h.Kind == KindClient {
		if !h.allows(origin) {
			return asked{}, fail(w, http.StatusForbidden, "Pages of this origin may not use the key.")
		}
		allowOrigin(w.Header(), origin)
	}
	if h.Kind == KindClient {
		if wait, ok := s.limits.take(h.ID, s.o.Address(r), s.o.ClientRate, now); !ok {
			return asked{}, tooMany(w, wait)
		}
	}
	e, ok := s.entry(h.Project, environment)
	if !ok {
		if !s.Ready() {
			return asked{}, s.starting(w)
		}
		if h.Environment == "" { // not made for every name that somebody tries
			return asked{}, fail(w, http.StatusNotFound, "There are no flags of this project in this environment.")
		}
		made, _ := s.sets.LoadOrStore(setKey{h.Project, environment}, &entry{key: setKey{h.Project, environment}})
		e, _ = made.(*entry)
	}
	return asked{key: h, entry: e, loaded: e.current.Load()}, 0
}

// forClients are the endpoints that public keys may ask: results, and the
// stream that tells when to ask again.
func forClients(e endpoint) bool { return e == single || e == bulk || e == stream }

// preflight answers a browser that asks before a page's request. It does not
// say which key will come, so every origin of the environment's keys may ask.
func (s *Server) preflight(w http.ResponseWriter, r *http.Request, p place) int {
	origin := r.Header.Get("Origin")
	h := w.Header()
	h.Add("Vary", "Origin")
	if origin != "" && forClients(p.endpoint) && s.knownOrigin(origin, p.environment) {
		allowOrigin(h, origin)
		h.Set("Access-Control-Allow-Methods", "GET, POST")
		h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-None-Match, X-API-Key, Last-Event-ID, Cache-Control")
		h.Set("Access-Control-Max-Age", "600")
	}
	w.WriteHeader(http.StatusNoContent)
	return http.StatusNoContent
}

func (s *Server) knownOrigin(origin, environment string) bool {
	for _, h := range s.keys.Load().byID {
		if h.allows(origin) && (environment == "" || h.mayAsk(environment)) {
			return true
		}
	}
	return false
}

func allowOrigin(h http.Header, origin string) {
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", "ETag, Retry-After")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	if !slices.Contains(h.Values("Vary"), "Origin") {
		h.Add("Vary", "Origin")
	}
}

// fail answers with OFREP's general failure.
func fail(w http.ResponseWriter, status int, details string) int {
	body, err := json.Marshal(struct {
		Details string `json:"errorDetails"`
	}{details})
	if err != nil {
		body = []byte("{}")
	}
	return send(w, status, body)
}

func tooMany(w http.ResponseWriter, wait time.Duration) int {
	w.Header().Set("Retry-After", strconv.Itoa(max(1, int((wait+time.Second-1)/time.Second))))
	return fail(w, http.StatusTooManyRequests, "Too many requests.")
}

// refuse answers that a request cannot be evaluated.
func refuse(w http.ResponseWriter, status int, flag, code, details string) int {
	body, err := json.Marshal(struct {
		Key     string `json:"key,omitempty"`
		Code    string `json:"errorCode"`
		Details string `json:"errorDetails,omitempty"`
	}{flag, code, details})
	if err != nil {
		body = []byte("{}")
	}
	return send(w, status, body)
}

func send(w http.ResponseWriter, status int, body []byte) int {
	h := w.Header()
	h["Content-Type"] = jsonType()
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	if _, err := w.Write(body); err != nil {
		return 499 // the client went away
	}
	return status
}

// headers are those that every answer has, made once.
type headers map[string][]string

func newHeaders(secure bool) headers {
	h := headers{
		"Content-Security-Policy":      {"default-src 'none'; frame-ancestors 'none'"},
		"X-Content-Type-Options":       {"nosniff"},
		"Referrer-Policy":              {"no-referrer"},
		"X-Frame-Options":              {"DENY"},
		"Cross-Origin-Resource-Policy": {"same-origin"},
		"Cache-Control":                {"no-store"},
	}
	if secure {
		h["Strict-Transport-Security"] = []string{"max-age=31536000; includeSubDomains"}
	}
	return h
}

func (h headers) set(to http.Header) {
	maps.Copy(to, h)
}

func jsonType() []string { return []string{"application/json"} }
