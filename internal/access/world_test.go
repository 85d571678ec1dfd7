package access_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"sphera/internal/access"
	"sphera/internal/audit"
	"sphera/internal/auth"
	"sphera/internal/catalog"
	"sphera/internal/fault"
	"sphera/internal/policy"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

// world is a catalog with rights: services of two teams and of nobody, systems
// that decide who owns components, and people.
type world struct {
	*catalog.Catalog
	t    *testing.T
	auth *auth.Service
	db   *store.DB
}

func each(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) { test(t, open(t, db)) })
}

func open(t *testing.T, db *store.DB) *world {
	t.Helper()
	log := audit.New(time.Now)
	w := &world{t: t, db: db, auth: auth.New(db, log, time.Now), Catalog: catalog.New(db, log, time.Now)}
	w.decideBy(w.auth.Policies())
	if err := w.EnsureSystem(w.as(auth.System("test"))); err != nil {
		t.Fatal(err)
	}
	w.blueprint(`{"identifier":"Service","title":"Service","schema":{"properties":{
		"tier":{"type":"string","enum":["1","2"],"protected":true},"language":{"type":"string"},"secret":{"type":"boolean"}}},
		"relations":{"uses":{"target":"Service","many":true,"required":false}}}`)
	w.blueprint(`{"identifier":"System","title":"System"}`)
	w.blueprint(`{"identifier":"Component","title":"Component","relations":{"system":{"target":"System","many":false,"required":false}},"ownership":{"type":"Inherited","path":"system"}}`)
	for _, e := range []string{
		`{"identifier":"cart","team":"checkout","properties":{"tier":"1","language":"go"}}`,
		`{"identifier":"billing","team":"payments","properties":{"tier":"1","secret":true}}`,
		`{"identifier":"old","properties":{}}`,
	} {
		w.must("Service", e)
	}
	w.must("_user", `{"identifier":"developer@example.com","title":"Dev"}`)
	w.must("_team", `{"identifier":"checkout","title":"Checkout"}`)
	w.must("System", `{"identifier":"shop","team":"checkout"}`)
	w.must("System", `{"identifier":"bank","team":"payments"}`)
	w.must("Component", `{"identifier":"basket","relations":{"system":"shop"}}`)
	w.must("Component", `{"identifier":"ledger","relations":{"system":"bank"}}`)
	return w
}

func (w *world) decideBy(engine *policy.Engine) {
	w.Guard(access.New(w.auth, engine, w.SearchEnv).Catalog())
}

func (w *world) as(p auth.Principal) context.Context { return auth.WithPrincipal(w.t.Context(), p) }

func (w *world) portal() context.Context { return w.as(auth.System("test")) }

func (w *world) blueprint(doc string) {
	w.t.Helper()
	var b catalog.Blueprint
	if err := json.Unmarshal([]byte(doc), &b); err != nil {
		w.t.Fatal(err)
	}
	if _, _, err := w.PutBlueprint(w.portal(), b, "system"); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) must(blueprint, doc string) {
	w.t.Helper()
	if _, _, err := w.PutEntity(w.portal(), blueprint, entity(w.t, doc), catalog.Write{By: "system"}); err != nil {
		w.t.Fatal(err)
	}
}

func entity(t *testing.T, doc string) catalog.NewEntity {
	t.Helper()
	var n catalog.NewEntity
	if err := json.Unmarshal([]byte(doc), &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// person is somebody with a role, in teams.
func person(role string, teams ...string) auth.Principal {
	return auth.Principal{
		User: auth.User{ID: "u-" + role, Email: role + "@example.com", Name: role, Roles: []string{role}, Teams: teams, Status: auth.Active}, Via: auth.ViaSession, Kind: auth.KindUser,
	}
}

func refused(err error) bool { return fault.Is(err, fault.Forbidden) }

// policies puts own policies into force beside the built-in ones.
func (w *world) policies(text string) error {
	w.t.Helper()
	kept := policy.Open(policy.Deps{DB: w.db, Audit: audit.New(time.Now), Engine: w.auth.Policies(), Now: time.Now})
	err := w.db.Tx(w.t.Context(), func(tx *store.Tx) error {
		_, err := tx.ExecContext(w.t.Context(), "UPDATE policy_current SET policies = $1, version = version + 1 WHERE id = 1", text)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return kept.Load(w.t.Context())
}

// rights sets permissions of a blueprint.
func (w *world) rights(blueprint string, blocks map[string]catalog.Grant, properties map[string]catalog.Grant) {
	w.t.Helper()
	_, err := w.ChangeRights(w.portal(), blueprint, "system", func(r *catalog.Rights) ([]string, error) {
		r.Blocks, r.Properties = blocks, properties
		return []string{"test"}, nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}
