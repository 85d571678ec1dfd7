package portal

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"sphera/action"
	"sphera/internal/approval"
	"sphera/internal/auth"
	"sphera/internal/catalog"
	"sphera/internal/fault"
	"sphera/internal/flag"
	"sphera/internal/forge"
	"sphera/internal/policy"
	"sphera/internal/run"
	"sphera/internal/source"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

// office is a wired portal with people, a production environment and a flag
// that stands at a tenth there.
type office struct {
	*parts
	t     *testing.T
	users map[string]auth.User
	mu    sync.Mutex
	skip  time.Duration
}

func (o *office) clock() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return time.Now().Add(o.skip)
}

func (o *office) pass(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.skip += d
}

func eachOffice(t *testing.T, test func(t *testing.T, o *office)) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		o := &office{t: t, users: map[string]auth.User{}}
		c := &config{listen: "127.0.0.1:0", dataDir: t.TempDir(), workers: 1, lease: time.Second, logLevel: "error"}
		if strings.HasPrefix(url, "postgres") {
			c.databaseURL = url
		}
		var err error
		if o.parts, err = wire(context.Background(), c, noLog(), o.clock); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := o.close(); err != nil {
				t.Error(err)
			}
		})
		o.furnish()
		test(t, o)
	})
}

func (o *office) furnish() {
	ctx := as(o.t.Context(), "test")
	must := func(err error) {
		o.t.Helper()
		if err != nil {
			o.t.Fatal(err)
		}
	}
	for _, team := range []string{"shop", "pay"} {
		_, err := o.auth.CreateTeam(ctx, auth.Team{Name: team}, "system")
		must(err)
	}
	for name, as := range map[string][2]string{
		"ada": {auth.Developer, "shop"}, "bea": {auth.Developer, "shop"}, "vic": {auth.Viewer, "shop"}, "cem": {auth.Developer, "pay"},
		"fay": {auth.Administrator, ""}, "gil": {auth.Administrator, ""}, "max": {auth.Maintainer, ""},
	} {
		n := auth.NewUser{Email: name + "@example.com", Name: name, Roles: []string{as[0]}}
		if as[1] != "" {
			n.Teams = []string{as[1]}
		}
		u, err := o.auth.CreateUser(ctx, n, "system")
		must(err)
		o.users[name] = u
	}
	for blueprint, properties := range map[string]string{"Environment": `{"kind":{"type":"string"},"zone":{"type":"string"}}`, "Component": `{}`} {
		var b catalog.Blueprint
		must(json.Unmarshal([]byte(`{"identifier":"`+blueprint+`","title":"`+blueprint+`","schema":{"properties":`+properties+`,"required":[]}}`), &b))
		_, _, err := o.catalog.PutBlueprint(ctx, b, "system")
		must(err)
	}
	for blueprint, doc := range map[string]string{
		"Environment": `{"identifier":"prod","title":"Production","properties":{"kind":"production"}}`, "Component": `{"identifier":"cart","title":"Cart","team":["shop"],"properties":{}}`,
	} {
		var e catalog.NewEntity
		must(json.Unmarshal([]byte(doc), &e))
		_, _, err := o.catalog.PutEntity(ctx, blueprint, e, catalog.Write{Upsert: true, By: "system"})
		must(err)
	}
	_, err := o.flags.Projects.Ensure(ctx, "cart", "cart", "system", "")
	must(err)
	_, err = o.flags.Create(ctx, "cart", flag.NewFlag{Key: "express", Settings: flag.Settings{Type: "boolean"}}, flag.Who{ID: "system", Name: "Sphera"})
	must(err)
}

// in is a context in which somebody acts.
func (o *office) in(name string) context.Context {
	return auth.WithPrincipal(o.t.Context(), auth.Principal{User: o.users[name], Via: auth.ViaSession})
}

func (o *office) who(name string) flag.Who { return flag.Who{ID: o.users[name].ID, Name: name} }

// proposed is a flag that somebody wants on for everybody in production.
func (o *office) proposed(by string) flag.Proposal {
	o.t.Helper()
	one, err := o.flags.Get(o.t.Context(), "cart", "express")
	if err != nil {
		o.t.Fatal(err)
	}
	var version int64
	for _, e := range one.Environments {
		if e.Environment == "prod" {
			version = e.Version
		}
	}
	on := true
	serve := flag.Serve{Variation: "on"}
	out, err := o.flags.Edit(o.t.Context(), "cart", "express", "prod", flag.Edit{Version: version, Patch: flag.Patch{On: &on, Serve: &serve}, Reason: "launch", Propose: true}, o.who(by))
	if err != nil || out.Proposal == nil {
		o.t.Fatalf("proposed: %+v %v", out.Proposal, err)
	}
	return *out.Proposal
}

func (o *office) waits(name string) []approval.Request {
	o.t.Helper()
	list, _, err := o.approvals.List(o.in(name), o.users[name], approval.ForMe, "", 50)
	if err != nil {
		o.t.Fatal(err)
	}
	return list
}

func (o *office) notices(kind, to string) string {
	o.t.Helper()
	var n string
	err := o.db.Read().QueryRowContext(o.t.Context(), "SELECT COUNT(*) FROM notices WHERE kind = $1 AND CAST(recipients AS TEXT) LIKE $2", kind, "%"+to+"%").Scan(&n)
	if err != nil {
		o.t.Fatal(err)
	}
	return n
}

func TestProposalsOfFlagsWaitInTheInboxOfThoseWhoMayDecide(t *testing.T) {
	eachOffice(t, func(t *testing.T, o *office) {
		p := o.proposed("ada")
		for name, want := range map[string]int{"ada": 0, "bea": 1, "vic": 0, "cem": 0, "fay": 1, "max": 1} {
			if got := o.waits(name); len(got) != want {
				t.Errorf("%s sees %d, want %d", name, len(got), want)
			}
		}
		if o.notices("approval.requested", `"shop"`) != "1" {
			t.Error("the owners were not told")
		}
		mine, _, err := o.approvals.List(o.in("ada"), o.users["ada"], approval.Mine, "", 50)
		if err != nil || len(mine) != 1 || mine[0].Kind != approval.KindFlag || mine[0].Risk == nil || mine[0].DueAt.IsZero() {
			t.Fatalf("mine: %+v %v", mine, err)
		}
		d, err := o.approvals.Get(o.in("bea"), o.users["bea"], p.ID)
		if err != nil || !d.CanDecide || d.Project != "cart" || d.Why != "launch" || len(d.Changes) != 1 || len(d.Changes[0].Words) == 0 || !strings.Contains(d.Changes[0].After, `"on": true`) {
			t.Fatalf("detail: %+v %v", d, err)
		}
		if d, err = o.approvals.Get(o.in("ada"), o.users["ada"], p.ID); err != nil || d.CanDecide || !d.CanWithdraw || d.Reason == "" {
			t.Errorf("to the author: %+v %v", d, err)
		}
		o.pass(2 * time.Hour)
		if _, err := o.flags.Decide(o.in("bea"), "cart", p.ID, true, "go", o.who("bea")); err != nil {
			t.Fatal(err)
		}
		if got := o.waits("fay"); len(got) != 0 {
			t.Errorf("it still waits: %+v", got)
		}
		done, _, err := o.approvals.List(o.in("vic"), o.users["vic"], approval.Done, "", 50)
		if err != nil || len(done) != 1 || done[0].State != approval.Approved || done[0].Decisions[0].By.Name != "bea" || done[0].Asks[0].Groups[0].Have != 1 {
			t.Errorf("decided: %+v %v", done, err)
		}
		times, err := o.approvals.Times(o.in("vic"), 30)
		if err != nil || times.Decided != 1 || times.MedianMillis < (2*time.Hour).Milliseconds() || times.Actions[0].Action != "change_flag" {
			t.Errorf("waiting times: %+v %v", times, err)
		}
		if o.notices("approval.decided", o.users["ada"].ID) != "1" {
			t.Error("who asked was not told")
		}
	})
}

func TestS47_WhoMayNeverDecideOnAFlag(t *testing.T) {
	eachOffice(t, func(t *testing.T, o *office) {
		refused := func(what string, p flag.Proposal, by string) {
			t.Helper()
			_, err := o.flags.Decide(o.in(by), "cart", p.ID, true, "", o.who(by))
			if f, ok := fault.As(err); !ok || f.Code != fault.Forbidden || f.Rule == "" || f.Alternative == "" {
				t.Errorf("%s: %v", what, err)
			}
		}
		p := o.proposed("fay")
		refused("the author, who is an administrator", p, "fay")
		refused("a developer of another team", p, "cem")
		refused("a viewer of the owning team", p, "vic")
		roles := []string{auth.Developer, auth.Maintainer}
		if _, err := o.auth.UpdateUser(t.Context(), o.users["cem"].ID, auth.UserChange{Roles: &roles}, o.users["fay"].ID); err != nil {
			t.Fatal(err)
		}
		o.users["cem"], _ = o.auth.User(t.Context(), o.users["cem"].ID) // it is there
		refused("whom the author gave a role", p, "cem")
		if got := o.waits("cem"); len(got) != 0 {
			t.Error("it waits for somebody who may not decide")
		}
		suspended := auth.Suspended
		if _, err := o.auth.UpdateUser(t.Context(), o.users["max"].ID, auth.UserChange{Status: &suspended}, "system"); err != nil {
			t.Fatal(err)
		}
		refused("who is suspended", p, "max")
		o.pass(25 * time.Hour)
		if _, err := o.flags.Decide(o.in("cem"), "cart", p.ID, true, "", o.who("cem")); err != nil {
			t.Errorf("a day later: %v", err)
		}
	})
}

func TestS47_WhoIsBehindTheMachineDoesNotDecideOnWhatItProposed(t *testing.T) {
	eachOffice(t, func(t *testing.T, o *office) {
		machine, err := o.auth.CreateService(t.Context(), auth.Principal{User: o.users["bea"], Via: auth.ViaSession}, auth.ServiceAccount{Name: "bot", Team: "shop", Roles: []string{auth.Developer}})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := o.auth.CreateServiceToken(t.Context(), auth.Principal{User: o.users["fay"], Via: auth.ViaSession}, machine.ID, "token", time.Hour, nil); err != nil {
			t.Fatal(err)
		}
		o.users["bot"] = auth.User{ID: machine.ID, Name: "bot"}
		p := o.proposed("bot")
		for _, by := range []string{"bea", "fay"} { // its owner, and who has a token of it
			_, err := o.flags.Decide(o.in(by), "cart", p.ID, true, "", o.who(by))
			if f, ok := fault.As(err); !ok || f.Rule != "run.approve.excluded" {
				t.Errorf("%s, who is behind the machine: %v", by, err)
			}
		}
		if _, err := o.flags.Decide(o.in("bot"), "cart", p.ID, true, "", o.who("bot")); !fault.Is(err, fault.Forbidden) {
			t.Errorf("the machine itself: %v", err)
		}
		if _, err := o.flags.Decide(o.in("ada"), "cart", p.ID, true, "", o.who("ada")); err != nil {
			t.Errorf("somebody else: %v", err)
		}
	})
}

func TestAProposalIsWithdrawnByItsAuthorAndOutdatedByAChange(t *testing.T) {
	eachOffice(t, func(t *testing.T, o *office) {
		p := o.proposed("ada")
		if _, err := o.flags.Withdraw(t.Context(), "cart", p.ID, o.who("bea")); !fault.Is(err, fault.Forbidden) {
			t.Errorf("somebody else withdrew it: %v", err)
		}
		if got, err := o.flags.Withdraw(t.Context(), "cart", p.ID, o.who("ada")); err != nil || got.State != flag.Withdrawn {
			t.Fatalf("withdrawn: %+v %v", got, err)
		}
		if _, err := o.flags.Decide(o.in("bea"), "cart", p.ID, true, "", o.who("bea")); !fault.Is(err, fault.Conflict) {
			t.Errorf("decided on what was withdrawn: %v", err)
		}
		p = o.proposed("ada")
		off := false
		if _, err := o.flags.Edit(t.Context(), "cart", "express", "prod", flag.Edit{Version: p.BaseVersion, Patch: flag.Patch{On: &off, Serve: &flag.Serve{Variation: "on"}}}, o.who("bea")); err != nil {
			t.Fatal(err)
		}
		d, err := o.approvals.Get(o.in("bea"), o.users["bea"], p.ID)
		if err != nil || d.State != approval.Void || len(o.waits("bea")) != 0 {
			t.Errorf("after another change: %s %v", d.State, err)
		}
	})
}

func TestProposalsAreRemindedOfAndEscalate(t *testing.T) {
	eachOffice(t, func(t *testing.T, o *office) {
		o.proposed("ada")
		ctx := as(t.Context(), "work")
		look := func() {
			t.Helper()
			for range 2 { // another replica looks as well
				if err := o.approvals.Remind(ctx); err != nil {
					t.Fatal(err)
				}
			}
		}
		look()
		if o.notices("approval.reminder", "") != "0" {
			t.Error("reminded at once")
		}
		o.pass(25 * time.Hour)
		look()
		if o.notices("approval.reminder", `"shop"`) != "1" || o.notices("approval.escalated", "") != "0" {
			t.Error("after a day")
		}
		o.pass(48 * time.Hour)
		look()
		if o.notices("approval.reminder", `"shop"`) != "2" || o.notices("approval.escalated", `"infrastructure"`) != "1" {
			t.Error("after three days")
		}
		if list := o.waits("bea"); len(list) != 1 || !list[0].Escalated {
			t.Errorf("%+v", list)
		}
	})
}

func TestS47_ChangesOfPoliciesAreConfirmedByTheRulesForApprovals(t *testing.T) {
	eachOffice(t, func(t *testing.T, o *office) {
		person := func(name string) policy.Person { return policy.Person{ID: o.users[name].ID, Name: name} }
		propose := func(base int64, tier string) policy.Change {
			t.Helper()
			c, _, err := o.policies.Propose(t.Context(), person("fay"), policy.Draft{Base: base, Reason: "freeze " + tier,
				Policies: `@id("frozen") @reason("Frozen ` + tier + `.") @advice("Wait.") forbid (principal in Role::"developer", action == Action::"blueprint.write", resource);`})
			if err != nil || c.State != policy.Waiting {
				t.Fatalf("%+v %v", c, err)
			}
			return c
		}
		c := propose(0, "a")
		for name, want := range map[string]int{"fay": 0, "gil": 1, "max": 0, "bea": 0} {
			if got := o.waits(name); len(got) != want {
				t.Errorf("%s sees %d, want %d", name, len(got), want)
			}
		}
		if o.notices("approval.requested", `"administrator"`) != "1" {
			t.Error("administrators were not told")
		}
		if _, err := o.approvals.Get(o.in("bea"), o.users["bea"], c.ID); !fault.Is(err, fault.NotFound) {
			t.Errorf("who may not read policies sees a change: %v", err)
		}
		d, err := o.approvals.Get(o.in("gil"), o.users["gil"], c.ID)
		if err != nil || !d.CanDecide || !strings.Contains(d.Changes[0].After, "frozen") {
			t.Errorf("%+v %v", d, err)
		}
		// Whom the author made an administrator does not confirm for a day.
		roles := []string{auth.Administrator}
		if _, err := o.auth.UpdateUser(t.Context(), o.users["cem"].ID, auth.UserChange{Roles: &roles}, o.users["fay"].ID); err != nil {
			t.Fatal(err)
		}
		if _, err := o.policies.Confirm(t.Context(), person("cem"), c.ID, ""); !fault.Is(err, fault.Forbidden) {
			t.Errorf("whom the author made an administrator: %v", err)
		}
		if _, err := o.policies.Confirm(t.Context(), person("fay"), c.ID, ""); !fault.Is(err, fault.Forbidden) {
			t.Errorf("the author: %v", err)
		}
		if _, err := o.policies.Confirm(t.Context(), person("gil"), c.ID, "good"); err != nil {
			t.Fatal(err)
		}
		if o.notices("approval.decided", o.users["fay"].ID) != "1" {
			t.Error("who asked was not told")
		}
		c = propose(1, "b")
		o.pass(25 * time.Hour)
		if _, err := o.policies.Confirm(t.Context(), person("cem"), c.ID, ""); err != nil {
			t.Errorf("a day later: %v", err)
		}
	})
}

func TestS47_TheLastCommitterOfWhateverHasARepositoryIsKnown(t *testing.T) {
	eachOffice(t, func(t *testing.T, o *office) {
		ctx := as(t.Context(), "test")
		for _, name := range []string{"web", "cart", "docs"} {
			if _, err := o.forge.CreateRepository(ctx, forge.NewRepository{Name: name, Key: name}); err != nil {
				t.Fatal(err)
			}
			_, err := o.forge.Commit(ctx, name, forge.NewCommit{Branch: "main", Message: "x", Author: forge.Person{ID: name, Name: name, Email: name + "@example.com"}, Files: []forge.File{{Path: "a", Content: []byte("a")}}})
			if err != nil {
				t.Fatal(err)
			}
		}
		var b catalog.Blueprint
		if err := json.Unmarshal([]byte(`{"identifier":"Site","title":"Site","schema":{"properties":{"repositoryUrl":{"type":"string"},"repository":{"type":"array","items":{"type":"string"}}},"required":[]}}`), &b); err != nil {
			t.Fatal(err)
		}
		if _, _, err := o.catalog.PutBlueprint(ctx, b, "system"); err != nil {
			t.Fatal(err)
		}
		for _, doc := range []string{
			`{"identifier":"shop","title":"Shop","properties":{"repositoryUrl":"https://forge.example/team/web.git"}}`, `{"identifier":"many","title":"Many","properties":{"repository":["web","docs/"]}}`,
			`{"identifier":"cart","title":"No repository","properties":{}}`,
		} {
			var e catalog.NewEntity
			if err := json.Unmarshal([]byte(doc), &e); err != nil {
				t.Fatal(err)
			}
			if _, _, err := o.catalog.PutEntity(ctx, "Site", e, catalog.Write{Upsert: true, By: "system"}); err != nil {
				t.Fatal(err)
			}
		}
		for ref, want := range map[string]string{
			"Site/shop": "web@example.com", "Site/many": "web@example.com,docs@example.com", "Component/cart": "cart@example.com", "Site/cart": "", "Site/none": "", "Component/new": "",
		} {
			got, err := o.lastCommitters(t.Context(), run.Wish{Action: &action.Action{}, Plan: &action.Plan{Entities: []string{ref}}})
			if err != nil || strings.Join(got, ",") != want {
				t.Errorf("%s: %q %v, want %q", ref, got, err, want)
			}
		}
	})
}

func TestABlueprintThatAPolicyNeedsIsNotChangedByTheCatalog(t *testing.T) {
	eachOffice(t, func(t *testing.T, o *office) {
		_, _, err := o.policies.Propose(t.Context(), policy.Person{ID: o.users["fay"].ID}, policy.Draft{Reason: "production is guarded", Policies: `@id("guarded") @reason("Guarded.") @advice("Ask.")
			forbid (principal in Role::"developer", action == Action::"catalog.write", resource in Blueprint::"Environment") when { resource.properties has zone && resource.properties.zone == "eu" };`})
		if err != nil {
			t.Fatal(err)
		}
		waiting, _, err := o.policies.Changes(t.Context(), true, "")
		if err != nil || len(waiting) != 1 {
			t.Fatalf("%+v %v", waiting, err)
		}
		if _, err := o.policies.Confirm(t.Context(), policy.Person{ID: o.users["gil"].ID, Name: "gil"}, waiting[0].ID, ""); err != nil {
			t.Fatal(err)
		}
		put := func(properties string) error {
			var b catalog.Blueprint
			if err := json.Unmarshal([]byte(`{"identifier":"Environment","title":"Environment","schema":{"properties":`+properties+`,"required":[]}}`), &b); err != nil {
				t.Fatal(err)
			}
			_, _, err := o.catalog.PutBlueprint(as(t.Context(), "test"), b, "system")
			return err
		}
		for name, properties := range map[string]string{"without the property": `{"kind":{"type":"string"}}`, "of another type": `{"kind":{"type":"string"},"zone":{"type":"number"}}`} {
			if err := put(properties); err == nil || !strings.Contains(err.Error(), "guarded") {
				t.Errorf("%s: %v", name, err)
			}
		}
		b, err := o.catalog.Blueprint(as(t.Context(), "test"), "Environment")
		if err != nil || b.Schema.Properties["zone"].Type != "string" {
			t.Errorf("the blueprint was changed: %+v %v", b.Schema.Properties, err)
		}
		if err := put(`{"kind":{"type":"string"},"zone":{"type":"string"},"region":{"type":"string"}}`); err != nil {
			t.Errorf("a property more: %v", err)
		}
	})
}

func TestAHeldSweepIsToldToThoseWhoDecideOnIt(t *testing.T) {
	eachOffice(t, func(t *testing.T, o *office) {
		err := o.db.Tx(t.Context(), func(tx *store.Tx) error {
			for range 2 { // it is told once
				if err := o.tellHeld(t.Context(), tx, source.Sweep{ID: 7, Source: "cloud", Reason: "It wants to delete 900 of 1000 entities."}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if o.notices("sweep.held", `"infrastructure"`) != "1" {
			t.Error("infrastructure was not told once")
		}
		var url string
		if err := o.db.Read().QueryRowContext(t.Context(), "SELECT url FROM notices WHERE kind = 'sweep.held'").Scan(&url); err != nil || url != "/sweeps/7" {
			t.Errorf("it leads to %s: %v", url, err)
		}
	})
}
