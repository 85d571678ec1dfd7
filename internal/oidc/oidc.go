// Package oidc signs people in by OpenID Connect and trusts the tokens of CI
// jobs. Who somebody is, is the issuer and its subject; addresses never decide.
//
// A login keeps its state in a sealed cookie of the browser that began it, so
// that beginning one writes nothing and only that browser can end it.
package oidc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"sphera/internal/audit"
	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/secret"
	"sphera/internal/store"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// Config is one provider.
type Config struct {
	// ID stands in addresses, Title on the sign-in page.
	ID, Title    string
	Issuer       string
	ClientID     string
	ClientSecret secret.Value
	// Scopes besides openid; profile and email when empty.
	Scopes []string
	// GroupsClaim names the claim with the groups; none is read when empty.
	GroupsClaim string
	Map         []Mapping
	// TrustEmail takes addresses although the provider does not say that it has
	// verified them.
	TrustEmail bool
	// OnlyKnown signs in only people who have an account.
	OnlyKnown bool
	// DirectoryClaim names the claim that SCIM knows as externalId or userName;
	// sub when empty.
	DirectoryClaim string
}

// Mapping gives whoever is in exactly this group a role or a team.
type Mapping struct {
	Group, Role, Team string
}

// Provider is a provider as the sign-in page shows it.
type Provider struct {
	ID    string `json:"id"`
	Title string `json:"title"`
}

// Deps is what the package needs.
type Deps struct {
	DB     *store.DB
	Auth   *auth.Service
	Audit  *audit.Log
	Sealer *secret.Sealer
	// Client reaches the providers that the operator named, Guarded the issuers
	// that administrators name.
	Client, Guarded *http.Client
	// Directory finds the account that SCIM made for one of these names at an
	// issuer; nil or an empty id when there is none.
	Directory func(ctx context.Context, issuer, name string) (string, error)
	PublicURL func() string
	Log       *slog.Logger
	Now       func() time.Time
}

// Service signs in.
type Service struct {
	d         Deps
	providers []*provider

	// issuers are those of trust rules, whose keys are kept; bounded.
	mu      sync.Mutex
	issuers map[string]*provider
}

// New checks the configuration; no provider is asked yet.
func New(d Deps, configs ...Config) (*Service, error) {
	s := &Service{d: d, issuers: map[string]*provider{}}
	for _, c := range configs {
		if err := c.check(); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(s.providers, func(p *provider) bool { return p.c.ID == c.ID || p.c.Issuer == c.Issuer }) {
			return nil, fmt.Errorf("two OpenID providers have the id %q or the issuer %q", c.ID, c.Issuer)
		}
		s.providers = append(s.providers, &provider{c: c, client: d.Client, now: d.Now})
	}
	return s, nil
}

func (c *Config) check() error {
	c.Title = cmp.Or(c.Title, c.ID)
	if c.DirectoryClaim == "" {
		c.DirectoryClaim = "sub"
	}
	if len(c.Scopes) == 0 {
		c.Scopes = []string{"profile", "email"}
	}
	if c.ID == "" || strings.Trim(c.ID, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return fmt.Errorf("the OpenID provider %q needs an id of small letters, digits and -", c.ID)
	}
	if c.ClientID == "" {
		return fmt.Errorf("the OpenID provider %s has no client id", c.ID)
	}
	if err := checkIssuer(c.Issuer); err != nil {
		return fmt.Errorf("the OpenID provider %s: %w", c.ID, err)
	}
	for _, m := range c.Map {
		if m.Group == "" || (m.Role == "") == (m.Team == "") {
			return fmt.Errorf("the OpenID provider %s: a mapping needs a group and either a role or a team", c.ID)
		}
		if m.Role != "" && !slices.Contains(auth.Roles(), m.Role) {
			return fmt.Errorf("the OpenID provider %s: there is no role %q", c.ID, m.Role)
		}
	}
	return nil
}

// checkIssuer wants https, and allows http where nobody listens in between.
func checkIssuer(issuer string) error {
	u, err := url.Parse(issuer)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || len(issuer) > 500 {
		return errors.New("the issuer looks like https://id.example.com")
	}
	if u.Scheme == "https" || u.Scheme == "http" && local(u.Hostname()) {
		return nil
	}
	return errors.New("the issuer must begin with https://")
}

func local(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// Providers lists the providers in their order.
func (s *Service) Providers() []Provider {
	out := make([]Provider, 0, len(s.providers))
	for _, p := range s.providers {
		out = append(out, Provider{ID: p.c.ID, Title: p.c.Title})
	}
	return out
}

func (s *Service) provider(id string) (*provider, error) {
	for _, p := range s.providers {
		if p.c.ID == id {
			return p, nil
		}
	}
	return nil, fault.New(fault.NotFound, "There is no such provider.")
}

// metadata is what a provider says about itself.
type metadata struct {
	Issuer     string   `json:"issuer"`
	AuthURL    string   `json:"authorization_endpoint"`
	TokenURL   string   `json:"token_endpoint"`
	KeysURL    string   `json:"jwks_uri"`
	UserInfo   string   `json:"userinfo_endpoint"`
	EndSession string   `json:"end_session_endpoint"`
	Algorithms []string `json:"id_token_signing_alg_values_supported"`
	AuthMethod []string `json:"token_endpoint_auth_methods_supported"`
	IssSent    bool     `json:"authorization_response_iss_parameter_supported"`
}

// provider is one issuer with what it said about itself.
type provider struct {
	c      Config
	client *http.Client
	now    func() time.Time

	mu    sync.Mutex
	read  time.Time
	tried time.Time
	meta  metadata
	keys  *keys
}

// ask returns what the provider says about itself, read again once an hour.
func (p *provider) ask(ctx context.Context) (metadata, *keys, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if p.keys != nil && now.Sub(p.read) < keysEvery {
		return p.meta, p.keys, nil
	}
	if now.Sub(p.tried) < time.Second {
		return metadata{}, nil, errUnreachable(nil)
	}
	p.tried = now
	var m metadata
	err := getJSON(ctx, p.client, strings.TrimSuffix(p.c.Issuer, "/")+"/.well-known/openid-configuration", "", &m)
	if err == nil && m.Issuer != p.c.Issuer {
		err = errors.New("the provider names another issuer than the one configured")
	}
	if err == nil {
		err = m.check()
	}
	if err != nil {
		if p.keys != nil && now.Sub(p.read) < keysUntil {
			return p.meta, p.keys, nil
		}
		return metadata{}, nil, errUnreachable(err)
	}
	if p.keys == nil || p.keys.url != m.KeysURL {
		p.keys = &keys{client: p.client, now: p.now, url: m.KeysURL}
	}
	p.meta, p.read = m, now
	return p.meta, p.keys, nil
}

func (m metadata) check() error {
	for _, address := range []string{m.KeysURL, m.AuthURL, m.TokenURL, m.UserInfo, m.EndSession} {
		if address == "" && address != m.KeysURL {
			continue
		}
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "https" && (u.Scheme != "http" || !local(u.Hostname())) {
			return errors.New("the provider names an address that is not https")
		}
	}
	return nil
}

func errUnreachable(cause error) error {
	return fault.New(fault.Unavailable, "The sign-in provider does not answer as it should. Try again in a moment.").Wrap(cause)
}

// verifier checks tokens of the provider for audience.
func (p *provider) verifier(m metadata, k *keys, audience string) *gooidc.IDTokenVerifier {
	allowed := algorithms()
	if len(m.Algorithms) > 0 {
		allowed = slices.DeleteFunc(allowed, func(a string) bool { return !slices.Contains(m.Algorithms, a) })
	}
	return gooidc.NewVerifier(p.c.Issuer, k, &gooidc.Config{ClientID: audience, SupportedSigningAlgs: allowed, Now: p.now})
}

func (p *provider) oauth(m metadata, redirect string) (*oauth2.Config, error) {
	out := &oauth2.Config{
		ClientID: p.c.ClientID, RedirectURL: redirect, Scopes: append([]string{gooidc.ScopeOpenID}, p.c.Scopes...),
		Endpoint: oauth2.Endpoint{AuthURL: m.AuthURL, TokenURL: m.TokenURL, AuthStyle: oauth2.AuthStyleInHeader},
	}
	if m.AuthURL == "" || m.TokenURL == "" {
		return nil, errUnreachable(errors.New("the provider has no code flow"))
	}
	if len(m.AuthMethod) > 0 && !slices.Contains(m.AuthMethod, "client_secret_basic") {
		out.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	return out, p.c.ClientSecret.Use(func(plain []byte) error {
		out.ClientSecret = string(plain)
		return nil
	})
}
