package api

import "net/http"

// sourceRoutes is sources of entities and their sweeps.
func (a *API) sourceRoutes() []route {
	get, put, post := http.MethodGet, http.MethodPut, http.MethodPost
	return []route{
		{get, "/v1/sources", "listSources", "catalog.read", nil, 0, none, 0, do(a.listSources)},
		{get, "/v1/sources/{id}", "getSource", "catalog.read", nil, 0, none, 0, do(a.source)},
		{put, "/v1/sources/{id}", "putSource", "source.decide", a.sourceObject, small, domain, 0, do(a.putSource)},
		{get, "/v1/sources/{id}/sweeps", "listSweeps", "catalog.read", nil, 0, none, 0, do(a.sweeps)},
		{post, "/v1/sources/{id}/sweeps", "beginSweep", "source.report", a.sourceObject, 0, domain, http.StatusCreated, do(a.beginSweep)},
		{get, "/v1/sweeps/held", "listHeldSweeps", "catalog.read", nil, 0, none, 0, do(a.heldSweeps)},
		{get, "/v1/sweeps/{sweep}", "getSweep", "catalog.read", nil, 0, none, 0, do(a.sweep)},
		{post, "/v1/sweeps/{sweep}/pages", "reportSweepPage", "source.report", nil, large, domain, 0, do(a.sweepPage)},
		{post, "/v1/sweeps/{sweep}/complete", "completeSweep", "source.report", nil, small, domain, 0, do(a.completeSweep)},
		{post, "/v1/sweeps/{sweep}/fail", "failSweep", "source.report", nil, small, domain, 0, do(a.failSweep)},
		{post, "/v1/sweeps/{sweep}/decision", "decideSweep", "source.decide", nil, small, domain, 0, do(a.decideSweep)},
	}
}
