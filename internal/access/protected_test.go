package access_test

import (
	"context"
	"errors"
	"testing"

	"sphera/internal/access"
	"sphera/internal/auth"
	"sphera/internal/catalog"
)

var errEnough = errors.New("enough")

// ways are all ways by which an entity is written.
func ways(w *world) map[string]func(ctx context.Context, blueprint string, n catalog.NewEntity) error {
	first := func(items []catalog.Item, err error) error {
		if err != nil || len(items) == 0 {
			return err
		}
		return items[0].Err
	}
	write := catalog.Write{Upsert: true, Merge: true, By: "u"}
	return map[string]func(ctx context.Context, blueprint string, n catalog.NewEntity) error{
		"upsert": func(ctx context.Context, b string, n catalog.NewEntity) error {
			_, _, err := w.PutEntity(ctx, b, n, write)
			return err
		},
		"replace": func(ctx context.Context, b string, n catalog.NewEntity) error {
			_, err := w.ReplaceEntity(ctx, b, n.Identifier, n, catalog.Write{By: "u"})
			return err
		},
		"patch": func(ctx context.Context, b string, n catalog.NewEntity) error {
			_, err := w.PatchEntity(ctx, b, n.Identifier, n, catalog.Write{By: "u"})
			return err
		},
		"bulk": func(ctx context.Context, b string, n catalog.NewEntity) error {
			return first(w.PutMany(ctx, b, []catalog.NewEntity{n}, write))
		},
		"mixed": func(ctx context.Context, b string, n catalog.NewEntity) error {
			n.Blueprint = b
			return first(w.PutMixed(ctx, []catalog.NewEntity{n}, write))
		},
		"import": func(ctx context.Context, b string, n catalog.NewEntity) error {
			n.Blueprint = b
			return w.Atomically(ctx, func(tx *catalog.Transaction) error { return first(tx.Put(ctx, []catalog.NewEntity{n}, write)) })
		},
		"action": func(ctx context.Context, b string, n catalog.NewEntity) error {
			_, _, err := w.PutEntity(access.Mapped(ctx), b, n, write)
			return err
		},
		"validation": func(ctx context.Context, b string, n catalog.NewEntity) error {
			only := write
			only.ValidationOnly = true
			_, _, err := w.PutEntity(ctx, b, n, only)
			return err
		},
	}
}

// TestS6_ProtectedPropertiesOnAllWritePaths: moving an own service to another
// team, taking over another's or nobody's, changing what ownership follows, and
// a protected property take the right on what was and what is to be.
func TestS6_ProtectedPropertiesOnAllWritePaths(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		developer, both, lead := person(auth.Developer, "checkout"), person(auth.Developer, "checkout", "payments"), person(auth.Maintainer, "checkout")
		for name, write := range ways(w) {
			t.Run(name, func(t *testing.T) {
				for what, c := range map[string]struct {
					blueprint, doc string
					as             auth.Principal
				}{
					"gives its own away":           {"Service", `{"identifier":"cart","team":"payments","properties":{"tier":"1","language":"go"}}`, developer},
					"gives it to nobody":           {"Service", `{"identifier":"cart","team":[],"properties":{"tier":"1","language":"go"}}`, developer},
					"takes over another's":         {"Service", `{"identifier":"billing","team":"checkout","properties":{"tier":"1","secret":true}}`, developer},
					"takes over nobody's":          {"Service", `{"identifier":"old","team":"checkout"}`, developer},
					"lowers the tier of its own":   {"Service", `{"identifier":"cart","team":"checkout","properties":{"tier":"2","language":"go"}}`, developer},
					"lowers the tier of another's": {"Service", `{"identifier":"billing","team":"payments","properties":{"tier":"2","secret":true}}`, lead},
					"moves it by its system":       {"Component", `{"identifier":"basket","relations":{"system":"bank"}}`, developer},
					"takes over by its system":     {"Component", `{"identifier":"ledger","relations":{"system":"shop"}}`, developer},
					"makes itself a lead":          {"_user", `{"identifier":"developer@example.com","properties":{"status":"Active","port_role":"Admin"}}`, developer},
					"makes a team":                 {"_team", `{"identifier":"checkout","title":"mine"}`, person(auth.Infrastructure)},
				} {
					if err := write(w.as(c.as), c.blueprint, entity(t, c.doc)); !refused(err) {
						t.Errorf("%s: %v", what, err)
					}
				}
				cart, err := w.Entity(w.portal(), "Service", "cart")
				if err != nil || len(cart.Team) != 1 || cart.Team[0] != "checkout" || cart.Properties["tier"] != "1" {
					t.Fatalf("cart is %v %v %v", cart.Team, cart.Properties, err)
				}
				// With the right on both it is moved, and moved back.
				for _, team := range []string{"payments", "checkout"} {
					if err := write(w.as(both), "Service", entity(t, `{"identifier":"cart","team":"`+team+`","properties":{"tier":"1","language":"go"}}`)); err != nil {
						t.Errorf("to %s: %v", team, err)
					}
				}
				for _, tier := range []string{"2", "1"} {
					if err := write(w.as(lead), "Service", entity(t, `{"identifier":"cart","team":"checkout","properties":{"tier":"`+tier+`","language":"go"}}`)); err != nil {
						t.Errorf("tier %s: %v", tier, err)
					}
				}
			})
		}
	})
}

// TestS6_OtherWays are bulk edits, renames, undo, restore, what is made on the
// way, deletes, and what webhooks bring.
func TestS6_OtherWays(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		developer := w.as(person(auth.Developer, "checkout"))
		by := catalog.Write{By: "u", Upsert: true, Merge: true}
		edited, err := w.EditMany(developer, "Service", catalog.BulkEdit{Identifiers: []string{"cart", "billing"}, Set: catalog.BulkSet{Team: []string{"checkout"}}}, by)
		if err != nil || len(edited.Failures) != 1 || edited.Failures[0].Identifier != "billing" {
			t.Errorf("bulk edit: %+v %v", edited, err)
		}
		if _, err := w.PatchEntity(developer, "Service", "billing", entity(t, `{"identifier":"mine"}`), by); !refused(err) {
			t.Errorf("rename: %v", err)
		}
		// An older version of cart belonged to payments: undo gives it away again.
		both := w.as(person(auth.Developer, "checkout", "payments"))
		for _, team := range []string{"payments", "checkout"} {
			if _, err := w.PatchEntity(both, "Service", "cart", entity(t, `{"team":"`+team+`"}`), by); err != nil {
				t.Fatal(err)
			}
		}
		versions, err := w.Versions(developer, "Service", "cart", "", 1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.UndoVersion(developer, "Service", "cart", versions.Versions[0].Version, by, false); !refused(err) {
			t.Errorf("undo: %v", err)
		}
		if err := w.DeleteOne(developer, "Service", "billing", catalog.DeleteOptions{By: "u"}); !refused(err) {
			t.Errorf("delete: %v", err)
		}
		if err := w.DeleteOne(w.portal(), "Service", "billing", catalog.DeleteOptions{By: "system"}); err != nil {
			t.Fatal(err)
		}
		deleted, err := w.Deleted(developer, "Service", "", 10)
		if err != nil || len(deleted.Deleted) != 1 {
			t.Fatalf("%+v %v", deleted, err)
		}
		if _, err := w.Restore(developer, deleted.Deleted[0].VersionID, by); !refused(err) {
			t.Errorf("restore: %v", err)
		}
		// What relations point at and is not there would be nobody's.
		missing := by
		missing.CreateMissing = true
		if _, _, err := w.PutEntity(developer, "Service", entity(t, `{"identifier":"cart","relations":{"uses":["ghost"]}}`), missing); !refused(err) {
			t.Errorf("made on the way: %v", err)
		}
		// A staged import.
		staging, err := w.Stage(developer, "u")
		if err != nil {
			t.Fatal(err)
		}
		n := entity(t, `{"identifier":"new","team":"payments"}`)
		n.Blueprint = "Service"
		items, err := staging.Put(developer, []catalog.NewEntity{n}, by)
		if err != nil || !refused(items[0].Err) {
			t.Errorf("staged: %v %v", items, err)
		}
		if err := staging.Abort(developer); err != nil {
			t.Error(err)
		}
		// Webhooks write what their mapping says, but no people and no teams.
		hook := w.as(auth.System(access.Ingest))
		if _, _, err := w.PutEntity(hook, "Service", entity(t, `{"identifier":"found","team":"payments"}`), by); err != nil {
			t.Errorf("a webhook: %v", err)
		}
		if _, _, err := w.PutEntity(hook, "_team", entity(t, `{"identifier":"checkout","title":"x"}`), by); !refused(err) {
			t.Errorf("a webhook changes a team: %v", err)
		}
		// Nobody is refused, too.
		if _, _, err := w.PutEntity(t.Context(), "Service", entity(t, `{"identifier":"x"}`), by); err == nil {
			t.Error("nobody writes")
		}
		if err := w.Atomically(developer, func(tx *catalog.Transaction) error {
			err := tx.Delete(developer, "Service", []string{"old"}, catalog.DeleteOptions{By: "u"})
			if !refused(err) {
				t.Errorf("an import deletes: %v", err)
			}
			return errEnough
		}); !errors.Is(err, errEnough) {
			t.Error(err)
		}
	})
}
