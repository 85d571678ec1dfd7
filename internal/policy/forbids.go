package policy

import (
	"context"
	"slices"
)

// Forbids answers a question as if something permitted it: it denies what a
// policy forbids, what cannot be decided and what is no action.
func (e *Engine) Forbids(ctx context.Context, r Request) Decision {
	d := e.Decide(ctx, r)
	if d.Allowed || len(d.Errors) > 0 || d.Rule == Unavailable {
		return d
	}
	s := e.current.Load()
	if b := s.of(r.Action); b != nil && !slices.ContainsFunc(b.rules, func(one *rule) bool { return one.forbid && one.id == d.Rule }) {
		return Decision{Allowed: true, Rule: DefaultDeny}
	}
	return d
}
