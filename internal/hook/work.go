package hook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"sphera/internal/catalog"
	"sphera/internal/fault"
	"sphera/internal/source"
	"sphera/internal/store"
)

// How events are worked on.
const (
	lease       = "webhooks"
	leaseTime   = 15 * time.Second
	lookEvery   = 5 * time.Second
	tidyEvery   = 10 * time.Minute
	atOnce      = 4
	inARow      = 50
	maxAttempts = 8
	eventTime   = 10 * time.Second
	writeBatch  = 500
	// keepDone is how long a name of a request is remembered.
	keepDone   = 24 * time.Hour
	keepFailed = 7 * 24 * time.Hour
	keepCount  = 10_000
)

// Work works on events until ctx ends: those of one webhook one after another,
// those of several beside each other.
func (h *Hooks) Work(ctx context.Context) error {
	wake, stop := h.DB.Subscribe(Topic)
	defer stop()
	w := &worker{h: h, running: map[string]bool{}, again: make(chan struct{}, 1)}
	defer w.wait.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	var tidied time.Time
	for {
		select {
		case <-ctx.Done():
			releasing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			return h.DB.Release(releasing, lease, h.Instance)
		case <-wake:
		case <-w.again:
		case <-timer.C:
		}
		next, err := w.look(ctx)
		if err != nil && ctx.Err() == nil {
			h.Log.WarnContext(ctx, "look for events of webhooks", "error", err)
		}
		if now := h.Now(); now.Sub(tidied) > tidyEvery {
			tidied = now
			if err := h.tidy(ctx); err != nil && ctx.Err() == nil {
				h.Log.WarnContext(ctx, "tidy the events of webhooks", "error", err)
			}
		}
		timer.Reset(next)
	}
}

type worker struct {
	h       *Hooks
	mu      sync.Mutex
	running map[string]bool
	wait    sync.WaitGroup
	again   chan struct{}
}

// look starts work on every webhook whose oldest event is due, and returns when
// to look again.
func (w *worker) look(ctx context.Context) (time.Duration, error) {
	mine, err := w.h.DB.Lease(ctx, lease, w.h.Instance, w.h.Now(), leaseTime)
	if err != nil || !mine {
		return lookEvery, err
	}
	rows, err := w.h.DB.Read().QueryContext(ctx, `SELECT e.webhook_key, e.next_at FROM webhook_events e
		JOIN (SELECT webhook_key, MIN(id) AS id FROM webhook_events WHERE status = 'waiting' GROUP BY webhook_key) f ON f.id = e.id ORDER BY e.id LIMIT 1000`)
	type due struct {
		key string
		at  int64
	}
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (due, error) {
		var d due
		return d, row.Scan(&d.key, &d.at)
	})
	if err != nil {
		return lookEvery, fmt.Errorf("look for events: %w", err)
	}
	next := lookEvery
	now := store.Millis(w.h.Now())
	for _, d := range list {
		if d.at > now {
			next = min(next, time.Duration(d.at-now)*time.Millisecond)
			continue
		}
		w.start(ctx, d.key)
	}
	return next, nil
}

func (w *worker) start(ctx context.Context, key string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running[key] || len(w.running) >= atOnce {
		return // looked at again when one ends
	}
	w.running[key] = true
	w.wait.Go(func() {
		for range inARow {
			if more, err := w.h.next(ctx, key); err != nil || !more {
				if err != nil && ctx.Err() == nil {
					w.h.Log.WarnContext(ctx, "work on an event of a webhook", "error", err)
				}
				break
			}
		}
		w.mu.Lock()
		delete(w.running, key)
		w.mu.Unlock()
		select {
		case w.again <- struct{}{}:
		default:
		}
	})
}

// event is one row of the queue.
type event struct {
	id             int64
	attempts       int
	headers, query map[string]string
	body           []byte
}

// next works on the oldest event of a webhook; false when none is due.
func (h *Hooks) next(ctx context.Context, key string) (bool, error) {
	e, err := h.claim(ctx, key)
	if err != nil || e == nil {
		return false, err
	}
	hook, err := h.load(ctx, key)
	if fault.Is(err, fault.NotFound) {
		return false, nil // deleted with its events
	}
	if err != nil {
		return false, h.finish(ctx, key, e, Result{}, err)
	}
	result, err := h.process(ctx, hook, e)
	if err != nil && ctx.Err() != nil {
		return false, ctx.Err() // stopped in the middle; it is done again
	}
	return true, h.finish(ctx, key, e, result, err)
}

// claim takes the oldest event and counts the attempt before it is made, so
// that an event which ends the program does not do so for ever.
func (h *Hooks) claim(ctx context.Context, key string) (*event, error) {
	var e *event
	err := h.DB.Tx(ctx, func(tx *store.Tx) error {
		rows, err := tx.QueryContext(ctx, `UPDATE webhook_events SET attempts = attempts + 1
			WHERE id = (SELECT MIN(id) FROM webhook_events WHERE webhook_key = $1 AND status = 'waiting') AND status = 'waiting' AND next_at <= $2
			RETURNING id, attempts, headers, query, body`, key, store.Millis(h.Now()))
		list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (*event, error) {
			var e event
			var headers, query string
			if err := row.Scan(&e.id, &e.attempts, &headers, &query, &e.body); err != nil {
				return nil, err
			}
			return &e, errors.Join(json.Unmarshal([]byte(headers), &e.headers), json.Unmarshal([]byte(query), &e.query))
		})
		if err == nil && len(list) > 0 {
			e = list[0]
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("take an event: %w", err)
	}
	return e, nil
}

// process maps an event and writes what comes out. An error is one that can
// pass; what cannot is in the result.
func (h *Hooks) process(ctx context.Context, hook *compiled, e *event) (Result, error) {
	fail := func(problem string) Result { return Result{Failed: 1, Problems: []Problem{{Problem: problem}}} }
	if hook.err != nil {
		return fail(hook.err.Error()), nil
	}
	if e.attempts > maxAttempts {
		return fail("gave up after too many attempts"), nil
	}
	in, err := input(e.headers, e.query, e.body)
	if err != nil {
		return fail("the body is not JSON"), nil
	}
	mapping, cancel := context.WithTimeout(ctx, eventTime)
	defer cancel()
	changes, result := render(mapping, hook.mappings, in)
	if mapping.Err() != nil {
		if ctx.Err() != nil {
			return Result{}, ctx.Err()
		}
		return fail(fmt.Sprintf("the mappings took longer than %s", eventTime)), nil
	}
	return result, h.apply(ctx, hook, changes, &result)
}

// apply writes changes in their order, as many at once as stand together.
func (h *Hooks) apply(ctx context.Context, hook *compiled, changes []Change, r *Result) error {
	for start := 0; start < len(changes); {
		end := start + 1
		for end < len(changes) && end-start < writeBatch && changes[end].Operation == changes[start].Operation && changes[start].Operation == "create" {
			end++
		}
		var err error
		if changes[start].Operation == "delete" {
			err = h.remove(ctx, hook, changes[start], r)
		} else {
			err = h.put(ctx, hook, changes[start:end], r)
		}
		if err != nil {
			return err
		}
		start = end
	}
	return nil
}

func (h *Hooks) put(ctx context.Context, hook *compiled, changes []Change, r *Result) error {
	var list []catalog.NewEntity
	var from []Change
	for _, c := range changes {
		n, err := c.entity()
		if err != nil {
			r.failed(c, err)
			continue
		}
		list, from = append(list, n), append(from, c)
	}
	if len(list) == 0 {
		return nil
	}
	client := source.OfWebhook(hook.id)
	items, err := h.Catalog.PutMixed(ctx, list, catalog.Write{
		Upsert: true, Merge: true, By: client.Caller, Datasource: client.UserAgent, Source: client.ID,
	})
	if err != nil {
		return fmt.Errorf("write the entities of an event: %w", err)
	}
	there := map[string][]string{}
	for _, item := range items {
		if item.Err == nil {
			c := list[item.Index]
			there[c.Blueprint] = append(there[c.Blueprint], item.Identifier)
		}
		switch {
		case item.Err != nil && !permanent(item.Err):
			return item.Err
		case item.Err != nil:
			r.failed(from[item.Index], item.Err)
		case item.Created:
			r.Created++
		case item.Changed:
			r.Updated++
		default:
			r.Unchanged++
		}
	}
	for _, blueprint := range slices.Sorted(maps.Keys(there)) {
		if err := h.Sources.Wrote(ctx, client, blueprint, there[blueprint]); err != nil {
			return err
		}
	}
	return nil
}

func (h *Hooks) remove(ctx context.Context, hook *compiled, c Change, r *Result) error {
	id, ok := c.Entity["identifier"].(string)
	if !ok {
		r.failed(c, errors.New("a query cannot name what is to be deleted"))
		return nil
	}
	client := source.OfWebhook(hook.id)
	now, err := h.Sources.Delete(ctx, client, c.Blueprint, []string{id}, c.DeleteDependents)
	if err != nil {
		return fmt.Errorf("ask whether an entity of an event may be deleted: %w", err)
	}
	if len(now) == 0 {
		r.Held++
		return nil
	}
	gone, err := h.Catalog.DeleteMany(ctx, c.Blueprint, now, catalog.DeleteOptions{
		Dependents: c.DeleteDependents, By: client.Caller, Datasource: client.UserAgent,
	})
	switch {
	case fault.Is(err, fault.NotFound) || err == nil && len(gone) == 0:
		r.Unchanged++
	case err == nil:
		r.Deleted++
	case permanent(err):
		r.failed(c, err)
	default:
		return fmt.Errorf("delete an entity of an event: %w", err)
	}
	return nil
}

// permanent reports whether trying again cannot help.
func permanent(err error) bool {
	f, ok := fault.As(err)
	return ok && f.Code != fault.Unavailable && f.Code != fault.StorageFull && f.Code != fault.Internal
}

func (r *Result) failed(c Change, err error) {
	r.Failed++
	p := Problem{Mapping: c.Mapping, Item: c.Item, Identifier: fmt.Sprint(c.Entity["identifier"]), Problem: "could not be written"}
	if f, ok := fault.As(err); ok {
		p.Problem = f.Message
		if len(f.Details) > 0 {
			d := f.Details[0]
			p.Field, p.Problem = d.Field, d.Problem
			if d.Expected != "" {
				p.Problem += "; expected " + d.Expected
			}
		}
	}
	r.problem(p)
}

// finish writes down what became of an event. After an error that can pass it
// waits longer each time, and what came later waits behind it.
func (h *Hooks) finish(ctx context.Context, key string, e *event, r Result, failure error) error {
	now := h.Now()
	if failure != nil && e.attempts < maxAttempts {
		h.Log.WarnContext(ctx, "an event of a webhook is tried again", "event", e.id, "attempt", e.attempts, "error", failure)
		return h.DB.Tx(ctx, func(tx *store.Tx) error {
			_, err := tx.ExecContext(ctx, "UPDATE webhook_events SET next_at = $1 WHERE id = $2", store.Millis(now.Add(time.Second<<(2*min(e.attempts-1, 5)))), e.id)
			return err
		})
	}
	if failure != nil {
		h.Log.ErrorContext(ctx, "an event of a webhook failed", "event", e.id, "error", failure)
		r = Result{Failed: 1, Problems: []Problem{{Problem: "could not be worked on; the server's log has the cause"}}}
	}
	status, body, headers := "done", []byte{}, "{}"
	if r.Failed > 0 {
		raw, err := json.Marshal(e.headers)
		if err != nil {
			return fmt.Errorf("encode the headers: %w", err)
		}
		status, body, headers = "failed", e.body, string(raw)
	}
	if r.Problems == nil {
		r.Problems = []Problem{}
	}
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode a result: %w", err)
	}
	return h.DB.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE webhook_events SET status = $1, finished_at = $2, result = $3, body = $4, headers = $5 WHERE id = $6",
			status, store.Millis(now), string(text), body, headers, e.id)
		if err != nil {
			return fmt.Errorf("finish an event: %w", err)
		}
		tx.Notify("webhook-event", key)
		return nil
	})
}

// tidy forgets events that are over: done after a day, failed after a week, and
// the oldest beyond 10,000 of one webhook.
func (h *Hooks) tidy(ctx context.Context) error {
	now := h.Now()
	return h.DB.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM webhook_events WHERE status = 'done' AND finished_at < $1 OR status = 'failed' AND finished_at < $2",
			store.Millis(now.Add(-keepDone)), store.Millis(now.Add(-keepFailed)))
		if err != nil {
			return fmt.Errorf("forget old events: %w", err)
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM webhook_events WHERE status <> 'waiting' AND id <= (
			SELECT o.id FROM webhook_events o WHERE o.webhook_key = webhook_events.webhook_key ORDER BY o.id DESC LIMIT 1 OFFSET $1)`, keepCount)
		if err != nil {
			return fmt.Errorf("forget events beyond the last %d: %w", keepCount, err)
		}
		return nil
	})
}
