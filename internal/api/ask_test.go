package api

import (
	"net/http"
	"strings"
	"testing"

	"sphera/internal/audit"
	"sphera/internal/auth"
)

func rights(h *harness, token, query string) map[string]map[string]any {
	out := map[string]map[string]any{}
	got := h.must(token, "GET", "/v1/access/what?"+query, nil)
	for _, one := range list(got.json["rights"]) {
		r, _ := one.(map[string]any)
		out[text(r["verb"])] = r
	}
	return out
}

func list(v any) []any {
	out, _ := v.([]any)
	return out
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

func field(v any, names ...string) any {
	for _, name := range names {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

func TestWhatCanIDoHereAndWhyNot(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		h.fixtures()
		mine := rights(h, "developer", "blueprint=Component&id=my%2Fapi")
		if len(mine) < 5 || mine["catalog.read"]["allowed"] != true {
			t.Fatalf("%v", mine)
		}
		viewer := rights(h, "viewer", "blueprint=Component&id=my%2Fapi")["catalog.write"]
		if viewer["allowed"] != false || text(viewer["reason"]) == "" || text(viewer["alternative"]) == "" || text(viewer["who"]) == "" || text(viewer["clause"]) == "" {
			t.Errorf("%v", viewer)
		}
		why := h.must("viewer", "GET", "/v1/access/why?verb=catalog.write&blueprint=Component&id=my%2Fapi", nil)
		if rule := text(field(why.json["right"], "rule")); rule != "owners-write-catalog" || !strings.Contains(text(why.json["policy"]), rule) {
			t.Errorf("%v", why.json)
		}
		who := h.must("viewer", "GET", "/v1/access/who?verb=user.write", nil)
		people := list(who.json["people"])
		if len(people) != 1 || text(field(people[0], "rule")) != "administrators-manage-users" {
			t.Errorf("%v", who.json)
		}
		// Service accounts that may are among them, as long as they can act.
		owner := auth.Principal{User: h.users["administrator"], Via: auth.ViaSession}
		if _, err := h.auth.CreateTeam(t.Context(), auth.Team{Name: "bots"}, "system"); err != nil {
			t.Fatal(err)
		}
		bot, err := h.auth.CreateService(t.Context(), owner, auth.ServiceAccount{Name: "reporter", Team: "bots", Roles: []string{auth.Infrastructure}})
		if err != nil {
			t.Fatal(err)
		}
		machines := func() (n int) {
			for _, one := range list(h.must("viewer", "GET", "/v1/access/who?verb=source.report", nil).json["people"]) {
				if text(field(one, "kind")) == auth.KindService && text(field(one, "id")) == bot.ID {
					n++
				}
			}
			return n
		}
		if machines() != 1 {
			t.Error("a service account that may is not named")
		}
		off := false
		if _, err := h.auth.UpdateService(t.Context(), owner, bot.ID, auth.ServiceChange{Enabled: &off}); err != nil {
			t.Fatal(err)
		}
		if machines() != 0 {
			t.Error("a service account that is switched off is named")
		}
		for _, query := range []string{"verb=catalog.write&blueprint=Component&id=no-such-thing", "verb=catalog.write&blueprint=NoSuch&id=x"} {
			if got := h.call("viewer", "GET", "/v1/access/why?"+query, nil); got.status != http.StatusNotFound {
				t.Errorf("%s: %d", query, got.status)
			}
		}
		if got := h.call("viewer", "GET", "/v1/access/why?verb=user.write&user="+h.users["developer"].ID, nil); got.status != http.StatusForbidden {
			t.Errorf("a viewer asked about somebody else: %d", got.status)
		}
		h.must("administrator", "GET", "/v1/access/why?verb=user.write&user="+h.users["developer"].ID, nil)
	})
}

func TestViewAsOnlyLooks(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		cookie := h.login("administrator")
		as := func(method, path string) reply { return h.call("", method, path, nil, "Cookie", cookie) }
		developer := h.users["developer"]
		if got := h.call("administrator", "POST", "/v1/access/view-as/"+developer.ID, nil); got.status != http.StatusForbidden {
			t.Errorf("with a token: %d", got.status)
		}
		if got := h.call("", "POST", "/v1/access/view-as/"+h.users["viewer"].ID, nil, "Cookie", h.login("developer")); got.status != http.StatusForbidden {
			t.Errorf("by a developer: %d", got.status)
		}
		as("POST", "/v1/access/view-as/"+developer.ID)
		me := as("GET", "/v1/me")
		if text(field(me.json["user"], "id")) != developer.ID || text(me.json["viewedBy"]) != h.users["administrator"].ID {
			t.Fatalf("%v", me.json)
		}
		for _, rt := range h.api.routes() {
			if rt.audit != domain || rt.verb == anyone || rt.id == endViewAs {
				continue
			}
			path := strings.NewReplacer("{", "", "}", "", "...", "").Replace(rt.path)
			if got := as(rt.method, path); got.status != http.StatusForbidden || text(got.json["rule"]) != "view-as-only-looks" {
				t.Errorf("%s %s: %d %v", rt.method, rt.path, got.status, got.json["message"])
			}
		}
		if got := as("GET", "/v1/access/policies"); got.status != http.StatusForbidden {
			t.Errorf("sees more than the developer: %d", got.status)
		}
		as("DELETE", "/v1/access/view-as")
		if me = as("GET", "/v1/me"); text(field(me.json["user"], "id")) != h.users["administrator"].ID {
			t.Errorf("%v", me.json)
		}
		events, _, err := h.api.audit.List(t.Context(), h.db, audit.Filter{Verb: "access"})
		if err != nil || len(events) < 2 || events[0].Verb != "access.view_end" || events[0].Actor != h.users["administrator"].ID {
			t.Errorf("%+v, %v", events, err)
		}
	})
}

func TestPoliciesAreProposedAndConfirmedOverTheAPI(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		const admin = "administrator"
		cookie := h.login(admin)
		draft := map[string]any{
			"base": 0, "reason": "gold is for its team",
			"policies": "@id(\"gold-only\")\n@advice(\"Ask the team.\")\nforbid (principal, action == Action::\"catalog.read\", resource in Blueprint::\"Component\")\nwhen { resource.properties has tier && resource.properties.tier == \"gold\" }\nunless { principal in resource.teams };",
			"cases":    "deny: roles=viewer | catalog.read | Component/x properties.tier=gold | | gold-only",
		}
		report := h.must(admin, "POST", "/v1/access/policies/check", draft)
		if len(list(field(report.json["report"], "problems"))) != 0 || len(list(field(report.json["report"], "failures"))) != 0 {
			t.Fatalf("%v", report.json)
		}
		bad := map[string]any{"base": 0, "reason": "x", "policies": strings.ReplaceAll(text(draft["policies"]), "tier", "teir")}
		wrong := h.must(admin, "POST", "/v1/access/policies/check", bad)
		problems := list(field(wrong.json["report"], "problems"))
		if len(problems) == 0 || field(problems[0], "line") != float64(4) {
			t.Errorf("%v", problems)
		}
		if got := h.call("", "POST", "/v1/access/policies/changes", bad, "Cookie", cookie); got.status != http.StatusUnprocessableEntity {
			t.Errorf("a draft with a mistake: %d", got.status)
		}
		for _, role := range []string{"viewer", "developer"} {
			if got := h.call(role, "POST", "/v1/access/policies/changes", draft); got.status != http.StatusForbidden {
				t.Errorf("%s proposed: %d", role, got.status)
			}
		}
		// There is one administrator: in force at once.
		made := h.call("", "POST", "/v1/access/policies/changes", draft, "Cookie", cookie)
		if made.status != http.StatusCreated || text(field(made.json["change"], "state")) != "applied" || field(made.json["change"], "alone") != true {
			t.Fatalf("%d %v", made.status, made.json)
		}
		now := h.must(admin, "GET", "/v1/access/policies", nil)
		if field(now.json["set"], "version") != float64(1) || now.json["alone"] != true {
			t.Errorf("%v", now.json)
		}
		if schema := h.must(admin, "GET", "/v1/access/schema", nil); !strings.Contains(text(schema.json["schema"]), "Component") {
			t.Errorf("%v", schema.json)
		}
		if got := h.call("developer", "GET", "/v1/access/policies", nil); got.status != http.StatusForbidden {
			t.Errorf("a developer read them: %d", got.status)
		}
	})
}
