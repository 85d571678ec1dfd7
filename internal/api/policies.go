package api

import (
	"context"
	"net/http"

	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/policy"
)

func (a *API) policyCollection(*http.Request) (auth.Object, error) {
	return auth.Object{Kind: "policy"}, nil
}

// policyObject is the change of the address with its author, who cannot confirm
// it.
func (a *API) policyObject(r *http.Request) (auth.Object, error) {
	c, err := a.policies.Change(r.Context(), r.PathValue("id"))
	if fault.Is(err, fault.NotFound) {
		err = nil // the handler says so
	}
	return auth.Object{Kind: "policy", ID: c.ID, Author: c.Author}, err
}

// accountObject names the account that was asked for: who may not look as
// others does not learn which there are.
func (a *API) accountObject(r *http.Request) (auth.Object, error) {
	return auth.Object{Kind: "user", ID: r.PathValue("user")}, nil
}

func personWho(ctx context.Context) policy.Person {
	p := who(ctx)
	return policy.Person{ID: p.ID, Name: p.Name}
}

type policiesAnswer struct {
	Answer
	// Set is what administrators wrote, List every policy in force.
	Set     policy.Set      `json:"set"`
	List    []policy.Info   `json:"list"`
	Waiting []policy.Change `json:"waiting"`
	// Alone says that nobody else could confirm a change.
	Alone bool `json:"alone"`
}

func (a *API) getPolicies(ctx context.Context, _ *struct{}) (*policiesAnswer, error) {
	set, err := a.policies.Current(ctx)
	if err != nil {
		return nil, err
	}
	list, err := a.auth.Policies().List()
	if err != nil {
		return nil, err
	}
	waiting, _, err := a.policies.Changes(ctx, true, "")
	if err != nil {
		return nil, err
	}
	n, err := a.auth.Administrators(ctx, a.db.Read())
	return &policiesAnswer{Set: set, List: list, Waiting: waiting, Alone: n < 2}, err
}

type schemaAnswer struct {
	Answer
	Schema string `json:"schema" doc:"The types that policies may ask about, in Cedar's schema language"`
}

func (a *API) policySchema(ctx context.Context, _ *struct{}) (*schemaAnswer, error) {
	text, err := a.policies.Schema(ctx)
	return &schemaAnswer{Schema: text}, err
}

type draftInput struct {
	Body policy.Draft `nameHint:"PolicyDraft"`
}

type policyReportAnswer struct {
	Answer
	Report policy.Report `json:"report"`
}

func (a *API) checkPolicies(ctx context.Context, in *draftInput) (*policyReportAnswer, error) {
	r, err := a.policies.Check(ctx, in.Body)
	return &policyReportAnswer{Report: r}, err
}

type changesInput struct {
	From string `query:"from" maxLength:"100" doc:"The next of the page before"`
	Open bool   `query:"open" doc:"Only those that wait for a second person"`
}

type policyChangesAnswer struct {
	Answer
	Changes []policy.Change `json:"changes"`
	Next    string          `json:"next,omitempty"`
}

func (a *API) policyChanges(ctx context.Context, in *changesInput) (*policyChangesAnswer, error) {
	list, next, err := a.policies.Changes(ctx, in.Open, in.From)
	return &policyChangesAnswer{Changes: list, Next: next}, err
}

type policyChangeAnswer struct {
	Answer
	Change policy.Change `json:"change"`
}

func (a *API) proposePolicies(ctx context.Context, in *draftInput) (*policyChangeAnswer, error) {
	c, _, err := a.policies.Propose(ctx, personWho(ctx), in.Body)
	return &policyChangeAnswer{Change: c}, err
}

type PolicyChangePath struct {
	ID string `path:"id" maxLength:"100"`
}

func (a *API) policyChange(ctx context.Context, in *PolicyChangePath) (*policyChangeAnswer, error) {
	c, err := a.policies.Change(ctx, in.ID)
	return &policyChangeAnswer{Change: c}, err
}

type decidePoliciesInput struct {
	PolicyChangePath
	Body struct {
		Comment string `json:"comment,omitempty" maxLength:"500"`
	} `nameHint:"PolicyDecision"`
}

func (a *API) confirmPolicies(ctx context.Context, in *decidePoliciesInput) (*policyChangeAnswer, error) {
	c, err := a.policies.Confirm(ctx, personWho(ctx), in.ID, in.Body.Comment)
	return &policyChangeAnswer{Change: c}, err
}

func (a *API) rejectPolicies(ctx context.Context, in *decidePoliciesInput) (*policyChangeAnswer, error) {
	c, err := a.policies.Reject(ctx, personWho(ctx), in.ID, in.Body.Comment)
	return &policyChangeAnswer{Change: c}, err
}

type viewAsInput struct {
	User string `path:"user" maxLength:"100"`
}

func (a *API) viewAs(ctx context.Context, in *viewAsInput) (*userAnswer, error) {
	u, err := a.auth.ViewAs(ctx, who(ctx), in.User)
	return &userAnswer{User: u}, err
}

func (a *API) endViewAs(ctx context.Context, _ *struct{}) (*Done, error) {
	return &Done{}, a.auth.EndViewAs(ctx, who(ctx))
}
