package auth_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

func eachEmpty(t *testing.T, test func(t *testing.T, s *auth.Service, c *clock)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := &clock{at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
		test(t, auth.New(db, audit.New(c.now), c.now), c)
	})
}

func first() auth.NewUser {
	return auth.NewUser{Email: "root@example.com", Name: "Root", Password: password, Roles: []string{auth.Viewer}}
}

func TestS21_SetupLinkIsGoodOnce(t *testing.T) {
	eachEmpty(t, func(t *testing.T, s *auth.Service, _ *clock) {
		ctx := t.Context()
		token, needed, err := s.Bootstrap(ctx)
		if err != nil || !needed || len(token) < 43 {
			t.Fatalf("bootstrap: %q %v %v", token, needed, err)
		}
		if _, err := s.Setup(ctx, token+"x", first()); !fault.Is(err, fault.Unauthorized) {
			t.Fatalf("a wrong token: %v", err)
		}
		weak := first()
		weak.Password = ""
		if _, err := s.Setup(ctx, token, weak); !fault.Is(err, fault.Unprocessable) {
			t.Fatalf("without password: %v", err)
		}
		u, err := s.Setup(ctx, token, first())
		if err != nil || len(u.Roles) != 1 || u.Roles[0] != auth.Administrator {
			t.Fatalf("setup: %+v, %v", u, err)
		}
		second := first()
		second.Email = "eve@example.com"
		if _, err := s.Setup(ctx, token, second); !fault.Is(err, fault.Unauthorized) {
			t.Fatalf("used again: %v", err)
		}
		if _, needed, err := s.Bootstrap(ctx); err != nil || needed {
			t.Fatalf("bootstrap with an account: %v %v", needed, err)
		}
		if _, _, err := s.Login(ctx, "root@example.com", password, auth.LoginMeta{}); err != nil {
			t.Fatalf("login: %v", err)
		}
	})
}

func TestS21_SetupLinkEndsAfterFifteenMinutes(t *testing.T) {
	eachEmpty(t, func(t *testing.T, s *auth.Service, c *clock) {
		token, _, err := s.Bootstrap(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		c.add(15 * time.Minute)
		if _, err := s.Setup(t.Context(), token, first()); !fault.Is(err, fault.Unauthorized) {
			t.Fatalf("after 15 minutes: %v", err)
		}
		if needed, err := s.SetupNeeded(t.Context()); err != nil || !needed {
			t.Fatalf("still needed: %v %v", needed, err)
		}
	})
}

func TestS21_TwoSetupsAtOnceMakeOneAdministrator(t *testing.T) {
	eachEmpty(t, func(t *testing.T, s *auth.Service, _ *clock) {
		var tokens []string
		for range 2 { // two replicas, each printed a link
			token, _, err := s.Bootstrap(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			tokens = append(tokens, token)
		}
		var made atomic.Int32
		var wg sync.WaitGroup
		for i, token := range tokens {
			wg.Go(func() {
				n := first()
				n.Email = string(rune('a'+i)) + n.Email
				if _, err := s.Setup(context.Background(), token, n); err == nil {
					made.Add(1)
				}
			})
		}
		wg.Wait()
		if made.Load() != 1 {
			t.Fatalf("%d administrators were made", made.Load())
		}
	})
}

func TestS21_FreshPortalHasNoUsableCredential(t *testing.T) {
	eachEmpty(t, func(t *testing.T, s *auth.Service, _ *clock) {
		for _, email := range []string{"", "admin", "admin@example.com", "root"} {
			for _, pw := range []string{"", "admin", "password"} {
				if _, _, err := s.Login(t.Context(), email, pw, auth.LoginMeta{IP: email + pw}); err == nil {
					t.Errorf("%q with %q signed in", email, pw)
				}
			}
		}
	})
}
