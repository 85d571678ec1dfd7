package api

import (
	"context"
	"time"

	"sphera/internal/auth"
	"sphera/internal/oidc"
)

// DemoUser is a user of the demo as the sign-in page offers it; passwords are
// printed where the demo was started and nowhere else.
type DemoUser struct {
	Email string   `json:"email"`
	Name  string   `json:"name"`
	Roles []string `json:"roles"`
}

const sessionCookieAge = 30 * 24 * time.Hour // the session itself ends earlier

type userAnswer struct {
	Answer
	User auth.User `json:"user"`
}

type loginInput struct {
	Body struct {
		Email    string `json:"email" maxLength:"254"`
		Password string `json:"password" maxLength:"1024"`
	} `nameHint:"LoginInput"`
}

func (a *API) login(ctx context.Context, in *loginInput) (*userAnswer, error) {
	r := requestOf(ctx)
	token, p, err := a.auth.Login(ctx, in.Body.Email, in.Body.Password, a.loginMeta(r))
	if err != nil {
		return nil, err
	}
	setCookie(ctx, a.cookie(token, sessionCookieAge))
	return &userAnswer{User: p.User}, nil
}

type logoutAnswer struct {
	Answer
	URL string `json:"url,omitempty" doc:"Where to send the browser so that it signs out at the provider, too"`
}

func (a *API) logout(ctx context.Context, _ *struct{}) (*logoutAnswer, error) {
	out := &logoutAnswer{}
	if c, err := requestOf(ctx).Cookie(a.cookieName()); err == nil {
		if p, err := a.auth.Authenticate(ctx, c.Value); err == nil {
			issuer, _, err := a.auth.Standing(ctx, p.SessionID)
			if err != nil {
				return nil, err
			}
			out.URL = a.signin.EndURL(ctx, issuer)
		}
		if err := a.auth.Logout(ctx, c.Value); err != nil {
			return nil, err
		}
	}
	setCookie(ctx, a.cookie("", -time.Second))
	return out, nil
}

type meAnswer struct {
	Answer
	User        auth.User `json:"user"`
	Version     string    `json:"version"`
	Demo        bool      `json:"demo"`
	SetupNeeded bool      `json:"setupNeeded"`
	// ViewedBy is the id of the administrator who looks at the portal as User.
	ViewedBy string `json:"viewedBy,omitempty"`
}

func (a *API) me(ctx context.Context, _ *struct{}) (*meAnswer, error) {
	return &meAnswer{User: who(ctx).User, Version: a.o.Version, Demo: a.o.Demo != nil, ViewedBy: who(ctx).ViewAs}, nil
}

type statusAnswer struct {
	Answer
	Version     string `json:"version"`
	Demo        bool   `json:"demo"`
	SetupNeeded bool   `json:"setupNeeded"`
	// Providers are where people sign in, besides passwords.
	Providers []oidc.Provider `json:"providers"`
	Passwords bool            `json:"passwords" doc:"Whether people may sign in by password"`
	DemoUsers []DemoUser      `json:"demoUsers,omitempty"`
}

func (a *API) status(ctx context.Context, _ *struct{}) (*statusAnswer, error) {
	needed, err := a.auth.SetupNeeded(ctx)
	if err != nil {
		return nil, err
	}
	return &statusAnswer{Version: a.o.Version, Demo: a.o.Demo != nil, SetupNeeded: needed, DemoUsers: a.o.Demo, Providers: a.signin.Providers(), Passwords: a.auth.Passwords()}, nil
}

type setupInput struct {
	Body struct {
		Token    string `json:"token" maxLength:"128"`
		Email    string `json:"email" maxLength:"254"`
		Name     string `json:"name" maxLength:"200"`
		Password string `json:"password" maxLength:"1024"`
	} `nameHint:"SetupInput"`
}

func (a *API) setup(ctx context.Context, in *setupInput) (*userAnswer, error) {
	u, err := a.auth.Setup(ctx, in.Body.Token, auth.NewUser{Email: in.Body.Email, Name: in.Body.Name, Password: in.Body.Password})
	if err != nil {
		return nil, err
	}
	return &userAnswer{User: u}, nil
}

type tokensAnswer struct {
	Answer
	Tokens []auth.Token `json:"tokens"`
}

func (a *API) tokens(ctx context.Context, _ *struct{}) (*tokensAnswer, error) {
	tokens, err := a.auth.Tokens(ctx, who(ctx).ID)
	return &tokensAnswer{Tokens: tokens}, err
}

type newTokenInput struct {
	Body struct {
		Name          string   `json:"name" maxLength:"100"`
		ExpiresInDays int      `json:"expiresInDays,omitempty" minimum:"1" maximum:"365" doc:"Ends after so many days; 90 when absent"`
		Scopes        []string `json:"scopes,omitempty" maxItems:"32" doc:"read, write, a family like catalog, a verb like catalog.write, blueprint:NAME or environment:NAME; all when absent"`
	} `nameHint:"NewToken"`
}

type newTokenAnswer struct {
	Answer
	Token auth.Token `json:"token"`
	Value string     `json:"value" doc:"The token itself; it is shown only here"`
}

func (a *API) createToken(ctx context.Context, in *newTokenInput) (*newTokenAnswer, error) {
	value, token, err := a.auth.CreateToken(ctx, who(ctx), in.Body.Name, time.Duration(in.Body.ExpiresInDays)*24*time.Hour, in.Body.Scopes...)
	return &newTokenAnswer{Token: token, Value: value}, err
}

type idPath struct {
	ID string `path:"id" maxLength:"200"`
}

func (a *API) deleteToken(ctx context.Context, in *idPath) (*Done, error) {
	return &Done{}, a.auth.DeleteToken(ctx, who(ctx).ID, in.ID)
}

type session struct {
	auth.Session
	Current bool `json:"current" doc:"The session of this request"`
}

type sessionsAnswer struct {
	Answer
	Sessions []session `json:"sessions"`
}

func (a *API) sessions(ctx context.Context, _ *struct{}) (*sessionsAnswer, error) {
	p := who(ctx)
	all, err := a.auth.Sessions(ctx, p.ID)
	out := &sessionsAnswer{}
	for _, s := range all {
		out.Sessions = append(out.Sessions, session{Session: s, Current: s.ID == p.SessionID})
	}
	return out, err
}

func (a *API) revokeSession(ctx context.Context, in *idPath) (*Done, error) {
	return &Done{}, a.auth.RevokeSession(ctx, who(ctx).ID, in.ID, who(ctx).ID)
}

// PageInput is the query of every list.
type PageInput struct {
	From  string `query:"from" maxLength:"500" doc:"The next of the page before"`
	Limit int    `query:"limit" minimum:"0" maximum:"1000" doc:"Entries per page"`
}

func (p PageInput) limit(def, most int) int {
	if p.Limit <= 0 {
		return def
	}
	return min(p.Limit, most)
}
