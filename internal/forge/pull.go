package forge

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/store"
)

const pullColumns = `r.name, p.number, p.title, p.body, p.state, p.head, p.head_sha, p.base, p.base_sha, p.merge_sha,
	p.author, p.run_id, p.created_at, p.updated_at, p.merged_at, p.merged_by`

const pullFrom = ` FROM forge_pulls p JOIN forge_repositories r ON r.id = p.repository_id `

func scanPull(row interface{ Scan(...any) error }) (PullRequest, error) {
	var pr PullRequest
	var author string
	var mergedBy sql.NullString
	var created, updated, merged int64
	if err := row.Scan(&pr.Repository, &pr.Number, &pr.Title, &pr.Body, &pr.State, &pr.Head, &pr.HeadSHA, &pr.Base, &pr.BaseSHA, &pr.MergeSHA,
		&author, &pr.RunID, &created, &updated, &merged, &mergedBy); err != nil {
		return PullRequest{}, err
	}
	pr.CreatedAt, pr.UpdatedAt, pr.MergedAt = store.Time(created), store.Time(updated), store.Time(merged)
	if err := json.Unmarshal([]byte(author), &pr.Author); err != nil {
		return PullRequest{}, fmt.Errorf("read the author of %s#%d: %w", pr.Repository, pr.Number, err)
	}
	if mergedBy.Valid {
		pr.MergedBy = &Person{}
		if err := json.Unmarshal([]byte(mergedBy.String), pr.MergedBy); err != nil {
			return PullRequest{}, fmt.Errorf("read who merged %s#%d: %w", pr.Repository, pr.Number, err)
		}
	}
	pr.Mergeable = Mergeability{Blocked: []string{}, Reviewers: []string{}}
	pr.Reviews, pr.Comments, pr.Statuses, pr.Commits = []Review{}, []Comment{}, []Status{}, []Commit{}
	return pr, nil
}

// pull reads one pull request as lists show it.
func (b *Builtin) pull(ctx context.Context, q store.Querier, r repository, number int) (PullRequest, error) {
	pr, err := scanPull(q.QueryRowContext(ctx, "SELECT "+pullColumns+pullFrom+"WHERE p.repository_id = $1 AND p.number = $2", r.id, number))
	if errors.Is(err, sql.ErrNoRows) {
		return PullRequest{}, fault.New(fault.NotFound, "The repository %s has no pull request %d.", r.name, number)
	}
	if err != nil {
		return PullRequest{}, fmt.Errorf("read pull request %s#%d: %w", r.name, number, err)
	}
	return pr, nil
}

// OpenPullRequest implements Forge.
func (b *Builtin) OpenPullRequest(ctx context.Context, repo string, in NewPullRequest) (PullRequest, error) {
	if err := checkNewPull(in); err != nil {
		return PullRequest{}, err
	}
	r, err := b.writable(ctx, b.db.Read(), repo)
	if err != nil {
		return PullRequest{}, err
	}
	if in.Base == "" {
		in.Base = r.defaultBranch
	}
	if in.Head == in.Base {
		return PullRequest{}, fault.Field("head", "is the same branch as the base", "another branch")
	}
	var number int
	err = b.exclusive(ctx, r, writer{by: in.Author, runID: in.RunID, portal: true}, func(ctx context.Context, s *session) error {
		var err error
		number, err = s.openPull(ctx, in)
		return err
	})
	if err != nil {
		return PullRequest{}, err
	}
	return b.PullRequest(ctx, repo, number)
}

func checkNewPull(in NewPullRequest) error {
	if err := checkTitle("title", in.Title, 250); err != nil {
		return err
	}
	if err := checkText("body", in.Body, 64<<10); err != nil {
		return err
	}
	if err := CheckRefName(in.Head); err != nil {
		return err
	}
	if in.Base != "" {
		if err := CheckRefName(in.Base); err != nil {
			return err
		}
	}
	if in.Author.ID == "" {
		return fault.Field("author", "is missing", "who opens the pull request")
	}
	return checkKey(in.RunID)
}

func (s *session) openPull(ctx context.Context, in NewPullRequest) (int, error) {
	b := s.b
	if s.repo.archived {
		return 0, archivedRefusal(s.repo)
	}
	head, err := b.branch(ctx, b.db.Read(), s.repo.id, in.Head)
	if err != nil {
		return 0, err
	}
	if number, err := s.samePull(ctx, in, head.sha); number != 0 || err != nil {
		return number, err
	}
	base, err := b.branch(ctx, b.db.Read(), s.repo.id, in.Base)
	switch {
	case err != nil:
		return 0, err
	case head.sha == "":
		return 0, noBranch(s.repo.name, in.Head)
	case base.sha == "":
		return 0, noBranch(s.repo.name, in.Base)
	}
	c, err := b.compare(ctx, s.repo, base.sha, head.sha)
	if err != nil {
		return 0, err
	}
	var number int
	err = b.db.Tx(ctx, func(tx *store.Tx) error {
		number, err = b.insertPull(ctx, tx, s.repo, in, head.sha, base.sha, c)
		return err
	})
	if err != nil {
		return 0, err
	}
	if err := b.failAt("pull-opened"); err != nil {
		return 0, err
	}
	return number, s.keepHead(ctx, number, head.sha)
}

// samePull finds the pull request that a repeated call opened: an open one of
// this branch, or a merged one of exactly these commits.
func (s *session) samePull(ctx context.Context, in NewPullRequest, headSHA string) (int, error) {
	var number int
	var base string
	err := s.b.db.Read().QueryRowContext(ctx, `SELECT number, base FROM forge_pulls WHERE repository_id = $1 AND head = $2
		AND (state = 'open' OR state = 'merged' AND (head_sha = $3 OR $3 = ''))
		ORDER BY CASE state WHEN 'open' THEN 0 ELSE 1 END, number DESC LIMIT 1`, s.repo.id, in.Head, headSHA).Scan(&number, &base)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("look for a pull request of %s: %w", in.Head, err)
	}
	if base != in.Base {
		return 0, fault.New(fault.Conflict, "The branch %s already has the pull request #%d into %s.", in.Head, number, base)
	}
	return number, nil
}

func (b *Builtin) insertPull(ctx context.Context, tx *store.Tx, r repository, in NewPullRequest, headSHA, baseSHA string, c comparison) (int, error) {
	author, err := json.Marshal(in.Author)
	if err != nil {
		return 0, fmt.Errorf("write the author: %w", err)
	}
	var number int
	if err := tx.QueryRowContext(ctx, "UPDATE forge_repositories SET next_pull = next_pull + 1, updated_at = $1 WHERE id = $2 RETURNING next_pull - 1", b.nowMillis(), r.id).Scan(&number); err != nil {
		return 0, fmt.Errorf("number the pull request: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO forge_pulls (repository_id, number, title, body, state, head, head_sha, base, base_sha, author_id, author, run_id, created_at, updated_at)
		VALUES ($1, $2, $3, $4, 'open', $5, $6, $7, $8, $9, $10, $11, $12, $12)`,
		r.id, number, in.Title, in.Body, in.Head, headSHA, in.Base, baseSHA, in.Author.ID, string(author), in.RunID, b.nowMillis()); err != nil {
		return 0, fmt.Errorf("save the pull request: %w", err)
	}
	return number, b.pullChanged(ctx, tx, r, number, c, pullChange{verb: "pull_request.open", kind: "pull_request", by: in.Author,
		detail: audit.Detail("title", in.Title, "head", in.Head, "base", in.Base, "sha", headSHA)})
}

// keepHead keeps the commits of a pull request for as long as the repository
// lives, and lets people fetch them as refs/pull/N/head.
func (s *session) keepHead(ctx context.Context, number int, sha string) error {
	in := fmt.Sprintf("update refs/pull/%d/head %s\n", number, sha)
	if _, err := s.git(ctx, call{args: []string{"update-ref", "--stdin"}, stdin: strings.NewReader(in)}); err != nil {
		return fmt.Errorf("keep the commits of pull request %d: %w", number, err)
	}
	return nil
}

// pullChange is what changed about a pull request.
type pullChange struct {
	verb, kind string
	by         Person
	detail     json.RawMessage
}

// pullChanged brings what follows from a pull request up to date and tells
// about the change. c compares its present base and head.
func (b *Builtin) pullChanged(ctx context.Context, tx *store.Tx, r repository, number int, c comparison, p pullChange) error {
	pr, err := b.pull(ctx, tx, r, number)
	if err != nil {
		return err
	}
	if err := b.saveWaiting(ctx, tx, r, pr, c); err != nil {
		return err
	}
	_, runID := personOf(ctx)
	if runID == "" && p.by.ID == PortalID {
		runID = pr.RunID
	}
	return b.announce(ctx, tx, change{
		verb: p.verb, object: fmt.Sprintf("pull-request/%s/%d", r.name, number), by: p.by, runID: runID, detail: p.detail,
		event: Event{Kind: p.kind, Repository: r.name, PullRequest: &pr, Branch: pr.Head, SHA: pr.HeadSHA},
	})
}

// PullRequest implements Forge.
func (b *Builtin) PullRequest(ctx context.Context, repo string, number int) (PullRequest, error) {
	r, err := b.byName(ctx, b.db.Read(), repo)
	if err != nil {
		return PullRequest{}, err
	}
	pr, err := b.pull(ctx, b.db.Read(), r, number)
	if err != nil {
		return PullRequest{}, err
	}
	return b.fill(ctx, b.db.Read(), r, pr)
}

// maxPullCommits is how many commits of a pull request are shown.
const maxPullCommits = 250

// fill adds what lists leave out.
func (b *Builtin) fill(ctx context.Context, q store.Querier, r repository, pr PullRequest) (PullRequest, error) {
	reviews, err := b.reviews(ctx, q, r, pr)
	if err != nil {
		return PullRequest{}, err
	}
	for _, v := range reviews {
		pr.Reviews = append(pr.Reviews, v.Review)
	}
	if pr.Comments, err = b.comments(ctx, q, r, pr.Number); err != nil {
		return PullRequest{}, err
	}
	if pr.Statuses, err = b.statuses(ctx, q, r, pr.HeadSHA); err != nil {
		return PullRequest{}, err
	}
	if pr.Commits, err = b.history(ctx, b.path(r.id), []string{
		"--max-count=" + strconv.Itoa(maxPullCommits), "--end-of-options", "^" + pr.BaseSHA, pr.HeadSHA,
	}); err != nil {
		return PullRequest{}, fmt.Errorf("read the commits of %s#%d: %w", r.name, pr.Number, err)
	}
	var c comparison
	if pr.State == Open {
		if c, err = b.compare(ctx, r, pr.BaseSHA, pr.HeadSHA); err != nil {
			return PullRequest{}, err
		}
	}
	pr.Mergeable, err = b.mergeability(ctx, q, r, pr, c, reviews, pr.Statuses)
	return pr, err
}

// mergeability gathers what judge needs.
func (b *Builtin) mergeability(ctx context.Context, q store.Querier, r repository, pr PullRequest, c comparison, reviews []reviewer, statuses []Status) (Mergeability, error) {
	set, err := compileRules(r.rules)
	if err != nil {
		return Mergeability{}, err
	}
	portalFiles, err := b.portalFiles(ctx, q, r, pr, set, c.files)
	if err != nil {
		return Mergeability{}, err
	}
	return judge(pr, set, c, portalFiles, reviews, statuses), nil
}

// PullRequests implements Forge: newest first.
func (b *Builtin) PullRequests(ctx context.Context, q PullRequestQuery) ([]PullRequest, string, error) {
	where, args, err := b.pullFilter(ctx, q)
	if err != nil {
		return nil, "", err
	}
	limit := clamp(q.Limit)
	args = append(args, limit+1)
	rows, err := b.db.Read().QueryContext(ctx, "SELECT p.repository_id, "+pullColumns+pullFrom+where+
		" ORDER BY p.created_at DESC, p.repository_id DESC, p.number DESC LIMIT $"+strconv.Itoa(len(args)), args...)
	type row struct {
		id string
		PullRequest
	}
	list, err := store.All(rows, err, func(r interface{ Scan(...any) error }) (row, error) {
		var out row
		var err error
		out.PullRequest, err = scanPull(prefixed{r, &out.id})
		return out, err
	})
	if err != nil {
		return nil, "", fmt.Errorf("list pull requests: %w", err)
	}
	next := ""
	if len(list) > limit {
		last := list[limit-1]
		list, next = list[:limit], fmt.Sprintf("%d,%s,%d", store.Millis(last.CreatedAt), last.id, last.Number)
	}
	out := make([]PullRequest, 0, len(list))
	for _, pr := range list {
		out = append(out, pr.PullRequest)
	}
	return out, next, nil
}

// prefixed scans one more column before the others.
type prefixed struct {
	row   interface{ Scan(...any) error }
	first any
}

func (p prefixed) Scan(dest ...any) error { return p.row.Scan(append([]any{p.first}, dest...)...) }

func (b *Builtin) pullFilter(ctx context.Context, q PullRequestQuery) (string, []any, error) {
	where, args := []string{"1 = 1"}, []any{}
	add := func(condition string, values ...any) {
		for _, v := range values {
			args = append(args, v)
			condition = strings.Replace(condition, "?", "$"+strconv.Itoa(len(args)), 1)
		}
		where = append(where, condition)
	}
	if q.Repository != "" {
		r, err := b.byName(ctx, b.db.Read(), q.Repository)
		if err != nil {
			return "", nil, err
		}
		add("p.repository_id = ?", r.id)
	}
	if q.State != "" {
		if err := oneOf("state", q.State, Open, Merged, Closed); err != nil {
			return "", nil, err
		}
		add("p.state = ?", string(q.State))
	}
	if q.RunID != "" {
		add("p.run_id = ?", q.RunID)
	}
	if q.WaitingFor != nil {
		known := memberships(*q.WaitingFor)
		marks := make([]string, 0, len(known)+1)
		values := []any{q.WaitingFor.ID}
		for _, m := range known {
			marks = append(marks, "?")
			values = append(values, m)
		}
		add("p.state = 'open' AND p.author_id <> ? AND EXISTS (SELECT 1 FROM forge_waiting w WHERE w.repository_id = p.repository_id AND w.number = p.number AND w.reviewer IN ("+
			strings.Join(append(marks, "''"), ", ")+"))", values...)
	}
	if q.From != "" {
		parts := strings.Split(q.From, ",")
		if len(parts) != 3 {
			return "", nil, fault.Field("from", "is not a cursor of this list", "the \"next\" of the former page")
		}
		at, err1 := strconv.ParseInt(parts[0], 10, 64)
		number, err2 := strconv.Atoi(parts[2])
		if err1 != nil || err2 != nil {
			return "", nil, fault.Field("from", "is not a cursor of this list", "the \"next\" of the former page")
		}
		add("(p.created_at, p.repository_id, p.number) < (?, ?, ?)", at, parts[1], number)
	}
	return "WHERE " + strings.Join(where, " AND "), args, nil
}
