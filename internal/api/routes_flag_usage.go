package api

// flagUsageRoutes are a group of the table in routes.go.
func (a *API) flagUsageRoutes() []route { return nil }
