// Package change tells others of changes: of entities whose blueprint names a
// WEBHOOK as its changelogDestination, and of integrations that do. What is to
// be told is read from the history of the catalog, behind a cursor for each
// destination, so a change is told at least once however the server ends, in
// order, and nothing is kept twice.
package change

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"sphera/internal/catalog"
	"sphera/internal/fault"
	"sphera/internal/outgoing"
	"sphera/internal/resource"
	"sphera/internal/secret"
	"sphera/internal/store"
)

const (
	lease     = "changes"
	leaseTime = 15 * time.Second
	lookEvery = 5 * time.Second
	// soon is the least time between two rounds: many changes make one round.
	soon   = 200 * time.Millisecond
	atOnce = 8
	batch  = 20
	// keepDeliveries is how many deliveries of each destination are kept.
	keepDeliveries = 200
	// giveUp is after how many refusals (a status of 400 to 499) a change is
	// left out. One that is not answered is never left out.
	giveUp  = 10
	maxWait = 10 * time.Minute
)

// Deps is what the package works with.
type Deps struct {
	DB        *store.DB
	Catalog   *catalog.Catalog
	Resources *resource.Store
	Vault     *secret.Vault
	Outgoing  *outgoing.Client
	Log       *slog.Logger
	Now       func() time.Time
	// Instance tells replicas apart.
	Instance string
}

// Changes tells of changes.
type Changes struct{ Deps }

// New returns the teller.
func New(d Deps) *Changes { return &Changes{d} }

func integrationKind() resource.Kind { return resource.Kind{Name: "integration", Max: 5000} }

// destination is who is told.
type destination struct {
	name     string // "blueprint/ID" or "integration/ID"
	url      string
	done     int64
	attempts int
	nextAt   int64
	state    string
	// since is where one begins that is new.
	since int64
	// doc is what an integration is now.
	doc *resource.Resource
}

func (d destination) blueprint() (string, bool) { return strings.CutPrefix(d.name, "blueprint/") }

// worker is one run of Work.
type worker struct {
	*Changes
	// horizon is one that has not passed yet, upto the last that has.
	horizon *catalog.Horizon
	upto    int64
	mu      sync.Mutex
	running map[string]bool
	wait    sync.WaitGroup
	again   chan struct{}
}

func (c *Changes) worker() *worker {
	return &worker{Changes: c, running: map[string]bool{}, again: make(chan struct{}, 1)}
}

// Work tells of changes until ctx ends.
func (c *Changes) Work(ctx context.Context) error {
	entities, stopEntities := c.DB.Subscribe(catalog.Topic)
	defer stopEntities()
	blueprints, stopBlueprints := c.DB.Subscribe(catalog.BlueprintTopic)
	defer stopBlueprints()
	resources, stopResources := c.DB.Subscribe(resource.Topic)
	defer stopResources()
	w := c.worker()
	defer w.wait.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			releasing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			return c.DB.Release(releasing, lease, c.Instance)
		case <-entities:
		case <-blueprints:
		case <-resources:
		case <-w.again:
		case <-timer.C:
		}
		next, err := w.round(ctx)
		if err != nil && ctx.Err() == nil {
			c.Log.WarnContext(ctx, "tell of changes", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(soon):
		}
		timer.Reset(max(0, next-soon))
	}
}

// round begins to tell every destination what is due, and returns when to look
// again. A destination that is slow holds up nobody else.
func (w *worker) round(ctx context.Context) (time.Duration, error) {
	mine, err := w.DB.Lease(ctx, lease, w.Instance, w.Now(), leaseTime)
	if err != nil || !mine {
		return lookEvery, err
	}
	list, err := w.destinations(ctx)
	if err != nil || len(list) == 0 {
		return lookEvery, err
	}
	passed, err := w.advance(ctx)
	if err != nil {
		return lookEvery, err
	}
	next := lookEvery
	if !passed {
		next = soon // a transaction is about to end
	}
	for _, d := range list {
		if now := store.Millis(w.Now()); d.nextAt > now {
			next = min(next, time.Duration(d.nextAt-now)*time.Millisecond)
			continue
		}
		w.start(ctx, d)
	}
	return next, nil
}

// advance moves up to where all changes can be seen. A horizon is kept until it
// has passed: under load there is always some transaction that runs.
func (w *worker) advance(ctx context.Context) (bool, error) {
	if w.horizon == nil {
		h, err := w.Catalog.Look(ctx)
		if err != nil {
			return false, err
		}
		w.horizon = &h
	}
	upto, passed, err := w.Catalog.Passed(ctx, *w.horizon)
	if err != nil || !passed {
		return false, err
	}
	w.horizon, w.upto = nil, upto
	return true, nil
}

func (w *worker) start(ctx context.Context, d destination) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running[d.name] || len(w.running) >= atOnce {
		return // looked at again when one ends
	}
	w.running[d.name] = true
	upto := w.upto
	w.wait.Go(func() {
		told, err := w.tell(ctx, d, upto)
		if err != nil && ctx.Err() == nil {
			w.Log.WarnContext(ctx, "tell of a change", "destination", d.name, "error", err)
		}
		w.mu.Lock()
		delete(w.running, d.name)
		waiting := len(w.running) >= atOnce-1
		w.mu.Unlock()
		if told || waiting {
			select {
			case w.again <- struct{}{}:
			default:
			}
		}
	})
}

// destinations brings the table up to date with what blueprints and
// integrations say, and returns it.
func (c *Changes) destinations(ctx context.Context) ([]destination, error) {
	wanted := map[string]destination{}
	blueprints, err := c.Catalog.Blueprints(ctx)
	if err != nil {
		return nil, err
	}
	for _, b := range blueprints {
		if to := b.ChangelogDestination; to != nil && to.Type == "WEBHOOK" && to.URL != "" {
			wanted["blueprint/"+b.Identifier] = destination{url: to.URL, since: store.Millis(b.UpdatedAt)}
		}
	}
	integrations, err := c.Resources.All(ctx, c.DB.Read(), integrationKind())
	if err != nil {
		return nil, err
	}
	for _, d := range integrations {
		var to struct {
			Type string `json:"type"`
			URL  string `json:"url"`
		}
		if !d.Doc.IsNull("changelogDestination") && json.Unmarshal(d.Doc["changelogDestination"], &to) == nil && to.Type == "WEBHOOK" && to.URL != "" {
			wanted["integration/"+d.Identifier] = destination{url: to.URL, doc: &d}
		}
	}
	rows, err := c.DB.Read().QueryContext(ctx, "SELECT destination, url, done, attempts, next_at, state FROM change_destinations")
	known, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (destination, error) {
		var d destination
		return d, row.Scan(&d.name, &d.url, &d.done, &d.attempts, &d.nextAt, &d.state)
	})
	if err != nil {
		return nil, fmt.Errorf("read who is told of changes: %w", err)
	}
	var out []destination
	for _, d := range known {
		w, still := wanted[d.name]
		delete(wanted, d.name)
		if !still || w.url != d.url {
			if err := c.replace(ctx, d, w, still); err != nil {
				return nil, err
			}
		}
		if still {
			d.url, d.doc = w.url, w.doc
			out = append(out, d)
		}
	}
	for name, w := range wanted {
		w.name = name
		if err := c.begin(ctx, &w); err != nil {
			return nil, err
		}
		out = append(out, w)
	}
	return out, nil
}

// begin adds a destination. It is told what happened from the moment on that
// its blueprint was saved with it, and of an integration what it is now.
func (c *Changes) begin(ctx context.Context, d *destination) error {
	if d.doc != nil {
		d.done = d.doc.Revision
		raw, err := json.Marshal(d.doc.Doc)
		if err != nil {
			return fmt.Errorf("encode %s: %w", d.name, err)
		}
		d.state = string(raw)
	} else {
		var err error
		if d.done, err = c.Catalog.FirstVersionSince(ctx, d.since); err != nil {
			return err
		}
	}
	return c.DB.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO change_destinations (destination, url, done, attempts, next_at, state) VALUES ($1, $2, $3, 0, 0, $4)
			ON CONFLICT DO NOTHING`, d.name, d.url, d.done, d.state)
		if err != nil {
			return fmt.Errorf("begin to tell %s: %w", d.name, err)
		}
		return nil
	})
}

// replace follows a destination whose address changed or that is gone.
func (c *Changes) replace(ctx context.Context, d, w destination, still bool) error {
	return c.DB.Tx(ctx, func(tx *store.Tx) error {
		var err error
		if still {
			_, err = tx.ExecContext(ctx, "UPDATE change_destinations SET url = $1, attempts = 0, next_at = 0 WHERE destination = $2", w.url, d.name)
		} else if _, err = tx.ExecContext(ctx, "DELETE FROM change_deliveries WHERE destination = $1", d.name); err == nil {
			_, err = tx.ExecContext(ctx, "DELETE FROM change_destinations WHERE destination = $1", d.name)
		}
		if err != nil {
			return fmt.Errorf("follow the destination %s: %w", d.name, err)
		}
		return nil
	})
}

// message is one thing to tell.
type message struct {
	id    int64
	about string
	body  []byte
	state string
}

// tell sends what is due to one destination; true when it took something, so
// that there may be more.
func (c *Changes) tell(ctx context.Context, d destination, upto int64) (bool, error) {
	messages, reached, err := c.due(ctx, d, upto)
	if err != nil {
		return false, err
	}
	for _, m := range messages {
		again, err := c.deliver(ctx, &d, m)
		if err != nil || again {
			return false, err
		}
	}
	if len(messages) == 0 && reached > d.done {
		return false, c.move(ctx, d.name, reached)
	}
	return len(messages) > 0, nil
}

// move takes note that nothing up to a version concerns a destination.
func (c *Changes) move(ctx context.Context, name string, to int64) error {
	return c.DB.Tx(ctx, func(tx *store.Tx) error {
		if _, err := tx.ExecContext(ctx, "UPDATE change_destinations SET done = $1 WHERE destination = $2 AND done < $1", to, name); err != nil {
			return fmt.Errorf("move the cursor of %s: %w", name, err)
		}
		return nil
	})
}

// due returns the messages that a destination has not had, and how far it was
// looked.
func (c *Changes) due(ctx context.Context, d destination, upto int64) ([]message, int64, error) {
	blueprint, entities := d.blueprint()
	if !entities {
		return c.integrationMessages(d)
	}
	if upto <= d.done {
		return nil, d.done, nil
	}
	list, err := c.Catalog.ChangesOf(ctx, blueprint, d.done, upto, batch)
	if err != nil {
		return nil, 0, err
	}
	var out []message
	for _, change := range list {
		m, err := entityMessage(change)
		if err != nil {
			return nil, 0, err
		}
		out = append(out, m)
	}
	return out, upto, nil
}

// deliver sends one message and writes down what came of it; true when it has
// to be sent again later.
func (c *Changes) deliver(ctx context.Context, d *destination, m message) (again bool, err error) {
	key, err := c.Vault.Signing(ctx)
	if err != nil {
		return false, err
	}
	began := c.Now()
	timestamp, signature := secret.Sign(key, began, m.body)
	answer, failure := c.Outgoing.Do(ctx, http.MethodPost, d.url, http.Header{
		"Content-Type": {"application/json"}, "User-Agent": {"Sphera"},
		"X-Port-Timestamp": {timestamp}, "X-Port-Signature": {signature}, "X-Port-Event-Id": {d.name + "/" + strconv.FormatInt(m.id, 10)},
	}, strings.NewReader(string(m.body)))
	if ctx.Err() != nil {
		return true, ctx.Err()
	}
	d.attempts++
	status := "sent: " + strconv.Itoa(answer.Status)
	switch {
	case failure != nil:
		again, status = true, failureText(failure)
	case answer.OK():
	case answer.Status >= 400 && answer.Status < 500 && answer.Status != http.StatusRequestTimeout && answer.Status != http.StatusTooManyRequests && d.attempts >= giveUp:
		status = "given up: " + strconv.Itoa(answer.Status)
	default:
		again, status = true, "answered "+strconv.Itoa(answer.Status)
	}
	return again, c.note(ctx, d, m, again, status, began)
}

func failureText(err error) string {
	if fault.Is(err, fault.Forbidden) {
		return "refused: the address is private, local or reserved"
	}
	return "no answer"
}

// note keeps the outcome and moves the cursor in one transaction.
func (c *Changes) note(ctx context.Context, d *destination, m message, again bool, status string, began time.Time) error {
	now := c.Now()
	attempt := d.attempts
	return c.DB.Tx(ctx, func(tx *store.Tx) error {
		var err error
		if again {
			wait := min(maxWait, time.Second<<min(attempt-1, 20))
			d.nextAt = store.Millis(now.Add(wait))
			_, err = tx.ExecContext(ctx, "UPDATE change_destinations SET attempts = $1, next_at = $2 WHERE destination = $3", attempt, d.nextAt, d.name)
		} else {
			d.done, d.attempts = m.id, 0
			_, err = tx.ExecContext(ctx, "UPDATE change_destinations SET done = $1, attempts = 0, next_at = 0, state = $2 WHERE destination = $3", m.id, m.state, d.name)
		}
		if err != nil {
			return fmt.Errorf("keep how far %s was told: %w", d.name, err)
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO change_deliveries (destination, change, about, at, attempt, status, millis) VALUES ($1, $2, $3, $4, $5, $6, $7)",
			d.name, m.id, m.about, store.Millis(now), attempt, status, now.Sub(began).Milliseconds()); err != nil {
			return fmt.Errorf("keep a delivery to %s: %w", d.name, err)
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM change_deliveries WHERE destination = $1 AND id <= COALESCE((
			SELECT id FROM change_deliveries WHERE destination = $1 ORDER BY id DESC LIMIT 1 OFFSET $2), 0)`, d.name, keepDeliveries)
		if err != nil {
			return fmt.Errorf("forget old deliveries to %s: %w", d.name, err)
		}
		return nil
	})
}
