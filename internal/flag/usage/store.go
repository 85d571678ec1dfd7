package usage

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"sphera/internal/fault"
	"sphera/internal/store"
)

// Topic is notified with the project of counts that were written.
const Topic = "flag_usage"

const (
	minute = int64(60)
	hour   = int64(3600)
	// minutesKept and hoursKept are how long counts are kept at each grain.
	minutesKept = 48 * time.Hour
	hoursKept   = 90 * 24 * time.Hour
	unknownKept = 30 * 24 * time.Hour
	// atOnce bounds one write transaction.
	atOnce = 500
	// unknownPerProject bounds what foolish clients can fill.
	unknownPerProject = 1_000
	maxHours          = 90 * 24
	// hoursShown is how far back totals go.
	hoursShown = 24
)

// Store keeps usage in the database.
type Store struct {
	db       *store.DB
	now      func() time.Time
	instance string
}

// Open returns the usage kept in db. instance tells the rows of this server
// apart from those of others.
func Open(db *store.DB, now func() time.Time, instance string) *Store {
	return &Store{db: db, now: now, instance: instance}
}

// Write writes a batch in short transactions.
func (s *Store) Write(ctx context.Context, b Batch) error {
	for rows := range slices.Chunk(b.Rows, atOnce) {
		if err := s.db.Tx(ctx, func(tx *store.Tx) error { return s.writeRows(ctx, tx, rows) }); err != nil {
			return fmt.Errorf("write usage: %w", err)
		}
	}
	slices.SortFunc(b.Seen, func(x, y Seen) int { // one order, so that replicas do not wait for each other
		return cmp.Or(cmp.Compare(x.Project, y.Project), cmp.Compare(x.Environment, y.Environment), cmp.Compare(x.Flag, y.Flag))
	})
	for seen := range slices.Chunk(b.Seen, atOnce) {
		if err := s.db.Tx(ctx, func(tx *store.Tx) error { return writeSeen(ctx, tx, seen) }); err != nil {
			return fmt.Errorf("write when flags were last evaluated: %w", err)
		}
	}
	slices.SortFunc(b.Unknown, func(x, y Unknown) int {
		return cmp.Or(cmp.Compare(x.Project, y.Project), cmp.Compare(x.Environment, y.Environment), cmp.Compare(x.Flag, y.Flag), cmp.Compare(x.Client, y.Client))
	})
	for unknown := range slices.Chunk(b.Unknown, atOnce) {
		if err := s.db.Tx(ctx, func(tx *store.Tx) error { return writeUnknown(ctx, tx, unknown) }); err != nil {
			return fmt.Errorf("write unknown flags: %w", err)
		}
	}
	return nil
}

func (s *Store) writeRows(ctx context.Context, tx *store.Tx, rows []Row) error {
	for _, r := range rows {
		if err := put(ctx, tx, r, minute, s.instance); err != nil {
			return err
		}
		tx.Notify(Topic, r.Project)
	}
	return nil
}

func put(ctx context.Context, tx *store.Tx, r Row, span int64, instance string) error {
	counts, err := json.Marshal(r.Counts)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO flag_usage (project, environment, at, span, client, instance, counts) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (project, environment, at, span, client, instance) DO UPDATE SET counts = excluded.counts`,
		r.Project, r.Environment, r.Minute, span, r.Client, instance, string(counts))
	return err
}

func writeSeen(ctx context.Context, tx *store.Tx, list []Seen) error {
	for _, one := range list {
		_, err := tx.ExecContext(ctx, `INSERT INTO flag_seen (project, environment, flag, at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (project, environment, flag) DO UPDATE SET at = excluded.at WHERE flag_seen.at < excluded.at`,
			one.Project, one.Environment, one.Flag, store.Millis(one.At))
		if err != nil {
			return err
		}
	}
	return nil
}

func writeUnknown(ctx context.Context, tx *store.Tx, list []Unknown) error {
	for _, u := range list {
		_, err := tx.ExecContext(ctx, `INSERT INTO flag_unknown (project, environment, flag, client, first_at, last_at, asked)
			SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS TEXT), CAST($5 AS BIGINT), CAST($6 AS BIGINT), CAST($7 AS BIGINT)
			WHERE (SELECT COUNT(*) FROM flag_unknown WHERE project = $1) < CAST($8 AS BIGINT)
			ON CONFLICT (project, environment, flag, client) DO UPDATE SET last_at = excluded.last_at, asked = flag_unknown.asked + excluded.asked`,
			u.Project, u.Environment, u.Flag, u.Client, store.Millis(u.FirstAt), store.Millis(u.LastAt), u.Asked, unknownPerProject)
		if err != nil {
			return err
		}
	}
	return nil
}

// Point is how often an outcome came in one span of time.
type Point struct {
	At        time.Time `json:"at"`
	Variation string    `json:"variation" doc:"Empty for the default in the code"`
	Reason    string    `json:"reason"`
	Count     int64     `json:"count"`
}

// ClientCount is how often one client asked.
type ClientCount struct {
	Client string `json:"client"`
	Count  int64  `json:"count"`
}

// Usage is how one flag was used in one environment.
type Usage struct {
	Environment string    `json:"environment"`
	From        time.Time `json:"from"`
	To          time.Time `json:"to"`
	// Step is the seconds between points.
	Step          int64         `json:"step"`
	Total         int64         `json:"total"`
	Points        []Point       `json:"points"`
	Clients       []ClientCount `json:"clients"`
	LastEvaluated time.Time     `json:"lastEvaluated,omitzero"`
}

// Flag reads how a flag was used in the last hours, by minute up to six hours
// and by hour beyond.
func (s *Store) Flag(ctx context.Context, project, environment, flag string, hours int) (Usage, error) {
	if hours < 1 || hours > maxHours {
		return Usage{}, fault.Field("hours", "is out of range", "1 to 2160, which is 90 days")
	}
	now := s.now()
	out := Usage{Environment: environment, To: now.UTC().Truncate(time.Second), Step: minute, Points: []Point{}, Clients: []ClientCount{}}
	if hours > 6 {
		out.Step = hour
	}
	out.From = time.Unix(now.Add(-time.Duration(hours)*time.Hour).Unix()/out.Step*out.Step, 0).UTC()
	type cell struct {
		at   int64
		name string
	}
	points, clients := map[cell]int64{}, map[string]int64{}
	err := s.each(ctx, project, environment, out.From.Unix(), func(r Row) {
		for name, n := range r.Counts[flag] {
			points[cell{r.Minute / out.Step * out.Step, name}] += n
			clients[r.Client] += n
			out.Total += n
		}
	})
	if err != nil {
		return Usage{}, err
	}
	for at, n := range points {
		o := ParseOutcome(at.name)
		out.Points = append(out.Points, Point{At: time.Unix(at.at, 0).UTC(), Variation: o.Variation, Reason: o.Reason, Count: n})
	}
	slices.SortFunc(out.Points, func(a, b Point) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Variation, b.Variation), cmp.Compare(a.Reason, b.Reason))
	})
	for name, n := range clients {
		out.Clients = append(out.Clients, ClientCount{name, n})
	}
	slices.SortFunc(out.Clients, func(a, b ClientCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Client, b.Client))
	})
	seen, err := s.Seen(ctx, project)
	out.LastEvaluated = seen[environment][flag]
	return out, err
}

// each reads the rows since a time, of any grain.
func (s *Store) each(ctx context.Context, project, environment string, since int64, do func(Row)) error {
	rows, err := s.db.Read().QueryContext(ctx, `SELECT at, client, counts FROM flag_usage WHERE project = $1 AND environment = $2 AND at >= $3`, project, environment, since)
	if err != nil {
		return fmt.Errorf("read usage: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		r := Row{Place: Place{Project: project, Environment: environment}}
		var counts string
		if err := rows.Scan(&r.Minute, &r.Client, &counts); err != nil {
			return fmt.Errorf("read usage: %w", err)
		}
		if err := json.Unmarshal([]byte(counts), &r.Counts); err != nil {
			return fmt.Errorf("read usage: %w", err)
		}
		do(r)
	}
	return rows.Err()
}

// FlagTotal is how often a flag was evaluated lately.
type FlagTotal struct {
	Flag          string    `json:"flag"`
	Environment   string    `json:"environment"`
	Count         int64     `json:"count" doc:"In the last 24 hours"`
	Hours         []int64   `json:"hours" doc:"The same hour by hour, the last one is now"`
	LastEvaluated time.Time `json:"lastEvaluated,omitzero"`
}

// Totals reads how often each flag of a project was evaluated in the last 24
// hours, and when last; in one environment, or in all that were asked for
// when it is empty.
func (s *Store) Totals(ctx context.Context, project, environment string) ([]FlagTotal, error) {
	seen, err := s.Seen(ctx, project)
	if err != nil {
		return nil, err
	}
	out := []FlagTotal{}
	for env, flags := range seen {
		if environment != "" && env != environment {
			continue
		}
		hours := map[string][]int64{}
		since := s.now().Add(-hoursShown * time.Hour).Unix()
		err := s.each(ctx, project, env, since, func(r Row) {
			at := min((r.Minute-since)/hour, hoursShown-1)
			for flag, list := range r.Counts {
				if hours[flag] == nil {
					hours[flag] = make([]int64, hoursShown)
				}
				for _, n := range list {
					hours[flag][at] += n
				}
			}
		})
		if err != nil {
			return nil, err
		}
		for flag, at := range flags {
			total := FlagTotal{Flag: flag, Environment: env, Hours: hours[flag], LastEvaluated: at}
			if total.Hours == nil {
				total.Hours = make([]int64, hoursShown)
			}
			for _, n := range total.Hours {
				total.Count += n
			}
			out = append(out, total)
		}
	}
	slices.SortFunc(out, func(a, b FlagTotal) int {
		return cmp.Or(cmp.Compare(a.Flag, b.Flag), cmp.Compare(a.Environment, b.Environment))
	})
	return out, nil
}

// Seen tells when the flags of a project were last evaluated: environment to
// flag to time.
func (s *Store) Seen(ctx context.Context, project string) (map[string]map[string]time.Time, error) {
	rows, err := s.db.Read().QueryContext(ctx, `SELECT environment, flag, at FROM flag_seen WHERE project = $1`, project)
	out := map[string]map[string]time.Time{}
	_, err = store.All(rows, err, func(row interface{ Scan(...any) error }) (struct{}, error) {
		var env, flag string
		var at int64
		err := row.Scan(&env, &flag, &at)
		if out[env] == nil {
			out[env] = map[string]time.Time{}
		}
		out[env][flag] = store.Time(at)
		return struct{}{}, err
	})
	if err != nil {
		return nil, fmt.Errorf("read when flags were last evaluated: %w", err)
	}
	return out, nil
}

// Unknown lists flags that clients ask for and that do not exist, the latest
// first; of all projects when project is empty.
func (s *Store) Unknown(ctx context.Context, project string, limit int) ([]Unknown, error) {
	if limit <= 0 || limit > 500 {
		limit = 500
	}
	rows, err := s.db.Read().QueryContext(ctx, `SELECT project, environment, flag, client, first_at, last_at, asked FROM flag_unknown
		WHERE (CAST($1 AS TEXT) = '' OR project = $1) ORDER BY last_at DESC, project, environment, flag, client LIMIT $2`, project, limit)
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (Unknown, error) {
		var u Unknown
		var first, last int64
		err := row.Scan(&u.Project, &u.Environment, &u.Flag, &u.Client, &first, &last, &u.Asked)
		u.FirstAt, u.LastAt = store.Time(first), store.Time(last)
		return u, err
	})
	if err != nil {
		return nil, fmt.Errorf("list unknown flags: %w", err)
	}
	return list, nil
}
