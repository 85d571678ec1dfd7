package auth_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

const password = "correct horse battery"

// clock is a time that the test moves.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// world is a service with the user Ada (developer, team payments).
type world struct {
	*auth.Service
	t     *testing.T
	db    *store.DB
	log   *audit.Log
	clock *clock
	ada   auth.User
}

func each(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) { test(t, newWorld(t, db)) })
}

func newWorld(t *testing.T, db *store.DB) *world {
	t.Helper()
	c := &clock{at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	log := audit.New(c.now)
	w := &world{Service: auth.New(db, log, c.now), t: t, db: db, log: log, clock: c}
	if _, err := w.CreateTeam(t.Context(), auth.Team{Name: "payments", Title: "Payments"}, "system"); err != nil {
		t.Fatal(err)
	}
	w.ada = w.create("ada@example.com", auth.Developer)
	return w
}

func (w *world) create(email string, roles ...string) auth.User {
	w.t.Helper()
	u, err := w.CreateUser(w.t.Context(), auth.NewUser{
		Email: email, Name: "Ada Lovelace", Password: password, Roles: roles, Teams: []string{"payments"},
	}, "system")
	if err != nil {
		w.t.Fatalf("create %s: %v", email, err)
	}
	return u
}

func (w *world) login() (string, auth.Principal) {
	w.t.Helper()
	token, p, err := w.Login(w.t.Context(), "ada@example.com", password, auth.LoginMeta{IP: "192.0.2.1", UserAgent: "test"})
	if err != nil {
		w.t.Fatalf("login: %v", err)
	}
	return token, p
}

func (w *world) signedIn(credential string) bool {
	w.t.Helper()
	_, err := w.Authenticate(w.t.Context(), credential)
	if err != nil && !fault.Is(err, fault.Unauthorized) {
		w.t.Fatalf("authenticate: %v", err)
	}
	return err == nil
}

func (w *world) events(verb string) []audit.Event {
	w.t.Helper()
	events, _, err := w.log.List(w.t.Context(), w.db, audit.Filter{Verb: verb})
	if err != nil {
		w.t.Fatal(err)
	}
	return events
}

// stored is every text in the tables of this package.
func (w *world) stored() string {
	w.t.Helper()
	var all strings.Builder
	for _, query := range []string{
		"SELECT password FROM auth_users", "SELECT hash || id || user_agent FROM auth_sessions",
		"SELECT hash || id || name || hint FROM auth_tokens", "SELECT hash FROM auth_setup",
		"SELECT object || CAST(detail AS TEXT) FROM audit_events",
	} {
		rows, err := w.db.Read().QueryContext(w.t.Context(), query)
		texts, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (s string, err error) { return s, row.Scan(&s) })
		if err != nil {
			w.t.Fatal(err)
		}
		all.WriteString(strings.Join(texts, "\n"))
	}
	return all.String()
}

func TestUserAndTeamLists(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, email := range []string{"Bob@Example.com", "cy_d@example.com", "cyxd@example.com"} {
			w.create(email, auth.Viewer)
		}
		cases := []struct {
			text string
			want string
		}{
			{"", "ada@example.com Bob@Example.com cy_d@example.com cyxd@example.com"},
			{"BOB", "Bob@Example.com"},
			{"cy_d", "cy_d@example.com"},
			{"lovelace", "ada@example.com Bob@Example.com cy_d@example.com cyxd@example.com"},
			{"%", ""},
		}
		for _, c := range cases {
			var got []string
			for from, more := "", true; more; more = from != "" {
				users, next, err := w.Users(t.Context(), c.text, 3, from)
				if err != nil {
					t.Fatal(err)
				}
				for _, u := range users {
					got = append(got, u.Email)
					if len(u.Teams) != 1 || u.Teams[0] != "payments" {
						t.Errorf("%s is in teams %v", u.Email, u.Teams)
					}
				}
				from = next
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("%q: got %s, want %s", c.text, s, c.want)
			}
		}
		teams, err := w.Teams(t.Context())
		if err != nil || len(teams) != 1 || teams[0].Members != 4 {
			t.Fatalf("teams %+v, %v", teams, err)
		}
	})
}

func TestCreateUserRefusesBadInput(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		good := auth.NewUser{Email: "bob@example.com", Name: "Bob", Password: password, Roles: []string{auth.Viewer}}
		cases := map[string]struct {
			spoil func(n *auth.NewUser)
			code  fault.Code
		}{
			"no address":      {func(n *auth.NewUser) { n.Email = "bob" }, fault.Unprocessable},
			"address in name": {func(n *auth.NewUser) { n.Email = "Bob <bob@example.com>" }, fault.Unprocessable},
			"taken":           {func(n *auth.NewUser) { n.Email = "ADA@example.com" }, fault.Taken},
			"no name":         {func(n *auth.NewUser) { n.Name = " " }, fault.Unprocessable},
			"line in name":    {func(n *auth.NewUser) { n.Name = "Bob\nroot" }, fault.Unprocessable},
			"unknown role":    {func(n *auth.NewUser) { n.Roles = []string{"root"} }, fault.Unprocessable},
			"unknown team":    {func(n *auth.NewUser) { n.Teams = []string{"nobody"} }, fault.Unprocessable},
			"short password":  {func(n *auth.NewUser) { n.Password = "1234567" }, fault.Unprocessable},
			"huge password":   {func(n *auth.NewUser) { n.Password = strings.Repeat("x", 300) }, fault.Unprocessable},
			"own address":     {func(n *auth.NewUser) { n.Password = n.Email }, fault.Unprocessable},
		}
		for name, c := range cases {
			n := good
			c.spoil(&n)
			if _, err := w.CreateUser(t.Context(), n, "system"); !fault.Is(err, c.code) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if users, _, err := w.Users(t.Context(), "", 0, ""); err != nil || len(users) != 1 {
			t.Fatalf("refused users were kept: %v %v", users, err)
		}
	})
}

func TestLastAdministratorStays(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		root := w.create("root@example.com", auth.Administrator)
		for name, change := range map[string]auth.UserChange{
			"demote": {Roles: &[]string{auth.Viewer}}, "suspend": {Status: new(auth.Suspended)},
		} {
			if _, err := w.UpdateUser(t.Context(), root.ID, change, root.ID); !fault.Is(err, fault.Conflict) {
				t.Errorf("%s: %v", name, err)
			}
		}
		w.create("second@example.com", auth.Administrator)
		if _, err := w.UpdateUser(t.Context(), root.ID, auth.UserChange{Status: new(auth.Suspended)}, root.ID); err != nil {
			t.Fatalf("with a second administrator: %v", err)
		}
	})
}

func TestS56_ChangesOfAccountsAreEvents(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		_, p := w.login()
		plain, token, err := w.CreateToken(t.Context(), p, "ci", 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.UpdateUser(t.Context(), w.ada.ID, auth.UserChange{Roles: &[]string{auth.Maintainer}}, w.ada.ID); err != nil {
			t.Fatal(err)
		}
		if err := w.DeleteToken(t.Context(), w.ada.ID, token.ID); err != nil {
			t.Fatal(err)
		}
		for _, verb := range []string{"team.create", "user.create", "user.update", "auth.login", "token.create", "token.delete"} {
			if n := len(w.events(verb)); n != 1 {
				t.Errorf("%s: %d events, want 1", verb, n)
			}
		}
		if got := w.events("user.update")[0]; got.ActorName != "Ada Lovelace" || got.Object != "user/"+w.ada.ID {
			t.Errorf("user.update is by %q on %s", got.ActorName, got.Object)
		}
		if strings.Contains(w.stored(), plain) || strings.Contains(w.stored(), password) {
			t.Error("a secret is in the database in clear")
		}
	})
}
