package sink

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sphera/internal/fault"
)

// again is how often Confirm looks without being told.
const again = 250 * time.Millisecond

// Confirm returns when the required sink, if there is one, has every event
// that is committed now, and refuses after some seconds. What is done to
// production asks first: without a record outside it does not happen.
func (s *Sinks) Confirm(ctx context.Context) error {
	for _, spec := range s.specs {
		if spec.Required {
			return s.confirm(ctx, spec)
		}
	}
	return nil
}

// Required reports whether a sink is.
func (s *Sinks) Required() bool {
	return slices.ContainsFunc(s.specs, func(spec Spec) bool { return spec.Required })
}

func (s *Sinks) confirm(ctx context.Context, spec Spec) error {
	waiting, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	notes, stop := s.db.Subscribe(Topic)
	defer stop()
	var seq int64
	err := s.db.Read().QueryRowContext(waiting, "SELECT COALESCE(MAX(seq), 0) FROM audit_events").Scan(&seq)
	tick := time.NewTicker(again)
	defer tick.Stop()
	for err == nil {
		var done bool
		if done, err = s.has(waiting, spec, seq); err != nil || done {
			break
		}
		select {
		case <-waiting.Done():
			err = waiting.Err()
		case <-tick.C:
		case <-notes:
		}
	}
	if err == nil {
		return nil
	}
	return fault.Refuse("audit-sink-required",
		fmt.Sprintf("The audit sink %s, which has to take the record of what is done to production first, did not take it within %s.", spec.Name, s.patience),
		"Try again when the sink works; the audit page shows how the sinks stand.", "role infrastructure").Wrap(err)
}

// has reports whether the sink took the event and all that were sealed before
// it.
func (s *Sinks) has(ctx context.Context, spec Spec, seq int64) (bool, error) {
	var done bool
	err := s.db.Read().QueryRowContext(ctx, `SELECT COALESCE((SELECT k.position FROM audit_sinks k WHERE k.name = $1 AND k.error = ''), -1)
		>= COALESCE((SELECT c.position FROM audit_chain c WHERE c.seq = $2), CASE WHEN $2 = 0 THEN 0 ELSE 9223372036854775807 END)`, spec.Name, seq).Scan(&done)
	if err != nil {
		return false, fmt.Errorf("ask what the audit sink has: %w", err)
	}
	return done, nil
}
