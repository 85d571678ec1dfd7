package oidc_test

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"sphera/internal/auth"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

// TestACommandLineHasTwoMinutes from the click on.
func TestACommandLineHasTwoMinutes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db, newIDP(t))
		at := time.Now()
		w.now = func() time.Time { return at }
		u, err := w.auth.CreateUser(t.Context(), auth.NewUser{Email: "ada@example.com", Name: "Ada", Roles: []string{auth.Viewer}}, "system")
		if err != nil {
			t.Fatal(err)
		}
		verifier := strings.Repeat("v", 43)
		sum := sha256.Sum256([]byte(verifier))
		code, err := w.Allow(t.Context(), auth.Principal{User: u, Via: auth.ViaSession}, base64.RawURLEncoding.EncodeToString(sum[:]), "laptop")
		if err != nil {
			t.Fatal(err)
		}
		at = at.Add(2 * time.Minute)
		if _, _, err := w.Redeem(t.Context(), code, verifier, "192.0.2.1"); err == nil {
			t.Error("good after two minutes")
		}
		at = at.Add(-time.Second)
		if _, _, err := w.Redeem(t.Context(), code, verifier, "192.0.2.1"); err != nil {
			t.Errorf("before that: %v", err)
		}
	})
}
