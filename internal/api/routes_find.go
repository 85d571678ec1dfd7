package api

import "net/http"

// findRoutes is search and the graph.
func (a *API) findRoutes() []route {
	get := http.MethodGet
	return []route{
		{get, "/v1/search", "search", "catalog.read", nil, 0, none, 0, do(a.find)},
	}
}
