package runtime

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"sphera/internal/store"
)

// logWriter collects the lines of all instances and writes them in one
// transaction a few times a second, so that a chatty service costs the disk no
// more than a quiet one.
type logWriter struct {
	db     *store.DB
	logger *slog.Logger
	mu     sync.Mutex
	lines  map[place][]LogLine
	lost   map[place]int
	wake   chan struct{}
	// writing is held while a batch is written, so that flush means written.
	writing sync.Mutex
}

const (
	logPause = 200 * time.Millisecond
	// logBatch is how many lines one statement inserts.
	logBatch = 100
)

func newLogWriter(db *store.DB, logger *slog.Logger) *logWriter {
	return &logWriter{db: db, logger: logger, lines: map[place][]LogLine{}, lost: map[place]int{}, wake: make(chan struct{}, 1)}
}

// add keeps a line for the next batch. More lines than the ring holds are
// dropped, oldest first, and counted.
func (w *logWriter) add(k place, l LogLine) {
	w.mu.Lock()
	lines := append(w.lines[k], l)
	if over := len(lines) - MaxLogLines; over > 0 {
		lines = lines[over:]
		w.lost[k] += over
	}
	w.lines[k] = lines
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// run writes batches until ctx ends, and then what is left. A batch once begun
// is written to its end.
func (w *logWriter) run(ctx context.Context) {
	writing := context.WithoutCancel(ctx)
	timer := time.NewTimer(logPause)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			w.flush(writing)
			return
		case <-w.wake:
		}
		w.flush(writing)
		timer.Reset(logPause)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
	}
}

func (w *logWriter) take() (map[place][]LogLine, map[place]int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	lines, lost := w.lines, w.lost
	w.lines, w.lost = map[place][]LogLine{}, map[place]int{}
	return lines, lost
}

// flush writes what was collected. A batch that cannot be written is dropped
// with a warning: a service must not stop because its log cannot be kept.
func (w *logWriter) flush(ctx context.Context) {
	w.writing.Lock()
	defer w.writing.Unlock()
	lines, lost := w.take()
	if len(lines) == 0 {
		return
	}
	err := w.db.Tx(ctx, func(tx *store.Tx) error {
		for k, batch := range lines {
			if n := lost[k]; n > 0 {
				batch = append([]LogLine{{At: batch[0].At, Stream: "sphera", Text: fmt.Sprintf("%d lines were dropped: the service writes faster than they can be kept", n)}}, batch...)
			}
			if err := appendLines(ctx, tx, k, batch); err != nil {
				return err
			}
			tx.Notify(topicLog(k), "")
		}
		return nil
	})
	if err != nil {
		w.logger.WarnContext(ctx, "log lines of services could not be kept", "instances", len(lines), "error", err)
	}
}

func appendLines(ctx context.Context, tx *store.Tx, k place, lines []LogLine) error {
	var last int64
	if err := tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(seq), 0) FROM runtime_logs WHERE service = $1 AND environment = $2`, k.service, k.environment).Scan(&last); err != nil {
		return err
	}
	for len(lines) > 0 {
		part := lines[:min(len(lines), logBatch)]
		lines = lines[len(part):]
		var query strings.Builder
		query.WriteString(`INSERT INTO runtime_logs (service, environment, seq, at, stream, text) VALUES `)
		args := []any{k.service, k.environment}
		for i, l := range part {
			last++
			if i > 0 {
				query.WriteString(", ")
			}
			n := len(args)
			fmt.Fprintf(&query, "($1, $2, $%d, $%d, $%d, $%d)", n+1, n+2, n+3, n+4)
			args = append(args, last, store.Millis(l.At), l.Stream, l.Text)
		}
		if _, err := tx.ExecContext(ctx, query.String(), args...); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, `DELETE FROM runtime_logs WHERE service = $1 AND environment = $2 AND seq <= $3`, k.service, k.environment, last-MaxLogLines)
	return err
}
