package api

import "net/http"

// historyRoutes is the past of the catalog: versions, restore, undo.
func (a *API) historyRoutes() []route {
	get, post := http.MethodGet, http.MethodPost
	const entity = "/v1/blueprints/{bp}/entities/{id}"
	return []route{
		{get, entity + "/history", "listEntityVersions", "catalog.read", nil, 0, none, 0, do(a.entityVersions)},
		{get, entity + "/at", "getEntityAt", "catalog.read", nil, 0, none, 0, do(a.entityAt)},
		{get, entity + "/compare", "compareEntity", "catalog.read", nil, 0, none, 0, do(a.compareEntity)},
		{post, entity + "/history/{version}/undo", "undoEntityVersion", "catalog.write", a.historyObject, 0, domain, 0, do(a.undoVersion)},
		{get, entity + "/provenance", "getProvenance", "catalog.read", nil, 0, none, 0, do(a.provenance)},
		{get, "/v1/deleted", "listDeletedEntities", "catalog.read", nil, 0, none, 0, do(a.deletedEntities)},
		{post, "/v1/deleted/{versionId}/restore", "restoreEntity", "catalog.write", a.deletedObject, 0, domain, 0, do(a.restoreEntity)},
		{get, "/v1/blueprints/{bp}/history", "listBlueprintVersions", "catalog.read", nil, 0, none, 0, do(a.blueprintVersions)},
		{get, "/v1/deleted/blueprints", "listDeletedBlueprints", "catalog.read", nil, 0, none, 0, do(a.deletedBlueprints)},
		{post, "/v1/deleted/blueprints/{bp}/restore", "restoreBlueprint", "blueprint.write", nil, 0, domain, 0, do(a.restoreBlueprint)},
	}
}
