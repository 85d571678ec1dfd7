package api

// findRoutes is search, facets and the graph.
func (a *API) findRoutes() []route {
	return nil
}
