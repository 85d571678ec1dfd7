package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"sphera/internal/approval"
	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/run"
)

// runObject is the run of the address: who asked for it, and the teams that
// own what it is about.
func (a *API) runObject(r *http.Request) (auth.Object, error) {
	return a.runs.Object(r.Context(), r.PathValue("id"))
}

type runsInput struct {
	PageInput
	State  string `query:"state" enum:"pending,running,waiting,succeeded,failed,cancelled,undone"`
	Action string `query:"action" maxLength:"100"`
	Actor  string `query:"actor" maxLength:"100" doc:"A user's id, or me"`
	Entity string `query:"entity" maxLength:"700" doc:"Blueprint/identifier"`
}

type runsAnswer struct {
	Answer
	Runs []run.Run `json:"runs"`
	Next string    `json:"next,omitempty"`
}

func (a *API) listRuns(ctx context.Context, in *runsInput) (*runsAnswer, error) {
	if in.Actor == "me" {
		in.Actor = who(ctx).ID
	}
	runs, next, err := a.runs.List(ctx, run.Filter{
		State: run.State(in.State), Action: in.Action, Actor: in.Actor, Entity: in.Entity, From: in.From, Limit: in.limit(50, 200),
	})
	return &runsAnswer{Runs: runs, Next: next}, err
}

func (a *API) run(ctx context.Context, in *idPath) (*runAnswer, error) {
	r, err := a.runs.Get(ctx, in.ID)
	return &runAnswer{Run: r}, err
}

type logsInput struct {
	ID     string `path:"id" maxLength:"100"`
	After  int64  `query:"after" minimum:"0" doc:"The seq of the last line you have"`
	Limit  int    `query:"limit" minimum:"0" maximum:"5000"`
	Step   string `query:"step" maxLength:"100" doc:"Only the lines of this step"`
	Format string `query:"format" enum:"json,text" doc:"text downloads the whole log"`
}

type logsAnswer struct {
	Answer
	Lines []run.LogLine `json:"lines"`
	Next  int64         `json:"next,omitempty" doc:"Pass as after for the next page; absent on the last"`
}

const logPage = 1000

func (a *API) runLogs(ctx context.Context, in *logsInput) (*logsAnswer, error) {
	limit := in.Limit
	if limit == 0 {
		limit = logPage
	}
	lines, err := a.runs.Logs(ctx, in.ID, in.After, limit)
	if err != nil {
		return nil, err
	}
	if len(lines) == 0 {
		_, err = a.runs.Get(ctx, in.ID) // an unknown run is not one without lines
	}
	out := &logsAnswer{}
	if len(lines) == limit {
		out.Next = lines[len(lines)-1].Seq
	}
	for _, l := range lines {
		if in.Step == "" || l.Step == in.Step {
			out.Lines = append(out.Lines, l)
		}
	}
	return out, err
}

// runLogText is the whole log as a download, read in pages.
func (a *API) runLogText(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	if _, err := a.runs.Get(r.Context(), id); err != nil {
		a.writeFailure(w, r, err)
		return nil
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="run-`+safeName(id)+`.log"`)
	step := r.URL.Query().Get("step")
	for after := int64(0); ; {
		lines, err := a.runs.Logs(r.Context(), id, after, logPage)
		if err != nil {
			return err
		}
		for _, l := range lines {
			after = l.Seq
			if step != "" && l.Step != step {
				continue
			}
			if _, err := fmt.Fprintf(w, "%s %s %s\n", l.At.Format("2006-01-02T15:04:05.000Z07:00"), l.Step, l.Text); err != nil {
				return nil //nolint:nilerr // the client went away
			}
		}
		if len(lines) < logPage {
			return nil
		}
	}
}

func (a *API) cancelRun(ctx context.Context, in *idPath) (*runAnswer, error) {
	r, err := a.runs.Cancel(ctx, who(ctx).Actor(), in.ID)
	return &runAnswer{Run: r}, err
}

func (a *API) retryRun(ctx context.Context, in *idPath) (*runAnswer, error) {
	r, err := a.runs.Retry(ctx, who(ctx).Actor(), in.ID)
	return &runAnswer{Run: r}, err
}

type decisionInput struct {
	ID   string `path:"id" maxLength:"100"`
	Body struct {
		Approve bool   `json:"approve"`
		Comment string `json:"comment,omitempty" maxLength:"2000"`
		Digest  string `json:"digest,omitempty" maxLength:"100" doc:"Of what was shown; the decision counts for nothing else"`
		For     string `json:"for,omitempty" maxLength:"100" doc:"The id of the person, who is away, for whom you decide"`
	} `nameHint:"DecisionInput"`
}

func (a *API) decideRun(ctx context.Context, in *decisionInput) (*runAnswer, error) {
	r, err := a.approvals.Decide(ctx, who(ctx).Actor(), in.ID, approval.Word{
		Approve: in.Body.Approve, Comment: in.Body.Comment, Digest: in.Body.Digest, For: in.Body.For,
	})
	return &runAnswer{Run: r}, err
}

func (a *API) undoPlan(ctx context.Context, in *idPath) (*planAnswer, error) {
	plan, err := a.runs.UndoPlan(ctx, in.ID)
	return &planAnswer{Plan: plan}, err
}

type undoInput struct {
	ID   string `path:"id" maxLength:"100"`
	Body struct {
		Digest string `json:"digest" maxLength:"100" doc:"Of the plan that was shown"`
	} `nameHint:"UndoInput"`
}

func (a *API) undoRun(ctx context.Context, in *undoInput) (*runAnswer, error) {
	r, err := a.runs.Undo(ctx, who(ctx).Actor(), in.ID, in.Body.Digest)
	return &runAnswer{Run: r}, err
}

// runEvents streams a run: an event "run" on each change of state, an event
// "log" with the line's seq as id, and "end" when nothing more will come.
func (a *API) runEvents(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	after, err := lastEventID(r)
	if err != nil {
		return err
	}
	states, stopStates := a.db.Subscribe(run.Topic)
	defer stopStates()
	logs, stopLogs := a.db.Subscribe(run.LogTopic + id)
	defer stopLogs()
	if _, err := a.runs.Get(r.Context(), id); err != nil {
		return err
	}
	s := a.openStream(w, r)
	shown := ""
	return s.follow(func(note string) bool { return note == id || note == "" }, []<-chan string{states, logs}, func() (bool, error) {
		// The state is read before the lines: when it says the run has
		// ended, all of its lines are there.
		one, err := a.runs.Get(r.Context(), id)
		if err != nil {
			return true, err
		}
		if after, err = a.sendRunLines(s, id, after); err != nil {
			return true, err
		}
		if err := s.sendChanged("run", one, &shown); err != nil {
			return true, err
		}
		if ended(one) {
			return true, s.send("end", "", `{}`)
		}
		return false, nil
	})
}

func (a *API) sendRunLines(s *stream, id string, after int64) (int64, error) {
	for {
		lines, err := a.runs.Logs(s.r.Context(), id, after, logPage)
		if err != nil {
			return after, err
		}
		for _, l := range lines {
			if err := s.sendJSON("log", strconv.FormatInt(l.Seq, 10), l); err != nil {
				return after, err
			}
			after = l.Seq
		}
		if len(lines) < logPage {
			return after, nil
		}
	}
}

func ended(r run.Run) bool {
	switch r.State {
	case run.Succeeded, run.Failed, run.Cancelled, run.Undone:
		return true
	default:
		return false
	}
}

// lastEventID is where a stream goes on: from the header that browsers send
// after a break, or ?after= on the first call.
func lastEventID(r *http.Request) (int64, error) {
	text := r.Header.Get("Last-Event-ID")
	if text == "" {
		text = r.URL.Query().Get("after")
	}
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, fault.New(fault.Invalid, "The request cannot be read.").With("Last-Event-ID", "is not valid", "the id of an event of this stream")
	}
	return n, nil
}

// safeName keeps what may stand in the name of a downloaded file.
func safeName(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '-' || r == '_' {
			return r
		}
		return '_'
	}, s)
}
