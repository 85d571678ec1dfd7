package api

import (
	"net/http"
	"slices"
)

// signinRoutes are a group of the table in routes.go.
func (a *API) signinRoutes() []route {
	const (
		get, post, put, patch, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete
		created                    = http.StatusCreated
		users                      = "user.write"
	)
	back := rawDoc{"text/html", "Where an OpenID provider sends the browser back to: signs in and goes to the page that was asked for.", map[string]string{
		"code": "", "state": "", "iss": "Checked when it is there (RFC 9207)", "error": "",
	}}
	exchange := rawDoc{"application/json", "A CI job's token for a short-lived one of a service account (RFC 8693); the request is a form with grant_type, subject_token, subject_token_type, and optionally scope and service_account.", nil}
	signin := []route{
		{post, "/v1/auth/oidc/{provider}/start", "startLogin", anyone, nil, small, asks, 0, do(a.startLogin)},
		{get, "/v1/auth/oidc/{provider}/callback", "endLogin", anyone, nil, 0, domain, 0, raw(back, a.endLogin)},
		{post, "/v1/auth/oidc/{provider}/backchannel", "backchannelLogout", anyone, nil, 0, domain, 0, outside(http.HandlerFunc(a.backchannel))},
		{post, "/v1/auth/again", "signInAgain", signedIn, nil, small, domain, 0, do(a.again)},
		{post, "/v1/auth/cli", "allowCommandLine", signedIn, nil, small, domain, 0, do(a.allowCommandLine)},
		{post, "/v1/auth/cli/token", "redeemCommandLine", anyone, nil, small, domain, created, do(a.redeemCommandLine)},
		{post, "/v1/auth/token-exchange", "exchangeToken", anyone, nil, 0, domain, 0, raw(exchange, a.exchangeToken)},

		{get, "/v1/people", "listPeople", users, nil, 0, none, 0, do(a.people)},
		{post, "/v1/people", "createPerson", users, nil, small, domain, created, do(a.createPerson)},
		{get, "/v1/people/{id}", "getPerson", users, nil, 0, none, 0, do(a.person)},
		{patch, "/v1/people/{id}", "changePerson", users, nil, small, domain, 0, do(a.changePerson)},
		{del, "/v1/people/{id}/sessions", "endPersonsSessions", users, nil, 0, domain, 0, do(a.endPersonsSessions)},
		{del, "/v1/people/{id}/sessions/{session}", "endPersonsSession", users, nil, 0, domain, 0, do(a.endPersonsSession)},
		{post, "/v1/people/{id}/identities", "linkIdentity", users, nil, small, domain, created, do(a.linkIdentity)},
		{del, "/v1/people/{id}/identities", "unlinkIdentity", users, nil, 0, domain, 0, do(a.unlinkIdentity)},
	}
	machines := []route{
		{get, "/v1/service-accounts", "listServiceAccounts", signedIn, nil, 0, none, 0, do(a.serviceAccounts)},
		{post, "/v1/service-accounts", "createServiceAccount", signedIn, nil, small, domain, created, do(a.createServiceAccount)},
		{patch, "/v1/service-accounts/{id}", "changeServiceAccount", signedIn, nil, small, domain, 0, do(a.changeServiceAccount)},
		{del, "/v1/service-accounts/{id}", "deleteServiceAccount", signedIn, nil, 0, domain, 0, do(a.deleteServiceAccount)},
		{get, "/v1/service-accounts/{id}/tokens", "listServiceTokens", signedIn, nil, 0, none, 0, do(a.serviceTokens)},
		{post, "/v1/service-accounts/{id}/tokens", "createServiceToken", signedIn, nil, small, domain, created, do(a.createServiceToken)},
		{del, "/v1/service-accounts/{id}/tokens/{token}", "deleteServiceToken", signedIn, nil, 0, domain, 0, do(a.deleteServiceToken)},
		{get, "/v1/trust-rules", "listTrustRules", signedIn, nil, 0, none, 0, do(a.trustRules)},
		{post, "/v1/trust-rules", "createTrustRule", signedIn, nil, small, domain, created, do(a.createTrustRule)},
		{put, "/v1/trust-rules/{id}", "putTrustRule", signedIn, nil, small, domain, 0, do(a.putTrustRule)},
		{del, "/v1/trust-rules/{id}", "deleteTrustRule", signedIn, nil, 0, domain, 0, do(a.deleteTrustRule)},
	}
	directories := []route{
		{get, "/v1/scim-clients", "listDirectories", users, nil, 0, none, 0, do(a.directories)},
		{post, "/v1/scim-clients", "createDirectory", users, nil, small, domain, created, do(a.createDirectory)},
		{del, "/v1/scim-clients/{id}", "deleteDirectory", users, nil, 0, domain, 0, do(a.deleteDirectory)},
		{"", "/scim/v2/", "scim", anyone, nil, 0, domain, 0, outside(a.scim())},
	}
	return slices.Concat(signin, machines, directories)
}

// freshRoutes are the changes for which a person must have proved itself
// lately, besides those of the policies.
func freshRoutes() []string {
	return []string{
		"createPerson", "changePerson", "linkIdentity", "unlinkIdentity", "patchUser", "createServiceAccount", "changeServiceAccount",
		"createTrustRule", "putTrustRule", "createDirectory",
	}
}

// fresh asks for a fresh sign-in where the route needs one.
func (a *API) fresh(r *http.Request, rt route) error {
	if r.Method == http.MethodGet || !slices.Contains(freshRoutes(), rt.id) && rt.verb != "policy.write" && rt.verb != "policy.confirm" {
		return nil
	}
	return a.auth.Fresh(who(r.Context()))
}
