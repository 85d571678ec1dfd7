package serve_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sphera/internal/flag"
	"sphera/internal/flag/key"
	"sphera/internal/flag/serve"

	"buf.build/gen/go/open-feature/flagd/connectrpc/go/flagd/sync/v1/syncv1connect"
)

// bare is a server without a network.
func bare(t testing.TB, o serve.Options) *serve.Server {
	t.Helper()
	o.Now, o.Log, o.ClientRate, o.FailureRate = startClock().now, slog.New(slog.DiscardHandler), 1e9, 1e9
	s := serve.New(o)
	if o.Dir == "" {
		s.SetKeys(keys())
		s.Replace([]*flag.Snapshot{snapshot(t, 1, definition, "banner", "color")})
	}
	return s
}

func post(s *serve.Server, path, key string, body []byte) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+key)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// FuzzOFREP: whatever a body is, the answer is one that the contract has, and a
// client key learns nothing that it may not.
func FuzzOFREP(f *testing.F) {
	for _, body := range []string{
		`{"context":{"targetingKey":"u1","plan":"pro"}}`, `{"context":{"targetingKey":""}}`, `{"context":[]}`, `{"context":{"a":{"b":[1,null,true,"\u0041\ud800"]}},"context":{}}`,
		`{`, `null`, "", `{"context":{"targetingKey":1e999}}`, `{"context":` + strings.Repeat(`{"a":`, 40) + strings.Repeat("}", 41),
	} {
		f.Add([]byte(body))
	}
	s := bare(f, serve.Options{})
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, by := range []string{serverKey, clientKey} {
			for _, path := range []string{bulkPath, singlePath + "banner", singlePath + "share", singlePath + "limit", singlePath + "broken"} {
				w := post(s, path, by, body)
				var out map[string]any
				if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
					t.Fatalf("%s: %d %q", path, w.Code, w.Body)
				}
				code, failed := out["errorCode"].(string)
				switch w.Code {
				case 200:
					if failed || !json.Valid(body) {
						t.Fatalf("%s: %s", path, w.Body)
					}
				case 400, 404:
					if code == "" {
						t.Fatalf("%s: %s", path, w.Body)
					}
				default:
					t.Fatalf("%s: %d", path, w.Code)
				}
				if by == clientKey && w.Code == 200 && (strings.Contains(w.Body.String(), `"share"`) || strings.Contains(w.Body.String(), `"limit"`)) {
					t.Fatalf("a client key sees a hidden flag: %s", w.Body)
				}
			}
		}
	})
}

// FuzzSummary: sums of clients and of relays bring nothing down, and nothing is
// counted of flags that do not exist, or below zero.
func FuzzSummary(f *testing.F) {
	for _, body := range []string{
		`{"client":"sidecar","counts":[{"flag":"color","variant":"red","reason":"STATIC","count":40}],"unknown":["old"]}`, `{"counts":[{"flag":"color","count":-1}]}`, `{"counts":null}`, `[]`, "",
		`{"Rows":[{"Project":"checkout","Environment":"dev","Client":"x","Minute":1,"Counts":{"color":{"red|STATIC":3,"|":9223372036854775807}}}],"Seen":[{"Project":"checkout","Environment":"dev","Flag":"color"}],"Unknown":[{"project":"checkout","environment":"dev","flag":"y","asked":2}]}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		s := bare(t, serve.Options{})
		for path, by := range map[string]string{"/flags/dev/usage/v1/counts": serverKey, "/flag-feed/v1/usage": relayKey} {
			if w := post(s, path, by, body); w.Code != 204 && w.Code != 400 && w.Code != 413 {
				t.Fatalf("%s: %d %s", path, w.Code, w.Body)
			}
		}
		for _, row := range s.Collect().Rows {
			if row.Project != "checkout" || row.Environment != "dev" {
				t.Fatalf("counts of a set that does not exist: %+v", row)
			}
			for _, outcomes := range row.Counts {
				for name, n := range outcomes {
					if n <= 0 || len(name) > 400 {
						t.Fatalf("%q was counted %d times", name, n)
					}
				}
			}
		}
	})
}

// FuzzSync: whatever a provider sends as its key and selector, a definition
// goes only to a server key, and only its own.
func FuzzSync(f *testing.F) {
	f.Add(serverKey, "", "", "")
	f.Add("", serverKey, "", "")
	f.Add("", "", "source="+serverKey, "flagSetId=checkout/dev")
	f.Add(wideKey, "", "flagSetId=checkout/dev", "flagSetId=")
	f.Add(clientKey, "x", "flagSetId=checkout/dev,source=y", "=")
	handler := bare(f, serve.Options{}).Sync()
	f.Fuzz(func(t *testing.T, sent, provider, selector, header string) {
		body, err := json.Marshal(map[string]string{"providerId": provider, "selector": selector})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodPost, syncv1connect.FlagSyncServiceFetchAllFlagsProcedure, bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+sent)
		r.Header.Set("Flagd-Selector", header)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != 200 {
			return
		}
		var answer struct{ FlagConfiguration string }
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Fatal(err)
		}
		all := sent + provider + selector + header
		if answer.FlagConfiguration != definition || !strings.Contains(all, serverKey) && !strings.Contains(all, wideKey) {
			t.Fatalf("%q %q %q %q got a definition", sent, provider, selector, header)
		}
	})
}

// FuzzDisk: no file in the folder brings the start down, and what is served
// from it is JSON.
func FuzzDisk(f *testing.F) {
	f.Add([]byte(`{"project":"checkout","environment":"dev","version":1,"etag":"x","clients":["banner"],"definition":`+definition+`}`), []byte(`[{"id":"k","hash":"`+key.Hash(serverKey)+`","kind":"server","project":"checkout","environment":"dev"}]`))
	f.Add([]byte(`{"definition":{"flags":{}}}`), []byte(`null`))
	f.Add([]byte(`{"definition":null}`), []byte(`[null]`))
	f.Add([]byte{}, []byte{})
	f.Fuzz(func(t *testing.T, set, keys []byte) {
		dir := t.TempDir()
		for name, raw := range map[string][]byte{"x.set.json": set, "keys.json": keys} {
			if err := os.WriteFile(filepath.Join(dir, name), raw, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s := bare(t, serve.Options{Dir: dir})
		if w := post(s, bulkPath, serverKey, []byte(`{"context":{"targetingKey":"u"}}`)); !json.Valid(w.Body.Bytes()) {
			t.Fatalf("%d %q", w.Code, w.Body)
		}
	})
}
