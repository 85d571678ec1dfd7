package source

import (
	"context"
	"fmt"

	"sphera/internal/auth"
	"sphera/internal/fault"
	"sphera/internal/store"
)

// Decide lets a person carry out a held sweep, or drop it. The source itself
// cannot: neither a program, nor a token of the user that the source calls with.
func (s *Sources) Decide(ctx context.Context, id int64, approve bool, by auth.Principal) (Sweep, error) {
	if err := s.putBack(ctx, id); err != nil { // also what is rejected comes back first
		return Sweep{}, err
	}
	err := s.db.Tx(ctx, func(tx *store.Tx) error {
		w, err := s.readSweep(ctx, tx, id, tx.ForUpdate())
		if err != nil {
			return err
		}
		if by.Via == auth.ViaApp || by.Via == auth.ViaToken && by.ID == w.Caller {
			return fault.Refuse("a-person-decides-sweeps", "This credential is one that the source itself could use.",
				"Sign in to the portal and decide there, or ask somebody else.", "role "+auth.Infrastructure)
		}
		if w.State != held {
			return fault.New(fault.Conflict, "Sweep %d is %s; only a held one is decided.", id, w.State)
		}
		at := store.Millis(s.now())
		if approve {
			if _, err := tx.ExecContext(ctx, "UPDATE sweeps SET state = 'approved', decided_by = $1, decided_at = $2 WHERE id = $3", by.ID, at, id); err != nil {
				return fmt.Errorf("approve sweep %d: %w", id, err)
			}
			return s.record(ctx, tx, "sweep.approve", w.Source, by.ID, "sweep", id)
		}
		if _, err := tx.ExecContext(ctx, "UPDATE sweep_items SET state = 'rejected' WHERE sweep = $1 AND state IN ('held', 'waiting')", id); err != nil {
			return fmt.Errorf("reject sweep %d: %w", id, err)
		}
		if _, err := tx.ExecContext(ctx, "UPDATE sweeps SET decided_by = $1, decided_at = $2 WHERE id = $3", by.ID, at, id); err != nil {
			return fmt.Errorf("reject sweep %d: %w", id, err)
		}
		if err := s.end(ctx, tx, &w, rejected, ""); err != nil {
			return err
		}
		return s.record(ctx, tx, "sweep.reject", w.Source, by.ID, "sweep", id)
	})
	if err != nil {
		return Sweep{}, err
	}
	s.wake()
	w, _, _, err := s.Sweep(ctx, id, 0, 1)
	return w, err
}

// wake lets Work look at once.
func (s *Sources) wake() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}
