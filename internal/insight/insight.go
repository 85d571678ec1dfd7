// Package insight keeps figures about the portal's own use, such as the time
// from the click to a new service's first answer.
package insight

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"time"

	"sphera/internal/fault"
	"sphera/internal/store"
)

// Measure is one measured duration.
type Measure struct {
	RunID string `json:"runId"`
	// Subject is what it is about, e.g. the service's name.
	Subject string `json:"subject"`
	Millis  int64  `json:"millis"`
	// Parts are the milliseconds of each part, e.g. of each step.
	Parts map[string]int64 `json:"parts"`
	At    time.Time        `json:"at"`
}

// Summary describes the measures of one name.
type Summary struct {
	Count int `json:"count"`
	// P50Millis and P90Millis are over the last Window measures.
	P50Millis int64     `json:"p50Millis"`
	P90Millis int64     `json:"p90Millis"`
	Last      []Measure `json:"last"`
}

// Window is how many of the latest measures the percentiles are over.
const Window = 1000

// lastShown is how many measures a summary lists.
const lastShown = 20

var namePattern = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)

// Insights records and summarises measures.
type Insights struct {
	db  *store.DB
	now func() time.Time
}

// New returns the measures kept in db.
func New(db *store.DB, now func() time.Time) *Insights { return &Insights{db: db, now: now} }

// Record keeps one duration. The first measure of a name and run stays: a step
// that is repeated after a crash does not count twice. It makes no audit event,
// since it is a figure about a run that has its own.
func (i *Insights) Record(ctx context.Context, name, subject, runID string, d time.Duration, parts map[string]int64) error {
	if !namePattern.MatchString(name) || runID == "" || d < 0 {
		return fault.New(fault.Unprocessable, "A measure needs a name of lower case letters, a run and a duration that is not negative.")
	}
	if parts == nil {
		parts = map[string]int64{}
	}
	raw, err := json.Marshal(parts)
	if err != nil {
		return fmt.Errorf("write the parts of measure %s: %w", name, err)
	}
	err = i.db.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO insight_measures (name, run_id, subject, millis, parts, at) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (name, run_id) DO NOTHING`, name, runID, subject, d.Milliseconds(), string(raw), store.Millis(i.now()))
		return err
	})
	if err != nil {
		return fmt.Errorf("record measure %s: %w", name, err)
	}
	return nil
}

// Summary describes the measures of a name; a name without measures has a
// summary with zeros.
func (i *Insights) Summary(ctx context.Context, name string) (Summary, error) {
	s := Summary{Last: []Measure{}}
	if err := i.db.Read().QueryRowContext(ctx, `SELECT COUNT(*) FROM insight_measures WHERE name = $1`, name).Scan(&s.Count); err != nil {
		return Summary{}, fmt.Errorf("count measures %s: %w", name, err)
	}
	rows, err := i.db.Read().QueryContext(ctx, `SELECT millis FROM (SELECT millis FROM insight_measures WHERE name = $1 ORDER BY at DESC, run_id DESC LIMIT $2) AS latest ORDER BY millis`, name, Window)
	millis, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (int64, error) {
		var v int64
		err := row.Scan(&v)
		return v, err
	})
	if err != nil {
		return Summary{}, fmt.Errorf("read measures %s: %w", name, err)
	}
	s.P50Millis, s.P90Millis = percentile(millis, 50), percentile(millis, 90)
	rows, err = i.db.Read().QueryContext(ctx, `SELECT run_id, subject, millis, parts, at FROM insight_measures WHERE name = $1 ORDER BY at DESC, run_id DESC LIMIT $2`, name, lastShown)
	if s.Last, err = store.All(rows, err, scan); err != nil {
		return Summary{}, fmt.Errorf("read the last measures %s: %w", name, err)
	}
	return s, nil
}

// percentile is the nearest-rank percentile of sorted values.
func percentile(sorted []int64, p int) int64 {
	if len(sorted) == 0 {
		return 0
	}
	rank := (len(sorted)*p + 99) / 100
	return sorted[max(rank, 1)-1]
}

func scan(row interface{ Scan(...any) error }) (Measure, error) {
	var m Measure
	var at int64
	var parts string
	if err := row.Scan(&m.RunID, &m.Subject, &m.Millis, &parts, &at); err != nil {
		return m, err
	}
	m.At = store.Time(at)
	if err := json.Unmarshal([]byte(parts), &m.Parts); err != nil {
		return m, fmt.Errorf("read the parts of the measure of run %s: %w", m.RunID, err)
	}
	return m, nil
}
