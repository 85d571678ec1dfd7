package forge

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"sphera/internal/fault"
)

// maxSkip bounds how far back a history is paged.
const maxSkip = 100_000

// history runs git log with more arguments and reads the commits.
func (b *Builtin) history(ctx context.Context, dir string, args []string) ([]Commit, error) {
	out, err := b.git.run(ctx, call{dir: dir, args: append([]string{
		"log", "-z", "--no-color", "--no-show-signature", "--format=%H%x00%P%x00%an%x00%ae%x00%at%x00%B",
	}, args...)})
	if err != nil {
		return nil, fmt.Errorf("read the history: %w", err)
	}
	fields := strings.Split(string(out), "\x00")
	list := make([]Commit, 0, len(fields)/6)
	for i := 0; i+5 < len(fields); i += 6 {
		seconds, err := strconv.ParseInt(fields[i+4], 10, 64)
		if err != nil {
			seconds = 0
		}
		message := strings.ToValidUTF8(fields[i+5], "\uFFFD")
		subject, _, _ := strings.Cut(message, "\n")
		list = append(list, Commit{
			SHA: fields[i], Parents: strings.Fields(fields[i+1]),
			Author:  Person{Name: clean(fields[i+2], 200), Email: clean(fields[i+3], 200)},
			At:      time.Unix(seconds, 0).UTC(),
			Subject: clean(subject, 300), Message: bounded(message, 64<<10),
		})
	}
	return list, nil
}

func bounded(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}

// Commits implements Forge: newest first. The cursor holds the commit the
// listing began at, so that pushes in between do not shift pages.
func (b *Builtin) Commits(ctx context.Context, repo, ref string, limit int, from string) ([]Commit, string, error) {
	r, err := b.byName(ctx, b.db.Read(), repo)
	if err != nil {
		return nil, "", err
	}
	var start string
	skip := 0
	if from != "" {
		sha, offset, _ := strings.Cut(from, "-")
		n, err := strconv.Atoi(offset)
		if err != nil || n < 0 || n > maxSkip || !fullSHA.MatchString(sha) {
			return nil, "", fault.Field("from", "is not a cursor of this list", "the \"next\" of the former page")
		}
		start, skip = sha, n
	} else if start, err = b.startOf(ctx, r, ref); err != nil || start == "" {
		return []Commit{}, "", err
	}
	limit = clamp(limit)
	list, err := b.history(ctx, b.path(r.id), []string{
		"--skip=" + strconv.Itoa(skip), "--max-count=" + strconv.Itoa(limit+1), "--end-of-options", start,
	})
	if exitCode(err) > 0 {
		return nil, "", fault.New(fault.NotFound, "The repository %s has no commit %s.", repo, short(start)).Wrap(err)
	}
	if err != nil {
		return nil, "", err
	}
	next := ""
	if len(list) > limit {
		list = list[:limit]
		next = start + "-" + strconv.Itoa(skip+limit)
	}
	return list, next, nil
}

// startOf is resolve, but "" for the default branch of an empty repository.
func (b *Builtin) startOf(ctx context.Context, r repository, ref string) (string, error) {
	sha, err := b.resolve(ctx, r, ref)
	if fault.Is(err, fault.NotFound) && (ref == "" || ref == r.defaultBranch) {
		return "", nil
	}
	return sha, err
}

// CommitDetail implements Forge.
func (b *Builtin) CommitDetail(ctx context.Context, repo, sha string) (Commit, []FileDiff, error) {
	if !shaPattern.MatchString(sha) {
		return Commit{}, nil, fault.Field("sha", "is not a commit id", "7 to 40 hexadecimal digits")
	}
	r, err := b.byName(ctx, b.db.Read(), repo)
	if err != nil {
		return Commit{}, nil, err
	}
	full, err := b.resolve(ctx, r, sha)
	if err != nil {
		return Commit{}, nil, err
	}
	list, err := b.history(ctx, b.path(r.id), []string{"-1", "--end-of-options", full})
	if err != nil || len(list) != 1 {
		return Commit{}, nil, fmt.Errorf("read commit %s: %w", short(sha), err)
	}
	args := []string{"--root", "--end-of-options", full}
	if len(list[0].Parents) > 0 {
		args = []string{"--end-of-options", list[0].Parents[0], full}
	}
	files, err := b.diffTree(ctx, b.path(r.id), args)
	return list[0], files, err
}
