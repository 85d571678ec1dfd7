package serve

import (
	"context"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"time"
)

// sendBuffer bounds what the kernel keeps for one stream, so that a client that
// does not read is noticed.
const sendBuffer = 32 << 10

type connKey struct{}

// ConnContext gives streams their connection; it belongs into
// http.Server.ConnContext.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// smallBuffer keeps little in the kernel for a stream.
func smallBuffer(r *http.Request) {
	if c, ok := r.Context().Value(connKey{}).(interface{ SetWriteBuffer(bytes int) error }); ok {
		_ = c.SetWriteBuffer(sendBuffer) // without it the stream works, too
	}
}

// writer writes to a stream and gives up on a client that takes nothing.
type writer struct {
	s   *Server
	w   http.ResponseWriter
	rc  *http.ResponseController
	out []byte
}

func (s *Server) writer(w http.ResponseWriter, r *http.Request) *writer {
	smallBuffer(r)
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Time{}) // a test's recorder has none
	return &writer{s: s, w: w, rc: rc}
}

func (w *writer) write(b []byte) error {
	_ = w.rc.SetWriteDeadline(w.s.o.Now().Add(w.s.o.WriteTimeout)) // a test's recorder has none
	if _, err := w.w.Write(b); err != nil {
		return err
	}
	return w.rc.Flush()
}

// openStream counts a stream; false when there are too many.
func (s *Server) openStream() bool {
	if s.streams.Add(1) > int64(s.o.MaxStreams) {
		s.streams.Add(-1)
		return false
	}
	return true
}

// stream tells one client that flags may have changed; it fetches them itself.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, p place, now time.Time) int {
	query := r.URL.Query()
	h, ok := s.find(plainKey(r.Header), now)
	if token := query.Get("token"); !ok && token != "" {
		h, ok = s.byStreamToken(token, p.environment, now)
	}
	if !ok {
		return s.unknownKey(w, r, now)
	}
	q, status := s.admitKey(w, r, p, h, now)
	if status != 0 {
		return status
	}
	if !s.openStream() {
		w.Header().Set("Retry-After", "30")
		return fail(w, http.StatusServiceUnavailable, "There are too many streams.")
	}
	defer s.streams.Add(-1)
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	seen := r.Header.Get("Last-Event-ID")
	if seen == "" {
		seen = query.Get("since")
	}
	s.notify(r.Context(), s.writer(w, r), q, seen)
	return http.StatusOK
}

// notify writes events until the client goes. seen is the version the client
// knows, or empty.
func (s *Server) notify(ctx context.Context, w *writer, q asked, seen string) {
	news := q.entry.hub.join()
	defer q.entry.hub.leave(news)
	heartbeat := time.NewTicker(s.o.Heartbeat)
	defer heartbeat.Stop()
	// Who comes back after a restart comes within a few seconds, not at once.
	if w.write([]byte("retry: "+strconv.Itoa(1000+rand.IntN(4000))+"\n\n")) != nil { //nolint:gosec // jitter, no secret
		return
	}
	told := q.entry.notes.Load()
	q.loaded = q.entry.current.Load()
	if seen != "" && seen != strconv.FormatInt(q.version(), 10) && w.tell(q) != nil {
		return
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.stopping:
			_ = w.write([]byte("retry: " + strconv.Itoa(500+rand.IntN(15_000)) + "\n\n")) //nolint:gosec // it ends anyway; jitter is no secret
			return
		case <-heartbeat.C:
			if !s.alive(q.key, s.o.Now()) || w.write([]byte(": alive\n\n")) != nil {
				return
			}
		case <-news.wake:
			if !s.alive(q.key, s.o.Now()) {
				return
			}
			notes := q.entry.notes.Load()
			if notes == told {
				continue
			}
			told = notes
			q.loaded = q.entry.current.Load()
			if w.tell(q) != nil {
				return
			}
		}
	}
}

// tell writes that flags are to be fetched again.
func (w *writer) tell(q asked) error {
	b := append(w.out[:0], "event: message\nid: "...)
	b = strconv.AppendInt(b, q.version(), 10)
	b = append(b, "\ndata: {\"type\":\"refetchEvaluation\""...)
	if q.loaded != nil {
		b = append(append(append(b, `,"etag":"`...), q.loaded.configTag...), '"')
	}
	w.out = append(b, "}\n\n"...)
	return w.write(w.out)
}
