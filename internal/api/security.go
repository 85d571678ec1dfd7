package api

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"
)

const (
	// answerPolicy is for answers that are no pages.
	answerPolicy = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"
	permissions  = "accelerometer=(), camera=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), payment=(), usb=(), browsing-topics=()"
)

// pagePolicy is for the page of the user interface: its own scripts and styles
// only; the nonce is for the one inline script and the component library's one
// style element, and is new in each answer.
func pagePolicy(nonce string) string {
	return strings.Join([]string{
		"default-src 'none'",
		"script-src 'self' 'nonce-" + nonce + "'",
		"style-src 'self' 'nonce-" + nonce + "'",
		"img-src 'self' data:",
		"font-src 'self'",
		"connect-src 'self'",
		"worker-src 'self'",
		"manifest-src 'self'",
		"frame-ancestors 'none'",
		"base-uri 'none'",
		"form-action 'self'",
	}, "; ")
}

// secure sets the headers that every answer has.
func (a *API) secure(h http.Header) {
	h.Set("Content-Security-Policy", answerPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", permissions)
	h.Set("Cache-Control", "no-store")
	if a.o.Secure {
		h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
	}
}

// crossOrigin refuses requests that change something and come from a page of
// another site.
func (a *API) crossOrigin(next http.Handler) (http.Handler, error) {
	protection := http.NewCrossOriginProtection()
	for _, origin := range a.o.TrustedOrigins {
		if err := protection.AddTrustedOrigin(origin); err != nil {
			return nil, err
		}
	}
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.writeFailure(w, r, errCrossOrigin())
	}))
	return protection.Handler(next), nil
}

func newNonce() string { return rand.Text() }

func queryEscape(s string) string { return url.QueryEscape(s) }
