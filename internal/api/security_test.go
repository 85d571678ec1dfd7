package api

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"sphera/internal/store/storetest"
)

// sqlite is a harness on SQLite, for what does not depend on the engine.
func sqlite(t *testing.T, o Options) *harness {
	t.Helper()
	return start(t, storetest.Open(t, storetest.SQLite(t)), o)
}

func (h *harness) login(role string) string {
	h.t.Helper()
	pw := password
	ctx := context.Background()
	if _, err := h.auth.UpdateUser(ctx, h.users[role].ID, userPassword(pw), "system"); err != nil {
		h.t.Fatal(err)
	}
	got := h.must("", "POST", "/v1/auth/login", map[string]any{"email": h.users[role].Email, "password": pw})
	return strings.Split(got.header.Get("Set-Cookie"), ";")[0]
}

func TestS7_CrossSiteRequestsChangeNothing(t *testing.T) {
	h := sqlite(t, Options{TrustedOrigins: []string{"https://trusted.example.com"}})
	cookie := h.login("developer")
	cases := []struct {
		name    string
		headers []string
		refused bool
	}{
		{"no headers, as programs", nil, false},
		{"same origin", []string{"Sec-Fetch-Site", "same-origin"}, false},
		{"typed into the address bar", []string{"Sec-Fetch-Site", "none"}, false},
		{"trusted origin", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://trusted.example.com"}, false},
		{"own origin in an old browser", []string{"Origin", h.server.URL}, false},
		{"cross site", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example.com"}, true},
		{"same site, other host", []string{"Sec-Fetch-Site", "same-site", "Origin", "https://other.example.com"}, true},
		{"foreign origin in an old browser", []string{"Origin", "https://evil.example.com"}, true},
		{"origin null", []string{"Origin", "null"}, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := h.call("", "POST", "/v1/blueprints/Component/entities/search", map[string]any{}, append(c.headers, "Cookie", cookie)...)
			refused := got.status == http.StatusForbidden && got.json["rule"] == "same-origin"
			if refused != c.refused {
				t.Errorf("refused: %v, want %v (%d %s)", refused, c.refused, got.status, got.text)
			}
		})
	}
}

// TestS7_ReadingChangesNothing asks for every GET and compares what changes
// are recorded before and after. That somebody took an export is recorded and
// changes nothing.
func TestS7_ReadingChangesNothing(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		id := h.fixtures()
		count := func() (n int) {
			if err := h.db.Read().QueryRowContext(t.Context(), "SELECT COUNT(*) FROM audit_events WHERE verb NOT IN ('catalog.export', 'flag.export', 'audit.export')").Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		before := count()
		for key, rt := range h.api.mux.entries {
			if rt.method == http.MethodGet && !strings.HasSuffix(rt.path, "/events") {
				if got := h.call("administrator", rt.method, concrete(rt.path, id), nil); got.status >= 500 {
					t.Errorf("%s: %d %s", key, got.status, got.text)
				}
			}
		}
		if after := count(); after != before {
			t.Errorf("%d changes were recorded by reading", after-before)
		}
	})
}

func TestS7_CookieOfSession(t *testing.T) {
	for _, secure := range []bool{false, true} {
		h := sqlite(t, Options{Secure: secure})
		ctx := context.Background()
		if _, err := h.auth.UpdateUser(ctx, h.users["viewer"].ID, userPassword(password), "system"); err != nil {
			t.Fatal(err)
		}
		got := h.must("", "POST", "/v1/auth/login", map[string]any{"email": "viewer@example.com", "password": password})
		cookie := got.header.Get("Set-Cookie")
		want := []string{"sphera_session=", "Path=/", "HttpOnly", "SameSite=Lax"}
		if secure {
			want = append(want[1:], "__Host-sphera=", "Secure")
		}
		for _, part := range want {
			if !strings.Contains(cookie, part) {
				t.Errorf("secure %v: the cookie %q lacks %s", secure, cookie, part)
			}
		}
		if strings.Contains(cookie, "Domain") {
			t.Errorf("the cookie %q has a domain", cookie)
		}
	}
}

func TestS9_HeadersOnEveryAnswer(t *testing.T) {
	h := sqlite(t, Options{Secure: true})
	id := h.fixtures()
	answers := map[string]reply{
		"unknown API path":   h.call("", "GET", "/v1/nothing", nil),
		"wrong method":       h.call("", "DELETE", "/v1/me", nil),
		"too large":          h.call("", "POST", "/v1/auth/login", strings.Repeat("x", small+1)),
		"missing asset":      h.call("", "GET", "/assets/old-123.js", nil),
		"page":               h.call("", "GET", "/catalog/Component", nil),
		"unclean path":       h.call("", "GET", "/v1//me", nil),
		"cross site":         h.call("", "POST", "/v1/auth/login", "{}", "Origin", "https://evil.example.com"),
		"path that goes up":  h.call("", "GET", "/assets/..%2f..%2fetc/passwd", nil),
		"git without a user": h.call("", "GET", "/git/group%2Fr.git/info/refs?service=git-upload-pack", nil),
	}
	for key, rt := range h.api.mux.entries {
		if rt.method == "" || strings.HasSuffix(rt.path, "/events") {
			continue
		}
		answers[key] = h.call("viewer", rt.method, concrete(rt.path, id), nil)
		answers[key+" without a credential"] = h.call("", rt.method, concrete(rt.path, id), nil)
	}
	for name, got := range answers {
		for header, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin",
			"Cross-Origin-Resource-Policy": "same-origin", "X-Frame-Options": "DENY", "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
			"Cache-Control": "no-store",
		} {
			if got.header.Get(header) != want {
				t.Errorf("%s: %s is %q", name, header, got.header.Get(header))
			}
		}
		policy := got.header.Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("%s: the policy is %q", name, policy)
		}
		if got.header.Get("X-Request-Id") == "" || got.header.Get("Permissions-Policy") == "" {
			t.Errorf("%s: no request id or no Permissions-Policy", name)
		}
		if got.header.Get("Access-Control-Allow-Origin") != "" || got.header.Get("Server") != "" {
			t.Errorf("%s: headers %v", name, got.header)
		}
	}
}

func TestS9_PageHasItsOwnNonce(t *testing.T) {
	h := sqlite(t, Options{})
	pattern := regexp.MustCompile(`script-src 'self' 'nonce-([A-Z2-7]{20,})'`)
	seen := map[string]bool{}
	for range 3 {
		got := h.call("", "GET", "/", nil)
		found := pattern.FindStringSubmatch(got.header.Get("Content-Security-Policy"))
		if found == nil || got.status != http.StatusOK {
			t.Fatalf("%d with policy %q", got.status, got.header.Get("Content-Security-Policy"))
		}
		if strings.Contains(got.text, "__NONCE__") || strings.Contains(got.text, "nonce=") && !strings.Contains(got.text, found[1]) {
			t.Error("the page has not the nonce of its policy")
		}
		if seen[found[1]] {
			t.Error("a nonce came twice")
		}
		seen[found[1]] = true
	}
}

func TestS11_ReturnToIsALocalPath(t *testing.T) {
	h := sqlite(t, Options{})
	for _, path := range []string{"/run/dev/svc/", "/run/dev/svc//evil.example.com", "/run/dev/svc/%5c%5cevil.example.com/?returnTo=https://evil.example.com"} {
		got := h.call("", "GET", path, nil, "Sec-Fetch-Mode", "navigate")
		to := got.header.Get("Location")
		if !strings.HasPrefix(to, "/login?returnTo=%2Frun%2Fdev%2F") && !strings.HasPrefix(to, "/run/dev/svc/") {
			t.Errorf("%s: %d to %q", path, got.status, to)
		}
	}
}

func TestS12_ForwardedHeadersCountOnlyFromProxies(t *testing.T) {
	proxy := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	cases := []struct {
		peer, forwarded string
		proxies         []netip.Prefix
		want            string
	}{
		{"192.0.2.1:99", "198.51.100.7", nil, "192.0.2.1"},
		{"192.0.2.1:99", "198.51.100.7", proxy, "192.0.2.1"},
		{"10.1.2.3:99", "198.51.100.7", proxy, "198.51.100.7"},
		{"10.1.2.3:99", "203.0.113.9, 198.51.100.7, 10.9.9.9", proxy, "198.51.100.7"},
		{"10.1.2.3:99", "nonsense", proxy, "10.1.2.3"},
		{"10.1.2.3:99", "", proxy, "10.1.2.3"},
	}
	for _, c := range cases {
		a := &API{o: Options{TrustedProxies: c.proxies}}
		r := &http.Request{RemoteAddr: c.peer, Header: http.Header{"X-Forwarded-For": {c.forwarded}}}
		if got := a.clientIP(r); got != c.want {
			t.Errorf("%s with %q: %s, want %s", c.peer, c.forwarded, got, c.want)
		}
	}
	h := sqlite(t, Options{})
	got := h.call("developer", "GET", "/v1/me", nil, "X-Request-Id", "mine", "X-Forwarded-User", "administrator@example.com", "X-Forwarded-Proto", "https")
	if got.header.Get("X-Request-Id") == "mine" || got.field("user.email") != "developer@example.com" {
		t.Errorf("a header from outside was believed: %s", got.text)
	}
}

func TestS13_LimitsPerRoute(t *testing.T) {
	h := sqlite(t, Options{})
	id := h.fixtures()
	for key, rt := range h.api.mux.entries {
		if rt.endpoint.body == nil {
			continue
		}
		filled := `{"x":"` + strings.Repeat("a", int(rt.limit)-8) + `"}`
		if got := h.call("administrator", rt.method, h.concrete(rt.path, id), filled); strings.Contains(got.text, "request's body is larger") {
			t.Errorf("%s: refuses %d bytes, its limit is %d", key, len(filled), rt.limit)
		}
		got := h.call("administrator", rt.method, h.concrete(rt.path, id), filled+" ")
		if got.status != http.StatusRequestEntityTooLarge || got.json["error"] != "too_large" {
			t.Errorf("%s with one byte more: %d %.200s", key, got.status, got.text)
		}
	}
}

func TestS13_LimitsOfJSON(t *testing.T) {
	h := sqlite(t, Options{})
	keys := make([]string, 0, maxKeys)
	for i := range maxKeys {
		keys = append(keys, fmt.Sprintf(`"k%d":0`, i))
	}
	const open = `{"input":`
	for name, c := range map[string]struct {
		body string
		ok   bool
	}{
		"deep enough":      {open + strings.Repeat("[", maxDepth-2) + strings.Repeat("]", maxDepth-2) + "}", true},
		"too deep":         {open + strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth) + "}", false},
		"too many keys":    {open + "{" + strings.Join(keys, ",") + "}}", false},
		"trailing data":    {`{} {}`, false},
		"not JSON":         {`{"input":`, false},
		"a comment":        {`{} // x`, false},
		"duplicate inside": {`{"input":{"lines":1,"lines":2}}`, false},
	} {
		got := h.call("administrator", "POST", "/v1/actions/wait_here/plans", c.body)
		if bad := got.status == http.StatusBadRequest; bad == c.ok || got.status >= 500 {
			t.Errorf("%s: %d %.200s", name, got.status, got.text)
		}
	}
	if got := h.call("administrator", "POST", "/v1/actions/wait_here/plans", "{}", "Content-Type", "text/plain"); got.status != http.StatusBadRequest {
		t.Errorf("a body that is not declared as JSON: %d", got.status)
	}
	if got := h.call("", "GET", "/v1/status", nil, "X-Large", strings.Repeat("a", 32<<10)); got.status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a header of 32 KiB: %d", got.status)
	}
}

// TestS14_ValuesAppearNowhere sends a value in every field in forms that are
// refused, and looks for it in answers, log and metrics. Names of things are no
// values: an answer may say which entity it is about.
func TestS14_ValuesAppearNowhere(t *testing.T) {
	h := sqlite(t, Options{})
	id := h.fixtures()
	const canary = "SPHERA-CANARY-7f3a"
	for key, rt := range h.api.mux.entries {
		if rt.endpoint.body == nil {
			continue
		}
		for name := range jsonFields(rt.endpoint.body) {
			if name == "identifier" || name == "blueprint" {
				continue
			}
			for _, value := range []string{`{"a":"` + canary + `"}`, `["` + canary + `"]`, `"` + canary + strings.Repeat("x", 70_000) + `"`, `"` + canary} {
				got := h.call("administrator", rt.method, concrete(rt.path, id), `{"`+name+`":`+value+`}`)
				if got.status >= 400 && strings.Contains(got.text, canary) {
					t.Errorf("%s: %s shows the value of %s: %.300s", key, value[:10], name, got.text)
				}
			}
		}
	}
	h.call("", "POST", "/v1/auth/login", map[string]any{"email": "developer@example.com", "password": canary})
	h.call("", "GET", "/v1/me?token="+canary, nil, "Authorization", "Bearer spu_"+canary)
	h.call("", "GET", "/v1/me", nil, "Cookie", "sphera_session="+canary)
	if strings.Contains(h.log.String(), canary) {
		t.Error("the value is in the log")
	}
	if got := h.call("", "GET", "/metrics", nil); got.status != http.StatusOK || strings.Contains(got.text, canary) {
		t.Errorf("metrics: %d, or they hold the value", got.status)
	}
}

func TestS14_PanicsShowNothing(t *testing.T) {
	h := sqlite(t, Options{})
	h.api.protected = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("SPHERA-CANARY-panic") })
	got := h.call("", "GET", "/v1/status", nil)
	if got.status != http.StatusInternalServerError || strings.Contains(got.text, "CANARY") || strings.Contains(got.text, ".go") || got.json["requestId"] != got.header.Get("X-Request-Id") {
		t.Errorf("%d %s", got.status, got.text)
	}
	if log := h.log.String(); !strings.Contains(log, fmt.Sprint(got.json["requestId"])) || !strings.Contains(log, "security_test.go") || strings.Contains(log, "CANARY") {
		t.Errorf("the log has not id and stack, or has the value: %s", log)
	}
}
