package guarded

import (
	"context"
	"net/http"
	"strconv"

	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/forge"
)

const readForge = "forge.read"

// Forge is the repositories and pull requests of the built-in forge.
type Forge struct {
	g   *Guard
	git *forge.Builtin
}

// Forge guards a forge.
func (g *Guard) Forge(b *forge.Builtin) *Forge { return &Forge{g: g, git: b} }

func noRepository(name string) error {
	return fault.New(fault.NotFound, "There is no repository %s.", name)
}

func noPull(repo string, number int) error {
	return fault.New(fault.NotFound, "The repository %s has no pull request %d.", repo, number)
}

func repositoryObject(r forge.Repository) auth.Object {
	return auth.Object{Kind: "repository", ID: r.Name, Teams: team(r.Owner)}
}

func pullObject(repo forge.Repository, pr forge.PullRequest) auth.Object {
	return auth.Object{Kind: "pull-request", ID: repo.Name + "/" + strconv.Itoa(pr.Number), Author: pr.Author.ID, Teams: team(repo.Owner)}
}

// see is nil for a repository that may be read, or is not there: the forge says
// that itself.
func (s *Forge) see(ctx context.Context, name string) error {
	look, err := s.g.sight(ctx, readForge, "repository")
	if err != nil || look.all() {
		return err
	}
	repo, err := s.git.Repository(ctx, name)
	if err != nil {
		return err
	}
	return look.one(ctx, repositoryObject(repo), noRepository(name))
}

// Object is a repository as policies know it, for those who may read it.
func (s *Forge) Object(ctx context.Context, name string) (auth.Object, error) {
	p, err := who(ctx)
	if err != nil {
		return auth.Object{}, err
	}
	repo, err := s.git.Repository(ctx, name)
	if err != nil {
		return auth.Object{}, err
	}
	o := repositoryObject(repo)
	return o, hide(s.g.auth.Could(ctx, wide(p), readForge, o), noRepository(name))
}

func (s *Forge) change(ctx context.Context, verb, name string) error {
	o, err := s.Object(ctx, name)
	if err != nil {
		return err
	}
	return s.g.may(ctx, verb, o)
}

// Repository is forge.Forge.Repository.
func (s *Forge) Repository(ctx context.Context, name string) (forge.Repository, error) {
	if err := s.see(ctx, name); err != nil {
		return forge.Repository{}, err
	}
	repo, err := s.git.Repository(ctx, name)
	if err != nil {
		return repo, err
	}
	return s.counted(ctx, repo)
}

// counted corrects the number of open pull requests where some may not be read.
func (s *Forge) counted(ctx context.Context, repo forge.Repository) (forge.Repository, error) {
	look, err := s.g.sight(ctx, readForge, "pull-request")
	if err != nil || look.all() || repo.OpenPullRequests == 0 {
		return repo, err
	}
	repo.OpenPullRequests = 0
	for from := ""; ; {
		list, next, err := s.PullRequests(ctx, forge.PullRequestQuery{Repository: repo.Name, State: forge.Open, Limit: 200, From: from})
		repo.OpenPullRequests += len(list)
		if err != nil || next == "" {
			return repo, err
		}
		from = next
	}
}

// Repositories is forge.Forge.Repositories without what may not be read.
func (s *Forge) Repositories(ctx context.Context, q forge.RepositoryQuery) ([]forge.Repository, string, error) {
	look, err := s.g.sight(ctx, readForge, "repository")
	if err != nil {
		return nil, "", err
	}
	if !look.scope.Everything {
		q.Owners = append([]string{}, look.scope.Teams...)
		if look.scope.Unowned {
			q.Owners = append(q.Owners, "")
		}
	}
	list, next, err := page(ctx, look, q.Limit, q.From, func(limit int, from string) ([]forge.Repository, string, error) {
		q.Limit, q.From = limit, from
		return s.git.Repositories(ctx, q)
	}, func(_ context.Context, list []forge.Repository) ([]auth.Object, error) {
		out := make([]auth.Object, len(list))
		for i, r := range list {
			out[i] = repositoryObject(r)
		}
		return out, nil
	})
	for i := range list {
		if err == nil {
			list[i], err = s.counted(ctx, list[i])
		}
	}
	return list, next, err
}

// Head is forge.Forge.Head.
func (s *Forge) Head(ctx context.Context, repo, branch string) (string, error) {
	if err := s.see(ctx, repo); err != nil {
		return "", err
	}
	return s.git.Head(ctx, repo, branch)
}

// Branches is forge.Forge.Branches.
func (s *Forge) Branches(ctx context.Context, repo string) ([]forge.Branch, error) {
	if err := s.see(ctx, repo); err != nil {
		return nil, err
	}
	return s.git.Branches(ctx, repo)
}

// Commit is forge.Forge.Commit.
func (s *Forge) Commit(ctx context.Context, repo string, in forge.NewCommit) (forge.Commit, error) {
	if err := s.change(ctx, "forge.write", repo); err != nil {
		return forge.Commit{}, err
	}
	return s.git.Commit(ctx, repo, in)
}

// Commits is forge.Forge.Commits.
func (s *Forge) Commits(ctx context.Context, repo, ref string, limit int, from string) ([]forge.Commit, string, error) {
	if err := s.see(ctx, repo); err != nil {
		return nil, "", err
	}
	return s.git.Commits(ctx, repo, ref, limit, from)
}

// CommitDetail is forge.Forge.CommitDetail.
func (s *Forge) CommitDetail(ctx context.Context, repo, sha string) (forge.Commit, []forge.FileDiff, error) {
	if err := s.see(ctx, repo); err != nil {
		return forge.Commit{}, nil, err
	}
	return s.git.CommitDetail(ctx, repo, sha)
}

// Tree is forge.Forge.Tree.
func (s *Forge) Tree(ctx context.Context, repo, ref, path string) ([]forge.TreeEntry, error) {
	if err := s.see(ctx, repo); err != nil {
		return nil, err
	}
	return s.git.Tree(ctx, repo, ref, path)
}

// File is forge.Forge.File.
func (s *Forge) File(ctx context.Context, repo, ref, path string) (forge.File, error) {
	if err := s.see(ctx, repo); err != nil {
		return forge.File{}, err
	}
	return s.git.File(ctx, repo, ref, path)
}

// Archive is forge.Forge.Archive.
func (s *Forge) Archive(ctx context.Context, repo, ref string) ([]forge.File, error) {
	if err := s.see(ctx, repo); err != nil {
		return nil, err
	}
	return s.git.Archive(ctx, repo, ref)
}

// Diff is forge.Forge.Diff.
func (s *Forge) Diff(ctx context.Context, repo, base, head string) ([]forge.FileDiff, error) {
	if err := s.see(ctx, repo); err != nil {
		return nil, err
	}
	return s.git.Diff(ctx, repo, base, head)
}

// SetStatus is forge.Forge.SetStatus.
func (s *Forge) SetStatus(ctx context.Context, repo, sha string, st forge.Status) error {
	if err := s.change(ctx, "forge.write", repo); err != nil {
		return err
	}
	return s.git.SetStatus(ctx, repo, sha, st)
}

// Statuses is forge.Forge.Statuses.
func (s *Forge) Statuses(ctx context.Context, repo, sha string) ([]forge.Status, error) {
	if err := s.see(ctx, repo); err != nil {
		return nil, err
	}
	return s.git.Statuses(ctx, repo, sha)
}

// Webhooks is forge.Forge.Webhooks: for those who may change them.
func (s *Forge) Webhooks(ctx context.Context, repo string) ([]forge.Webhook, error) {
	if err := s.change(ctx, "forge.merge", repo); err != nil {
		return nil, err
	}
	return s.git.Webhooks(ctx, repo)
}

// SetWebhook is forge.Forge.SetWebhook.
func (s *Forge) SetWebhook(ctx context.Context, repo string, hook forge.Webhook) error {
	if err := s.change(ctx, "forge.merge", repo); err != nil {
		return err
	}
	return s.git.SetWebhook(ctx, repo, hook)
}

// DeleteWebhook is forge.Forge.DeleteWebhook.
func (s *Forge) DeleteWebhook(ctx context.Context, repo, id string) error {
	if err := s.change(ctx, "forge.merge", repo); err != nil {
		return err
	}
	return s.git.DeleteWebhook(ctx, repo, id)
}

// GitHandler is forge.Builtin.GitHandler; may records what is refused.
func (s *Forge) GitHandler(authenticate forge.Authenticate, may func(ctx context.Context, verb string, o auth.Object) error) http.Handler {
	return s.git.GitHandler(authenticate, func(ctx context.Context, _ forge.Person, repo, verb string) error {
		o, err := s.Object(ctx, repo)
		if err != nil {
			return err
		}
		return may(ctx, verb, o)
	})
}

// OwnedBy is forge.Builtin.OwnedBy: for those who look after teams.
func (s *Forge) OwnedBy(ctx context.Context, team string) (int, error) {
	if err := s.g.may(ctx, "user.write", auth.Object{Kind: "user"}); err != nil {
		return 0, err
	}
	return s.git.OwnedBy(ctx, team)
}

// MoveOwner is forge.Builtin.MoveOwner: for those who look after teams.
func (s *Forge) MoveOwner(ctx context.Context, before, after string) error {
	if err := s.g.may(ctx, "user.write", auth.Object{Kind: "user"}); err != nil {
		return err
	}
	return s.git.MoveOwner(ctx, before, after)
}
