package forge

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"sphera/internal/fault"
)

// hostileList reads the list that the conformance suite uses.
func hostileList(t testing.TB, what string) []string {
	t.Helper()
	text, err := os.ReadFile("forgetest/hostile-" + what + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(text)) {
		s, err := strconv.Unquote(strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	return out
}

// recorder keeps every argument git was started with.
type recorder struct {
	mu    sync.Mutex
	calls [][]string
}

func (r *recorder) observe(args []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, slices.Clone(args))
}

func TestS33_HostileNamesNeverReachGit(t *testing.T) {
	r := sqliteRig(t)
	seeded(t, r.Builtin, "svc")
	rec := &recorder{}
	r.git.observe = rec.observe
	ctx := context.Background()
	names := hostileList(t, "names")
	if len(names) < 100 {
		t.Fatalf("only %d hostile names", len(names))
	}
	for _, name := range names {
		calls := []func() error{
			func() error { _, err := r.Head(ctx, "svc", name); return err },
			func() error { _, err := r.Branches(ctx, name); return err },
			func() error { return r.DeleteBranch(ctx, "svc", name) },
			func() error {
				_, err := r.Commit(ctx, "svc", NewCommit{Branch: name, Base: "main", Message: "m", Files: []File{{Path: "a"}}})
				return err
			},
			func() error { _, _, err := r.CommitDetail(ctx, "svc", name); return err },
			func() error {
				_, err := r.OpenPullRequest(ctx, "svc", NewPullRequest{Title: "t", Head: name, Author: ada})
				return err
			},
		}
		if name != "" {
			calls = append(calls,
				func() error { _, err := r.Tree(ctx, "svc", name, ""); return err },
				func() error { _, err := r.Tree(ctx, "svc", name, "a"); return err },
				func() error { _, err := r.File(ctx, "svc", name, "a"); return err },
				func() error { _, err := r.Archive(ctx, "svc", name); return err },
				func() error { _, err := r.Diff(ctx, "svc", name, "main"); return err },
				func() error { _, err := r.Diff(ctx, "svc", "main", name); return err },
				func() error { _, _, err := r.Commits(ctx, "svc", name, 1, ""); return err },
				func() error { _, _, err := r.Commits(ctx, "svc", "", 1, name); return err },
			)
		}
		for i, f := range calls {
			if err := f(); !fault.Is(err, fault.Unprocessable) {
				t.Errorf("call %d with %q: %v", i, name, err)
			}
		}
	}
	if len(rec.calls) > 0 {
		t.Errorf("git was started: %v", rec.calls[:min(5, len(rec.calls))])
	}
}

// TestS33_ValuesStandBehindTheEndOfOptions runs everything with good names
// that are easy to find and looks at where they stand.
func TestS33_ValuesStandBehindTheEndOfOptions(t *testing.T) {
	r := sqliteRig(t)
	rec := &recorder{}
	r.git.observe = rec.observe
	seeded(t, r.Builtin, "svc", File{Path: "zz-dir/zz-file", Content: []byte("x\n")})
	ctx := context.Background()
	steps := []func() error{
		func() error {
			_, err := r.Commit(ctx, "svc", NewCommit{Branch: "zz-branch", Base: "main", Message: "--zz-message", Author: Person{ID: "zz", Name: "--zz-name", Email: "--zz@x"}, Files: []File{{Path: "--zz-file", Content: []byte("y")}}, Key: "zz-key"})
			return err
		},
		func() error { _, err := r.Tree(ctx, "svc", "zz-branch", "zz-dir"); return err },
		func() error { _, err := r.File(ctx, "svc", "zz-branch", "--zz-file"); return err },
		func() error { _, err := r.Diff(ctx, "svc", "main", "zz-branch"); return err },
		func() error { _, err := r.Archive(ctx, "svc", "zz-branch"); return err },
		func() error { _, _, err := r.Commits(ctx, "svc", "zz-branch", 5, ""); return err },
		func() error {
			_, err := r.OpenPullRequest(ctx, "svc", NewPullRequest{Title: "--zz-title", Body: "--zz-body", Head: "zz-branch", Author: ada})
			return err
		},
		func() error {
			_, err := r.Merge(ctx, "svc", 1, Person{ID: "zz", Name: "-zz-merger", Email: "zz"}, MergeCommit)
			return err
		},
		func() error { return r.DeleteBranch(ctx, "svc", "zz-branch") },
		func() error { return r.Maintain(ctx) },
	}
	for i, step := range steps {
		if err := step(); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	for _, args := range rec.calls {
		end := slices.Index(args, "--end-of-options")
		for i, arg := range args {
			if !strings.Contains(arg, "zz") {
				continue
			}
			// for-each-ref takes full names, which cannot be options.
			if strings.HasPrefix(arg, "refs/heads/") || end >= 0 && i > end {
				continue
			}
			t.Errorf("a user's value stands among the options of git %q", args)
		}
	}
}

func TestS33_EnvironmentOfGitHasNothingOfOurs(t *testing.T) {
	t.Setenv("SPHERA_SECRET_CANARY", "canary-value")
	t.Setenv("GIT_SSH_COMMAND", "touch /tmp/pwned")
	t.Setenv("GIT_EXTERNAL_DIFF", "touch /tmp/pwned")
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	r := sqliteRig(t)
	for _, v := range r.git.env {
		name, value, _ := strings.Cut(v, "=")
		if strings.Contains(value, "canary") || name == "GIT_SSH_COMMAND" || name == "GIT_EXTERNAL_DIFF" || strings.HasSuffix(name, "_PROXY") {
			t.Errorf("git would get %s", v)
		}
	}
	want := []string{"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "GIT_ALLOW_PROTOCOL=none"}
	for _, w := range want {
		if !slices.Contains(r.git.env, w) {
			t.Errorf("git does not get %s", w)
		}
	}
}

func TestS33_HooksInARepositoryFolderDoNotRun(t *testing.T) {
	s := serve(t, sqliteRig(t))
	seeded(t, s.Builtin, "svc")
	repo, err := s.byName(t.Context(), s.db.Read(), "svc")
	if err != nil {
		t.Fatal(err)
	}
	ran := filepath.Join(t.TempDir(), "ran")
	hooks := filepath.Join(s.path(repo.id), "hooks")
	if err := os.Mkdir(hooks, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, hook := range []string{"pre-receive", "update", "post-receive", "post-update", "reference-transaction", "proc-receive", "post-index-change", "pre-auto-gc"} {
		if err := os.WriteFile(filepath.Join(hooks, hook), []byte("#!/bin/sh\ntouch "+ran+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	dir := s.clone("svc")
	s.change(dir, "feature", "a", "a\n")
	s.must(dir, "push", "--quiet", "origin", "feature")
	if _, err := s.Commit(t.Context(), "svc", NewCommit{Branch: "x", Base: "main", Message: "m", Author: ada, Files: []File{{Path: "x"}}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Maintain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(ran); err == nil {
		t.Fatal("a hook ran")
	}
}

func TestS34_FolderOfTheForgeIsNotLeft(t *testing.T) {
	r := sqliteRig(t)
	outside := t.TempDir()
	if err := os.Symlink(outside, filepath.Join(r.dir, "repositories", "0190-link.git")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"repositories/0190-link.git/x", "../x", "repositories/../../x", "/etc/x"} {
		if err := r.writeSynced(name, "x"); err == nil {
			t.Errorf("wrote %s", name)
		}
	}
	if entries, err := os.ReadDir(outside); err != nil || len(entries) > 0 {
		t.Fatalf("outside: %v, %v", entries, err)
	}
	info, err := os.Stat(filepath.Join(r.dir, "pending"))
	if err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Fatalf("the folder is open to others: %v, %v", info.Mode(), err)
	}
}

func FuzzCheckRefName(f *testing.F) {
	for _, name := range append(hostileList(f, "names"), "main", "feature/x", "v1.0.0") {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if CheckRefName(name) != nil {
			return
		}
		if name == "" || name[0] == '-' || name[0] == '.' || strings.Contains(name, "..") || strings.ContainsAny(name, " ~^:?*[\\@{}$`\x00\n\t") ||
			strings.HasSuffix(name, ".lock") || strings.Contains(name, "//") || strings.HasSuffix(name, "/") {
			t.Fatalf("accepted %q", name)
		}
	})
}

func FuzzCheckPath(f *testing.F) {
	for _, path := range append(hostileList(f, "paths"), "README.md", "a/b c/ü.txt", ".github/workflows/ci.yaml", ".gitignore", ".gitattributes") {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if CheckPath(path) != nil {
			return
		}
		if !filepath.IsLocal(path) || filepath.Clean(path) != path || !fs.ValidPath(path) {
			t.Fatalf("accepted %q", path)
		}
		for part := range strings.SplitSeq(path, "/") {
			if strings.EqualFold(strings.TrimRight(part, ". "), ".git") {
				t.Fatalf("accepted %q", path)
			}
		}
	})
}

func TestGoodNamesAreAccepted(t *testing.T) {
	for _, name := range []string{"main", "feature/login", "release-1.2", "sphera/0190a-b", "v1.0.0", "a_b", "1", "A/B/C"} {
		if err := CheckRefName(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"checkout", "team/checkout", "ci-config", "archived/checkout-0190"} {
		if err := CheckRepositoryName(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, path := range []string{"a", ".gitignore", ".github/workflows/ci.yaml", "a b/c", "ü", "-x", "--help", "a'b\"c", ".gitmodules", "git", "a.git"} {
		if err := CheckPath(path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}
