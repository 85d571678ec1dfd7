package api

import (
	"context"
	"net/http"
	"unicode/utf8"

	"sphera/internal/auth"
	"sphera/internal/forge"
)

type repoPath struct {
	Repo string `path:"repo" maxLength:"300" doc:"The repository's name; a slash in it is written %2F"`
}

// repositoryObject is the repository of the address with the team that owns it.
func (a *API) repositoryObject(r *http.Request) (auth.Object, error) {
	return a.forge.Object(r.Context(), r.PathValue("repo"))
}

type repositoriesInput struct {
	PageInput
	Q        string `query:"q" maxLength:"200"`
	Archived bool   `query:"archived"`
}

type repositoriesAnswer struct {
	Answer
	Repositories []forge.Repository `json:"repositories"`
	Next         string             `json:"next,omitempty"`
}

func (a *API) repositories(ctx context.Context, in *repositoriesInput) (*repositoriesAnswer, error) {
	repos, next, err := a.forge.Repositories(ctx, forge.RepositoryQuery{Text: in.Q, Archived: in.Archived, Limit: in.limit(50, 200), From: in.From})
	return &repositoriesAnswer{Repositories: repos, Next: next}, err
}

type repositoryAnswer struct {
	Answer
	Repository forge.Repository `json:"repository"`
}

func (a *API) repository(ctx context.Context, in *repoPath) (*repositoryAnswer, error) {
	repo, err := a.forge.Repository(ctx, in.Repo)
	return &repositoryAnswer{Repository: repo}, err
}

type branchesAnswer struct {
	Answer
	Branches []forge.Branch `json:"branches"`
}

func (a *API) branches(ctx context.Context, in *repoPath) (*branchesAnswer, error) {
	branches, err := a.forge.Branches(ctx, in.Repo)
	return &branchesAnswer{Branches: branches}, err
}

type commitsInput struct {
	PageInput
	Repo string `path:"repo" maxLength:"300"`
	Ref  string `query:"ref" maxLength:"300" doc:"Branch or commit; the default branch when absent"`
}

type commitsAnswer struct {
	Answer
	Commits []forge.Commit `json:"commits"`
	Next    string         `json:"next,omitempty"`
}

func (a *API) commits(ctx context.Context, in *commitsInput) (*commitsAnswer, error) {
	ref, err := a.ref(ctx, in.Repo, in.Ref)
	if err != nil {
		return nil, err
	}
	commits, next, err := a.forge.Commits(ctx, in.Repo, ref, in.limit(50, 200), in.From)
	return &commitsAnswer{Commits: commits, Next: next}, err
}

// ref is the ref asked for, or the default branch.
func (a *API) ref(ctx context.Context, repo, ref string) (string, error) {
	if ref != "" {
		return ref, nil
	}
	r, err := a.forge.Repository(ctx, repo)
	return r.DefaultBranch, err
}

type commitPath struct {
	Repo string `path:"repo" maxLength:"300"`
	SHA  string `path:"sha" maxLength:"64"`
}

type commitAnswer struct {
	Answer
	Commit forge.Commit     `json:"commit"`
	Files  []forge.FileDiff `json:"files"`
}

func (a *API) commit(ctx context.Context, in *commitPath) (*commitAnswer, error) {
	commit, files, err := a.forge.CommitDetail(ctx, in.Repo, in.SHA)
	return &commitAnswer{Commit: commit, Files: files}, err
}

type treeInput struct {
	Repo string `path:"repo" maxLength:"300"`
	Ref  string `query:"ref" maxLength:"300"`
	Path string `query:"path" maxLength:"4096"`
}

type treeAnswer struct {
	Answer
	Entries []forge.TreeEntry `json:"entries"`
}

func (a *API) tree(ctx context.Context, in *treeInput) (*treeAnswer, error) {
	ref, err := a.ref(ctx, in.Repo, in.Ref)
	if err != nil {
		return nil, err
	}
	entries, err := a.forge.Tree(ctx, in.Repo, ref, in.Path)
	return &treeAnswer{Entries: entries}, err
}

// fileContent is a file as text; what is no text has no content here.
type fileContent struct {
	Path      string `json:"path"`
	Content   string `json:"content"`
	Binary    bool   `json:"binary"`
	Truncated bool   `json:"truncated"`
	Size      int64  `json:"size"`
}

type fileAnswer struct {
	Answer
	File fileContent `json:"file"`
}

func (a *API) file(ctx context.Context, in *treeInput) (*fileAnswer, error) {
	ref, err := a.ref(ctx, in.Repo, in.Ref)
	if err != nil {
		return nil, err
	}
	f, err := a.forge.File(ctx, in.Repo, ref, in.Path)
	out := fileContent{Path: f.Path, Binary: f.Binary || !utf8.Valid(f.Content), Truncated: f.Truncated, Size: f.Size}
	if !out.Binary {
		out.Content = string(f.Content)
	}
	return &fileAnswer{File: out}, err
}

type compareInput struct {
	Repo string `path:"repo" maxLength:"300"`
	Base string `query:"base" maxLength:"300" required:"true"`
	Head string `query:"head" maxLength:"300" required:"true"`
}

type diffAnswer struct {
	Answer
	Files []forge.FileDiff `json:"files"`
}

func (a *API) compare(ctx context.Context, in *compareInput) (*diffAnswer, error) {
	files, err := a.forge.Diff(ctx, in.Repo, in.Base, in.Head)
	return &diffAnswer{Files: files}, err
}

type statusesAnswer struct {
	Answer
	Statuses []forge.Status `json:"statuses"`
}

func (a *API) statuses(ctx context.Context, in *commitPath) (*statusesAnswer, error) {
	all, err := a.forge.Statuses(ctx, in.Repo, in.SHA)
	return &statusesAnswer{Statuses: all}, err
}

type newStatusInput struct {
	Repo string `path:"repo" maxLength:"300"`
	SHA  string `path:"sha" maxLength:"64"`
	Body struct {
		Context     string `json:"context" maxLength:"200"`
		State       string `json:"state" enum:"pending,success,failure"`
		Description string `json:"description,omitempty" maxLength:"1000"`
		URL         string `json:"url,omitempty" maxLength:"2000"`
	} `nameHint:"NewStatus"`
}

func (a *API) setStatus(ctx context.Context, in *newStatusInput) (*statusesAnswer, error) {
	ctx = forge.WithPerson(ctx, person(ctx), "")
	b := in.Body
	if err := a.forge.SetStatus(ctx, in.Repo, in.SHA, forge.Status{Context: b.Context, State: b.State, Description: b.Description, URL: b.URL, At: a.now()}); err != nil {
		return nil, err
	}
	return a.statuses(ctx, &commitPath{Repo: in.Repo, SHA: in.SHA})
}

type webhooksAnswer struct {
	Answer
	Webhooks []forge.Webhook `json:"webhooks"`
}

func (a *API) webhooks(ctx context.Context, in *repoPath) (*webhooksAnswer, error) {
	all, err := a.forge.Webhooks(ctx, in.Repo)
	return &webhooksAnswer{Webhooks: all}, err
}

type newWebhookInput struct {
	Repo string `path:"repo" maxLength:"300"`
	Body struct {
		ID     string   `json:"id,omitempty" maxLength:"100" doc:"To replace a webhook; the address identifies it when absent"`
		URL    string   `json:"url" maxLength:"2000"`
		Secret string   `json:"secret,omitempty" maxLength:"200" doc:"Deliveries are signed with it; it is never shown again"`
		Events []string `json:"events,omitempty" maxItems:"20"`
	} `nameHint:"NewWebhook"`
}

func (a *API) setWebhook(ctx context.Context, in *newWebhookInput) (*webhooksAnswer, error) {
	ctx = forge.WithPerson(ctx, person(ctx), "")
	b := in.Body
	if err := a.forge.SetWebhook(ctx, in.Repo, forge.Webhook{ID: b.ID, URL: b.URL, Secret: b.Secret, Events: b.Events}); err != nil {
		return nil, err
	}
	return a.webhooks(ctx, &repoPath{Repo: in.Repo})
}

type webhookPath struct {
	Repo string `path:"repo" maxLength:"300"`
	ID   string `path:"id" maxLength:"100"`
}

func (a *API) deleteWebhook(ctx context.Context, in *webhookPath) (*Done, error) {
	return &Done{}, a.forge.DeleteWebhook(forge.WithPerson(ctx, person(ctx), ""), in.Repo, in.ID)
}

// git serves clone, fetch and push with basic authentication: address and
// password, or an API token as the password.
func (a *API) git() http.Handler {
	return a.forge.GitHandler(func(r *http.Request) (context.Context, forge.Person, bool, error) {
		email, password, ok := r.BasicAuth()
		if !ok {
			return r.Context(), forge.Person{}, false, nil
		}
		p, err := a.auth.CheckPassword(r.Context(), email, password, a.clientIP(r))
		if err == nil {
			a.identify(r.Context(), p, func(ctx context.Context) error { return a.auth.Still(ctx, p, password) })
		}
		return auth.WithPrincipal(r.Context(), p), personOf(p), err == nil, err
	}, func(ctx context.Context, verb string, o auth.Object) error {
		if err := visitOf(ctx).good(ctx); err != nil {
			return err
		}
		return a.may(ctx, who(ctx), verb, o)
	})
}
