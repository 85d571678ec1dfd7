package run

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"sphera/internal/store"
)

// Bounds of the log of a run.
const (
	maxLine    = 16 << 10
	maxLines   = 50_000
	flushAfter = 80 * time.Millisecond
	// maxBuffered makes a step that writes faster than the database wait.
	maxBuffered = 1 << 20
)

// logWriter is the output of one attempt of a step. It cuts what is written
// into lines, keeps them for a moment and stores them together.
type logWriter struct {
	e *Engine
	t *task

	// flushing is held while lines are stored, so that the end of the step
	// waits for a flush that is under way.
	flushing sync.Mutex

	mu       sync.Mutex
	partial  []byte
	skipping bool // the rest of a line that was too long
	lines    []LogLine
	size     int
	room     int64 // how many more lines the run may have
	closed   bool
	timer    *time.Timer
}

func (e *Engine) newLog(t *task) *logWriter {
	return &logWriter{e: e, t: t, room: maxLines - t.logSeq}
}

// Write takes any bytes; the step's processes may write at the same time.
func (w *logWriter) Write(p []byte) (int, error) {
	n := len(p)
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return n, nil // a leftover of the step still talks; nobody listens
	}
	for len(p) > 0 {
		line, rest, ended := bytes.Cut(p, []byte{'\n'})
		p = rest
		w.append(line, ended)
	}
	full := w.size > maxBuffered
	if !full && w.timer == nil && len(w.lines) > 0 {
		w.timer = time.AfterFunc(flushAfter, w.flush)
	}
	w.mu.Unlock()
	if full {
		w.flush()
	}
	return n, nil
}

func (w *logWriter) append(part []byte, ended bool) {
	if !w.skipping {
		w.partial = append(w.partial, part[:min(len(part), maxLine+1-len(w.partial))]...)
		if len(w.partial) > maxLine {
			w.skipping = true
			w.add(cleanText(string(w.partial[:maxLine])) + " [line cut]")
			w.partial = w.partial[:0]
		}
	}
	if !ended {
		return
	}
	if !w.skipping {
		w.add(cleanText(strings.TrimSuffix(string(w.partial), "\r")))
	}
	w.partial, w.skipping = w.partial[:0], false
}

func (w *logWriter) add(text string) {
	if w.room <= 0 {
		return
	}
	w.room--
	if w.room == 0 {
		text = fmt.Sprintf("The log ends here: a run keeps %d lines.", maxLines)
	}
	w.lines = append(w.lines, LogLine{At: w.e.now(), Step: w.t.step().Name, Text: text})
	w.size += len(text) + 64
}

// flush stores the lines collected so far.
func (w *logWriter) flush() {
	w.flushing.Lock()
	defer w.flushing.Unlock()
	lines := w.collect()
	if len(lines) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.t.ctx), 10*time.Second)
	defer cancel()
	err := w.e.commits.tx(ctx, func(tx *store.Tx) error { return w.t.saveLines(ctx, tx, lines) })
	switch {
	case errors.Is(err, errStale):
		w.t.cancel(errLost) // the run is somebody else's: stop
	case err != nil:
		w.e.log.WarnContext(ctx, "log lines not stored yet", "run", w.t.ID, "error", err)
		w.putBack(lines)
	default:
		w.t.logSeq += int64(len(lines))
	}
}

func (w *logWriter) collect() []LogLine {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer != nil {
		w.timer.Stop()
		w.timer = nil
	}
	lines := w.lines
	w.lines, w.size = nil, 0
	return lines
}

func (w *logWriter) putBack(lines []LogLine) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines = append(lines, w.lines...)
	if w.timer == nil && !w.closed {
		w.timer = time.AfterFunc(10*flushAfter, w.flush)
	}
}

// finish ends the attempt's log, with a last line that may be empty, and
// returns what is not stored yet.
func (w *logWriter) finish(last string) []LogLine {
	w.flushing.Lock()
	defer w.flushing.Unlock()
	w.mu.Lock()
	if len(w.partial) > 0 {
		w.append(nil, true)
	}
	if last != "" {
		w.add(last)
	}
	w.closed = true
	w.mu.Unlock()
	return w.collect()
}

// saveLines stores lines, if the run is still this worker's.
func (t *task) saveLines(ctx context.Context, tx *store.Tx, lines []LogLine) error {
	res, err := tx.ExecContext(ctx, "UPDATE runs SET log_seq = log_seq + $1 WHERE id = $2 AND fence = $3", len(lines), t.ID, t.fence)
	if err := one(res, err); err != nil {
		return err
	}
	return insertLines(ctx, tx, t.ID, t.logSeq, lines)
}

// insertLines writes lines with the numbers after last.
func insertLines(ctx context.Context, tx *store.Tx, id string, last int64, lines []LogLine) error {
	const perStatement = 100
	for len(lines) > 0 {
		n := min(len(lines), perStatement)
		var text strings.Builder
		text.WriteString("INSERT INTO run_logs (run_id, seq, at, step, text) VALUES ")
		args := make([]any, 0, 1+4*n)
		args = append(args, id)
		for i, l := range lines[:n] {
			if i > 0 {
				text.WriteByte(',')
			}
			last++
			k := len(args)
			fmt.Fprintf(&text, "($1,$%d,$%d,$%d,$%d)", k+1, k+2, k+3, k+4)
			args = append(args, last, store.Millis(l.At), l.Step, l.Text)
		}
		if _, err := tx.ExecContext(ctx, text.String(), args...); err != nil {
			return fmt.Errorf("store log lines of run %s: %w", id, err)
		}
		lines = lines[n:]
	}
	tx.Notify(LogTopic+id, "")
	return nil
}

// cleanText makes text one that both databases keep: valid UTF-8 without NUL.
func cleanText(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "")
}
