package access_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"sphera/internal/access"
	"sphera/internal/auth"
	"sphera/internal/catalog"
	"sphera/internal/fault"
	"sphera/internal/policy"
)

// TestBlueprintPermissionsDecide: who is named may, whoever owns it; who is not
// may not, even an owner.
func TestBlueprintPermissionsDecide(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		developer, other, viewer := person(auth.Developer, "checkout"), person(auth.Maintainer, "payments"), person(auth.Viewer)
		w.must("_user", `{"identifier":"moderator@example.com","title":"M","properties":{"moderated_blueprints":["Service"]}}`)
		moderator := auth.Principal{User: auth.User{ID: "m", Email: "moderator@example.com", Roles: []string{auth.Developer}, Status: auth.Active}}
		by := catalog.Write{By: "u", Upsert: true, Merge: true}
		put := func(p auth.Principal, doc string) error {
			_, _, err := w.PutEntity(w.as(p), "Service", entity(t, doc), by)
			return err
		}
		check := func(what string, err error, allowed bool) {
			t.Helper()
			if allowed && err != nil || !allowed && !refused(err) {
				t.Errorf("%s: %v, want allowed %v", what, err, allowed)
			}
		}
		w.rights("Service", map[string]catalog.Grant{
			catalog.Register: {Roles: []string{"Service-moderator"}}, catalog.Update: {Teams: []string{"payments"}}, catalog.Unregister: {Users: []string{"MODERATOR@example.com"}},
		}, map[string]catalog.Grant{"language": {OwnedByTeam: true}, "$title": {Roles: []string{"Member"}}})
		check("register by a moderator", put(moderator, `{"identifier":"m1"}`), true)
		check("register by a developer", put(developer, `{"identifier":"m2","team":"checkout"}`), false)
		check("register for another team", put(moderator, `{"identifier":"m3","team":"payments"}`), false)
		check("update by a named team", put(other, `{"identifier":"cart","properties":{"secret":false}}`), true)
		check("update by the owner", put(developer, `{"identifier":"cart","properties":{"secret":true}}`), false)
		check("a property by the owner", put(developer, `{"identifier":"cart","properties":{"language":"rust"}}`), true)
		check("a property by the named team", put(other, `{"identifier":"cart","properties":{"language":"c"}}`), false)
		check("the title by a member", put(developer, `{"identifier":"billing","title":"B"}`), true)
		check("the title by a viewer", put(viewer, `{"identifier":"billing","title":"C"}`), false)
		check("the title and more by a member", put(developer, `{"identifier":"billing","title":"D","properties":{"secret":false}}`), false)
		check("the owner by a named team", put(other, `{"identifier":"cart","team":"payments"}`), false)
		check("delete by the owner", w.DeleteOne(w.as(developer), "Service", "cart", catalog.DeleteOptions{}), false)
		check("delete by name", w.DeleteOne(w.as(moderator), "Service", "m1", catalog.DeleteOptions{}), true)
		suspended := moderator
		suspended.Status = auth.Suspended
		check("register by a suspended moderator", put(suspended, `{"identifier":"m4"}`), false)
		scoped := moderator
		scoped.Scopes = []string{"catalog.read"}
		check("register with a token to read", put(scoped, `{"identifier":"m4"}`), false)
		check("by an administrator", put(person(auth.Administrator), `{"identifier":"m5","team":"search"}`), true)
	})
}

func TestAPolicyThatCannotBeUsedIsRefused(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		_, err := w.ChangeRights(w.portal(), "Service", "system", func(r *catalog.Rights) ([]string, error) {
			r.Blocks["read"] = catalog.Grant{Policy: json.RawMessage(`{"combinator":"and","rules":[{"property":"nope","operator":"=","value":1}]}`)}
			return []string{"read"}, nil
		})
		if !fault.Is(err, fault.Unprocessable) {
			t.Errorf("saved: %v", err)
		}
		// One that lost its property shows nothing instead of everything.
		w.rights("Service", map[string]catalog.Grant{"read": {Policy: json.RawMessage(`{"combinator":"and","rules":[{"property":"secret","operator":"!=","value":true}]}`)}}, nil)
		w.blueprint(`{"identifier":"Service","title":"Service","schema":{"properties":{"tier":{"type":"string"}}}}`)
		page, err := w.Search(w.as(person(auth.Developer)), catalog.Query{Blueprint: "Service"})
		if err != nil || len(page.Entities) > 0 {
			t.Errorf("shown: %d %v", len(page.Entities), err)
		}
		// A blueprint that comes back has the permissions it had.
		w.blueprint(`{"identifier":"Private","title":"Private"}`)
		w.rights("Private", map[string]catalog.Grant{"read": {Roles: []string{"Admin"}}}, nil)
		if err := w.DeleteBlueprint(w.portal(), "Private", "system"); err != nil {
			t.Fatal(err)
		}
		if _, err := w.RestoreBlueprint(w.portal(), "Private", "system"); err != nil {
			t.Fatal(err)
		}
		if r, err := w.Rights(w.portal(), "Private"); err != nil || len(r.Blocks["read"].Roles) != 1 {
			t.Errorf("restored: %+v %v", r, err)
		}
	})
}

// TestS46_DelegationOnlyNarrows: what a token or a client of somebody may is
// part of what they may, of what the token may and of what the client may.
func TestS46_DelegationOnlyNarrows(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		rng := rand.New(rand.NewPCG(46, 46))
		pick := func(from []string) []string {
			var out []string
			for _, one := range from {
				if rng.IntN(3) == 0 {
					out = append(out, one)
				}
			}
			return out
		}
		kinds := []string{auth.KindUser, auth.KindService, auth.KindAgent, auth.KindCI, auth.KindMCP}
		verbs := policy.Verbs()
		may := func(p auth.Principal, verb string, o auth.Object) bool {
			return w.auth.May(t.Context(), p, verb, o) == nil
		}
		for range 20_000 {
			user := person(auth.Roles()[rng.IntN(5)], pick([]string{"checkout", "payments"})...)
			token := user
			token.Scopes = append([]string{}, pick(policy.Scopes())...)
			client := user
			client.Kind = kinds[rng.IntN(len(kinds))]
			both := token
			both.Kind, both.OnBehalfOf = client.Kind, "u-other"
			verb := verbs[rng.IntN(len(verbs))].ID
			o := auth.Object{Kind: "Service", ID: "x", Teams: pick([]string{"checkout", "payments"})}
			if may(both, verb, o) && (!may(user, verb, o) || !may(token, verb, o) || !may(client, verb, o)) {
				t.Fatalf("%s on %v: %s with %v of %v %v may more than each", verb, o.Teams, both.Kind, both.Scopes, user.Roles, user.Teams)
			}
		}
		// The same at the store: reading and writing.
		all := person(auth.Administrator)
		all.Scopes = []string{"run.read"}
		if page, err := w.Search(w.as(all), catalog.Query{Blueprint: "Service"}); !refused(err) || len(page.Entities) > 0 {
			t.Errorf("a token without the scope reads: %v", err)
		}
		all.Scopes = []string{"catalog.read"}
		if _, err := w.PatchEntity(w.as(all), "Service", "cart", entity(t, `{"title":"x"}`), catalog.Write{}); !refused(err) {
			t.Errorf("a token to read writes: %v", err)
		}
	})
}

// TestS49_WithoutPoliciesNothingIsDone: while the policies cannot be read, all
// reading and writing of people answers "unavailable", and nothing happens.
func TestS49_WithoutPoliciesNothingIsDone(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		admin := w.as(person(auth.Administrator))
		by := catalog.Write{By: "u", Upsert: true, Merge: true}
		try := func() map[string]error {
			out := map[string]error{}
			_, out["read"] = w.Entity(admin, "Service", "cart")
			_, out["list"] = w.Search(admin, catalog.Query{Blueprint: "Service"})
			_, out["find"] = w.Find(admin, "cart", catalog.FindOptions{})
			_, out["export"] = w.Export(admin)
			_, _, out["write"] = w.PutEntity(admin, "Service", entity(t, `{"identifier":"cart","title":"broken"}`), by)
			_, _, out["an action"] = w.PutEntity(access.Mapped(admin), "Service", entity(t, `{"identifier":"cart","title":"broken"}`), by)
			_, out["many"] = w.PutMany(admin, "Service", []catalog.NewEntity{entity(t, `{"identifier":"cart","title":"broken"}`)}, by)
			out["delete"] = w.DeleteOne(admin, "Service", "cart", catalog.DeleteOptions{})
			out["shape"] = w.DeleteBlueprint(admin, "Component", "u")
			return out
		}
		if err := w.policies("this is no policy"); err == nil {
			t.Fatal("loaded")
		}
		for what, err := range try() {
			if !fault.Is(err, fault.Unavailable) {
				t.Errorf("%s: %v", what, err)
			}
		}
		// So does an engine that was never given any, and a policy that fails on
		// what it looks at denies.
		w.decideBy(&policy.Engine{})
		for what, err := range try() {
			if !fault.Is(err, fault.Unavailable) {
				t.Errorf("with an empty engine, %s: %v", what, err)
			}
		}
		w.decideBy(w.auth.Policies())
		if err := w.policies(""); err != nil {
			t.Fatal(err)
		}
		if e, err := w.Entity(admin, "Service", "cart"); err != nil || strings.Contains(e.Title, "broken") {
			t.Errorf("%s %v", e.Title, err)
		}
	})
}

// TestS60_DenialsExplainWithoutLeaking: a denial names the rule and what is
// missing; of what may not be seen there is only "not there", as of what never
// was.
func TestS60_DenialsExplainWithoutLeaking(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		developer := person(auth.Developer, "checkout")
		_, err := w.PatchEntity(w.as(developer), "Service", "billing", entity(t, `{"title":"x"}`), catalog.Write{})
		f, _ := fault.As(err)
		if f == nil || f.Rule != "owners-write-catalog" || !strings.Contains(f.Reason, "payments") || f.Alternative == "" || f.Contact == "" {
			t.Errorf("a denial says %+v", f)
		}
		_, err = w.PatchEntity(w.as(developer), "Service", "cart", entity(t, `{"properties":{"tier":"2"}}`), catalog.Write{})
		if f, _ = fault.As(err); f == nil || f.Rule != "leads-change-protected" || f.Contact != "role maintainer" {
			t.Errorf("a protected property says %+v", f)
		}
		w.rights("Service", map[string]catalog.Grant{"read": {OwnedByTeam: true}}, nil)
		ctx := w.as(developer)
		for what, run := range map[string]func(id string) error{
			"read": func(id string) error { _, err := w.Entity(ctx, "Service", id); return err },
			"patch": func(id string) error {
				_, err := w.PatchEntity(ctx, "Service", id, entity(t, `{"title":"x"}`), catalog.Write{})
				return err
			},
			"replace": func(id string) error {
				_, err := w.ReplaceEntity(ctx, "Service", id, entity(t, `{"title":"x"}`), catalog.Write{})
				return err
			},
			"delete":  func(id string) error { return w.DeleteOne(ctx, "Service", id, catalog.DeleteOptions{}) },
			"history": func(id string) error { _, err := w.Versions(ctx, "Service", id, "", 1); return err },
			"at":      func(id string) error { _, _, err := w.EntityAt(ctx, "Service", id, catalog.Moment{}); return err },
			"undo": func(id string) error {
				_, err := w.UndoVersion(ctx, "Service", id, 1, catalog.Write{}, false)
				return err
			},
			"explain": func(id string) error { _, err := w.Explain(ctx, "Service", id, "tier"); return err },
			"graph":   func(id string) error { _, err := w.Graph(ctx, "Service", id, catalog.GraphOptions{}); return err },
			"path":    func(id string) error { _, err := w.Path(ctx, "Service/cart", "Service/"+id); return err },
		} {
			hidden, unknown := fmt.Sprint(run("billing")), fmt.Sprint(run("bxlling"))
			if strings.ReplaceAll(hidden, "billing", "bxlling") != unknown || !strings.Contains(hidden, "There is no Service") {
				t.Errorf("%s: %q of what is hidden, %q of what is not there", what, hidden, unknown)
			}
		}
		// Titles of what is hidden do not show where something points at it.
		if _, _, err := w.PutEntity(w.portal(), "Service", entity(t, `{"identifier":"cart","relations":{"uses":["billing"]}}`), catalog.Write{Upsert: true, Merge: true}); err != nil {
			t.Fatal(err)
		}
		hits, err := w.Follow(ctx, "Service", "cart", []string{"uses"})
		if err != nil || len(hits) > 0 {
			t.Errorf("followed to %v %v", hits, err)
		}
	})
}
