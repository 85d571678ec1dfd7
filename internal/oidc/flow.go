package oidc

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/secret"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

const (
	// flowFor is how long somebody may take to sign in at the provider.
	flowFor = 10 * time.Minute
	// skew is how far clocks may be apart.
	skew      = time.Minute
	place     = "oidc login"
	maxCookie = 4 << 10
)

// Start is how a login begins.
type Start struct {
	// ReturnTo is the page to go to afterwards; see LocalPath.
	ReturnTo string
	// Silent asks the provider not to ask the person: it works when they are
	// still signed in there.
	Silent bool
	// Again asks the provider to make the person prove itself anew.
	Again bool
}

// flow is what the browser keeps, sealed, while the person is at the provider.
type flow struct {
	Provider string `json:"p"`
	State    string `json:"s"`
	Nonce    string `json:"n"`
	Verifier string `json:"v"`
	ReturnTo string `json:"r"`
	Silent   bool   `json:"q,omitempty"`
	Again    bool   `json:"a,omitempty"`
	Began    int64  `json:"t"`
}

// random is 256 random bits as text.
func random() string {
	b := make([]byte, 32)
	rand.Read(b) // never fails: the program stops instead
	return base64.RawURLEncoding.EncodeToString(b)
}

// Start begins a login: where to send the browser, and the cookie that only
// this browser keeps. Nothing is written.
func (s *Service) Start(ctx context.Context, id string, in Start) (address, cookie string, err error) {
	p, err := s.provider(id)
	if err != nil {
		return "", "", err
	}
	m, _, err := p.ask(ctx)
	if err != nil {
		return "", "", err
	}
	config, err := p.oauth(m, s.redirect(id))
	if err != nil {
		return "", "", err
	}
	f := flow{
		Provider: id, State: random(), Nonce: random(), Verifier: random(), ReturnTo: LocalPath(in.ReturnTo),
		Silent: in.Silent, Again: in.Again, Began: s.d.Now().UnixMilli(),
	}
	options := []oauth2.AuthCodeOption{gooidc.Nonce(f.Nonce), oauth2.S256ChallengeOption(f.Verifier)}
	if in.Silent {
		options = append(options, oauth2.SetAuthURLParam("prompt", "none"))
	}
	if in.Again {
		options = append(options, oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0"))
	}
	raw, err := json.Marshal(f)
	if err != nil {
		return "", "", fmt.Errorf("encode a login: %w", err)
	}
	return config.AuthCodeURL(f.State, options...), s.d.Sealer.Seal(secret.NewValue(string(raw)), place), nil
}

func (s *Service) redirect(id string) string {
	return s.d.PublicURL() + "/v1/auth/oidc/" + url.PathEscape(id) + "/callback"
}

// Done is a login that has come to its end.
type Done struct {
	Token    string
	User     auth.User
	ReturnTo string
}

// Callback ends a login with what the provider sent the browser back with.
// ReturnTo is set on failure, too, when the login itself was ours.
func (s *Service) Callback(ctx context.Context, id, cookie string, answer url.Values, from auth.LoginMeta) (Done, error) {
	p, err := s.provider(id)
	if err != nil {
		return Done{}, err
	}
	f, err := s.open(cookie, id, answer.Get("state"))
	if err != nil {
		return Done{}, err
	}
	done := Done{ReturnTo: f.ReturnTo}
	m, k, err := p.ask(ctx)
	if err != nil {
		return done, err
	}
	if err := s.answered(ctx, p, m, f, answer); err != nil {
		return done, err
	}
	config, err := p.oauth(m, s.redirect(id))
	if err != nil {
		return done, err
	}
	ctx = gooidc.ClientContext(ctx, p.client)
	tokens, err := config.Exchange(ctx, answer.Get("code"), oauth2.VerifierOption(f.Verifier))
	if err != nil {
		return done, errRefused("The provider did not accept the login.", err)
	}
	o, err := s.identify(ctx, p, m, k, tokens, &f)
	if err != nil {
		return done, err
	}
	if tokens.RefreshToken != "" {
		o.Refresh = s.sealRefresh(p, o.Subject, tokens.RefreshToken)
	}
	var who auth.Principal
	done.Token, who, err = s.d.Auth.LoginOutside(ctx, o, from)
	done.User = who.User
	return done, err
}

// open reads the cookie of a login that this browser began a moment ago.
func (s *Service) open(cookie, id, state string) (flow, error) {
	if cookie == "" || len(cookie) > maxCookie {
		return flow{}, errRefused("This browser did not begin the login, or began another one since.", nil)
	}
	value, err := s.d.Sealer.Open(cookie, place)
	if err != nil {
		return flow{}, errRefused("This browser did not begin the login.", err)
	}
	var f flow
	if err := value.Use(func(plain []byte) error { return json.Unmarshal(plain, &f) }); err != nil {
		return flow{}, errRefused("This browser did not begin the login.", err)
	}
	age := s.d.Now().Sub(time.UnixMilli(f.Began))
	switch {
	case f.Provider != id || len(f.State) != 43 || subtle.ConstantTimeCompare([]byte(f.State), []byte(state)) != 1:
		return flow{}, errRefused("The answer belongs to another login.", nil)
	case age < 0 || age >= flowFor:
		return flow{}, errRefused("The login took longer than 10 minutes.", nil)
	}
	return f, nil
}

// answered checks the answer before anything of it is used.
func (s *Service) answered(ctx context.Context, p *provider, m metadata, f flow, answer url.Values) error {
	for _, name := range []string{"state", "code", "iss", "error"} {
		if len(answer[name]) > 1 {
			return errRefused("The provider's answer says something twice.", nil)
		}
	}
	if iss := answer.Get("iss"); iss != "" && iss != p.c.Issuer || iss == "" && m.IssSent {
		return errRefused("The answer comes from another provider.", nil)
	}
	first, err := s.d.Auth.UseOnce(ctx, f.State, time.UnixMilli(f.Began).Add(flowFor))
	if err != nil {
		return err
	}
	if !first {
		return errRefused("This login was used already.", nil)
	}
	if problem := answer.Get("error"); problem != "" {
		if f.Silent {
			return ErrAsk
		}
		return errRefused("The provider did not sign you in.", nil)
	}
	if code := answer.Get("code"); code == "" || len(code) > 4096 {
		return errRefused("The provider's answer has no code.", nil)
	}
	return nil
}

// ErrAsk says that the provider cannot sign in silently: the person has to be
// asked.
var ErrAsk = errors.New("the provider has to ask the person")

// errRefused is what somebody sees whose login was refused; the cause is for
// the log.
func errRefused(why string, cause error) *fault.Error {
	return fault.New(fault.Unauthorized, "%s Sign in again.", why).Wrap(cause)
}

func (s *Service) sealRefresh(p *provider, subject, token string) string {
	return s.d.Sealer.Seal(secret.NewValue(token), "oidc refresh/"+p.c.Issuer+"/"+subject)
}
