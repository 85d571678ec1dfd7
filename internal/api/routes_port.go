package api

// portRoutes is what Port's clients need beyond the routes of routes.go; see package portapi.
func (a *API) portRoutes() []route {
	return nil
}
