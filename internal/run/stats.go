package run

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"sphera/internal/store"
)

// figures keeps what is computed from past runs for a while, since every look
// at a run and every list of actions asks for it.
type figures struct {
	now       func() time.Time
	mu        sync.Mutex
	estimates map[string]kept[map[string]int64]
	stats     map[string]kept[Stats]
}

type kept[T any] struct {
	value T
	until time.Time
}

const (
	keepFigures  = 30 * time.Second
	estimateRuns = 20
	statsRuns    = 100
)

// remembered returns the kept value of key or computes it.
func remembered[T any](f *figures, kind func(*figures) *map[string]kept[T], key string, compute func() (T, error)) (T, error) {
	now := f.now()
	f.mu.Lock()
	entry, ok := (*kind(f))[key]
	f.mu.Unlock()
	if ok && now.Before(entry.until) {
		return entry.value, nil
	}
	value, err := compute()
	if err != nil {
		return value, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	m := kind(f)
	if *m == nil {
		*m = map[string]kept[T]{}
	}
	(*m)[key] = kept[T]{value, now.Add(keepFigures)}
	return value, nil
}

// estimates is the median duration of each step, by name, in the action's last
// successful runs.
func (e *Engine) estimates(ctx context.Context, actionID string) (map[string]int64, error) {
	return remembered(&e.figures, func(f *figures) *map[string]kept[map[string]int64] { return &f.estimates }, actionID, func() (map[string]int64, error) {
		rows, err := e.db.Read().QueryContext(ctx, `SELECT s.name, s.ended_at - s.started_at FROM run_steps s
			JOIN (SELECT id FROM runs WHERE action = $1 AND state = 'succeeded' ORDER BY id DESC LIMIT $2) r ON r.id = s.run_id`, actionID, estimateRuns)
		type sample struct {
			name   string
			millis int64
		}
		samples, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (sample, error) {
			var s sample
			return s, row.Scan(&s.name, &s.millis)
		})
		if err != nil {
			return nil, fmt.Errorf("estimate the steps of %s: %w", actionID, err)
		}
		byName := map[string][]int64{}
		for _, s := range samples {
			byName[s.name] = append(byName[s.name], s.millis)
		}
		out := map[string]int64{}
		for name, millis := range byName {
			out[name] = median(millis)
		}
		return out, nil
	})
}

// Stats returns figures about an action, at most half a minute old.
func (e *Engine) Stats(ctx context.Context, actionID string) (Stats, error) {
	return remembered(&e.figures, func(f *figures) *map[string]kept[Stats] { return &f.stats }, actionID, func() (Stats, error) {
		var s Stats
		q := e.db.Read()
		if err := q.QueryRowContext(ctx, "SELECT COUNT(*) FROM runs WHERE action = $1", actionID).Scan(&s.Runs); err != nil {
			return s, fmt.Errorf("count the runs of %s: %w", actionID, err)
		}
		rows, err := q.QueryContext(ctx, `SELECT state, ended_at - created_at FROM runs
			WHERE action = $1 AND ended_at > 0 ORDER BY id DESC LIMIT $2`, actionID, statsRuns)
		type sample struct {
			state  State
			millis int64
		}
		samples, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (sample, error) {
			var x sample
			return x, row.Scan(&x.state, &x.millis)
		})
		if err != nil {
			return s, fmt.Errorf("read the last runs of %s: %w", actionID, err)
		}
		var good []int64
		for _, x := range samples {
			if x.state == Succeeded {
				good = append(good, x.millis)
			}
		}
		if len(samples) > 0 {
			s.SuccessRate = float64(len(good)) / float64(len(samples))
		}
		s.MedianMillis = median(good)
		return s, nil
	})
}

func median(values []int64) int64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[len(values)/2]
}
