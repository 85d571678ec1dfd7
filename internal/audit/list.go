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
	// window is how many events are looked through at once for what no index
	// answers, and windows how often for one page.
	window  = 2000
	windows = 5
	// skew is how far the clocks of replicas may differ: events are numbered in
	// the order of their transactions, and their times come from clocks.
	skew = 5 * time.Minute
)

// Filter selects events; empty fields do not filter.
type Filter struct {
	// Object is the whole object, e.g. "Component/checkout".
	Object string
	// Entity is whose timeline is read.
	Entity  string
	Actor   string
	Address string
	// Verb is a family ("entity"), or a verb or the beginning of one
	// ("entity.create").
	Verb  string
	RunID string
	// Text is looked for in who, what, the object, the rule and the detail.
	Text string
	// Seq is one event. Of is the first part of objects, "Component" of
	// "Component/checkout", and the object itself; Ends is the end of objects.
	Seq      int64
	Of, Ends string
	// Families are those of verbs, or whole verbs; Without are verbs that are
	// left out, Does is what stands behind the dot.
	Families     []string
	Without      []string
	Does         string
	Outcomes     []string
	Since, Until time.Time
	// From is the cursor that the page before returned.
	From  string
	Limit int
}

// List returns the events that f selects, newest first, and the cursor of the
// next page, which is empty on the last one.
//
// The narrowest filter that has an index is answered by it; for the others a
// bounded number of its events is looked through. So a page costs the same
// however long the log is, and can be short, or empty, and have a next one.
func (l *Log) List(ctx context.Context, db *store.DB, f Filter) ([]Event, string, error) {
	limit := f.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	limit = min(limit, maxLimit)
	s := f.search()
	before, after, err := f.bounds(ctx, db)
	if err != nil {
		return nil, "", err
	}
	var out []Event
	for round := 0; ; round++ {
		events, end, err := s.page(ctx, db, before, after, limit+1-len(out))
		if err != nil {
			return nil, "", fmt.Errorf("list audit events: %w", err)
		}
		if out = append(out, events...); len(out) > limit {
			return out[:limit], strconv.FormatInt(out[limit-1].Seq, 10), nil
		}
		switch {
		case end == 0:
			return nonNil(out), "", nil
		case round+1 == windows:
			return nonNil(out), strconv.FormatInt(end, 10), nil
		}
		before = end
	}
}

func nonNil(events []Event) []Event {
	if events == nil {
		return []Event{}
	}
	return events
}

// bounds are the numbers between which events can be, both exclusive: the
// cursor and what the times come to.
func (f Filter) bounds(ctx context.Context, db *store.DB) (before, after int64, err error) {
	before = 1<<63 - 1
	if f.From != "" {
		if before, err = strconv.ParseInt(f.From, 10, 64); err != nil || before < 0 {
			return 0, 0, fault.Field("from", "is not a cursor of this list", "the value of next from the page before")
		}
	}
	if !f.Until.IsZero() {
		var late int64
		err := db.Read().QueryRowContext(ctx, `SELECT COALESCE(MAX(seq), 0) FROM (SELECT seq FROM audit_events WHERE at > $1 ORDER BY at, seq LIMIT 200) AS later`,
			store.Millis(f.Until.Add(skew))).Scan(&late)
		if err != nil {
			return 0, 0, fmt.Errorf("find the end of a time: %w", err)
		}
		if late > 0 {
			before = min(before, late)
		}
	}
	if !f.Since.IsZero() {
		err := db.Read().QueryRowContext(ctx, `SELECT COALESCE(MIN(seq), 0) FROM (SELECT seq FROM audit_events WHERE at < $1 ORDER BY at DESC, seq DESC LIMIT 200) AS earlier`,
			store.Millis(f.Since.Add(-skew))).Scan(&after)
		if err != nil {
			return 0, 0, fmt.Errorf("find the beginning of a time: %w", err)
		}
	}
	return before, after, nil
}

// search is a filter as SQL: one term that an index answers, and the rest.
type search struct {
	index string // with $3 for its value; empty for all events
	value any
	rest  []string // with $ for their value
	args  []any
}

// search picks the term for the index: those that leave least come first.
func (f Filter) search() *search {
	s := &search{}
	if f.Seq != 0 {
		s.by("seq", f.Seq, "")
	}
	if f.RunID != "" {
		s.by("run_id", f.RunID, "run_id <> '' AND ") // the second half lets the partial index be used
	}
	if f.Object != "" {
		s.by("object", f.Object, "")
	}
	if f.Entity != "" {
		s.by("entity", f.Entity, "entity <> '' AND ")
	}
	if f.Address != "" {
		s.by("address", f.Address, "address <> '' AND ")
	}
	if f.Actor != "" {
		s.by("actor", f.Actor, "")
	}
	if len(f.Outcomes) == 1 && f.Outcomes[0] != Success {
		s.by("outcome", f.Outcomes[0], "outcome <> 'success' AND ")
	} else if len(f.Outcomes) > 0 {
		s.add("(',' || CAST($ AS TEXT) || ',') LIKE ('%,' || outcome || ',%')", strings.Join(f.Outcomes, ","))
	}
	if f.Verb != "" {
		family, rest, _ := strings.Cut(f.Verb, ".")
		s.by("family", family, "")
		if rest != "" {
			s.add("substr(verb, 1, "+strconv.Itoa(len([]rune(f.Verb)))+") = $", f.Verb)
		}
	}
	f.more(s)
	return s
}

// more are the terms that no index answers.
func (f Filter) more(s *search) {
	if f.Text != "" {
		text := strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(strings.ToLower(f.Text))
		s.add(`LOWER(object || ' ' || verb || ' ' || actor || ' ' || actor_name || ' ' || entity || ' ' || rule || ' ' || CAST(detail AS TEXT)) LIKE $ ESCAPE '\'`, "%"+text+"%")
	}
	if f.Of != "" {
		s.add("(object = $ OR substr(object, 1, length(CAST($ AS TEXT)) + 1) = CAST($ AS TEXT) || '/')", f.Of)
	}
	if f.Ends != "" {
		s.add("substr(object, length(object) - length(CAST($ AS TEXT)) + 1) = $", f.Ends)
	}
	if len(f.Families) > 0 {
		s.add("((',' || CAST($ AS TEXT) || ',') LIKE ('%,' || family || ',%') OR (',' || CAST($ AS TEXT) || ',') LIKE ('%,' || verb || ',%'))", strings.Join(f.Families, ","))
	}
	if len(f.Without) > 0 {
		s.add("(',' || CAST($ AS TEXT) || ',') NOT LIKE ('%,' || verb || ',%')", strings.Join(f.Without, ","))
	}
	if f.Does != "" {
		s.add("substr(verb, length(family) + 2) = $", f.Does)
	}
	if !f.Since.IsZero() {
		s.add("at >= $", store.Millis(f.Since))
	}
	if !f.Until.IsZero() {
		s.add("at <= $", store.Millis(f.Until))
	}
}

// by makes column = value the term of the index, or one of the rest when there
// is one already. condition is the part that a partial index asks for.
func (s *search) by(column string, value any, condition string) {
	if s.index != "" {
		s.add(column+" = $", value)
		return
	}
	s.index, s.value = condition+column+" = $3 AND ", value
}

func (s *search) add(term string, value any) {
	s.rest, s.args = append(s.rest, term), append(s.args, value)
}

// page looks through one window of events below before. end is where the next
// window begins; 0 when there is none.
func (s *search) page(ctx context.Context, db *store.DB, before, after int64, limit int) (events []Event, end int64, err error) {
	query, args := s.query(before, after, limit)
	rows, err := db.Read().QueryContext(ctx, query, args...)
	if events, err = store.All(rows, err, Scan); err != nil {
		return nil, 0, err
	}
	switch {
	case len(events) == limit:
		return events, events[limit-1].Seq, nil
	case len(s.rest) == 0:
		return events, 0, nil // all that the index has
	}
	var n int
	if err := db.Read().QueryRowContext(ctx, "SELECT COUNT(*), COALESCE(MIN(seq), 0) FROM ("+s.inner("seq")+") AS recent", args[:s.fixed()]...).Scan(&n, &end); err != nil {
		return nil, 0, err
	}
	if n < window {
		end = 0
	}
	return events, end, nil
}

// fixed is how many arguments the window itself has.
func (s *search) fixed() int {
	if s.index == "" {
		return 2
	}
	return 3
}

func (s *search) inner(columns string) string {
	return "SELECT " + columns + " FROM audit_events WHERE " + s.index + "seq < $1 AND seq > $2 ORDER BY seq DESC LIMIT " + strconv.Itoa(window)
}

func (s *search) query(before, after int64, limit int) (string, []any) {
	args := []any{before, after}
	if s.index != "" {
		args = append(args, s.value)
	}
	if len(s.rest) == 0 {
		return strings.TrimSuffix(s.inner(Columns), strconv.Itoa(window)) + strconv.Itoa(limit), args
	}
	terms := make([]string, len(s.rest))
	for i, term := range s.rest {
		args = append(args, s.args[i])
		terms[i] = strings.ReplaceAll(term, "$", "$"+strconv.Itoa(len(args)))
	}
	return "SELECT " + Columns + " FROM (SELECT family, " + strings.TrimPrefix(s.inner(Columns), "SELECT ") + ") AS recent WHERE " +
		strings.Join(terms, " AND ") + " ORDER BY seq DESC LIMIT " + strconv.Itoa(limit), args
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
