package forgetest

import (
	"bytes"
	"fmt"
	"strings"
	"sync"

	"sphera/internal/fault"
	"sphera/internal/forge"
)

func commitFiles(b *bench) {
	repo := b.repository("files", text("a.txt", "one\n"), text("dir/b.txt", "two\n"), text(`odd "name\`[:9]+"ü.txt", "three\n"))
	made := must[forge.Commit](b)(b.Forge.Commit(b.ctx, repo, forge.NewCommit{
		Branch: "change", Base: "main", Message: "Change things\n\nWith a reason.", Author: b.Author, Time: when(), Key: "k",
		Files:  []forge.File{text("a.txt", "changed\n"), {Path: "run.sh", Content: []byte("#!/bin/sh\n"), Executable: true}},
		Remove: []string{"dir/b.txt", "never-was"},
	}))
	equal(b, "subject", made.Subject, "Change things")
	head := must[string](b)(b.Forge.Head(b.ctx, repo, "change"))
	equal(b, "head", head, made.SHA)
	equal(b, "changed file", b.content(repo, "change", "a.txt"), "changed\n")
	equal(b, "file on main", b.content(repo, "main", "a.txt"), "one\n")
	equal(b, "file with an odd name", b.content(repo, "change", `odd "name`+"ü.txt"), "three\n")
	_, err := b.Forge.File(b.ctx, repo, "change", "dir/b.txt")
	b.code(fault.NotFound, err)
	if f := must[forge.File](b)(b.Forge.File(b.ctx, repo, "change", "run.sh")); !f.Executable {
		b.t.Fatal("run.sh lost its mode")
	}
	detail, files, err := b.Forge.CommitDetail(b.ctx, repo, made.SHA)
	b.ok(err)
	equal(b, "author", detail.Author.Name, b.Author.Name)
	equal(b, "files of the commit", len(files), 3)
	equal(b, "parents", len(detail.Parents), 1)
	branches := must[[]forge.Branch](b)(b.Forge.Branches(b.ctx, repo))
	equal(b, "branches", len(branches), 2)
	equal(b, "first branch", branches[0].Name, "main")
	equal(b, "main is protected", branches[0].Protected, true)
	equal(b, "change is protected", branches[1].Protected, false)
}

func commitOnce(b *bench) {
	repo := b.repository("once")
	in := forge.NewCommit{Branch: "sphera/run-7", Base: "main", Message: "Generated", Author: b.Author, Time: when(), Files: []forge.File{text("a", "a\n")}, Key: "run-7/commit"}
	first := must[forge.Commit](b)(b.Forge.Commit(b.ctx, repo, in))
	again := must[forge.Commit](b)(b.Forge.Commit(b.ctx, repo, in))
	equal(b, "repeated commit", again.SHA, first.SHA)
	equal(b, "repeated subject", again.Subject, first.Subject)

	// Also when somebody else has committed on top.
	second := must[forge.Commit](b)(b.Forge.Commit(b.ctx, repo, forge.NewCommit{Branch: "sphera/run-7", Message: "More", Author: b.Author, Files: []forge.File{text("b", "b\n")}, Key: "run-7/more"}))
	again = must[forge.Commit](b)(b.Forge.Commit(b.ctx, repo, in))
	equal(b, "repeated commit", again.SHA, first.SHA)
	equal(b, "head", must[string](b)(b.Forge.Head(b.ctx, repo, "sphera/run-7")), second.SHA)

	var wg sync.WaitGroup
	shas := make([]string, 6)
	for i := range shas {
		wg.Go(func() {
			c, err := b.Forge.Commit(b.ctx, repo, forge.NewCommit{Branch: "sphera/run-8", Base: "main", Message: "Generated", Author: b.Author, Time: when(), Files: []forge.File{text("a", "a\n")}, Key: "run-8"})
			if err == nil {
				shas[i] = c.SHA
			}
		})
	}
	wg.Wait()
	for _, sha := range shas {
		equal(b, "concurrent commit", sha, shas[0])
	}
}

func commitGuards(b *bench) {
	repo := b.repository("guards")
	file := []forge.File{text("a", "a\n")}
	_, err := b.Forge.Commit(b.ctx, repo, forge.NewCommit{Branch: "main", Message: "Direct", Author: b.Author, Files: file})
	b.code(fault.Forbidden, err)
	_, err = b.Forge.Commit(b.ctx, repo, forge.NewCommit{Branch: "lost", Message: "No base", Author: b.Author, Files: file})
	b.code(fault.NotFound, err)
	_, err = b.Forge.Commit(b.ctx, repo, forge.NewCommit{Branch: "x", Base: "nowhere", Message: "No base", Author: b.Author, Files: file})
	b.code(fault.NotFound, err)
	first := b.branch(repo, "work", text("a", "a\n"))
	_, err = b.Forge.Commit(b.ctx, repo, forge.NewCommit{Branch: "work", Message: "Late", Author: b.Author, Files: []forge.File{text("a", "b\n")}, ExpectHead: strings.Repeat("1", 40)})
	b.code(fault.Conflict, err)
	second := must[forge.Commit](b)(b.Forge.Commit(b.ctx, repo, forge.NewCommit{Branch: "work", Message: "In time", Author: b.Author, Files: []forge.File{text("a", "b\n")}, ExpectHead: first.SHA}))
	equal(b, "parent", second.Parents[0], first.SHA)
	_, err = b.Forge.Commit(b.ctx, repo, forge.NewCommit{Branch: "work/below", Base: "main", Message: "In the way", Author: b.Author, Files: file})
	b.code(fault.Conflict, err)
	for what, in := range map[string]forge.NewCommit{
		"no files":         {Branch: "w", Base: "main", Message: "m"},
		"no message":       {Branch: "w", Base: "main", Files: file},
		"a path twice":     {Branch: "w", Base: "main", Message: "m", Files: []forge.File{text("a", "1"), text("a", "2")}},
		"file and folder":  {Branch: "w", Base: "main", Message: "m", Files: []forge.File{text("a", "1"), text("a/b", "2")}},
		"a key of 2 lines": {Branch: "w", Base: "main", Message: "m", Files: file, Key: "a\nb"},
	} {
		if _, err := b.Forge.Commit(b.ctx, repo, in); !fault.Is(err, fault.Unprocessable) {
			b.t.Fatalf("%s: got %v", what, err)
		}
	}
	b.ok(b.Forge.DeleteBranch(b.ctx, repo, "work"))
	b.code(fault.NotFound, b.Forge.DeleteBranch(b.ctx, repo, "work"))
	b.code(fault.Forbidden, b.Forge.DeleteBranch(b.ctx, repo, "main"))
}

func commitRace(b *bench) {
	repo := b.repository("race")
	b.branch(repo, "work", text("start", "s\n"))
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for {
				_, err := b.Forge.Commit(b.ctx, repo, forge.NewCommit{Branch: "work", Message: "Mine", Author: b.Author, Files: []forge.File{text(fmt.Sprintf("f%d", i), "x\n")}, Key: fmt.Sprintf("race/%d", i)})
				if !fault.Is(err, fault.Conflict) {
					if err != nil {
						b.t.Errorf("commit: %v", err)
					}
					return
				}
			}
		})
	}
	wg.Wait()
	tree := must[[]forge.TreeEntry](b)(b.Forge.Tree(b.ctx, repo, "work", ""))
	equal(b, "files after the race", len(tree), 10)
}

func history(b *bench) {
	repo := b.repository("history")
	for i := range 5 {
		must[forge.Commit](b)(b.Forge.Commit(b.ctx, repo, forge.NewCommit{Branch: "work", Base: "main", Message: fmt.Sprintf("Commit %d", i), Author: b.Author, Time: when(), Files: []forge.File{text("f", fmt.Sprint(i))}}))
	}
	var subjects []string
	from := ""
	for page := 0; ; page++ {
		list, next, err := b.Forge.Commits(b.ctx, repo, "work", 2, from)
		b.ok(err)
		for _, c := range list {
			subjects = append(subjects, c.Subject)
		}
		if page == 0 {
			must[forge.Commit](b)(b.Forge.Commit(b.ctx, repo, forge.NewCommit{Branch: "work", Message: "Meanwhile", Author: b.Author, Time: when(), Files: []forge.File{text("g", "g")}}))
		}
		if from = next; next == "" {
			break
		}
	}
	equal(b, "history", strings.Join(subjects, ", "), "Commit 4, Commit 3, Commit 2, Commit 1, Commit 0, First commit")
	empty := b.name("empty")
	must[forge.Repository](b)(b.Forge.CreateRepository(b.ctx, forge.NewRepository{Name: empty, Key: "k"}))
	list, _, err := b.Forge.Commits(b.ctx, empty, "", 10, "")
	b.ok(err)
	equal(b, "commits of an empty repository", len(list), 0)
	_, _, err = b.Forge.Commits(b.ctx, repo, "missing", 10, "")
	b.code(fault.NotFound, err)
	_, _, err = b.Forge.Commits(b.ctx, repo, "work", 10, "--output=x")
	b.code(fault.Unprocessable, err)
}

func reading(b *bench) {
	repo := b.repository("reading", text("README.md", "# hi\n"), text("src/main.go", "package main\n"), text("src/deep/x.go", "package deep\n"), forge.File{Path: "run", Content: []byte("x"), Executable: true})
	tree := must[[]forge.TreeEntry](b)(b.Forge.Tree(b.ctx, repo, "main", ""))
	var names []string
	for _, e := range tree {
		names = append(names, e.Kind+":"+e.Path)
	}
	equal(b, "root", strings.Join(names, " "), "folder:src file:README.md file:run")
	tree = must[[]forge.TreeEntry](b)(b.Forge.Tree(b.ctx, repo, "", "src"))
	equal(b, "first of src", tree[0].Path, "src/deep")
	equal(b, "size", tree[1].Size, int64(13))
	_, err := b.Forge.Tree(b.ctx, repo, "main", "nope")
	b.code(fault.NotFound, err)
	_, err = b.Forge.File(b.ctx, repo, "main", "src")
	b.code(fault.NotFound, err)
	_, err = b.Forge.File(b.ctx, repo, "nope", "README.md")
	b.code(fault.NotFound, err)
	files := must[[]forge.File](b)(b.Forge.Archive(b.ctx, repo, "main"))
	equal(b, "files of the archive", len(files), 4)
	for _, f := range files {
		equal(b, f.Path+" is executable", f.Executable, f.Path == "run")
		if f.Path == "src/main.go" {
			equal(b, "content", string(f.Content), "package main\n")
		}
	}
}

func largeFiles(b *bench) {
	big := bytes.Repeat([]byte("0123456789abcde\n"), forge.MaxFileSize/16+10)
	repo := b.repository("large", forge.File{Path: "big.txt", Content: big}, forge.File{Path: "logo.bin", Content: []byte{1, 0, 2}}, text("empty", ""))
	f := must[forge.File](b)(b.Forge.File(b.ctx, repo, "main", "big.txt"))
	equal(b, "truncated", f.Truncated, true)
	equal(b, "size", f.Size, int64(len(big)))
	equal(b, "bytes", len(f.Content), forge.MaxFileSize)
	f = must[forge.File](b)(b.Forge.File(b.ctx, repo, "main", "logo.bin"))
	equal(b, "binary", f.Binary, true)
	f = must[forge.File](b)(b.Forge.File(b.ctx, repo, "main", "empty"))
	equal(b, "bytes", len(f.Content), 0)
	_, files, err := b.Forge.CommitDetail(b.ctx, repo, must[string](b)(b.Forge.Head(b.ctx, repo, "main")))
	b.ok(err)
	for _, d := range files {
		if d.Path == "big.txt" && (!d.Truncated || d.Patch != "") {
			b.t.Fatalf("a diff of %d bytes was handed out", len(d.Patch))
		}
	}
	for _, f := range must[[]forge.File](b)(b.Forge.Archive(b.ctx, repo, "main")) {
		if f.Path == "big.txt" {
			equal(b, "whole file in the archive", bytes.Equal(f.Content, big), true)
		}
	}
}

func diffs(b *bench) {
	lines := strings.Repeat("a line of text that stays\n", 40)
	tricky := "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1,1 +1,1 @@\n"
	repo := b.repository("diffs", text("stays", "s\n"), text("change", "one\ntwo\n"), text("gone", "g\n"), text("from name", lines), forge.File{Path: "bin", Content: []byte{0, 1}})
	must[forge.Commit](b)(b.Forge.Commit(b.ctx, repo, forge.NewCommit{
		Branch: "work", Base: "main", Message: "All kinds", Author: b.Author,
		Files:  []forge.File{text("change", "one\n2\nthree"), text("new", tricky), text("to name", lines+"more\n"), {Path: "bin", Content: []byte{0, 2}}},
		Remove: []string{"gone", "from name"},
	}))
	files := must[[]forge.FileDiff](b)(b.Forge.Diff(b.ctx, repo, "main", "work"))
	found := map[string]forge.FileDiff{}
	for _, f := range files {
		found[f.Path] = f
	}
	equal(b, "files", len(files), 5)
	equal(b, "change", fmt.Sprint(found["change"].Verb, found["change"].Added, found["change"].Removed), "change2 1")
	equal(b, "patch of change", found["change"].Patch, "@@ -1,2 +1,3 @@\n one\n-two\n+2\n+three\n\\ No newline at end of file\n")
	equal(b, "new", found["new"].Verb, "add")
	equal(b, "patch of new", strings.Count(found["new"].Patch, "\n"), 5)
	equal(b, "gone", found["gone"].Verb, "remove")
	equal(b, "renamed from", found["to name"].OldPath, "from name")
	equal(b, "rename", fmt.Sprint(found["to name"].Verb, found["to name"].Added), "rename1")
	equal(b, "binary", found["bin"].Binary && found["bin"].Patch == "", true)

	// Against the merge base: what main gained since does not show up.
	pr := b.pull(repo, "other", text("other", "o\n"))
	must[forge.PullRequest](b)(b.Forge.Merge(b.ctx, repo, pr.Number, b.Author, forge.Squash))
	equal(b, "files after main moved", len(must[[]forge.FileDiff](b)(b.Forge.Diff(b.ctx, repo, "main", "work"))), 5)
}
