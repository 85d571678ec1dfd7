package api

// policyRoutes are a group of the table in routes.go.
func (a *API) policyRoutes() []route { return nil }
