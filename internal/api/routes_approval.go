package api

// approvalRoutes are a group of the table in routes.go.
func (a *API) approvalRoutes() []route { return nil }
