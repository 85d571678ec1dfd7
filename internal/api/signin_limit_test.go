package api

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"sphera/internal/auth"
)

// from sends a request as it comes from an address.
func (h *harness) from(address, path, contentType, body string) *httptest.ResponseRecorder {
	h.t.Helper()
	r := httptest.NewRequestWithContext(h.t.Context(), http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	r.RemoteAddr = address + ":1"
	w := httptest.NewRecorder()
	h.api.ServeHTTP(w, r)
	return w
}

// TestS15_TokenEndpointsAreLimited: whoever guesses client secrets, jobs' tokens
// or directories' tokens is stopped; another address is not, and attempts that
// succeed do not count.
func TestS15_TokenEndpointsAreLimited(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		app, secretOfApp, err := h.auth.CreateApp(t.Context(), auth.Principal{User: h.users["administrator"], Via: auth.ViaSession}, "terraform", []string{auth.Viewer})
		if err != nil {
			t.Fatal(err)
		}
		client := func(secret string) string { return fmt.Sprintf(`{"clientId":%q,"clientSecret":%q}`, app.ID, secret) }
		job := url.Values{
			"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "subject_token_type": {"urn:ietf:params:oauth:token-type:jwt"}, "subject_token": {"a.b.c"},
		}.Encode()
		for i := range 30 {
			if got := h.from("192.0.2.1", "/v1/auth/access_token", "application/json", client(secretOfApp)); got.Code != http.StatusOK {
				t.Fatalf("good client, attempt %d: %d %s", i+1, got.Code, got.Body)
			}
		}
		for i, c := range []struct {
			path, kind, body string
			status           int
		}{
			{"/v1/auth/access_token", "application/json", client("wrong"), http.StatusUnauthorized},
			{"/v1/auth/token-exchange", "application/x-www-form-urlencoded", job, http.StatusBadRequest},
			{"/scim/v2/Users", "application/scim+json", "{}", http.StatusUnauthorized},
		} {
			address := fmt.Sprintf("192.0.2.%d", 10+i)
			for n := range 20 {
				if got := h.from(address, c.path, c.kind, c.body); got.Code != c.status {
					t.Fatalf("%s, attempt %d: %d %s", c.path, n+1, got.Code, got.Body)
				}
			}
			if got := h.from(address, c.path, c.kind, c.body); got.Code != http.StatusTooManyRequests {
				t.Errorf("%s after 20 attempts: %d %s", c.path, got.Code, got.Body)
			}
			if got := h.from("198.51.100.1", c.path, c.kind, c.body); got.Code != c.status {
				t.Errorf("%s from another address: %d", c.path, got.Code)
			}
		}
		if got := h.from("192.0.2.10", "/v1/auth/access_token", "application/json", client(secretOfApp)); got.Code != http.StatusTooManyRequests {
			t.Errorf("the right secret from an address that is over its limit: %d", got.Code)
		}
	})
}

// TestS18_AnAdministratorEndsSessionsOfOthers, one or all; nobody else may, and
// a session is found only with its person.
func TestS18_AnAdministratorEndsSessionsOfOthers(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		c := &company{h, nil}
		laptop, other := h.login("developer"), h.login("viewer")
		again := h.must("", "POST", "/v1/auth/login", map[string]any{"email": h.users["developer"].Email, "password": password})
		phone := cookieOf(again, "sphera_session")
		admin := h.login("administrator")
		person := "/v1/people/" + h.users["developer"].ID
		sessions := func() []any {
			t.Helper()
			got := c.request("GET", person, "", admin)
			list, _ := got.field("person.sessions").([]any)
			return list
		}
		in := func(cookie string) bool { return c.me(cookie).ID != "" }
		before := sessions()
		if len(before) != 2 {
			t.Fatalf("%d sessions", len(before))
		}
		newest, _ := before[0].(map[string]any)
		one := person + "/sessions/" + fmt.Sprint(newest["id"])
		for _, refused := range []struct {
			cookie, path string
			status       int
		}{
			{laptop, one, http.StatusForbidden}, {laptop, person + "/sessions", http.StatusForbidden}, {other, one, http.StatusForbidden},
			{admin, "/v1/people/" + h.users["viewer"].ID + "/sessions/" + fmt.Sprint(newest["id"]), http.StatusNotFound},
			{admin, "/v1/people/nobody/sessions", http.StatusNotFound},
		} {
			if got := c.request("DELETE", refused.path, "", refused.cookie); got.status != refused.status {
				t.Errorf("%s: %d %s", refused.path, got.status, got.text)
			}
		}
		if !in(laptop) || !in(phone) {
			t.Fatal("a refused request has ended a session")
		}
		stream := c.followCookie(phone)
		if got := c.request("DELETE", one, "", admin); got.status != http.StatusOK {
			t.Fatalf("%d %s", got.status, got.text)
		}
		stream.ends()
		if in(phone) || !in(laptop) || len(sessions()) != 1 {
			t.Error("not exactly that session has ended")
		}
		if got := c.request("DELETE", person+"/sessions", "", admin); got.status != http.StatusOK {
			t.Fatalf("%d %s", got.status, got.text)
		}
		if in(laptop) || !in(other) || len(sessions()) != 0 {
			t.Error("not all sessions of that person alone have ended")
		}
		if events := h.must("administrator", "GET", "/v1/audit?verb=session.delete", nil); !strings.Contains(events.text, h.users["administrator"].ID) {
			t.Errorf("the record does not say that the administrator did it: %s", events.text)
		}
	})
}
