package catalog

import (
	"context"
	"fmt"
	"time"

	"sphera/internal/catalog/scorecard"
	"sphera/internal/store"
)

// loadScorecards reads and compiles all scorecards, by blueprint in order.
func loadScorecards(ctx context.Context, q store.Querier) (map[string][]*scorecard.Scorecard, error) {
	list, err := readScorecards(ctx, q, "")
	if err != nil {
		return nil, err
	}
	out := map[string][]*scorecard.Scorecard{}
	for _, s := range list {
		raw, err := s.MarshalJSON()
		if err != nil {
			return nil, fmt.Errorf("stored scorecard %s of %s: %w", s.Identifier, s.Blueprint, err)
		}
		compiled, problems := scorecard.Parse(raw)
		if len(problems) > 0 {
			return nil, fmt.Errorf("stored scorecard %s of %s: %s %s", s.Identifier, s.Blueprint, problems[0].Path, problems[0].Problem)
		}
		out[s.Blueprint] = append(out[s.Blueprint], compiled)
	}
	return out, nil
}

// verdicts evaluates scorecards on an entity, as it is answered: the results
// for entities.scorecards, and when they may change because time goes on (zero
// for never).
func verdicts(cards []*scorecard.Scorecard, entity map[string]any, now time.Time) (map[string]any, time.Time) {
	out := make(map[string]any, len(cards))
	var next time.Time
	for _, card := range cards {
		if result, ok := card.Evaluate(entity, now); ok {
			out[card.Identifier] = result.Document()
		}
		if at := card.NextChange(entity, now); !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return out, next
}

// setVerdictsDue keeps when the verdicts on entities have to be looked at
// again, in milliseconds; 0 is never.
func setVerdictsDue(ctx context.Context, tx *store.Tx, due map[int64]int64) error {
	for entity, at := range due {
		var err error
		if at == 0 {
			_, err = tx.ExecContext(ctx, "DELETE FROM scorecard_due WHERE entity = $1", entity)
		} else {
			_, err = tx.ExecContext(ctx, "INSERT INTO scorecard_due (entity, at) VALUES ($1, $2) ON CONFLICT (entity) DO UPDATE SET at = $2", entity, at)
			tx.Notify(VerdictTopic, "")
		}
		if err != nil {
			return fmt.Errorf("keep when the verdict on entity %d is due: %w", entity, err)
		}
	}
	return nil
}

// VerdictTopic is notified when a verdict may have become due earlier.
const VerdictTopic = "verdict-due"

// DueVerdicts puts up to budget entities whose verdicts are due onto the queue
// of what is worked out again, and says how many and when to come back (zero
// for never).
func (c *Catalog) DueVerdicts(ctx context.Context, budget int) (done int, next time.Time, err error) {
	if err := c.may(ctx, VerbMaintain, ""); err != nil {
		return 0, time.Time{}, err
	}
	now := store.Millis(c.now())
	err = c.db.Tx(ctx, func(tx *store.Tx) error {
		rows, err := tx.QueryContext(ctx, "SELECT entity FROM scorecard_due WHERE at <= $1 ORDER BY at LIMIT $2", now, budget)
		ids, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (int64, error) {
			var id int64
			return id, row.Scan(&id)
		})
		if err != nil {
			return fmt.Errorf("read which verdicts are due: %w", err)
		}
		for _, id := range ids {
			if _, err := tx.ExecContext(ctx, "INSERT INTO derive_queue (entity, cause, at) VALUES ($1, 'time', $2) ON CONFLICT (entity) DO NOTHING", id, now); err != nil {
				return fmt.Errorf("queue entity %d: %w", id, err)
			}
			if _, err := tx.ExecContext(ctx, "DELETE FROM scorecard_due WHERE entity = $1", id); err != nil {
				return fmt.Errorf("take the due verdict on entity %d: %w", id, err)
			}
		}
		if done = len(ids); done > 0 {
			tx.Notify(QueueTopic, "")
		}
		return pruneScorecards(ctx, tx, c.now())
	})
	if err != nil {
		return 0, time.Time{}, err
	}
	var at *int64
	if err := c.db.Read().QueryRowContext(ctx, "SELECT MIN(at) FROM scorecard_due").Scan(&at); err != nil {
		return done, time.Time{}, fmt.Errorf("read when the next verdict is due: %w", err)
	}
	if at != nil {
		next = store.Time(*at)
	}
	return done, next, nil
}
