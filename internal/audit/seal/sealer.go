package seal

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"sphera/internal/audit"
	"sphera/internal/store"
)

// Topic is notified with the position of the chain's end when it grew.
const Topic = "audit_chain"

const (
	lease     = "audit-seal"
	leaseTime = 6 * time.Second
	// atOnce bounds one transaction.
	atOnce = 500
	// gather is how long the sealer waits for more events to seal in one go.
	gather = 100 * time.Millisecond
	// look is how often it looks without being told.
	look = 2 * time.Second
	// CheckpointEvery and CheckpointAfter say when a checkpoint is due.
	CheckpointEvery = time.Minute
	CheckpointAfter = 1000
)

// Sealer is what appends to the chain. Of several replicas one at a time does.
type Sealer struct {
	db       *store.DB
	key      *Key
	log      *slog.Logger
	now      func() time.Time
	instance string
	gaps     gaps
	// checkpointed is the position and time of the last checkpoint.
	checkpointed struct {
		known    bool
		position int64
		at       time.Time
	}
	leads time.Time
	// look is how often it looks without being told; tests set it.
	look time.Duration
}

// New returns a sealer that signs checkpoints with key. instance names the
// process among the replicas.
func New(db *store.DB, key *Key, log *slog.Logger, now func() time.Time, instance string) *Sealer {
	return &Sealer{db: db, key: key, log: log, now: now, instance: instance, look: look}
}

// Work seals what is committed until ctx ends.
func (s *Sealer) Work(ctx context.Context) error {
	notes, stop := s.db.Subscribe(audit.Topic)
	defer stop()
	tick := time.NewTicker(s.look)
	defer tick.Stop()
	for {
		if err := s.turn(ctx); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "sealing the audit log failed; trying again", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-notes:
			pause(ctx, gather)
			drain(notes)
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func drain(notes <-chan string) {
	for {
		select {
		case <-notes:
		default:
			return
		}
	}
}

// turn seals everything there is if this process leads.
func (s *Sealer) turn(ctx context.Context) error {
	mine, err := s.lead(ctx)
	if err != nil || !mine {
		return err
	}
	for ctx.Err() == nil {
		n, err := s.Seal(ctx)
		if err != nil {
			return err
		}
		if n < atOnce {
			break
		}
	}
	_, err = s.Checkpoint(ctx)
	return err
}

// lead takes or renews the lease; what was taken a moment ago is trusted.
func (s *Sealer) lead(ctx context.Context) (bool, error) {
	now := s.now()
	if age := now.Sub(s.leads); age >= 0 && age < leaseTime/3 {
		return true, nil
	}
	mine, err := s.db.Lease(ctx, lease, s.instance, now, leaseTime)
	if err != nil {
		return false, err
	}
	if !mine {
		s.leads, s.checkpointed.known = time.Time{}, false
		s.gaps.forget()
		return false, nil
	}
	s.leads = now
	return true, nil
}

type head struct {
	logID              string
	position, seq, low int64
	hash               Hash
}

// Seal appends the next events to the chain and returns how many. Two sealers
// at once are safe: the row of the head lets one at a time.
func (s *Sealer) Seal(ctx context.Context) (int, error) {
	n := 0
	var g *gaps
	err := s.db.Tx(ctx, func(tx *store.Tx) error {
		g = s.gaps.copy()
		h, err := s.head(ctx, tx)
		if err != nil {
			return err
		}
		seen, err := g.look(ctx, tx, h, s.now())
		if err != nil {
			return err
		}
		events, err := pending(ctx, tx, h.seq, seen.come)
		if err != nil {
			return err
		}
		if n = len(events); n == 0 && g.low(h.seq, seen) == h.low {
			return nil
		}
		return s.append(ctx, tx, h, g, seen, events)
	})
	if err != nil {
		return 0, fmt.Errorf("seal audit events: %w", err)
	}
	s.gaps = *g
	return n, nil
}

// head locks the end of the chain; the first time it begins one.
func (s *Sealer) head(ctx context.Context, tx *store.Tx) (head, error) {
	var h head
	var hash string
	read := func() error {
		return tx.QueryRowContext(ctx, "SELECT log_id, position, seq, low, hash FROM audit_chain_head WHERE one = 1"+tx.ForUpdate()).
			Scan(&h.logID, &h.position, &h.seq, &h.low, &hash)
	}
	err := read()
	if errors.Is(err, sql.ErrNoRows) {
		id := make([]byte, 16)
		rand.Read(id) // never fails: the program stops instead
		logID := hex.EncodeToString(id)
		_, err = tx.ExecContext(ctx, `INSERT INTO audit_chain_head (one, log_id, position, seq, low, hash, sealed_at) VALUES (1, $1, 0, 0, 0, $2, 0)
			ON CONFLICT (one) DO NOTHING`, logID, first(logID).String())
		if err == nil {
			err = read()
		}
	}
	if err != nil {
		return h, fmt.Errorf("read the end of the chain: %w", err)
	}
	return h, h.hash.UnmarshalText([]byte(hash))
}

// pending reads committed events that are not sealed: the late ones, and those
// after seq.
func pending(ctx context.Context, q store.Querier, seq int64, late []int64) ([]audit.Event, error) {
	var out []audit.Event
	if len(late) > 0 {
		rows, err := q.QueryContext(ctx, "SELECT "+audit.Columns+" FROM audit_events WHERE seq IN ("+list(late)+") ORDER BY seq")
		if out, err = store.All(rows, err, audit.Scan); err != nil {
			return nil, fmt.Errorf("read late events: %w", err)
		}
	}
	rows, err := q.QueryContext(ctx, "SELECT "+audit.Columns+" FROM audit_events WHERE seq > $1 ORDER BY seq LIMIT $2", seq, atOnce)
	next, err := store.All(rows, err, audit.Scan)
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	return append(out, next...), nil
}

func list(numbers []int64) string {
	parts := make([]string, len(numbers))
	for i, n := range numbers {
		parts[i] = strconv.FormatInt(n, 10)
	}
	return strings.Join(parts, ", ")
}

func (s *Sealer) append(ctx context.Context, tx *store.Tx, h head, g *gaps, seen seen, events []audit.Event) error {
	var values strings.Builder
	args := make([]any, 0, 3*len(events))
	var buf []byte
	for i := range events {
		e := &events[i]
		h.position++
		if e.Seq > h.seq {
			g.open(h.seq+1, e.Seq, s.now(), tx.Dialect)
			h.seq = e.Seq
		}
		h.hash, buf = link(h.hash, e, buf)
		if i > 0 {
			values.WriteString(", ")
		}
		n := len(args)
		fmt.Fprintf(&values, "($%d, $%d, $%d)", n+1, n+2, n+3)
		args = append(args, h.position, e.Seq, h.hash.String())
	}
	if len(events) > 0 {
		if _, err := tx.ExecContext(ctx, "INSERT INTO audit_chain (position, seq, hash) VALUES "+values.String(), args...); err != nil {
			return fmt.Errorf("append to the chain: %w", err)
		}
	}
	_, err := tx.ExecContext(ctx, "UPDATE audit_chain_head SET position = $1, seq = $2, low = $3, hash = $4, sealed_at = $5 WHERE one = 1",
		h.position, h.seq, g.low(h.seq, seen), h.hash.String(), store.Millis(s.now()))
	if err != nil {
		return fmt.Errorf("move the end of the chain: %w", err)
	}
	g.position = h.position
	if len(events) > 0 {
		tx.Notify(Topic, strconv.FormatInt(h.position, 10))
	}
	return nil
}
