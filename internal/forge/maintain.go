package forge

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"sphera/internal/store"
)

// How long leftovers are kept.
const (
	orphanAge       = time.Hour
	portalBranchAge = 7 * 24 * time.Hour
	maintainTimeout = 10 * time.Minute
	// maxPacks is how many packs a repository may have before a change folds
	// them: each change adds one.
	maxPacks = 60
)

// Maintain heals and tidies every repository: it records refs that were moved
// unrecorded, deletes the portal's branches a week after their pull request
// ended, collects garbage, and removes folders that never got a name. Call it
// about hourly from one place; it holds one repository's lock at a time.
func (b *Builtin) Maintain(ctx context.Context) error {
	failed := b.removeOrphans(ctx)
	after := ""
	for {
		rows, err := b.db.Read().QueryContext(ctx, "SELECT "+repositoryColumns+" FROM forge_repositories r WHERE r.id > $1 ORDER BY r.id LIMIT $2", after, maxLimit)
		list, err := store.All(rows, err, scanRepository)
		if err != nil {
			return errors.Join(failed, fmt.Errorf("list repositories to maintain: %w", err))
		}
		for _, r := range list {
			after = r.id
			if err := b.maintain(ctx, r); err != nil {
				failed = errors.Join(failed, fmt.Errorf("maintain %s: %w", r.name, err))
			}
		}
		if len(list) < maxLimit || ctx.Err() != nil {
			return errors.Join(failed, ctx.Err())
		}
	}
}

func (b *Builtin) maintain(ctx context.Context, r repository) error {
	return b.exclusive(ctx, r, writer{by: Portal()}, func(ctx context.Context, s *session) error {
		s.every = true
		if err := s.dropEndedBranches(ctx); err != nil {
			return err
		}
		if s.packs() < 2 && !s.looseObjects() {
			return nil
		}
		_, err := s.git(ctx, call{args: []string{"gc", "--quiet"}, timeout: maintainTimeout})
		return err
	})
}

// dropEndedBranches deletes branches of runs whose pull request was merged or
// closed a week ago. Their commits stay under refs/pull.
func (s *session) dropEndedBranches(ctx context.Context) error {
	rows, err := s.b.db.Read().QueryContext(ctx, `SELECT b.name, b.sha, b.subject, b.updated_at FROM forge_branches b
		WHERE b.repository_id = $1 AND b.name LIKE 'sphera/%'
		AND EXISTS (SELECT 1 FROM forge_pulls p WHERE p.repository_id = b.repository_id AND p.head = b.name AND p.head_sha = b.sha)
		AND NOT EXISTS (SELECT 1 FROM forge_pulls p WHERE p.repository_id = b.repository_id AND p.head = b.name AND (p.state = 'open' OR p.updated_at > $2))
		LIMIT 500`, s.repo.id, store.Millis(s.b.now().Add(-portalBranchAge)))
	list, err := store.All(rows, err, scanBranch)
	if err != nil || len(list) == 0 {
		return err
	}
	updates := make([]refUpdate, 0, len(list))
	for _, row := range list {
		updates = append(updates, refUpdate{"refs/heads/" + row.name, row.sha, ""})
	}
	return s.updateRefs(ctx, updates...)
}

func (s *session) packs() int {
	files, err := fs.Glob(s.b.root.FS(), repositoryDir(s.repo.id)+"/objects/pack/*.pack")
	if err != nil {
		return 0
	}
	return len(files)
}

func (s *session) looseObjects() bool {
	dirs, err := fs.Glob(s.b.root.FS(), repositoryDir(s.repo.id)+"/objects/[0-9a-f][0-9a-f]")
	return err == nil && len(dirs) > 64
}

// tidy folds small packs together once there are many, because every git
// process opens each of them. It is no failure of the change when it fails.
func (s *session) tidy(ctx context.Context) {
	if len(s.touched) == 0 || s.packs() <= maxPacks {
		return
	}
	if _, err := s.git(ctx, call{args: []string{"repack", "--geometric=2", "-d", "-q"}}); err != nil {
		s.b.logger.WarnContext(ctx, "fold packs", "repository", s.repo.name, "error", err)
	}
}

// removeOrphans removes folders whose repository was never named because the
// process ended in between.
func (b *Builtin) removeOrphans(ctx context.Context) error {
	entries, err := fs.ReadDir(b.root.FS(), "repositories")
	if err != nil {
		return fmt.Errorf("list repository folders: %w", err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || b.now().Sub(info.ModTime()) < orphanAge {
			continue
		}
		id, _, _ := strings.Cut(e.Name(), ".")
		var n int
		if err := b.db.Read().QueryRowContext(ctx, "SELECT COUNT(*) FROM forge_repositories WHERE id = $1", id).Scan(&n); err != nil {
			return fmt.Errorf("look for the repository %s: %w", id, err)
		}
		if n > 0 && !strings.HasSuffix(e.Name(), ".new") {
			continue
		}
		if err := b.root.RemoveAll("repositories/" + e.Name()); err != nil {
			return fmt.Errorf("remove an unnamed repository folder: %w", err)
		}
		b.logger.InfoContext(ctx, "removed a repository folder that has no name", "folder", e.Name())
	}
	return nil
}
