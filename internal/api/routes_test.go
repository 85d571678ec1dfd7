package api

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sphera/internal/store/storetest"
)

// TestS1_TableMuxAndDocumentAgree: every route that is served is in the table
// and, if it is part of the API, in the document, and the other way round.
func TestS1_TableMuxAndDocumentAgree(t *testing.T) {
	h := start(t, storetest.Open(t, storetest.SQLite(t)), Options{})
	var document struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
			ServedBy    string `json:"x-served-by"`
			Permission  string `json:"x-permission"`
		} `json:"paths"`
	}
	if err := json.Unmarshal(h.api.Spec(), &document); err != nil {
		t.Fatal(err)
	}
	documented := map[string]string{}
	for path, operations := range document.Paths {
		for method, op := range operations {
			if op.ServedBy != "" {
				continue // one operation per action, served by the general one
			}
			if op.Permission == "" {
				t.Errorf("%s %s: the document does not say which permission it needs", method, path)
			}
			documented[strings.ToUpper(method)+" "+path] = op.OperationID
		}
	}
	outside := []string{"/git/", "/run/{env}/{service}/", "/run/{env}/{service}", "GET /metrics", "/scim/v2/", "POST /v1/auth/oidc/{provider}/backchannel"}
	for key, rt := range h.api.mux.entries {
		r, err := http.NewRequestWithContext(t.Context(), orGet(rt.method), "http://localhost"+concrete(rt.path, "x"), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, pattern := h.api.mux.mux.Handler(r); pattern != key {
			t.Errorf("%s: the mux serves %q there", key, pattern)
		}
		if slices.Contains(outside, key) {
			continue
		}
		if documented[key] != rt.id {
			t.Errorf("%s: the document calls it %q, the table %q", key, documented[key], rt.id)
		}
		delete(documented, key)
	}
	if len(documented) > 0 {
		t.Errorf("in the document and not in the table: %v", documented)
	}
}

func orGet(method string) string {
	if method == "" {
		return http.MethodGet
	}
	return method
}

// TestS1_BareHandlerIsRefused: what has no entry, or an incomplete one, keeps
// the API from starting.
func TestS1_BareHandlerIsRefused(t *testing.T) {
	newTable := func() *table {
		return &table{
			mux: http.NewServeMux(), entries: map[string]route{}, text: map[string]func(http.ResponseWriter, *http.Request) error{},
			guard: func(_ route, _ reflect.Type, next http.Handler) http.Handler { return next },
		}
	}
	bare := newTable()
	bare.HandleFunc("GET /v1/secret", func(http.ResponseWriter, *http.Request) {})
	if len(bare.errs) != 1 {
		t.Errorf("a handler without an entry: %v", bare.errs)
	}
	body := endpoint{body: reflect.TypeFor[struct{}]()}
	for name, rt := range map[string]route{
		"no id":         {method: "GET", path: "/x", verb: anyone, audit: none},
		"no permission": {method: "GET", path: "/x", id: "x", audit: none},
		"no audit":      {method: "GET", path: "/x", id: "x", verb: anyone},
		"no limit":      {method: "POST", path: "/x", id: "x", verb: anyone, audit: domain, endpoint: body},
		"silent change": {method: "POST", path: "/x", id: "x", verb: anyone, audit: none},
	} {
		tb := newTable()
		tb.add(rt)
		if len(tb.errs) == 0 {
			t.Errorf("%s: the entry was accepted", name)
		}
	}
	a := &API{mux: bare, huma: newHuma(newTable(), "test"), log: slog.New(slog.DiscardHandler)}
	if err := a.finish(); err == nil {
		t.Error("the API starts with a handler that is not in the table")
	}
}

// TestS1_EveryRouteNeedsWhatTheTableSays: without a credential nothing answers
// but what is for anyone, and a viewer changes nothing.
func TestS1_EveryRouteNeedsWhatTheTableSays(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		id := h.fixtures()
		for key, rt := range h.api.mux.entries {
			if rt.path == "/git/" || strings.HasPrefix(rt.path, "/run/") {
				continue
			}
			got := h.call("", rt.method, concrete(rt.path, id), nil)
			if rt.verb != anyone && got.status != http.StatusUnauthorized {
				t.Errorf("%s without a credential: %d", key, got.status)
			}
			// Who may approve a run, its request says: that can be a viewer. There is no
			// proposal for a flag, which is said first.
			if rt.verb == anyone || rt.verb == signedIn || strings.HasSuffix(rt.verb, ".read") || rt.verb == "run.approve" || rt.verb == "flag.approve" || rt.id == "withdrawFlagProposal" {
				continue
			}
			got = h.call("viewer", rt.method, concrete(rt.path, id), nil)
			if got.status != http.StatusForbidden {
				t.Errorf("%s as a viewer: %d %s", key, got.status, got.text)
			}
			for _, part := range []string{"rule", "reason", "alternative", "contact"} {
				if text, _ := got.json[part].(string); text == "" {
					t.Errorf("%s as a viewer: the refusal has no %s: %s", key, part, got.text)
				}
			}
		}
	})
}

// TestS5_Bodies: each input refuses unknown fields, fields in another case and
// fields that come twice, at every level.
func TestS5_Bodies(t *testing.T) {
	h := start(t, storetest.Open(t, storetest.SQLite(t)), Options{})
	id := h.fixtures()
	for key, rt := range h.api.mux.entries {
		body := rt.endpoint.body
		if body == nil || rt.endpoint.raw {
			continue
		}
		var cases []string
		if body.Kind() == reflect.Struct && !isOpen(body) {
			cases = append(cases, `{"role":"administrator"}`, `{"createdBy":"me"}`, `{"unknown_field":1}`)
		}
		for name := range jsonFields(body) {
			for _, other := range []string{strings.ToUpper(name), strings.ToUpper(name[:1]) + name[1:]} {
				cases = append(cases, `{"`+other+`":"x"}`)
			}
			cases = append(cases, `{"`+name+`":1,"`+name+`":1}`)
		}
		for _, text := range cases {
			got := h.call("administrator", rt.method, h.concrete(rt.path, id), text)
			status, code := http.StatusBadRequest, "invalid_request"
			if rt.endpoint.port {
				status, code = http.StatusUnprocessableEntity, "validation_error"
			}
			if got.status != status || got.json["error"] != code {
				t.Errorf("%s %s: %d %s", key, text, got.status, got.text)
			}
		}
	}
}

// TestS5_WritableFields keeps the list of what a body may set, so that a new
// writable field is a reviewed change.
func TestS5_WritableFields(t *testing.T) {
	h := start(t, storetest.Open(t, storetest.SQLite(t)), Options{})
	var lines []string
	for key, rt := range h.api.mux.entries {
		if fields := rt.endpoint.body; fields != nil && len(jsonFields(fields)) > 0 {
			lines = append(lines, key+": "+strings.Join(sortedKeys(jsonFields(rt.endpoint.body)), " "))
		}
	}
	slices.Sort(lines)
	got := strings.Join(lines, "\n") + "\n"
	const golden = "testdata/writable.txt"
	want, err := os.ReadFile(golden)
	if err != nil || string(want) != got {
		t.Errorf("what bodies may set has changed (%v); if that is meant, write %s:\n%s", err, golden, got)
	}
}
