package seal

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sphera/internal/store"
)

// grace is how long a missing number is waited for before anybody asks whether
// the transaction that took it still runs.
const grace = 30 * time.Second

// maxGaps bounds what is remembered; more numbers than that are missing only
// after a rollback of a very large import.
const maxGaps = 100_000

// gap is a number that was taken and has no committed event: its transaction
// runs still, or was rolled back. On SQLite there is one writer, and a number
// that is missing never comes.
type gap struct {
	seq   int64
	since time.Time
	// horizon is the first transaction that began after the grace; when all
	// before it have ended, the event does not come any more.
	horizon int64
}

// gaps are the missing numbers between the low mark and the end of the chain,
// in order. They are kept in memory and found again by a new leader.
type gaps struct {
	known    bool
	position int64 // where the chain ended when they were looked at
	list     []gap
}

// seen is what one look at the gaps came to.
type seen struct {
	// come are numbers whose event is there now.
	come []int64
	low  int64
}

func (g *gaps) forget() { *g = gaps{} }

// copy is for one try of a transaction.
func (g *gaps) copy() *gaps {
	out := *g
	out.list = slices.Clone(g.list)
	return &out
}

// open remembers the numbers from first up to before next.
func (g *gaps) open(first, next int64, now time.Time, d store.Dialect) {
	if d != store.Postgres {
		return
	}
	for seq := first; seq < next; seq++ {
		if len(g.list) == maxGaps {
			g.known = false // the next look finds the rest
			return
		}
		g.list = append(g.list, gap{seq: seq, since: now})
	}
}

// low is the number up to which everything is sealed or will never come.
func (g *gaps) low(seq int64, s seen) int64 {
	if len(g.list) > 0 {
		return max(s.low, g.list[0].seq-1)
	}
	return seq
}

// look finds out which gaps were filled and drops those that never will be.
func (g *gaps) look(ctx context.Context, tx *store.Tx, h head, now time.Time) (seen, error) {
	out := seen{low: h.low}
	if tx.Dialect != store.Postgres {
		return out, nil
	}
	if !g.known || g.position != h.position { // new here, or somebody else appended meanwhile
		if err := g.find(ctx, tx, h, now); err != nil {
			return out, err
		}
	}
	if len(g.list) == 0 {
		return out, nil
	}
	// Which transactions run is asked first: those that have ended by then are
	// seen by the statement after it.
	var oldest, next int64
	err := tx.QueryRowContext(ctx, "SELECT pg_snapshot_xmin(s)::text::bigint, pg_snapshot_xmax(s)::text::bigint FROM pg_current_snapshot() AS s").Scan(&oldest, &next)
	if err != nil {
		return out, fmt.Errorf("ask which transactions run: %w", err)
	}
	if out.come, err = g.filled(ctx, tx); err != nil {
		return out, err
	}
	g.drop(out.come, now, oldest, next)
	return out, nil
}

// find looks for missing numbers above the low mark, once per leader.
func (g *gaps) find(ctx context.Context, tx *store.Tx, h head, now time.Time) error {
	rows, err := tx.QueryContext(ctx, `SELECT n FROM generate_series($1::bigint, $2::bigint) AS n WHERE NOT EXISTS (SELECT 1 FROM audit_chain c WHERE c.seq = n) ORDER BY n LIMIT $3`,
		h.low+1, h.seq, maxGaps)
	missing, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (gap, error) {
		one := gap{since: now}
		return one, row.Scan(&one.seq)
	})
	if err != nil {
		return fmt.Errorf("find missing numbers: %w", err)
	}
	g.list, g.known = missing, true
	return nil
}

func (g *gaps) filled(ctx context.Context, tx *store.Tx) ([]int64, error) {
	numbers := make([]int64, 0, len(g.list))
	for _, one := range g.list {
		numbers = append(numbers, one.seq)
	}
	rows, err := tx.QueryContext(ctx, "SELECT seq FROM audit_events WHERE seq = ANY($1) ORDER BY seq LIMIT $2", numbers, atOnce)
	come, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (int64, error) {
		var seq int64
		return seq, row.Scan(&seq)
	})
	if err != nil {
		return nil, fmt.Errorf("look for late events: %w", err)
	}
	return come, nil
}

// drop forgets gaps that were filled and those that never will be: the number
// was missing for the grace, and every transaction that ran then has ended.
func (g *gaps) drop(come []int64, now time.Time, oldest, next int64) {
	for i := range g.list {
		if one := &g.list[i]; one.horizon == 0 && now.Sub(one.since) >= grace {
			one.horizon = next
		}
	}
	g.list = slices.DeleteFunc(g.list, func(one gap) bool {
		_, filled := slices.BinarySearch(come, one.seq)
		return filled || one.horizon != 0 && oldest >= one.horizon
	})
}
