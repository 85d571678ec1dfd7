package api

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/auth"
)

// changing is one request of testdata/changes.txt.
type changing struct {
	line              int
	who, method, path string
	body              string
	// save has a name and where in the answer it is.
	save [][2]string
	// until has what an answer has to say.
	until [][2]string
	// beside are verbs that belong to it besides the first.
	beside []string
}

func changes(t *testing.T, file string) []changing {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	var out []changing
	for i, line := range strings.Split(string(raw), "\n") {
		kind, rest, _ := strings.Cut(line, " ")
		if kind == ">" {
			f := strings.Fields(rest)
			out = append(out, changing{line: i + 1, who: f[0], method: f[1], path: f[2]})
			continue
		}
		if len(out) == 0 || line == "" || kind == "#" {
			continue
		}
		c := &out[len(out)-1]
		switch kind {
		case "~":
			f := strings.Fields(rest)
			c.until = append(c.until, [2]string{f[0], f[1]})
		case "=":
			f := strings.Fields(rest)
			c.save = append(c.save, [2]string{f[0], f[1]})
		case "+":
			verbs, why, _ := strings.Cut(rest, "|")
			if strings.TrimSpace(why) == "" {
				t.Fatalf("line %d: events without a reason", i+1)
			}
			c.beside = strings.Fields(verbs)
		default:
			c.body += line
		}
	}
	return out
}

var filled = regexp.MustCompile(`\{(\w+)=((?:[^{}$]|\$\{[^}]*\})*)\}`)

// route is the line of the table: the path with its wildcards.
func (c changing) route() string {
	path, _, _ := strings.Cut(filled.ReplaceAllString(c.path, "{$1}"), "?")
	return c.method + " " + path
}

// whoever names the routes at which a viewer is not refused, with the reason.
func whoever() map[string]string {
	const own, hidden = "everybody has the right to their own", "what others have for themselves is not there"
	return map[string]string{
		"POST /v1/tokens": own, "DELETE /v1/tokens/{id}": own, "DELETE /v1/sessions/{id}": own, "POST /v1/auth/again": own, "POST /v1/auth/logout": own, "POST /v1/views": own,
		"POST /v1/approval-delegations": own, "DELETE /v1/approval-delegations/{id}": own,
		"POST /v1/repositories/{repo}/pull-requests/{n}/comments": "who sees a pull request may comment on it",
		"PUT /v1/views/{id}": hidden, "DELETE /v1/views/{id}": hidden,
		"POST /v1/service-accounts/{id}/tokens": hidden, "DELETE /v1/service-accounts/{id}/tokens/{token}": hidden, "DELETE /v1/service-accounts/{id}": hidden,
		"POST /v1/auth/login": "nobody is signed in yet", "POST /v1/auth/access_token": "nobody is signed in yet",
		"DELETE /v1/access/view-as": "ends what is one's own",
	}
}

// elsewhere names the routes that changes.txt leaves out, with the test that
// has their events.
func elsewhere() map[string]string {
	const other = "TestS56_SignInSetUpDirectoriesAndPushes"
	const told = "what an agent tells of a run is in the run; that it takes it and how it ends are events"
	return map[string]string{
		"POST /v1/actions/{action}/plans":       "a plan changes nothing: starting it does",
		"POST /v1/actions/runs/claim-pending":   "lends runs for a minute; taking them is the event",
		"POST /v1/actions/runs/{run}/logs":      told,
		"PATCH /v1/actions/runs/{run}/response": told,

		"/run/{env}/{service}":  "requests to a service, which are not the portal's",
		"/run/{env}/{service}/": "requests to a service, which are not the portal's",

		"/git/": other, "/scim/v2/": other, "POST /v1/setup": other, "POST /v1/auth/token-exchange": other,
		"GET /v1/auth/oidc/{provider}/callback": other, "POST /v1/auth/oidc/{provider}/backchannel": other,
		"POST /v1/auth/cli":       "a code for one minute is nothing yet: the token that it is changed for is the event",
		"POST /v1/auth/cli/token": "TestS8_ACommandLineIsAllowedByAPerson",
		"POST /v1/runs/{id}/undo": "TestUndoGoesBackwardsOverEveryStartedStep of package run",
	}
}

// play plays changes.txt.
type play struct {
	t       *testing.T
	h       *harness
	set     map[string]string
	cookies map[string]string
}

func newPlay(t *testing.T, h *harness) *play {
	t.Helper()
	h.fixtures()
	p := &play{t: t, h: h, cookies: map[string]string{}, set: map[string]string{
		"ADMIN": h.users["administrator"].ID, "DEVELOPER": h.users["developer"].ID, "VIEWER": h.users["viewer"].ID,
	}}
	second, err := h.auth.CreateUser(t.Context(), auth.NewUser{Email: "second@example.com", Name: "second", Roles: []string{auth.Administrator}}, "system")
	if err != nil {
		t.Fatal(err)
	}
	h.users["second"] = second
	for _, role := range []string{"administrator", "second", "developer", "viewer"} {
		p.cookies[role] = h.login(role)
	}
	return p
}

func (p *play) send(who string, c changing) reply {
	p.t.Helper()
	path := p.fill(filled.ReplaceAllString(c.path, "$2"))
	var body any
	if c.body != "" {
		body = p.fill(c.body)
	}
	role, session := strings.CutSuffix(who, "@")
	switch {
	case role == "nobody":
		role = ""
	case session:
		return p.h.call("", c.method, path, body, "Cookie", p.cookies[role])
	}
	return p.h.call(role, c.method, path, body)
}

var placeholder = regexp.MustCompile(`\$\{([^}]*)\}`)

func (p *play) fill(text string) string {
	return placeholder.ReplaceAllStringFunc(text, func(name string) string {
		name = strings.Trim(name, "${}")
		if value, ok := p.set[name]; ok {
			return value
		}
		return p.find(name)
	})
}

// find reads what no answer before has said.
func (p *play) find(name string) string {
	kind, about, _ := strings.Cut(name, ":")
	switch kind {
	case "TOMORROW":
		return time.Now().Add(24 * time.Hour).UTC().Format(time.RFC3339)
	case "PLAN", "FAILING":
		note := map[string]string{"FAILING": "fail"}[kind]
		got := p.h.must("developer", "POST", "/v1/actions/wait_here/plans", map[string]any{"input": map[string]any{"lines": 0, "note": note}})
		return fmt.Sprint(got.field("plan.id"))
	case "SHA":
		sha, err := p.h.raw.forge.Head(p.t.Context(), "group/r", "main")
		if err != nil {
			p.t.Fatal(err)
		}
		return sha
	case "PLAIN":
		return strings.TrimPrefix(p.set[about], "r_")
	case "FAILED":
		return p.failed(about)
	case "LAST":
		got := p.h.must("administrator", "GET", "/v1/blueprints/Component/entities/"+about+"/history", nil)
		list, _ := got.json["versions"].([]any)
		if len(list) == 0 {
			p.t.Fatalf("no versions: %s", got.text)
		}
		return fmt.Sprint(field(list[0], "version"))
	case "VERSION":
		var id int64
		err := p.h.db.Read().QueryRowContext(p.t.Context(), "SELECT MAX(id) FROM entity_versions WHERE identifier = $1", about).Scan(&id)
		if err != nil {
			p.t.Fatal(err)
		}
		return fmt.Sprint(id)
	case "FLAG", "FLAG2":
		key := map[string]string{"FLAG": "one", "FLAG2": "two"}[kind]
		f, err := p.h.raw.flags.Get(portal(p.t.Context()), "shop", key)
		if err != nil {
			p.t.Fatal(err)
		}
		for _, e := range f.Environments {
			if e.Environment == about {
				return fmt.Sprint(e.Version)
			}
		}
		return fmt.Sprint(f.Version)
	case "VIEWERSESSION", "OWNSESSION":
		role := map[string]string{"VIEWERSESSION": "viewer", "OWNSESSION": "developer"}[kind]
		got := p.h.call("", "GET", "/v1/sessions", nil, "Cookie", p.cookies[role])
		list, _ := got.json["sessions"].([]any)
		if len(list) == 0 {
			p.t.Fatalf("no sessions: %s", got.text)
		}
		return fmt.Sprint(field(list[0], "id"))
	}
	p.t.Fatalf("%s is not known", name)
	return ""
}

// failed is an event of a webhook that could not be worked on.
func (p *play) failed(webhook string) string {
	p.t.Helper()
	got := p.h.must("administrator", "GET", "/v1/webhooks/"+webhook, nil)
	p.h.must("", "POST", "/v1/ingest/webhooks/"+fmt.Sprint(got.field("integration.webhookKey")), map[string]any{"a": 1})
	var id int64
	err := p.h.db.Tx(p.t.Context(), func(tx *tx) error {
		return tx.QueryRowContext(p.t.Context(), "UPDATE webhook_events SET status = 'failed' RETURNING id").Scan(&id)
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return fmt.Sprint(id)
}

// there reports whether an answer says what is waited for.
func (p *play) there(c changing, got reply) bool {
	for _, u := range c.until {
		if fmt.Sprint(got.field(u[0])) != p.fill(u[1]) {
			return false
		}
	}
	return true
}

// succeed makes the change and keeps what later ones need.
func (p *play) succeed(c changing) (reply, bool) {
	p.t.Helper()
	got := p.send(c.who, c)
	for n := 0; n < 600 && !p.there(c, got); n++ {
		time.Sleep(20 * time.Millisecond)
		got = p.send(c.who, c)
	}
	if got.status >= 300 || !p.there(c, got) {
		p.t.Errorf("line %d, %s: %d %.500s", c.line, c.route(), got.status, got.text)
		return got, false
	}
	for _, s := range c.save {
		if p.set[s[0]] = fmt.Sprint(got.field(s[1])); p.set[s[0]] == "<nil>" {
			p.t.Fatalf("line %d, %s: the answer has no %s: %.500s", c.line, c.route(), s[1], got.text)
		}
	}
	if cookie := got.header.Get("Set-Cookie"); strings.HasSuffix(c.who, "@") && cookie != "" {
		p.cookies[strings.TrimSuffix(c.who, "@")] = strings.Split(cookie, ";")[0]
	}
	return got, true
}

// TestS56_OneEventOnSuccess makes each change there is over its route: each
// leaves exactly one event, and before it, tried by a viewer, exactly one of
// the refusal. A route that no change is listed for fails.
func TestS56_OneEventOnSuccess(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		p := newPlay(t, h)
		done := map[string]bool{}
		p.events("changes.txt", done)
		h.work()
		p.events("changes_running.txt", done)
		for _, key := range sortedKeys(h.api.mux.entries) {
			_, there := elsewhere()[key]
			if h.api.mux.entries[key].audit == domain && done[key] == there {
				t.Errorf("%s: has to be in testdata/changes.txt, or in the list of those that another test has", key)
			}
		}
	})
}

// events plays a file and counts what each change leaves.
func (p *play) events(file string, done map[string]bool) {
	t, h := p.t, p.h
	t.Helper()
	for _, c := range changes(t, file) {
		route := c.route()
		if c.method == http.MethodGet {
			p.succeed(c)
			continue
		}
		rt, known := h.api.mux.entries[route]
		if !known || rt.audit != domain {
			t.Errorf("line %d, %s: there is no such route that changes something", c.line, route)
			continue
		}
		_, silent := elsewhere()[route]
		done[route] = !silent
		if _, free := whoever()[route]; !free {
			p.refused(c)
		}
		got, ok := p.succeed(c)
		if !ok || silent {
			continue
		}
		if events := rest(h.eventsOf(got), c.beside); len(events) != 1 || !strings.HasPrefix(events[0], audit.Success+" ") {
			t.Errorf("line %d, %s: %d events: %q", c.line, route, len(events), h.eventsOf(got))
		}
	}
}

// refused tries a change as a viewer.
func (p *play) refused(c changing) {
	p.t.Helper()
	got := p.send("viewer", c)
	events := p.h.eventsOf(got)
	many := got.status < 300 && strings.Contains(got.text, `"error":"forbidden"`) // of many, one by one
	if got.status != http.StatusForbidden && !many || len(events) != 1 || !strings.HasPrefix(events[0], audit.Denied+" ") {
		p.t.Errorf("line %d, %s by a viewer: %d with the events %q: %.200s", c.line, c.route(), got.status, events, got.text)
	}
}

// rest is events without those that belong to the first.
func rest(events, beside []string) []string {
	for _, verb := range beside {
		if i := slices.Index(events, audit.Success+" "+verb); i >= 0 {
			events = slices.Delete(slices.Clone(events), i, i+1)
		}
	}
	return events
}

// TestS49_NoRecordNoChange: when the log cannot be written no route changes
// anything, in any table.
func TestS49_NoRecordNoChange(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		p := newPlay(t, h)
		for _, c := range changes(t, "changes.txt") {
			c.path, c.body = p.fill(c.path), p.fill(c.body) // makes what has to be there
			before := h.content()
			h.breakAudit()
			got := p.send(c.who, c)
			h.mendAudit()
			if got.status < http.StatusBadRequest && !strings.Contains(got.text, `"ok":false`) {
				t.Errorf("line %d, %s: %d without a record", c.line, c.route(), got.status)
			}
			if changed := differences(before, h.content()); len(changed) > 0 {
				t.Errorf("line %d, %s: changed something without a record: %q", c.line, c.route(), changed)
			}
			p.succeed(c)
		}
	})
}
