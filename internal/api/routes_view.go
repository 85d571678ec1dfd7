package api

// viewRoutes is saved views.
func (a *API) viewRoutes() []route {
	return nil
}
