package automation

import (
	"context"
	"fmt"
	"time"

	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/store"
)

// pollingAgent is the installation under which the execution agent asks.
const pollingAgent = "_PORT_EXEC_AGENT"

// Claimed is a run that an agent took to execute.
type Claimed struct {
	ID      string         `json:"id"`
	Payload map[string]any `json:"payload"`
}

const maxClaim = 100

// claimLife is for how long a claimed run is the agent's before it must be
// acknowledged; after that it is offered again.
const claimLife = time.Minute

// Claim gives up to limit runs that wait for the installation. They are its
// own for a minute; acknowledged they stay so.
func (s *Service) Claim(ctx context.Context, installation, method string, limit int) ([]Claimed, error) {
	if installation == "" {
		return nil, fault.Field("/installationId", "is missing", "the installation that asks")
	}
	if method == "" {
		method = Webhook
	}
	limit = max(1, min(limit, maxClaim))
	var rows []*runRow
	err := s.DB.Tx(ctx, func(tx *store.Tx) error {
		var err error
		rows, err = s.claim(ctx, tx, installation, method, limit)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make([]Claimed, 0, len(rows))
	for _, r := range rows {
		payload, err := s.payload(ctx, r, true)
		if err != nil {
			if err := s.finish(ctx, r.ID, outcome{Status: Failure, Summary: err.Error(), By: "system"}); err != nil {
				return nil, err
			}
			continue
		}
		out = append(out, Claimed{PortID(r.ID), payload})
	}
	return out, nil
}

func (s *Service) claim(ctx context.Context, tx *store.Tx, installation, method string, limit int) ([]*runRow, error) {
	now := s.Now()
	lock := ""
	if tx.Dialect == store.Postgres {
		lock = " FOR UPDATE OF a SKIP LOCKED"
	}
	rows, err := tx.QueryContext(ctx, `SELECT a.id FROM automation_runs a JOIN runs r ON r.id = a.id
		WHERE a.pending = 1 AND a.installation = $1 AND a.invocation = $2 AND a.claimed_until < $3 AND r.state IN ('pending', 'running', 'waiting')
		ORDER BY a.id LIMIT $4`+lock, installation, method, store.Millis(now), limit)
	ids, err := store.All(rows, err, scanText)
	if err != nil {
		return nil, fmt.Errorf("find runs for %s: %w", installation, err)
	}
	out := make([]*runRow, 0, len(ids))
	for _, id := range ids {
		if _, err := tx.ExecContext(ctx, "UPDATE automation_runs SET claimed_until = $1 WHERE id = $2", store.Millis(now.Add(claimLife)), id); err != nil {
			return nil, fmt.Errorf("claim run %s: %w", id, err)
		}
		r, err := s.row(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

func scanText(row interface{ Scan(...any) error }) (string, error) {
	var s string
	return s, row.Scan(&s)
}

// Acknowledge says that the claimed runs are being executed; how many of them
// were still to be acknowledged is the answer.
func (s *Service) Acknowledge(ctx context.Context, ids []string, by string) (int, error) {
	if len(ids) == 0 || len(ids) > maxClaim {
		return 0, fault.Field("/runIds", "is missing or too long", "1 to 100 ids of runs")
	}
	count := 0
	err := s.DB.Tx(ctx, func(tx *store.Tx) error {
		count = 0
		for _, id := range ids {
			res, err := tx.ExecContext(ctx, "UPDATE automation_runs SET pending = 0, updated_by = $1, updated_at = $2 WHERE id = $3 AND pending = 1 AND claimed_until > 0",
				by, store.Millis(s.Now()), RunID(id))
			if err != nil {
				return fmt.Errorf("acknowledge run %s: %w", id, err)
			}
			n, err := res.RowsAffected()
			if err != nil {
				return err
			}
			count += int(n)
			tx.Notify(Topic, RunID(id))
		}
		if count > 0 {
			return s.Audit.Append(ctx, tx, audit.Event{Actor: by, Verb: "run.take", Object: "run/" + RunID(ids[0]), RunID: RunID(ids[0]), Detail: audit.Detail("runs", ids)})
		}
		return nil
	})
	return count, err
}
