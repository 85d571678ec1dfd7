package serve_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	syncv1 "buf.build/gen/go/open-feature/flagd/protocolbuffers/go/flagd/sync/v1"
	"sphera/internal/flag"
	"sphera/internal/flag/eval"
	"sphera/internal/flag/serve"

	"connectrpc.com/connect"
	"github.com/prometheus/client_golang/prometheus"
)

const (
	serverKey = "spf_server"
	clientKey = "spc_client"
	relayKey  = "spr_relay"
	wideKey   = "spf_wide"
)

// definition has a flag of each kind of answer. Two are visible to clients.
const definition = `{"metadata":{"flagSetId":"checkout","version":"v1"},"flags":{
	"banner":{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off",
		"targeting":{"if":[{"==":[{"var":"plan"},"pro"]},"on",null]},"metadata":{"owner":"team-a"}},
	"color":{"state":"ENABLED","variants":{"red":"#f00","blue":"#00f"},"defaultVariant":"red"},
	"limit":{"state":"ENABLED","variants":{"low":10,"high":1.5},"defaultVariant":"low"},
	"layout":{"state":"ENABLED","variants":{"wide":{"columns":3}},"defaultVariant":"wide"},
	"off":{"state":"DISABLED","variants":{"on":true,"off":false},"defaultVariant":"off"},
	"broken":{"state":"ENABLED","variants":{"on":true},"defaultVariant":"on","targeting":{"if":[true,"no-such"]}},
	"share":{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off","targeting":{"fractional":[["on",50],["off",50]]}}
}}`

type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time      { return time.UnixMilli(c.at.Load()).UTC() }
func (c *clock) add(d time.Duration) { c.at.Add(d.Milliseconds()) }

func startClock() *clock {
	c := &clock{}
	c.at.Store(time.Now().UnixMilli())
	return c
}

// fixture is a server with one set in the environment dev.
type fixture struct {
	t     testing.TB
	s     *serve.Server
	http  *httptest.Server
	clock *clock
}

func start(t testing.TB, change ...func(*serve.Options)) *fixture {
	t.Helper()
	f := &fixture{t: t, clock: startClock()}
	o := serve.Options{Now: f.clock.now, Log: slog.New(slog.DiscardHandler), ClientRate: 1e6, FailureRate: 1e6}
	for _, c := range change {
		c(&o)
	}
	f.s = serve.New(o)
	f.s.SetKeys(keys())
	f.s.Replace([]*flag.Snapshot{snapshot(t, 1, definition, "banner", "color")})
	f.http = httptest.NewUnstartedServer(f.s.Front(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })))
	f.http.Config.ConnContext = serve.ConnContext
	f.http.Start()
	t.Cleanup(func() {
		f.s.Stop()
		f.http.CloseClientConnections()
		f.http.Close()
	})
	return f
}

func keys() []serve.Key {
	return []serve.Key{
		{ID: "k1", Hash: hash(serverKey), Kind: serve.KindServer, Project: "checkout", Environment: "dev", Name: "cart"},
		{ID: "k2", Hash: hash(clientKey), Kind: serve.KindClient, Project: "checkout", Environment: "dev", Name: "shop", Origins: []string{"https://shop.example"}},
		{ID: "k3", Hash: hash(relayKey), Kind: serve.KindRelay, Name: "eu"},
		{ID: "k4", Hash: hash(wideKey), Kind: serve.KindServer, Project: "checkout", Name: "batch"},
	}
}

func hash(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

func snapshot(t testing.TB, version int64, def string, clients ...string) *flag.Snapshot {
	t.Helper()
	return snapshotOf(t, "checkout", "dev", version, def, clients...)
}

func snapshotOf(t testing.TB, project, environment string, version int64, def string, clients ...string) *flag.Snapshot {
	t.Helper()
	set, problems := eval.Compile([]byte(def), eval.Options{})
	if set == nil {
		t.Fatal(problems)
	}
	set.Pack()
	sum := sha256.Sum256([]byte(def))
	sn := &flag.Snapshot{Project: project, Environment: environment, Version: version, ETag: hex.EncodeToString(sum[:]), Set: set, Clients: map[string]bool{}}
	for _, key := range clients {
		sn.Clients[key] = true
	}
	return sn
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) json(t testing.TB) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal([]byte(a.body), &out); err != nil {
		t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	return out
}

// ask sends a request; headers come in pairs.
func (f *fixture) ask(method, path, key, body string, headers ...string) answer {
	f.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, f.http.URL+path, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := f.http.Client().Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(raw)}
}

const (
	bulkPath   = "/flags/dev/ofrep/v1/evaluate/flags"
	singlePath = bulkPath + "/"
)

func (f *fixture) single(flag, context string) answer {
	f.t.Helper()
	return f.ask("POST", singlePath+flag, serverKey, `{"context":`+context+`}`)
}

func TestSingleEvaluation(t *testing.T) {
	f := start(t)
	for name, c := range map[string]struct {
		flag, context string
		status        int
		want          string
	}{
		"a rule":              {"banner", `{"targetingKey":"u1","plan":"pro"}`, 200, `{"key":"banner","reason":"TARGETING_MATCH","value":true,"variant":"on","metadata":{"flagSetId":"checkout","owner":"team-a","version":"v1"}}`},
		"the default":         {"banner", `{"targetingKey":"u1"}`, 200, `{"key":"banner","reason":"DEFAULT","value":false,"variant":"off","metadata":{"flagSetId":"checkout","owner":"team-a","version":"v1"}}`},
		"no rule":             {"color", `{}`, 200, `{"key":"color","reason":"STATIC","value":"#f00","variant":"red","metadata":{"flagSetId":"checkout","version":"v1"}}`},
		"a number":            {"limit", `{}`, 200, `{"key":"limit","reason":"STATIC","value":10,"variant":"low","metadata":{"flagSetId":"checkout","version":"v1"}}`},
		"an object":           {"layout", `{}`, 200, `{"key":"layout","reason":"STATIC","value":{"columns":3},"variant":"wide","metadata":{"flagSetId":"checkout","version":"v1"}}`},
		"disabled":            {"off", `{}`, 200, `{"key":"off","reason":"DISABLED","metadata":{"flagSetId":"checkout","version":"v1"}}`},
		"no key to share by":  {"share", `{}`, 200, `{"key":"share","reason":"DEFAULT","value":false,"variant":"off","metadata":{"flagSetId":"checkout","version":"v1"}}`},
		"unknown":             {"nothing", `{}`, 404, `{"key":"nothing","errorCode":"FLAG_NOT_FOUND","errorDetails":"There is no such flag for this key."}`},
		"empty targeting key": {"share", `{"targetingKey":""}`, 400, `{"key":"share","errorCode":"TARGETING_KEY_MISSING","errorDetails":"The context has a targetingKey that is empty or no text."}`},
		"no text as key":      {"share", `{"targetingKey":5}`, 400, `{"key":"share","errorCode":"TARGETING_KEY_MISSING","errorDetails":"The context has a targetingKey that is empty or no text."}`},
	} {
		a := f.single(c.flag, c.context)
		if a.status != c.status || !sameJSON(a.body, c.want) || a.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %s\nwant %d %s", name, a.status, a.body, c.status, c.want)
		}
	}
	if a := f.single("broken", `{}`); a.status != 400 || a.json(t)["errorCode"] != "GENERAL" {
		t.Errorf("a variant that does not exist: %d %s", a.status, a.body)
	}
}

func sameJSON(a, b string) bool {
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return false
	}
	return fmt.Sprint(x) == fmt.Sprint(y)
}

func TestBodiesThatAreNone(t *testing.T) {
	f := start(t)
	deep := strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40)
	many := `{"a":[` + strings.Repeat("1,", 3000) + `1]}`
	for name, c := range map[string]struct{ body, code string }{
		"empty":              {"", "PARSE_ERROR"},
		"cut off":            {`{"context":{`, "PARSE_ERROR"},
		"text":               {"hello", "PARSE_ERROR"},
		"two documents":      {`{"context":{}} {}`, "PARSE_ERROR"},
		"wrong inside":       {`{"context":{"a":tru}}`, "PARSE_ERROR"},
		"no context":         {`{}`, "INVALID_CONTEXT"},
		"null":               {`{"context":null}`, "INVALID_CONTEXT"},
		"a list":             {`{"context":[1]}`, "INVALID_CONTEXT"},
		"a list as body":     {`[{"context":{}}]`, "INVALID_CONTEXT"},
		"too deep":           {`{"context":` + deep + `}`, "INVALID_CONTEXT"},
		"too many":           {`{"context":` + many + `}`, "INVALID_CONTEXT"},
		"too large":          {`{"context":{"a":"` + strings.Repeat("x", 70<<10) + `"}}`, "INVALID_CONTEXT"},
		"context in context": {`{"x":{"context":{}}}`, "INVALID_CONTEXT"},
	} {
		for _, path := range []string{bulkPath, singlePath + "color"} {
			if a := f.ask("POST", path, serverKey, c.body); a.status != 400 || a.json(t)["errorCode"] != c.code {
				t.Errorf("%s at %s: %d %s, want %s", name, path, a.status, a.body, c.code)
			}
		}
	}
	for _, body := range []string{`{"context":{}}`, ` { "other" : [1,{"context":5}] , "context" : { } } `, `{"context":1,"context":{}}`, "{\"c\\u006fntext\":{}}"} {
		if a := f.ask("POST", singlePath+"color", serverKey, body); a.status != 200 {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
}

func TestBulkEvaluation(t *testing.T) {
	f := start(t)
	a := f.ask("POST", bulkPath, serverKey, `{"context":{"targetingKey":"u1","plan":"pro"}}`)
	if a.status != 200 || a.header.Get("ETag") == "" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	var out struct {
		Flags []struct {
			Key, Reason, Variant, ErrorCode string
			Value                           any
		}
		Metadata     map[string]any
		EventStreams []struct {
			Type     string
			Endpoint struct{ RequestURI string }
		}
	}
	if err := json.Unmarshal([]byte(a.body), &out); err != nil {
		t.Fatal(err)
	}
	if len(out.Flags) != 7 || out.Metadata["flagSetId"] != "checkout" || len(out.EventStreams) != 1 || out.EventStreams[0].Type != "sse" {
		t.Errorf("%s", a.body)
	}
	for _, one := range out.Flags {
		switch one.Key {
		case "banner":
			if one.Value != true || one.Reason != "TARGETING_MATCH" {
				t.Errorf("%+v", one)
			}
		case "broken":
			if one.ErrorCode != "GENERAL" || one.Value != nil {
				t.Errorf("%+v", one)
			}
		case "off":
			if one.Reason != "DISABLED" || one.Value != nil || one.Variant != "" {
				t.Errorf("%+v", one)
			}
		}
	}
}

// The tag follows from the configuration and the context, whatever the order
// of its members, and a client with the tag gets 304.
func TestETag(t *testing.T) {
	f := start(t)
	tag := func(context string, headers ...string) answer {
		return f.ask("POST", bulkPath, serverKey, `{"context":`+context+`}`, headers...)
	}
	first := tag(`{"targetingKey":"u1","plan":"pro","n":1,"deep":{"a":[1,2]}}`).header.Get("ETag")
	for _, same := range []string{
		`{"targetingKey":"u1","plan":"pro","n":1,"deep":{"a":[1,2]}}`, `{"plan":"pro", "deep":{"a":[1,2]}, "n":1.0,"targetingKey":"u1"}`,
	} {
		if a := tag(same, "If-None-Match", first); a.status != 304 || a.body != "" || a.header.Get("ETag") != first {
			t.Errorf("%s: %d %s", same, a.status, a.body)
		}
	}
	for _, other := range []string{
		`{"targetingKey":"u2","plan":"pro","n":1,"deep":{"a":[1,2]}}`, `{"targetingKey":"u1","plan":"pro","n":2,"deep":{"a":[1,2]}}`,
		`{"targetingKey":"u1","plan":"pro","n":1,"deep":{"a":[2,1]}}`, `{"targetingKey":"u1","plan":"pro","n":"1","deep":{"a":[1,2]}}`, `{}`,
	} {
		if a := tag(other, "If-None-Match", first); a.status != 200 {
			t.Errorf("%s has the tag of another context", other)
		}
	}
	if a := tag(`{"targetingKey":"u1","plan":"pro","n":1,"deep":{"a":[1,2]}}`, "If-None-Match", `"x", W/`+first); a.status != 304 {
		t.Errorf("a list of tags: %d", a.status)
	}
	// The address of the stream is part of the answer and of the tag.
	f.clock.add(16 * time.Minute)
	if a := tag(`{"targetingKey":"u1","plan":"pro","n":1,"deep":{"a":[1,2]}}`, "If-None-Match", first); a.status != 200 {
		t.Errorf("the tag outlives the address of the stream: %d", a.status)
	}
	// A new configuration has another tag, also when it differs in a value or
	// in metadata only.
	before := tag(`{}`).header.Get("ETag")
	f.s.Put(snapshot(t, 2, strings.Replace(definition, "#f00", "#e00", 1), "banner", "color"))
	if a := tag(`{}`, "If-None-Match", before); a.status != 200 || !strings.Contains(a.body, "#e00") {
		t.Errorf("%d %s", a.status, a.body)
	}
	// What reads the clock gets a new tag with time.
	f.s.Put(snapshot(t, 3, `{"flags":{"late":{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off","targeting":{"if":[{">":[{"var":"$flagd.timestamp"},4000000000]},"on",null]}}}}`))
	before = tag(`{}`).header.Get("ETag")
	f.clock.add(11 * time.Second)
	if a := tag(`{}`, "If-None-Match", before); a.status != 200 {
		t.Errorf("a set that reads the clock was answered from an old tag: %d", a.status)
	}
}

// S44: a client key gets results of visible flags and nothing else. The
// server's own list of endpoints says whether every one was asked.
func TestS44_ClientKeySeesResultsOnly(t *testing.T) {
	registry := prometheus.NewRegistry()
	f := start(t, func(o *serve.Options) { o.Metrics = registry })
	allowed := 0
	for _, e := range []struct{ method, path, body string }{
		{"POST", bulkPath, `{"context":{}}`},
		{"POST", singlePath + "banner", `{"context":{}}`},
		{"POST", singlePath + "share", `{"context":{}}`},
		{"POST", singlePath + "nothing", `{"context":{}}`},
		{"GET", "/flags/dev/flagd.json", ""},
		{"GET", "/flags/dev/openfeature/v0/manifest", ""},
		{"POST", "/flags/dev/usage/v1/counts", `{}`},
		{"POST", "/flags/production/ofrep/v1/evaluate/flags", `{"context":{}}`},
		{"POST", "/flag-feed/v1/stream", `{}`},
		{"POST", "/flag-feed/v1/usage", `{}`},
		{"GET", "/flags/production/ofrep/v1/sse", ""},
	} {
		a := f.ask(e.method, e.path, clientKey, e.body)
		switch {
		case a.status == 200:
			allowed++
			for _, secret := range []string{"targeting", "fractional", "defaultVariant", "share", "limit", `"off","reason"`} {
				if strings.Contains(a.body, secret) {
					t.Errorf("%s %s tells of %s: %s", e.method, e.path, secret, a.body)
				}
			}
		case a.status != 403 && a.status != 404:
			t.Errorf("%s %s: %d %s", e.method, e.path, a.status, a.body)
		}
	}
	if allowed != 2 {
		t.Errorf("%d were allowed, bulk and one flag should be", allowed)
	}
	if a := f.ask("OPTIONS", bulkPath, clientKey, ""); a.body != "" {
		t.Errorf("a preflight: %s", a.body)
	}
	ask := connect.NewRequest(&syncv1.FetchAllFlagsRequest{Selector: clientKey})
	ask.Header().Set("Authorization", "Bearer "+clientKey)
	if answer, err := syncClient(f.openSync()).FetchAllFlags(t.Context(), ask); connect.CodeOf(err) != connect.CodePermissionDenied {
		t.Errorf("flagd's sync: %v %v", answer, err)
	}
	all, asked := labels(t, registry, "sphera_flag_request_duration_seconds"), labels(t, registry, "sphera_flag_requests_total")
	asked["flagd-sync"], asked["preflight"], asked["other"] = true, true, true // counted under another name, or nothing
	for endpoint := range all {
		if !asked[endpoint] {
			t.Errorf("the endpoint %s was not asked with a client key", endpoint)
		}
	}
	hidden, unknown := f.ask("POST", singlePath+"share", clientKey, `{"context":{}}`), f.ask("POST", singlePath+"nothing", clientKey, `{"context":{}}`)
	if hidden.status != 404 || strings.ReplaceAll(hidden.body, "share", "nothing") != unknown.body {
		t.Errorf("a hidden flag can be told from one that does not exist: %s %s", hidden.body, unknown.body)
	}
}

// labels are the endpoints that a metric names.
func labels(t *testing.T, registry *prometheus.Registry, name string) map[string]bool {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			for _, l := range m.GetLabel() {
				if family.GetName() == name && l.GetName() == "endpoint" {
					out[l.GetValue()] = true
				}
			}
		}
	}
	return out
}

func TestKeysAndEnvironments(t *testing.T) {
	f := start(t)
	const body = `{"context":{}}`
	for name, c := range map[string]struct {
		path, key string
		headers   []string
		want      int
	}{
		"without":                {bulkPath, "", nil, 401},
		"wrong":                  {bulkPath, "spf_wrong", nil, 401},
		"X-API-Key":              {bulkPath, "", []string{"X-API-Key", serverKey}, 200},
		"other environment":      {"/flags/production/ofrep/v1/evaluate/flags", serverKey, nil, 403},
		"environment of the key": {"/ofrep/v1/evaluate/flags", serverKey, nil, 200},
		"no environment":         {"/ofrep/v1/evaluate/flags", wideKey, nil, 404},
		"every environment":      {bulkPath, wideKey, nil, 200},
		"not there":              {"/flags/nowhere/ofrep/v1/evaluate/flags", wideKey, nil, 404},
		"a relay's":              {bulkPath, relayKey, nil, 403},
	} {
		if a := f.ask("POST", c.path, c.key, body, c.headers...); a.status != c.want {
			t.Errorf("%s: %d %s, want %d", name, a.status, a.body, c.want)
		}
	}
	if a := f.ask("GET", bulkPath, serverKey, ""); a.status != 405 || a.header.Get("Allow") != "POST" {
		t.Errorf("GET: %d", a.status)
	}
	for _, path := range []string{"/", "/flags", "/flags/checkout", "/flags/checkout/banner", "/v1/flags"} {
		if a := f.ask("GET", path, "", ""); a.status != http.StatusTeapot {
			t.Errorf("%s was taken from the portal: %d", path, a.status)
		}
	}
	// A key that ends is refused from then on.
	list := keys()
	list[0].Expires = f.clock.now().Add(time.Minute).UnixMilli()
	f.s.SetKeys(list)
	if a := f.ask("POST", bulkPath, serverKey, body); a.status != 200 {
		t.Errorf("%d", a.status)
	}
	f.clock.add(time.Minute)
	if a := f.ask("POST", bulkPath, serverKey, body); a.status != 401 {
		t.Errorf("an ended key: %d", a.status)
	}
}

func TestOrigins(t *testing.T) {
	f := start(t)
	const body = `{"context":{}}`
	a := f.ask("POST", bulkPath, clientKey, body, "Origin", "https://shop.example")
	if a.status != 200 || a.header.Get("Access-Control-Allow-Origin") != "https://shop.example" || !strings.Contains(a.header.Get("Access-Control-Expose-Headers"), "ETag") {
		t.Errorf("%d %v", a.status, a.header)
	}
	if a := f.ask("POST", bulkPath, clientKey, body, "Origin", "https://evil.example"); a.status != 403 || a.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%d %v", a.status, a.header)
	}
	if a := f.ask("POST", bulkPath, serverKey, body, "Origin", "https://shop.example"); a.header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("a server key may be used in a page")
	}
	for origin, want := range map[string]string{"https://shop.example": "https://shop.example", "https://evil.example": ""} {
		a := f.ask("OPTIONS", bulkPath, "", "", "Origin", origin, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,content-type,if-none-match")
		if a.status != 204 || a.header.Get("Access-Control-Allow-Origin") != want {
			t.Errorf("%s: %d %v", origin, a.status, a.header)
		}
	}
	if a := f.ask("OPTIONS", "/flags/dev/flagd.json", "", "", "Origin", "https://shop.example"); a.header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("pages may ask for definitions")
	}
}

func TestLimits(t *testing.T) {
	f := start(t, func(o *serve.Options) { o.ClientRate, o.FailureRate = 5, 2 })
	const body = `{"context":{}}`
	count := func(key string, n int) (statuses map[int]int, last answer) {
		statuses = map[int]int{}
		for range n {
			last = f.ask("POST", bulkPath, key, body)
			statuses[last.status]++
		}
		return statuses, last
	}
	if got, last := count(clientKey, 12); got[200] != 10 || got[429] != 2 || last.header.Get("Retry-After") != "1" {
		t.Errorf("a public key: %v %v", got, last.header)
	}
	if got, _ := count("spf_wrong", 6); got[401] != 4 || got[429] != 2 {
		t.Errorf("wrong keys: %v", got)
	}
	if got, _ := count(serverKey, 50); got[200] != 50 {
		t.Errorf("a server key is held back by others: %v", got)
	}
	f.clock.add(time.Second)
	if got, _ := count(clientKey, 6); got[200] != 5 {
		t.Errorf("after a second: %v", got)
	}
}

func TestHeaders(t *testing.T) {
	f := start(t, func(o *serve.Options) { o.Secure = true })
	for _, a := range []answer{f.single("color", "{}"), f.single("nothing", "{}"), f.ask("POST", bulkPath, "", ""), f.ask("GET", "/flags/dev/flagd.json", serverKey, "")} {
		for _, name := range []string{"Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "X-Frame-Options", "Cache-Control", "Strict-Transport-Security"} {
			if a.header.Get(name) == "" {
				t.Errorf("%d has no %s", a.status, name)
			}
		}
	}
}

func TestFlagdHTTPSync(t *testing.T) {
	f := start(t)
	a := f.ask("GET", "/flags/dev/flagd.json", serverKey, "")
	if a.status != 200 || a.body != definition || a.header.Get("ETag") == "" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if b := f.ask("GET", "/flags/dev/flagd.json", serverKey, "", "If-None-Match", a.header.Get("ETag")); b.status != 304 {
		t.Errorf("%d", b.status)
	}
	for selector, want := range map[string]int{"flagSetId=checkout": 200, "checkout": 200, "source=checkout/dev": 200, "flagSetId=cart": 404, "other=checkout": 404} {
		if b := f.ask("GET", "/flags/dev/flagd.json", serverKey, "", "Flagd-Selector", selector); b.status != want {
			t.Errorf("%s: %d, want %d", selector, b.status, want)
		}
	}
	f.s.Remove("checkout", "dev")
	if b := f.ask("GET", "/flags/dev/flagd.json", serverKey, ""); b.status != 404 {
		t.Errorf("a set that was removed: %d", b.status)
	}
	if b := f.single("color", "{}"); b.status != 404 {
		t.Errorf("a flag that was removed: %d", b.status)
	}
}

func TestManifest(t *testing.T) {
	f := start(t)
	a := f.ask("GET", "/flags/dev/openfeature/v0/manifest", serverKey, "")
	types := map[string]string{}
	var out struct {
		Flags []struct {
			Key, Type    string
			DefaultValue any
		}
	}
	if err := json.Unmarshal([]byte(a.body), &out); err != nil {
		t.Fatal(err)
	}
	for _, one := range out.Flags {
		types[one.Key] = one.Type
		if one.DefaultValue == nil {
			t.Errorf("%s has no default", one.Key)
		}
	}
	if types["banner"] != "boolean" || types["color"] != "string" || types["limit"] != "float" || types["layout"] != "object" {
		t.Errorf("%v", types)
	}
}
