package portapi

import (
	"context"
	"net/http"
	"slices"
	"time"

	"sphera/internal/auth"
	"sphera/internal/fault"
)

// AccessTokenInput is what a machine proves itself with.
type AccessTokenInput struct {
	ClientID     string `json:"clientId"`
	ClientSecret string `json:"clientSecret"`
}

// AccessTokenAnswer has exactly the words that Port's clients make a header of.
type AccessTokenAnswer struct {
	AccessToken string `json:"accessToken"`
	ExpiresIn   int    `json:"expiresIn" doc:"Seconds"`
	TokenType   string `json:"tokenType"`
}

// AppAnswer has the secret where it was made, and only there.
type AppAnswer struct {
	App App `json:"app"`
}

// AppsAnswer is the list of apps.
type AppsAnswer struct {
	Apps []App `json:"apps"`
}

// App is a machine with credentials; its id is the client id.
type App struct {
	ID        string   `json:"id" doc:"The client id"`
	Name      string   `json:"name"`
	Enabled   bool     `json:"enabled"`
	Roles     []string `json:"roles"`
	CreatedAt string   `json:"createdAt"`
	UpdatedAt string   `json:"updatedAt"`
	CreatedBy string   `json:"createdBy"`
	Secret    string   `json:"secret,omitempty" doc:"The client secret; it is shown only here"`
}

// AppInput is what may be set of an app.
type AppInput struct {
	Name    *string   `json:"name,omitempty"`
	Enabled *bool     `json:"enabled,omitempty"`
	Roles   *[]string `json:"roles,omitempty" doc:"What the app may do; infrastructure when absent"`
}

// PermissionsAnswer is what the caller may do.
type PermissionsAnswer struct {
	Permissions []string `json:"permissions"`
}

func (s *Service) authRoutes() []Route {
	apps := "user.write"
	return []Route{
		{
			Method: http.MethodPost, Path: "/v1/auth/access_token", ID: "createAccessToken", Verb: Anyone, Limit: Small, Audit: Domain,
			In: AccessTokenInput{}, Out: AccessTokenAnswer{}, Handle: s.accessToken,
		},
		{
			Method: http.MethodGet, Path: "/v1/auth/permissions", ID: "listPermissions", Verb: SignedIn, Audit: None,
			Out: PermissionsAnswer{}, Params: []Param{{Name: "action_version"}}, Handle: s.permissions,
		},
		{Method: http.MethodGet, Path: "/v1/apps", ID: "listApps", Verb: apps, Audit: None, Out: AppsAnswer{}, Handle: s.apps},
		{
			Method: http.MethodPost, Path: "/v1/apps", ID: "createApp", Verb: apps, Limit: Small, Audit: Domain, Status: http.StatusCreated,
			In: AppInput{}, Out: AppAnswer{}, Handle: s.createApp,
		},
		{
			Method: http.MethodPut, Path: "/v1/apps/{id}", ID: "updateApp", Verb: apps, Limit: Small, Audit: Domain,
			In: AppInput{}, Out: AppAnswer{}, Handle: s.updateApp,
		},
		{Method: http.MethodPost, Path: "/v1/apps/{id}/rotate-secret", ID: "rotateAppSecret", Verb: apps, Audit: Domain, Out: AppAnswer{}, Handle: s.rotateApp},
		{Method: http.MethodDelete, Path: "/v1/apps/{id}", ID: "deleteApp", Verb: apps, Audit: Domain, Handle: s.deleteApp},
	}
}

func (s *Service) accessToken(ctx context.Context, r *Request) (int, any, error) {
	var in AccessTokenInput
	if err := r.Decode(&in); err != nil {
		return 0, nil, err
	}
	if in.ClientID == "" || in.ClientSecret == "" {
		return 0, nil, fault.New(fault.Unprocessable, "A client proves itself with clientId and clientSecret.").
			With("/clientId", "or clientSecret is missing", "the id and the secret of an app")
	}
	back, err := s.Auth.Attempt(ctx, r.Address)
	if err != nil {
		return 0, nil, err
	}
	token, ttl, err := s.Auth.AccessToken(ctx, in.ClientID, in.ClientSecret)
	if err == nil {
		back()
	}
	return 0, AccessTokenAnswer{AccessToken: token, ExpiresIn: int(ttl / time.Second), TokenType: "Bearer"}, err
}

// permissions lists the actions the caller may execute, as Port's clients that
// offer actions ask for them.
func (s *Service) permissions(ctx context.Context, r *Request) (int, any, error) {
	out := PermissionsAnswer{Permissions: []string{}}
	ids, err := s.Actions(ctx)
	if err != nil {
		return 0, nil, err
	}
	for _, id := range ids {
		switch {
		case s.Auth.Could(ctx, r.Caller, "action.run", auth.Object{Kind: "action", ID: id, Teams: []string{""}}) == nil:
			out.Permissions = append(out.Permissions, "execute:actions:"+id)
		case s.Auth.Could(ctx, r.Caller, "action.run", auth.Object{Kind: "action", ID: id, Teams: r.Caller.Teams}) == nil:
			out.Permissions = append(out.Permissions, "execute:team_entities:actions:"+id)
		}
	}
	slices.Sort(out.Permissions)
	return 0, out, nil
}

func (s *Service) apps(ctx context.Context, _ *Request) (int, any, error) {
	list, err := s.Auth.Apps(ctx)
	out := AppsAnswer{Apps: make([]App, 0, len(list))}
	for _, a := range list {
		out.Apps = append(out.Apps, appOf(a, ""))
	}
	return 0, out, err
}

func (s *Service) createApp(ctx context.Context, r *Request) (int, any, error) {
	var in AppInput
	if err := r.Decode(&in); err != nil {
		return 0, nil, err
	}
	var name string
	var roles []string
	if in.Name != nil {
		name = *in.Name
	}
	if in.Roles != nil {
		roles = *in.Roles
	}
	app, secret, err := s.Auth.CreateApp(ctx, r.Caller, name, roles)
	return 0, AppAnswer{App: appOf(app, secret)}, err
}

func (s *Service) updateApp(ctx context.Context, r *Request) (int, any, error) {
	var in AppInput
	if err := r.Decode(&in); err != nil {
		return 0, nil, err
	}
	app, err := s.Auth.UpdateApp(ctx, r.Caller, r.Path["id"], auth.AppChange{Name: in.Name, Enabled: in.Enabled, Roles: in.Roles})
	return 0, AppAnswer{App: appOf(app, "")}, err
}

func (s *Service) rotateApp(ctx context.Context, r *Request) (int, any, error) {
	app, secret, err := s.Auth.RotateApp(ctx, r.Caller, r.Path["id"])
	return 0, AppAnswer{App: appOf(app, secret)}, err
}

func (s *Service) deleteApp(ctx context.Context, r *Request) (int, any, error) {
	return 0, nil, s.Auth.DeleteApp(ctx, r.Caller, r.Path["id"])
}

func appOf(a auth.App, secret string) App {
	return App{
		ID: a.ID, Name: a.Name, Enabled: a.Enabled, Roles: a.Roles, CreatedAt: stamp(a.CreatedAt), UpdatedAt: stamp(a.UpdatedAt),
		CreatedBy: a.CreatedBy, Secret: secret,
	}
}

// stamp writes a time as Port does: RFC 3339 with milliseconds, in UTC.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
