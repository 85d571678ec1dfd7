package api

import (
	"net/http"
	"testing"

	"sphera/client"
)

// TestGeneratedClient talks to the API with what was generated from its
// document: what the document promises is what is answered.
func TestGeneratedClient(t *testing.T) {
	h := sqlite(t, Options{})
	id := h.fixtures()
	c, err := client.NewClientWithResponses(h.server.URL, client.WithToken(h.tokens["developer"]))
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	me, err := c.MeWithResponse(ctx)
	if err != nil || me.JSON200 == nil || me.JSON200.User.Email != "developer@example.com" {
		t.Errorf("me: %v %+v", err, me)
	}
	entity, err := c.GetEntityWithResponse(ctx, "Component", "my/api", nil)
	if err != nil || entity.JSON200 == nil || entity.JSON200.Entity.Title != "My API" {
		t.Errorf("an entity with a slash in its name: %v %+v", err, entity)
	}
	text := "my"
	found, err := c.SearchEntitiesWithResponse(ctx, "Component", client.EntitySearch{Text: &text})
	if err != nil || found.JSON200 == nil || found.JSON200.Total != 1 {
		t.Errorf("search: %v %+v", err, found)
	}
	pull, err := c.GetPullRequestWithResponse(ctx, "group/r", 1)
	if err != nil || pull.JSON200 == nil || pull.JSON200.PullRequest.Title != "Change a" {
		t.Errorf("a pull request: %v %+v", err, pull)
	}
	run, err := c.GetRunWithResponse(ctx, id)
	if err != nil || run.JSON200 == nil || run.JSON200.Run.Steps == nil || len(*run.JSON200.Run.Steps) != 1 {
		t.Errorf("a run: %v %+v", err, run)
	}
	none, err := c.GetRunWithResponse(ctx, "none")
	if err != nil || none.StatusCode() != http.StatusNotFound || none.JSONDefault == nil || none.JSONDefault.Error != "not_found" {
		t.Errorf("a failure: %v %+v", err, none)
	}
}
