// Package audit keeps the record of who did what. An event is appended in the
// transaction of the change it tells of, so neither exists without the other,
// and the database refuses to change or delete it afterwards.
//
// Callers build Detail from named fields they chose, never from a request body
// or a stored struct as a whole: that is what keeps secrets out.
package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"sphera/internal/store"
)

// Outcomes of what was tried.
const (
	Success = "success"
	Denied  = "denied"
	Failure = "failure"
)

// System is the actor of what the portal does by itself.
const System = "system"

// Topic is notified with the object of each event.
const Topic = "audit"

// maxDetail bounds one event; details are a handful of named fields.
const maxDetail = 16 << 10

// Event is one thing that somebody did, or was refused.
type Event struct {
	// Seq orders events; it grows, and can have gaps.
	Seq int64     `json:"seq"`
	At  time.Time `json:"at"`
	// Actor is the user's id, or System; ActorName is for people.
	Actor     string `json:"actor"`
	ActorName string `json:"actorName"`
	// Verb is what was done, e.g. "entity.create" or "auth.login". What stands
	// before the dot is its family.
	Verb string `json:"verb"`
	// Object is what it was done to, e.g. "Component/checkout" or "run/ID".
	Object    string          `json:"object"`
	Outcome   string          `json:"outcome"`
	RunID     string          `json:"runId,omitempty"`
	RequestID string          `json:"requestId,omitempty"`
	Detail    json.RawMessage `json:"detail"`
}

// Log appends and lists events.
type Log struct {
	now func() time.Time
}

// New returns a log that takes the time of events from now.
func New(now func() time.Time) *Log { return &Log{now: now} }

// Append records e in tx. It fills in At, Outcome (success) and, from ctx, the
// request's id when they are empty, and sets Seq.
func (l *Log) Append(ctx context.Context, tx *store.Tx, e Event) error {
	if err := l.complete(ctx, &e); err != nil {
		return err
	}
	family, _, _ := strings.Cut(e.Verb, ".")
	err := tx.QueryRowContext(ctx, `INSERT INTO audit_events (at, actor, actor_name, family, verb, object, outcome, run_id, request_id, detail)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING seq`,
		store.Millis(e.At), e.Actor, e.ActorName, family, e.Verb, e.Object, e.Outcome, e.RunID, e.RequestID, string(e.Detail)).Scan(&e.Seq)
	if err != nil {
		return fmt.Errorf("append audit event %s on %s: %w", e.Verb, e.Object, err)
	}
	tx.Notify(Topic, e.Object)
	return nil
}

func (l *Log) complete(ctx context.Context, e *Event) error {
	if e.Verb == "" || e.Actor == "" || e.Object == "" {
		return errors.New("an audit event needs an actor, a verb and an object")
	}
	if e.At.IsZero() {
		e.At = l.now()
	}
	if e.Outcome == "" {
		e.Outcome = Success
	}
	if e.ActorName == "" {
		e.ActorName = e.Actor
	}
	if e.ActorName == System {
		e.ActorName = "Sphera"
	}
	if e.RequestID == "" {
		e.RequestID = RequestID(ctx)
	}
	if len(e.Detail) == 0 {
		e.Detail = json.RawMessage("{}")
	}
	if len(e.Detail) > maxDetail {
		return fmt.Errorf("audit event %s: its detail has %d bytes, at most %d are kept", e.Verb, len(e.Detail), maxDetail)
	}
	if !bytes.HasPrefix(e.Detail, []byte("{")) || !json.Valid(e.Detail) {
		return fmt.Errorf("audit event %s: its detail is not a JSON object", e.Verb)
	}
	return nil
}

// Detail encodes fields for an event: Detail("from", "a", "to", "b"). Values
// must be strings, numbers, booleans or slices of them.
func Detail(pairs ...any) json.RawMessage {
	fields := make(map[string]any, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		if key, ok := pairs[i].(string); ok {
			fields[key] = pairs[i+1]
		}
	}
	raw, err := json.Marshal(fields)
	if err != nil {
		return json.RawMessage(`{"error":"detail could not be encoded"}`)
	}
	return raw
}

type requestIDKey struct{}

// WithRequestID returns a context whose events carry the id of the request.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

// RequestID returns the id that WithRequestID put into ctx, or "".
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}
