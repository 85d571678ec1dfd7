package api

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"sphera/internal/audit"
	"sphera/internal/auth"
	"sphera/internal/fault"
)

// attempt is what is known of a request that wants to change something, so
// that a refusal leaves one event, whichever part of the portal refuses.
type attempt struct {
	route   route
	object  auth.Object
	refused *audit.Attempt
	told    atomic.Bool
}

type attemptKey struct{}

// attempting marks the requests that want to change something. Those of
// protocols with a sign-in of their own are recorded where it is.
func attempting(r *http.Request, rt route) *http.Request {
	if rt.audit != domain || rt.verb == anyone {
		return r
	}
	ctx, refused := audit.WithAttempt(r.Context())
	return r.WithContext(context.WithValue(ctx, attemptKey{}, &attempt{route: rt, refused: refused}))
}

func attemptOf(ctx context.Context) *attempt {
	t, _ := ctx.Value(attemptKey{}).(*attempt)
	return t
}

// tellRefused records what a request was refused and nobody recorded yet: by a
// store, which knows what it is about, or else by err.
func (a *API) tellRefused(ctx context.Context, err error) {
	t := attemptOf(ctx)
	if t == nil || t.told.Load() {
		return
	}
	p := who(ctx)
	if refusal, n, ok := t.refused.Tell(); ok {
		e := audit.Event{Verb: refusal.Verb, Object: refusal.Object, Rule: refusal.Rule, Entity: refusal.Entity}
		if n > 1 {
			e.Detail = audit.Detail("refused", n)
		}
		a.appendDenied(ctx, p, e)
		return
	}
	f, ok := fault.As(err)
	if !ok || f.Code != fault.Forbidden || p.ID == "" {
		return
	}
	e := audit.Event{Verb: f.Right, Object: f.On, Rule: f.Rule}
	if e.Verb == "" {
		e.Verb = t.route.verb
	}
	if e.Verb == signedIn || strings.HasSuffix(e.Verb, ".read") {
		e.Verb = "request." + t.route.id
	}
	if e.Object == "" {
		e.Object = t.object.Name()
	}
	a.appendDenied(ctx, p, e)
}

// mayOne is may for one of many: what is refused of them is one event.
func (a *API) mayOne(ctx context.Context, verb string, o auth.Object) error {
	p := who(ctx)
	err := a.auth.May(ctx, p, verb, o)
	if err == nil {
		return a.onProduction(ctx, p, verb, o)
	}
	if f, ok := fault.As(err); ok {
		audit.Refused(ctx, audit.Refusal{Verb: verb, Object: o.Name(), Rule: f.Rule})
	}
	return err
}

// recordDenied appends the refusal of a right to the audit log.
func (a *API) recordDenied(ctx context.Context, p auth.Principal, verb string, o auth.Object, refusal error) {
	e := audit.Event{Verb: verb, Object: o.Name()}
	if f, ok := fault.As(refusal); ok {
		e.Rule = f.Rule
	}
	if strings.HasPrefix(verb, "catalog.") && o.ID != "" {
		e.Entity = e.Object
	}
	a.appendDenied(ctx, p, e)
}

// appendDenied appends the one event of a refusal; a failure to do so must not
// turn the refusal into something else.
func (a *API) appendDenied(ctx context.Context, p auth.Principal, e audit.Event) {
	if t := attemptOf(ctx); t != nil && t.told.Swap(true) {
		return
	}
	e.Actor, e.ActorName, e.Outcome = p.ID, p.Name, audit.Denied
	if p.ViewAs != "" {
		e.Actor, e.ActorName, e.OnBehalfOf = p.ViewAs, "", p.ID
	}
	if e.Object == "" {
		e.Object = audit.Family(e.Verb) // the collection: nothing in it was named
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := a.record(ctx, e); err != nil {
		a.log.WarnContext(ctx, "record a refusal", "error", err)
	}
}
