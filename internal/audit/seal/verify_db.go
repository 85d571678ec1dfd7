package seal

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"

	"sphera/internal/store"
)

// part is how many entries are read and verified at once.
const part = 5000

// Options are how a log is verified.
type Options struct {
	// Checkpoints come from outside, e.g. from a sink; those in the database
	// are compared as well.
	Checkpoints []Checkpoint
	// Keys are the public keys that may have signed; with none, signatures
	// are only compared with the key they name.
	Keys []string
	// Workers is how many parts are read at the same time; 2 when 0.
	Workers int
	// part is set by tests.
	part int64
}

// Verify looks at the whole log in the database.
func Verify(ctx context.Context, db *store.DB, o Options) (*Report, error) {
	if o.Workers == 0 {
		o.Workers = 2
	}
	if o.part == 0 {
		o.part = part
	}
	h, err := readHead(ctx, db.Read())
	if err != nil {
		return nil, err
	}
	r := &Report{Log: h.logID, From: 1, Problems: []Problem{}}
	last, err := chainEnd(ctx, db.Read())
	if err != nil {
		return nil, err
	}
	if err := verifyLinks(ctx, db, r, h, last, o); err != nil {
		return nil, err
	}
	if r.To < h.position {
		r.add(Problem{Truncated, r.To + 1, 0, fmt.Sprintf("the chain ended at %d and ends at %d now", h.position, r.To)})
	}
	if err := unsealed(ctx, db.Read(), r, h); err != nil {
		return nil, err
	}
	own, err := checkpoints(ctx, db.Read(), "ORDER BY position")
	if err != nil {
		return nil, err
	}
	var failed error
	r.checkpointsAgree(append(own, o.Checkpoints...), o.Keys, func(position int64) (Hash, bool) {
		hash, ok, err := hashAt(ctx, db.Read(), position)
		if err != nil {
			failed = err
		}
		return hash, ok
	})
	return r, failed
}

func readHead(ctx context.Context, q store.Querier) (head, error) {
	var h head
	var hash string
	err := q.QueryRowContext(ctx, "SELECT log_id, position, seq, low, hash FROM audit_chain_head WHERE one = 1").Scan(&h.logID, &h.position, &h.seq, &h.low, &hash)
	if err == sql.ErrNoRows { // Scan returns it as it is
		return h, nil
	}
	if err != nil {
		return h, fmt.Errorf("read the end of the chain: %w", err)
	}
	return h, h.hash.UnmarshalText([]byte(hash))
}

func chainEnd(ctx context.Context, q store.Querier) (int64, error) {
	var last int64
	if err := q.QueryRowContext(ctx, "SELECT COALESCE(MAX(position), 0) FROM audit_chain").Scan(&last); err != nil {
		return 0, fmt.Errorf("find the end of the chain: %w", err)
	}
	return last, nil
}

func hashAt(ctx context.Context, q store.Querier, position int64) (Hash, bool, error) {
	var text string
	var h Hash
	err := q.QueryRowContext(ctx, "SELECT hash FROM audit_chain WHERE position = $1", position).Scan(&text)
	if err == sql.ErrNoRows { // Scan returns it as it is
		return h, false, nil
	}
	if err != nil {
		return h, false, fmt.Errorf("read a link: %w", err)
	}
	return h, true, h.UnmarshalText([]byte(text))
}

// verifyLinks verifies the chain up to last in parts, some at a time.
func verifyLinks(ctx context.Context, db *store.DB, r *Report, h head, last int64, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	starts := make(chan int64)
	go func() {
		defer close(starts)
		for from := int64(0); from < last; from += o.part {
			select {
			case starts <- from:
			case <-ctx.Done():
				return
			}
		}
	}()
	var mu sync.Mutex
	var failed error
	var workers sync.WaitGroup
	for range o.Workers {
		workers.Go(func() {
			var w worker
			for from := range starts {
				problems, entries, err := w.verify(ctx, db, h, from, min(from+o.part, last))
				mu.Lock()
				r.Entries += entries
				if r.add(problems...); err != nil && failed == nil {
					failed = err
					cancel()
				}
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	if failed != nil {
		return failed
	}
	r.To = last
	hash, _, err := hashAt(ctx, db.Read(), last)
	r.Hash = hash
	return err
}

// worker keeps its memory from part to part.
type worker struct {
	rows []row
	buf  []byte
	raw  raw
}

// verify verifies the entries after from up to to.
func (w *worker) verify(ctx context.Context, db *store.DB, h head, from, to int64) ([]Problem, int64, error) {
	previous, known := first(h.logID), true
	if from > 0 {
		var err error
		if previous, known, err = hashAt(ctx, db.Read(), from); err != nil {
			return nil, 0, err
		}
	}
	if err := w.read(ctx, db, from, to); err != nil {
		return nil, 0, err
	}
	rows := w.rows
	var out []Problem
	if !known && len(rows) > 0 { // the part before says that the entry is missing
		previous, from, rows = rows[0].Hash, rows[0].Position, rows[1:]
	}
	var end = from
	if len(rows) > 0 {
		end = rows[len(rows)-1].Position
	}
	out, w.buf = checkLinks(previous, from, rows, w.buf)
	if end < to {
		out = append(out, gone(end+1, to))
	}
	return out, int64(len(w.rows)), nil
}

// unit stands between the texts of an event when they are read as one column:
// a row of few columns costs a third of one with all of them.
const unit = "\x1f"

// texts are the columns of an event's texts, in the order of fields.
const texts = "e.actor, e.actor_name, e.verb, e.object, e.outcome, e.run_id, e.request_id, e.via, e.on_behalf_of, e.address, e.rule, e.entity, e.family"

func (r *row) fields() []*string {
	e := &r.Event
	return []*string{
		&e.Actor, &e.ActorName, &e.Verb, &e.Object, &e.Outcome, &e.RunID, &e.RequestID, &e.Via, &e.OnBehalfOf, &e.Address, &e.Rule, &e.Entity, &r.family,
	}
}

func (w *worker) read(ctx context.Context, db *store.DB, from, to int64) error {
	rows, err := db.Read().QueryContext(ctx, `SELECT c.position, c.seq, c.hash, e.seq, e.at, concat_ws($3, `+texts+`), e.detail
		FROM audit_chain c LEFT JOIN audit_events e ON e.seq = c.seq WHERE c.position > $1 AND c.position <= $2 ORDER BY c.position`, from, to, unit)
	if err != nil {
		return fmt.Errorf("read the chain: %w", err)
	}
	defer rows.Close()
	w.rows = w.rows[:0]
	var apart []int
	for rows.Next() {
		if len(w.rows) < cap(w.rows) {
			w.rows = w.rows[:len(w.rows)+1] // with the memory of the row before
		} else {
			w.rows = append(w.rows, row{})
		}
		whole, err := w.rows[len(w.rows)-1].scan(rows, &w.raw)
		if err != nil {
			return fmt.Errorf("read the chain: %w", err)
		}
		if !whole {
			apart = append(apart, len(w.rows)-1)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, i := range apart {
		if err := w.rows[i].readTexts(ctx, db); err != nil {
			return err
		}
	}
	return nil
}

// raw is where a row is scanned to.
type raw struct {
	seq, at              sql.NullInt64
	hash, joined, detail sql.RawBytes
}

// scan reads a row; whole is false when one of its texts has the separator in
// it, so that they have to be read apart.
func (r *row) scan(rows *sql.Rows, in *raw) (whole bool, err error) {
	e := &r.Event
	if err := rows.Scan(&r.Position, &e.Seq, &in.hash, &in.seq, &in.at, &in.joined, &in.detail); err != nil {
		return false, err
	}
	if err := r.Hash.UnmarshalText(in.hash); err != nil {
		r.Hash = Hash{} // no hash at all: a changed link
	}
	if r.missing = !in.seq.Valid; r.missing {
		return true, nil
	}
	e.At = store.Time(in.at.Int64)
	e.Detail = append(e.Detail[:0], in.detail...)
	fields, rest := r.fields(), string(in.joined)
	if strings.Count(rest, unit) != len(fields)-1 {
		return false, nil
	}
	for _, field := range fields {
		*field, rest, _ = strings.Cut(rest, unit)
	}
	return true, nil
}

// readTexts reads the texts of one event column by column.
func (r *row) readTexts(ctx context.Context, db *store.DB) error {
	var dest []any
	for _, field := range r.fields() {
		dest = append(dest, field)
	}
	err := db.Read().QueryRowContext(ctx, "SELECT "+texts+" FROM audit_events e WHERE e.seq = $1", r.Event.Seq).Scan(dest...)
	if err != nil {
		return fmt.Errorf("read event %d: %w", r.Event.Seq, err)
	}
	return nil
}

// unsealed finds events that stand among sealed ones without a link, and
// counts those that wait. Only when the numbers differ is each looked at.
func unsealed(ctx context.Context, q store.Querier, r *Report, h head) error {
	var events, links int64
	err := q.QueryRowContext(ctx, "SELECT COUNT(*) FROM audit_events WHERE seq <= $1", h.low).Scan(&events)
	if err == nil {
		err = q.QueryRowContext(ctx, "SELECT COUNT(*) FROM audit_chain WHERE seq <= $1", h.low).Scan(&links)
	}
	if err == nil {
		err = q.QueryRowContext(ctx, "SELECT COUNT(*) FROM audit_events e WHERE e.seq > $1 AND NOT EXISTS (SELECT 1 FROM audit_chain c WHERE c.seq = e.seq)", h.low).Scan(&r.Waiting)
	}
	if err != nil {
		return fmt.Errorf("count events: %w", err)
	}
	if events == links && r.OK() {
		return nil
	}
	rows, err := q.QueryContext(ctx, `SELECT e.seq, COALESCE((SELECT MAX(c.position) FROM audit_chain c WHERE c.seq < e.seq), 0) FROM audit_events e
		WHERE e.seq <= $1 AND NOT EXISTS (SELECT 1 FROM audit_chain c WHERE c.seq = e.seq) ORDER BY e.seq LIMIT $2`, h.low, maxProblems)
	found, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (Problem, error) {
		p := Problem{Kind: Inserted}
		if err := row.Scan(&p.Seq, &p.Position); err != nil {
			return p, err
		}
		p.Text = fmt.Sprintf("event %d, after position %d, was never sealed: it was inserted later, or its link was removed", p.Seq, p.Position)
		return p, nil
	})
	if err != nil {
		return fmt.Errorf("find events that were inserted: %w", err)
	}
	r.add(found...)
	return nil
}
