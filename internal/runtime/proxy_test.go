package runtime_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sphera/internal/runtime"
	"sphera/internal/runtime/runtimetest"
	"sphera/internal/store/storetest"
)

func TestProxyKeepsServiceAndPortalApart(t *testing.T) {
	s := runtimetest.Suite{Runtime: supervised(t, storetest.Open(t, storetest.SQLite(t)), t.TempDir(), runtime.ProcessOptions{})}
	s.Deploy(t, "sample", "v1", runtimetest.Source("one", `
const plain = handle;
server.removeAllListeners("request");
server.on("request", (req, res) => {
  if (req.url === "/hostile") {
    res.setHeader("Set-Cookie", "sphera_session=stolen; Path=/");
    res.setHeader("Clear-Site-Data", '"cookies"');
    res.setHeader("Strict-Transport-Security", "max-age=1");
    res.setHeader("Content-Security-Policy", "default-src *");
    return res.end("<script>1</script>");
  }
  if (req.url === "/away") { res.writeHead(302, { Location: "/there?x=1" }); return res.end(); }
  if (req.url.startsWith("/echo")) return res.end(req.url);
  plain(req, res);
});`))

	t.Run("request", func(t *testing.T) {
		w := s.Get("sample", "/headers", func(r *http.Request) {
			r.Host = "portal.example"
			r.Header.Set("Cookie", "sphera_session=canary")
			r.Header.Set("Authorization", "Bearer canary")
			r.Header.Set("Proxy-Authorization", "Basic canary")
			r.Header.Set("X-Forwarded-Prefix", "/forged")
			r.Header.Set("X-Forwarded-For", "6.6.6.6")
		})
		var got map[string]string
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatalf("%v in %s", err, w.Body)
		}
		if strings.Contains(w.Body.String(), "canary") {
			t.Errorf("a credential reached the service: %v", got)
		}
		if got["x-forwarded-prefix"] != "/run/"+env+"/sample" || got["x-forwarded-host"] != "portal.example" || strings.Contains(got["x-forwarded-for"], "6.6.6.6") {
			t.Errorf("forwarding headers: %v", got)
		}
	})
	t.Run("answer", func(t *testing.T) {
		h := s.Get("sample", "/hostile").Header()
		for _, name := range []string{"Set-Cookie", "Clear-Site-Data", "Strict-Transport-Security"} {
			if h.Get(name) != "" {
				t.Errorf("%s got through: %s", name, h.Get(name))
			}
		}
		if all := h.Values("Content-Security-Policy"); len(all) != 2 || all[1] != "sandbox allow-scripts allow-forms" {
			t.Errorf("policies: %q", all)
		}
		if h.Get("X-Content-Type-Options") != "nosniff" {
			t.Error("nosniff is missing")
		}
	})
	t.Run("the portal's own policy does not break a service's page", func(t *testing.T) {
		w := httptest.NewRecorder()
		w.Header().Set("Content-Security-Policy", "style-src 'self'")
		s.Runtime.Proxy("sample", env).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/run/"+env+"/sample/", nil))
		if all := w.Header().Values("Content-Security-Policy"); len(all) != 1 || !strings.HasPrefix(all[0], "sandbox") {
			t.Errorf("policies: %q", all)
		}
	})
	t.Run("redirect", func(t *testing.T) {
		if to := s.Get("sample", "/away").Header().Get("Location"); to != "/run/"+env+"/sample/there?x=1" {
			t.Errorf("redirected to %s", to)
		}
		if w := s.Get("sample", ""); w.Code != http.StatusPermanentRedirect || w.Header().Get("Location") != "/run/"+env+"/sample/" {
			t.Errorf("without the slash: %d %v", w.Code, w.Header())
		}
	})
	t.Run("paths", func(t *testing.T) {
		for path, want := range map[string]string{"/echo/a%2Fb?q=%20": "/echo/a%2Fb?q=%20", "/echo/%E2%82%AC": "/echo/%E2%82%AC", "/echo//x": "/echo//x"} {
			if got := s.Get("sample", path).Body.String(); got != want {
				t.Errorf("%s arrives as %s", path, got)
			}
		}
	})
	t.Run("code for the portal's pages is refused", func(t *testing.T) {
		for site, want := range map[string]int{"same-origin": http.StatusForbidden, "cross-site": http.StatusOK, "none": http.StatusOK} {
			w := s.Get("sample", "/", func(r *http.Request) {
				r.Header.Set("Sec-Fetch-Site", site)
				r.Header.Set("Sec-Fetch-Dest", "script")
			})
			if w.Code != want {
				t.Errorf("%s: %d, want %d", site, w.Code, want)
			}
		}
	})
	t.Run("not running", func(t *testing.T) {
		page := s.Get("nothing", "/", func(r *http.Request) { r.Header.Set("Accept", "text/html,*/*") })
		if page.Code != http.StatusNotFound || !strings.Contains(page.Body.String(), "<h1>") || !strings.Contains(page.Body.String(), "was not deployed") {
			t.Errorf("page: %d %s", page.Code, page.Body)
		}
		envelope := s.Get("nothing", "/")
		if envelope.Code != http.StatusNotFound || !strings.Contains(envelope.Body.String(), `"error":"not_found"`) {
			t.Errorf("envelope: %d %s", envelope.Code, envelope.Body)
		}
	})
}
