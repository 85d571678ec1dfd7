package guarded

import (
	"context"

	"sphera/internal/auth"
	"sphera/internal/forge"
)

// pull finds a pull request for a decision, of a repository that may be read.
func (s *Forge) pull(ctx context.Context, name string, number int) (forge.PullRequest, auth.Object, error) {
	if err := known(ctx); err != nil {
		return forge.PullRequest{}, auth.Object{}, err
	}
	repo, err := s.git.Repository(ctx, name)
	if err != nil {
		return forge.PullRequest{}, auth.Object{}, err
	}
	pr, err := s.git.PullRequest(ctx, name, number)
	return pr, pullObject(repo, pr), err
}

// PullObject is a pull request as policies know it, for those who may read it.
func (s *Forge) PullObject(ctx context.Context, repo string, number int) (auth.Object, error) {
	if _, err := s.Object(ctx, repo); err != nil {
		return auth.Object{}, err
	}
	_, o, err := s.pull(ctx, repo, number)
	if err != nil {
		return o, err
	}
	p, err := who(ctx)
	if err != nil {
		return o, err
	}
	return o, hide(s.g.auth.Could(ctx, wide(p), readForge, o), noPull(repo, number))
}

func (s *Forge) changePull(ctx context.Context, verb, repo string, number int) error {
	o, err := s.PullObject(ctx, repo, number)
	if err != nil {
		return err
	}
	return s.g.may(ctx, verb, o)
}

// PullRequest is forge.Forge.PullRequest.
func (s *Forge) PullRequest(ctx context.Context, repo string, number int) (forge.PullRequest, error) {
	if err := s.see(ctx, repo); err != nil {
		return forge.PullRequest{}, err
	}
	look, err := s.g.sight(ctx, readForge, "pull-request")
	if err != nil {
		return forge.PullRequest{}, err
	}
	if look.all() {
		return s.git.PullRequest(ctx, repo, number)
	}
	pr, o, err := s.pull(ctx, repo, number)
	if err == nil {
		err = look.one(ctx, o, noPull(repo, number))
	}
	if err != nil {
		return forge.PullRequest{}, err
	}
	return pr, nil
}

// PullRequests is forge.Forge.PullRequests without what may not be read: it
// takes the repository and the pull request.
func (s *Forge) PullRequests(ctx context.Context, q forge.PullRequestQuery) ([]forge.PullRequest, string, error) {
	repos, err := s.g.sight(ctx, readForge, "repository")
	if err != nil {
		return nil, "", err
	}
	pulls, err := s.g.sight(ctx, readForge, "pull-request")
	if err != nil {
		return nil, "", err
	}
	known := map[string]forge.Repository{}
	find := func(ctx context.Context, name string) (forge.Repository, error) {
		if repo, ok := known[name]; ok {
			return repo, nil
		}
		repo, err := s.git.Repository(ctx, name)
		known[name] = repo
		return repo, err
	}
	if !repos.all() {
		pulls.scope.Exact = false // each is looked at
	}
	return page(ctx, pulls, q.Limit, q.From, func(limit int, from string) ([]forge.PullRequest, string, error) {
		q.Limit, q.From = limit, from
		list, next, err := s.git.PullRequests(ctx, q)
		if err == nil {
			list, err = keep(ctx, repos, list, func(ctx context.Context, list []forge.PullRequest) ([]auth.Object, error) {
				out := make([]auth.Object, len(list))
				for i, pr := range list {
					repo, err := find(ctx, pr.Repository)
					if err != nil {
						return nil, err
					}
					out[i] = repositoryObject(repo)
				}
				return out, nil
			})
		}
		return list, next, err
	}, func(ctx context.Context, list []forge.PullRequest) ([]auth.Object, error) {
		out := make([]auth.Object, len(list))
		for i, pr := range list {
			repo, err := find(ctx, pr.Repository)
			if err != nil {
				return nil, err
			}
			out[i] = pullObject(repo, pr)
		}
		return out, nil
	})
}

// OpenPullRequest is forge.Forge.OpenPullRequest.
func (s *Forge) OpenPullRequest(ctx context.Context, repo string, in forge.NewPullRequest) (forge.PullRequest, error) {
	if err := s.change(ctx, "forge.write", repo); err != nil {
		return forge.PullRequest{}, err
	}
	return s.git.OpenPullRequest(ctx, repo, in)
}

// Comment is forge.Forge.Comment: whoever may read it may comment.
func (s *Forge) Comment(ctx context.Context, repo string, number int, by forge.Person, body string) (forge.Comment, error) {
	if err := s.changePull(ctx, readForge, repo, number); err != nil {
		return forge.Comment{}, err
	}
	return s.git.Comment(ctx, repo, number, by, body)
}

// Review is forge.Forge.Review.
func (s *Forge) Review(ctx context.Context, repo string, number int, by forge.Person, verdict forge.Verdict, body string) (forge.PullRequest, error) {
	if err := s.changePull(ctx, "forge.review", repo, number); err != nil {
		return forge.PullRequest{}, err
	}
	return s.git.Review(ctx, repo, number, by, verdict, body)
}

// Merge is forge.Forge.Merge.
func (s *Forge) Merge(ctx context.Context, repo string, number int, by forge.Person, method forge.MergeMethod) (forge.PullRequest, error) {
	if err := s.changePull(ctx, "forge.merge", repo, number); err != nil {
		return forge.PullRequest{}, err
	}
	return s.git.Merge(ctx, repo, number, by, method)
}

// ClosePullRequest is forge.Forge.ClosePullRequest.
func (s *Forge) ClosePullRequest(ctx context.Context, repo string, number int, by forge.Person) (forge.PullRequest, error) {
	if err := s.changePull(ctx, "forge.merge", repo, number); err != nil {
		return forge.PullRequest{}, err
	}
	return s.git.ClosePullRequest(ctx, repo, number, by)
}
