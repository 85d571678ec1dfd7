package api

import (
	"context"
	"net/http"
	"strconv"

	"sphera/internal/auth"
	"sphera/internal/catalog"
	"sphera/internal/fault"
	"sphera/internal/source"
)

func (a *API) sourceObject(r *http.Request) (auth.Object, error) {
	return auth.Object{Kind: "source", ID: r.PathValue("id")}, nil
}

type sourcesAnswer struct {
	Answer
	Sources []source.Source `json:"sources"`
}

func (a *API) listSources(ctx context.Context, _ *struct{}) (*sourcesAnswer, error) {
	list, err := a.sources.List(ctx)
	return &sourcesAnswer{Sources: list}, err
}

type sourcePath struct {
	ID string `path:"id" maxLength:"300"`
}

type sourceAnswer struct {
	Answer
	Source source.Source `json:"source"`
}

func (a *API) source(ctx context.Context, in *sourcePath) (*sourceAnswer, error) {
	one, err := a.sources.Source(ctx, in.ID)
	return &sourceAnswer{Source: one}, err
}

type putSourceInput struct {
	ID   string          `path:"id" maxLength:"300"`
	Body source.Settings `nameHint:"SourceSettings"`
}

func (a *API) putSource(ctx context.Context, in *putSourceInput) (*sourceAnswer, error) {
	one, err := a.sources.Set(ctx, in.ID, in.Body, who(ctx).ID)
	return &sourceAnswer{Source: one}, err
}

type sweepsInput struct {
	ID    string `path:"id" maxLength:"300"`
	From  string `query:"from" maxLength:"30" doc:"The next of the page before"`
	Limit int    `query:"limit" minimum:"0" maximum:"200" doc:"50 when absent"`
}

type sweepsAnswer struct {
	Answer
	Sweeps []source.Sweep `json:"sweeps"`
	Next   string         `json:"next,omitempty"`
}

func (a *API) sweeps(ctx context.Context, in *sweepsInput) (*sweepsAnswer, error) {
	list, next, err := a.sources.Sweeps(ctx, in.ID, in.From, in.Limit)
	return &sweepsAnswer{Sweeps: list, Next: next}, err
}

func (a *API) heldSweeps(ctx context.Context, _ *struct{}) (*sweepsAnswer, error) {
	list, err := a.sources.Held(ctx)
	return &sweepsAnswer{Sweeps: list}, err
}

type sourceSweepAnswer struct {
	Answer
	Sweep source.Sweep `json:"sweep"`
}

func (a *API) beginSweep(ctx context.Context, in *sourcePath) (*sourceSweepAnswer, error) {
	w, err := a.sources.Begin(ctx, in.ID, who(ctx).ID)
	return &sourceSweepAnswer{Sweep: w}, err
}

type sweepPath struct {
	Sweep int64  `path:"sweep" minimum:"1"`
	From  string `query:"from" maxLength:"30" doc:"The next of the page before"`
	Limit int    `query:"limit" minimum:"0" maximum:"1000" doc:"200 when absent"`
}

type sweepItemsAnswer struct {
	Answer
	Sweep source.Sweep  `json:"sweep"`
	Items []source.Item `json:"items" doc:"What it would delete, or has deleted, by name"`
	Next  string        `json:"next,omitempty"`
}

func (a *API) sweep(ctx context.Context, in *sweepPath) (*sweepItemsAnswer, error) {
	from := 0
	if in.From != "" {
		var err error
		if from, err = strconv.Atoi(in.From); err != nil || from < 0 {
			return nil, fault.Field("from", "is not a cursor of this list", "the value of next from the page before")
		}
	}
	w, items, next, err := a.sources.Sweep(ctx, in.Sweep, from, in.Limit)
	out := &sweepItemsAnswer{Sweep: w, Items: items}
	if next > 0 {
		out.Next = strconv.Itoa(next)
	}
	return out, err
}

type sweepPageInput struct {
	Sweep int64           `path:"sweep" minimum:"1"`
	Body  source.Reported `nameHint:"SweepPage"`
}

type sweepPageAnswer struct {
	Answer
	Written int               `json:"written" doc:"How many of the entities are as they were sent"`
	Errors  []sweepPageFailed `json:"errors"`
}

type sweepPageFailed struct {
	Index      int            `json:"index"`
	Blueprint  string         `json:"blueprint"`
	Identifier string         `json:"identifier"`
	Error      string         `json:"error"`
	Message    string         `json:"message"`
	Details    []fault.Detail `json:"details"`
}

func (a *API) sweepPage(ctx context.Context, in *sweepPageInput) (*sweepPageAnswer, error) {
	items, err := a.sources.Page(ctx, in.Sweep, in.Body, who(ctx).ID)
	out := &sweepPageAnswer{Errors: []sweepPageFailed{}}
	for _, item := range items {
		if item.Err == nil {
			out.Written++
			continue
		}
		out.Errors = append(out.Errors, pageFailed(item))
	}
	return out, err
}

func pageFailed(item catalog.Item) sweepPageFailed {
	one := sweepPageFailed{Index: item.Index, Blueprint: item.Blueprint, Identifier: item.Identifier, Error: string(fault.Internal), Message: "Something went wrong inside the portal."}
	if f, ok := fault.As(item.Err); ok {
		one.Error, one.Message, one.Details = string(f.Code), f.Message, f.Details
	}
	return one
}

type completeSweepInput struct {
	Sweep int64 `path:"sweep" minimum:"1"`
	Body  struct {
		Pages int `json:"pages" minimum:"0" doc:"How many pages were sent"`
	} `nameHint:"SweepCompletion"`
}

func (a *API) completeSweep(ctx context.Context, in *completeSweepInput) (*sourceSweepAnswer, error) {
	w, err := a.sources.Complete(ctx, in.Sweep, in.Body.Pages)
	return &sourceSweepAnswer{Sweep: w}, err
}

type failSweepInput struct {
	Sweep int64 `path:"sweep" minimum:"1"`
	Body  struct {
		Reason string `json:"reason" maxLength:"1000"`
	} `nameHint:"SweepFailure"`
}

func (a *API) failSweep(ctx context.Context, in *failSweepInput) (*sourceSweepAnswer, error) {
	w, err := a.sources.Fail(ctx, in.Sweep, in.Body.Reason, who(ctx).ID)
	return &sourceSweepAnswer{Sweep: w}, err
}

type decideSweepInput struct {
	Sweep int64 `path:"sweep" minimum:"1"`
	Body  struct {
		Decision string `json:"decision" enum:"approve,reject"`
	} `nameHint:"SweepDecision"`
}

func (a *API) decideSweep(ctx context.Context, in *decideSweepInput) (*sourceSweepAnswer, error) {
	w, err := a.sources.Decide(ctx, in.Sweep, in.Body.Decision == "approve", who(ctx))
	return &sourceSweepAnswer{Sweep: w}, err
}
