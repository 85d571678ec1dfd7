package policy

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"sphera/internal/store"
)

const (
	// keptDecisions bounds what is stored, tried is how many of them new
	// policies are tried on.
	keptDecisions = 5000
	tried         = 1000
	// againAfter is how long the same question with the same answer is not kept
	// again.
	againAfter = 10 * time.Minute
	// maxPending and maxSeen bound the memory.
	maxPending   = 500
	maxSeen      = 20_000
	maxQuestion  = 4 << 10
	maxPropertyN = 50
)

// recorder remembers the questions that were decided until they are flushed.
// When there are too many it drops some: they are a sample to try policies on,
// not the audit log.
type recorder struct {
	now     func() time.Time
	mu      sync.Mutex
	pending map[string]decided
	seen    map[string]seenAt
}

type decided struct {
	at       time.Time
	question Request
	allowed  bool
}

type seenAt struct {
	at      time.Time
	allowed bool
}

func newRecorder(now func() time.Time) *recorder {
	return &recorder{now: now, pending: map[string]decided{}, seen: map[string]seenAt{}}
}

// key is the same for the same question of the same subject.
func (r Request) key() string {
	u := r.Resource.uid()
	return r.Subject.ID + " " + r.Action + " " + string(u.Type) + " " + string(u.ID)
}

func (r *recorder) note(q Request, allowed bool) {
	if q.Subject.ID == "" {
		return
	}
	key, now := q.key(), r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if before, ok := r.seen[key]; ok && before.allowed == allowed && now.Sub(before.at) < againAfter {
		return
	}
	if len(r.seen) >= maxSeen {
		clear(r.seen)
	}
	if len(r.pending) >= maxPending && (Verb{ID: q.Action}).Read() {
		return // changes matter more
	}
	if len(r.pending) >= 2*maxPending {
		return
	}
	r.seen[key] = seenAt{now, allowed}
	r.pending[key] = decided{now, q, allowed}
}

func (r *recorder) take() map[string]decided {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.pending
	r.pending = map[string]decided{}
	return out
}

// Flush stores the questions that were decided since the last time.
func (p *Policies) Flush(ctx context.Context) error {
	list := p.recorder.take()
	if len(list) == 0 {
		return nil
	}
	return p.DB.Tx(ctx, func(tx *store.Tx) error {
		for key, one := range list {
			raw, ok := one.question.kept()
			if !ok {
				continue
			}
			allowed := 0
			if one.allowed {
				allowed = 1
			}
			_, err := tx.ExecContext(ctx, `INSERT INTO policy_decisions (key, at, question, allowed) VALUES ($1, $2, $3, $4)
				ON CONFLICT (key) DO UPDATE SET at = excluded.at, question = excluded.question, allowed = excluded.allowed`,
				key, store.Millis(one.at), string(raw), allowed)
			if err != nil {
				return fmt.Errorf("keep a decision: %w", err)
			}
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM policy_decisions WHERE at <
			(SELECT at FROM policy_decisions ORDER BY at DESC LIMIT 1 OFFSET $1)`, keptDecisions-1)
		if err != nil {
			return fmt.Errorf("drop old decisions: %w", err)
		}
		return nil
	})
}

// kept is the question as it is stored: properties that policies can ask about,
// and none that are long.
func (r Request) kept() ([]byte, bool) {
	properties := map[string]any{}
	for name, v := range r.Resource.Properties {
		if len(properties) >= maxPropertyN {
			break
		}
		switch v := v.(type) {
		case string:
			if len(v) <= 200 {
				properties[name] = v
			}
		case bool, int, int64, float64, json.Number:
			properties[name] = v
		}
	}
	r.Resource.Properties = properties
	raw, err := json.Marshal(r) //nolint:musttag // only read back into the same type
	return raw, err == nil && len(raw) <= maxQuestion
}

// Change of one decision, as a dry run finds it.
type Difference struct {
	At       time.Time `json:"at"`
	Subject  string    `json:"subject"`
	Action   string    `json:"action"`
	Resource string    `json:"resource"`
	// Allowed is what it would be; Rule is the policy that would decide.
	Allowed bool   `json:"allowed"`
	Rule    string `json:"rule"`
	Reason  string `json:"reason,omitempty"`
}

// Impact is what would have been decided otherwise.
type Impact struct {
	// Considered is how many decisions were looked at, Since the oldest.
	Considered int          `json:"considered"`
	Since      *time.Time   `json:"since,omitempty"`
	Denied     int          `json:"denied"`
	Allowed    int          `json:"allowed"`
	Changes    []Difference `json:"changes"`
}

const maxDifferences = 100

// impact decides the last questions again, by the policies in force and by
// next.
func (p *Policies) impact(ctx context.Context, q store.Querier, next *set) (Impact, error) {
	out := Impact{Changes: []Difference{}}
	now := p.Engine.current.Load()
	if now == nil {
		return out, nil
	}
	type row struct {
		at       int64
		question string
	}
	rows, err := q.QueryContext(ctx, "SELECT at, question FROM policy_decisions ORDER BY at DESC LIMIT $1", tried)
	list, err := store.All(rows, err, func(r interface{ Scan(...any) error }) (one row, err error) {
		return one, r.Scan(&one.at, &one.question)
	})
	if err != nil {
		return out, fmt.Errorf("read the last decisions: %w", err)
	}
	for _, one := range list {
		var r Request
		if err := json.Unmarshal([]byte(one.question), &r); err != nil { //nolint:musttag // what kept wrote
			return out, fmt.Errorf("decode a decision: %w", err)
		}
		at := store.Time(one.at)
		out.Considered++
		out.Since = &at
		before, after := now.decide(r), next.decide(r)
		if before.Allowed == after.Allowed {
			continue
		}
		if after.Allowed {
			out.Allowed++
		} else {
			out.Denied++
		}
		if len(out.Changes) < maxDifferences {
			out.Changes = append(out.Changes, Difference{
				At: at, Subject: r.Subject.called(), Action: r.Action, Resource: r.Resource.called(), Allowed: after.Allowed, Rule: after.Rule, Reason: after.Reason,
			})
		}
	}
	return out, nil
}

func (s Subject) called() string {
	if s.Name != "" {
		return s.Name
	}
	return s.ID
}

func (r Resource) called() string {
	if name := r.name(); name != "this" {
		return name
	}
	if r.isEntity() {
		return r.Blueprint
	}
	return r.Type
}
