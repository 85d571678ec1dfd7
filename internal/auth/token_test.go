package auth_test

import (
	"testing"
	"time"

	"sphera/internal/auth"
	"sphera/internal/fault"
)

func TestS19_TokenActsAsItsOwnerUntilItEnds(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		_, p := w.login()
		plain, token, err := w.CreateToken(t.Context(), p, "laptop", 24*time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		got, err := w.Authenticate(t.Context(), plain)
		if err != nil || got.ID != w.ada.ID || got.Via != auth.ViaToken || got.TokenID != token.ID {
			t.Fatalf("authenticated as %+v, %v", got, err)
		}
		if by, err := w.CheckPassword(t.Context(), "anything", plain, ""); err != nil || by.ID != w.ada.ID {
			t.Fatalf("token as git password: %v", err)
		}
		if _, _, err := w.CreateToken(t.Context(), got, "child", 0); !fault.Is(err, fault.Forbidden) {
			t.Errorf("a token made a token: %v", err)
		}
		w.clock.add(24 * time.Hour)
		if w.signedIn(plain) {
			t.Error("alive after its end")
		}
	})
}

func TestS19_LastUsedIsKeptRoughly(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		_, p := w.login()
		plain, _, err := w.CreateToken(t.Context(), p, "laptop", 0)
		if err != nil {
			t.Fatal(err)
		}
		used := func() time.Time {
			w.signedIn(plain)
			tokens, err := w.Tokens(t.Context(), w.ada.ID)
			if err != nil || len(tokens) != 1 {
				t.Fatalf("tokens %v, %v", tokens, err)
			}
			return tokens[0].UsedAt
		}
		first := used()
		if !first.Equal(w.clock.now()) {
			t.Fatalf("last used %v", first)
		}
		w.clock.add(time.Minute)
		if !used().Equal(first) {
			t.Error("every use is written")
		}
		w.clock.add(10 * time.Minute)
		if !used().Equal(w.clock.now()) {
			t.Error("a later use is not kept")
		}
	})
}

func TestS19_ExpiryIsBounded(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		_, p := w.login()
		for _, ttl := range []time.Duration{-time.Hour, time.Second, 366 * 24 * time.Hour} {
			if _, _, err := w.CreateToken(t.Context(), p, "x", ttl); !fault.Is(err, fault.Unprocessable) {
				t.Errorf("ttl %v: %v", ttl, err)
			}
		}
		_, token, err := w.CreateToken(t.Context(), p, "x", 0)
		if err != nil || token.ExpiresAt.Sub(token.CreatedAt) != 90*24*time.Hour {
			t.Fatalf("default expiry %v, %v", token.ExpiresAt, err)
		}
	})
}

func TestS19_DeletedTokenAndForeignTokens(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		bob := w.create("bob@example.com", auth.Developer)
		_, p := w.login()
		plain, token, err := w.CreateToken(t.Context(), p, "x", 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.DeleteToken(t.Context(), bob.ID, token.ID); !fault.Is(err, fault.NotFound) || !w.signedIn(plain) {
			t.Fatalf("somebody else's token: %v", err)
		}
		if err := w.DeleteToken(t.Context(), w.ada.ID, token.ID); err != nil || w.signedIn(plain) {
			t.Fatalf("own token: %v", err)
		}
	})
}
