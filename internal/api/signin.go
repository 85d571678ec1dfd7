package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sphera/internal/audit"
	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/oidc"
)

const (
	loginCookieAge = 10 * time.Minute
	// maxForm bounds the forms of providers and CI jobs.
	maxForm = 32 << 10
)

// loginCookie keeps a login that is under way at a provider.
func (a *API) loginCookie(value string, age time.Duration) *http.Cookie {
	c := a.cookie(value, age) //nolint:gosec // a.cookie set them
	c.Name = "sphera_login"
	if a.o.Secure {
		c.Name = "__Host-sphera-login"
	}
	return c
}

func (a *API) loginMeta(r *http.Request) auth.LoginMeta {
	meta := auth.LoginMeta{IP: a.clientIP(r), UserAgent: r.UserAgent()}
	if c, err := r.Cookie(a.cookieName()); err == nil {
		meta.Replaces = c.Value
	}
	return meta
}

type startInput struct {
	Provider string `path:"provider" maxLength:"40"`
	Body     struct {
		ReturnTo string `json:"returnTo,omitempty" maxLength:"2000" doc:"Page to go to afterwards"`
		Silent   bool   `json:"silent,omitempty" doc:"Do not ask the person: works while they are signed in at the provider"`
		Again    bool   `json:"again,omitempty" doc:"Make the person prove itself anew"`
	} `nameHint:"StartLogin"`
}

type startAnswer struct {
	Answer
	URL string `json:"url" doc:"Where to send the browser"`
}

func (a *API) startLogin(ctx context.Context, in *startInput) (*startAnswer, error) {
	address, cookie, err := a.signin.Start(ctx, in.Provider, oidc.Start{ReturnTo: in.Body.ReturnTo, Silent: in.Body.Silent, Again: in.Body.Again})
	if err != nil {
		return nil, err
	}
	setCookie(ctx, a.loginCookie(cookie, loginCookieAge))
	return &startAnswer{URL: address}, nil
}

// endLogin signs in and goes on; what went wrong is said on the sign-in page.
func (a *API) endLogin(w http.ResponseWriter, r *http.Request) error {
	cookie := ""
	if c, err := r.Cookie(a.loginCookie("", 0).Name); err == nil {
		cookie = c.Value
	}
	back, err := a.auth.Attempt(r.Context(), a.clientIP(r))
	var done oidc.Done
	if err == nil {
		done, err = a.signin.Callback(r.Context(), r.PathValue("provider"), cookie, r.URL.Query(), a.loginMeta(r))
	}
	if errors.Is(err, oidc.ErrAsk) {
		back()
		a.redirect(w, r, "/login?ask=1&next="+queryEscape(done.ReturnTo))
		return nil
	}
	http.SetCookie(w, a.loginCookie("", -time.Second))
	if err != nil {
		f := failureOf(r.Context(), a.log, err)
		a.log.WarnContext(r.Context(), "a login was refused", "provider", r.PathValue("provider"), "error", err)
		to := "/login?failed=" + queryEscape(f.Message)
		if done.ReturnTo != "" {
			to += "&next=" + queryEscape(done.ReturnTo)
		}
		a.redirect(w, r, to)
		return nil
	}
	back()
	http.SetCookie(w, a.cookie(done.Token, sessionCookieAge))
	a.redirect(w, r, done.ReturnTo)
	return nil
}

func (a *API) redirect(w http.ResponseWriter, r *http.Request, to string) {
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// form reads a bounded form.
func (a *API) form(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" && kind != "application/json" {
		return nil, fault.New(fault.Invalid, "The request must be a form (application/x-www-form-urlencoded).")
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
	if err != nil {
		return nil, fault.New(fault.TooLarge, "The request's body is larger than %d bytes.", maxForm)
	}
	if kind == "application/json" {
		var fields map[string]string
		if err := json.Unmarshal(raw, &fields); err != nil {
			return nil, fault.New(fault.Invalid, "The request's body is no object of texts.")
		}
		values := url.Values{}
		for name, value := range fields {
			values.Set(name, value)
		}
		return values, nil
	}
	values, err := url.ParseQuery(string(raw))
	if err != nil {
		return nil, fault.New(fault.Invalid, "The request's form cannot be read.")
	}
	return values, nil
}

func (a *API) backchannel(w http.ResponseWriter, r *http.Request) {
	form, err := a.form(w, r)
	if err == nil {
		err = a.signin.Backchannel(r.Context(), r.PathValue("provider"), form.Get("logout_token"))
	}
	if err != nil {
		a.writeFailure(w, r, err)
		return
	}
	w.WriteHeader(http.StatusOK)
}

// exchangeToken answers in the words of RFC 8693 and RFC 6749.
func (a *API) exchangeToken(w http.ResponseWriter, r *http.Request) error {
	const (
		grant    = "urn:ietf:params:oauth:grant-type:token-exchange"
		idToken  = "urn:ietf:params:oauth:token-type:id_token"
		jwt      = "urn:ietf:params:oauth:token-type:jwt"
		ourToken = "urn:ietf:params:oauth:token-type:access_token"
	)
	form, err := a.form(w, r)
	switch {
	case err != nil:
		return a.oauthError(w, r, "invalid_request", err)
	case form.Get("grant_type") != grant:
		return a.oauthError(w, r, "unsupported_grant_type", fault.New(fault.Invalid, "grant_type must be %s.", grant))
	case form.Get("subject_token_type") != idToken && form.Get("subject_token_type") != jwt:
		return a.oauthError(w, r, "invalid_request", fault.New(fault.Invalid, "subject_token_type must be %s.", idToken))
	}
	out, err := a.signin.ExchangeToken(r.Context(), oidc.Exchange{
		Token: form.Get("subject_token"), Service: form.Get("service_account"), Scopes: strings.Fields(form.Get("scope")), Address: a.clientIP(r),
	})
	if err != nil {
		a.tellExchangeRefused(r, err)
		return a.oauthError(w, r, "invalid_grant", err)
	}
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(map[string]any{
		"access_token": out.Token, "issued_token_type": ourToken, "token_type": "Bearer",
		"expires_in": int(out.Expires / time.Second), "scope": strings.Join(out.Scopes, " "),
	})
}

// tellExchangeRefused records the first refusal of a minute for each address:
// anybody can send tokens that are not good.
func (a *API) tellExchangeRefused(r *http.Request, err error) {
	key := "exchange " + a.clientIP(r)
	if !a.exported.First(key, a.now(), time.Minute) {
		return
	}
	e := audit.Event{Actor: audit.Anonymous, Verb: "auth.exchange", Object: "service-account/unknown", Outcome: audit.Denied, Detail: audit.Detail()}
	if f, ok := fault.As(err); ok {
		e.Rule, e.Detail = f.Rule, audit.Detail("reason", f.Message)
	}
	if err := a.record(r.Context(), e); err != nil {
		a.exported.Forget(key)
		a.log.WarnContext(r.Context(), "record a refused exchange", "error", err)
	}
}

func (a *API) oauthError(w http.ResponseWriter, r *http.Request, code string, err error) error {
	f := failureOf(r.Context(), a.log, err)
	a.log.WarnContext(r.Context(), "a token exchange was refused", "error", err)
	status := f.status
	switch status {
	case http.StatusUnauthorized, http.StatusUnprocessableEntity, http.StatusForbidden:
		status = http.StatusBadRequest // RFC 6749, 5.2
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	return json.NewEncoder(w).Encode(map[string]string{"error": code, "error_description": f.Message, "requestId": f.RequestID})
}

type againInput struct {
	Body struct {
		Password string `json:"password" maxLength:"1024"`
	} `nameHint:"AgainInput"`
}

func (a *API) again(ctx context.Context, in *againInput) (*userAnswer, error) {
	p := who(ctx)
	token, err := a.auth.Again(ctx, p, in.Body.Password, a.clientIP(requestOf(ctx)))
	if err != nil {
		return nil, err
	}
	setCookie(ctx, a.cookie(token, sessionCookieAge))
	return &userAnswer{User: p.User}, nil
}

// renewed gives the browser a new id of its session when the rights of its user
// have changed.
func (a *API) renewed(w http.ResponseWriter, r *http.Request, p auth.Principal) error {
	token, err := a.auth.Renewed(r.Context(), p)
	if err == nil && token != "" {
		http.SetCookie(w, a.cookie(token, sessionCookieAge))
	}
	return err
}
