package portal

import (
	"context"
	"net/http"
	"net/http/cookiejar"
	"slices"
	"strings"
	"testing"
	"time"

	"sphera/internal/run"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

// as is the same portal for somebody else, signed in.
func (s *site) as(role string) *site {
	s.t.Helper()
	state, err := readDemo(s.data + "/" + demoFile)
	s.must(err)
	i := slices.IndexFunc(state.People, func(u demoUser) bool { return slices.Contains(u.Roles, role) })
	jar, err := cookiejar.New(nil)
	s.must(err)
	other := *s
	other.http = &http.Client{Timeout: 20 * time.Second, Jar: jar}
	first := *s.first
	first.site, other.first = &other, &first
	s.must(first.call("POST", "/v1/auth/login", map[string]string{"email": state.People[i].Email, "password": state.People[i].Password}, nil))
	return &other
}

// TestL1_ARequestForApprovalOutlivesAKilledPortal kills the portal while a run
// waits for an approval, and again right after it was given: the request is open
// as before, its times go on, and what was approved is done once.
func TestL1_ARequestForApprovalOutlivesAKilledPortal(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		if !strings.HasPrefix(url, "postgres") {
			url = "" // a file in the folder of the site
		}
		s := newSite(t, "sphera", url, time.Second)
		admin, decider := s.as("administrator"), s.as("maintainer")
		s.must(admin.first.call("POST", "/v1/approval-rules", map[string]any{
			"name": "New services", "enabled": true, "effect": "ask", "match": map[string]any{"actions": []string{"create_service"}},
			"groups": []any{map[string]any{"roles": []string{"maintainer"}}}, "dueMinutes": 30, "remindMinutes": 60, "expireMinutes": 600,
		}, nil))
		plan, err := s.first.planCreate("outlives", "node-http")
		s.must(err)
		id, err := s.first.apply("create_service", plan)
		s.must(err)
		const times = "SELECT state || ' ' || due_at || ' ' || expires_at || ' ' || digest FROM approval_requests WHERE run_id = $1"
		s.eventually("the request is open", patience, func() bool { return strings.HasPrefix(s.one(times, id), "open ") })
		before := s.one(times, id)

		s.first.kill()
		// An hour goes by while nothing runs.
		past := store.Millis(time.Now().Add(-time.Minute))
		s.must(s.db.Tx(t.Context(), func(tx *store.Tx) error {
			if _, err := tx.ExecContext(context.Background(), "UPDATE approval_requests SET remind_at = $1 WHERE run_id = $2", past, id); err != nil {
				return err
			}
			_, err := tx.ExecContext(context.Background(), "UPDATE runs SET due_at = $1 WHERE id = $2 AND worker = ''", past, id)
			return err
		}))
		s.first.start()
		s.eventually("the reminder is sent", patience, func() bool { return s.one("SELECT COUNT(*) FROM notices WHERE kind = 'approval.reminder'") == "1" })
		if after := s.one(times, id); after != before {
			t.Fatalf("before it was killed: %s; afterwards: %s", before, after)
		}
		if n := s.one("SELECT COUNT(*) FROM run_steps WHERE run_id = $1 AND idx > 0 AND attempt > 0", id); n != "0" {
			t.Fatalf("%s steps were started before anybody approved", n)
		}

		decider.first.base = s.first.base
		s.must(decider.first.call("POST", "/v1/runs/"+id+"/approval", map[string]any{"approve": true, "comment": "go"}, nil))
		s.first.kill() // right after the answer
		s.first.start()
		s.awaitRun(id, run.Succeeded)
		if err := decider.first.call("POST", "/v1/runs/"+id+"/approval", map[string]any{"approve": true}, nil); err == nil {
			t.Error("it can be approved again")
		}
		for query, want := range map[string]string{
			"SELECT COUNT(*) FROM approval_requests WHERE run_id = $1 AND state = 'approved'":                               "1",
			"SELECT COUNT(*) FROM approval_decisions d JOIN approval_requests q ON q.id = d.request_id WHERE q.run_id = $1": "1",
			"SELECT COUNT(*) FROM audit_events WHERE run_id = $1 AND verb = 'run.approve'":                                  "1",
			"SELECT COUNT(*) FROM forge_repositories WHERE name = 'outlives' AND $1 <> ''":                                  "1",
			"SELECT COUNT(*) FROM notices WHERE kind = 'approval.decided' AND url = '/runs/' || $1":                         "1",
		} {
			if got := s.one(query, id); got != want {
				t.Errorf("%s: %s, want %s", query, got, want)
			}
		}
	})
}
