// Package audit keeps the record of who did what. An event is appended in the
// transaction of the change it tells of, so neither exists without the other,
// and the database refuses to change or delete it afterwards.
//
// Events are typed: verbs.go lists every verb with the fields its detail may
// have, each to be kept, to be left out, or a secret of which only the fact is
// kept. Callers build Detail from named fields they chose, never from a request
// body or a stored struct as a whole: both together keep secrets out.
package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"sphera/internal/store"
)

// Outcomes of what was tried.
const (
	Success = "success"
	Denied  = "denied"
	Failure = "failure"
)

// System is the actor of what the portal does by itself, Anonymous somebody
// who is not signed in.
const (
	System    = "system"
	Anonymous = "anonymous"
)

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
	Object  string `json:"object"`
	Outcome string `json:"outcome"`
	// Entity is the entity it belongs to on a timeline, "Component/checkout":
	// the object itself, what a run works on, or what a flag is of.
	Entity    string `json:"entity,omitempty"`
	RunID     string `json:"runId,omitempty"`
	RequestID string `json:"requestId,omitempty"`
	// Via is how the actor proved who it is: session, token, app, password...
	Via string `json:"via,omitempty"`
	// OnBehalfOf is whose rights the actor used, where that is somebody else.
	OnBehalfOf string `json:"onBehalfOf,omitempty"`
	// Address is the network address the request came from.
	Address string `json:"address,omitempty"`
	// Rule is the policy that decided; for refusals.
	Rule   string          `json:"rule,omitempty"`
	Detail json.RawMessage `json:"detail"`
}

// Log appends and lists events.
type Log struct {
	now      func() time.Time
	verbs    map[string]Verb
	withheld func(verb, field string)
}

// New returns a log that takes the time of events from now. An event that is
// not as verbs.go lists it is an error.
func New(now func() time.Time) *Log { return &Log{now: now, verbs: Verbs()} }

// Withhold makes the log leave out what verbs.go does not list, and tell,
// instead of refusing the event: for servers, where a field that somebody
// forgot to list must neither be kept nor stop the change.
func (l *Log) Withhold(tell func(verb, field string)) *Log {
	l.withheld = tell
	return l
}

// Append records e in tx. It fills in At, Outcome (success) and, from ctx and
// the verb, what is empty of RequestID, Via, OnBehalfOf, Address and Entity.
// Detail loses the fields that verbs.go does not list as kept.
func (l *Log) Append(ctx context.Context, tx *store.Tx, e Event) error {
	if err := l.complete(ctx, &e); err != nil {
		return err
	}
	err := tx.QueryRowContext(ctx, `INSERT INTO audit_events (at, actor, actor_name, family, verb, object, outcome, run_id, request_id,
			via, on_behalf_of, address, rule, entity, detail)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) RETURNING seq`,
		store.Millis(e.At), e.Actor, e.ActorName, Family(e.Verb), e.Verb, e.Object, e.Outcome, e.RunID, e.RequestID,
		e.Via, e.OnBehalfOf, e.Address, e.Rule, e.Entity, string(e.Detail)).Scan(&e.Seq)
	if err != nil {
		return fmt.Errorf("append audit event %s on %s: %w", e.Verb, e.Object, err)
	}
	tx.Notify(Topic, e.Object)
	return nil
}

// clean takes out of the texts what no database and no JSON keeps as it is, so
// that what is sealed is what is read again.
func (e *Event) clean() {
	for _, text := range []*string{&e.Actor, &e.ActorName, &e.Object, &e.Entity, &e.RunID, &e.RequestID, &e.Via, &e.OnBehalfOf, &e.Address, &e.Rule} {
		if strings.ContainsRune(*text, 0) || !utf8.ValidString(*text) {
			*text = strings.ReplaceAll(strings.ToValidUTF8(*text, "\uFFFD"), "\x00", "\uFFFD")
		}
	}
}

// Family is what stands before the dot of a verb.
func Family(verb string) string {
	family, _, _ := strings.Cut(verb, ".")
	return family
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
	e.from(OriginOf(ctx))
	e.clean()
	verb, err := l.typed(e)
	if err != nil {
		return err
	}
	if e.Entity == "" && verb.Entity {
		e.Entity = e.Object
	}
	if e.Entity == "" && e.RunID != "" {
		e.Entity = OriginOf(ctx).Entity
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
