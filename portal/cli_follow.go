package portal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	runs "sphera/internal/run"
)

// follow shows a run until it ends: one line per finished step, and on a
// terminal a moving line for the step at work. It fails when the run did.
func (c *cli) follow(ctx context.Context, r *remote, id string) error {
	p := newProgress(c)
	defer p.close()
	var last runs.Run
	err := r.stream(ctx, apiPath("v1", "runs", id, "events"), nil, func(e sseEvent) (bool, error) {
		switch e.name {
		case "run":
			if err := json.Unmarshal([]byte(e.data), &last); err != nil {
				return false, fmt.Errorf("the portal's event cannot be read: %w", err)
			}
			p.show(last)
			return runEnded(last.State), nil
		case "end":
			return true, nil
		}
		return false, nil
	})
	p.close()
	if err != nil {
		if ctx.Err() != nil {
			return &failedRunError{"You stopped following; the run goes on. Take it up again: sphera run wait " + id}
		}
		return err
	}
	if !runEnded(last.State) { // the end came without the last state
		if last, err = r.run(ctx, id); err != nil {
			return err
		}
	}
	return c.outcome(r, last)
}

func runEnded(s runs.State) bool {
	return s == runs.Succeeded || s == runs.Failed || s == runs.Cancelled || s == runs.Undone
}

// outcome writes how a run ended and what it made.
func (c *cli) outcome(r *remote, v runs.Run) error {
	if c.json() {
		writeJSON(c.out, v)
	} else {
		c.showOutcome(r, v)
	}
	if v.State == runs.Failed || v.State == runs.Cancelled {
		return &failedRunError{"The run " + string(v.State) + mark(v.Error != "", ": "+v.Error)}
	}
	return nil
}

func (c *cli) showOutcome(r *remote, v runs.Run) {
	sign, colour := stateSign(v.State)
	fmt.Fprintf(c.out, "%s %s: %s in %s\n", c.paint(c.out, colour, sign), clean(v.Title), v.State, orDash(took(v.CreatedAt, v.EndedAt)))
	if v.State == runs.Succeeded {
		for _, change := range v.Changes {
			c.item("+", green, change.Kind+" "+change.Title+" "+change.Verb+mark(change.URL != "", "  "+absolute(r.server, change.URL)))
		}
	}
	if v.Can.Retry {
		fmt.Fprintf(c.out, "  Try again from the failed step: sphera run retry %s\n", v.ID)
	}
	if v.Can.Undo {
		fmt.Fprintf(c.out, "  Undo it: sphera run undo %s\n", v.ID)
	}
}

func absolute(server, address string) string {
	if strings.HasPrefix(address, "/") {
		return server + address
	}
	return address
}

func stateSign(s runs.State) (sign, colour string) {
	switch s {
	case runs.Succeeded:
		return "✓", green
	case runs.Failed:
		return "✗", red
	case runs.Cancelled, runs.Undone:
		return "-", yellow
	case runs.Waiting:
		return "…", yellow
	default:
		return "•", grey
	}
}

// progress draws what a run does. Everything goes to standard error, so that
// the result can be piped.
type progress struct {
	cli   *cli
	fancy bool

	mu     sync.Mutex
	shown  map[string]runs.State
	note   string
	line   string
	since  time.Time
	frame  int
	closed bool
	stop   chan struct{}
	done   chan struct{}
}

func newProgress(c *cli) *progress {
	p := &progress{cli: c, fancy: c.fancy(c.err) && !c.json(), shown: map[string]runs.State{}, stop: make(chan struct{}), done: make(chan struct{})}
	go p.spin()
	return p
}

func (p *progress) spin() {
	defer close(p.done)
	if !p.fancy {
		return
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-tick.C:
			p.mu.Lock()
			p.frame++
			p.draw()
			p.mu.Unlock()
		}
	}
}

// show prints what changed since the last time.
func (p *progress) show(v runs.Run) {
	if p.cli.json() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
	p.line = ""
	for _, step := range v.Steps {
		if p.shown[step.Name] != step.State {
			p.step(step, v.Undoing)
		}
		if step.State == runs.Running {
			p.line, p.since = mark(v.Undoing, "Undo: ")+step.Title, step.StartedAt
		}
	}
	note := ""
	switch {
	case v.State == runs.Waiting && v.Waiting != nil:
		note = "Waiting: " + v.Waiting.Reason + mark(v.Waiting.URL != "", " "+v.Waiting.URL)
	case v.BlockedBy != "":
		note = "Waiting for run " + v.BlockedBy + ", which works on the same"
	}
	if note != "" && note != p.note {
		fmt.Fprintf(p.cli.err, "%s %s\n", p.cli.paint(p.cli.err, yellow, "…"), clean(note))
	}
	p.note = note
	p.draw()
}

func (p *progress) step(step runs.StepRun, undoing bool) {
	before := p.shown[step.Name]
	p.shown[step.Name] = step.State
	if undoing && step.State == runs.Succeeded {
		return // it was done before the undo began
	}
	step.Title = mark(undoing, "Undo: ") + step.Title
	switch step.State {
	case runs.Pending, runs.Waiting:
		if step.Error != "" && before == runs.Running {
			fmt.Fprintf(p.cli.err, "%s %s: %s; trying again\n", p.cli.paint(p.cli.err, yellow, "!"), clean(step.Title), clean(step.Error))
		}
	case runs.Running:
		if !p.fancy {
			fmt.Fprintf(p.cli.err, "• %s\n", clean(step.Title))
		}
	default:
		sign, colour := stateSign(step.State)
		fmt.Fprintf(p.cli.err, "%s %s  %s\n", p.cli.paint(p.cli.err, colour, sign), clean(step.Title), p.cli.paint(p.cli.err, grey, took(step.StartedAt, step.EndedAt)))
		if step.State == runs.Failed && step.Error != "" {
			fmt.Fprintf(p.cli.err, "  %s\n", clean(step.Error))
		}
	}
}

func (p *progress) erase() {
	if p.fancy {
		fmt.Fprint(p.cli.err, "\r\x1b[K")
	}
}

func (p *progress) draw() {
	if !p.fancy || p.line == "" || p.closed {
		return
	}
	frames := []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
	fmt.Fprintf(p.cli.err, "\r\x1b[K%c %s  %s", frames[p.frame%len(frames)], clean(p.line), seconds(time.Since(p.since)))
}

// close ends the drawing; it may be called twice.
func (p *progress) close() {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	p.erase()
	p.closed = true
	p.mu.Unlock()
	close(p.stop)
	<-p.done
}

// run reads one run.
func (r *remote) run(ctx context.Context, id string) (runs.Run, error) {
	var answer struct {
		Run runs.Run `json:"run"`
	}
	err := r.get(ctx, apiPath("v1", "runs", id), nil, &answer)
	if err == nil && answer.Run.ID == "" {
		err = errors.New("the portal answered without a run")
	}
	return answer.Run, err
}
