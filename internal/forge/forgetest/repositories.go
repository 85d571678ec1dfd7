package forgetest

import (
	"fmt"
	"strings"
	"sync"

	"sphera/internal/fault"
	"sphera/internal/forge"
)

func repositoryOnce(b *bench) {
	in := forge.NewRepository{Name: b.name("checkout"), Description: "Takes orders", Owner: "payments", Key: "run-1"}
	first := must[forge.Repository](b)(b.Forge.CreateRepository(b.ctx, in))
	again := must[forge.Repository](b)(b.Forge.CreateRepository(b.ctx, in))
	equal(b, "name", again.Name, first.Name)
	equal(b, "creation time", again.CreatedAt, first.CreatedAt)
	equal(b, "default branch", first.DefaultBranch, "main")
	if !strings.HasSuffix(first.CloneURL, b.name("checkout")+".git") {
		b.t.Fatalf("clone address is %q", first.CloneURL)
	}
	in.Key = "run-2"
	_, err := b.Forge.CreateRepository(b.ctx, in)
	b.code(fault.Taken, err)
	_, err = b.Forge.Repository(b.ctx, b.name("nothing"))
	b.code(fault.NotFound, err)

	// Many at once with one key make one.
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = b.Forge.CreateRepository(b.ctx, forge.NewRepository{Name: b.name("race"), Key: "same"})
		})
	}
	wg.Wait()
	for _, err := range errs {
		b.ok(err)
	}
}

func repositoryPages(b *bench) {
	for i := range 5 {
		b.repository(fmt.Sprintf("page-%d", i))
	}
	var names []string
	from := ""
	for {
		list, next, err := b.Forge.Repositories(b.ctx, forge.RepositoryQuery{Text: "PAGE-", Limit: 2, From: from})
		b.ok(err)
		for _, r := range list {
			names = append(names, r.Name)
		}
		if from = next; next == "" {
			break
		}
	}
	equal(b, "names", strings.Join(names, " "), strings.Join([]string{b.name("page-0"), b.name("page-1"), b.name("page-2"), b.name("page-3"), b.name("page-4")}, " "))
	list, _, err := b.Forge.Repositories(b.ctx, forge.RepositoryQuery{Text: "page_%"})
	b.ok(err)
	equal(b, "repositories found by a pattern character", len(list), 0)
}

func archive(b *bench) {
	repo := b.repository("old")
	pr := b.pull(repo, "change", text("a.txt", "a\n"))
	b.ok(b.Forge.ArchiveRepository(b.ctx, repo, "run-old"))
	b.ok(b.Forge.ArchiveRepository(b.ctx, repo, "run-old"))
	_, err := b.Forge.Repository(b.ctx, repo)
	b.code(fault.NotFound, err)

	list, _, err := b.Forge.Repositories(b.ctx, forge.RepositoryQuery{Text: "old", Archived: true})
	b.ok(err)
	equal(b, "archived repositories", len(list), 1)
	archived := list[0].Name
	equal(b, "content after archiving", b.content(archived, "main", "README.md"), "# old\n")
	equal(b, "pull request after archiving", b.get(archived, pr.Number).State, forge.Closed)
	_, err = b.Forge.Commit(b.ctx, archived, forge.NewCommit{Branch: "x", Base: "main", Message: "m", Author: b.Author, Files: []forge.File{text("a", "b")}})
	b.code(fault.Conflict, err)

	// A new repository of the name is not hit by repeating the old request.
	must[forge.Repository](b)(b.Forge.CreateRepository(b.ctx, forge.NewRepository{Name: repo, Key: "run-new"}))
	b.ok(b.Forge.ArchiveRepository(b.ctx, repo, "run-old"))
	must[forge.Repository](b)(b.Forge.Repository(b.ctx, repo))
	b.code(fault.NotFound, b.Forge.ArchiveRepository(b.ctx, repo, "run-unknown"))
	b.code(fault.NotFound, b.Forge.ArchiveRepository(b.ctx, b.name("never"), "run-old"))
}
