package api

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"sphera/internal/auth"
	"sphera/internal/fault"
)

const (
	// reauthenticate is how often a request that takes long is asked whether its
	// user still is somebody here, besides the note that says so at once.
	reauthenticate = 30 * time.Second
	// finishing is how long a request may go on after its credential has ended:
	// who signs out is answered.
	finishing = 5 * time.Second
)

var errSignedOut = errors.New("the user is not signed in any more")

// visits are the requests that are being answered to somebody. A credential
// that ends cuts them off, whatever they do: an event stream, a clone, a push, a
// download, a connection to a running service.
type visits struct {
	mu   sync.Mutex
	open map[*visit]struct{}
}

type visit struct {
	user auth.Principal
	// good asks whether the credential still is.
	good    func(ctx context.Context) error
	checked time.Time
	w       http.ResponseWriter
	cancel  context.CancelCauseFunc

	mu     sync.Mutex
	stream bool
	timer  *time.Timer
	over   bool
	gone   bool
}

type visitKey struct{}

// visited is the request with a visit that identify may fill in. leave ends it;
// after it the connection belongs to the next request.
func (a *API) visited(w http.ResponseWriter, r *http.Request) (*http.Request, *visit) {
	ctx, cancel := context.WithCancelCause(r.Context())
	v := &visit{w: w, cancel: cancel}
	return r.WithContext(context.WithValue(ctx, visitKey{}, v)), v
}

func visitOf(ctx context.Context) *visit {
	v, _ := ctx.Value(visitKey{}).(*visit)
	return v
}

// identify says whose request it is.
func (a *API) identify(ctx context.Context, p auth.Principal, good func(ctx context.Context) error) {
	v := visitOf(ctx)
	if v == nil {
		return
	}
	v.user, v.good, v.checked = p, good, a.now()
	a.visits.mu.Lock()
	defer a.visits.mu.Unlock()
	a.visits.open[v] = struct{}{}
}

// leave reports whether the request was cut off.
func (a *API) leave(v *visit) bool {
	a.visits.mu.Lock()
	delete(a.visits.open, v)
	a.visits.mu.Unlock()
	v.mu.Lock()
	defer v.mu.Unlock()
	v.over = true
	if v.timer != nil {
		v.timer.Stop()
	}
	v.cancel(nil)
	return v.gone
}

// streams says that the request is an event stream, which has nothing to finish.
func (v *visit) streams() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.stream = true
}

// end cuts the request off, after a moment in which it may finish.
func (v *visit) end(after time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.over || v.gone:
	case v.stream:
		v.cut()
	case v.timer == nil:
		v.timer = time.AfterFunc(after, func() {
			v.mu.Lock()
			defer v.mu.Unlock()
			if !v.over {
				v.cut()
			}
		})
	}
}

// cut ends what is done for the request, and what is read and written. It is
// called with the lock held.
func (v *visit) cut() {
	v.gone = true
	v.cancel(errSignedOut)
	rc, past := http.NewResponseController(v.w), time.Unix(1, 0)
	_ = errors.Join(rc.SetReadDeadline(past), rc.SetWriteDeadline(past)) // of a connection that is gone anyway
}

// Watch cuts requests off whose users are not signed in any more, until ctx
// ends.
func (a *API) Watch(ctx context.Context) error {
	notes, stop := a.db.Subscribe(auth.Topic)
	defer stop()
	tick := time.NewTicker(a.o.Heartbeat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case user := <-notes:
			a.check(ctx, func(v *visit) bool { return user == "" || v.user.ID == user || v.user.Machine() })
		case <-tick.C: // a note can be lost, and sessions end by themselves
			now := a.now()
			a.check(ctx, func(v *visit) bool { return now.Sub(v.checked) >= reauthenticate })
		}
	}
}

func (a *API) check(ctx context.Context, which func(v *visit) bool) {
	var found []*visit
	a.visits.mu.Lock()
	for v := range a.visits.open {
		if which(v) {
			v.checked = a.now()
			found = append(found, v)
		}
	}
	a.visits.mu.Unlock()
	for _, v := range found {
		if err := v.good(ctx); fault.Is(err, fault.Unauthorized) {
			v.end(a.o.Finishing)
		} else if err != nil && ctx.Err() == nil {
			a.log.WarnContext(ctx, "ask whether somebody still is signed in", "error", err)
		}
	}
}
