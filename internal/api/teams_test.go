package api

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"sphera/internal/auth"
)

// TestATeamIsRenamedAndDeletedWithWhatItHas: a new name takes people, entities,
// repositories and service accounts along; a team that owns something is deleted
// only when another one gets it.
func TestATeamIsRenamedAndDeletedWithWhatItHas(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		h.fixtures()
		dev := auth.Principal{User: h.users["developer"], Via: auth.ViaSession, AuthAt: time.Now()}
		service, err := h.auth.CreateService(t.Context(), dev, auth.ServiceAccount{Name: "robot", Team: "checkout", Roles: []string{auth.Developer}})
		if err != nil {
			t.Fatal(err)
		}
		robot, _, err := h.auth.CreateServiceToken(t.Context(), dev, service.ID, "ci", 0, nil)
		if err != nil {
			t.Fatal(err)
		}
		owner := func() string {
			t.Helper()
			got := h.must("viewer", "GET", "/v1/blueprints/Component/entities/my%2Fapi", nil)
			team, _ := got.field("entity.team").([]any)
			repository, err := h.api.forge.Repository(auth.WithPrincipal(t.Context(), auth.System("a test")), "group/r")
			if err != nil || len(team) != 1 {
				t.Fatalf("%v %v", team, err)
			}
			p, err := h.auth.Authenticate(t.Context(), robot)
			if err != nil {
				t.Errorf("the service account stopped working: %v", err)
			}
			return strings.Join([]string{team[0].(string), repository.Owner, strings.Join(p.Teams, "+"), strings.Join(h.teamsOf("developer"), "+")}, " ")
		}
		held := h.must("administrator", "GET", "/v1/teams/checkout/holdings", nil)
		if !strings.Contains(held.text, `"blueprint":"Component","title":"Component","count":1`) || held.field("holdings.repositories") != 1.0 || held.field("holdings.serviceAccounts") != 1.0 {
			t.Errorf("what it has: %s", held.text)
		}
		refused := h.call("administrator", "DELETE", "/v1/teams/checkout", nil)
		if refused.status != http.StatusForbidden || refused.json["rule"] != "team-owns-things" || !strings.Contains(refused.text, "1 of Component, 1 repositories, 1 service accounts") {
			t.Errorf("deleted with all it owns: %d %s", refused.status, refused.text)
		}
		h.must("administrator", "PATCH", "/v1/teams/checkout", map[string]any{"name": "Cash Desk"})
		if got := owner(); got != "Cash Desk Cash Desk Cash Desk Cash Desk" {
			t.Errorf("after the new name: %s", got)
		}
		if got := h.call("administrator", "GET", "/v1/teams/checkout", nil); got.status != http.StatusNotFound {
			t.Errorf("the old name: %d", got.status)
		}
		if got := h.call("administrator", "PATCH", "/v1/teams/Cash%20Desk", map[string]any{"name": "platform"}); got.status != http.StatusConflict {
			t.Errorf("a name that is taken: %d %s", got.status, got.text)
		}
		for _, to := range []string{"nobody", "Cash%20Desk"} {
			if got := h.call("administrator", "DELETE", "/v1/teams/Cash%20Desk?moveTo="+to, nil); got.status != http.StatusUnprocessableEntity {
				t.Errorf("given to %s: %d %s", to, got.status, got.text)
			}
		}
		if got := owner(); got != "Cash Desk Cash Desk Cash Desk Cash Desk" {
			t.Errorf("what was refused has moved something: %s", got)
		}
		if _, err := h.auth.UpdateUser(t.Context(), dev.ID, auth.UserChange{Teams: &[]string{"Cash Desk", "platform"}}, "system"); err != nil {
			t.Fatal(err)
		}
		if got := h.call("administrator", "DELETE", "/v1/teams/Cash%20Desk?moveTo=platform", nil); got.status != http.StatusOK {
			t.Fatalf("%d %s", got.status, got.text)
		}
		if got := owner(); got != "platform platform platform platform" {
			t.Errorf("after it was deleted: %s", got)
		}
		for _, role := range []string{"developer", "viewer"} {
			if got := h.call(role, "DELETE", "/v1/teams/platform?moveTo=platform", nil); got.status != http.StatusForbidden {
				t.Errorf("%s deletes a team: %d", role, got.status)
			}
		}
	})
}

func (h *harness) teamsOf(role string) []string {
	h.t.Helper()
	u, err := h.auth.User(h.t.Context(), h.users[role].ID)
	if err != nil {
		h.t.Fatal(err)
	}
	return u.Teams
}
