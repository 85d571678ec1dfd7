package api

import "net/http"

// auditRoutes are a group of the table in routes.go.
func (a *API) auditRoutes() []route {
	get, post := http.MethodGet, http.MethodPost
	exportDoc := rawDoc{"application/x-ndjson", "Sealed events in the order of the chain, one JSON object a line, each with its position. Ask again from the last line that arrived whole: every event comes at least once. X-Next-Position is where the answer ends.", map[string]string{
		"format": "jsonl (default; verifiable) or ocsf", "from": "Position of the last line that you have; 0 for the beginning", "since": "RFC 3339, instead of from", "limit": "Lines, up to 100000; 10000 when absent",
	}}
	return []route{
		{get, "/v1/audit/chain", "getAuditChain", "audit.read", nil, 0, none, 0, do(a.auditChain)},
		{post, "/v1/audit/export", "exportAudit", "audit.read", nil, 0, domain, 0, raw(exportDoc, a.exportAudit)},
		{get, "/v1/blueprints/{bp}/entities/{id}/timeline", "getTimeline", "catalog.read", a.historyObject, 0, none, 0, do(a.timeline)},
	}
}
