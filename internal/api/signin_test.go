package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sphera/internal/auth"
	"sphera/internal/oidc"
	"sphera/internal/oidc/oidctest"
	"sphera/internal/secret"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

// company is a portal whose people sign in at a real provider.
type company struct {
	*harness
	provider *oidctest.Provider
}

func eachCompany(t *testing.T, test func(t *testing.T, c *company)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		p := oidctest.Start(t, "http://portal.example/v1/auth/oidc/company/callback")
		h := start(t, db, Options{}, oidc.Config{
			ID: "company", Title: "Company", Issuer: p.Issuer, ClientID: oidctest.ClientID, ClientSecret: secret.NewValue(oidctest.ClientSecret),
			Scopes: []string{"profile", "email", "offline_access"}, GroupsClaim: "groups",
			Map: []oidc.Mapping{{Group: "engineering", Role: auth.Developer}, {Group: "payments-developers", Team: "checkout"}},
		})
		test(t, &company{h, p})
	})
}

func (c *company) request(method, path, body, cookies string) reply {
	c.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, c.server.URL+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Cookie", cookies)
	return c.send(r)
}

// cookieOf is the cookie that an answer sets.
func cookieOf(r reply, name string) string {
	for _, line := range r.header.Values("Set-Cookie") {
		if pair, _, _ := strings.Cut(line, ";"); strings.HasPrefix(pair, name+"=") {
			return pair
		}
	}
	return ""
}

// signIn goes the whole way and returns the session's cookie and where the
// browser is sent in the end.
func (c *company) signIn(user, start, cookies string) (cookie, to string) {
	c.t.Helper()
	begun := c.request("POST", "/v1/auth/oidc/company/start", start, cookies)
	address, _ := begun.json["url"].(string)
	if begun.status != http.StatusOK || address == "" {
		c.t.Fatalf("start: %d %s", begun.status, begun.text)
	}
	back, err := url.Parse(c.provider.SignIn(oidctest.Browser(c.t), address, user))
	if err != nil {
		c.t.Fatal(err)
	}
	done := c.request("GET", back.RequestURI(), "", strings.TrimPrefix(cookies+"; "+cookieOf(begun, "sphera_login"), "; "))
	if done.status != http.StatusSeeOther {
		c.t.Fatalf("callback: %d %s", done.status, done.text)
	}
	return cookieOf(done, "sphera_session"), done.header.Get("Location")
}

func (c *company) me(cookie string) auth.User {
	c.t.Helper()
	got := c.request("GET", "/v1/me", "", cookie)
	var out struct{ User auth.User }
	if got.status == http.StatusOK {
		if err := json.Unmarshal([]byte(got.text), &out); err != nil {
			c.t.Fatal(err)
		}
	}
	return out.User
}

func TestSignInAtARealProvider(t *testing.T) {
	eachCompany(t, func(t *testing.T, c *company) {
		cookie, to := c.signIn("ada", `{"returnTo":"/catalog?q=1"}`, "")
		ada := c.me(cookie)
		if to != "/catalog?q=1" || ada.Name != "Ada Byron" || ada.Email != "ada@example.com" {
			t.Fatalf("%s %+v", to, ada)
		}
		if strings.Join(ada.Roles, ",") != "developer,viewer" || strings.Join(ada.Teams, ",") != "checkout" {
			t.Errorf("roles %v, teams %v", ada.Roles, ada.Teams)
		}
		// Another login in the same browser: another id, and the old one ends.
		again, _ := c.signIn("ada", `{"again":true}`, cookie)
		if again == cookie || c.me(cookie).ID != "" || c.me(again).ID != ada.ID {
			t.Error("the session before is still good, or the new one is not")
		}
		// An address that the provider has not verified is nobody's.
		mallory, _ := c.signIn("mallory", `{}`, "")
		if got := c.me(mallory); !strings.HasSuffix(got.Email, "@no-address.invalid") {
			t.Errorf("mallory is %+v", got)
		}
		_, to = c.signIn("ada", `{"returnTo":"//evil.example"}`, "")
		if to != "/" {
			t.Errorf("sent to %s", to)
		}
		// Signing out says where to sign out at the provider.
		out := c.request("POST", "/v1/auth/logout", "", again)
		if to, _ := out.json["url"].(string); !strings.HasPrefix(to, c.provider.Issuer) || !strings.Contains(to, "client_id=sphera") {
			t.Errorf("logout: %s", out.text)
		}
		if c.me(again).ID != "" {
			t.Error("still signed in")
		}
	})
}

func TestSilentSignInAsksWhenTheProviderMustAsk(t *testing.T) {
	eachCompany(t, func(t *testing.T, c *company) {
		cookie, to := c.signIn("ada", `{"silent":true,"returnTo":"/runs"}`, "")
		if cookie != "" || to != "/login?ask=1&next=%2Fruns" {
			t.Errorf("cookie %q, to %s", cookie, to)
		}
	})
}

func TestSilentRenewal(t *testing.T) {
	eachCompany(t, func(t *testing.T, c *company) {
		cookie, _ := c.signIn("ada", `{}`, "")
		due := func() {
			t.Helper()
			err := c.db.Tx(t.Context(), func(tx *store.Tx) error {
				_, err := tx.ExecContext(t.Context(), "UPDATE auth_sessions SET checked_at = 1")
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := c.api.signin.Renew(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		c.provider.Groups("ada", "engineering")
		due()
		if got := c.me(cookie); got.ID == "" || len(got.Teams) != 0 || strings.Join(got.Roles, ",") != "developer,viewer" {
			t.Fatalf("after losing a group: %+v", got)
		}
		c.provider.Groups("ada")
		due()
		if got := c.me(cookie); strings.Join(got.Roles, ",") != "viewer" {
			t.Errorf("after losing all groups: %+v", got)
		}
		c.provider.Forget()
		due()
		if got := c.me(cookie); got.ID != "" {
			t.Error("the provider does not vouch any more, and the session goes on")
		}
	})
}

func TestS18_BackchannelLogout(t *testing.T) {
	eachCompany(t, func(t *testing.T, c *company) {
		cookie, _ := c.signIn("ada", `{}`, "")
		other, _ := c.signIn("linus", `{}`, "")
		stream := c.followCookie(cookie)
		send := func(claims map[string]any) int {
			t.Helper()
			form := url.Values{"logout_token": {c.provider.Sign(claims)}}
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.server.URL+"/v1/auth/oidc/company/backchannel", strings.NewReader(form.Encode()))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			return c.send(r).status
		}
		good := func() map[string]any {
			now := time.Now().Unix()
			return map[string]any{
				"iss": c.provider.Issuer, "aud": "sphera", "sub": "ada", "iat": now, "exp": now + 60, "jti": time.Now().String(),
				"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
			}
		}
		for name, change := range map[string]func(m map[string]any){
			"another audience": func(m map[string]any) { m["aud"] = "another" },
			"another issuer":   func(m map[string]any) { m["iss"] = "https://evil.example" },
			"a nonce":          func(m map[string]any) { m["nonce"] = "x" },
			"no event":         func(m map[string]any) { delete(m, "events") },
			"nobody":           func(m map[string]any) { delete(m, "sub") },
			"old":              func(m map[string]any) { m["iat"] = time.Now().Add(-time.Hour).Unix() },
			"ended":            func(m map[string]any) { m["exp"] = time.Now().Add(-time.Hour).Unix() },
		} {
			claims := good()
			change(claims)
			if status := send(claims); status != http.StatusBadRequest {
				t.Errorf("%s: %d", name, status)
			}
		}
		if c.me(cookie).ID == "" {
			t.Fatal("signed out by a token that is not good")
		}
		claims := good()
		if status := send(claims); status != http.StatusOK {
			t.Fatalf("status %d", status)
		}
		stream.ends()
		if c.me(cookie).ID != "" || c.me(other).ID == "" {
			t.Error("the wrong people are signed out")
		}
		if status := send(claims); status != http.StatusBadRequest {
			t.Errorf("the same token again: %d", status)
		}
	})
}

// followCookie opens the stream of events with a session's cookie.
func (c *company) followCookie(cookie string) *reader {
	c.t.Helper()
	c.tokens["cookie"] = strings.TrimPrefix(cookie, "sphera_session=") // a bearer is as good
	return c.follow("cookie", "/v1/events", "")
}

// TestS18_SuspendedIsOutOnEveryPath: cookie, token, service account, app that
// was switched off, git and open streams.
func TestS18_SuspendedIsOutOnEveryPath(t *testing.T) {
	eachCompany(t, func(t *testing.T, c *company) {
		cookie, _ := c.signIn("ada", `{}`, "")
		ada := c.me(cookie)
		p := auth.Principal{User: ada, Via: auth.ViaSession, Kind: auth.KindUser, AuthAt: time.Now()}
		token, _, err := c.auth.CreateToken(t.Context(), p, "laptop", 0)
		if err != nil {
			t.Fatal(err)
		}
		service, err := c.auth.CreateService(t.Context(), p, auth.ServiceAccount{Name: "robot", Team: "checkout", Roles: []string{auth.Developer}})
		if err != nil {
			t.Fatal(err)
		}
		robot, _, err := c.auth.CreateServiceToken(t.Context(), p, service.ID, "ci", 0, nil)
		if err != nil {
			t.Fatal(err)
		}
		app, secretOfApp, err := c.auth.CreateApp(t.Context(), auth.Principal{User: c.users["administrator"], Via: auth.ViaSession}, "terraform", []string{auth.Viewer})
		if err != nil {
			t.Fatal(err)
		}
		ofApp, _, err := c.auth.AccessToken(t.Context(), app.ID, secretOfApp)
		if err != nil {
			t.Fatal(err)
		}
		basic := func(password string) int {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.server.URL+"/git/none.git/info/refs?service=git-upload-pack", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			r.SetBasicAuth(ada.Email, password)
			return c.send(r).status
		}
		bearer := func(credential string) int {
			c.tokens["it"] = credential
			return c.call("it", "GET", "/v1/me", nil).status
		}
		if bearer(token) != 200 || bearer(robot) != 200 || bearer(ofApp) != 200 || basic(token) == 401 || c.me(cookie).ID == "" {
			t.Fatal("not everything is good before")
		}
		c.tokens["ada"] = token
		stream := c.follow("ada", "/v1/events", "")
		withCookie := c.followCookie(cookie)
		began := time.Now()
		suspended := auth.Suspended
		if _, err := c.auth.UpdateUser(t.Context(), ada.ID, auth.UserChange{Status: &suspended}, "system"); err != nil {
			t.Fatal(err)
		}
		stream.ends()
		withCookie.ends()
		if bearer(token) != 401 || bearer(robot) != 401 || basic(token) != 401 || c.me(cookie).ID != "" {
			t.Error("something is still good")
		}
		if took := time.Since(began); took > time.Minute {
			t.Errorf("it took %s", took)
		}
		if to := func() string { _, to := c.signIn("ada", `{}`, ""); return to }(); !strings.HasPrefix(to, "/login?failed=") {
			t.Errorf("signing in again leads to %s", to)
		}
		off := false
		if _, err := c.auth.UpdateApp(t.Context(), auth.Principal{User: c.users["administrator"], Via: auth.ViaSession}, app.ID, auth.AppChange{Enabled: &off}); err != nil {
			t.Fatal(err)
		}
		if bearer(ofApp) != 401 {
			t.Error("the app that was switched off is still good")
		}
	})
}

func TestS18_NewIDWhenRightsChange(t *testing.T) {
	eachCompany(t, func(t *testing.T, c *company) {
		cookie, _ := c.signIn("ada", `{}`, "")
		ada := c.me(cookie)
		if _, err := c.auth.UpdateUser(t.Context(), ada.ID, auth.UserChange{Roles: &[]string{auth.Viewer, auth.Administrator}}, "system"); err != nil {
			t.Fatal(err)
		}
		got := c.request("GET", "/v1/me", "", cookie)
		next := cookieOf(got, "sphera_session")
		if got.status != 200 || next == "" || next == cookie {
			t.Fatalf("%d, cookie %q", got.status, next)
		}
		// Requests that were on their way still count; nothing new is given.
		if late := c.request("GET", "/v1/me", "", cookie); late.status != 200 || cookieOf(late, "sphera_session") != "" {
			t.Errorf("late: %d", late.status)
		}
		if c.me(next).ID != ada.ID {
			t.Error("the new id is not good")
		}
	})
}

func TestS20_SensitiveChangesNeedAFreshSignIn(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		c := &company{h, nil}
		cookie := h.login("administrator")
		path, body := "/v1/people/"+h.users["viewer"].ID, `{"roles":["developer"]}`
		if got := c.request("PATCH", path, body, cookie); got.status != 200 {
			t.Fatalf("fresh: %d %s", got.status, got.text)
		}
		err := h.db.Tx(t.Context(), func(tx *store.Tx) error {
			_, err := tx.ExecContext(t.Context(), "UPDATE auth_sessions SET auth_at = $1", store.Millis(time.Now().Add(-13*time.Hour)))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		got := c.request("PATCH", path, body, cookie)
		data, _ := got.json["data"].(map[string]any)
		if got.status != 403 || got.json["rule"] != auth.FreshRule || data["freshSignIn"] != true {
			t.Fatalf("old: %d %s", got.status, got.text)
		}
		if wrong := c.request("POST", "/v1/auth/again", `{"password":"wrong"}`, cookie); wrong.status != 401 {
			t.Errorf("wrong password: %d", wrong.status)
		}
		again := c.request("POST", "/v1/auth/again", `{"password":"`+password+`"}`, cookie)
		next := cookieOf(again, "sphera_session")
		if again.status != 200 || next == "" || next == cookie {
			t.Fatalf("again: %d %s", again.status, again.text)
		}
		if got := c.request("PATCH", path, body, next); got.status != 200 {
			t.Errorf("fresh again: %d %s", got.status, got.text)
		}
		// A token shows nobody's presence.
		if got := h.call("administrator", "PATCH", path, map[string]any{"roles": []string{"viewer"}}); got.status != 403 {
			t.Errorf("by token: %d", got.status)
		}
	})
}

func TestS21_BreakGlassIsOffAndAlarms(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		h.login("administrator")
		h.login("developer")
		login := func(role string) reply {
			return h.call("", "POST", "/v1/auth/login", map[string]any{"email": h.users[role].Email, "password": password})
		}
		h.auth.Configure(auth.Options{NoPasswords: true, Log: h.api.log})
		if got := login("administrator"); got.status != 403 || got.json["rule"] != "no-passwords" {
			t.Errorf("passwords are off: %d %s", got.status, got.text)
		}
		h.auth.Configure(auth.Options{NoPasswords: true, BreakGlass: true, Log: h.api.log})
		if got := login("developer"); got.status != 401 {
			t.Errorf("developer: %d", got.status)
		}
		if got := login("administrator"); got.status != 200 {
			t.Fatalf("administrator: %d %s", got.status, got.text)
		}
		if !regexp.MustCompile(`"level":"ERROR","msg":"break-glass`).MatchString(h.log.String()) {
			t.Error("no alarm in the log")
		}
		if events := h.must("administrator", "GET", "/v1/audit?verb=auth.break-glass", nil); !strings.Contains(events.text, "auth.break-glass") {
			t.Errorf("no audit event: %s", events.text)
		}
	})
}

// TestS46_AServiceAccountNeverExceedsItsOwner also shows that it ends with the
// owner.
func TestS46_AServiceAccountNeverExceedsItsOwner(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		dev := auth.Principal{User: h.users["developer"], Via: auth.ViaSession, AuthAt: time.Now()}
		for _, a := range []auth.ServiceAccount{
			{Name: "a", Team: "checkout", Roles: []string{auth.Administrator}}, {Name: "a", Team: "platform", Roles: []string{auth.Developer}}, {Name: "a", Team: "checkout"},
		} {
			if _, err := h.auth.CreateService(t.Context(), dev, a); err == nil {
				t.Errorf("%+v is made", a)
			}
		}
		a, err := h.auth.CreateService(t.Context(), dev, auth.ServiceAccount{Name: "a", Team: "checkout", Roles: []string{auth.Developer}})
		if err != nil {
			t.Fatal(err)
		}
		token, _, err := h.auth.CreateServiceToken(t.Context(), dev, a.ID, "t", 0, []string{"read", "blueprint:Service"})
		if err != nil {
			t.Fatal(err)
		}
		p, err := h.auth.Authenticate(t.Context(), token)
		if err != nil || p.Kind != auth.KindService || strings.Join(p.Scopes, ",") != "read" || strings.Join(p.Limits, ",") != "blueprint:Service" {
			t.Fatalf("%+v %v", p, err)
		}
		change := func(c auth.UserChange) {
			t.Helper()
			if _, err := h.auth.UpdateUser(t.Context(), dev.ID, c, "system"); err != nil {
				t.Fatal(err)
			}
		}
		change(auth.UserChange{Roles: &[]string{auth.Viewer}})
		if p, err := h.auth.Authenticate(t.Context(), token); err != nil || len(p.Roles) != 0 {
			t.Errorf("the owner is a viewer, the account has %v, %v", p.Roles, err)
		}
		change(auth.UserChange{Roles: &[]string{auth.Developer}, Teams: &[]string{}})
		if _, err := h.auth.Authenticate(t.Context(), token); err == nil {
			t.Error("the owner has left the team")
		}
		machine := auth.Principal{User: h.users["administrator"], Via: auth.ViaToken}
		if _, _, err := h.auth.CreateServiceToken(t.Context(), machine, a.ID, "t", 0, nil); err == nil {
			t.Error("a token makes a token")
		}
	})
}

// TestS19_ScannersFindTokens has gitleaks look for tokens with the rule that is
// shipped.
func TestS19_ScannersFindTokens(t *testing.T) {
	h := sqlite(t, Options{})
	p := auth.Principal{User: h.users["administrator"], Via: auth.ViaSession}
	a, err := h.auth.CreateService(t.Context(), p, auth.ServiceAccount{Name: "a", Team: "platform", Roles: []string{auth.Viewer}})
	if err != nil {
		t.Fatal(err)
	}
	service, _, err := h.auth.CreateServiceToken(t.Context(), p, a.ID, "t", 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	spoilt := func(token string) []string {
		return []string{token[:39], "x" + token, token + "x", strings.Replace(token, "sp", "sq", 1)}
	}
	var lines, want []string
	for _, token := range []string{h.tokens["viewer"], service} {
		for _, text := range []string{token, "export TOKEN=" + token, `"` + token + `"`, "https://x:" + token + "@host/"} {
			lines, want = append(lines, text), append(want, token)
		}
		lines = append(lines, spoilt(token)...)
	}
	if got := leaks(t, strings.Join(lines, "\n")); !slices.Equal(got, want) {
		t.Errorf("%d are found of %d: %q", len(got), len(want), got)
	}
}

// leaks are the tokens that gitleaks finds in a file.
func leaks(t *testing.T, text string) []string {
	t.Helper()
	rules, err := filepath.Abs("../../docs/gitleaks.toml")
	if err != nil {
		t.Fatal(err)
	}
	dir, report := t.TempDir(), filepath.Join(t.TempDir(), "report.json")
	if err := os.WriteFile(filepath.Join(dir, "notes.txt"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	scan := exec.CommandContext(t.Context(), oidctest.Tool(t, "gitleaks"), "dir", "--config", rules, "--report-path", report, "--no-banner", dir)
	out, err := scan.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) { // 1: something was found
		t.Fatalf("%v: %s", err, out)
	}
	raw, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	type leak struct {
		Secret    string
		StartLine int
	}
	var found []leak
	if err := json.Unmarshal(raw, &found); err != nil {
		t.Fatal(err)
	}
	slices.SortStableFunc(found, func(a, b leak) int { return a.StartLine - b.StartLine })
	var secrets []string
	for _, f := range found {
		secrets = append(secrets, f.Secret)
	}
	return secrets
}

// TestS16_TheLoginIsBoundToTheHost: where people come over HTTPS, the cookie of
// a login cannot be set by another host.
func TestS16_TheLoginIsBoundToTheHost(t *testing.T) {
	p := oidctest.Start(t, "http://portal.example/v1/auth/oidc/company/callback")
	h := start(t, storetest.Open(t, storetest.SQLite(t)), Options{Secure: true}, oidc.Config{ID: "company", Issuer: p.Issuer, ClientID: oidctest.ClientID})
	got := h.must("", "POST", "/v1/auth/oidc/company/start", map[string]any{})
	cookie := got.header.Get("Set-Cookie")
	for _, want := range []string{"__Host-sphera-login=", "Path=/", "HttpOnly", "Secure", "SameSite=Lax", "Max-Age=600"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("the cookie lacks %s: %s", want, strings.Replace(cookie, strings.Split(cookie, ";")[0], "...", 1))
		}
	}
	if strings.Contains(cookie, "Domain") {
		t.Error("the cookie is for other hosts, too")
	}
}
