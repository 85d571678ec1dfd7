package api

import (
	"context"
	"net/http"
	"strconv"

	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/forge"
)

// pullObject is the pull request of the address: its author, and the team that
// owns the repository.
func (a *API) pullObject(r *http.Request) (auth.Object, error) {
	number, err := strconv.Atoi(r.PathValue("n"))
	if err != nil {
		return auth.Object{}, fault.New(fault.NotFound, "There is no such pull request.")
	}
	return a.forge.PullObject(r.Context(), r.PathValue("repo"), number)
}

type pullsInput struct {
	PageInput
	State        string `query:"state" enum:"open,merged,closed"`
	WaitingForMe bool   `query:"waiting_for_me" doc:"Only those that need a review you can give"`
	RunID        string `query:"run" maxLength:"100"`
}

type pullsAnswer struct {
	Answer
	PullRequests []forge.PullRequest `json:"pullRequests"`
	Next         string              `json:"next,omitempty"`
}

func (a *API) pulls(ctx context.Context, in *pullsInput) (*pullsAnswer, error) {
	q := forge.PullRequestQuery{State: forge.PullRequestState(in.State), RunID: in.RunID, Limit: in.limit(50, 200), From: in.From}
	if in.WaitingForMe {
		me := person(ctx)
		q.WaitingFor = &me
	}
	all, next, err := a.forge.PullRequests(ctx, q)
	return &pullsAnswer{PullRequests: all, Next: next}, err
}

type repoPullsInput struct {
	PageInput
	Repo  string `path:"repo" maxLength:"300"`
	State string `query:"state" enum:"open,merged,closed"`
}

func (a *API) repoPulls(ctx context.Context, in *repoPullsInput) (*pullsAnswer, error) {
	if _, err := a.forge.Repository(ctx, in.Repo); err != nil {
		return nil, err
	}
	all, next, err := a.forge.PullRequests(ctx, forge.PullRequestQuery{
		Repository: in.Repo, State: forge.PullRequestState(in.State), Limit: in.limit(50, 200), From: in.From,
	})
	return &pullsAnswer{PullRequests: all, Next: next}, err
}

type pullPath struct {
	Repo   string `path:"repo" maxLength:"300"`
	Number int    `path:"n" minimum:"1"`
}

type pullAnswer struct {
	Answer
	PullRequest forge.PullRequest `json:"pullRequest"`
}

func (a *API) pull(ctx context.Context, in *pullPath) (*pullAnswer, error) {
	pr, err := a.forge.PullRequest(ctx, in.Repo, in.Number)
	return &pullAnswer{PullRequest: pr}, err
}

type newPullInput struct {
	Repo string `path:"repo" maxLength:"300"`
	Body struct {
		Title string `json:"title" minLength:"1" maxLength:"300"`
		Body  string `json:"body,omitempty" maxLength:"60000"`
		Head  string `json:"head" maxLength:"300" doc:"The branch to merge"`
		Base  string `json:"base,omitempty" maxLength:"300" doc:"The branch to merge into; the default branch when absent"`
	} `nameHint:"NewPullRequest"`
}

func (a *API) openPull(ctx context.Context, in *newPullInput) (*pullAnswer, error) {
	b := in.Body
	pr, err := a.forge.OpenPullRequest(ctx, in.Repo, forge.NewPullRequest{Title: b.Title, Body: b.Body, Head: b.Head, Base: b.Base, Author: person(ctx)})
	return &pullAnswer{PullRequest: pr}, err
}

func (a *API) pullDiff(ctx context.Context, in *pullPath) (*diffAnswer, error) {
	pr, err := a.forge.PullRequest(ctx, in.Repo, in.Number)
	if err != nil {
		return nil, err
	}
	base, head := pr.Base, pr.HeadSHA
	if pr.State != forge.Open {
		base = pr.BaseSHA // the branches have moved on
	}
	files, err := a.forge.Diff(ctx, in.Repo, base, head)
	return &diffAnswer{Files: files}, err
}

type commentInput struct {
	Repo   string `path:"repo" maxLength:"300"`
	Number int    `path:"n" minimum:"1"`
	Body   struct {
		Body string `json:"body" minLength:"1" maxLength:"60000"`
	} `nameHint:"NewComment"`
}

func (a *API) commentPull(ctx context.Context, in *commentInput) (*pullAnswer, error) {
	if _, err := a.forge.Comment(ctx, in.Repo, in.Number, person(ctx), in.Body.Body); err != nil {
		return nil, err
	}
	return a.pull(ctx, &pullPath{Repo: in.Repo, Number: in.Number})
}

type reviewInput struct {
	Repo   string `path:"repo" maxLength:"300"`
	Number int    `path:"n" minimum:"1"`
	Body   struct {
		Verdict forge.Verdict `json:"verdict"`
		Body    string        `json:"body,omitempty" maxLength:"60000"`
	} `nameHint:"NewReview"`
}

func (a *API) reviewPull(ctx context.Context, in *reviewInput) (*pullAnswer, error) {
	pr, err := a.forge.Review(ctx, in.Repo, in.Number, person(ctx), in.Body.Verdict, in.Body.Body)
	return &pullAnswer{PullRequest: pr}, err
}

type mergeInput struct {
	Repo   string `path:"repo" maxLength:"300"`
	Number int    `path:"n" minimum:"1"`
	Body   struct {
		Method forge.MergeMethod `json:"method,omitempty"`
	} `nameHint:"MergeInput"`
}

func (a *API) mergePull(ctx context.Context, in *mergeInput) (*pullAnswer, error) {
	method := in.Body.Method
	if method == "" {
		method = forge.Squash
	}
	pr, err := a.forge.Merge(ctx, in.Repo, in.Number, person(ctx), method)
	return &pullAnswer{PullRequest: pr}, err
}

func (a *API) closePull(ctx context.Context, in *pullPath) (*pullAnswer, error) {
	pr, err := a.forge.ClosePullRequest(ctx, in.Repo, in.Number, person(ctx))
	return &pullAnswer{PullRequest: pr}, err
}
