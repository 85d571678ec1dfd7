package approval

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"sphera/internal/store"
)

// Waited is how long decisions took.
type Waited struct {
	// Decided is how many requests were decided, Open how many wait.
	Decided int `json:"decided"`
	Open    int `json:"open"`
	// MedianMillis and LongMillis (nine of ten are shorter) are of those decided.
	MedianMillis int64 `json:"medianMillis"`
	LongMillis   int64 `json:"longMillis"`
	// OldestMillis is for how long the oldest open one has waited.
	OldestMillis int64            `json:"oldestMillis"`
	Actions      []WaitedByAction `json:"actions"`
}

// WaitedByAction is how long decisions took for one action.
type WaitedByAction struct {
	Action       string `json:"action"`
	Decided      int    `json:"decided"`
	MedianMillis int64  `json:"medianMillis"`
}

// Times says how long people waited for decisions of the last days, of at most
// 5,000 requests.
func (s *Service) Times(ctx context.Context, days int) (Waited, error) {
	since := store.Millis(s.Now().AddDate(0, 0, -max(1, min(days, 366))))
	type one struct {
		action string
		millis int64
	}
	rows, err := s.DB.Read().QueryContext(ctx, "SELECT action, decided_at - created_at FROM approval_requests WHERE decided_at > $1 AND state IN ('approved', 'declined', 'void') AND digest <> '' ORDER BY decided_at DESC LIMIT 5000", since)
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (o one, err error) { return o, row.Scan(&o.action, &o.millis) })
	if err != nil {
		return Waited{}, fmt.Errorf("read how long decisions took: %w", err)
	}
	decided, err := s.matters(ctx, MatterFilter{Closed: true, Limit: 1000})
	if err != nil {
		return Waited{}, err
	}
	for _, m := range decided {
		if (m.State == Approved || m.State == Declined) && store.Millis(m.Decided) > since {
			list = append(list, one{m.Action, m.Decided.Sub(m.Created).Milliseconds()})
		}
	}
	out := Waited{Decided: len(list), Actions: []WaitedByAction{}}
	if err := s.waiting(ctx, &out); err != nil {
		return Waited{}, err
	}
	var all []int64
	by := map[string][]int64{}
	for _, o := range list {
		all = append(all, o.millis)
		by[o.action] = append(by[o.action], o.millis)
	}
	out.MedianMillis, out.LongMillis = part(all, 50), part(all, 90)
	for name, times := range by {
		out.Actions = append(out.Actions, WaitedByAction{name, len(times), part(times, 50)})
	}
	slices.SortFunc(out.Actions, func(a, b WaitedByAction) int {
		if a.MedianMillis != b.MedianMillis {
			return int(b.MedianMillis - a.MedianMillis)
		}
		return b.Decided - a.Decided
	})
	return out, nil
}

// waiting counts what is open.
func (s *Service) waiting(ctx context.Context, out *Waited) error {
	var oldest sql.NullInt64
	if err := s.DB.Read().QueryRowContext(ctx, "SELECT COUNT(*), MIN(created_at) FROM approval_requests WHERE state = 'open'").Scan(&out.Open, &oldest); err != nil {
		return fmt.Errorf("count open requests: %w", err)
	}
	open, err := s.matters(ctx, MatterFilter{Open: true, Limit: maxMatters})
	if err != nil {
		return err
	}
	out.Open += len(open)
	for _, m := range open {
		if at := store.Millis(m.Created); !oldest.Valid || at < oldest.Int64 {
			oldest = sql.NullInt64{Int64: at, Valid: true}
		}
	}
	if oldest.Valid {
		out.OldestMillis = store.Millis(s.Now()) - oldest.Int64
	}
	return nil
}

// part is the value below which so many of a hundred are.
func part(list []int64, percent int) int64 {
	if len(list) == 0 {
		return 0
	}
	list = slices.Clone(list)
	slices.Sort(list)
	return list[min(len(list)-1, len(list)*percent/100)]
}
