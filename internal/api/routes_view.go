package api

import "net/http"

// viewRoutes is saved views. Everybody who reads the catalog has views; whose
// they are is decided by package view.
func (a *API) viewRoutes() []route {
	return []route{
		{http.MethodGet, "/v1/views", "listViews", "catalog.read", nil, 0, none, 0, do(a.listViews)},
		{http.MethodPost, "/v1/views", "createView", "catalog.read", nil, small, domain, http.StatusCreated, do(a.createView)},
		{http.MethodPut, "/v1/views/{id}", "putView", "catalog.read", nil, small, domain, 0, do(a.putView)},
		{http.MethodDelete, "/v1/views/{id}", "deleteView", "catalog.read", nil, 0, domain, 0, do(a.deleteView)},
	}
}
