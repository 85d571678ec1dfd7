// Package view keeps saved views: how somebody likes to see the list of a
// blueprint's entities, or another list of the portal. A view is its owner's; a
// shared one everybody can use.
package view

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/store"

	"github.com/google/uuid"
)

// Flags is the list of feature flags.
const Flags = "flags"

// Topic is notified with the blueprint or the list of a view that changed.
const Topic = "view"

const (
	maxName  = 100
	maxState = 8 << 10
	// maxOwn is how many views one person may keep of one list.
	maxOwn = 100
	// maxShared bounds how many views of others a list has.
	maxShared = 200
)

// Of is what a view is of: the entities of a blueprint, or another list.
type Of struct {
	Blueprint string `json:"blueprint,omitempty" maxLength:"200" doc:"The blueprint whose entities are listed"`
	List      string `json:"list,omitempty" enum:"flags" doc:"Another list of the portal, when there is no blueprint"`
}

func (o Of) name() string {
	if o.Blueprint != "" {
		return o.Blueprint
	}
	return o.List
}

// View is one saved view.
type View struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Of
	// State is the search part of the page's address, without "?".
	State  string `json:"state"`
	Shared bool   `json:"shared"`
	// Owner is the id of the person whose it is; Mine is true for that person.
	Owner     string    `json:"owner"`
	OwnerName string    `json:"ownerName"`
	Mine      bool      `json:"mine"`
	CreatedAt time.Time `json:"createdAt"`
	UpdatedAt time.Time `json:"updatedAt"`
}

// NewView is a view as it is sent.
type NewView struct {
	Name string `json:"name" minLength:"1" maxLength:"100"`
	Of
	State  string `json:"state" maxLength:"8192" doc:"The search part of the list's address, without the question mark"`
	Shared bool   `json:"shared,omitempty" doc:"Everybody can use it; only the owner can change it"`
}

// Person is who asks.
type Person struct {
	ID, Name string
	// Manages is true for those who may change and remove the shared views of
	// others.
	Manages bool
}

// Views keeps views in a database.
type Views struct {
	db    *store.DB
	audit *audit.Log
	now   func() time.Time
}

// Open returns the views kept in db.
func Open(db *store.DB, log *audit.Log, now func() time.Time) *Views {
	return &Views{db: db, audit: log, now: now}
}

// List returns the views that a person can use, their own first, by name; of
// everything when of is empty.
func (v *Views) List(ctx context.Context, of Of, who Person) ([]View, error) {
	rows, err := v.db.Read().QueryContext(ctx, columns+` FROM views WHERE (owner = $1 OR shared = 1) AND ($2 = '' OR blueprint = $2) AND ($3 = '' OR list = $3)
		ORDER BY CASE WHEN owner = $1 THEN 0 ELSE 1 END, name, id LIMIT $4`, who.ID, of.Blueprint, of.List, maxOwn+maxShared)
	list, err := store.All(rows, err, scan)
	if err != nil {
		return nil, fmt.Errorf("list views: %w", err)
	}
	for i := range list {
		list[i].Mine = list[i].Owner == who.ID
	}
	return list, nil
}

// Create saves a view.
func (v *Views) Create(ctx context.Context, in NewView, who Person) (View, error) {
	if err := check(&in); err != nil {
		return View{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return View{}, fmt.Errorf("make an id: %w", err)
	}
	at := store.Millis(v.now())
	saved := View{
		ID: id.String(), Name: in.Name, Of: in.Of, State: in.State, Shared: in.Shared,
		Owner: who.ID, OwnerName: who.Name, Mine: true, CreatedAt: store.Time(at), UpdatedAt: store.Time(at),
	}
	err = v.db.Tx(ctx, func(tx *store.Tx) error {
		if err := room(ctx, tx, in.Of, who.ID); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO views (id, blueprint, list, owner, owner_name, name, state, shared, created_at, updated_at)
			VALUES ($1, NULLIF($2, ''), $3, $4, $5, $6, $7, $8, $9, $9)`, saved.ID, in.Blueprint, in.List, who.ID, who.Name, in.Name, in.State, flag(in.Shared), at)
		if err != nil {
			return taken(err, in)
		}
		return v.tell(ctx, tx, "view.create", saved, who)
	})
	return saved, err
}

// Update replaces name, state and whether it is shared; a view stays with its
// list.
func (v *Views) Update(ctx context.Context, id string, in NewView, who Person) (View, error) {
	if err := check(&in); err != nil {
		return View{}, err
	}
	var saved View
	err := v.db.Tx(ctx, func(tx *store.Tx) error {
		var err error
		if saved, err = v.changeable(ctx, tx, id, who); err != nil {
			return err
		}
		if saved.Of != in.Of {
			return fault.Field("blueprint", "and list cannot be changed", saved.name())
		}
		at := store.Millis(v.now())
		saved.Name, saved.State, saved.Shared, saved.UpdatedAt = in.Name, in.State, in.Shared, store.Time(at)
		if _, err := tx.ExecContext(ctx, "UPDATE views SET name = $1, state = $2, shared = $3, updated_at = $4 WHERE id = $5",
			in.Name, in.State, flag(in.Shared), at, id); err != nil {
			return taken(err, in)
		}
		return v.tell(ctx, tx, "view.update", saved, who)
	})
	return saved, err
}

// Delete removes a view.
func (v *Views) Delete(ctx context.Context, id string, who Person) error {
	return v.db.Tx(ctx, func(tx *store.Tx) error {
		old, err := v.changeable(ctx, tx, id, who)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM views WHERE id = $1", id); err != nil {
			return fmt.Errorf("delete view %s: %w", id, err)
		}
		return v.tell(ctx, tx, "view.delete", old, who)
	})
}

// changeable reads a view that the person may change. A private view of
// somebody else is as if it were not there.
func (v *Views) changeable(ctx context.Context, tx *store.Tx, id string, who Person) (View, error) {
	found, err := scan(tx.QueryRowContext(ctx, columns+" FROM views WHERE id = $1"+tx.ForUpdate(), id))
	if errors.Is(err, sql.ErrNoRows) || err == nil && found.Owner != who.ID && !found.Shared {
		return View{}, fault.New(fault.NotFound, "There is no view %s.", id)
	}
	if err != nil {
		return View{}, fmt.Errorf("read view %s: %w", id, err)
	}
	if found.Owner != who.ID && !who.Manages {
		return View{}, fault.Refuse("views-belong-to-their-owner", fmt.Sprintf("The view %q belongs to %s.", found.Name, found.OwnerName),
			"Save a view of your own.", found.OwnerName)
	}
	found.Mine = found.Owner == who.ID
	return found, nil
}

func (v *Views) tell(ctx context.Context, tx *store.Tx, verb string, view View, who Person) error {
	tx.Notify(Topic, view.name())
	return v.audit.Append(ctx, tx, audit.Event{
		Verb: verb, Actor: who.ID, ActorName: who.Name, Object: "view/" + view.ID,
		Detail: audit.Detail("name", view.Name, "blueprint", view.Blueprint, "list", view.List, "shared", view.Shared),
	})
}

// room refuses a view beyond what one person may keep, and of a blueprint that
// does not exist.
func room(ctx context.Context, tx *store.Tx, of Of, owner string) error {
	var known, own int
	err := tx.QueryRowContext(ctx, `SELECT (SELECT COUNT(*) FROM blueprints WHERE identifier = $1),
		(SELECT COUNT(*) FROM views WHERE owner = $2 AND COALESCE(blueprint, '') = $1 AND list = $3)`, of.Blueprint, owner, of.List).Scan(&known, &own)
	if err != nil {
		return fmt.Errorf("count views: %w", err)
	}
	if known == 0 && of.Blueprint != "" {
		return fault.Field("blueprint", "does not exist", "the identifier of a blueprint")
	}
	if own >= maxOwn {
		return fault.Field("name", fmt.Sprintf("would be your view number %d of %s", own+1, of.name()), fmt.Sprintf("at most %d; delete one first", maxOwn))
	}
	return nil
}

func check(in *NewView) error {
	in.Name = strings.TrimSpace(in.Name)
	switch {
	case in.Name == "":
		return fault.Field("name", "is empty", "a name")
	case utf8.RuneCountInString(in.Name) > maxName:
		return fault.Field("name", "is too long", fmt.Sprintf("at most %d characters", maxName))
	case (in.Blueprint == "") == (in.List == ""):
		return fault.Field("blueprint", "or list has to be given, and not both", "the identifier of a blueprint, or the list flags")
	case in.List != "" && in.List != Flags:
		return fault.Field("list", "does not exist", "flags")
	case len(in.State) > maxState:
		return fault.Field("state", "is too long", fmt.Sprintf("at most %d bytes", maxState))
	}
	return nil
}

func taken(err error, in NewView) error {
	if store.IsUnique(err) {
		return fault.New(fault.Taken, "You have a view named %q of %s already.", in.Name, in.name()).With("name", "is taken", "another name")
	}
	return fmt.Errorf("save view %s: %w", in.Name, err)
}

const columns = "SELECT id, COALESCE(blueprint, ''), list, owner, owner_name, name, state, shared, created_at, updated_at"

func scan(row interface{ Scan(...any) error }) (View, error) {
	var v View
	var shared, created, updated int64
	err := row.Scan(&v.ID, &v.Blueprint, &v.List, &v.Owner, &v.OwnerName, &v.Name, &v.State, &shared, &created, &updated)
	v.Shared, v.CreatedAt, v.UpdatedAt = shared == 1, store.Time(created), store.Time(updated)
	return v, err
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
