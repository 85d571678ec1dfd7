package api

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/audit/seal"
	"sphera/internal/audit/sink"
	"sphera/internal/outgoing"
)

// sealAll seals what is committed and signs the end.
func (h *harness) sealAll() {
	h.t.Helper()
	s := seal.New(h.db, h.api.auditKey, slog.New(slog.DiscardHandler), time.Now, "test")
	for {
		n, err := s.Seal(context.Background())
		if err != nil {
			h.t.Fatal(err)
		}
		if n == 0 {
			break
		}
	}
	if _, err := s.Checkpoint(context.Background()); err != nil {
		h.t.Fatal(err)
	}
}

// TestS58_ExportCutAtRandom: a consumer that breaks off at random and goes on
// from its last whole line has every event, and the file is whole.
func TestS58_ExportCutAtRandom(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		h.fixtures()
		err := h.db.Tx(t.Context(), func(tx *tx) error {
			for i := range 400 {
				nasty := fmt.Sprintf("run/%d\r\n\x1b[31mx", i)
				if err := h.api.audit.Append(t.Context(), tx, audit.Event{Actor: "ada\n", ActorName: "\x1b]0;x\x07", Verb: "run.cancel", Object: nasty, Detail: audit.Detail("state", nasty)}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		h.sealAll()
		var file bytes.Buffer
		position := "0"
		for done := false; !done; {
			done, position = h.exportPart(&file, position)
		}
		if strings.ContainsAny(strings.ReplaceAll(file.String(), "\n", ""), "\r\x1b\x07") {
			t.Error("control characters are in the export")
		}
		r, err := seal.VerifyFile(&file, seal.Options{Keys: []string{h.api.auditKey.Public()}})
		status, lookErr := seal.Look(t.Context(), h.db)
		if err != nil || lookErr != nil || !r.OK() || r.Entries < 400 || r.To != status.Position || r.Checkpoints == 0 {
			t.Fatalf("%v %v %+v", err, lookErr, r)
		}
		if got := h.call("developer", "POST", "/v1/audit/export", nil); got.status != http.StatusForbidden {
			t.Errorf("a developer exports: %d", got.status)
		}
		ocsf := h.call("administrator", "POST", "/v1/audit/export?format=ocsf&limit=5&since="+url.QueryEscape(time.Now().Add(-time.Hour).Format(time.RFC3339)), nil)
		if strings.Count(ocsf.text, "\n") != 5 || strings.Count(ocsf.text, `"class_uid":`) != 5 {
			t.Errorf("OCSF: %d %s", ocsf.status, ocsf.text)
		}
		for _, query := range []string{"format=xml", "from=x", "from=-1", "since=now", "limit=0"} {
			if got := h.call("administrator", "POST", "/v1/audit/export?"+query, nil); got.status != http.StatusUnprocessableEntity {
				t.Errorf("%s: %d %s", query, got.status, got.text)
			}
		}
	})
}

// exportPart reads some lines of an export, keeps the whole ones and drops the
// connection; done when nothing is left.
func (h *harness) exportPart(file *bytes.Buffer, position string) (done bool, next string) {
	h.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, h.server.URL+"/v1/audit/export?limit=300&from="+position, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+h.tokens["administrator"])
	res, err := http.DefaultClient.Do(r)
	if err != nil || res.StatusCode != http.StatusOK {
		h.t.Fatalf("%v %v", err, res)
	}
	defer res.Body.Close()
	in := bufio.NewReader(io.LimitReader(res.Body, rand.Int64N(120_000)))
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			break
		}
		file.Write(line)
		if i := bytes.Index(line, []byte(`"position":`)); i >= 0 && bytes.HasPrefix(line, []byte(`{"type":"event"`)) {
			fmt.Sscanf(string(line[i:]), `"position":%s`, &position)
			position, _, _ = strings.Cut(position, ",")
		}
	}
	status, err := seal.Look(context.Background(), h.db)
	if err != nil {
		h.t.Fatal(err)
	}
	whole := bytes.Contains(file.Bytes(), []byte(`{"type":"checkpoint"`))
	return position == fmt.Sprint(status.Position) && whole, rewound(position, whole, status.Position)
}

// rewound goes a little back at the end until the checkpoint came whole, too.
func rewound(position string, whole bool, end int64) string {
	if position == fmt.Sprint(end) && !whole {
		return fmt.Sprint(end - 5)
	}
	return position
}

func TestAuditChainAndSearchRoutes(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		h.fixtures()
		h.sealAll()
		got := h.must("administrator", "GET", "/v1/audit/chain", nil)
		if got.field("chain.position").(float64) < 5 || got.field("chain.checkpoint.signature") == nil || got.field("publicKey") != h.api.auditKey.Public() {
			t.Errorf("chain: %s", got.text)
		}
		if got := h.call("developer", "GET", "/v1/audit/chain", nil); got.status != http.StatusForbidden {
			t.Errorf("a developer sees the chain: %d", got.status)
		}
		for query, want := range map[string]string{
			"q=my%2Fapi&verb=entity": "entity.create", "outcome=denied": "", "address=127.0.0.1&verb=blueprint": "blueprint.create",
			"since=2000-01-01T00:00:00Z&until=2001-01-01T00:00:00Z": "", "entity=Component%2Fmy%2Fapi&verb=entity": "entity.create",
		} {
			text := h.must("administrator", "GET", "/v1/audit?"+query, nil).text
			if want == "" && strings.Contains(text, `"seq"`) || want != "" && !strings.Contains(text, want) {
				t.Errorf("%s: %s", query, text)
			}
		}
		if text := h.must("developer", "GET", "/v1/audit?object=Component%2Fmy%2Fapi", nil).text; strings.Contains(text, "127.0.0.1") {
			t.Errorf("a developer sees addresses: %s", text)
		}
	})
}

func TestTimeline(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		h.fixtures()
		const path = "/v1/blueprints/Component/entities/my%2Fapi/timeline"
		h.must("developer", "PATCH", "/v1/blueprints/Component/entities/my%2Fapi", map[string]any{"properties": map[string]any{"language": "rust"}})
		if got := h.call("viewer", "PATCH", "/v1/blueprints/Component/entities/my%2Fapi", map[string]any{"properties": map[string]any{"language": "c"}}); got.status != http.StatusForbidden {
			t.Fatalf("a viewer writes: %d", got.status)
		}
		err := h.db.Tx(t.Context(), func(tx *tx) error {
			for _, e := range []audit.Event{
				{Actor: "ada", Verb: "service.deploy", Object: "Component/my/api", Detail: audit.Detail("environment", "dev", "version", "v1")},
				{Actor: "ada", Verb: "run.start", Object: "run/1", RunID: "1", Entity: "Component/my/api"},
				{Actor: "ada", Verb: "run.step", Object: "run/1", RunID: "1", Entity: "Component/my/api"},
				{Actor: "ada", Verb: "run.approve", Object: "run/1", RunID: "1", Entity: "Component/my/api"},
				{Actor: "ada", Verb: "pull_request.open", Object: "pull-request/gitops/1", RunID: "1", Entity: "Component/my/api"},
				{Actor: "ada", Verb: "entity.update", Object: "Component/other"},
			} {
				if err := h.api.audit.Append(t.Context(), tx, e); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		verbs := func(role, query string) string {
			t.Helper()
			var out []string
			list, _ := h.must(role, "GET", path+query, nil).json["entries"].([]any)
			for _, one := range list {
				if e, _ := one.(map[string]any); e["kind"] != "flag" { // those of the fixtures
					out = append(out, fmt.Sprint(e["kind"], ":", e["verb"]))
				}
			}
			return strings.Join(out, " ")
		}
		const everything = "pull:pull_request.open approval:run.approve run:run.start deploy:service.deploy"
		for _, c := range []struct{ role, query, want string }{
			{"developer", "", everything + " catalog:entity.update catalog:entity.create"},
			{"administrator", "", everything + " denied:catalog.write catalog:entity.update catalog:entity.create"},
			{"developer", "?kind=denied", ""},
			{"administrator", "?kind=denied", "denied:catalog.write"},
			{"developer", "?kind=deploy,run", "run:run.start deploy:service.deploy"},
			{"developer", "?kind=catalog&limit=1", "catalog:entity.update"},
			{"developer", "?since=2099-01-01T00:00:00Z", ""},
		} {
			if got := verbs(c.role, c.query); got != c.want {
				t.Errorf("%s %s: %s\nwant %s", c.role, c.query, got, c.want)
			}
		}
		// What happened before a rename stays on the timeline, page by page.
		h.must("administrator", "PUT", "/v1/blueprints/Component/entities/my%2Fapi", map[string]any{"identifier": "their-api", "title": "API", "properties": map[string]any{"language": "rust"}})
		var seen []string
		for from := ""; ; {
			page := h.must("developer", "GET", "/v1/blueprints/Component/entities/their-api/timeline?limit=2&from="+from, nil).json
			list, _ := page["entries"].([]any)
			for _, one := range list {
				if e, _ := one.(map[string]any); e["kind"] != "flag" {
					seen = append(seen, fmt.Sprint(e["kind"], ":", e["verb"]))
				}
			}
			if from, _ = page["next"].(string); from == "" {
				break
			}
		}
		if got, want := strings.Join(seen, " "), "catalog:entity.update "+everything+" catalog:entity.update catalog:entity.create"; got != want {
			t.Errorf("after the rename: %s\nwant %s", got, want)
		}
	})
}

// TestS59_ProductionWaitsForTheSink: while the required sink hangs nothing is
// started on production, the answer says why, and other things go on.
func TestS59_ProductionWaitsForTheSink(t *testing.T) {
	each(t, func(t *testing.T, h *harness) {
		hang := make(chan struct{})
		receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
		defer receiver.Close()
		defer close(hang)
		h.fixtures()
		h.must("administrator", "POST", "/v1/blueprints", map[string]any{
			"identifier": "Environment", "title": "Environment", "relations": map[string]any{},
			"schema": map[string]any{"properties": map[string]any{"kind": map[string]any{"type": "string"}}, "required": []string{}},
		})
		for id, kind := range map[string]string{"prod": "production", "dev": "dev"} {
			h.must("administrator", "POST", "/v1/blueprints/Environment/entities", map[string]any{"identifier": id, "title": id, "properties": map[string]any{"kind": kind}})
		}
		spec, err := sink.Parse(receiver.URL + "/?required=true")
		if err != nil {
			t.Fatal(err)
		}
		h.api.sinks, err = sink.New(sink.Deps{
			DB: h.db, Key: h.api.auditKey, Client: outgoing.New(true), Log: slog.New(slog.DiscardHandler), Now: time.Now, Instance: "test", Patience: 200 * time.Millisecond,
		}, []sink.Spec{spec})
		if err != nil {
			t.Fatal(err)
		}
		h.background(h.api.sinks.Work)
		start := func(environment string) reply {
			plan := h.must("developer", "POST", "/v1/actions/wait_here/plans", map[string]any{"input": map[string]any{"lines": 0, "environment": environment}})
			return h.call("developer", "POST", "/v1/actions/wait_here/runs", map[string]any{"planId": plan.field("plan.id")})
		}
		before := h.must("developer", "GET", "/v1/runs", nil).text
		got := start("prod")
		if got.status != http.StatusForbidden || got.json["rule"] != "audit-sink-required" || !strings.Contains(got.text, "did not take it within") {
			t.Errorf("on production: %d %s", got.status, got.text)
		}
		if after := h.must("developer", "GET", "/v1/runs", nil).text; len(after) != len(before) {
			t.Errorf("a run was started: %s", after)
		}
		if got := start("dev"); got.status != http.StatusAccepted {
			t.Errorf("elsewhere: %d %s", got.status, got.text)
		}
		if text := h.must("administrator", "GET", "/v1/audit?outcome=denied", nil).text; !strings.Contains(text, "audit-sink-required") {
			t.Errorf("the refusal is not recorded: %s", text)
		}
	})
}
