package oidc

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"sphera/internal/audit"
	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/secret"
	"sphera/internal/store"
)

// A command line signs in through the browser: it opens a page of the portal
// with the hash of a secret (PKCE, S256), the person allows it there, and the
// browser carries a code back to it on the same machine. The code is good for two
// minutes, once, and only together with the secret.
const (
	grantFor   = 2 * time.Minute
	grantPlace = "command line"
)

// grant is what a code says, sealed.
type grant struct {
	ID        string `json:"i"`
	User      string `json:"u"`
	Name      string `json:"n"`
	Challenge string `json:"c"`
	At        int64  `json:"t"`
}

// Allow lets a command line have an API token of p's, and returns the code for
// it. name is what the token is called.
func (s *Service) Allow(ctx context.Context, p auth.Principal, challenge, name string) (string, error) {
	if p.Via != auth.ViaSession {
		return "", fault.Refuse("token-makes-no-token", "An API token cannot make another API token: a leaked one would never end.",
			"Sign in with the browser and allow it there.", "role administrator")
	}
	if raw, err := base64.RawURLEncoding.DecodeString(challenge); err != nil || len(raw) != sha256.Size {
		return "", fault.Field("challenge", "is not one", "the SHA-256 of the secret in base64url, 43 characters")
	}
	if err := auth.CheckTokenName(name); err != nil {
		return "", err
	}
	raw, err := json.Marshal(grant{ID: random(), User: p.ID, Name: name, Challenge: challenge, At: s.d.Now().UnixMilli()})
	if err != nil {
		return "", fmt.Errorf("encode a grant: %w", err)
	}
	err = s.d.DB.Tx(ctx, func(tx *store.Tx) error {
		return s.d.Audit.Append(ctx, tx, audit.Event{Actor: p.ID, ActorName: p.Name, Verb: "auth.allow", Object: "user/" + p.ID, Detail: audit.Detail("name", name)})
	})
	if err != nil {
		return "", fmt.Errorf("record a grant: %w", err)
	}
	return s.d.Sealer.Seal(secret.NewValue(string(raw)), grantPlace), nil
}

// Redeem makes the API token that somebody has allowed.
func (s *Service) Redeem(ctx context.Context, code, verifier, address string) (string, auth.Token, error) {
	back, err := s.d.Auth.Attempt(ctx, address)
	if err != nil {
		return "", auth.Token{}, err
	}
	g, err := s.granted(code, verifier)
	if err != nil {
		return "", auth.Token{}, err
	}
	first, err := s.d.Auth.UseOnce(ctx, g.ID, time.UnixMilli(g.At).Add(grantFor))
	if err != nil {
		return "", auth.Token{}, err
	}
	user, err := s.d.Auth.User(ctx, g.User)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return "", auth.Token{}, err
	}
	if !first || user.Status != auth.Active {
		return "", auth.Token{}, errGrant()
	}
	p := auth.Principal{User: user, Via: auth.ViaSession, Kind: auth.KindUser}
	plain, token, err := s.d.Auth.CreateToken(auth.WithPrincipal(ctx, p), p, g.Name, 0)
	if err == nil {
		back()
	}
	return plain, token, err
}

func (s *Service) granted(code, verifier string) (grant, error) {
	if len(code) > maxCookie || len(verifier) < 43 || len(verifier) > 128 {
		return grant{}, errGrant()
	}
	value, err := s.d.Sealer.Open(code, grantPlace)
	if err != nil {
		return grant{}, errGrant().Wrap(err)
	}
	var g grant
	if err := value.Use(func(plain []byte) error { return json.Unmarshal(plain, &g) }); err != nil {
		return grant{}, errGrant().Wrap(err)
	}
	sum := sha256.Sum256([]byte(verifier))
	age := s.d.Now().Sub(time.UnixMilli(g.At))
	if age < 0 || age >= grantFor || subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(g.Challenge)) != 1 {
		return grant{}, errGrant()
	}
	return g, nil
}

func errGrant() *fault.Error {
	return fault.New(fault.Unauthorized, "The code is not good: it was used, is older than two minutes, or is for another command line. Sign in again.")
}
