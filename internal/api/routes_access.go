package api

// accessRoutes are a group of the table in routes.go.
func (a *API) accessRoutes() []route { return nil }
