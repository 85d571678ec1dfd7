package jq

import (
	"context"
	"fmt"
	"time"
)

// meter counts what a run uses. It is the context of the run: gojq asks Done
// before every step, which is where steps are counted. What single functions
// build is charged by the guards.
type meter struct {
	context.Context
	limits Limits

	steps, maxSteps, next int
	bytes, maxBytes       int
	work                  int
	failed                *Error
	closed                chan struct{} // nil until failed

	timer    context.Context // once the run is not a short one
	cancel   context.CancelFunc
	patterns map[pattern]*compiled
}

const (
	stepsPerCheck = 64
	// shortRun is how many steps are taken before a timer is worth its price.
	shortRun = 1024
	// workPerCheck is how many bytes the guards see between looks at the clock.
	workPerCheck = 1 << 18
	// clockFactor is how much longer than its time a run may take by the clock.
	// The steps are what decides, as they are the same on a busy machine; the
	// clock is for what takes long in one step.
	clockFactor = 4
)

func (m *meter) start(ctx context.Context, l Limits) {
	m.Context, m.limits = ctx, l
	m.steps, m.next = 0, shortRun
	m.maxSteps = int(l.Time/time.Microsecond) * stepsPerMicrosecond
	m.bytes, m.maxBytes, m.work = 0, l.Output*memoryFactor, 0
	m.failed, m.closed, m.timer, m.cancel = nil, nil, nil, nil
}

func (m *meter) stop() {
	if m.cancel != nil {
		m.cancel()
	}
	m.Context, m.timer, m.cancel = context.Background(), nil, nil
}

// Done is asked before each step.
func (m *meter) Done() <-chan struct{} {
	if m.steps++; m.steps >= m.next {
		m.look()
	}
	return m.closed
}

// Err is asked once Done is closed.
func (m *meter) Err() error {
	if m.failed != nil {
		return m.failed
	}
	return m.Context.Err()
}

// look checks the steps and the clock.
func (m *meter) look() {
	m.next, m.work = m.steps+stepsPerCheck, 0
	if m.failed != nil {
		return
	}
	if m.timer == nil {
		m.timer, m.cancel = context.WithTimeout(m.Context, clockFactor*m.limits.Time)
	}
	if m.steps > m.maxSteps {
		_ = m.fail(KindTime, "takes more than %d steps", m.maxSteps)
		return
	}
	select {
	case <-m.timer.Done():
		_ = m.fail(KindTime, "takes longer than %s", clockFactor*m.limits.Time)
	default:
	}
}

// fail ends the run at the next step, whatever the expression catches.
func (m *meter) fail(kind, format string, args ...any) *Error {
	if m.failed == nil {
		m.failed = &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
		m.closed = make(chan struct{})
		close(m.closed)
	}
	return m.failed
}

// charge pays for n bytes; not nil means the run is over.
func (m *meter) charge(n int) *Error {
	m.bytes += n
	if n < 0 || m.bytes < 0 || m.bytes > m.maxBytes {
		return m.fail(KindSize, "builds up more than %d bytes", m.maxBytes)
	}
	if m.work += n; m.work > workPerCheck {
		m.look()
	}
	return m.failed
}
