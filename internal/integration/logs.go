package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"sphera/internal/fault"
	"sphera/internal/store"
)

// Log is one line as it was sent, with the number it got.
type Log map[string]any

// AddLogs keeps lines; the oldest of an integration go when there are too many.
func (r *Reports) AddLogs(ctx context.Context, id string, lines []json.RawMessage) error {
	if len(lines) > maxLogsAtOnce {
		return fault.Field("/logs", fmt.Sprintf("has %d lines", len(lines)), fmt.Sprintf("at most %d", maxLogsAtOnce))
	}
	return r.db.Tx(ctx, func(tx *store.Tx) error {
		for i, raw := range lines {
			var line struct {
				Timestamp any `json:"timestamp"`
				Level     any `json:"level"`
				Extra     struct {
					EventID any `json:"event_id"`
				} `json:"extra"`
				EventID any `json:"eventId"`
			}
			if err := json.Unmarshal(raw, &line); err != nil || len(raw) > maxLogBytes {
				return fault.Field("/logs/"+strconv.Itoa(i), "is no line, or too long", fmt.Sprintf("an object of at most %d bytes", maxLogBytes))
			}
			event := text(line.EventID)
			if event == "" {
				event = text(line.Extra.EventID)
			}
			_, err := tx.ExecContext(ctx, "INSERT INTO integration_logs (integration, at, level, event_id, doc) VALUES ($1, $2, $3, $4, $5)",
				id, store.Millis(r.when(line.Timestamp)), strings.ToUpper(text(line.Level)), event, string(raw))
			if err != nil {
				return fmt.Errorf("keep a line of %s: %w", id, err)
			}
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM integration_logs WHERE integration = $1 AND id <= COALESCE((
			SELECT id FROM integration_logs WHERE integration = $1 ORDER BY id DESC LIMIT 1 OFFSET $2), 0)`, id, maxLogs)
		if err != nil {
			return fmt.Errorf("drop old lines of %s: %w", id, err)
		}
		return nil
	})
}

func text(v any) string {
	s, _ := v.(string)
	if len(s) > 200 {
		s = s[:200]
	}
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "")
}

// when reads a time in one of the forms that clients send.
func (r *Reports) when(v any) time.Time {
	switch v := v.(type) {
	case string:
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999", "2006-01-02 15:04:05.999999"} {
			if t, err := time.Parse(layout, v); err == nil {
				return t
			}
		}
	case float64:
		if v > 1e11 {
			return time.UnixMilli(int64(v))
		}
		if v > 0 {
			return time.Unix(int64(v), 0)
		}
	}
	return r.now()
}

// LogQuery selects lines.
type LogQuery struct {
	// After and Before are numbers of lines.
	After, Before int64
	Since         time.Time
	Level, Event  string
	Limit         int
}

// Logs returns lines, newest first; with After the oldest of the newer ones.
func (r *Reports) Logs(ctx context.Context, id string, f LogQuery) ([]Log, error) {
	where, args := "integration = $1", []any{id}
	add := func(condition string, value any) {
		args = append(args, value)
		where += " AND " + condition + " $" + strconv.Itoa(len(args))
	}
	order := "DESC"
	if f.After > 0 {
		add("id >", f.After)
		order = "ASC"
	}
	if f.Before > 0 {
		add("id <", f.Before)
	}
	if !f.Since.IsZero() {
		add("at >=", store.Millis(f.Since))
	}
	if f.Level != "" {
		add("level =", strings.ToUpper(f.Level))
	}
	if f.Event != "" {
		add("event_id =", f.Event)
	}
	if f.Limit <= 0 || f.Limit > 300 {
		f.Limit = 300
	}
	args = append(args, f.Limit)
	rows, err := r.db.Read().QueryContext(ctx, "SELECT id, at, doc FROM integration_logs WHERE "+where+" ORDER BY id "+order+" LIMIT $"+strconv.Itoa(len(args)), args...)
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (Log, error) {
		var n, at int64
		var doc string
		if err := row.Scan(&n, &at, &doc); err != nil {
			return nil, err
		}
		var line Log
		if err := json.Unmarshal([]byte(doc), &line); err != nil {
			return nil, err
		}
		line["_id"] = strconv.FormatInt(n, 10)
		if _, ok := line["timestamp"]; !ok {
			line["timestamp"] = store.Time(at)
		}
		return line, nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the log of %s: %w", id, err)
	}
	return list, nil
}

// PutMetric keeps figures of one kind in one synchronisation.
func (r *Reports) PutMetric(ctx context.Context, id, event, kind string, doc json.RawMessage) error {
	if len(doc) > maxMetricBytes || len(event) > 200 || len(kind) > 500 {
		return fault.New(fault.TooLarge, "The figures are larger than the %d bytes that are kept.", maxMetricBytes)
	}
	return r.db.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO integration_metrics (integration, event_id, kind, doc, updated_at) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (integration, event_id, kind) DO UPDATE SET doc = excluded.doc, updated_at = excluded.updated_at`, id, event, kind, string(doc), store.Millis(r.now()))
		if err != nil {
			return fmt.Errorf("keep figures of %s: %w", id, err)
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM integration_metrics WHERE integration = $1 AND updated_at < COALESCE((
			SELECT updated_at FROM integration_metrics WHERE integration = $1 ORDER BY updated_at DESC LIMIT 1 OFFSET $2), 0)`, id, maxSyncs)
		if err != nil {
			return fmt.Errorf("drop old figures of %s: %w", id, err)
		}
		return nil
	})
}

// Metric is what was kept of one kind in one synchronisation.
type Metric struct {
	EventID   string          `json:"eventId"`
	Kind      string          `json:"kind"`
	Metrics   json.RawMessage `json:"metrics"`
	UpdatedAt time.Time       `json:"updatedAt"`
}

// Metrics returns the newest figures first.
func (r *Reports) Metrics(ctx context.Context, id, event string, limit int) ([]Metric, error) {
	where, args := "integration = $1", []any{id, limit}
	if event != "" {
		where += " AND event_id = $3"
		args = append(args, event)
	}
	rows, err := r.db.Read().QueryContext(ctx, "SELECT event_id, kind, doc, updated_at FROM integration_metrics WHERE "+where+" ORDER BY updated_at DESC, kind LIMIT $2", args...)
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (Metric, error) {
		var m Metric
		var doc string
		var at int64
		err := row.Scan(&m.EventID, &m.Kind, &doc, &at)
		m.Metrics, m.UpdatedAt = json.RawMessage(doc), store.Time(at)
		return m, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the figures of %s: %w", id, err)
	}
	return list, nil
}
