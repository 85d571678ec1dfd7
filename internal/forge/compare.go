package forge

import (
	"context"
	"fmt"
	"strings"
)

// comparisonKey names a comparison; commits never change, so neither does it.
type comparisonKey struct{ repo, base, head string }

// comparison is what merging head into base would mean.
type comparison struct {
	files []changedFile
	// conflicts are the files that cannot be merged by themselves.
	conflicts []string
	// merged is the tree after the merge, when there are no conflicts.
	merged string
	// related is false when the two have no common commit.
	related bool
	// tooMany is true when files was cut.
	tooMany bool
}

// changedFile is a file that a pull request changes.
type changedFile struct {
	path, oldPath string
	added         bool
}

// maxCachedFiles keeps huge comparisons out of memory.
const maxCachedFiles = 500

func (b *Builtin) compare(ctx context.Context, r repository, base, head string) (comparison, error) {
	key := comparisonKey{r.id, base, head}
	if c, ok := b.compared.get(key); ok {
		return c, nil
	}
	c, err := b.compareByGit(ctx, b.path(r.id), base, head)
	if err == nil && len(c.files)+len(c.conflicts) <= maxCachedFiles {
		b.compared.put(key, c)
	}
	return c, err
}

func (b *Builtin) compareByGit(ctx context.Context, dir, base, head string) (comparison, error) {
	c := comparison{related: true}
	out, err := b.git.run(ctx, call{dir: dir, args: []string{
		"diff-tree", "-r", "-M", "-z", "--no-commit-id", "--name-status", "--merge-base", "--end-of-options", base, head,
	}})
	if exitCode(err) == 128 {
		return comparison{}, nil // no merge base
	}
	if err != nil {
		return comparison{}, fmt.Errorf("compare: %w", err)
	}
	c.files = parseNameStatus(string(out))
	if len(c.files) > MaxFiles {
		c.files, c.tooMany = c.files[:MaxFiles], true
	}
	out, err = b.git.run(ctx, call{dir: dir, args: []string{
		"merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", base, head,
	}})
	if err != nil && exitCode(err) != 1 {
		return comparison{}, fmt.Errorf("try the merge: %w", err)
	}
	fields := strings.Split(strings.TrimRight(string(out), "\x00"), "\x00")
	if err == nil {
		c.merged = fields[0]
		return c, nil
	}
	c.conflicts = fields[1:]
	return c, nil
}

// parseNameStatus reads "M" NUL path NUL and "R98" NUL old NUL new NUL.
func parseNameStatus(out string) []changedFile {
	fields := strings.Split(out, "\x00")
	files := []changedFile{}
	for i := 0; i+1 < len(fields); i += 2 {
		f := changedFile{path: fields[i+1], added: fields[i] == "A"}
		if (strings.HasPrefix(fields[i], "R") || strings.HasPrefix(fields[i], "C")) && i+2 < len(fields) {
			f.oldPath, f.path = fields[i+1], fields[i+2]
			i++
		}
		files = append(files, f)
	}
	return files
}
