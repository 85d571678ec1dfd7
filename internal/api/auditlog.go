package api

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"sphera/internal/audit"
	"sphera/internal/audit/ocsf"
	"sphera/internal/audit/seal"
	"sphera/internal/audit/sink"
	"sphera/internal/auth"
	"sphera/internal/catalog"
	"sphera/internal/fault"
)

type auditInput struct {
	PageInput
	Object  string    `query:"object" maxLength:"700" doc:"e.g. Component/checkout"`
	Actor   string    `query:"actor" maxLength:"100"`
	Verb    string    `query:"verb" maxLength:"100" doc:"A verb, or its beginning: auth."`
	Run     string    `query:"run" maxLength:"100"`
	Text    string    `query:"q" maxLength:"200" doc:"Looked for in who, what, the object, the rule and the detail"`
	Outcome []string  `query:"outcome" enum:"success,denied,failure" doc:"One or more, comma-separated"`
	Address string    `query:"address" maxLength:"64" doc:"Network address of the request"`
	Entity  string    `query:"entity" maxLength:"700" doc:"Whose timeline, e.g. Component/checkout"`
	Since   time.Time `query:"since" doc:"RFC 3339"`
	Until   time.Time `query:"until" doc:"RFC 3339"`
}

type auditAnswer struct {
	Answer
	Events []audit.Event `json:"events"`
	Next   string        `json:"next,omitempty" doc:"Cursor of the next page; a page can be short and have one"`
}

func (a *API) auditEvents(ctx context.Context, in *auditInput) (*auditAnswer, error) {
	events, next, err := a.audit.List(ctx, a.db, audit.Filter{
		Object: in.Object, Actor: in.Actor, Verb: in.Verb, RunID: in.Run, From: in.From, Limit: in.limit(100, 500),
		Text: in.Text, Outcomes: in.Outcome, Address: in.Address, Entity: in.Entity, Since: in.Since, Until: in.Until,
	})
	if err == nil {
		events, err = a.things.Events(ctx, events)
	}
	a.present(ctx, events)
	return &auditAnswer{Events: events, Next: next}, err
}

// present gives events the names of who acted, and takes out where from for
// those who read about one thing only.
func (a *API) present(ctx context.Context, events []audit.Event) {
	a.nameActors(ctx, events)
	if a.decides(ctx) {
		return
	}
	for i := range events {
		events[i].Address = ""
		if strings.HasPrefix(events[i].Verb, "auth.") {
			events[i].Detail = []byte("{}")
		}
	}
}

// decides reports whether the caller may read the whole log.
func (a *API) decides(ctx context.Context) bool {
	return a.auth.May(ctx, who(ctx), "audit.read", auth.Object{}) == nil
}

// auditObject is what the list is about: of one object everybody may read it.
func (a *API) auditObject(r *http.Request) (auth.Object, error) {
	q := r.URL.Query()
	for _, name := range []string{"object", "run", "entity"} {
		if id := q.Get(name); id != "" {
			return auth.Object{ID: id}, nil
		}
	}
	return auth.Object{}, nil
}

type chainAnswer struct {
	Answer
	Chain     seal.Chain      `json:"chain"`
	PublicKey string          `json:"publicKey" doc:"Verifies checkpoints and what sinks are sent; Ed25519, base64"`
	Sinks     []sink.Standing `json:"sinks"`
}

func (a *API) auditChain(ctx context.Context, _ *struct{}) (*chainAnswer, error) {
	status, err := seal.Look(ctx, a.db)
	if err != nil {
		return nil, err
	}
	list, err := a.sinks.List(ctx)
	return &chainAnswer{Chain: status, PublicKey: a.auditKey.Public(), Sinks: list}, err
}

// kinds of a timeline, each with the families and verbs that it has.
func kinds() map[string][]string {
	return map[string][]string{
		"catalog":  {"entity", "scorecard"},
		"run":      {"run.start", "run.end", "run.cancel", "run.retry", "run.undo"},
		"deploy":   {"service"},
		"pull":     {"pull_request", "branch", "repository"},
		"flag":     {"flag", "flag_project", "flag_key", "flag_segment"},
		"approval": {"approval", "run.approve", "run.decline"},
		"secret":   {"secret", "secret_slot"},
	}
}

// timelineKind is the kind of an event, or "other".
func timelineKind(e audit.Event) string {
	if e.Outcome == audit.Denied {
		return "denied"
	}
	family, other := audit.Family(e.Verb), "other"
	for kind, names := range kinds() {
		switch {
		case slices.Contains(names, e.Verb):
			return kind
		case slices.Contains(names, family):
			other = kind
		}
	}
	return other
}

type timelineInput struct {
	PageInput
	Blueprint string    `path:"bp" maxLength:"200"`
	ID        string    `path:"id" maxLength:"500"`
	Kind      []string  `query:"kind" enum:"catalog,run,deploy,pull,flag,approval,secret,denied" doc:"One or more, comma-separated; all when absent"`
	Actor     string    `query:"actor" maxLength:"100"`
	Since     time.Time `query:"since" doc:"RFC 3339"`
	Until     time.Time `query:"until" doc:"RFC 3339"`
}

// TimelineEntry is an event on the timeline of an entity.
type TimelineEntry struct {
	audit.Event
	Kind string `json:"kind" doc:"catalog, run, deploy, pull, flag, approval, secret, denied or other"`
}

type timelineAnswer struct {
	Answer
	Entries []TimelineEntry `json:"entries" doc:"What changed, newest first"`
	Next    string          `json:"next,omitempty" doc:"Cursor of the next page; a page can be short and have one"`
	// Denied is set for those who see refusals, too.
	Denied bool `json:"denied" doc:"Refusals are among the entries"`
}

// timeline is everything that happened to an entity: its versions, runs and
// what they did, deployments, flags. Refusals are for those who decide.
func (a *API) timeline(ctx context.Context, in *timelineInput) (*timelineAnswer, error) {
	f := audit.Filter{
		Actor: in.Actor, Since: in.Since, Until: in.Until, From: in.From, Limit: in.limit(50, 200),
		Without: []string{"run.step"},
	}
	names, err := a.catalog.Names(ctx, in.Blueprint, in.ID)
	if err != nil {
		return nil, err
	}
	out := &timelineAnswer{Denied: a.decides(ctx)}
	wanted := slices.Clone(in.Kind)
	refusals := slices.Contains(wanted, "denied")
	if wanted = slices.DeleteFunc(wanted, func(k string) bool { return k == "denied" }); refusals && len(wanted) == 0 {
		if !out.Denied {
			return out, nil
		}
		f.Outcomes = []string{audit.Denied}
	}
	if !out.Denied || len(wanted) > 0 && !refusals {
		f.Outcomes = []string{audit.Success, audit.Failure}
	}
	for _, kind := range wanted {
		f.Families = append(f.Families, kinds()[kind]...)
	}
	events, next, err := a.underAllNames(ctx, f, names)
	if err == nil {
		events, err = a.things.Events(ctx, events)
	}
	if err != nil {
		return nil, err
	}
	a.present(ctx, events)
	for _, e := range events {
		out.Entries = append(out.Entries, TimelineEntry{Event: e, Kind: timelineKind(e)})
	}
	out.Next = next
	return out, nil
}

// underAllNames lists what happened to an entity under its name and then under
// the names it had before. A cursor is good for all of them: what happened
// under an older name has smaller numbers.
func (a *API) underAllNames(ctx context.Context, f audit.Filter, names []catalog.Called) ([]audit.Event, string, error) {
	var all []audit.Event
	limit, until := f.Limit, f.Until
	for _, name := range names {
		f.Entity, f.Until, f.Limit = name.Blueprint+"/"+name.Identifier, until, limit-len(all)
		if !name.Until.IsZero() && (until.IsZero() || name.Until.Before(until)) {
			f.Until = name.Until
		}
		events, next, err := a.audit.List(ctx, a.db, f)
		if err != nil {
			return nil, "", err
		}
		all = append(all, events...)
		if next != "" {
			return all, next, nil
		}
		if len(all) >= limit {
			return all, strconv.FormatInt(all[len(all)-1].Seq, 10), nil
		}
	}
	return all, "", nil
}

const (
	exportLines = 10_000
	exportMost  = 100_000
	// exportSpeed is how long one batch may take to be read by the client.
	exportSpeed = time.Minute
	// exportNote is how seldom the export that goes on is recorded, takeNote how
	// seldom somebody who takes the same data out again.
	exportNote = time.Hour
	takeNote   = time.Minute
)

type exportAsk struct {
	format      string
	from, until int64
}

// exportAsked reads what to write: up to where the chain ends now.
func (a *API) exportAsked(r *http.Request) (exportAsk, error) {
	q := r.URL.Query()
	ask := exportAsk{format: q.Get("format")}
	if ask.format == "" {
		ask.format = sink.JSONL
	}
	if ask.format != sink.JSONL && ask.format != sink.OCSF {
		return ask, fault.Field("format", "is not known", "jsonl or ocsf")
	}
	var err error
	if text := q.Get("from"); text != "" {
		if ask.from, err = strconv.ParseInt(text, 10, 64); err != nil || ask.from < 0 {
			return ask, fault.Field("from", "is not a position", "the position of the last line that you have, or 0")
		}
	} else if text := q.Get("since"); text != "" {
		since, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return ask, fault.Field("since", "is not a time", "RFC 3339, e.g. 2026-01-02T15:04:05Z")
		}
		if ask.from, err = seal.PositionAt(r.Context(), a.db, since); err != nil {
			return ask, err
		}
	}
	limit := int64(exportLines)
	if text := q.Get("limit"); text != "" {
		if limit, err = strconv.ParseInt(text, 10, 64); err != nil || limit < 1 || limit > exportMost {
			return ask, fault.Field("limit", "is not a number of lines", "1 to "+strconv.Itoa(exportMost))
		}
	}
	status, err := seal.Look(r.Context(), a.db)
	ask.until = max(ask.from, min(ask.from+limit, status.Position))
	return ask, err
}

// exportAudit writes entries of the chain as lines. Each line has its position;
// who asks again from the last that arrived whole misses nothing.
func (a *API) exportAudit(w http.ResponseWriter, r *http.Request) error {
	if err := a.readsAll(r.Context()); err != nil {
		return err
	}
	ask, err := a.exportAsked(r)
	if err != nil {
		return err
	}
	if err := a.tellExport(r.Context(), exportNote, audit.Event{Verb: "audit.export", Object: "audit", Detail: audit.Detail("format", ask.format, "from", ask.from)}); err != nil {
		return err
	}
	attach(w, "application/x-ndjson", "audit", "."+ask.format+".ndjson")
	w.Header().Set("X-Next-Position", strconv.FormatInt(ask.until, 10))
	rc := http.NewResponseController(w)
	begin := ask.from
	for ask.from < ask.until {
		entries, err := seal.Read(r.Context(), a.db, ask.from, int(min(exportPage, ask.until-ask.from)))
		if err != nil {
			panic(err) // the answer has begun: break it off
		}
		if len(entries) == 0 {
			break
		}
		a.ignore(r, rc.SetWriteDeadline(a.now().Add(exportSpeed)))
		if a.writeEntries(w, ask.format, entries) != nil {
			return nil //nolint:nilerr // the client went away
		}
		ask.from = entries[len(entries)-1].Position
	}
	if ask.format == sink.JSONL && ask.from > begin {
		a.writeCheckpoint(w, r, begin, ask.from)
	}
	return nil
}

// readsAll refuses what is chained and signed to whom it would have to be cut
// for: an export without what they may not read could not be verified.
func (a *API) readsAll(ctx context.Context) error {
	all, err := a.things.All(ctx)
	if err != nil || all {
		return err
	}
	return fault.Refuse("export-has-everything", "The export is the whole chain, and there are things that you may not read.",
		"Read the audit page, which leaves those out, or ask somebody who may read everything for the export.", "role infrastructure")
}

func (a *API) writeEntries(w http.ResponseWriter, format string, entries []seal.Entry) error {
	encode := seal.EventLine
	if format == sink.OCSF {
		encode = ocsf.Line
	}
	for i := range entries {
		line, err := encode(&entries[i])
		if err != nil {
			panic(err) // the answer has begun: break it off
		}
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
	return nil
}

// writeCheckpoint ends a file with the last checkpoint that it reaches, so that
// it can be verified by itself.
func (a *API) writeCheckpoint(w http.ResponseWriter, r *http.Request, begin, end int64) {
	c, ok, err := seal.CheckpointBefore(r.Context(), a.db, end)
	if err != nil {
		panic(err) // the answer has begun: break it off
	}
	if !ok || c.Position <= begin {
		return
	}
	line, err := seal.CheckpointLine(&c)
	if err != nil {
		panic(err)
	}
	if _, err := w.Write(line); err != nil {
		return // the client went away
	}
}

// tellExport records that somebody takes data out, once within a time.
func (a *API) tellExport(ctx context.Context, within time.Duration, e audit.Event) error {
	p := who(ctx)
	key := p.ID + " " + e.Verb + " " + e.Object
	if !a.exported.First(key, a.now(), within) {
		return nil
	}
	e.Actor, e.ActorName = p.ID, p.Name
	if err := a.record(ctx, e); err != nil {
		a.exported.Forget(key)
		return err
	}
	return nil
}

func (a *API) record(ctx context.Context, e audit.Event) error {
	return a.db.Tx(ctx, func(tx *tx) error { return a.audit.Append(ctx, tx, e) })
}
