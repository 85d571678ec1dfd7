package api

// signinRoutes are a group of the table in routes.go.
func (a *API) signinRoutes() []route { return nil }
