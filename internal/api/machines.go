package api

import (
	"context"
	"slices"
	"time"

	"sphera/internal/auth"
	"sphera/internal/oidc"
)

// seesMachinesOf reports whether p sees the service accounts of a team: people
// of the team, and who looks after the portal.
func seesMachinesOf(p auth.Principal, team string) bool {
	return slices.Contains(p.Teams, team) || slices.Contains(p.Roles, auth.Administrator) || slices.Contains(p.Roles, auth.Infrastructure)
}

type serviceAccountsAnswer struct {
	Answer
	ServiceAccounts []auth.ServiceAccount `json:"serviceAccounts"`
}

func (a *API) serviceAccounts(ctx context.Context, _ *struct{}) (*serviceAccountsAnswer, error) {
	p := who(ctx)
	list, err := a.auth.Services(ctx)
	return &serviceAccountsAnswer{ServiceAccounts: slices.DeleteFunc(list, func(s auth.ServiceAccount) bool { return !seesMachinesOf(p, s.Team) })}, err
}

type serviceAccountAnswer struct {
	Answer
	ServiceAccount auth.ServiceAccount `json:"serviceAccount"`
}

type newServiceAccountInput struct {
	Body struct {
		Name        string   `json:"name" maxLength:"100"`
		Description string   `json:"description,omitempty" maxLength:"1000"`
		Team        string   `json:"team" maxLength:"100"`
		Roles       []string `json:"roles" maxItems:"10" doc:"None that you do not have"`
	} `nameHint:"NewServiceAccount"`
}

func (a *API) createServiceAccount(ctx context.Context, in *newServiceAccountInput) (*serviceAccountAnswer, error) {
	b := in.Body
	out, err := a.auth.CreateService(ctx, who(ctx), auth.ServiceAccount{Name: b.Name, Description: b.Description, Team: b.Team, Roles: b.Roles})
	return &serviceAccountAnswer{ServiceAccount: out}, err
}

type changeServiceAccountInput struct {
	ID   string `path:"id" maxLength:"200"`
	Body struct {
		Description *string   `json:"description,omitempty" maxLength:"1000"`
		Owner       *string   `json:"owner,omitempty" maxLength:"200" doc:"Id of the user who answers for it"`
		Roles       *[]string `json:"roles,omitempty" maxItems:"10"`
		Enabled     *bool     `json:"enabled,omitempty"`
	} `nameHint:"ChangeServiceAccount"`
}

func (a *API) changeServiceAccount(ctx context.Context, in *changeServiceAccountInput) (*serviceAccountAnswer, error) {
	if err := a.seesService(ctx, in.ID); err != nil {
		return nil, err
	}
	b := in.Body
	out, err := a.auth.UpdateService(ctx, who(ctx), in.ID, auth.ServiceChange{Description: b.Description, Owner: b.Owner, Roles: b.Roles, Enabled: b.Enabled})
	return &serviceAccountAnswer{ServiceAccount: out}, err
}

func (a *API) deleteServiceAccount(ctx context.Context, in *idPath) (*Done, error) {
	if err := a.seesService(ctx, in.ID); err != nil {
		return nil, err
	}
	return &Done{}, a.auth.DeleteService(ctx, who(ctx), in.ID)
}

// seesService answers for what somebody may not see as for what is not there.
func (a *API) seesService(ctx context.Context, id string) error {
	s, err := a.auth.ServiceAccount(ctx, id)
	if err != nil {
		return err
	}
	if !seesMachinesOf(who(ctx), s.Team) {
		return a.auth.NoService()
	}
	return nil
}

type serviceTokensAnswer struct {
	Answer
	Tokens []auth.ServiceToken `json:"tokens"`
}

func (a *API) serviceTokens(ctx context.Context, in *idPath) (*serviceTokensAnswer, error) {
	if err := a.seesService(ctx, in.ID); err != nil {
		return nil, err
	}
	list, err := a.auth.ServiceTokens(ctx, in.ID)
	return &serviceTokensAnswer{Tokens: list}, err
}

type newServiceTokenInput struct {
	ID   string `path:"id" maxLength:"200"`
	Body struct {
		Name          string   `json:"name" maxLength:"100"`
		ExpiresInDays int      `json:"expiresInDays,omitempty" minimum:"1" maximum:"365" doc:"Ends after so many days; 90 when absent"`
		Scopes        []string `json:"scopes,omitempty" maxItems:"32" doc:"read, write, a family like catalog, a verb like catalog.write, blueprint:NAME or environment:NAME; all when absent"`
	} `nameHint:"NewServiceToken"`
}

type newServiceTokenAnswer struct {
	Answer
	Token auth.ServiceToken `json:"token"`
	Value string            `json:"value" doc:"The token itself; it is shown only here"`
}

func (a *API) createServiceToken(ctx context.Context, in *newServiceTokenInput) (*newServiceTokenAnswer, error) {
	if err := a.seesService(ctx, in.ID); err != nil {
		return nil, err
	}
	value, token, err := a.auth.CreateServiceToken(ctx, who(ctx), in.ID, in.Body.Name, time.Duration(in.Body.ExpiresInDays)*24*time.Hour, in.Body.Scopes)
	return &newServiceTokenAnswer{Token: token, Value: value}, err
}

type serviceTokenPath struct {
	ID    string `path:"id" maxLength:"200"`
	Token string `path:"token" maxLength:"200"`
}

func (a *API) deleteServiceToken(ctx context.Context, in *serviceTokenPath) (*Done, error) {
	if err := a.seesService(ctx, in.ID); err != nil {
		return nil, err
	}
	return &Done{}, a.auth.DeleteServiceToken(ctx, who(ctx), in.ID, in.Token)
}

type trustRulesAnswer struct {
	Answer
	Rules []oidc.Trust `json:"rules"`
}

func (a *API) trustRules(ctx context.Context, _ *struct{}) (*trustRulesAnswer, error) {
	p := who(ctx)
	list, err := a.signin.Trusts(ctx)
	return &trustRulesAnswer{Rules: slices.DeleteFunc(list, func(t oidc.Trust) bool { return !seesMachinesOf(p, t.Team) })}, err
}

// TrustInput is a rule about CI jobs.
type TrustInput struct {
	Name       string           `json:"name" maxLength:"100"`
	Issuer     string           `json:"issuer" maxLength:"500"`
	Audience   string           `json:"audience" maxLength:"300"`
	Conditions []oidc.Condition `json:"conditions" maxItems:"20" doc:"All must hold; * stands for anything but a slash, ** for anything"`
	Service    string           `json:"service" maxLength:"200" doc:"Id of the service account"`
	Scopes     []string         `json:"scopes,omitempty" maxItems:"32"`
	TTLSeconds int              `json:"ttlSeconds,omitempty" maximum:"3600" doc:"900 when absent"`
	Enabled    bool             `json:"enabled"`
}

func (t TrustInput) rule(id string) oidc.Trust {
	return oidc.Trust{
		ID: id, Name: t.Name, Issuer: t.Issuer, Audience: t.Audience, Conditions: t.Conditions, Service: t.Service,
		Scopes: t.Scopes, TTLSeconds: t.TTLSeconds, Enabled: t.Enabled,
	}
}

type trustAnswer struct {
	Answer
	Rule oidc.Trust `json:"rule"`
}

type newTrustInput struct {
	Body TrustInput
}

func (a *API) createTrustRule(ctx context.Context, in *newTrustInput) (*trustAnswer, error) {
	out, err := a.signin.SaveTrust(ctx, who(ctx), in.Body.rule(""))
	return &trustAnswer{Rule: out}, err
}

type putTrustInput struct {
	ID   string `path:"id" maxLength:"200"`
	Body TrustInput
}

func (a *API) putTrustRule(ctx context.Context, in *putTrustInput) (*trustAnswer, error) {
	out, err := a.signin.SaveTrust(ctx, who(ctx), in.Body.rule(in.ID))
	return &trustAnswer{Rule: out}, err
}

func (a *API) deleteTrustRule(ctx context.Context, in *idPath) (*Done, error) {
	return &Done{}, a.signin.DeleteTrust(ctx, who(ctx), in.ID)
}
