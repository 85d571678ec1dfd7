package runtime

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/store"
)

// keeper makes the wish for one instance true. It is a reconcile loop: it
// reads the wish, compares it with its processes, does the next thing, and says
// when to look again; so a lost hint costs a moment and nothing else.
type keeper struct {
	place
	p       *Process
	starter *starter
	wake    chan struct{}
	// serving has the version that answers, candidate the one that will.
	serving   *slot
	candidate *slot
	restarts  int
	said      string // what went wrong beside the process that serves
	seen      view
	stopping  sync.WaitGroup
}

// slot is a version that should run, with its process while it does.
type slot struct {
	spec
	seq      int64 // restart_seq it was started for
	child    *child
	failures int
	taken    int // ports found taken
	next     time.Time
	problem  string
}

// view is what the keeper writes about its instance.
type view struct {
	state, version, lastError string
	port, pid, restarts       int
	startedAt, readyAt        int64
}

// giveUpAfter is how often a new version may fail before its deployment has
// failed.
const giveUpAfter = 3

const maxBackoff = 30 * time.Second

func newKeeper(p *Process, s *starter, r row) *keeper {
	return &keeper{place: r.place, p: p, starter: s, wake: make(chan struct{}, 1), restarts: r.restarts}
}

func (k *keeper) poke() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

func (k *keeper) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			k.stopAll()
			final, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			if err := k.p.release(final, k.place); err != nil {
				k.p.logger.Warn("could not give an instance back", "instance", k.String(), "error", err)
			}
			return
		case <-k.wake:
		case <-timer.C:
		}
		again, done := k.reconcile(ctx)
		if done {
			return
		}
		timer.Reset(again)
	}
}

func (k *keeper) stopAll() {
	k.retire(k.candidate)
	k.retire(k.serving)
	k.candidate, k.serving = nil, nil
	k.stopping.Wait()
}

// retire stops a slot's process in the background.
func (k *keeper) retire(s *slot) {
	if s == nil || s.child == nil {
		return
	}
	c := s.child
	s.child = nil
	c.probe()
	k.stopping.Go(func() {
		if err := c.shutdown(); err != nil {
			k.p.logger.Warn("could not stop a process in order", "instance", k.String(), "error", err)
		}
	})
}

// reconcile does what is to be done now and returns when to look again; done
// is true when there is nothing left to keep.
func (k *keeper) reconcile(ctx context.Context) (time.Duration, bool) {
	const soon, sometime = 500 * time.Millisecond, 10 * time.Second
	r, err := k.p.row(ctx, k.p.db.Read(), k.place)
	switch {
	case fault.Is(err, fault.NotFound):
		k.stopAll()
		return 0, true
	case ctx.Err() != nil:
		return 0, false // run stops in order
	case err != nil:
		k.p.logger.WarnContext(ctx, "could not read the wish for an instance", "instance", k.String(), "error", err)
		return soon, false
	case r.owner != k.p.owner:
		k.p.logger.WarnContext(ctx, "another supervisor took an instance", "instance", k.String())
		k.stopAll()
		return 0, true
	case r.desired == Stopped:
		k.stopAll()
		k.p.logs.flush(context.WithoutCancel(ctx))
		if err := k.p.markStopped(ctx, k.place, k.p.owner); err != nil {
			k.p.logger.WarnContext(ctx, "could not record that an instance stopped", "instance", k.String(), "error", err)
			return soon, false
		}
		after, err := k.p.row(ctx, k.p.db.Read(), k.place)
		return soon, err == nil && after.owner != k.p.owner
	}
	if err := k.align(ctx, r); err != nil {
		k.p.logger.WarnContext(ctx, "could not follow the wish for an instance", "instance", k.String(), "error", err)
		return soon, false
	}
	k.drive(k.serving)
	k.drive(k.candidate)
	if err := k.settle(ctx, r); err != nil {
		k.p.logger.WarnContext(ctx, "could not record the state of an instance", "instance", k.String(), "error", err)
		return soon, false
	}
	return min(sometime, k.serving.due(k.p.o.Now(), k.p.o.StartTimeout), k.candidate.due(k.p.o.Now(), k.p.o.StartTimeout)), false
}

// align gives each slot the version the row asks for.
func (k *keeper) align(ctx context.Context, r row) error {
	if r.activeID == "" {
		k.retire(k.serving)
		k.serving = nil
	} else if k.serving == nil || k.serving.id != r.activeID {
		d, err := k.p.spec(ctx, r.activeID)
		if err != nil {
			return err
		}
		k.retire(k.serving)
		k.serving = &slot{spec: d, seq: r.restartSeq}
	}
	switch {
	case r.wishID != r.activeID:
		if k.candidate != nil && k.candidate.id == r.wishID && k.candidate.seq == r.restartSeq {
			return k.revive(ctx)
		}
		d, err := k.p.spec(ctx, r.wishID)
		if err != nil {
			return err
		}
		k.retire(k.candidate)
		k.candidate = &slot{spec: d, seq: r.restartSeq}
	case k.serving.seq == r.restartSeq:
		k.retire(k.candidate)
		k.candidate = nil
	case k.serving.child == nil || !k.serving.child.ready.Load():
		// Nothing to keep alive: start it anew in its place.
		k.retire(k.serving)
		k.stopping.Wait()
		k.serving = &slot{spec: k.serving.spec, seq: r.restartSeq}
		k.retire(k.candidate)
		k.candidate = nil
	case k.candidate == nil || k.candidate.seq != r.restartSeq:
		k.retire(k.candidate)
		k.candidate = &slot{spec: k.serving.spec, seq: r.restartSeq}
	}
	return nil
}

// revive gives a failed version new tries at once when it is asked for again.
func (k *keeper) revive(ctx context.Context) error {
	if k.candidate.state != deploymentFailed {
		return nil
	}
	d, err := k.p.spec(ctx, k.candidate.id)
	if err != nil {
		return err
	}
	if d.state == deploymentStarting {
		k.retire(k.candidate)
		k.candidate = &slot{spec: d, seq: k.candidate.seq}
	}
	return nil
}

// drive starts the slot's process when it is time, and takes note of its end.
func (k *keeper) drive(s *slot) {
	if s == nil {
		return
	}
	now := k.p.o.Now()
	if c := s.child; c != nil {
		switch {
		case c.ended():
			k.ended(s, c, now)
		case !c.was.Load() && now.Sub(c.started) > k.p.o.StartTimeout:
			answer, _ := c.answer.Load().(string)
			s.fail(now, k.p.o.Backoff, fmt.Sprintf("did not answer /readyz with 200 within %s; last: %s", k.p.o.StartTimeout, answer), c.tail.String())
			k.retire(s)
		}
	}
	if s.child != nil || now.Before(s.next) {
		return
	}
	c, err := k.p.startChild(k.starter, k.place, s.spec, k.poke)
	if err != nil {
		s.fail(now, k.p.o.Backoff, "could not be started: "+message(err), "")
		return
	}
	s.child = c
}

// message is what people may see of an error.
func message(err error) string {
	if f, ok := fault.As(err); ok {
		return f.Message
	}
	return err.Error()
}

func (k *keeper) ended(s *slot, c *child, now time.Time) {
	s.child = nil
	if c.portTaken() && s.taken < 5 {
		s.taken++
		k.p.logs.add(k.place, LogLine{At: now, Stream: "sphera", Text: fmt.Sprintf("port %d was taken, trying another", c.port)})
		return
	}
	if now.Sub(c.started) >= time.Minute {
		s.failures = 0
	}
	s.fail(now, k.p.o.Backoff, c.ending(), c.tail.String())
	k.restarts++
	k.p.logs.add(k.place, LogLine{At: now, Stream: "sphera", Text: fmt.Sprintf("version %s %s; starts again in %s", short(s.version), c.ending(), s.next.Sub(now))})
}

func (s *slot) fail(now time.Time, first time.Duration, problem, tail string) {
	s.next = now.Add(min(first<<min(s.failures, 10), maxBackoff))
	s.failures++
	s.problem = problem
	if tail != "" {
		s.problem += ". Its last lines:\n" + tail
	}
}

// due is when the slot needs attention without being woken.
func (s *slot) due(now time.Time, startTimeout time.Duration) time.Duration {
	const never = time.Hour
	switch {
	case s == nil:
		return never
	case s.child == nil:
		return max(s.next.Sub(now), 0)
	case !s.child.was.Load():
		return max(s.child.started.Add(startTimeout).Sub(now), 0) + time.Millisecond
	}
	return never
}

// settle switches to a candidate that is ready, gives up on one that is not
// going to be, and writes what is.
func (k *keeper) settle(ctx context.Context, r row) error {
	if c := k.candidate; c != nil {
		switch {
		case c.child != nil && c.child.ready.Load():
			if err := k.promote(ctx); err != nil {
				return err
			}
		case c.failures >= giveUpAfter && c.state != deploymentFailed:
			if err := k.giveUp(ctx, r); err != nil {
				return err
			}
		}
	}
	return k.publish(ctx)
}

// drainFor is how long the old process goes on after the switch, for requests
// that were already on their way to it.
const drainFor = 300 * time.Millisecond

// promote makes the candidate serve and stops what served before.
func (k *keeper) promote(ctx context.Context) error {
	c := k.candidate
	v := k.viewOf(c, Ready)
	switched := false
	err := k.p.db.Tx(ctx, func(tx *store.Tx) error {
		done, err := tx.ExecContext(ctx, `UPDATE runtime_instances SET active_id = $1, state = $2, version = $3, port = $4, pid = $5, restarts = $6, last_error = '', started_at = $7, ready_at = $8
			WHERE service = $9 AND environment = $10 AND owner = $11 AND wish_id = $1 AND desired = 'running'`,
			c.id, v.state, v.version, v.port, v.pid, v.restarts, v.startedAt, v.readyAt, k.service, k.environment, k.p.owner)
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n == 0 {
			switched = false
			return err
		}
		switched = true
		if _, err := tx.ExecContext(ctx, `UPDATE runtime_deployments SET state = 'replaced' WHERE service = $1 AND environment = $2 AND state = 'active' AND id <> $3`, k.service, k.environment, c.id); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE runtime_deployments SET state = 'active', error = '' WHERE id = $1`, c.id); err != nil {
			return err
		}
		tx.Notify(topicInstance, k.String())
		return nil
	})
	if err != nil || !switched {
		return err
	}
	old := k.serving
	k.serving, k.candidate, k.said, k.seen = c, nil, "", v
	c.problem = ""
	if old != nil && old.child != nil {
		oldChild := old.child
		old.child = nil
		k.stopping.Go(func() {
			timer := time.NewTimer(drainFor)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-oldChild.exited:
			}
			if err := oldChild.shutdown(); err != nil {
				k.p.logger.Warn("could not stop the former process in order", "instance", k.String(), "error", err)
			}
		})
	}
	k.stopping.Go(func() { k.p.firstAnswer(context.WithoutCancel(ctx), k.place) })
	return nil
}

// giveUp records that the candidate's deployment failed. What served before
// goes on serving and is wished for again; with nothing before, the version is
// tried further, at growing distances, since what it waits for may come.
func (k *keeper) giveUp(ctx context.Context, r row) error {
	c := k.candidate
	if k.serving != nil && k.serving.id == c.id { // a restart that failed
		k.serving.seq = r.restartSeq
		k.said = "the restart failed: " + c.problem
		k.retire(c)
		k.candidate = nil
		return nil
	}
	err := k.p.db.Tx(ctx, func(tx *store.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE runtime_deployments SET state = 'failed', error = $1 WHERE id = $2 AND state = 'starting'`, c.problem, c.id); err != nil {
			return err
		}
		if r.activeID != "" {
			if _, err := tx.ExecContext(ctx, `UPDATE runtime_instances SET wish_id = active_id WHERE service = $1 AND environment = $2 AND owner = $3 AND wish_id = $4 AND active_id <> ''`,
				k.service, k.environment, k.p.owner, c.id); err != nil {
				return err
			}
		}
		tx.Notify(topicInstance, k.String())
		first, _, _ := strings.Cut(c.problem, "\n")
		return k.p.audit.Append(ctx, tx, audit.Event{
			Actor: "system", Verb: "service.deploy", Object: "Component/" + k.service, Outcome: audit.Failure,
			Detail: audit.Detail("environment", k.environment, "version", c.version, "deployment", c.id, "problem", first),
		})
	})
	if err != nil {
		return err
	}
	c.state = deploymentFailed
	k.said = fmt.Sprintf("version %s %s", short(c.version), c.problem)
	if r.activeID != "" {
		k.retire(c)
		k.candidate = nil
	}
	return nil
}

// current is the slot people see: what serves, or else what will.
func (k *keeper) current() *slot {
	if k.serving != nil {
		return k.serving
	}
	return k.candidate
}

func (k *keeper) viewOf(s *slot, state string) view {
	v := view{state: state, restarts: k.restarts, lastError: k.said}
	if s == nil {
		return v
	}
	v.version = s.version
	if s.problem != "" {
		v.lastError = s.problem
	}
	if c := s.child; c != nil {
		v.port, v.pid, v.startedAt = c.port, c.pid, store.Millis(c.started)
		if c.ready.Load() {
			v.readyAt = k.seen.readyAt
			if v.readyAt == 0 || k.seen.pid != c.pid {
				v.readyAt = store.Millis(k.p.o.Now())
			}
			v.lastError = k.said
		}
	}
	return v
}

func (k *keeper) publish(ctx context.Context) error {
	s := k.current()
	state := Starting
	switch {
	case s == nil:
	case s.child == nil && s.failures > 0:
		state = Crashed
	case s.child != nil && s.child.ready.Load():
		state = Ready
	case s.child != nil && s.child.was.Load():
		state = Unready
	}
	v := k.viewOf(s, state)
	if v == k.seen {
		return nil
	}
	err := k.p.db.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE runtime_instances SET state = $1, version = $2, port = $3, pid = $4, restarts = $5, last_error = $6, started_at = $7, ready_at = $8
			WHERE service = $9 AND environment = $10 AND owner = $11`,
			v.state, v.version, v.port, v.pid, v.restarts, v.lastError, v.startedAt, v.readyAt, k.service, k.environment, k.p.owner)
		tx.Notify(topicInstance, k.String())
		return err
	})
	if err != nil {
		return err
	}
	k.seen = v
	return nil
}
