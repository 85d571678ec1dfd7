package oidc_test

import (
	"log/slog"
	"net/http"
	"net/url"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/auth"
	"sphera/internal/oidc"
	"sphera/internal/oidc/oidctest"
	"sphera/internal/secret"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

// rotation is the sign-in at a real provider that changes its keys.
type rotation struct {
	*oidc.Service
	t        *testing.T
	db       *store.DB
	provider *oidctest.Provider
	at       time.Time
}

func eachRotation(t *testing.T, test func(t *testing.T, w *rotation)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := &rotation{t: t, db: db, provider: oidctest.Start(t, portal+"/v1/auth/oidc/real/callback"), at: time.Now()}
		log := audit.New(time.Now)
		sealer, err := secret.OpenSealer(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		w.Service, err = oidc.New(oidc.Deps{
			DB: db, Auth: auth.New(db, log, time.Now), Audit: log, Sealer: sealer, Client: http.DefaultClient, Guarded: http.DefaultClient,
			PublicURL: func() string { return portal }, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return w.at },
		}, oidc.Config{
			ID: "real", Issuer: w.provider.Issuer, ClientID: oidctest.ClientID, ClientSecret: secret.NewValue(oidctest.ClientSecret),
			Scopes: []string{"profile", "email", "offline_access"},
		})
		if err != nil {
			t.Fatal(err)
		}
		test(t, w)
	})
}

// signIn goes the whole way at the provider.
func (w *rotation) signIn(user string) error {
	w.t.Helper()
	address, cookie, err := w.Start(w.t.Context(), "real", oidc.Start{})
	if err != nil {
		w.t.Fatal(err)
	}
	back, err := url.Parse(w.provider.SignIn(oidctest.Browser(w.t), address, user))
	if err != nil {
		w.t.Fatal(err)
	}
	_, err = w.Callback(w.t.Context(), "real", cookie, back.Query(), auth.LoginMeta{})
	return err
}

// logout is a logout token of somebody who has no session.
func (w *rotation) logout(id string) string {
	w.t.Helper()
	return w.logoutAt(id, time.Now())
}

func (w *rotation) logoutAt(id string, at time.Time) string {
	w.t.Helper()
	now := at.Unix()
	return w.provider.Sign(map[string]any{
		"iss": w.provider.Issuer, "aud": oidctest.ClientID, "sub": "nobody", "iat": now, "exp": now + 3600, "jti": id,
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
	})
}

func (w *rotation) due() {
	w.t.Helper()
	err := w.db.Tx(w.t.Context(), func(tx *store.Tx) error {
		_, err := tx.ExecContext(w.t.Context(), "UPDATE auth_sessions SET checked_at = 1")
		return err
	})
	if err == nil {
		err = w.Renew(w.t.Context())
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *rotation) count(what string) (n int) {
	w.t.Helper()
	if err := w.db.Read().QueryRowContext(w.t.Context(), "SELECT COUNT(*) FROM auth_sessions WHERE "+what).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// TestS16_TheProviderChangesItsKeys between logins and while people are signed
// in: logins and silent renewal go on, and what the old key has signed is
// refused from then on.
func TestS16_TheProviderChangesItsKeys(t *testing.T) {
	eachRotation(t, func(t *testing.T, w *rotation) {
		if err := w.signIn("ada"); err != nil {
			t.Fatal(err)
		}
		first, old := w.logout("first"), w.logout("old")
		if err := w.Backchannel(t.Context(), "real", first); err != nil {
			t.Fatalf("signed with the key: %v", err)
		}
		w.provider.Rotate()
		w.at = w.at.Add(11 * time.Second)
		if err := w.signIn("linus"); err != nil {
			t.Fatalf("after the key has changed: %v", err)
		}
		if err := w.Backchannel(t.Context(), "real", old); err == nil {
			t.Error("what the old key signed is taken")
		}
		if err := w.Backchannel(t.Context(), "real", w.logout("new")); err != nil {
			t.Errorf("what the new key signed is not: %v", err)
		}
		w.provider.Rotate()
		w.at = w.at.Add(11 * time.Second)
		w.due()
		if ended, renewed := 2-w.count("1 = 1"), w.count("checked_at > 1"); ended != 0 || renewed != 2 {
			t.Errorf("in the middle of sessions: %d ended, %d are renewed", ended, renewed)
		}
	})
}

// TestS16_AnOldKeyIsForgotten within an hour, although nothing signed with the
// new one has come.
func TestS16_AnOldKeyIsForgotten(t *testing.T) {
	eachRotation(t, func(t *testing.T, w *rotation) {
		if err := w.Backchannel(t.Context(), "real", w.logout("first")); err != nil {
			t.Fatal(err)
		}
		later := w.at.Add(time.Hour)
		old := w.logoutAt("old", later)
		w.provider.Rotate()
		w.at = later
		if err := w.Backchannel(t.Context(), "real", old); err == nil {
			t.Error("the old key is good for longer than an hour")
		}
		if err := w.Backchannel(t.Context(), "real", w.logoutAt("new", later)); err != nil {
			t.Errorf("what the new key signed is not taken: %v", err)
		}
	})
}
