package automation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"sphera/action"
	"sphera/internal/catalog"
	"sphera/internal/catalog/jq"
	"sphera/internal/store"

	"github.com/google/uuid"
)

// Automations are started from what is written down anyway: the versions of
// entities, and the changes of runs. How far they were looked at is kept in the
// transaction that starts the runs, so that each change starts them once,
// whatever dies in between.

const (
	versionBatch = 200
	// maxChain is how many automations may lead to one another: one that
	// changes what it watches would go on for ever.
	maxChain = 10
	// idleLook is how long nothing is looked at when no note comes.
	idleLook = 30 * time.Second
)

// Work starts automations until ctx ends.
func (s *Service) Work(ctx context.Context) error {
	entities, stopEntities := s.DB.Subscribe(catalog.Topic)
	defer stopEntities()
	runs, stopRuns := s.DB.Subscribe(Topic)
	defer stopRuns()
	for ctx.Err() == nil {
		next, err := s.Tick(ctx)
		if err != nil && ctx.Err() == nil {
			s.Log.WarnContext(ctx, "looking for automations to start failed; trying again", "error", err)
			next = s.Now().Add(5 * time.Second)
		}
		pause := idleLook
		if !next.IsZero() {
			pause = max(0, min(pause, next.Sub(s.Now())))
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-entities:
		case <-runs:
		case <-timer.C:
		}
		timer.Stop()
	}
	return nil
}

// Tick starts what is due and says when the next timer is; zero for never.
func (s *Service) Tick(ctx context.Context) (time.Time, error) {
	for {
		watch, err := s.watched(ctx)
		if err != nil {
			return time.Time{}, err
		}
		n, err := s.entityEvents(ctx, watch)
		if err != nil {
			return time.Time{}, err
		}
		m, err := s.runEvents(ctx, watch)
		if err != nil {
			return time.Time{}, err
		}
		k, err := s.expired(ctx, watch)
		if err != nil {
			return time.Time{}, err
		}
		if n+m+k == 0 {
			return s.nextTimer(ctx)
		}
	}
}

// watching is what the automations wait for.
type watching struct {
	entities map[string][]Action // by blueprint
	runs     map[string][]Action // by action
	timers   map[string][]string // properties by blueprint
	// These tell whether an action changed since.
	n, revisions, changed int64
}

// watched reads the automations anew when an action changed.
func (s *Service) watched(ctx context.Context) (*watching, error) {
	var n, revisions, changed int64
	err := s.DB.Read().QueryRowContext(ctx, "SELECT COUNT(*), CAST(COALESCE(SUM(revision), 0) AS BIGINT), COALESCE(MAX(updated_at), 0) FROM resources WHERE kind = $1", actionKind().Name).Scan(&n, &revisions, &changed)
	if err != nil {
		return nil, fmt.Errorf("look for changed actions: %w", err)
	}
	if s.watch != nil && s.watch.n == n && s.watch.revisions == revisions && s.watch.changed == changed {
		return s.watch, nil
	}
	w, err := s.readWatched(ctx)
	if err != nil {
		return nil, err
	}
	w.n, w.revisions, w.changed = n, revisions, changed
	s.watch = w
	return w, nil
}

func (s *Service) readWatched(ctx context.Context) (*watching, error) {
	list, err := s.Actions(ctx, Filter{Trigger: Automation})
	if err != nil {
		return nil, err
	}
	w := &watching{entities: map[string][]Action{}, runs: map[string][]Action{}, timers: map[string][]string{}}
	for _, a := range list {
		if !a.Definition.Published() {
			continue
		}
		switch e := a.Definition.Trigger.Event; e.Type {
		case runCreated, runUpdated, runChange:
			w.runs[e.ActionIdentifier] = append(w.runs[e.ActionIdentifier], a)
		case timerExpired:
			w.timers[e.BlueprintIdentifier] = append(w.timers[e.BlueprintIdentifier], e.PropertyIdentifier)
			w.entities[e.BlueprintIdentifier] = append(w.entities[e.BlueprintIdentifier], a)
		default:
			w.entities[e.BlueprintIdentifier] = append(w.entities[e.BlueprintIdentifier], a)
		}
	}
	return w, nil
}

// version is a state that an entity came to.
type version struct {
	id, entity                                  int64
	blueprint, identifier, verb, doc, actor, by string
	at                                          int64
}

// entityEvents looks at the next versions.
func (s *Service) entityEvents(ctx context.Context, w *watching) (n int, err error) {
	err = s.DB.Tx(ctx, func(tx *store.Tx) error {
		var from int64
		if err := tx.QueryRowContext(ctx, "SELECT version FROM automation_cursor WHERE one = 1"+tx.ForUpdate()).Scan(&from); err != nil {
			return fmt.Errorf("read how far entities were looked at: %w", err)
		}
		list, to, err := s.versions(ctx, tx, w, from)
		if n = len(list); err != nil || to == from {
			return err
		}
		for _, v := range list {
			if err := s.entityChanged(ctx, tx, w, v); err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx, "UPDATE automation_cursor SET version = $1 WHERE one = 1", to)
		return err
	})
	return n, err
}

func (s *Service) versions(ctx context.Context, tx *store.Tx, w *watching, from int64) ([]version, int64, error) {
	if len(w.entities) == 0 {
		var last *int64
		if err := tx.QueryRowContext(ctx, "SELECT MAX(id) FROM entity_versions").Scan(&last); err != nil || last == nil {
			return nil, from, err
		}
		return nil, max(*last, from), nil
	}
	rows, err := tx.QueryContext(ctx, "SELECT id, entity, blueprint, identifier, verb, doc, actor, run_id, at FROM entity_versions WHERE id > $1 ORDER BY id LIMIT $2", from, versionBatch)
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (version, error) {
		var v version
		return v, row.Scan(&v.id, &v.entity, &v.blueprint, &v.identifier, &v.verb, &v.doc, &v.actor, &v.by, &v.at)
	})
	if err != nil || len(list) == 0 {
		return nil, from, err
	}
	return list, list[len(list)-1].id, nil
}

// entityChanged starts the automations that wait for this change. What only
// followed from others is no event.
func (s *Service) entityChanged(ctx context.Context, tx *store.Tx, w *watching, v version) error {
	watchers := w.entities[v.blueprint]
	if len(watchers) == 0 || v.verb == "derive" {
		return nil
	}
	after, err := v.entityJSON(v.doc)
	if err != nil {
		return err
	}
	var before map[string]any
	kind, verb := entityUpdated, "UPDATE"
	switch v.verb {
	case "create", "restore":
		kind, verb = entityCreated, "CREATE"
	case "delete":
		kind, verb, before, after = entityDeleted, "DELETE", after, nil
	default:
		if before, err = v.before(ctx, tx); err != nil {
			return err
		}
	}
	if err := s.setTimers(ctx, tx, w, v, after); err != nil {
		return err
	}
	event := map[string]any{
		"action": verb, "resourceType": "entity",
		"trigger": map[string]any{"at": stamp(store.Time(v.at)), "origin": "API", "by": map[string]any{"userId": v.actor}},
		"context": map[string]any{"blueprintIdentifier": v.blueprint, "entityIdentifier": v.identifier, "blueprint": v.blueprint, "entity": v.identifier},
		"diff":    map[string]any{"before": nothing(before), "after": nothing(after)},
	}
	depth, err := s.depthOf(ctx, tx, v.by)
	if err != nil {
		return err
	}
	for _, a := range watchers {
		if e := a.Definition.Trigger.Event.Type; e != kind && e != entityChange || store.Time(v.at).Before(a.CreatedAt) {
			continue
		}
		if err := s.trigger(ctx, tx, a, event, v.identifier, depth); err != nil {
			return err
		}
	}
	return nil
}

func nothing(m map[string]any) any {
	if m == nil {
		return nil
	}
	return m
}

// entityJSON is the entity of a version, about as it is answered.
func (v *version) entityJSON(doc string) (map[string]any, error) {
	var e map[string]any
	if err := json.Unmarshal([]byte(doc), &e); err != nil {
		return nil, fmt.Errorf("stored version %d: %w", v.id, err)
	}
	properties, _ := e["properties"].(map[string]any)
	if properties == nil {
		properties = map[string]any{}
	}
	derived, _ := e["derived"].(map[string]any)
	maps.Copy(properties, derived)
	delete(e, "derived")
	e["properties"], e["identifier"], e["blueprint"] = properties, v.identifier, v.blueprint
	return e, nil
}

func (v *version) before(ctx context.Context, tx *store.Tx) (map[string]any, error) {
	rows, err := tx.QueryContext(ctx, "SELECT doc FROM entity_versions WHERE entity = $1 AND id < $2 ORDER BY id DESC LIMIT 1", v.entity, v.id)
	docs, err := store.All(rows, err, scanText)
	if err != nil || len(docs) == 0 {
		return nil, err
	}
	return v.entityJSON(docs[0])
}

// depthOf is how many automations led to a run.
func (s *Service) depthOf(ctx context.Context, tx *store.Tx, id string) (int, error) {
	if id == "" {
		return 0, nil
	}
	rows, err := tx.QueryContext(ctx, "SELECT context FROM automation_runs WHERE id = $1", id)
	found, err := store.All(rows, err, scanText)
	if err != nil || len(found) == 0 {
		return 0, err
	}
	var r record
	if err := json.Unmarshal([]byte(found[0]), &r); err != nil {
		return 0, fmt.Errorf("stored run %s: %w", id, err)
	}
	return r.Depth + 1, nil
}

// trigger starts a run of an automation when its condition holds. A condition
// or an action that cannot be used starts nothing and is logged: it must not
// hold up the others.
func (s *Service) trigger(ctx context.Context, tx *store.Tx, a Action, event map[string]any, entity string, depth int) error {
	if depth > maxChain {
		s.Log.WarnContext(ctx, "an automation was not started: too many automations led to one another", "automation", a.Identifier, "depth", depth)
		return nil
	}
	holds, err := a.Definition.condition(ctx, event)
	if err != nil {
		s.Log.InfoContext(ctx, "the condition of an automation failed", "automation", a.Identifier, "error", err)
	}
	if !holds {
		return nil
	}
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	ask := Ask{
		Action: a.Identifier, Entity: entity, Source: FromAutomation, event: event, depth: depth,
		By: action.Actor{ID: "automation:" + a.Identifier, Name: a.Definition.Name()},
	}
	p, err := s.prepare(ctx, tx, a, ask, id.String())
	if err != nil {
		s.Log.WarnContext(ctx, "an automation was not started", "automation", a.Identifier, "error", err)
		return nil
	}
	if err := s.approve(ctx, a, p, ask); err != nil {
		s.Log.WarnContext(ctx, "an automation was not started", "automation", a.Identifier, "error", err)
		return nil
	}
	return s.begin(ctx, tx, p, ask)
}

// condition evaluates the condition of an automation on its event.
func (d *Definition) condition(ctx context.Context, event map[string]any) (bool, error) {
	var c struct {
		Expressions []string `json:"expressions"`
		Combinator  string   `json:"combinator"`
	}
	if len(d.Trigger.Condition) == 0 || string(d.Trigger.Condition) == "null" {
		return true, nil
	}
	if err := json.Unmarshal(d.Trigger.Condition, &c); err != nil {
		return false, err
	}
	if len(c.Expressions) == 0 {
		return true, nil
	}
	plain, err := asObject(event)
	if err != nil {
		return false, err
	}
	var failures []error
	all, one := true, false
	for _, expr := range c.Expressions[:min(len(c.Expressions), maxConditions)] {
		holds := false
		program, err := jq.Compile(expr)
		if err == nil {
			var v any
			v, err = program.First(ctx, plain, jq.Limits{})
			holds = v == true
		}
		if err != nil {
			failures = append(failures, err)
		}
		all, one = all && holds, one || holds
	}
	if c.Combinator == "or" {
		return one, errors.Join(failures...)
	}
	return all, errors.Join(failures...)
}

// emit keeps a change of a run for automations that wait for it.
func (s *Service) emit(ctx context.Context, tx *store.Tx, r *record, verb string, before, after map[string]any) error {
	run := func(state map[string]any) any {
		if state == nil {
			return nil
		}
		out := map[string]any{"id": PortID(r.ID), "action": r.Action, "blueprint": r.Blueprint, "entity": r.Entity, "properties": r.Properties, "source": r.Source}
		maps.Copy(out, state)
		return out
	}
	event := map[string]any{
		"action": verb, "resourceType": "run",
		"trigger": map[string]any{"at": stamp(s.Now()), "origin": r.Source, "by": map[string]any{"userId": r.By}},
		"context": map[string]any{"runId": PortID(r.ID), "actionIdentifier": r.Action, "blueprintIdentifier": r.Blueprint, "entityIdentifier": r.Entity},
		"diff":    map[string]any{"before": run(before), "after": run(after)}, "depth": r.Depth,
	}
	raw, err := json.Marshal(event)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO automation_events (action, doc) VALUES ($1, $2)", r.Action, string(raw)); err != nil {
		return fmt.Errorf("keep a change of run %s: %w", r.ID, err)
	}
	return nil
}

// runEvents looks at the next changes of runs.
func (s *Service) runEvents(ctx context.Context, w *watching) (n int, err error) {
	type kept struct {
		id          int64
		action, doc string
	}
	err = s.DB.Tx(ctx, func(tx *store.Tx) error {
		rows, err := tx.QueryContext(ctx, "SELECT id, action, doc FROM automation_events ORDER BY id LIMIT $1"+tx.SkipLocked(), versionBatch)
		list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (kept, error) {
			var k kept
			return k, row.Scan(&k.id, &k.action, &k.doc)
		})
		if err != nil {
			return fmt.Errorf("read changes of runs: %w", err)
		}
		n = len(list)
		for _, k := range list {
			var event map[string]any
			if err := json.Unmarshal([]byte(k.doc), &event); err != nil {
				return fmt.Errorf("stored change of a run: %w", err)
			}
			if err := s.runChanged(ctx, tx, w.runs[k.action], event); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, "DELETE FROM automation_events WHERE id = $1", k.id); err != nil {
				return fmt.Errorf("take a change of a run: %w", err)
			}
		}
		return nil
	})
	return n, err
}

func (s *Service) runChanged(ctx context.Context, tx *store.Tx, watchers []Action, event map[string]any) error {
	depth, _ := event["depth"].(float64)
	delete(event, "depth")
	kind := runUpdated
	if event["action"] == "CREATE" {
		kind = runCreated
	}
	for _, a := range watchers {
		if e := a.Definition.Trigger.Event.Type; e == kind || e == runChange {
			if err := s.trigger(ctx, tx, a, event, "", int(depth)+1); err != nil {
				return err
			}
		}
	}
	return nil
}
