package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strings"

	"sphera/internal/auth"
	"sphera/internal/fault"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// route is one line of the table in routes.go.
type route struct {
	method, path string
	// id names the operation in OpenAPI and in the generated clients.
	id string
	// verb is what auth.Service.May is asked; anyone for routes without sign-in,
	// signedIn for those that every user has.
	verb string
	// object tells what the verb is about; nil for the collection.
	object loader
	// limit bounds the body in bytes; 0 for routes without one.
	limit int64
	// audit says where the trace of a change is kept: none for reads, asks for
	// reads by POST, domain where the domain appends an event in the
	// transaction of the change.
	audit string
	// status of success; 200 when 0.
	status   int
	endpoint endpoint
}

// loader finds the object of a request, e.g. an entity with its owners.
type loader func(r *http.Request) (auth.Object, error)

// endpoint registers the handler of a route.
type endpoint struct {
	body reflect.Type
	// port is for routes of package portapi: what is JSON and not right is 422
	// there, as at Port.
	port bool
	// raw leaves the body unread by the checks.
	raw      bool
	register func(a *API, rt route)
}

const (
	anyone   = "anyone"
	signedIn = "signed-in"

	none   = "none"
	domain = "domain"
	asks   = "asks" // a question too long for an address; changes nothing

	small  = 64 << 10
	normal = 1 << 20
	large  = 16 << 20
	huge   = 64 << 20 // a catalog as files
)

type answer[O any] interface {
	*O
	succeed() int
}

type output[O any] struct {
	Status int
	Body   *O
}

// do makes an endpoint of a handler with typed input and answer. OpenAPI, the
// validation and the generated clients follow from the two types.
func do[I, O any, P answer[O]](handle func(ctx context.Context, in *I) (P, error)) endpoint {
	var body reflect.Type
	if f, ok := reflect.TypeFor[I]().FieldByName("Body"); ok {
		body = f.Type
	}
	return endpoint{body: body, register: func(a *API, rt route) {
		huma.Register(a.huma, a.operation(rt), func(ctx context.Context, in *I) (*output[O], error) {
			out, err := handle(ctx, in)
			a.tellRefused(ctx, err)
			if err != nil {
				return nil, failureOf(ctx, a.log, err)
			}
			status := out.succeed()
			if status == 0 {
				status = rt.status
			}
			return &output[O]{Status: status, Body: (*O)(out)}, nil
		})
	}}
}

// rawDoc documents a route that writes its own answer.
type rawDoc struct {
	contentType string
	description string
	query       map[string]string
}

// raw makes an endpoint of a handler that writes to the connection itself:
// streams and downloads. An error is answered unless something was written.
func raw(doc rawDoc, handle func(w http.ResponseWriter, r *http.Request) error) endpoint {
	return endpoint{register: func(a *API, rt route) {
		op := a.operation(rt)
		op.Description = doc.description
		op.Responses["200"] = &huma.Response{Description: "OK", Content: map[string]*huma.MediaType{
			doc.contentType: {Schema: &huma.Schema{Type: huma.TypeString}},
		}}
		op.Parameters = pathParams(rt.path)
		for _, name := range sortedKeys(doc.query) {
			op.Parameters = append(op.Parameters, &huma.Param{Name: name, In: "query", Description: doc.query[name], Schema: &huma.Schema{Type: huma.TypeString}})
		}
		a.huma.OpenAPI().AddOperation(&op)
		a.mux.HandleFunc(rt.method+" "+rt.path, func(w http.ResponseWriter, r *http.Request) {
			if err := handle(w, r); err != nil {
				a.writeFailure(w, r, err)
			}
		})
	}}
}

// outside makes an endpoint of a protocol that is not this API's, e.g. git's:
// it has its own sign-in and is not in the document.
func outside(h http.Handler) endpoint {
	return endpoint{register: func(a *API, rt route) {
		a.mux.HandleFunc(strings.TrimSpace(rt.method+" "+rt.path), h.ServeHTTP)
	}}
}

// orText answers with text instead when ?format=text is asked for.
func orText(typed endpoint, text func(w http.ResponseWriter, r *http.Request) error) endpoint {
	register := typed.register
	typed.register = func(a *API, rt route) {
		a.mux.text[rt.method+" "+rt.path] = text
		register(a, rt)
	}
	return typed
}

func pathParams(path string) []*huma.Param {
	var out []*huma.Param
	for segment := range strings.SplitSeq(path, "/") {
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			out = append(out, &huma.Param{
				Name: strings.TrimSuffix(name, "}"), In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString},
			})
		}
	}
	return out
}

func (a *API) operation(rt route) huma.Operation {
	op := huma.Operation{
		Method: rt.method, Path: rt.path, OperationID: rt.id, DefaultStatus: rt.status,
		Tags: []string{tagOf(rt.path)}, Summary: summaryOf(rt.id),
		// The body was read and bounded before huma sees it.
		MaxBodyBytes: rt.limit + 1, BodyReadTimeout: -1,
		Responses: map[string]*huma.Response{"default": {
			Description: "Failure",
			Content:     map[string]*huma.MediaType{"application/json": {Schema: a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Failure](), true, "Failure")}},
		}},
		Extensions: map[string]any{"x-permission": rt.verb},
	}
	if rt.verb == anyone {
		op.Security = []map[string][]string{}
	}
	return op
}

// tagOf groups operations by resource.
func tagOf(path string) string {
	segments := strings.Split(strings.TrimPrefix(path, "/v1/"), "/")
	return strings.TrimPrefix(segments[0], "/")
}

// summaryOf turns "listPullRequests" into "List pull requests".
func summaryOf(id string) string {
	var b strings.Builder
	for i, r := range id {
		switch {
		case i == 0:
			b.WriteString(strings.ToUpper(string(r)))
		case r >= 'A' && r <= 'Z':
			b.WriteString(" " + strings.ToLower(string(r)))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// table is the only way a handler gets onto the mux: with an entry that says
// who may call it, how large a body may be and where it is audited.
type table struct {
	mux     *http.ServeMux
	guard   func(rt route, body reflect.Type, next http.Handler) http.Handler
	entries map[string]route
	text    map[string]func(w http.ResponseWriter, r *http.Request) error
	errs    []error
}

func (t *table) add(rt route) route {
	key := strings.TrimSpace(rt.method + " " + rt.path)
	if rt.status == 0 {
		rt.status = http.StatusOK
	}
	switch {
	case rt.id == "" || rt.verb == "" || rt.audit == "":
		t.errs = append(t.errs, fmt.Errorf("route %s: the entry needs an id, a verb and an audit class", key))
	case rt.limit == 0 && rt.endpoint.body != nil:
		t.errs = append(t.errs, fmt.Errorf("route %s: has a body and no limit for it", key))
	case rt.audit == none && rt.method != http.MethodGet:
		t.errs = append(t.errs, fmt.Errorf("route %s: changes something and is not audited", key))
	}
	if _, twice := t.entries[key]; twice {
		t.errs = append(t.errs, fmt.Errorf("route %s: is in the table twice", key))
	}
	t.entries[key] = rt
	return rt
}

// HandleFunc implements humago.Mux. A handler without an entry is an error,
// and with an error the server does not start.
func (t *table) HandleFunc(pattern string, handler func(http.ResponseWriter, *http.Request)) {
	rt, ok := t.entries[pattern]
	if !ok {
		t.errs = append(t.errs, fmt.Errorf("route %s: has a handler and no entry in the table", pattern))
		return
	}
	next := http.HandlerFunc(handler)
	if text := t.text[pattern]; text != nil {
		next = func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("format") != "text" {
				handler(w, r)
				return
			}
			if err := text(w, r); err != nil {
				panic(err) // only after the answer has begun
			}
		}
	}
	t.mux.Handle(pattern, t.guard(rt, rt.endpoint.body, next))
}

// ServeHTTP implements humago.Mux.
func (t *table) ServeHTTP(w http.ResponseWriter, r *http.Request) { t.mux.ServeHTTP(w, r) }

var _ humago.Mux = (*table)(nil)

// guard is what every route of the table goes through: who asks, may they, and
// is the body small, strict JSON.
func (a *API) guard(rt route, body reflect.Type, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = attempting(r, rt)
		if rt.verb != anyone {
			p, err := a.principal(r)
			if err == nil {
				a.identify(r.Context(), p, a.authenticates(r))
				r = r.WithContext(auth.WithPrincipal(r.Context(), p))
				if err = onlyLooks(p, rt); err == nil {
					err = a.permit(r, p, rt)
				}
			}
			if err == nil {
				err = a.renewed(w, r, p)
			}
			if err != nil {
				a.writeFailure(w, r, err)
				return
			}
		}
		if err := a.readBody(w, r, rt, body); err != nil {
			a.writeFailure(w, r, err)
			return
		}
		if err := a.fresh(r, rt); err != nil {
			a.writeFailure(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// onlyLooks refuses every change to who views the portal as somebody else, also
// those that need no more than to be signed in.
func onlyLooks(p auth.Principal, rt route) error {
	if p.ViewAs == "" || rt.audit != domain || rt.id == endViewAs {
		return nil
	}
	return fault.Refuse("view-as-only-looks", "You are looking at the portal as somebody else, and can only look.", `End "view as" and do it as yourself.`, "yourself")
}

func (a *API) permit(r *http.Request, p auth.Principal, rt route) error {
	if rt.verb == signedIn {
		return nil
	}
	var o auth.Object
	if rt.object != nil {
		var err error
		if o, err = rt.object(r); err != nil {
			return err
		}
	}
	if t := attemptOf(r.Context()); t != nil {
		t.object = o
	}
	return a.may(r.Context(), p, rt.verb, o)
}

// may asks whether p may do verb on o, and records a refusal of a change.
func (a *API) may(ctx context.Context, p auth.Principal, verb string, o auth.Object) error {
	err := a.auth.May(ctx, p, verb, o)
	if err == nil {
		return a.onProduction(ctx, p, verb, o)
	}
	if !strings.HasSuffix(verb, ".read") {
		a.recordDenied(ctx, p, verb, o, err)
	}
	return err
}

func (a *API) readBody(w http.ResponseWriter, r *http.Request, rt route, body reflect.Type) error {
	if body == nil {
		return nil // nobody reads it
	}
	tooLarge := fault.New(fault.TooLarge, "The request's body is larger than %d bytes.", rt.limit)
	if r.ContentLength > rt.limit {
		return tooLarge
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, rt.limit))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return tooLarge
	case err != nil:
		return fault.New(fault.Invalid, "The request's body could not be read to its end.").Wrap(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(raw))
	if len(raw) == 0 || rt.endpoint.raw {
		return nil
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return fault.New(fault.Invalid, "The request's Content-Type must be application/json.")
	}
	err = checkJSON(raw, body)
	if f, ok := fault.As(err); ok && rt.endpoint.port && json.Valid(raw) {
		f.Code = fault.Unprocessable
	}
	return err
}
