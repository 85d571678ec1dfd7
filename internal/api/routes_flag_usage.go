package api

import "net/http"

// flagUsageRoutes are the keys of the flag server and how flags are used.
// Evaluation itself is not here: package flag/serve answers it without a
// database.
func (a *API) flagUsageRoutes() []route {
	get, post, del := http.MethodGet, http.MethodPost, http.MethodDelete
	keys, created := a.flagKeysObject, http.StatusCreated
	return []route{
		{get, "/v1/flag-projects/{project}/keys", "listFlagKeys", "flag.read", keys, 0, none, 0, do(a.listFlagKeys)},
		{post, "/v1/flag-projects/{project}/keys", "createFlagKey", "flag.keys", keys, small, domain, created, do(a.createFlagKey)},
		{post, "/v1/flag-projects/{project}/keys/{id}/rotate", "rotateFlagKey", "flag.keys", keys, small, domain, created, do(a.rotateFlagKey)},
		{del, "/v1/flag-projects/{project}/keys/{id}", "revokeFlagKey", "flag.keys", keys, 0, domain, 0, do(a.revokeFlagKey)},
		{get, "/v1/flag-relays", "listFlagRelays", "flag.relays", nil, 0, none, 0, do(a.listFlagRelays)},
		{post, "/v1/flag-relays", "createFlagRelay", "flag.relays", nil, small, domain, created, do(a.createFlagRelay)},
		{del, "/v1/flag-relays/{id}", "revokeFlagRelay", "flag.relays", nil, 0, domain, 0, do(a.revokeFlagRelay)},

		{get, "/v1/flag-projects/{project}/flags/{key}/usage", "getFlagUsage", "flag.read", keys, 0, none, 0, do(a.flagUsage)},
		{get, "/v1/flag-projects/{project}/usage", "listFlagUsage", "flag.read", keys, 0, none, 0, do(a.flagTotals)},
		{get, "/v1/flags/unknown", "listUnknownFlags", "flag.read", nil, 0, none, 0, do(a.unknownFlags)},
	}
}
