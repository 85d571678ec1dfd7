package oidc_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/auth"
	"sphera/internal/oidc"
	"sphera/internal/secret"
	"sphera/internal/store"
	"sphera/internal/store/storetest"

	"github.com/go-jose/go-jose/v4"
)

const portal = "https://portal.example"

// idp is a provider that does what a test tells it.
type idp struct {
	*httptest.Server
	mu     sync.Mutex
	key    *rsa.PrivateKey
	other  *rsa.PrivateKey
	ec     *ecdsa.PrivateKey
	keys   []jose.JSONWebKey
	nonce  string
	change func(claims map[string]any)
	sign   func(p *idp, claims map[string]any) string
	info   map[string]any
	meta   map[string]any
	// fetches counts how often the keys were asked for.
	fetches   int
	challenge string
	verifier  string
}

func newIDP(t *testing.T) *idp {
	t.Helper()
	p := &idp{}
	var err error
	if p.key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	if p.other, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	if p.ec, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	p.keys = []jose.JSONWebKey{{Key: &p.key.PublicKey, KeyID: "k1", Algorithm: "RS256", Use: "sig"}}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		doc := map[string]any{
			"issuer": p.URL, "authorization_endpoint": p.URL + "/auth", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
			"userinfo_endpoint": p.URL + "/userinfo",
		}
		maps.Copy(doc, p.meta)
		answer(t, w, doc)
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.fetches++
		answer(t, w, jose.JSONWebKeySet{Keys: p.keys})
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		p.verifier = r.FormValue("code_verifier")
		doc := map[string]any{"access_token": "access", "token_type": "Bearer", "expires_in": 60}
		if p.sign != nil {
			if token := p.sign(p, p.claims()); token != "" {
				doc["id_token"] = token
			}
		} else {
			doc["id_token"] = p.signed(p.claims())
		}
		answer(t, w, doc)
	})
	mux.HandleFunc("/userinfo", func(w http.ResponseWriter, _ *http.Request) { answer(t, w, p.info) })
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	p.info = map[string]any{"sub": "ada"}
	return p
}

func answer(t *testing.T, w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		t.Error(err)
	}
}

// claims are those of a good token, changed as the test wants.
func (p *idp) claims() map[string]any {
	now := time.Now().Unix()
	c := map[string]any{
		"iss": p.URL, "aud": "sphera", "sub": "ada", "exp": now + 300, "iat": now, "nonce": p.nonce, "auth_time": now,
		"email": "ada@example.com", "email_verified": true, "name": "Ada Byron", "groups": []string{"engineering"},
	}
	if p.change != nil {
		p.change(c)
	}
	return c
}

func (p *idp) signed(claims map[string]any) string { return sign(p.key, jose.RS256, "k1", claims) }

func sign(key any, alg jose.SignatureAlgorithm, kid string, claims map[string]any) string {
	raw, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: kid}}, nil)
	if err != nil {
		panic(err)
	}
	out, err := signer.Sign(raw)
	if err != nil {
		panic(err)
	}
	text, err := out.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return text
}

func unsigned(header string, claims map[string]any, signature string) string {
	raw, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	b64 := base64.RawURLEncoding
	return b64.EncodeToString([]byte(header)) + "." + b64.EncodeToString(raw) + "." + signature
}

// world is the sign-in with one provider that misbehaves.
type world struct {
	*oidc.Service
	t    *testing.T
	db   *store.DB
	auth *auth.Service
	idp  *idp
	now  func() time.Time
}

func newWorld(t *testing.T, db *store.DB, p *idp) *world {
	t.Helper()
	w := &world{t: t, db: db, idp: p, now: time.Now}
	log := audit.New(time.Now)
	w.auth = auth.New(db, log, time.Now)
	sealer, err := secret.OpenSealer(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	w.Service, err = oidc.New(oidc.Deps{
		DB: db, Auth: w.auth, Audit: log, Sealer: sealer, Client: http.DefaultClient, Guarded: http.DefaultClient,
		PublicURL: func() string { return portal }, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return w.now() },
	}, oidc.Config{
		ID: "bad", Issuer: p.URL, ClientID: "sphera", ClientSecret: secret.NewValue("secret"), GroupsClaim: "groups",
		Map: []oidc.Mapping{{Group: "engineering", Role: auth.Developer}, {Group: "payments", Team: "payments"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// begin starts a login and tells the provider its nonce.
func (w *world) begin(in oidc.Start) (state, cookie string) {
	w.t.Helper()
	address, cookie, err := w.Start(context.Background(), "bad", in)
	if err != nil {
		w.t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		w.t.Fatal(err)
	}
	q := u.Query()
	if q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 || len(q.Get("nonce")) != 43 || len(q.Get("state")) != 43 {
		w.t.Fatalf("the request is weak: %s", address)
	}
	w.idp.nonce, w.idp.challenge = q.Get("nonce"), q.Get("code_challenge")
	return q.Get("state"), cookie
}

func (w *world) sessions() (n int) {
	w.t.Helper()
	if err := w.db.Read().QueryRowContext(w.t.Context(), "SELECT COUNT(*) FROM auth_sessions").Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// TestS16_MisbehavingProvider: whatever a provider, or somebody in between,
// gets wrong, nobody is signed in.
func TestS16_MisbehavingProvider(t *testing.T) {
	cases := waysToMisbehave()
	if len(cases) < 25 {
		t.Fatal("there must be 25 ways")
	}
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) { misbehave(t, db, c) })
		}
	})
}

type misbehaviour struct {
	name   string
	break_ func(p *idp)
	answer func(q url.Values)
}

func misbehave(t *testing.T, db *store.DB, c misbehaviour) {
	p := newIDP(t)
	w := newWorld(t, db, p)
	if c.break_ != nil {
		c.break_(p)
	}
	if p.meta["issuer"] != nil {
		if _, _, err := w.Start(t.Context(), "bad", oidc.Start{}); err == nil {
			t.Error("the login began")
		}
		return
	}
	state, cookie := w.begin(oidc.Start{ReturnTo: "/catalog"})
	q := url.Values{"code": {"code"}, "state": {state}}
	if c.answer != nil {
		c.answer(q)
	}
	done, err := w.Callback(t.Context(), "bad", cookie, q, auth.LoginMeta{})
	if err == nil || done.Token != "" {
		t.Error("somebody is signed in")
	}
	if n := w.sessions(); n != 0 {
		t.Errorf("%d sessions", n)
	}
}

func waysToMisbehave() []misbehaviour {
	set := func(name string, value any) func(*idp) {
		return func(p *idp) { p.change = func(c map[string]any) { c[name] = value } }
	}
	unset := func(name string) func(*idp) {
		return func(p *idp) { p.change = func(c map[string]any) { delete(c, name) } }
	}
	past, future := time.Now().Add(-time.Hour).Unix(), time.Now().Add(time.Hour).Unix()
	return []misbehaviour{
		{name: "wrong audience", break_: set("aud", "another")},
		{name: "no audience", break_: unset("aud")},
		{name: "several audiences without azp", break_: set("aud", []string{"sphera", "another"})},
		{name: "azp of another client", break_: set("azp", "another")},
		{name: "wrong issuer", break_: set("iss", "https://evil.example")},
		{name: "issuer with a slash more", break_: func(p *idp) { p.change = func(c map[string]any) { c["iss"] = p.URL + "/" } }},
		{name: "wrong nonce", break_: set("nonce", "another")},
		{name: "no nonce", break_: unset("nonce")},
		{name: "expired", break_: set("exp", past)},
		{name: "no expiry", break_: unset("exp")},
		{name: "issued in the future", break_: set("iat", future)},
		{name: "not issued at any time", break_: unset("iat")},
		{name: "not yet good", break_: set("nbf", future)},
		{name: "empty subject", break_: set("sub", "")},
		{name: "no subject", break_: unset("sub")},
		{name: "subject that is no text", break_: set("sub", 7)},
		{name: "email_verified as text", break_: set("email_verified", "true")},
		{name: "alg none", break_: func(p *idp) {
			p.sign = func(_ *idp, c map[string]any) string { return unsigned(`{"alg":"none"}`, c, "") }
		}},
		{name: "alg HS256 with the client's secret", break_: func(p *idp) {
			p.sign = func(_ *idp, c map[string]any) string {
				return sign([]byte(strings.Repeat("secret", 8)), jose.HS256, "k1", c)
			}
		}},
		{name: "alg HS256 with the public key", break_: func(p *idp) {
			p.sign = func(p *idp, c map[string]any) string { return sign(p.key.N.Bytes(), jose.HS256, "k1", c) }
		}},
		{name: "another key under the same id", break_: func(p *idp) {
			p.sign = func(p *idp, c map[string]any) string { return sign(p.other, jose.RS256, "k1", c) }
		}},
		{name: "unknown key id", break_: func(p *idp) {
			p.sign = func(p *idp, c map[string]any) string { return sign(p.key, jose.RS256, "k9", c) }
		}},
		{name: "algorithm that the key is not for", break_: func(p *idp) {
			p.sign = func(p *idp, c map[string]any) string { return sign(p.key, jose.PS256, "k1", c) }
		}},
		{name: "two keys with one id", break_: func(p *idp) {
			p.keys = append(p.keys, jose.JSONWebKey{Key: &p.other.PublicKey, KeyID: "k1", Algorithm: "RS256", Use: "sig"})
			p.sign = func(p *idp, c map[string]any) string { return sign(p.other, jose.RS256, "k1", c) }
		}},
		{name: "key for encryption", break_: func(p *idp) { p.keys[0].Use = "enc" }},
		{name: "key in the token itself", break_: func(p *idp) {
			p.sign = func(p *idp, c map[string]any) string {
				signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: p.other}, (&jose.SignerOptions{EmbedJWK: true}))
				if err != nil {
					panic(err)
				}
				raw, _ := json.Marshal(c)
				out, _ := signer.Sign(raw)
				text, _ := out.CompactSerialize()
				return text
			}
		}},
		{name: "changed after signing", break_: func(p *idp) {
			p.sign = func(p *idp, c map[string]any) string {
				good := strings.Split(p.signed(c), ".")
				c["sub"] = "grace"
				raw, _ := json.Marshal(c)
				return good[0] + "." + base64.RawURLEncoding.EncodeToString(raw) + "." + good[2]
			}
		}},
		{name: "logout token as ID token", break_: set("events", map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}})},
		{name: "no ID token", break_: func(p *idp) { p.sign = func(*idp, map[string]any) string { return "" } }},
		{name: "ID token of 1 MB", break_: set("filler", strings.Repeat("x", 1<<20))},
		{name: "at_hash of another token", break_: set("at_hash", base64.RawURLEncoding.EncodeToString(make([]byte, crypto.SHA256.Size()/2)))},
		{name: "UserInfo about somebody else", break_: func(p *idp) {
			p.change = func(c map[string]any) { delete(c, "email") }
			p.info = map[string]any{"sub": "grace", "email": "grace@example.com", "email_verified": true}
		}},
		{name: "another state", answer: func(q url.Values) { q.Set("state", strings.Repeat("a", 43)) }},
		{name: "no state", answer: func(q url.Values) { q.Del("state") }},
		{name: "two states", answer: func(q url.Values) { q.Add("state", "x") }},
		{name: "iss of another provider", answer: func(q url.Values) { q.Set("iss", "https://evil.example") }},
		{name: "iss missing although it is promised", break_: func(p *idp) {
			p.meta = map[string]any{"authorization_response_iss_parameter_supported": true}
		}},
		{name: "discovery names another issuer", break_: func(p *idp) { p.meta = map[string]any{"issuer": "https://evil.example"} }},
		{name: "error", answer: func(q url.Values) { q.Set("error", "access_denied") }},
		{name: "no code", answer: func(q url.Values) { q.Del("code") }},
	}
}

// TestS16_GoodLogin shows that the cases above fail for their reason alone.
func TestS16_GoodLogin(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		p := newIDP(t)
		w := newWorld(t, db, p)
		state, cookie := w.begin(oidc.Start{ReturnTo: "/catalog?x=1"})
		q := url.Values{"code": {"code"}, "state": {state}, "iss": {p.URL}}
		done, err := w.Callback(t.Context(), "bad", cookie, q, auth.LoginMeta{})
		if err != nil {
			t.Fatal(err)
		}
		if done.ReturnTo != "/catalog?x=1" || done.User.Email != "ada@example.com" || strings.Join(done.User.Roles, ",") != "developer,viewer" {
			t.Errorf("%+v", done)
		}
		if len(p.verifier) != 43 {
			t.Errorf("the verifier is %q", p.verifier)
		}
		if _, err := w.Callback(t.Context(), "bad", cookie, q, auth.LoginMeta{}); err == nil {
			t.Error("the same answer signs in twice")
		}
		if n := w.sessions(); n != 1 {
			t.Errorf("%d sessions", n)
		}
	})
}

// TestS16_BoundToTheBrowserAndTheTime: only the browser that began a login may
// end it, at the same provider and within 10 minutes.
func TestS16_BoundToTheBrowserAndTheTime(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		p := newIDP(t)
		w := newWorld(t, db, p)
		state, cookie := w.begin(oidc.Start{})
		otherState, otherCookie := w.begin(oidc.Start{})
		good := url.Values{"code": {"code"}, "state": {state}}
		for name, try := range map[string]func() error{
			"no cookie": func() error { _, err := w.Callback(t.Context(), "bad", "", good, auth.LoginMeta{}); return err },
			"cookie of another": func() error {
				_, err := w.Callback(t.Context(), "bad", otherCookie, good, auth.LoginMeta{})
				return err
			},
			"state of another": func() error {
				_, err := w.Callback(t.Context(), "bad", cookie, url.Values{"code": {"code"}, "state": {otherState}}, auth.LoginMeta{})
				return err
			},
			"changed cookie": func() error {
				_, err := w.Callback(t.Context(), "bad", cookie[:len(cookie)-2]+"AA", good, auth.LoginMeta{})
				return err
			},
			"another provider's id": func() error { _, err := w.Callback(t.Context(), "good", cookie, good, auth.LoginMeta{}); return err },
			"eleven minutes later": func() error {
				w.now = func() time.Time { return time.Now().Add(11 * time.Minute) }
				defer func() { w.now = time.Now }()
				_, err := w.Callback(t.Context(), "bad", cookie, good, auth.LoginMeta{})
				return err
			},
		} {
			if err := try(); err == nil {
				t.Errorf("%s: signed in", name)
			}
		}
		if n := w.sessions(); n != 0 {
			t.Errorf("%d sessions", n)
		}
	})
}

// TestS17_AddressesLinkNothing are the cases of CVE-2026-55075 and -55076
// (Coder), 2026-23990 (Flux) and their kind.
func TestS17_AddressesLinkNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		p := newIDP(t)
		w := newWorld(t, db, p)
		if _, err := w.auth.CreateTeam(t.Context(), auth.Team{Name: "payments"}, "system"); err != nil {
			t.Fatal(err)
		}
		admin, err := w.auth.CreateUser(t.Context(), auth.NewUser{Email: "grace@example.com", Name: "Grace", Roles: []string{auth.Administrator}}, "system")
		if err != nil {
			t.Fatal(err)
		}
		login := func(change func(map[string]any)) (oidc.Done, error) {
			p.change = change
			state, cookie := w.begin(oidc.Start{})
			return w.Callback(t.Context(), "bad", cookie, url.Values{"code": {"c"}, "state": {state}}, auth.LoginMeta{})
		}
		// The address of an administrator makes nobody that administrator.
		for _, verified := range []any{true, false} {
			done, err := login(func(c map[string]any) {
				c["sub"], c["email"], c["email_verified"] = "mallory", "Grace@Example.com", verified
			})
			if err == nil && done.User.ID == admin.ID {
				t.Fatalf("verified %v: signed in as %s", verified, done.User.Email)
			}
			if verified == true && err == nil {
				t.Error("an address that is taken makes another account")
			}
			if verified == false && (err != nil || done.User.Email == "grace@example.com") {
				t.Errorf("an unverified address counts: %+v %v", done.User, err)
			}
		}
		// The same subject is the same person, whatever the address is now.
		first, err := login(func(c map[string]any) { c["email"] = "ada@example.com" })
		if err != nil {
			t.Fatal(err)
		}
		second, err := login(func(c map[string]any) { c["email"] = "other@example.com" })
		if err != nil || second.User.ID != first.User.ID {
			t.Errorf("%v: %s and %s", err, first.User.ID, second.User.ID)
		}
		// No groups, groups of another form, and groups that only look alike give nothing.
		for _, groups := range []any{nil, "", "engineering", []any{}, []any{7}, []any{"Engineering"}, []any{"engineering "}, []any{"team-engineering"}, map[string]any{"engineering": true}} {
			done, err := login(func(c map[string]any) {
				if c["groups"] = groups; groups == nil {
					delete(c, "groups")
				}
			})
			if err != nil || strings.Join(done.User.Roles, ",") != "viewer" || len(done.User.Teams) != 0 {
				t.Errorf("groups %v: roles %v, teams %v, %v", groups, done.User.Roles, done.User.Teams, err)
			}
		}
		// What a group gave goes with the group; what an administrator gave stays.
		if _, err := w.auth.UpdateUser(t.Context(), first.User.ID, auth.UserChange{Roles: &[]string{auth.Viewer, auth.Infrastructure}}, "system"); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			groups       []string
			roles, teams string
		}{
			{[]string{"engineering", "payments"}, "developer,infrastructure,viewer", "payments"},
			{[]string{"payments"}, "infrastructure,viewer", "payments"},
			{nil, "infrastructure,viewer", ""},
		} {
			done, err := login(func(m map[string]any) { m["groups"] = c.groups })
			if err != nil || strings.Join(done.User.Roles, ",") != c.roles || strings.Join(done.User.Teams, ",") != c.teams {
				t.Errorf("groups %v: roles %v, teams %v, %v", c.groups, done.User.Roles, done.User.Teams, err)
			}
		}
	})
}

// TestS16_KeysAreFetchedSparingly: invented key ids do not become requests.
func TestS16_KeysAreFetchedSparingly(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		p := newIDP(t)
		w := newWorld(t, db, p)
		at := time.Now()
		w.now = func() time.Time { return at }
		for i := range 50 {
			p.sign = func(p *idp, c map[string]any) string { return sign(p.other, jose.RS256, string(rune('a'+i)), c) }
			state, cookie := w.begin(oidc.Start{})
			if _, err := w.Callback(t.Context(), "bad", cookie, url.Values{"code": {"c"}, "state": {state}}, auth.LoginMeta{}); err == nil {
				t.Fatal("signed in")
			}
		}
		if p.fetches > 2 {
			t.Errorf("50 unknown keys were %d requests", p.fetches)
		}
	})
}

func FuzzS11_ReturnTo(f *testing.F) {
	for _, s := range []string{"/", "/a", "//e", `/\e`, "/%09/e", "https:e", "/\t/e", "/%2F/e", "/a//b", "/?x=//e", "javascript:x", "/%5ce", "\\/e", "/@e", "/a\x00", "http://e", "/..//e"} {
		f.Add(s)
	}
	base, _ := url.Parse("https://portal.example/login")
	f.Fuzz(func(t *testing.T, s string) {
		got := oidc.LocalPath(s)
		// Browsers leave out tabs and line ends and take \ for /.
		seen := strings.NewReplacer("\t", "", "\r", "", "\n", "", `\`, "/").Replace(got)
		u, err := base.Parse(seen)
		if err != nil || u.Host != "portal.example" || u.Scheme != "https" || !strings.HasPrefix(got, "/") || strings.HasPrefix(seen, "//") {
			t.Errorf("%q became %q, which is %v", s, got, u)
		}
		for _, c := range []byte(got) {
			if c < ' ' {
				t.Errorf("%q has a control character", got)
			}
		}
	})
}
