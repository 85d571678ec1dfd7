// Package api speaks HTTP: one file per resource with handlers of a few lines
// (who, decode, call the domain, answer), all routes in routes.go, and what
// every request goes through in endpoint.go, middleware.go and security.go.
package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"sphera/internal/audit"
	"sphera/internal/audit/seal"
	"sphera/internal/audit/sink"
	"sphera/internal/auth"
	"sphera/internal/automation"
	"sphera/internal/catalog"
	"sphera/internal/change"
	"sphera/internal/guarded"
	"sphera/internal/hook"
	"sphera/internal/insight"
	"sphera/internal/migration"
	"sphera/internal/notify"
	"sphera/internal/oidc"
	"sphera/internal/policy"
	"sphera/internal/portapi"
	"sphera/internal/scim"
	"sphera/internal/source"
	"sphera/internal/store"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"
)

type tx = store.Tx

// Deps is what the handlers call.
type Deps struct {
	DB    *store.DB
	Audit *audit.Log
	Auth  *auth.Service
	// Guard asks below the handlers; Runs, Forge and the others of its package
	// are all that they have of the stores.
	Guard   *guarded.Guard
	Runs    *guarded.Runs
	Forge   *guarded.Forge
	Catalog *catalog.Catalog
	Sources *source.Sources
	// Migrations are those that package portapi starts and tells of.
	Migrations *migration.Migrations
	Services   *guarded.Services
	Things     *guarded.Things
	Insights   *insight.Insights
	Views      *guarded.Views
	Policies   *policy.Policies
	Flags      *guarded.Flags
	Vault      *guarded.Vault
	Hooks      *hook.Hooks
	Changes    *change.Changes
	// Automation has the actions that are data.
	Automation *guarded.Automation
	// FlagKeys are the keys of the flag server, FlagUsage how flags are used.
	FlagKeys  *guarded.FlagKeys
	FlagUsage *guarded.FlagUsage
	// Approvals decide who has to approve runs, Notices tell people.
	Approvals *guarded.Approvals
	Notices   *notify.Service
	Courier   *notify.Courier
	// SignIn knows the OpenID providers and the CI systems that are trusted.
	SignIn *oidc.Service
	// Directories tell by SCIM which people there are.
	Directories *scim.Service
	// Sinks take the audit log outside, AuditKey signs its checkpoints.
	Sinks    *sink.Sinks
	AuditKey *seal.Key
	// PublicURL is where people and programs reach the portal.
	PublicURL func() string
	Log       *slog.Logger
	Now       func() time.Time
	// Metrics are served at /metrics and receive the API's own.
	Metrics *prometheus.Registry
}

// Options are the settings of the API.
type Options struct {
	Version string
	// Secure says that people reach the portal over HTTPS.
	Secure bool
	// TrustedOrigins may send requests that change something besides the
	// portal's own origin, e.g. "https://portal.example.com".
	TrustedOrigins []string
	// TrustedProxies may tell the address of the client in X-Forwarded-For.
	TrustedProxies []netip.Prefix
	// Demo lists the users of the demo; nil outside of it.
	Demo []DemoUser
	// Ready reports what is not ready yet besides the database; nil is ready.
	Ready func() error
	// Heartbeat is the pause between signs of life on a stream; 15 s when 0.
	Heartbeat time.Duration
	// Finishing is how long a request may go on after its credential has ended;
	// 5 s when 0.
	Finishing time.Duration
}

// API answers every request to the portal.
type API struct {
	db         *store.DB
	audit      *audit.Log
	auth       *auth.Service
	runs       *guarded.Runs
	forge      *guarded.Forge
	catalog    *catalog.Catalog
	sources    *source.Sources
	port       *portapi.Service
	automation *guarded.Automation
	signin     *oidc.Service
	directory  *scim.Service
	services   *guarded.Services
	things     *guarded.Things
	approvals  *guarded.Approvals
	notices    *notify.Service
	courier    *notify.Courier
	insights   *insight.Insights
	views      *guarded.Views
	policies   *policy.Policies
	flagKeys   *guarded.FlagKeys
	flagUses   *guarded.FlagUsage
	flags      *guarded.Flags
	log        *slog.Logger
	now        func() time.Time
	o          Options

	sinks    *sink.Sinks
	auditKey *seal.Key
	visits   visits
	// exported remembers what was recorded lately of exports and of tokens that were refused.
	exported audit.Seldom

	mux     *table
	huma    huma.API
	spec    []byte
	ui      *ui
	metrics *metrics
	handler http.Handler
	// protected is the mux behind the cross-origin protection.
	protected http.Handler
	// draining is set when the server stops: not ready any more.
	draining atomic.Bool
	// stopping ends the streams.
	stopping context.Context
	stop     context.CancelFunc
}

// New builds the API and checks that mux, table and document agree.
func New(d Deps, o Options) (*API, error) {
	if o.Heartbeat == 0 {
		o.Heartbeat = 15 * time.Second
	}
	if o.Finishing == 0 {
		o.Finishing = finishing
	}
	a := &API{
		db: d.DB, audit: d.Audit, auth: d.Auth, runs: d.Runs, forge: d.Forge, catalog: d.Catalog, sources: d.Sources, services: d.Services, things: d.Things, automation: d.Automation, signin: d.SignIn, directory: d.Directories,
		insights: d.Insights, views: d.Views, policies: d.Policies, flags: d.Flags, flagKeys: d.FlagKeys, flagUses: d.FlagUsage, log: d.Log, now: d.Now, o: o,
		sinks: d.Sinks, auditKey: d.AuditKey, visits: visits{open: map[*visit]struct{}{}},
	}
	a.approvals, a.notices, a.courier = d.Approvals, d.Notices, d.Courier
	d.Guard.Denied(a.recordDenied)
	a.port = portapi.New(portapi.Deps{
		DB: d.DB, Audit: d.Audit, Auth: d.Auth, Catalog: d.Catalog, Sources: d.Sources, Migrations: d.Migrations, Log: d.Log, Now: d.Now, Version: o.Version,
		Actions: func(ctx context.Context) ([]string, error) {
			list, err := d.Automation.Actions(ctx, automation.Filter{})
			ids := make([]string, 0, len(list))
			for _, one := range d.Runs.Actions() {
				ids = append(ids, one.Identifier)
			}
			for _, one := range list {
				ids = append(ids, one.Identifier)
			}
			return ids, err
		},
		Automation: d.Automation, Forge: d.Forge, Flags: d.Flags, Seen: d.Things.Events,
		Vault: d.Vault, Hooks: d.Hooks, Changes: d.Changes, PublicURL: d.PublicURL,
	})
	d.Catalog.FollowRenames(a.port.FollowRename)
	a.stopping, a.stop = context.WithCancel(context.Background())
	a.metrics = newMetrics(d.Metrics)
	a.mux = &table{
		mux: http.NewServeMux(), guard: a.guard, entries: map[string]route{},
		text: map[string]func(http.ResponseWriter, *http.Request) error{},
	}
	a.huma = newHuma(a.mux, o.Version)
	for _, rt := range a.routes() {
		rt = a.mux.add(rt)
		rt.endpoint.register(a, rt)
	}
	a.documentActions()
	if err := a.finish(); err != nil {
		return nil, err
	}
	return a, nil
}

func newHuma(mux humago.Mux, version string) huma.API {
	config := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Sphera", Version: version,
				Description: "The API of the developer portal; its user interface and its command line use nothing else. Every answer is {\"ok\": true, ...}, every failure {\"ok\": false, \"error\": code, \"message\": sentence, \"requestId\": id, ...}.",
			},
			Components: &huma.Components{
				Schemas: newRegistry(),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"token":   {Type: "http", Scheme: "bearer", Description: "An API token (spu_...), see POST /v1/tokens"},
					"session": {Type: "apiKey", In: "cookie", Name: "__Host-sphera", Description: "Set by POST /v1/auth/login"},
				},
			},
			Security: []map[string][]string{{"token": {}}, {"session": {}}},
		},
		Formats:       map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat: "application/json",
		Transformers:  []huma.Transformer{transform},
	}
	return humago.New(mux, config)
}

// finish refuses an API with a mistake in its table and writes the document.
func (a *API) finish() error {
	if err := errors.Join(a.mux.errs...); err != nil {
		return fmt.Errorf("routes: %w", err)
	}
	schemas := a.huma.OpenAPI().Components.Schemas.Map()
	delete(schemas, "ErrorModel") // huma's own form, which we never answer with
	delete(schemas, "ErrorDetail")
	spec, err := a.huma.OpenAPI().MarshalJSON()
	if err != nil {
		return fmt.Errorf("write the OpenAPI document: %w", err)
	}
	a.spec = spec
	if a.ui, err = newUI(); err != nil {
		return err
	}
	if a.protected, err = a.crossOrigin(a.mux); err != nil {
		return fmt.Errorf("trusted origins: %w", err)
	}
	a.handler = a.middleware()
	return nil
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.handler.ServeHTTP(w, r) }

// Spec is the OpenAPI 3.1 document.
func (a *API) Spec() []byte { return a.spec }

// Spec30 is the document in OpenAPI 3.0.3, for tools that know no newer one.
func (a *API) Spec30() ([]byte, error) { return a.huma.OpenAPI().Downgrade() }

// Drain makes the portal answer that it is not ready, so that load balancers
// send nothing more.
func (a *API) Drain() { a.draining.Store(true) }

// StopStreams ends event streams; clients come back, here or to a replica.
func (a *API) StopStreams() { a.stop() }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
