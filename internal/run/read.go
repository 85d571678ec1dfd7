package run

import (
	"context"
	"fmt"
	"strings"

	"sphera/internal/store"
)

// Limits of one page.
const (
	defaultPage = 50
	maxPage     = 200
	maxLogPage  = 5000
	maxChanges  = 1000
)

// withHolder joins the holder of the key that blocks a run, so that BlockedBy
// is always who holds it now.
const withHolder = " LEFT JOIN run_locks l ON r.blocked_key <> '' AND l.key = r.blocked_key"

const holder = ", COALESCE(l.run_id, '')"

// Get returns one run with its steps and its change set.
func (e *Engine) Get(ctx context.Context, id string) (Run, error) {
	q := e.db.Read()
	var by string
	r, err := scanRun(q.QueryRowContext(ctx, "SELECT "+runColumns+holder+" FROM runs r"+withHolder+" WHERE r.id = $1", id), &by)
	if err != nil {
		return Run{}, notFound(err, id)
	}
	r.BlockedBy = blockedBy(by, id)
	steps, err := readSteps(ctx, q, id)
	if err != nil {
		return Run{}, err
	}
	estimates, err := e.estimates(ctx, r.Action)
	if err != nil {
		return Run{}, err
	}
	left := 0
	for _, s := range steps {
		if s.toUndo() {
			left++
		}
		if r.Undoing && s.undoAttempt > 0 {
			s.Attempt = s.undoAttempt
		}
		s.EstimateMillis = estimates[s.Name]
		r.Steps = append(r.Steps, s.StepRun)
	}
	r.Can.Undo = r.Can.Undo && left > 0
	r.Changes, err = readChanges(ctx, q, id)
	return r.Run, err
}

func blockedBy(holder, id string) string {
	if holder == id {
		return ""
	}
	return holder
}

func readChanges(ctx context.Context, q store.Querier, id string) ([]ChangeEntry, error) {
	rows, err := q.QueryContext(ctx, `SELECT s.name, c.kind, c.verb, c.title, c.url FROM run_changes c
		JOIN run_steps s ON s.run_id = c.run_id AND s.idx = c.idx WHERE c.run_id = $1 ORDER BY c.n, c.idx LIMIT $2`, id, maxChanges)
	out, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (ChangeEntry, error) {
		var c ChangeEntry
		return c, row.Scan(&c.Step, &c.Kind, &c.Verb, &c.Title, &c.URL)
	})
	if err != nil {
		return nil, fmt.Errorf("read the change set of run %s: %w", id, err)
	}
	return out, nil
}

// List returns a page of runs, newest first, and from where the next page
// starts; empty when there is none.
func (e *Engine) List(ctx context.Context, f Filter) ([]Run, string, error) {
	limit := f.Limit
	if limit <= 0 {
		limit = defaultPage
	}
	limit = min(limit, maxPage)
	from := " FROM runs r"
	var where []string
	var args []any
	add := func(condition string, value any) {
		args = append(args, value)
		where = append(where, fmt.Sprintf(condition, len(args)))
	}
	if f.Entity != "" {
		from += " JOIN run_entities n ON n.run_id = r.id"
		add("n.entity = $%d", f.Entity)
		if f.From != "" {
			add("n.run_id < $%d", f.From)
		}
	}
	if f.State != "" {
		add("r.state = $%d", string(f.State))
	}
	if f.Action != "" {
		add("r.action = $%d", f.Action)
	}
	if f.Actor != "" {
		add("r.actor_id = $%d", f.Actor)
	}
	if f.From != "" {
		add("r.id < $%d", f.From)
	}
	text := "SELECT " + runColumns + holder + from + withHolder
	if len(where) > 0 {
		text += " WHERE " + strings.Join(where, " AND ")
	}
	order := "r.id"
	if f.Entity != "" {
		order = "n.run_id"
	}
	args = append(args, limit+1)
	text += fmt.Sprintf(" ORDER BY %s DESC LIMIT $%d", order, len(args))
	rows, err := e.db.Read().QueryContext(ctx, text, args...)
	runs, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (Run, error) {
		var by string
		r, err := scanRun(row, &by)
		r.BlockedBy = blockedBy(by, r.ID)
		return r.Run, err
	})
	if err != nil {
		return nil, "", fmt.Errorf("list runs: %w", err)
	}
	if len(runs) > limit {
		return runs[:limit], runs[limit-1].ID, nil
	}
	return runs, "", nil
}

// Some returns those of the runs that are there, as List does.
func (e *Engine) Some(ctx context.Context, ids []string) (map[string]Run, error) {
	out := make(map[string]Run, len(ids))
	for len(ids) > 0 {
		page := ids[:min(len(ids), maxPage)]
		ids = ids[len(page):]
		places, args := make([]string, len(page)), make([]any, len(page))
		for i, id := range page {
			places[i], args[i] = fmt.Sprintf("$%d", i+1), id
		}
		rows, err := e.db.Read().QueryContext(ctx, "SELECT "+runColumns+" FROM runs r WHERE r.id IN ("+strings.Join(places, ", ")+")", args...)
		list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (record, error) { return scanRun(row) })
		if err != nil {
			return nil, fmt.Errorf("read runs: %w", err)
		}
		for _, r := range list {
			out[r.ID] = r.Run
		}
	}
	return out, nil
}

// Logs returns the log lines of a run after a sequence number, oldest first.
func (e *Engine) Logs(ctx context.Context, id string, after int64, limit int) ([]LogLine, error) {
	if limit <= 0 || limit > maxLogPage {
		limit = maxLogPage
	}
	rows, err := e.db.Read().QueryContext(ctx, "SELECT seq, at, step, text FROM run_logs WHERE run_id = $1 AND seq > $2 ORDER BY seq LIMIT $3", id, after, limit)
	lines, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (LogLine, error) {
		var l LogLine
		var at int64
		err := row.Scan(&l.Seq, &at, &l.Step, &l.Text)
		l.At = store.Time(at)
		return l, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the log of run %s: %w", id, err)
	}
	return lines, nil
}
