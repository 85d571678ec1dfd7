package api

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sphera/action"
	"sphera/internal/audit"
	"sphera/internal/auth"
	"sphera/internal/flag"
	"sphera/internal/forge"
	"sphera/internal/policy"
	"sphera/internal/run"
	"sphera/internal/secret"
	"sphera/internal/store"
)

// hiding hides what team platform owns, what is in the environment vaulted and
// one secret from everybody else.
const hiding = `@id("only-platform") @reason("It is platform's.") @advice("Ask.") @who("role administrator")
forbid (principal, action in Action::"read", resource) when { resource.teams.contains(Team::"platform") } unless { principal in Team::"platform" };
@id("vaulted") @reason("It is vaulted.") @advice("Ask.") @who("role administrator")
forbid (principal, action in Action::"read", resource) when { resource has environment && resource.environment == "vaulted" } unless { principal in Team::"platform" };
@id("one-secret") @reason("It is secret.") @advice("Ask.") @who("role administrator")
forbid (principal, action == Action::"secret.read", resource) when { resource has id && resource.id == "HIDDEN" } unless { principal in Team::"platform" };`

func (h *harness) decideBy(text string) {
	h.t.Helper()
	kept := policy.Open(policy.Deps{DB: h.db, Audit: audit.New(time.Now), Engine: h.auth.Policies(), Now: time.Now})
	err := h.db.Tx(h.t.Context(), func(tx *store.Tx) error {
		_, err := tx.ExecContext(h.t.Context(), "UPDATE policy_current SET policies = $1, version = version + 1 WHERE id = 1", text)
		return err
	})
	if err == nil {
		err = kept.Load(h.t.Context())
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

// foreign are ids of things that exist and may not be seen, by the parameter
// of a route.
type foreign struct {
	runID, planID, requestID, proposalID, tokenID, viewID, version string
}

// hiddenThings makes one of everything for team platform.
func (h *harness) hiddenThings() (f foreign) {
	h.t.Helper()
	ctx := portal(h.t.Context())
	fatal := func(err error) {
		h.t.Helper()
		if err != nil {
			h.t.Fatal(err)
		}
	}
	for _, id := range []string{"hidden-a", "hidden-b"} {
		h.must("administrator", "POST", "/v1/blueprints/Component/entities", map[string]any{"identifier": id, "title": id, "team": []string{"platform"}})
	}
	h.must("administrator", "DELETE", "/v1/blueprints/Component/entities/hidden-b", nil)
	f.version = fmt.Sprint(h.must("administrator", "GET", "/v1/deleted", nil).json["deleted"].([]any)[0].(map[string]any)["versionId"])
	kind := action.NewStepType("hidden_step", action.ByKey, nothingStep)
	step, err := kind.Step("x", "X", struct{}{})
	fatal(err)
	fatal(h.raw.runs.RegisterSteps(kind.Type))
	fatal(h.db.Tx(ctx, func(tx *store.Tx) error {
		one, err := h.raw.runs.Start(ctx, tx, run.NewRun{Action: "wait_here", Title: "Hidden", Actor: action.Actor{ID: h.users["administrator"].ID}, Input: []byte("{}"), Steps: []action.Step{step}, Entities: []string{"Component/hidden-a"}})
		f.runID, f.requestID = one.ID, strings.Repeat("q", len(one.ID))
		if err == nil {
			_, err = tx.ExecContext(ctx, `INSERT INTO approval_requests (id, run_id, idx, current, state, digest, requester, action, created_at) VALUES ($1, $2, 0, 1, 'approved', 'd', 'x', 'wait_here', 1)`, f.requestID, f.runID)
		}
		return err
	}))
	plan, err := h.raw.runs.Plan(ctx, action.Actor{ID: h.users["administrator"].ID}, "wait_here", "", []byte(`{"environment":"vaulted"}`))
	fatal(err)
	f.planID = plan.ID
	by := forge.Person{ID: "x", Name: "X", Email: "x@example.com"}
	_, err = h.raw.forge.CreateRepository(ctx, forge.NewRepository{Name: "group/hidden", Owner: "platform", Key: "h"})
	fatal(err)
	for i, branch := range []string{"main", "change"} {
		_, err := h.raw.forge.Commit(ctx, "group/hidden", forge.NewCommit{Branch: branch, Base: []string{"", "main"}[i], Message: "x", Author: by, Time: time.Now(), Files: []forge.File{{Path: "a", Content: []byte(branch)}}, Bypass: i == 0, Key: branch})
		fatal(err)
	}
	_, err = h.raw.forge.OpenPullRequest(ctx, "group/hidden", forge.NewPullRequest{Title: "x", Head: "change", Base: "main", Author: by})
	fatal(err)
	visible := h.proposal
	h.hasFlags("hidden", "hidden-a")
	f.proposalID, h.proposal = h.proposal, visible
	_, err = h.raw.flags.Create(ctx, "fixture", flag.NewFlag{Key: "masked", Settings: flag.Settings{Owner: "platform"}}, flag.Who{ID: "system"})
	fatal(err)
	_, err = h.raw.vault.Create(ctx, "HIDDEN", "", secret.NewValue("x"), secret.Actor{ID: "system"})
	fatal(err)
	fatal(h.db.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO runtime_logs (service, environment, seq, at, stream, text) VALUES ('hidden-a', 'dev', 1, 1, 'stdout', 'hidden words')`)
		if err == nil {
			_, err = tx.ExecContext(ctx, `INSERT INTO run_logs (run_id, seq, at, step, text) VALUES ($1, 1, 1, 'x', 'hidden words')`, f.runID)
		}
		return err
	}))
	f.tokenID = fmt.Sprint(h.must("administrator", "GET", "/v1/tokens", nil).json["tokens"].([]any)[0].(map[string]any)["id"])
	f.viewID = fmt.Sprint(h.must("administrator", "POST", "/v1/views", map[string]any{"name": "x", "blueprint": "Component", "state": ""}).field("view.id"))
	return f
}

// idRoute says how a route is addressed: which of its parameters name what may
// not be seen, and which is the value of one that is not there.
type idRoute struct {
	match string // the beginning of the path
	fill  [][3]string
}

// idRoutes are the groups of routes about things that are hidden one by one.
// The first that matches counts.
func idRoutes(f foreign) []idRoute {
	other := func(id string) string { // an id as long that nobody has
		return strings.Repeat("0", len(id))
	}
	return []idRoute{
		{"/v1/blueprints/{bp}/entities/{id}", [][3]string{{"{bp}", "Component", "Component"}, {"{id}", "hidden-a", "nothing0"}}},
		{"/v1/blueprints/{bp}/entities/{id}", [][3]string{{"{bp}", "Component", "Component"}, {"{id}", "hidden-b", "nothing1"}}},
		{"/v1/runs/{id}", [][3]string{{"{id}", f.runID, other(f.runID)}}},
		{"/v1/actions/runs/{run}", [][3]string{{"{run}", "r_" + f.runID, "r_" + other(f.runID)}}},
		{"/v1/plans/{id}", [][3]string{{"{id}", f.planID, other(f.planID)}}},
		{"/v1/approvals/{id}", [][3]string{{"{id}", f.requestID, other(f.requestID)}}},
		{"/v1/approvals/{id}", [][3]string{{"{id}", f.runID, other(f.runID)}}},
		{"/v1/approvals/{id}", [][3]string{{"{id}", f.proposalID, other(f.proposalID)}}},
		{"/v1/repositories/{repo}", [][3]string{{"{repo}", "group%2Fhidden", "group%2Fnobody"}}},
		{"/v1/flag-projects/{project}", [][3]string{{"{project}", "hidden", "nobody"}, {"{id}", f.proposalID, f.proposalID}}},
		{"/v1/flag-projects/{project}/flags/{key}", [][3]string{{"{project}", "fixture", "fixture"}, {"/flags/{key}", "/flags/masked", "/flags/nobody"}}},
		{"/v1/organization/secrets/{name}", [][3]string{{"{name}", "HIDDEN", "NOBODY"}}},
		{"/v1/services/{name}", [][3]string{{"{name}", "hidden-a", "nothing0"}}},
		{"/run/{env}/{service}", [][3]string{{"{service}", "hidden-a", "nothing0"}}},
		{"/v1/deleted/{versionId}/restore", [][3]string{{"{versionId}", f.version, "9" + other(f.version)[1:]}}},
		{"/v1/tokens/{id}", [][3]string{{"{id}", f.tokenID, other(f.tokenID)}}},
		{"/v1/views/{id}", [][3]string{{"{id}", f.viewID, other(f.viewID)}}},
	}
}

// notOneByOne are the routes with a parameter in the path whose things are not
// hidden one by one, with the reason.
func notOneByOne() map[string]string {
	const (
		collection = "the permission is on the collection and is asked before the id is looked at"
		model      = "blueprints are for everybody who reads the catalog"
		people     = "people and teams are not hidden from one another; changes take user.write first"
		actions    = "which actions there are everybody may know"
		outside    = "programs prove themselves with a key of their own"
		own        = "one's own, looked for among one's own only"
	)
	return map[string]string{
		"/v1/access/policies": collection, "/v1/access/view-as": people, "/v1/actions/{action}": actions, "/v1/approval-delegations": own, "/v1/approval-rules": collection, "/v1/apps": collection,
		"/v1/auth/oidc": outside, "/v1/blueprints/{bp}": model, "/v1/deleted/blueprints": model, "/v1/flag-relays": collection, "/v1/holds": collection, "/v1/ingest": outside, "/v1/integration": collection,
		"/v1/migrations": model, "/v1/notice-channels": collection, "/v1/notice-deliveries": collection, "/v1/pages": model, "/v1/people": people, "/v1/rotate-credentials": people, "/v1/scim-clients": collection,
		"/v1/service-accounts": own, "/v1/sessions": own, "/v1/sidebars": model, "/v1/sources": collection, "/v1/sweeps": collection, "/v1/teams": people, "/v1/trust-rules": own, "/v1/users": people,
		"/v1/webhooks": collection, "/v1/workflows": collection,
	}
}

// idBodies are requests that get as far as looking for the thing.
func idBodies() map[string]any {
	change := map[string]any{"value": "x"}
	return map[string]any{
		"putView": map[string]any{"name": "x", "blueprint": "Component", "state": ""}, "undoEntityVersion": map[string]any{"force": false}, "patchSecret": map[string]any{"description": "x"},
		"previewFlag": map[string]any{}, "evaluateFlags": map[string]any{"environment": "dev", "context": change}, "cloneFlag": map[string]any{"key": "x"}, "decideActionRun": map[string]any{"status": "APPROVED"},
	}
}

var volatile = regexp.MustCompile(`"requestId":"[^"]*"`)

// TestS4_EveryRouteWithAnID is made of the table of routes: each that has a
// parameter in its path is asked for a thing that exists and may not be seen,
// and for one that is not there. Status, body and headers are the same; or the
// route is on the list of those where nothing is hidden one by one.
func TestS4_EveryRouteWithAnID(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		h.fixtures()
		f := h.hiddenThings()
		h.person("keeper", auth.Infrastructure, "checkout")
		h.decideBy(hiding)
		asked, missing, used := 0, 0, map[string]bool{}
		for key, rt := range h.api.mux.entries {
			if !strings.Contains(rt.path, "{") {
				continue
			}
			matched := false
			for _, group := range idRoutes(f) {
				if !strings.HasPrefix(rt.path, group.match) {
					continue
				}
				matched = true
				for _, as := range []string{"developer", "keeper"} {
					asked++
					if h.sameAnswer(t, key, rt, as, group) == http.StatusNotFound {
						missing++
					}
				}
			}
			for prefix := range notOneByOne() {
				if !matched && strings.HasPrefix(rt.path, prefix) {
					matched, used[prefix] = true, true
				}
			}
			if !matched {
				t.Errorf("%s has a parameter: add it to idRoutes, or to notOneByOne with the reason", key)
			}
		}
		for prefix := range notOneByOne() {
			if !used[prefix] {
				t.Errorf("there is no route any more below %s", prefix)
			}
		}
		t.Logf("%d pairs, %d of them 404", asked, missing)
		if missing < 150 {
			t.Errorf("of %d pairs only %d say that there is no such thing", asked, missing)
		}
		h.sameGit(t)
	})
}

// sameAnswer asks for both and compares; it returns the status.
func (h *harness) sameAnswer(t *testing.T, key string, rt route, as string, group idRoute) int {
	t.Helper()
	body := idBodies()[rt.id]
	if body == nil && rt.method != http.MethodGet && rt.endpoint.body != nil {
		body = map[string]any{}
	}
	var answers [2]string
	status := 0
	for i := range answers {
		path := rt.path
		var own []string
		for _, one := range group.fill {
			path = strings.ReplaceAll(path, one[0], one[1+i])
			own = append(own, one[1+i], strings.ReplaceAll(one[1+i], "%2F", "/"), strings.TrimPrefix(one[1+i], "/flags/"))
		}
		got := h.call(as, orGet(rt.method), concrete(path, "x"), body)
		status = got.status
		text := volatile.ReplaceAllString(got.text, "")
		for _, id := range own {
			if id != "Component" && id != "fixture" {
				text = strings.ReplaceAll(text, id, "ID")
			}
		}
		headers := got.header.Clone()
		headers.Set("Location", strings.ReplaceAll(headers.Get("Location"), own[0], "ID"))
		for _, name := range []string{"Date", "X-Request-Id", "Content-Security-Policy", "Content-Disposition"} {
			headers.Del(name)
		}
		answers[i] = fmt.Sprint(got.status, " ", text, " ", sortedHeaders(headers))
	}
	if answers[0] != answers[1] {
		t.Errorf("%s as %s tells what is hidden from what is not there:\n  %.600s\n  %.600s", key, as, answers[0], answers[1])
	}
	return status
}

func sortedHeaders(h http.Header) string {
	var out []string
	for name, values := range h {
		out = append(out, name+": "+strings.Join(values, ","))
	}
	slices.Sort(out)
	return strings.Join(out, "; ")
}

// sameGit does the same over git's own protocol.
func (h *harness) sameGit(t *testing.T) {
	t.Helper()
	for _, service := range []string{"git-upload-pack", "git-receive-pack"} {
		var answers [2]string
		for i, name := range []string{"hidden", "nobody"} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.server.URL+"/git/group/"+name+".git/info/refs?service="+service, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.SetBasicAuth("developer@example.com", h.tokens["developer"])
			got := h.send(r)
			answers[i] = fmt.Sprint(got.status, strings.ReplaceAll(got.text, name, "NAME"))
			if got.status != http.StatusNotFound {
				t.Errorf("%s of %s: %d %s", service, name, got.status, got.text)
			}
		}
		if answers[0] != answers[1] {
			t.Errorf("%s tells what is hidden from what is not there: %v", service, answers)
		}
	}
}

// TestS4_ListsAndHintsLeaveOutWhatIsHidden looks for what is hidden in all that
// is read without naming it.
func TestS4_ListsAndHintsLeaveOutWhatIsHidden(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		h.fixtures()
		f := h.hiddenThings()
		h.person("keeper", auth.Infrastructure, "checkout")
		h.decideBy(hiding)
		secrets := []string{"hidden", "HIDDEN", "masked", f.runID, f.requestID, f.proposalID}
		for key, rt := range h.api.mux.entries {
			if rt.method != http.MethodGet || strings.Contains(rt.path, "{") || strings.HasSuffix(rt.path, "/events") || rt.path == "/v1/openapi.json" || rt.path == "/v1/access/policies" { // which has the words of the policy itself

				continue
			}
			for _, as := range []string{"developer", "keeper"} {
				got := h.call(as, rt.method, rt.path, nil)
				for _, word := range secrets {
					if strings.Contains(got.text, word) {
						t.Errorf("%s shows %q to %s: %.400s", key, word, as, got.text)
					}
				}
			}
		}
		for _, path := range []string{"/v1/search?q=hidden", "/v1/approvals?view=decided", "/v1/flag-projects/fixture/export?environment=dev", "/v1/audit?object=run/" + f.runID, "/v1/audit-log?run_id=" + f.runID, "/v1/blueprints/Component/entities.csv"} {
			got := h.call("developer", "GET", path, nil)
			for _, word := range secrets {
				if strings.Contains(got.text, word) && !strings.Contains(got.text, `"error"`) {
					t.Errorf("%s shows %q: %.400s", path, word, got.text)
				}
			}
		}
		if got := h.call("keeper", "POST", "/v1/audit/export", nil); got.status != http.StatusForbidden || got.json["rule"] != "export-has-everything" {
			t.Errorf("the export of the audit log for who may not read everything: %d %.300s", got.status, got.text)
		}
		if got := h.call("administrator", "POST", "/v1/audit/export", nil); got.status != http.StatusOK {
			t.Errorf("the export of the audit log for an administrator: %d %.300s", got.status, got.text)
		}
		h.hintsOf(t, f, secrets)
	})
}

// hintsOf changes hidden things and something that may be seen, and reads what
// a browser is told.
func (h *harness) hintsOf(t *testing.T, f foreign, secrets []string) {
	t.Helper()
	c := h.follow("developer", "/v1/events", "")
	h.must("administrator", "PATCH", "/v1/blueprints/Component/entities/hidden-a", map[string]any{"title": "Other"})
	on := true
	if _, err := h.raw.flags.Edit(portal(t.Context()), "hidden", "dark", "dev", flag.Edit{Patch: flag.Patch{On: &on}}, flag.Who{ID: "x"}); err != nil {
		t.Fatal(err)
	}
	h.must("administrator", "POST", "/v1/runs/"+f.runID+"/cancel", nil)
	h.must("administrator", "PATCH", "/v1/blueprints/Component/entities/my%2Fapi", map[string]any{"title": "Other"})
	for {
		e := c.next("hint")
		for _, word := range secrets {
			if strings.Contains(e.data, word) {
				t.Errorf("a hint names what is hidden: %s", e.data)
			}
		}
		if e.data == `{"topic":"entity","id":"Component/my/api"}` {
			return
		}
	}
}

func nothingStep(context.Context, *action.Exec, struct{}) (struct{}, error) { return struct{}{}, nil }
