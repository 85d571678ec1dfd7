package usage

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"sphera/internal/store"
)

// folded is the instance of rows that were put together from others.
const folded = "*"

// Tidy folds minutes older than two days into hours and forgets what is older
// than is kept. Two servers may tidy at once: a fold takes the minutes away in
// the transaction that writes the hour.
func (s *Store) Tidy(ctx context.Context) error {
	before := s.now().Add(-minutesKept).Unix() / hour * hour
	for {
		n, err := s.fold(ctx, before)
		if err != nil {
			return fmt.Errorf("fold usage: %w", err)
		}
		if n == 0 {
			break
		}
	}
	err := s.db.Tx(ctx, func(tx *store.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM flag_usage WHERE span = $1 AND at < $2`, hour, s.now().Add(-hoursKept).Unix()); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM flag_unknown WHERE last_at < $1`, store.Millis(s.now().Add(-unknownKept)))
		return err
	})
	if err != nil {
		return fmt.Errorf("forget usage: %w", err)
	}
	return nil
}

// fold folds the minutes of one hour of one place.
func (s *Store) fold(ctx context.Context, before int64) (int, error) {
	n := 0
	err := s.db.Tx(ctx, func(tx *store.Tx) error {
		n = 0
		rows, err := tx.QueryContext(ctx, `SELECT project, environment, client, at FROM flag_usage WHERE span = $1 AND at < $2 ORDER BY at LIMIT 1`, minute, before)
		first, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (Row, error) {
			var r Row
			return r, row.Scan(&r.Project, &r.Environment, &r.Client, &r.Minute)
		})
		if err != nil || len(first) == 0 {
			return err
		}
		into := Row{Place: first[0].Place, Minute: first[0].Minute / hour * hour, Counts: map[string]map[string]int64{}}
		n, err = take(ctx, tx, &into, minute, into.Minute+hour)
		if err != nil {
			return err
		}
		if _, err := take(ctx, tx, &into, hour, into.Minute+1); err != nil {
			return err
		}
		return put(ctx, tx, into, hour, folded)
	})
	return n, err
}

// take removes rows of a place and adds their counts.
func take(ctx context.Context, tx *store.Tx, into *Row, span, before int64) (int, error) {
	rows, err := tx.QueryContext(ctx, `DELETE FROM flag_usage WHERE project = $1 AND environment = $2 AND client = $3 AND span = $4 AND at >= $5 AND at < $6 RETURNING counts`,
		into.Project, into.Environment, into.Client, span, into.Minute, before)
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (map[string]map[string]int64, error) {
		var text string
		if err := row.Scan(&text); err != nil {
			return nil, err
		}
		var counts map[string]map[string]int64
		return counts, json.Unmarshal([]byte(text), &counts)
	})
	for _, counts := range list {
		merge(into.Counts, counts)
	}
	return len(list), err
}

// Every is how often counts are written.
const Every = 10 * time.Second
