package api

import "net/http"

// flagRoutes are a group of the table in routes.go: feature flags as people
// change them. How they are served to programs is in routes_flag_usage.go.
func (a *API) flagRoutes() []route {
	var (
		get, post, put, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete
		created, accepted   = http.StatusCreated, http.StatusAccepted

		project, one = a.flagProjectObject, a.flagObject
	)
	const (
		projects = "/v1/flag-projects"
		flags    = projects + "/{project}/flags"
		aFlag    = flags + "/{key}"
		segments = projects + "/{project}/segments"
	)
	exportDoc := rawDoc{"application/json", "The flags as flagd reads them.", map[string]string{"environment": "The environment"}}
	return []route{
		{get, projects, "listFlagProjects", "flag.read", nil, 0, none, 0, do(a.listFlagProjects)},
		{post, projects, "createFlagProject", "flag.read", nil, small, domain, created, do(a.createFlagProject)},
		{get, projects + "/{project}", "getFlagProject", "flag.read", nil, 0, none, 0, do(a.flagProject)},
		{put, projects + "/{project}", "putFlagProject", "flag.write", project, normal, domain, 0, do(a.putFlagProject)},

		{get, "/v1/flags", "listFlags", "flag.read", nil, 0, none, 0, do(a.listFlags)},
		{get, "/v1/flags/stale", "listStaleFlags", "flag.read", nil, 0, none, 0, do(a.staleFlags)},
		{get, "/v1/flags/schedule", "listFlagSchedule", "flag.read", nil, 0, none, 0, do(a.flagSchedule)},
		{post, "/v1/flags/bulk", "changeFlags", "flag.read", nil, normal, domain, 0, do(a.bulkFlags)},

		{get, flags, "listProjectFlags", "flag.read", nil, 0, none, 0, do(a.projectFlags)},
		{post, flags, "createFlag", "flag.write", project, normal, domain, created, do(a.createFlag)},
		{get, aFlag, "getFlag", "flag.read", nil, 0, none, 0, do(a.getFlag)},
		{put, aFlag, "putFlag", "flag.write", one, normal, domain, 0, do(a.putFlag)},
		{del, aFlag, "deleteFlag", "flag.write", one, 0, domain, 0, do(a.deleteFlag)},
		{put, aFlag + "/environments/{env}", "putFlagEnvironment", "flag.write", one, normal, domain, 0, do(a.putFlagEnvironment)},
		{post, aFlag + "/environments/{env}/preview", "previewFlag", "flag.read", nil, normal, asks, 0, do(a.previewFlag)},
		{get, aFlag + "/history", "getFlagHistory", "flag.read", nil, 0, none, 0, do(a.flagHistory)},
		{get, aFlag + "/references", "getFlagReferences", "flag.read", nil, 0, none, 0, do(a.flagReferences)},
		{post, aFlag + "/revert", "revertFlag", "flag.write", one, small, domain, 0, do(a.revertFlag)},
		{post, aFlag + "/promote", "promoteFlag", "flag.write", one, small, domain, 0, do(a.promoteFlag)},
		{post, aFlag + "/clone", "cloneFlag", "flag.read", nil, small, domain, created, do(a.cloneFlag)},
		{post, aFlag + "/archive", "archiveFlag", "flag.write", one, small, domain, 0, do(a.archiveFlag)},
		{post, aFlag + "/restore", "restoreFlag", "flag.write", one, small, domain, 0, do(a.restoreFlag)},

		{post, projects + "/{project}/evaluate", "evaluateFlags", "flag.read", nil, normal, asks, 0, do(a.evaluateFlags)},
		{get, projects + "/{project}/export", "exportFlags", "flag.read", nil, 0, none, 0, raw(exportDoc, a.exportFlags)},
		{post, projects + "/{project}/import", "importFlags", "flag.write", project, large, domain, 0, do(a.importFlags)},

		{get, segments, "listFlagSegments", "flag.read", nil, 0, none, 0, do(a.flagSegments)},
		{post, segments, "putFlagSegment", "flag.write", project, normal, domain, 0, do(a.putFlagSegment)},
		{del, segments + "/{key}", "deleteFlagSegment", "flag.write", project, 0, domain, 0, do(a.deleteFlagSegment)},

		{get, projects + "/{project}/proposals", "listFlagProposals", "flag.read", nil, 0, none, 0, do(a.flagProposals)},
		{post, projects + "/{project}/proposals/{id}/decision", "decideFlagProposal", "flag.approve", a.flagProposalObject, small, domain, accepted, do(a.decideFlagProposal)},
		{del, projects + "/{project}/proposals/{id}", "withdrawFlagProposal", "flag.write", a.flagProposalObject, 0, domain, 0, do(a.withdrawFlagProposal)},
	}
}
