package forge

import (
	"context"
	"fmt"
	"testing"
)

func benchFiles() []File {
	var files []File
	for i := range 30 {
		files = append(files, File{Path: fmt.Sprintf("d%d/f%d.txt", i%5, i), Content: fmt.Appendf(nil, "%0*d", 1500, i)})
	}
	return files
}

func BenchmarkFirstCommitOf30Files(b *testing.B) {
	r := sqliteRig(b)
	ctx := context.Background()
	files := benchFiles()
	n := 0
	for b.Loop() {
		b.StopTimer()
		n++
		name := fmt.Sprintf("svc-%d", n)
		if _, err := r.CreateRepository(ctx, NewRepository{Name: name, Key: "k"}); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if _, err := r.Commit(ctx, name, NewCommit{Branch: "main", Message: "First", Author: ada, Files: files, Key: "k", Bypass: true}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCreateRepository(b *testing.B) {
	r := sqliteRig(b)
	n := 0
	for b.Loop() {
		n++
		if _, err := r.CreateRepository(context.Background(), NewRepository{Name: fmt.Sprintf("svc-%d", n), Key: "k"}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkProposeAndMerge(b *testing.B) {
	r := sqliteRig(b)
	ctx := context.Background()
	seeded(b, r.Builtin, "gitops", benchFiles()...)
	n := 0
	for b.Loop() {
		n++
		key := fmt.Sprintf("r%d", n)
		if _, err := r.Commit(ctx, "gitops", NewCommit{Branch: "sphera/" + key, Base: "main", Message: key, Author: ada, Files: []File{{Path: "apps/" + key, Content: []byte(key)}}, Key: key}); err != nil {
			b.Fatal(err)
		}
		pr, err := r.OpenPullRequest(ctx, "gitops", NewPullRequest{Title: key, Head: "sphera/" + key, Author: ada, RunID: key})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := r.Merge(ctx, "gitops", pr.Number, Portal(), Squash); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadPullRequest(b *testing.B) {
	r := sqliteRig(b)
	ctx := context.Background()
	seeded(b, r.Builtin, "svc")
	if _, err := r.Commit(ctx, "svc", NewCommit{Branch: "x", Base: "main", Message: "m", Author: ada, Files: benchFiles()}); err != nil {
		b.Fatal(err)
	}
	if _, err := r.OpenPullRequest(ctx, "svc", NewPullRequest{Title: "x", Head: "x", Author: ada}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := r.PullRequest(ctx, "svc", 1); err != nil {
			b.Fatal(err)
		}
	}
}
