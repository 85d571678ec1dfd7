package source

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"sphera/internal/audit"
	"sphera/internal/catalog"
	"sphera/internal/fault"
	"sphera/internal/store"
)

// Topic is notified with the id of each source of which something changed.
const Topic = "source"

const (
	// quiet is how long a sweep that deletes one by one must be silent to have
	// ended.
	quiet = 30 * time.Second
	// window is the time over which deletes without a sweep are counted.
	window = 10 * time.Minute
	// abandoned is when a sweep by report that nobody completes has failed.
	abandoned = time.Hour
	// seenEvery bounds how often a sign of life is written down.
	seenEvery = time.Minute
	// The brake lets pass the larger of these.
	brakeMin, brakePercent = 20, 5
)

// Sources keeps sources and their sweeps.
type Sources struct {
	db      *store.DB
	catalog *catalog.Catalog
	audit   *audit.Log
	now     func() time.Time
	// kick wakes Work.
	kick chan struct{}

	mu sync.Mutex
	// seen is when each source's sign of life was last written down.
	seen map[string]time.Time
	// onHeld is told of a held sweep in its transaction; nil for nobody.
	onHeld func(ctx context.Context, tx *store.Tx, w Sweep) error
	// ticking lets one Tick work at a time.
	ticking sync.Mutex
}

// OnHeld says who is told, in the transaction that holds a sweep. It is called
// before anything works.
func (s *Sources) OnHeld(f func(ctx context.Context, tx *store.Tx, w Sweep) error) { s.onHeld = f }

// New returns the sources kept in db.
func New(db *store.DB, c *catalog.Catalog, log *audit.Log, now func() time.Time) *Sources {
	return &Sources{db: db, catalog: c, audit: log, now: now, kick: make(chan struct{}, 1), seen: map[string]time.Time{}}
}

// Source is a program that fills the catalog.
type Source struct {
	ID   string `json:"id"`
	Kind string `json:"kind" enum:"exporter,ocean,report,webhook"`
	// Entities counts those that it wrote last.
	Entities int       `json:"entities"`
	SeenAt   time.Time `json:"seenAt"`
	// Stale is true when no sign of life came for longer than ExpectEvery
	// seconds.
	Stale       bool  `json:"stale"`
	ExpectEvery int64 `json:"expectEvery"`
	// More deletes than the larger of BrakeMin and BrakePercent of its entities
	// wait for a person.
	BrakeMin     int `json:"brakeMin"`
	BrakePercent int `json:"brakePercent"`
	// Last is its newest sweep.
	Last *Sweep `json:"last,omitempty"`

	prefix, suffix string
}

const sourceColumns = "id, kind, prefix, suffix, brake_min, brake_percent, expect_every, seen_at"

func (s *Sources) scanSource(row interface{ Scan(...any) error }) (Source, error) {
	var out Source
	var every, seen int64
	err := row.Scan(&out.ID, &out.Kind, &out.prefix, &out.suffix, &out.BrakeMin, &out.BrakePercent, &every, &seen)
	out.SeenAt = store.Time(seen)
	expect := time.Duration(every) * time.Millisecond
	if expect == 0 {
		expect = 24 * time.Hour
	}
	out.ExpectEvery = int64(expect.Seconds())
	out.Stale = s.now().Sub(out.SeenAt) > expect
	return out, err
}

// List returns all sources by id, with their newest sweeps.
func (s *Sources) List(ctx context.Context) ([]Source, error) {
	rows, err := s.db.Read().QueryContext(ctx, "SELECT "+sourceColumns+" FROM sources ORDER BY id")
	list, err := store.All(rows, err, s.scanSource)
	if err != nil {
		return nil, fmt.Errorf("list sources: %w", err)
	}
	for i := range list {
		if err := s.complete(ctx, &list[i]); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Source returns one source.
func (s *Sources) Source(ctx context.Context, id string) (Source, error) {
	out, err := s.scanSource(s.db.Read().QueryRowContext(ctx, "SELECT "+sourceColumns+" FROM sources WHERE id = $1", id))
	if errors.Is(err, sql.ErrNoRows) {
		return out, noSource(id)
	}
	if err != nil {
		return out, fmt.Errorf("read source %s: %w", id, err)
	}
	return out, s.complete(ctx, &out)
}

func noSource(id string) *fault.Error { return fault.New(fault.NotFound, "There is no source %q.", id) }

func (s *Sources) complete(ctx context.Context, one *Source) error {
	var err error
	if one.Entities, err = s.catalog.CountOfDatasource(ctx, one.prefix, one.suffix); err != nil {
		return err
	}
	last, _, err := s.Sweeps(ctx, one.ID, "", 1)
	if err != nil || len(last) == 0 {
		return err
	}
	one.Last = &last[0]
	return nil
}

// Settings are what people set of a source.
type Settings struct {
	BrakeMin     *int   `json:"brakeMin,omitempty" minimum:"0" maximum:"100000"`
	BrakePercent *int   `json:"brakePercent,omitempty" minimum:"0" maximum:"100"`
	ExpectEvery  *int64 `json:"expectEvery,omitempty" minimum:"0" maximum:"31536000" doc:"Seconds"`
}

// Set changes the settings of a source.
func (s *Sources) Set(ctx context.Context, id string, c Settings, by string) (Source, error) {
	err := s.db.Tx(ctx, func(tx *store.Tx) error {
		old, err := s.scanSource(tx.QueryRowContext(ctx, "SELECT "+sourceColumns+" FROM sources WHERE id = $1"+tx.ForUpdate(), id))
		if errors.Is(err, sql.ErrNoRows) {
			return noSource(id)
		}
		if err != nil {
			return fmt.Errorf("read source %s: %w", id, err)
		}
		if c.BrakeMin != nil {
			old.BrakeMin = *c.BrakeMin
		}
		if c.BrakePercent != nil {
			old.BrakePercent = *c.BrakePercent
		}
		if c.ExpectEvery != nil {
			old.ExpectEvery = *c.ExpectEvery
		}
		if _, err := tx.ExecContext(ctx, "UPDATE sources SET brake_min = $1, brake_percent = $2, expect_every = $3 WHERE id = $4",
			old.BrakeMin, old.BrakePercent, old.ExpectEvery*1000, id); err != nil {
			return fmt.Errorf("change source %s: %w", id, err)
		}
		return s.record(ctx, tx, "source.update", id, by, "brakeMin", old.BrakeMin, "brakePercent", old.BrakePercent, "expectEvery", old.ExpectEvery)
	})
	if err != nil {
		return Source{}, err
	}
	return s.Source(ctx, id)
}

func (s *Sources) record(ctx context.Context, tx *store.Tx, verb, source, by string, detail ...any) error {
	if by == "" {
		by = audit.System
	}
	tx.Notify(Topic, source)
	return s.audit.Append(ctx, tx, audit.Event{Actor: by, Verb: verb, Object: "source/" + source, Detail: audit.Detail(detail...)})
}

// sign notes a sign of life, and the source itself the first time.
func (s *Sources) sign(ctx context.Context, tx *store.Tx, c Client) error {
	at := store.Millis(s.now())
	_, err := tx.ExecContext(ctx, `INSERT INTO sources (id, kind, prefix, suffix, brake_min, brake_percent, expect_every, caller, created_at, seen_at)
		VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8, $8)
		ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at, caller = excluded.caller, prefix = excluded.prefix, suffix = excluded.suffix`,
		c.ID, c.Kind, c.Prefix, c.Suffix, brakeMin, brakePercent, c.Caller, at)
	if err != nil {
		return fmt.Errorf("note source %s: %w", c.ID, err)
	}
	s.mu.Lock()
	s.seen[c.ID] = s.now()
	s.mu.Unlock()
	return nil
}

// Wrote is called when a client wrote entities, also when nothing changed: they
// are there, whatever it asked to have deleted before.
func (s *Sources) Wrote(ctx context.Context, c Client, blueprint string, identifiers []string) error {
	if !c.Braked() || len(identifiers) == 0 {
		return nil
	}
	s.mu.Lock()
	known := s.now().Sub(s.seen[c.ID]) < seenEvery
	s.mu.Unlock()
	where, args := itemsOf(c.ID, blueprint, identifiers)
	where += " AND state IN ('waiting', 'held', 'restoring', 'rejected')"
	var asked int
	if err := s.db.Read().QueryRowContext(ctx, "SELECT COUNT(*) FROM sweep_items WHERE "+where, args...).Scan(&asked); err != nil {
		return fmt.Errorf("look for held deletes of %s: %w", c.ID, err)
	}
	if known && asked == 0 {
		return nil
	}
	return s.db.Tx(ctx, func(tx *store.Tx) error {
		if err := s.sign(ctx, tx, c); err != nil || asked == 0 {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE sweep_items SET state = 'withdrawn', reason = 'the source reported it again' WHERE "+where, args...); err != nil {
			return fmt.Errorf("withdraw held deletes of %s: %w", c.ID, err)
		}
		tx.Notify(Topic, c.ID)
		return nil
	})
}

// itemsOf is a condition on sweep_items with its parameters.
func itemsOf(source, blueprint string, identifiers []string) (string, []any) {
	args := []any{source, blueprint}
	marks := make([]string, 0, len(identifiers))
	for _, id := range slices.Compact(slices.Sorted(slices.Values(identifiers))) {
		args = append(args, id)
		marks = append(marks, fmt.Sprintf("$%d", len(args)))
	}
	return "source = $1 AND blueprint = $2 AND identifier IN (" + strings.Join(marks, ", ") + ")", args
}
