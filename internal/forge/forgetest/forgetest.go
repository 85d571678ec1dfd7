// Package forgetest is the conformance suite of forge.Forge: an implementation
// is done when it is green. It is imported by tests only.
package forgetest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"sphera/internal/fault"
	"sphera/internal/forge"
)

// Harness is an implementation under test.
type Harness struct {
	Forge forge.Forge
	// Group is put before the names of repositories on hosts that are shared.
	Group string
	// Author opens pull requests; Reviewer is in the team platform and has the
	// role infrastructure; Stranger is in neither.
	Author, Reviewer, Stranger forge.Person
}

// bench is one test's view of the harness.
type bench struct {
	Harness
	t   *testing.T
	ctx context.Context
}

// Run runs the suite. start is called once per test.
func Run(t *testing.T, start func(t *testing.T) Harness) {
	t.Helper()
	tests := []struct {
		name string
		test func(b *bench)
	}{
		{"repository is created once by its key", repositoryOnce},
		{"repositories are listed by name in pages", repositoryPages},
		{"archiving frees the name and is repeatable", archive},
		{"commit writes, changes and removes files", commitFiles},
		{"commit is made once by its key", commitOnce},
		{"commit respects the head and the protected branch", commitGuards},
		{"concurrent commits lose nothing", commitRace},
		{"history is paged and stable", history},
		{"tree, file and archive read what was written", reading},
		{"binary and large files are cut, not broken", largeFiles},
		{"diff shows adds, changes, removals, renames and binaries", diffs},
		{"pull request is opened once and merged once by squash", squash},
		{"merge commit has two parents", mergeCommit},
		{"conflicts are named and block", conflicts},
		{"reviews are required by the last matching rule", reviewRules},
		{"a push makes reviews stale", staleReviews},
		{"nobody approves their own and changes asked for block", reviewGuards},
		{"automatic rules approve only the portal's own files", autoRules},
		{"statuses block until they succeed", statuses},
		{"closing is repeatable and deletes nothing", closing},
		{"deleting the head branch closes the pull request", deletedHead},
		{"pull requests are found by run, state and who is waited for", pullLists},
		{"webhooks are kept without showing secrets", webhooks},
		{"S33 hostile names are refused by every method", hostileNames},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
			defer cancel()
			tt.test(&bench{Harness: start(t), t: t, ctx: ctx})
		})
	}
}

func (b *bench) name(name string) string {
	if b.Group == "" {
		return name
	}
	return b.Group + "/" + name
}

// must ends the test on an error.
func must[T any](b *bench) func(v T, err error) T {
	return func(v T, err error) T {
		b.t.Helper()
		if err != nil {
			b.t.Fatalf("unexpected error: %v", err)
		}
		return v
	}
}

func (b *bench) ok(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatalf("unexpected error: %v", err)
	}
}

func (b *bench) code(want fault.Code, err error) {
	b.t.Helper()
	if !fault.Is(err, want) {
		b.t.Fatalf("got error %v, want code %s", err, want)
	}
}

func equal[T comparable](b *bench, what string, got, want T) {
	b.t.Helper()
	if got != want {
		b.t.Fatalf("%s is %v, want %v", what, got, want)
	}
}

// repository makes a repository with a first commit on main.
func (b *bench) repository(name string, files ...forge.File) string {
	b.t.Helper()
	full := b.name(name)
	must[forge.Repository](b)(b.Forge.CreateRepository(b.ctx, forge.NewRepository{Name: full, Key: "run-" + name, Owner: "platform"}))
	if len(files) == 0 {
		files = []forge.File{text("README.md", "# "+name+"\n")}
	}
	must[forge.Commit](b)(b.Forge.Commit(b.ctx, full, forge.NewCommit{
		Branch: "main", Message: "First commit", Author: b.Author, Time: when(), Files: files, Key: "run-" + name + "/first", Bypass: true,
	}))
	return full
}

// branch commits files on a branch that starts at main.
func (b *bench) branch(repo, branch string, files ...forge.File) forge.Commit {
	b.t.Helper()
	sum := sha256.Sum256(fmt.Append(nil, files))
	return must[forge.Commit](b)(b.Forge.Commit(b.ctx, repo, forge.NewCommit{
		Branch: branch, Base: "main", Message: "Change on " + branch, Author: b.Author, Time: when(), Files: files, Key: branch + "/" + hex.EncodeToString(sum[:8]),
	}))
}

// pull opens a pull request with one changed file.
func (b *bench) pull(repo, branch string, files ...forge.File) forge.PullRequest {
	b.t.Helper()
	b.branch(repo, branch, files...)
	return must[forge.PullRequest](b)(b.Forge.OpenPullRequest(b.ctx, repo, forge.NewPullRequest{Title: "Add " + branch, Body: "Because.", Head: branch, Author: b.Author}))
}

func (b *bench) get(repo string, number int) forge.PullRequest {
	b.t.Helper()
	return must[forge.PullRequest](b)(b.Forge.PullRequest(b.ctx, repo, number))
}

func (b *bench) content(repo, ref, path string) string {
	b.t.Helper()
	return string(must[forge.File](b)(b.Forge.File(b.ctx, repo, ref, path)).Content)
}

func text(path, content string) forge.File {
	return forge.File{Path: path, Content: []byte(content)}
}

func when() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }
