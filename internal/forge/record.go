package forge

import (
	"context"
	"fmt"
	"sort"
	"strconv"
	"strings"

	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/store"
)

// moved is a branch whose ref differs from what is recorded.
type moved struct {
	name     string
	old, new branchRow
	// writes are the new commits of the default branch.
	writes []write
}

// write is one new commit on the first-parent line of the default branch.
type write struct {
	sha, parent string
	// pull is the pull request it merged; 0 for none.
	pull     int
	byPortal bool
	paths    []string
}

// record brings the database up to the refs of the touched branches: heads,
// pull requests that were merged, updated or closed by that, events. It looks
// at state, not at what was attempted, so it can be repeated and can be done
// for somebody else.
func (s *session) record(ctx context.Context) error {
	if !s.every && len(s.touched) == 0 {
		return nil
	}
	var names []string
	if !s.every {
		names = s.touched
	}
	now, err := s.b.gitBranches(ctx, s.dir, names)
	if err != nil {
		return err
	}
	known, err := s.b.knownBranches(ctx, s.b.db.Read(), s.repo.id, names)
	if err != nil {
		return err
	}
	changes := differences(known, now)
	if len(changes) == 0 {
		return nil
	}
	compared, err := s.prepare(ctx, changes)
	if err != nil {
		return err
	}
	if err := s.b.failAt("before-record"); err != nil {
		return err
	}
	return s.b.db.Tx(ctx, func(tx *store.Tx) error {
		for _, m := range changes {
			if err := s.recordBranch(ctx, tx, m, compared); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, "UPDATE forge_repositories SET updated_at = $1 WHERE id = $2", s.b.nowMillis(), s.repo.id)
		return err
	})
}

func differences(known, now map[string]branchRow) []moved {
	var changes []moved
	for name, n := range now {
		if known[name].sha != n.sha {
			changes = append(changes, moved{name: name, old: known[name], new: n})
		}
	}
	for name, k := range known {
		if _, ok := now[name]; !ok {
			changes = append(changes, moved{name: name, old: k})
		}
	}
	sort.Slice(changes, func(i, j int) bool { return changes[i].name < changes[j].name })
	return changes
}

// prepare asks git all that recording needs, because git is not called inside
// a transaction.
func (s *session) prepare(ctx context.Context, changes []moved) (map[int]comparison, error) {
	compared := map[int]comparison{}
	heads := map[string]string{}
	for i := range changes {
		m := &changes[i]
		heads[m.name] = m.new.sha
		if s.repo.protects(m.name) && m.new.sha != "" {
			var err error
			if m.writes, err = s.writes(ctx, m.old.sha, m.new.sha); err != nil {
				return nil, err
			}
		}
	}
	for _, m := range changes {
		numbers, err := s.b.openPulls(ctx, s.b.db.Read(), s.repo, m.name)
		if err != nil {
			return nil, err
		}
		for _, number := range numbers {
			if m.new.sha == "" {
				continue
			}
			if err := s.keepHead(ctx, number, m.new.sha); err != nil {
				return nil, err
			}
			pr, err := s.b.pull(ctx, s.b.db.Read(), s.repo, number)
			if err != nil {
				return nil, err
			}
			base := pr.BaseSHA
			if moved, ok := heads[pr.Base]; ok && moved != "" {
				base = moved
			}
			if compared[number], err = s.b.compare(ctx, s.repo, base, m.new.sha); err != nil {
				return nil, err
			}
		}
	}
	return compared, nil
}

// writes reads the new first-parent commits of the default branch, oldest
// first. Trailers count only on commits the portal made. Once the branch exists
// only the portal moves it; its first commits can be pushed by anybody, with any
// text.
func (s *session) writes(ctx context.Context, old, new string) ([]write, error) {
	args := []string{
		"log", "-z", "--first-parent", fmt.Sprintf("-%d", searchDepth),
		"--format=%H%x00%P%x00%(trailers:key=" + pullTrailer + ",valueonly,separator=%x0A)%x00%(trailers:key=" + stepTrailer + ",valueonly,separator=%x0A)",
		"--end-of-options", new,
	}
	if old != "" {
		args = append(args, "^"+old)
	}
	out, err := s.git(ctx, call{args: args})
	if err != nil {
		return nil, fmt.Errorf("read the new commits: %w", err)
	}
	fields := strings.Split(string(out), "\x00")
	var list []write
	for i := 0; i+3 < len(fields); i += 4 {
		parent, _, _ := strings.Cut(fields[i+1], " ")
		w := write{sha: fields[i], parent: parent}
		if s.portal || old != "" {
			w.byPortal = fields[i+3] != ""
			if name, number, found := strings.Cut(fields[i+2], "#"); found && name == s.repo.name {
				w.pull = atoi(number)
			}
		}
		if w.paths, err = s.changedPaths(ctx, w); err != nil {
			return nil, err
		}
		list = append([]write{w}, list...)
	}
	return list, nil
}

func (s *session) changedPaths(ctx context.Context, w write) ([]string, error) {
	args := []string{"diff-tree", "-r", "-z", "--no-commit-id", "--name-only", "--no-renames"}
	if w.parent == "" {
		args = append(args, "--root", "--end-of-options", w.sha)
	} else {
		args = append(args, "--end-of-options", w.parent, w.sha)
	}
	out, err := s.git(ctx, call{args: args})
	if err != nil {
		return nil, fmt.Errorf("list the files of %s: %w", short(w.sha), err)
	}
	paths := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	if len(paths) == 1 && paths[0] == "" {
		return nil, nil
	}
	// Beyond the limit nothing is approved automatically anyway.
	return paths[:min(len(paths), MaxFiles)], nil
}

func (s *session) recordBranch(ctx context.Context, tx *store.Tx, m moved, compared map[int]comparison) error {
	if err := s.saveBranch(ctx, tx, m); err != nil {
		return err
	}
	for _, w := range m.writes {
		byPortal := w.byPortal
		if w.pull != 0 {
			pr, err := s.recordMerge(ctx, tx, m, w)
			if err != nil {
				return err
			}
			byPortal = isPortals(pr)
		}
		if err := s.b.savePortalFiles(ctx, tx, s.repo, w.paths, byPortal); err != nil {
			return err
		}
	}
	if m.new.sha != "" {
		if _, err := tx.ExecContext(ctx, "UPDATE forge_pulls SET base_sha = $1 WHERE repository_id = $2 AND state = 'open' AND base = $3", m.new.sha, s.repo.id, m.name); err != nil {
			return fmt.Errorf("move the base of pull requests: %w", err)
		}
	}
	return s.recordHeads(ctx, tx, m, compared)
}

func (s *session) saveBranch(ctx context.Context, tx *store.Tx, m moved) error {
	verb := "branch.update"
	switch m.new.sha {
	case "":
		verb = "branch.delete"
		if _, err := tx.ExecContext(ctx, "DELETE FROM forge_branches WHERE repository_id = $1 AND name = $2", s.repo.id, m.name); err != nil {
			return fmt.Errorf("forget branch %s: %w", m.name, err)
		}
	default:
		if m.old.sha == "" {
			verb = "branch.create"
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO forge_branches (repository_id, name, sha, subject, updated_at) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (repository_id, name) DO UPDATE SET sha = excluded.sha, subject = excluded.subject, updated_at = excluded.updated_at`,
			s.repo.id, m.name, m.new.sha, m.new.subject, m.new.at); err != nil {
			return fmt.Errorf("record branch %s: %w", m.name, err)
		}
	}
	return s.b.announce(ctx, tx, change{
		verb: verb, object: "repository/" + s.repo.name, by: s.by, runID: s.runID,
		detail: audit.Detail("branch", m.name, "from", m.old.sha, "to", m.new.sha),
		event:  Event{Kind: "push", Repository: s.repo.name, Branch: m.name, SHA: m.new.sha},
	})
}

func (s *session) recordMerge(ctx context.Context, tx *store.Tx, m moved, w write) (PullRequest, error) {
	pr, err := s.b.pull(ctx, tx, s.repo, w.pull)
	if fault.Is(err, fault.NotFound) {
		// The database was restored from a backup older than the refs.
		return PullRequest{}, nil
	}
	if err != nil {
		return PullRequest{}, err
	}
	if pr.State == Merged || pr.Base != m.name {
		return pr, nil
	}
	_, person, err := identified(orPortal(s.by))
	if err != nil {
		return PullRequest{}, err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE forge_pulls SET state = 'merged', merge_sha = $1, base_sha = $2, merged_at = $3, updated_at = $3, merged_by = $4
		WHERE repository_id = $5 AND number = $6`, w.sha, w.parent, s.b.nowMillis(), person, s.repo.id, w.pull); err != nil {
		return PullRequest{}, fmt.Errorf("record the merge of #%d: %w", w.pull, err)
	}
	return pr, s.b.pullChanged(ctx, tx, s.repo, w.pull, comparison{}, pullChange{verb: "pull_request.merge", kind: "pull_request", by: s.by,
		detail: audit.Detail("sha", w.sha, "base", m.name)})
}

// recordHeads follows a branch that is the head of open pull requests.
func (s *session) recordHeads(ctx context.Context, tx *store.Tx, m moved, compared map[int]comparison) error {
	numbers, err := s.b.openPulls(ctx, tx, s.repo, m.name)
	if err != nil {
		return err
	}
	for _, number := range numbers {
		if m.new.sha == "" {
			if err := s.b.closePull(ctx, tx, s.repo, number, s.by, "its branch was deleted"); err != nil {
				return err
			}
			continue
		}
		if _, err := tx.ExecContext(ctx, "UPDATE forge_pulls SET head_sha = $1, updated_at = $2 WHERE repository_id = $3 AND number = $4",
			m.new.sha, s.b.nowMillis(), s.repo.id, number); err != nil {
			return fmt.Errorf("move the head of #%d: %w", number, err)
		}
		if err := s.b.pullChanged(ctx, tx, s.repo, number, compared[number], pullChange{verb: "pull_request.push", kind: "pull_request", by: s.by,
			detail: audit.Detail("from", m.old.sha, "to", m.new.sha, "number", strconv.Itoa(number))}); err != nil {
			return err
		}
	}
	return nil
}
