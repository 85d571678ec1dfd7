package portal

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"sphera/internal/store/storetest"
)

// A service finds where its flags are and a key that works there. The key
// stays over restarts, and is made anew after it was revoked.
func TestServicesGetAFlagKey(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		p := flagParts(t, url)
		ctx := t.Context()
		if env := p.serviceEnv("lone", "dev"); env["OFREP_HEADERS"] != "" || !strings.HasSuffix(env["OFREP_ENDPOINT"], "/flags/dev") {
			t.Errorf("a service without flags: %v", env)
		}
		if _, err := p.flags.Projects.Ensure(ctx, "cart", "cart", "ada", ""); err != nil {
			t.Fatal(err)
		}
		first := bearer(t, p.serviceEnv("cart", "dev"))
		if second := bearer(t, p.serviceEnv("cart", "dev")); second != first {
			t.Error("every start makes a key")
		}
		if other := bearer(t, p.serviceEnv("cart", "production")); other == first {
			t.Error("two environments share a key")
		}
		p.reloadKeys(ctx)
		if got := p.flagStatus(t, first, "dev"); got == http.StatusUnauthorized || got == http.StatusForbidden {
			t.Errorf("the key does not work: %d", got)
		}
		if got := p.flagStatus(t, first, "production"); got != http.StatusForbidden {
			t.Errorf("the key works in another environment: %d", got)
		}
		list, err := p.flagKeys.List(ctx, "cart")
		if err != nil || len(list) != 2 {
			t.Fatalf("%v %v", list, err)
		}
		for _, k := range list {
			if err := p.flagKeys.Revoke(ctx, "cart", k.ID, "ada"); err != nil {
				t.Fatal(err)
			}
		}
		if renewed := bearer(t, p.serviceEnv("cart", "dev")); renewed == first {
			t.Error("a revoked key is given again")
		}
	})
}

// flagParts is a wired portal that nothing runs in.
func flagParts(t *testing.T, database string) *parts {
	t.Helper()
	c := &config{listen: "127.0.0.1:0", dataDir: t.TempDir(), workers: 1, lease: time.Second, logLevel: "error"}
	if strings.HasPrefix(database, "postgres") {
		c.databaseURL = database
	}
	p, err := wire(context.Background(), c, noLog(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func bearer(t *testing.T, env map[string]string) string {
	t.Helper()
	value, err := url.PathUnescape(strings.TrimPrefix(env["OFREP_HEADERS"], "Authorization="))
	key, found := strings.CutPrefix(value, "Bearer ")
	if err != nil || !found || !strings.HasPrefix(key, "spf_") {
		t.Fatalf("%q %v", env["OFREP_HEADERS"], err)
	}
	return key
}

// flagStatus asks for all flags with a key.
func (p *parts) flagStatus(t *testing.T, key, environment string) int {
	t.Helper()
	req := httptest.NewRequest(http.MethodPost, "/flags/"+environment+"/ofrep/v1/evaluate/flags", strings.NewReader(`{"context":{}}`))
	req.Header.Set("Authorization", "Bearer "+key)
	w := httptest.NewRecorder()
	p.flagServer.ServeHTTP(w, req)
	if !json.Valid(w.Body.Bytes()) {
		t.Errorf("%s", w.Body)
	}
	return w.Code
}
