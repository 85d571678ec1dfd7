package api

import "net/http"

// modelRoutes is the blueprint builder: previews, jq, scorecards, bulk edit.
func (a *API) modelRoutes() []route {
	return []route{
		{http.MethodPost, "/v1/jq", "runJq", "catalog.read", nil, normal, asks, 0, do(a.runJq)},
	}
}
