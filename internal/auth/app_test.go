package auth_test

import (
	"strings"
	"testing"
	"time"

	"sphera/internal/auth"
	"sphera/internal/fault"
)

func TestS19_AppsGetShortTokensThatAreNotKept(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		_, p := w.login()
		app, secret, err := w.CreateApp(t.Context(), p, "terraform", nil)
		if err != nil {
			t.Fatal(err)
		}
		first, ttl, err := w.AccessToken(t.Context(), app.ID, secret)
		if err != nil || ttl != 3*time.Hour {
			t.Fatalf("%v, %v", ttl, err)
		}
		second, _, err := w.AccessToken(t.Context(), app.ID, secret)
		if err != nil || first == second {
			t.Fatalf("a second token: %v", err)
		}
		for _, token := range []string{first, second} {
			got, err := w.Authenticate(t.Context(), token)
			if err != nil || got.ID != app.ID || got.Name != "terraform" || got.Via != auth.ViaApp || got.Roles[0] != auth.Infrastructure {
				t.Errorf("authenticated as %+v, %v", got, err)
			}
			if _, _, err := w.CreateToken(t.Context(), got, "child", 0); !fault.Is(err, fault.Forbidden) {
				t.Errorf("an app made a token: %v", err)
			}
			if _, _, err := w.CreateApp(t.Context(), got, "child", nil); !fault.Is(err, fault.Forbidden) {
				t.Errorf("an app made an app: %v", err)
			}
		}
		for name, pair := range map[string][2]string{"secret": {app.ID, secret + "x"}, "id": {"app0", secret}, "nothing": {"", ""}} {
			if _, _, err := w.AccessToken(t.Context(), pair[0], pair[1]); !fault.Is(err, fault.Unauthorized) {
				t.Errorf("wrong %s: %v", name, err)
			}
		}
		parts := strings.Split(first, ".")
		other := strings.Split(second, ".")
		for _, forged := range []string{parts[0] + "." + other[1] + "." + parts[2], parts[0] + "." + parts[1], first + "x", "spa_..", "spa_" + secret} {
			if w.signedIn(forged) {
				t.Errorf("%s is accepted", forged)
			}
		}
		w.clock.add(3 * time.Hour)
		if w.signedIn(first) {
			t.Error("alive after its end")
		}
	})
}

func TestS19_AnAppThatIsOffOrHasANewSecretIsRefusedAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		_, p := w.login()
		app, secret, err := w.CreateApp(t.Context(), p, "exporter", []string{auth.Viewer})
		if err != nil {
			t.Fatal(err)
		}
		token, _, err := w.AccessToken(t.Context(), app.ID, secret)
		if err != nil || !w.signedIn(token) {
			t.Fatal(err)
		}
		_, renewed, err := w.RotateApp(t.Context(), p, app.ID)
		if err != nil || w.signedIn(token) {
			t.Errorf("after a new secret: %v", err)
		}
		if _, _, err := w.AccessToken(t.Context(), app.ID, secret); !fault.Is(err, fault.Unauthorized) {
			t.Errorf("the old secret: %v", err)
		}
		if token, _, err = w.AccessToken(t.Context(), app.ID, renewed); err != nil || !w.signedIn(token) {
			t.Fatalf("the new secret: %v", err)
		}
		off := false
		if _, err := w.UpdateApp(t.Context(), p, app.ID, auth.AppChange{Enabled: &off}); err != nil || w.signedIn(token) {
			t.Errorf("switched off: %v", err)
		}
		if err := w.DeleteApp(t.Context(), p, app.ID); err != nil {
			t.Fatal(err)
		}
		if apps, err := w.Apps(t.Context()); err != nil || len(apps) != 0 {
			t.Errorf("%v, %v", apps, err)
		}
	})
}
