package api

import "net/http"

// approvalRoutes is approvals: the inbox, rules, delegations and holds.
// Decisions are made on the run, see decideRun.
func (a *API) approvalRoutes() []route {
	get, post, put, del := http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete
	created := http.StatusCreated
	return []route{
		{get, "/v1/approvals", "listApprovals", "run.read", nil, 0, none, 0, do(a.listApprovals)},
		{get, "/v1/approvals/{id}", "getApproval", "run.read", nil, 0, none, 0, do(a.approval)},
		{get, "/v1/insights/approvals", "approvalTimes", "insight.read", nil, 0, none, 0, do(a.approvalTimes)},
		{get, "/v1/approval-rules", "listApprovalRules", "run.read", nil, 0, none, 0, do(a.approvalRules)},
		{post, "/v1/approval-rules", "createApprovalRule", "approval.write", nil, normal, domain, created, do(a.createApprovalRule)},
		{put, "/v1/approval-rules/{id}", "putApprovalRule", "approval.write", nil, normal, domain, 0, do(a.putApprovalRule)},
		{del, "/v1/approval-rules/{id}", "deleteApprovalRule", "approval.write", nil, 0, domain, 0, do(a.deleteApprovalRule)},
		{get, "/v1/approval-delegations", "listDelegations", signedIn, nil, 0, none, 0, do(a.delegations)},
		{post, "/v1/approval-delegations", "createDelegation", signedIn, nil, small, domain, created, do(a.createDelegation)},
		{del, "/v1/approval-delegations/{id}", "endDelegation", signedIn, nil, 0, domain, 0, do(a.endDelegation)},
		{get, "/v1/holds", "listHolds", "run.read", nil, 0, none, 0, do(a.holds)},
		{post, "/v1/holds", "createHold", "run.hold", nil, small, domain, created, do(a.createHold)},
		{del, "/v1/holds/{id}", "liftHold", "run.hold", nil, 0, domain, 0, do(a.liftHold)},
	}
}
