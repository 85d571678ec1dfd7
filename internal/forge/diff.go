package forge

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Limits of diffs: past them files are listed without their hunks.
const (
	maxDiffOutput = 8 << 20
	maxPatch      = 256 << 10
	maxDiffFiles  = 3000
)

// Diff implements Forge.
func (b *Builtin) Diff(ctx context.Context, repo, base, head string) ([]FileDiff, error) {
	r, err := b.byName(ctx, b.db.Read(), repo)
	if err != nil {
		return nil, err
	}
	baseSHA, err := b.resolve(ctx, r, base)
	if err != nil {
		return nil, err
	}
	headSHA, err := b.resolve(ctx, r, head)
	if err != nil {
		return nil, err
	}
	from, err := b.mergeBase(ctx, b.path(r.id), baseSHA, headSHA)
	if err != nil {
		return nil, err
	}
	return b.diffTree(ctx, b.path(r.id), []string{"--end-of-options", from, headSHA})
}

// mergeBase is where two commits part, or base when they share nothing.
func (b *Builtin) mergeBase(ctx context.Context, dir, base, head string) (string, error) {
	out, err := b.git.run(ctx, call{dir: dir, args: []string{"merge-base", "--end-of-options", base, head}, limit: 4096})
	if exitCode(err) == 1 {
		return base, nil
	}
	if err != nil {
		return "", fmt.Errorf("find the merge base: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// diffTree compares trees by one process that prints, in this order, a record
// and the line counts of each file, and then the hunks.
func (b *Builtin) diffTree(ctx context.Context, dir string, args []string) ([]FileDiff, error) {
	out, err := b.git.run(ctx, call{dir: dir, limit: maxDiffOutput, args: append([]string{
		"diff-tree", "-r", "-M", "-z", "--no-commit-id", "--no-color", "--no-ext-diff", "--no-textconv",
		"--ignore-submodules=none", "--submodule=short", "--full-index", "--raw", "--numstat", "-p",
	}, args...)})
	cut := errors.Is(err, errOutputLimit)
	if err != nil && !cut {
		return nil, fmt.Errorf("compare: %w", err)
	}
	return parseDiff(string(out), cut), nil
}

// parseDiff reads the output of diffTree; cut says that its end is missing.
func parseDiff(out string, cut bool) []FileDiff {
	p := diffParser{rest: out}
	files := p.records()
	p.counts(files)
	sections := splitPatch(p.rest)
	for i := range files {
		f := &files[i]
		switch {
		case f.Binary:
		case i < len(sections) && (!cut || i < len(sections)-1):
			f.Patch = hunks(sections[i])
			if len(f.Patch) > maxPatch {
				f.Patch, f.Truncated = "", true
			}
		default:
			f.Truncated = true
		}
	}
	if len(files) > maxDiffFiles {
		files = files[:maxDiffFiles]
	}
	return files
}

type diffParser struct{ rest string }

func (p *diffParser) field() (string, bool) {
	v, rest, found := strings.Cut(p.rest, "\x00")
	if found {
		p.rest = rest
	}
	return v, found
}

// records reads ":100644 100644 SHA SHA M" NUL path NUL ...
func (p *diffParser) records() []FileDiff {
	files := []FileDiff{}
	for strings.HasPrefix(p.rest, ":") {
		meta, ok := p.field()
		fields := strings.Fields(meta)
		path, ok2 := p.field()
		if !ok || !ok2 || len(fields) != 5 {
			break
		}
		f := FileDiff{Path: path, Verb: "change"}
		switch fields[4][0] {
		case 'A':
			f.Verb = "add"
		case 'D':
			f.Verb = "remove"
		case 'R', 'C':
			f.Verb, f.OldPath = "rename", path
			if f.Path, ok = p.field(); !ok {
				return files
			}
		}
		files = append(files, f)
	}
	return files
}

// counts reads "ADDED TAB REMOVED TAB path" NUL, or with an empty path for
// renames followed by both paths.
func (p *diffParser) counts(files []FileDiff) {
	for i := range files {
		line, ok := p.field()
		parts := strings.SplitN(line, "\t", 3)
		if !ok || len(parts) != 3 {
			return
		}
		if parts[0] == "-" {
			files[i].Binary = true
		} else {
			files[i].Added, files[i].Removed = atoi(parts[0]), atoi(parts[1])
		}
		if parts[2] == "" {
			p.field()
			p.field()
		}
	}
	p.rest = strings.TrimPrefix(p.rest, "\x00")
}

func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}

// splitPatch cuts a patch into files. Lines inside hunks are counted off, so
// that content which looks like a header does not fool it.
func splitPatch(patch string) []string {
	var sections []string
	start, old, new := 0, 0, 0
	for pos := 0; pos < len(patch); {
		end := strings.IndexByte(patch[pos:], '\n')
		if end < 0 {
			end = len(patch) - pos - 1
		}
		line := patch[pos : pos+end+1]
		switch {
		case old > 0 || new > 0:
			switch line[0] {
			case '+':
				new--
			case '-':
				old--
			case '\\':
			default:
				old, new = old-1, new-1
			}
		case strings.HasPrefix(line, "diff --git "):
			if pos > start {
				sections = append(sections, patch[start:pos])
			}
			start = pos
		case strings.HasPrefix(line, "@@ "):
			old, new = hunkSize(line)
		}
		pos += end + 1
	}
	if start < len(patch) {
		sections = append(sections, patch[start:])
	}
	return sections
}

// hunkSize reads the line counts of "@@ -a,b +c,d @@".
func hunkSize(line string) (old, new int) {
	fields := strings.Fields(line)
	if len(fields) < 3 {
		return 0, 0
	}
	size := func(s string) int {
		_, n, found := strings.Cut(s, ",")
		if !found {
			return 1
		}
		return atoi(n)
	}
	return size(fields[1]), size(fields[2])
}

// hunks is a section from its first "@@" on.
func hunks(section string) string {
	i := strings.Index(section, "\n@@ ")
	if i < 0 {
		return ""
	}
	return strings.ToValidUTF8(section[i+1:], "\uFFFD")
}
