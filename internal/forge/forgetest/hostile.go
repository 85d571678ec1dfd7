package forgetest

import (
	"strings"

	"sphera/internal/fault"
	"sphera/internal/forge"
)

// HostileNames are names of repositories and refs that must be refused
// wherever a name is taken.
func HostileNames() []string {
	names := []string{
		"-", "--", "-x", "--upload-pack=touch /tmp/pwned", "--output=/tmp/x", "-c core.sshCommand=id", "--exec=id", "--git-dir=/etc", "--help", "-n1", "--all",
		".", "..", "...", "../x", "a/../b", "a/..", "../../etc/passwd", "a..b", "main..work", "main...work", "./a", "a/./b", "a/.", ".hidden", "a/.hidden", ".git", "a/.git", ".GIT",
		"/", "/a", "//a", "a/", "a//b", "/etc/passwd", `\\server\share`, `a\b`, `C:\x`, "C:", "c:/x",
		"a.lock", "a/b.lock", "a.LOCK", "a.lock/b", "a.git", "a.git/b", "a.GIT", "HEAD.lock",
		"@", "@{", "a@{1}", "main@{upstream}", "@{-1}", "HEAD@{0}", "a@b", "user@host:repo", "ext::sh -c id", "file:///etc", "https://example.com/x", "ssh://-oProxyCommand=id/x", "git@host:x",
		"a b", " a", "a ", "a\tb", "a\nb", "a\rb", "a\x00b", "a\x00", "\x00", "a\x7fb", "a\x1bb", "a\u202eb", "a\u200bb", "ä", "日本", "a\xffb", "\xc0\xae\xc0\xae",
		"a~1", "a^", "a^{commit}", "^main", "a:b", "main:README.md", ":/fix", ":(top)x", "a?", "a*", "a[b", "a]b", "*", "**", "[a-z]",
		"$(id)", "`id`", "a;id", "a|id", "a&id", "a>x", "a<x", "$HOME", "${IFS}", "a'b", `a"b`, "a#b", "a%00b", "%2e%2e", "a%2fb", "a+b", "a=b", "a,b", "a!b", "{a,b}", "(a)", "~root",
		"a.", "a./b", "", "\n", strings.Repeat("a", 300), strings.Repeat("a/", 150) + "b",
	}
	return names
}

// HostilePaths are paths of files that must be refused.
func HostilePaths() []string {
	return []string{
		"", ".", "..", "/", "/etc/passwd", "../x", "a/../x", "a/..", "./a", "a/./b", "a//b", "a/", "//x",
		".git", ".git/config", "a/.git/hooks/post-checkout", ".GIT/config", ".Git/x", ".gIt", ".git.", ".git ", ".git. .", ".git/", ".git::$INDEX_ALLOCATION/config", ".git:x",
		"git~1", "GIT~1/config", "git~2", "a/git~1", ".g\u200cit/config", ".\u200dgit", ".gi\ufefft/x", "\u202e.git",
		`a\b`, `..\x`, `.git\config`, `C:\x`, "a\x00b", "a\nb", "a\rb", "a\tb", "a\x7f", "a\x1b[31m", "a\u0085b", "a\xff", strings.Repeat("a", 2000), strings.Repeat("a", 250) + "/b",
	}
}

func hostileNames(b *bench) {
	repo := b.repository("hostile")
	pr := b.pull(repo, "work", text("a", "a\n"))
	file := []forge.File{text("a", "b\n")}
	for _, name := range HostileNames() {
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
	for _, path := range HostilePaths() {
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
