package api

// historyRoutes is the past of the catalog: versions, restore, undo.
func (a *API) historyRoutes() []route {
	return nil
}
