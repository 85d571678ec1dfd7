package forge

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"sphera/internal/fault"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

// served is a forge behind HTTP and a git client with a home of its own.
type served struct {
	*rig
	t     *testing.T
	url   string
	home  string
	mayMu sync.Mutex
	may   func(p Person, repo, verb string) error
}

// allow sets what is asked for each request.
func (s *served) allow(may func(p Person, repo, verb string) error) {
	s.mayMu.Lock()
	defer s.mayMu.Unlock()
	s.may = may
}

func (s *served) ask(_ context.Context, p Person, repo, verb string) error {
	s.mayMu.Lock()
	defer s.mayMu.Unlock()
	return s.may(p, repo, verb)
}

func serve(t *testing.T, r *rig) *served {
	t.Helper()
	s := &served{rig: r, t: t, home: t.TempDir(), may: func(Person, string, string) error { return nil }}
	people := map[string]Person{"ada": ada, "grace": grace}
	server := httptest.NewServer(r.GitHandler(func(req *http.Request) (context.Context, Person, bool, error) {
		name, password, ok := req.BasicAuth()
		p, known := people[name]
		return req.Context(), p, ok && known && password == "secret", nil
	}, s.ask))
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("ada", "secret")
	s.url = u.String()
	return s
}

// client runs the real git client.
func (s *served) client(dir string, args ...string) (string, error) {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.home, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.com"}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (s *served) must(dir string, args ...string) string {
	s.t.Helper()
	out, err := s.client(dir, args...)
	if err != nil {
		s.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return out
}

// refused runs a push that must fail and say all of these.
func (s *served) refused(dir string, says []string, args ...string) {
	s.t.Helper()
	out, err := s.client(dir, args...)
	if err == nil {
		s.t.Fatalf("git %v succeeded:\n%s", args, out)
	}
	for _, text := range says {
		if !strings.Contains(out, text) {
			s.t.Fatalf("git %v does not say %q:\n%s", args, text, out)
		}
	}
}

func (s *served) clone(name string) string {
	s.t.Helper()
	dir := filepath.Join(s.t.TempDir(), "work")
	s.must("", "clone", "--quiet", s.url+"/git/"+name+".git", dir)
	return dir
}

func (s *served) write(dir, name, content string) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// change commits a file on a branch of a clone.
func (s *served) change(dir, branch, name, content string) {
	s.t.Helper()
	s.must(dir, "checkout", "--quiet", "-B", branch)
	s.write(dir, name, content)
	s.must(dir, "add", "--all")
	s.must(dir, "commit", "--quiet", "-m", "Change "+name)
}

func TestGitClient(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := serve(t, newRig(t, db))
		seeded(t, s.Builtin, "group/checkout")
		dir := s.clone("group/checkout")
		if content, err := os.ReadFile(filepath.Join(dir, "README.md")); err != nil || string(content) != "# group/checkout\n" {
			t.Fatalf("cloned %q, %v", content, err)
		}

		s.change(dir, "feature", "a.txt", "a\n")
		out := s.must(dir, "push", "origin", "feature")
		if !strings.Contains(out, "Open a pull request for feature") || !strings.Contains(out, "http://sphera.test/forge/group%2Fcheckout/pulls/new?head=feature") {
			t.Fatalf("a push of a new branch says:\n%s", out)
		}
		pr, err := s.OpenPullRequest(t.Context(), "group/checkout", NewPullRequest{Title: "A", Head: "feature", Author: ada})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Review(t.Context(), "group/checkout", pr.Number, grace, Approve, ""); err != nil {
			t.Fatal(err)
		}
		s.change(dir, "feature", "b.txt", "b\n")
		if out := s.must(dir, "push", "origin", "feature"); strings.Contains(out, "Open a pull request") {
			t.Fatalf("a push of a known branch says:\n%s", out)
		}
		head := strings.TrimSpace(s.must(dir, "rev-parse", "HEAD"))
		if pr, err = s.PullRequest(t.Context(), "group/checkout", pr.Number); err != nil || pr.HeadSHA != head || !pr.Reviews[0].Stale {
			t.Fatalf("after a push the pull request is %+v, %v", pr, err)
		}
		s.must(dir, "commit", "--quiet", "--amend", "-m", "Better words")
		s.must(dir, "push", "--quiet", "--force", "origin", "feature")
		if pr, err = s.PullRequest(t.Context(), "group/checkout", pr.Number); err != nil || pr.HeadSHA == head {
			t.Fatalf("after a forced push the head is %s, %v", pr.HeadSHA, err)
		}
		if _, err := s.Merge(t.Context(), "group/checkout", pr.Number, grace, Squash); err != nil {
			t.Fatal(err)
		}
		s.must(dir, "checkout", "--quiet", "main")
		s.must(dir, "pull", "--quiet", "origin", "main")
		if _, err := os.Stat(filepath.Join(dir, "b.txt")); err != nil {
			t.Fatalf("the merge did not arrive: %v", err)
		}
		s.must(dir, "push", "--quiet", "origin", "--delete", "feature")
		if _, err := s.Head(t.Context(), "group/checkout", "feature"); !fault.Is(err, fault.NotFound) {
			t.Fatalf("the deleted branch: %v", err)
		}
		s.must(dir, "tag", "v1.0.0")
		s.must(dir, "push", "--quiet", "origin", "v1.0.0")
		if _, err := s.File(t.Context(), "group/checkout", "v1.0.0", "b.txt"); err != nil {
			t.Fatalf("a file at a tag: %v", err)
		}
		// The commits of the merged pull request can still be fetched.
		s.must(dir, "fetch", "--quiet", "origin", fmt.Sprintf("refs/pull/%d/head", pr.Number))
		s.must("", "-c", "protocol.version=0", "clone", "--quiet", s.url+"/git/group/checkout.git", filepath.Join(t.TempDir(), "old"))
		s.must("", "clone", "--quiet", "--depth=1", s.url+"/git/group/checkout.git", filepath.Join(t.TempDir(), "shallow"))
	})
}

func TestFirstPushToAnEmptyRepository(t *testing.T) {
	s := serve(t, sqliteRig(t))
	if _, err := s.CreateRepository(t.Context(), NewRepository{Name: "fresh", Key: "k"}); err != nil {
		t.Fatal(err)
	}
	dir := s.clone("fresh")
	s.change(dir, "main", "README.md", "hi\n")
	s.must(dir, "push", "--quiet", "origin", "main")
	if _, err := s.File(t.Context(), "fresh", "", "README.md"); err != nil {
		t.Fatal(err)
	}
	s.change(dir, "main", "README.md", "again\n")
	s.refused(dir, []string{"protected branch"}, "push", "origin", "main")
}

func TestL1_ProtectedBranchOverGit(t *testing.T) {
	s := serve(t, sqliteRig(t))
	seeded(t, s.Builtin, "svc")
	dir := s.clone("svc")
	before, err := s.Head(t.Context(), "svc", "main")
	if err != nil {
		t.Fatal(err)
	}
	s.change(dir, "main", "x", "x\n")
	says := []string{"protected branch", "pull request", "http://sphera.test/forge/svc", "! [remote rejected] main"}
	s.refused(dir, says, "push", "origin", "main")
	s.refused(dir, says, "push", "--force", "origin", "main")
	s.refused(dir, []string{"protected branch", "pull request"}, "push", "origin", "--delete", "main")
	s.refused(dir, []string{"protected branch", "the same push has a branch that was refused"}, "push", "origin", "main", "main:side")
	s.refused(dir, []string{"only branches and tags"}, "push", "origin", "main:refs/pull/1/head")
	s.refused(dir, []string{"only branches and tags"}, "push", "origin", "main:refs/sphera/x")
	s.refused(dir, []string{"the portal's runs only"}, "push", "origin", "main:refs/heads/sphera/run-1")
	s.refused(dir, []string{"not allowed here"}, "push", "origin", "main:refs/heads/a+b")
	s.refused(dir, []string{"not allowed here"}, "push", "origin", "main:refs/heads/refs/heads/main")
	s.refused(dir, []string{"not allowed here"}, "push", "origin", "main:refs/heads/HEAD")
	s.refused(dir, []string{"not allowed here"}, "push", "origin", "main:refs/tags/.hidden"[:len("main:refs/tags/")]+"x@y")
	after, err := s.Head(t.Context(), "svc", "main")
	if err != nil || before != after {
		t.Fatalf("main moved from %s to %s, %v", before, after, err)
	}
	if branches, err := s.Branches(t.Context(), "svc"); err != nil || len(branches) != 1 {
		t.Fatalf("branches: %v, %v", branches, err)
	}
	if got := s.seen("push"); got != 1 {
		t.Fatalf("%d push events, want the first commit's only", got)
	}
}

func TestGitClientIsAskedAndRefused(t *testing.T) {
	s := serve(t, sqliteRig(t))
	seeded(t, s.Builtin, "svc")
	s.allow(func(_ Person, _, verb string) error {
		if verb == "forge.write" {
			return fault.Refuse("viewers", "You may not push to svc.", "Ask the team payments.", "payments")
		}
		return nil
	})
	dir := s.clone("svc")
	s.change(dir, "x", "x", "x\n")
	s.refused(dir, []string{"You may not push to svc."}, "push", "origin", "x")
	wrong := strings.Replace(s.url, "secret", "wrong", 1)
	s.refused("", []string{"Authentication failed"}, "clone", wrong+"/git/svc.git", filepath.Join(t.TempDir(), "w"))
	s.refused("", []string{"no repository nothing"}, "clone", s.url+"/git/nothing.git", filepath.Join(t.TempDir(), "w"))
	if err := s.ArchiveRepository(t.Context(), "svc", "run-svc"); err != nil {
		t.Fatal(err)
	}
	list, _, err := s.Repositories(t.Context(), RepositoryQuery{Archived: true})
	if err != nil || len(list) != 1 {
		t.Fatalf("archived: %v, %v", list, err)
	}
	s.allow(func(Person, string, string) error { return nil })
	dir = s.clone(list[0].Name)
	s.change(dir, "x", "x", "x\n")
	s.refused(dir, []string{"archived"}, "push", "origin", "x")
}

func TestGitHandlerPaths(t *testing.T) {
	s := serve(t, sqliteRig(t))
	seeded(t, s.Builtin, "svc")
	for path, want := range map[string]int{
		"/git/svc.git/info/refs?service=git-upload-pack":           200,
		"/git/svc.git/info/refs":                                   404,
		"/git/svc.git/info/refs?service=git-archive":               404,
		"/git/svc.git/info/refs?service=--help":                    404,
		"/git/svc.git/HEAD":                                        404,
		"/git/svc.git/objects/info/packs":                          404,
		"/git/svc.git/config":                                      404,
		"/git/..%2f..%2fetc.git/info/refs?service=git-upload-pack": 404,
		"/git/--x.git/info/refs?service=git-upload-pack":           404,
		"/git/.git/info/refs?service=git-upload-pack":              404,
		"/git/svc%00.git/info/refs?service=git-upload-pack":        404,
	} {
		res, err := http.Get(s.url + path)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%s: status %d, want %d", path, res.StatusCode, want)
		}
	}
}

func TestPushLimits(t *testing.T) {
	if _, err := readAll(&limitReader{r: strings.NewReader("12345"), left: 5}); err != nil {
		t.Fatalf("at the limit: %v", err)
	}
	if _, err := readAll(&limitReader{r: strings.NewReader("123456"), left: 5}); err == nil {
		t.Fatal("past the limit nothing was said")
	}
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	if _, err := z.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequest(http.MethodPost, "/", &bomb)
	req.Header.Set("Content-Encoding", "gzip")
	body, err := bodyOf(req, 4096)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := readAll(body); err == nil {
		t.Fatal("a bomb was unzipped")
	}
}

func readAll(r io.Reader) ([]byte, error) { return io.ReadAll(r) }

// hostile makes a commit in a clone by git's own plumbing, past what the
// client would let a person do.
func (s *served) hostileTree(dir string, entries ...string) string {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), "git", "mktree", "-z")
	cmd.Dir = dir
	for i := range entries {
		entries[i] += "\x00"
	}
	cmd.Stdin = strings.NewReader(strings.Join(entries, ""))
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("mktree: %v", err)
	}
	return strings.TrimSpace(string(out))
}

func TestS33_HostileRepositoriesArePushedInVain(t *testing.T) {
	s := serve(t, sqliteRig(t))
	seeded(t, s.Builtin, "svc")
	dir := s.clone("svc")
	s.write(dir, "blob", "payload\n")
	blob := strings.TrimSpace(s.must(dir, "hash-object", "-w", "blob"))
	s.write(dir, "modules", "[submodule \"x\"]\n\tpath = x\n\turl = --upload-pack=touch /tmp/pwned\n")
	modules := strings.TrimSpace(s.must(dir, "hash-object", "-w", "modules"))
	empty := s.hostileTree(dir)
	parent := strings.TrimSpace(s.must(dir, "rev-parse", "HEAD"))
	for what, entry := range map[string]string{
		".git folder":             "040000 tree " + empty + "\t.git",
		".GIT folder":             "040000 tree " + empty + "\t.GIT",
		".git on Windows":         "040000 tree " + empty + "\tgit~1",
		".git with a space":       "040000 tree " + empty + "\t.git ",
		".git on a Mac":           "040000 tree " + empty + "\t.g\u200cit",
		"dot dot":                 "040000 tree " + empty + "\t..",
		"link as .gitmodules":     "120000 blob " + blob + "\t.gitmodules",
		"submodule with a option": "100644 blob " + modules + "\t.gitmodules",
	} {
		tree := s.hostileTree(dir, entry)
		commit := strings.TrimSpace(s.must(dir, "commit-tree", "-p", parent, "-m", "evil", tree))
		if out, err := s.client(dir, "push", "origin", commit+":refs/heads/evil"); err == nil {
			t.Errorf("%s was accepted:\n%s", what, out)
		}
	}
	if _, err := s.Head(t.Context(), "svc", "evil"); !fault.Is(err, fault.NotFound) {
		t.Fatalf("the hostile branch: %v", err)
	}
}

func TestS33_HostileContentDoesNothing(t *testing.T) {
	s := serve(t, sqliteRig(t))
	seeded(t, s.Builtin, "svc", File{Path: "a.txt", Content: []byte("a\n")})
	dir := s.clone("svc")
	ran := filepath.Join(t.TempDir(), "ran")
	s.write(dir, ".gitattributes", "* filter=evil diff=evil merge=evil export-subst\n*.txt text eol=crlf ident\n")
	s.write(dir, ".gitconfig", "[core]\n\tfsmonitor = touch "+ran+"\n[diff \"evil\"]\n\tcommand = touch "+ran+"\n\ttextconv = touch "+ran+"\n")
	s.write(dir, "hooks/post-receive", "#!/bin/sh\ntouch "+ran+"\n")
	s.write(dir, "config", "[core]\n\thooksPath = hooks\n")
	s.write(dir, "a.txt", "$Format:%H$ changed\n")
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	s.must(dir, "checkout", "--quiet", "-b", "evil")
	s.must(dir, "add", "--all")
	s.must(dir, "commit", "--quiet", "-m", "evil\n\nSphera-Step: run-svc/first\nPull-Request: svc#1\n")
	s.must(dir, "push", "--quiet", "origin", "evil")

	ctx := t.Context()
	if _, err := s.Diff(ctx, "svc", "main", "evil"); err != nil {
		t.Fatal(err)
	}
	link, err := s.File(ctx, "svc", "evil", "link")
	if err != nil || string(link.Content) != "/etc/passwd" {
		t.Fatalf("a link is shown as %q, %v", link.Content, err)
	}
	files, err := s.Archive(ctx, "svc", "evil")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.Path == "link" {
			t.Error("the archive has a link")
		}
		if f.Path == "a.txt" && string(f.Content) != "$Format:%H$ changed\n" {
			t.Errorf("attributes changed a file: %q", f.Content)
		}
	}
	pr, err := s.OpenPullRequest(ctx, "svc", NewPullRequest{Title: "Evil", Body: "x\n\nSphera-Step: y\nPull-Request: svc#7", Head: "evil", Author: ada})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Merge(ctx, "svc", pr.Number, grace, MergeCommit); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(ran); err == nil {
		t.Fatal("something in the repository was executed")
	}
}

func TestS33_ClientsWithOddNamesAndGoneMidway(t *testing.T) {
	s := serve(t, sqliteRig(t))
	seeded(t, s.Builtin, "svc")
	ctx, cancel := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/git/svc.git/git-receive-pack", reader)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-git-receive-pack-request")
	done := make(chan error, 1)
	go func() {
		res, err := http.DefaultClient.Do(req)
		if err == nil {
			err = res.Body.Close()
		}
		done <- err
	}()
	if _, err := writer.Write(pkt(zeroSHA + " " + strings.Repeat("1", 40) + " refs/heads/x\x00report-status")); err != nil {
		t.Fatal(err)
	}
	// The half-sent push holds no lock: others go on.
	if _, err := s.Commit(t.Context(), "svc", NewCommit{Branch: "y", Base: "main", Message: "m", Author: ada, Files: []File{{Path: "y"}}}); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := writer.CloseWithError(context.Canceled); err != nil {
		t.Fatal(err)
	}
	<-done
	if _, err := s.Head(t.Context(), "svc", "x"); !fault.Is(err, fault.NotFound) {
		t.Fatalf("a half push: %v", err)
	}
}
