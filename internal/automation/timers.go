package automation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sphera/internal/store"
)

// watchTimers notes the timers of the entities that there are, when an
// automation starts to watch them.
func (s *Service) watchTimers(ctx context.Context, tx *store.Tx, d *Definition) error {
	e := d.Trigger.Event
	tx.Notify(Topic, "")
	if d.Trigger.Type != Automation || e.Type != timerExpired {
		return nil
	}
	rows, err := tx.QueryContext(ctx, "SELECT id, properties FROM entities WHERE blueprint = $1 AND pending = 0", e.BlueprintIdentifier)
	type kept struct {
		id         int64
		properties map[string]any
	}
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (kept, error) {
		var k kept
		var raw string
		if err := row.Scan(&k.id, &raw); err != nil {
			return k, err
		}
		v, err := parseObject(raw)
		k.properties = v
		return k, err
	})
	if err != nil {
		return fmt.Errorf("read the timers of %s: %w", e.BlueprintIdentifier, err)
	}
	for _, k := range list {
		if err := s.setTimer(ctx, tx, k.id, e.BlueprintIdentifier, e.PropertyIdentifier, k.properties[e.PropertyIdentifier]); err != nil {
			return err
		}
	}
	return nil
}

// setTimers follows a change of an entity.
func (s *Service) setTimers(ctx context.Context, tx *store.Tx, w *watching, v version, after map[string]any) error {
	properties, _ := after["properties"].(map[string]any)
	for _, name := range w.timers[v.blueprint] {
		if err := s.setTimer(ctx, tx, v.entity, v.blueprint, name, properties[name]); err != nil {
			return err
		}
	}
	return nil
}

// setTimer notes when a timer expires. One that already has is over: it
// expired while nobody watched.
func (s *Service) setTimer(ctx context.Context, tx *store.Tx, entity int64, blueprint, property string, value any) error {
	text, _ := value.(string)
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || !at.After(s.Now()) {
		_, err = tx.ExecContext(ctx, "DELETE FROM automation_timers WHERE entity = $1 AND property = $2 AND ($3 = 1 OR at > $4)", entity, property, boolInt(err != nil), store.Millis(s.Now()))
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO automation_timers (entity, blueprint, property, at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (entity, property) DO UPDATE SET at = $4, blueprint = $2`, entity, blueprint, property, store.Millis(at))
	if err != nil {
		return fmt.Errorf("note a timer: %w", err)
	}
	return nil
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

type timer struct {
	entity              int64
	blueprint, property string
	identifier          string
	at                  int64
}

// expired starts the automations of timers that have come.
func (s *Service) expired(ctx context.Context, w *watching) (n int, err error) {
	err = s.DB.Tx(ctx, func(tx *store.Tx) error {
		lock := ""
		if tx.Dialect == store.Postgres {
			lock = " FOR UPDATE OF t SKIP LOCKED"
		}
		rows, err := tx.QueryContext(ctx, `SELECT t.entity, t.blueprint, t.property, e.identifier, t.at FROM automation_timers t JOIN entities e ON e.id = t.entity
			WHERE t.at <= $1 ORDER BY t.at LIMIT $2`+lock, store.Millis(s.Now()), versionBatch)
		list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (timer, error) {
			var t timer
			return t, row.Scan(&t.entity, &t.blueprint, &t.property, &t.identifier, &t.at)
		})
		if err != nil {
			return fmt.Errorf("read which timers have expired: %w", err)
		}
		n = len(list)
		for _, t := range list {
			if err := s.timerExpired(ctx, tx, w, t); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, "DELETE FROM automation_timers WHERE entity = $1 AND property = $2", t.entity, t.property); err != nil {
				return fmt.Errorf("take a timer: %w", err)
			}
		}
		return nil
	})
	return n, err
}

func (s *Service) timerExpired(ctx context.Context, tx *store.Tx, w *watching, t timer) error {
	if !slices.Contains(w.timers[t.blueprint], t.property) {
		return nil
	}
	after, err := latest(ctx, tx, t)
	if err != nil {
		return err
	}
	event := map[string]any{
		"action": "UPDATE", "resourceType": "entity",
		"trigger": map[string]any{"at": stamp(s.Now()), "origin": "TIMER", "by": map[string]any{"userId": "system"}},
		"context": map[string]any{"blueprintIdentifier": t.blueprint, "entityIdentifier": t.identifier, "propertyIdentifier": t.property},
		"diff":    map[string]any{"before": nil, "after": nothing(after)},
	}
	for _, a := range w.entities[t.blueprint] {
		if e := a.Definition.Trigger.Event; e.Type == timerExpired && e.PropertyIdentifier == t.property {
			if err := s.trigger(ctx, tx, a, event, t.identifier, 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// latest is the entity as its last version has it.
func latest(ctx context.Context, tx *store.Tx, t timer) (map[string]any, error) {
	rows, err := tx.QueryContext(ctx, "SELECT doc FROM entity_versions WHERE entity = $1 ORDER BY id DESC LIMIT 1", t.entity)
	docs, err := store.All(rows, err, scanText)
	if err != nil || len(docs) == 0 {
		return nil, err
	}
	v := version{blueprint: t.blueprint, identifier: t.identifier}
	return v.entityJSON(docs[0])
}

// nextTimer is when the next timer expires; zero when there is none.
func (s *Service) nextTimer(ctx context.Context) (time.Time, error) {
	var at *int64
	err := s.DB.Read().QueryRowContext(ctx, "SELECT MIN(at) FROM automation_timers").Scan(&at)
	if err != nil || at == nil {
		return time.Time{}, err
	}
	return store.Time(*at), nil
}

var errNoObject = errors.New("is not an object")

func parseObject(raw string) (map[string]any, error) {
	v, err := asJSON(rawText(raw))
	m, ok := v.(map[string]any)
	if err == nil && !ok {
		err = errNoObject
	}
	return m, err
}

// rawText is JSON that is written as it is.
type rawText string

// MarshalJSON gives the text itself.
func (r rawText) MarshalJSON() ([]byte, error) { return []byte(r), nil }
