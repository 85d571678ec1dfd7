package guarded_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"sphera/action"
	"sphera/internal/access"
	"sphera/internal/approval"
	"sphera/internal/audit"
	"sphera/internal/auth"
	"sphera/internal/automation"
	"sphera/internal/catalog"
	"sphera/internal/flag"
	"sphera/internal/flag/key"
	"sphera/internal/flag/usage"
	"sphera/internal/forge"
	"sphera/internal/golden"
	"sphera/internal/guarded"
	"sphera/internal/notify"
	"sphera/internal/outgoing"
	"sphera/internal/policy"
	"sphera/internal/run"
	"sphera/internal/runtime"
	"sphera/internal/secret"
	"sphera/internal/store"
	"sphera/internal/view"
)

// world has every store, and each as it is guarded.
type world struct {
	t       *testing.T
	db      *store.DB
	auth    *auth.Service
	catalog *catalog.Catalog
	raw     stores
	made    made

	guard      *guarded.Guard
	runs       *guarded.Runs
	forge      *guarded.Forge
	flags      *guarded.Flags
	flagKeys   *guarded.FlagKeys
	flagUsage  *guarded.FlagUsage
	vault      *guarded.Vault
	views      *guarded.Views
	approvals  *guarded.Approvals
	automation *guarded.Automation
	services   *guarded.Services
	things     *guarded.Things
}

type stores struct {
	runs       *run.Engine
	forge      *forge.Builtin
	flags      *flag.Flags
	flagKeys   *key.Keys
	flagUsage  *usage.Store
	vault      *secret.Vault
	views      *view.Views
	approvals  *approval.Service
	automation *automation.Service
	runtime    *runtime.Process
	contracts  *golden.Contracts
}

func (w *world) guards(s stores) {
	w.raw = s
	w.guard = guarded.New(w.auth, w.catalog)
	w.runs, w.forge, w.flags, w.vault, w.views = w.guard.Runs(s.runs), w.guard.Forge(s.forge), w.guard.Flags(s.flags), w.guard.Vault(s.vault), w.guard.Views(s.views)
	w.approvals, w.automation, w.services = w.guard.Approvals(s.approvals, w.runs, w.flags), w.guard.Automation(s.automation, w.runs), w.guard.Services(s.runtime, s.contracts)
	w.flagKeys, w.flagUsage = w.guard.FlagKeys(s.flagKeys, w.flags), w.guard.FlagUsage(s.flagUsage, w.flags)
	w.things = w.guard.Things(w.runs, w.forge, w.flags, w.approvals, w.services)
}

func open(t *testing.T, db *store.DB) *world {
	t.Helper()
	log, quiet, now := audit.New(time.Now), slog.New(slog.DiscardHandler), time.Now
	w := &world{t: t, db: db, auth: auth.New(db, log, now), catalog: catalog.New(db, log, now)}
	w.catalog.Guard(access.New(w.auth, w.auth.Policies(), w.catalog.SearchEnv).Catalog())
	must(t, w.catalog.EnsureSystem(w.as(auth.System("test"))))
	var s stores
	var err error
	s.runs = run.New(db, log, quiet, run.Options{Now: now, Exclusive: db.Dialect == store.SQLite})
	s.forge, err = forge.NewBuiltin(db, log, filepath.Join(t.TempDir(), "git"), forge.BuiltinOptions{Now: now, Logger: quiet, PublicURL: func() string { return "http://portal.test" }})
	must(t, err)
	t.Cleanup(func() { must(t, s.forge.Close()) })
	s.flags = flag.Open(flag.Deps{DB: db, Audit: log, Catalog: w.catalog, Log: quiet, Now: now, Environments: func(context.Context) ([]flag.EnvironmentInfo, error) {
		return []flag.EnvironmentInfo{{ID: "dev", Kind: "dev"}, {ID: "production", Kind: "production"}}, nil
	}})
	s.flagKeys, s.flagUsage, s.views = key.New(db, log, now), usage.Open(db, now, "test"), view.Open(db, log, now)
	sealer, err := secret.OpenSealer(t.TempDir(), "")
	must(t, err)
	s.vault = secret.NewVault(db, log, now, sealer)
	s.approvals, err = approval.New(approval.Deps{DB: db, Audit: log, Auth: w.auth, Catalog: w.catalog, Runs: s.runs, Notices: notify.New(db, now), Now: now, Log: quiet})
	must(t, err)
	s.automation, err = automation.New(automation.Deps{DB: db, Audit: log, Catalog: w.catalog, Runs: s.runs, Approvals: s.approvals, Outgoing: outgoing.New(true), Now: now, Log: quiet})
	must(t, err)
	s.runtime = runtime.NewProcess(db, log, quiet, filepath.Join(t.TempDir(), "runtime"), runtime.ProcessOptions{Now: now})
	s.contracts = golden.Contract(golden.Deps{
		Forge: s.forge, Catalog: w.catalog, Runtime: s.runtime, Flags: s.flags.Projects, Secrets: secret.New(db, log, now),
		Environments: func(context.Context) ([]golden.Environment, error) { return nil, nil },
	})
	w.guards(s)
	w.blueprint(`{"identifier":"Component","title":"Component"}`)
	w.blueprint(`{"identifier":"Environment","title":"Environment","schema":{"properties":{"kind":{"type":"string"}}}}`)
	for _, kind := range []string{"dev", "production"} {
		w.entity("Environment", kind, "", map[string]any{"kind": kind})
	}
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) as(p auth.Principal) context.Context { return auth.WithPrincipal(w.t.Context(), p) }

func (w *world) portal() context.Context { return w.as(auth.System("test")) }

func (w *world) blueprint(doc string) {
	w.t.Helper()
	var b catalog.Blueprint
	must(w.t, json.Unmarshal([]byte(doc), &b))
	_, _, err := w.catalog.PutBlueprint(w.portal(), b, "system")
	must(w.t, err)
}

func (w *world) entity(blueprint, id, team string, properties map[string]any) {
	w.t.Helper()
	doc := map[string]any{"identifier": id, "title": id, "properties": properties}
	if team != "" {
		doc["team"] = []string{team}
	}
	raw, err := json.Marshal(doc)
	must(w.t, err)
	var n catalog.NewEntity
	must(w.t, json.Unmarshal(raw, &n))
	_, _, err = w.catalog.PutEntity(w.portal(), blueprint, n, catalog.Write{By: "system"})
	must(w.t, err)
}

func person(role string, teams ...string) auth.Principal {
	p := auth.Principal{
		User: auth.User{ID: "u-" + role, Email: role + "@example.com", Name: role, Teams: teams, Status: auth.Active}, Via: auth.ViaSession, Kind: auth.KindUser,
	}
	if role != "" {
		p.Roles = []string{role}
	}
	return p
}

// policies puts own policies into force beside the built-in ones.
func (w *world) policies(text string) {
	w.t.Helper()
	kept := policy.Open(policy.Deps{DB: w.db, Audit: audit.New(time.Now), Engine: w.auth.Policies(), Now: time.Now})
	must(w.t, w.db.Tx(w.t.Context(), func(tx *store.Tx) error {
		_, err := tx.ExecContext(w.t.Context(), "UPDATE policy_current SET policies = $1, version = version + 1 WHERE id = 1", text)
		return err
	}))
	must(w.t, kept.Load(w.t.Context()))
}

// register makes the engine know an action with one step that does nothing.
func (w *world) register() action.Step {
	w.t.Helper()
	kind := action.NewStepType("nothing", action.ByKey, func(context.Context, *action.Exec, struct{}) (struct{}, error) { return struct{}{}, nil })
	step, err := kind.Step("nothing", "Nothing", struct{}{})
	must(w.t, err)
	a, err := action.New(action.Definition[struct{}]{
		Identifier: "nothing", Title: "Nothing", Description: "Does nothing.", Group: "Tests", StepTypes: []action.StepType{kind.Type},
		Plan: func(context.Context, action.Request, struct{}) (*action.Plan, error) {
			return &action.Plan{Summary: "Nothing.", Steps: []action.PlannedStep{{Name: "nothing", Title: "Nothing"}}}, nil
		},
		Apply: func(context.Context, action.Request, struct{}) ([]action.Step, error) {
			return []action.Step{step}, nil
		},
	})
	must(w.t, err)
	must(w.t, w.raw.runs.Register(a))
	return step
}
