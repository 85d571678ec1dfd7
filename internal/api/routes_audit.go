package api

// auditRoutes are a group of the table in routes.go.
func (a *API) auditRoutes() []route { return nil }
