package api

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/forge"
)

type writerKey struct{}
type requestKey struct{}

// who is the user of a request behind a route that needs one.
func who(ctx context.Context) auth.Principal {
	p, _ := auth.From(ctx)
	return p
}

// person is who, as the forge knows people.
func person(ctx context.Context) forge.Person { return personOf(who(ctx)) }

func personOf(p auth.Principal) forge.Person {
	return forge.Person{ID: p.ID, Name: p.Name, Email: p.Email, Roles: p.Roles, Teams: p.Teams}
}

// cookieName has the __Host- prefix where browsers accept it: such a cookie
// cannot be set by another host or for a part of this one.
func (a *API) cookieName() string {
	if a.o.Secure {
		return "__Host-sphera"
	}
	return "sphera_session"
}

func (a *API) cookie(value string, age time.Duration) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // Secure wherever people come over HTTPS; without TLS such a cookie would never be sent
		Name: a.cookieName(), Value: value, Path: "/", MaxAge: int(age / time.Second),
		HttpOnly: true, Secure: a.o.Secure, SameSite: http.SameSiteLaxMode,
	}
}

// credential is what the request proves its user with: a bearer token, or the
// cookie of a session.
func (a *API) credential(r *http.Request) string {
	if header := r.Header.Get("Authorization"); header != "" {
		scheme, token, _ := strings.Cut(header, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return ""
		}
		return strings.TrimSpace(token)
	}
	if c, err := r.Cookie(a.cookieName()); err == nil {
		return c.Value
	}
	return ""
}

func (a *API) principal(r *http.Request) (auth.Principal, error) {
	credential := a.credential(r)
	if credential == "" {
		return auth.Principal{}, fault.New(fault.Unauthorized, "Sign in to go on.")
	}
	return a.auth.Authenticate(r.Context(), credential)
}

// authenticates asks again what principal has asked.
func (a *API) authenticates(r *http.Request) func(ctx context.Context) error {
	credential := a.credential(r)
	return func(ctx context.Context) error {
		_, err := a.auth.Authenticate(ctx, credential)
		return err
	}
}

// setCookie adds a cookie to the answer of a typed handler.
func setCookie(ctx context.Context, c *http.Cookie) {
	if w, ok := ctx.Value(writerKey{}).(http.ResponseWriter); ok {
		http.SetCookie(w, c)
	}
}

func requestOf(ctx context.Context) *http.Request {
	r, _ := ctx.Value(requestKey{}).(*http.Request)
	return r
}

// clientIP is the address of the client. X-Forwarded-For counts only as far as
// it was written by proxies we were told to trust: from the right, the first
// address that is no such proxy is the client.
func (a *API) clientIP(r *http.Request) string {
	peer := r.RemoteAddr
	if host, _, err := net.SplitHostPort(peer); err == nil {
		peer = host
	}
	if !a.trusted(peer) {
		return peer
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		hop = strings.TrimSpace(hop)
		if _, err := netip.ParseAddr(hop); err != nil {
			break
		}
		if peer = hop; !a.trusted(hop) {
			break
		}
	}
	return peer
}

func (a *API) trusted(ip string) bool {
	at, err := netip.ParseAddr(ip)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(a.o.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(at.Unmap()) })
}
