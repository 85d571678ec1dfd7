package api

// modelRoutes is the blueprint builder: previews, jq, scorecards, bulk edit.
func (a *API) modelRoutes() []route {
	return nil
}
