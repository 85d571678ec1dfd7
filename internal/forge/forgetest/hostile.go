package forgetest

import (
	_ "embed"
	"strconv"
	"strings"

	"sphera/internal/fault"
	"sphera/internal/forge"
)

// The lists have one Go string a line.
//
//go:embed hostile-names.txt
var hostileNameList string

//go:embed hostile-paths.txt
var hostilePathList string

func list(b *bench, text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		out = append(out, must[string](b)(strconv.Unquote(strings.TrimSpace(line))))
	}
	return out
}

func hostileNames(b *bench) {
	repo := b.repository("hostile")
	pr := b.pull(repo, "work", text("a", "a\n"))
	file := []forge.File{text("a", "b\n")}
	for _, name := range list(b, hostileNameList) {
		calls := map[string]error{}
		_, calls["CreateRepository"] = b.Forge.CreateRepository(b.ctx, forge.NewRepository{Name: name, Key: "k"})
		_, calls["Repository"] = b.Forge.Repository(b.ctx, name)
		calls["ArchiveRepository"] = b.Forge.ArchiveRepository(b.ctx, name, "k")
		_, calls["Branches"] = b.Forge.Branches(b.ctx, name)
		_, calls["PullRequest"] = b.Forge.PullRequest(b.ctx, name, 1)
		_, calls["Head"] = b.Forge.Head(b.ctx, repo, name)
		calls["DeleteBranch"] = b.Forge.DeleteBranch(b.ctx, repo, name)
		_, calls["Commit branch"] = b.Forge.Commit(b.ctx, repo, forge.NewCommit{Branch: name, Base: "main", Message: "m", Files: file})
		_, calls["OpenPullRequest head"] = b.Forge.OpenPullRequest(b.ctx, repo, forge.NewPullRequest{Title: "t", Head: name, Author: b.Author})
		calls["SetRules"] = b.Forge.SetRules(b.ctx, name, nil)
		_, calls["Webhooks"] = b.Forge.Webhooks(b.ctx, name)
		if name != "" { // empty means the default
			_, calls["CreateRepository branch"] = b.Forge.CreateRepository(b.ctx, forge.NewRepository{Name: b.name("hostile-2"), DefaultBranch: name, Key: "k"})
			_, calls["Commit base"] = b.Forge.Commit(b.ctx, repo, forge.NewCommit{Branch: "fresh", Base: name, Message: "m", Files: file})
			_, _, calls["Commits"] = b.Forge.Commits(b.ctx, repo, name, 1, "")
			_, _, calls["Commits from"] = b.Forge.Commits(b.ctx, repo, "main", 1, name)
			_, calls["Tree"] = b.Forge.Tree(b.ctx, repo, name, "")
			_, calls["File"] = b.Forge.File(b.ctx, repo, name, "a")
			_, calls["Diff base"] = b.Forge.Diff(b.ctx, repo, name, "main")
			_, calls["Diff head"] = b.Forge.Diff(b.ctx, repo, "main", name)
			_, calls["Archive"] = b.Forge.Archive(b.ctx, repo, name)
			_, calls["OpenPullRequest base"] = b.Forge.OpenPullRequest(b.ctx, repo, forge.NewPullRequest{Title: "t", Head: "work", Base: name, Author: b.Author})
		}
		_, _, calls["CommitDetail"] = b.Forge.CommitDetail(b.ctx, repo, name)
		calls["SetStatus"] = b.Forge.SetStatus(b.ctx, repo, name, forge.Status{Context: "c", State: "success"})
		_, calls["Statuses"] = b.Forge.Statuses(b.ctx, repo, name)
		for method, err := range calls {
			if !fault.Is(err, fault.Unprocessable) {
				b.t.Errorf("%s(%q): got %v, want it refused", method, name, err)
			}
		}
	}
	for _, path := range list(b, hostilePathList) {
		calls := map[string]error{}
		_, calls["Commit file"] = b.Forge.Commit(b.ctx, repo, forge.NewCommit{Branch: "w2", Base: "main", Message: "m", Files: []forge.File{{Path: path, Content: []byte("x")}}})
		_, calls["Commit remove"] = b.Forge.Commit(b.ctx, repo, forge.NewCommit{Branch: "w2", Base: "main", Message: "m", Remove: []string{path}})
		_, calls["File"] = b.Forge.File(b.ctx, repo, "main", path)
		if strings.Trim(path, "/") != "" && !strings.HasPrefix(path, "/") && !strings.HasSuffix(path, "/") {
			_, calls["Tree"] = b.Forge.Tree(b.ctx, repo, "main", path)
		}
		for method, err := range calls {
			if !fault.Is(err, fault.Unprocessable) {
				b.t.Errorf("%s path %q: got %v, want it refused", method, path, err)
			}
		}
	}
	equal(b, "the pull request is untouched", b.get(repo, pr.Number).HeadSHA, pr.HeadSHA)
	equal(b, "branches", len(must[[]forge.Branch](b)(b.Forge.Branches(b.ctx, repo))), 2)
}
