package source_test

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/auth"
	"sphera/internal/catalog"
	"sphera/internal/catalog/catalogtest"
	"sphera/internal/fault"
	"sphera/internal/source"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

type organisation struct {
	t       *testing.T
	db      *store.DB
	auth    *auth.Service
	catalog *catalog.Catalog
	people  *source.People
}

func eachOrganisation(t *testing.T, test func(t *testing.T, o *organisation)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		now := func() time.Time { return start }
		log := audit.New(now)
		o := &organisation{t: t, db: db, auth: auth.New(db, log, now), catalog: catalog.New(db, log, now).Guard(catalogtest.Anybody())}
		o.people = source.NewPeople(db, o.auth, o.catalog, log)
		if err := o.catalog.EnsureSystem(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, team := range []string{"checkout", "Old Team"} {
			if _, err := o.auth.CreateTeam(t.Context(), auth.Team{Name: team}, "system"); err != nil {
				t.Fatal(err)
			}
		}
		for _, n := range []auth.NewUser{
			{Email: "ada@example.com", Name: "Ada", Roles: []string{auth.Administrator}},
			{Email: "Bob+x@example.com", Name: "Bob", Roles: []string{auth.Developer}, Teams: []string{"checkout"}},
		} {
			if _, err := o.auth.CreateUser(t.Context(), n, "system"); err != nil {
				t.Fatal(err)
			}
		}
		test(t, o)
	})
}

func (o *organisation) sync() {
	o.t.Helper()
	if err := o.people.Sync(o.t.Context()); err != nil {
		o.t.Fatal(err)
	}
}

func (o *organisation) entity(blueprint, id string) catalog.Entity {
	o.t.Helper()
	e, err := o.catalog.Entity(o.t.Context(), blueprint, id)
	if err != nil {
		o.t.Fatalf("%s %s: %v", blueprint, id, err)
	}
	return e
}

func (o *organisation) gone(blueprint, id string) {
	o.t.Helper()
	if _, err := o.catalog.Entity(o.t.Context(), blueprint, id); !fault.Is(err, fault.NotFound) {
		o.t.Errorf("%s %s is still there: %v", blueprint, id, err)
	}
}

func TestEveryTeamAndUserIsAnEntity(t *testing.T) {
	eachOrganisation(t, func(t *testing.T, o *organisation) {
		o.sync()
		team := o.entity("_team", "checkout")
		if team.Title != "checkout" || team.Properties["size"] != 1.0 {
			t.Errorf("team: %+v", team)
		}
		bob := o.entity("_user", "Bob+x@example.com")
		if bob.Title != "Bob" || !slices.Equal(bob.Team, []string{"checkout"}) || bob.Properties["status"] != "Active" || bob.Properties["port_role"] != "Member" {
			t.Errorf("user: %+v", bob)
		}
		if ada := o.entity("_user", "ada@example.com"); ada.Properties["port_role"] != "Admin" {
			t.Errorf("user: %+v", ada)
		}
		versions, err := o.catalog.Versions(t.Context(), "_team", "checkout", "", 0)
		if err != nil {
			t.Fatal(err)
		}
		o.sync()
		again, err := o.catalog.Versions(t.Context(), "_team", "checkout", "", 0)
		if err != nil || len(again.Versions) != len(versions.Versions) {
			t.Errorf("nothing changed, and yet: %+v %v", again, err)
		}
	})
}

func TestWhatPeopleAddToUsersAndTeamsStays(t *testing.T) {
	eachOrganisation(t, func(t *testing.T, o *organisation) {
		ctx := t.Context()
		o.sync()
		b, err := o.catalog.Blueprint(ctx, "_team")
		if err != nil {
			t.Fatal(err)
		}
		b.Schema.Properties["chat"] = catalog.Property{Type: "string"}
		if _, _, err := o.catalog.PutBlueprint(ctx, b, "dana"); err != nil {
			t.Fatal(err)
		}
		if _, err := o.catalog.PatchEntity(ctx, "_team", "Old_Team_3d38ac", catalog.NewEntity{Properties: map[string]any{"chat": "#old"}}, catalog.Write{By: "dana"}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := o.catalog.PutEntity(ctx, "_team", catalog.NewEntity{Identifier: "made-by-hand"}, catalog.Write{By: "dana"}); err != nil {
			t.Fatal(err)
		}
		text, name := "About", "New Team"
		if err := errors.Join(o.auth.CopyTeam(ctx, "Old Team", name), o.auth.DropTeam(ctx, "Old Team", name, "system")); err != nil {
			t.Fatal(err)
		}
		if _, err := o.auth.UpdateTeam(ctx, name, auth.TeamChange{Description: &text}, "system"); err != nil {
			t.Fatal(err)
		}
		o.sync()
		e := o.entity("_team", "New_Team_b5ad09")
		if e.Properties["chat"] != "#old" || e.Properties["description"] != "About" {
			t.Errorf("renamed: %+v", e)
		}
		o.gone("_team", "Old_Team_3d38ac")
		o.entity("_team", "made-by-hand")
	})
}

func TestAccountsThatAreGoneLeaveTheCatalog(t *testing.T) {
	eachOrganisation(t, func(t *testing.T, o *organisation) {
		ctx := t.Context()
		o.sync()
		users, _, err := o.auth.Users(ctx, "bob", 10, "")
		if err != nil || len(users) != 1 {
			t.Fatal(users, err)
		}
		if err := o.auth.DeleteUser(ctx, users[0].ID, "system"); err != nil {
			t.Fatal(err)
		}
		if err := o.auth.DeleteTeam(ctx, "checkout", "system"); err != nil {
			t.Fatal(err)
		}
		o.sync()
		o.gone("_user", "Bob+x@example.com")
		o.gone("_team", "checkout")
		o.entity("_user", "ada@example.com")
	})
}

func TestChangesOfAccountsAreFollowed(t *testing.T) {
	eachOrganisation(t, func(t *testing.T, o *organisation) {
		done := make(chan error, 1)
		go func() { done <- o.people.Work(t.Context(), slog.New(slog.DiscardHandler)) }()
		notes, stop := o.db.Subscribe(catalog.Topic)
		defer stop()
		wait := func(blueprint, id string) {
			t.Helper()
			deadline := time.After(20 * time.Second)
			for {
				if _, err := o.catalog.Entity(t.Context(), blueprint, id); err == nil {
					return
				}
				select {
				case <-notes:
				case <-time.After(100 * time.Millisecond): // a note may have come before the subscription
				case <-deadline:
					t.Fatalf("%s %s did not come", blueprint, id)
				}
			}
		}
		wait("_user", "ada@example.com")
		for i := range 3 {
			if _, err := o.auth.CreateTeam(t.Context(), auth.Team{Name: fmt.Sprintf("t%d", i)}, "system"); err != nil {
				t.Fatal(err)
			}
			wait("_team", fmt.Sprintf("t%d", i))
		}
	})
}
