// Package portapi answers as Port's v1 API does, so that its clients (the
// Terraform provider, the Kubernetes exporter, Ocean, the agents) work against
// Sphera unchanged. Handlers know nothing of HTTP beyond the words of that
// contract; package api registers them with sign-in, limits and envelope.
//
// A group of routes is one file with a method that returns its lines of the
// table, listed in Routes.
package portapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"sphera/internal/audit"
	"sphera/internal/auth"
	"sphera/internal/catalog"
	"sphera/internal/change"
	"sphera/internal/fault"
	"sphera/internal/guarded"
	"sphera/internal/hook"
	"sphera/internal/integration"
	"sphera/internal/migration"
	"sphera/internal/resource"
	"sphera/internal/source"
	"sphera/internal/store"
)

// Deps is what the handlers call.
type Deps struct {
	DB      *store.DB
	Audit   *audit.Log
	Auth    *auth.Service
	Catalog *catalog.Catalog
	// Forge and Flags are asked what a team owns.
	Forge *guarded.Forge
	Flags *guarded.Flags
	// Sources is asked before what a program deletes is deleted (Delete), and
	// told when one lists (Listed) or writes (Wrote) its entities.
	Sources    *source.Sources
	Migrations *migration.Migrations
	Log        *slog.Logger
	Now        func() time.Time
	// Actions lists the identifiers of what can be run.
	Actions func(ctx context.Context) ([]string, error)
	// Automation has the actions that are data.
	Automation *guarded.Automation
	// Vault keeps secret values.
	Vault *guarded.Vault
	// Seen leaves of audit events those that the caller may read.
	Seen func(ctx context.Context, events []audit.Event) ([]audit.Event, error)
	// Changes tells others of changes.
	Changes *change.Changes
	// Hooks takes in what comes to webhooks.
	Hooks *hook.Hooks
	// PublicURL is where clients reach the portal.
	PublicURL func() string
	// Version is the program's.
	Version string
}

// Service is the handlers of all groups.
type Service struct {
	Deps
	documents *resource.Store
	reports   *integration.Reports
}

// New returns the handlers.
func New(d Deps) *Service {
	return &Service{Deps: d, documents: resource.New(d.Audit, d.Now), reports: integration.New(d.DB, d.Now)}
}

// Routes is everything this package answers.
func (s *Service) Routes() []Route {
	return slices.Concat(s.organizationRoutes(), s.authRoutes(), s.blueprintRoutes(), s.entityRoutes(),
		s.teamRoutes(), s.userRoutes(), s.documentRoutes(),
		s.permissionRoutes(), s.migrationRoutes(), s.auditRoutes(), s.searchRoutes(), s.scorecardRoutes(), s.actionRoutes(), s.runRoutes())
}

// Request is what a handler gets. The caller is known and may do what the
// route's line says.
type Request struct {
	// Path holds the wildcards of the route's path, unescaped: values may have
	// slashes, spaces and plus signs.
	Path  map[string]string
	Query url.Values
	// Body is JSON that was checked for size, depth, doubled keys and, where In
	// is no open type, unknown ones; empty when nothing was sent.
	Body   json.RawMessage
	Header http.Header
	Caller auth.Principal
	// UserAgent is what Port calls the datasource of a write.
	UserAgent string
	// Address is where the request comes from.
	Address string
	// May asks whether the caller may do verb on o, for routes that know the
	// object only from the body. A refused change is audited.
	May func(ctx context.Context, verb string, o auth.Object) error
}

// Handler answers one route. A status of 0 is the route's. The body is a struct
// or a map; package api adds "ok": true. nil answers {"ok": true}.
type Handler func(ctx context.Context, r *Request) (status int, body any, err error)

// Who may call a route without any right of their own.
const (
	Anyone   = "anyone"
	SignedIn = "signed-in"
)

// Where the trace of a change is kept.
const (
	// None is for reads.
	None = "none"
	// Domain: the domain appends an event in the transaction of the change.
	Domain = "domain"
	// Asks is for reads by POST.
	Asks = "asks"
)

// Limits of a body in bytes.
const (
	Small  = 64 << 10
	Normal = 1 << 20
)

// Route is one line of the table.
type Route struct {
	// Path has wildcards as {name}.
	Method, Path string
	// ID names the operation in OpenAPI, e.g. "listBlueprints".
	ID string
	// Verb is what auth.Can is asked, or Anyone, or SignedIn.
	Verb string
	// Object is what the verb is about; nil for the collection. The body is not
	// read yet when it is asked.
	Object func(ctx context.Context, r *Request) (auth.Object, error)
	// Limit bounds the body; 0 for routes without one.
	Limit int64
	// Raw leaves the body as it came: any bytes, e.g. of a signed webhook.
	Raw   bool
	Audit string
	// Status of success; 200 when 0.
	Status int
	// In and Out are values of the types of body and answer, for OpenAPI. A type
	// with a field Extra is open: it keeps keys it does not know. A map or a
	// json.RawMessage is any JSON.
	In, Out any
	// Params documents the query.
	Params []Param
	Handle Handler
}

// Param is one parameter of the query.
type Param struct {
	Name, Doc string
	// Type is string (the default), boolean, integer or array.
	Type string
}

// Decode reads the body into v.
func (r *Request) Decode(v any) error {
	if len(bytes.TrimSpace(r.Body)) == 0 {
		return fault.New(fault.Invalid, "The request has no body; it needs a JSON object.")
	}
	if err := json.Unmarshal(r.Body, v); err != nil {
		if f, ok := fault.As(err); ok {
			return f
		}
		return shapeError(err)
	}
	return nil
}

// shapeError tells which field has the wrong type, never its value.
func shapeError(err error) error {
	if shape, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fault.Field("/"+strings.ReplaceAll(shape.Field, ".", "/"), "is of type "+shape.Value, kindName(shape.Type))
	}
	return fault.New(fault.Unprocessable, "The request's body has not the form that this address expects.")
}

func kindName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a text"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Map, reflect.Struct:
		return "an object"
	default:
		return "a number"
	}
}

// Bool reads a boolean of the query. What cannot be read is true: a client that
// sends something there means to switch it on (Port's Terraform provider sends
// the text of a pointer).
func (r *Request) Bool(name string) bool {
	if !r.Query.Has(name) {
		return false
	}
	switch strings.ToLower(r.Query.Get(name)) {
	case "", "false", "0", "no", "off", "null", "undefined":
		return false
	default:
		return true
	}
}

// List reads a list of the query: repeated, comma-separated, or with [] behind
// the name.
func (r *Request) List(name string) []string {
	var out []string
	for _, value := range slices.Concat(r.Query[name], r.Query[name+"[]"]) {
		for part := range strings.SplitSeq(value, ",") {
			if part = strings.TrimSpace(part); part != "" {
				out = append(out, part)
			}
		}
	}
	return out
}

// Spaced is the value of a path's wildcard with plus signs as the spaces that
// some clients write so. Ask for the plain value first: a plus is a letter of
// identifiers.
func (r *Request) Spaced(name string) string { return strings.ReplaceAll(r.Path[name], "+", " ") }
