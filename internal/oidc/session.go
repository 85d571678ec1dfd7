package oidc

import (
	"context"
	"errors"
	"net/url"
	"time"

	"sphera/internal/auth"
	"sphera/internal/fault"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

const (
	// renewEvery is how often the provider is asked whether somebody who is
	// signed in here still is somebody there.
	renewEvery = 15 * time.Minute
	lookEvery  = 30 * time.Second
	logoutAge  = 5 * time.Minute
)

// Run renews sessions silently, until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := s.Renew(ctx); err != nil && ctx.Err() == nil {
				s.d.Log.WarnContext(ctx, "renewing sessions failed; trying again", "error", err)
			}
		}
	}
}

// Renew asks the providers about the sessions that are due. A provider that
// does not answer ends nothing; one that says no ends the session.
func (s *Service) Renew(ctx context.Context) error {
	for ctx.Err() == nil {
		c, ok, err := s.d.Auth.TakeToCheck(ctx, renewEvery)
		if err != nil || !ok {
			return err
		}
		if err := s.renew(ctx, c); err != nil {
			s.d.Log.WarnContext(ctx, "a session could not be renewed", "session", c.Session, "error", err)
		}
	}
	return nil
}

func (s *Service) renew(ctx context.Context, c auth.ToCheck) error {
	p := s.byIssuer(c.Issuer)
	if p == nil {
		return s.d.Auth.EndSession(ctx, c.Session) // the provider is no longer configured
	}
	value, err := s.d.Sealer.Open(c.Refresh, "oidc refresh/"+p.c.Issuer+"/"+c.Subject)
	if err != nil {
		return errors.Join(err, s.d.Auth.EndSession(ctx, c.Session))
	}
	m, k, err := p.ask(ctx)
	if err != nil {
		return err
	}
	config, err := p.oauth(m, s.redirect(p.c.ID))
	if err != nil {
		return err
	}
	old := &oauth2.Token{}
	if err := value.Use(func(plain []byte) error { old.RefreshToken = string(plain); return nil }); err != nil {
		return err
	}
	ctx = gooidc.ClientContext(ctx, p.client)
	tokens, err := config.TokenSource(ctx, old).Token()
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) && refused.ErrorCode == "invalid_grant" {
		return s.d.Auth.EndSession(ctx, c.Session)
	}
	if err != nil {
		return err
	}
	o, err := s.identify(ctx, p, m, k, tokens, nil)
	if err == nil && o.Subject != c.Subject {
		err = errRefused("The provider speaks about somebody else.", nil)
	}
	if fault.Is(err, fault.Unauthorized) {
		return errors.Join(err, s.d.Auth.EndSession(ctx, c.Session))
	}
	if err != nil {
		return err
	}
	o.Refresh = s.sealRefresh(p, o.Subject, tokens.RefreshToken)
	return s.d.Auth.Checked(ctx, c.Session, o)
}

func (s *Service) byIssuer(issuer string) *provider {
	for _, p := range s.providers {
		if p.c.Issuer == issuer {
			return p
		}
	}
	return nil
}

// Backchannel ends the sessions that a logout token names (OpenID Connect
// Back-Channel Logout 1.0).
func (s *Service) Backchannel(ctx context.Context, id, raw string) error {
	p, err := s.provider(id)
	if err != nil {
		return err
	}
	m, k, err := p.ask(ctx)
	if err != nil {
		return err
	}
	if raw == "" || len(raw) > maxToken {
		return fault.New(fault.Invalid, "There is no logout token.")
	}
	bad := func(cause error) error { return fault.New(fault.Invalid, "The logout token is not good.").Wrap(cause) }
	token, err := p.verifier(m, k, p.c.ClientID).VerifyLogout(ctx, raw)
	if err != nil {
		return bad(err)
	}
	now := s.d.Now()
	if token.IssuedAt.Before(now.Add(-logoutAge)) || token.IssuedAt.After(now.Add(skew)) {
		return bad(errors.New("it is too old, or from the future"))
	}
	first, err := s.d.Auth.UseOnce(ctx, "logout "+p.c.Issuer+" "+token.TokenID, now.Add(2*logoutAge))
	if err != nil {
		return err
	}
	if !first {
		return bad(errors.New("it was used already"))
	}
	ended, err := s.d.Auth.EndLogins(ctx, p.c.Issuer, token.Subject, token.SessionID)
	if err == nil && ended == 0 && token.SessionID != "" && token.Subject != "" {
		// The provider did not tell us its session at the login: out everywhere.
		_, err = s.d.Auth.EndLogins(ctx, p.c.Issuer, token.Subject, "")
	}
	return err
}

// EndURL is where the browser signs out at the provider as well; empty when
// the session does not stand on one, or it has no such page.
func (s *Service) EndURL(ctx context.Context, issuer string) string {
	p := s.byIssuer(issuer)
	if p == nil {
		return ""
	}
	m, _, err := p.ask(ctx)
	if err != nil || m.EndSession == "" {
		return ""
	}
	u, err := url.Parse(m.EndSession)
	if err != nil {
		return ""
	}
	q := u.Query()
	q.Set("client_id", p.c.ClientID)
	q.Set("post_logout_redirect_uri", s.d.PublicURL()+"/login")
	u.RawQuery = q.Encode()
	return u.String()
}
