package portapi

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/integration"
)

// IntegrationKindsAnswer is the examples of what an integration reads, by kind.
type IntegrationKindsAnswer struct {
	Data map[string]integration.KindExamples `json:"data"`
}

// NewExamples are examples of one kind.
type NewExamples struct {
	Examples []json.RawMessage `json:"examples"`
}

// NewLogs are lines of an integration's log.
type NewLogs struct {
	Logs []json.RawMessage `json:"logs"`
}

// IntegrationLogsAnswer is lines of an integration's log.
type IntegrationLogsAnswer struct {
	Logs []integration.Log `json:"logs"`
}

// IntegrationMetricsAnswer is the figures of synchronisations, newest first.
type IntegrationMetricsAnswer struct {
	SyncMetrics []integration.Metric `json:"syncMetrics"`
}

// reportRoutes take what integrations tell about themselves. It is no change
// that somebody made, and far too much to be audited.
func (s *Service) reportRoutes() []Route {
	const one, metrics = "/v1/integration/{id}", "/v1/ingest/metrics/integration/{ingestId}/syncMetrics"
	report := func(method, path, id string, in any, handle Handler) Route {
		return Route{Method: method, Path: path, ID: id, Verb: "integration.write", Limit: Normal, Audit: Asks, In: in, Handle: handle}
	}
	return []Route{
		report(http.MethodPost, one+"/kinds/{kind}/examples", "putExamples", nil, s.putExamples),
		{Method: http.MethodGet, Path: one + "/kinds", ID: "listKinds", Verb: "integration.read", Audit: None, Out: IntegrationKindsAnswer{}, Handle: s.kinds},
		{Method: http.MethodGet, Path: one + "/logs", ID: "listIntegrationLogs", Verb: "integration.read", Audit: None, Out: IntegrationLogsAnswer{}, Handle: s.integrationLogs,
			Params: []Param{
				{Name: "limit", Doc: "At most 300", Type: "integer"}, {Name: "log_id", Doc: "A line, to go on from"}, {Name: "direction", Doc: "after or before that line (the default)"},
				{Name: "timestamp", Doc: "Only since then"}, {Name: "level", Doc: "Only this level"}, {Name: "eventId", Doc: "Only this synchronisation"},
			}},
		{Method: http.MethodGet, Path: one + "/syncMetrics", ID: "listSyncMetrics", Verb: "integration.read", Audit: None, Out: IntegrationMetricsAnswer{}, Handle: s.syncMetrics,
			Params: []Param{{Name: "eventId", Doc: "Only this synchronisation"}}},
		{Method: http.MethodGet, Path: one + "/syncsMetadata", ID: "listSyncsMetadata", Verb: "integration.read", Audit: None, Handle: s.syncsMetadata},
		report(http.MethodPost, "/v1/ingest/logs/integration/{ingestId}", "ingestLogs", nil, s.ingestLogs),
		report(http.MethodPost, metrics, "ingestSyncMetrics", nil, s.ingestMetrics),
		report(http.MethodPut, metrics, "replaceSyncMetrics", nil, s.ingestMetrics),
		report(http.MethodPut, metrics+"/resync/{eventId}/kind/{kind}", "putSyncMetric", nil, s.putMetric),
		report(http.MethodPost, "/v1/ingest/events/ingestId/{ingestId}", "ingestEvents", nil, s.ingestEvents),
	}
}

func auditEvent(r *Request, verb, object string) audit.Event {
	return audit.Event{Actor: r.Caller.ID, ActorName: r.Caller.Name, Verb: verb, Object: object, Outcome: audit.Success, Detail: audit.Detail()}
}

func (s *Service) putExamples(ctx context.Context, r *Request) (int, any, error) {
	var in NewExamples
	if err := r.Decode(&in); err != nil {
		return 0, nil, err
	}
	d, _, err := s.findIntegration(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	return 0, nil, s.reports.PutExamples(ctx, d.Identifier, r.Path["kind"], in.Examples)
}

func (s *Service) kinds(ctx context.Context, r *Request) (int, any, error) {
	d, _, err := s.findIntegration(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	data, err := s.reports.Kinds(ctx, d.Identifier)
	return 0, IntegrationKindsAnswer{data}, err
}

func (s *Service) ingestLogs(ctx context.Context, r *Request) (int, any, error) {
	var in NewLogs
	if err := r.Decode(&in); err != nil {
		return 0, nil, err
	}
	id, err := s.reports.ByIngestID(ctx, r.Path["ingestId"])
	if err != nil {
		return 0, nil, err
	}
	return 0, nil, s.reports.AddLogs(ctx, id, in.Logs)
}

func (s *Service) integrationLogs(ctx context.Context, r *Request) (int, any, error) {
	d, _, err := s.findIntegration(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	f := integration.LogQuery{Level: r.Query.Get("level"), Event: r.Query.Get("eventId")}
	if text := r.Query.Get("limit"); text != "" {
		if f.Limit, err = strconv.Atoi(text); err != nil || f.Limit < 1 || f.Limit > 300 {
			return 0, nil, fault.Field("limit", "is not a number of lines", "1 to 300")
		}
	}
	if text := r.Query.Get("log_id"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 1 {
			return 0, nil, fault.Field("log_id", "is not a line", "_id of a line")
		}
		if strings.EqualFold(r.Query.Get("direction"), "after") {
			f.After = n
		} else {
			f.Before = n
		}
	}
	if text := r.Query.Get("timestamp"); text != "" {
		if f.Since, err = time.Parse(time.RFC3339, text); err != nil {
			return 0, nil, fault.Field("timestamp", "is not a time", "2026-01-02T15:04:05Z")
		}
	}
	lines, err := s.reports.Logs(ctx, d.Identifier, f)
	return 0, IntegrationLogsAnswer{lines}, err
}

// ingestMetrics takes the figures of several kinds of one synchronisation.
func (s *Service) ingestMetrics(ctx context.Context, r *Request) (int, any, error) {
	id, err := s.reports.ByIngestID(ctx, r.Path["ingestId"])
	if err != nil {
		return 0, nil, err
	}
	var in struct {
		SyncKindsMetrics []json.RawMessage `json:"syncKindsMetrics"`
	}
	if err := r.Decode(&in); err != nil {
		return 0, nil, err
	}
	for _, raw := range in.SyncKindsMetrics {
		var of struct {
			EventID string `json:"eventId"`
			Kind    string `json:"kindIdentifier"`
		}
		if json.Unmarshal(raw, &of) != nil {
			return 0, nil, fault.Field("/syncKindsMetrics", "has an item that is no object with eventId and kindIdentifier", "objects")
		}
		if err := s.reports.PutMetric(ctx, id, of.EventID, of.Kind, raw); err != nil {
			return 0, nil, err
		}
	}
	return 0, nil, nil
}

func (s *Service) putMetric(ctx context.Context, r *Request) (int, any, error) {
	id, err := s.reports.ByIngestID(ctx, r.Path["ingestId"])
	if err != nil {
		return 0, nil, err
	}
	var any map[string]json.RawMessage
	if err := r.Decode(&any); err != nil {
		return 0, nil, err
	}
	return 0, nil, s.reports.PutMetric(ctx, id, r.Path["eventId"], r.Path["kind"], r.Body)
}

// ingestEvents takes what newer integrations tell of their course; it is kept
// with the log.
func (s *Service) ingestEvents(ctx context.Context, r *Request) (int, any, error) {
	id, err := s.reports.ByIngestID(ctx, r.Path["ingestId"])
	if err != nil {
		return 0, nil, err
	}
	var in map[string]json.RawMessage
	if err := r.Decode(&in); err != nil {
		return 0, nil, err
	}
	lines := []json.RawMessage{r.Body}
	if list := in["events"]; list != nil {
		lines = nil
		if json.Unmarshal(list, &lines) != nil {
			return 0, nil, fault.Field("/events", "is not a list", "a list of objects")
		}
	}
	return 0, nil, s.reports.AddLogs(ctx, id, lines)
}

func (s *Service) syncMetrics(ctx context.Context, r *Request) (int, any, error) {
	d, _, err := s.findIntegration(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	list, err := s.reports.Metrics(ctx, d.Identifier, r.Query.Get("eventId"), 300)
	return 0, IntegrationMetricsAnswer{list}, err
}

// syncsMetadata lists the synchronisations that figures are kept of.
func (s *Service) syncsMetadata(ctx context.Context, r *Request) (int, any, error) {
	d, _, err := s.findIntegration(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	list, err := s.reports.Metrics(ctx, d.Identifier, "", 2000)
	out := []Document{}
	at := map[string]int{}
	for _, m := range list {
		i, known := at[m.EventID]
		if !known {
			i, at[m.EventID] = len(out), len(out)
			out = append(out, Document{"eventId": m.EventID, "updatedAt": timeText(m.UpdatedAt), "kinds": []string{}})
		}
		kinds, _ := out[i]["kinds"].([]string)
		out[i]["kinds"] = append(kinds, m.Kind)
	}
	return 0, Document{"syncsMetadata": out}, err
}
