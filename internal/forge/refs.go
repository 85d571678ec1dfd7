package forge

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sphera/internal/fault"
	"sphera/internal/store"
)

// zeroSHA stands for "no commit" in git's protocols.
const zeroSHA = "0000000000000000000000000000000000000000"

// branchRow is a row of forge_branches, or a ref as git has it.
type branchRow struct {
	name, sha, subject string
	at                 int64
}

func scanBranch(row interface{ Scan(...any) error }) (branchRow, error) {
	var r branchRow
	err := row.Scan(&r.name, &r.sha, &r.subject, &r.at)
	return r, err
}

// gitBranches reads branches from git: the named ones, or all.
func (b *Builtin) gitBranches(ctx context.Context, dir string, names []string) (map[string]branchRow, error) {
	args := []string{"for-each-ref", "--format=%(refname)%00%(objectname)%00%(committerdate:unix)%00%(contents:subject)"}
	if names == nil {
		args = append(args, "refs/heads/")
	}
	for _, name := range names {
		args = append(args, "refs/heads/"+name)
	}
	out, err := b.git.run(ctx, call{dir: dir, args: args})
	if err != nil {
		return nil, fmt.Errorf("list branches: %w", err)
	}
	found := map[string]branchRow{}
	for line := range bytes.Lines(out) {
		fields := strings.SplitN(strings.TrimSuffix(string(line), "\n"), "\x00", 4)
		if len(fields) != 4 {
			continue
		}
		seconds, err := strconv.ParseInt(fields[2], 10, 64)
		if err != nil {
			seconds = 0
		}
		name := strings.TrimPrefix(fields[0], "refs/heads/")
		// Only names that could have been made through the portal count.
		if CheckRefName(name) == nil {
			found[name] = branchRow{name: name, sha: fields[1], subject: clean(fields[3], 300), at: seconds * 1000}
		}
	}
	if names != nil {
		// A pattern also matches everything below it.
		for name := range found {
			if !contains(names, name) {
				delete(found, name)
			}
		}
	}
	return found, nil
}

func contains(list []string, s string) bool {
	return slices.Contains(list, s)
}

// clean makes text of a commit fit for the database: valid, one line, bounded.
func clean(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if isControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "") + "…"
	}
	return s
}

// knownBranches reads branches from the database: the named ones, or all.
func (b *Builtin) knownBranches(ctx context.Context, q store.Querier, id string, names []string) (map[string]branchRow, error) {
	known := map[string]branchRow{}
	if names == nil {
		rows, err := q.QueryContext(ctx, "SELECT name, sha, subject, updated_at FROM forge_branches WHERE repository_id = $1", id)
		list, err := store.All(rows, err, scanBranch)
		if err != nil {
			return nil, fmt.Errorf("read branches: %w", err)
		}
		for _, r := range list {
			known[r.name] = r
		}
		return known, nil
	}
	for _, name := range names {
		r, err := b.branch(ctx, q, id, name)
		if err != nil {
			return nil, err
		}
		if r.sha != "" {
			known[name] = r
		}
	}
	return known, nil
}

// branch reads one branch; sha is empty when there is none.
func (b *Builtin) branch(ctx context.Context, q store.Querier, id, name string) (branchRow, error) {
	r, err := scanBranch(q.QueryRowContext(ctx, "SELECT name, sha, subject, updated_at FROM forge_branches WHERE repository_id = $1 AND name = $2", id, name))
	if errors.Is(err, sql.ErrNoRows) {
		return branchRow{name: name}, nil
	}
	if err != nil {
		return branchRow{}, fmt.Errorf("read branch %s: %w", name, err)
	}
	return r, nil
}

// Head implements Forge.
func (b *Builtin) Head(ctx context.Context, repo, branch string) (string, error) {
	if err := CheckRefName(branch); err != nil {
		return "", err
	}
	r, err := b.byName(ctx, b.db.Read(), repo)
	if err != nil {
		return "", err
	}
	row, err := b.branch(ctx, b.db.Read(), r.id, branch)
	if err == nil && row.sha == "" {
		err = noBranch(repo, branch)
	}
	return row.sha, err
}

func noBranch(repo, branch string) error {
	return fault.New(fault.NotFound, "The repository %s has no branch %s.", repo, branch)
}

// maxBranches is how many branches Branches returns.
const maxBranches = 1000

// Branches implements Forge: the default branch first, then the most recent,
// at most 1,000.
func (b *Builtin) Branches(ctx context.Context, repo string) ([]Branch, error) {
	r, err := b.byName(ctx, b.db.Read(), repo)
	if err != nil {
		return nil, err
	}
	rows, err := b.db.Read().QueryContext(ctx, `SELECT name, sha, subject, updated_at FROM forge_branches WHERE repository_id = $1
		ORDER BY CASE WHEN name = $2 THEN 0 ELSE 1 END, updated_at DESC, name LIMIT $3`, r.id, r.defaultBranch, maxBranches)
	list, err := store.All(rows, err, scanBranch)
	if err != nil {
		return nil, fmt.Errorf("list branches of %s: %w", repo, err)
	}
	out := make([]Branch, 0, len(list))
	for _, row := range list {
		out = append(out, Branch{Name: row.name, SHA: row.sha, Subject: row.subject, UpdatedAt: store.Time(row.at), Protected: r.protects(row.name)})
	}
	return out, nil
}

// protects reports whether a branch changes only by pull request.
func (r repository) protects(branch string) bool { return branch == r.defaultBranch }

// protection is the refusal to write to a protected branch directly.
func (b *Builtin) protection(r repository, branch string) error {
	return fault.Refuse("protected branch",
		fmt.Sprintf("The branch %s of %s changes only by pull request.", branch, r.name),
		"Push another branch and open a pull request: "+b.publicURL()+"/forge/"+escapeRepo(r.name),
		r.owner)
}

func escapeRepo(name string) string { return strings.ReplaceAll(name, "/", "%2F") }

// DeleteBranch implements Forge.
func (b *Builtin) DeleteBranch(ctx context.Context, repo, branch string) error {
	if err := CheckRefName(branch); err != nil {
		return err
	}
	r, err := b.writable(ctx, b.db.Read(), repo)
	if err != nil {
		return err
	}
	if r.protects(branch) {
		return b.protection(r, branch)
	}
	by, runID := personOf(ctx)
	return b.exclusive(ctx, r, writer{by: by, runID: runID, portal: true}, func(ctx context.Context, s *session) error {
		refs, err := b.gitBranches(ctx, s.dir, []string{branch})
		if err != nil {
			return err
		}
		found, ok := refs[branch]
		if !ok {
			return noBranch(repo, branch)
		}
		s.touch(branch)
		return s.updateRefs(ctx, refUpdate{"refs/heads/" + branch, found.sha, ""})
	})
}

// refUpdate moves a ref from old to new; an empty old means it must not exist,
// an empty new deletes it.
type refUpdate struct{ ref, old, new string }

// updateRefs moves refs together or not at all.
func (s *session) updateRefs(ctx context.Context, updates ...refUpdate) error {
	var in strings.Builder
	in.WriteString("start\n")
	for _, u := range updates {
		old, verb := u.old, "update"
		if old == "" {
			old = zeroSHA
		}
		if u.new == "" {
			verb = "delete"
			fmt.Fprintf(&in, "%s %s %s\n", verb, u.ref, old)
			continue
		}
		fmt.Fprintf(&in, "%s %s %s %s\n", verb, u.ref, u.new, old)
	}
	in.WriteString("prepare\ncommit\n")
	if _, err := s.git(ctx, call{args: []string{"update-ref", "--stdin"}, stdin: strings.NewReader(in.String())}); err != nil {
		if exitCode(err) > 0 {
			return fault.New(fault.Conflict, "The branch was changed by somebody else at the same moment, or its name stands in the way of another branch. Look at the branches and try again.").Wrap(err)
		}
		return fmt.Errorf("move refs: %w", err)
	}
	return nil
}
