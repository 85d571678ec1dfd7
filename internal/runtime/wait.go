package runtime

import (
	"context"
	"fmt"
	"io"
	"time"

	"sphera/internal/fault"
	"sphera/internal/store"
)

// answerPatience is how long WaitReady waits for the first answer of a version
// that is ready; not every service answers 200 under /.
const answerPatience = 1500 * time.Millisecond

// WaitReady waits for a version; see Runtime.
func (p *Process) WaitReady(ctx context.Context, service, environment, version string, log io.Writer) (Instance, error) {
	k := place{service, environment}
	hints, end := p.db.Subscribe(topicInstance)
	defer end()
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	id, from, err := p.awaited(ctx, k, version)
	if err != nil {
		return Instance{}, err
	}
	for {
		from = p.copyLog(ctx, k, from, log)
		i, done, err := p.waitOnce(ctx, k, id, version)
		if err != nil || done {
			p.copyLog(ctx, k, from, log)
			return i, err
		}
		select {
		case <-ctx.Done():
			return i, fmt.Errorf("wait until version %s of %s is ready in %s (it is %s now, supervised: %t): %w", short(version), service, environment, i.State, i.PID != 0, ctx.Err())
		case <-hints:
		case <-tick.C:
		}
	}
}

// awaited finds the newest deployment of the version.
func (p *Process) awaited(ctx context.Context, k place, version string) (id string, logFrom int64, err error) {
	rows, err := p.db.Read().QueryContext(ctx, `SELECT id, log_from FROM runtime_deployments WHERE service = $1 AND environment = $2 AND version = $3 ORDER BY created_at DESC, id DESC LIMIT 1`, k.service, k.environment, version)
	found, err := store.All(rows, err, func(r interface{ Scan(...any) error }) (string, error) {
		err := r.Scan(&id, &logFrom)
		return id, err
	})
	if err != nil {
		return "", 0, fmt.Errorf("find the deployment of %s to %s: %w", k.service, k.environment, err)
	}
	if len(found) == 0 {
		return "", 0, fault.New(fault.NotFound, "The version %s of %s was not deployed to %s.", short(version), k.service, k.environment)
	}
	return id, logFrom, nil
}

func (p *Process) waitOnce(ctx context.Context, k place, id, version string) (Instance, bool, error) {
	d, err := p.spec(ctx, id)
	if err != nil {
		return Instance{}, false, err
	}
	r, err := p.row(ctx, p.db.Read(), k)
	if err != nil {
		return Instance{}, false, err
	}
	i := p.instance(r)
	switch d.state {
	case deploymentFailed:
		p.logs.flush(ctx)
		return i, false, fault.New(fault.Unprocessable, "Version %s of %s did not get ready in %s: it %s", short(version), k.service, k.environment, d.err)
	case deploymentReplaced:
		return i, false, fault.New(fault.Conflict, "Version %s of %s was replaced in %s by a later deployment of version %s.", short(version), k.service, k.environment, short(r.wishVersion))
	case deploymentRemoved:
		return i, false, fault.New(fault.Conflict, "%s was stopped in %s before version %s was ready.", k.service, k.environment, short(version))
	}
	if r.activeID != id || i.State != Ready {
		return i, false, nil
	}
	answered := !i.FirstAnswerAt.IsZero() || p.o.Now().Sub(i.ReadyAt) > answerPatience
	return i, answered, nil
}

// copyLog writes new lines of the instance to log and returns the last number.
func (p *Process) copyLog(ctx context.Context, k place, from int64, log io.Writer) int64 {
	if log == nil {
		return from
	}
	rows, err := p.db.Read().QueryContext(ctx, `SELECT seq, text FROM runtime_logs WHERE service = $1 AND environment = $2 AND seq > $3 ORDER BY seq LIMIT 200`, k.service, k.environment, from)
	lines, err := store.All(rows, err, func(r interface{ Scan(...any) error }) (LogLine, error) {
		var l LogLine
		err := r.Scan(&l.Seq, &l.Text)
		return l, err
	})
	if err != nil {
		return from // the log is a courtesy here; the wait itself reports errors
	}
	for _, l := range lines {
		if _, err := fmt.Fprintln(log, l.Text); err != nil {
			return l.Seq
		}
		from = l.Seq
	}
	return from
}
