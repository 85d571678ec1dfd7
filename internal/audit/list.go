package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"sphera/internal/fault"
	"sphera/internal/store"
)

const (
	defaultLimit = 50
	maxLimit     = 200
)

// Filter selects events; empty fields do not filter.
type Filter struct {
	// Object is the whole object, e.g. "Component/checkout".
	Object string
	Actor  string
	// Verb is a family ("entity"), or a verb or the beginning of one
	// ("entity.create").
	Verb  string
	RunID string
	// Seq is one event. Of is the first part of objects, "Component" of
	// "Component/checkout", and the object itself; Ends is the end of objects.
	Seq      int64
	Of, Ends string
	// Families are those of verbs, Does is what stands behind the dot.
	Families     []string
	Does         string
	Outcomes     []string
	Since, Until time.Time
	// From is the cursor that the page before returned.
	From  string
	Limit int
}

// List returns the events that f selects, newest first, and the cursor of the
// next page, which is empty on the last one. Every filter is served by an
// index that ends in seq, so a page costs the same however long the log is.
func (l *Log) List(ctx context.Context, db *store.DB, f Filter) ([]Event, string, error) {
	limit := f.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	limit = min(limit, maxLimit)
	where, args, err := f.conditions()
	if err != nil {
		return nil, "", err
	}
	args = append(args, limit+1)
	query := `SELECT ` + Columns + ` FROM audit_events` +
		where + ` ORDER BY seq DESC LIMIT $` + strconv.Itoa(len(args))
	rows, err := db.Read().QueryContext(ctx, query, args...)
	events, err := store.All(rows, err, Scan)
	if err != nil {
		return nil, "", fmt.Errorf("list audit events: %w", err)
	}
	if len(events) <= limit {
		return events, "", nil
	}
	events = events[:limit]
	return events, strconv.FormatInt(events[limit-1].Seq, 10), nil
}

func (f Filter) conditions() (string, []any, error) {
	var terms []string
	var args []any
	add := func(term string, value any) {
		args = append(args, value)
		terms = append(terms, term+" $"+strconv.Itoa(len(args)))
	}
	if f.Object != "" {
		add("object =", f.Object)
	}
	if f.Actor != "" {
		add("actor =", f.Actor)
	}
	if f.RunID != "" {
		add("run_id <> '' AND run_id =", f.RunID) // the first half lets the partial index be used
	}
	if f.Verb != "" {
		family, rest, _ := strings.Cut(f.Verb, ".")
		add("family =", family)
		if rest != "" {
			add("substr(verb, 1, "+strconv.Itoa(len([]rune(f.Verb)))+") =", f.Verb)
		}
	}
	f.more(add, func(term string, value any) {
		args = append(args, value)
		terms = append(terms, strings.ReplaceAll(term, "$", "$"+strconv.Itoa(len(args))))
	})
	if f.From != "" {
		seq, err := strconv.ParseInt(f.From, 10, 64)
		if err != nil || seq < 0 {
			return "", nil, fault.Field("from", "is not a cursor of this list", "the value of next from the page before")
		}
		add("seq <", seq)
	}
	if len(terms) == 0 {
		return "", nil, nil
	}
	return " WHERE " + strings.Join(terms, " AND "), args, nil
}

// Columns are those that Scan reads, in its order.
const Columns = "seq, at, actor, actor_name, verb, object, outcome, run_id, request_id, via, on_behalf_of, address, rule, entity, detail"

// Scan reads an event from a row of Columns.
func Scan(row interface{ Scan(...any) error }) (Event, error) {
	var e Event
	var at int64
	var detail string
	if err := row.Scan(&e.Seq, &at, &e.Actor, &e.ActorName, &e.Verb, &e.Object, &e.Outcome, &e.RunID, &e.RequestID,
		&e.Via, &e.OnBehalfOf, &e.Address, &e.Rule, &e.Entity, &detail); err != nil {
		return Event{}, err
	}
	e.At, e.Detail = store.Time(at), json.RawMessage(detail)
	return e, nil
}

// more are the conditions that few ask for; those without an index of their
// own are looked for among what the others leave.
func (f Filter) more(add, in func(term string, value any)) {
	if f.Seq != 0 {
		add("seq =", f.Seq)
	}
	if f.Of != "" {
		in("(object = $ OR substr(object, 1, length(CAST($ AS TEXT)) + 1) = CAST($ AS TEXT) || '/')", f.Of)
	}
	if f.Ends != "" {
		in("substr(object, length(object) - length(CAST($ AS TEXT)) + 1) = $", f.Ends)
	}
	if len(f.Families) > 0 {
		in("(',' || CAST($ AS TEXT) || ',') LIKE ('%,' || family || ',%')", strings.Join(f.Families, ","))
	}
	if f.Does != "" {
		in("substr(verb, length(family) + 2) = $", f.Does)
	}
	if len(f.Outcomes) > 0 {
		in("(',' || CAST($ AS TEXT) || ',') LIKE ('%,' || outcome || ',%')", strings.Join(f.Outcomes, ","))
	}
	if !f.Since.IsZero() {
		add("at >=", store.Millis(f.Since))
	}
	if !f.Until.IsZero() {
		add("at <=", store.Millis(f.Until))
	}
}
