package policy_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/policy"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

type world struct {
	*policy.Policies
	t      *testing.T
	db     *store.DB
	log    *audit.Log
	engine *policy.Engine
	now    time.Time
	admins int
	shapes []policy.Shape
}

func open(t *testing.T, db *store.DB) *world {
	w := &world{t: t, db: db, engine: policy.New(), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), admins: 2}
	w.shapes = []policy.Shape{{Blueprint: "Service", Properties: []policy.Property{{Name: "tier", Type: "string"}}}}
	clock := func() time.Time { return w.now }
	w.log = audit.New(clock)
	w.Policies = policy.Open(policy.Deps{
		DB: db, Audit: w.log, Engine: w.engine, Now: clock, Log: slog.New(slog.DiscardHandler),
		Shapes:         func(context.Context, store.Querier) ([]policy.Shape, error) { return w.shapes, nil },
		Administrators: func(context.Context, store.Querier) (int, error) { return w.admins, nil },
	})
	if err := w.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w
}

func each(t *testing.T, test func(t *testing.T, w *world)) {
	storetest.Each(t, func(t *testing.T, db *store.DB) { test(t, open(t, db)) })
}

const goldIsSecret = `@id("gold-is-secret")
@reason("Gold services are for their teams.")
@advice("Ask the owning team.")
forbid (principal, action == Action::"catalog.read", resource in Blueprint::"Service")
when { resource.properties has tier && resource.properties.tier == "gold" }
unless { principal in resource.teams };
`

const goldCases = `deny: roles=viewer | catalog.read | Service/x properties.tier=gold | | gold-is-secret
allow: roles=viewer teams=a | catalog.read | Service/x teams=a properties.tier=gold
allow: roles=viewer | catalog.read | Service/x properties.tier=silver
`

func ada() policy.Person   { return policy.Person{ID: "ada", Name: "Ada"} }
func grace() policy.Person { return policy.Person{ID: "grace", Name: "Grace"} }

func (w *world) ask(name string, teams []string, tier string) policy.Decision {
	r := policy.Request{
		Subject: policy.Subject{ID: name, Name: name, Status: "active", Roles: []string{"viewer"}, Teams: teams}, Action: "catalog.read",
		Resource: policy.Resource{Type: policy.TypeEntity, Blueprint: "Service", ID: "checkout", Teams: []string{"payments"}, Properties: map[string]any{"tier": tier}},
	}
	d := w.engine.Decide(w.t.Context(), r)
	w.engine.Record(r, d)
	return d
}

func (w *world) propose(by policy.Person, base int64, text, cases string) (policy.Change, error) {
	c, _, err := w.Propose(w.t.Context(), by, policy.Draft{Base: base, Policies: text, Cases: cases, Reason: "because"})
	return c, err
}

func (w *world) verbs() string {
	events, _, err := w.log.List(w.t.Context(), w.db, audit.Filter{Verb: "policy"})
	if err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for _, e := range events {
		out = append(out, e.Verb+" by "+e.Actor)
	}
	return strings.Join(out, ", ")
}

func TestAChangeOfPoliciesNeedsTwoPersons(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c, err := w.propose(ada(), 0, goldIsSecret, goldCases)
		if err != nil || c.State != policy.Waiting {
			t.Fatalf("%+v, %v", c, err)
		}
		if !w.ask("bob", nil, "gold").Allowed {
			t.Error("in force before it was confirmed")
		}
		if _, err := w.Confirm(t.Context(), ada(), c.ID, ""); !fault.Is(err, fault.Forbidden) {
			t.Errorf("the author confirmed: %v", err)
		}
		open, _, err := w.Changes(t.Context(), true, "")
		if err != nil || len(open) != 1 || open[0].Author != "ada" {
			t.Fatalf("waiting: %+v, %v", open, err)
		}
		done, err := w.Confirm(t.Context(), grace(), c.ID, "good")
		if err != nil || done.Version != 1 || done.DecidedName != "Grace" || done.Alone {
			t.Fatalf("%+v, %v", done, err)
		}
		if d := w.ask("bob", nil, "gold"); d.Allowed || d.Rule != "gold-is-secret" || d.Reason != "Gold services are for their teams." || d.Who != "team payments" {
			t.Errorf("%+v", d)
		}
		if !w.ask("carl", []string{"payments"}, "gold").Allowed || !w.ask("bob", nil, "silver").Allowed {
			t.Error("forbids too much")
		}
		if _, err := w.Confirm(t.Context(), grace(), c.ID, ""); !fault.Is(err, fault.Conflict) {
			t.Errorf("confirmed twice: %v", err)
		}
		if got := w.verbs(); got != "policy.apply by grace, policy.propose by ada" {
			t.Error(got)
		}
		other := open2(t, w)
		if d := other.Decide(t.Context(), policy.Request{}); d.Allowed {
			t.Error("another replica allows nothing to nobody")
		}
		if list, err := other.List(); err != nil || list[len(list)-1].ID != "gold-is-secret" {
			t.Errorf("another replica: %v", err)
		}
	})
}

// open2 is another replica.
func open2(t *testing.T, w *world) *policy.Engine {
	return open(t, w.db).engine
}

func TestASingleAdministratorChangesAloneAndLoudly(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.admins = 1
		c, err := w.propose(ada(), 0, goldIsSecret, "")
		if err != nil || c.State != policy.Applied || !c.Alone || c.Version != 1 {
			t.Fatalf("%+v, %v", c, err)
		}
		if w.ask("bob", nil, "gold").Allowed {
			t.Error("not in force")
		}
		if got := w.verbs(); got != "policy.apply_alone by ada, policy.propose by ada" {
			t.Error(got)
		}
	})
}

func TestDraftsWithMistakesAreNotKept(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for name, d := range map[string]policy.Draft{
			"syntax":                {Policies: "permit (", Reason: "x"},
			"an unknown property":   {Policies: strings.ReplaceAll(goldIsSecret, "tier", "teir"), Reason: "x"},
			"a case that fails":     {Policies: goldIsSecret, Cases: "deny: roles=viewer | catalog.read | Service/x", Reason: "x"},
			"a broken case":         {Policies: goldIsSecret, Cases: "maybe: x", Reason: "x"},
			"a built-in name":       {Policies: strings.ReplaceAll(goldIsSecret, "gold-is-secret", "suspended"), Reason: "x"},
			"nobody could mend it":  {Policies: `@id("all") @advice("x") forbid (principal, action, resource);`, Reason: "x"},
			"no reason":             {Policies: goldIsSecret},
			"an old version":        {Base: 7, Policies: goldIsSecret, Reason: "x"},
			"no change":             {Reason: "x"},
			"larger than is stored": {Policies: strings.Repeat(" ", 300<<10), Reason: "x"},
		} {
			if _, _, err := w.Propose(t.Context(), ada(), d); err == nil {
				t.Errorf("%s: was kept", name)
			}
		}
		if list, _, err := w.Changes(t.Context(), false, ""); err != nil || len(list) != 0 {
			t.Errorf("%+v, %v", list, err)
		}
	})
}

func TestBuiltInPoliciesStay(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.admins = 1
		everything := `@id("all") @advice("x") permit (principal, action, resource);`
		if _, err := w.propose(ada(), 0, everything, ""); err != nil {
			t.Fatal(err)
		}
		suspended := policy.Request{Subject: policy.Subject{ID: "x", Status: "suspended", Roles: []string{"administrator"}}, Action: "catalog.write"}
		if d := w.engine.Decide(t.Context(), suspended); d.Allowed || d.Rule != "suspended" {
			t.Errorf("%+v", d)
		}
		self := policy.Request{
			Subject: policy.Subject{ID: "x", Status: "active", Roles: []string{"administrator"}}, Action: "run.approve",
			Resource: policy.Resource{Type: policy.TypeRun, ID: "1", Author: "x"},
		}
		if d := w.engine.Decide(t.Context(), self); d.Allowed || d.Rule != "another-person-approves" {
			t.Errorf("%+v", d)
		}
		unknown := policy.Request{Subject: policy.Subject{ID: "x", Status: "active"}, Action: "no.such"}
		if d := w.engine.Decide(t.Context(), unknown); d.Allowed || d.Rule != policy.DefaultDeny {
			t.Errorf("%+v", d)
		}
	})
}

func TestADryRunTellsWhatWouldHaveChanged(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for i := range 1100 {
			w.now = w.now.Add(time.Second)
			w.ask(fmt.Sprintf("reader%d", i), nil, map[bool]string{true: "gold", false: "silver"}[i%2 == 0])
			if i%400 == 0 {
				if err := w.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := w.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		r, err := w.Check(t.Context(), policy.Draft{Policies: goldIsSecret})
		if err != nil || !r.Good() {
			t.Fatalf("%+v, %v", r.Problems, err)
		}
		if r.Impact.Considered != 1000 || r.Impact.Denied != 500 || r.Impact.Allowed != 0 || len(r.Impact.Changes) != 100 {
			t.Fatalf("considered %d, denied %d, allowed %d, listed %d", r.Impact.Considered, r.Impact.Denied, r.Impact.Allowed, len(r.Impact.Changes))
		}
		one := r.Impact.Changes[0]
		if one.Rule != "gold-is-secret" || one.Allowed || one.Resource != "Service/checkout" || !strings.HasPrefix(one.Subject, "reader") || one.Action != "catalog.read" {
			t.Errorf("%+v", one)
		}
		// The same question again is no second decision.
		w.ask("reader1", nil, "silver")
		if r, err = w.Check(t.Context(), policy.Draft{Policies: goldIsSecret}); err != nil || r.Impact.Considered != 1000 {
			t.Errorf("%d, %v", r.Impact.Considered, err)
		}
	})
}

func TestABlueprintChangeThatBreaksAPolicyIsRefused(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		guard := func() error {
			return w.db.Tx(t.Context(), func(tx *store.Tx) error { return w.GuardBlueprints(t.Context(), tx) })
		}
		w.admins = 1
		if _, err := w.propose(ada(), 0, goldIsSecret, ""); err != nil {
			t.Fatal(err)
		}
		if err := guard(); err != nil {
			t.Fatal(err)
		}
		w.shapes[0].Properties[0].Type = "number"
		if err := guard(); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "gold-is-secret") {
			t.Errorf("another type: %v", err)
		}
		w.shapes[0].Properties = nil
		if err := guard(); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "gold-is-secret") {
			t.Errorf("the property gone: %v", err)
		}
		w.shapes = nil
		if err := guard(); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "gold-is-secret") {
			t.Errorf("the blueprint gone: %v", err)
		}
	})
}

func TestRejectedChangesAndHistory(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		first, err := w.propose(ada(), 0, goldIsSecret, "")
		if err != nil {
			t.Fatal(err)
		}
		if c, err := w.Reject(t.Context(), grace(), first.ID, "no"); err != nil || c.State != policy.Rejected {
			t.Fatalf("%+v, %v", c, err)
		}
		second, err := w.propose(ada(), 0, goldIsSecret, "")
		if err != nil {
			t.Fatal(err)
		}
		third, err := w.propose(ada(), 0, goldIsSecret+"// more\n", "")
		if err != nil {
			t.Fatal(err)
		}
		if c, err := w.Reject(t.Context(), ada(), second.ID, ""); err != nil || c.State != policy.Withdrawn {
			t.Fatalf("%+v, %v", c, err)
		}
		if _, err := w.Confirm(t.Context(), grace(), third.ID, ""); err != nil {
			t.Fatal(err)
		}
		fourth, err := w.propose(grace(), 1, "", "")
		if err != nil {
			t.Fatal(err)
		}
		if c, err := w.Change(t.Context(), fourth.ID); err != nil || !strings.Contains(c.Before, "// more") {
			t.Fatalf("%+v, %v", c, err)
		}
		list, next, err := w.Changes(t.Context(), false, "")
		if err != nil || next != "" || len(list) != 4 || list[0].ID != fourth.ID || list[0].Policies != "" {
			t.Fatalf("%+v, %q, %v", list, next, err)
		}
		if _, err := w.Change(t.Context(), "nothing"); !fault.Is(err, fault.NotFound) {
			t.Error(err)
		}
	})
}

// TestS49_PoliciesThatCannotBeReadAllowNothing fails closed.
func TestS49_PoliciesThatCannotBeReadAllowNothing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		err := w.db.Tx(t.Context(), func(tx *store.Tx) error {
			_, err := tx.ExecContext(t.Context(), "UPDATE policy_current SET policies = 'permit (' WHERE id = 1")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Load(t.Context()); err == nil {
			t.Error("broken policies were loaded")
		}
		if d := w.ask("bob", nil, "silver"); d.Allowed || d.Rule != policy.Unavailable {
			t.Errorf("%+v", d)
		}
	})
}
