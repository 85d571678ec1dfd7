package portal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"sphera/action"
	"sphera/internal/access"
	"sphera/internal/api"
	"sphera/internal/approval"
	"sphera/internal/audit"
	"sphera/internal/audit/seal"
	"sphera/internal/audit/sink"
	"sphera/internal/auth"
	"sphera/internal/automation"
	"sphera/internal/catalog"
	"sphera/internal/change"
	"sphera/internal/fault"
	"sphera/internal/flag"
	"sphera/internal/flag/key"
	"sphera/internal/flag/serve"
	flagusage "sphera/internal/flag/usage"
	"sphera/internal/forge"
	"sphera/internal/golden"
	"sphera/internal/guarded"
	"sphera/internal/hook"
	"sphera/internal/insight"
	"sphera/internal/migration"
	"sphera/internal/notify"
	"sphera/internal/oidc"
	"sphera/internal/outgoing"
	"sphera/internal/policy"
	"sphera/internal/resource"
	"sphera/internal/run"
	"sphera/internal/runtime"
	"sphera/internal/scim"
	"sphera/internal/secret"
	"sphera/internal/source"
	"sphera/internal/store"
	"sphera/internal/view"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
)

// The repositories where every service has its entry.
const (
	ciRepository     = "ci-config"
	gitopsRepository = "gitops"
)

// parts is everything that runs, put together by hand. This file is the only
// one that knows all packages.
type parts struct {
	log         *slog.Logger
	now         func() time.Time
	db          *store.DB
	metrics     *prometheus.Registry
	audit       *audit.Log
	auditKey    *seal.Key
	sealer      *seal.Sealer
	sinks       *sink.Sinks
	auth        *auth.Service
	policies    *policy.Policies
	catalog     *catalog.Catalog
	sources     *source.Sources
	people      *source.People
	migrations  *migration.Migrations
	runs        *run.Engine
	forge       *forge.Builtin
	runtime     *runtime.Process
	flagKeys    *key.Keys
	flagUsage   *flagusage.Store
	flags       *flag.Flags
	secrets     *secret.Slots
	vault       *secret.Vault
	signin      *oidc.Service
	directories *scim.Service
	hooks       *hook.Hooks
	changes     *change.Changes
	// flagServer answers flags from memory; catchUp asks for newer ones.
	flagServer  *serve.Server
	catchUp     chan struct{}
	flagsLoaded bool // only feedFlags knows
	// automation has the actions that are data.
	automation *automation.Service
	insights   *insight.Insights
	views      *view.Views
	// approvals decide who has to say yes before a run does anything.
	approvals *approval.Service
	// notices tell people what concerns them.
	notices   *notify.Service
	courier   *notify.Courier
	contracts *golden.Contracts

	// publicURL is known when the server listens.
	publicURL atomic.Value
	started   atomic.Bool
}

// wire opens the database, brings its schema up to date and puts the parts
// together. Nothing runs yet.
func wire(ctx context.Context, c *config, log *slog.Logger, now func() time.Time, own ...*action.Action) (*parts, error) {
	db, err := store.Open(ctx, c.database(), log)
	if err != nil {
		return nil, err
	}
	p := &parts{log: log, now: now, db: db, metrics: prometheus.NewRegistry()}
	p.publicURL.Store("http://" + c.listen)
	if err := errors.Join(db.Migrate(ctx)); err != nil {
		return nil, errors.Join(err, p.close())
	}
	if err := p.assemble(c, own); err != nil {
		return nil, errors.Join(err, p.close())
	}
	if err := errors.Join(p.catalog.EnsureSystem(as(ctx, "setup")), p.policies.Load(ctx)); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

func (p *parts) assemble(c *config, own []*action.Action) error {
	var err error
	instance, err := os.Hostname()
	if err != nil {
		instance = "sphera"
	}
	p.audit = audit.New(p.now).Withhold(func(verb, field string) {
		p.log.Error("an audit event has what is not listed; it was left out", "verb", verb, "field", field)
	})
	if err := p.sealing(c, instance); err != nil {
		return err
	}
	p.auth = auth.New(p.db, p.audit, p.now)
	p.catalog = catalog.New(p.db, p.audit, p.now)
	p.policies = p.openPolicies()
	p.catalog.Guard(access.New(p.auth, p.auth.Policies(), p.catalog.SearchEnv).Catalog())
	p.sources = source.New(p.db, p.catalog, p.audit, p.now)
	p.people = source.NewPeople(p.db, p.auth, p.catalog, p.audit)
	p.migrations = migration.NewMigrations(p.db, p.catalog, p.audit, p.log, p.now)
	p.insights = insight.New(p.db, p.now)
	p.views = view.Open(p.db, p.audit, p.now)
	p.notices = notify.New(p.db, p.now)
	p.flagKeys = key.New(p.db, p.audit, p.now)
	p.flagUsage = flagusage.Open(p.db, p.now, instance+"-"+uuid.NewString())
	p.flags = flag.Open(flag.Deps{DB: p.db, Audit: p.audit, Catalog: p.catalog, Log: p.log, Now: p.now, Environments: p.flagEnvironments, Teams: p.flagTeams, Notify: p.tellOfFlag,
		MayDecide: p.mayDecideFlag, Proposed: p.flagProposed,
		LastEvaluated: p.flagsEvaluated, Subscribers: func(project, environment string) int { return p.flagServer.Subscribers(project, environment) },
	})
	if err := p.newFlagServer(c); err != nil {
		return err
	}
	p.secrets = secret.New(p.db, p.audit, p.now)
	sealer, err := secret.OpenSealer(c.dataDir, c.secretKey)
	if err != nil {
		return err
	}
	p.vault = secret.NewVault(p.db, p.audit, p.now, sealer)
	if p.signin, err = p.newSignIn(c, sealer); err != nil {
		return err
	}
	p.courier = notify.NewCourier(notify.Deps{
		DB: p.db, Audit: p.audit, Vault: p.vault, Outgoing: outgoing.New(c.allowPrivate), Mail: c.mail.Mail, PublicURL: p.address, Now: p.now, Log: p.log,
		Instance: instance + "-" + uuid.NewString(),
	})
	p.sources.OnHeld(p.tellHeld)
	p.changes = change.New(change.Deps{
		DB: p.db, Catalog: p.catalog, Resources: resource.New(p.audit, p.now), Vault: p.vault, Outgoing: outgoing.New(c.allowPrivate), Log: p.log, Now: p.now,
		Instance: instance + "-" + uuid.NewString(),
	})
	p.hooks = hook.New(hook.Deps{
		DB: p.db, Catalog: p.catalog, Sources: p.sources, Resources: resource.New(p.audit, p.now), Vault: p.vault, Log: p.log, Now: p.now, Instance: instance + "-" + uuid.NewString(),
	})
	p.runs = run.New(p.db, p.audit, p.log, run.Options{
		Now: p.now, Workers: c.workers, Lease: c.lease, Heartbeat: c.lease / 4, Instance: instance,
		Exclusive: p.db.Dialect == store.SQLite, Metrics: p.metrics,
	})
	if p.approvals, err = p.newApprovals(); err != nil {
		return err
	}
	if p.automation, err = p.newAutomation(c); err != nil {
		return err
	}
	p.forge, err = forge.NewBuiltin(p.db, p.audit, filepath.Join(c.dataDir, "git"), forge.BuiltinOptions{
		Now: p.now, Logger: p.log, PublicURL: p.address, OnEvent: p.onForgeEvent, AllowPrivate: c.allowPrivate,
	})
	if err != nil {
		return err
	}
	p.runtime = runtime.NewProcess(p.db, p.audit, p.log, filepath.Join(c.dataDir, "runtime"), runtime.ProcessOptions{
		Now: p.now, Lease: c.lease, Heartbeat: c.lease / 4, Instance: instance,
		Environments: p.devEnvironments, Launcher: []string{"/proc/self/exe", runtime.LaunchCommand},
		ServiceEnv: p.serviceEnv,
	})
	p.catalog.FollowRenames(p.views.FollowRename, p.approvals.FollowRename, p.automation.FollowRename, p.runs.FollowRename, p.flags.FollowRename,
		p.secrets.FollowRename, p.sources.FollowRename, p.changes.FollowRename, runtime.FollowRename)
	p.contracts = golden.Contract(golden.Deps{
		Forge: p.forge, Catalog: p.catalog, Runtime: p.runtime, Flags: p.flags.Projects, Secrets: p.secrets,
		Environments: p.environments, CIRepository: ciRepository, GitOpsRepository: gitopsRepository,
	})
	if err := p.runs.RegisterSteps(p.webhookStep().Type, p.deriveStep().Type); err != nil {
		return err
	}
	actions, err := p.actions()
	if err != nil {
		return err
	}
	for _, a := range append(actions, own...) {
		if err := p.runs.Register(a); err != nil {
			return err
		}
	}
	return nil
}

// sealing puts together what chains the audit log and brings it outside.
func (p *parts) sealing(c *config, host string) error {
	var err error
	if p.auditKey, err = seal.OpenKey(c.dataDir, c.auditKey); err != nil {
		return err
	}
	specs, err := c.sinks()
	if err != nil {
		return err
	}
	instance := host + "-" + uuid.NewString()
	p.sealer = seal.New(p.db, p.auditKey, p.log, p.now, instance)
	p.sinks, err = sink.New(sink.Deps{
		DB: p.db, Key: p.auditKey, Client: outgoing.New(c.allowPrivate), Log: p.log, Now: p.now, Instance: instance, Host: host,
	}, specs)
	return err
}

// tidyEvery is how often repositories are tidied and healed.
const tidyEvery = time.Hour

// importSilence is how long an import of another replica may give no sign of
// life. Alone with SQLite none is left from before at the start.
const importSilence = 2 * time.Minute

// tidy takes back imports that died, and tends the forge's repositories until
// ctx ends.
func (p *parts) tidy(ctx context.Context) error {
	silence := importSilence
	if p.db.Dialect == store.SQLite {
		silence = 0
	}
	p.abortImports(ctx, silence)
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			p.abortImports(ctx, importSilence)
			if err := p.forge.Maintain(ctx); err != nil && ctx.Err() == nil {
				p.log.WarnContext(ctx, "tidying the repositories failed; trying again in an hour", "error", err)
			}
		}
	}
}

// forget drops what is older than is kept, once an hour, until ctx ends.
func (p *parts) forget(ctx context.Context) error {
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if _, err := p.catalog.Prune(ctx, catalog.Kept()); err != nil && ctx.Err() == nil {
				p.log.WarnContext(ctx, "forgetting old versions failed; trying again in an hour", "error", err)
			}
			if err := p.sources.Prune(ctx, catalog.Kept().Deleted); err != nil && ctx.Err() == nil {
				p.log.WarnContext(ctx, "forgetting old sweeps failed; trying again in an hour", "error", err)
			}
			p.tidyFlags(ctx)
		}
	}
}

func (p *parts) abortImports(ctx context.Context, silence time.Duration) {
	n, err := p.catalog.AbortAbandoned(ctx, silence)
	switch {
	case err != nil && ctx.Err() == nil:
		p.log.WarnContext(ctx, "taking back imports that died failed", "error", err)
	case n > 0:
		p.log.InfoContext(ctx, "took back imports that died", "imports", n)
	}
}

func (p *parts) close() error {
	var err error
	if p.forge != nil {
		err = p.forge.Close()
	}
	return errors.Join(err, p.db.Close())
}

func (p *parts) address() string {
	text, _ := p.publicURL.Load().(string)
	return text
}

// serve makes the API; demo lists the users of the demo, nil outside of it.
func (p *parts) serve(c *config, proxies []netip.Prefix, demo []api.DemoUser) (*api.API, error) {
	g := guarded.New(p.auth, p.catalog)
	runs, repositories, flags := g.Runs(p.runs), g.Forge(p.forge), g.Flags(p.flags)
	approvals, services := g.Approvals(p.approvals, runs, flags), g.Services(p.runtime, p.contracts)
	return api.New(api.Deps{
		Guard: g, Sinks: p.sinks, AuditKey: p.auditKey,
		DB: p.db, Audit: p.audit, Auth: p.auth, Runs: runs, Forge: repositories, Catalog: p.catalog, Sources: p.sources,
		Migrations: p.migrations,
		Services:   services, Things: g.Things(runs, repositories, flags, approvals, services), Insights: p.insights, Views: g.Views(p.views), Policies: p.policies,
		Flags: flags, FlagKeys: g.FlagKeys(p.flagKeys, flags), FlagUsage: g.FlagUsage(p.flagUsage, flags),
		Automation: g.Automation(p.automation, runs), SignIn: p.signin, Directories: p.directories,
		Approvals: approvals, Notices: p.notices, Courier: p.courier,
		Vault: g.Vault(p.vault), Hooks: p.hooks, Changes: p.changes, PublicURL: p.address, Log: p.log, Now: p.now, Metrics: p.metrics,
	}, api.Options{
		Version: version, Secure: isHTTPS(c.publicURL), TrustedOrigins: c.trustedOrigins, TrustedProxies: proxies, Demo: demo,
		Ready: func() error {
			if !p.started.Load() {
				return errors.New("the workers have not started")
			}
			return nil
		},
	})
}

// environments lists the organisation's environments in the order a version
// travels: dev, staging, production.
func (p *parts) environments(ctx context.Context) ([]golden.Environment, error) {
	page, err := p.catalog.Search(as(ctx, "environments"), catalog.Query{Blueprint: "Environment", Sort: "$identifier", Limit: 200})
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the environments: %w", err)
	}
	out := make([]golden.Environment, 0, len(page.Entities))
	for _, e := range page.Entities {
		kind, _ := e.Properties["kind"].(string)
		cluster, _ := e.Properties["cluster"].(string)
		region, _ := e.Relations["region"].(string)
		out = append(out, golden.Environment{ID: e.Identifier, Kind: kind, Region: region, Cluster: cluster})
	}
	order := []string{golden.Dev, golden.Staging, golden.Production}
	slices.SortStableFunc(out, func(a, b golden.Environment) int {
		return slices.Index(order, a.Kind) - slices.Index(order, b.Kind)
	})
	return out, nil
}

// devEnvironments are those that the process runtime serves.
func (p *parts) devEnvironments(ctx context.Context) ([]string, error) {
	all, err := p.environments(ctx)
	var out []string
	for _, e := range all {
		if e.Kind == golden.Dev {
			out = append(out, e.ID)
		}
	}
	return out, err
}
