package serve

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"sphera/internal/flag/usage"
)

func (q *asked) place() usage.Place {
	return usage.Place{Project: q.entry.key.project, Environment: q.entry.key.environment, Client: q.key.Name}
}

// Collect takes the counts of all sets into the book and returns what is to be
// written.
func (s *Server) Collect() usage.Batch {
	now := s.o.Now()
	s.changes.Lock()
	retired := s.retired
	s.retired = nil
	s.changes.Unlock()
	for _, l := range retired {
		s.collect(l, now)
		if l.dirty.Load() { // somebody still counts on it
			s.changes.Lock()
			s.retired = append(s.retired, l)
			s.changes.Unlock()
		}
	}
	for _, e := range s.entries() {
		if l := e.current.Load(); l != nil {
			s.collect(l, now)
		}
	}
	return s.book.Take(now)
}

func (s *Server) collect(l *loaded, now time.Time) {
	if !l.dirty.Swap(false) {
		return
	}
	names := l.slots.names()
	reasons := map[string]int64{}
	for _, a := range l.server.list {
		known := a.known.Load()
		if known == nil {
			continue
		}
		for _, o := range *known {
			counts := o.counts.Load()
			if counts == nil {
				continue
			}
			reason := o.reason
			if o.code != "" {
				reason = "ERROR"
			}
			for slot, c := range *counts {
				if n := c.Swap(0); n > 0 {
					reasons[reason] += n
					s.book.Add(usage.Place{Project: l.sn.Project, Environment: l.sn.Environment, Client: names[slot]}, a.key, usage.Outcome{Variation: o.variation(), Reason: reason}, n, now)
				}
			}
		}
	}
	for _, v := range []*view{&l.server, &l.client} {
		if v.confirmed.Swap(false) {
			for _, a := range v.list {
				s.book.Touch(l.sn.Project, l.sn.Environment, a.key, now)
			}
		}
	}
	for reason, n := range reasons {
		s.metrics.evaluated(l.sn.Project, l.sn.Environment, reason, n)
	}
}

// counted is what a client in whose process flags are evaluated tells of them.
type counted struct {
	// Client is who evaluated; the key's name when empty.
	Client string `json:"client"`
	Counts []struct {
		Flag    string `json:"flag"`
		Variant string `json:"variant"`
		Reason  string `json:"reason"`
		Count   int64  `json:"count"`
	} `json:"counts"`
	// Unknown are flags it asked for and that do not exist.
	Unknown []string `json:"unknown"`
}

const (
	maxCounts   = 5_000
	maxOneCount = 1_000_000_000
	maxReason   = 40
)

// summary takes the counts of a client in whose process flags are evaluated,
// and those of relays.
func (s *Server) summary(w http.ResponseWriter, r *http.Request, p place, now time.Time) int {
	if p.flag == "feed" {
		return s.relayed(w, r, now)
	}
	q, status := s.admit(w, r, p, now)
	if status != 0 {
		return status
	}
	var in counted
	if status := decode(w, r, &in, now); status != 0 {
		return status
	}
	if len(in.Counts) > maxCounts || len(in.Unknown) > maxCounts {
		return fail(w, http.StatusBadRequest, "There are more than 5,000 counts in one summary.")
	}
	place := q.place()
	if in.Client != "" {
		place.Client = in.Client
	}
	for _, c := range in.Counts {
		if q.loaded == nil || q.loaded.flags[c.Flag] == nil || c.Count < 0 || c.Count > maxOneCount || len(c.Variant) > maxFlagKey || len(c.Reason) > maxReason {
			continue // of a flag that was removed meanwhile, or nonsense
		}
		s.book.Add(place, c.Flag, usage.Outcome{Variation: c.Variant, Reason: c.Reason}, c.Count, now)
		s.metrics.evaluated(place.Project, place.Environment, "IN_PROCESS", c.Count)
	}
	for _, flag := range in.Unknown {
		if q.loaded == nil || q.loaded.flags[flag] == nil {
			s.book.Ask(place, flag, now)
		}
	}
	w.WriteHeader(http.StatusNoContent)
	return http.StatusNoContent
}

// decode reads a body of counts; it has answered when the status is not 0.
func decode(w http.ResponseWriter, r *http.Request, into any, now time.Time) int {
	_ = http.NewResponseController(w).SetReadDeadline(now.Add(bodyTimeout)) // a test's recorder has none
	if r.ContentLength > maxSummary {
		return fail(w, http.StatusRequestEntityTooLarge, "The body is larger than 1 MiB.")
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxSummary)).Decode(into); err != nil {
		return fail(w, http.StatusBadRequest, "The body is not a summary of counts.")
	}
	return 0
}

// Write writes a batch, and returns with an error what it did not write.
type Write func(ctx context.Context, b usage.Batch) (rest usage.Batch, err error)

// Flush writes counts every few seconds until ctx ends, and once more then.
func (s *Server) Flush(ctx context.Context, write Write) error {
	tick := time.NewTicker(usage.Every)
	defer tick.Stop()
	for {
		ended := false
		select {
		case <-ctx.Done():
			ended = true
		case <-tick.C:
		}
		s.flush(context.WithoutCancel(ctx), write)
		if ended {
			return nil
		}
	}
}

func (s *Server) flush(ctx context.Context, write Write) {
	batch := s.Collect()
	if batch.Empty() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, usage.Every)
	defer cancel()
	if rest, err := write(ctx, batch); err != nil {
		s.o.Log.WarnContext(ctx, "write how flags are used; it is tried again", "error", err)
		s.book.Return(rest)
	}
}
