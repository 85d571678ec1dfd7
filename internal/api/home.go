package api

import (
	"context"

	"sphera/internal/approval"
	"sphera/internal/audit"
	"sphera/internal/auth"
	"sphera/internal/catalog"
	"sphera/internal/fault"
	"sphera/internal/forge"
	"sphera/internal/run"
)

const homeList = 8

type homeWaiting struct {
	PullRequests []forge.PullRequest `json:"pullRequests"`
	Runs         []run.Run           `json:"runs"`
	Approvals    []approval.Request  `json:"approvals" doc:"Changes of flags and policies"`
}

type homeAnswer struct {
	Answer
	MyServices []catalog.Entity `json:"myServices" doc:"Components of your teams"`
	MyRuns     []run.Run        `json:"myRuns"`
	Waiting    homeWaiting      `json:"waiting" doc:"What waits for a decision of yours"`
	Changes    []audit.Event    `json:"changes" doc:"What changed lately"`
	Recent     []catalog.Hit    `json:"recent" doc:"Components written to lately"`
}

func (a *API) home(ctx context.Context, _ *struct{}) (*homeAnswer, error) {
	p := who(ctx)
	out := &homeAnswer{}
	var err error
	if out.MyServices, err = a.myServices(ctx, p); err != nil {
		return nil, err
	}
	if out.MyRuns, _, err = a.runs.List(ctx, run.Filter{Actor: p.ID, Limit: homeList}); err != nil {
		return nil, err
	}
	me := personOf(p)
	if out.Waiting.PullRequests, _, err = a.forge.PullRequests(ctx, forge.PullRequestQuery{State: forge.Open, WaitingFor: &me, Limit: homeList}); err != nil {
		return nil, err
	}
	if err := a.waitingApprovals(ctx, p, &out.Waiting); err != nil {
		return nil, err
	}
	if out.Changes, err = a.changes(ctx); err != nil {
		return nil, err
	}
	recent, err := a.components(ctx, catalog.Query{Sort: "$updatedAt", Desc: true, Limit: homeList})
	for _, e := range recent {
		out.Recent = append(out.Recent, catalog.Hit{Blueprint: e.Blueprint, Identifier: e.Identifier, Title: e.Title, Icon: e.Icon})
	}
	return out, err
}

func (a *API) myServices(ctx context.Context, p auth.Principal) ([]catalog.Entity, error) {
	if len(p.Teams) == 0 {
		return nil, nil
	}
	teams := make([]any, 0, len(p.Teams))
	for _, t := range p.Teams {
		teams = append(teams, t)
	}
	return a.components(ctx, catalog.Query{
		Rules: []catalog.Rule{{Property: "$team", Operator: "containsAny", Value: teams}}, Sort: "$title", Limit: 50,
	})
}

// components is empty while the catalog has no such blueprint.
func (a *API) components(ctx context.Context, q catalog.Query) ([]catalog.Entity, error) {
	q.Blueprint = "Component"
	page, err := a.catalog.Search(ctx, q)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	return page.Entities, err
}

// waitingApprovals are what p may decide on: runs, and what is not one.
func (a *API) waitingApprovals(ctx context.Context, p auth.Principal, out *homeWaiting) error {
	requests, _, err := a.approvals.List(ctx, p.User, approval.ForMe, "", homeList)
	if err != nil {
		return err
	}
	for _, one := range requests {
		if one.Kind != approval.KindRun {
			out.Approvals = append(out.Approvals, one)
			continue
		}
		r, err := a.runs.Get(ctx, one.RunID)
		if fault.Is(err, fault.NotFound) {
			continue // it was hidden meanwhile
		}
		if err != nil {
			return err
		}
		out.Runs = append(out.Runs, r)
	}
	return nil
}

// changes are the latest events about entities and runs: sign-ins and the like
// are nobody's news.
func (a *API) changes(ctx context.Context) ([]audit.Event, error) {
	var out []audit.Event
	events, _, err := a.audit.List(ctx, a.db, audit.Filter{Limit: 100})
	if err == nil {
		events, err = a.things.Events(ctx, events)
	}
	for _, e := range events {
		switch family(e.Verb) {
		case "entity", "run", "pull_request", "blueprint", "repository":
			// The steps of a run are on its own page.
			if e.Verb != "run.step" && e.Outcome == audit.Success && len(out) < 2*homeList {
				out = append(out, e)
			}
		}
	}
	a.nameActors(ctx, out)
	return out, err
}

func family(verb string) string {
	for i, r := range verb {
		if r == '.' {
			return verb[:i]
		}
	}
	return verb
}
