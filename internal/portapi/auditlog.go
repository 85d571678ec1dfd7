package portapi

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"sphera/internal/audit"
	"sphera/internal/auth"
	"sphera/internal/fault"
)

// AuditEntry is an event of the audit log in Port's words.
type AuditEntry struct {
	Identifier     string         `json:"identifier"`
	Action         string         `json:"action" doc:"CREATE, UPDATE or DELETE"`
	ResourceType   string         `json:"resourceType"`
	Status         string         `json:"status" doc:"SUCCESS or FAILURE"`
	Message        string         `json:"message"`
	Trigger        AuditTrigger   `json:"trigger"`
	Context        AuditContext   `json:"context"`
	Diff           AuditDiff      `json:"diff"`
	AdditionalData map[string]any `json:"additionalData"`
}

// AuditTrigger is who did it and when.
type AuditTrigger struct {
	At     string  `json:"at"`
	Origin string  `json:"origin"`
	By     AuditBy `json:"by"`
}

// AuditBy is somebody.
type AuditBy struct {
	UserID string `json:"userId"`
	Name   string `json:"name"`
}

// AuditContext is what it was done to.
type AuditContext struct {
	Blueprint string `json:"blueprint,omitempty"`
	Entity    string `json:"entity,omitempty"`
	RunID     string `json:"runId,omitempty"`
}

// AuditDiff is what changed, field by field.
type AuditDiff struct {
	Before map[string]any `json:"before"`
	After  map[string]any `json:"after"`
}

// AuditLogAnswer is events, newest first.
type AuditLogAnswer struct {
	Audits []AuditEntry `json:"audits"`
	Next   string       `json:"next,omitempty"`
}

func (s *Service) auditRoutes() []Route {
	var params []Param
	for _, name := range []string{"identifier", "entity", "blueprint", "run_id", "from", "to", "action", "status", "limit", "origin", "resources", "includes"} {
		params = append(params, Param{Name: name})
	}
	return []Route{{
		Method: http.MethodGet, Path: "/v1/audit-log", ID: "listAuditLog", Verb: "audit.read", Object: auditObject, Audit: None,
		Out: AuditLogAnswer{}, Params: params, Handle: s.auditLog,
	}}
}

// auditObject: everybody may read about one thing.
func auditObject(_ context.Context, r *Request) (auth.Object, error) {
	entity, blueprint, run := r.Query.Get("entity"), r.Query.Get("blueprint"), r.Query.Get("run_id")
	switch {
	case run != "":
		return auth.Object{Kind: "run", ID: run}, nil
	case entity != "" && blueprint != "":
		return auth.Object{Kind: blueprint, Blueprint: blueprint, ID: entity}, nil
	default:
		return auth.Object{Kind: "audit"}, nil
	}
}

func (s *Service) auditLog(ctx context.Context, r *Request) (int, any, error) {
	f, err := auditFilter(r)
	if err != nil {
		return 0, nil, err
	}
	origins := r.List("origin")
	if len(origins) > 0 && !slices.Contains(origins, "API") && !slices.Contains(origins, "UI") {
		return 0, AuditLogAnswer{Audits: []AuditEntry{}}, nil // whether UI or API is not kept; there are no others
	}
	events, next, err := s.Audit.List(ctx, s.DB, f)
	if err == nil {
		events, err = s.Seen(ctx, events)
	}
	if err != nil {
		return 0, nil, err
	}
	includes := r.List("includes")
	out := make([]map[string]any, 0, len(events))
	for _, e := range events {
		out = append(out, picked(auditEntry(e), includes))
	}
	answer := map[string]any{"audits": out}
	if next != "" {
		answer["next"] = next
	}
	return 0, answer, nil
}

func auditFilter(r *Request) (audit.Filter, error) {
	q := r.Query.Get
	f := audit.Filter{RunID: q("run_id"), From: q("next")}
	if id := q("identifier"); id != "" {
		if seq, err := strconv.ParseInt(id, 10, 64); err == nil {
			f.Seq = seq
		} else {
			f.Object = id
		}
	}
	switch blueprint, entity := q("blueprint"), q("entity"); {
	case blueprint != "" && entity != "":
		f.Object = blueprint + "/" + entity
	case blueprint != "":
		f.Of = blueprint
	case entity != "":
		f.Ends = "/" + entity
	}
	f.Families = r.List("resources")
	if action := q("action"); action != "" {
		f.Does = strings.ToLower(action)
	}
	switch q("status") {
	case "SUCCESS":
		f.Outcomes = []string{audit.Success}
	case "FAILURE":
		f.Outcomes = []string{audit.Failure, audit.Denied}
	}
	if limit := q("limit"); limit != "" {
		n, err := strconv.Atoi(limit)
		if err != nil || n < 1 {
			return f, fault.Field("limit", "is not a number", "1 to 1000")
		}
		f.Limit = n
	}
	for name, at := range map[string]*time.Time{"from": &f.Since, "to": &f.Until} {
		if text := q(name); text != "" {
			t, err := time.Parse(time.RFC3339, text)
			if err != nil {
				return f, fault.Field(name, "is not a time", "RFC 3339, e.g. 2026-01-02T15:04:05Z")
			}
			*at = t
		}
	}
	return f, nil
}

func auditEntry(e audit.Event) map[string]any {
	family, did, _ := strings.Cut(e.Verb, ".")
	action := map[string]string{"create": "CREATE", "delete": "DELETE"}[did]
	if action == "" {
		action = "UPDATE"
	}
	status := "FAILURE"
	if e.Outcome == audit.Success {
		status = "SUCCESS"
	}
	where := AuditContext{RunID: e.RunID}
	switch family {
	case "entity":
		where.Blueprint, where.Entity, _ = strings.Cut(e.Object, "/")
	case "blueprint":
		where.Blueprint = e.Object
	}
	var detail struct {
		Changes map[string]struct {
			Before any `json:"before"`
			After  any `json:"after"`
		} `json:"changes"`
	}
	_ = json.Unmarshal(e.Detail, &detail)
	diff := AuditDiff{}
	for field, change := range detail.Changes {
		if action != "CREATE" {
			diff.Before = put(diff.Before, field, change.Before)
		}
		if action != "DELETE" {
			diff.After = put(diff.After, field, change.After)
		}
	}
	var raw map[string]any
	_ = json.Unmarshal(e.Detail, &raw)
	delete(raw, "changes")
	return map[string]any{
		"identifier": strconv.FormatInt(e.Seq, 10), "action": action, "resourceType": family, "status": status, "message": e.Verb + " " + e.Object,
		"trigger": AuditTrigger{At: stamp(e.At), Origin: "API", By: AuditBy{UserID: e.Actor, Name: e.ActorName}},
		"context": where, "diff": diff, "additionalData": raw,
	}
}

// put sets "properties.language" as a path.
func put(m map[string]any, field string, v any) map[string]any {
	if m == nil {
		m = map[string]any{}
	}
	key, sub, nested := strings.Cut(field, ".")
	if !nested {
		m[key] = v
		return m
	}
	under, ok := m[key].(map[string]any)
	if !ok {
		under = map[string]any{}
		m[key] = under
	}
	under[sub] = v
	return m
}

func picked(entry map[string]any, includes []string) map[string]any {
	if len(includes) == 0 {
		return entry
	}
	out := map[string]any{}
	for _, name := range includes {
		if v, ok := entry[name]; ok {
			out[name] = v
		}
	}
	return out
}
