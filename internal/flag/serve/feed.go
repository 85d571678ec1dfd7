package serve

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"sphera/internal/flag/usage"
)

// The feed tells relays of every change, as lines of JSON that never end. A
// relay says which sets it has, so that after a short cut only what changed is
// sent.

// have is a relay's request.
type have struct {
	// Sets are tags by "project/environment".
	Sets map[string]string `json:"sets"`
	Keys string            `json:"keys"`
}

// line is one line of the feed: one of its fields is set.
type line struct {
	Set  *message `json:"set,omitempty"`
	Gone *gone    `json:"gone,omitempty"`
	Keys *[]Key   `json:"keys,omitempty"`
	// Synced says that everything until now was sent.
	Synced bool `json:"synced,omitempty"`
	Alive  bool `json:"alive,omitempty"`
}

type gone struct {
	Project     string `json:"project"`
	Environment string `json:"environment"`
}

const maxHave = 8 << 20

// relay finds the key of a relay; it has answered when the status is not 0.
func (s *Server) relay(w http.ResponseWriter, r *http.Request, now time.Time) (*holder, int) {
	h, ok := s.find(plainKey(r.Header), now)
	switch {
	case !ok:
		return nil, s.unknownKey(w, r, now)
	case h.Kind != KindRelay:
		return nil, fail(w, http.StatusForbidden, "Only a relay's key may ask for this.")
	default:
		return h, 0
	}
}

func (s *Server) feed(w http.ResponseWriter, r *http.Request, now time.Time) int {
	h, status := s.relay(w, r, now)
	if status != 0 {
		return status
	}
	if !s.Ready() {
		return s.starting(w)
	}
	_ = http.NewResponseController(w).SetReadDeadline(now.Add(bodyTimeout)) // a test's recorder has none
	var known have
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxHave)).Decode(&known); err != nil {
		return fail(w, http.StatusBadRequest, "The body does not say what the relay has.")
	}
	if !s.openStream() {
		w.Header().Set("Retry-After", "5")
		return fail(w, http.StatusServiceUnavailable, "There are too many streams.")
	}
	defer s.streams.Add(-1)
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	f := &feeding{s: s, w: s.writer(w, r), key: h, sent: known.Sets, keys: known.Keys}
	if f.sent == nil {
		f.sent = map[string]string{}
	}
	_ = f.run(r.Context()) // the relay went away; it comes back
	return http.StatusOK
}

// feeding is one relay that is fed. It looks for the newest state when woken,
// so a slow relay misses steps in between and nothing piles up.
type feeding struct {
	s    *Server
	w    *writer
	key  *holder
	sent map[string]string
	keys string
	seq  uint64
}

func (f *feeding) run(ctx context.Context) error {
	news := f.s.anything.join()
	defer f.s.anything.leave(news)
	heartbeat := time.NewTicker(f.s.o.Heartbeat)
	defer heartbeat.Stop()
	if err := f.changes(true); err != nil {
		return err
	}
	if err := f.line(line{Synced: true}); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-f.s.stopping:
			return nil
		case <-heartbeat.C:
			if err := f.line(line{Alive: true}); err != nil {
				return err
			}
		case <-news.wake:
			if err := f.changes(false); err != nil {
				return err
			}
		}
		if !f.s.alive(f.key, f.s.o.Now()) {
			return nil
		}
	}
}

// changes sends what the relay does not have. Keys come first, so that a flag
// is never answered to a key that was revoked before it.
func (f *feeding) changes(all bool) error {
	list := []Key{}
	for _, k := range f.s.Keys() {
		if k.Kind != KindRelay && (f.key.Environment == "" || k.Environment == "" || k.Environment == f.key.Environment) {
			list = append(list, k)
		}
	}
	if tag := keysTag(list); tag != f.keys {
		if err := f.line(line{Keys: &list}); err != nil {
			return err
		}
		f.keys = tag
	}
	until := f.s.seq.Load()
	there := map[string]bool{}
	for _, e := range f.s.entries() {
		if !f.key.mayAsk(e.key.environment) {
			continue
		}
		l := e.current.Load()
		name := e.key.project + "/" + e.key.environment
		there[name] = l != nil
		switch {
		case !all && e.seq.Load() <= f.seq:
		case l == nil:
			if err := f.remove(name, e.key); err != nil {
				return err
			}
		case f.sent[name] != l.configTag:
			m := messageOf(l.sn)
			if err := f.line(line{Set: &m}); err != nil {
				return err
			}
			f.sent[name] = l.configTag
		}
	}
	if all {
		for name := range f.sent {
			if _, known := there[name]; !known {
				if err := f.remove(name, splitName(name)); err != nil {
					return err
				}
			}
		}
	}
	f.seq = until
	return nil
}

func (f *feeding) remove(name string, key setKey) error {
	if _, has := f.sent[name]; !has {
		return nil
	}
	delete(f.sent, name)
	return f.line(line{Gone: &gone{key.project, key.environment}})
}

func (f *feeding) line(l line) error {
	raw, err := json.Marshal(l)
	if err != nil {
		return err
	}
	return f.w.write(append(raw, '\n'))
}

func splitName(name string) setKey {
	for i := len(name) - 1; i >= 0; i-- {
		if name[i] == '/' {
			return setKey{name[:i], name[i+1:]}
		}
	}
	return setKey{project: name}
}

func keysTag(list []Key) string {
	raw, err := json.Marshal(list)
	if err != nil {
		return ""
	}
	return strconv.FormatUint(tagOf(string(raw)), 36)
}

// relayed takes the counts of a relay.
func (s *Server) relayed(w http.ResponseWriter, r *http.Request, now time.Time) int {
	h, status := s.relay(w, r, now)
	if status != 0 {
		return status
	}
	var in usage.Batch
	if status := decode(w, r, &in, now); status != 0 {
		return status
	}
	for _, row := range in.Rows {
		if !h.mayAsk(row.Environment) || !s.has(row.Project, row.Environment) {
			continue
		}
		for flag, outcomes := range row.Counts {
			for name, n := range outcomes {
				if n > 0 && n <= maxOneCount && len(flag) <= maxFlagKey && len(name) <= maxFlagKey+maxReason {
					o := usage.ParseOutcome(name)
					s.book.Add(row.Place, flag, o, n, now)
					s.metrics.evaluated(row.Project, row.Environment, "RELAY", n)
				}
			}
		}
	}
	for _, u := range in.Unknown {
		if h.mayAsk(u.Environment) && s.has(u.Project, u.Environment) && u.Asked > 0 && u.Asked <= maxOneCount {
			s.book.AskMany(usage.Place{Project: u.Project, Environment: u.Environment, Client: u.Client}, u.Flag, u.Asked, now)
		}
	}
	for _, one := range in.Seen {
		if h.mayAsk(one.Environment) && s.has(one.Project, one.Environment) {
			s.book.Touch(one.Project, one.Environment, one.Flag, now)
		}
	}
	w.WriteHeader(http.StatusNoContent)
	return http.StatusNoContent
}

func (s *Server) has(project, environment string) bool {
	e, ok := s.entry(project, environment)
	return ok && e.current.Load() != nil
}
