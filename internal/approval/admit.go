package approval

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sphera/action"
	"sphera/internal/auth"
	"sphera/internal/run"
	"sphera/internal/store"
)

// admit looks, in the transaction that starts a step, whether it may: nothing
// holds the run, and every approval before it is there, given by enough
// different people who may still decide, for exactly what runs.
func (s *Service) admit(ctx context.Context, tx *store.Tx, id string, step int) (*action.Wait, error) {
	if err := share(ctx, tx); err != nil {
		return nil, err
	}
	var holds, asks int
	err := tx.QueryRowContext(ctx, `SELECT (SELECT COUNT(*) FROM approval_holds), (SELECT COUNT(*) FROM run_steps WHERE run_id = $1 AND idx < $2 AND type = $3)`,
		id, step, run.ApprovalType).Scan(&holds, &asks)
	if err != nil {
		return nil, fmt.Errorf("stand at the gate of run %s: %w", id, err)
	}
	if holds > 0 {
		if w, err := s.held(ctx, tx, id); err != nil || w != nil {
			return w, err
		}
	}
	if asks == 0 {
		return nil, nil
	}
	return nil, s.approved(ctx, tx, id, step)
}

// approved checks the approvals of all steps before step.
func (s *Service) approved(ctx context.Context, tx *store.Tx, id string, step int) error {
	rows, err := tx.QueryContext(ctx, "SELECT idx FROM run_steps WHERE run_id = $1 AND idx < $2 AND type = $3 ORDER BY idx", id, step, run.ApprovalType)
	steps, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (n int, err error) { return n, row.Scan(&n) })
	if err != nil {
		return fmt.Errorf("read what run %s asks for: %w", id, err)
	}
	digest, err := run.Digest(ctx, tx, id)
	if err != nil {
		return err
	}
	for _, idx := range steps {
		r, err := currentRequest(ctx, tx, id, idx)
		if errors.Is(err, errNone) {
			return action.Permanent(errors.New("nobody was asked to approve, so nothing was started"))
		}
		if err != nil {
			return err
		}
		why, err := s.void(ctx, tx, r, digest)
		if err != nil {
			return err
		}
		if why == "" {
			continue
		}
		if _, err := tx.ExecContext(ctx, "UPDATE approval_requests SET state = 'void' WHERE id = $1 AND state = 'approved'", r.id); err != nil {
			return fmt.Errorf("void an approval: %w", err)
		}
		if err := s.system(ctx, tx, r, "approval.void", "reason", why); err != nil {
			return err
		}
		tx.Notify(Topic, r.id)
		return action.Permanent(fmt.Errorf("the approval does not count any more: %s; nothing was started. Retry the run to ask again", why))
	}
	return nil
}

// void says why an approval does not count; "" when it does.
func (s *Service) void(ctx context.Context, tx *store.Tx, r *request, digest string) (string, error) {
	if r.digest == "" && r.state == Approved {
		return "", nil // decided by an earlier version
	}
	if r.state != Approved {
		return "it is " + r.state, nil
	}
	if r.digest != digest {
		return "what would run was changed after it was approved", nil
	}
	list, err := decisions(ctx, tx, r.id)
	if err != nil {
		return "", err
	}
	var good []decision
	for _, d := range list {
		if d.digest != digest {
			return "what would run was changed after it was approved", nil
		}
		if d.actor == r.requester || d.behalf == r.requester || r.args.excludes(d.actor) {
			continue
		}
		u, err := s.Auth.UserIn(ctx, tx, d.actor)
		if err != nil || u.Status != auth.Active {
			continue // gone or suspended since
		}
		if d.behalf != "" {
			if u, err := s.Auth.UserIn(ctx, tx, d.behalf); err != nil || u.Status != auth.Active {
				continue
			}
		}
		good = append(good, d)
	}
	if !complete(&r.args, good) {
		return "fewer people than needed approve it; still needed: " + missing(&r.args, good), nil
	}
	return "", nil
}

// holdLooks is how often a held run looks by itself.
const holdLooks = time.Minute
