package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"sphera/internal/approval"
	"sphera/internal/audit"
	"sphera/internal/catalog"
	"sphera/internal/flag"
	"sphera/internal/flag/key"
	"sphera/internal/flag/usage"
	"sphera/internal/notify"
	"sphera/internal/run"
	"sphera/internal/view"
)

const streamWrite = 10 * time.Second

// stream writes server-sent events to one client.
type stream struct {
	a  *API
	w  http.ResponseWriter
	rc *http.ResponseController
	r  *http.Request
}

func (a *API) openStream(w http.ResponseWriter, r *http.Request) *stream {
	s := &stream{a: a, w: w, rc: http.NewResponseController(w), r: r}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	a.ignore(r, s.rc.SetReadDeadline(time.Time{}))
	visitOf(r.Context()).streams()
	return s
}

// write sends one chunk; a client that takes nothing for 10 s is given up.
func (s *stream) write(text string) error {
	s.a.ignore(s.r, s.rc.SetWriteDeadline(s.a.now().Add(streamWrite)))
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.rc.Flush()
}

func (s *stream) send(event, id, data string) error {
	var b strings.Builder
	if id != "" {
		b.WriteString("id: " + id + "\n")
	}
	b.WriteString("event: " + event + "\ndata: " + data + "\n\n")
	return s.write(b.String())
}

func (s *stream) sendJSON(event, id string, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode an event: %w", err)
	}
	return s.send(event, id, string(raw))
}

// sendChanged sends v unless it is what was sent before.
func (s *stream) sendChanged(event string, v any, shown *string) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode an event: %w", err)
	}
	if string(raw) == *shown {
		return nil
	}
	*shown = string(raw)
	return s.send(event, "", *shown)
}

// follow calls look at once and after each note that concerns the stream, until
// look is done, the client goes, the user is signed out or the server stops.
// The subscriptions were made before, so nothing is missed in between. Since
// the answer has begun, errors end the stream and are logged.
func (s *stream) follow(concerns func(note string) bool, notes []<-chan string, look func() (done bool, err error)) error {
	if err := s.write("retry: 1000\n\n"); err != nil {
		return nil
	}
	heartbeat := time.NewTicker(s.a.o.Heartbeat)
	defer heartbeat.Stop()
	merged := merge(s.r, notes)
	for first := true; ; first = false {
		wake := first
		if !first {
			select {
			case <-s.r.Context().Done():
				return nil
			case <-s.a.stopping.Done():
				s.a.ignore(s.r, s.write("retry: 500\n\n"))
				return nil
			case note := <-merged:
				wake = drain(merged, concerns, concerns(note))
			case <-heartbeat.C:
				wake = true // a note can be lost
				if err := s.write(": alive\n\n"); err != nil {
					return nil
				}
			}
		}
		if !wake {
			continue
		}
		done, err := look()
		if err != nil {
			s.a.log.DebugContext(s.r.Context(), "a stream ended", "error", err)
			return nil
		}
		if done {
			return nil
		}
	}
}

// merge passes the notes of several subscriptions on through one channel.
func merge(r *http.Request, notes []<-chan string) <-chan string {
	out := make(chan string, 64)
	for _, ch := range notes {
		go func() {
			for {
				select {
				case <-r.Context().Done():
					return
				case note := <-ch:
					select {
					case out <- note:
					case <-r.Context().Done():
						return
					}
				}
			}
		}()
	}
	return out
}

// drain takes the notes that are already there: one look serves them all.
func drain(ch <-chan string, concerns func(string) bool, wake bool) bool {
	for {
		select {
		case note := <-ch:
			wake = concerns(note) || wake // asked of every note: it may keep what it says
		default:
			return wake
		}
	}
}

// hint says that something changed; the data itself is fetched by whoever
// shows it.
type hint struct {
	Topic string `json:"topic"`
	ID    string `json:"id"`
}

// events is the one stream a browser keeps open.
func (a *API) events(w http.ResponseWriter, r *http.Request) error {
	topics := []string{run.Topic, catalog.Topic, "pull_request", "instance", "audit", view.Topic, flag.Topic, key.Topic, usage.Topic, approval.Topic, notify.Topic}
	hints := make([]<-chan string, 0, len(topics))
	for _, topic := range topics {
		ch, stop := a.db.Subscribe(topic)
		defer stop()
		named := make(chan string, 64)
		go label(r, topic, ch, named)
		hints = append(hints, named)
	}
	s := a.openStream(w, r)
	var pending []string
	seen := map[string]bool{}
	return s.follow(func(note string) bool {
		if !seen[note] {
			seen[note] = true
			pending = append(pending, note)
		}
		return true
	}, hints, func() (bool, error) {
		hints, err := a.seenHints(r.Context(), pending)
		if err != nil {
			return true, err
		}
		for _, one := range hints {
			if err := s.sendJSON("hint", "", one); err != nil {
				return true, err
			}
		}
		pending = pending[:0]
		clear(seen)
		return false, nil
	})
}

// seenHints leaves out what is about things that the caller may not see.
func (a *API) seenHints(ctx context.Context, notes []string) ([]hint, error) {
	list := make([]hint, 0, len(notes))
	names := make([]string, 0, len(notes))
	for _, note := range notes {
		topic, id, _ := strings.Cut(note, " ")
		list = append(list, hint{Topic: topic, ID: id})
		if name := hintName(topic, id); name != "" {
			names = append(names, name)
		}
	}
	if len(list) == 0 {
		return nil, nil
	}
	hidden, err := a.things.Hidden(ctx, names)
	if err != nil {
		return nil, err
	}
	wholeLog := a.decides(ctx)
	out := list[:0]
	for _, h := range list {
		switch {
		case hidden[hintName(h.Topic, h.ID)], h.Topic == notify.Topic && h.ID != who(ctx).ID: // of somebody else's inbox
			continue
		case h.Topic == audit.Topic && !wholeLog, h.Topic == key.Topic:
			h.ID = ""
		}
		if !slices.Contains(out, h) {
			out = append(out, h)
		}
	}
	return out, nil
}

// hintName is the thing that a hint is about, as guarded.Things knows it; empty
// where the id says nothing about anything.
func hintName(topic, id string) string {
	if id == "" {
		return ""
	}
	switch topic {
	case run.Topic, approval.Topic, "instance":
		return topic + "/" + id
	case "pull_request":
		return "pull-request/" + id
	case catalog.Topic, audit.Topic:
		return id
	case flag.Topic, usage.Topic:
		project, _, _ := strings.Cut(id, " ")
		return "flag/" + project
	default:
		return ""
	}
}

func label(r *http.Request, topic string, from <-chan string, to chan<- string) {
	for {
		select {
		case <-r.Context().Done():
			return
		case note := <-from:
			select {
			case to <- topic + " " + note:
			case <-r.Context().Done():
				return
			}
		}
	}
}

// ignore notes an error nobody can act on.
func (a *API) ignore(r *http.Request, err error) {
	if err != nil {
		a.log.DebugContext(r.Context(), "write to a client", "error", err)
	}
}
