package api

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"runtime/debug"
	"strings"
	"time"
	"unicode/utf8"

	"sphera/internal/audit"
	"sphera/internal/fault"

	"github.com/google/uuid"
)

const (
	readTimeout  = 60 * time.Second
	writeTimeout = 60 * time.Second
)

func errCrossOrigin() error {
	return fault.Refuse("same-origin", "The request comes from a page of another site.",
		"Send it from the portal's own pages, or with an API token and no Origin header.", "role infrastructure")
}

// middleware is what every request goes through, outermost first: request id,
// log, metrics, panics, headers, deadlines, cross-origin protection, routing.
func (a *API) middleware() http.Handler {
	routed := http.HandlerFunc(a.dispatch)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := a.now()
		id := newRequestID()
		ctx := audit.WithOrigin(r.Context(), audit.Origin{RequestID: id, Address: a.clientIP(r)})
		ow := &observed{ResponseWriter: w}
		ctx = context.WithValue(ctx, writerKey{}, http.ResponseWriter(ow))
		r = r.WithContext(ctx)
		w.Header().Set("X-Request-Id", id)
		a.secure(w.Header())
		r, v := a.visited(ow, r)
		defer func() {
			p, cut := recover(), a.leave(v)
			if p != nil && !cut {
				a.panicked(ow, r, p)
			}
			a.observe(ow, r, id, a.now().Sub(start))
			if cut {
				a.log.InfoContext(r.Context(), "a request was cut off", "user", v.user.ID, "requestId", id)
				panic(http.ErrAbortHandler) // half an answer is not taken for the whole
			}
		}()
		a.deadlines(ow, r)
		routed.ServeHTTP(ow, r)
	})
}

func newRequestID() string {
	id, err := uuid.NewV7()
	if err != nil {
		return newNonce()
	}
	return id.String()
}

// panicked answers 500 with the id; the stack is in the log only. After an
// answer has begun the connection is cut, so that half of it is not taken for
// the whole.
func (a *API) panicked(w *observed, r *http.Request, p any) {
	if p == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so
		panic(p)
	}
	a.log.ErrorContext(r.Context(), "panic", "requestId", audit.RequestID(r.Context()), "panic", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
	if w.status != 0 {
		panic(http.ErrAbortHandler)
	}
	a.writeFailure(w, r, fault.New(fault.Internal, "Something went wrong inside the portal. Its log has the cause under the request id."))
}

// observe writes the access log: the route and the path, never the query, whose
// values may be personal.
func (a *API) observe(w *observed, r *http.Request, id string, d time.Duration) {
	status := w.status
	if status == 0 {
		status = http.StatusOK
	}
	a.metrics.observe(w.route, status, d)
	a.log.InfoContext(r.Context(), "request", "method", r.Method, "path", r.URL.EscapedPath(), "route", w.route, "status", status,
		"millis", d.Milliseconds(), "bytes", w.bytes, "requestId", id, "from", a.clientIP(r))
}

// deadlines bound every request; streams, git and services set their own.
func (a *API) deadlines(w http.ResponseWriter, r *http.Request) {
	rc := http.NewResponseController(w)
	read, write := a.now().Add(readTimeout), a.now().Add(writeTimeout)
	if strings.HasPrefix(r.URL.Path, "/git/") || strings.HasPrefix(r.URL.Path, "/run/") {
		read, write = time.Time{}, time.Time{}
	}
	a.ignore(r, rc.SetReadDeadline(read))
	a.ignore(r, rc.SetWriteDeadline(write))
}

// dispatch finds the route on the escaped path, so that names may hold a
// slash. What is no route is a page of the user interface, or an error in the
// form of the API.
func (a *API) dispatch(w http.ResponseWriter, r *http.Request) {
	ow, _ := w.(*observed)
	r = r.WithContext(context.WithValue(r.Context(), requestKey{}, r))
	escaped := r.URL.EscapedPath()
	service := strings.HasPrefix(escaped, "/run/")
	if !service && escaped != "/" && path.Clean(escaped) != strings.TrimSuffix(escaped, "/") {
		a.writeFailure(w, r, errNotFound())
		return
	}
	if !service && !isText(r) {
		a.writeFailure(w, r, fault.New(fault.Invalid, "The address holds a character that is no text; send UTF-8 without the zero byte."))
		return
	}
	if _, pattern := a.mux.mux.Handler(r); pattern != "" {
		ow.route = pattern
		if service {
			// The proxy sets the sandbox and its own; caching is the service's.
			for _, name := range []string{"Content-Security-Policy", "Cache-Control", "Cross-Origin-Resource-Policy", "X-Content-Type-Options", "Referrer-Policy"} {
				w.Header().Del(name)
			}
		}
		a.protected.ServeHTTP(w, r) // only the mux itself sets the path's values
		return
	}
	a.unrouted(w, r)
}

// isText says whether path and query are text that every database takes.
func isText(r *http.Request) bool {
	query, err := url.QueryUnescape(r.URL.RawQuery)
	if err != nil {
		return true // whoever reads the query says what is wrong with it
	}
	for _, text := range []string{r.URL.Path, query} {
		if strings.ContainsRune(text, 0) || !utf8.ValidString(text) {
			return false
		}
	}
	return true
}

func errNotFound() error { return fault.New(fault.NotFound, "There is nothing at this address.") }

// unrouted answers what the mux does not know: 405 where the path exists with
// another method, the page, or 404.
func (a *API) unrouted(w http.ResponseWriter, r *http.Request) {
	trial := &discard{header: http.Header{}}
	a.mux.mux.ServeHTTP(trial, r)
	reading := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch {
	case trial.status == http.StatusMethodNotAllowed:
		w.Header().Set("Allow", trial.header.Get("Allow"))
		f := failure(r.Context(), fault.New(fault.Invalid, "This address does not take %s, but %s.", safeMethod(r.Method), trial.header.Get("Allow")))
		f.status = http.StatusMethodNotAllowed
		a.writeFailure(w, r, f)
	case reserved(r.URL.Path) || !reading:
		a.writeFailure(w, r, errNotFound())
	case !a.ui.serve(w, r, newNonce()):
		a.writeFailure(w, r, errNotFound())
	}
}

func safeMethod(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	default:
		return "this method"
	}
}

// reserved are paths of programs: there a typing mistake is an error and not
// the page.
func reserved(p string) bool {
	for _, prefix := range []string{"/v1/", "/scim/", "/git/", "/run/"} {
		if strings.HasPrefix(p+"/", prefix) {
			return true
		}
	}
	return false
}

// observed remembers what was answered.
type observed struct {
	http.ResponseWriter
	status int
	bytes  int64
	route  string
}

func (o *observed) WriteHeader(status int) {
	if o.status == 0 && status >= http.StatusOK {
		o.status = status
	}
	o.ResponseWriter.WriteHeader(status)
}

func (o *observed) Write(b []byte) (int, error) {
	if o.status == 0 {
		o.status = http.StatusOK
	}
	n, err := o.ResponseWriter.Write(b)
	o.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (o *observed) Unwrap() http.ResponseWriter { return o.ResponseWriter }

// Flush is for handlers that look for http.Flusher, as proxies do.
func (o *observed) Flush() {
	if f, ok := o.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}

// discard takes an answer that is only looked at.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(status int)      { d.status = status }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
