package scim_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/scim"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

// directory is somebody else's side: it calls as Okta and Entra do.
type directory struct {
	t       *testing.T
	service *scim.Service
	auth    *auth.Service
	handler http.Handler
	db      *store.DB
	token   string
	issuer  string
}

func each(t *testing.T, test func(t *testing.T, d *directory)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		log := audit.New(time.Now)
		d := &directory{t: t, db: db, auth: auth.New(db, log, time.Now), issuer: "https://id.example"}
		d.service = scim.New(scim.Deps{
			DB: db, Auth: d.auth, Audit: log, PublicURL: func() string { return "https://portal.example" }, Log: slog.New(slog.DiscardHandler), Now: time.Now,
		})
		admin := auth.Principal{User: auth.User{ID: "admin"}, Via: auth.ViaSession}
		var err error
		if _, d.token, err = d.service.CreateClient(t.Context(), admin, "okta", d.issuer); err != nil {
			t.Fatal(err)
		}
		d.handler = d.service.Handler(func(*http.Request) string { return "192.0.2.1" })
		test(t, d)
	})
}

func (d *directory) call(method, path, body string) (int, map[string]any) {
	d.t.Helper()
	r := httptest.NewRequestWithContext(d.t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+d.token)
	r.Header.Set("Content-Type", "application/scim+json; charset=utf-8")
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	var out map[string]any
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
			d.t.Fatalf("%s %s: %v in %s", method, path, err, w.Body)
		}
		if w.Header().Get("Content-Type") != "application/scim+json" {
			d.t.Errorf("%s %s: content type %s", method, path, w.Header().Get("Content-Type"))
		}
	}
	return w.Code, out
}

func (d *directory) must(want int, method, path, body string) map[string]any {
	d.t.Helper()
	status, out := d.call(method, path, body)
	if status != want {
		d.t.Fatalf("%s %s: %d %v", method, path, status, out)
	}
	return out
}

func text(v any) string { return fmt.Sprint(v) }

const barbara = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"bjensen@example.com","externalId":"701984",
	"name":{"formatted":"Ms. Barbara J Jensen III","familyName":"Jensen","givenName":"Barbara"},"displayName":"Babs Jensen","password":"t1meMa$heen",
	"emails":[{"value":"bjensen@example.com","type":"work","primary":true},{"value":"babs@jensen.org","type":"home"}],"userType":"Employee","active":true}`

// TestUsers follows RFC 7644, section 3, with the user of RFC 7643, 8.2.
func TestUsers(t *testing.T) {
	each(t, func(t *testing.T, d *directory) {
		made := d.must(201, "POST", "/scim/v2/Users", barbara)
		id := text(made["id"])
		if made["userName"] != "bjensen@example.com" || made["active"] != true || made["password"] != nil || !strings.HasSuffix(text(made["meta"].(map[string]any)["location"]), "/scim/v2/Users/"+id) {
			t.Errorf("made %v", made)
		}
		u, err := d.auth.User(t.Context(), id)
		if err != nil || u.Name != "Babs Jensen" || u.Email != "bjensen@example.com" || u.Status != auth.Active || u.Contractor {
			t.Fatalf("%+v %v", u, err)
		}
		if _, out := d.call("POST", "/scim/v2/Users", strings.Replace(barbara, "bjensen@example.com", "BJensen@Example.com", 1)); out["scimType"] != "uniqueness" || out["status"] != "409" {
			t.Errorf("twice: %v", out)
		}
		d.must(200, "GET", "/scim/v2/Users/"+id, "")
		put := d.must(200, "PUT", "/scim/v2/Users/"+id, strings.NewReplacer(`"Babs Jensen"`, `"Barbara"`, "Employee", "contractor").Replace(barbara))
		if u, _ = d.auth.User(t.Context(), id); u.Name != "Barbara" || !u.Contractor || put["displayName"] != "Barbara" {
			t.Errorf("after PUT: %+v %v", u, put)
		}
		for path, want := range map[string]int{"/scim/v2/Users/none": 404, "/scim/v2/Nothing": 404, "/scim/v2/Users/a/b": 404} {
			if status, out := d.call("GET", path, ""); status != want || out["schemas"].([]any)[0] != "urn:ietf:params:scim:api:messages:2.0:Error" {
				t.Errorf("%s: %d %v", path, status, out)
			}
		}
		for _, body := range []string{`{}`, `{"userName":7}`, `{"userName":"x"}`, `{"userName":"x@example.com","active":"maybe"}`, `[]`, `{`} {
			if status, out := d.call("POST", "/scim/v2/Users", body); status != 400 || out["detail"] == nil {
				t.Errorf("%s: %d %v", body, status, out)
			}
		}
		d.must(204, "DELETE", "/scim/v2/Users/"+id, "")
		if u, _ = d.auth.User(t.Context(), id); u.Status != auth.Suspended {
			t.Errorf("after DELETE: %+v", u)
		}
		d.must(404, "GET", "/scim/v2/Users/"+id, "")
		d.must(404, "DELETE", "/scim/v2/Users/"+id, "")
		again := d.must(201, "POST", "/scim/v2/Users", barbara)
		if u, _ = d.auth.User(t.Context(), id); again["id"] != id || u.Status != auth.Active {
			t.Errorf("hired again: %v %+v", again, u)
		}
	})
}

// TestPatchStyles: the forms of RFC 7644, 3.5.2, Okta and Entra.
func TestPatchStyles(t *testing.T) {
	each(t, func(t *testing.T, d *directory) {
		id := text(d.must(201, "POST", "/scim/v2/Users", barbara)["id"])
		user := func() auth.User {
			u, err := d.auth.User(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			return u
		}
		patch := func(operations string) map[string]any {
			t.Helper()
			return d.must(200, "PATCH", "/scim/v2/Users/"+id, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":`+operations+`}`)
		}
		for _, c := range []struct {
			name, operations string
			good             func(u auth.User, out map[string]any) bool
		}{
			{"Okta deactivates", `[{"op":"replace","value":{"active":false}}]`, func(u auth.User, _ map[string]any) bool { return u.Status == auth.Suspended }},
			{"Entra activates", `[{"op":"Replace","path":"active","value":"True"}]`, func(u auth.User, out map[string]any) bool { return u.Status == auth.Active && out["active"] == true }},
			{"Entra without a path", `[{"op":"Add","value":{"displayName":"Barb","name.givenName":"Barb"}}]`, func(u auth.User, out map[string]any) bool {
				return u.Name == "Barb" && out["name"].(map[string]any)["givenName"] == "Barb" && out["name"].(map[string]any)["familyName"] == "Jensen"
			}},
			{"the schema in front", `[{"op":"replace","path":"urn:ietf:params:scim:schemas:core:2.0:User:displayName","value":"B. J."}]`, func(u auth.User, _ map[string]any) bool { return u.Name == "B. J." }},
			{"a filter in the path", `[{"op":"replace","path":"emails[type eq \"work\"].value","value":"new@example.com"}]`, func(_ auth.User, out map[string]any) bool {
				return strings.Contains(text(out["emails"]), "new@example.com") && strings.Contains(text(out["emails"]), "babs@jensen.org")
			}},
			{"a filter that finds nothing makes one", `[{"op":"add","path":"phoneNumbers[type eq \"mobile\"].value","value":"1"}]`, func(_ auth.User, out map[string]any) bool {
				return strings.Contains(text(out["phoneNumbers"]), "mobile")
			}},
			{"remove by a filter", `[{"op":"remove","path":"emails[type eq \"home\"]"}]`, func(_ auth.User, out map[string]any) bool {
				return !strings.Contains(text(out["emails"]), "jensen.org")
			}},
			{"remove an attribute", `[{"op":"remove","path":"displayName"}]`, func(u auth.User, out map[string]any) bool {
				return out["displayName"] == nil && u.Name == "Ms. Barbara J Jensen III"
			}},
			{"names in other letters", `[{"op":"replace","path":"USERTYPE","value":"Contractor"}]`, func(u auth.User, _ map[string]any) bool { return u.Contractor }},
		} {
			if out := patch(c.operations); !c.good(user(), out) {
				t.Errorf("%s: %v %+v", c.name, out, user())
			}
		}
		for _, operations := range []string{
			`[]`, `[{"op":"move","path":"active"}]`, `[{"op":"replace","path":"id","value":"x"}]`, `[{"op":"replace","path":"meta.location","value":"x"}]`,
			`[{"op":"replace","path":"emails[type eq","value":"x"}]`, `[{"op":"remove"}]`, `[{"op":"replace","path":"userName","value":""}]`, `{"op":1}`,
		} {
			if status, out := d.call("PATCH", "/scim/v2/Users/"+id, `{"Operations":`+operations+`}`); status != 400 {
				t.Errorf("%s: %d %v", operations, status, out)
			}
		}
	})
}

func TestListsWithFiltersAndPages(t *testing.T) {
	each(t, func(t *testing.T, d *directory) {
		for i := range 25 {
			d.must(201, "POST", "/scim/v2/Users", fmt.Sprintf(`{"userName":"user%02d@example.com","externalId":"e%d","active":%v,"emails":[{"value":"user%02d@example.com","type":"work"}]}`, i, i, i%5 != 0, i))
		}
		for filter, want := range map[string]int{
			`userName eq "USER07@example.com"`: 1, `externalId eq "e7"`: 1, `externalId eq "E7"`: 0, `userName sw "user1"`: 10, `userName co "er2"`: 5,
			`active eq true`: 20, `active eq false and userName sw "user0"`: 2, `userName eq "a" or userName ew "3@example.com"`: 3,
			`not (active eq true)`: 5, `emails[type eq "work" and value co "user24"]`: 1, `emails.value eq "user03@example.com"`: 1,
			`displayName pr`: 0, `userName pr`: 25, `id eq "x"`: 0, `externalId eq ""`: 0, `userName eq "a' OR 1=1 --"`: 0, `not (active eq false)`: 20,
			`active eq false and externalId eq "e5"`: 1, `externalId eq "e5" or userName eq "user06@example.com"`: 2, `active eq "true"`: 0, `userName eq 7`: 0,
			`externalId eq "e5" and emails.value co "user05"`: 1, `not (externalId eq "e5" and emails.value co "user05")`: 24, `externalId eq "?" or externalId eq "e6"`: 1, `urn:ietf:params:scim:schemas:core:2.0:User:userName eq "user01@example.com"`: 1, `username NE "user01@example.com"`: 24,
		} {
			out := d.must(200, "GET", "/scim/v2/Users?count=2&filter="+url.QueryEscape(filter), "")
			if out["totalResults"] != float64(want) || len(out["Resources"].([]any)) != min(want, 2) {
				t.Errorf("%s: %v of %d", filter, out["totalResults"], want)
			}
		}
		for _, filter := range []string{`userName`, `userName eq`, `userName is "x"`, `(userName pr`, `userName eq {}`, `not userName pr`, `userName pr x`, strings.Repeat("(", 100), strings.Repeat("a", 3000)} {
			if status, out := d.call("GET", "/scim/v2/Users?filter="+url.QueryEscape(filter), ""); status != 400 || out["scimType"] != "invalidFilter" {
				t.Errorf("%.30s: %d %v", filter, status, out)
			}
		}
		for filter, want := range map[string]bool{
			`userName eq "a"`: true, `externalId eq "a"`: true, `id eq "a"`: true, `active eq false`: true, `not (userName eq "a")`: true,
			`active eq true and (userName eq "a" or externalId eq "b")`: true, `userName sw "a"`: false, `userName eq "a" and displayName pr`: false,
			`emails[id eq "a"]`: false, `active eq "true"`: false, `userName eq ""`: false,
		} {
			if scim.Answered(filter, d.db.Dialect) != want {
				t.Errorf("the database answers %s: %v", filter, !want)
			}
		}
		seen := map[string]bool{}
		for start := 1; start <= 25; start += 10 {
			out := d.must(200, "GET", fmt.Sprintf("/scim/v2/Users?startIndex=%d&count=10", start), "")
			for _, r := range out["Resources"].([]any) {
				seen[text(r.(map[string]any)["id"])] = true
			}
		}
		if len(seen) != 25 {
			t.Errorf("%d users on all pages", len(seen))
		}
		if out := d.must(200, "GET", "/scim/v2/Users?count=0", ""); out["totalResults"] != float64(25) || len(out["Resources"].([]any)) != 0 {
			t.Errorf("count 0: %v", out)
		}
	})
}

func TestGroupsAreTeams(t *testing.T) {
	each(t, func(t *testing.T, d *directory) {
		user := func(name string) string {
			return text(d.must(201, "POST", "/scim/v2/Users", `{"userName":"`+name+`@example.com"}`)["id"])
		}
		ada, bob := user("ada"), user("bob")
		made := d.must(201, "POST", "/scim/v2/Groups", `{"displayName":"Payments/EU","members":[{"value":"`+ada+`"}]}`)
		id := text(made["id"])
		teams := func(id string) string {
			u, err := d.auth.User(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			return strings.Join(u.Teams, ",")
		}
		if teams(ada) != "Payments-EU" || teams(bob) != "" {
			t.Fatalf("%s, %s", teams(ada), teams(bob))
		}
		// Somebody whom an administrator put in stays.
		local, err := d.auth.CreateUser(t.Context(), auth.NewUser{Email: "local@example.com", Name: "Local", Roles: []string{auth.Viewer}, Teams: []string{"Payments-EU"}}, "system")
		if err != nil {
			t.Fatal(err)
		}
		patch := func(operations string) map[string]any {
			t.Helper()
			return d.must(200, "PATCH", "/scim/v2/Groups/"+id, `{"Operations":`+operations+`}`)
		}
		patch(`[{"op":"Add","path":"members","value":[{"value":"` + bob + `"}]}]`)
		if teams(ada) != "Payments-EU" || teams(bob) != "Payments-EU" {
			t.Errorf("after add: %s, %s", teams(ada), teams(bob))
		}
		patch(`[{"op":"remove","path":"members[value eq \"` + ada + `\"]"}]`)
		if teams(ada) != "" || teams(bob) != "Payments-EU" {
			t.Errorf("after remove: %s, %s", teams(ada), teams(bob))
		}
		patch(`[{"op":"Remove","path":"members","value":[{"value":"` + bob + `"}]},{"op":"replace","path":"displayName","value":"Payments"}]`)
		if teams(bob) != "" {
			t.Errorf("after Entra's remove: %s", teams(bob))
		}
		out := d.must(200, "GET", "/scim/v2/Groups?filter="+url.QueryEscape(`displayName eq "payments"`)+"&excludedAttributes=members", "")
		if one := out["Resources"].([]any)[0].(map[string]any); one["id"] != id || one["members"] != nil {
			t.Errorf("%v", one)
		}
		d.must(200, "PUT", "/scim/v2/Groups/"+id, `{"displayName":"Payments","members":[{"value":"`+ada+`"},{"value":"`+bob+`"}]}`)
		if teams(ada) != "Payments-EU" || teams(bob) != "Payments-EU" || teams(local.ID) != "Payments-EU" {
			t.Errorf("after PUT: %s, %s, %s", teams(ada), teams(bob), teams(local.ID))
		}
		if status, _ := d.call("PATCH", "/scim/v2/Groups/"+id, `{"Operations":[{"op":"add","path":"members","value":[{"value":"`+local.ID+`"}]}]}`); status != 400 {
			t.Errorf("somebody of no directory: %d", status)
		}
		d.must(204, "DELETE", "/scim/v2/Groups/"+id, "")
		if teams(ada) != "" || teams(local.ID) != "Payments-EU" {
			t.Errorf("after DELETE: %s, %s", teams(ada), teams(local.ID))
		}
	})
}

// TestAGroupChangesAsAWhole: a change of which a part cannot be is none at all,
// and names a team's rights once.
func TestAGroupChangesAsAWhole(t *testing.T) {
	each(t, func(t *testing.T, d *directory) {
		var ids []string
		for i := range 3 {
			ids = append(ids, text(d.must(201, "POST", "/scim/v2/Users", fmt.Sprintf(`{"userName":"user%d@example.com"}`, i))["id"]))
		}
		d.must(201, "POST", "/scim/v2/Groups", `{"displayName":"Taken"}`)
		id := text(d.must(201, "POST", "/scim/v2/Groups", `{"displayName":"Payments","members":[{"value":"`+ids[0]+`"}]}`)["id"])
		state := func() string {
			t.Helper()
			team, err := d.auth.Team(t.Context(), "Payments")
			if err != nil {
				t.Fatal(err)
			}
			var in []string
			for _, u := range team.People {
				in = append(in, u.Email)
			}
			return team.Title + " " + strings.Join(in, " ")
		}
		before := state()
		for _, operations := range []string{
			`[{"op":"add","path":"members","value":[{"value":"` + ids[1] + `"}]},{"op":"replace","path":"displayName","value":"Taken"}]`,
			`[{"op":"replace","path":"displayName","value":"Other"},{"op":"add","path":"members","value":[{"value":"` + ids[1] + `"},{"value":"nobody"}]}]`,
		} {
			if status, out := d.call("PATCH", "/scim/v2/Groups/"+id, `{"Operations":`+operations+`}`); status/100 != 4 {
				t.Errorf("%d %v", status, out)
			}
			if now := state(); now != before {
				t.Errorf("half of it is done: %s, was %s", now, before)
			}
		}
		// The last write of a change fails: the members before it are not changed.
		fail := "CREATE TRIGGER no_group BEFORE INSERT ON audit_events WHEN NEW.verb = 'scim.group' BEGIN SELECT RAISE(ABORT, 'no'); END"
		if d.db.Dialect == store.Postgres {
			fail = "ALTER TABLE audit_events ADD CONSTRAINT no_group CHECK (verb <> 'scim.group') NOT VALID"
		}
		if err := d.db.Tx(t.Context(), func(tx *store.Tx) error { _, err := tx.ExecContext(t.Context(), fail); return err }); err != nil {
			t.Fatal(err)
		}
		if status, _ := d.call("PATCH", "/scim/v2/Groups/"+id, `{"Operations":[{"op":"add","path":"members","value":[{"value":"`+ids[1]+`"},{"value":"`+ids[2]+`"}]}]}`); status != 500 {
			t.Errorf("status %d", status)
		}
		if now := state(); now != before {
			t.Errorf("the members are changed without a record: %s, was %s", now, before)
		}
	})
}

// TestTheDirectoryDecidesAboutItsTeams: by hand neither the name of its team nor
// where its people are is changed; others can be put into the team.
func TestTheDirectoryDecidesAboutItsTeams(t *testing.T) {
	each(t, func(t *testing.T, d *directory) {
		ada := text(d.must(201, "POST", "/scim/v2/Users", `{"userName":"ada@example.com"}`)["id"])
		id := text(d.must(201, "POST", "/scim/v2/Groups", `{"displayName":"Payments","members":[{"value":"`+ada+`"}]}`)["id"])
		local, err := d.auth.CreateUser(t.Context(), auth.NewUser{Email: "local@example.com", Name: "Local", Roles: []string{auth.Viewer}}, "system")
		if err != nil {
			t.Fatal(err)
		}
		refused := func(what string, err error) {
			t.Helper()
			if f, ok := fault.As(err); !ok || f.Rule != "directory-decides" || !strings.Contains(f.Error(), "okta") {
				t.Errorf("%s: %v", what, err)
			}
		}
		name, title, none, both := "Money", "Money", []string{}, []string{"ada@example.com", "local@example.com"}
		refused("another name", d.auth.CopyTeam(t.Context(), "Payments", name))
		_, err = d.auth.UpdateTeam(t.Context(), "Payments", auth.TeamChange{Title: &title}, "admin")
		refused("another title", err)
		_, err = d.auth.UpdateTeam(t.Context(), "Payments", auth.TeamChange{Members: &none}, "admin")
		refused("without its people", err)
		refused("deleted", d.auth.DeleteTeam(t.Context(), "Payments", "admin"))
		_, err = d.auth.UpdateUser(t.Context(), ada, auth.UserChange{Teams: &none}, "admin")
		refused("out of it", err)
		if _, err := d.auth.UpdateTeam(t.Context(), "Payments", auth.TeamChange{Members: &both}, "admin"); err != nil {
			t.Errorf("somebody whom the directory does not know: %v", err)
		}
		if _, err := d.auth.UpdateUser(t.Context(), local.ID, auth.UserChange{Teams: &none}, "admin"); err != nil {
			t.Errorf("out again: %v", err)
		}
		teams, err := d.auth.Teams(t.Context())
		if err != nil || len(teams) != 1 || teams[0].Directory != "okta" {
			t.Errorf("%+v %v", teams, err)
		}
		d.must(204, "DELETE", "/scim/v2/Groups/"+id, "")
		if err := d.auth.CopyTeam(t.Context(), "Payments", name); err != nil {
			t.Errorf("the group is gone, the team is ours: %v", err)
		}
	})
}

// TestS18_DeactivatedIsOut: SCIM and sign-in know the
// same person by the issuer's ids, never by the address.
func TestS18_DeactivatedIsOut(t *testing.T) {
	each(t, func(t *testing.T, d *directory) {
		made := d.must(201, "POST", "/scim/v2/Users", barbara)
		id := text(made["id"])
		known, err := d.service.Find(t.Context(), d.issuer, "701984")
		if err != nil || known != id {
			t.Fatalf("%q %v", known, err)
		}
		if other, _ := d.service.Find(t.Context(), "https://other.example", "701984"); other != "" {
			t.Error("found for another issuer")
		}
		login := func() (string, error) {
			token, _, err := d.auth.LoginOutside(t.Context(), auth.Outside{Issuer: d.issuer, Subject: "701984", Known: known, Create: true}, auth.LoginMeta{})
			return token, err
		}
		token, err := login()
		if err != nil {
			t.Fatal(err)
		}
		d.must(200, "PATCH", "/scim/v2/Users/"+id, `{"Operations":[{"op":"replace","path":"active","value":false}]}`)
		if _, err := d.auth.Authenticate(t.Context(), token); err == nil {
			t.Error("still signed in")
		}
		if _, err := login(); err == nil {
			t.Error("signs in again")
		}
		// An account with the same address is not taken over.
		if _, err := d.auth.CreateUser(t.Context(), auth.NewUser{Email: "boss@example.com", Name: "Boss", Roles: []string{auth.Administrator}}, "system"); err != nil {
			t.Fatal(err)
		}
		if status, out := d.call("POST", "/scim/v2/Users", `{"userName":"boss@example.com"}`); status != 409 {
			t.Errorf("the boss: %d %v", status, out)
		}
	})
}

func TestOnlyWithTheToken(t *testing.T) {
	each(t, func(t *testing.T, d *directory) {
		good := d.token
		for _, token := range []string{"", "x", good[:len(good)-1], good + "x", "spu_" + good[4:]} {
			d.token = token
			if status, out := d.call("GET", "/scim/v2/Users", ""); status != 401 || out["status"] != "401" {
				t.Errorf("%q: %d", token, status)
			}
		}
		d.token = good
		for _, path := range []string{"/scim/v2/ServiceProviderConfig", "/scim/v2/ResourceTypes", "/scim/v2/Schemas", "/scim/v2/ResourceTypes/User", "/scim/v2/Schemas/urn:ietf:params:scim:schemas:core:2.0:Group"} {
			if out := d.must(200, "GET", path, ""); out["schemas"] == nil {
				t.Errorf("%s: %v", path, out)
			}
		}
		d.must(405, "POST", "/scim/v2/Schemas", "{}")
		clients, err := d.service.Clients(t.Context())
		if err != nil || len(clients) != 1 || clients[0].UsedAt.IsZero() {
			t.Fatalf("%+v %v", clients, err)
		}
		if err := d.service.DeleteClient(t.Context(), auth.Principal{User: auth.User{ID: "admin"}}, clients[0].ID); err != nil {
			t.Fatal(err)
		}
		d.must(401, "GET", "/scim/v2/Users", "")
	})
}

func FuzzFilter(f *testing.F) {
	for _, s := range []string{`a eq "b"`, `a pr and (b co "c" or not (d gt 1))`, `e[f eq "g"].h`, `((`, `"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { scim.Try(s) })
}
