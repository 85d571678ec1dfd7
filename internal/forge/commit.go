package forge

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"sphera/internal/fault"
	"sphera/internal/store"
)

// trailers that the forge writes and finds again.
const (
	stepTrailer = "Sphera-Step"
	pullTrailer = "Pull-Request"
)

// searchDepth is how far back on a branch a commit of a repeated step is
// looked for. A repeat follows its first try within minutes.
const searchDepth = 1000

// Commit implements Forge.
func (b *Builtin) Commit(ctx context.Context, repo string, in NewCommit) (Commit, error) {
	if err := checkNewCommit(in); err != nil {
		return Commit{}, err
	}
	r, err := b.writable(ctx, b.db.Read(), repo)
	if err != nil {
		return Commit{}, err
	}
	if in.Time.IsZero() {
		in.Time = b.now()
	}
	by, runID := personOf(ctx)
	if by.ID == PortalID && in.Author.ID != "" {
		by = in.Author
	}
	var made Commit
	err = b.exclusive(ctx, r, writer{by: by, runID: runID, portal: true}, func(ctx context.Context, s *session) error {
		var err error
		made, err = s.commit(ctx, in)
		return err
	})
	return made, err
}

func checkNewCommit(in NewCommit) error {
	if err := CheckRefName(in.Branch); err != nil {
		return err
	}
	if in.Base != "" {
		if err := checkRevision(in.Base); err != nil {
			return err
		}
	}
	if in.ExpectHead != "" && !fullSHA.MatchString(in.ExpectHead) {
		return fault.Field("expectHead", "is not a commit id", "40 hexadecimal digits")
	}
	if strings.HasPrefix(in.Branch, portalBranches) && in.Key == "" {
		return fault.Refuse("portal branches", "Branches under sphera/ are written by the portal's runs only.", "Choose another branch name.", "")
	}
	if err := checkText("message", in.Message, 64<<10); err != nil {
		return err
	}
	if strings.TrimSpace(in.Message) == "" {
		return fault.Field("message", "is empty", "what the commit does")
	}
	if err := checkKey(in.Key); err != nil {
		return err
	}
	if len(in.Files)+len(in.Remove) == 0 {
		return fault.Field("files", "has no files", "at least one file to write or remove")
	}
	return checkFiles(in.Files, in.Remove)
}

func checkFiles(files []File, remove []string) error {
	if len(files)+len(remove) > MaxFiles {
		return fault.New(fault.Unprocessable, "A commit has at most %d files.", MaxFiles)
	}
	var total int64
	written := make(map[string]bool, len(files))
	for _, f := range files {
		if err := CheckPath(f.Path); err != nil {
			return err
		}
		if written[f.Path] {
			return fault.Field("files", "has "+f.Path+" twice", "each path once")
		}
		written[f.Path] = true
		total += int64(len(f.Content))
	}
	for path := range written {
		for i := range len(path) {
			if path[i] == '/' && written[path[:i]] {
				return fault.Field("files", "has "+path[:i]+" both as a file and as a folder", "one of them")
			}
		}
	}
	for _, path := range remove {
		if err := CheckPath(path); err != nil {
			return err
		}
	}
	if total > MaxArchiveSize {
		return fault.New(fault.TooLarge, "A commit has at most %d MiB of files.", MaxArchiveSize>>20)
	}
	return nil
}

func (s *session) commit(ctx context.Context, in NewCommit) (Commit, error) {
	if s.repo.archived {
		return Commit{}, archivedRefusal(s.repo)
	}
	// Under the lock the rows are what git has; if somebody wrote to the
	// repository from outside, git refuses to move the branch.
	row, err := s.b.branch(ctx, s.b.db.Read(), s.repo.id, in.Branch)
	if err != nil {
		return Commit{}, err
	}
	head := row.sha
	if head != "" && in.Key != "" {
		found, err := s.findStep(ctx, head, in.Key)
		if err != nil || found != "" {
			return s.existingCommit(ctx, found, err)
		}
	}
	if s.repo.protects(in.Branch) && head != "" && !in.Bypass {
		return Commit{}, s.b.protection(s.repo, in.Branch)
	}
	if in.ExpectHead != "" && in.ExpectHead != head {
		return Commit{}, fault.New(fault.Conflict, "The branch %s of %s points to %s now, not to %s.", in.Branch, s.repo.name, orNothing(head), short(in.ExpectHead))
	}
	parent, err := s.parent(ctx, in, head)
	if err != nil {
		return Commit{}, err
	}
	s.touch(in.Branch)
	sha, err := s.fastImport(ctx, in, parent)
	if err != nil {
		return Commit{}, err
	}
	if err := s.b.failAt("committed"); err != nil {
		return Commit{}, err
	}
	made := Commit{SHA: sha, Message: commitMessage(in), Author: in.Author, At: in.Time.UTC().Truncate(time.Second), Parents: []string{}}
	made.Subject, _, _ = strings.Cut(made.Message, "\n")
	if parent != "" {
		made.Parents = []string{parent}
	}
	return made, nil
}

func (s *session) existingCommit(ctx context.Context, sha string, err error) (Commit, error) {
	if err != nil {
		return Commit{}, err
	}
	list, err := s.b.history(ctx, s.dir, []string{"-1", "--end-of-options", sha})
	if err != nil {
		return Commit{}, err
	}
	if len(list) != 1 {
		return Commit{}, fmt.Errorf("read commit %s: not found", sha)
	}
	return list[0], nil
}

// parent decides what the new commit stands on; "" for a first commit.
func (s *session) parent(ctx context.Context, in NewCommit, head string) (string, error) {
	if head != "" {
		return head, nil
	}
	if in.Base != "" {
		return s.b.resolve(ctx, s.repo, in.Base)
	}
	known, err := s.b.knownBranches(ctx, s.b.db.Read(), s.repo.id, nil)
	if err != nil {
		return "", err
	}
	if len(known) > 0 {
		return "", noBranch(s.repo.name, in.Branch)
	}
	return "", nil
}

// findStep looks for the commit a step made before it was interrupted.
func (s *session) findStep(ctx context.Context, head, key string) (string, error) {
	out, err := s.git(ctx, call{args: []string{
		"log", "-z", fmt.Sprintf("-%d", searchDepth), "--format=%H%x00%(trailers:key=" + stepTrailer + ",valueonly,separator=%x0A)", "--end-of-options", head,
	}})
	if err != nil {
		return "", fmt.Errorf("look for the step's commit: %w", err)
	}
	fields := strings.Split(string(out), "\x00")
	for i := 0; i+1 < len(fields); i += 2 {
		if fields[i+1] == key {
			return fields[i], nil
		}
	}
	return "", nil
}

func commitMessage(in NewCommit) string {
	message := strings.TrimSpace(in.Message) + "\n"
	if in.Key != "" {
		message += "\n" + stepTrailer + ": " + in.Key + "\n"
	}
	return message
}

// fastImport writes all files, the commit and the branch by one process. Git
// moves the branch only forward from parent, so a change by somebody else in
// between is never lost.
func (s *session) fastImport(ctx context.Context, in NewCommit, parent string) (string, error) {
	var stream bytes.Buffer
	w := bufio.NewWriter(&stream)
	message := commitMessage(in)
	fmt.Fprintf(w, "feature done\ncommit refs/heads/%s\nmark :1\nauthor %s %d +0000\ncommitter %s <%s> %d +0000\ndata %d\n%s\n",
		in.Branch, ident(in.Author), in.Time.Unix(), portalName, portalEmail, in.Time.Unix(), len(message), message)
	if parent != "" {
		fmt.Fprintf(w, "from %s\n", parent)
	}
	for _, path := range in.Remove {
		fmt.Fprintf(w, "D %s\n", quotePath(path))
	}
	for _, f := range in.Files {
		mode := "100644"
		if f.Executable {
			mode = "100755"
		}
		fmt.Fprintf(w, "M %s inline %s\ndata %d\n", mode, quotePath(f.Path), len(f.Content))
		fmt.Fprintf(w, "%s\n", f.Content)
	}
	fmt.Fprint(w, "get-mark :1\ndone\n")
	if err := w.Flush(); err != nil {
		return "", fmt.Errorf("write the commit: %w", err)
	}
	out, err := s.git(ctx, call{args: []string{"fast-import", "--quiet", "--done", "--date-format=raw"}, stdin: io.Reader(&stream), limit: 4096})
	if code := exitCode(err); code == 1 {
		return "", fault.New(fault.Conflict, "The branch %s of %s could not be moved: somebody else changed it at the same moment, or its name stands in the way of another branch.", in.Branch, s.repo.name).Wrap(err)
	}
	if err != nil {
		return "", fmt.Errorf("commit to %s: %w", s.repo.name, err)
	}
	sha := strings.TrimSpace(string(out))
	if !fullSHA.MatchString(sha) {
		return "", fmt.Errorf("commit to %s: git answered %q", s.repo.name, clean(sha, 100))
	}
	return sha, nil
}

// quotePath is how fast-import reads any path; control characters were refused.
func quotePath(path string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(path) + `"`
}

// ident is a person in a commit. Git's separators cannot be part of it.
func ident(p Person) string {
	plain := func(s string) string {
		return strings.Trim(strings.Map(func(r rune) rune {
			if isControl(r) || r == '<' || r == '>' {
				return -1
			}
			return r
		}, strings.ToValidUTF8(s, "")), " .,:;\"'")
	}
	name, email := plain(p.Name), strings.ReplaceAll(plain(p.Email), " ", "")
	if name == "" {
		name = plain(p.ID)
	}
	if name == "" {
		name, email = portalName, portalEmail
	}
	return clean(name, 200) + " <" + clean(email, 200) + ">"
}

func short(sha string) string {
	if len(sha) > 10 {
		return sha[:10]
	}
	return sha
}

func orNothing(sha string) string {
	if sha == "" {
		return "nothing"
	}
	return short(sha)
}

// resolve finds the commit of a branch, tag or commit id.
func (b *Builtin) resolve(ctx context.Context, r repository, ref string) (string, error) {
	if ref == "" {
		ref = r.defaultBranch
	}
	if err := checkRevision(ref); err != nil {
		return "", err
	}
	row, err := b.branch(ctx, b.db.Read(), r.id, ref)
	if err != nil || row.sha != "" {
		return row.sha, err
	}
	in := "refs/tags/" + ref + "^{commit}\n"
	if shaPattern.MatchString(ref) {
		in += ref + "^{commit}\n"
	}
	out, err := b.git.run(ctx, call{dir: b.path(r.id), args: []string{"cat-file", "--batch-check=%(objectname)"}, stdin: strings.NewReader(in), limit: 4096})
	if err != nil {
		return "", fmt.Errorf("find %s in %s: %w", ref, r.name, err)
	}
	for line := range strings.Lines(string(out)) {
		if sha := strings.TrimSpace(line); fullSHA.MatchString(sha) {
			return sha, nil
		}
	}
	return "", fault.New(fault.NotFound, "The repository %s has no branch, tag or commit %s.", r.name, ref)
}

// checkRevision accepts a branch, a tag or a commit id.
func checkRevision(ref string) error {
	if shaPattern.MatchString(ref) {
		return nil
	}
	return CheckRefName(ref)
}

// nowMillis is the time as kept in the database.
func (b *Builtin) nowMillis() int64 { return store.Millis(b.now()) }
