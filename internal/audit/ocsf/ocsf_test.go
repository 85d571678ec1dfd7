package ocsf

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/audit/seal"
)

// TestS58_OCSF: each class has what the schema requires of it.
func TestS58_OCSF(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	common := []string{"activity_id", "category_uid", "class_uid", "type_uid", "time", "severity_id", "metadata"}
	required := map[int][]string{
		APIActivity: {"actor", "api", "src_endpoint"}, Authentication: {"user", "service"}, AccountChange: {"user"}, EntityManagement: {"entity"},
	}
	for _, c := range []struct {
		event           audit.Event
		class, activity int
		status          float64
	}{
		{audit.Event{Verb: "auth.login", Object: "user/ada", Actor: "ada", Address: "192.0.2.1"}, Authentication, 1, 1},
		{audit.Event{Verb: "auth.login", Object: "user/unknown", Actor: "anonymous", Outcome: audit.Failure}, Authentication, 1, 2},
		{audit.Event{Verb: "auth.logout", Object: "user/ada", Actor: "ada"}, Authentication, 2, 1},
		{audit.Event{Verb: "user.create", Object: "user/bob", Actor: "ada"}, AccountChange, 1, 1},
		{audit.Event{Verb: "user.update", Object: "user/bob", Actor: "ada", Detail: audit.Detail("status", "suspended")}, AccountChange, 5, 1},
		{audit.Event{Verb: "user.update", Object: "user/bob", Actor: "ada", Detail: audit.Detail("status", "active", "newPassword", true)}, AccountChange, 3, 1},
		{audit.Event{Verb: "app.delete", Object: "app/1", Actor: "ada"}, AccountChange, 6, 1},
		{audit.Event{Verb: "entity.create", Object: "Component/a", Entity: "Component/a", Actor: "ada"}, EntityManagement, 1, 1},
		{audit.Event{Verb: "service.deploy", Object: "Component/a", Entity: "Component/a", Actor: "ada"}, EntityManagement, 3, 1},
		{audit.Event{Verb: "blueprint.delete", Object: "Component", Actor: "ada"}, EntityManagement, 4, 1},
		{audit.Event{Verb: "run.start", Object: "run/1", Actor: "ada", RequestID: "r"}, APIActivity, 1, 1},
		{audit.Event{Verb: "pull_request.merge", Object: "pull-request/a/1", Actor: "system"}, APIActivity, 3, 1},
		{audit.Event{Verb: "catalog.write", Object: "Component/a", Entity: "Component/a", Actor: "ada", Outcome: audit.Denied, Rule: "owners-write-catalog"}, APIActivity, 3, 2},
	} {
		e := seal.Entry{Position: 7, Event: c.event}
		e.Event.At, e.Event.Seq = at, 9
		if e.Event.Outcome == "" {
			e.Event.Outcome = audit.Success
		}
		if e.Event.Detail == nil {
			e.Event.Detail = json.RawMessage("{}")
		}
		line, err := Line(&e)
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		if err := json.Unmarshal(line, &got); err != nil || bytes.Count(line, []byte("\n")) != 1 {
			t.Fatalf("%v: %s", err, line)
		}
		name := e.Event.Verb
		for _, field := range append(common, required[c.class]...) {
			if got[field] == nil {
				t.Errorf("%s: no %s in %s", name, field, line)
			}
		}
		if got["class_uid"] != float64(c.class) || got["category_uid"] != float64(c.class/1000) || got["activity_id"] != float64(c.activity) ||
			got["type_uid"] != float64(c.class*100+c.activity) || got["status_id"] != c.status || got["time"] != float64(at.UnixMilli()) {
			t.Errorf("%s: %s", name, line)
		}
		if m, _ := got["metadata"].(map[string]any); m["sequence"] != float64(7) || m["version"] != Version || m["product"] == nil {
			t.Errorf("%s: metadata %v", name, m)
		}
	}
}
