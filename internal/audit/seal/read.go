package seal

import (
	"context"
	"fmt"
	"time"

	"sphera/internal/audit"
	"sphera/internal/store"
)

// Read returns up to limit entries after a position, in the order of the chain.
func Read(ctx context.Context, db *store.DB, after int64, limit int) ([]Entry, error) {
	h, err := readHead(ctx, db.Read())
	if err != nil || h.position <= after {
		return nil, err
	}
	previous := first(h.logID)
	if after > 0 {
		if previous, _, err = hashAt(ctx, db.Read(), after); err != nil {
			return nil, err
		}
	}
	var w worker
	if err := w.read(ctx, db, after, after+int64(limit)); err != nil {
		return nil, err
	}
	out := make([]Entry, 0, len(w.rows))
	for _, r := range w.rows {
		if r.missing { // Verify is what tells about it
			r.Event = audit.Event{Seq: r.Event.Seq, Detail: []byte("{}")}
		}
		r.Previous = previous
		previous = r.Hash
		out = append(out, r.Entry)
	}
	return out, nil
}

// Checkpoints returns up to limit checkpoints after a position.
func Checkpoints(ctx context.Context, db *store.DB, after int64, limit int) ([]Checkpoint, error) {
	return checkpoints(ctx, db.Read(), "WHERE position > $1 ORDER BY position LIMIT $2", after, limit)
}

// CheckpointBefore returns the last checkpoint that is not after a position.
func CheckpointBefore(ctx context.Context, db *store.DB, position int64) (Checkpoint, bool, error) {
	list, err := checkpoints(ctx, db.Read(), "WHERE position <= $1 ORDER BY position DESC LIMIT 1", position)
	if err != nil || len(list) == 0 {
		return Checkpoint{}, false, err
	}
	return list[0], true, nil
}

// PositionAt is the position before the first entry of an event at or after a
// time: where reading begins for those who want everything since then.
func PositionAt(ctx context.Context, db *store.DB, since time.Time) (int64, error) {
	var position int64
	err := db.Read().QueryRowContext(ctx, `SELECT COALESCE(MIN(c.position), (SELECT COALESCE(MAX(position), 0) + 1 FROM audit_chain)) FROM audit_chain c
		WHERE c.seq IN (SELECT seq FROM audit_events WHERE at >= $1 ORDER BY at, seq LIMIT 100)`, store.Millis(since)).Scan(&position)
	if err != nil {
		return 0, fmt.Errorf("find the first entry since a time: %w", err)
	}
	return position - 1, nil
}

// Chain is what is known about the chain without reading it.
type Chain struct {
	Log      string    `json:"log,omitempty" doc:"Id of the log"`
	Position int64     `json:"position" doc:"How many events are sealed"`
	Hash     Hash      `json:"hash"`
	SealedAt time.Time `json:"sealedAt"`
	// Waiting counts events that are not sealed yet, up to 1,000.
	Waiting    int         `json:"waiting" doc:"Events that are not sealed yet"`
	Checkpoint *Checkpoint `json:"checkpoint,omitempty" doc:"The last signed checkpoint"`
}

// Look returns the state of the chain.
func Look(ctx context.Context, db *store.DB) (Chain, error) {
	var s Chain
	var at int64
	h, err := readHead(ctx, db.Read())
	if err != nil {
		return s, err
	}
	s.Log, s.Position, s.Hash = h.logID, h.position, h.hash
	if h.logID != "" {
		if err := db.Read().QueryRowContext(ctx, "SELECT sealed_at FROM audit_chain_head WHERE one = 1").Scan(&at); err != nil {
			return s, fmt.Errorf("read the end of the chain: %w", err)
		}
		s.SealedAt = store.Time(at)
	}
	err = db.Read().QueryRowContext(ctx, "SELECT COUNT(*) FROM (SELECT 1 FROM audit_events WHERE seq > $1 LIMIT 1000) AS waiting", h.seq).Scan(&s.Waiting)
	if err != nil {
		return s, fmt.Errorf("count events that wait: %w", err)
	}
	last, err := lastCheckpoint(ctx, db.Read())
	if last.Position > 0 {
		s.Checkpoint = &last
	}
	return s, err
}
