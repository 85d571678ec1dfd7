package api

// flagRoutes are a group of the table in routes.go.
func (a *API) flagRoutes() []route { return nil }
