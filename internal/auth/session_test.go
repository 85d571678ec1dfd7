package auth_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/auth"
	"sphera/internal/fault"
)

func TestS18_SessionIsNewRandomAndStoredAsHash(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		first, _ := w.login()
		second, p := w.login()
		if first == second || len(first) != 43 {
			t.Fatalf("session tokens %q and %q", first, second)
		}
		got, err := w.Authenticate(t.Context(), second)
		if err != nil || got.ID != w.ada.ID || got.Via != auth.ViaSession || got.SessionID != p.SessionID || got.Teams[0] != "payments" {
			t.Fatalf("authenticated as %+v, %v", got, err)
		}
		if strings.Contains(w.stored(), second) || strings.Contains(w.stored(), first) {
			t.Fatal("a session token is in the database in clear")
		}
		for _, bad := range []string{"", "x", second[:42], second + "x", p.SessionID, strings.ToUpper(second)} {
			if w.signedIn(bad) {
				t.Errorf("%q was accepted", bad)
			}
		}
	})
}

func TestS18_SessionEndsIdleAndAbsolute(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		idle, _ := w.login()
		w.clock.add(8*time.Hour - time.Second)
		if !w.signedIn(idle) {
			t.Fatal("ended before 8 idle hours")
		}
		w.clock.add(8 * time.Hour)
		if w.signedIn(idle) {
			t.Fatal("alive after 8 idle hours")
		}
		busy, _ := w.login()
		for range 23 {
			w.clock.add(time.Hour)
			if !w.signedIn(busy) {
				t.Fatal("ended although in use")
			}
		}
		w.clock.add(time.Hour)
		if w.signedIn(busy) {
			t.Fatal("alive after 24 hours")
		}
	})
}

func TestS18_LogoutRevokeAndForeignSessions(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		bob := w.create("bob@example.com", auth.Developer)
		one, _ := w.login()
		two, p := w.login()
		if err := w.Logout(t.Context(), one); err != nil || w.signedIn(one) || !w.signedIn(two) {
			t.Fatalf("logout of one session: %v", err)
		}
		if err := w.RevokeSession(t.Context(), bob.ID, p.SessionID, bob.ID); !fault.Is(err, fault.NotFound) {
			t.Fatalf("somebody else's session: %v", err)
		}
		sessions, err := w.Sessions(t.Context(), w.ada.ID)
		if err != nil || len(sessions) != 1 || sessions[0].ID != p.SessionID || sessions[0].UserAgent != "test" {
			t.Fatalf("sessions %+v, %v", sessions, err)
		}
		notes, stop := w.db.Subscribe(auth.Topic)
		defer stop()
		if err := w.RevokeSession(t.Context(), w.ada.ID, p.SessionID, w.ada.ID); err != nil || w.signedIn(two) {
			t.Fatalf("revoke: %v", err)
		}
		waitFor(t, notes, w.ada.ID)
	})
}

func waitFor(t *testing.T, notes <-chan string, want string) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		select {
		case got := <-notes:
			if got == want {
				return
			}
		case <-deadline:
			t.Fatalf("no note %q came", want)
		}
	}
}

func TestS18_SuspendedUserIsOutOnEveryPath(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		session, p := w.login()
		token, _, err := w.CreateToken(t.Context(), p, "ci", 0)
		if err != nil {
			t.Fatal(err)
		}
		suspended, err := w.UpdateUser(t.Context(), w.ada.ID, auth.UserChange{Status: new(auth.Suspended)}, "system")
		if err != nil {
			t.Fatal(err)
		}
		if w.signedIn(session) || w.signedIn(token) {
			t.Error("a suspended user's session or token is accepted")
		}
		if _, err := w.CheckPassword(t.Context(), "ada@example.com", password, "192.0.2.1"); !fault.Is(err, fault.Unauthorized) {
			t.Errorf("a suspended user's password: %v", err)
		}
		if _, err := w.CheckPassword(t.Context(), "ada@example.com", token, "192.0.2.1"); !fault.Is(err, fault.Unauthorized) {
			t.Errorf("a suspended user's token as password: %v", err)
		}
		if err := auth.Can(auth.Principal{User: suspended}, "catalog.read", auth.Object{}); !fault.Is(err, fault.Forbidden) {
			t.Errorf("Can for a suspended user: %v", err)
		}
		if _, err := w.UpdateUser(t.Context(), w.ada.ID, auth.UserChange{Status: new(auth.Active)}, "system"); err != nil {
			t.Fatal(err)
		}
		if w.signedIn(session) {
			t.Error("an ended session came back")
		}
	})
}

func TestS18_NewPasswordEndsSessions(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		session, _ := w.login()
		if _, err := w.UpdateUser(t.Context(), w.ada.ID, auth.UserChange{Password: new("another good password")}, w.ada.ID); err != nil {
			t.Fatal(err)
		}
		if w.signedIn(session) {
			t.Error("the session outlived the password")
		}
		if _, err := w.CheckPassword(t.Context(), "ada@example.com", password, ""); !fault.Is(err, fault.Unauthorized) {
			t.Errorf("the old password: %v", err)
		}
		if _, err := w.CheckPassword(t.Context(), "ADA@example.com", "another good password", ""); err != nil {
			t.Errorf("the new password: %v", err)
		}
	})
}

func TestSessionsPerUserAreBounded(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		first, _ := w.login()
		for range 20 {
			w.clock.add(time.Second)
			w.login()
		}
		sessions, err := w.Sessions(t.Context(), w.ada.ID)
		if err != nil || len(sessions) != 20 || w.signedIn(first) {
			t.Fatalf("%d sessions, %v", len(sessions), err)
		}
	})
}

func TestS15_LoginIsLimitedPerAccount(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		try := func(i int, pw string) error {
			_, _, err := w.Login(t.Context(), "Ada@example.com", pw, auth.LoginMeta{IP: fmt.Sprintf("192.0.2.%d", i)})
			return err
		}
		for i := range 5 {
			if err := try(i, "wrong password"); !fault.Is(err, fault.Unauthorized) {
				t.Fatalf("attempt %d: %v", i, err)
			}
		}
		for i := range 3 {
			err := try(10+i, password)
			if f, ok := fault.As(err); !ok || f.Code != fault.RateLimited || f.Data == nil {
				t.Fatalf("the right password after 5 wrong ones: %v", err)
			}
		}
		var denied int
		for _, e := range w.events("auth.login") {
			if e.Outcome == audit.Denied {
				denied++
			}
		}
		if denied != 1 {
			t.Errorf("%d events for one row of refusals, want 1", denied)
		}
		w.clock.add(13 * time.Second)
		if err := try(20, password); err != nil {
			t.Fatalf("after waiting: %v", err)
		}
	})
}

func TestS15_LoginIsLimitedPerAddress(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		try := func(ip, email string) error {
			_, _, err := w.Login(t.Context(), email, "x", auth.LoginMeta{IP: ip})
			return err
		}
		for i := range 20 {
			// An IPv6 customer has 2^64 addresses; they count as one.
			if err := try(fmt.Sprintf("2001:db8::%x", i+1), fmt.Sprintf("user%d@example.com", i)); !fault.Is(err, fault.Unauthorized) {
				t.Fatalf("attempt %d: %v", i, err)
			}
		}
		if err := try("2001:db8::ffff", "user21@example.com"); !fault.Is(err, fault.RateLimited) {
			t.Fatalf("attempt 21 from one network: %v", err)
		}
		if err := try("2001:db8:0:1::1", "user21@example.com"); !fault.Is(err, fault.Unauthorized) {
			t.Fatalf("from another network: %v", err)
		}
	})
}

func TestS15_SuccessfulLoginsDoNotCount(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for range 30 {
			w.login()
		}
	})
}

func TestS15_UnknownAccountsGetTheSameAnswer(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		if _, err := w.CreateUser(t.Context(), auth.NewUser{Email: "sso@example.com", Name: "No Password"}, "system"); err != nil {
			t.Fatal(err)
		}
		answer := func(email, pw string) string {
			_, _, err := w.Login(t.Context(), email, pw, auth.LoginMeta{})
			f, ok := fault.As(err)
			if !ok {
				t.Fatalf("%s: %v", email, err)
			}
			return fmt.Sprintf("%s %s %v", f.Code, f.Message, f.Details)
		}
		want := answer("ada@example.com", "wrong")
		for _, email := range []string{"nobody@example.com", "sso@example.com", "", "ada@example.com' OR 1=1 --"} {
			if got := answer(email, ""); got != want {
				t.Errorf("%q: %s, want %s", email, got, want)
			}
		}
		if got := answer("ada@example.com", strings.Repeat("x", 1<<20)); got != want {
			t.Errorf("huge password: %s", got)
		}
		for _, e := range w.events("auth.login") {
			if strings.Contains(string(e.Detail), "OR 1=1") || strings.Contains(string(e.Detail), "nobody") {
				t.Errorf("what was typed is kept: %s", e.Detail)
			}
		}
	})
}
