package api

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/fstest"
)

func TestAssets(t *testing.T) {
	u := &ui{index: []byte(`<script nonce="__NONCE__">`), files: fstest.MapFS{
		"assets/a-1.js":    {Data: []byte("plain")},
		"assets/a-1.js.br": {Data: []byte("brotli")},
		"assets/a-1.js.gz": {Data: []byte("gzip")},
		"assets/b-1.css":   {Data: []byte("style")},
		"favicon.svg":      {Data: []byte("<svg/>")},
		"index.html":       {Data: []byte("raw")},
		".vite/manifest":   {Data: []byte("secret")},
	}}
	cases := []struct {
		path, accept              string
		body, encoding, kind, age string
	}{
		{"/assets/a-1.js", "gzip, deflate, br", "brotli", "br", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
		{"/assets/a-1.js", "gzip, br;q=0", "gzip", "gzip", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
		{"/assets/a-1.js", "", "plain", "", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
		{"/assets/b-1.css", "br", "style", "", "text/css; charset=utf-8", "public, max-age=31536000, immutable"},
		{"/favicon.svg", "", "<svg/>", "", "image/svg+xml", "no-cache"},
		{"/", "br", `<script nonce="N">`, "", "text/html; charset=utf-8", "no-store"},
		{"/index.html", "", `<script nonce="N">`, "", "text/html; charset=utf-8", "no-store"},
		{"/.vite/manifest", "", `<script nonce="N">`, "", "text/html; charset=utf-8", "no-store"},
		{"/runs/abc", "", `<script nonce="N">`, "", "text/html; charset=utf-8", "no-store"},
		{"/../assets/b-1.css", "", "style", "", "text/css; charset=utf-8", "public, max-age=31536000, immutable"},
	}
	for _, c := range cases {
		w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.URL.Path = c.path
		r.Header.Set("Accept-Encoding", c.accept)
		if !u.serve(w, r, "N") {
			t.Errorf("%s: not served", c.path)
			continue
		}
		h := w.Header()
		if w.Body.String() != c.body || h.Get("Content-Encoding") != c.encoding || h.Get("Content-Type") != c.kind || h.Get("Cache-Control") != c.age {
			t.Errorf("%s (%s): %q %v", c.path, c.accept, w.Body.String(), h)
		}
	}
	w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/assets/a-0.js", nil)
	if u.serve(w, r, "N") {
		t.Error("an asset of a former version got an answer that is not 404")
	}
}
