package forge

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/store"
)

// SetStatus implements Forge.
func (b *Builtin) SetStatus(ctx context.Context, repo, sha string, s Status) error {
	if !fullSHA.MatchString(sha) {
		return fault.Field("sha", "is not a commit id", "40 hexadecimal digits")
	}
	if err := checkStatus(s); err != nil {
		return err
	}
	r, err := b.writable(ctx, b.db.Read(), repo)
	if err != nil {
		return err
	}
	if _, err := b.resolve(ctx, r, sha); err != nil {
		return err
	}
	by, runID := personOf(ctx)
	return b.db.Tx(ctx, func(tx *store.Tx) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO forge_statuses (repository_id, sha, context, state, description, url, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (repository_id, sha, context)
			DO UPDATE SET state = excluded.state, description = excluded.description, url = excluded.url, updated_at = excluded.updated_at`,
			r.id, sha, s.Context, s.State, s.Description, s.URL, b.nowMillis()); err != nil {
			return fmt.Errorf("save the status: %w", err)
		}
		rows, err := tx.QueryContext(ctx, "SELECT "+pullColumns+pullFrom+"WHERE p.repository_id = $1 AND p.state = 'open' AND p.head_sha = $2 ORDER BY p.number", r.id, sha)
		pulls, err := store.All(rows, err, scanPull)
		if err != nil {
			return fmt.Errorf("find pull requests of the commit: %w", err)
		}
		c := change{verb: "repository.status", object: "repository/" + repo, by: by, runID: runID,
			detail: audit.Detail("sha", sha, "context", s.Context, "state", s.State),
			event:  Event{Kind: "status", Repository: repo, SHA: sha}}
		if len(pulls) == 0 {
			return b.announce(ctx, tx, c)
		}
		for _, pr := range pulls {
			c.event.PullRequest = &pr
			c.object = fmt.Sprintf("pull-request/%s/%d", repo, pr.Number)
			if err := b.announce(ctx, tx, c); err != nil {
				return err
			}
		}
		return nil
	})
}

func checkStatus(s Status) error {
	if err := checkTitle("context", s.Context, 100); err != nil {
		return err
	}
	if err := checkLine("description", s.Description, 500); err != nil {
		return err
	}
	if err := oneOf("state", s.State, "pending", "success", "failure"); err != nil {
		return err
	}
	if s.URL == "" || strings.HasPrefix(s.URL, "/") && !strings.HasPrefix(s.URL, "//") && checkLine("url", s.URL, 2000) == nil {
		return nil
	}
	u, err := url.Parse(s.URL)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || len(s.URL) > 2000 {
		return fault.Field("url", "is not a web address", "https://... or a path of the portal")
	}
	return nil
}

// Statuses implements Forge.
func (b *Builtin) Statuses(ctx context.Context, repo, sha string) ([]Status, error) {
	if !fullSHA.MatchString(sha) {
		return nil, fault.Field("sha", "is not a commit id", "40 hexadecimal digits")
	}
	r, err := b.byName(ctx, b.db.Read(), repo)
	if err != nil {
		return nil, err
	}
	return b.statuses(ctx, b.db.Read(), r, sha)
}

func (b *Builtin) statuses(ctx context.Context, q store.Querier, r repository, sha string) ([]Status, error) {
	rows, err := q.QueryContext(ctx, "SELECT context, state, description, url, updated_at FROM forge_statuses WHERE repository_id = $1 AND sha = $2 ORDER BY context LIMIT 200", r.id, sha)
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (Status, error) {
		var s Status
		var at int64
		err := row.Scan(&s.Context, &s.State, &s.Description, &s.URL, &at)
		s.At = store.Time(at)
		return s, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the statuses of %s: %w", short(sha), err)
	}
	return list, nil
}
