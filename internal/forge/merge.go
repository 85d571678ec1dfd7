package forge

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"sphera/internal/fault"
)

// Merge implements Forge. Merging is moving the base branch to a commit that
// names the pull request in a trailer; recording the moved branch then finds
// the trailer and marks the pull request merged. A merge interrupted in
// between is therefore recorded like any other.
func (b *Builtin) Merge(ctx context.Context, repo string, number int, by Person, method MergeMethod) (PullRequest, error) {
	if err := oneOf("method", method, Squash, MergeCommit); err != nil {
		return PullRequest{}, err
	}
	if by.ID == "" {
		return PullRequest{}, fault.Field("by", "is missing", "who merges")
	}
	r, err := b.byName(ctx, b.db.Read(), repo)
	if err != nil {
		return PullRequest{}, err
	}
	_, runID := personOf(ctx)
	err = b.exclusive(ctx, r, writer{by: by, runID: runID, portal: true}, func(ctx context.Context, s *session) error {
		return s.merge(ctx, number, by, method)
	})
	if err != nil {
		return PullRequest{}, err
	}
	pr, err := b.PullRequest(ctx, repo, number)
	if err == nil && pr.State != Merged {
		err = fmt.Errorf("merge %s#%d: it was not recorded as merged", repo, number)
	}
	return pr, err
}

func (s *session) merge(ctx context.Context, number int, by Person, method MergeMethod) error {
	b := s.b
	pr, err := b.pull(ctx, b.db.Read(), s.repo, number)
	if err != nil || pr.State == Merged {
		return err
	}
	if s.repo.archived {
		return archivedRefusal(s.repo)
	}
	pr, err = b.fill(ctx, b.db.Read(), s.repo, pr)
	if err != nil {
		return err
	}
	if !pr.Mergeable.OK {
		return fault.New(fault.Conflict, "The pull request %s#%d cannot be merged. %s", s.repo.name, number, strings.Join(pr.Mergeable.Blocked, " ")).WithData(pr.Mergeable)
	}
	c, err := b.compareByGit(ctx, s.dir, pr.BaseSHA, pr.HeadSHA)
	if err != nil {
		return err
	}
	if c.merged == "" {
		return errors.New("merge: git found conflicts where it found none before")
	}
	sha, err := s.mergeCommit(ctx, pr, by, method, c.merged)
	if err != nil {
		return err
	}
	s.touch(pr.Base)
	if err := b.failAt("merge-commit-made"); err != nil {
		return err
	}
	if err := s.updateRefs(ctx, refUpdate{"refs/heads/" + pr.Base, pr.BaseSHA, sha}); err != nil {
		return err
	}
	return b.failAt("merged")
}

func (s *session) mergeCommit(ctx context.Context, pr PullRequest, by Person, method MergeMethod, tree string) (string, error) {
	message := fmt.Sprintf("%s (#%d)\n", pr.Title, pr.Number)
	author := pr.Author
	args := []string{"commit-tree", "-p", pr.BaseSHA}
	if method == MergeCommit {
		message = fmt.Sprintf("Merge #%d from %s: %s\n", pr.Number, pr.Head, pr.Title)
		author = by
		args = append(args, "-p", pr.HeadSHA)
	}
	if body := strings.TrimSpace(pr.Body); body != "" {
		message += "\n" + body + "\n"
	}
	message += fmt.Sprintf("\n%s: %s\nMerged-by: %s\n", pullTrailer, pullKey(s.repo.name, pr.Number), ident(by))
	name, email, _ := strings.Cut(ident(author), " <")
	at := fmt.Sprintf("%d +0000", s.b.now().Unix())
	out, err := s.git(ctx, call{
		args: append(args, "-F", "-", tree), stdin: strings.NewReader(message), limit: 4096,
		env: []string{
			"GIT_AUTHOR_NAME=" + name, "GIT_AUTHOR_EMAIL=" + strings.TrimSuffix(email, ">"), "GIT_AUTHOR_DATE=" + at, "GIT_COMMITTER_DATE=" + at,
		},
	})
	if err != nil {
		return "", fmt.Errorf("make the merge commit: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

func pullKey(repo string, number int) string { return fmt.Sprintf("%s#%d", repo, number) }
