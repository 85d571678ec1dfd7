package forgetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"sphera/internal/fault"
	"sphera/internal/forge"
)

func squash(b *bench) {
	repo := b.repository("squash")
	pr := b.pull(repo, "feature", text("a.txt", "a\n"))
	again := must[forge.PullRequest](b)(b.Forge.OpenPullRequest(b.ctx, repo, forge.NewPullRequest{Title: "Other title", Head: "feature", Base: "main", Author: b.Author}))
	equal(b, "number of the repeated request", again.Number, pr.Number)
	equal(b, "can be merged", pr.Mergeable.OK, true)
	equal(b, "commits", len(pr.Commits), 1)

	var wg sync.WaitGroup
	merged := make([]forge.PullRequest, 4)
	for i := range merged {
		wg.Go(func() {
			var err error
			if merged[i], err = b.Forge.Merge(b.ctx, repo, pr.Number, b.Reviewer, forge.Squash); err != nil {
				b.t.Errorf("merge: %v", err)
			}
		})
	}
	wg.Wait()
	for _, m := range merged {
		equal(b, "state", m.State, forge.Merged)
		equal(b, "merge commit", m.MergeSHA, merged[0].MergeSHA)
	}
	equal(b, "merged by", merged[0].MergedBy.ID, b.Reviewer.ID)
	equal(b, "head of main", must[string](b)(b.Forge.Head(b.ctx, repo, "main")), merged[0].MergeSHA)
	equal(b, "file on main", b.content(repo, "main", "a.txt"), "a\n")
	list, _, err := b.Forge.Commits(b.ctx, repo, "main", 10, "")
	b.ok(err)
	equal(b, "commits on main", len(list), 2)
	equal(b, "author of the squash", list[0].Author.Name, b.Author.Name)
	if !strings.Contains(list[0].Subject, fmt.Sprintf("#%d", pr.Number)) {
		b.t.Fatalf("subject %q does not name the pull request", list[0].Subject)
	}
	files := must[[]forge.FileDiff](b)(b.Forge.Diff(b.ctx, repo, merged[0].BaseSHA, merged[0].HeadSHA))
	equal(b, "files shown after merging", len(files), 1)
	// The same branch, unchanged, is the merged one; with new commits a new one.
	again = must[forge.PullRequest](b)(b.Forge.OpenPullRequest(b.ctx, repo, forge.NewPullRequest{Title: "Again", Head: "feature", Author: b.Author}))
	equal(b, "number after merging", again.Number, pr.Number)
	b.branch(repo, "feature", text("b.txt", "b\n"))
	again = must[forge.PullRequest](b)(b.Forge.OpenPullRequest(b.ctx, repo, forge.NewPullRequest{Title: "More", Head: "feature", Author: b.Author}))
	equal(b, "number with new commits", again.Number, pr.Number+1)
}

func mergeCommit(b *bench) {
	repo := b.repository("two-parents")
	pr := b.pull(repo, "feature", text("a.txt", "a\n"))
	other := b.pull(repo, "other", text("b.txt", "b\n"))
	must[forge.PullRequest](b)(b.Forge.Merge(b.ctx, repo, other.Number, b.Author, forge.Squash))
	merged := must[forge.PullRequest](b)(b.Forge.Merge(b.ctx, repo, pr.Number, b.Author, forge.MergeCommit))
	c, _, err := b.Forge.CommitDetail(b.ctx, repo, merged.MergeSHA)
	b.ok(err)
	equal(b, "parents", len(c.Parents), 2)
	equal(b, "second parent", c.Parents[1], pr.HeadSHA)
	equal(b, "both files", b.content(repo, "main", "a.txt")+b.content(repo, "main", "b.txt"), "a\nb\n")
	_, err = b.Forge.Merge(b.ctx, repo, pr.Number, b.Author, "rebase")
	b.code(fault.Unprocessable, err)
}

func conflicts(b *bench) {
	repo := b.repository("conflicts", text("same.txt", "one\n"), text("fine.txt", "f\n"))
	first := b.pull(repo, "first", text("same.txt", "first\n"))
	second := b.pull(repo, "second", text("same.txt", "second\n"), text("fine.txt", "g\n"))
	must[forge.PullRequest](b)(b.Forge.Merge(b.ctx, repo, first.Number, b.Author, forge.Squash))
	got := b.get(repo, second.Number)
	equal(b, "can be merged", got.Mergeable.OK, false)
	if !strings.Contains(strings.Join(got.Mergeable.Blocked, " "), "same.txt") || strings.Contains(strings.Join(got.Mergeable.Blocked, " "), "fine.txt") {
		b.t.Fatalf("blocked: %v", got.Mergeable.Blocked)
	}
	head := must[string](b)(b.Forge.Head(b.ctx, repo, "main"))
	_, err := b.Forge.Merge(b.ctx, repo, second.Number, b.Author, forge.Squash)
	b.code(fault.Conflict, err)
	equal(b, "head after a refused merge", must[string](b)(b.Forge.Head(b.ctx, repo, "main")), head)
}

func reviewRules(b *bench) {
	repo := b.repository("rules")
	b.ok(b.Forge.SetRules(b.ctx, repo, []forge.ReviewRule{
		{Name: "everything", Paths: []string{"**"}, Reviewers: []string{"role:infrastructure"}},
		{Name: "docs are free for their team", Paths: []string{"docs/**"}, Reviewers: []string{"writers"}},
	}))
	pr := b.pull(repo, "code", text("main.go", "package main\n"))
	equal(b, "can be merged", pr.Mergeable.OK, false)
	equal(b, "reviewers", strings.Join(pr.Mergeable.Reviewers, ","), "role:infrastructure")
	_, err := b.Forge.Merge(b.ctx, repo, pr.Number, b.Reviewer, forge.Squash)
	b.code(fault.Conflict, err)
	pr = must[forge.PullRequest](b)(b.Forge.Review(b.ctx, repo, pr.Number, b.Stranger, forge.Approve, "Looks fine to me"))
	equal(b, "can be merged after a stranger's review", pr.Mergeable.OK, false)
	pr = must[forge.PullRequest](b)(b.Forge.Review(b.ctx, repo, pr.Number, b.Reviewer, forge.Approve, ""))
	equal(b, "can be merged after the review", pr.Mergeable.OK, true)
	equal(b, "reviews", len(pr.Reviews), 2)
	must[forge.PullRequest](b)(b.Forge.Merge(b.ctx, repo, pr.Number, b.Author, forge.Squash))

	// The last matching rule decides, and each file by itself.
	pr = b.pull(repo, "docs", text("docs/a.md", "a\n"))
	equal(b, "reviewers of docs", strings.Join(pr.Mergeable.Reviewers, ","), "writers")
	pr = b.pull(repo, "both", text("docs/b.md", "b\n"), text("x.go", "package x\n"))
	equal(b, "reviewers of both", strings.Join(pr.Mergeable.Reviewers, ","), "role:infrastructure,writers")
	b.ok(b.Forge.SetRules(b.ctx, repo, nil))
	equal(b, "can be merged without rules", b.get(repo, pr.Number).Mergeable.OK, true)
}

func staleReviews(b *bench) {
	repo := b.repository("stale")
	b.ok(b.Forge.SetRules(b.ctx, repo, []forge.ReviewRule{{Name: "all", Paths: []string{"**"}, Reviewers: []string{"platform"}}}))
	pr := b.pull(repo, "work", text("a", "a\n"))
	pr = must[forge.PullRequest](b)(b.Forge.Review(b.ctx, repo, pr.Number, b.Reviewer, forge.Approve, ""))
	equal(b, "can be merged", pr.Mergeable.OK, true)
	pushed := b.branch(repo, "work", text("b", "evil\n"))
	pr = b.get(repo, pr.Number)
	equal(b, "head", pr.HeadSHA, pushed.SHA)
	equal(b, "stale", pr.Reviews[0].Stale, true)
	equal(b, "can be merged after a push", pr.Mergeable.OK, false)
	_, err := b.Forge.Merge(b.ctx, repo, pr.Number, b.Author, forge.Squash)
	b.code(fault.Conflict, err)
}

func reviewGuards(b *bench) {
	repo := b.repository("own")
	b.ok(b.Forge.SetRules(b.ctx, repo, []forge.ReviewRule{{Name: "all", Paths: []string{"**"}, Reviewers: []string{"platform"}}}))
	pr := b.pull(repo, "work", text("a", "a\n"))
	_, err := b.Forge.Review(b.ctx, repo, pr.Number, b.Author, forge.Approve, "")
	b.code(fault.Forbidden, err)
	_, err = b.Forge.Review(b.ctx, repo, pr.Number, b.Reviewer, "maybe", "")
	b.code(fault.Unprocessable, err)
	must[forge.PullRequest](b)(b.Forge.Review(b.ctx, repo, pr.Number, b.Reviewer, forge.Approve, ""))
	pr = must[forge.PullRequest](b)(b.Forge.Review(b.ctx, repo, pr.Number, b.Stranger, forge.RequestChanges, "Please rename it"))
	equal(b, "can be merged with changes asked for", pr.Mergeable.OK, false)
	pr = must[forge.PullRequest](b)(b.Forge.Review(b.ctx, repo, pr.Number, b.Stranger, forge.Approve, ""))
	equal(b, "can be merged after the second look", pr.Mergeable.OK, true)
	c := must[forge.Comment](b)(b.Forge.Comment(b.ctx, repo, pr.Number, b.Stranger, "Thank *you*"))
	pr = b.get(repo, pr.Number)
	equal(b, "comment", pr.Comments[0].ID, c.ID)
	_, err = b.Forge.Comment(b.ctx, repo, pr.Number, b.Stranger, "")
	b.code(fault.Unprocessable, err)
	_, err = b.Forge.Comment(b.ctx, repo, 999, b.Stranger, "x")
	b.code(fault.NotFound, err)
}

func autoRules(b *bench) {
	repo := b.repository("auto", text("services/README.md", "x\n"))
	b.ok(b.Forge.SetRules(b.ctx, repo, []forge.ReviewRule{
		{Name: "everything", Paths: []string{"**"}, Reviewers: []string{"platform"}},
		{Name: "services made by a run", Paths: []string{"services/*.yaml"}, Reviewers: []string{"platform"}, Auto: true},
	}))
	byRun := func(branch, run string, files ...forge.File) forge.PullRequest {
		b.branch(repo, branch, files...)
		return must[forge.PullRequest](b)(b.Forge.OpenPullRequest(b.ctx, repo, forge.NewPullRequest{Title: branch, Head: branch, Author: b.Author, RunID: run}))
	}
	fresh := byRun("sphera/r1", "r1", text("services/a.yaml", "a: 1\n"))
	equal(b, "new file is approved", fresh.Mergeable.OK, true)
	equal(b, "by the rule", fresh.Mergeable.ByRule, "services made by a run")
	must[forge.PullRequest](b)(b.Forge.Merge(b.ctx, repo, fresh.Number, b.Author, forge.Squash))
	own := byRun("sphera/r2", "r2", text("services/a.yaml", "a: 2\n"))
	equal(b, "own file is approved", own.Mergeable.OK, true)
	must[forge.PullRequest](b)(b.Forge.Merge(b.ctx, repo, own.Number, b.Author, forge.Squash))

	equal(b, "a person's pull request", b.pull(repo, "person", text("services/b.yaml", "b\n")).Mergeable.OK, false)
	equal(b, "a run's pull request from a person's branch", byRun("looks/sphera", "r3", text("services/c.yaml", "c\n")).Mergeable.OK, false)
	equal(b, "other files", byRun("sphera/r4", "r4", text("services/d.yaml", "d\n"), text("main.tf", "x\n")).Mergeable.OK, false)

	// A person changes the file with a review: from then on it is theirs.
	hand := b.pull(repo, "by-hand", text("services/a.yaml", "a: by hand\n"))
	must[forge.PullRequest](b)(b.Forge.Review(b.ctx, repo, hand.Number, b.Reviewer, forge.Approve, ""))
	must[forge.PullRequest](b)(b.Forge.Merge(b.ctx, repo, hand.Number, b.Author, forge.Squash))
	equal(b, "a file changed by hand", byRun("sphera/r5", "r5", text("services/a.yaml", "a: 3\n")).Mergeable.OK, false)
}

func statuses(b *bench) {
	repo := b.repository("checks")
	pr := b.pull(repo, "work", text("a", "a\n"))
	b.ok(b.Forge.SetStatus(b.ctx, repo, pr.HeadSHA, forge.Status{Context: "ci", State: "pending"}))
	equal(b, "can be merged while pending", b.get(repo, pr.Number).Mergeable.OK, false)
	b.ok(b.Forge.SetStatus(b.ctx, repo, pr.HeadSHA, forge.Status{Context: "ci", State: "failure", Description: "2 tests failed"}))
	_, err := b.Forge.Merge(b.ctx, repo, pr.Number, b.Author, forge.Squash)
	b.code(fault.Conflict, err)
	b.ok(b.Forge.SetStatus(b.ctx, repo, pr.HeadSHA, forge.Status{Context: "ci", State: "success", URL: "https://ci.example.com/1"}))
	list := must[[]forge.Status](b)(b.Forge.Statuses(b.ctx, repo, pr.HeadSHA))
	equal(b, "statuses", len(list), 1)
	equal(b, "can be merged", b.get(repo, pr.Number).Mergeable.OK, true)
	b.code(fault.Unprocessable, b.Forge.SetStatus(b.ctx, repo, pr.HeadSHA, forge.Status{Context: "ci", State: "great"}))
	b.code(fault.Unprocessable, b.Forge.SetStatus(b.ctx, repo, pr.HeadSHA, forge.Status{Context: "ci", State: "success", URL: "javascript:alert(1)"}))
	b.code(fault.NotFound, b.Forge.SetStatus(b.ctx, repo, strings.Repeat("1", 40), forge.Status{Context: "ci", State: "success"}))
}

func closing(b *bench) {
	repo := b.repository("closing")
	pr := b.pull(repo, "work", text("a", "a\n"))
	closed := must[forge.PullRequest](b)(b.Forge.ClosePullRequest(b.ctx, repo, pr.Number, b.Author))
	equal(b, "state", closed.State, forge.Closed)
	must[forge.PullRequest](b)(b.Forge.ClosePullRequest(b.ctx, repo, pr.Number, b.Author))
	_, err := b.Forge.Merge(b.ctx, repo, pr.Number, b.Author, forge.Squash)
	b.code(fault.Conflict, err)
	_, err = b.Forge.Review(b.ctx, repo, pr.Number, b.Reviewer, forge.Approve, "")
	b.code(fault.Conflict, err)
	must[string](b)(b.Forge.Head(b.ctx, repo, "work"))
	again := must[forge.PullRequest](b)(b.Forge.OpenPullRequest(b.ctx, repo, forge.NewPullRequest{Title: "Again", Head: "work", Author: b.Author}))
	equal(b, "a closed one is not reopened", again.Number, pr.Number+1)
	must[forge.PullRequest](b)(b.Forge.Merge(b.ctx, repo, again.Number, b.Author, forge.Squash))
	_, err = b.Forge.ClosePullRequest(b.ctx, repo, again.Number, b.Author)
	b.code(fault.Conflict, err)
	_, err = b.Forge.OpenPullRequest(b.ctx, repo, forge.NewPullRequest{Title: "x", Head: "missing", Author: b.Author})
	b.code(fault.NotFound, err)
	_, err = b.Forge.OpenPullRequest(b.ctx, repo, forge.NewPullRequest{Title: "x", Head: "main", Author: b.Author})
	b.code(fault.Unprocessable, err)
}

func deletedHead(b *bench) {
	repo := b.repository("deleted")
	pr := b.pull(repo, "work", text("a", "a\n"))
	b.ok(b.Forge.DeleteBranch(b.ctx, repo, "work"))
	got := b.get(repo, pr.Number)
	equal(b, "state", got.State, forge.Closed)
	equal(b, "commits are kept", len(got.Commits), 1)
	equal(b, "diff is kept", len(must[[]forge.FileDiff](b)(b.Forge.Diff(b.ctx, repo, got.BaseSHA, got.HeadSHA))), 1)
}

func pullLists(b *bench) {
	one, two := b.repository("one"), b.repository("two")
	b.ok(b.Forge.SetRules(b.ctx, two, []forge.ReviewRule{{Name: "all", Paths: []string{"**"}, Reviewers: []string{"platform"}}}))
	for i := range 3 {
		b.pull(one, fmt.Sprintf("w%d", i), text(fmt.Sprintf("f%d", i), "x\n"))
	}
	b.branch(two, "sphera/r9", text("a", "a\n"))
	waiting := must[forge.PullRequest](b)(b.Forge.OpenPullRequest(b.ctx, two, forge.NewPullRequest{Title: "By a run", Head: "sphera/r9", Author: b.Author, RunID: "r9"}))
	find := func(q forge.PullRequestQuery) []string {
		b.t.Helper()
		names := []string{}
		for {
			list, next, err := b.Forge.PullRequests(b.ctx, q)
			b.ok(err)
			for _, pr := range list {
				names = append(names, fmt.Sprintf("%s#%d", pr.Repository, pr.Number))
			}
			if q.From = next; next == "" {
				slices.Sort(names)
				return names
			}
		}
	}
	equal(b, "all", len(find(forge.PullRequestQuery{Limit: 2})), 4)
	equal(b, "of one", len(find(forge.PullRequestQuery{Repository: one, State: forge.Open, Limit: 1})), 3)
	equal(b, "by run", strings.Join(find(forge.PullRequestQuery{RunID: "r9"}), " "), two+"#1")
	equal(b, "waiting for the reviewer", strings.Join(find(forge.PullRequestQuery{WaitingFor: &b.Reviewer}), " "), two+"#1")
	equal(b, "waiting for a stranger", len(find(forge.PullRequestQuery{WaitingFor: &b.Stranger})), 0)
	must[forge.PullRequest](b)(b.Forge.Review(b.ctx, two, waiting.Number, b.Reviewer, forge.Approve, ""))
	equal(b, "waiting after the review", len(find(forge.PullRequestQuery{WaitingFor: &b.Reviewer})), 0)
	equal(b, "merged", len(find(forge.PullRequestQuery{State: forge.Merged})), 0)
	_, _, err := b.Forge.PullRequests(b.ctx, forge.PullRequestQuery{From: "x' OR 1=1"})
	b.code(fault.Unprocessable, err)
	repo := must[forge.Repository](b)(b.Forge.Repository(b.ctx, one))
	equal(b, "open pull requests", repo.OpenPullRequests, 3)
}

func webhooks(b *bench) {
	repo := b.repository("hooks")
	hook := forge.Webhook{URL: "https://example.com/hook", Secret: "0123456789abcdef", Events: []string{"push"}}
	b.ok(b.Forge.SetWebhook(b.ctx, repo, hook))
	b.ok(b.Forge.SetWebhook(b.ctx, repo, hook))
	list := must[[]forge.Webhook](b)(b.Forge.Webhooks(b.ctx, repo))
	equal(b, "webhooks", len(list), 1)
	equal(b, "secret", list[0].Secret, "")
	for _, bad := range []string{"ftp://example.com/", "https://user:pw@example.com/", "//example.com", "file:///etc/passwd", "http:///x", "x"} {
		b.code(fault.Unprocessable, b.Forge.SetWebhook(b.ctx, repo, forge.Webhook{URL: bad, Secret: "0123456789abcdef"}))
	}
	b.code(fault.Unprocessable, b.Forge.SetWebhook(b.ctx, repo, forge.Webhook{URL: "https://example.com/2", Secret: "short"}))
	b.code(fault.Unprocessable, b.Forge.SetWebhook(b.ctx, repo, forge.Webhook{URL: "https://example.com/2", Secret: "0123456789abcdef", Events: []string{"everything"}}))
	b.ok(b.Forge.DeleteWebhook(b.ctx, repo, list[0].ID))
	b.ok(b.Forge.DeleteWebhook(b.ctx, repo, list[0].ID))
	equal(b, "webhooks", len(must[[]forge.Webhook](b)(b.Forge.Webhooks(b.ctx, repo))), 0)
}
