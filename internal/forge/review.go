package forge

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/store"

	"github.com/google/uuid"
)

// maxTalk is how many reviews and comments of one pull request are shown.
const maxTalk = 500

func (b *Builtin) reviews(ctx context.Context, q store.Querier, r repository, pr PullRequest) ([]reviewer, error) {
	rows, err := q.QueryContext(ctx, `SELECT id, person, memberships, verdict, body, sha, created_at FROM forge_reviews
		WHERE repository_id = $1 AND number = $2 ORDER BY created_at, id LIMIT $3`, r.id, pr.Number, maxTalk)
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (reviewer, error) {
		var v reviewer
		var person, member string
		var at int64
		if err := row.Scan(&v.id, &person, &member, &v.Verdict, &v.Body, &v.SHA, &at); err != nil {
			return v, err
		}
		v.At, v.Stale = store.Time(at), v.SHA != pr.HeadSHA
		if err := json.Unmarshal([]byte(person), &v.By); err != nil {
			return v, err
		}
		return v, json.Unmarshal([]byte(member), &v.memberships)
	})
	if err != nil {
		return nil, fmt.Errorf("read the reviews of %s#%d: %w", r.name, pr.Number, err)
	}
	return list, nil
}

func (b *Builtin) comments(ctx context.Context, q store.Querier, r repository, number int) ([]Comment, error) {
	rows, err := q.QueryContext(ctx, `SELECT id, person, body, created_at FROM forge_comments
		WHERE repository_id = $1 AND number = $2 ORDER BY created_at, id LIMIT $3`, r.id, number, maxTalk)
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (Comment, error) {
		var c Comment
		var person string
		var at int64
		if err := row.Scan(&c.ID, &person, &c.Body, &at); err != nil {
			return c, err
		}
		c.At = store.Time(at)
		return c, json.Unmarshal([]byte(person), &c.By)
	})
	if err != nil {
		return nil, fmt.Errorf("read the comments of %s#%d: %w", r.name, number, err)
	}
	return list, nil
}

// Review implements Forge. The same verdict of the same person on the same
// commit is kept once.
func (b *Builtin) Review(ctx context.Context, repo string, number int, by Person, verdict Verdict, body string) (PullRequest, error) {
	if err := oneOf("verdict", verdict, Approve, RequestChanges); err != nil {
		return PullRequest{}, err
	}
	if err := checkText("body", body, 64<<10); err != nil {
		return PullRequest{}, err
	}
	err := b.onPull(ctx, repo, number, func(ctx context.Context, tx *store.Tx, r repository, pr PullRequest, c comparison) error {
		if pr.State != Open {
			return fault.New(fault.Conflict, "The pull request %s#%d is %s and takes no more reviews.", repo, number, pr.State)
		}
		if verdict == Approve && by.ID == pr.Author.ID {
			return fault.Refuse("own pull request", fmt.Sprintf("%s#%d is your own pull request, and nobody approves their own.", repo, number),
				"Ask somebody else for a review.", r.owner)
		}
		before, err := b.reviews(ctx, tx, r, pr)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(latest(before), func(v reviewer) bool {
			return v.By.ID == by.ID && v.Verdict == verdict && !v.Stale && v.Body == body && slices.Equal(v.memberships, memberships(by))
		}) {
			return nil
		}
		if err := b.insertReview(ctx, tx, r, pr, by, verdict, body); err != nil {
			return err
		}
		return b.pullChanged(ctx, tx, r, number, c, pullChange{verb: "pull_request.review", kind: "review", by: by,
			detail: audit.Detail("verdict", string(verdict), "sha", pr.HeadSHA)})
	})
	if err != nil {
		return PullRequest{}, err
	}
	return b.PullRequest(ctx, repo, number)
}

func (b *Builtin) insertReview(ctx context.Context, tx *store.Tx, r repository, pr PullRequest, by Person, verdict Verdict, body string) error {
	id, person, err := identified(by)
	if err != nil {
		return err
	}
	member, err := json.Marshal(append([]string{}, memberships(by)...))
	if err != nil {
		return fmt.Errorf("write the memberships: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO forge_reviews (id, repository_id, number, person_id, person, memberships, verdict, body, sha, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		id, r.id, pr.Number, by.ID, person, string(member), string(verdict), body, pr.HeadSHA, b.nowMillis()); err != nil {
		return fmt.Errorf("save the review: %w", err)
	}
	return b.touchPull(ctx, tx, r, pr.Number)
}

func (b *Builtin) touchPull(ctx context.Context, tx *store.Tx, r repository, number int) error {
	if _, err := tx.ExecContext(ctx, "UPDATE forge_pulls SET updated_at = $1 WHERE repository_id = $2 AND number = $3", b.nowMillis(), r.id, number); err != nil {
		return fmt.Errorf("save the pull request: %w", err)
	}
	return nil
}

// identified makes a new id and the person as kept.
func identified(by Person) (id, person string, err error) {
	if by.ID == "" {
		return "", "", fault.Field("by", "is missing", "who it is by")
	}
	made, err := uuid.NewV7()
	if err != nil {
		return "", "", fmt.Errorf("make an id: %w", err)
	}
	raw, err := json.Marshal(by)
	if err != nil {
		return "", "", fmt.Errorf("write a person: %w", err)
	}
	return made.String(), string(raw), nil
}

// onPull runs f in a transaction with a pull request that cannot change
// meanwhile and the comparison of its branches.
func (b *Builtin) onPull(ctx context.Context, repo string, number int, f func(ctx context.Context, tx *store.Tx, r repository, pr PullRequest, c comparison) error) error {
	for {
		r, err := b.byName(ctx, b.db.Read(), repo)
		if err != nil {
			return err
		}
		seen, err := b.pull(ctx, b.db.Read(), r, number)
		if err != nil {
			return err
		}
		var c comparison
		if seen.State == Open {
			if c, err = b.compare(ctx, r, seen.BaseSHA, seen.HeadSHA); err != nil {
				return err
			}
		}
		moved := false
		err = b.db.Tx(ctx, func(tx *store.Tx) error {
			var id string
			if err := tx.QueryRowContext(ctx, "SELECT id FROM forge_repositories WHERE id = $1"+tx.ForUpdate(), r.id).Scan(&id); err != nil {
				return fmt.Errorf("hold the repository %s: %w", repo, err)
			}
			pr, err := b.pull(ctx, tx, r, number)
			if err != nil {
				return err
			}
			if moved = pr.State == Open && (pr.HeadSHA != seen.HeadSHA || pr.BaseSHA != seen.BaseSHA); moved {
				return nil
			}
			return f(ctx, tx, r, pr, c)
		})
		if err != nil || !moved {
			return err
		}
	}
}

// Comment implements Forge.
func (b *Builtin) Comment(ctx context.Context, repo string, number int, by Person, body string) (Comment, error) {
	if body == "" {
		return Comment{}, fault.Field("body", "is empty", "what to say")
	}
	if err := checkText("body", body, 64<<10); err != nil {
		return Comment{}, err
	}
	id, person, err := identified(by)
	if err != nil {
		return Comment{}, err
	}
	made := Comment{ID: id, By: by, Body: body, At: store.Time(b.nowMillis())}
	err = b.onPull(ctx, repo, number, func(ctx context.Context, tx *store.Tx, r repository, _ PullRequest, c comparison) error {
		if r.archived {
			return archivedRefusal(r)
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO forge_comments (id, repository_id, number, person, body, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
			id, r.id, number, person, body, store.Millis(made.At)); err != nil {
			return fmt.Errorf("save the comment: %w", err)
		}
		if err := b.touchPull(ctx, tx, r, number); err != nil {
			return err
		}
		return b.pullChanged(ctx, tx, r, number, c, pullChange{verb: "pull_request.comment", kind: "comment", by: by, detail: audit.Detail("comment", id)})
	})
	return made, err
}

// ClosePullRequest implements Forge.
func (b *Builtin) ClosePullRequest(ctx context.Context, repo string, number int, by Person) (PullRequest, error) {
	err := b.onPull(ctx, repo, number, func(ctx context.Context, tx *store.Tx, r repository, pr PullRequest, _ comparison) error {
		switch pr.State {
		case Merged:
			return fault.New(fault.Conflict, "The pull request %s#%d is merged already. Undo it by a pull request that reverts it.", repo, number)
		case Closed:
			return nil
		case Open:
		}
		return b.closePull(ctx, tx, r, number, by, "closed by a person or a run")
	})
	if err != nil {
		return PullRequest{}, err
	}
	return b.PullRequest(ctx, repo, number)
}

func (b *Builtin) closePull(ctx context.Context, tx *store.Tx, r repository, number int, by Person, reason string) error {
	if _, err := tx.ExecContext(ctx, "UPDATE forge_pulls SET state = 'closed', updated_at = $1 WHERE repository_id = $2 AND number = $3 AND state = 'open'", b.nowMillis(), r.id, number); err != nil {
		return fmt.Errorf("close the pull request: %w", err)
	}
	return b.pullChanged(ctx, tx, r, number, comparison{}, pullChange{verb: "pull_request.close", kind: "pull_request", by: by, detail: audit.Detail("reason", reason)})
}

// closeAll closes the open pull requests of a repository.
func (b *Builtin) closeAll(ctx context.Context, tx *store.Tx, r repository, by Person, _ string) error {
	numbers, err := b.openPulls(ctx, tx, r, "")
	if err != nil {
		return err
	}
	for _, n := range numbers {
		if err := b.closePull(ctx, tx, r, n, by, "the repository was archived"); err != nil {
			return err
		}
	}
	return nil
}

// openPulls lists the open pull requests of a head branch, or of all.
func (b *Builtin) openPulls(ctx context.Context, q store.Querier, r repository, head string) ([]int, error) {
	rows, err := q.QueryContext(ctx, "SELECT number FROM forge_pulls WHERE repository_id = $1 AND state = 'open' AND (head = $2 OR $2 = '') ORDER BY number", r.id, head)
	numbers, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (int, error) {
		var n int
		err := row.Scan(&n)
		return n, err
	})
	if err != nil {
		return nil, fmt.Errorf("list open pull requests of %s: %w", r.name, err)
	}
	return numbers, nil
}
