package sink

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"sphera/internal/audit/ocsf"
	"sphera/internal/audit/seal"
	"sphera/internal/fault"
	"sphera/internal/outgoing"
	"sphera/internal/store"
)

// Topic is notified with the name of a sink that took something or failed.
const Topic = "audit_sink"

const (
	lease     = "audit-sinks"
	leaseTime = 6 * time.Second
	// batch bounds what is sent at once.
	batch = 200
	// sendTime bounds one sending.
	sendTime = 10 * time.Second
	look     = 2 * time.Second
	maxPause = 30 * time.Second
	// Patience is how long an action on production waits for the required
	// sink.
	Patience = 5 * time.Second
)

// Deps are what sinks work with.
type Deps struct {
	DB     *store.DB
	Key    *seal.Key
	Client *outgoing.Client
	Log    *slog.Logger
	Now    func() time.Time
	// Instance names the process among the replicas, Host the machine.
	Instance, Host string
	// Patience is that of Confirm; the package's when 0.
	Patience time.Duration
}

// Sinks delivers to all of them.
type Sinks struct {
	db       *store.DB
	key      *seal.Key
	client   *outgoing.Client
	log      *slog.Logger
	now      func() time.Time
	instance string
	host     string
	patience time.Duration
	specs    []Spec
}

// New returns the sinks; it sends nothing yet.
func New(d Deps, specs []Spec) (*Sinks, error) {
	seen, required := map[string]bool{}, ""
	for _, s := range specs {
		if seen[s.Name] {
			return nil, fmt.Errorf("the audit sink %s is there twice", s.Name)
		}
		if s.Required && required != "" {
			return nil, fmt.Errorf("one audit sink can be required, not both %s and %s", required, s.Name)
		}
		if seen[s.Name] = true; s.Required {
			required = s.Name
		}
	}
	if d.Patience == 0 {
		d.Patience = Patience
	}
	return &Sinks{
		db: d.DB, key: d.Key, client: d.Client, log: d.Log, now: d.Now, instance: d.Instance, host: d.Host, patience: d.Patience, specs: specs,
	}, nil
}

// Work delivers until ctx ends. Of several replicas one at a time does.
func (s *Sinks) Work(ctx context.Context) error {
	if len(s.specs) == 0 {
		<-ctx.Done()
		return nil
	}
	var workers sync.WaitGroup
	for _, spec := range s.specs {
		workers.Go(func() { s.deliver(ctx, spec) })
	}
	workers.Wait()
	return nil
}

// deliver serves one sink until ctx ends.
func (s *Sinks) deliver(ctx context.Context, spec Spec) {
	notes, stop := s.db.Subscribe(seal.Topic)
	defer stop()
	to := s.open(spec)
	defer func() {
		if err := to.close(); err != nil {
			s.log.DebugContext(ctx, "close an audit sink", "sink", spec.Name, "error", err)
		}
	}()
	wait := look
	for {
		err := s.turn(ctx, spec, to)
		switch {
		case err == nil:
			wait = look
		case ctx.Err() == nil:
			wait = min(2*wait, maxPause)
			s.failed(ctx, spec, err)
			drain(notes)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		case <-notes:
			drain(notes)
		}
		timer.Stop()
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

// turn delivers what there is, if this process is the one that does.
func (s *Sinks) turn(ctx context.Context, spec Spec, to target) error {
	for ctx.Err() == nil {
		mine, err := s.db.Lease(ctx, lease+" "+spec.Name, s.instance, s.now(), leaseTime+sendTime)
		if err != nil || !mine {
			return err
		}
		more, err := s.once(ctx, spec, to)
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// state is where a sink stands.
type state struct {
	position, checkpoint int64
	failing              bool
}

// once sends one batch and remembers it, in this order: what was sent twice is
// better than what was never sent.
func (s *Sinks) once(ctx context.Context, spec Spec, to target) (more bool, err error) {
	at, err := s.state(ctx, spec)
	if err != nil {
		return false, err
	}
	lines, next, err := s.lines(ctx, spec, at)
	if err != nil {
		return false, err
	}
	if len(lines) == 0 {
		if at.failing {
			return false, s.save(ctx, spec, at)
		}
		return false, nil
	}
	sending, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	if err := to.send(sending, lines); err != nil {
		return false, err
	}
	return len(lines) >= batch, s.save(ctx, spec, next)
}

// lines are the next entries, and the checkpoints that are not after them.
func (s *Sinks) lines(ctx context.Context, spec Spec, at state) ([][]byte, state, error) {
	entries, err := seal.Read(ctx, s.db, at.position, batch)
	if err != nil {
		return nil, at, err
	}
	var out [][]byte
	for i := range entries {
		encode := seal.EventLine
		if spec.Format == OCSF {
			encode = ocsf.Line
		}
		line, err := encode(&entries[i])
		if err != nil {
			return nil, at, err
		}
		out = append(out, line)
		at.position = entries[i].Position
	}
	signed, err := seal.Checkpoints(ctx, s.db, at.checkpoint, batch)
	if err != nil {
		return nil, at, err
	}
	for i := range signed {
		if signed[i].Position > at.position {
			break
		}
		line, err := seal.CheckpointLine(&signed[i])
		if err != nil {
			return nil, at, err
		}
		out = append(out, line)
		at.checkpoint = signed[i].Position
	}
	return out, at, nil
}

func (s *Sinks) state(ctx context.Context, spec Spec) (state, error) {
	var at state
	var problem string
	err := s.db.Read().QueryRowContext(ctx, "SELECT position, checkpoint, error FROM audit_sinks WHERE name = $1", spec.Name).Scan(&at.position, &at.checkpoint, &problem)
	if errors.Is(err, sql.ErrNoRows) {
		return at, nil
	}
	at.failing = problem != ""
	if err != nil {
		return at, fmt.Errorf("read where the audit sink %s stands: %w", spec.Name, err)
	}
	return at, nil
}

func (s *Sinks) save(ctx context.Context, spec Spec, at state) error {
	return s.db.Tx(ctx, func(tx *store.Tx) error {
		tx.Notify(Topic, spec.Name)
		_, err := tx.ExecContext(ctx, `INSERT INTO audit_sinks (name, position, checkpoint, error, failing_since, updated_at) VALUES ($1, $2, $3, '', 0, $4)
			ON CONFLICT (name) DO UPDATE SET position = excluded.position, checkpoint = excluded.checkpoint, error = '', failing_since = 0, updated_at = excluded.updated_at`,
			spec.Name, at.position, at.checkpoint, store.Millis(s.now()))
		if err != nil {
			return fmt.Errorf("remember where the audit sink %s stands: %w", spec.Name, err)
		}
		return nil
	})
}

// failed remembers why; what the other side said is not kept, only our words.
func (s *Sinks) failed(ctx context.Context, spec Spec, cause error) {
	s.log.WarnContext(ctx, "an audit sink did not take what there is; trying again", "sink", spec.Name, "error", cause)
	text := "It could not be reached or written."
	if f, ok := fault.As(cause); ok {
		text = f.Message
	}
	err := s.db.Tx(ctx, func(tx *store.Tx) error {
		tx.Notify(Topic, spec.Name)
		now := store.Millis(s.now())
		_, err := tx.ExecContext(ctx, `INSERT INTO audit_sinks (name, position, checkpoint, error, failing_since, updated_at) VALUES ($1, 0, 0, $2, $3, $3)
			ON CONFLICT (name) DO UPDATE SET error = excluded.error, updated_at = excluded.updated_at,
				failing_since = CASE WHEN audit_sinks.failing_since = 0 THEN excluded.failing_since ELSE audit_sinks.failing_since END`, spec.Name, text, now)
		return err
	})
	if err != nil && ctx.Err() == nil {
		s.log.WarnContext(ctx, "remember that an audit sink failed", "sink", spec.Name, "error", err)
	}
}

// Standing is a sink as it is shown.
type Standing struct {
	Name     string `json:"name"`
	Kind     string `json:"kind"`
	Format   string `json:"format"`
	Required bool   `json:"required"`
	// Position is up to where it has everything.
	Position     int64     `json:"position"`
	Error        string    `json:"error,omitempty"`
	FailingSince time.Time `json:"failingSince,omitzero"`
	UpdatedAt    time.Time `json:"updatedAt,omitzero"`
}

// List tells how each sink stands.
func (s *Sinks) List(ctx context.Context) ([]Standing, error) {
	out := make([]Standing, 0, len(s.specs))
	for _, spec := range s.specs {
		one := Standing{Name: spec.Name, Kind: spec.Kind, Format: spec.Format, Required: spec.Required}
		var since, at int64
		err := s.db.Read().QueryRowContext(ctx, "SELECT position, error, failing_since, updated_at FROM audit_sinks WHERE name = $1", spec.Name).
			Scan(&one.Position, &one.Error, &since, &at)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, fmt.Errorf("read where the audit sink %s stands: %w", spec.Name, err)
		}
		one.FailingSince, one.UpdatedAt = store.Time(since), store.Time(at)
		out = append(out, one)
	}
	return out, nil
}
