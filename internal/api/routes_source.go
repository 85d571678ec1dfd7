package api

// sourceRoutes is sources of entities, their sweeps and the imports.
func (a *API) sourceRoutes() []route {
	return nil
}
