package oidc

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sphera/internal/fault"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
)

const (
	maxIssuers = 50
	// jobAge is the longest a job's token may be good for in all.
	jobAge = 24 * time.Hour
)

// Exchange is a job's wish for a token (RFC 8693).
type Exchange struct {
	// Token is what the CI system gave the job.
	Token string
	// Service chooses a service account, by name, when several rules fit.
	Service string
	// Scopes narrow what the token may do; none is all that the rule gives.
	Scopes []string
	// Address is where the request comes from.
	Address string
}

// Exchanged is the token that the job got.
type Exchanged struct {
	Token   string
	Expires time.Duration
	Scopes  []string
}

// ExchangeToken gives a CI job a short-lived token of a service account for
// the token of its CI system. Everything that does not fit is one answer.
func (s *Service) ExchangeToken(ctx context.Context, in Exchange) (Exchanged, error) {
	back, err := s.d.Auth.Attempt(ctx, in.Address)
	if err != nil {
		return Exchanged{}, err
	}
	rule, origin, err := s.trusted(ctx, in)
	if err != nil {
		return Exchanged{}, err
	}
	scopes := rule.Scopes
	if len(in.Scopes) > 0 {
		if len(rule.Scopes) > 0 && slices.ContainsFunc(in.Scopes, func(v string) bool { return !slices.Contains(rule.Scopes, v) }) {
			return Exchanged{}, fault.Field("scope", "is wider than the trust rule", strings.Join(rule.Scopes, " "))
		}
		scopes = in.Scopes
	}
	ttl := time.Duration(rule.TTLSeconds) * time.Second
	token, made, err := s.d.Auth.CreateCIToken(ctx, rule.Service, rule.ID, origin, ttl, scopes)
	if err != nil {
		return Exchanged{}, err
	}
	back()
	return Exchanged{Token: token, Expires: ttl, Scopes: made.Scopes}, nil
}

func errUntrusted(cause error) error {
	return fault.New(fault.Unauthorized, "No trust rule fits this token: its issuer, its audience or its claims are not those of any rule, or it has ended.").Wrap(cause)
}

// trusted finds the rule that trusts the job. Only issuers that a rule names
// are asked for keys.
func (s *Service) trusted(ctx context.Context, in Exchange) (Trust, string, error) {
	issuer, err := claimedIssuer(in.Token)
	if err != nil {
		return Trust{}, "", errUntrusted(err)
	}
	rules, err := s.trusts(ctx, "t.enabled = 1 AND s.enabled = 1 AND t.issuer = $1", issuer)
	if err != nil {
		return Trust{}, "", err
	}
	if len(rules) == 0 {
		return Trust{}, "", errUntrusted(errors.New("no rule for the issuer"))
	}
	audience, claims, err := s.job(ctx, issuer, in.Token)
	if err != nil {
		return Trust{}, "", err
	}
	fitting := slices.DeleteFunc(rules, func(t Trust) bool {
		return !slices.Contains(audience, t.Audience) || in.Service != "" && t.ServiceName != in.Service || !t.fits(claims)
	})
	switch {
	case len(fitting) == 0:
		return Trust{}, "", errUntrusted(errors.New("no rule fits its claims"))
	case slices.ContainsFunc(fitting, func(t Trust) bool { return t.Service != fitting[0].Service }):
		return Trust{}, "", fault.Field("service_account", "is missing, and rules for several of them fit", "the name of one of them")
	}
	return fitting[0], originOf(claims), nil
}

// claimedIssuer reads the issuer that an unchecked token names.
func claimedIssuer(token string) (string, error) {
	parts := strings.Split(token, ".")
	if len(token) > maxToken || len(parts) != 3 {
		return "", errors.New("it is no JSON Web Token")
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", errors.New("it is no JSON Web Token")
	}
	var c struct {
		Issuer string `json:"iss"`
	}
	if err := json.Unmarshal(raw, &c); err != nil || c.Issuer == "" {
		return "", errors.New("it names no issuer")
	}
	return c.Issuer, nil
}

// job checks the token of a job and returns its audience and claims.
func (s *Service) job(ctx context.Context, issuer, raw string) ([]string, map[string]any, error) {
	p, err := s.issuer(issuer)
	if err != nil {
		return nil, nil, err
	}
	_, k, err := p.ask(ctx)
	if err != nil {
		return nil, nil, fault.New(fault.Unavailable, "The issuer of the token does not answer. Try again in a moment.").Wrap(err)
	}
	verifier := gooidc.NewVerifier(issuer, k, &gooidc.Config{SkipClientIDCheck: true, SupportedSigningAlgs: algorithms(), Now: s.d.Now})
	token, err := verifier.Verify(ctx, raw)
	if err != nil {
		return nil, nil, errUntrusted(err)
	}
	now := s.d.Now()
	if token.IssuedAt.After(now.Add(skew)) || token.IssuedAt.IsZero() || token.Expiry.Sub(token.IssuedAt) > jobAge {
		return nil, nil, errUntrusted(errors.New("it is from the future, or good for too long"))
	}
	claims := map[string]any{}
	if err := token.Claims(&claims); err != nil {
		return nil, nil, errUntrusted(err)
	}
	if _, person := claims["nonce"]; person {
		return nil, nil, errUntrusted(errors.New("it is a person's"))
	}
	return token.Audience, claims, nil
}

// issuer keeps the keys of the issuers that rules name, a bounded number.
func (s *Service) issuer(issuer string) (*provider, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.issuers[issuer]; p != nil {
		return p, nil
	}
	if len(s.issuers) >= maxIssuers {
		clear(s.issuers) // they are fetched again
	}
	p := &provider{c: Config{Issuer: issuer}, client: s.d.Guarded, now: s.d.Now}
	s.issuers[issuer] = p
	return p, nil
}

// originOf is how people recognise the job.
func originOf(claims map[string]any) string {
	var parts []string
	for _, name := range []string{"repository", "project_path", "sub", "ref", "environment", "workflow", "run_id", "pipeline_id", "job_id"} {
		if text, ok := claims[name].(string); ok && text != "" {
			parts = append(parts, fmt.Sprintf("%s=%s", name, text))
		}
	}
	return strings.Join(parts, " ")
}
