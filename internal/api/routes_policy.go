package api

import "net/http"

// policyRoutes are policies, and the questions about who may do what.
func (a *API) policyRoutes() []route {
	get, post, del := http.MethodGet, http.MethodPost, http.MethodDelete
	const changes = "/v1/access/policies/changes"
	return []route{
		{get, "/v1/access/what", "whatCanIDo", signedIn, nil, 0, none, 0, do(a.whatCanIDo)},
		{get, "/v1/access/why", "whyNot", signedIn, nil, 0, none, 0, do(a.whyNot)},
		{get, "/v1/access/who", "whoCan", "access.read", nil, 0, none, 0, do(a.whoCan)},
		{get, "/v1/access/verbs", "listVerbs", signedIn, nil, 0, none, 0, do(a.verbs)},
		{post, "/v1/access/view-as/{user}", "viewAs", "access.view-as", a.accountObject, 0, domain, 0, do(a.viewAs)},
		{del, "/v1/access/view-as", endViewAs, signedIn, nil, 0, domain, 0, do(a.endViewAs)},
		{get, "/v1/access/policies", "getPolicies", "policy.read", nil, 0, none, 0, do(a.getPolicies)},
		{get, "/v1/access/schema", "getPolicySchema", "policy.read", nil, 0, none, 0, do(a.policySchema)},
		{post, "/v1/access/policies/check", "checkPolicies", "policy.read", nil, normal, asks, 0, do(a.checkPolicies)},
		{get, changes, "listPolicyChanges", "policy.read", nil, 0, none, 0, do(a.policyChanges)},
		{post, changes, "proposePolicies", "policy.write", a.policyCollection, normal, domain, http.StatusCreated, do(a.proposePolicies)},
		{get, changes + "/{id}", "getPolicyChange", "policy.read", nil, 0, none, 0, do(a.policyChange)},
		{post, changes + "/{id}/confirm", "confirmPolicies", "policy.confirm", a.policyObject, small, domain, 0, do(a.confirmPolicies)},
		{post, changes + "/{id}/reject", "rejectPolicies", "policy.write", a.policyObject, small, domain, 0, do(a.rejectPolicies)},
	}
}

// endViewAs is the one change that somebody who views as somebody else can make.
const endViewAs = "endViewAs"
