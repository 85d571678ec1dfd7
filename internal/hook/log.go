package hook

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"sphera/internal/fault"
	"sphera/internal/store"
)

// Event is an event as the log shows it.
type Event struct {
	ID         int64      `json:"id"`
	RequestID  string     `json:"requestId,omitempty"`
	Status     string     `json:"status" enum:"waiting,done,failed"`
	ReceivedAt time.Time  `json:"receivedAt"`
	FinishedAt *time.Time `json:"finishedAt"`
	Attempts   int        `json:"attempts"`
	Bytes      int        `json:"bytes"`
	Result     *Result    `json:"result"`
}

// Events returns events of a webhook, newest first, below before (0 for the
// newest), and the last request that was refused.
func (h *Hooks) Events(ctx context.Context, key string, before int64, limit int) ([]Event, *Refusal, error) {
	if before <= 0 {
		before = 1 << 62
	}
	rows, err := h.DB.Read().QueryContext(ctx, `SELECT id, request_id, status, received_at, finished_at, attempts, size, result FROM webhook_events
		WHERE webhook_key = $1 AND id < $2 ORDER BY id DESC LIMIT $3`, key, before, limit)
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (Event, error) {
		var e Event
		var received, finished int64
		var result string
		if err := row.Scan(&e.ID, &e.RequestID, &e.Status, &received, &finished, &e.Attempts, &e.Bytes, &result); err != nil {
			return e, err
		}
		e.ReceivedAt = store.Time(received)
		if finished != 0 {
			at := store.Time(finished)
			e.FinishedAt = &at
		}
		if result != "" {
			e.Result = &Result{}
			return e, json.Unmarshal([]byte(result), e.Result)
		}
		return e, nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read the events of a webhook: %w", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if r := h.refused[key]; r != nil {
		last := *r
		return list, &last, nil
	}
	return list, nil, nil
}

// Retry puts an event that failed back into the queue.
func (h *Hooks) Retry(ctx context.Context, tx *store.Tx, key string, id int64) error {
	res, err := tx.ExecContext(ctx, "UPDATE webhook_events SET status = 'waiting', attempts = 0, next_at = 0, finished_at = 0, result = '' WHERE webhook_key = $1 AND id = $2 AND status = 'failed'", key, id)
	if err != nil {
		return fmt.Errorf("put an event back: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return fault.New(fault.NotFound, "The webhook has no event %d that failed.", id)
	}
	tx.Notify(Topic, key)
	return nil
}

// Try shows what the mappings would make of a body, and writes nothing.
func (h *Hooks) Try(ctx context.Context, mappings, body json.RawMessage, headers, query map[string]string) ([]Change, Result, error) {
	list, _, err := compile(mappings)
	if err != nil {
		return nil, Result{}, err
	}
	if err := checkBody(body); err != nil {
		return nil, Result{}, err
	}
	if headers == nil {
		headers = map[string]string{}
	}
	in, err := input(headers, query, body)
	if err != nil {
		return nil, Result{}, fault.Field("/body", "is not JSON", "what the sender would send")
	}
	ctx, cancel := context.WithTimeout(ctx, eventTime)
	defer cancel()
	changes, result := render(ctx, list, in)
	return changes, result, nil
}
