package api

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"sphera/internal/fault"
	"sphera/internal/store/storetest"
)

// TestS7_LookingChangesNothing asks every route that is asked by GET, as an
// administrator with a session, and compares the database before and after.
func TestS7_LookingChangesNothing(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		p := newPlay(t, h)
		id := h.startRun("developer", 1)
		for _, c := range changes(t, "changes.txt") { // something of everything
			if strings.Contains(c.path, "people") || strings.Contains(c.path, "all-entities") {
				break
			}
			p.succeed(c)
		}
		before := h.content()
		asked := 0
		for _, key := range sortedKeys(h.api.mux.entries) {
			rt := h.api.mux.entries[key]
			if rt.method != http.MethodGet || strings.HasSuffix(rt.path, "/events") {
				continue // streams go on; what they read others read, too
			}
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				r, err := http.NewRequestWithContext(t.Context(), method, h.server.URL+concrete(rt.path, id)+"?environment=dev&q=a", nil)
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("Cookie", p.cookies["administrator"])
				client := &http.Client{Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
				res, err := client.Do(r)
				if err != nil {
					t.Fatalf("%s: %v", key, err)
				}
				res.Body.Close()
				asked++
			}
		}
		if asked < 200 {
			t.Errorf("only %d requests", asked)
		}
		if changed := differences(before, h.content()); len(changed) > 0 {
			t.Errorf("looking changed: %q", changed)
		}
	})
}

// positions are routes whose "next" is the name or the number of the last row:
// any other is a place in the same list, too, of which everybody gets what they
// may see.
func positions() []string {
	return []string{
		"/v1/access/policies/changes", "/v1/approvals", "/v1/blueprints/{bp}/entities/{id}/graph", "/v1/flag-projects", "/v1/flag-projects/{project}/flags", "/v1/flags", "/v1/notice-deliveries",
		"/v1/notices", "/v1/people", "/v1/repositories", "/v1/runs", "/v1/users",
	}
}

// TestS50_ForgedPageTokens: what is no "next" of a page is refused wherever one
// is more than a position, and is never more than a parameter: nothing fails in
// the database and nothing is changed.
func TestS50_ForgedPageTokens(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		id := h.fixtures()
		var spec struct {
			Paths map[string]map[string]struct {
				Parameters []struct{ Name, In, Description string }
			}
		}
		if err := json.Unmarshal(h.api.Spec(), &spec); err != nil {
			t.Fatal(err)
		}
		forged := []string{
			"x'; DROP TABLE entities; --", base64.RawURLEncoding.EncodeToString([]byte(`{"v":"x","i":1,"c":"AAAAAAAAAAAAAAAA"}`)), "-1", "99999999999999999999999", "1 OR 1=1", "\x00",
		}
		asked, before := 0, h.content()
		for _, path := range sortedKeys(spec.Paths) {
			for _, p := range spec.Paths[path]["get"].Parameters {
				if p.Name != "from" || p.In != "query" || !strings.Contains(strings.ToLower(p.Description), "next") {
					continue
				}
				asked++
				for _, token := range forged {
					got := h.call("administrator", "GET", concrete(path, id)+"?from="+url.QueryEscape(token), nil)
					refused := slices.Contains([]int{http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusNotFound}, got.status)
					if got.status >= 500 || !refused && !slices.Contains(positions(), path) {
						t.Errorf("%s takes %q: %d %.200s", path, token, got.status, got.text)
					}
				}
			}
		}
		for _, token := range forged {
			got := h.call("viewer", "POST", "/v1/blueprints/Component/entities/search", map[string]any{"from": token})
			if got.status != http.StatusBadRequest {
				t.Errorf("the search takes %q: %d %.200s", token, got.status, got.text)
			}
		}
		if changed := differences(before, h.content()); len(changed) > 0 {
			t.Errorf("it changed %q", changed)
		}
		if asked < 8 {
			t.Errorf("only %d routes take one", asked)
		}
	})
}

// TestS13_OneByteMore reads, for every route with a body, one byte more than it
// takes, of which the sender has not said how much there is.
func TestS13_OneByteMore(t *testing.T) {
	h := start(t, storetest.Open(t, storetest.SQLite(t)), Options{})
	asked := 0
	for key, rt := range h.api.mux.entries {
		if rt.endpoint.body == nil {
			continue
		}
		asked++
		if rt.limit < 1 || rt.limit > huge {
			t.Errorf("%s takes %d bytes", key, rt.limit)
		}
		for _, announced := range []int64{-1, rt.limit + 1} {
			r := httptest.NewRequestWithContext(t.Context(), orGet(rt.method), "/", io.LimitReader(zeros{}, rt.limit+1))
			r.Header.Set("Content-Type", "application/json")
			r.ContentLength = announced
			if err := h.api.readBody(httptest.NewRecorder(), r, rt, rt.endpoint.body); !fault.Is(err, fault.TooLarge) {
				t.Errorf("%s takes more than %d bytes: %v", key, rt.limit, err)
			}
		}
	}
	if asked < 80 {
		t.Errorf("only %d routes", asked)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = '0'
	}
	return len(b), nil
}
