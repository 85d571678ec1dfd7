package api

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"sphera/internal/auth"
)

const cliSecret = "a-secret-that-only-the-command-line-knows-0"

func challenge() string {
	sum := sha256.Sum256([]byte(cliSecret))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// TestS8_ACommandLineIsAllowedByAPerson: by one click of somebody who is signed
// in, for the process that began it, once.
func TestS8_ACommandLineIsAllowedByAPerson(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		c := &company{h, nil}
		cookie := h.login("developer")
		ask := `{"name":"sphera on laptop","challenge":"` + challenge() + `"}`
		allow := func() string {
			t.Helper()
			got := c.request("POST", "/v1/auth/cli", ask, cookie)
			code, _ := got.json["code"].(string)
			if got.status != http.StatusOK || code == "" {
				t.Fatalf("%d %s", got.status, got.text)
			}
			return code
		}
		redeem := func(code, secret string) reply {
			t.Helper()
			return h.call("", "POST", "/v1/auth/cli/token", map[string]any{"code": code, "verifier": secret})
		}
		code := allow()
		for name, try := range map[string][2]string{
			"another process": {code, strings.Repeat("x", 43)}, "no secret": {code, ""}, "the challenge": {code, challenge()},
			"another code": {code[:len(code)-4] + "AAAA", cliSecret}, "no code": {"", cliSecret},
		} {
			if got := redeem(try[0], try[1]); got.status != http.StatusUnauthorized {
				t.Errorf("%s: %d %s", name, got.status, got.text)
			}
		}
		got := redeem(code, cliSecret)
		if events := h.eventsOf(got); len(events) != 1 || events[0] != "success token.create" {
			t.Errorf("events %q", events)
		}
		token, _ := got.json["value"].(string)
		p, err := h.auth.Authenticate(t.Context(), token)
		if got.status != http.StatusCreated || err != nil || p.ID != h.users["developer"].ID || p.Via != auth.ViaToken || got.field("token.name") != "sphera on laptop" {
			t.Fatalf("%d %s: %+v %v", got.status, got.text, p, err)
		}
		if got := redeem(code, cliSecret); got.status != http.StatusUnauthorized {
			t.Errorf("the same code again: %d", got.status)
		}
		h.tokens["cli"] = token
		if got := h.call("cli", "POST", "/v1/auth/cli", ask); got.status != http.StatusForbidden || got.json["rule"] != "token-makes-no-token" {
			t.Errorf("a token allows another one: %d %s", got.status, got.text)
		}
		for _, bad := range []string{`{"name":"","challenge":"` + challenge() + `"}`, `{"name":"x","challenge":"short"}`} {
			if got := c.request("POST", "/v1/auth/cli", bad, cookie); got.status != http.StatusUnprocessableEntity {
				t.Errorf("%s: %d %s", bad, got.status, got.text)
			}
		}
		last := allow()
		h.suspend("developer")
		if got := redeem(last, cliSecret); got.status != http.StatusUnauthorized {
			t.Errorf("suspended since: %d", got.status)
		}
	})
}
