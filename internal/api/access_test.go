package api

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/store/storetest"
)

// subjects are the twelve of the matrix. Component my/api and repository
// group/r belong to team checkout; the developer started the run.
func (h *harness) subjects() (names []string, by map[string]auth.Principal) {
	make1 := func(kind, role string, teams ...string) auth.Principal {
		return auth.Principal{User: auth.User{ID: "u-" + kind + role, Name: role, Roles: []string{role}, Teams: teams, Status: auth.Active}, Via: auth.ViaToken, Kind: kind}
	}
	own := make1(auth.KindUser, auth.Developer, "checkout")
	own.ID = h.users["developer"].ID
	contractor := make1(auth.KindUser, auth.Developer, "elsewhere")
	contractor.Contractor = true
	suspended := make1(auth.KindUser, auth.Administrator)
	suspended.Status = auth.Suspended
	by = map[string]auth.Principal{
		"viewer": make1(auth.KindUser, auth.Viewer), "own": own, "other": make1(auth.KindUser, auth.Developer, "elsewhere"), "lead": make1(auth.KindUser, auth.Maintainer, "checkout"),
		"sre": make1(auth.KindUser, auth.Infrastructure), "admin": make1(auth.KindUser, auth.Administrator), "contractor": contractor, "suspended": suspended,
		"ci": make1(auth.KindCI, auth.Developer, "checkout"), "agent": make1(auth.KindAgent, auth.Infrastructure), "mcp": make1(auth.KindMCP, auth.Developer, "checkout"),
	}
	return []string{"anonymous", "viewer", "own", "other", "lead", "sre", "admin", "contractor", "suspended", "ci", "agent", "mcp"}, by
}

// outcome is what the guard of a route says to a subject: open to all, 401,
// inside where the handler asks once it knows what it is about, yes, or the
// status of the refusal.
func (h *harness) outcome(rt route, name string, p auth.Principal, runID string) string {
	switch {
	case rt.verb == anyone:
		return "open"
	case name == "anonymous" || p.Status != auth.Active:
		return "401" // what Authenticate says; see TestS2_SuspendedPeopleAreOut
	case rt.verb == signedIn:
		return "inside"
	}
	ctx := auth.WithPrincipal(h.t.Context(), p)
	r, err := http.NewRequestWithContext(ctx, orGet(rt.method), "http://localhost"+concrete(rt.path, runID), nil)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, wild := range wildcard.FindAllString(rt.path, -1) {
		name := strings.Trim(wild, "{}.")
		value := map[string]string{"bp": "Component", "repo": "group/r", "n": "1", "action": "wait_here", "env": "dev", "sha": "main", "id": "x", "project": "fixture", "key": "dark"}[name]
		switch {
		case name == "id" && strings.Contains(rt.path, "/entities/{id}"):
			value = "my/api"
		case name == "id" && strings.Contains(rt.path, "/runs/{id}"):
			value = runID
		case name == "id" && strings.Contains(rt.path, "/proposals/{id}"):
			value = h.proposal
		case value == "":
			value = "1"
		}
		r.SetPathValue(name, value)
	}
	err = h.api.permit(r, p, rt)
	if f, ok := fault.As(err); ok {
		return fmt.Sprint(fault.Status(f.Code))
	}
	if err != nil {
		return "500"
	}
	return "yes"
}

const matrix = "testdata/access.txt"

// TestS2_EveryRouteForTwelveSubjects compares the guard of every route for all
// twelve subjects with the table in testdata/access.txt. A route without a row
// there, or with another outcome, fails.
func TestS2_EveryRouteForTwelveSubjects(t *testing.T) {
	h := start(t, storetest.Open(t, storetest.SQLite(t)), Options{})
	runID := h.fixtures()
	names, by := h.subjects()
	var lines []string
	for key, rt := range h.api.mux.entries {
		cells := make([]string, len(names))
		for i, name := range names {
			cells[i] = h.outcome(rt, name, by[name], runID)
		}
		lines = append(lines, key+" | "+rt.verb+" | "+strings.Join(cells, " "))
	}
	slices.Sort(lines)
	got := "# What the guard of each route says: route | permission | " + strings.Join(names, " ") + "\n" +
		"# Made by SPHERA_UPDATE=1 go test ./internal/api -run TestS2; read the difference before it is committed.\n" + strings.Join(lines, "\n") + "\n"
	if os.Getenv("SPHERA_UPDATE") != "" {
		if err := os.WriteFile(filepath.FromSlash(matrix), []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := os.ReadFile(matrix)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(string(raw), "\n")
	for line := range strings.SplitSeq(got, "\n") {
		if !slices.Contains(want, line) {
			t.Errorf("not in %s: %s", matrix, line)
		}
	}
	for _, line := range want {
		if line != "" && !strings.Contains(got, line+"\n") {
			t.Errorf("only in %s: %s", matrix, line)
		}
	}
}

// TestS2_SuspendedPeopleAreOut: a token of somebody who is suspended is no
// credential any more, on every route that needs one.
func TestS2_SuspendedPeopleAreOut(t *testing.T) {
	h := start(t, storetest.Open(t, storetest.SQLite(t)), Options{})
	status := auth.Suspended
	if _, err := h.auth.UpdateUser(t.Context(), h.users["developer"].ID, auth.UserChange{Status: &status}, "system"); err != nil {
		t.Fatal(err)
	}
	for key, rt := range h.api.mux.entries {
		if rt.verb == anyone || rt.method == "" {
			continue
		}
		if got := h.call("developer", rt.method, concrete(rt.path, "x"), nil); got.status != http.StatusUnauthorized {
			t.Errorf("%s: %d", key, got.status)
		}
	}
}

var varying = regexp.MustCompile(`"requestId":"[^"]*"`)

// TestS4_ForeignAndUnknownIDsAnswerAlike: for each route about one entity, what
// the caller may not see is answered as what is not there, byte for byte.
func TestS4_ForeignAndUnknownIDsAnswerAlike(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		h.fixtures()
		for _, id := range []string{"hidden-a", "hidden-b"} {
			h.must("administrator", "POST", "/v1/blueprints/Component/entities", map[string]any{"identifier": id, "title": id, "team": []string{"platform"}})
		}
		h.must("administrator", "DELETE", "/v1/blueprints/Component/entities/hidden-b", nil)
		h.must("administrator", "PATCH", "/v1/blueprints/Component/permissions", map[string]any{"entities": map[string]any{"read": map[string]any{"roles": []string{"Admin"}, "ownedByTeam": true}}})
		bodies := map[string]any{
			http.MethodPut: map[string]any{"title": "x"}, http.MethodPatch: map[string]any{"title": "x"}, http.MethodPost: map[string]any{}, http.MethodGet: nil, http.MethodDelete: nil,
		}
		asked := 0
		for key, rt := range h.api.mux.entries {
			if !strings.Contains(rt.path, "/{bp}/entities/{id}") || strings.HasSuffix(rt.path, "/events") {
				continue
			}
			asked++
			answers := map[string]string{}
			for _, id := range []string{"hidden-a", "nothing-a", "hidden-b", "nothing-b"} {
				path := strings.NewReplacer("{bp}", "Component", "{id}", id, "{version}", "1", "{property}", "language").Replace(rt.path)
				body := bodies[rt.method]
				if strings.Contains(rt.path, "/history/{version}/undo") {
					body = map[string]any{"force": false}
				}
				got := h.call("developer", rt.method, path, body)
				answers[id] = fmt.Sprint(got.status, varying.ReplaceAllString(strings.ReplaceAll(got.text, id, "ID"), ""))
				if got.status != http.StatusNotFound {
					t.Errorf("%s of %s: %d %s", key, id, got.status, got.text)
				}
			}
			if answers["hidden-a"] != answers["nothing-a"] || answers["hidden-b"] != answers["nothing-b"] {
				t.Errorf("%s tells what is hidden from what is not there: %v", key, answers)
			}
		}
		if asked < 10 {
			t.Errorf("only %d routes were asked", asked)
		}
		// In a list and by text it is not there either.
		for _, path := range []string{"/v1/blueprints/Component/entities", "/v1/search?q=hidden", "/v1/deleted", "/v1/export", "/v1/blueprints/Component/entities.csv", "/v1/blueprints/Component/entities.json", "/v1/home"} {
			if got := h.must("developer", "GET", path, nil); strings.Contains(got.text, "hidden-") {
				t.Errorf("%s shows what is hidden: %s", path, got.text)
			}
		}
		for path, body := range map[string]any{
			"/v1/blueprints/Component/entities/search": map[string]any{}, "/v1/entities/search": map[string]any{"combinator": "and", "rules": []any{}},
			"/v1/blueprints/entities/datasource-entities": map[string]any{"datasource_prefix": "Go"},
		} {
			if got := h.call("developer", "POST", path, body); strings.Contains(got.text, "hidden-") {
				t.Errorf("%s shows what is hidden: %s", path, got.text)
			}
		}
		// The audit of what is hidden is hidden.
		if got := h.call("developer", "GET", "/v1/audit?object=Component/hidden-a", nil); strings.Contains(got.text, "entity.create") {
			t.Errorf("the audit shows what is hidden: %s", got.text)
		}
	})
}

// TestS13_EveryBodyHasALimit sends one byte more than each route takes.
func TestS13_EveryBodyHasALimit(t *testing.T) {
	h := start(t, storetest.Open(t, storetest.SQLite(t)), Options{})
	zeros := strings.Repeat("0", 1<<20)
	for key, rt := range h.api.mux.entries {
		if rt.endpoint.body == nil || rt.limit == 0 || rt.verb != anyone && rt.verb != signedIn && rt.limit > 8<<20 {
			continue
		}
		if rt.limit > 64<<20 {
			t.Errorf("%s takes %d bytes", key, rt.limit)
			continue
		}
		body := `{"x":"` + strings.Repeat(zeros, int(rt.limit>>20)) + zeros[:rt.limit&(1<<20-1)] + `"}`
		body = body[:rt.limit+1]
		if got := h.call("administrator", rt.method, concrete(rt.path, "x"), body); got.status != http.StatusRequestEntityTooLarge && got.status != http.StatusNotFound && got.status != http.StatusForbidden {
			t.Errorf("%s: %d bytes give %d %.200s", key, len(body), got.status, got.text)
		}
		deep := strings.Repeat(`{"a":`, 70) + "1" + strings.Repeat("}", 70)
		if got := h.call("administrator", rt.method, concrete(rt.path, "x"), deep); got.status < 400 || got.status >= 500 {
			t.Errorf("%s: deep JSON gives %d", key, got.status)
		}
	}
}

// TestS13_SlowClientsDoNotKeepOthersWaiting holds a thousand connections that
// send their headers letter by letter, and asks beside them.
func TestS13_SlowClientsDoNotKeepOthersWaiting(t *testing.T) {
	h := start(t, storetest.Open(t, storetest.SQLite(t)), Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	conns := slowClients(ctx, t, h.server.Listener.Addr().String(), 1000)
	var took []time.Duration
	for range 20 {
		begun := time.Now()
		h.must("viewer", "GET", "/v1/me", nil)
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	if took[len(took)/2] > 200*time.Millisecond {
		t.Errorf("beside %d slow clients a request takes %s", len(conns), took[len(took)/2])
	}
}
