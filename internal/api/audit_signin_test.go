package api

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"sphera/internal/auth"
	"sphera/internal/forge"
	"sphera/internal/oidc"
	"sphera/internal/store"
)

// logged counts the events of a verb and an outcome.
func (h *harness) logged(outcome, verb string) (n int) {
	h.t.Helper()
	err := h.db.Read().QueryRowContext(h.t.Context(), "SELECT COUNT(*) FROM audit_events WHERE verb = $1 AND outcome = $2", verb, outcome).Scan(&n)
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

// one does something and expects one event of it.
func (h *harness) one(what, outcome, verb string, do func()) {
	h.t.Helper()
	before := h.logged(outcome, verb)
	do()
	if n := h.logged(outcome, verb) - before; n != 1 {
		h.t.Errorf("%s: %d events %s %s", what, n, outcome, verb)
	}
}

// TestS56_SignInSetUpDirectoriesAndPushes has the routes that TestS56 cannot
// call with a token: each leaves one event, and a refusal one of it.
func TestS56_SignInSetUpDirectoriesAndPushes(t *testing.T) {
	eachCompany(t, func(t *testing.T, c *company) {
		c.one("sign-in at a provider", "success", "auth.login", func() { c.signIn("ada", `{}`, "") })
		c.one("sign-out at a provider", "success", "auth.logout", func() {
			now := time.Now().Unix()
			form := url.Values{"logout_token": {c.provider.Sign(map[string]any{
				"iss": c.provider.Issuer, "aud": "sphera", "sub": "ada", "iat": now, "exp": now + 60, "jti": "1",
				"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
			})}}
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.server.URL+"/v1/auth/oidc/company/backchannel", strings.NewReader(form.Encode()))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if got := c.send(r); got.status != http.StatusOK {
				t.Errorf("%d %s", got.status, got.text)
			}
		})
		c.trusted(t)
		admin := auth.Principal{User: c.users["administrator"], Via: auth.ViaSession, AuthAt: time.Now()}
		_, token, err := c.api.directory.CreateClient(t.Context(), admin, "okta", c.provider.Issuer)
		if err != nil {
			t.Fatal(err)
		}
		c.tokens["directory"] = token
		c.one("a person from a directory", "success", "scim.user", func() {
			got := c.call("directory", "POST", "/scim/v2/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"b@example.com","externalId":"7","active":true}`,
				"Content-Type", "application/scim+json")
			if got.status != http.StatusCreated {
				t.Errorf("%d %s", got.status, got.text)
			}
		})
		c.fixtures()
		c.one("a branch", "success", "branch.create", func() {
			_, err := c.raw.forge.Commit(t.Context(), "group/r", forge.NewCommit{
				Branch: "other", Base: "main", Message: "Other", Author: forge.Person{ID: "ada", Name: "Ada", Email: "ada@example.com"}, Time: time.Now(),
				Files: []forge.File{{Path: "b.txt", Content: []byte("b\n")}}, Key: "9",
			})
			if err != nil {
				t.Error(err)
			}
		})
		c.one("an app with a wrong secret", "denied", "auth.login", func() {
			app, _, err := c.auth.CreateApp(t.Context(), admin, "app", []string{auth.Developer})
			if err != nil {
				t.Fatal(err)
			}
			for range 3 { // one of a minute
				c.call("", "POST", "/v1/auth/access_token", map[string]any{"clientId": app.ID, "clientSecret": "wrong"})
			}
		})
		c.empty(t)
		c.one("the first account", "success", "user.create", func() {
			token, needed, err := c.auth.Bootstrap(t.Context())
			if err != nil || !needed {
				t.Fatalf("%v %v", needed, err)
			}
			got := c.call("", "POST", "/v1/setup", map[string]any{"token": token, "email": "root@example.com", "name": "Root", "password": password})
			if got.status >= 300 {
				t.Errorf("%d %s", got.status, got.text)
			}
		})
	})
}

// trusted exchanges a job's token.
func (c *company) trusted(t *testing.T) {
	t.Helper()
	admin := auth.Principal{User: c.users["administrator"], Via: auth.ViaSession, AuthAt: time.Now()}
	service, err := c.auth.CreateService(t.Context(), admin, auth.ServiceAccount{Name: "deployer", Team: "checkout", Roles: []string{auth.Developer}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.api.signin.SaveTrust(t.Context(), admin, oidc.Trust{
		Name: "shop", Issuer: c.provider.Issuer, Audience: "http://portal.example", Service: service.ID, Enabled: true,
		Conditions: []oidc.Condition{{Claim: "repository", Value: "acme/shop"}, {Claim: "ref", Value: "refs/heads/main"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().Unix()
	job := func(repository string) string {
		return c.provider.Sign(map[string]any{
			"iss": c.provider.Issuer, "aud": "http://portal.example", "sub": "repo:" + repository, "iat": now, "exp": now + 300, "repository": repository, "ref": "refs/heads/main",
		})
	}
	c.one("a job's token", "success", "auth.exchange", func() {
		if got := c.exchange(job("acme/shop"), nil); got.status != http.StatusOK {
			t.Errorf("%d %s", got.status, got.text)
		}
	})
	c.one("another repository's", "denied", "auth.exchange", func() { c.exchange(job("evil/shop"), nil) })
}

// empty takes all accounts out, as in a new portal.
func (c *company) empty(t *testing.T) {
	t.Helper()
	err := c.db.Tx(t.Context(), func(tx *store.Tx) error {
		for _, table := range c.tables() {
			if !strings.HasPrefix(table, "auth_services") && table != "auth_users" {
				continue
			}
			if _, err := tx.ExecContext(t.Context(), fmt.Sprintf("DELETE FROM %s", table)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
