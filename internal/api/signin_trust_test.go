package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"sphera/internal/auth"
	"sphera/internal/oidc"
)

// TestTrustOfCIJobs exchanges tokens that the real provider signs.
func TestTrustOfCIJobs(t *testing.T) {
	eachCompany(t, func(t *testing.T, c *company) {
		admin := auth.Principal{User: c.users["administrator"], Via: auth.ViaSession, AuthAt: time.Now()}
		service, err := c.auth.CreateService(t.Context(), admin, auth.ServiceAccount{Name: "deployer", Team: "checkout", Roles: []string{auth.Developer}})
		if err != nil {
			t.Fatal(err)
		}
		rule := oidc.Trust{
			Name: "shop", Issuer: c.provider.Issuer, Audience: "http://portal.example", Service: service.ID, Enabled: true,
			Scopes: []string{"catalog.read", "run.report"},
			Conditions: []oidc.Condition{
				{Claim: "repository", Value: "acme/shop"}, {Claim: "ref", Value: "refs/heads/release/*"}, {Claim: "environment", Value: "prod"},
			},
		}
		if _, err := c.api.signin.SaveTrust(t.Context(), admin, oidc.Trust{
			Name: "all", Issuer: rule.Issuer, Audience: "x", Service: service.ID, Conditions: []oidc.Condition{{Claim: "ref", Value: "refs/heads/main"}},
		}); err == nil {
			t.Error("a rule that says nothing of the repository is taken")
		}
		saved, err := c.api.signin.SaveTrust(t.Context(), admin, rule)
		if err != nil {
			t.Fatal(err)
		}
		job := func(change ...any) map[string]any {
			now := time.Now().Unix()
			m := map[string]any{
				"iss": c.provider.Issuer, "aud": "http://portal.example", "sub": "repo:acme/shop", "iat": now, "exp": now + 300,
				"repository": "acme/shop", "ref": "refs/heads/release/7", "environment": "prod", "run_id": "42",
			}
			for i := 0; i < len(change); i += 2 {
				name, _ := change[i].(string)
				if m[name] = change[i+1]; change[i+1] == nil {
					delete(m, name)
				}
			}
			return m
		}
		for name, claims := range map[string]map[string]any{
			"another repository": job("repository", "acme/shop2"), "a fork": job("repository", "evil/acme/shop"), "another branch": job("ref", "refs/heads/main"),
			"a deeper branch": job("ref", "refs/heads/release/7/x"), "a tag": job("ref", "refs/tags/release/7"), "no environment": job("environment", nil),
			"another environment": job("environment", "Prod"), "another audience": job("aud", "https://other.example"), "no audience": job("aud", nil),
			"ended": job("exp", time.Now().Add(-time.Hour).Unix()), "from the future": job("iat", time.Now().Add(time.Hour).Unix()),
			"good for a week": job("exp", time.Now().Add(7*24*time.Hour).Unix()), "a claim that is no text": job("repository", []string{"acme/shop"}),
			"another issuer": job("iss", "https://evil.example"), "a person's token": job("nonce", "x"), "not yet": job("nbf", time.Now().Add(time.Hour).Unix()),
		} {
			if got := c.exchange(c.provider.Sign(claims), nil); got.status != 400 || got.json["error"] != "invalid_grant" {
				t.Errorf("%s: %d %s", name, got.status, got.text)
			}
		}
		good := c.provider.Sign(job())
		parts := strings.Split(good, ".")
		for _, forged := range []string{
			good[:len(good)-4] + "AAAA", parts[0] + "." + parts[1] + ".", "", "a.b.c", strings.Repeat("x", 20000),
			`eyJhbGciOiJub25lIn0.` + parts[1] + ".",
		} {
			if got := c.exchange(forged, nil); got.status != 400 {
				t.Errorf("forged %.20q: %d %s", forged, got.status, got.text)
			}
		}
		got := c.exchange(good, nil)
		token, _ := got.json["access_token"].(string)
		if got.status != 200 || !strings.HasPrefix(token, "sps_") || got.json["expires_in"] != float64(900) || got.json["scope"] != "catalog.read run.report" || got.json["token_type"] != "Bearer" {
			t.Fatalf("%d %s", got.status, got.text)
		}
		p, err := c.auth.Authenticate(t.Context(), token)
		if err != nil || p.Kind != auth.KindCI || p.ID != service.ID || strings.Join(p.Scopes, " ") != "catalog.read run.report" {
			t.Fatalf("%+v %v", p, err)
		}
		if got := c.exchange(good, url.Values{"scope": {"catalog.read"}}); got.json["scope"] != "catalog.read" {
			t.Errorf("narrower: %s", got.text)
		}
		if got := c.exchange(good, url.Values{"scope": {"catalog.write"}}); got.status != 400 {
			t.Errorf("wider: %d %s", got.status, got.text)
		}
		// A changed rule ends what was given by it.
		saved.Enabled = false
		if _, err := c.api.signin.SaveTrust(t.Context(), admin, saved); err != nil {
			t.Fatal(err)
		}
		if _, err := c.auth.Authenticate(t.Context(), token); err == nil {
			t.Error("the token outlives its rule")
		}
		if got := c.exchange(good, nil); got.status != 400 {
			t.Errorf("a rule that is off: %d", got.status)
		}
	})
}

func (c *company) exchange(token string, more url.Values) reply {
	c.t.Helper()
	form := url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "subject_token_type": {"urn:ietf:params:oauth:token-type:id_token"}, "subject_token": {token},
	}
	maps.Copy(form, more)
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/v1/auth/token-exchange", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.RemoteAddr = fmt.Sprintf("192.0.2.%d:1", time.Now().UnixNano()%250) // attempts are limited per address
	w := httptest.NewRecorder()
	c.api.ServeHTTP(w, r)
	res := w.Result()
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	out := reply{status: res.StatusCode, header: res.Header, text: string(raw)}
	if err := json.Unmarshal(raw, &out.json); err != nil {
		c.t.Fatalf("%v in %s", err, raw)
	}
	return out
}
