package forge

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"sphera/internal/store"
)

// saveWaiting keeps who can give the missing reviews of a pull request, so
// that "waiting for me" is a query and not a calculation over all of them.
func (b *Builtin) saveWaiting(ctx context.Context, tx *store.Tx, r repository, pr PullRequest, c comparison) error {
	if _, err := tx.ExecContext(ctx, "DELETE FROM forge_waiting WHERE repository_id = $1 AND number = $2", r.id, pr.Number); err != nil {
		return fmt.Errorf("clear who is waited for: %w", err)
	}
	if pr.State != Open {
		return nil
	}
	reviews, err := b.reviews(ctx, tx, r, pr)
	if err != nil {
		return err
	}
	m, err := b.mergeability(ctx, tx, r, pr, c, reviews, nil)
	if err != nil {
		return err
	}
	for _, reviewer := range m.Reviewers {
		if _, err := tx.ExecContext(ctx, "INSERT INTO forge_waiting (repository_id, number, reviewer) VALUES ($1, $2, $3)", r.id, pr.Number, reviewer); err != nil {
			return fmt.Errorf("save who is waited for: %w", err)
		}
	}
	return nil
}

// refreshAllWaiting follows a change of the rules.
func (b *Builtin) refreshAllWaiting(ctx context.Context, repo string) error {
	r, err := b.byName(ctx, b.db.Read(), repo)
	if err != nil {
		return err
	}
	numbers, err := b.openPulls(ctx, b.db.Read(), r, "")
	if err != nil {
		return err
	}
	for _, number := range numbers {
		if err := b.onPull(ctx, repo, number, func(ctx context.Context, tx *store.Tx, r repository, pr PullRequest, c comparison) error {
			return b.saveWaiting(ctx, tx, r, pr, c)
		}); err != nil {
			return err
		}
	}
	return nil
}

// portalFiles says which of the changed files were last written on the default
// branch by the portal; asked only when a rule depends on it.
func (b *Builtin) portalFiles(ctx context.Context, q store.Querier, r repository, pr PullRequest, set ruleSet, files []changedFile) (map[string]bool, error) {
	found := map[string]bool{}
	if !isPortals(pr) || pr.Base != r.defaultBranch {
		return found, nil
	}
	paths := []string{}
	for i, decided := range set.ruleFiles(files) {
		for _, f := range decided {
			if set.rules[i].Auto && !f.added {
				paths = append(paths, f.path)
			}
		}
	}
	const chunk = 200
	for len(paths) > 0 {
		n := min(chunk, len(paths))
		marks, args := make([]string, n), []any{r.id}
		for i, p := range paths[:n] {
			args = append(args, p)
			marks[i] = "$" + strconv.Itoa(len(args))
		}
		rows, err := q.QueryContext(ctx, "SELECT path FROM forge_portal_files WHERE repository_id = $1 AND path IN ("+strings.Join(marks, ", ")+")", args...)
		list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (string, error) {
			var p string
			err := row.Scan(&p)
			return p, err
		})
		if err != nil {
			return nil, fmt.Errorf("look up who wrote files of %s: %w", r.name, err)
		}
		for _, p := range list {
			found[p] = true
		}
		paths = paths[n:]
	}
	return found, nil
}

// savePortalFiles records who wrote files of the default branch last.
func (b *Builtin) savePortalFiles(ctx context.Context, tx *store.Tx, r repository, paths []string, byPortal bool) error {
	statement := "DELETE FROM forge_portal_files WHERE repository_id = $1 AND path = $2"
	if byPortal {
		statement = "INSERT INTO forge_portal_files (repository_id, path) VALUES ($1, $2) ON CONFLICT DO NOTHING"
	}
	for _, p := range paths {
		if pathProblem(p) != "" {
			continue
		}
		if _, err := tx.ExecContext(ctx, statement, r.id, p); err != nil {
			return fmt.Errorf("record who wrote %s: %w", clean(p, 200), err)
		}
	}
	return nil
}
