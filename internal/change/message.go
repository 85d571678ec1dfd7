package change

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"sphera/internal/catalog"
	"sphera/internal/resource"
	"sphera/internal/store"
)

// event is what is sent, in Port's form.
type event struct {
	Action       string         `json:"action"`
	ResourceType string         `json:"resourceType"`
	Status       string         `json:"status"`
	Trigger      trigger        `json:"trigger"`
	Context      map[string]any `json:"context"`
	Diff         diff           `json:"diff"`
	Destination  any            `json:"changelogDestination,omitempty"`
}

type trigger struct {
	By     map[string]string `json:"by"`
	Origin string            `json:"origin"`
	At     time.Time         `json:"at"`
}

type diff struct {
	Before any `json:"before"`
	After  any `json:"after"`
}

func entityMessage(c catalog.EntityChange) (message, error) {
	e := event{
		Action: "UPDATE", ResourceType: "entity", Status: "SUCCESS",
		Trigger: trigger{By: map[string]string{"userId": c.Actor}, Origin: "API", At: c.At},
		Context: map[string]any{"blueprint": c.Blueprint, "blueprintIdentifier": c.Blueprint, "entity": c.Identifier, "entityIdentifier": c.Identifier},
	}
	if c.RunID != "" {
		e.Context["runId"] = c.RunID
	}
	if c.Before != nil {
		e.Diff.Before = c.Before
	}
	if c.After != nil {
		e.Diff.After = c.After
	}
	switch {
	case c.After == nil:
		e.Action = "DELETE"
	case c.Verb != "update":
		e.Action = "CREATE"
	}
	body, err := json.Marshal(e)
	if err != nil {
		return message{}, fmt.Errorf("encode change %d: %w", c.ID, err)
	}
	return message{id: c.ID, about: catalog.Ref(c.Blueprint, c.Identifier), body: body}, nil
}

// integrationMessages tells an integration that its configuration changed: once
// with what it is now, however often that was.
func (c *Changes) integrationMessages(d destination) ([]message, int64, error) {
	if d.doc == nil || d.doc.Revision <= d.done {
		return nil, d.done, nil
	}
	state, err := json.Marshal(d.doc.Doc)
	if err != nil {
		return nil, 0, fmt.Errorf("encode %s: %w", d.name, err)
	}
	var before any
	if d.state != "" {
		before = json.RawMessage(d.state)
	}
	body, err := json.Marshal(event{
		Action: "UPDATE", ResourceType: "integration", Status: "SUCCESS",
		Trigger:     trigger{By: map[string]string{"userId": d.doc.UpdatedBy}, Origin: "API", At: d.doc.UpdatedAt},
		Context:     map[string]any{"integration": d.doc.Identifier},
		Diff:        diff{Before: before, After: after(d.doc)},
		Destination: d.doc.Doc["changelogDestination"],
	})
	if err != nil {
		return nil, 0, fmt.Errorf("encode %s: %w", d.name, err)
	}
	return []message{{id: d.doc.Revision, about: d.name, body: body, state: string(state)}}, d.doc.Revision, nil
}

func after(r *resource.Resource) map[string]any {
	out := map[string]any{"identifier": r.Identifier, "installationId": r.Identifier, "updatedAt": r.UpdatedAt}
	for key, value := range r.Doc {
		out[key] = value
	}
	return out
}

// Delivery is one attempt to tell of a change.
type Delivery struct {
	Change  int64     `json:"change"`
	About   string    `json:"about"`
	At      time.Time `json:"at"`
	Attempt int       `json:"attempt"`
	Status  string    `json:"status"`
	Millis  int64     `json:"millis"`
}

// Deliveries lists the last attempts for a destination ("blueprint/ID" or
// "integration/ID"), newest first.
func (c *Changes) Deliveries(ctx context.Context, name string) ([]Delivery, error) {
	rows, err := c.DB.Read().QueryContext(ctx, "SELECT change, about, at, attempt, status, millis FROM change_deliveries WHERE destination = $1 ORDER BY id DESC LIMIT $2", name, keepDeliveries)
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (Delivery, error) {
		var d Delivery
		var at int64
		err := row.Scan(&d.Change, &d.About, &at, &d.Attempt, &d.Status, &d.Millis)
		d.At = store.Time(at)
		return d, err
	})
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	return list, nil
}
