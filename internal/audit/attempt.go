package audit

import (
	"context"
	"sync"
)

// Refusal is one thing that somebody was refused.
type Refusal struct {
	// Verb and Object are what was tried on what, Rule what refused it.
	Verb, Object, Rule string
	// Entity is whose timeline it belongs to, "Component/checkout"; may be empty.
	Entity string
}

// maxRefusals bounds what an attempt counts.
const maxRefusals = 10_000

// Attempt gathers what one request, or one piece of work, was refused on its
// way, in whatever store: together that is one event. It travels in the
// context, since stores refuse in the middle of transactions that are given up
// then, and with them everything that would be written.
type Attempt struct {
	mu      sync.Mutex
	first   Refusal
	refused map[Refusal]struct{}
	told    bool
}

type attemptKey struct{}

// WithAttempt begins an attempt.
func WithAttempt(ctx context.Context) (context.Context, *Attempt) {
	a := &Attempt{}
	return context.WithValue(ctx, attemptKey{}, a), a
}

// OnlyAsking returns a context for finding out what would happen: what is
// refused there, nobody has tried.
func OnlyAsking(ctx context.Context) context.Context {
	return context.WithValue(ctx, attemptKey{}, (*Attempt)(nil))
}

// AttemptOf is the attempt of ctx; nil where there is none.
func AttemptOf(ctx context.Context) *Attempt {
	a, _ := ctx.Value(attemptKey{}).(*Attempt)
	return a
}

// Refused notes a refusal in the attempt of ctx, if there is one. What is
// refused again when a transaction runs again counts once.
func Refused(ctx context.Context, r Refusal) {
	a := AttemptOf(ctx)
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.refused) == 0 {
		a.first, a.refused = r, map[Refusal]struct{}{}
	}
	if len(a.refused) < maxRefusals {
		a.refused[r] = struct{}{}
	}
}

// Tell returns the first refusal and how many there were, once: whoever gets
// true has to write the event.
func (a *Attempt) Tell() (Refusal, int, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.told || len(a.refused) == 0 {
		return Refusal{}, 0, false
	}
	a.told = true
	return a.first, len(a.refused), true
}
