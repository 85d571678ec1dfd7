package api

import (
	"net/http"
	"slices"
)

// routes is everything the portal answers. A handler that has no line here
// keeps the server from starting.
//
// method, path | operation | permission and its object | body limit | audit | status | handler
func (a *API) routes() []route {
	var (
		get, post, del    = http.MethodGet, http.MethodPost, http.MethodDelete
		created, accepted = http.StatusCreated, http.StatusAccepted

		aRun, repo, pull = a.runObject, a.repositoryObject, a.pullObject
	)
	csvDoc := rawDoc{"text/csv", "The rows of the same search, as a file.", map[string]string{
		"q": "Text to look for", "rules": "JSON list of {property, operator, value}", "query": "JSON of the search language: {combinator, rules}", "columns": "Comma-separated; all when absent", "sort": "", "desc": "",
	}}
	jsonDoc := rawDoc{"application/json", "The entities of the same search, as one document: {entities}.", map[string]string{
		"q": "Text to look for", "rules": "JSON list of {property, operator, value}", "query": "JSON of the search language: {combinator, rules}", "sort": "", "desc": "",
	}}
	runDoc := rawDoc{"text/event-stream", "Events: run (the run), log (a line, its seq is the id), end. Resumes after Last-Event-ID.", nil}
	instanceDoc := rawDoc{"text/event-stream", "Events: instance (the instance), log (a line, its seq is the id). Resumes after Last-Event-ID.", nil}
	hintDoc := rawDoc{"text/event-stream", "Events: hint {topic, id}: something changed, look again. Topics: run, entity, pull_request, instance, audit, view.", nil}
	specDoc := rawDoc{"application/json", "This document, OpenAPI 3.1.", nil}
	own := []route{
		{get, "/livez", "live", anyone, nil, 0, none, 0, do(a.live)},
		{get, "/readyz", "ready", anyone, nil, 0, none, 0, do(a.ready)},
		{get, "/metrics", "metrics", anyone, nil, 0, none, 0, outside(a.metrics.handler)},
		{get, "/v1/openapi.json", "openapi", anyone, nil, 0, none, 0, raw(specDoc, a.openapi)},
		{"", "/git/", "git", anyone, nil, 0, domain, 0, outside(a.git())},
		{"", "/run/{env}/{service}/", "proxy", anyone, nil, 0, domain, 0, outside(http.HandlerFunc(a.proxy))},
		{"", "/run/{env}/{service}", "proxyRoot", anyone, nil, 0, domain, 0, outside(http.HandlerFunc(a.proxy))},

		{get, "/v1/status", "status", anyone, nil, 0, none, 0, do(a.status)},
		{post, "/v1/auth/login", "login", anyone, nil, small, domain, 0, do(a.login)},
		{post, "/v1/auth/logout", "logout", anyone, nil, 0, domain, 0, do(a.logout)},
		{post, "/v1/setup", "setup", anyone, nil, small, domain, 0, do(a.setup)},
		{get, "/v1/me", "me", signedIn, nil, 0, none, 0, do(a.me)},
		{get, "/v1/home", "home", signedIn, nil, 0, none, 0, do(a.home)},
		{get, "/v1/events", "events", signedIn, nil, 0, none, 0, raw(hintDoc, a.events)},
		{get, "/v1/tokens", "listTokens", signedIn, nil, 0, none, 0, do(a.tokens)},
		{post, "/v1/tokens", "createToken", signedIn, nil, small, domain, created, do(a.createToken)},
		{del, "/v1/tokens/{id}", "deleteToken", signedIn, nil, 0, domain, 0, do(a.deleteToken)},
		{get, "/v1/sessions", "listSessions", signedIn, nil, 0, none, 0, do(a.sessions)},
		{del, "/v1/sessions/{id}", "revokeSession", signedIn, nil, 0, domain, 0, do(a.revokeSession)},
		{get, "/v1/audit", "listAuditEvents", "audit.read", a.auditObject, 0, none, 0, do(a.auditEvents)},
		{get, "/v1/insights/first-answer", "firstAnswer", "insight.read", nil, 0, none, 0, do(a.firstAnswer)},

		{post, "/v1/blueprints/{bp}/entities/search", "searchEntities", "catalog.read", nil, normal, asks, 0, do(a.searchEntities)},
		{get, "/v1/blueprints/{bp}/entities.csv", "exportEntities", "catalog.read", nil, 0, none, 0, raw(csvDoc, a.entitiesCSV)},
		{get, "/v1/blueprints/{bp}/entities.json", "exportEntitiesJSON", "catalog.read", nil, 0, none, 0, raw(jsonDoc, a.entitiesJSON)},
		{get, "/v1/blueprints/{bp}/entities/{id}/dependents", "listDependents", "catalog.read", nil, 0, none, 0, do(a.dependents)},
		{post, "/v1/import", "importCatalog", "catalog.read", nil, huge, domain, 0, do(a.importFiles)},
		{post, "/v1/convert", "convertFiles", "catalog.read", nil, huge, asks, 0, do(a.convertFiles)},
		{post, "/v1/apply", "applyFiles", "catalog.read", nil, huge, domain, 0, do(a.applyFiles)},
		{get, "/v1/export", "exportCatalog", "catalog.read", nil, 0, none, 0, do(a.export)},

		{get, "/v1/actions", "listActions", signedIn, nil, 0, none, 0, do(a.listActions)},
		{get, "/v1/actions/{action}", "getAction", signedIn, nil, 0, none, 0, do(a.action)},
		{post, "/v1/actions/{action}/plans", "planAction", signedIn, nil, normal, domain, created, do(a.planAction)},
		{post, "/v1/actions/{action}/runs", "applyPlan", signedIn, nil, small, domain, accepted, do(a.applyPlan)},
		{post, "/v1/actions/{action}/verify", "verifyAction", "catalog.read", nil, normal, asks, 0, do(a.verifyAction)},
		{get, "/v1/plans/{id}", "getPlan", "run.read", nil, 0, none, 0, do(a.plan)},
		{get, "/v1/runs", "listRuns", "run.read", nil, 0, none, 0, do(a.listRuns)},
		{get, "/v1/runs/{id}", "getRun", "run.read", nil, 0, none, 0, do(a.run)},
		{get, "/v1/runs/{id}/logs", "getRunLogs", "run.read", nil, 0, none, 0, orText(do(a.runLogs), a.runLogText)},
		{get, "/v1/runs/{id}/events", "followRun", "run.read", nil, 0, none, 0, raw(runDoc, a.runEvents)},
		{post, "/v1/runs/{id}/cancel", "cancelRun", "run.cancel", aRun, 0, domain, accepted, do(a.cancelRun)},
		{post, "/v1/runs/{id}/retry", "retryRun", "run.retry", aRun, 0, domain, accepted, do(a.retryRun)},
		{post, "/v1/runs/{id}/approval", "decideRun", "run.approve", aRun, small, domain, accepted, do(a.decideRun)},
		{get, "/v1/runs/{id}/undo", "planUndo", "run.read", nil, 0, none, 0, do(a.undoPlan)},
		{post, "/v1/runs/{id}/undo", "undoRun", "run.undo", aRun, small, domain, accepted, do(a.undoRun)},

		{get, "/v1/repositories", "listRepositories", "forge.read", nil, 0, none, 0, do(a.repositories)},
		{get, "/v1/repositories/{repo}", "getRepository", "forge.read", nil, 0, none, 0, do(a.repository)},
		{get, "/v1/repositories/{repo}/branches", "listBranches", "forge.read", nil, 0, none, 0, do(a.branches)},
		{get, "/v1/repositories/{repo}/commits", "listCommits", "forge.read", nil, 0, none, 0, do(a.commits)},
		{get, "/v1/repositories/{repo}/commits/{sha}", "getCommit", "forge.read", nil, 0, none, 0, do(a.commit)},
		{get, "/v1/repositories/{repo}/tree", "getTree", "forge.read", nil, 0, none, 0, do(a.tree)},
		{get, "/v1/repositories/{repo}/file", "getFile", "forge.read", nil, 0, none, 0, do(a.file)},
		{get, "/v1/repositories/{repo}/compare", "compare", "forge.read", nil, 0, none, 0, do(a.compare)},
		{get, "/v1/repositories/{repo}/statuses/{sha}", "listStatuses", "forge.read", nil, 0, none, 0, do(a.statuses)},
		{post, "/v1/repositories/{repo}/statuses/{sha}", "setStatus", "forge.write", repo, small, domain, created, do(a.setStatus)},
		{get, "/v1/repositories/{repo}/webhooks", "listWebhooks", "forge.merge", repo, 0, none, 0, do(a.webhooks)},
		{post, "/v1/repositories/{repo}/webhooks", "setWebhook", "forge.merge", repo, small, domain, created, do(a.setWebhook)},
		{del, "/v1/repositories/{repo}/webhooks/{id}", "deleteWebhook", "forge.merge", repo, 0, domain, 0, do(a.deleteWebhook)},
		{get, "/v1/pull-requests", "listPullRequests", "forge.read", nil, 0, none, 0, do(a.pulls)},
		{get, "/v1/repositories/{repo}/pull-requests", "listRepositoryPullRequests", "forge.read", nil, 0, none, 0, do(a.repoPulls)},
		{post, "/v1/repositories/{repo}/pull-requests", "openPullRequest", "forge.write", repo, normal, domain, created, do(a.openPull)},
		{get, "/v1/repositories/{repo}/pull-requests/{n}", "getPullRequest", "forge.read", nil, 0, none, 0, do(a.pull)},
		{get, "/v1/repositories/{repo}/pull-requests/{n}/diff", "getPullRequestDiff", "forge.read", nil, 0, none, 0, do(a.pullDiff)},
		{post, "/v1/repositories/{repo}/pull-requests/{n}/comments", "commentPullRequest", "forge.read", pull, normal, domain, created, do(a.commentPull)},
		{post, "/v1/repositories/{repo}/pull-requests/{n}/reviews", "reviewPullRequest", "forge.review", pull, normal, domain, created, do(a.reviewPull)},
		{post, "/v1/repositories/{repo}/pull-requests/{n}/merge", "mergePullRequest", "forge.merge", pull, small, domain, 0, do(a.mergePull)},
		{post, "/v1/repositories/{repo}/pull-requests/{n}/close", "closePullRequest", "forge.merge", pull, 0, domain, 0, do(a.closePull)},

		{get, "/v1/services/{name}/instances", "listInstances", "catalog.read", nil, 0, none, 0, do(a.instances)},
		{get, "/v1/services/{name}/deployments", "listDeployments", "catalog.read", nil, 0, none, 0, do(a.deployments)},
		{get, "/v1/services/{name}/checks", "checkService", "catalog.read", nil, 0, none, 0, do(a.serviceChecks)},
		{get, "/v1/services/{name}/instances/{env}/logs", "getInstanceLogs", "catalog.read", nil, 0, none, 0, do(a.instanceLogs)},
		{get, "/v1/services/{name}/instances/{env}/events", "followInstance", "catalog.read", nil, 0, none, 0, raw(instanceDoc, a.instanceEvents)},
	}
	// Further groups, each in its own file.
	return slices.Concat(own, a.portRoutes(), a.modelRoutes(), a.historyRoutes(), a.findRoutes(), a.sourceRoutes(), a.viewRoutes(),
		a.policyRoutes(), a.accessRoutes(), a.signinRoutes(), a.approvalRoutes(), a.auditRoutes(), a.notifyRoutes(), a.flagRoutes(), a.flagUsageRoutes())
}
