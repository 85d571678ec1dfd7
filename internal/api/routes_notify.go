package api

// notifyRoutes are a group of the table in routes.go.
func (a *API) notifyRoutes() []route { return nil }
