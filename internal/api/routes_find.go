package api

import "net/http"

// findRoutes is search and the graph.
func (a *API) findRoutes() []route {
	get := http.MethodGet
	return []route{
		{get, "/v1/search", "search", "catalog.read", nil, 0, none, 0, do(a.find)},
		{get, "/v1/blueprints/{bp}/entities/{id}/graph", "getGraph", "catalog.read", nil, 0, none, 0, do(a.graph)},
		{get, "/v1/blueprints/{bp}/entities/{id}/impact", "getImpact", "catalog.read", nil, 0, none, 0, do(a.impact)},
		{get, "/v1/graph/path", "findPath", "catalog.read", nil, 0, none, 0, do(a.path)},
	}
}
