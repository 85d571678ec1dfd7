package oidc

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"sphera/internal/auth"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

const (
	maxSubject = 255
	maxGroups  = 1000
)

// claims are those of an ID token that go-oidc leaves to its caller. What is
// there in another type than the standard's is refused, not guessed.
type claims struct {
	Subject       string          `json:"sub"`
	Name          string          `json:"name"`
	Username      string          `json:"preferred_username"`
	Email         string          `json:"email"`
	EmailVerified *bool           `json:"email_verified"`
	AuthTime      *int64          `json:"auth_time"`
	IssuedAt      *float64        `json:"iat"`
	Expiry        *float64        `json:"exp"`
	AZP           *string         `json:"azp"`
	SID           string          `json:"sid"`
	Events        json.RawMessage `json:"events"`
}

// identify is who the tokens say the person is. f is nil for a renewal, which
// has no nonce.
func (s *Service) identify(ctx context.Context, p *provider, m metadata, k *keys, tokens *oauth2.Token, f *flow) (auth.Outside, error) {
	raw, ok := tokens.Extra("id_token").(string)
	if !ok || raw == "" || len(raw) > maxToken {
		return auth.Outside{}, errRefused("The provider sent no ID token.", nil)
	}
	token, err := p.verifier(m, k, p.c.ClientID).Verify(ctx, raw)
	if err != nil {
		return auth.Outside{}, errRefused("The provider's ID token is not good.", err)
	}
	var c claims
	all := map[string]any{}
	if err := errors.Join(token.Claims(&c), token.Claims(&all)); err != nil {
		return auth.Outside{}, errRefused("The provider's ID token cannot be read.", err)
	}
	if err := p.checkToken(token, c, tokens.AccessToken, s.d.Now()); err != nil {
		return auth.Outside{}, err
	}
	if f != nil {
		if err := checkFlow(token, c, *f); err != nil {
			return auth.Outside{}, err
		}
	}
	if err := s.fill(ctx, p, m, tokens.AccessToken, &c, all); err != nil {
		return auth.Outside{}, err
	}
	return s.outside(ctx, p, c, all)
}

func (p *provider) checkToken(token *gooidc.IDToken, c claims, access string, now time.Time) error {
	switch {
	case token.Subject == "" || len(token.Subject) > maxSubject || c.Subject != token.Subject:
		return errRefused("The provider's ID token has no subject.", nil)
	case c.Expiry == nil || c.IssuedAt == nil:
		return errRefused("The provider's ID token does not say when it was made and ends.", nil)
	case token.IssuedAt.After(now.Add(skew)):
		return errRefused("The provider's ID token comes from the future.", nil)
	case c.AZP != nil && *c.AZP != p.c.ClientID, c.AZP == nil && len(token.Audience) > 1:
		return errRefused("The provider's ID token was made for another client.", nil)
	case len(c.Events) > 0:
		return errRefused("The provider sent a token of another kind.", nil)
	}
	if token.AccessTokenHash != "" {
		if err := token.VerifyAccessToken(access); err != nil {
			return errRefused("The provider's tokens do not belong together.", err)
		}
	}
	return nil
}

func checkFlow(token *gooidc.IDToken, c claims, f flow) error {
	if subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(f.Nonce)) != 1 {
		return errRefused("The provider's ID token belongs to another login.", nil)
	}
	if f.Again && (c.AuthTime == nil || time.Unix(*c.AuthTime, 0).Before(time.UnixMilli(f.Began).Add(-skew))) {
		return errRefused("The provider did not ask you to sign in anew.", nil)
	}
	return nil
}

// fill asks the provider's UserInfo for what the ID token leaves out.
func (s *Service) fill(ctx context.Context, p *provider, m metadata, access string, c *claims, all map[string]any) error {
	_, groups := all[p.c.GroupsClaim]
	if m.UserInfo == "" || access == "" || c.Email != "" && c.Name != "" && (groups || p.c.GroupsClaim == "") {
		return nil
	}
	var raw json.RawMessage
	if err := getJSON(ctx, p.client, m.UserInfo, access, &raw); err != nil {
		return errRefused("The provider does not say who you are.", err)
	}
	var more claims
	info := map[string]any{}
	if err := errors.Join(json.Unmarshal(raw, &more), json.Unmarshal(raw, &info)); err != nil {
		return errRefused("What the provider says about you cannot be read.", err)
	}
	if more.Subject != c.Subject {
		return errRefused("The provider speaks about somebody else.", nil)
	}
	for name, value := range info {
		if _, has := all[name]; !has {
			all[name] = value
		}
	}
	if c.Email == "" {
		c.Email, c.EmailVerified = more.Email, more.EmailVerified
	}
	if c.Name == "" {
		c.Name = more.Name
	}
	if c.Username == "" {
		c.Username = more.Username
	}
	return nil
}

// outside maps what was said to what an account is made of.
func (s *Service) outside(ctx context.Context, p *provider, c claims, all map[string]any) (auth.Outside, error) {
	o := auth.Outside{
		Issuer: p.c.Issuer, Subject: c.Subject, Name: c.Name, SID: c.SID, Create: !p.c.OnlyKnown,
	}
	if o.Name == "" {
		o.Name = c.Username
	}
	if c.Email != "" && (p.c.TrustEmail || c.EmailVerified != nil && *c.EmailVerified) {
		o.Email = c.Email
	}
	if c.AuthTime != nil {
		o.AuthAt = time.Unix(*c.AuthTime, 0)
		if o.AuthAt.After(s.d.Now()) {
			o.AuthAt = s.d.Now()
		}
	}
	o.Roles, o.Teams = p.granted(all)
	if s.d.Directory != nil {
		name, _ := all[p.c.DirectoryClaim].(string)
		if name != "" {
			var err error
			if o.Known, err = s.d.Directory(ctx, p.c.Issuer, name); err != nil {
				return auth.Outside{}, fmt.Errorf("look into the directory: %w", err)
			}
		}
	}
	return o, nil
}

// granted are the roles and teams of the groups, by exact value. A claim that
// is missing or no list of texts is no group.
func (p *provider) granted(all map[string]any) (roles, teams []string) {
	list, ok := all[p.c.GroupsClaim].([]any)
	if p.c.GroupsClaim == "" || !ok || len(list) > maxGroups {
		return nil, nil
	}
	var groups []string
	for _, v := range list {
		text, ok := v.(string)
		if !ok {
			return nil, nil
		}
		groups = append(groups, text)
	}
	for _, m := range p.c.Map {
		switch {
		case !slices.Contains(groups, m.Group):
		case m.Role != "":
			roles = append(roles, m.Role)
		default:
			teams = append(teams, m.Team)
		}
	}
	return roles, teams
}
