package api

import "net/http"

// modelRoutes is the blueprint builder: previews, jq, scorecards, bulk edit.
func (a *API) modelRoutes() []route {
	return []route{
		{http.MethodPost, "/v1/jq", "runJq", "catalog.read", nil, normal, asks, 0, do(a.runJq)},
		{http.MethodPost, "/v1/blueprints/{bp}/preview", "previewBlueprint", "catalog.read", nil, normal, asks, 0, do(a.previewBlueprint)},
		{http.MethodPost, "/v1/blueprints/{bp}/rename-preview", "previewRename", "blueprint.write", nil, small, asks, 0, do(a.previewRename)},
		{http.MethodPost, "/v1/blueprints/{bp}/bulk-edit", "bulkEditEntities", "catalog.read", nil, normal, domain, 0, do(a.bulkEdit)},
		{http.MethodGet, "/v1/blueprints/{bp}/entities/{id}/explain/{property}", "explainProperty", "catalog.read", nil, 0, none, 0, do(a.explain)},
	}
}
